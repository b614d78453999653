//! What is to be sent.

use storeward_base::{CustomerId, Language, Timestamp};
use storeward_outbound::mail::{Attachment, Letter, Link, Mailbox};
use storeward_outbound::sms::PhoneNumber;

/// A mail to one person.
#[derive(Clone, Debug)]
pub struct Mail {
    pub(crate) topic: &'static str,
    pub(crate) to: Mailbox,
    pub(crate) language: Language,
    pub(crate) letter: Letter,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) unsubscribe: Option<Link>,
    pub(crate) sending: Sending,
}

/// A short message to one telephone.
#[derive(Clone, Debug)]
pub struct Sms {
    pub(crate) topic: &'static str,
    pub(crate) to: PhoneNumber,
    pub(crate) text: String,
    pub(crate) sending: Sending,
}

/// How it is sent, whatever it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sending {
    pub customer: Option<CustomerId>,
    pub until: Option<Timestamp>,
    pub once: Option<String>,
}

macro_rules! sending {
    ($kind:ty) => {
        impl $kind {
            /// Whose it is; stands in the events about it.
            #[must_use]
            pub fn customer(mut self, customer: CustomerId) -> Self {
                self.sending.customer = Some(customer);
                self
            }

            /// Not sent after this moment, such as when the code in it has expired. A day from now when left out, and at
            /// most.
            #[must_use]
            pub fn until(mut self, moment: Timestamp) -> Self {
                self.sending.until = Some(moment);
                self
            }

            /// Not promised again while one with this key waits. The key stands open in the database: ids only.
            #[must_use]
            pub fn once(mut self, key: impl Into<String>) -> Self {
                self.sending.once = Some(key.into());
                self
            }
        }
    };
}

sending!(Mail);
sending!(Sms);

impl Mail {
    /// `topic` says what kind of message it is, such as `identity.code`; it stands in events.
    pub fn new(topic: &'static str, to: impl Into<Mailbox>, language: Language, letter: Letter) -> Self {
        Mail {
            topic,
            to: to.into(),
            language,
            letter,
            attachments: Vec::new(),
            unsubscribe: None,
            sending: Sending::default(),
        }
    }

    /// One click there ends mails of this kind (RFC 8058). Only for what is not about security.
    #[must_use]
    pub fn unsubscribe(mut self, link: Link) -> Self {
        self.unsubscribe = Some(link);
        self
    }

    /// The mail as a whole must fit into a job (256 KiB, and base 64 takes a third more).
    #[must_use]
    pub fn attach(mut self, attachment: Attachment) -> Self {
        self.attachments.push(attachment);
        self
    }
}

impl Sms {
    /// `topic` says what kind of message it is, such as `identity.code`; it stands in events.
    pub fn new(topic: &'static str, to: PhoneNumber, text: impl Into<String>) -> Self {
        Sms { topic, to, text: text.into(), sending: Sending::default() }
    }
}
