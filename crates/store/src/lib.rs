//! One database behind one door: SQLite in a file, or a PostgreSQL server that several nodes share.
//!
//! **Owns** every SQL driver, [`Db`], how others' databases are read ([`foreign`]), transactions, migrations, the [`ledger`], subscribers' cursors, [`jobs`], the
//! batcher of events and the book of client addresses.
//! **Holds** a write is acknowledged after it is durable; it commits together with at least one event, or says why
//! not ([`Tx::commit_silent`]); the ledger is gap-free, append-only and hashed into a signed tree; every queue has a
//! bound, and [`Error::Full`] is what happens at it; the same SQL text runs on both engines; a job that was promised is
//! done at least once or given up aloud.
//! **Never** a word of any domain, and no SQL of theirs: they hand it in as texts and closures.
//! **Emits** `edge.events_dropped`, when the batcher had to drop events; `system.job_failed`; `system.row_harmed`, for domains.
#![forbid(unsafe_code)]

pub mod addresses;
pub mod batch;
mod bound;
mod conn;
pub mod copies;
mod cursor;
mod db;
mod dialect;
mod error;
pub mod foreign;
mod guard;
pub mod harmed;
pub mod jobs;
pub mod ledger;
mod migrations;
mod postgresql;
mod readers;
pub mod schema;
mod sqlite;
mod statements;
pub mod subscription;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
mod tx;
mod url;
mod value;
mod writer;

pub use batch::{Ack, Emission, EventSink, SinkEnd};
pub use bound::{Bound, Column, Parts, readable};
pub use conn::Row;
pub use db::{Db, OpenOptions};
pub use dialect::Engine;
pub use error::{Constraint, Error};
pub use migrations::Migration;
pub use statements::STATEMENTS;
pub use subscription::Subscription;
pub use tx::{Reader, Tx};
pub use url::DatabaseUrl;
pub use value::{FromValue, Value};
