//! What can go wrong between the program and its database.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

/// Which promise of a table a row would have broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// A row with that key is there already.
    Unique,
    /// It points to a row that is not there, or is pointed to.
    ForeignKey,
    NotNull,
    Check,
    /// A trigger refused it, as the ledger's do.
    Trigger,
}

/// Why a read or write did not happen. Carries no value of any row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The database's address cannot be read.
    Url(String),
    /// The database cannot be opened or reached.
    Open(String),
    /// A migration was changed after it ran, is missing, newer than the program, or failed.
    Migration(String),
    /// A statement breaks a promise of its table; `on` is what the engine calls the promise.
    Constraint { kind: Constraint, on: String },
    /// A statement failed for another reason.
    Statement { sql: String, why: String },
    /// A value of a row does not have the type that was asked for.
    Column { index: usize, wanted: &'static str },
    /// A row that has to be there is not.
    NoRow,
    /// A write neither appended an event nor said why it needs none.
    NoEvent,
    /// An event is larger than [`crate::ledger::MAX_EVENT_BYTES`].
    EventTooLarge,
    /// The work panicked; nothing of it was written.
    Panicked,
    /// The queue is full; nothing was done.
    Full,
    /// The database was closed, or its thread is gone.
    Closed,
    /// The disk is full, cannot be written, or the server takes no writes: reads may be answered all the same.
    Unwritable(String),
    /// Another process holds the file.
    Locked,
    /// Other writers came first, too often in a row.
    Contended,
    /// The server was lost before anything was written.
    Lost(String),
    /// The server was lost while it was committing: it may or may not be written.
    Unknown,
    /// The ledger does not hold together; the words say where.
    Ledger(String),
    /// A job carries more than [`crate::jobs::MAX_PAYLOAD_BYTES`].
    JobTooLarge,
    /// A job was done already, or its lease ended and somebody else has it now.
    JobTaken,
    /// Two handlers want the jobs of one kind.
    HandlerTwice(&'static str),
}

impl Error {
    /// True when the same work may succeed at once if it is run again, and nothing of it was written.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Error::Contended | Error::Lost(_))
    }

    /// What happened, without what to do about it: for a sentence of somebody else's.
    pub fn what(&self) -> String {
        match self {
            Error::Unwritable(why) => why.clone(),
            Error::Locked => "another process holds the database".to_owned(),
            Error::Lost(why) => format!("the database server was lost ({why})"),
            Error::Unknown => "the database server was lost while it was writing".to_owned(),
            other => other.to_string(),
        }
    }

    /// True when it says that the database takes no writes from anybody, and not that this one write was wrong.
    pub(crate) fn stops_writes(&self) -> bool {
        match self {
            Error::Unwritable(_) | Error::Locked | Error::Lost(_) | Error::Unknown | Error::Open(_) => true,
            Error::Url(_)
            | Error::Migration(_)
            | Error::Constraint { .. }
            | Error::Statement { .. }
            | Error::Column { .. }
            | Error::NoRow
            | Error::NoEvent
            | Error::EventTooLarge
            | Error::Panicked
            | Error::Full
            | Error::Closed
            | Error::Contended
            | Error::Ledger(_)
            | Error::JobTooLarge
            | Error::JobTaken
            | Error::HandlerTwice(_) => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Url(why) => {
                write!(f, "the database address is wrong: {why}; use sqlite:PATH or postgres://USER@HOST/NAME")
            }
            Error::Open(why) => write!(f, "the database cannot be opened: {why}"),
            Error::Migration(why) => write!(f, "the database's tables cannot be brought up to date: {why}"),
            Error::Constraint { kind, on } => {
                let what = match kind {
                    Constraint::Unique => "it is there already",
                    Constraint::ForeignKey => "it refers to something that is not there, or is referred to",
                    Constraint::NotNull => "a required value is missing",
                    Constraint::Check => "a value is not allowed",
                    Constraint::Trigger => "the table does not allow it",
                };
                write!(f, "refused by the database: {what} ({on})")
            }
            Error::Statement { sql, why } => write!(f, "a database statement failed: {why} (in `{sql}`)"),
            Error::Column { index, wanted } => write!(f, "column {index} of a row is not {wanted}"),
            Error::NoRow => f.write_str("a row that has to be there is missing"),
            Error::NoEvent => f.write_str("a write must append an event; nothing was written"),
            Error::EventTooLarge => f.write_str("the event is too large for the ledger"),
            Error::Panicked => f.write_str("the work on the database panicked; nothing of it was written"),
            Error::Full => f.write_str("too much work is waiting for the database; try again in a moment"),
            Error::Closed => f.write_str("the database is closed"),
            Error::Unwritable(why) => write!(
                f,
                "nothing can be written into the database ({why}); free space on its disk or make it writable: it goes on by itself"
            ),
            Error::Locked => f.write_str(
                "another process holds the database; end it, or wait until it is done, and try again",
            ),
            Error::Contended => f.write_str("others wrote at the same time; try again"),
            Error::Lost(why) => {
                write!(f, "the database server was lost ({why}); nothing was written; try again")
            }
            Error::Unknown => f.write_str(
                "the database server was lost while it was writing; look whether the change is there before trying again",
            ),
            Error::Ledger(what) => write!(
                f,
                "the ledger does not hold together: {what}; keep a copy of the database as evidence and run the verification"
            ),
            Error::JobTooLarge => f.write_str("the job carries too much"),
            Error::JobTaken => f.write_str("the job was done already, or somebody else has taken it over"),
            Error::HandlerTwice(kind) => write!(f, "two handlers want the jobs of the kind {kind}"),
        }
    }
}

impl std::error::Error for Error {}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Error::Url(_) | Error::EventTooLarge | Error::JobTooLarge => FaultKind::Invalid,
            Error::Constraint { .. } | Error::JobTaken => FaultKind::Conflict,
            Error::NoRow => FaultKind::Missing,
            Error::Full | Error::Unwritable(_) | Error::Locked | Error::Contended | Error::Lost(_) => {
                FaultKind::Busy
            }
            Error::Open(_)
            | Error::Migration(_)
            | Error::Statement { .. }
            | Error::Column { .. }
            | Error::NoEvent
            | Error::Panicked
            | Error::Closed
            | Error::Unknown
            | Error::Ledger(_)
            | Error::HandlerTwice(_) => FaultKind::Broken,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Url(_) | Error::Constraint { .. } | Error::NoRow => Blame::Caller,
            Error::Open(_)
            | Error::Migration(_)
            | Error::Statement { .. }
            | Error::Column { .. }
            | Error::NoEvent
            | Error::EventTooLarge
            | Error::Panicked
            | Error::Full
            | Error::Closed
            | Error::Unwritable(_)
            | Error::Locked
            | Error::Contended
            | Error::Lost(_)
            | Error::Unknown
            | Error::Ledger(_)
            | Error::JobTooLarge
            | Error::JobTaken
            | Error::HandlerTwice(_) => Blame::Us,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Url(_) => "store.url",
            Error::Open(_) => "store.open",
            Error::Migration(_) => "store.migration",
            Error::Constraint { .. } => "store.constraint",
            Error::Statement { .. } => "store.statement",
            Error::Column { .. } => "store.column",
            Error::NoRow => "store.no_row",
            Error::NoEvent => "store.no_event",
            Error::EventTooLarge => "store.event_too_large",
            Error::Panicked => "store.panicked",
            Error::Full => "store.full",
            Error::Closed => "store.closed",
            Error::Unwritable(_) => "store.unwritable",
            Error::Locked => "store.locked",
            Error::Contended => "store.contended",
            Error::Lost(_) => "store.lost",
            Error::Unknown => "store.unknown",
            Error::Ledger(_) => "store.ledger",
            Error::JobTooLarge => "store.job_too_large",
            Error::JobTaken => "store.job_taken",
            Error::HandlerTwice(_) => "store.handler_twice",
        }
    }
}
