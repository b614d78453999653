//! Telling a customer that a means of payment was taken away on their page. Who keeps them does that; the letter, and the line in
//! the person's own list, are written in the transaction of the act.

use std::sync::Arc;

use storeward_base::CustomerId;
use storeward_store::Tx;

use super::letters::Notice;
use super::{Identity, note_activity};
use crate::error::Error;
use crate::letter::{LetterKind, Post};
use crate::sql::activity::ActivityRow;
use crate::visit::Visit;

/// A letter with the link "this wasn't me", and a line of activity.
#[derive(Clone)]
pub struct MeansNotice {
    customer: CustomerId,
    /// Nothing for an account without an address.
    notice: Option<Notice>,
    activity: ActivityRow,
    post: Arc<dyn Post>,
}

impl MeansNotice {
    /// Whether there is an address to which a letter goes.
    pub fn is_written(&self) -> bool {
        self.notice.is_some()
    }

    /// To be called in the transaction of what it tells; again where that runs again.
    pub fn write(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        note_activity(tx, self.customer, &self.activity)?;
        match &self.notice {
            Some(notice) => notice.write(tx, &*self.post),
            None => Ok(()),
        }
    }
}

impl Identity {
    /// That `means` (such as `Visa •••• 4242`) was taken away from this account, in this browser.
    pub async fn means_removed(
        &self,
        visit: &Visit,
        customer: CustomerId,
        means: &str,
    ) -> Result<MeansNotice, Error> {
        let shared = &self.0;
        let account = shared.account(customer).await?.ok_or(Error::NoAccount)?;
        Ok(MeansNotice {
            customer,
            notice: shared.notice(LetterKind::MeansRemoved, &account, &[("means", means)], shared.now()),
            activity: shared.activity_of("means_removed", visit),
            post: shared.post.clone(),
        })
    }
}
