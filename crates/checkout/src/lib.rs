//! The checkout guard: paying pages run the scripts that somebody approved, and what else they try is known.
//!
//! **Owns** the section `[checkout]`, the inventory of scripts and places of paying pages with its approvals, the rewriting of these
//! pages while they stream ([`Checkout::stage`]), the policy in their head, the address where browsers report, the fetching of scripts'
//! bodies, the comparison of headers, and the guard script (`assets/guard/`).
//! **Holds** a page's bytes stay as they are but for what is inserted; a script gets a nonce or a hash only when it was approved by a
//! person, never because it was there; the shop's own policy stands beside ours; what browsers report is a hint: it is counted, it may
//! alert, it takes nothing away; reports, rows and memory are bounded; a page that cannot be read goes on with the policy alone.
//! **Never** a query, a form's value or a person's data in a row or an event; a call to an address inside, unless the config names it.
//! **Emits** `checkout.*`.
#![forbid(unsafe_code)]

mod address;
mod approved;
mod config;
pub mod desk;
mod error;
mod evidence;
mod fetch;
mod guard;
mod headers;
mod intake;
mod keep;
mod model;
mod pages;
mod policy;
mod report;
pub mod rest;
mod rewrite;
mod shape;
mod sql;
mod staff;
mod stage;
mod verbs;

pub use config::{CheckoutSection, ConfigFault, Mode, OnChange, Provider};
pub use error::Error;
pub use evidence::{Evidence, Names, Period};
pub use guard::{Checkout, CheckoutParts, PAGES, REPORTS, ShopServer};
pub use sql::STATEMENTS;
pub use sql::code::STATEMENTS as CODE_STATEMENTS;
pub use staff::STATEMENTS as STAFF_STATEMENTS;

/// Scripts with an approval that staff did not give, or gave otherwise, by the signed ledger; a hundred at most. For the look of each day.
///
/// # Errors
/// What the database says where it cannot be read.
pub async fn harmed(
    db: &storeward_store::Db,
) -> Result<Vec<storeward_events::system::RowHarmed>, storeward_store::Error> {
    db.read(|reader| {
        let rows = sql::as_they_lie(reader)?;
        approved::harmed(reader, &rows)
    })
    .await
}

/// The tables of the guard.
pub const MIGRATIONS: &[storeward_store::Migration] = &[
    storeward_store::Migration {
        domain: "checkout",
        number: 1,
        sql: include_str!("../migrations/0001_checkout.sql"),
    },
    storeward_store::Migration {
        domain: "checkout",
        number: 2,
        sql: include_str!("../migrations/0002_staff.sql"),
    },
    storeward_store::Migration {
        domain: "checkout",
        number: 3,
        sql: include_str!("../migrations/0003_rooms.sql"),
    },
    storeward_store::Migration {
        domain: "checkout",
        number: 4,
        sql: include_str!("../migrations/0004_put_in.sql"),
    },
    storeward_store::Migration {
        domain: "checkout",
        number: 5,
        sql: include_str!("../migrations/0005_stood.sql"),
    },
];
