//! Facts of the staff's own sign-in.

use serde::{Deserialize, Serialize};
use storeward_base::{StaffId, Timestamp};

/// A one-time link was made with which a member of staff may enrol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentOffered {
    pub staff: StaffId,
    pub expires_at: Timestamp,
}

/// A member of staff set a password and a second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffEnrolled {
    pub staff: StaffId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffSignedIn {
    pub staff: StaffId,
}

/// A sign-in failed. `staff` is missing where no such account is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffSignInFailed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<StaffId>,
    /// `unknown_account`, `password`, `code`, `code_replayed`, `passkey` or `throttled`.
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffSignedOut {
    pub staff: StaffId,
}

/// A member's password and second factor no longer count, and their sessions ended: they enrol again by a new link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffReset {
    pub staff: StaffId,
}

/// A member's account is deleted, with their sessions and links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffRemoved {
    pub staff: StaffId,
}

/// A member of staff who is signed in showed a second factor once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffConfirmed {
    pub staff: StaffId,
    /// `totp` or `passkey`.
    pub factor: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffPasskeyAdded {
    pub staff: StaffId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffPasskeyRemoved {
    pub staff: StaffId,
}

/// A member of staff chose another password; their other sessions ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffPasswordChanged {
    pub staff: StaffId,
    /// Sessions that ended.
    pub count: u64,
}

/// A member of staff ended sessions of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffSessionsEnded {
    pub staff: StaffId,
    pub count: u64,
}

/// Somebody else (the actor) ended all sessions of a member of staff, at the console and at the gates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffSessionsRevoked {
    pub staff: StaffId,
    pub count: u64,
}

/// A member of staff can neither sign in nor go on, until they are unlocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffLocked {
    pub staff: StaffId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffUnlocked {
    pub staff: StaffId,
}

/// What a member of staff may do was changed: the groups they are in from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffGroupsChanged {
    pub staff: StaffId,
    pub groups: Vec<String>,
}
