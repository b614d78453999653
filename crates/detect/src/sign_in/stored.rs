//! The stored form of what is passed in and handed back: a version beside the parts.

use serde::{Deserialize, Serialize};

/// The version of every stored form of sign-in state.
pub const STATE_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
pub(crate) struct Versioned<P> {
    version: u32,
    #[serde(flatten)]
    parts: P,
}

impl<P> Versioned<P> {
    pub fn new(parts: P) -> Self {
        Versioned { version: STATE_VERSION, parts }
    }

    pub fn open(self) -> Result<P, String> {
        match self.version {
            STATE_VERSION => Ok(self.parts),
            other => Err(format!("sign-in state of version {other}; this program reads {STATE_VERSION}")),
        }
    }
}

/// The two ways between a type and its stored form.
macro_rules! versioned {
    ($whole:ident, $parts:ident) => {
        impl From<$whole> for Versioned<$parts> {
            fn from(whole: $whole) -> Self {
                Versioned::new(whole.0)
            }
        }

        impl TryFrom<Versioned<$parts>> for $whole {
            type Error = String;
            fn try_from(stored: Versioned<$parts>) -> Result<Self, Self::Error> {
                stored.open().map($whole)
            }
        }
    };
}
pub(crate) use versioned;
