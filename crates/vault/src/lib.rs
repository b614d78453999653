//! Customers' records: sealed field by field, opened for a stated purpose, erased for good.
//!
//! **Owns** the catalogue of fields, customers' records and their blind indexes ([`Vault`]), the key store
//! ([`KeyStore`]) and the shelf of epoch keys ([`Shelf`]).
//! **Holds** every value is sealed under its customer's own key, bound to customer, field and version; nothing is
//! opened before the ledger has it; from the moment an erasure begins nothing of the customer is opened; keys lie apart
//! from data, and epochs apart from keys.
//! **Never** a card number; a value in an event or an error; a decision of its own about who may see what ([`Guard`]).
//! **Emits** `vault.*`.
#![forbid(unsafe_code)]

pub mod catalogue;
mod error;
mod guard;
mod keys;
mod records;
mod sql;
mod values;

pub use catalogue::{Class, Field};
pub use error::Error;
pub use guard::{Ask, Decision, Guard};
pub use keys::{
    Epochs, KeyFault, KeyStore, KeyStoreParts, MIGRATIONS as KEY_MIGRATIONS, Progress,
    STATEMENTS as KEY_STATEMENTS, Shelf,
};
pub use records::{Item, Opened, Provenance, Vault, VaultParts};
pub use sql::STATEMENTS;
pub use values::Rule;

/// The tables of customers' records.
pub const MIGRATIONS: &[storeward_store::Migration] = &[storeward_store::Migration {
    domain: "vault",
    number: 1,
    sql: include_str!("../migrations/0001_records.sql"),
}];
