//! Writing down what a provider has: the one way by which anything happens to a payment.
//!
//! It takes what was read from the provider and makes the books say the same. Applied twice, late or out of order it changes
//! nothing more: captures and refunds are rows by the provider's own ids, and states go one way only.

use storeward_base::Actor;
use storeward_events::payment as facts;
use storeward_store::{Reader, Tx};

use crate::error::Error;
use crate::ledger::{Account, moved};
use crate::machine::{Seen, SeenCapture, SeenRefund, Stage, Sums, misfit, next, outcome_of};
use crate::model::{Attempt, CallState, Capture, Operation, Payment, Piece, Provider, Refund, State};
use crate::payments::Shared;
use crate::sql;

/// Whether the provider was asked to take what the buyer agreed to, and said no each time.
fn is_taking_refused(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<bool, Error> {
    let calls = sql::calls_of(tx, attempt.payment)?;
    let is_taking = |operation| matches!(operation, Operation::Capture | Operation::Authorize);
    let mut tries =
        calls.iter().filter(|call| call.attempt == attempt.number && is_taking(call.operation)).peekable();
    Ok(tries.peek().is_some() && tries.all(|call| call.state == CallState::Refused))
}

/// Whether nothing was taken or set aside, and nothing pends: what PayPal declined once it declines for good.
fn is_declined_for_good(seen: &Seen) -> bool {
    seen.stage == Stage::Declined
        && seen.authorized == 0
        && seen.captures.iter().all(|one| one.state == Piece::Failed)
}

/// Minor units for a fact.
pub(crate) fn amount(minor: i64) -> u64 {
    u64::try_from(minor).unwrap_or(0)
}

pub(crate) fn tell(tx: &mut Tx<'_>, fact: impl Into<storeward_events::Event>) -> Result<(), Error> {
    tx.append(Actor::System, None, fact)?;
    Ok(())
}

impl Shared {
    /// Makes the books say what `seen` says of this attempt. What does not fit is told once, and changes nothing.
    pub(crate) fn apply(&self, tx: &mut Tx<'_>, attempt: &Attempt, seen: &Seen) -> Result<Payment, Error> {
        let before = sql::get(tx, attempt.payment)?;
        let gateway = self.gateway(attempt.provider)?;
        if let Some(what) = misfit(&self.wanted(&before, gateway), seen) {
            return self.mismatch(tx, before, attempt, what);
        }
        tx.commit_silent("a provider was asked and had nothing new; what is new is told");
        if let (None, Some(inner)) = (&attempt.inner, &seen.inner) {
            sql::attempt_inner(tx, (attempt.payment, attempt.number), inner)?;
        }
        for one in &seen.captures {
            self.apply_capture(tx, &before, attempt, one)?;
        }
        for one in &seen.refunds {
            apply_refund(tx, &before, attempt, one)?;
        }
        let is_over = matches!(seen.stage, Stage::Expired | Stage::Voided)
            || attempt.pays_as_it_opens() && is_declined_for_good(seen);
        if attempt.is_open && is_over {
            sql::attempt_closed(tx, (attempt.payment, attempt.number))?;
        }
        let mut after = settle_calls(tx, before.clone(), attempt, seen)?;
        tally(tx, &mut after, seen)?;
        let sums = Sums {
            authorized: after.authorized,
            captured: after.captured,
            refunded: after.refunded,
            captures_ended: after.captures_ended,
        };
        // An attempt that was given up says nothing more of the buyer, but what it took counts.
        let is_current = attempt.number == before.attempt;
        let stage = match (is_current, seen.stage) {
            (false, _) => Stage::Waiting,
            // The buyer agreed, and the provider took nothing of it, or we did not ask it to: another means has to be chosen.
            (true, Stage::Approved | Stage::Ready) if !attempt.is_open || is_taking_refused(tx, attempt)? => {
                Stage::Declined
            }
            (true, stage) => stage,
        };
        after.state = next(before.state, stage, &sums);
        self.finish(tx, &before, after, attempt.provider)
    }

    /// Saves what changed, tells it to the ledger and to the shop, and says when to look again.
    pub(crate) fn finish(
        &self,
        tx: &mut Tx<'_>,
        before: &Payment,
        mut after: Payment,
        provider: Provider,
    ) -> Result<Payment, Error> {
        after.is_unsure = after.unsure > 0;
        self.plan_look(tx, &mut after)?;
        tell_changes(tx, before, &after, provider)?;
        // Money that came late, for an order that has another payment by now.
        if !before.is_open()
            && after.captured > before.captured
            && sql::open_of_order(tx, &after.order)?.is_some_and(|other| other.id != after.id)
        {
            tell_twice(tx, &after, provider, after.captured - before.captured)?;
        }
        let is_changed = (before.state, before.captured, before.refunded, before.authorized)
            != (after.state, after.captured, after.refunded, after.authorized);
        sql::save(tx, &after)?;
        if after.state == State::Voided && before.state != State::Voided {
            crate::judge::end_of_void(tx, after.id)?;
        }
        // What was set free was the order's until then, though no sum says so.
        if is_changed || before.captures_ended != after.captures_ended {
            crate::orders::look_again(tx, &after.order)?;
        }
        if is_changed {
            crate::news::promise(tx, self, &after)?;
        }
        sql::get(tx, after.id)
    }

    /// When the provider is asked next in case a message was lost: ever later, and not at all where nothing can come.
    fn plan_look(&self, tx: &mut Tx<'_>, after: &mut Payment) -> Result<(), Error> {
        let now = tx.now();
        let is_pending = is_pending(tx, after)?;
        if !after.is_underway() && !after.is_unsure && !is_pending {
            after.look_at = match after.state {
                // Nobody has begun: when the time is over, it is closed.
                State::Created | State::Declined => Some(after.expires_at.max(now)),
                _ => None,
            };
            return Ok(());
        }
        let doublings = after.looks.min(12);
        let wait = self.pace.first_look.saturating_mul(1 << doublings);
        let wait = wait.min(std::time::Duration::from_secs(6 * 3600));
        after.looks = after.looks.saturating_add(1);
        after.look_at = Some(now.plus(wait));
        Ok(())
    }

    fn mismatch(
        &self,
        tx: &mut Tx<'_>,
        before: Payment,
        attempt: &Attempt,
        what: &'static str,
    ) -> Result<Payment, Error> {
        let mut after = before;
        self.plan_look(tx, &mut after)?;
        sql::save(tx, &after)?;
        if attempt.mismatch.as_deref() == Some(what) {
            tx.commit_silent("that what the provider has does not fit was told before");
        } else {
            sql::attempt_mismatch(tx, (attempt.payment, attempt.number), what)?;
            let (payment, provider) = (attempt.payment, attempt.provider.word().to_owned());
            tell(tx, facts::PaymentMismatch { payment, provider, what: what.to_owned() })?;
        }
        sql::get(tx, after.id)
    }

    fn apply_capture(
        &self,
        tx: &mut Tx<'_>,
        payment: &Payment,
        attempt: &Attempt,
        one: &SeenCapture,
    ) -> Result<(), Error> {
        let provider = attempt.provider;
        let known = sql::find_capture(tx, provider, &one.reference)?;
        let known = match known {
            Some(known) if known.payment != payment.id || known.amount != one.amount.minor => {
                return Err(Error::Form("a capture that is another payment's, or of another amount"));
            }
            Some(known) => known,
            None => {
                let others = sql::captures_of(tx, payment.id)?;
                let is_extra = others.iter().any(|other| {
                    other.attempt != attempt.number && other.state == Piece::Done && !other.is_extra
                });
                let fresh = Capture {
                    provider,
                    reference: one.reference.clone(),
                    payment: payment.id,
                    attempt: attempt.number,
                    amount: one.amount.minor,
                    fee: None,
                    // Booked below.
                    state: Piece::Pending,
                    is_extra,
                    at: tx.now(),
                };
                sql::insert_capture(tx, &fresh)?;
                if is_extra && one.state == Piece::Done {
                    tell_twice(tx, payment, provider, one.amount.minor)?;
                }
                fresh
            }
        };
        let (receivable, clearing) = (Account::CustomerReceivable, Account::Clearing(provider));
        match (known.state, one.state) {
            (Piece::Pending, Piece::Done) => {
                sql::capture_state(tx, &known, Piece::Done)?;
                moved(tx, payment.id, (receivable, clearing), one.amount, &one.reference)?;
            }
            (Piece::Pending, Piece::Failed) => sql::capture_state(tx, &known, Piece::Failed)?,
            // What was taken is not un-taken by an older picture; a reversal comes as a refund or a dispute.
            _ => {}
        }
        if let (Piece::Done, Some(fee)) = (one.state, one.fee)
            && sql::capture_fee(tx, &known, fee.minor)?
            && fee.minor != 0
        {
            moved(tx, payment.id, (clearing, Account::Fees), fee, &one.reference)?;
        }
        Ok(())
    }
}

fn tell_twice(tx: &mut Tx<'_>, payment: &Payment, provider: Provider, minor: i64) -> Result<(), Error> {
    let fact = facts::PaidTwice {
        payment: payment.id,
        provider: provider.word().to_owned(),
        amount: amount(minor),
        currency: payment.currency().to_string(),
    };
    tell(tx, fact)
}

fn apply_refund(
    tx: &mut Tx<'_>,
    payment: &Payment,
    attempt: &Attempt,
    one: &SeenRefund,
) -> Result<(), Error> {
    let provider = attempt.provider;
    let known = sql::find_refund(tx, provider, &one.reference)?;
    let known = match known {
        Some(known) if known.payment != payment.id || known.amount != one.amount.minor => {
            return Err(Error::Form("a refund that is another payment's, or of another amount"));
        }
        Some(known) => {
            // A row of before, or an older picture, did not say it.
            if let (None, Some(capture)) = (&known.capture, &one.capture) {
                sql::refund_capture(tx, &known, capture)?;
            }
            known
        }
        None => {
            let fresh = Refund {
                provider,
                reference: one.reference.clone(),
                payment: payment.id,
                attempt: attempt.number,
                amount: one.amount.minor,
                state: Piece::Pending,
                at: tx.now(),
                capture: one.capture.clone(),
            };
            sql::insert_refund(tx, &fresh)?;
            fresh
        }
    };
    let (refunds, clearing) = (Account::Refunds, Account::Clearing(provider));
    match (known.state, one.state) {
        (Piece::Pending, Piece::Done) => {
            sql::refund_state(tx, &known, Piece::Done)?;
            moved(tx, payment.id, (clearing, refunds), one.amount, &one.reference)
        }
        (Piece::Pending, Piece::Failed) => Ok(sql::refund_state(tx, &known, Piece::Failed)?),
        // A bank sent it back: the shop has it again.
        (Piece::Done, Piece::Failed) => {
            sql::refund_state(tx, &known, Piece::Failed)?;
            moved(tx, payment.id, (refunds, clearing), one.amount, &one.reference)?;
            tell(
                tx,
                facts::RefundFailed(facts::MoneyMoved {
                    payment: payment.id,
                    provider: provider.word().to_owned(),
                    amount: amount(one.amount.minor),
                    currency: payment.currency().to_string(),
                    total: amount(payment.refunded - one.amount.minor),
                }),
            )
        }
        _ => Ok(()),
    }
}

/// Calls whose outcome `seen` shows.
fn settle_calls(
    tx: &mut Tx<'_>,
    mut payment: Payment,
    attempt: &Attempt,
    seen: &Seen,
) -> Result<Payment, Error> {
    for call in sql::unsettled_of(tx, payment.id)? {
        if call.attempt != attempt.number || call.operation == Operation::Open {
            continue;
        }
        let Some(outcome) = outcome_of(&call, seen) else { continue };
        let was_unsure = call.state == CallState::Unsure;
        if sql::call_settled(tx, (call.payment, &call.key), CallState::Done, None, Some(&outcome))?
            && was_unsure
        {
            payment.unsure = payment.unsure.saturating_sub(1);
            tell(
                tx,
                facts::PaymentResolved {
                    payment: payment.id,
                    provider: call.provider.word().to_owned(),
                    operation: call.operation.word().to_owned(),
                    outcome: CallState::Done.word().to_owned(),
                },
            )?;
        }
    }
    Ok(payment)
}

/// Whether money is on its way: a capture or refund that the provider has not finished.
fn is_pending(reader: &mut Reader<'_>, payment: &Payment) -> Result<bool, Error> {
    let captures = sql::captures_of(reader, payment.id)?.iter().any(|one| one.state == Piece::Pending);
    Ok(captures || sql::refunds_of(reader, payment.id)?.iter().any(|one| one.state == Piece::Pending))
}

/// Sums up what stands in the rows: never counted on, so never counted twice.
fn tally(tx: &mut Tx<'_>, after: &mut Payment, seen: &Seen) -> Result<(), Error> {
    let sum = |parts: Vec<i64>| {
        parts.into_iter().try_fold(0_i64, i64::checked_add).ok_or(Error::Form("a sum that is too large"))
    };
    let captures = sql::captures_of(tx, after.id)?;
    let counted = captures.iter().filter(|one| !one.is_extra);
    after.captured = sum(counted.filter(|one| one.state == Piece::Done).map(|one| one.amount).collect())?;
    // What comes back of money that was taken twice is no refund of this payment.
    let extra: Vec<u32> = captures.iter().filter(|one| one.is_extra).map(|one| one.attempt).collect();
    let refunds = sql::refunds_of(tx, after.id)?;
    let ours = || refunds.iter().filter(|one| !extra.contains(&one.attempt));
    let of = |state: Piece| ours().filter(move |one| one.state == state).map(|one| one.amount);
    after.refunded = sum(of(Piece::Done).collect())?;
    let open = sql::unsettled_of(tx, after.id)?;
    let under_way = |operation: Operation| {
        let is_ours = |call: &&crate::model::Call| !extra.contains(&call.attempt);
        open.iter()
            .filter(is_ours)
            .filter(move |call| call.operation == operation)
            .filter_map(|call| call.amount)
    };
    after.refunding = sum(under_way(Operation::Refund).chain(of(Piece::Pending)).collect())?;
    let captures_pending = captures.iter().filter(|one| one.state == Piece::Pending && !one.is_extra);
    let captures_pending = captures_pending.map(|one| one.amount);
    after.capturing = sum(under_way(Operation::Capture).chain(captures_pending).collect())?;
    // What was set aside is known until it is taken; an older picture does not take it away.
    after.authorized = after.authorized.max(seen.authorized).max(after.captured);
    after.captures_ended |= seen.captures_ended && after.captured > 0;
    Ok(())
}

fn tell_changes(tx: &mut Tx<'_>, before: &Payment, after: &Payment, provider: Provider) -> Result<(), Error> {
    let fact = |minor: i64, total: i64| facts::MoneyMoved {
        payment: after.id,
        provider: provider.word().to_owned(),
        amount: amount(minor),
        currency: after.currency().to_string(),
        total: amount(total),
    };
    if after.captured > before.captured {
        tell(tx, facts::PaymentCaptured(fact(after.captured - before.captured, after.captured)))?;
    } else if after.state == State::Authorized && before.state != State::Authorized {
        tell(tx, facts::PaymentAuthorized(fact(after.authorized, after.authorized)))?;
    }
    if after.refunded > before.refunded {
        tell(tx, facts::PaymentRefunded(fact(after.refunded - before.refunded, after.refunded)))?;
    }
    if after.state != before.state {
        match after.state {
            State::Voided => tell(tx, facts::PaymentVoided { payment: after.id })?,
            State::Failed => tell(tx, facts::PaymentExpired { payment: after.id })?,
            State::Declined => {
                tell(tx, facts::PaymentDeclined { payment: after.id, provider: provider.word().to_owned() })?;
            }
            _ => {}
        }
    }
    Ok(())
}
