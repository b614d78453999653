//! Facts of checkpoints that were handed to places beyond this machine.

use serde::{Deserialize, Serialize};

/// A place took a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorPlaced {
    /// Its name in the configuration.
    pub place: String,
    /// `mail`, `webhook`, `s3`, `rfc3161`.
    pub way: String,
    /// Entries that the checkpoint counts.
    pub size: u64,
    /// SHA-256 of the signed note, hexadecimal.
    pub note: String,
}

/// A place did not take a checkpoint, or what it said does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorFailed {
    pub place: String,
    pub way: String,
    /// A stable code, such as `anchor.not_locked`.
    pub reason: String,
}

/// A place has had no checkpoint for two of its periods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorOverdue {
    pub place: String,
    pub way: String,
    /// For so long.
    pub hours: u64,
}
