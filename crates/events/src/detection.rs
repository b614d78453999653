//! Facts of behaviour: findings and bans.

use serde::{Deserialize, Serialize};
use storeward_base::{ClientRef, Timestamp};

/// A client's behaviour overflowed a scenario's bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRaised {
    pub scenario: String,
    pub client: ClientRef,
    /// How many observations filled the bucket.
    pub observations: u32,
    pub first_at: Timestamp,
}

/// A client may not come in until the lease ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientBanned {
    pub client: ClientRef,
    /// Scenario or staff's reason code.
    pub reason: String,
    /// 1 for the first ban; each further one within the memory is longer.
    pub level: u32,
    pub until: Timestamp,
}

/// A client has to solve a puzzle before it is let on, until the lease ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientChallenged {
    pub client: ClientRef,
    /// The scenario.
    pub reason: String,
    pub until: Timestamp,
}

/// A ban was taken back before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanLifted {
    pub client: ClientRef,
}
