//! Asking the provider, and going on from what it says: the one thing that webhooks, the buyer's return, the janitor and staff
//! all do (mistake 1: nothing is done for the buyer's return alone).

use std::sync::Arc;

use storeward_base::PaymentId;

use crate::error::Error;
use crate::machine::{Seen, Stage};
use crate::model::{Attempt, CallState, Capture, CaptureMode, Operation, Payment, Piece, Provider, State};
use crate::payments::{Payments, Shared};
use crate::provider::Trouble;
use crate::sql;

impl Payments {
    /// Reads what the provider has of a payment, writes it down, and takes the money of a buyer who agreed. May be called at any
    /// time and as often as anybody likes.
    pub async fn look(&self, id: PaymentId) -> Result<Payment, Error> {
        self.look_with(id, None).await
    }

    /// The same, and at one attempt more: one that was given up, and of which the provider says something.
    pub(crate) async fn look_with(&self, id: PaymentId, number: Option<u32>) -> Result<Payment, Error> {
        let shared = Arc::clone(&self.0);
        let (payment, attempts) = self
            .0
            .read(move |reader| Ok::<_, Error>((sql::get(reader, id)?, sql::attempts_of(reader, id)?)))
            .await?;
        let is_asked = |attempt: &&Attempt| {
            let is_meant = attempt.number == payment.attempt || Some(attempt.number) == number;
            attempt.reference.is_some() && (attempt.is_open || is_meant)
        };
        let mut trouble = None;
        for attempt in attempts.iter().filter(is_asked) {
            match self.read_attempt(attempt).await {
                Ok((after, seen)) => {
                    self.go_on(&after, attempt, &seen).await?;
                    if attempt.saves {
                        // As it stands now: what it was paid with is known by what was read just now.
                        let (now, attempt) = self.of_attempt(id, attempt.number).await?;
                        self.keep_method(&now, &attempt).await?;
                    }
                }
                Err(why) => trouble = Some(why),
            }
        }
        self.give_back_extra(id).await?;
        self.0.write(move |tx| shared.close_if_over(tx, id)).await?;
        match trouble {
            Some(why) => Err(why),
            None => self.find(id).await?.ok_or(Error::NoPayment),
        }
    }

    /// Money that was taken for what was paid already goes back, whole and once: its call has a name that follows from the capture.
    async fn give_back_extra(&self, id: PaymentId) -> Result<(), Error> {
        let extra = self.0.read(move |reader| {
            let all = sql::captures_of(reader, id)?;
            Ok::<_, Error>(
                all.into_iter().filter(|one| one.is_extra && one.state == Piece::Done).collect::<Vec<_>>(),
            )
        });
        for capture in extra.await? {
            let shared = Arc::clone(&self.0);
            let call = self.0.write(move |tx| shared.plan_giving_back(tx, &capture)).await?;
            let Some(call) = call else { continue };
            match self.perform(&call).await {
                Ok(_) | Err(Error::Refused { .. } | Error::NotReached { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Reads one attempt and writes it down.
    pub(crate) async fn read_attempt(&self, attempt: &Attempt) -> Result<(Payment, Seen), Error> {
        let seen = self.0.gateway(attempt.provider)?.fetch(attempt).await;
        let seen = seen.map_err(|why| match why {
            // A question that was not answered moved nothing, whatever became of it.
            Trouble::NotSent(code) | Trouble::Unsure(code) => Error::NotReached { code },
            Trouble::Refused(code) => Error::Refused { code },
        })?;
        let attempt_of_seen = attempt;
        let (shared, attempt, held) = (Arc::clone(&self.0), attempt.clone(), seen.clone());
        let payment = self.0.write(move |tx| {
            // As it stands now: it may have been closed while we asked.
            let attempt =
                sql::find_attempt(tx, attempt.payment, attempt.number)?.ok_or(Error::Form("an attempt"))?;
            shared.apply(tx, &attempt, &held)
        });
        let payment = payment.await?;
        self.judge_seen(attempt_of_seen, &seen, &payment).await?;
        Ok((self.find(payment.id).await?.ok_or(Error::NoPayment)?, seen))
    }

    /// PayPal takes nothing by itself: once the buyer agreed, and the order is what it should be (which was held against it just
    /// now, before any money moves: mistake 3), it is asked to.
    async fn go_on(&self, payment: &Payment, attempt: &Attempt, seen: &Seen) -> Result<(), Error> {
        if !matches!(seen.stage, Stage::Approved | Stage::Ready) || payment.is_unsure {
            return Ok(());
        }
        let (shared, id, number) = (Arc::clone(&self.0), attempt.payment, attempt.number);
        let call = self.0.write(move |tx| shared.plan_taking(tx, id, number)).await?;
        let Some(call) = call else { return Ok(()) };
        match self.perform(&call).await {
            // That it was refused stands in the log; the buyer may try again.
            Ok(_) | Err(Error::Refused { .. } | Error::NotReached { .. }) => Ok(()),
            Err(other) => Err(other),
        }
    }
}

impl Shared {
    fn plan_taking(
        &self,
        tx: &mut storeward_store::Tx<'_>,
        id: PaymentId,
        number: u32,
    ) -> Result<Option<crate::model::Call>, Error> {
        tx.commit_silent("that money of a buyer who agreed is taken is told by what comes of it");
        let payment = sql::get(tx, id)?;
        let attempt = sql::find_attempt(tx, id, number)?.ok_or(Error::Form("an attempt"))?;
        let fits = attempt.is_open
            && attempt.number == payment.attempt
            && attempt.mismatch.is_none()
            && matches!(
                payment.state,
                State::Created | State::RequiresAction | State::Processing | State::Declined
            );
        let (operation, target) = match payment.capture {
            CaptureMode::AtOnce => (Operation::Capture, attempt.reference.clone()),
            CaptureMode::Later => (Operation::Authorize, attempt.reference.clone()),
        };
        let calls = sql::calls_of(tx, id)?;
        let mut tries = calls.iter().filter(|call| call.operation == operation && call.attempt == number);
        let is_under_way = tries.clone().any(|call| call.settled_at.is_none());
        let is_done = tries.any(|call| call.state == CallState::Done);
        let count = calls.iter().filter(|call| call.operation == operation && call.attempt == number).count();
        // Whoever is refused three times begins anew, here or elsewhere.
        if fits && !is_under_way && !is_done && count >= 3 {
            sql::attempt_closed(tx, (id, number))?;
            return Ok(None);
        }
        if !fits || is_under_way || is_done {
            return Ok(None);
        }
        // Not of what is set aside: nothing is, yet. So no amount is reserved; the order is taken whole, once.
        let call = self.call(&payment, &attempt, operation, None, target, &format!("{number}/{count}"));
        sql::insert_call(tx, &call)?;
        Ok(Some(call))
    }

    fn plan_giving_back(
        &self,
        tx: &mut storeward_store::Tx<'_>,
        capture: &Capture,
    ) -> Result<Option<crate::model::Call>, Error> {
        tx.commit_silent("that money was taken twice is told, and so is what comes back of it");
        let payment = sql::get(tx, capture.payment)?;
        let attempt =
            sql::find_attempt(tx, capture.payment, capture.attempt)?.ok_or(Error::Form("an attempt"))?;
        let target = match capture.provider {
            Provider::Stripe => attempt.inner.clone(),
            Provider::PayPal => Some(capture.reference.clone()),
        };
        let which = format!("extra/{}", capture.reference);
        let call = self.call(&payment, &attempt, Operation::Refund, Some(capture.amount), target, &which);
        if sql::find_call(tx, &call.key)?.is_some() {
            return Ok(None);
        }
        sql::insert_call(tx, &call)?;
        sql::look_no_later(tx, payment.id, tx.now().plus(self.pace.first_look))?;
        Ok(Some(call))
    }

    /// Closes what nobody paid in time.
    fn close_if_over(&self, tx: &mut storeward_store::Tx<'_>, id: PaymentId) -> Result<(), Error> {
        tx.commit_silent("a payment whose time is over is told where it is closed");
        let before = sql::get(tx, id)?;
        let now = tx.now();
        let is_waiting = matches!(before.state, State::Created | State::RequiresAction | State::Declined);
        if before.expires_at > now || !is_waiting || before.is_unsure {
            return Ok(());
        }
        for attempt in sql::attempts_of(tx, id)?.into_iter().filter(|attempt| attempt.is_open) {
            // Stripe says itself when a page has ended; at PayPal nothing happens without us.
            let ends_here = attempt.provider == Provider::PayPal
                || attempt.reference.is_none()
                || attempt.method.is_some();
            if attempt.expires_at > now || !ends_here {
                return Ok(());
            }
            sql::attempt_closed(tx, (id, attempt.number))?;
        }
        if !sql::unsettled_of(tx, id)?.is_empty() {
            return Ok(());
        }
        let after = Payment { state: State::Failed, ..before.clone() };
        let provider = before.provider.unwrap_or(Provider::Stripe);
        self.finish(tx, &before, after, provider).map(drop)
    }
}
