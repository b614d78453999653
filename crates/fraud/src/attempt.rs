//! One attempt to pay, as the engine sees it: keyed fingerprints and figures, never the values behind them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use storeward_base::Timestamp;

/// A keyed fingerprint of a value, made by whoever holds the value: 64 bits of a keyed hash, another key for each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mark(pub u64);

/// What a fingerprint is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The account that pays.
    Customer,
    /// The provider's fingerprint of the card or wallet, never a number.
    Card,
    /// The address, with what does not tell two boxes apart taken out.
    Email,
    EmailDomain,
    /// The client's own address.
    Address,
    /// The trusted device, or else the session.
    Device,
    /// The /24 of an IPv4 address, the /48 of an IPv6 address.
    Network,
    /// The first six or eight digits, as the provider tells them.
    Bin,
    /// The dearest line of the order.
    Product,
    /// Where it is sent to.
    Shipping,
    Coupon,
}

impl Kind {
    pub const ALL: [Kind; 11] = [
        Kind::Customer,
        Kind::Card,
        Kind::Email,
        Kind::EmailDomain,
        Kind::Address,
        Kind::Device,
        Kind::Network,
        Kind::Bin,
        Kind::Product,
        Kind::Shipping,
        Kind::Coupon,
    ];

    /// Stable: stands in models and events.
    pub const fn code(self) -> &'static str {
        match self {
            Kind::Customer => "customer",
            Kind::Card => "card",
            Kind::Email => "email",
            Kind::EmailDomain => "email_domain",
            Kind::Address => "address",
            Kind::Device => "device",
            Kind::Network => "network",
            Kind::Bin => "bin",
            Kind::Product => "product",
            Kind::Shipping => "shipping",
            Kind::Coupon => "coupon",
        }
    }
}

/// The fingerprints that an attempt has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks([Option<Mark>; Kind::ALL.len()]);

impl Marks {
    pub fn get(&self, kind: Kind) -> Option<Mark> {
        self.0[kind as usize]
    }

    #[must_use]
    pub fn with(mut self, kind: Kind, mark: Mark) -> Self {
        self.0[kind as usize] = Some(mark);
        self
    }

    /// Those that are there, in the order of [`Kind::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Kind, Mark)> + '_ {
        Kind::ALL.into_iter().zip(self.0).filter_map(|(kind, mark)| Some((kind, mark?)))
    }

    /// Who pays: the account, or without one the card.
    pub fn payer(&self) -> Option<(Kind, Mark)> {
        [Kind::Customer, Kind::Card].into_iter().find_map(|kind| Some((kind, self.get(kind)?)))
    }
}

/// Who stands at the till.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Buyer {
    /// Nobody is signed in.
    #[default]
    Anonymous,
    SignedIn {
        account_age: Duration,
    },
}

/// A fact that may not be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    #[default]
    Unknown,
    No,
    Yes,
}

impl Known {
    pub(crate) fn figure(self) -> f32 {
        match self {
            Known::Unknown => f32::NAN,
            Known::No => 0.0,
            Known::Yes => 1.0,
        }
    }
}

/// How the money is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Funding {
    #[default]
    Unknown,
    Credit,
    Debit,
    Prepaid,
}

/// How sure the buyer's bank was that it is them (3-D Secure), as the provider tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secure {
    /// Nobody asked, or nothing is told.
    #[default]
    Unknown,
    /// The buyer proved it to their bank, or the bank was sure without asking.
    Authenticated,
    /// The bank, or the card's scheme in its place, took note; nobody proved anything.
    Attempted,
    /// Nobody was asked, by an exemption.
    Exempted,
    /// The buyer did not prove it.
    Failed,
}

/// What the front door, the account and the provider say about an attempt. By default nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Signals {
    /// Points of the last sign-in (natural logarithm of odds), see `detect::sign_in`.
    pub sign_in_points: Option<f32>,
    pub session_age: Option<Duration>,
    /// Whether the account paid something on another day. It is no figure of the scorers.
    pub paid_before: Known,
    /// Whether the account never paid from this device.
    pub device_new: Known,
    /// Payment pages that were opened from this address within a minute.
    pub pages_opened: u32,
    /// Requests of this client that were blocked within a day.
    pub blocked_requests: u32,
    /// Card entries that were begun in this session.
    pub card_entries: u32,
    /// Since password or e-mail address were changed.
    pub credentials_changed: Option<Duration>,
    /// Whether the account never sent anything to this place.
    pub shipping_new: Known,
    pub express: Known,
    pub disposable_mail: Known,
    /// Whether the card's country differs from the address's; a mismatch, never a country.
    pub country_differs: Known,
    /// The provider's check of the security code failed.
    pub cvc_failed: Known,
    /// The provider's check of both street and postcode failed.
    pub avs_failed: Known,
    pub funding: Funding,
    pub secure: Secure,
    /// Whether the bank, and not the shop, bears the loss if it was fraud.
    pub liability_shifted: Known,
    /// The coupon is one for first orders.
    pub first_order_coupon: Known,
}

/// One attempt to pay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    /// Of the shop's clock against UTC.
    pub offset_minutes: i16,
    /// In minor units of the shop's own currency.
    pub amount_minor: i64,
    pub marks: Marks,
    pub buyer: Buyer,
    pub signals: Signals,
}

/// What became of an attempt with the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Approved,
    /// By the provider or the bank.
    Declined,
    /// By us: nobody will ever know what it was.
    Blocked,
}

/// Where a label comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A dispute or chargeback for fraud, or an early warning of one.
    Dispute,
    /// A refund that staff gave because of fraud.
    Refund,
    /// A decision in the review queue.
    Review,
    /// Nobody complained for as long as disputes take.
    Silence,
}

/// What an attempt turned out to be, and since when that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    pub truth: Truth,
    pub known_at: Timestamp,
    pub source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    Good,
    Fraud,
}

impl Truth {
    pub fn is_fraud(self) -> bool {
        self == Truth::Fraud
    }
}
