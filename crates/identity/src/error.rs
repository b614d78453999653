//! What can go wrong in the accounts themselves.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Store(storeward_store::Error),
    Seal(storeward_seal::Error),
    Passwords(storeward_passwords::Error),
    /// What was begun is over: used, too old, or begun in another browser.
    FlowOver,
    /// Two requests of one browser went on with the same thing at once, or what it went by changed while it was under way.
    Overtaken,
    /// The account is not there (any more).
    NoAccount,
    /// The account has as many of these as we keep.
    TooMany,
    /// The outbox takes no letters: there is no mail server in the config.
    NoPost,
    /// Kept data that this program cannot read.
    Form(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => error.fmt(f),
            Error::Seal(error) => error.fmt(f),
            Error::Passwords(error) => error.fmt(f),
            Error::FlowOver => f.write_str("this was begun too long ago, or in another browser; begin again"),
            Error::Overtaken => f.write_str(
                "something else happened to the account at the same moment; go back and try again",
            ),
            Error::NoAccount => f.write_str("there is no such account"),
            Error::TooMany => {
                f.write_str("there are as many of these as one account may have; remove one first")
            }
            Error::NoPost => f.write_str("no mail can be sent: storeward.toml has no [mail]"),
            Error::Form(what) => write!(f, "{what}"),
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

impl From<storeward_passwords::Error> for Error {
    fn from(error: storeward_passwords::Error) -> Self {
        Error::Passwords(error)
    }
}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Error::Store(error) => error.kind(),
            Error::Seal(_) | Error::NoPost | Error::Form(_) => FaultKind::Broken,
            Error::Passwords(error) => error.kind(),
            Error::FlowOver | Error::NoAccount => FaultKind::Missing,
            Error::Overtaken | Error::TooMany => FaultKind::Conflict,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Store(error) => error.blame(),
            Error::Seal(_) | Error::NoPost | Error::Form(_) => Blame::Us,
            Error::Passwords(error) => error.blame(),
            Error::FlowOver | Error::NoAccount | Error::Overtaken | Error::TooMany => Blame::Caller,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Store(error) => error.code(),
            Error::Seal(_) => "identity.seal",
            Error::Passwords(error) => error.code(),
            Error::FlowOver => "identity.flow_over",
            Error::Overtaken => "identity.overtaken",
            Error::NoAccount => "identity.no_account",
            Error::TooMany => "identity.too_many",
            Error::NoPost => "identity.no_post",
            Error::Form(_) => "identity.form",
        }
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Error::Passwords(error) => error.retry_after(),
            _ => None,
        }
    }
}
