//! Who calls: a client that has shown its secret, or a public one that has none.

use storeward_base::{ClientIp, RelyingId};
use storeward_detect::pace::Leave;
use storeward_events::oidc::ClientRefused;
use storeward_seal::fingerprint::equal;
use storeward_store::Reader;

use super::Fault;
use crate::error::Error;
use crate::model::{Client, Kind};
use crate::protocol::client::{Credentials, Shown};
use crate::protocol::refusal::Refused;
use crate::provider::Shared;
use crate::sql::{self, client::Kept};
use crate::throttle::Network;

const UNKNOWN: Refused = Refused::invalid_client("the client is not known, or its secret is not right");

impl Shared {
    /// The client behind the credentials. One that has a secret has to show it, whatever it asks for.
    pub async fn authenticate(&self, caller: ClientIp, credentials: Credentials) -> Result<Client, Fault> {
        let key = Network::of(caller);
        let id = credentials.client;
        let kept = self.db.read(move |reader: &mut Reader<'_>| sql::client::by_id(reader, id)).await?;
        if let Leave::Wait { seconds, first } = self.failures.attempt(&[key], self.now()) {
            if let Some(kept) = kept.filter(|_| first) {
                self.note_refusal(caller, kept.client.id, "throttled").await?;
            }
            return Err(Refused::too_often(seconds).into());
        }
        let Some(kept) = kept else { return Err(UNKNOWN.into()) };
        let reason = match (&credentials.shown, kept.client.kind) {
            (Shown::Secret(secret), Kind::Confidential) if self.secret_fits(&kept, secret.expose()) => None,
            (Shown::Nothing, Kind::Public) => None,
            (Shown::Secret(_), _) => Some("secret"),
            (Shown::Nothing, Kind::Confidential) => Some("no_secret"),
        };
        if let Some(reason) = reason {
            self.note_refusal(caller, kept.client.id, reason).await?;
            return Err(UNKNOWN.into());
        }
        self.failures.succeeded(&[key]);
        Ok(kept.client)
    }

    fn secret_fits(&self, kept: &Kept, secret: &str) -> bool {
        let mark = self.marks.secret(secret);
        let is =
            |kept: &Option<String>| kept.as_ref().is_some_and(|kept| equal(kept.as_bytes(), mark.as_bytes()));
        let overlaps = kept.previous_until.is_some_and(|until| self.now() < until);
        is(&kept.secret_mark) || overlaps && is(&kept.previous_mark)
    }

    async fn note_refusal(
        &self,
        caller: ClientIp,
        client: RelyingId,
        reason: &'static str,
    ) -> Result<(), Error> {
        let actor = self.stranger(caller);
        let written = self.db.write(move |tx| -> Result<(), Error> {
            tx.append(actor, None, ClientRefused { client, reason: reason.to_owned() })?;
            Ok(())
        });
        written.await
    }

    /// Every origin that some client has registered.
    pub async fn origins(&self) -> Result<Vec<String>, Error> {
        let kept = self.db.read(|reader: &mut Reader<'_>| sql::client::all(reader)).await?;
        Ok(kept.into_iter().flat_map(|kept| kept.client.origins).collect())
    }
}
