//! Customers' accounts: who they are, how they prove it, and what they see of it.
//!
//! **Owns** customers' accounts, factors, recovery codes, devices, sessions, challenges and activity; the verbs on them
//! ([`Identity`]); the pages under the shop's name; the policy `[identity]`.
//! **Holds** a password alone opens nothing that the policy guards with more; a code counts once, for the challenge it
//! was made for, within ten minutes and five tries; the session's token changes with every change of assurance; a way
//! back into an account never goes round its second factor; an address without an account is answered as one with;
//! personal data is sealed, and found by keyed marks.
//! **Never** staff's accounts, a cookie of the shop in a browser where the shield stands, personal data in an event or an address.
//! **Emits** `identity.*`.
#![forbid(unsafe_code)]

mod companion;
mod config;
mod error;
mod gate;
mod held;
mod letter;
mod marks;
mod model;
mod outbox;
mod pace;
mod pages;
mod passwords;
mod place;
mod shield;
mod sql;
pub mod staff;
mod state;
pub mod teach;
mod texts;
mod throttle;
mod tokens;
mod verbs;
mod visit;

pub use storeward_adapter::Adapter;

pub use companion::{Companion, Later, Tab};
pub use config::{ConfigFault, Font, Policy, SecondFactor, SmsPolicy, Theme};
pub use error::Error;
pub use gate::{CustomerGate, Need as Access};
pub use letter::{Letter, LetterKind, Post, RecordedPost, Text};
pub use model::{DeviceId, FactorId, FactorKind, Level, Proof, SessionId};
pub use outbox::OutboxPost;
pub use pace::{HoldBack, Quanta};
pub use pages::{Around, CHANGE_PASSWORD, Farewell, Logo, OwnView, Standpoint};
pub use shield::{
    CanaryAccount, CanarySection, HANDLE_COOKIE, OfficeGuard, Shield, ShieldFault, ShieldParts,
    ShieldSection, StaffPolicy, WhenUnclear, WhenUnsaid,
};
pub use sql::STATEMENTS;
pub use state::{Door, Purpose, ReturnTo};
pub use tokens::{DEVICE_COOKIE, FLOW_COOKIE, FlowToken, SESSION_COOKIE, SessionToken};
pub use verbs::buyer::AtTheTill;
pub use verbs::close::{Closed, accounts_of_address};
pub use verbs::current::{CurrentSession, still_signed_in};
pub use verbs::ended::{Ended, EndedWhat, SESSIONS_ENDED_JOB};
pub use verbs::import;
pub use verbs::means::MeansNotice;
pub use verbs::person::Person;
pub use verbs::shield::{Decision, Outcome, Passed, ShopAccount, Signals, Unprovable};
pub use verbs::standing::Standing;
pub use verbs::{BackOffice, FirstFactor, Identity, IdentityParts, NameProof};
pub use visit::Visit;

/// Gives rows of a version that bound none their tags; how many. The caller sees to it that this happens once: see
/// [`sql::bound::bind_old`]. Panics inside of a runtime.
pub fn bind_old_blocking(db: &storeward_store::Db) -> Result<u64, storeward_store::Error> {
    db.write_blocking(|tx| {
        tx.commit_silent("whoever has an account keeps it as it is");
        sql::bound::bind_old(tx)
    })
}

/// Whether there are accounts and none has a tag: see [`sql::bound::are_old`].
pub fn are_old(reader: &mut storeward_store::Reader<'_>) -> Result<bool, storeward_store::Error> {
    sql::bound::are_old(reader)
}

/// Rows by which customers are let in that are not as Storeward wrote them: accounts with what belongs to them, sessions, devices,
/// challenges; a hundred of each at most.
pub async fn harmed(
    db: &storeward_store::Db,
) -> Result<Vec<storeward_events::system::RowHarmed>, storeward_store::Error> {
    sql::bound::harmed(db).await
}

/// The tables of customers' accounts.
pub const MIGRATIONS: &[storeward_store::Migration] = &[
    storeward_store::Migration {
        domain: "identity",
        number: 1,
        sql: include_str!("../migrations/0001_customers.sql"),
    },
    storeward_store::Migration {
        domain: "identity",
        number: 2,
        sql: include_str!("../migrations/0002_shop_history.sql"),
    },
    storeward_store::Migration {
        domain: "identity",
        number: 3,
        sql: include_str!("../migrations/0003_shop_session.sql"),
    },
    storeward_store::Migration {
        domain: "identity",
        number: 4,
        sql: include_str!("../migrations/0004_staff.sql"),
    },
    storeward_store::Migration {
        domain: "identity",
        number: 5,
        sql: include_str!("../migrations/0005_recovery_wait.sql"),
    },
    storeward_store::Migration {
        domain: "identity",
        number: 6,
        sql: include_str!("../migrations/0006_sessions_ended.sql"),
    },
    storeward_store::Migration {
        domain: "identity",
        number: 7,
        sql: include_str!("../migrations/0007_shop_address.sql"),
    },
    storeward_store::Migration {
        domain: "identity",
        number: 8,
        sql: include_str!("../migrations/0008_told.sql"),
    },
    storeward_store::Migration {
        domain: "identity",
        number: 9,
        sql: include_str!("../migrations/0009_shop_session_of.sql"),
    },
    storeward_store::Migration {
        domain: "identity",
        number: 10,
        sql: include_str!("../migrations/0010_back_office.sql"),
    },
    storeward_store::Migration {
        domain: "identity",
        number: 11,
        sql: include_str!("../migrations/0011_bound.sql"),
    },
    storeward_store::Migration {
        domain: "identity",
        number: 12,
        sql: include_str!("../migrations/0012_bound_accounts.sql"),
    },
    storeward_store::Migration {
        domain: "identity",
        number: 13,
        sql: include_str!("../migrations/0013_shop_name.sql"),
    },
];
