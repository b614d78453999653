//! What the app tells the console about the rest of the program.

use std::sync::Arc;

use storeward_base::Timestamp;

/// A snapshot of the program, made anew whenever a page asks.
#[derive(Clone, Debug, Default)]
pub struct SystemStatus {
    pub version: String,
    pub started_at: Timestamp,
    /// The shop's public names, such as `shop.example`.
    pub shop_names: Vec<String>,
    pub certificates: Vec<CertificateStatus>,
    pub upstreams: Vec<UpstreamStatus>,
    /// Whether inspection only detects on some or all routes, so that attacks are seen but not stopped.
    pub detects_only: bool,
    /// Why the ledger cannot be relied on, such as that it was cut back; `None` while nothing of the kind is known.
    pub ledger_problem: Option<String>,
    /// Why nothing can be written into the database at the moment, in plain words; `None` while writes succeed.
    pub writes_problem: Option<String>,
    /// What is wrong with the shop's own sign-in, as the shield's test account found it.
    pub shield_problem: Option<ShieldProblem>,
    /// What else needs somebody, such as a checkpoint that reaches nobody.
    pub concerns: Vec<Concern>,
    /// What is wrong with the backups, the worst of it.
    pub backup_problem: Option<BackupProblem>,
    /// Facts lost since the start because a queue was full.
    pub events_dropped: u64,
    /// Requests let through uninspected since the start because the engine failed on them.
    pub inspection_failures: u64,
    /// Addresses that are never banned, as configured.
    pub never_block: Vec<String>,
}

/// Something that needs somebody, in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    pub what: String,
    pub todo: String,
}

/// The shield's adapter may not fit the shop any more.
#[derive(Clone, Debug)]
pub struct ShieldProblem {
    /// In plain words, nothing of the account.
    pub what: String,
    /// Nobody is signed in at the shop for the moment.
    pub closed: bool,
    /// A stolen password may get in unseen.
    pub blind: bool,
}

/// What was put away may not be had back, or nothing was.
#[derive(Clone, Debug)]
pub struct BackupProblem {
    pub what: String,
    pub todo: String,
    /// Somebody has to see to it now.
    pub is_grave: bool,
}

#[derive(Clone, Debug)]
pub struct CertificateStatus {
    pub names: Vec<String>,
    /// `acme`, `files` or `local`.
    pub source: String,
    pub not_after: Timestamp,
    /// Why a newer one could not be had, in plain words.
    pub problem: Option<String>,
}

#[derive(Clone, Debug)]
pub struct UpstreamStatus {
    pub name: String,
    /// Without credentials.
    pub address: String,
    /// `None` before the first check.
    pub answers: Option<bool>,
    /// Since when that is so.
    pub since: Option<Timestamp>,
    pub reason: Option<String>,
}

/// Makes the snapshot. Must not block.
pub type StatusSource = Arc<dyn Fn() -> SystemStatus + Send + Sync>;

/// Why the program cannot serve yet, in plain words without secrets; empty when it can. Must not block.
pub type ReadinessSource = Arc<dyn Fn() -> Vec<String> + Send + Sync>;
