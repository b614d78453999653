//! Why a payment that was set free is over: what its buyer reads, and whether a later link pays the order.

use storeward_base::PaymentId;

use crate::error::Error;
use crate::model::{Operation, Payment, State};
use crate::payments::Payments;
use crate::sql;

/// How it came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The order can be paid anew: another payment took its place and is not paid, nobody paid this one in time, or nobody decided about
    /// it in time.
    Again,
    /// Another payment took its place, and is paid.
    Paid,
    /// The shop's people, or a program of theirs, wanted it so.
    ByShop,
    /// What was set aside ended at the provider, and nobody here asked for it.
    ByProvider,
}

impl Payments {
    /// Of a payment that is void, or that nobody paid in time.
    pub(crate) async fn ended(&self, payment: &Payment) -> Result<Ended, Error> {
        let (id, order, was_set_aside) = (payment.id, payment.order.clone(), payment.authorized > 0);
        let is_void = payment.state == State::Voided;
        self.0
            .read(move |reader| {
                let newest = sql::of_order(reader, &order, 1)?;
                if let Some(other) = newest.first().filter(|one| one.id != id) {
                    let is_paid = other.is_open() && other.authorized > 0;
                    return Ok(if is_paid { Ended::Paid } else { Ended::Again });
                }
                if !is_void || crate::judge::is_undecided(reader, id)? {
                    return Ok(Ended::Again);
                }
                let calls = sql::calls_of(reader, id)?;
                let is_ours = calls.iter().any(|call| call.operation == Operation::Void);
                Ok(if was_set_aside && !is_ours { Ended::ByProvider } else { Ended::ByShop })
            })
            .await
    }

    /// Whether it was set free because nobody decided about it in time: nobody said no.
    pub(crate) async fn is_undecided(&self, id: PaymentId) -> Result<bool, Error> {
        self.0.read(move |reader| crate::judge::is_undecided(reader, id)).await
    }

    /// Whether no link pays the order of this payment, its newest one, any more, whatever it costs now: somebody of the shop, a program of
    /// theirs or a rule that acts said no to it. Only a program opens another one.
    pub(crate) async fn is_closed_to_links(&self, newest: &Payment) -> Result<bool, Error> {
        if newest.is_open() {
            return Ok(false);
        }
        // What was taken before somebody said no went back: that is no void.
        if self.review_of(newest.id).await?.is_some_and(|review| review.state == "declined") {
            return Ok(true);
        }
        let is_shops = newest.state == State::Voided && self.ended(newest).await? == Ended::ByShop;
        Ok(is_shops && !self.0.details(newest.id).await?.gave_way)
    }
}
