//! A place, and what handing a checkpoint to it comes to.

use std::time::Duration;

use storeward_base::Timestamp;
use storeward_outbound::OutboundError;
use storeward_outbound::mail::Mailbox;

use crate::s3::Bucket;
use crate::stamping::Authority;
use crate::webhook::Hook;

/// Where checkpoints go, and how often.
#[derive(Clone, Debug)]
pub struct Place {
    pub name: String,
    pub every: Duration,
    pub(crate) way: Way,
}

#[derive(Clone, Debug)]
pub(crate) enum Way {
    Mail(Mailbox),
    Webhook(Hook),
    S3(Bucket),
    Stamp(Authority),
}

impl Way {
    /// Stands in events.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Way::Mail(_) => "mail",
            Way::Webhook(_) => "webhook",
            Way::S3(_) => "s3",
            Way::Stamp(_) => "rfc3161",
        }
    }
}

/// What is handed over.
#[derive(Clone, Debug)]
pub(crate) struct Handed {
    pub origin: String,
    pub size: u64,
    /// The signed note.
    pub note: String,
    pub at: Timestamp,
    /// By chance.
    pub nonce: u64,
}

/// Why a place did not take it, as a stable code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub code: &'static str,
}

impl Trouble {
    pub(crate) const fn new(code: &'static str) -> Self {
        Trouble { code }
    }
}

impl From<OutboundError> for Trouble {
    fn from(why: OutboundError) -> Self {
        Trouble { code: storeward_base::Fault::code(&why) }
    }
}
