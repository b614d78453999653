//! What can go wrong at the start.

use std::fmt;

/// Why the emulators could not start.
#[derive(Debug)]
pub enum Error {
    /// A listener could not be opened.
    Io(std::io::Error),
    /// PayPal's certificate or key could not be made.
    Certificate(String),
    /// An address beyond loopback was asked for.
    NotLoopback,
    /// A provider's published document could not be read.
    Contract(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(cause) => write!(f, "an emulator's listener failed: {cause}"),
            Error::Certificate(cause) => write!(f, "the certificate for PayPal's webhooks: {cause}"),
            Error::NotLoopback => f.write_str("the emulators listen on loopback only"),
            Error::Contract(cause) => write!(f, "a provider's published document: {cause}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(cause) => Some(cause),
            Error::Certificate(_) | Error::NotLoopback | Error::Contract(_) => None,
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(cause: std::io::Error) -> Self {
        Error::Io(cause)
    }
}
