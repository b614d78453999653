//! Facts of the REST interface. A key is named by its id; never by a part of what it consists of.

use serde::{Deserialize, Serialize};
use storeward_base::{ApiKeyId, ClientRef, Timestamp};

/// A key was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyMade {
    pub key: ApiKeyId,
    /// What it may do: `read`, `write`, `erase`, `export`.
    pub acts: Vec<String>,
    pub roles: Vec<String>,
    pub purposes: Vec<String>,
    /// How many networks it is good from; 0: from everywhere.
    pub networks: u32,
    pub expires_at: Option<Timestamp>,
    /// The tag that binds its row; keys of an earlier version have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// Keys of an earlier version, which had no tag, were held against the ledger and have one now. It happens once: a row without a
/// tag is good for nothing from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeysBound {
    pub keys: Vec<ApiKeyId>,
}

/// A key was revoked: it is good for nothing from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyRevoked {
    pub key: ApiKeyId,
}

/// A program called an operation with a key that is good. What it opened or changed stands in entries of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiCalled {
    /// Such as `openCustomer`.
    pub operation: String,
    /// The answer's status.
    pub status: u16,
}

/// Calls were refused before they reached an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiRefused {
    /// Whose key it was; nothing for one that is unknown or missing.
    pub key: Option<ApiKeyId>,
    pub client: Option<ClientRef>,
    /// Such as `unknown_key`, `expired`, `revoked`, `network`, `act`, `purpose`.
    pub reason: String,
    /// How many, since such a one was told of last.
    pub count: u64,
}
