//! Facts of the gate before back-office paths.

use serde::{Deserialize, Serialize};
use storeward_base::StaffId;

/// A member of staff came through a gate: once for each session and gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePassed {
    /// The gate's name in the configuration.
    pub gate: String,
    pub staff: StaffId,
    /// `totp` or `passkey`.
    pub factor: String,
}

/// Somebody was not let through. `staff` is missing where it is not known who it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRefused {
    pub gate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<StaffId>,
    /// `group` (not in one that may), `factor` (the gate takes passkeys only), `code` (a hand-over code that came to another
    /// browser or another host), `throttled` (one network brings too many codes).
    pub reason: String,
}

/// A member of staff who had come through a gate may not any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRevoked {
    pub gate: String,
    pub staff: StaffId,
    /// `group` or `factor`.
    pub reason: String,
}

/// A member of staff signed out of the gates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateLeft {
    pub staff: StaffId,
}
