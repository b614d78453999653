//! What a payment is, for others and in the database.

use std::fmt;

use storeward_base::{PaymentId, Timestamp};
use storeward_inspect::cards;

use crate::money::{Currency, Money};

/// An enum whose values have one stable word each.
macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $says:literal])* $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $says])* $variant,)+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            pub fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

pub(crate) use words;

words! {
    /// Who takes the money.
    Provider {
        Stripe = "stripe",
        PayPal = "paypal",
    }
}

impl Provider {
    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Provider::Stripe => "Stripe",
            Provider::PayPal => "PayPal",
        }
    }
}

words! {
    /// When money is taken from a buyer who agreed.
    CaptureMode {
        /// As soon as the buyer has agreed.
        AtOnce = "at_once",
        /// When the shop says so, within the days for which the provider sets it aside.
        Later = "later",
    }
}

words! {
    /// Where a payment stands. See [`crate::machine`] for what may follow on what.
    State {
        Created = "created",
        /// The buyer has to do something at the provider.
        RequiresAction = "requires_action",
        /// The provider is at it: nothing is paid yet.
        Processing = "processing",
        Declined = "declined",
        Authorized = "authorized",
        PartiallyCaptured = "partially_captured",
        Captured = "captured",
        PartiallyRefunded = "partially_refunded",
        Refunded = "refunded",
        Voided = "voided",
        /// The time to pay is over.
        Failed = "failed",
    }
}

words! {
    /// How sure the buyer's bank shall be that it is them.
    Strength {
        /// As the provider and the bank see fit.
        Usual = "usual",
        /// 3-D Secure is asked for, where the means of payment knows it.
        Challenge = "challenge",
    }
}

words! {
    /// Whether what the buyer pays with is kept for later.
    Saving {
        No = "no",
        /// The page asks the buyer.
        Ask = "ask",
        /// The shop has the buyer's word for it.
        Yes = "yes",
    }
}

words! {
    /// Where the buyer types.
    Presentation {
        /// On the provider's own page.
        Redirect = "redirect",
        /// In the provider's frame on a page of ours, where the provider has one; on its own page elsewhere.
        Embedded = "embedded",
    }
}

/// How a way to pay is begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub provider: Provider,
    pub strength: Strength,
    /// What the buyer pays with is kept where it succeeds.
    pub saves: bool,
    /// The kept means of payment that it is paid with.
    pub method: Option<String>,
    /// Nobody is there who could answer their bank.
    pub unattended: bool,
    /// In the provider's frame on our own page.
    pub embedded: bool,
}

impl Terms {
    /// On the provider's page, and nothing is kept.
    pub fn of(provider: Provider, strength: Strength) -> Self {
        Terms { provider, strength, saves: false, method: None, unattended: false, embedded: false }
    }

    /// Whether a page that is there is what a buyer on these terms would be led to; its strength is the caller's to look at.
    pub(crate) fn is_met_by(&self, attempt: &Attempt) -> bool {
        attempt.method.is_none()
            && attempt.provider == self.provider
            && attempt.saves == self.saves
            && attempt.embedded == self.embedded
    }
}

words! {
    /// A call that moves something at the provider.
    Operation {
        Open = "open",
        Authorize = "authorize",
        Capture = "capture",
        Refund = "refund",
        Void = "void",
        Close = "close",
    }
}

words! {
    /// Where a call stands.
    CallState {
        Sent = "sent",
        /// Nobody knows what it did.
        Unsure = "unsure",
        Done = "done",
        Refused = "refused",
    }
}

words! {
    /// How far a capture or a refund is.
    Piece {
        Pending = "pending",
        Done = "done",
        Failed = "failed",
    }
}

/// One thing that is bought.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// As the buyer reads it at the provider.
    pub name: String,
    pub quantity: u32,
    /// Of one, in minor units of the payment's currency.
    pub unit_amount: i64,
}

/// Whether a card's number stands there, in whichever dress the shop's checkout refuses: glued to a word, over lines, with signs that nobody
/// sees between its digits, in digits of another script.
pub(crate) fn has_card_number(text: &str) -> bool {
    cards::has_number(text.as_bytes()) || cards::has_typed(text.as_bytes())
}

/// What the shop wants paid. The shop's server says it, never a browser.
#[derive(Clone, Debug)]
pub struct NewPayment {
    /// The same request has the same id; `None` draws one.
    pub id: Option<PaymentId>,
    /// The shop's order number: 1 to 64 visible signs.
    pub order: String,
    pub amount: Money,
    /// The setting's where it is left out.
    pub capture: Option<CaptureMode>,
    /// The shop's number of the customer.
    pub customer: Option<String>,
    /// For the provider's form and receipt.
    pub email: Option<String>,
    /// Where the buyer goes when it is over: on one of the shop's hosts.
    pub return_address: String,
    /// None, or such that they sum to the amount.
    pub lines: Vec<Line>,
    /// Whether what the buyer pays with is kept. Needs a customer.
    pub saving: Saving,
    pub presentation: Presentation,
    /// Of a signed link: until when it is good, in Unix seconds. Of two for one order the later one counts.
    pub signed_until: Option<i64>,
}

/// What is sealed of a payment.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Details {
    pub email: Option<String>,
    pub return_address: String,
    pub lines: Vec<Line>,
    /// `no` where it is not there.
    #[serde(default)]
    pub saving: String,
    /// `redirect` where it is not there.
    #[serde(default)]
    pub presentation: String,
    /// Of the latest signed link by which it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_until: Option<i64>,
    /// One of the shop's programs asked for it, before a link did or after.
    #[serde(default)]
    pub is_asked: bool,
    /// It was ended for a link of another amount, and by nobody's decision.
    #[serde(default)]
    pub gave_way: bool,
}

impl Details {
    /// Whether links alone asked for it. What bears no moment is of a program, or of before moments were kept.
    pub fn is_of_link(&self) -> bool {
        self.signed_until.is_some() && !self.is_asked
    }
}

/// A payment as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    pub id: PaymentId,
    pub order: String,
    pub amount: Money,
    pub state: State,
    /// A call is under way of which nobody knows what it did. Whatever `state` says, more may have happened.
    pub is_unsure: bool,
    /// Minor units set aside, taken, given back; each is at most the one before.
    pub authorized: i64,
    pub captured: i64,
    pub refunded: i64,
    /// Minor units that calls under way may still take or give back.
    pub capturing: i64,
    pub refunding: i64,
    pub capture: CaptureMode,
    /// The provider takes no further capture, whatever is left of what was set aside.
    pub captures_ended: bool,
    pub provider: Option<Provider>,
    /// How often a way to pay was begun.
    pub attempt: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Until when it can be begun.
    pub expires_at: Timestamp,
    pub(crate) version: i64,
    pub(crate) unsure: u32,
    pub(crate) looks: u32,
    pub(crate) look_at: Option<Timestamp>,
    /// What the provider holds back or took because of disputes, as the books say.
    pub(crate) disputed: i64,
}

impl Payment {
    pub fn currency(&self) -> Currency {
        self.amount.currency
    }

    /// The word for others: `unknown` while a call is under way of which nobody knows what it did.
    pub fn shown_state(&self) -> &'static str {
        if self.is_unsure { "unknown" } else { self.state.word() }
    }

    /// What can still be taken.
    pub fn capturable(&self) -> i64 {
        if self.captures_ended || matches!(self.state, State::Voided | State::Failed) {
            return 0;
        }
        self.authorized - self.captured - self.capturing
    }

    /// What can still be given back: not what a dispute took, or holds back until it is over.
    pub fn refundable(&self) -> i64 {
        self.captured - self.refunded - self.refunding - self.disputed
    }

    /// Whether nothing comes of a try any more. A kept means of payment that was declined has no page: nothing is taken with it any more
    /// unless we say so. That it was is known once it was to be taken; until then the state is that of the try before.
    pub(crate) fn is_over(&self, attempt: &Attempt, calls: &[Call]) -> bool {
        let is_declined =
            self.state == State::Declined && attempt.method.is_some() && attempt.number == self.attempt;
        let is_its = |call: &&Call| call.attempt == attempt.number;
        let is_taking = |call: &Call| matches!(call.operation, Operation::Capture | Operation::Authorize);
        let was_to_be_taken = calls.iter().filter(is_its).any(is_taking);
        let is_at_rest = calls.iter().filter(is_its).all(|call| call.settled_at.is_some());
        !attempt.is_open || is_declined && was_to_be_taken && is_at_rest
    }

    /// Whether the order may not have another payment beside it.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Voided | State::Failed | State::Refunded) || self.is_unsure
    }

    /// Whether the provider may change it without being asked by us.
    pub(crate) fn is_underway(&self) -> bool {
        self.attempt > 0
            && matches!(
                self.state,
                State::Created
                    | State::RequiresAction
                    | State::Processing
                    | State::Declined
                    | State::Authorized
            )
    }
}

/// A try to pay with one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub payment: PaymentId,
    pub number: u32,
    pub provider: Provider,
    pub reference: Option<String>,
    pub inner: Option<String>,
    pub is_open: bool,
    pub address: Option<Vec<u8>>,
    pub mismatch: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub strength: Strength,
    pub saves: bool,
    pub method: Option<String>,
    pub unattended: bool,
    pub embedded: bool,
}

impl Attempt {
    /// Whether the call that opens it takes the money, too: PayPal's does with a kept means of payment. Everywhere else somebody has
    /// to agree first, or we have to say so.
    pub(crate) fn pays_as_it_opens(&self) -> bool {
        self.provider == Provider::PayPal && self.method.is_some()
    }
}

/// A call in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub key: String,
    pub payment: PaymentId,
    pub attempt: u32,
    pub operation: Operation,
    pub provider: Provider,
    pub amount: Option<i64>,
    pub target: Option<String>,
    pub state: CallState,
    pub sends: u32,
    pub code: Option<String>,
    pub outcome: Option<String>,
    pub first_sent_at: Timestamp,
    pub last_sent_at: Timestamp,
    pub settled_at: Option<Timestamp>,
}

/// Money that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    pub provider: Provider,
    pub reference: String,
    pub payment: PaymentId,
    pub attempt: u32,
    pub amount: i64,
    /// Once it is known: in the currency that the provider pays out in, which the books name.
    pub fee: Option<i64>,
    pub state: Piece,
    pub is_extra: bool,
    pub at: Timestamp,
}

/// Money that was given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    pub provider: Provider,
    pub reference: String,
    pub payment: PaymentId,
    pub attempt: u32,
    pub amount: i64,
    pub state: Piece,
    pub at: Timestamp,
    /// The capture that it gave back ([`Capture::reference`]), where the provider said which.
    pub capture: Option<String>,
}
