//! What can go wrong with keys.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Store(storeward_store::Error),
    /// A key of this kind cannot be made; the words say why.
    Misfit(String),
    /// There are as many keys as one shop may have.
    TooMany,
    NoKey,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => error.fmt(f),
            Error::Misfit(why) => f.write_str(why),
            Error::TooMany => f.write_str("there are 500 keys: revoke those that nobody uses"),
            Error::NoKey => f.write_str("it was revoked before"),
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
            Error::Misfit(_) => FaultKind::Invalid,
            Error::TooMany => FaultKind::Conflict,
            Error::NoKey => FaultKind::Missing,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Store(error) => error.blame(),
            Error::Misfit(_) | Error::TooMany | Error::NoKey => Blame::Caller,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Store(error) => error.code(),
            Error::Misfit(_) => "api.misfit",
            Error::TooMany => "api.too_many_keys",
            Error::NoKey => "api.no_key",
        }
    }
}
