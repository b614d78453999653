//! The provider put together: what it needs, and what its verbs share.

use std::sync::Arc;

use storeward_base::{ClientIp, Clock, CustomerId, Entropy, Timestamp};
use storeward_detect::pace::Throttle;
use storeward_identity::{Identity, Person, SessionId, Tab};
use storeward_seal::jws::{Algorithm, Unchecked};
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::Db;

use crate::config::ProviderSection;
use crate::error::Error;
use crate::keys::{Keys, KeysParts};
use crate::marks::Marks;
use crate::pages::PREFIX;
use crate::protocol::claims::ID_TOKEN;
use crate::sql::grant::GrantRow;
use crate::texts::{Text, WORDS};
use crate::throttle::{Network, failures};
use crate::verbs::ended::leave;

/// What the app hands over.
pub struct ProviderParts {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub data_key: DataKey,
    pub pseudonym_key: PseudonymKey,
    pub identity: Identity,
    pub section: ProviderSection,
    /// The roots of the section's `ca_file`, in PEM.
    pub roots: Option<Vec<u8>>,
}

/// The provider. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Provider(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub data_key: DataKey,
    pub marks: Marks,
    pub keys: Keys,
    pub identity: Identity,
    pub section: ProviderSection,
    pub roots: Option<Vec<u8>>,
    pub failures: Throttle<Network>,
}

/// An ID token that a client showed and that is ours.
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    /// `sub`.
    pub subject: String,
    /// `aud`: the client it was given to.
    pub audience: String,
}

impl Provider {
    pub fn new(parts: ProviderParts) -> Self {
        let ProviderParts { db, clock, entropy, data_key, pseudonym_key, identity, section, roots } = parts;
        let keys = Keys::new(KeysParts {
            ring: crate::keys::Ring::Provider,
            db: db.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            data_key: data_key.clone(),
        });
        identity.add_tab(|language| Tab {
            path: crate::pages::APPS,
            label: WORDS.text(language, Text::AppsNav, &[]),
        });
        identity.add_leaving(|tx, closed| {
            leave(tx, closed).map_err(|error| match error {
                Error::Store(error) => error.into(),
                _ => {
                    storeward_identity::Error::Form("what was given out for a closed account cannot be ended")
                }
            })
        });
        Provider(Arc::new(Shared {
            marks: Marks::new(&pseudonym_key),
            failures: failures(),
            db,
            clock,
            entropy,
            data_key,
            keys,
            identity,
            section,
            roots,
        }))
    }

    /// Makes the key that signs by default, where there is none yet. Once, before the provider serves.
    pub async fn prepare(&self) -> Result<(), Error> {
        self.0.keys.ensure(Algorithm::Es256).await
    }

    /// `iss`: what tokens name as whoever gave them out.
    pub fn issuer(&self) -> String {
        self.0.issuer()
    }
}

impl Shared {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn issuer(&self) -> String {
        format!("{}{PREFIX}", self.identity.address())
    }

    /// An ID token of ours, whole and believed, however old: a client shows it to say whom it means (OpenID Connect Core section
    /// 3.1.2.1, RP-Initiated Logout 1.0 section 2).
    pub async fn hint(&self, token: &str) -> Result<Option<Hint>, Error> {
        let Ok(unchecked) = Unchecked::parse(token) else { return Ok(None) };
        let Some(key) = self.keys.public(unchecked.key_id()).await? else { return Ok(None) };
        let Ok(claims) = unchecked.verify(&key, ID_TOKEN) else { return Ok(None) };
        let text = |name: &str| claims.get(name).and_then(|value| value.as_str()).unwrap_or("").to_owned();
        let ours = text("iss") == self.issuer();
        Ok(ours.then(|| Hint { subject: text("sub"), audience: text("aud") }))
    }

    /// Whose grant it is, if it stands: not ended, and its session is there, or the customer agreed that it need not be, and not too
    /// long ago.
    pub async fn standing(&self, grant: &GrantRow) -> Result<Option<Person>, Error> {
        if grant.ended_at.is_some() {
            return Ok(None);
        }
        if self.offline_end(grant).is_some_and(|end| end <= self.now()) {
            return Ok(None);
        }
        if grant.offline_at.is_none() && !self.is_alive(grant.session, grant.customer).await? {
            return Ok(None);
        }
        Ok(self.identity.person(grant.customer).await?)
    }

    /// When what outlives the session ends, however often it is used (ASVS 5.0 10.4.8).
    pub fn offline_end(&self, grant: &GrantRow) -> Option<Timestamp> {
        grant.offline_at.map(|at| at.plus(self.section.offline()))
    }

    async fn is_alive(&self, session: SessionId, customer: CustomerId) -> Result<bool, Error> {
        let session = self.identity.session_by_id(session).await?;
        Ok(session.is_some_and(|session| session.customer == customer))
    }

    /// Who calls, for facts of whoever is not known.
    pub fn stranger(&self, client: ClientIp) -> storeward_base::Actor {
        storeward_base::Actor::Client { client: self.db.client_ref(client) }
    }
}
