//! What can go wrong with a token, in words for its operator.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The module cannot be loaded; the words say why.
    Module(String),
    /// No token has this label.
    NoToken(String),
    /// Several tokens have it.
    SeveralTokens(String),
    /// The token refuses the PIN. It was tried once: tokens lock after a few.
    Pin,
    /// The token holds no such key.
    NoKey(String),
    /// The token holds several of that label, or one there is none of ours.
    OtherKey { label: String, why: &'static str },
    /// There is a key of that label already, so none is made.
    KeyThere(String),
    /// The token said no; the words are the standard's.
    Refused(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Module(why) => write!(f, "the PKCS#11 module cannot be loaded: {why}"),
            Error::NoToken(label) => write!(f, "no token is labelled {label}; is it plugged in, and was it initialised?"),
            Error::SeveralTokens(label) => write!(f, "several tokens are labelled {label}; give each a name of its own"),
            Error::Pin => f.write_str(
                "the token refuses the PIN; it was tried once, because tokens lock themselves after a few wrong ones",
            ),
            Error::NoKey(label) => write!(f, "the token holds no key labelled {label}"),
            Error::OtherKey { label, why } => write!(f, "the token's key {label} cannot be the root key: {why}"),
            Error::KeyThere(label) => write!(f, "the token holds a key labelled {label} already"),
            Error::Refused(why) => write!(f, "the token refused: {why}"),
        }
    }
}

impl std::error::Error for Error {}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Error::KeyThere(_) => FaultKind::Conflict,
            Error::NoToken(_) | Error::NoKey(_) => FaultKind::Missing,
            Error::Module(_)
            | Error::SeveralTokens(_)
            | Error::Pin
            | Error::OtherKey { .. }
            | Error::Refused(_) => FaultKind::Broken,
        }
    }

    fn blame(&self) -> Blame {
        Blame::Us
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Module(_) => "token.module",
            Error::NoToken(_) => "token.no_token",
            Error::SeveralTokens(_) => "token.several_tokens",
            Error::Pin => "token.pin",
            Error::NoKey(_) => "token.no_key",
            Error::OtherKey { .. } => "token.other_key",
            Error::KeyThere(_) => "token.key_there",
            Error::Refused(_) => "token.refused",
        }
    }
}
