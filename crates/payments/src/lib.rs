//! Payments: what an order costs is taken once, whatever fails, and the books say so.
//!
//! **Owns** [`Money`], payments and what may follow on what ([`machine`]), the log of calls, the books ([`ledger`]), thin clients of
//! Stripe and PayPal, their messages ([`webhooks`]), the janitor, the daily comparison, the shop's [`orders`], news for the shop, and the operations for
//! programs ([`rest`]).
//! **Holds** a call that moves something is durable before it goes out, under a key that follows from what it is; what came of
//! it is read from the provider; while nobody knows, nothing else is begun; the sum of what is taken and given back is
//! guarded by the database; a message is believed only when signed and then only as a hint; an entry of the books sums to zero or is
//! not written; what the database holds of a payment bears a seal, and counts for nothing where it does not fit.
//! **Never** a card number; a key, a token or a buyer's name in an event, an error or a log; a second payment because the first
//! did not answer; money of a live account in test mode, or the other way round.
//! **Emits** `payment.*`.
#![forbid(unsafe_code)]

mod apply;
mod believed;
mod bound;
mod claims;
mod config;
pub mod desk;
mod disposable;
pub mod disputes;
mod emails;
mod error;
mod gaps;
mod inbox;
mod janitor;
mod jobs;
mod judge;
pub mod ledger;
pub mod machine;
pub mod methods;
mod model;
pub mod money;
pub mod news;
pub mod orders;
pub mod pages;
mod payments;
mod paypal;
mod provider;
mod reconcile;
mod refusals;
pub mod rest;
mod signers;
mod sql;
mod stripe;
mod unlearnt;
mod verbs;
pub mod webhooks;

pub use bound::{Unsealed, harmed_rows};
pub use config::{
    CaptureWord, ConfigFault, HookSection, Mode, PayPalSection, PaymentsSection, Settings, StripeSection,
};
pub use error::Error;
pub use inbox::Heard;
pub use janitor::{Round, Unknown};
pub use judge::{
    Account, Front, INVENTED_ORDER, Invented, InventedCard, Judgement, OrderFacts, Review, RuleWish, Scorer,
    TrialFigures, Verdict, Weight, Witness,
};
pub use model::{
    Call, CallState, Capture, CaptureMode, Line, NewPayment, Operation, Payment, Piece, Presentation,
    Provider, Refund, Saving, State, Strength, Terms,
};
pub use money::{Currency, Money, MoneyFault};
pub use payments::{PAGES, Pace, Payments, PaymentsParts, WEBHOOKS, Whole};
pub use paypal::Keys;
pub use reconcile::days::{NotADay, Reach, reach};
pub use reconcile::{Compared, Difference};
pub use stripe::VERSION as STRIPE_VERSION;
pub use verbs::{Begun, Unlearnt, WhyNothing, Wish};

/// The tables of payments.
pub const MIGRATIONS: &[storeward_store::Migration] = &[
    storeward_store::Migration {
        domain: "payments",
        number: 1,
        sql: include_str!("../migrations/0001_payments.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 2,
        sql: include_str!("../migrations/0002_refunds_of_attempts.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 3,
        sql: include_str!("../migrations/0003_disputes.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 4,
        sql: include_str!("../migrations/0004_methods.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 5,
        sql: include_str!("../migrations/0005_risk.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 6,
        sql: include_str!("../migrations/0006_orders.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 7,
        sql: include_str!("../migrations/0007_embedded.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 8,
        sql: include_str!("../migrations/0008_seals.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 9,
        sql: include_str!("../migrations/0009_asks.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 10,
        sql: include_str!("../migrations/0010_refunds_of_captures.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 11,
        sql: include_str!("../migrations/0011_dispute_files.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 12,
        sql: include_str!("../migrations/0012_open_differences.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 13,
        sql: include_str!("../migrations/0013_moved_payments.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 14,
        sql: include_str!("../migrations/0014_refused_messages.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 15,
        sql: include_str!("../migrations/0015_certificates.sql"),
    },
    storeward_store::Migration {
        domain: "payments",
        number: 16,
        sql: include_str!("../migrations/0016_days.sql"),
    },
];
