//! What can go wrong in the console itself.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Store(storeward_store::Error),
    Seal(storeward_seal::Error),
    Passwords(storeward_passwords::Error),
    /// The enrolment link was never made, was used, or is too old.
    LinkSpent,
    /// There is no member of staff with that id or e-mail address.
    NoSuchMember,
    /// The member of staff keeps as many views as we allow.
    TooManyViews,
    /// The member of staff has as many passkeys as we allow.
    TooManyPasskeys,
    /// Only members of the group `admin` change others, and nobody changes themselves.
    NotAdmin,
    /// Taking the group `owner` from its last member would make somebody else the owner.
    LastOwner,
    Customers(storeward_identity::staff::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => error.fmt(f),
            Error::Seal(error) => error.fmt(f),
            Error::Passwords(error) => error.fmt(f),
            Error::LinkSpent => {
                f.write_str("This link was used already or is too old. Ask for a new one on the machine.")
            }
            Error::NoSuchMember => f.write_str(
                "there is no member of staff with that id or e-mail address; see `storeward staff list`",
            ),
            Error::TooManyViews => f.write_str("You keep 50 views already. Delete one first."),
            Error::TooManyPasskeys => f.write_str("You have 10 passkeys already. Remove one first."),
            Error::NotAdmin => f.write_str(
                "Only members of the group admin change others, and nobody changes themselves. On the machine: storeward staff.",
            ),
            Error::LastOwner => f.write_str(
                "Nobody else is in the group owner. Put somebody else into it first. On the machine: storeward staff.",
            ),
            Error::Customers(error) => error.fmt(f),
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

impl From<storeward_identity::staff::Error> for Error {
    fn from(error: storeward_identity::staff::Error) -> Self {
        Error::Customers(error)
    }
}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Error::Store(error) => error.kind(),
            Error::Seal(_) => FaultKind::Broken,
            Error::Passwords(error) => error.kind(),
            Error::LinkSpent | Error::NoSuchMember => FaultKind::Missing,
            Error::TooManyViews | Error::TooManyPasskeys => FaultKind::Conflict,
            Error::NotAdmin | Error::LastOwner => FaultKind::Denied,
            Error::Customers(error) => error.kind(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Store(error) => error.blame(),
            Error::Seal(_) => Blame::Us,
            Error::Passwords(error) => error.blame(),
            Error::LinkSpent
            | Error::NoSuchMember
            | Error::TooManyViews
            | Error::TooManyPasskeys
            | Error::NotAdmin
            | Error::LastOwner => Blame::Caller,
            Error::Customers(error) => error.blame(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Store(error) => error.code(),
            Error::Seal(_) => "console.seal",
            Error::Passwords(error) => error.code(),
            Error::LinkSpent => "console.link_spent",
            Error::NoSuchMember => "console.no_such_member",
            Error::TooManyViews => "console.too_many_views",
            Error::TooManyPasskeys => "console.too_many_passkeys",
            Error::NotAdmin => "console.not_admin",
            Error::LastOwner => "console.last_owner",
            Error::Customers(error) => error.code(),
        }
    }
}
