//! Calls of which nobody knows what they did, and since when; and what a person found out at the provider.

use storeward_base::{Actor, PaymentId, Timestamp};
use storeward_payments::desk::{Error, Operation, Payments, Unknown, Unlearnt, WhyNothing};
use storeward_web::Moment;

/// One line of the list.
pub struct Line {
    pub since: Moment,
    pub payment: String,
    pub order: String,
    pub what: &'static str,
    pub way: &'static str,
    pub asks: u32,
    pub next: Option<Moment>,
}

pub fn line(one: Unknown) -> Line {
    Line {
        since: Moment(one.since),
        payment: one.payment.to_string(),
        order: one.order,
        what: what(one.operation),
        way: super::way(Some(one.provider)),
        asks: one.asks,
        next: one.next_at.map(Moment),
    }
}

/// What a call was to do.
pub const fn what(operation: Operation) -> &'static str {
    match operation {
        Operation::Open => "make a page",
        Operation::Close => "close the page",
        Operation::Authorize => "set aside",
        Operation::Capture => "take",
        Operation::Refund => "give back",
        Operation::Void => "set free",
    }
}

/// Of a payment of which nobody can learn here what became of it.
pub struct Asked {
    /// Before it, nobody may say that nothing was taken.
    pub nothing_from: Option<Moment>,
}

pub fn asked(one: Unlearnt, now: Timestamp) -> Asked {
    Asked { nothing_from: (one.nothing_from > now).then_some(Moment(one.nothing_from)) }
}

/// What a person found: `transaction` is the provider's number of it, `why` says that there is nothing.
pub async fn settle(
    payments: &Payments,
    (id, actor): (PaymentId, Actor),
    transaction: &str,
    why: &str,
) -> Result<(), Error> {
    match WhyNothing::of_word(why) {
        Some(why) => payments.nothing_by_hand(id, actor, why).await,
        None => payments.found_by_hand(id, actor, transaction).await,
    }
}
