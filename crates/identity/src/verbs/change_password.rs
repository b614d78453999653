//! A new password from inside: for a session that has just proved everything, and with the password that was (ASVS 5.0
//! 6.2.3): a browser that was left open is not enough, nor is a passkey that somebody else holds. Other sessions end, and other devices
//! are known and trusted no more.

use storeward_base::{Actor, Secret};
use storeward_events::identity::{CustomerPasswordChanged, FactorFailed, SessionsRevoked};
use storeward_passwords::{Lane, Ticket};

use super::current::CurrentSession;
use super::devices::forget_others;
use super::enrol::EnrolFault;
use super::{Identity, Shared, note_activity};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::model::{Account, Misfit};
use crate::passwords::{Fit, ticket};
use crate::sql;
use crate::throttle::{Key, Leave};
use crate::tokens::SessionToken;
use crate::visit::Visit;

impl Identity {
    /// Sets the password; the session goes on under a new token.
    pub async fn change_password(
        &self,
        visit: &Visit,
        session: &CurrentSession,
        current: Secret<String>,
        password: Secret<String>,
    ) -> Result<SessionToken, EnrolFault> {
        self.require_fresh(session)?;
        let shared = &self.0;
        let account = shared.account(session.customer).await?.ok_or(Error::NoAccount)?;
        let email = account.email.clone().ok_or(Error::NoAccount)?;
        let ticket = ticket(visit, &session.customer.to_string(), Lane::KnownDevice);
        shared.require_password(ticket, &account, current).await?;
        let (shop, beside) = (shared.shop_name(), shared.beside());
        let judged = shared
            .passwords
            .judge(ticket, &password, (&email, account.name.as_deref()), &shop, beside)
            .await?;
        judged.map_err(EnrolFault::Misfit)?;
        let hash = shared.passwords.hash(ticket, password).await?;
        let (customer, this, device, now) = (session.customer, session.id, session.device, shared.now());
        let old = visit.session.as_ref().ok_or(Error::FlowOver)?.hash();
        let token = SessionToken::generate(&*shared.entropy);
        let new = token.hash();
        let notice = shared.notice(LetterKind::PasswordChanged, &account, &[], now);
        let activity = shared.activity_of("password_changed", visit);
        let post = shared.post.clone();
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            // The password is not all that the account has: what was shown, and since when, stays.
            if !sql::session::rotate(tx, this, &old, &new)? {
                return Err(Error::FlowOver);
            }
            sql::account::set_password(tx, customer, &hash, now)?;
            let count = sql::session::delete_others(tx, customer, this)?;
            sql::flow::end_all(tx, customer)?;
            note_activity(tx, customer, &activity)?;
            if let Some(notice) = &notice {
                notice.write(tx, &*post)?;
            }
            let actor = Actor::Customer { id: customer };
            tx.append(actor, None, CustomerPasswordChanged { customer, reason: "change".to_owned() })?;
            tx.append(
                actor,
                None,
                SessionsRevoked { customer, count, reason: "password_changed".to_owned() },
            )?;
            Ok(forget_others(tx, actor, customer, device, "password_changed")?)
        });
        written.await?;
        Ok(token)
    }
}

impl Shared {
    /// Refuses unless this is the account's password. Its guesses have a count of their own, for it takes a session that has just
    /// proved everything: strangers' tries at the second factor do not keep the owner from choosing another password.
    async fn require_password(
        &self,
        ticket: Ticket,
        account: &Account,
        given: Secret<String>,
    ) -> Result<(), EnrolFault> {
        let misfit = |key| EnrolFault::Misfit(Misfit { field: "current", key });
        let (customer, key) = (account.id, Key::KnownDevice(format!("password {}", account.id)));
        if let Leave::Wait { .. } = self.throttle.attempt(std::slice::from_ref(&key), self.now()) {
            return Err(misfit("misfit.too_often"));
        }
        match self.passwords.check(ticket, account.password_hash.as_deref(), given).await {
            Ok(Fit::No) => {}
            Ok(_) => {
                self.throttle.succeeded(&[key]);
                return Ok(());
            }
            Err(error) => {
                // A guess that was not looked at is none.
                self.throttle.withdraw(&[key]);
                return Err(error.into());
            }
        }
        let written = self.db.write(move |tx| -> Result<(), Error> {
            let (factor, reason) = ("password".to_owned(), "wrong".to_owned());
            let actor = Actor::Customer { id: customer };
            tx.append(actor, None, FactorFailed { customer, factor, reason })?;
            Ok(())
        });
        written.await?;
        Err(misfit("misfit.password_current"))
    }
}
