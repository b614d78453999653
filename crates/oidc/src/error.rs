//! What can go wrong in the provider itself. What a client does wrong has a form of its own (`protocol::refusal`).

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Store(storeward_store::Error),
    Seal(storeward_seal::Error),
    Identity(storeward_identity::Error),
    /// There is no client of this id.
    NoClient,
    /// A public client has no secret that could be rotated.
    NoSecret,
    /// Settings of a client that do not fit; the words say what would.
    Misfit(String),
    /// There are as many clients as are kept.
    TooMany,
    /// Kept data that this program cannot read.
    Form(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => error.fmt(f),
            Error::Seal(error) => error.fmt(f),
            Error::Identity(error) => error.fmt(f),
            Error::NoClient => {
                f.write_str("there is no client of this id; `storeward oidc client list` shows them")
            }
            Error::NoSecret => f.write_str("a public client has no secret"),
            Error::Misfit(what) => f.write_str(what),
            Error::TooMany => {
                f.write_str("there are 200 clients, which is as many as are kept; remove one first")
            }
            Error::Form(what) => f.write_str(what),
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

impl From<storeward_identity::Error> for Error {
    fn from(error: storeward_identity::Error) -> Self {
        Error::Identity(error)
    }
}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Error::Store(error) => error.kind(),
            Error::Identity(error) => error.kind(),
            Error::Seal(_) | Error::Form(_) => FaultKind::Broken,
            Error::NoClient => FaultKind::Missing,
            Error::NoSecret | Error::TooMany => FaultKind::Conflict,
            Error::Misfit(_) => FaultKind::Invalid,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Store(error) => error.blame(),
            Error::Identity(error) => error.blame(),
            Error::Seal(_) | Error::Form(_) => Blame::Us,
            Error::NoClient | Error::NoSecret | Error::TooMany | Error::Misfit(_) => Blame::Caller,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Store(error) => error.code(),
            Error::Identity(error) => error.code(),
            Error::Seal(_) => "oidc.seal",
            Error::Form(_) => "oidc.form",
            Error::NoClient => "oidc.no_client",
            Error::NoSecret => "oidc.no_secret",
            Error::TooMany => "oidc.too_many",
            Error::Misfit(_) => "oidc.misfit",
        }
    }
}
