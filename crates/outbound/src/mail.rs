//! Mail: composed, signed and handed in at the operator's server.
//!
//! [`Letter`] says what is said; [`Message`] is one letter to one person; [`Mailer`] hands it in. [`MailSection`] is what the
//! config says of it.

mod address;
mod config;
mod dkim;
mod encode;
mod error;
mod letter;
mod line;
mod link;
mod mailer;
mod message;
mod punycode;
mod smtp;

pub use address::{Address, AddressError, Mailbox};
pub use config::{DkimSection, MailSection, SecurityName};
pub use dkim::Signer;
pub use error::{MailError, Outlook, Status, Step};
pub use letter::{Block, Brand, Colour, LARGEST_LOGO_BYTES, Letter, logo};
pub use line::{Line, LineError};
pub use link::{Link, LinkError};
pub use mailer::{Mailer, MailerOptions, Probe, Security};
pub use message::{Attachment, Body, LARGEST_BYTES, MediaType, Message, MessageId, Sender, content_id};
pub use smtp::{Credentials, Patience};
