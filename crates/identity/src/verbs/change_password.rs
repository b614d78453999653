//! A new password from inside: for a session that has just proved everything. Other sessions end.

use storeward_base::{Actor, Secret};
use storeward_events::identity::{CustomerPasswordChanged, SessionsRevoked};
use storeward_passwords::Lane;

use super::current::CurrentSession;
use super::enrol::EnrolFault;
use super::{Identity, note_activity};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::passwords::ticket;
use crate::sql;
use crate::tokens::SessionToken;
use crate::visit::Visit;

impl Identity {
    /// Sets the password; the session goes on under a new token.
    pub async fn change_password(
        &self,
        visit: &Visit,
        session: &CurrentSession,
        password: Secret<String>,
    ) -> Result<SessionToken, EnrolFault> {
        self.require_fresh(session)?;
        let shared = &self.0;
        let account = shared.account(session.customer).await?.ok_or(Error::NoAccount)?;
        let email = account.email.clone().ok_or(Error::NoAccount)?;
        let ticket = ticket(visit, &session.customer.to_string(), Lane::KnownDevice);
        let (shop, beside) = (shared.shop_name(), shared.beside());
        let judged = shared.passwords.judge(ticket, &password, &email, &shop, beside).await?;
        judged.map_err(EnrolFault::Misfit)?;
        let hash = shared.passwords.hash(ticket, password).await?;
        let (customer, this, now) = (session.customer, session.id, shared.now());
        let old = visit.session.as_ref().ok_or(Error::FlowOver)?.hash();
        let token = SessionToken::generate(&*shared.entropy);
        let raise = sql::session::Raise {
            id: this,
            old_hash: old,
            new_hash: token.hash(),
            level: session.level,
            amr: crate::model::amr_column(&session.proofs),
            at: now,
        };
        let notice = shared.notice(LetterKind::PasswordChanged, &account, &[], now);
        let activity = shared.activity("password_changed", &visit.label);
        let post = shared.post.clone();
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            if !sql::session::raise(tx, &raise)? {
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
            Ok(())
        });
        written.await?;
        Ok(token)
    }
}
