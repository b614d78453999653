//! The OpenID Connect provider: shops and programs let their customers sign in here.
//!
//! **Owns** the registry of clients ([`registry`]), the keys that sign tokens, codes and tokens, consent, logout, and the
//! protocol itself, which is pure (`protocol`): OpenID Connect Core, Discovery, RP-Initiated and Back-Channel Logout 1.0,
//! RFC 6749, 6750, 7009, 7636, 7662, 9207, as RFC 9700 wants them used.
//! **Holds** nobody is sent to an address that is not registered, character for character; a code is good once, for a minute,
//! for its client, its address and whoever holds its verifier, and a second use ends what came from the first; a refresh token is
//! good once but for a retried request, and its reuse ends the line; what was given out dies with the session it was given
//! for, unless the customer agreed otherwise, and with the account's lock in any case; no client learns more than it was registered
//! for; codes, tokens and secrets are kept as keyed
//! marks only, signing keys sealed; a customer is named by an id that is theirs for ever, never by an address.
//! **Never** the implicit and hybrid flows, the password grant, `alg: none`, PKCE's `plain`, request objects, a wildcard in an
//! address, registration by strangers. Room is left for pushed requests (RFC 9126), DPoP (RFC 9449) and `private_key_jwt` (RFC
//! 7523): requests and clients' proofs are types of their own (`protocol::authorize::Asked`, `protocol::client::Credentials`).
//! **Emits** `oidc.*`.
#![forbid(unsafe_code)]

mod api;
mod browser;
mod config;
mod error;
mod jobs;
pub mod keys;
mod marks;
mod model;
mod pages;
mod protocol;
mod provider;
pub mod registry;
mod sql;
mod texts;
mod throttle;
mod verbs;

pub use config::{ConfigFault, ProviderSection};
pub use error::Error;
pub use keys::{Haste, KeyLine, Keys, KeysParts, Ring};
pub use pages::{PATHS, PREFIX};
pub use provider::{Provider, ProviderParts};
pub use sql::STATEMENTS;

/// Gives clients of a version that bound none their tags, as they lie there; how many. Nothing where any has one: whoever takes tags away
/// gains nothing by it. The caller sees to it that this happens once. Panics inside of a runtime.
///
/// # Errors
/// What the database says where it cannot be written.
pub fn bind_old_blocking(db: &storeward_store::Db) -> Result<u64, storeward_store::Error> {
    db.write_blocking(|tx| {
        tx.commit_silent("who may let customers sign in stays as it was");
        sql::client::bind_old(tx)
    })
}

/// Whether there are clients and none bears a tag: of a version before tags, or somebody took them away. None of them serves anybody.
///
/// # Errors
/// What the database says where it cannot be read.
pub fn clients_are_old(reader: &mut storeward_store::Reader<'_>) -> Result<bool, storeward_store::Error> {
    sql::client::are_old(reader)
}

/// Clients, sign-ins to them, and their tokens, that are not what Storeward wrote; of each table a hundred at most. For the look of each day.
///
/// # Errors
/// What the database says where it cannot be read.
pub async fn harmed(
    db: &storeward_store::Db,
) -> Result<Vec<storeward_events::system::RowHarmed>, storeward_store::Error> {
    sql::harmed(db).await
}

/// The provider's tables.
pub const MIGRATIONS: &[storeward_store::Migration] = &[
    storeward_store::Migration {
        domain: "oidc",
        number: 1,
        sql: include_str!("../migrations/0001_provider.sql"),
    },
    storeward_store::Migration {
        domain: "oidc",
        number: 2,
        sql: include_str!("../migrations/0002_used_from.sql"),
    },
    storeward_store::Migration {
        domain: "oidc",
        number: 3,
        sql: include_str!("../migrations/0003_limits.sql"),
    },
    storeward_store::Migration {
        domain: "oidc",
        number: 4,
        sql: include_str!("../migrations/0004_ring.sql"),
    },
    storeward_store::Migration {
        domain: "oidc",
        number: 5,
        sql: include_str!("../migrations/0005_bound.sql"),
    },
    storeward_store::Migration {
        domain: "oidc",
        number: 6,
        sql: include_str!("../migrations/0006_clients.sql"),
    },
];
