//! What can go wrong in guidance itself.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

#[derive(Debug)]
pub enum Error {
    Store(storeward_store::Error),
    Identity(storeward_identity::Error),
    Post(storeward_post::PostError),
    /// A kept value that this program cannot open.
    Sealed,
    /// There is no such report.
    NoReport,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => error.fmt(f),
            Error::Identity(error) => error.fmt(f),
            Error::Post(error) => error.fmt(f),
            Error::Sealed => f.write_str("a kept value cannot be opened with the keys at hand"),
            Error::NoReport => f.write_str("there is no such report, or it is closed"),
        }
    }
}

impl std::error::Error for Error {}

impl From<storeward_store::Error> for Error {
    fn from(error: storeward_store::Error) -> Self {
        Error::Store(error)
    }
}

impl From<storeward_identity::Error> for Error {
    fn from(error: storeward_identity::Error) -> Self {
        Error::Identity(error)
    }
}

impl From<storeward_post::PostError> for Error {
    fn from(error: storeward_post::PostError) -> Self {
        Error::Post(error)
    }
}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Error::Store(error) => error.kind(),
            Error::Identity(error) => error.kind(),
            Error::Post(error) => error.kind(),
            Error::Sealed => FaultKind::Broken,
            Error::NoReport => FaultKind::Missing,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Store(error) => error.blame(),
            Error::Identity(error) => error.blame(),
            Error::Post(error) => error.blame(),
            Error::Sealed => Blame::Us,
            Error::NoReport => Blame::Caller,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Store(error) => error.code(),
            Error::Identity(error) => error.code(),
            Error::Post(error) => error.code(),
            Error::Sealed => "guide.sealed",
            Error::NoReport => "guide.no_report",
        }
    }
}
