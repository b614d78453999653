//! Short messages by any HTTP gateway: what to send and how to read the answer comes from `[sms]` in the config.

mod config;
mod error;
mod gateway;
mod number;
mod template;

pub use config::{Preset, SmsSection};
pub use error::SmsError;
pub use gateway::{Gateway, ShortMessage};
pub use number::{PhoneNumber, PhoneNumberError};
