//! Guidance: what customers can do for their own safety, and how they tell real messages from false ones.
//!
//! **Owns** the check-up and its next actions, lessons and their questions, reminders with everybody's choices, the look-up
//! of messages by their code, reports of false messages, the public page of facts, `security.txt`; the policy `[guide]`.
//! **Holds** at most three next actions, computed from what is; no reminder more often than the policy says, none that
//! somebody does not want but for what their account depends on; nothing is done by following a link; what was pasted is
//! never opened, and shown as text; a code tells its recipient more than others; guessing codes gets slower and slower.
//! **Never** a simulated attack on a customer, a mark or a prize, an account's own data, an address or a pasted word in an event.
//! **Emits** `guide.*`.
#![forbid(unsafe_code)]

mod companion;
mod config;
mod error;
mod guide;
mod jobs;
mod letters;
mod links;
mod lookalike;
mod model;
mod pace;
mod pages;
mod sql;
pub mod staff;
mod texts;
mod trust;
mod verbs;

pub use config::{ConfigFault, Policy, Reminders};
pub use error::Error;
pub use guide::{Guide, GuideParts};
pub use model::{Lesson, Topic};
pub use pages::{PLACES, SECURITY_TXT};
pub use sql::STATEMENTS;
pub use trust::{TrustFacts, TrustSource};

/// The tables of guidance.
pub const MIGRATIONS: &[storeward_store::Migration] = &[
    storeward_store::Migration {
        domain: "guide",
        number: 1,
        sql: include_str!("../migrations/0001_guide.sql"),
    },
    storeward_store::Migration {
        domain: "guide",
        number: 2,
        sql: include_str!("../migrations/0002_report_shares.sql"),
    },
];
