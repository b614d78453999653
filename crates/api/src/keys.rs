//! The keys: made, listed, revoked, found by their text.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, ApiKeyId, Clock, Entropy, Secret, StaffId};
use storeward_events::api::ApiKeyRevoked;
use storeward_events::system::RowHarmed;
use storeward_seal::DataKey;
use storeward_seal::fingerprint::equal;
use storeward_store::jobs::Handler;
use storeward_store::{Db, Reader, Tx, harmed};

use crate::error::Error;
use crate::gone::Gone;
use crate::key::{Draft, Key, KeyText};
use crate::proof::{KeyRow, Proof, Revoked, TABLE, told};
use crate::sql;

/// As many as one shop will ever have.
const MOST_KEYS: u64 = 500;
/// As long as the ledger keeps what was done with a key.
const REVOKED_KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);
/// How long an answer is kept for a request that is sent again.
pub(crate) const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 3_600);
const HOUR: Duration = Duration::from_secs(3_600);

/// Whether somebody of the staff may make keys.
pub type MayMake =
    Arc<dyn Fn(&mut Reader<'_>, StaffId) -> Result<bool, storeward_store::Error> + Send + Sync>;

/// What the registry of keys is made of.
pub struct KeysParts {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Binds the rows.
    pub data_key: DataKey,
    /// The file of those that were revoked: beside the key files, never in the database. It is made where it is missing.
    pub gone: PathBuf,
    /// Asked at each call with a key that staff made: a right that is taken away holds at once.
    pub may_make: MayMake,
}

/// The registry of keys. Clones are cheap.
#[derive(Clone)]
pub struct Keys {
    db: Db,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    proof: Proof,
}

/// A key that has just come into being. Its text is not told again.
#[derive(Debug)]
pub struct Made {
    pub key: Key,
    pub text: Secret<String>,
}

impl Keys {
    pub fn new(parts: KeysParts) -> Self {
        let KeysParts { db, clock, entropy, data_key, gone, may_make } = parts;
        let by = data_key.row_key(TABLE);
        let gone = Arc::new(Gone::at(gone, by.clone()));
        let proof = Proof { by, may_make, revoked: Arc::new(Revoked::default()), gone };
        Keys { db, clock, entropy, proof }
    }

    /// Gives keys of a version that had no tags theirs, once. Before the first call is served.
    pub fn bind_old_blocking(&self) -> Result<(), Error> {
        let unbound = |reader: &mut Reader<'_>| -> Result<bool, storeward_store::Error> {
            Ok(!sql::unbound(reader)?.is_empty())
        };
        if self.db.read_blocking(unbound)? {
            let proof = self.proof.clone();
            self.db.write_blocking(move |tx| -> Result<(), storeward_store::Error> { proof.bind(tx) })?;
        }
        // From now on none is, whatever the ledger's columns say; where `keys/` cannot be written, those say it alone.
        drop(self.proof.gone.set_bound());
        Ok(())
    }

    pub async fn make(&self, draft: Draft, actor: Actor) -> Result<Made, Error> {
        let now = self.clock.now();
        draft.check(now).map_err(|why| Error::Misfit(why.to_owned()))?;
        let (text, parts) = KeyText::fresh(&*self.entropy);
        let Draft { name, mut acts, mut roles, mut purposes, networks, expires_at } = draft;
        acts.sort_unstable();
        acts.dedup();
        roles.sort_unstable();
        roles.dedup();
        purposes.sort_unstable();
        purposes.dedup();
        let key = Key {
            id: ApiKeyId::at(now, &*self.entropy),
            name: name.trim().to_owned(),
            handle: parts.handle,
            acts,
            roles,
            purposes,
            networks,
            made_by: actor.to_string(),
            created_at: now,
            expires_at,
            revoked_at: None,
            last_used_at: None,
            doubt: None,
        };
        let row = KeyRow::new(key.clone(), parts.hash, &self.proof.by);
        let written = self.db.write(move |tx| -> Result<(), Error> {
            if sql::count(tx)? >= MOST_KEYS {
                return Err(Error::TooMany);
            }
            sql::insert(tx, &row)?;
            tx.append(actor, None, told(&row.key, row.tag.as_deref().unwrap_or_default()))?;
            Ok(())
        });
        written.await?;
        Ok(Made { key, text })
    }

    /// All of them, the newest first; those that were revoked stay for as long as the ledger tells what was done with them.
    pub async fn list(&self) -> Result<Vec<Key>, Error> {
        let proof = self.proof.clone();
        let found =
            self.db.read(move |reader: &mut Reader<'_>| -> Result<Vec<Key>, storeward_store::Error> {
                proof.refresh(reader)?;
                sql::all(reader)?.into_iter().map(|row| proof.judged(reader, row)).collect()
            });
        Ok(found.await?)
    }

    /// What does not fit: rows that Storeward did not write so, and keys whose rows are gone. It is told to the ledger, once a day.
    pub async fn look(&self) -> Result<Vec<RowHarmed>, Error> {
        let proof = self.proof.clone();
        let found = self.db.read(move |reader: &mut Reader<'_>| proof.look(reader)).await?;
        if found.is_empty() {
            return Ok(found);
        }
        let facts = found.clone();
        let written = self.db.write(move |tx| -> Result<(), Error> { Ok(harmed::tell(tx, &facts)?) });
        written.await?;
        Ok(found)
    }

    /// From the next call on it is good for nothing; also where its row is not there, and comes back.
    pub async fn revoke(&self, id: ApiKeyId, actor: Actor) -> Result<(), Error> {
        let proof = self.proof.clone();
        let written = self.db.write(move |tx| -> Result<(), Error> {
            let now = tx.now();
            proof.refresh(tx)?;
            let Some(row) = sql::by_id(tx, id)? else {
                // A row that is away may come back: the key is as good as revoked before, or it never is.
                if proof.is_revoked(id)? {
                    return Err(Error::NoKey);
                }
                tx.append(actor, None, ApiKeyRevoked { key: id })?;
                proof.gone.add(&[id])?;
                return Ok(());
            };
            let was_ours = row.fits(&proof.by);
            if row.key.revoked_at.is_some() && was_ours {
                return Err(Error::NoKey);
            }
            let row = KeyRow { key: Key { revoked_at: Some(now), ..row.key }, ..row };
            // One that somebody wrote stays theirs: it is told by the ledger that it was revoked, and fits no tag.
            let tag = was_ours.then(|| row.tag_by(&proof.by).to_vec());
            sql::revoke(tx, id, now, tag)?;
            tx.append(actor, None, ApiKeyRevoked { key: id })?;
            // Before it is committed: where that fails, it is one revocation too many, and never one too few.
            proof.gone.add(&[id])?;
            Ok(())
        });
        written.await
    }

    /// The key of this text, good or not; nothing where there is none.
    pub(crate) async fn of_text(&self, text: &str) -> Result<Option<Key>, Error> {
        let Some(KeyText { handle, hash }) = KeyText::parse(text) else { return Ok(None) };
        let proof = self.proof.clone();
        let found = self.db.read(move |reader: &mut Reader<'_>| -> Result<_, storeward_store::Error> {
            let found = sql::by_handle(reader, &handle)?;
            let Some(row) = found.filter(|row| equal(row.hash.as_bytes(), hash.as_bytes())) else {
                return Ok(None);
            };
            proof.refresh(reader)?;
            proof.judged(reader, row).map(Some)
        });
        Ok(found.await?)
    }

    /// Deletes answers that nobody asks for again, and keys that were revoked long ago.
    async fn forget(&self) -> Result<(), Error> {
        let written = self.db.write(|tx: &mut Tx<'_>| -> Result<(), Error> {
            let now = tx.now();
            sql::forget_answers(tx, now.minus(ANSWERS_KEPT))?;
            sql::forget_keys(tx, now.minus(REVOKED_KEPT))?;
            tx.commit_silent("what was answered to requests that nobody sends again is no fact of its own");
            Ok(())
        });
        written.await
    }

    pub fn handlers(&self) -> Vec<Handler> {
        let keys = self.clone();
        let work = move |_| {
            let keys = keys.clone();
            async move {
                keys.forget().await?;
                Ok(keys.look().await.map(drop)?)
            }
        };
        vec![Handler::new("api.forget", work).every(HOUR)]
    }
}
