//! Who is signed in in a browser, for our pages and for whoever asks on the shop's behalf.

use std::time::Duration;

use storeward_base::{CustomerId, Language, Timestamp};
use storeward_host::OWN_PREFIX;
use storeward_store::{Reader, Tx};

use super::Identity;
use crate::error::Error;
use crate::model::{DeviceId, Level, Proof, SessionId, amr_claim, proofs_of_column};
use crate::sql::{self, session::SessionRow};
use crate::state::{Door, ReturnTo};
use crate::tokens::SessionToken;

/// How stale "seen" may be: one write a minute instead of one per click.
const SEEN_STEP: Duration = Duration::from_secs(60);

/// A session that is good now.
#[derive(Clone, Debug)]
pub struct CurrentSession {
    pub id: SessionId,
    pub customer: CustomerId,
    pub device: Option<DeviceId>,
    pub level: Level,
    pub proofs: Vec<Proof>,
    pub door: Door,
    /// When they signed in: a proof shown anew makes no other session.
    pub signed_in_at: Timestamp,
    /// `auth_time`: when the person last proved who they are.
    pub authenticated_at: Timestamp,
    /// When they last showed all that the account has.
    pub stepped_up_at: Option<Timestamp>,
    pub email: Option<String>,
    pub name: Option<String>,
    pub language: Language,
}

impl CurrentSession {
    /// The `acr` claim.
    pub const fn acr(&self) -> &'static str {
        self.level.acr()
    }

    /// The `amr` claim.
    pub fn amr(&self) -> Vec<String> {
        amr_claim(&self.proofs)
    }
}

/// For a write that is done for a session: goes on where the session is still there and is that person's, and what it has shown is
/// still all that the account has. What ended it a moment ago took back what it had led to, and knows nothing of what comes after.
/// How long it was idle was looked at when it was found.
pub fn still_signed_in(tx: &mut Tx<'_>, session: &CurrentSession) -> Result<(), Error> {
    let now = tx.now();
    let row = sql::session::by_id(tx, session.id, now, Timestamp::from_seconds(0))?;
    let is_as_it_was =
        row.is_some_and(|row| row.customer == session.customer && row.stepped_up_at >= session.stepped_up_at);
    if is_as_it_was { Ok(()) } else { Err(Error::Overtaken) }
}

impl Identity {
    /// The session behind a token. It counts as activity.
    pub async fn current(&self, token: &SessionToken) -> Result<Option<CurrentSession>, Error> {
        let shared = &self.0;
        let (hash, now) = (token.hash(), shared.now());
        let idle_since = now.minus(shared.policy().idle());
        let found = shared.db.read(move |reader| sql::session::by_token(reader, &hash, now, idle_since));
        let Some(row) = found.await? else { return Ok(None) };
        self.touch(&row, now).await?;
        self.opened(row).await
    }

    /// The session of this id, while it is good: for tokens that live no longer than it. No activity.
    pub async fn session_by_id(&self, id: SessionId) -> Result<Option<CurrentSession>, Error> {
        let now = self.0.now();
        let idle_since = now.minus(self.0.policy().idle());
        let found =
            self.0.db.read(move |reader: &mut Reader<'_>| sql::session::by_id(reader, id, now, idle_since));
        match found.await? {
            Some(row) => self.opened(row).await,
            None => Ok(None),
        }
    }

    /// As [`Identity::session_by_id`], for the shield: the browser shops on, so the session is not idle.
    pub(crate) async fn keep_session(&self, id: SessionId) -> Result<Option<CurrentSession>, Error> {
        let shared = &self.0;
        let now = shared.now();
        let idle_since = now.minus(shared.policy().idle());
        let found =
            shared.db.read(move |reader: &mut Reader<'_>| sql::session::by_id(reader, id, now, idle_since));
        let Some(row) = found.await? else { return Ok(None) };
        self.touch(&row, now).await?;
        self.opened(row).await
    }

    async fn touch(&self, row: &SessionRow, now: Timestamp) -> Result<(), Error> {
        if now.since(row.seen_at) < SEEN_STEP {
            return Ok(());
        }
        let id = row.id;
        let touched = self.0.db.write(move |tx| -> Result<(), Error> {
            sql::session::touch(tx, id, now)?;
            tx.commit_silent("when a session was last seen is no fact to keep");
            Ok(())
        });
        touched.await
    }

    async fn opened(&self, row: SessionRow) -> Result<Option<CurrentSession>, Error> {
        let account = self.0.account(row.customer).await?;
        let Some(account) = account.filter(|account| account.locked_at.is_none()) else { return Ok(None) };
        Ok(Some(CurrentSession {
            id: row.id,
            customer: row.customer,
            device: row.device,
            level: row.level,
            proofs: proofs_of_column(&row.amr),
            door: row.door,
            signed_in_at: row.created_at,
            authenticated_at: row.authenticated_at,
            stepped_up_at: row.stepped_up_at,
            email: account.email.map(|email| email.as_str().to_owned()),
            name: account.name,
            language: account.language,
        }))
    }

    /// Whether the session may do what is sensitive: everything the account has was shown within the last minutes.
    pub fn is_fresh(&self, session: &CurrentSession) -> bool {
        let within = self.0.policy().step_up();
        session.stepped_up_at.is_some_and(|at| self.0.now().since(at) < within)
    }

    /// Our sign-in page, which leads back to `to`.
    pub fn sign_in_address(&self, to: &ReturnTo) -> String {
        format!("{OWN_PREFIX}/sign-in?next={}", encode(to.as_str()))
    }

    /// The page on which a signed-in person proves anew who they are, and which leads back to `to`.
    pub fn step_up_address(&self, to: &ReturnTo) -> String {
        format!("{OWN_PREFIX}/step-up?next={}", encode(to.as_str()))
    }
}

/// Percent-encoding for a value in a query (RFC 3986 section 2.3's unreserved characters stay, and `/`).
pub fn encode(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
