//! What can go wrong in the console itself.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Store(storeward_store::Error),
    Seal(storeward_seal::Error),
    /// Too many passwords are being checked at once.
    Crowded,
    /// The enrolment link was never made, was used, or is too old.
    LinkSpent,
    /// A background thread of ours ended unexpectedly.
    Thread,
    /// There is no member of staff with that id or e-mail address.
    NoSuchMember,
    /// The member of staff keeps as many views as we allow.
    TooManyViews,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => error.fmt(f),
            Error::Seal(error) => error.fmt(f),
            Error::Crowded => f.write_str("too many sign-ins at once; try again in a moment"),
            Error::LinkSpent => {
                f.write_str("This link was used already or is too old. Ask for a new one on the machine.")
            }
            Error::Thread => f.write_str("a background thread ended unexpectedly"),
            Error::NoSuchMember => f.write_str(
                "there is no member of staff with that id or e-mail address; see `storeward staff list`",
            ),
            Error::TooManyViews => f.write_str("You keep 50 views already. Delete one first."),
        }
    }
}

impl std::error::Error for Error {}

impl From<storeward_store::Error> for Error {
    fn from(error: storeward_store::Error) -> Self {
        Error::Store(error)
    }
}

impl From<storeward_seal::Error> for Error {
    fn from(error: storeward_seal::Error) -> Self {
        Error::Seal(error)
    }
}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Error::Store(error) => error.kind(),
            Error::Seal(_) | Error::Thread => FaultKind::Broken,
            Error::Crowded => FaultKind::Busy,
            Error::LinkSpent | Error::NoSuchMember => FaultKind::Missing,
            Error::TooManyViews => FaultKind::Conflict,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Store(error) => error.blame(),
            Error::Seal(_) | Error::Thread | Error::Crowded => Blame::Us,
            Error::LinkSpent | Error::NoSuchMember | Error::TooManyViews => Blame::Caller,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Store(error) => error.code(),
            Error::Seal(_) => "console.seal",
            Error::Crowded => "console.crowded",
            Error::LinkSpent => "console.link_spent",
            Error::Thread => "console.thread",
            Error::NoSuchMember => "console.no_such_member",
            Error::TooManyViews => "console.too_many_views",
        }
    }
}
