//! The outbox: mails and short messages that are promised in a transaction and sent after it.
//!
//! **Owns** [`Outbox`], [`Mail`] and [`Sms`], how often and how long sending is tried, and what becomes of it; the
//! [`register`] of what was written.
//! **Holds** a message goes out if, and only if, the write that promised it was committed: at least once, a mail always with
//! the same Message-ID, and never after its deadline. While it waits, address and words lie sealed in the database; when
//! it is sent or given up, they are gone. Each mail bears a code by which people can ask whether it is ours.
//! **Never** what a message says, whether a person wants it, or an address in an event, a log or an error.
//! **Emits** `post.sent`, `post.failed`.
#![forbid(unsafe_code)]

mod courier;
mod error;
mod outbox;
mod parcel;
mod piece;
pub mod register;

pub use error::PostError;
pub use outbox::{Outbox, OutboxParts, Posted};
pub use piece::{Mail, Sms};

/// The table of messages that can be looked up.
pub const MIGRATIONS: &[storeward_store::Migration] = &[storeward_store::Migration {
    domain: "post",
    number: 1,
    sql: include_str!("../migrations/0001_register.sql"),
}];
