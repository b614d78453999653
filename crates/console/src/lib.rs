//! The staff console: what the shop's people see of Storeward, on a listener of its own.
//!
//! **Owns** staff's accounts, sessions and saved views; the pages Now, Explore, Blocked, Customers, Data,
//! Ledger, Apps and You; live lists;
//! `/healthz`, `/readyz` and `/metrics`.
//! **Holds** every route has an access rule (`tests/it/snapshots`); a sign-in needs a password and a code that was
//! never used, or a passkey, and answers alike for accounts that do not exist; tokens are kept as hashes; what came from outside is
//! shown as text; each page works without script.
//! what changes a customer's account or one's own factors asks for a second factor shown within ten minutes.
//! **Never** a page on the shop's host, personal data in an event, a change by GET, a way to act as a customer.
//! **Emits** `staff.*`; bans and their lifting are stated by `edge`, apps and their secrets by `oidc`, with the member of staff as actor.
#![forbid(unsafe_code)]

mod accounts;
mod app;
pub mod entrance;
mod error;
mod gate;
mod level;
mod live;
mod metrics;
mod outlook;
mod pages;
mod party;
mod rows;
mod status;

pub use accounts::{Change, Changed, Groups, Member, Offer, STATEMENTS};
pub use app::{Console, ConsoleParts, is_owner};
pub use error::Error;
pub use metrics::MetricsText;
pub use status::{
    BackupProblem, CertificateStatus, Concern, ReadinessSource, ShieldProblem, StatusSource, SystemStatus,
    UpstreamStatus,
};

use storeward_store::Migration;

/// The console's tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration { domain: "console", number: 1, sql: include_str!("../migrations/0001_staff.sql") },
    Migration { domain: "console", number: 2, sql: include_str!("../migrations/0002_reset.sql") },
    Migration { domain: "console", number: 3, sql: include_str!("../migrations/0003_own.sql") },
    Migration { domain: "console", number: 4, sql: include_str!("../migrations/0004_letters.sql") },
    Migration { domain: "console", number: 5, sql: include_str!("../migrations/0005_gate.sql") },
    Migration { domain: "console", number: 6, sql: include_str!("../migrations/0006_bound.sql") },
];
