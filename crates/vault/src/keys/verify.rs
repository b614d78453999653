//! Whether the key store is what its ledger says: every key that was made and not destroyed is there and opens, and no
//! other is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use storeward_base::{CustomerId, Timestamp};
use storeward_events::{Event, Record};
use storeward_store::ledger;

use super::erased::STEPS;
use super::{KeyStore, sql};
use crate::Error;
use crate::manifest::{Flaw, Harm};

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// The ledger tells of a key that is not there.
    Missing(CustomerId),
    /// A key is there of which the ledger tells nothing, or that it says was destroyed.
    Unknown(CustomerId),
    /// A key does not open (it was changed, or its epoch is gone), or what stands beside it was changed.
    Damaged(CustomerId),
    /// The ledger tells that a key was destroyed, and the store knows nothing of it any more: it would make another.
    Undestroyed(CustomerId),
    /// The store says that a key was destroyed, or when, and the ledger does not.
    Untold(CustomerId),
    /// A row of this table names nobody as customers are written, or says nothing in another column: nobody finds it.
    Row(&'static str),
    /// The store says of a record that it had come less far than the ledger tells.
    Older(CustomerId),
    /// The shelf holds an epoch that the ledger says was destroyed, or lacks the one that began last: it is of another time.
    Epoch(u32),
    /// A root of the blind indexes is gone, does not open, or is none that the ledger tells of.
    Index(u32),
    /// The key by which records or items of a shop get their names is gone or does not open, or nobody made it.
    Name(String),
}

impl KeyFault {
    /// As the ledger is told of it: which row.
    pub(crate) fn flaw(&self) -> Flaw {
        let nobody = CustomerId::from_bits(0);
        let (customer, place) = match self {
            KeyFault::Missing(customer)
            | KeyFault::Unknown(customer)
            | KeyFault::Damaged(customer)
            | KeyFault::Older(customer) => (*customer, "vault_customer_key".to_owned()),
            KeyFault::Undestroyed(customer) | KeyFault::Untold(customer) => {
                (*customer, "vault_destroyed_key".to_owned())
            }
            KeyFault::Row(table) => (nobody, (*table).to_owned()),
            KeyFault::Epoch(epoch) => (nobody, format!("epochs.{epoch}")),
            KeyFault::Index(version) => (nobody, format!("vault_index_root.{version}")),
            KeyFault::Name(name) => {
                // In words that are not ours a name stands in no ledger.
                let known = if KeyStore::is_name(name) { name } else { "" };
                (nobody, format!("vault_name_key.{known}"))
            }
        };
        Flaw { customer, place, harm: Harm::Row }
    }

    /// For people.
    pub fn words(&self) -> String {
        match self {
            KeyFault::Missing(customer) => format!("{customer}: the key is gone"),
            KeyFault::Unknown(customer) => format!("{customer}: the ledger tells of no such key"),
            KeyFault::Damaged(customer) => {
                format!("{customer}: the key, or what is noted beside it, was changed")
            }
            KeyFault::Undestroyed(customer) => {
                format!(
                    "{customer}: that the key was destroyed stands in the ledger only; the note of it is gone"
                )
            }
            KeyFault::Older(customer) => format!("{customer}: an older note of the record was put back"),
            KeyFault::Untold(customer) => {
                format!("{customer}: that the key was destroyed is noted otherwise than the ledger has it")
            }
            KeyFault::Row(table) => {
                format!(
                    "{table}: a row was changed or added: it names nobody as ids are written, its columns say nothing, or it is one too many"
                )
            }
            KeyFault::Epoch(epoch) => format!("epoch {epoch}: the file of epoch keys is of another time"),
            KeyFault::Index(version) => {
                format!("index-root/{version}: the root of the blind indexes is not what the ledger says")
            }
            KeyFault::Name(name) => format!(
                "name-key/{name}: the key of names was changed, added or taken away; without it an import would take everybody for \
                 somebody new, also who was erased"
            ),
        }
    }
}

/// What the key store's ledger says.
#[derive(Default)]
struct Told {
    /// Whose keys must be there, since when, and how far their records had come.
    keys: BTreeMap<CustomerId, (Timestamp, u64)>,
    /// Whose keys were destroyed, and when first.
    destroyed_keys: BTreeMap<CustomerId, Timestamp>,
    destroyed: BTreeSet<u32>,
    last_epoch: u32,
}

/// Rows of earlier versions were stamped before their entry, which waited for its turn to be written: under load for longer than a
/// second, and never for as long as this.
const WAITED: Duration = Duration::from_secs(600);
/// A clock that was put back meanwhile.
const BACK: Duration = Duration::from_secs(1);

fn is_moment(row: Timestamp, entry: Timestamp) -> bool {
    row <= entry.plus(BACK) && row >= entry.minus(WAITED)
}

impl KeyStore {
    /// Compares all of it. The ledger itself is verified by [`storeward_store::ledger::verify`].
    pub async fn verify(&self) -> Result<Vec<KeyFault>, Error> {
        let Told { keys: mut expected, mut destroyed_keys, destroyed, last_epoch } = self.told().await?;
        let mut faults = Vec::new();
        let live = self.0.shelf.read(self.0.root.as_ref())?;
        faults.extend(live.ids().filter(|id| destroyed.contains(&id.0)).map(|id| KeyFault::Epoch(id.0)));
        if last_epoch > live.last() {
            faults.push(KeyFault::Epoch(last_epoch));
        }
        let mut after = Some(String::new());
        while let Some(from) = after {
            let page =
                self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::page(reader, &from)?) }).await?;
            after = page.last;
            for row in &page.rows {
                let Some(row) = row else {
                    faults.push(KeyFault::Row("vault_customer_key"));
                    continue;
                };
                match expected.remove(&row.customer) {
                    None => faults.push(KeyFault::Unknown(row.customer)),
                    Some(_) if self.unwrap(row).is_err() => faults.push(KeyFault::Damaged(row.customer)),
                    Some((made, _)) if !is_moment(row.created_at, made) => {
                        faults.push(KeyFault::Damaged(row.customer));
                    }
                    Some((_, revision)) if row.revision < revision => {
                        faults.push(KeyFault::Older(row.customer))
                    }
                    Some(_) => {}
                }
            }
        }
        faults.extend(expected.into_keys().map(KeyFault::Missing));
        let mut after = Some(String::new());
        while let Some(from) = after {
            let page = self
                .0
                .db
                .read(move |reader| -> Result<_, Error> { Ok(sql::destroyed(reader, &from)?) })
                .await?;
            after = page.last;
            for row in page.rows {
                match row {
                    None => faults.push(KeyFault::Row("vault_destroyed_key")),
                    Some((customer, at)) => {
                        if !destroyed_keys.remove(&customer).is_some_and(|told| is_moment(at, told)) {
                            faults.push(KeyFault::Untold(customer));
                        }
                    }
                }
            }
        }
        faults.extend(destroyed_keys.into_keys().map(KeyFault::Undestroyed));
        faults.extend(self.row_faults().await?);
        faults.extend(self.index_faults().await?);
        Ok(faults)
    }

    /// Rows that stand on no page, and steps that are over more or less often than there are.
    async fn row_faults(&self) -> Result<Vec<KeyFault>, Error> {
        let found = self.0.db.read(|reader| -> Result<_, Error> {
            Ok((sql::nobodys(reader)?, sql::destroyed_noted(reader)?))
        });
        let (mut tables, steps) = found.await?;
        if steps != STEPS {
            tables.push("vault_destroyed_noted");
        }
        Ok(tables.into_iter().map(KeyFault::Row).collect())
    }

    /// Whose keys there are, in order: at most 500 behind `after`, with how far their records were noted, and behind whom the next begin.
    pub(crate) async fn noted(
        &self,
        after: String,
    ) -> Result<(Vec<(CustomerId, u64)>, Option<String>), Error> {
        let page =
            self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::page(reader, &after)?) }).await?;
        let rows = page.rows.into_iter().flatten().map(|row| (row.customer, row.revision));
        Ok((rows.collect(), page.last))
    }

    async fn told(&self) -> Result<Told, Error> {
        let mut told = Told::default();
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
                told.take(record);
            }
        }
    }
}

impl Told {
    fn take(&mut self, record: &Record) {
        match &record.event {
            Event::CustomerKeyMade(e) => {
                self.keys.insert(e.customer, (record.at, 0));
            }
            Event::CustomerKeyDestroyed(e) => {
                self.keys.remove(&e.customer);
                self.destroyed_keys.entry(e.customer).or_insert(record.at);
            }
            Event::RevisionsNoted(e) => {
                for note in &e.records {
                    if let Some((_, revision)) = self.keys.get_mut(&note.customer) {
                        *revision = (*revision).max(note.revision);
                    }
                }
            }
            Event::EpochBegun(e) => self.last_epoch = self.last_epoch.max(e.epoch),
            Event::EpochDestroyed(e) => {
                self.destroyed.insert(e.epoch);
            }
            _ => {}
        }
    }
}
