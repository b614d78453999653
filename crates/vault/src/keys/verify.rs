//! Whether the key store is what its ledger says: every key that was made and not destroyed is there and opens, and no
//! other is.

use std::collections::BTreeSet;

use storeward_base::CustomerId;
use storeward_events::Event;
use storeward_store::ledger;

use super::{KeyStore, sql};
use crate::Error;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// The ledger tells of a key that is not there.
    Missing(CustomerId),
    /// A key is there of which the ledger tells nothing, or that it says was destroyed.
    Unknown(CustomerId),
    /// A key does not open: it was changed, or its epoch is gone.
    Damaged(CustomerId),
}

impl KeyStore {
    /// Compares all of it. The ledger itself is verified by [`storeward_store::ledger::verify`].
    pub async fn verify(&self) -> Result<Vec<KeyFault>, Error> {
        let mut expected = self.told().await?;
        let mut faults = Vec::new();
        let mut after = String::new();
        loop {
            let from = after.clone();
            let page =
                self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::page(reader, &from)?) }).await?;
            let Some(last) = page.last() else { break };
            after = last.customer.to_string();
            for row in &page {
                if !expected.remove(&row.customer) {
                    faults.push(KeyFault::Unknown(row.customer));
                } else if self.unwrap(row).is_err() {
                    faults.push(KeyFault::Damaged(row.customer));
                }
            }
        }
        faults.extend(expected.into_iter().map(KeyFault::Missing));
        Ok(faults)
    }

    /// Whose keys must be there.
    async fn told(&self) -> Result<BTreeSet<CustomerId>, Error> {
        let mut told = BTreeSet::new();
        let mut after = 0;
        loop {
            let page = self
                .0
                .db
                .read(move |reader| -> Result<_, Error> { Ok(ledger::read_after(reader, after, 500)?) })
                .await?;
            let Some((last, _)) = page.last() else { return Ok(told) };
            after = *last;
            for (_, record) in &page {
                match &record.event {
                    Event::CustomerKeyMade(e) => told.insert(e.customer),
                    Event::CustomerKeyDestroyed(e) => told.remove(&e.customer),
                    _ => false,
                };
            }
        }
    }
}
