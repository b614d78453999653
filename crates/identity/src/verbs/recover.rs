//! A way back: a code to the address on file, then the second factor where there is one, then a new password. It signs
//! nobody in, and it ends every session and every device. (Whoever knows the password all the same: see `keep_password.rs`.)

use storeward_base::{Actor, Language, Secret};
use storeward_events::identity::{CustomerPasswordChanged, RecoveryBegun, RecoveryFinished};
use storeward_passwords::Lane;
use storeward_puzzle::Purpose as Puzzle;

use super::devices::end_everything;
use super::flows::{Need, Step};
use super::mailed::Asks;
use super::{Identity, note_activity};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::model::{Email, Misfit};
use crate::passwords::ticket;
use crate::sql;
use crate::state::{Flow, Purpose, ReturnTo, State};
use crate::throttle::{Key, Leave};
use crate::tokens::FlowToken;
use crate::visit::Visit;

use super::sign_up::SignUpFault;

/// What a form sent, unread.
#[derive(Debug)]
pub struct RecoveryForm<'a> {
    pub email: &'a str,
    /// Where whoever keeps their password goes on.
    pub return_to: Option<ReturnTo>,
    /// Of a puzzle that the page had; empty without.
    pub answer: &'a str,
}

#[derive(Debug)]
pub enum NewPasswordFault {
    Misfit(Misfit),
    Failed(Error),
}

impl<E: Into<Error>> From<E> for NewPasswordFault {
    fn from(error: E) -> Self {
        NewPasswordFault::Failed(error.into())
    }
}

impl Identity {
    /// Sends a code if the address has an account. The answer is the same if not.
    pub async fn begin_recovery(
        &self,
        visit: &Visit,
        form: RecoveryForm<'_>,
        language: Language,
    ) -> Result<FlowToken, SignUpFault> {
        let begun = tokio::time::Instant::now();
        let answer = self.begin_recovery_now(visit, form, language).await;
        self.0.settle(begun).await;
        answer
    }

    async fn begin_recovery_now(
        &self,
        visit: &Visit,
        form: RecoveryForm<'_>,
        language: Language,
    ) -> Result<FlowToken, SignUpFault> {
        let shared = &self.0;
        let email = Email::parse(form.email).map_err(SignUpFault::Misfit)?;
        let way = shared.way(Puzzle::Recovery, visit, form.answer, email.as_str());
        let block = visit.client.block();
        let account =
            shared.account_by_any_email(&email).await?.filter(|account| account.locked_at.is_none());
        let letter = shared.letter_key(visit, &email, account.as_ref(), Asks::Stranger, way).await?;
        let keys = [way.key(Key::Begun(block), block), letter];
        if let Leave::Wait { seconds, .. } = shared.throttle.attempt(&keys, shared.now()) {
            shared.tell_crowded(visit, account.as_ref(), seconds).await?;
            return Err(SignUpFault::Throttled { seconds });
        }
        let customer = account.as_ref().map(|account| account.id);
        let language = account.as_ref().map_or(language, |account| account.language);
        let state = State {
            address: Some(email.as_str().to_owned()),
            language: Some(language),
            return_to: form.return_to,
            ..State::default()
        };
        let mut draft = shared.draft_flow(Purpose::Recovery, customer, state);
        shared.with_code(&mut draft, LetterKind::RecoveryCode, &email, language);
        if account.is_none() {
            draft.letter = None;
        }
        let (token, post) = (draft.token.clone(), shared.post.clone());
        let actor = shared.stranger(visit.client);
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            draft.write(tx, &*post)?;
            tx.append(actor, None, RecoveryBegun { customer })?;
            Ok(())
        });
        written.await?;
        Ok(token)
    }

    /// Somebody whose password is the shop's own has shown everything: the address is theirs, and nothing else changes.
    pub(super) async fn finish_recovery_at_shop(&self, flow: Flow) -> Result<Step, Error> {
        let Some(customer) = flow.customer else { return Err(Error::FlowOver) };
        let now = self.0.now();
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            if !sql::flow::finish(tx, &flow.hash, now)? {
                return Err(Error::FlowOver);
            }
            if let Some(mark) = &flow.state.read_at {
                sql::account::confirm_email(tx, customer, mark, now)?;
            }
            tx.append(Actor::Customer { id: customer }, None, RecoveryFinished { customer })?;
            Ok(())
        });
        written.await?;
        Ok(Step::SignInAtShop)
    }

    /// Sets the password that the flow was for. Every session and device ends; the person signs in with it.
    pub async fn set_new_password(
        &self,
        visit: &Visit,
        token: &FlowToken,
        password: Secret<String>,
    ) -> Result<Step, NewPasswordFault> {
        let shared = &self.0;
        let flow = shared.flow(token).await?;
        let (need, means) = shared.need(&flow).await?;
        let (Need::NewPassword, Some(means)) = (need, means) else { return Err(Error::FlowOver.into()) };
        let account = means.account;
        let email = account.email.clone().ok_or(Error::NoAccount)?;
        let ticket = ticket(visit, &account.id.to_string(), Lane::Stranger);
        let (shop, beside) = (shared.shop_name(), shared.beside());
        let judged = shared
            .passwords
            .judge(ticket, &password, (&email, account.name.as_deref()), &shop, beside)
            .await?;
        judged.map_err(NewPasswordFault::Misfit)?;
        let hash = shared.passwords.hash(ticket, password).await?;
        let (customer, now) = (account.id, shared.now());
        let is_recovery = flow.purpose == Purpose::Recovery;
        let reason = if is_recovery { "recovery" } else { "forced" };
        let notice = shared.notice(LetterKind::PasswordChanged, &account, &[], now);
        let activity = shared.activity_of("password_changed", visit);
        let post = shared.post.clone();
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            if !sql::flow::finish(tx, &flow.hash, now)? {
                return Err(Error::FlowOver);
            }
            // A sign-in that had to choose a new one showed all else before.
            sql::told::met(tx, &flow.hash)?;
            sql::account::set_password(tx, customer, &hash, now)?;
            sql::told::forget_taken_out(tx, customer)?;
            sql::flow::end_stop_links(tx, customer)?;
            sql::flow::end_password_links(tx, customer)?;
            let actor = Actor::Customer { id: customer };
            end_everything(tx, actor, customer, reason)?;
            note_activity(tx, customer, &activity)?;
            if let Some(notice) = &notice {
                notice.write(tx, &*post)?;
            }
            tx.append(actor, None, CustomerPasswordChanged { customer, reason: reason.to_owned() })?;
            if is_recovery {
                tx.append(actor, None, RecoveryFinished { customer })?;
            }
            Ok(())
        });
        written.await?;
        Ok(Step::SignInAgain)
    }
}
