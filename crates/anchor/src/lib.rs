//! Anchors: the ledger's signed checkpoint, handed to places that whoever holds this machine cannot change.
//!
//! **Owns** the sections `[[anchor]]`, the round that hands checkpoints out ([`Anchors`]), the receipts, and how each kind of place is
//! spoken to: mail, webhook, S3 with object lock, time stamps of RFC 3161.
//! **Holds** a receipt stands beside the fact that tells of it or not at all; an S3 place counts only where the lock was read
//! back; a time stamp counts only where its imprint, nonce, signature and chain hold; when a place took a checkpoint last is what the ledger says, and a receipt that
//! is gone is named; a place that failed or is overdue is told once a
//! day and stands on the console until it is mended.
//! **Never** a secret in an error, an event or a row; a call to a place that the config does not name.
//! **Emits** `anchor.*`, `system.row_harmed`.
#![forbid(unsafe_code)]

mod config;
mod mailing;
mod place;
mod round;
mod s3;
mod sql;
mod stamping;
mod told;
mod webhook;

pub use config::{AnchorSection, ConfigFault};
pub use place::Place;
pub use round::{Anchors, AnchorsParts, Standing};
pub use sql::{Receipt, STATEMENTS, receipts};
pub use stamping::roots_of;
pub use told::look;

/// The tables of receipts.
pub const MIGRATIONS: &[storeward_store::Migration] = &[storeward_store::Migration {
    domain: "anchor",
    number: 1,
    sql: include_str!("../migrations/0001_anchors.sql"),
}];
