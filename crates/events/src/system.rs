//! Facts of the program itself.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// `signal` or `fault`.
    pub reason: String,
}

/// A changed config is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigReloaded {
    /// SHA-256 of the file, hexadecimal.
    pub fingerprint: String,
}

/// A changed config has a fault; the one before stays in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigRefused {
    /// Where and what, without any value of the file.
    pub reason: String,
}

/// The whole ledger was read and its tree computed anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerVerified {
    pub entries: u64,
    pub root: String,
}
