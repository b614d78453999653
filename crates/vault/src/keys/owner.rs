//! Whose a key store on a server is: its ledger names one data directory, by what lies in `vault/epochs.id` there and in no backup.
//!
//! A copy of that directory (a restore, on trial or in earnest) has the same epochs and leads to the same store. Were it to begin an epoch,
//! every key would lie under one that the original does not have. So a copy opens nothing until an operator says that it takes the original's
//! place, and then the original wraps nothing any more.

use storeward_base::{Actor, Entropy, Timestamp};
use storeward_events::Event;
use storeward_events::vault::KeyStoreTaken;
use storeward_store::{Db, Reader, ledger};

use super::{KeyStore, KeyStoreParts, Shelf};
use crate::Error;

const KIND: &str = "vault.key_store_taken";
const BEGUN: &str = "vault.epoch_begun";

impl KeyStore {
    /// Opens a store on a server that belongs to another directory, and makes it this one's: after the other is gone. Whether it was another's.
    /// Nothing changes where the keys do not open here.
    pub async fn open_taken(parts: KeyStoreParts, actor: Actor) -> Result<(Self, bool), Error> {
        let Some(id) = parts.shelf.id_made(parts.entropy.as_ref())? else {
            return KeyStore::open(parts).await.map(|store| (store, false));
        };
        let last = parts.shelf.read(parts.root.as_ref())?.last();
        let begun = parts.db.read(last_begun).await?;
        if begun > last {
            return Err(older(&parts.shelf, begun));
        }
        let store = KeyStore::open_any(parts).await?;
        let written = store.0.db.write(move |tx| -> Result<bool, Error> {
            if holder(tx)?.is_some_and(|(held, _)| held == id) {
                tx.commit_silent("it was this directory's before");
                return Ok(false);
            }
            tx.append(actor, None, KeyStoreTaken { shelf: id.clone() })?;
            Ok(true)
        });
        let was_anothers = written.await?;
        Ok((store, was_anothers))
    }

    /// Refuses where the store went to another directory since it was opened: what is wrapped here would lie under epochs that are not its own.
    pub(super) fn refuse_anothers(&self, reader: &mut Reader<'_>) -> Result<(), Error> {
        let Some(own) = &self.0.id else { return Ok(()) };
        match holder(reader)? {
            Some((held, at)) if held != *own => Err(Error::OtherDirectory(at)),
            _ => Ok(()),
        }
    }

    /// The same before an epoch begins, and of a copy that bears this directory's own mark: it began one that is not here.
    pub(super) async fn refuse_anothers_epoch(&self) -> Result<(), Error> {
        let store = self.clone();
        let begun = self.0.db.read(move |reader| -> Result<u32, Error> {
            store.refuse_anothers(reader)?;
            last_begun(reader)
        });
        let begun = begun.await?;
        if begun > self.epochs().last() { Err(older(&self.0.shelf, begun)) } else { Ok(()) }
    }
}

/// The mark of this directory, once it is known that the store is its own. The first that opens a store without an owner takes it.
pub(super) async fn settle(db: &Db, shelf: &Shelf, entropy: &dyn Entropy) -> Result<(), Error> {
    if !shelf.is_of_server() {
        return Ok(());
    }
    let id = shelf.id()?;
    match db.read(holder).await? {
        Some((held, _)) if id.as_ref() == Some(&held) => return Ok(()),
        Some((_, at)) => return Err(Error::OtherDirectory(at)),
        None => {}
    }
    let Some(id) = shelf.id_made(entropy)? else { return Ok(()) };
    let written = db.write(move |tx| -> Result<(), Error> {
        match holder(tx)? {
            Some((held, at)) if held != id => return Err(Error::OtherDirectory(at)),
            Some(_) => tx.commit_silent("another program of this directory told of it first"),
            None => tx.append(Actor::System, None, KeyStoreTaken { shelf: id.clone() }).map(drop)?,
        }
        Ok(())
    });
    written.await
}

/// Whose it is, and since when.
fn holder(reader: &mut Reader<'_>) -> Result<Option<(String, Timestamp)>, Error> {
    let found = ledger::last_believed(reader, KIND)?;
    Ok(found.and_then(|(_, record)| match record.event {
        Event::KeyStoreTaken(fact) => Some((fact.shelf, record.at)),
        _ => None,
    }))
}

/// The epoch that began last, as the ledger says.
fn last_begun(reader: &mut Reader<'_>) -> Result<u32, Error> {
    let found = ledger::last_believed(reader, BEGUN)?;
    Ok(found.map_or(0, |(_, record)| match record.event {
        Event::EpochBegun(fact) => fact.epoch,
        _ => 0,
    }))
}

fn older(shelf: &Shelf, begun: u32) -> Error {
    Error::Shelf(format!(
        "{} has no key of epoch {begun}, which began in this key store: another copy of the data directory rotated it; lay that one's \
         epochs.json here, or the newest copy of it (backup.epochs_copy)",
        shelf.path().display()
    ))
}
