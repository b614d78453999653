//! Roots of the blind indexes, which are replaced now and then, and the keys of names, which are not.
//!
//! What a root made stands in the data, and in every backup of the data. So a root is destroyed once another one has made all marks
//! anew ([`crate::Vault::renew_index`]): from then on, and from the end of its last epoch on in old copies of the key store, too, nobody
//! can ask an old backup whether somebody is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use storeward_base::{Actor, Secret};
use storeward_events::Event;
use storeward_events::vault::{IndexBegun, IndexEnded};
use storeward_seal::envelope::{EpochId, EpochKey};
use storeward_seal::{FieldIndex, IndexRoot};
use storeward_store::{Reader, Tx, ledger};

use super::{Epochs, KeyFault, KeyStore, sql};
use crate::Error;

/// The name of the root that makes the keys of names that have none of their own.
const ROOT: &str = "root";

/// The keys of names.
#[derive(Default)]
pub struct Names {
    own: Vec<(String, FieldIndex)>,
    root: Option<IndexRoot>,
}

/// The purpose under which an epoch wraps the root of the indexes.
fn index_purpose(version: u32) -> String {
    format!("index-root/{version}")
}

fn name_purpose(name: &str) -> String {
    format!("name-key/{name}")
}

/// What every store has a key of its own for, beside [`ROOT`]: they were made with the first root of the indexes before there were keys for
/// names. The list stays as it is, for a store that lacks one of them is refused; a class that comes later is named by `ROOT`.
const FIRST_NAMES: [&str; 8] = [
    "import.customer",
    "import.item.contact",
    "import.item.address",
    "import.item.order",
    "import.item.note",
    "import.item.identity_document",
    "import.item.consent",
    "import.item.payment",
];

/// What stands in the two tables, and which roots the ledger says there are.
struct Rows {
    roots: Vec<sql::IndexRow>,
    /// Roots that ended: of each the number is kept, and nothing else.
    ended: Vec<(u32, Vec<u8>)>,
    names: Vec<sql::NameRow>,
    /// The roots that the ledger tells of, and whether they live. It forgets nothing: only the data's does.
    told: BTreeMap<u32, bool>,
}

impl Rows {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        // The first is made with the store.
        let mut told = BTreeMap::from([(1, true)]);
        for (_, record) in ledger::told(reader, &["vault.index_begun", "vault.index_ended"])? {
            match &record.event {
                Event::IndexBegun(fact) => told.insert(fact.version, true),
                Event::IndexEnded(fact) => told.insert(fact.version, false),
                _ => None,
            };
        }
        let (roots, ended, names) = (sql::indexes(reader)?, sql::ended_indexes(reader)?, sql::names(reader)?);
        Ok(Rows { roots, ended, names, told })
    }

    /// Rows that are gone, or that nobody made. Where one of them is gone whatever has its name now would be called otherwise from now on, and
    /// an import would take whoever was erased for somebody new.
    fn faults(&self) -> Vec<KeyFault> {
        let of = |is_live: bool| -> BTreeSet<u32> {
            self.told.iter().filter(|(_, live)| **live == is_live).map(|(version, _)| *version).collect()
        };
        let there: BTreeSet<u32> = self.roots.iter().map(|(version, ..)| *version).collect();
        let ended: BTreeSet<u32> = self
            .ended
            .iter()
            .filter(|(_, wrapped)| wrapped.is_empty())
            .map(|(version, _)| *version)
            .collect();
        let odd = &(&there ^ &of(true)) | &(&ended ^ &of(false));
        let more = self.ended.iter().filter(|(_, wrapped)| !wrapped.is_empty()).map(|(version, _)| *version);
        let odd: BTreeSet<u32> = odd.into_iter().chain(more).collect();
        let is_there = |name: &&str| self.names.iter().any(|(known, ..)| known == name);
        let gone = FIRST_NAMES.iter().chain([&ROOT]).filter(|name| !is_there(name));
        let gone = gone.map(|name| KeyFault::Name((*name).to_owned()));
        odd.into_iter().map(KeyFault::Index).chain(gone).collect()
    }
}

impl KeyStore {
    /// Whether a name is one of those that have a key of their own.
    pub(super) fn is_name(name: &str) -> bool {
        name == ROOT || FIRST_NAMES.contains(&name)
    }

    /// The roots of the blind indexes with their versions, the newest last. Which of them have marks the data says.
    pub fn indexes(&self) -> Vec<(u32, IndexRoot)> {
        self.0.indexes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the marks by which records and items of a shop are called. It is the same for ever.
    pub fn name_key(&self, name: &str) -> FieldIndex {
        let names = self.0.names.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = names.own.iter().find(|(known, _)| known == name) {
            return key.clone();
        }
        let root = names.root.as_ref().expect("made when the store is opened");
        root.field(name, 0)
    }

    /// Begins another root, where one is there alone; whether it did. Decided in the write itself: of two programs that begin at one moment one
    /// does, and the other goes on with it.
    pub(crate) async fn begin_index(&self) -> Result<bool, Error> {
        let index = IndexRoot::generate(self.0.entropy.as_ref());
        let store = self.clone();
        let written = self.0.db.write(move |tx| -> Result<bool, Error> {
            if sql::indexes(tx)?.len() > 1 {
                tx.commit_silent("another root was begun before");
                return Ok(false);
            }
            store.refuse_anothers(tx)?;
            let version = sql::highest_index(tx)? + 1;
            // Wrapped in the write itself, as a customer's key is: an epoch that ended since would take it along.
            let (epoch, wrapped) = store.wrapped(index.bytes(), &index_purpose(version))?;
            sql::insert_index(tx, version, epoch, &wrapped)?;
            tx.append(Actor::System, None, IndexBegun { version })?;
            Ok(true)
        });
        let begun = written.await?;
        self.read_indexes().await?;
        Ok(begun)
    }

    /// Destroys a root whose marks are all gone.
    pub(crate) async fn end_index(&self, version: u32) -> Result<(), Error> {
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            if sql::end_index(tx, version)? {
                tx.append(Actor::System, None, IndexEnded { version })?;
            } else {
                tx.commit_silent("the root was destroyed before");
            }
            Ok(())
        });
        written.await?;
        self.read_indexes().await
    }

    fn wrapped(&self, key: &Secret<[u8; 32]>, purpose: &str) -> Result<(EpochId, Vec<u8>), Error> {
        let epochs = self.epochs();
        let epoch = epochs.current().ok_or(Error::NoEpoch(0))?;
        Ok((epoch.id(), epoch.wrap_other(key, purpose, self.0.entropy.as_ref())))
    }

    pub(super) async fn begin_first_index(&self) -> Result<(), Error> {
        let index = IndexRoot::generate(self.0.entropy.as_ref());
        let store = self.clone();
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            if sql::is_empty(tx)? {
                let (epoch, wrapped) = store.wrapped(index.bytes(), &index_purpose(1))?;
                sql::insert_index(tx, 1, epoch, &wrapped)?;
            }
            tx.commit_silent("the indexes' root is made with the store, which its first epoch tells");
            Ok(())
        });
        written.await
    }

    /// Keys of names come from the first root, so that what it named before is called so for ever. Once that root was replaced a store without
    /// any is not one of before there were names, but one that lost them.
    pub(super) async fn begin_names(&self) -> Result<(), Error> {
        let rows = self.0.db.read(Rows::read).await?;
        let [(1, epoch, wrapped)] = rows.roots.as_slice() else { return Ok(()) };
        if !rows.names.is_empty() {
            return Ok(());
        }
        let first = opened(&self.epochs().clone(), *epoch, wrapped, &index_purpose(1))?;
        let first = IndexRoot::from_bytes(first);
        let fresh = IndexRoot::generate(self.0.entropy.as_ref());
        let store = self.clone();
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("the keys of names are made with the store, which its first epoch tells");
            for name in FIRST_NAMES {
                let (epoch, wrapped) = store.wrapped(first.field(name, 1).bytes(), &name_purpose(name))?;
                sql::insert_name(tx, name, epoch, &wrapped)?;
            }
            let (epoch, wrapped) = store.wrapped(fresh.bytes(), &name_purpose(ROOT))?;
            sql::insert_name(tx, ROOT, epoch, &wrapped).map_err(Error::from)
        });
        written.await
    }

    /// Reads roots and names as the store has them now.
    pub(crate) async fn read_indexes(&self) -> Result<(), Error> {
        let mut last = Ok(());
        for _ in 0..super::OVERTAKEN {
            last = self.read_indexes_once().await;
            if !matches!(last, Err(Error::NoEpoch(_))) {
                break;
            }
            // Another program began an epoch, or this one ended one since the rows were read.
            self.reload()?;
        }
        last
    }

    async fn read_indexes_once(&self) -> Result<(), Error> {
        let rows = self.0.db.read(Rows::read).await?;
        if let Some(fault) = rows.faults().first() {
            return Err(Error::Shelf(format!(
                "{}; restore the key store from its backup: docs/vault.md, \"When keys are damaged\"",
                fault.words()
            )));
        }
        let epochs = self.epochs().clone();
        let mut found = Vec::new();
        for (version, epoch, wrapped) in &rows.roots {
            found.push((
                *version,
                IndexRoot::from_bytes(opened(&epochs, *epoch, wrapped, &index_purpose(*version))?),
            ));
        }
        let mut names = Names::default();
        for (name, epoch, wrapped) in rows.names {
            let bytes = opened(&epochs, epoch, &wrapped, &name_purpose(&name))?;
            if name == ROOT {
                names.root = Some(IndexRoot::from_bytes(bytes));
            } else {
                names.own.push((name, FieldIndex::from_bytes(bytes)));
            }
        }
        *self.0.indexes.write().unwrap_or_else(PoisonError::into_inner) = found;
        *self.0.names.write().unwrap_or_else(PoisonError::into_inner) = names;
        Ok(())
    }

    /// What is not as it should be of roots and names, as they stand there now.
    pub(super) async fn index_faults(&self) -> Result<Vec<KeyFault>, Error> {
        let mut faults = Vec::new();
        for _ in 0..super::OVERTAKEN {
            let rows = self.0.db.read(Rows::read).await?;
            let epochs = self.0.shelf.read(self.0.root.as_ref())?;
            faults = rows.faults();
            let opens = |epoch: EpochId, wrapped: &[u8], purpose: &str| {
                opened(&epochs, epoch, wrapped, purpose).is_ok()
            };
            let closed = rows
                .roots
                .iter()
                .filter(|(version, epoch, wrapped)| !opens(*epoch, wrapped, &index_purpose(*version)));
            faults.extend(closed.map(|(version, ..)| KeyFault::Index(*version)));
            let closed = rows
                .names
                .iter()
                .filter(|(name, epoch, wrapped)| !opens(*epoch, wrapped, &name_purpose(name)));
            faults.extend(closed.map(|(name, ..)| KeyFault::Name(name.clone())));
            // A rotation may have ended an epoch between the two looks.
            if faults.is_empty() {
                break;
            }
        }
        faults.dedup();
        Ok(faults)
    }
}

fn opened(epochs: &Epochs, epoch: EpochId, wrapped: &[u8], purpose: &str) -> Result<Secret<[u8; 32]>, Error> {
    epochs.get(epoch)?.unwrap_other(wrapped, purpose).map_err(|_| changed(purpose))
}

fn changed(what: &str) -> Error {
    Error::Shelf(format!(
        "{what} in the key store was changed or belongs to another one; restore the key store from its copy"
    ))
}

/// Wraps roots and names of older epochs anew; how many there were.
pub fn rewrap(
    tx: &mut Tx<'_>,
    epochs: &Epochs,
    to: &EpochKey,
    entropy: &dyn storeward_base::Entropy,
) -> Result<u64, Error> {
    let mut count = 0;
    for (version, epoch, wrapped) in sql::indexes(tx)? {
        if epoch < to.id() {
            let purpose = index_purpose(version);
            let root = epochs.get(epoch)?.unwrap_other(&wrapped, &purpose)?;
            sql::rewrap_index(tx, version, to.id(), to.wrap_other(&root, &purpose, entropy))?;
            count += 1;
        }
    }
    for (name, epoch, wrapped) in sql::names(tx)? {
        if epoch < to.id() {
            let purpose = name_purpose(&name);
            let key = epochs.get(epoch)?.unwrap_other(&wrapped, &purpose)?;
            sql::rewrap_name(tx, &name, to.id(), to.wrap_other(&key, &purpose, entropy))?;
            count += 1;
        }
    }
    Ok(count)
}
