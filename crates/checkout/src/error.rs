//! What can go wrong.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Store(storeward_store::Error),
    /// Nothing in the inventory has this id.
    NoScript,
    /// There is no such alert.
    NoAlert,
    /// It is none of the guarded pages.
    NoPage,
    /// A report could not be put into words. It is made of text and numbers only: a fault of ours.
    Unwritable,
    /// Somebody else changed it at the same moment.
    Raced,
    /// Its code is another one than the one that somebody looked at.
    Changed,
    /// A value does not fit; the first word is its place.
    Misfit {
        field: &'static str,
        why: &'static str,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => error.fmt(f),
            Error::NoScript => f.write_str("there is no such script in the inventory"),
            Error::Unwritable => f.write_str("the report could not be written"),
            Error::NoAlert => f.write_str("there is no such alert"),
            Error::NoPage => {
                f.write_str("this is no guarded page; checkout.pages in storeward.toml names them")
            }
            Error::Raced => {
                f.write_str("somebody else changed this script at the same moment; look at it and try again")
            }
            Error::Changed => f.write_str(
                "this script is another one now than the one with the hash that you named: its file changed; look at it and try again",
            ),
            Error::Misfit { field, why } => write!(f, "{field}: {why}"),
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
            Error::Store(error) => error.kind(),
            Error::NoScript | Error::NoAlert | Error::NoPage => FaultKind::Missing,
            Error::Unwritable => FaultKind::Broken,
            Error::Raced | Error::Changed => FaultKind::Conflict,
            Error::Misfit { .. } => FaultKind::Invalid,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Store(error) => error.blame(),
            Error::Unwritable => Blame::Us,
            Error::NoScript
            | Error::NoAlert
            | Error::NoPage
            | Error::Raced
            | Error::Changed
            | Error::Misfit { .. } => Blame::Caller,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Store(error) => error.code(),
            Error::NoScript => "checkout.no_script",
            Error::NoAlert => "checkout.no_alert",
            Error::NoPage => "checkout.no_page",
            Error::Unwritable => "checkout.unwritable",
            Error::Raced => "checkout.raced",
            Error::Changed => "checkout.changed",
            Error::Misfit { .. } => "checkout.form",
        }
    }
}
