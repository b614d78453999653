//! What may follow on what, and what a provider's object means for a payment. Pure.
//!
//! ```text
//! created ─┬─ requires_action ─┬─ processing ─┬─ authorized ─── partially_captured ─── captured ─── partially_refunded ─── refunded
//!          └──── declined ─────┘              └─ voided   (from everything before money was taken)      failed: the time is over
//! ```
//! Money that was taken is a fact, whatever was thought before: it leads from every state to those on the right. To the left there
//! is no way but from `declined`, since a buyer may try again. So an old picture of the provider's object, applied late, changes nothing.

use crate::model::{Call, Operation, Payment, Piece, State};
use crate::money::Money;

/// What a provider's object says of the buyer's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nobody has come yet.
    Waiting,
    Action,
    /// The buyer agreed (PayPal): nothing is taken until we say so.
    Approved,
    /// Made with what is kept of the buyer: nothing is taken until we say so.
    Ready,
    Processing,
    Declined,
    Authorized,
    Captured,
    Voided,
    /// The page at the provider is closed, and nothing came of it.
    Expired,
}

/// A provider's objects for one attempt, as read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub stage: Stage,
    /// What it asks the buyer for.
    pub asked: Money,
    /// Our id, as it stands there.
    pub payment: Option<String>,
    pub is_live: Option<bool>,
    /// The account that gets the money, where the object says so.
    pub account: Option<String>,
    pub inner: Option<String>,
    pub authorized: i64,
    pub captures_ended: bool,
    /// What was set aside, or its rest, was set free.
    pub is_set_free: bool,
    pub captures: Vec<SeenCapture>,
    pub refunds: Vec<SeenRefund>,
    /// The card or wallet that was used last.
    pub card: Option<crate::judge::CardSeen>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenCapture {
    pub reference: String,
    pub amount: Money,
    /// In the currency that the provider pays out in; unknown at first.
    pub fee: Option<Money>,
    pub state: Piece,
    /// What we gave it to be found by.
    pub mark: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenRefund {
    pub reference: String,
    /// Of which capture it is, where the object says so.
    pub capture: Option<String>,
    pub amount: Money,
    pub state: Piece,
    pub mark: Option<String>,
}

/// What a payment must be at the provider, for this to be it.
pub(crate) struct Wanted<'a> {
    pub payment: &'a Payment,
    pub is_live: bool,
    pub account: Option<&'a str>,
}

/// Mistakes 2 and 3: what does not fit, before anything follows from what was seen.
pub(crate) fn misfit(wanted: &Wanted<'_>, seen: &Seen) -> Option<&'static str> {
    let Payment { id, amount, .. } = wanted.payment;
    if seen.payment.as_deref() != Some(id.text().as_str()) {
        return Some("payment");
    }
    if seen.is_live.is_some_and(|live| live != wanted.is_live) {
        return Some("mode");
    }
    if let (Some(ours), Some(theirs)) = (wanted.account, &seen.account)
        && ours != theirs
    {
        return Some("account");
    }
    let pieces = seen.captures.iter().map(|one| one.amount).chain(seen.refunds.iter().map(|one| one.amount));
    if std::iter::once(seen.asked).chain(pieces).any(|money| money.currency != amount.currency) {
        return Some("currency");
    }
    let captured =
        sum(seen.captures.iter().filter(|one| one.state == Piece::Done).map(|one| one.amount.minor));
    let refunded =
        sum(seen.refunds.iter().filter(|one| one.state == Piece::Done).map(|one| one.amount.minor));
    let authorized = seen.authorized;
    let (Some(captured), Some(refunded)) = (captured, refunded) else { return Some("amount") };
    if seen.asked.minor != amount.minor || authorized > amount.minor || captured > authorized {
        return Some("amount");
    }
    (refunded > captured).then_some("refunds")
}

/// Nothing where it does not fit, or where a part is not above zero.
fn sum(parts: impl Iterator<Item = i64>) -> Option<i64> {
    parts.map(|part| (part > 0).then_some(part)).try_fold(0_i64, |sum, part| sum.checked_add(part?))
}

/// Sums of a payment's pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub authorized: i64,
    pub captured: i64,
    pub refunded: i64,
    pub captures_ended: bool,
}

/// The state behind `before`, once a provider's object was seen.
pub(crate) fn next(before: State, stage: Stage, sums: &Sums) -> State {
    let after = wished(before, stage, sums);
    if before.may_become(after) { after } else { before }
}

fn wished(before: State, stage: Stage, sums: &Sums) -> State {
    if sums.captured > 0 {
        return match sums.refunded {
            0 if sums.captured < sums.authorized && !sums.captures_ended => State::PartiallyCaptured,
            0 => State::Captured,
            refunded if refunded < sums.captured => State::PartiallyRefunded,
            _ => State::Refunded,
        };
    }
    match stage {
        Stage::Waiting | Stage::Ready => before,
        Stage::Action => State::RequiresAction,
        // Nothing is paid while somebody is at it.
        Stage::Approved | Stage::Processing | Stage::Captured => State::Processing,
        Stage::Declined => State::Declined,
        Stage::Authorized => State::Authorized,
        Stage::Voided => State::Voided,
        // The buyer may begin anew until the payment's own time is over.
        Stage::Expired => match before {
            State::RequiresAction | State::Processing => State::Declined,
            other => other,
        },
    }
}

impl State {
    /// How far it is; what was taken is never un-taken.
    const fn rank(self) -> u8 {
        match self {
            State::Created | State::Declined => 0,
            State::RequiresAction => 1,
            State::Processing => 2,
            State::Authorized => 3,
            State::Voided | State::Failed => 4,
            State::PartiallyCaptured => 5,
            State::Captured => 6,
            State::PartiallyRefunded => 7,
            State::Refunded => 8,
        }
    }

    /// Whether `next` may follow.
    pub fn may_become(self, next: State) -> bool {
        let has_money = |state: State| state.rank() >= State::PartiallyCaptured.rank();
        if self == next {
            return true;
        }
        match (self, next) {
            // Whoever was declined may try again; who has begun may be declined.
            (State::Created | State::RequiresAction | State::Processing, State::Declined) => true,
            (State::Declined, State::RequiresAction | State::Processing) => true,
            (_, State::Created) => false,
            // A refund that fails later: the money is the shop's again.
            (
                State::Refunded | State::PartiallyRefunded,
                State::Captured | State::PartiallyRefunded | State::PartiallyCaptured,
            ) => true,
            (State::PartiallyRefunded, State::Refunded) => true,
            // Over before money was taken.
            (State::Voided | State::Failed, next) => has_money(next),
            // Set aside, and so not merely late.
            (State::Authorized, State::Failed) => false,
            (from, to) => to.rank() > from.rank(),
        }
    }
}

/// Whether what was seen shows that a call did what it should; and the provider's object that came of it.
pub(crate) fn outcome_of(call: &Call, seen: &Seen) -> Option<String> {
    let is_closed = matches!(seen.stage, Stage::Expired | Stage::Voided);
    // Confirmed, and the bank asks the buyer: it did what it could.
    let is_confirmed = matches!(call.operation, Operation::Capture | Operation::Authorize)
        && seen.stage == Stage::Action
        && call.target.is_some()
        && call.target == seen.inner;
    if is_confirmed {
        return seen.inner.clone();
    }
    match call.operation {
        Operation::Open => call.target.clone(),
        Operation::Authorize => (seen.authorized > 0).then(|| seen.inner.clone()).flatten(),
        Operation::Capture => {
            // Stripe's bear no mark: one of another amount is another call's.
            let ours = |one: &&SeenCapture| match one.mark.as_deref() {
                Some(mark) => mark == short(&call.key),
                None => call.amount.is_none_or(|amount| one.amount.minor == amount),
            };
            let capture = seen.captures.iter().find(ours);
            capture.map(|one| one.reference.clone())
        }
        Operation::Refund => {
            let refund = seen.refunds.iter().find(|one| one.mark.as_deref() == Some(short(&call.key)));
            refund.map(|one| one.reference.clone())
        }
        // Nothing to close where something came of it.
        Operation::Close => (is_closed || !seen.captures.is_empty() || seen.authorized > 0).then(String::new),
        // The rest of what was taken in parts: nothing more can be taken.
        Operation::Void if call.amount.is_some() => seen.captures_ended.then(String::new),
        // Something may have been taken between the wish and the call, by hand at the provider: then it was the rest.
        Operation::Void => (seen.stage == Stage::Voided || seen.is_set_free).then(String::new),
    }
}

/// As much of a call's key as every provider lets an object carry.
pub(crate) fn short(key: &str) -> &str {
    key.get(..32).unwrap_or(key)
}

#[cfg(test)]
mod tests;
