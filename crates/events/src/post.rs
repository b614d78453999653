//! Facts of mails and short messages.

use serde::{Deserialize, Serialize};
use storeward_base::{CustomerId, PostId};

/// How a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Mail,
    Sms,
}

impl Channel {
    pub const fn name(self) -> &'static str {
        match self {
            Channel::Mail => "mail",
            Channel::Sms => "sms",
        }
    }
}

/// The other side took a message over. Whether it reached the person nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostSent {
    pub post: PostId,
    /// What kind of message, such as `identity.code`.
    pub topic: String,
    pub channel: Channel,
    /// Keyed fingerprint of the address, `to_…`.
    pub recipient: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    pub attempts: u32,
}

/// A message was given up: refused for good, or too late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostFailed {
    pub post: PostId,
    pub topic: String,
    pub channel: Channel,
    pub recipient: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// A stable code, such as `mail.refused` or `post.late`.
    pub reason: String,
    /// The other side's numbers, such as `550 5.1.1`; never its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    pub attempts: u32,
}
