//! The REST interface's frame: what every operation for programs has in common.
//!
//! **Owns** keys and what each may do ([`Keys`]), operations ([`Operation`]), their one table from which both the service and the
//! OpenAPI document are made ([`Interface`], [`document`]), answers to requests that are sent again, cursors, problems (RFC 9457).
//! **Holds** no operation is served without a key that is good, from where it may be used, for what it may do; a key is kept as a hash
//! and shown once; its row is bound by a key that is not in the
//! database, and what was revoked stays so by the ledger and by a file beside the keys; each call is in the ledger before it is answered, and where it cannot be, nothing is answered; what is served
//! and what the document says is one table; a request under one idempotency key is done once.
//! **Never** a word of a domain: those bring their operations; a key in an address; a cookie; an answer on the shop's host.
//! **Emits** `api.*`, `system.row_harmed`.
#![forbid(unsafe_code)]

// For `message!`, which names this crate from everywhere.
extern crate self as storeward_api;

mod call;
mod cursor;
mod document;
mod error;
mod frame;
mod gone;
mod key;
mod keys;
mod limits;
mod operation;
mod problem;
mod proof;
mod reference;
mod repeat;
mod shape;
mod sql;

pub use call::{Answer, Barred, Call, Caller};
pub use document::document;
pub use error::Error;
pub use frame::{Interface, InterfaceParts};
pub use key::{Act, Draft, Key, ROLES, Sort, roles_and_words};
pub use keys::{Keys, KeysParts, Made, MayMake};
pub use operation::{Operation, PREFIX, Repeat, own_operations};
pub use problem::{FieldFault, Problem};
pub use reference::reference;
pub use shape::{Book, ObjectShape, Shape, UpTo, text_schema};
pub use sql::{STATEMENTS, alike};

pub use storeward_web::HostNames;

// For the macro.
#[doc(hidden)]
pub use serde;

/// The interface's tables.
pub const MIGRATIONS: &[storeward_store::Migration] = &[
    storeward_store::Migration { domain: "api", number: 1, sql: include_str!("../migrations/0001_keys.sql") },
    storeward_store::Migration { domain: "api", number: 2, sql: include_str!("../migrations/0002_tags.sql") },
];
