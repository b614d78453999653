//! Paying with a kept means of payment.

use std::sync::Arc;

use storeward_base::PaymentId;
use storeward_store::Tx;

use super::{customer_of, find};
use crate::error::Error;
use crate::judge::{Front, Hold, Way};
use crate::model::{Attempt, Call, Operation, Payment, State, Strength, Terms};
use crate::payments::{Payments, Shared};
use crate::provider::Gateway;
use crate::sql;

/// Whether the buyer is there while a kept means of payment is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// They can answer their bank.
    Present,
    /// Nobody can: what the bank asks about is declined.
    Away,
}

/// With which means, and in which request. The same request has the same name: repeated, it tries once. `None`: each is a new one.
#[derive(Clone, Debug)]
struct Wanted {
    method: String,
    request: Option<String>,
}

impl Wanted {
    /// The try that this is about already: what the same request began, or one with the same means that something may come of yet.
    fn begun<'a>(
        &self,
        shared: &Shared,
        payment: &Payment,
        (attempts, calls): (&'a [Attempt], &[Call]),
    ) -> Option<&'a Attempt> {
        let key = self.which().map(|which| shared.call_key(payment, Operation::Open, &which));
        let is_again = |one: &Attempt| {
            calls.iter().any(|call| call.attempt == one.number && Some(&call.key) == key.as_ref())
        };
        let is_same =
            |one: &Attempt| one.method.as_deref() == Some(&self.method) && !payment.is_over(one, calls);
        attempts.iter().rfind(|one| is_again(one) || is_same(one))
    }

    /// What tells the call that begins it from others.
    fn which(&self) -> Option<String> {
        self.request.as_ref().map(|name| format!("named/{name}"))
    }
}

impl Payments {
    /// Pays with a kept means of payment. The payment's customer is whose it has to be. Where the bank wants to hear from the buyer the
    /// payment `requires_action`: its page leads them there. What was declined is tried anew.
    pub async fn pay_with(
        &self,
        id: PaymentId,
        method: &str,
        attendance: Attendance,
    ) -> Result<Payment, Error> {
        self.pay_with_as(id, (method, None), attendance).await
    }

    /// The same by a request that has a name: sent again it finds what came of its own try, and makes no other.
    pub async fn pay_with_as(
        &self,
        id: PaymentId,
        (method, request): (&str, Option<&str>),
        attendance: Attendance,
    ) -> Result<Payment, Error> {
        let shared = Arc::clone(&self.0);
        let wanted = Wanted { method: method.to_owned(), request: request.map(str::to_owned) };
        let way = self.judge_paying(id, wanted.clone()).await?;
        let planned = self.0.write(move |tx| shared.plan_paying(tx, id, (&wanted, attendance), way)).await?;
        if let Some((call, attempt)) = planned {
            self.open_page(&call, &attempt).await?;
        }
        let after = self.look(id).await?;
        self.lead_to_the_bank(&after).await?;
        Ok(after)
    }

    /// What is judged before a kept means of payment is used. The shop's own server says so, so that nothing of a browser is known; a
    /// request that comes again is no second attempt.
    async fn judge_paying(&self, id: PaymentId, wanted: Wanted) -> Result<Way, Error> {
        let shared = Arc::clone(&self.0);
        let read = self.0.read(move |reader| {
            let held = find(reader, &wanted.method)?.filter(|one| one.is_kept);
            let payment = sql::get(reader, id)?;
            let (attempts, calls) = (sql::attempts_of(reader, id)?, sql::calls_of(reader, id)?);
            let is_new = wanted.begun(&shared, &payment, (&attempts, &calls)).is_none()
                && attempts.iter().all(|one| payment.is_over(one, &calls));
            Ok::<_, Error>(held.is_some() && is_new)
        });
        match read.await? {
            true => self.judge_begin(id, None, &Front::default()).await,
            false => Ok(Way { strength: Strength::Usual, hold: Hold::No }),
        }
    }

    /// Keeps where the buyer answers their bank, so that the payment's page leads there.
    pub(crate) async fn lead_to_the_bank(&self, payment: &Payment) -> Result<(), Error> {
        if payment.state != State::RequiresAction {
            return Ok(());
        }
        let (_, attempt) = self.of_attempt(payment.id, payment.attempt).await?;
        let (Gateway::Stripe(stripe), Some(reference)) = (
            self.0.gateway(attempt.provider)?,
            attempt.reference.clone().filter(|_| attempt.method.is_some()),
        ) else {
            return Ok(());
        };
        let Ok(Some(address)) = stripe.next_address(&attempt).await else { return Ok(()) };
        let of = (attempt.payment, attempt.number);
        let sealed = self.0.seal_address(of, &address);
        self.0
            .write(move |tx| {
                tx.commit_silent("where the buyer answers their bank");
                sql::attempt_opened(tx, of, &reference, Some(sealed.clone()))
            })
            .await
    }
}

impl Shared {
    fn plan_paying(
        &self,
        tx: &mut Tx<'_>,
        id: PaymentId,
        (wanted, attendance): (&Wanted, Attendance),
        way: Way,
    ) -> Result<Option<(Call, Attempt)>, Error> {
        let before = sql::get(tx, id)?;
        let customer = customer_of(tx, id)?.ok_or(Error::NoMethod)?;
        let held = find(tx, &wanted.method)?;
        let held = held.filter(|one| one.is_kept && one.customer == customer).ok_or(Error::NoMethod)?;
        self.gateway(held.provider)?;
        let (attempts, calls) = (sql::attempts_of(tx, id)?, sql::calls_of(tx, id)?);
        if let Some(same) = wanted.begun(self, &before, (&attempts, &calls)) {
            tx.commit_silent("this was begun before, and is not over, or the same request began it");
            let mut opens =
                calls.iter().filter(|call| call.operation == Operation::Open && call.attempt == same.number);
            let is_unsettled = opens.any(|call| call.settled_at.is_none());
            return if is_unsettled { Err(Error::Unsure) } else { Ok(None) };
        }
        crate::verbs::may_begin(&before, tx.now())?;
        for one in attempts.iter().filter(|one| one.is_open) {
            if !before.is_over(one, &calls) {
                return Err(Error::State("being paid on its page"));
            }
            sql::attempt_closed(tx, (id, one.number))?;
        }
        let terms = Terms {
            provider: held.provider,
            strength: way.strength,
            saves: false,
            method: Some(held.id),
            unattended: attendance == Attendance::Away,
            embedded: false,
        };
        self.begun_anew(tx, before, (terms, wanted.which()), way.hold).map(Some)
    }
}
