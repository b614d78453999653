//! Calls of which nobody knows what they did, and since when.

use storeward_payments::desk::{Operation, Unknown};
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
