//! Which shops and apps have access to an account, as its owner sees it, and taking it away.

use storeward_base::{Actor, CustomerId, RelyingId, Timestamp};
use storeward_events::oidc::AccessWithdrawn;
use storeward_store::Reader;

use super::ended::promise_news;
use crate::error::Error;
use crate::protocol::scope::Scopes;
use crate::provider::Shared;
use crate::sql;

/// One client with access.
#[derive(Clone, Debug)]
pub struct AccessOf {
    pub client: RelyingId,
    pub name: String,
    /// What it may know: what was agreed to, and what its sign-ins were given.
    pub scopes: Scopes,
    pub since: Timestamp,
    /// The newest sign-in to it that stands.
    pub last_at: Option<Timestamp>,
}

impl Shared {
    /// The newest first.
    pub async fn accesses(&self, customer: CustomerId) -> Result<Vec<AccessOf>, Error> {
        let now = self.now();
        let found = self.db.read(move |reader: &mut Reader<'_>| -> Result<Vec<AccessOf>, Error> {
            let mut all: Vec<AccessOf> = Vec::new();
            let consents = sql::consent::of_customer(reader, customer)?;
            let agreed = consents.into_iter().map(|(client, scopes, at)| (client, scopes, at, None));
            let grants = sql::grant::standing_of(reader, customer, now)?;
            let given = grants.into_iter().map(|(client, scopes, at)| (client, scopes, at, Some(at)));
            for (client, scopes, since, last_at) in agreed.chain(given) {
                match all.iter_mut().find(|known| known.client == client) {
                    Some(known) => {
                        known.scopes = known.scopes.union(&scopes);
                        known.since = known.since.min(since);
                        known.last_at = known.last_at.max(last_at);
                    }
                    None => {
                        let Some(kept) = sql::client::by_id(reader, client)? else { continue };
                        all.push(AccessOf { client, name: kept.client.name, scopes, since, last_at });
                    }
                }
            }
            all.sort_by_key(|one| std::cmp::Reverse((one.last_at, one.since)));
            Ok(all)
        });
        found.await
    }

    /// Ends everything that a client was given of this customer: what they agreed to, and every line of tokens. It is told
    /// that its sessions are over. Taking away what is not there changes nothing.
    pub async fn withdraw(&self, customer: CustomerId, client: RelyingId) -> Result<(), Error> {
        let now = self.now();
        let written = self.db.write(move |tx| -> Result<(), Error> {
            let sessions = sql::grant::sessions_of(tx, customer, client)?;
            let agreed = sql::consent::delete(tx, customer, client)?;
            let grants = sql::grant::end_of_access(tx, customer, client, now)?;
            if !agreed && grants == 0 {
                tx.commit_silent("there was no access, or it is somebody else's");
                return Ok(());
            }
            for session in sessions {
                promise_news(tx, client, customer, session)?;
            }
            let actor = Actor::Customer { id: customer };
            tx.append(actor, None, AccessWithdrawn { client, customer, grants })?;
            Ok(())
        });
        written.await
    }
}
