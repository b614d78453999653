//! What can go wrong with a password, a stored hash, the queue or a breach list.

use std::fmt;
use std::io;
use std::time::Duration;

use storeward_base::{Blame, Fault, FaultKind};

use crate::prepare::MAX_BYTES;

/// Why nothing was computed. Says nothing of the password or the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A stored hash or a breach list does not have a form that is known; the words say which.
    Form(&'static str),
    /// A stored hash asks for more work or memory than this program is willing to spend.
    Cost,
    /// A password to hash is empty or longer than [`MAX_BYTES`].
    Length,
    /// A stored hash was made with a pepper that is not among the keys.
    UnknownPepper,
    /// As much work waits as may.
    Full { retry_after: Duration },
    /// This account or this address has as much under way as it may.
    TooMany { retry_after: Duration },
    /// It waited for its turn until its deadline.
    Late { retry_after: Duration },
    /// The pool is being taken down.
    Stopped,
    /// A file cannot be read or written.
    File(io::ErrorKind),
    /// A line of a list cannot be taken; the words say why.
    Line { number: u64, what: &'static str },
    /// A thread could not be started, or ended unexpectedly.
    Thread,
}

impl Error {
    /// How long the client should wait before it tries again, where waiting helps.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Full { retry_after } | Error::TooMany { retry_after } | Error::Late { retry_after } => {
                Some(*retry_after)
            }
            Error::Form(_)
            | Error::Cost
            | Error::Length
            | Error::UnknownPepper
            | Error::Stopped
            | Error::File(_)
            | Error::Line { .. }
            | Error::Thread => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Form(what) => f.write_str(what),
            Error::Cost => f.write_str("the stored password hash asks for more work than is allowed"),
            Error::Length => write!(f, "a password has between 1 and {MAX_BYTES} bytes"),
            Error::UnknownPepper => f.write_str(
                "the stored password hash was made with a pepper that is not here; restore its key file from the backup",
            ),
            Error::Full { .. } | Error::Late { .. } => {
                f.write_str("too many passwords are being checked at once; try again in a moment")
            }
            Error::TooMany { .. } => f.write_str("a password of this account or from this address is being checked already"),
            Error::Stopped => f.write_str("the program is stopping"),
            Error::File(kind) => write!(f, "the file cannot be read or written: {kind}"),
            Error::Line { number, what } => write!(f, "line {number} {what}"),
            Error::Thread => f.write_str("a thread that checks passwords ended unexpectedly"),
        }
    }
}

impl std::error::Error for Error {}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Error::Length | Error::Line { .. } => FaultKind::Invalid,
            Error::Full { .. } | Error::TooMany { .. } | Error::Late { .. } | Error::Stopped => {
                FaultKind::Busy
            }
            Error::Form(_) | Error::Cost | Error::UnknownPepper | Error::File(_) | Error::Thread => {
                FaultKind::Broken
            }
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Length | Error::TooMany { .. } | Error::Line { .. } => Blame::Caller,
            Error::Form(_)
            | Error::Cost
            | Error::UnknownPepper
            | Error::Full { .. }
            | Error::Late { .. }
            | Error::Stopped
            | Error::File(_)
            | Error::Thread => Blame::Us,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Form(_) => "passwords.form",
            Error::Cost => "passwords.cost",
            Error::Length => "passwords.length",
            Error::UnknownPepper => "passwords.unknown_pepper",
            Error::Full { .. } => "passwords.full",
            Error::TooMany { .. } => "passwords.too_many",
            Error::Late { .. } => "passwords.late",
            Error::Stopped => "passwords.stopped",
            Error::File(_) => "passwords.file",
            Error::Line { .. } => "passwords.line",
            Error::Thread => "passwords.thread",
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        Error::retry_after(self)
    }
}
