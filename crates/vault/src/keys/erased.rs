//! Whose keys were destroyed. The ledger says it; the notes are an index over it for other programs on the same store. So nobody who was
//! erased is made a new key because a note is gone, and nobody is erased because of one that somebody put there.

use std::collections::{BTreeMap, HashMap};
use std::sync::{MutexGuard, PoisonError};

use storeward_base::{Actor, CustomerId, Timestamp};
use storeward_events::vault::CustomerKeyDestroyed;
use storeward_events::{Event, Record};
use storeward_store::{Reader, Tx, ledger};

use super::{KeyStore, sql};
use crate::Error;

/// The steps that bring the notes of earlier versions and the ledger in line; a row of `vault_destroyed_noted` for each that is over.
pub(super) const STEPS: u64 = 2;

impl KeyStore {
    /// Whose keys the ledger says were destroyed, in order.
    pub async fn destroyed(&self) -> Result<Vec<CustomerId>, Error> {
        Ok(self.destroyed_since().await?.into_keys().collect())
    }

    /// The same, and when last.
    pub async fn destroyed_since(&self) -> Result<BTreeMap<CustomerId, Timestamp>, Error> {
        Ok(self.0.db.read(told).await?.into_iter().collect())
    }

    /// When the customer's key was destroyed last, as the ledger says.
    pub(crate) async fn destroyed_at(&self, customer: CustomerId) -> Result<Option<Timestamp>, Error> {
        if let Some(at) = self.erased().get(&customer) {
            return Ok(Some(*at));
        }
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            Ok(told(reader)?.into_iter().filter(|(who, _)| *who == customer).map(|(_, at)| at).max())
        });
        found.await
    }

    /// Whether every epoch that lived at a moment has ended, and this one, too, where it is known: a clock that was put back proves nothing.
    pub(crate) fn has_ended_since(&self, at: Timestamp, epoch: Option<u32>) -> bool {
        let epochs = self.epochs();
        let first = epochs.ids().next().map_or(0, |id| id.0);
        epochs.first_begun_at().is_some_and(|begun| begun > at) && epoch.is_none_or(|epoch| first > epoch)
    }

    /// Whether no key of the customer's lies in the store, whatever the ledger says.
    pub(crate) async fn has_no_key(&self, customer: CustomerId) -> Result<bool, Error> {
        let found = self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::find(reader, customer)?) });
        found.await.map(|row| row.is_none())
    }

    /// Whether this program knows that the customer's key was destroyed, without asking the store.
    pub(crate) fn is_known_destroyed(&self, customer: CustomerId) -> bool {
        self.erased().contains_key(&customer)
    }

    /// Whether the customer's key was destroyed once.
    pub(crate) async fn is_destroyed(&self, customer: CustomerId) -> Result<bool, Error> {
        if self.is_known_destroyed(customer) {
            return Ok(true);
        }
        let found =
            self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::is_destroyed(reader, customer)?) });
        found.await
    }

    pub(super) fn erased(&self) -> MutexGuard<'_, HashMap<CustomerId, Timestamp>> {
        self.0.erased.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what the ledger says. Before that, once: writes the notes that a version before them left out, and tells the ledger of those that
    /// another version wrote of people without a key. A note that somebody takes away or adds later is not made up for:
    /// [`KeyStore::verify`] names it.
    pub(super) async fn take_up_erased(&self) -> Result<(), Error> {
        let done =
            self.0.db.read(|reader| -> Result<u64, Error> { Ok(sql::destroyed_noted(reader)?) }).await?;
        if done < STEPS {
            self.0.db.write(bring_in_line).await?;
        }
        self.read_erased().await
    }

    /// What the ledger says at this moment: another program on the same store may have destroyed keys since.
    pub(super) async fn read_erased(&self) -> Result<(), Error> {
        let told = self.0.db.read(told).await?;
        self.erased().extend(told);
        Ok(())
    }
}

fn bring_in_line(tx: &mut Tx<'_>) -> Result<(), Error> {
    // Of several the first.
    let known: BTreeMap<_, _> = told(tx)?.into_iter().rev().collect();
    for (customer, at) in &known {
        sql::note_destroyed(tx, *customer, *at)?;
    }
    let (mut after, mut count) = (Some(String::new()), 0);
    while let Some(from) = after {
        let page = sql::destroyed(tx, &from)?;
        after = page.last;
        // One that names nobody is named by the look over the store.
        for (customer, at) in page.rows.into_iter().flatten() {
            if !known.contains_key(&customer) && sql::find(tx, customer)?.is_none() {
                tx.append_at(at, Actor::System, None, CustomerKeyDestroyed { customer })?;
                count += 1;
            }
        }
    }
    if count == 0 {
        tx.commit_silent("that the keys were destroyed stands in the ledger");
    }
    for _ in sql::destroyed_noted(tx)?..STEPS {
        sql::destroyed_are_noted(tx)?;
    }
    Ok(())
}

/// Whose keys the ledger says were destroyed, and when, oldest first.
pub(super) fn told(reader: &mut Reader<'_>) -> Result<Vec<(CustomerId, Timestamp)>, Error> {
    let told = ledger::told(reader, &["vault.customer_key_destroyed"])?;
    let of = |record: &Record| match &record.event {
        Event::CustomerKeyDestroyed(fact) => Some((fact.customer, record.at)),
        _ => None,
    };
    Ok(told.iter().filter_map(|(_, record)| of(record)).collect())
}
