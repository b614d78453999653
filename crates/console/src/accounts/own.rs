//! What members of staff do with their own access: confirm who they are, look at their sessions, end them.

use storeward_base::{Actor, StaffId, Timestamp};
use storeward_events::staff::{StaffConfirmed, StaffSessionsEnded};
use storeward_seal::fingerprint::token_hash;
use storeward_seal::totp::{self, TotpSecret};
use storeward_store::Tx;

use super::enrol::totp_place;
use super::sessions::{IDLE, SessionToken, StaffSessionId, TOTP};
use super::sign_in::{Caller, SignInError};
use super::throttle::{Key, Leave};
use super::{Accounts, sql, sql_own};
use crate::error::Error;

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct OwnSession {
    pub id: Option<StaffSessionId>,
    /// Such as "Firefox · Linux".
    pub label: String,
    pub address: String,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    pub is_this: bool,
    /// At the shop's host, behind a gate.
    pub is_at_gate: bool,
}

impl Accounts {
    /// Shows a code once more in a session that is open. The session gets another token: assurance changed.
    pub async fn confirm_with_code(
        &self,
        token: &SessionToken,
        staff: StaffId,
        code: &str,
        caller: &Caller,
    ) -> Result<SessionToken, SignInError> {
        let now = self.clock.now();
        let keys = self.confirm_keys(staff, caller);
        if let Leave::Wait { seconds, first } = self.throttle.attempt(&keys, now) {
            if first {
                self.tell_failure(caller.address, Some(staff), "throttled").await?;
            }
            return Err(SignInError::Throttled { seconds });
        }
        let sealed = self.db.read(move |reader| sql_own::totp(reader, staff)).await?;
        let Some(sealed) = sealed else { return Err(SignInError::Refused) };
        let secret = TotpSecret::from_bytes(self.key.open(&sealed, &totp_place(staff)).map_err(Error::from)?)
            .map_err(Error::from)?;
        let Some(step) = totp::verify(&secret, code, now, 1) else {
            self.tell_failure(caller.address, Some(staff), "code").await?;
            return Err(SignInError::Refused);
        };
        let raised = self.raise(token, staff, TOTP, move |tx| sql::take_step(tx, staff, step)).await?;
        match raised {
            Some(token) => {
                self.throttle.succeeded(&keys);
                Ok(token)
            }
            None => {
                self.tell_failure(caller.address, Some(staff), "code_replayed").await?;
                Err(SignInError::Refused)
            }
        }
    }

    pub(super) fn confirm_keys(&self, staff: StaffId, caller: &Caller) -> [Key; 2] {
        let own = Key::Account(token_hash(&format!("confirm {staff}")));
        [own, Key::Address(caller.address.block())]
    }

    /// Takes a proof and gives the session its next token, in one transaction; `None` when the proof was taken before or
    /// the session is over.
    pub(super) async fn raise(
        &self,
        token: &SessionToken,
        staff: StaffId,
        factor: &'static str,
        take: impl Fn(&mut Tx<'_>) -> Result<bool, storeward_store::Error> + Send + 'static,
    ) -> Result<Option<SessionToken>, Error> {
        let next = SessionToken::generate(&*self.entropy);
        let (old, new, now) = (token.hash(), next.hash(), self.clock.now());
        let raised = self.db.write(move |tx| {
            if !take(tx)? || !sql_own::confirm_session(tx, &old, &new, now, factor)? {
                tx.commit_silent("nothing was confirmed; the refusal is told after");
                return Ok::<_, Error>(false);
            }
            let fact = StaffConfirmed { staff, factor: factor.to_owned() };
            tx.append(Actor::Staff { id: staff }, None, fact)?;
            Ok(true)
        });
        Ok(raised.await?.then_some(next))
    }

    pub async fn own_sessions(&self, token: &SessionToken, staff: StaffId) -> Result<Vec<OwnSession>, Error> {
        let (this, now) = (token.hash(), self.clock.now());
        let read = move |reader: &mut storeward_store::Reader<'_>| {
            sql_own::sessions(reader, staff, now, now.minus(IDLE))
        };
        let rows = self.db.read(read).await?;
        Ok(rows
            .into_iter()
            .map(|row| OwnSession {
                id: row.id,
                label: row.label.unwrap_or_else(|| "?".to_owned()),
                address: row.address.unwrap_or_default(),
                created_at: row.created_at,
                seen_at: row.seen_at,
                is_this: row.token_hash == this,
                is_at_gate: row.place.is_some(),
            })
            .collect())
    }

    /// Ends one of the member's own sessions; another one's stays.
    pub async fn end_own_session(&self, staff: StaffId, id: StaffSessionId) -> Result<(), Error> {
        self.end_own(staff, move |tx| sql_own::end_session(tx, id, staff)).await
    }

    /// Ends every session of the member but this one.
    pub async fn end_other_sessions(&self, token: &SessionToken, staff: StaffId) -> Result<(), Error> {
        let this = token.hash();
        self.end_own(staff, move |tx| sql_own::end_other_sessions(tx, staff, &this)).await
    }

    async fn end_own(
        &self,
        staff: StaffId,
        end: impl Fn(&mut Tx<'_>) -> Result<u64, storeward_store::Error> + Send + 'static,
    ) -> Result<(), Error> {
        let ended = self.db.write(move |tx| {
            let count = end(tx)?;
            if count == 0 {
                tx.commit_silent("there was no such session");
            } else {
                tx.append(Actor::Staff { id: staff }, None, StaffSessionsEnded { staff, count })?;
            }
            Ok::<_, Error>(())
        });
        ended.await
    }
}
