//! Facts of payments. They name a payment by its id and say amounts in minor units; never who paid, with what, or for what.

use serde::{Deserialize, Serialize};
use storeward_base::{PaymentId, Timestamp};

use crate::{Event, words};

/// An order is to be paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCreated {
    pub payment: PaymentId,
    /// In minor units of the currency (ISO 4217).
    pub amount: u64,
    pub currency: String,
}

/// The buyer was led to a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentBegun {
    pub payment: PaymentId,
    /// `stripe`, `paypal`.
    pub provider: String,
    /// Which try it is.
    pub attempt: u32,
}

/// Somebody wants money taken, given back, or set free: the actor. What comes of it is told by other facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAsked {
    pub payment: PaymentId,
    /// `capture`, `refund`, `void`.
    pub operation: String,
    /// None for `void`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    pub currency: String,
}

/// Money was moved or set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoneyMoved {
    pub payment: PaymentId,
    pub provider: String,
    pub amount: u64,
    pub currency: String,
    /// All of this kind for the payment.
    pub total: u64,
}

/// The buyer's money is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaymentAuthorized(pub MoneyMoved);

/// Money was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaymentCaptured(pub MoneyMoved);

/// Money was given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaymentRefunded(pub MoneyMoved);

/// A refund that was under way, or done, did not reach the buyer: the shop has the money again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RefundFailed(pub MoneyMoved);

/// Nothing will be taken any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentVoided {
    pub payment: PaymentId,
}

/// The provider declined the buyer's means of payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDeclined {
    pub payment: PaymentId,
    pub provider: String,
}

/// The time to pay is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentExpired {
    pub payment: PaymentId,
}

/// A call to the provider has no answer that says what it did; the provider will be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentUnsure {
    pub payment: PaymentId,
    pub provider: String,
    /// `open`, `authorize`, `capture`, `refund`, `void`, `close`.
    pub operation: String,
    /// The stable code of what happened.
    pub code: String,
}

/// What a call did is known now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentResolved {
    pub payment: PaymentId,
    pub provider: String,
    pub operation: String,
    /// `done`, `refused`.
    pub outcome: String,
}

/// A person looked at the provider and said what became of a call that nobody could learn here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledByHand {
    pub payment: PaymentId,
    pub provider: String,
    pub operation: String,
    /// `found`: they named what was paid, and the provider says that it is this payment's. `not_there`, `declined_there`: that nothing was
    /// paid is their word alone.
    pub outcome: String,
}

/// The provider refused what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRefused {
    pub payment: PaymentId,
    pub provider: String,
    pub operation: String,
    /// The provider's own code, cut to letters, digits, `_` and `.`.
    pub code: String,
}

/// What the provider has is not what was asked for: nothing follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMismatch {
    pub payment: PaymentId,
    pub provider: String,
    /// `amount`, `currency`, `mode`, `payment`, `account`, `refunds`.
    pub what: String,
}

/// Money was taken for a payment that was paid already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidTwice {
    pub payment: PaymentId,
    pub provider: String,
    pub amount: u64,
    pub currency: String,
}

/// The buyer, or their bank, wants the money back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeOpened {
    pub payment: PaymentId,
    pub provider: String,
    pub amount: u64,
    pub currency: String,
    /// The provider's word for it.
    pub reason: String,
    /// Until when evidence is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

/// The time to answer a dispute ends, and nobody has answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeDue {
    pub payment: PaymentId,
    pub provider: String,
    /// The provider's id of the dispute.
    pub dispute: String,
    pub due_at: Timestamp,
    /// Whole hours that are left; 0 when it is over.
    pub hours: u32,
}

/// The actor answers a dispute. What comes of it is told by `payment.refused` and `payment.dispute_closed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeAnswered {
    pub payment: PaymentId,
    pub provider: String,
    pub dispute: String,
    /// `evidence`, `concede`.
    pub answer: String,
    /// SHA-256 of the evidence that goes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The actor added something to the evidence of a dispute, or took it away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeNoted {
    pub payment: PaymentId,
    pub provider: String,
    pub dispute: String,
    /// What it is about: `carrier`, `tracking_number`, `shipped_on`, `delivered_on`, `shipped_to`, `communication`, `terms`, `sign_in`,
    /// `explanation`.
    pub about: String,
    /// `added`, `removed`.
    pub how: String,
}

/// A dispute is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeClosed {
    pub payment: PaymentId,
    pub provider: String,
    /// `won`, `lost`.
    pub outcome: String,
}

/// A buyer let the shop keep what they paid with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodKept {
    /// Our id of it. The provider's token is told nowhere.
    pub method: String,
    pub payment: PaymentId,
    pub provider: String,
}

/// A kept means of payment is taken away; the provider forgets it, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodRemoved {
    pub method: String,
    pub provider: String,
    /// `asked`; `erased`: its customer is.
    pub why: String,
}

/// Messages in a provider's name that cannot be believed. Told once a minute at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRefused {
    pub provider: String,
    /// The stable code of the first one's reason.
    pub reason: String,
    pub count: u64,
}

/// A provider does not take the keys of the config: not of this mode, or no keys at all. It is not offered until it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysRefused {
    pub provider: String,
    /// `live`, `test`: what the config says.
    pub mode: String,
}

/// It takes them again, and is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysTaken {
    pub provider: String,
    pub mode: String,
}

/// A day of a provider was compared with the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayReconciled {
    pub provider: String,
    /// `YYYY-MM-DD`, UTC.
    pub day: String,
    pub compared: u64,
    pub differences: u64,
}

/// The provider's list, the books and the shop's orders do not say the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceFound {
    /// `stripe`, `paypal`; `shop` where an order of the shop is held against its payments.
    pub provider: String,
    pub day: String,
    /// `missing_here`, `missing_there`, `amount`, `not_in_the_books`, `not_read`, `line_not_read`, `row_harmed`, `shop_not_told`; of orders `order_missing`, `order_unpaid`,
    /// `order_cancelled`, `order_without_payment`, `order_amount`, `order_currency`, `order_not_refunded`, `payment_not_refunded`.
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
}

/// The shop could not be told what became of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopNotTold {
    pub payment: PaymentId,
    /// The address's name in the configuration.
    pub hook: String,
    pub code: String,
}

/// One line of plain words for each.
pub(crate) fn sentence(event: &Event) -> Option<String> {
    let minor = |amount: u64, currency: &str| format!("{amount} {currency} (minor units)");
    let moved = |verb: &str, fact: &MoneyMoved| {
        format!("{verb} {} for {} by {}", minor(fact.amount, &fact.currency), fact.payment, fact.provider)
    };
    Some(match event {
        Event::PaymentCreated(p) => format!("{} is to bring {}", p.payment, minor(p.amount, &p.currency)),
        Event::PaymentBegun(p) => {
            format!("The buyer of {} was led to {} (try {})", p.payment, p.provider, p.attempt)
        }
        Event::PaymentAsked(p) => match p.amount {
            Some(amount) => {
                format!("Asked to {} {} of {}", p.operation, minor(amount, &p.currency), p.payment)
            }
            None => format!("Asked to {} {}", p.operation, p.payment),
        },
        Event::PaymentAuthorized(PaymentAuthorized(fact)) => moved("Set aside", fact),
        Event::PaymentCaptured(PaymentCaptured(fact)) => moved("Took", fact),
        Event::PaymentRefunded(PaymentRefunded(fact)) => moved("Gave back", fact),
        Event::RefundFailed(RefundFailed(fact)) => moved("Could not give back", fact),
        Event::PaymentVoided(p) => format!("{} is void: nothing will be taken", p.payment),
        Event::PaymentDeclined(p) => format!("{} declined the means of payment of {}", p.provider, p.payment),
        Event::PaymentExpired(p) => format!("The time to pay {} is over", p.payment),
        Event::PaymentUnsure(p) => format!(
            "{} did not say what became of {} ({}): {}; it will be asked",
            p.provider, p.payment, p.operation, p.code
        ),
        Event::PaymentResolved(p) => {
            format!(
                "What became of {} at {} is known ({}): {}",
                p.payment, p.provider, p.operation, p.outcome
            )
        }
        Event::SettledByHand(p) => match p.outcome.as_str() {
            "found" => format!("Named what {} has of {} ({})", p.provider, p.payment, p.operation),
            why => format!("Said that {} did nothing of {} ({}): {why}", p.provider, p.payment, p.operation),
        },
        Event::KeysRefused(p) => {
            let other = if p.mode == "live" { "are they the sandbox's" } else { "are they live ones" };
            format!("{} refuses the keys of the config in {} mode; {other}?", p.provider, p.mode)
        }
        Event::KeysTaken(p) => format!("{} takes the keys of the config again ({} mode)", p.provider, p.mode),
        Event::PaymentRefused(p) => {
            format!("{} refused to {} {}: {}", p.provider, p.operation, p.payment, p.code)
        }
        Event::PaymentMismatch(p) => {
            format!("What {} has of {} is not what was asked for: {}", p.provider, p.payment, p.what)
        }
        Event::PaidTwice(p) => {
            format!("{} was paid once more by {}: {}", p.payment, p.provider, minor(p.amount, &p.currency))
        }
        Event::WebhookRefused(p) => {
            let count = words::counted(p.count, "message");
            format!("{count} in {}'s name could not be believed: {}", p.provider, p.reason)
        }
        Event::DayReconciled(p) => {
            let compared = words::counted(p.compared, "entry");
            let differences = words::counted(p.differences, "difference");
            format!("Compared {compared} of {} for {}: {differences}", p.provider, p.day)
        }
        Event::DifferenceFound(p) => {
            let whose = p.payment.map_or_else(String::new, |payment| format!(" ({payment})"));
            match p.provider.as_str() {
                "shop" => {
                    format!("An order of the shop and its payment differ: {}{whose}", words::plain(&p.what))
                }
                provider => {
                    format!("{provider} and the books differ for {}: {}{whose}", p.day, words::plain(&p.what))
                }
            }
        }
        Event::ShopNotTold(p) => {
            format!("The shop ({}) could not be told what became of {}: {}", p.hook, p.payment, p.code)
        }
        other => return of_disputes(other),
    })
}

/// Those of disputes, and of what buyers let the shop keep.
fn of_disputes(event: &Event) -> Option<String> {
    Some(match event {
        Event::DisputeOpened(p) => {
            let amount = format!("{} {} (minor units)", p.amount, p.currency);
            format!("{amount} of {} are disputed at {} ({})", p.payment, p.provider, words::plain(&p.reason))
        }
        Event::DisputeDue(p) if p.hours == 0 => {
            format!("Nobody answered the dispute about {} at {} in time", p.payment, p.provider)
        }
        Event::DisputeDue(p) => {
            let hours = words::counted(u64::from(p.hours), "hour");
            format!("{hours} are left to answer the dispute about {} at {}", p.payment, p.provider)
        }
        Event::DisputeAnswered(p) if p.answer == "concede" => {
            format!("Gave in to the dispute about {} at {}", p.payment, p.provider)
        }
        Event::DisputeAnswered(p) => {
            format!("Sent evidence about {} to {}", p.payment, p.provider)
        }
        Event::DisputeNoted(p) => {
            let about = words::plain(&p.about);
            format!("Evidence about {} was {}: {about}", p.payment, p.how)
        }
        Event::DisputeClosed(p) => {
            format!("The dispute about {} at {} is over: {}", p.payment, p.provider, p.outcome)
        }
        Event::MethodKept(p) => {
            format!("What {} was paid with at {} is kept for its customer", p.payment, p.provider)
        }
        Event::MethodRemoved(p) if p.why == "erased" => {
            format!("A means of payment at {} is taken away: its customer is erased", p.provider)
        }
        Event::MethodRemoved(p) => format!("A means of payment at {} is taken away", p.provider),
        _ => return None,
    })
}
