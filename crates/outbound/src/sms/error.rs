//! Why a short message did not go out, and whether it may go out later.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

use crate::error::OutboundError;
use crate::mail::Outlook;

/// Never holds a number, a word of the message, or the gateway's own words.
#[derive(Debug)]
pub enum SmsError {
    /// The gateway cannot be reached, or gave no answer.
    Way(OutboundError),
    /// The gateway said no, by its status.
    Refused { status: u16 },
    /// The gateway's answer does not say that it took the message.
    NotTaken,
    /// What the config says and this message do not make a request.
    Request,
}

impl SmsError {
    /// The gateway's status; never its words.
    pub fn reply(&self) -> Option<String> {
        match self {
            SmsError::Refused { status } => Some(status.to_string()),
            SmsError::Way(_) | SmsError::NotTaken | SmsError::Request => None,
        }
    }

    /// A refusal of the sign-in or the path is about our config, which the operator can mend meanwhile. An answer that does
    /// not say yes ends it: a wrong `success` in the config would otherwise send the same message, at a price, all day.
    pub fn outlook(&self) -> Outlook {
        match self {
            SmsError::Way(_) => Outlook::Retry,
            SmsError::Refused { status: 401 | 403 | 404 | 407 | 408 | 425 | 429 | 500.. } => Outlook::Retry,
            SmsError::Refused { .. } | SmsError::NotTaken | SmsError::Request => Outlook::GiveUp,
        }
    }
}

impl fmt::Display for SmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SmsError::Way(error) => write!(f, "{error}"),
            SmsError::Refused { status: status @ (401 | 403) } => {
                write!(f, "the SMS gateway answered {status}; check the account and secret under [sms]")
            }
            SmsError::Refused { status } => {
                write!(f, "the SMS gateway answered {status}; check [sms] against its manual")
            }
            SmsError::NotTaken => f.write_str(
                "the SMS gateway's answer does not say that it took the message; check sms.success",
            ),
            SmsError::Request => {
                f.write_str("[sms] does not make a sound request of this message; check its templates")
            }
        }
    }
}

impl std::error::Error for SmsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SmsError::Way(error) => Some(error),
            SmsError::Refused { .. } | SmsError::NotTaken | SmsError::Request => None,
        }
    }
}

impl From<OutboundError> for SmsError {
    fn from(error: OutboundError) -> Self {
        SmsError::Way(error)
    }
}

impl Fault for SmsError {
    fn kind(&self) -> FaultKind {
        match self {
            SmsError::Way(error) => error.kind(),
            SmsError::Refused { status: 429 | 500.. } => FaultKind::Busy,
            SmsError::Refused { .. } | SmsError::NotTaken => FaultKind::Denied,
            SmsError::Request => FaultKind::Invalid,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            SmsError::Way(error) => error.blame(),
            SmsError::Refused { .. } | SmsError::NotTaken => Blame::Upstream,
            SmsError::Request => Blame::Us,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            SmsError::Way(error) => error.code(),
            SmsError::Refused { .. } => "sms.refused",
            SmsError::NotTaken => "sms.not_taken",
            SmsError::Request => "sms.request",
        }
    }
}
