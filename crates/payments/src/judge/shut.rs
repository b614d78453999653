//! Closing a page at the provider on which card after card is tried: the page was allowed for the first one, and what was said of a
//! further one asks for more than it was made with. Whoever is at it begins anew, and that is judged as every begin is.

use storeward_base::PaymentId;
use storeward_store::Tx;

use super::decide::asks_for_more;
use super::review::soft;
use super::sql;
use crate::error::Error;
use crate::model::{Attempt as Page, Call, Operation, Payment, Provider, State};
use crate::payments::{Payments, Shared};

impl Payments {
    /// Closes the page, where what was said of its last card asks for it. It follows from what is written down, so a process that dies
    /// before it, and a call that did not go out, leave it to the next look.
    pub(super) async fn shut(&self, page: &Page) -> Result<(), Error> {
        let (shared, of) = (self.0.clone(), (page.payment, page.number));
        match self.0.write(move |tx| shared.plan_shut(tx, of, false)).await? {
            // Boxed: what it does is looked at again, and judged.
            Some(call) => Box::pin(self.perform(&call)).await.map(drop).or_else(soft),
            None => Ok(()),
        }
    }

    /// Closes a page of which the order is judged more strictly since, before another one takes its place. Fails while it stands open.
    pub(super) async fn give_up(&self, page: &Page) -> Result<(), Error> {
        let (shared, of) = (self.0.clone(), (page.payment, page.number));
        if let Some(call) = self.0.write(move |tx| shared.plan_shut(tx, of, true)).await? {
            Box::pin(self.perform(&call)).await?;
        }
        let left = self.0.read(move |reader| crate::sql::find_attempt(reader, of.0, of.1)).await?;
        if left.is_some_and(|page| page.is_open) { Err(Error::Raced) } else { Ok(()) }
    }
}

impl Shared {
    fn plan_shut(
        &self,
        tx: &mut Tx<'_>,
        of: (PaymentId, u32),
        is_given_up: bool,
    ) -> Result<Option<Call>, Error> {
        tx.commit_silent("that a page is closed is told by what was judged, and by what comes of it");
        let Some(page) = crate::sql::find_attempt(tx, of.0, of.1)? else { return Ok(None) };
        let Some(last) = sql::last_risk(tx, of.0, of.1)? else { return Ok(None) };
        // What is paid with a kept means has no page on which another could be tried.
        let is_used = page.method.is_none() && last.attempt == of.1 && asks_for_more(last.answer, &page);
        let payment = crate::sql::get(tx, of.0)?;
        let is_at_it = crate::sql::unsettled_of(tx, of.0)?.iter().any(|call| call.attempt == of.1);
        let is_wanted = page.is_open && (is_used || is_given_up);
        if !is_wanted || is_at_it || !is_unpaid(&payment, page.provider) {
            return Ok(None);
        }
        match page.provider {
            Provider::Stripe => {
                let which = crate::verbs::closing(tx, &page)?;
                let reference = page.reference.clone();
                let call = self.call(&payment, &page, Operation::Close, None, reference, &which);
                // It was tried often enough: the page ends by itself.
                if crate::sql::find_call(tx, &call.key)?.is_some() {
                    return Ok(None);
                }
                crate::sql::insert_call(tx, &call)?;
                Ok(Some(call))
            }
            Provider::PayPal => {
                // It takes nothing that we do not ask for.
                crate::sql::attempt_closed(tx, of)?;
                let after = Payment { state: State::Declined, ..payment.clone() };
                self.finish(tx, &payment, after, page.provider)?;
                Ok(None)
            }
        }
    }
}

/// Whether nothing came of the page, and something may. At PayPal a buyer who agreed has paid nothing yet.
fn is_unpaid(payment: &Payment, provider: Provider) -> bool {
    match payment.state {
        State::Created | State::RequiresAction | State::Declined => true,
        State::Processing => provider == Provider::PayPal,
        State::Authorized
        | State::PartiallyCaptured
        | State::Captured
        | State::PartiallyRefunded
        | State::Refunded
        | State::Voided
        | State::Failed => false,
    }
}
