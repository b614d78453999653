//! Another password, for a member of staff who knows the one before, in a session that has just shown a second factor (ASVS 5.0
//! 6.2.2, 6.2.3). The session gets another token, and all others end.

use storeward_base::{Actor, Secret, StaffId};
use storeward_events::staff::StaffPasswordChanged;
use storeward_passwords::breach::Stolen;
use storeward_passwords::{Judgement, MAX_BYTES, Message, MessageId, StoredHash, Ticket};

use super::enrol::EnrolError;
use super::letters::Told;
use super::model::{Email, Misfit, NewPassword, StaffName};
use super::sessions::SessionToken;
use super::sign_in::Caller;
use super::throttle::Leave;
use super::{Accounts, sql_own, ticket};
use crate::error::Error;

/// What a form sent, unread.
#[derive(Debug)]
pub struct PasswordForm {
    pub current: Secret<String>,
    pub password: Secret<String>,
    pub repeated: Secret<String>,
}

impl Accounts {
    pub async fn change_password(
        &self,
        token: &SessionToken,
        staff: StaffId,
        form: PasswordForm,
        caller: &Caller,
    ) -> Result<SessionToken, EnrolError> {
        let misfit =
            |words: &'static str| EnrolError::Misfit(Misfit { field: "current", words: words.into() });
        let (now, keys) = (self.clock.now(), self.confirm_keys(staff, caller));
        if let Leave::Wait { first, .. } = self.throttle.attempt(&keys, now) {
            if first {
                self.tell_failure(caller.address, Some(staff), "throttled").await?;
            }
            return Err(misfit("That was too often. Wait a while and try again."));
        }
        let person = self.db.read(move |reader| sql_own::person(reader, staff)).await?;
        let person = person.ok_or(Error::NoSuchMember)?;
        let ticket = ticket(&person.email, caller.address);
        let stored = StoredHash::parse(&person.password_hash).map_err(Error::from)?;
        if !self.passwords.pool.verify(ticket, form.current, stored).await.map_err(Error::from)?.fits() {
            self.tell_failure(caller.address, Some(staff), "password").await?;
            return Err(misfit("That is not your current password."));
        }
        let name = StaffName::parse(&person.name).map_err(EnrolError::Misfit)?;
        let email = Email::parse(&person.email).map_err(EnrolError::Misfit)?;
        let chosen = self.choose(ticket, (&email, &name), form.password, &form.repeated).await?;
        let hash = self.passwords.pool.hash(ticket, chosen.into_secret()).await.map_err(Error::from)?;
        let (hash, known) = (hash.to_string(), person.password_hash);
        let next = SessionToken::generate(&*self.entropy);
        let (old, new) = (token.hash(), next.hash());
        let (letters, label) = (self.letters.clone(), caller.label.clone());
        let written = self.db.write(move |tx| {
            let is_open = sql_own::move_session(tx, &old, &new, now)?;
            if !is_open || !sql_own::set_password(tx, staff, &hash, &known)? {
                return Err(Error::NoSuchMember);
            }
            let count = sql_own::end_other_sessions(tx, staff, &new)?;
            tx.append(Actor::Staff { id: staff }, None, StaffPasswordChanged { staff, count })?;
            letters.tell(tx, staff, Told::PasswordChanged, &[("Device", &label)])
        });
        written.await?;
        self.throttle.succeeded(&keys);
        Ok(next)
    }

    /// What is to be said of a password that is still being typed; nothing when too many type at once. Of a person whose
    /// address or name is not typed yet, only the rest counts.
    pub async fn read_typed(&self, email: &str, name: &str, password: Secret<String>) -> Option<Judgement> {
        if password.expose().is_empty() || password.expose().len() > 2 * MAX_BYTES {
            return None;
        }
        let context = NewPassword::words(email, name, &(self.shop_names)());
        self.passwords.gauge.read(NewPassword::POLICY, password, context).await
    }

    /// The same for somebody who has an account.
    pub async fn read_typed_by(
        &self,
        staff: StaffId,
        password: Secret<String>,
    ) -> Result<Option<Judgement>, Error> {
        let person = self.db.read(move |reader| sql_own::person(reader, staff)).await?;
        let person = person.ok_or(Error::NoSuchMember)?;
        Ok(self.read_typed(&person.email, &person.name, password).await)
    }

    /// A password that may be chosen, typed twice.
    pub(super) async fn choose(
        &self,
        ticket: Ticket,
        (email, name): (&Email, &StaffName),
        password: Secret<String>,
        repeated: &Secret<String>,
    ) -> Result<NewPassword, EnrolError> {
        if password.expose() != repeated.expose() {
            let misfit = Misfit { field: "repeated", words: "The two passwords differ.".into() };
            return Err(EnrolError::Misfit(misfit));
        }
        let context = NewPassword::context(email, name, &(self.shop_names)());
        let judged = self.passwords.pool.judge(ticket, NewPassword::POLICY, password.clone(), context).await;
        let mut judged = judged.map_err(Error::from)?;
        if judged.is_accepted() && self.passwords.breaches.look_up(&password).await == Stolen::Yes {
            judged.object(Message::new(MessageId::Breached));
        }
        NewPassword::accept(password, &judged).map_err(EnrolError::Misfit)
    }
}
