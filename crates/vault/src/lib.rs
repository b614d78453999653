//! Customers' records: sealed field by field, opened for a stated purpose, erased for good.
//!
//! **Owns** the page on which customers see their own data ([`OwnData`]), the catalogue of fields, customers' records and their blind indexes ([`Vault`]), the key store
//! ([`KeyStore`]) and the shelf of epoch keys ([`Shelf`]).
//! **Holds** every value is sealed under its customer's own key, bound to customer, field and version; nothing is
//! opened before the policy has allowed it and the ledger has it; from the moment an erasure begins nothing of the customer is opened; keys lie apart
//! from data, and epochs apart from keys.
//! **Never** a card number; a value in an event or an error; a decision of its own about who may see what (`storeward-policy`).
//! **Emits** `vault.*`.
#![forbid(unsafe_code)]

mod accounts;
mod asking;
mod beside;
mod cards;
pub mod catalogue;
pub mod copy;
mod erased;
mod error;
mod grants;
pub mod import;
mod indexes;
mod jobs;
mod keys;
mod looking;
mod manifest;
mod mask;
pub mod office;
mod opening;
mod orders;
mod own;
mod pleas;
mod programs;
mod records;
pub mod rest;
mod retention;
mod rights;
pub mod rules;
mod said;
pub mod sights;
mod sql;
mod taken;
mod values;
mod verify;
mod walks;
mod whose;

pub use accounts::{Accounts, Held};
pub use asking::{Ask, Asker};
pub use catalogue::{Class, FIELDS, Field};
pub use error::Error;
pub use grants::{
    APPROVED_FOR, Decision, EMERGENCY_FOR, Request, Requests, STATEMENTS as GRANT_STATEMENTS, Verdict,
};
pub use indexes::{Making, STATEMENTS as INDEX_STATEMENTS, by_part};
pub use jobs::{RENEW_INDEX, ROTATE_NOW, renew_index, rotate_now};
pub use keys::{
    Epochs, KeyFault, KeyStore, KeyStoreParts, Keyless, MIGRATIONS as KEY_MIGRATIONS, Progress, Rotation,
    STATEMENTS as KEY_STATEMENTS, Shelf, has_customers, keyless,
};
pub use manifest::{Flaw, Harm, MOST_VALUES};
pub use opening::{Opened, Opening, Refused, fields_of};
pub use own::{OwnData, PREFIX as OWN_DATA};
pub use pleas::{Plea, PleaOutcome, PleaTexts, Right, STATEMENTS as PLEA_STATEMENTS};
pub use programs::{Inventory, Listed, STATEMENTS as PROGRAM_STATEMENTS};
pub use records::{Item, Provenance, Size, Vault, VaultParts};
pub use retention::{Due, STATEMENTS as RETENTION_STATEMENTS};
pub use rights::{Erasure, Use};
pub use rules::{NotSaved, RulesFrom, STATEMENTS as RULE_STATEMENTS, SavedRules};
pub use said::{SaidOnce, Word};
pub use sights::STATEMENTS as SIGHT_STATEMENTS;
pub use sql::STATEMENTS;
pub use values::Rule;
pub use verify::{Verified, Walk};
pub use walks::{IN_A_ROW, Steps, Walked, Walks};

/// What the staff's console sees of all this.
pub mod desk {
    pub use crate::catalogue::{Class, FIELDS, Field};
    pub use crate::copy;
    pub use crate::grants::{Decision, Request, Requests, Verdict};
    pub use crate::manifest::Harm;
    pub use crate::office::{Shown, ShownFilter};
    pub use crate::opening::{Opened, Opening, fields_of};
    pub use crate::pleas::{Plea, PleaOutcome, PleaTexts, Right};
    pub use crate::records::Provenance;
    pub use crate::retention::Due;
    pub use crate::rights::Use;
    pub use crate::rules::{
        NotSaved, RulesFrom, SavedRules, hash as rules_hash, may_change, read as read_rules,
    };
    pub use crate::said::{SaidOnce, Word};
    pub use crate::sights::{Filter, Sight};
    pub use crate::{Ask, Asker, Error, Item, Vault};
}

/// The tables of customers' records.
pub const MIGRATIONS: &[storeward_store::Migration] = &[
    storeward_store::Migration {
        domain: "vault",
        number: 1,
        sql: include_str!("../migrations/0001_records.sql"),
    },
    storeward_store::Migration {
        domain: "vault",
        number: 2,
        sql: include_str!("../migrations/0002_sights.sql"),
    },
    storeward_store::Migration {
        domain: "vault",
        number: 3,
        sql: include_str!("../migrations/0003_manifest.sql"),
    },
    storeward_store::Migration {
        domain: "vault",
        number: 4,
        sql: include_str!("../migrations/0004_grants.sql"),
    },
    storeward_store::Migration {
        domain: "vault",
        number: 5,
        sql: include_str!("../migrations/0005_rules.sql"),
    },
    storeward_store::Migration {
        domain: "vault",
        number: 6,
        sql: include_str!("../migrations/0006_pleas.sql"),
    },
    storeward_store::Migration {
        domain: "vault",
        number: 7,
        sql: include_str!("../migrations/0007_imported.sql"),
    },
    storeward_store::Migration {
        domain: "vault",
        number: 8,
        sql: include_str!("../migrations/0008_moved.sql"),
    },
    storeward_store::Migration {
        domain: "vault_index",
        number: 1,
        sql: include_str!("../migrations/index_0001.sql"),
    },
];
