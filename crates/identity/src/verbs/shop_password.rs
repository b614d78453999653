//! Accounts whose password is the shop's own: where it is changed, and that it was. After "this wasn't me" whoever signs in shows a
//! second factor, whatever the policy says, until the shop has taken a new password or staff say that it has.

use std::sync::PoisonError;

use storeward_base::{Actor, CustomerId, Timestamp};
use storeward_events::identity::{CustomerPasswordChanged, SessionsRevoked};

use super::devices::forget_others;
use super::{Identity, Shared, note_activity};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::model::{Account, SessionId};
use crate::sql;
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// Whose word on the page it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Of an adapter that may be tried only.
    UnlessKnown,
    FromNowOn,
}

impl Account {
    /// Whether the next sign-in at our own pages chooses a new password: not where the password is the shop's.
    pub fn must_choose_here(&self) -> bool {
        self.must_change_at.is_some() && self.password_hash.is_some()
    }
}

impl Shared {
    /// Where the shop's own password is changed, as a link of our pages leads there. `None` without the shield.
    pub fn shop_password_page(&self) -> Option<String> {
        let page = self.shop_password.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(format!("{}{page}", self.home().trim_end_matches('/')))
    }
}

impl Shared {
    /// Where people sign in at the shop itself, as a link of our pages leads there. `None` without the shield.
    pub fn shop_sign_in(&self) -> Option<String> {
        let page = self.shop_sign_in.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(format!("{}{page}", self.home().trim_end_matches('/')))
    }
}

impl Identity {
    pub(crate) fn know_shop_sign_in(&self, page: Option<String>, known: Known) {
        let mut kept = self.0.shop_sign_in.write().unwrap_or_else(PoisonError::into_inner);
        if known == Known::FromNowOn || kept.is_none() {
            *kept = page;
        }
    }

    pub(crate) fn know_shop_password(&self, page: Option<String>, known: Known) {
        let mut kept = self.0.shop_password.write().unwrap_or_else(PoisonError::into_inner);
        if known == Known::FromNowOn || kept.is_none() {
            *kept = page;
        }
    }

    /// Where whoever has no password here changes the shop's: its page for that, else its front page.
    pub fn shop_password_address(&self) -> String {
        self.0.shop_password_page().unwrap_or_else(|| self.0.home())
    }

    /// Whether the account's password is the shop's own.
    pub async fn is_password_of_shop(&self, customer: CustomerId) -> Result<bool, Error> {
        let account = self.0.account(customer).await?.ok_or(Error::NoAccount)?;
        Ok(account.password_hash.is_none())
    }

    /// The same of the account that a letter's link is of.
    pub async fn is_link_of_shop(&self, token: &FlowToken) -> Result<bool, Error> {
        match self.0.flow(token).await {
            Ok(flow) => match flow.customer {
                Some(customer) => self.is_password_of_shop(customer).await,
                None => Ok(false),
            },
            Err(Error::FlowOver) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The shop took a new password from whoever had just shown everything that the account has, in this session: as with one of ours,
    /// other sessions end, and other devices are known and trusted no more. It is told in any case; where the session was ended
    /// meanwhile it ends nothing and excuses nobody: who chose it may be whom "this wasn't me" was about.
    pub(crate) async fn shop_password_changed(
        &self,
        visit: &Visit,
        customer: CustomerId,
        session: SessionId,
    ) -> Result<(), Error> {
        let shared = &self.0;
        let account = shared.account(customer).await?.ok_or(Error::NoAccount)?;
        let current = self.session_by_id(session).await?.filter(|current| current.customer == customer);
        let notice = shared.notice(LetterKind::PasswordChanged, &account, &[], shared.now());
        let activity = shared.activity_of("shop_password", visit);
        let post = shared.post.clone();
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            let (actor, now) = (Actor::Customer { id: customer }, tx.now());
            sql::account::shop_password_changed_in(tx, customer, session)?;
            sql::told::forget_breached(tx, customer)?;
            note_activity(tx, customer, &activity)?;
            if let Some(notice) = &notice {
                notice.write(tx, &*post)?;
            }
            tx.append(actor, None, CustomerPasswordChanged { customer, reason: "shop".to_owned() })?;
            // Read again under the write: "this wasn't me" may have come just now.
            if let Some(current) = &current
                && sql::session::by_id(tx, session, now, Timestamp::from_seconds(0))?.is_some()
            {
                let count = sql::session::delete_others(tx, customer, session)?;
                sql::flow::end_all(tx, customer)?;
                let reason = "password_changed";
                tx.append(actor, None, SessionsRevoked { customer, count, reason: reason.to_owned() })?;
                forget_others(tx, actor, customer, current.device, reason)?;
            }
            Ok(())
        });
        written.await
    }
}
