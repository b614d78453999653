//! Whose key is not in the store though nobody erased them. It takes no root key: whoever makes a backup may have none.

use std::collections::BTreeSet;

use storeward_base::CustomerId;
use storeward_store::Db;

use super::{KeyStore, erased, sql};
use crate::Error;

/// What [`keyless`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyless {
    /// Customers in the data whom nobody erased.
    pub customers: u64,
    /// Those of them of whom the store has no key, and no word that it destroyed one.
    pub without: BTreeSet<CustomerId>,
}

impl KeyStore {
    /// Against the data.
    pub(crate) async fn keyless(&self, data: &Db) -> Result<Keyless, Error> {
        keyless(data, &self.0.db).await
    }
}

/// Whether the data has customers whom nobody erased.
pub async fn has_customers(data: &Db) -> Result<bool, Error> {
    data.read(|reader| -> Result<_, Error> { Ok(!crate::sql::live(reader, "")?.is_empty()) }).await
}

/// Compares the data with the key store, row by row. Whether what is in a key's row opens is not looked at.
pub async fn keyless(data: &Db, keys: &Db) -> Result<Keyless, Error> {
    // The data first: a key is there before its customer, and a destroyed one is noted before the customer goes.
    let without = data.read(|reader| -> Result<_, Error> {
        let (mut found, mut after) = (BTreeSet::new(), String::new());
        loop {
            let page = crate::sql::live(reader, &after)?;
            found.extend(page.iter().filter_map(|id| id.parse::<CustomerId>().ok()));
            match page.into_iter().next_back() {
                Some(last) if !last.is_empty() => after = last,
                Some(_) | None => return Ok(found),
            }
        }
    });
    let mut without = without.await?;
    let customers = u64::try_from(without.len()).unwrap_or(u64::MAX);
    let without = keys.read(move |reader| -> Result<_, Error> {
        let mut after = Some(String::new());
        while let Some(from) = after {
            let page = sql::page(reader, &from)?;
            for row in page.rows.into_iter().flatten() {
                without.remove(&row.customer);
            }
            after = page.last;
        }
        if !without.is_empty() {
            for (customer, _) in erased::told(reader)? {
                without.remove(&customer);
            }
        }
        Ok(without)
    });
    Ok(Keyless { customers, without: without.await? })
}
