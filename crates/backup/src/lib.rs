//! Backups: Storeward's own data and the shop's, put away encrypted, restored on trial, and never trusted unseen.
//!
//! **Owns** the repositories at a target ([`Backups`]), in restic's format by way of `rustic_core`; what a run takes and in which
//! order ([`sources`]); the signed manifest of each run ([`manifest`]); which backups stay ([`retention`]).
//! **Holds** a live database is never copied as a file; a run counts only with its manifest, which is written last and signed; what is
//! read out is held against it, file by file; customers' keys lie in a repository of their own for 30 days at most, and come
//! back newest whatever else is restored; passwords go by files and the environment, never by arguments.
//! **Never** the keys of epochs or a passphrase in a backup; a cipher of its own; an act on the shop.
//! **Emits** `backup.*`, `system.row_harmed`.
#![forbid(unsafe_code)]

mod allowed;
mod backend;
mod broken;
pub mod desk;
pub mod drill;
mod dump;
mod engine;
mod error;
pub mod freeze;
mod listing;
pub mod manifest;
mod mounts;
mod needed;
mod order;
mod owner;
mod place;
pub mod postgres;
mod progress;
mod reading;
mod repository;
mod restoring;
pub mod retention;
mod signed;
pub mod sources;
pub mod sql;
mod staging;
pub mod standing;
mod target;
#[cfg(test)]
mod tests;
mod told;
mod writing;

pub use broken::Broken;
pub use dump::Server;
pub use engine::{Alone, Backups, Before, Begin, Frozen, Made, Plan, Tell};
pub use error::Error;
pub use listing::{Listing, Run, Sums};
pub use manifest::{Manifest, Rows};
pub use order::{Dated, is_later};
pub use owner::{Gone, Known, Mark, Strange, Whose};
pub use place::s3::S3Account;
pub use progress::{Bars, Step};
pub use repository::{Part, Reading, Snapshot};
pub use restoring::{Asked, Lost, Restored};
pub use retention::Keep;
pub use sources::{Database, Environment, OwnFile, Sources};
pub use target::Target;
pub use told::{frozen, places};

/// The tables of runs, drills and the freeze.
pub const MIGRATIONS: &[storeward_store::Migration] = &[storeward_store::Migration {
    domain: "backup",
    number: 1,
    sql: include_str!("../migrations/0001_backup.sql"),
}];
