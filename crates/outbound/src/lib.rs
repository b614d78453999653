//! The only way calls go out.
//!
//! **Owns** [`Client`], [`mail`] and [`sms`], the [`AllowList`] of destinations, the guard against calls into the machine's
//! own network, the limits on time and size, and what stands in for the other side: [`recorder`], [`postbox`] and
//! [`telephones`].
//! **Holds** a call reaches only a destination (scheme, host and port) that was listed beforehand; the name is resolved
//! here and the connection goes to the very address that was checked, so a name that changes its mind in between gains
//! nothing; an address inside (loopback, private, link-local, metadata) is reached only where that exact destination is
//! listed as internal; a redirect is followed only when asked for, and each hop passes the same checks; every wait has an
//! end and every answer a size.
//! Mail goes out inside of TLS or to this machine only; no text can begin a second header, recipient or mail; no error
//! holds an address or a word of a message.
//! **Never** a proxy from the environment, cookies, compressed answers, or a decision about what to do with a failure.
//! **Emits** nothing.
#![forbid(unsafe_code)]

mod address;
mod allow;
mod client;
mod connect;
mod error;
mod exchange;
pub mod mail;
mod names;
pub mod postbox;
pub mod recorder;
mod request;
mod settings;
pub mod sms;
pub mod telephones;
mod tls;

pub use address::{Place, place_of};
pub use allow::{AllowList, Destination, Reach, Scheme};
pub use client::{Client, Options};
pub use error::{OutboundError, Phase};
pub use names::{FixedNames, Names, SystemNames};
pub use request::{Limits, Reply, Request};
pub use settings::{SettingError, read_private};
pub use tls::system_roots;
