//! Facts of the program itself.

use serde::{Deserialize, Serialize};
use storeward_base::JobId;

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

/// For a while nothing could be written; what happened meanwhile stands before this, or was counted as dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WritesResumed {
    /// The code of why nothing could be, such as `store.unwritable`.
    pub reason: String,
    /// How long it lasted, in seconds.
    pub seconds: u64,
}

/// The ledger did not continue the head that was kept outside of the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCutBack {
    /// Entries that the kept head counts.
    pub kept: u64,
    /// Entries that are there.
    pub found: u64,
    /// `cut_back`, `rewritten`, `unreadable`, or `missing` where the kept head was gone.
    pub how: String,
}

/// An operator said that the ledger is right as it stands, such as after restoring a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerAccepted {
    /// Entries that the kept head counted; 0 where it fitted.
    pub kept: u64,
    /// Entries that were there; 0 where the head fitted.
    pub found: u64,
}

/// The service that knows stolen passwords does not answer; until it does, passwords are not looked for there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreachServiceSilent {}

/// The service that knows stolen passwords answers again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreachServiceAnswers {}

/// A row of the database is not what Storeward wrote there, or one is gone: somebody was at the database. It counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowHarmed {
    /// Such as `api_key`, `vault_grant`, `backup_freeze`.
    pub table: String,
    /// Its id, or what tells it from others; never personal data.
    pub row: String,
    /// `changed`, `missing`, `unknown` (nobody wrote it), `future` (a moment that has not come).
    pub harm: String,
}

/// A job was tried as often as it may be, and is given up. What it carried is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailed {
    pub job: JobId,
    /// What kind of work it was, such as `store.forget_addresses`.
    pub kind: String,
    /// The stable code of the last failure.
    pub code: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// What these entries of the ledger said is deleted, because it was kept long enough. Their hashes stay, so the tree does;
/// an empty entry that no such fact names was emptied by somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntriesForgotten {
    /// First and last number of each run of entries.
    pub entries: Vec<(u64, u64)>,
}

impl EntriesForgotten {
    pub fn count(&self) -> u64 {
        let runs = self.entries.iter().map(|(first, last)| last.saturating_sub(*first).saturating_add(1));
        runs.fold(0, u64::saturating_add)
    }
}
