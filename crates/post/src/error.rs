//! Why a message could not be promised.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};
use storeward_events::post::Channel;
use storeward_store::Error;

/// Never holds an address or a word of the message.
#[derive(Debug)]
pub enum PostError {
    /// The config has no `[mail]`, or no `[sms]`.
    NotSetUp(Channel),
    /// The database refused, or the message is larger than a job may be.
    Store(Error),
}

impl fmt::Display for PostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PostError::NotSetUp(Channel::Mail) => {
                f.write_str("no mail can be sent: storeward.toml has no [mail]; see docs/configuration.md")
            }
            PostError::NotSetUp(Channel::Sms) => f.write_str(
                "no short message can be sent: storeward.toml has no [sms]; see docs/configuration.md",
            ),
            PostError::Store(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for PostError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PostError::NotSetUp(_) => None,
            PostError::Store(error) => Some(error),
        }
    }
}

impl From<Error> for PostError {
    fn from(error: Error) -> Self {
        PostError::Store(error)
    }
}

impl Fault for PostError {
    fn kind(&self) -> FaultKind {
        match self {
            PostError::NotSetUp(_) => FaultKind::Missing,
            PostError::Store(error) => error.kind(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            PostError::NotSetUp(_) => Blame::Us,
            PostError::Store(error) => error.blame(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            PostError::NotSetUp(_) => "post.not_set_up",
            PostError::Store(error) => error.code(),
        }
    }
}
