//! What can go wrong below the pages.

use std::fmt;

/// Why the shop could not do what was asked of it.
#[derive(Debug)]
pub enum Error {
    /// The database refused or could not be opened.
    Database(rusqlite::Error),
    /// A file or the network failed.
    Io(std::io::Error),
    /// A page template could not be written out.
    Page(askama::Error),
    /// A password could not be hashed.
    Password,
    /// Too many requests wait for the database.
    Busy,
    /// A background task was lost.
    Lost,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Database(cause) => write!(f, "the shop's database failed: {cause}"),
            Error::Io(cause) => write!(f, "a file or connection of the shop failed: {cause}"),
            Error::Page(cause) => write!(f, "a page could not be drawn: {cause}"),
            Error::Password => f.write_str("a password could not be hashed"),
            Error::Busy => f.write_str("too many requests wait for the shop's database"),
            Error::Lost => f.write_str("a background task of the shop was lost"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Database(cause) => Some(cause),
            Error::Io(cause) => Some(cause),
            Error::Page(cause) => Some(cause),
            Error::Password | Error::Busy | Error::Lost => None,
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(cause: rusqlite::Error) -> Self {
        Error::Database(cause)
    }
}

impl From<std::io::Error> for Error {
    fn from(cause: std::io::Error) -> Self {
        Error::Io(cause)
    }
}

impl From<askama::Error> for Error {
    fn from(cause: askama::Error) -> Self {
        Error::Page(cause)
    }
}
