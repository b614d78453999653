//! The keys that sign tokens: made, published before they sign and after, exchanged on schedule.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use storeward_base::{Actor, Clock, Entropy, Timestamp};
use storeward_events::oidc::KeyRotated;
use storeward_seal::DataKey;
use storeward_seal::jws::{Algorithm, PublicKey, SigningKey};
use storeward_store::{Db, Reader, Tx};

use crate::error::Error;
use crate::sql;
use crate::sql::key::KeyRow;

/// A new key is published so long before it signs, so that clients that keep the key set for a day know it by then.
const AHEAD: Duration = Duration::from_secs(86_400);
/// The key before is believed so long after it signed last: longer than any ID token lives, and for a while as a hint.
const OVERLAP: Duration = Duration::from_secs(14 * 86_400);

/// Whether the key before is believed for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Haste {
    /// The new key is published, and signs from tomorrow on; the one before is believed for two weeks more.
    Planned,
    /// The new key signs now and the ones before are believed no more: for a key that somebody may have.
    AtOnce,
}

/// What keys sign for. One ring's are never published or believed with those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Tokens for clients.
    Provider,
    /// What the gate says to the shop.
    Gate,
}

impl Ring {
    pub const fn word(self) -> &'static str {
        match self {
            Ring::Provider => "provider",
            Ring::Gate => "gate",
        }
    }
}

/// What the keys are made of.
pub struct KeysParts {
    pub ring: Ring,
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Seals the secret halves.
    pub data_key: DataKey,
}

/// The keys. Clones are cheap and share them.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    parts: KeysParts,
    /// Opened ones by name, so that an RSA key is not read for each token.
    opened: Mutex<HashMap<String, Arc<SigningKey>>>,
}

/// A key as operators see it.
#[derive(Clone, Debug)]
pub struct KeyLine {
    pub kid: String,
    pub algorithm: Algorithm,
    pub created_at: Timestamp,
    pub signs_from: Timestamp,
    /// Until when it is believed, where that is known.
    pub ends_at: Option<Timestamp>,
    /// Whether it is the one that signs now.
    pub signs: bool,
}

/// A key that is made and not yet written down.
#[derive(Clone)]
pub struct NewKey {
    ring: Ring,
    row: KeyRow,
    sealed: Vec<u8>,
}

impl Keys {
    pub fn new(parts: KeysParts) -> Self {
        Keys(Arc::new(Inner { parts, opened: Mutex::default() }))
    }

    /// Makes the first key of an algorithm where there is none.
    pub async fn ensure(&self, algorithm: Algorithm) -> Result<(), Error> {
        if self.all().await?.iter().any(|row| row.algorithm == algorithm) {
            return Ok(());
        }
        let now = self.0.parts.clock.now();
        let new = self.make(algorithm, now).await?;
        let written = self.0.parts.db.write(move |tx| -> Result<(), Error> {
            // Another node may have been first.
            if sql::key::all(tx, new.ring, now)?.iter().any(|row| row.algorithm == algorithm) {
                tx.commit_silent("there is a key of this algorithm already");
                return Ok(());
            }
            new.write(tx, Actor::System, "first")
        });
        written.await
    }

    /// Makes the next key of an algorithm.
    pub async fn rotate(&self, algorithm: Algorithm, haste: Haste, actor: Actor) -> Result<String, Error> {
        let now = self.0.parts.clock.now();
        let (signs_from, reason) = match haste {
            Haste::Planned => (now.plus(AHEAD), "operator"),
            Haste::AtOnce => (now, "at_once"),
        };
        let new = self.make(algorithm, signs_from).await?;
        let kid = new.row.kid.clone();
        let written = self.0.parts.db.write(move |tx| -> Result<(), Error> {
            let until = match haste {
                Haste::Planned => signs_from.plus(OVERLAP),
                Haste::AtOnce => now,
            };
            new.write(tx, actor, reason)?;
            Ok(sql::key::end_others(tx, new.ring, algorithm, &new.row.kid, until)?)
        });
        written.await.map(|()| kid)
    }

    /// What the schedule asks for: the next key of each algorithm whose newest one has signed for `life`, and an end to what
    /// is over. Returns how many keys were made.
    pub async fn keep(&self, life: Duration) -> Result<usize, Error> {
        let now = self.0.parts.clock.now();
        let rows = self.all().await?;
        let mut made = 0;
        for algorithm in Algorithm::ALL {
            let newest = rows.iter().find(|row| row.algorithm == algorithm);
            let Some(newest) = newest.filter(|row| now.since(row.signs_from) >= life) else { continue };
            let (newest, new) = (newest.kid.clone(), self.make(algorithm, now.plus(AHEAD)).await?);
            let written = self.0.parts.db.write(move |tx| -> Result<usize, Error> {
                let first =
                    sql::key::all(tx, new.ring, now)?.into_iter().find(|row| row.algorithm == algorithm);
                if first.is_none_or(|row| row.kid != newest) {
                    tx.commit_silent("another node made the next key already");
                    return Ok(0);
                }
                new.write(tx, Actor::System, "schedule")?;
                let until = new.row.signs_from.plus(OVERLAP);
                sql::key::end_others(tx, new.ring, algorithm, &new.row.kid, until)?;
                Ok(1)
            });
            made += written.await?;
        }
        let forgotten = self.0.parts.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("keys that are over are forgotten");
            Ok(sql::key::forget(tx, now)?)
        });
        forgotten.await?;
        Ok(made)
    }

    /// All that are believed, newest first.
    pub async fn list(&self) -> Result<Vec<KeyLine>, Error> {
        let now = self.0.parts.clock.now();
        let rows = self.all().await?;
        let signing: Vec<&str> = Algorithm::ALL
            .into_iter()
            .filter_map(|a| signing(&rows, a, now))
            .map(|row| row.kid.as_str())
            .collect();
        let line = |row: &KeyRow| KeyLine {
            kid: row.kid.clone(),
            algorithm: row.algorithm,
            created_at: row.created_at,
            signs_from: row.signs_from,
            ends_at: row.ends_at,
            signs: signing.contains(&row.kid.as_str()),
        };
        Ok(rows.iter().map(line).collect())
    }

    /// The key set that clients read (RFC 7517 section 5).
    pub async fn key_set(&self) -> Result<Value, Error> {
        let rows = self.all().await?;
        let keys: Vec<Value> = rows.iter().map(|row| row.public.jwk(&row.kid)).collect();
        Ok(serde_json::json!({ "keys": keys }))
    }

    /// The public key of this name, while it is believed.
    pub async fn public(&self, kid: &str) -> Result<Option<PublicKey>, Error> {
        Ok(self.all().await?.into_iter().find(|row| row.kid == kid).map(|row| row.public))
    }

    /// A signed token.
    pub async fn sign(&self, algorithm: Algorithm, kind: &str, claims: &Value) -> Result<String, Error> {
        let now = self.0.parts.clock.now();
        let mut rows = self.all().await?;
        if signing(&rows, algorithm, now).is_none() {
            self.ensure(algorithm).await?;
            rows = self.all().await?;
        }
        let row = signing(&rows, algorithm, now).ok_or(Error::Form("there is no key to sign tokens with"))?;
        let key = self.opened(&row.kid, algorithm).await?;
        Ok(key.token(&row.kid, kind, claims)?)
    }

    async fn opened(&self, kid: &str, algorithm: Algorithm) -> Result<Arc<SigningKey>, Error> {
        if let Some(key) = self.cache().get(kid) {
            return Ok(Arc::clone(key));
        }
        let name = kid.to_owned();
        let found = self.0.parts.db.read(move |reader: &mut Reader<'_>| sql::key::private(reader, &name));
        let sealed = found.await?.ok_or(Error::Form("a signing key is gone"))?;
        let document = self.0.parts.data_key.open(&sealed, &place(kid))?;
        let key = Arc::new(SigningKey::from_pkcs8(algorithm, &document)?);
        let mut cache = self.cache();
        // A handful at most; what is over is not asked for again.
        if cache.len() >= 50 {
            cache.clear();
        }
        cache.insert(kid.to_owned(), Arc::clone(&key));
        Ok(key)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<SigningKey>>> {
        self.0.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn all(&self) -> Result<Vec<KeyRow>, Error> {
        let (now, ring) = (self.0.parts.clock.now(), self.0.parts.ring);
        Ok(self.0.parts.db.read(move |reader: &mut Reader<'_>| sql::key::all(reader, ring, now)).await?)
    }

    /// Making an RSA key takes a good part of a second: not on a thread that serves.
    async fn make(&self, algorithm: Algorithm, signs_from: Timestamp) -> Result<NewKey, Error> {
        let keys = self.clone();
        let made = tokio::task::spawn_blocking(move || {
            let KeysParts { ring, clock, entropy, data_key, .. } = &keys.0.parts;
            let (key, document) = SigningKey::generate(algorithm, entropy.as_ref())?;
            let public = key.public();
            let kid = public.thumbprint();
            let sealed = data_key.seal(document.expose(), &place(&kid), entropy.as_ref());
            let row = KeyRow { kid, algorithm, public, created_at: clock.now(), signs_from, ends_at: None };
            Ok(NewKey { ring: *ring, row, sealed })
        });
        made.await.unwrap_or(Err(Error::Form("making a key panicked")))
    }
}

impl NewKey {
    fn write(&self, tx: &mut Tx<'_>, actor: Actor, reason: &str) -> Result<(), Error> {
        sql::key::insert(tx, self.ring, &self.row, &self.sealed)?;
        let (key, algorithm) = (self.row.kid.clone(), self.row.algorithm.name().to_owned());
        tx.append(actor, None, KeyRotated { key, algorithm, reason: reason.to_owned() })?;
        Ok(())
    }
}

/// Of those whose time has come, the newest.
fn signing(rows: &[KeyRow], algorithm: Algorithm, now: Timestamp) -> Option<&KeyRow> {
    rows.iter().find(|row| row.algorithm == algorithm && row.signs_from <= now)
}

fn place(kid: &str) -> String {
    format!("oidc/{kid}.private")
}
