//! Facts of backups. They name a backup by id and count files; never a file's name.

use serde::{Deserialize, Serialize};
use storeward_base::{BackupId, DrillId};

/// Everything was put away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupMade {
    pub run: BackupId,
    pub files: u64,
    pub read_bytes: u64,
    /// What the repositories grew by.
    pub added_bytes: u64,
    /// Files of the shop that could not be read, and so are not in it.
    pub unread: u64,
    /// The newest at the target was another ledger's, and somebody at the command line said that it goes on all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_over: bool,
}

/// The newest at the target is another ledger's, and somebody at the command line said that a run goes on all the same: told before it
/// begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupTookOver {
    pub run: BackupId,
}

/// A backup was not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFailed {
    pub run: BackupId,
    /// The stable code of the reason.
    pub code: String,
}

/// Somebody at the command line read a backup out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRestored {
    pub run: BackupId,
    pub files: u64,
}

/// Backups that need not be kept any more were deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupsThinnedOut {
    pub count: u64,
}

/// A backup was restored on trial, opened, and found to be what was put away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillPassed {
    pub drill: DrillId,
    pub run: BackupId,
    /// Until the copy was open and verified.
    pub recovery_ms: u64,
    /// How old what it holds was then: what a loss at that moment would have cost.
    pub age_ms: u64,
}

/// A backup could not be restored on trial, or is not what was put away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillFailed {
    pub drill: DrillId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<BackupId>,
    /// The stable code of the reason.
    pub code: String,
}

/// What was put away looks as after an attack on the shop's files: from now on no old backup is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionFrozen {
    pub run: BackupId,
    /// `backup.scrambled`, `backup.renamed`, `backup.unreadable` or `backup.shrunk`.
    pub code: String,
    /// Files that look so.
    pub changed: u64,
    pub of_files: u64,
}

/// Somebody looked, and old backups may be deleted again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionReleased {
    pub run: BackupId,
}
