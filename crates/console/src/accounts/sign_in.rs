//! Sign-in: e-mail, password and code together; one answer for every way of failing.

use storeward_base::{Actor, ClientIp, Secret, StaffId};
use storeward_events::staff::{StaffSignInFailed, StaffSignedIn, StaffSignedOut};
use storeward_passwords::{StoredHash, Ticket};
use storeward_seal::fingerprint::token_hash;
use storeward_seal::totp::{self, Step, TotpSecret};

use super::enrol::totp_place;
use super::sessions::{ABSOLUTE, IDLE, SEEN_STEP, Session, SessionToken, StaffSessionId, TOTP};
use super::sql;
use super::throttle::{Key, Leave};
use super::{Accounts, ticket};
use crate::error::Error;

/// What a form sent, unread.
#[derive(Debug)]
pub struct SignInForm {
    pub email: String,
    pub password: Secret<String>,
    pub code: String,
}

/// The browser that asks.
#[derive(Clone, Debug)]
pub struct Caller {
    pub address: ClientIp,
    /// Such as "Firefox · Linux".
    pub label: String,
}

/// Why nobody was signed in. The caller must not tell the reasons of `Refused` apart: there are none to tell.
#[derive(Debug)]
pub enum SignInError {
    Refused,
    Throttled {
        seconds: u64,
    },
    /// As many passwords are being checked as may.
    Crowded {
        seconds: u64,
    },
    Failed(Error),
}

impl<E: Into<Error>> From<E> for SignInError {
    fn from(error: E) -> Self {
        SignInError::Failed(error.into())
    }
}

/// An account as sign-in needs it.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub staff: StaffId,
    pub password_hash: String,
    pub totp_sealed: Vec<u8>,
}

/// The reasons of the ledger.
struct Reason {
    staff: Option<StaffId>,
    words: &'static str,
}

impl Accounts {
    /// Checks all three, whether the account exists or not, and always in the same order with the same work.
    /// `previous` is the session the browser had: it ends.
    pub async fn sign_in(
        &self,
        form: SignInForm,
        caller: &Caller,
        previous: Option<SessionToken>,
    ) -> Result<SessionToken, SignInError> {
        let (now, address) = (self.clock.now(), caller.address);
        let email = form.email.trim().to_lowercase();
        let keys = [Key::Account(token_hash(&email)), Key::Address(address.block())];
        if let Leave::Wait { seconds, first } = self.throttle.attempt(&keys, now) {
            if first {
                self.record_failure(address, Reason { staff: None, words: "throttled" }).await?;
            }
            return Err(SignInError::Throttled { seconds });
        }
        let ticket = ticket(&email, address);
        let account = self.db.read(move |reader| sql::credentials(reader, &email)).await?;
        let secret = self.secret_of(account.as_ref())?;
        let fits = match self.check_password(account.as_ref(), ticket, form.password).await {
            Ok(fits) => fits,
            Err(error) => return Err(self.not_checked(error, &keys)),
        };
        let step = totp::verify(&secret, &form.code, now, 1);
        let (staff, step) = match (account, fits, step) {
            (None, ..) => {
                return self.refuse(address, Reason { staff: None, words: "unknown_account" }).await;
            }
            (Some(account), false, _) => {
                return self.refuse(address, Reason { staff: Some(account.staff), words: "password" }).await;
            }
            (Some(account), true, None) => {
                return self.refuse(address, Reason { staff: Some(account.staff), words: "code" }).await;
            }
            (Some(account), true, Some(step)) => (account.staff, step),
        };
        match self.begin_session(staff, step, caller, previous).await? {
            Some(token) => {
                self.throttle.succeeded(&keys);
                Ok(token)
            }
            None => self.refuse(address, Reason { staff: Some(staff), words: "code_replayed" }).await,
        }
    }

    /// The account's secret; a fresh one that fits no code where there is no account.
    fn secret_of(&self, account: Option<&Credentials>) -> Result<TotpSecret, Error> {
        match account {
            Some(account) => {
                let bytes = self.key.open(&account.totp_sealed, &totp_place(account.staff))?;
                Ok(TotpSecret::from_bytes(bytes)?)
            }
            None => Ok(TotpSecret::generate(&*self.entropy)),
        }
    }

    async fn check_password(
        &self,
        account: Option<&Credentials>,
        ticket: Ticket,
        given: Secret<String>,
    ) -> Result<bool, storeward_passwords::Error> {
        let found = match account {
            Some(account) => {
                let stored = StoredHash::parse(&account.password_hash)?;
                self.passwords.pool.verify(ticket, given, stored).await?
            }
            None => self.passwords.pool.verify_nothing(ticket, given).await?,
        };
        Ok(found.fits())
    }

    /// A guess that nobody looked at does not count as one.
    fn not_checked(&self, error: storeward_passwords::Error, keys: &[Key]) -> SignInError {
        self.throttle.withdraw(keys);
        let seconds = error.retry_after().map(|wait| wait.as_secs().max(1));
        match (error, seconds) {
            (storeward_passwords::Error::TooMany { .. }, Some(seconds)) => SignInError::Throttled { seconds },
            (_, Some(seconds)) => SignInError::Crowded { seconds },
            (error, None) => SignInError::Failed(error.into()),
        }
    }

    /// Takes the code's step and opens the session in one transaction; `None` when the code was used before, also by
    /// a request that runs at this very moment.
    async fn begin_session(
        &self,
        staff: StaffId,
        step: Step,
        caller: &Caller,
        previous: Option<SessionToken>,
    ) -> Result<Option<SessionToken>, Error> {
        let (token, draft) = self.draft_session(staff, caller, TOTP);
        let previous = previous.map(|previous| previous.hash());
        let letters = self.letters.clone();
        let began = self.db.write(move |tx| {
            if !sql::take_step(tx, staff, step)? {
                tx.commit_silent("a code that was used already changes nothing; the refusal is told after");
                return Ok::<_, Error>(false);
            }
            if let Some(previous) = &previous {
                sql::delete_session(tx, previous)?;
            }
            draft.write(tx)?;
            letters.signed_in(tx, &draft)?;
            tx.append(Actor::Staff { id: staff }, None, StaffSignedIn { staff })?;
            Ok(true)
        });
        Ok(began.await?.then_some(token))
    }

    /// A session that is about to begin.
    pub(super) fn draft_session(
        &self,
        staff: StaffId,
        caller: &Caller,
        factor: &'static str,
    ) -> (SessionToken, sql::NewSession) {
        let (token, now) = (SessionToken::generate(&*self.entropy), self.clock.now());
        let draft = sql::NewSession {
            token_hash: token.hash(),
            id: StaffSessionId::at(now, &*self.entropy),
            staff,
            label: caller.label.clone(),
            address: caller.address.to_string(),
            now,
            expires_at: now.plus(ABSOLUTE),
            factor,
        };
        (token, draft)
    }

    async fn refuse<T>(&self, address: ClientIp, reason: Reason) -> Result<T, SignInError> {
        self.record_failure(address, reason).await?;
        Err(SignInError::Refused)
    }

    pub(super) async fn tell_failure(
        &self,
        address: ClientIp,
        staff: Option<StaffId>,
        words: &'static str,
    ) -> Result<(), Error> {
        self.record_failure(address, Reason { staff, words }).await
    }

    async fn record_failure(&self, address: ClientIp, reason: Reason) -> Result<(), Error> {
        let actor = Actor::Client { client: self.db.client_ref(address) };
        let fact = StaffSignInFailed { staff: reason.staff, reason: reason.words.to_owned() };
        // Only behind a right password or in an open session does a factor fail that is somebody's.
        let missed = reason.staff.filter(|_| matches!(reason.words, "code" | "code_replayed" | "passkey"));
        let letters = self.letters.clone();
        let written = self.db.write(move |tx| {
            tx.append(actor, None, fact.clone())?;
            match missed {
                Some(staff) => letters.missed(tx, staff, address),
                None => Ok(()),
            }
        });
        written.await
    }

    /// The session behind a token, if it is good now. `acts` tells whether this request counts as activity.
    pub async fn session(&self, token: &SessionToken, acts: bool) -> Result<Option<Session>, Error> {
        let (hash, now) = (token.hash(), self.clock.now());
        let found = {
            let hash = hash.clone();
            self.db.read(move |reader| sql::session(reader, &hash, now, now.minus(IDLE))).await?
        };
        let is_stale = found.as_ref().is_some_and(|session| now.since(session.seen_at) >= SEEN_STEP);
        if acts && is_stale {
            // Not being able to write it turns nobody away, least of all from the page that says so: a session that is not
            // touched ends the sooner.
            let _untouched = self
                .db
                .write(move |tx| {
                    sql::touch_session(tx, &hash, now)?;
                    tx.commit_silent("when a session was last seen is no fact to keep");
                    Ok::<_, Error>(())
                })
                .await;
        }
        Ok(found)
    }

    /// Ends the session. Ending one that has ended changes nothing.
    pub async fn sign_out(&self, token: &SessionToken, staff: StaffId) -> Result<(), Error> {
        let hash = token.hash();
        self.db
            .write(move |tx| {
                sql::delete_session(tx, &hash)?;
                tx.append(Actor::Staff { id: staff }, None, StaffSignedOut { staff })?;
                Ok(())
            })
            .await
    }
}
