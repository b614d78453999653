//! The key store: one key for each customer, wrapped with the key of an epoch.
//!
//! It is a database of its own with a ledger of its own, apart from the customers' data: a backup of the data holds no
//! key, and a backup of the key store opens nothing once the epochs in it are destroyed. So a customer is erased in three
//! steps that each may be repeated: the key's row is deleted, the living keys are wrapped anew in the next epoch, the
//! epoch before is destroyed.

mod cache;
mod erased;
mod indexes;
mod keyless;
mod notes;
mod owner;
mod root;
mod shelf;
mod sql;
mod untold;
mod verify;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use storeward_base::{Actor, CustomerId, Entropy, Timestamp};
use storeward_events::vault::{
    CustomerKeyDestroyed, CustomerKeyMade, EpochBegun, EpochDestroyed, KeysRewrapped,
};
use storeward_seal::IndexRoot;
use storeward_seal::envelope::{CustomerKey, EpochId, RootKey};
use storeward_store::{Db, Migration, Tx};

pub use keyless::{Keyless, has_customers, keyless};
pub use shelf::{Epochs, Shelf};
pub use sql::STATEMENTS;
pub use verify::KeyFault;

use crate::Error;
use cache::Cache;
use notes::Notes;
use sql::KeyRow;

/// The key store's tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration { domain: "vault_keys", number: 1, sql: include_str!("../migrations/keys_0001.sql") },
    Migration { domain: "vault_keys", number: 2, sql: include_str!("../migrations/keys_0002.sql") },
    Migration { domain: "vault_keys", number: 3, sql: include_str!("../migrations/keys_0003.sql") },
    Migration { domain: "vault_keys", number: 4, sql: include_str!("../migrations/keys_0004.sql") },
    Migration { domain: "vault_keys", number: 5, sql: include_str!("../migrations/keys_0005.sql") },
];

/// Keys that one write of a rotation wraps anew: a few milliseconds.
const REWRAPPED_AT_ONCE: u32 = 500;

/// How often a rotation tries one of those writes, each time as often as any write is tried.
const TRIES: usize = 10;

/// How often somebody who reads is let be overtaken by rotations: each takes far longer than a look.
const OVERTAKEN: usize = 3;

/// What a key store is opened with.
pub struct KeyStoreParts {
    /// Opened with [`MIGRATIONS`]; not the database of the customers' data.
    pub db: Db,
    pub shelf: Shelf,
    pub root: Arc<dyn RootKey>,
    pub entropy: Arc<dyn Entropy>,
}

/// Clones are cheap and share it.
#[derive(Clone)]
pub struct KeyStore(Arc<Inner>);

struct Inner {
    db: Db,
    shelf: Shelf,
    /// What the ledger calls this directory; only of a store on a server.
    id: Option<String>,
    root: Arc<dyn RootKey>,
    entropy: Arc<dyn Entropy>,
    epochs: RwLock<Epochs>,
    indexes: RwLock<Vec<(u32, IndexRoot)>>,
    names: RwLock<indexes::Names>,
    cache: Mutex<Cache>,
    notes: Mutex<Notes>,
    /// Whose keys were destroyed, and when last, as the ledger said when the store was opened and this program did since.
    erased: Mutex<HashMap<CustomerId, Timestamp>>,
}

/// A customer's key, and how often their record had been changed when the key store noted it.
#[derive(Clone, Debug)]
pub struct Held {
    pub key: CustomerKey,
    pub revision: u64,
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The epoch that keys are wrapped in from now on.
    pub epoch: EpochId,
    pub rewrapped: u64,
    pub left: u64,
}

/// A rotation, in customers' keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The one that keys are wrapped in anew.
    pub epoch: EpochId,
    pub done: u64,
    pub of: u64,
}

impl KeyStore {
    /// Reads the epochs, the roots of the indexes and the keys of names; begins the first epoch where there is none.
    /// [`Error::OtherDirectory`] where it belongs to another one.
    pub async fn open(parts: KeyStoreParts) -> Result<Self, Error> {
        owner::settle(&parts.db, &parts.shelf, parts.entropy.as_ref()).await?;
        KeyStore::open_any(parts).await
    }

    async fn open_any(parts: KeyStoreParts) -> Result<Self, Error> {
        let KeyStoreParts { db, shelf, root, entropy } = parts;
        // Not while another program is at it: it tidies up itself.
        if let Some(_alone) = shelf.alone()? {
            shelf.tidy_up()?;
        }
        seal_shelf(&db, &shelf, root.as_ref(), entropy.as_ref()).await?;
        let epochs = shelf.read(root.as_ref())?;
        let is_new = epochs.current().is_none();
        let id = shelf.id()?;
        let inner = Inner {
            db,
            shelf,
            id,
            root,
            entropy,
            epochs: RwLock::new(epochs),
            indexes: RwLock::default(),
            names: RwLock::default(),
            cache: Mutex::default(),
            notes: Mutex::default(),
            erased: Mutex::default(),
        };
        let store = KeyStore(Arc::new(inner));
        if is_new {
            store.begin_first_epoch().await?;
        } else {
            store.refuse_an_empty_store().await?;
        }
        store.take_up_erased().await?;
        store.begin_first_index().await?;
        store.begin_names().await?;
        store.read_indexes().await?;
        // The last: an epoch of a store that is not this shelf's did not open above.
        store.tell_untold().await?;
        Ok(store)
    }

    async fn begin_first_epoch(&self) -> Result<(), Error> {
        // Keys without an epoch are those of another shelf: a new one would hide that.
        let keys = self.0.db.read(|reader| -> Result<u64, Error> { Ok(sql::count(reader)?) }).await?;
        if keys > 0 {
            let shown = self.0.shelf.path().display();
            return Err(Error::Shelf(format!(
                "{shown} is not there, but the key store holds {keys} keys; restore it from its copy"
            )));
        }
        self.begin_epoch().await.map(drop)
    }

    /// Epochs without a store are those of another one: an empty one would hide that all keys are gone.
    async fn refuse_an_empty_store(&self) -> Result<(), Error> {
        // Made with the first epoch; between the two another program may look, or this one have died.
        let young = Duration::from_secs(60);
        let is_young = self.epochs().last() == 1
            && self.epoch_begun_at().is_some_and(|begun| self.0.db.now().since(begun) < young);
        let is_empty = self.0.db.read(|reader| -> Result<_, Error> { Ok(sql::is_empty(reader)?) }).await?;
        if is_empty && !is_young {
            let shown = self.0.shelf.path().display();
            return Err(Error::Shelf(format!(
                "{shown} belongs to a key store that is not there: this one is empty; restore it from its copy"
            )));
        }
        Ok(())
    }

    /// The customer's key; `None` where they have none (never had one, or were erased).
    pub async fn key(&self, customer: CustomerId) -> Result<Option<CustomerKey>, Error> {
        Ok(self.held(customer).await?.map(|held| held.key))
    }

    /// The key, and how far the record had come.
    pub(crate) async fn held(&self, customer: CustomerId) -> Result<Option<Held>, Error> {
        let known = self.cache().get(customer, self.0.db.now());
        if known.is_some() {
            return Ok(known);
        }
        self.held_in_store(customer).await
    }

    /// As the store has it at this moment.
    pub(crate) async fn held_in_store(&self, customer: CustomerId) -> Result<Option<Held>, Error> {
        let mut last = Ok(None);
        for _ in 0..OVERTAKEN {
            last = self.held_once(customer).await;
            // The row was read, and its epoch ended before it was unwrapped: it lies under the next one by now.
            if !matches!(last, Err(Error::NoEpoch(_))) {
                break;
            }
        }
        last
    }

    async fn held_once(&self, customer: CustomerId) -> Result<Option<Held>, Error> {
        let now = self.0.db.now();
        let found = self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::find(reader, customer)?) });
        let Some(row) = found.await? else { return Ok(None) };
        let held = self.unwrap(&row)?;
        self.cache().put(customer, held.clone(), now);
        Ok(Some(held))
    }

    /// The customer's key, made where there is none; [`Error::NoCustomer`] where it was
    /// destroyed once. Whoever calls it has asked the customers' data, too, which may be older than this store.
    pub(crate) async fn held_or_new(&self, customer: CustomerId, actor: Actor) -> Result<Held, Error> {
        if let Some(held) = self.held(customer).await? {
            return Ok(held);
        }
        let key = CustomerKey::generate(1, self.0.entropy.as_ref());
        let (made, store) = (key.clone(), self.clone());
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            if store.erased().contains_key(&customer) || sql::is_destroyed(tx, customer)? {
                return Err(Error::NoCustomer);
            }
            store.refuse_anothers(tx)?;
            // Wrapped in the write itself: an epoch that ended since would take the key with it. Whoever ends one counts its
            // keys in a write, too (`end_older_epochs`).
            let (epoch, wrapped) = {
                let epochs = store.epochs();
                let epoch = epochs.current().ok_or(Error::NoEpoch(0))?;
                (epoch.id(), epoch.wrap(&made, &customer.to_string(), store.0.entropy.as_ref()))
            };
            let (version, created_at) = (made.version(), tx.now());
            let row = KeyRow { customer, version, epoch, wrapped, created_at, revision: 0, noted: None };
            if sql::insert(tx, &row)? {
                tx.append_at(created_at, actor, None, CustomerKeyMade { customer })?;
            } else {
                tx.commit_silent("another request made the customer's key first");
            }
            Ok(())
        });
        written.await?;
        // Read back: of two that made one at the same moment, the one that is kept counts.
        self.held(customer).await?.ok_or(Error::NoCustomer)
    }

    /// Destroys the customer's key. True when there was one. The erasure holds for copies of the key store, too, once
    /// the epoch that is current now has been destroyed.
    pub async fn destroy(&self, customer: CustomerId, actor: Actor) -> Result<bool, Error> {
        self.destroy_at(customer, None, actor).await
    }

    /// The same in a copy of the store, as of the moment when it was done in the original: what was begun since is begun in the copy, too.
    pub async fn destroy_again(
        &self,
        customer: CustomerId,
        at: Timestamp,
        actor: Actor,
    ) -> Result<bool, Error> {
        self.destroy_at(customer, Some(at), actor).await
    }

    async fn destroy_at(
        &self,
        customer: CustomerId,
        at: Option<Timestamp>,
        actor: Actor,
    ) -> Result<bool, Error> {
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let (was, now) = (delete(tx, customer)?, at.unwrap_or_else(|| tx.now()));
            // Also of somebody who had no key: the note keeps them from getting one, and must not be taken away unseen. And of a key that
            // somebody put back: what was wrapped since lies in later copies, and the proof goes by when it was destroyed last.
            let is_told = sql::note_destroyed(tx, customer, now)? || was;
            if is_told {
                tx.append_at(now, actor, None, CustomerKeyDestroyed { customer })?;
            } else {
                tx.commit_silent("the customer's key was destroyed before");
            }
            Ok((was, is_told.then_some(now)))
        });
        let (was, told_at) = written.await?;
        self.cache().drop_one(customer);
        // When it was before, by another program, the ledger says.
        if let Some(at) = told_at {
            self.erased().insert(customer, at);
        }
        Ok(was)
    }

    /// When the current epoch began.
    pub fn epoch_begun_at(&self) -> Option<Timestamp> {
        self.epochs().begun_at()
    }

    /// Whether no copy of the epochs' keys that is known opens what ended: neither the one that backups replace, nor one that they put
    /// somewhere before.
    pub fn is_copy_of_now(&self) -> bool {
        self.0.shelf.is_copy_of_now() && self.0.shelf.earlier_copies().is_ok_and(|copies| copies.is_empty())
    }

    /// Where the epochs' keys lie.
    pub fn shelf(&self) -> &Shelf {
        &self.0.shelf
    }

    /// Begins the next epoch where the current one is older than `life`, wraps every key anew, and ends the epochs before.
    /// What an interrupted rotation left is finished first. Returns the epochs that ended. Another program that makes keys
    /// meanwhile holds the shelf ([`Shelf::hold`]); then nothing is done: [`Error::ShelfHeld`].
    pub async fn rotate(&self, life: Duration) -> Result<Vec<EpochId>, Error> {
        self.rotate_shown(life, |_| {}).await
    }

    /// [`KeyStore::rotate`] that tells how far it is.
    pub async fn rotate_shown(
        &self,
        life: Duration,
        mut shown: impl FnMut(Rotation),
    ) -> Result<Vec<EpochId>, Error> {
        let _alone = self.0.shelf.alone()?.ok_or(Error::ShelfHeld)?;
        self.reload()?;
        self.read_erased().await?;
        if is_over(self.epoch_begun_at(), self.0.db.now(), life) && self.epochs().older().is_empty() {
            self.begin_epoch().await?;
        }
        while let Some(rotation) = self.rotation().await? {
            shown(rotation);
            if self.rewrap_page().await?.left == 0 {
                shown(Rotation { done: rotation.of, ..rotation });
                break;
            }
        }
        self.end_older_epochs().await
    }

    /// [`KeyStore::rewrap`], again where others' writes to the same keys came first too often in a row: on a server an import notes records
    /// meanwhile, and goes on doing so.
    async fn rewrap_page(&self) -> Result<Progress, Error> {
        let mut tries = 1..TRIES;
        loop {
            match self.rewrap(REWRAPPED_AT_ONCE).await {
                Err(Error::Store(storeward_store::Error::Contended)) if tries.next().is_some() => {}
                done => return done,
            }
        }
    }

    /// A rotation that is under way, here or in another program, or was interrupted; nothing where no older epoch lives.
    pub async fn rotation(&self) -> Result<Option<Rotation>, Error> {
        if self.epochs().older().is_empty() {
            return Ok(None);
        }
        let epoch = self.current_epoch();
        let counted = self.0.db.read(move |reader| -> Result<_, Error> {
            Ok((sql::count(reader)?, sql::count_before(reader, epoch)?))
        });
        let (of, left) = counted.await?;
        Ok(Some(Rotation { epoch, done: of.saturating_sub(left), of }))
    }

    pub fn current_epoch(&self) -> EpochId {
        self.epochs().current().map_or(EpochId(0), storeward_seal::envelope::EpochKey::id)
    }

    /// Begins an epoch: whatever is wrapped from now on is wrapped in it. Nothing stops working meanwhile.
    pub async fn begin_epoch(&self) -> Result<EpochId, Error> {
        self.refuse_anothers_epoch().await?;
        let now = self.0.db.now();
        let epoch = self.0.shelf.begin(self.0.root.as_ref(), self.0.entropy.as_ref(), now)?;
        self.reload()?;
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.append(Actor::System, None, EpochBegun { epoch: epoch.0 })?;
            Ok(())
        });
        written.await?;
        Ok(epoch)
    }

    /// Wraps up to `limit` keys of older epochs anew. Repeat until nothing is left; it goes on where it stopped, also
    /// after a kill, and customers' keys work all the while.
    pub async fn rewrap(&self, limit: u32) -> Result<Progress, Error> {
        let (epochs, entropy) = (self.epochs().clone(), Arc::clone(&self.0.entropy));
        let current = epochs.current().ok_or(Error::NoEpoch(0))?.id();
        let store = self.clone();
        let written = self.0.db.write(move |tx| -> Result<(Progress, Vec<CustomerId>), Error> {
            store.refuse_anothers(tx)?;
            let erased = |customer: CustomerId| store.is_known_destroyed(customer);
            let (rewrapped, put_back) = rewrap_some(tx, &epochs, current, limit, entropy.as_ref(), &erased)?;
            let left = sql::count_before(tx, current)?;
            for customer in &put_back {
                tx.append(Actor::System, None, CustomerKeyDestroyed { customer: *customer })?;
            }
            if rewrapped > 0 {
                tx.append(Actor::System, None, KeysRewrapped { epoch: current.0, count: rewrapped })?;
            } else if put_back.is_empty() {
                tx.commit_silent("no key of an older epoch was left");
            }
            Ok((Progress { epoch: current, rewrapped, left }, put_back))
        });
        let (progress, put_back) = written.await?;
        let now = self.0.db.now();
        self.erased().extend(put_back.into_iter().map(|customer| (customer, now)));
        Ok(progress)
    }

    /// Whose keys lie in the store although the ledger says that they were destroyed: somebody put them back.
    pub(crate) async fn put_back(&self) -> Result<Vec<CustomerId>, Error> {
        self.read_erased().await?;
        let found = self.0.db.read(|reader| -> Result<_, Error> { Ok(sql::with_note(reader)?) }).await?;
        // A note that somebody put there destroys nobody's key.
        Ok(found.into_iter().filter(|customer| self.is_known_destroyed(*customer)).collect())
    }

    /// Destroys the epochs before the current one, when no key is left in them; nothing otherwise. Returns those that
    /// were destroyed.
    pub async fn end_older_epochs(&self) -> Result<Vec<EpochId>, Error> {
        let current = self.current_epoch();
        let older = self.epochs().older();
        // A write: it stands in line behind every key that was wrapped before this epoch was the current one.
        let left = self.0.db.write(move |tx| -> Result<u64, Error> {
            tx.commit_silent("it only counts what is left");
            Ok(sql::count_before(tx, current)?
                + sql::indexes_before(tx, current)?
                + sql::names_before(tx, current)?)
        });
        if left.await? > 0 || older.is_empty() {
            return Ok(Vec::new());
        }
        self.0.shelf.destroy(&older, self.0.root.as_ref(), self.0.entropy.as_ref())?;
        self.reload()?;
        let ended = older.clone();
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            for epoch in &ended {
                tx.append(Actor::System, None, EpochDestroyed { epoch: epoch.0 })?;
            }
            Ok(())
        });
        written.await?;
        Ok(older)
    }

    fn unwrap(&self, row: &KeyRow) -> Result<Held, Error> {
        let known = |epochs: &Epochs| -> Result<CustomerKey, Error> {
            let epoch = epochs.get(row.epoch)?;
            Ok(epoch.unwrap_customer(&row.wrapped, &row.customer.to_string(), row.version)?)
        };
        let first = known(&self.epochs());
        let key = match first {
            // Another node may have begun an epoch since we looked.
            Err(Error::NoEpoch(_)) => {
                self.reload()?;
                known(&self.epochs())
            }
            other => other,
        }?;
        notes::check(row, &key)?;
        Ok(Held { key, revision: row.revision })
    }

    fn reload(&self) -> Result<(), Error> {
        let read = self.0.shelf.read(self.0.root.as_ref())?;
        *self.0.epochs.write().unwrap_or_else(PoisonError::into_inner) = read;
        self.cache().drop_all();
        Ok(())
    }

    fn epochs(&self) -> std::sync::RwLockReadGuard<'_, Epochs> {
        self.0.epochs.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A shelf of the first form says nothing of whether it was changed. It is sealed at once, by whoever is alone with it; once
/// records were noted here it was sealed, and one that is not was put there.
async fn seal_shelf(db: &Db, shelf: &Shelf, root: &dyn RootKey, entropy: &dyn Entropy) -> Result<(), Error> {
    if !shelf.is_unsealed()? {
        return Ok(());
    }
    if db.read(|reader| -> Result<u64, Error> { Ok(sql::highest(reader)?) }).await? > 0 {
        return Err(shelf.damaged());
    }
    let _alone = shelf.alone()?.ok_or(Error::ShelfHeld)?;
    shelf.seal(root, entropy)
}

/// Keys first, then the roots of the indexes and the keys of names, of which there are a few.
fn rewrap_some(
    tx: &mut Tx<'_>,
    epochs: &Epochs,
    current: EpochId,
    limit: u32,
    entropy: &dyn Entropy,
    erased: &dyn Fn(CustomerId) -> bool,
) -> Result<(u64, Vec<CustomerId>), Error> {
    let to = epochs.get(current)?;
    let (mut count, mut put_back) = (0, Vec::new());
    for row in sql::before(tx, current, limit)? {
        // Under the next epoch it would outlive the one that ends it.
        if erased(row.customer) {
            delete(tx, row.customer)?;
            put_back.push(row.customer);
            continue;
        }
        let name = row.customer.to_string();
        let key = epochs.get(row.epoch)?.unwrap_customer(&row.wrapped, &name, row.version)?;
        sql::rewrap(tx, row.customer, row.epoch, current, to.wrap(&key, &name, entropy))?;
        count += 1;
    }
    count += indexes::rewrap(tx, epochs, to, entropy)?;
    Ok((count, put_back))
}

/// Deletes the customer's key; true where there was one. It is looked whether it went: a trigger that somebody put into the store could keep
/// it, and the erasure would be told all the same.
fn delete(tx: &mut Tx<'_>, customer: CustomerId) -> Result<bool, Error> {
    let was = sql::delete(tx, customer)?;
    if sql::find(tx, customer)?.is_some() {
        return Err(Error::Harmed(Box::new(KeyFault::Unknown(customer).flaw())));
    }
    Ok(was)
}

/// Whether an epoch has lasted for its `life`. One that began while the clock was ahead has: it would last for as long again, and what is erased
/// meanwhile stay in backups of the keys.
fn is_over(begun: Option<Timestamp>, now: Timestamp, life: Duration) -> bool {
    begun.is_none_or(|begun| begun > now || now.since(begun) >= life)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_ends_in_its_time_and_one_from_the_future_at_once() {
        let day = Duration::from_secs(24 * 3_600);
        let begun = Timestamp::from_micros(1_790_000_000_000_000);
        for (now, is_at_end) in [
            (begun, false),
            (begun.plus(29 * day), false),
            (begun.plus(30 * day), true),
            (begun.minus(day), true),
            (begun.minus(400 * day), true),
        ] {
            assert_eq!(is_over(Some(begun), now, 30 * day), is_at_end, "{now:?}");
        }
        assert!(is_over(None, begun, 30 * day));
    }
}
