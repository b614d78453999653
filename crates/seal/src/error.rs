//! What can go wrong when something is read, checked or opened.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

/// Why a seal, proof or key was refused. Says nothing of the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A text or byte string does not have the form that is required; the words say which.
    Form(&'static str),
    /// A key has the wrong length or is no key.
    Key,
    /// A signature does not fit the text.
    Signature,
    /// The note bears no signature by any of the keys that are trusted.
    UnknownSigner,
    /// A proof does not lead to the root it should.
    Proof,
    /// A sealed value was changed, belongs elsewhere, or was sealed with another key.
    Sealed,
    /// What holds the root key cannot be reached, or refuses; the words say why.
    Away(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Form(what) => write!(f, "{what}"),
            Error::Key => f.write_str("the key is damaged or of another kind; restore the key file from its backup"),
            Error::Signature => f.write_str("the signature does not fit: the text was changed after it was signed"),
            Error::UnknownSigner => f.write_str(
                "the text is not signed by a key that is trusted here; check that the key file belongs to this database",
            ),
            Error::Proof => f.write_str("the proof does not lead to the stated root: an entry or the tree was changed"),
            Error::Sealed => f.write_str(
                "a sealed value cannot be opened: it was changed, or the key file does not belong to this database",
            ),
            Error::Away(why) => write!(f, "the root key is out of reach: {why}"),
        }
    }
}

impl std::error::Error for Error {}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Error::Form(_) => FaultKind::Invalid,
            Error::Key | Error::Signature | Error::UnknownSigner | Error::Proof | Error::Sealed => {
                FaultKind::Broken
            }
            Error::Away(_) => FaultKind::Broken,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Error::Form(_) => Blame::Caller,
            Error::Key
            | Error::Signature
            | Error::UnknownSigner
            | Error::Proof
            | Error::Sealed
            | Error::Away(_) => Blame::Us,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Error::Form(_) => "seal.form",
            Error::Key => "seal.key",
            Error::Signature => "seal.signature",
            Error::UnknownSigner => "seal.unknown_signer",
            Error::Proof => "seal.proof",
            Error::Sealed => "seal.sealed",
            Error::Away(_) => "seal.root_away",
        }
    }
}
