//! The registry of clients: who may let customers sign in here, and how.

mod presets;

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, Clock, Entropy, RelyingId, Secret};
use storeward_events::oidc::{ClientAdded, ClientRemoved, ClientScopesChanged, ClientSecretRotated};
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::{Db, Reader};

pub use presets::{PRESETS, Preset};
pub use storeward_seal::jws::Algorithm;

pub use crate::error::Error;
use crate::keys::{Keys, KeysParts};
use crate::marks::{Marks, fresh_secret};
pub use crate::model::{Answers, Client, Consent, Draft, IdToken, Kind, Pkce, Warning};
pub use crate::protocol::scope::{Scope, Scopes};
use crate::sql;

/// As many as one shop will ever have.
const MOST_CLIENTS: u64 = 200;
/// The longest that a secret is good after it was replaced.
pub const MOST_OVERLAP_HOURS: u32 = 168;

/// What the registry is made of.
pub struct RegistryParts {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub data_key: DataKey,
    pub pseudonym_key: PseudonymKey,
}

/// The registry. Clones are cheap.
#[derive(Clone)]
pub struct Registry {
    db: Db,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    marks: Marks,
    keys: Keys,
}

/// A client that has just come into being. Its secret is not told again.
#[derive(Clone, Debug)]
pub struct Added {
    pub client: Client,
    /// Nothing for a public client.
    pub secret: Option<Secret<String>>,
}

impl Registry {
    pub fn new(parts: RegistryParts) -> Self {
        let RegistryParts { db, clock, entropy, data_key, pseudonym_key } = parts;
        let keys = Keys::new(KeysParts {
            ring: crate::keys::Ring::Provider,
            db: db.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            data_key,
        });
        Registry { db, clock, entropy, marks: Marks::new(&pseudonym_key), keys }
    }

    /// The keys that sign tokens.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    pub async fn add(&self, draft: Draft, actor: Actor) -> Result<Added, Error> {
        draft.check().map_err(Error::Misfit)?;
        // Before anybody reads the key set for it.
        self.keys.ensure(draft.algorithm).await?;
        let now = self.clock.now();
        let client = Client {
            id: RelyingId::at(now, &*self.entropy),
            name: draft.name.trim().to_owned(),
            preset: draft.preset,
            kind: draft.kind,
            pkce: draft.pkce,
            consent: draft.consent,
            algorithm: draft.algorithm,
            id_token: draft.id_token,
            scopes: draft.scopes,
            answers: draft.answers,
            redirect_uris: draft.redirect_uris,
            logout_uris: draft.logout_uris,
            backchannel_uri: draft.backchannel_uri,
            origins: draft.origins,
            created_at: now,
        };
        let secret = (client.kind == Kind::Confidential).then(|| fresh_secret(&*self.entropy));
        let mark = secret.as_ref().map(|secret| self.marks.secret(secret.expose()));
        let added = client.clone();
        let written = self.db.write(move |tx| -> Result<(), Error> {
            if sql::client::count(tx)? >= MOST_CLIENTS {
                return Err(Error::TooMany);
            }
            sql::client::insert(tx, &client, mark.clone())?;
            let fact = ClientAdded {
                client: client.id,
                preset: client.preset.clone(),
                pkce: client.pkce.word().to_owned(),
                consent: client.consent.word().to_owned(),
                scopes: client.scopes.names(),
            };
            tx.append(actor, None, fact)?;
            Ok(())
        });
        written.await?;
        Ok(Added { client: added, secret })
    }

    /// All of them, oldest first.
    pub async fn list(&self) -> Result<Vec<Client>, Error> {
        let kept = self.db.read(|reader: &mut Reader<'_>| sql::client::all(reader)).await?;
        Ok(kept.into_iter().map(|kept| kept.client).collect())
    }

    pub async fn find(&self, id: RelyingId) -> Result<Client, Error> {
        let found = self.db.read(move |reader: &mut Reader<'_>| sql::client::by_id(reader, id)).await?;
        found.map(|kept| kept.client).ok_or(Error::NoClient)
    }

    /// A new secret. The one before is good for `overlap_hours` more, so that the shop can be told in peace; none for one that
    /// leaked.
    pub async fn rotate_secret(
        &self,
        id: RelyingId,
        overlap_hours: u32,
        actor: Actor,
    ) -> Result<Secret<String>, Error> {
        if overlap_hours > MOST_OVERLAP_HOURS {
            return Err(Error::Misfit(format!(
                "The old secret can be good for {MOST_OVERLAP_HOURS} hours at most."
            )));
        }
        let secret = fresh_secret(&*self.entropy);
        let mark = self.marks.secret(secret.expose());
        let until = self.clock.now().plus(Duration::from_secs(u64::from(overlap_hours) * 3_600));
        let written = self.db.write(move |tx| -> Result<(), Error> {
            if !sql::client::rotate(tx, id, &mark, until)? {
                return Err(match sql::client::by_id(tx, id)? {
                    Some(_) => Error::NoSecret,
                    None => Error::NoClient,
                });
            }
            tx.append(actor, None, ClientSecretRotated { client: id, overlap_hours })?;
            Ok(())
        });
        written.await.map(|()| secret)
    }

    /// What a client may ask for, from now on. What it may not any more is cut from what customers agreed to, from sign-ins under
    /// way and from tokens that it holds; what it may in addition, customers are asked about where they are asked at all.
    pub async fn set_scopes(&self, id: RelyingId, scopes: Scopes, actor: Actor) -> Result<(), Error> {
        let now = self.clock.now();
        let scopes = scopes.union(&Scopes::parse(Scope::Openid.name()));
        let written = self.db.write(move |tx| -> Result<(), Error> {
            let Some(kept) = sql::client::by_id(tx, id)? else { return Err(Error::NoClient) };
            let before = kept.client.scopes;
            if before == scopes {
                tx.commit_silent("a client may ask for what it could before");
                return Ok(());
            }
            if !sql::client::set_scopes(tx, id, &scopes)? {
                return Err(Error::NoClient);
            }
            sql::token::cut(tx, id, &scopes)?;
            sql::grant::cut(tx, id, &scopes, now)?;
            sql::consent::cut(tx, id, &scopes)?;
            let fact = ClientScopesChanged { client: id, before: before.names(), scopes: scopes.names() };
            tx.append(actor, None, fact)?;
            Ok(())
        });
        written.await
    }

    /// Removes a client with all that was given out for it.
    pub async fn remove(&self, id: RelyingId, actor: Actor) -> Result<(), Error> {
        let now = self.clock.now();
        let written = self.db.write(move |tx| -> Result<(), Error> {
            if !sql::client::delete(tx, id)? {
                return Err(Error::NoClient);
            }
            sql::grant::end_of_client(tx, id, now)?;
            sql::consent::delete_of_client(tx, id)?;
            tx.append(actor, None, ClientRemoved { client: id })?;
            Ok(())
        });
        written.await
    }
}
