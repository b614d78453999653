//! Taking what is set aside, giving back what was taken, and setting free.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, PaymentId};
use storeward_events::payment as facts;
use storeward_store::Tx;

use super::give::{ended, left_of_captures, name_of_part, parts};
use crate::apply::amount as counted;
use crate::error::Error;
use crate::model::{Attempt, Call, CaptureMode, Operation, Payment, Piece, Provider, State};
use crate::payments::{Payments, Shared};
use crate::sql;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Who wants what.
#[derive(Clone, Debug)]
pub struct Wish {
    pub actor: Actor,
    /// Minor units; all that is left where it is `None`.
    pub amount: Option<i64>,
    /// The same wish has the same name: repeated, it is done once. `None`: each is a new one.
    pub name: Option<String>,
}

#[derive(Clone, Copy)]
enum Wanted {
    Capture,
    Refund,
    Void,
    /// It is ended for a link of another amount, and only if nobody paid it.
    GiveWay,
}

enum Plan {
    /// They stand in the log, and go out.
    Send(Vec<Call>),
    /// It was done before, or needs no call.
    Nothing,
    /// Pages that are to be closed first.
    Close(Call),
}

impl Payments {
    /// Takes an amount that is set aside. The sum of what is taken and what calls under way may take is held against it in the
    /// database, before anything goes out.
    pub async fn capture(&self, id: PaymentId, wish: Wish) -> Result<Payment, Error> {
        self.wish(id, wish, Wanted::Capture).await
    }

    /// Gives an amount back, held against what was taken in the same way. At PayPal what no capture has alone comes of several, each
    /// by a call of its own: [`Error::RefusedInPart`] where some of them were not done.
    pub async fn refund(&self, id: PaymentId, wish: Wish) -> Result<Payment, Error> {
        self.wish(id, wish, Wanted::Refund).await
    }

    /// Sets free what is set aside and not taken, or ends what nobody has paid yet. What was taken stays taken.
    pub async fn void(&self, id: PaymentId, wish: Wish) -> Result<Payment, Error> {
        self.wish(id, wish, Wanted::Void).await
    }

    /// Ends what nobody has paid yet, since the order costs something else now by a later link. That it is no decision about the order stands
    /// in the payment as soon as it is ended.
    pub(crate) async fn give_way(&self, id: PaymentId) -> Result<(), Error> {
        let wish = Wish { actor: Actor::System, amount: None, name: None };
        self.wish(id, wish, Wanted::GiveWay).await.map(drop)
    }

    async fn wish(&self, id: PaymentId, wish: Wish, wanted: Wanted) -> Result<Payment, Error> {
        for _ in 0..4 {
            let (shared, held) = (Arc::clone(&self.0), wish.clone());
            let plan = self.0.write(move |tx| match wanted {
                Wanted::Capture => shared.plan_capture(tx, id, &held),
                Wanted::Refund => shared.plan_refund(tx, id, &held),
                Wanted::Void => shared.plan_void(tx, id, &held),
                Wanted::GiveWay => shared.plan_giving_way(tx, id, &held),
            });
            match plan.await? {
                Plan::Send(calls) => return self.perform_all(&calls).await,
                Plan::Nothing => return self.find(id).await?.ok_or(Error::NoPayment),
                Plan::Close(call) => {
                    let after = self.perform(&call).await?;
                    if after.is_unsure {
                        return Err(Error::Unsure);
                    }
                }
            }
        }
        Err(Error::Raced)
    }
}

impl Shared {
    /// The call that this wish made before, and what came of it.
    fn before(&self, tx: &mut Tx<'_>, key: &str) -> Result<Option<Plan>, Error> {
        let Some(known) = sql::find_call(tx, key)? else { return Ok(None) };
        // The program that sent it may have died: it is asked about in a moment.
        ended(&[known])?;
        tx.commit_silent("the same wish was carried out before");
        Ok(Some(Plan::Nothing))
    }

    /// The name of a wish: the caller's, or one behind those that were.
    fn which(
        &self,
        tx: &mut Tx<'_>,
        id: PaymentId,
        wish: &Wish,
        operation: Operation,
    ) -> Result<String, Error> {
        match &wish.name {
            Some(name) => Ok(format!("named/{name}")),
            None => Ok(format!("counted/{}", sql::count_calls(tx, id, operation)?)),
        }
    }

    fn plan_capture(&self, tx: &mut Tx<'_>, id: PaymentId, wish: &Wish) -> Result<Plan, Error> {
        let payment = sql::get(tx, id)?;
        let which = self.which(tx, id, wish, Operation::Capture)?;
        if let Some(plan) = self.known(tx, &payment, Operation::Capture, &which, wish.amount)? {
            return Ok(plan);
        }
        if payment.is_unsure {
            return Err(Error::Unsure);
        }
        if crate::judge::is_held_back(tx, id)? {
            return Err(Error::UnderReview);
        }
        if payment.capture != CaptureMode::Later {
            return Err(Error::State("captured at once"));
        }
        if !matches!(payment.state, State::Authorized | State::PartiallyCaptured) {
            return Err(Error::State(payment.state.word()));
        }
        // What is being set free is not taken at the same time: nobody could say what became of it.
        if sql::unsettled_of(tx, id)?.iter().any(|call| call.operation == Operation::Void) {
            return Err(Error::Unsure);
        }
        let left = payment.capturable();
        let amount = wish.amount.unwrap_or(left);
        let attempt = self.paid_attempt(tx, &payment)?;
        // Stripe takes once, and what is left is free then: of a second capture beside it nobody could say what became of it.
        let is_taking = |call: &Call| call.operation == Operation::Capture;
        if attempt.provider == Provider::Stripe && sql::unsettled_of(tx, id)?.iter().any(is_taking) {
            return Err(Error::Unsure);
        }
        let target = attempt.inner.clone().ok_or(Error::Form("what is set aside"))?;
        let call = self.call(&payment, &attempt, Operation::Capture, Some(amount), Some(target), &which);
        self.send(tx, &payment, vec![call], (amount, left), wish)
    }

    fn plan_refund(&self, tx: &mut Tx<'_>, id: PaymentId, wish: &Wish) -> Result<Plan, Error> {
        let payment = sql::get(tx, id)?;
        let which = self.which(tx, id, wish, Operation::Refund)?;
        if let Some(plan) = self.known(tx, &payment, Operation::Refund, &which, wish.amount)? {
            return Ok(plan);
        }
        if payment.is_unsure {
            return Err(Error::Unsure);
        }
        if payment.captured == 0 {
            return Err(Error::State(payment.state.word()));
        }
        let left = payment.refundable();
        let amount = wish.amount.unwrap_or(left);
        let attempt = self.paid_attempt(tx, &payment)?;
        if amount <= 0 || amount > left {
            return Err(Error::TooMuch { left: left.max(0) });
        }
        let parts = match attempt.provider {
            Provider::Stripe => vec![(attempt.inner.clone().ok_or(Error::Form("what was taken"))?, amount)],
            Provider::PayPal => {
                let of_each = left_of_captures(tx, &payment)?;
                let left = of_each.iter().map(|(_, left)| *left.max(&0)).sum();
                parts(&of_each, amount).ok_or(Error::TooMuch { left })?
            }
        };
        if let Some(most) = self.settings.refunds_per_day {
            let since = tx.now().minus(DAY);
            let given = sql::refunds_since(tx, since, payment.currency())?;
            if given.checked_add(amount).is_none_or(|sum| sum > most) {
                return Err(Error::RefundLimit);
            }
        }
        let calls = parts.into_iter().enumerate().map(|(at, (target, part))| {
            let which = name_of_part(&which, at);
            self.call(&payment, &attempt, Operation::Refund, Some(part), Some(target), &which)
        });
        let calls = calls.collect();
        self.send(tx, &payment, calls, (amount, left), wish)
    }

    fn plan_void(&self, tx: &mut Tx<'_>, id: PaymentId, wish: &Wish) -> Result<Plan, Error> {
        let payment = sql::get(tx, id)?;
        if payment.state == State::Voided {
            tx.commit_silent("it was void before");
            return Ok(Plan::Nothing);
        }
        if payment.is_unsure {
            return Err(Error::Unsure);
        }
        match payment.state {
            State::Authorized | State::PartiallyCaptured | State::PartiallyRefunded | State::Refunded => {
                // Of what was taken in parts the rest: its amount says to whoever reads the call that something was taken before.
                let rest = (payment.captured > 0).then(|| payment.capturable());
                if rest == Some(0) {
                    return Err(Error::State(payment.state.word()));
                }
                let which = self.which(tx, id, wish, Operation::Void)?;
                let attempt = self.paid_attempt(tx, &payment)?;
                let target = attempt.inner.clone().ok_or(Error::Form("what is set aside"))?;
                let call = self.call(&payment, &attempt, Operation::Void, rest, Some(target), &which);
                if let Some(plan) = self.before(tx, &call.key)? {
                    return Ok(plan);
                }
                // A capture that is under way is not overtaken (mistake 6).
                if payment.capturing > 0 {
                    return Err(Error::Unsure);
                }
                self.send(tx, &payment, vec![call], (0, 0), wish)
            }
            State::Created | State::Declined | State::RequiresAction => self.void_unpaid(tx, &payment, wish),
            other => Err(Error::State(other.word())),
        }
    }

    /// In one transaction with the end of the payment: what was ended and did not bear the mark would be the shop's no to every later link.
    fn plan_giving_way(&self, tx: &mut Tx<'_>, id: PaymentId, wish: &Wish) -> Result<Plan, Error> {
        let payment = sql::get(tx, id)?;
        if payment.is_unsure {
            return Err(Error::Unsure);
        }
        if !matches!(payment.state, State::Created | State::Declined | State::RequiresAction) {
            return Err(Error::State(payment.state.word()));
        }
        let plan = self.void_unpaid(tx, &payment, wish)?;
        if sql::get(tx, id)?.state == State::Voided {
            self.note_gave_way(tx, id)?;
        }
        Ok(plan)
    }

    fn void_unpaid(&self, tx: &mut Tx<'_>, payment: &Payment, wish: &Wish) -> Result<Plan, Error> {
        for attempt in sql::attempts_of(tx, payment.id)?.into_iter().filter(|attempt| attempt.is_open) {
            let of = (payment.id, attempt.number);
            let Some(reference) = attempt.reference.clone().filter(|_| attempt.provider == Provider::Stripe)
            else {
                if sql::unsettled_of(tx, payment.id)?.iter().any(|call| call.attempt == attempt.number) {
                    return Err(Error::Unsure);
                }
                sql::attempt_closed(tx, of)?;
                continue;
            };
            let which = super::begin::closing(tx, &attempt)?;
            let call = self.call(payment, &attempt, Operation::Close, None, Some(reference), &which);
            if let Some(plan) = self.before(tx, &call.key)? {
                return Ok(plan);
            }
            tx.commit_silent("a page that is to be closed is told by what comes of it");
            sql::insert_call(tx, &call)?;
            return Ok(Plan::Close(call));
        }
        tell_asked(tx, payment, Operation::Void, None, wish)?;
        let after = Payment { state: State::Voided, ..payment.clone() };
        self.finish(tx, payment, after, payment.provider.unwrap_or(Provider::Stripe))?;
        Ok(Plan::Nothing)
    }

    fn known(
        &self,
        tx: &mut Tx<'_>,
        payment: &Payment,
        operation: Operation,
        which: &str,
        amount: Option<i64>,
    ) -> Result<Option<Plan>, Error> {
        let mut known = Vec::new();
        loop {
            let key = self.call_key(payment, operation, &name_of_part(which, known.len()));
            let Some(call) = sql::find_call(tx, &key)? else { break };
            known.push(call);
        }
        if known.is_empty() {
            return Ok(None);
        }
        // Another amount under the same name is another wish: whoever has it must not read that it was done.
        let sum: i64 = known.iter().filter_map(|call| call.amount).sum();
        if amount.is_some_and(|wished| wished != sum) {
            return Err(Error::OtherWish);
        }
        ended(&known)?;
        tx.commit_silent("the same wish was carried out before");
        Ok(Some(Plan::Nothing))
    }

    /// Sets the amount aside and writes the calls down; nothing goes out before this is durable.
    fn send(
        &self,
        tx: &mut Tx<'_>,
        payment: &Payment,
        calls: Vec<Call>,
        (amount, left): (i64, i64),
        wish: &Wish,
    ) -> Result<Plan, Error> {
        let operation = calls.first().ok_or(Error::Form("a wish without a call"))?.operation;
        let moves = operation != Operation::Void;
        if moves && (amount <= 0 || amount > left) {
            return Err(Error::TooMuch { left: left.max(0) });
        }
        if !sql::reserve(tx, payment, operation, amount)? {
            // The row is as it was read, so what does not fit is the sum.
            return Err(Error::TooMuch { left: left.max(0) });
        }
        for call in &calls {
            sql::insert_call(tx, call)?;
        }
        sql::look_no_later(tx, payment.id, tx.now().plus(self.pace.first_look))?;
        tell_asked(tx, payment, operation, moves.then_some(amount), wish)?;
        Ok(Plan::Send(calls))
    }

    /// The attempt whose money it is.
    fn paid_attempt(&self, tx: &mut Tx<'_>, payment: &Payment) -> Result<Attempt, Error> {
        let captures = sql::captures_of(tx, payment.id)?;
        let paid = captures.iter().find(|one| !one.is_extra && one.state == Piece::Done);
        let number = paid.map_or(payment.attempt, |one| one.attempt);
        sql::find_attempt(tx, payment.id, number)?.ok_or(Error::Form("an attempt"))
    }
}

fn tell_asked(
    tx: &mut Tx<'_>,
    payment: &Payment,
    operation: Operation,
    amount: Option<i64>,
    wish: &Wish,
) -> Result<(), Error> {
    let fact = facts::PaymentAsked {
        payment: payment.id,
        operation: operation.word().to_owned(),
        amount: amount.map(counted),
        currency: payment.currency().to_string(),
    };
    tx.append(wish.actor, None, fact)?;
    Ok(())
}
