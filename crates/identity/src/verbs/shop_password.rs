//! Accounts whose password is the shop's own: where it is changed, and that it was. After "this wasn't me" whoever signs in shows a
//! second factor, whatever the policy says, until the shop has taken a new password or staff say that it has.

use std::sync::PoisonError;

use storeward_base::{Actor, CustomerId};
use storeward_events::identity::CustomerPasswordChanged;

use super::{Identity, Shared, note_activity};
use crate::error::Error;
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

impl Identity {
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

    /// The shop took a new password from whoever had just shown everything that the account has, in this session. It is told in any
    /// case; where the session was ended meanwhile it excuses nobody: who chose it may be whom "this wasn't me" was about.
    pub(crate) async fn shop_password_changed(
        &self,
        visit: &Visit,
        customer: CustomerId,
        session: SessionId,
    ) -> Result<(), Error> {
        let activity = self.0.activity_of("shop_password", visit);
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            sql::account::shop_password_changed_in(tx, customer, session)?;
            sql::told::forget_breached(tx, customer)?;
            note_activity(tx, customer, &activity)?;
            let fact = CustomerPasswordChanged { customer, reason: "shop".to_owned() };
            tx.append(Actor::Customer { id: customer }, None, fact)?;
            Ok(())
        });
        written.await
    }
}
