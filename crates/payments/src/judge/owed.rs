//! What follows from a decision of the review queue: it is owed until it is done, whatever fails, and then nothing is left that anybody
//! could still take of what was declined.

use std::time::Duration;

use storeward_base::{Actor, PaymentId};
use storeward_store::{Reader, params, statements};

use super::review::{Review, find};
use crate::error::Error;
use crate::janitor::wait;
use crate::model::{Call, CallState, Operation, Provider, State};
use crate::payments::Payments;
use crate::sql;
use crate::verbs::Wish;

statements! {
    OWED_REVIEWS = "SELECT r.payment FROM payment_review r JOIN payment p ON p.id = r.payment WHERE r.is_owed = 1 AND p.provider = $1 \
        AND r.payment > $2 AND r.payment < '~' ORDER BY r.payment LIMIT $3";
    REVIEW_DONE = "UPDATE payment_review SET is_owed = 0 WHERE payment = $1";
}

/// A call that never went out, or was not done, is made anew after this, then after twice as long.
const AGAIN: Duration = Duration::from_secs(60);
const AGAIN_AT_LEAST_EVERY: Duration = Duration::from_secs(3600);
/// To give all back, one after the other, in one turn: somebody may give back by hand at the same time.
const MOST_WISHES: u32 = 5;

/// How far what is owed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PaidOff {
    Done,
    /// It was tried a moment ago, or nobody knows yet what the last try did.
    Later,
}

/// A wish that follows from a decision; nothing while a try that came to nothing is too fresh. Tried again it is the same one: but
/// where the last call did not go out, or was not done, and so stands as refused. Where the provider itself refused it stays at that.
fn judged(
    calls: &[Call],
    operation: Operation,
    (which, amount): (&str, Option<i64>),
    now: storeward_base::Timestamp,
) -> Option<Wish> {
    let came_to_nothing = |call: &&Call| {
        let code = call.code.as_deref().unwrap_or_default();
        call.operation == operation
            && call.state == CallState::Refused
            && (code == "payments.not_done" || code.starts_with("outbound."))
    };
    let before: Vec<&Call> = calls.iter().filter(came_to_nothing).collect();
    let count = u32::try_from(before.len()).unwrap_or(u32::MAX);
    if let Some(last) = before.iter().filter_map(|call| call.settled_at).max()
        && now.since(last) < wait(AGAIN, count - 1, AGAIN_AT_LEAST_EVERY)
    {
        return None;
    }
    let name = if count == 0 { format!("judged{which}") } else { format!("judged{which}/again/{count}") };
    Some(Wish { actor: Actor::System, amount, name: Some(name) })
}

impl Payments {
    /// Does what follows from a decision, once.
    pub(super) async fn pay_off(&self, review: &Review) -> Result<PaidOff, Error> {
        let id = review.payment;
        let payment = self.find(id).await?.ok_or(Error::NoPayment)?;
        let mut done = PaidOff::Done;
        if matches!(review.state.as_str(), "approved" | "passed") {
            if review.takes && payment.state == State::Authorized {
                done = self.carry_out(id, Operation::Capture, ("", None)).await?;
            }
        } else {
            // What is still set aside, of a payment that was taken in parts, too; and what was taken. One that the provider refuses
            // keeps nobody from the other.
            let mut freed = Ok(PaidOff::Done);
            if payment.state == State::Authorized || payment.captured > 0 && payment.capturable() > 0 {
                freed = self.carry_out(id, Operation::Void, ("", None)).await;
            }
            if review.state == "declined" {
                done = self.give_back_all(id).await?;
            }
            if freed? == PaidOff::Later {
                done = PaidOff::Later;
            }
        }
        if done == PaidOff::Done {
            let written = self.0.write(move |tx| {
                tx.commit_silent("what follows from a decision is told by the payment's own facts");
                crate::believed::touched(tx, id)?;
                tx.execute(REVIEW_DONE, params![id])?;
                Ok::<_, Error>(())
            });
            written.await?;
        }
        Ok(done)
    }

    async fn carry_out(
        &self,
        id: PaymentId,
        operation: Operation,
        wanted: (&str, Option<i64>),
    ) -> Result<PaidOff, Error> {
        let calls = self.0.read(move |reader| sql::calls_of(reader, id)).await?;
        let Some(wish) = judged(&calls, operation, wanted, self.0.now()) else { return Ok(PaidOff::Later) };
        let after = match operation {
            Operation::Capture => self.capture(id, wish).await?,
            Operation::Refund => self.refund(id, wish).await?,
            _ => self.void(id, wish).await?,
        };
        Ok(if after.is_unsure { PaidOff::Later } else { PaidOff::Done })
    }

    /// Everything that was taken goes back. What went back meanwhile, by hand or in part, leaves another amount, and so another wish;
    /// where a refusal changed nothing it stays at that.
    async fn give_back_all(&self, id: PaymentId) -> Result<PaidOff, Error> {
        for _ in 0..MOST_WISHES {
            let read = move |reader: &mut Reader<'_>| {
                let is_held = crate::disputes::of(reader, id)?.iter().any(|one| one.state == "open");
                Ok::<_, Error>((sql::get(reader, id)?, sql::unsettled_of(reader, id)?, is_held))
            };
            let (payment, calls, is_held) = self.0.read(read).await?;
            // It counts as given back until it is known that it was not: what is left is not known either. What is done here looks
            // at the payment itself, and so comes by here again while its own call is under way.
            if calls.iter().any(|call| call.operation == Operation::Refund) {
                return Ok(PaidOff::Later);
            }
            if payment.refundable() <= 0 {
                // What a dispute holds back is still to be given back where the bank finds for the shop.
                return Ok(if payment.disputed > 0 && is_held { PaidOff::Later } else { PaidOff::Done });
            }
            let which =
                if payment.refunded == 0 { String::new() } else { format!("/at/{}", payment.refunded) };
            let done = self.carry_out(id, Operation::Refund, (&which, None)).await;
            if !matches!(done, Ok(PaidOff::Done) | Err(Error::Refused { .. } | Error::RefusedInPart { .. })) {
                return done;
            }
            let after = self.find(id).await?.ok_or(Error::NoPayment)?;
            if after.refunded == payment.refunded {
                return done;
            }
        }
        Ok(PaidOff::Later)
    }

    /// Payments of one provider of which something is owed, behind the one with this id, as they stand.
    pub(crate) async fn owed(
        &self,
        provider: Provider,
        after: String,
        most: u32,
    ) -> Result<Vec<String>, Error> {
        let owed = move |reader: &mut Reader<'_>| {
            let values = params![provider.word(), &after, most];
            Ok(reader.query_many(OWED_REVIEWS, values, |row| row.get(0))?)
        };
        self.0.read(owed).await
    }

    /// One of them: as it stands at the provider now, which is asked first and so says whether it is there at all.
    pub(crate) async fn pay_off_now(&self, id: PaymentId) -> Result<PaidOff, Error> {
        self.look(id).await?;
        let found = self.0.read(move |reader| find(reader, id)).await?;
        match found.filter(|one| one.is_owed) {
            Some(owed) => self.pay_off(&owed).await,
            None => Ok(PaidOff::Done),
        }
    }
}
