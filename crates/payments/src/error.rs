//! What can go wrong with a payment.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

use crate::money::MoneyFault;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Store(storeward_store::Error),
    Seal(storeward_seal::Error),
    Money(MoneyFault),
    /// A value does not fit; the first word is its place.
    Misfit {
        field: &'static str,
        why: &'static str,
    },
    NoPayment,
    /// The order has a payment of another amount, one that another customer has begun, or one that is paid.
    OrderHasPayment,
    /// It stands where this cannot be done; the word says where.
    State(&'static str),
    /// More than is left to be taken or given back.
    TooMuch {
        left: i64,
    },
    /// A call is under way of which nobody knows what it did: first it is asked.
    Unsure,
    /// This way to pay is not set up, or does not take this currency.
    NoProvider,
    /// The provider did not do it; nothing was moved.
    Refused {
        code: String,
    },
    /// Of several captures that were to give back, these did not: the provider's reference of each, and why. The others did.
    RefusedInPart {
        of: usize,
        failed: Vec<(String, String)>,
    },
    /// The provider cannot be reached, and nothing was sent.
    NotReached {
        code: String,
    },
    /// Others changed it at the same moment, too often in a row.
    Raced,
    /// Something else was wished under the same name.
    OtherWish,
    /// More refunds on one day than the config allows.
    RefundLimit,
    /// This customer has no such means of payment.
    NoMethod,
    /// There is no such dispute.
    NoDispute,
    /// A dispute stands where this cannot be done; the words say why.
    Dispute(&'static str),
    /// The evidence is another than the one that was looked at.
    OtherPack,
    /// What was judged says no; nothing was sent to a provider. The word is what the buyer is told: `too_often`, `other_method`,
    /// `looked_at`.
    Stopped {
        category: &'static str,
    },
    /// Nothing is taken before somebody, or the card, was looked at.
    UnderReview,
    /// The rule goes on being watched.
    NotYet(storeward_fraud::backtest::NotYet),
    /// A scorer that this program did not make.
    ForeignModel,
    TooFewFrauds(storeward_fraud::TooFew),
    /// The challenger stays one; the words say why.
    NotBetter(String),
    NoScorer,
    /// A row is not what Storeward wrote: somebody was at the database. Nothing is done with it.
    Harmed {
        table: &'static str,
        row: String,
    },
    /// Kept data that this program cannot read.
    Form(&'static str),
    /// Lines of the books that do not sum to zero. Nothing was written.
    Unbalanced,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => error.fmt(f),
            Error::Seal(error) => error.fmt(f),
            Error::Money(fault) => fault.fmt(f),
            Error::Misfit { field, why } => write!(f, "{field}: {why}"),
            Error::NoPayment => f.write_str("there is no such payment"),
            Error::OrderHasPayment => {
                f.write_str("the order has another payment already; void it first, or use that one")
            }
            Error::State(state) => write!(f, "the payment is {state}: this cannot be done with it"),
            Error::TooMuch { left } => write!(f, "no more than {left} minor units are left for this"),
            Error::Unsure => f.write_str(
                "it is not known yet what became of the last call to the provider; it is being asked, try again in a few minutes",
            ),
            Error::NoProvider => f.write_str("this way to pay is not available for this payment"),
            Error::Refused { code } => write!(f, "the provider refused it ({code}); nothing was moved"),
            Error::RefusedInPart { of, failed } => {
                write!(f, "{} of {of} captures were given back; not so", of.saturating_sub(failed.len()))?;
                for (at, (capture, code)) in failed.iter().enumerate() {
                    write!(f, "{} {capture} ({code})", if at == 0 { "" } else { "," })?;
                }
                f.write_str(". Read the payment: it says what is left")
            }
            Error::NotReached { code } => {
                write!(f, "the provider cannot be reached ({code}); nothing was sent, try again later")
            }
            Error::Raced => f.write_str("others changed the payment at the same moment; read it and try again"),
            Error::OtherWish => f.write_str(
                "another amount was ordered under this name before; nothing was done now: load the page again",
            ),
            Error::RefundLimit => {
                f.write_str("today's limit of refunds is reached; an owner can raise it in [payments]")
            }
            Error::NoMethod => f.write_str("this customer has no such means of payment"),
            Error::Harmed { .. } => f.write_str(
                "what the database holds of this payment is not what Storeward wrote; nothing is done with it: run storeward audit verify",
            ),
            Error::NoDispute => f.write_str("there is no such dispute"),
            Error::Dispute(why) => write!(f, "the dispute {why}"),
            Error::OtherPack => f.write_str(
                "the evidence has changed since you looked at it; nothing was sent: look at it again",
            ),
            Error::Stopped { .. } => {
                f.write_str("this attempt to pay was refused before the provider was asked; the console says why")
            }
            Error::UnderReview => {
                f.write_str("the payment waits for a decision in the console; nothing is taken before")
            }
            Error::NotYet(why) => why.fmt(f),
            Error::ForeignModel => {
                f.write_str("the scorer was not made by this installation; train one of the shop's own past")
            }
            Error::TooFewFrauds(why) => why.fmt(f),
            Error::NotBetter(why) => f.write_str(why),
            Error::NoScorer => f.write_str("there is no such scorer yet; `storeward fraud train` makes one"),
            Error::Form(what) => write!(f, "a payment cannot be read: {what}"),
            Error::Unbalanced => f.write_str("an entry of the books does not sum to zero; nothing was written"),
        }
    }
}

impl std::error::Error for Error {}

impl From<storeward_store::Error> for Error {
    /// A value that cannot be read is that row's fault, and no fault of the database: whoever works on many goes on with the next.
    fn from(error: storeward_store::Error) -> Self {
        match error {
            storeward_store::Error::Column { wanted, .. } => Error::Form(wanted),
            other => Error::Store(other),
        }
    }
}

impl From<storeward_seal::Error> for Error {
    fn from(error: storeward_seal::Error) -> Self {
        Error::Seal(error)
    }
}

impl From<MoneyFault> for Error {
    fn from(fault: MoneyFault) -> Self {
        Error::Money(fault)
    }
}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Error::Store(error) => error.kind(),
            Error::Money(_) | Error::Misfit { .. } | Error::TooMuch { .. } => FaultKind::Invalid,
            Error::NoPayment | Error::NoDispute | Error::NoMethod => FaultKind::Missing,
            Error::OrderHasPayment
            | Error::State(_)
            | Error::Unsure
            | Error::NoProvider
            | Error::Refused { .. }
            | Error::RefusedInPart { .. }
            | Error::OtherWish
            | Error::Dispute(_)
            | Error::OtherPack
            | Error::UnderReview
            | Error::NotYet(_)
            | Error::TooFewFrauds(_)
            | Error::NotBetter(_)
            | Error::NoScorer
            | Error::Raced => FaultKind::Conflict,
            Error::NotReached { .. } => FaultKind::Busy,
            Error::RefundLimit | Error::Stopped { .. } | Error::ForeignModel => FaultKind::Denied,
            Error::Seal(_) | Error::Form(_) | Error::Unbalanced | Error::Harmed { .. } => FaultKind::Broken,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Store(error) => error.blame(),
            Error::Money(_)
            | Error::Misfit { .. }
            | Error::TooMuch { .. }
            | Error::NoPayment
            | Error::OrderHasPayment
            | Error::State(_)
            | Error::NoProvider
            | Error::RefundLimit
            | Error::OtherWish
            | Error::NoDispute
            | Error::NoMethod
            | Error::Dispute(_)
            | Error::OtherPack
            | Error::Stopped { .. }
            | Error::UnderReview
            | Error::NotYet(_)
            | Error::ForeignModel
            | Error::TooFewFrauds(_)
            | Error::NotBetter(_)
            | Error::NoScorer
            | Error::Raced => Blame::Caller,
            Error::Unsure
            | Error::Refused { .. }
            | Error::RefusedInPart { .. }
            | Error::NotReached { .. } => Blame::Upstream,
            Error::Seal(_) | Error::Form(_) | Error::Unbalanced | Error::Harmed { .. } => Blame::Us,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Store(error) => error.code(),
            Error::Seal(_) => "payments.seal",
            Error::Money(_) => "payments.money",
            Error::Misfit { .. } => "payments.misfit",
            Error::NoPayment => "payments.no_payment",
            Error::OrderHasPayment => "payments.order_has_payment",
            Error::State(_) => "payments.state",
            Error::TooMuch { .. } => "payments.too_much",
            Error::Unsure => "payments.unsure",
            Error::NoProvider => "payments.no_provider",
            Error::Refused { .. } => "payments.refused",
            Error::RefusedInPart { .. } => "payments.refused_in_part",
            Error::NotReached { .. } => "payments.not_reached",
            Error::Raced => "payments.raced",
            Error::OtherWish => "payments.other_wish",
            Error::RefundLimit => "payments.refund_limit",
            Error::NoMethod => "payments.no_method",
            Error::NoDispute => "payments.no_dispute",
            Error::Dispute(_) => "payments.dispute",
            Error::OtherPack => "payments.other_pack",
            Error::Stopped { .. } => "payments.stopped",
            Error::UnderReview => "payments.under_review",
            Error::NotYet(_) => "payments.rule_not_tried",
            Error::ForeignModel => "payments.foreign_scorer",
            Error::TooFewFrauds(_) => "payments.too_few_frauds",
            Error::NotBetter(_) => "payments.scorer_not_better",
            Error::NoScorer => "payments.no_scorer",
            Error::Harmed { .. } => "payments.row_harmed",
            Error::Form(_) => "payments.form",
            Error::Unbalanced => "payments.unbalanced",
        }
    }
}
