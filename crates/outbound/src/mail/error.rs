//! Why a mail did not go out, and whether it may go out later.

use std::fmt;

use storeward_base::{Blame, Fault, FaultKind};

use crate::error::OutboundError;

/// Where in the talk with the server it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Greeting,
    Hello,
    StartTls,
    SignIn,
    Sender,
    Recipient,
    Content,
}

impl Step {
    const fn words(self) -> &'static str {
        match self {
            Step::Greeting => "at its greeting",
            Step::Hello => "at EHLO",
            Step::StartTls => "at STARTTLS",
            Step::SignIn => "at the sign-in",
            Step::Sender => "at the sender",
            Step::Recipient => "at the recipient",
            Step::Content => "at the mail itself",
        }
    }

    const fn todo(self) -> &'static str {
        match self {
            Step::Greeting | Step::Hello | Step::StartTls => {
                "ask who runs the server whether it takes mail from here"
            }
            Step::SignIn => "check mail.username and mail.password_file",
            Step::Sender => "check mail.from: the server may let this account send for other addresses only",
            Step::Recipient => "the address is wrong, or its mailbox is full or gone",
            Step::Content => "the server does not like this mail: see its log",
        }
    }
}

/// What to do with the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// The server or the way to it is at fault, or it asked to wait: the same mail may go out later.
    Retry,
    /// This mail or this recipient is at fault: it would be refused again.
    GiveUp,
}

/// Never holds an address, a part of the mail, or the server's own words (these quote addresses).
#[derive(Debug)]
pub enum MailError {
    /// The server cannot be reached, or does not prove who it is.
    Way(OutboundError),
    /// The server said no.
    Refused { step: Step, code: u16, status: Option<Status> },
    /// The server said nothing in time.
    Silent { step: Step },
    /// What the server said is no SMTP, is too long, or broke off.
    Broken { step: Step },
    /// The server offers no STARTTLS, and nothing is sent in the clear.
    NoStartTls,
    /// The server, or somebody between, sent more before TLS began: it would be taken for something said inside.
    Injected,
    /// The server offers neither PLAIN nor LOGIN.
    NoSignIn,
    /// The address is not ASCII, and the server does not speak SMTPUTF8.
    NoUtf8,
    /// The mail is larger than the server takes, or than we send.
    TooLarge { limit_bytes: u64 },
    /// The mail could not be signed.
    Signature,
}

/// An enhanced status code (RFC 3463), such as 5.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u8, pub u16, pub u16);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl MailError {
    /// The server's numbers, such as `550 5.1.1`; never its words.
    pub fn reply(&self) -> Option<String> {
        match self {
            MailError::Refused { code, status: Some(status), .. } => Some(format!("{code} {status}")),
            MailError::Refused { code, status: None, .. } => Some(code.to_string()),
            _ => None,
        }
    }

    /// A refusal for good at the recipient or the mail itself ends it. One at the sign-in or the sender is about our config,
    /// which the operator can mend while the mail waits; so is a server without TLS.
    pub fn outlook(&self) -> Outlook {
        match self {
            MailError::Refused { step: Step::Recipient | Step::Content, code, .. } if *code >= 500 => {
                Outlook::GiveUp
            }
            MailError::NoUtf8 | MailError::TooLarge { .. } => Outlook::GiveUp,
            MailError::Way(_)
            | MailError::Refused { .. }
            | MailError::Silent { .. }
            | MailError::Broken { .. }
            | MailError::NoStartTls
            | MailError::Injected
            | MailError::NoSignIn
            | MailError::Signature => Outlook::Retry,
        }
    }
}

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MailError::Way(error) => write!(f, "{error}"),
            MailError::Refused { step, code, status } => {
                let status = status.map(|s| format!(" {s}")).unwrap_or_default();
                write!(f, "the mail server said {code}{status} {}; {}", step.words(), step.todo())
            }
            MailError::Silent { step } => {
                write!(f, "the mail server did not answer in time {}; try again later", step.words())
            }
            MailError::Broken { step } => write!(
                f,
                "what the mail server said {} is no SMTP, or broke off; check mail.port and mail.security",
                step.words()
            ),
            MailError::NoStartTls => f.write_str(
                "the mail server offers no STARTTLS, and mail is not sent in the clear; use security = \"tls\" with port \
                 465, or have the server set up for TLS",
            ),
            MailError::Injected => f.write_str(
                "the mail server sent more than its answer before TLS began: it is broken, or somebody stands between; \
                 use security = \"tls\" with port 465",
            ),
            MailError::NoSignIn => f.write_str(
                "the mail server offers no sign-in by PLAIN or LOGIN; leave mail.username out if it needs none",
            ),
            MailError::NoUtf8 => {
                f.write_str("the address has letters beyond ASCII, which this mail server does not take")
            }
            MailError::TooLarge { limit_bytes } => {
                write!(f, "the mail is larger than {limit_bytes} bytes; send fewer or smaller files")
            }
            MailError::Signature => f.write_str("the mail could not be signed; check the keys under [[mail.dkim]]"),
        }
    }
}

impl std::error::Error for MailError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            MailError::Way(error) => Some(error),
            _ => None,
        }
    }
}

impl From<OutboundError> for MailError {
    fn from(error: OutboundError) -> Self {
        MailError::Way(error)
    }
}

impl Fault for MailError {
    fn kind(&self) -> FaultKind {
        match self {
            MailError::Way(error) => error.kind(),
            MailError::Refused { code, .. } if *code < 500 => FaultKind::Busy,
            MailError::Silent { .. } => FaultKind::Busy,
            MailError::NoUtf8 | MailError::TooLarge { .. } => FaultKind::Invalid,
            MailError::Refused { .. } => FaultKind::Denied,
            MailError::Broken { .. }
            | MailError::NoStartTls
            | MailError::Injected
            | MailError::NoSignIn
            | MailError::Signature => FaultKind::Broken,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            MailError::Way(error) => error.blame(),
            MailError::NoUtf8 | MailError::TooLarge { .. } => Blame::Caller,
            MailError::Signature => Blame::Us,
            MailError::Refused { .. }
            | MailError::Silent { .. }
            | MailError::Broken { .. }
            | MailError::NoStartTls
            | MailError::Injected
            | MailError::NoSignIn => Blame::Upstream,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            MailError::Way(error) => error.code(),
            MailError::Refused { .. } => "mail.refused",
            MailError::Silent { .. } => "mail.silent",
            MailError::Broken { .. } => "mail.broken",
            MailError::NoStartTls => "mail.no_starttls",
            MailError::Injected => "mail.injected",
            MailError::NoSignIn => "mail.no_sign_in",
            MailError::NoUtf8 => "mail.no_utf8",
            MailError::TooLarge { .. } => "mail.too_large",
            MailError::Signature => "mail.signature",
        }
    }
}
