//! Roots of the blind indexes, which are replaced now and then, and the keys of names, which are not.
//!
//! What a root made stands in the data, and in every backup of the data. So a root is destroyed once another one has made all marks
//! anew ([`crate::Vault::renew_index`]): from then on, and from the end of its last epoch on in old copies of the key store, too, nobody
//! can ask an old backup whether somebody is in it.

use std::sync::PoisonError;

use storeward_base::Actor;
use storeward_events::vault::{IndexBegun, IndexEnded};
use storeward_seal::envelope::{EpochId, EpochKey};
use storeward_seal::{FieldIndex, IndexRoot};
use storeward_store::Tx;

use super::{Epochs, KeyStore, sql};
use crate::Error;
use crate::catalogue::Class;

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

/// Names that were made with the first root of the indexes before there were keys for them.
fn first_names() -> Vec<String> {
    let items = Class::ALL.iter().map(|class| format!("import.item.{}", class.name()));
    std::iter::once("import.customer".to_owned()).chain(items).collect()
}

impl KeyStore {
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

    /// Begins another root; its version.
    pub(crate) async fn begin_index(&self) -> Result<u32, Error> {
        let index = IndexRoot::generate(self.0.entropy.as_ref());
        let store = self.clone();
        let written = self.0.db.write(move |tx| -> Result<u32, Error> {
            let version = sql::highest_index(tx)? + 1;
            // Wrapped in the write itself, as a customer's key is: an epoch that ended since would take it along.
            let (epoch, wrapped) = store.wrapped(index.bytes(), &index_purpose(version))?;
            sql::insert_index(tx, version, epoch, &wrapped)?;
            tx.append(Actor::System, None, IndexBegun { version })?;
            Ok(version)
        });
        let version = written.await?;
        self.read_indexes().await?;
        Ok(version)
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

    fn wrapped(
        &self,
        key: &storeward_base::Secret<[u8; 32]>,
        purpose: &str,
    ) -> Result<(EpochId, Vec<u8>), Error> {
        let epochs = self.epochs();
        let epoch = epochs.current().ok_or(Error::NoEpoch(0))?;
        Ok((epoch.id(), epoch.wrap_other(key, purpose, self.0.entropy.as_ref())))
    }

    pub(super) async fn begin_first_index(&self) -> Result<(), Error> {
        let index = IndexRoot::generate(self.0.entropy.as_ref());
        let store = self.clone();
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            if sql::no_index(tx)? {
                let (epoch, wrapped) = store.wrapped(index.bytes(), &index_purpose(1))?;
                sql::insert_index(tx, 1, epoch, &wrapped)?;
            }
            tx.commit_silent("the indexes' root is made with the store, which its first epoch tells");
            Ok(())
        });
        written.await
    }

    /// Keys of names come from the first root, so that what it named before is called so for ever.
    pub(super) async fn begin_names(&self) -> Result<(), Error> {
        let is_there = self.0.db.read(|reader| -> Result<_, Error> { Ok(!sql::names(reader)?.is_empty()) });
        if is_there.await? {
            return Ok(());
        }
        let roots = self.indexes();
        let (version, first) = roots.first().cloned().ok_or(Error::NoEpoch(0))?;
        let fresh = IndexRoot::generate(self.0.entropy.as_ref());
        let store = self.clone();
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("the keys of names are made with the store, which its first epoch tells");
            for name in first_names() {
                let (epoch, wrapped) =
                    store.wrapped(first.field(&name, version).bytes(), &name_purpose(&name))?;
                sql::insert_name(tx, &name, epoch, &wrapped)?;
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
        let found =
            self.0.db.read(|reader| -> Result<_, Error> { Ok((sql::indexes(reader)?, sql::names(reader)?)) });
        let (rows, named) = found.await?;
        let epochs = self.epochs().clone();
        let mut found = Vec::new();
        for (version, epoch, wrapped) in rows {
            let purpose = index_purpose(version);
            let bytes = epochs.get(epoch)?.unwrap_other(&wrapped, &purpose).map_err(|_| changed(&purpose))?;
            found.push((version, IndexRoot::from_bytes(bytes)));
        }
        *self.0.indexes.write().unwrap_or_else(PoisonError::into_inner) = found;
        let mut names = Names::default();
        for (name, epoch, wrapped) in named {
            let purpose = name_purpose(&name);
            let bytes = epochs.get(epoch)?.unwrap_other(&wrapped, &purpose).map_err(|_| changed(&purpose))?;
            if name == ROOT {
                names.root = Some(IndexRoot::from_bytes(bytes));
            } else {
                names.own.push((name, FieldIndex::from_bytes(bytes)));
            }
        }
        *self.0.names.write().unwrap_or_else(PoisonError::into_inner) = names;
        Ok(())
    }
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
