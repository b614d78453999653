//! The keys: made, listed, revoked, found by their text.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, ApiKeyId, Clock, Entropy, Secret};
use storeward_events::api::{ApiKeyMade, ApiKeyRevoked};
use storeward_seal::fingerprint::equal;
use storeward_store::jobs::Handler;
use storeward_store::{Db, Reader, Tx};

use crate::error::Error;
use crate::key::{Act, Draft, Key, KeyText};
use crate::sql;

/// As many as one shop will ever have.
const MOST_KEYS: u64 = 500;
/// As long as the ledger keeps what was done with a key.
const REVOKED_KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);
/// How long an answer is kept for a request that is sent again.
pub(crate) const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 3_600);
const HOUR: Duration = Duration::from_secs(3_600);

/// What the registry of keys is made of.
pub struct KeysParts {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// The registry of keys. Clones are cheap.
#[derive(Clone)]
pub struct Keys {
    db: Db,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// A key that has just come into being. Its text is not told again.
#[derive(Debug)]
pub struct Made {
    pub key: Key,
    pub text: Secret<String>,
}

impl Keys {
    pub fn new(parts: KeysParts) -> Self {
        let KeysParts { db, clock, entropy } = parts;
        Keys { db, clock, entropy }
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
        };
        let (kept, hash) = (key.clone(), parts.hash);
        let written = self.db.write(move |tx| -> Result<(), Error> {
            if sql::count(tx)? >= MOST_KEYS {
                return Err(Error::TooMany);
            }
            sql::insert(tx, &kept, &hash)?;
            tx.append(actor, None, made(&kept))?;
            Ok(())
        });
        written.await?;
        Ok(Made { key, text })
    }

    /// All of them, the newest first; those that were revoked stay for as long as the ledger tells what was done with them.
    pub async fn list(&self) -> Result<Vec<Key>, Error> {
        self.db.read(|reader: &mut Reader<'_>| -> Result<_, Error> { Ok(sql::all(reader)?) }).await
    }

    /// From the next call on it is good for nothing.
    pub async fn revoke(&self, id: ApiKeyId, actor: Actor) -> Result<(), Error> {
        let written = self.db.write(move |tx| -> Result<(), Error> {
            if !sql::revoke(tx, id)? {
                return Err(Error::NoKey);
            }
            tx.append(actor, None, ApiKeyRevoked { key: id })?;
            Ok(())
        });
        written.await
    }

    /// The key of this text, good or not; nothing where there is none.
    pub(crate) async fn of_text(&self, text: &str) -> Result<Option<Key>, Error> {
        let Some(KeyText { handle, hash }) = KeyText::parse(text) else { return Ok(None) };
        let found = self.db.read(move |reader: &mut Reader<'_>| -> Result<_, Error> {
            Ok(sql::by_handle(reader, &handle)?)
        });
        let found = found.await?;
        Ok(found.filter(|(_, kept)| equal(kept.as_bytes(), hash.as_bytes())).map(|(key, _)| key))
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
            async move { Ok(keys.forget().await?) }
        };
        vec![Handler::new("api.forget", work).every(HOUR)]
    }
}

fn made(key: &Key) -> ApiKeyMade {
    ApiKeyMade {
        key: key.id,
        acts: key.acts.iter().map(|act: &Act| act.name().to_owned()).collect(),
        roles: key.roles.clone(),
        purposes: key.purposes.iter().map(|purpose| purpose.name().to_owned()).collect(),
        networks: u32::try_from(key.networks.entries().count()).unwrap_or(u32::MAX),
        expires_at: key.expires_at,
    }
}
