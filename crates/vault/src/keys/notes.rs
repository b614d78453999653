//! How far customers' records have come, noted beside their keys: a moment after each change, many in one write. What is not
//! noted yet when a program dies is found by the next look over all records; until then only that last moment could be undone unseen.

use std::collections::HashMap;
use std::sync::PoisonError;

use storeward_base::{Actor, CustomerId};
use storeward_events::vault::{NotedRevision, RevisionsNoted};
use storeward_seal::envelope::CustomerKey;
use storeward_seal::fingerprint::equal;

use super::{KeyStore, sql};
use crate::Error;
use crate::manifest::{Flaw, Harm};

/// Records that one write notes.
const AT_ONCE: usize = 500;
/// Records that wait to be noted before a change waits with them.
const MOST_WAITING: usize = 5_000;

/// Says that nobody writes notes any more, also where a runtime ends before it came to it.
struct UnderWay(KeyStore);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.notes().is_under_way = false;
    }
}

/// What waits.
#[derive(Default)]
pub struct Notes {
    waiting: HashMap<CustomerId, (u64, [u8; 16])>,
    is_under_way: bool,
}

fn tag(key: &CustomerKey, revision: u64) -> [u8; 16] {
    key.tag("storeward.revision/1", &[&revision.to_be_bytes()])
}

/// Whether a row's revision is one that was noted.
pub fn check(row: &sql::KeyRow, key: &CustomerKey) -> Result<(), Error> {
    let fits = match &row.noted {
        None => row.revision == 0,
        Some(noted) => equal(noted, &tag(key, row.revision)),
    };
    if fits { Ok(()) } else { Err(Error::Harmed(Box::new(Flaw::whole(row.customer, Harm::NoKey)))) }
}

impl KeyStore {
    /// Notes how far a record has come, soon.
    pub(crate) async fn note(
        &self,
        customer: CustomerId,
        key: &CustomerKey,
        revision: u64,
    ) -> Result<(), Error> {
        self.cache().note(customer, revision);
        let (begins, is_full) = {
            let mut notes = self.notes();
            let entry = notes.waiting.entry(customer).or_insert((0, [0; 16]));
            if revision > entry.0 {
                *entry = (revision, tag(key, revision));
            }
            let begins = !notes.is_under_way;
            notes.is_under_way = true;
            (begins, notes.waiting.len() >= MOST_WAITING)
        };
        if is_full {
            return self.write_notes().await;
        }
        if begins {
            let under_way = UnderWay(self.clone());
            tokio::spawn(async move {
                // What cannot be written now waits for the next change, or for the next look over all records.
                drop(under_way.0.write_notes().await);
            });
        }
        Ok(())
    }

    /// Writes what waits.
    pub async fn write_notes(&self) -> Result<(), Error> {
        loop {
            let some: Vec<(CustomerId, (u64, [u8; 16]))> = {
                let mut notes = self.notes();
                let ids: Vec<CustomerId> = notes.waiting.keys().take(AT_ONCE).copied().collect();
                notes.is_under_way = !ids.is_empty();
                ids.into_iter().filter_map(|id| notes.waiting.remove_entry(&id)).collect()
            };
            if some.is_empty() {
                return Ok(());
            }
            let rows = some.clone();
            let written = self.0.db.write(move |tx| -> Result<(), Error> {
                let mut records = Vec::new();
                for (customer, (revision, tag)) in &rows {
                    if sql::note(tx, *customer, *revision, *tag)? {
                        records.push(NotedRevision { customer: *customer, revision: *revision });
                    }
                }
                if records.is_empty() {
                    tx.commit_silent("the records were noted as far before");
                } else {
                    tx.append(Actor::System, None, RevisionsNoted { records })?;
                }
                Ok(())
            });
            if let Err(why) = written.await {
                let mut notes = self.notes();
                notes.is_under_way = false;
                for (customer, note) in some {
                    let entry = notes.waiting.entry(customer).or_insert(note);
                    if note.0 > entry.0 {
                        *entry = note;
                    }
                }
                return Err(why);
            }
        }
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.0.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
