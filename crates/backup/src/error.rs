//! What can go wrong with a backup.

use std::fmt;
use std::path::Path;

use storeward_base::{BackupId, Blame, Fault, FaultKind, Timestamp};

/// Why a backup, a restore or a drill did not succeed. Carries no password and nothing out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A setting does not fit: which one, and why.
    Setting {
        key: &'static str,
        problem: String,
    },
    /// The target does not answer, or takes or gives nothing.
    Target {
        place: String,
        why: String,
    },
    /// There is no repository at the target.
    NoRepository {
        place: String,
    },
    /// The password does not open the repository.
    Password {
        place: String,
    },
    /// The newest backup at the target is another ledger's.
    AnotherLedger {
        place: String,
        made_at: Timestamp,
    },
    /// Since the last that was made here another copy of the data directory made one.
    AnotherCopy {
        place: String,
        run: BackupId,
        made_at: Timestamp,
    },
    /// Another backup, restore or drill is under way.
    Busy,
    /// What lies at the target is damaged; the words say what was found.
    Damaged(String),
    /// There is no such backup.
    NoRun(String),
    /// A file of this machine.
    Io {
        doing: String,
        why: String,
    },
    Store(storeward_store::Error),
    /// Another program is needed and is not there, or failed.
    Program {
        program: &'static str,
        why: String,
    },
    /// What was put away is not all that should have been.
    Incomplete(String),
    /// What was restored does not open.
    Opens(String),
}

impl Error {
    pub(crate) fn io(doing: impl Into<String>, why: &dyn fmt::Display) -> Self {
        Error::Io { doing: doing.into(), why: why.to_string() }
    }

    pub(crate) fn at(path: &Path, why: &dyn fmt::Display) -> Self {
        Error::io(path.display().to_string(), why)
    }

    /// What the reader can do about it.
    pub fn todo(&self) -> Option<&'static str> {
        Some(match self {
            Error::Setting { .. } => "mend it in storeward.toml, section [backup]: docs/backup.md",
            Error::Target { .. } => {
                "look whether the target is reachable and writable with the account of [backup]: docs/backup.md, Targets"
            }
            Error::NoRepository { .. } => {
                "name the right target, or make a first backup: storeward backup now"
            }
            Error::Password { .. } => {
                "give the password that the repository was made with, by backup.password_file (customers' keys may have one of their own: \
                 backup.keys_password_file, or --keys-password-file)"
            }
            Error::AnotherLedger { .. } => {
                "name another path in backup.target, or lay back the keys/ that go with it; is the other Storeward gone for good: \
                 storeward backup now --take-over. See docs/backup.md, \"One target, one Storeward\""
            }
            Error::AnotherCopy { .. } => {
                "stop the copy, or give it a target of its own (and a keys_target of its own, where there is one); where this directory lost its database: storeward backup restore; where it was \
                 put back to an older state, and goes on as it is: \
                 storeward backup now --take-over, once. See docs/backup.md, \"One target, one Storeward\""
            }
            Error::Busy => "wait for it; `storeward backup list` tells when it is through",
            Error::Damaged(_) => {
                "do not delete anything: make a new backup to another target, then see docs/backup.md, \"When a backup is damaged\""
            }
            Error::NoRun(_) => "`storeward backup list` shows those there are",
            Error::Program { .. } => "install it (docs/backup.md, Databases), then try again",
            Error::Incomplete(_) => {
                "the backup before it is still there; make another one and look at the log"
            }
            Error::Opens(_) => {
                "an older one may: `storeward backup list`, then `storeward backup drill --run ID`"
            }
            Error::Io { .. } | Error::Store(_) => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Setting { key, problem } => write!(f, "{key}: {problem}"),
            Error::Target { place, why } => write!(f, "the target {place}: {why}"),
            Error::NoRepository { place } => write!(f, "there is no backup at {place}"),
            Error::Password { place } => write!(f, "the password does not open the backup at {place}"),
            Error::AnotherLedger { place, made_at } => write!(
                f,
                "the newest backup at {place}, of {made_at}, is of another Storeward: another ledger's key signed it"
            ),
            Error::AnotherCopy { place, run, made_at } => write!(
                f,
                "{run} of {made_at} at {place} is signed by this directory's key and was not made here: another copy of this directory backs \
                 up to the same target, or this one was put back to an older state, or lost its database"
            ),
            Error::Busy => f.write_str("another backup, restore or drill is under way"),
            Error::Damaged(what) => write!(f, "the backup is damaged: {what}"),
            Error::NoRun(which) => write!(f, "there is no backup {which}"),
            Error::Io { doing, why } => write!(f, "{doing}: {why}"),
            Error::Store(error) => error.fmt(f),
            Error::Program { program, why } => write!(f, "{program}: {why}"),
            Error::Incomplete(what) => write!(f, "the backup is not whole: {what}"),
            Error::Opens(why) => write!(f, "what was restored does not open: {why}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<storeward_store::Error> for Error {
    fn from(error: storeward_store::Error) -> Self {
        Error::Store(error)
    }
}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Error::Setting { .. } => FaultKind::Invalid,
            Error::NoRepository { .. } | Error::NoRun(_) => FaultKind::Missing,
            Error::Busy | Error::AnotherLedger { .. } | Error::AnotherCopy { .. } => FaultKind::Conflict,
            Error::Password { .. } => FaultKind::Denied,
            Error::Store(error) => error.kind(),
            Error::Target { .. }
            | Error::Damaged(_)
            | Error::Io { .. }
            | Error::Program { .. }
            | Error::Incomplete(_)
            | Error::Opens(_) => FaultKind::Broken,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Setting { .. }
            | Error::NoRepository { .. }
            | Error::NoRun(_)
            | Error::Busy
            | Error::AnotherLedger { .. }
            | Error::AnotherCopy { .. }
            | Error::Password { .. } => Blame::Caller,
            Error::Target { .. } => Blame::Upstream,
            Error::Store(error) => error.blame(),
            Error::Damaged(_)
            | Error::Io { .. }
            | Error::Program { .. }
            | Error::Incomplete(_)
            | Error::Opens(_) => Blame::Us,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Setting { .. } => "backup.setting",
            Error::Target { .. } => "backup.target",
            Error::NoRepository { .. } => "backup.no_repository",
            Error::Password { .. } => "backup.password",
            Error::AnotherLedger { .. } => "backup.another_ledger",
            Error::AnotherCopy { .. } => "backup.another_copy",
            Error::Busy => "backup.busy",
            Error::Damaged(_) => "backup.damaged",
            Error::NoRun(_) => "backup.no_run",
            Error::Io { .. } => "backup.io",
            Error::Store(error) => error.code(),
            Error::Program { .. } => "backup.program",
            Error::Incomplete(_) => "backup.incomplete",
            Error::Opens(_) => "backup.opens",
        }
    }
}
