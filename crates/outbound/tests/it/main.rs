//! The client from outside, and the attacks on it.
#![allow(clippy::unwrap_used, reason = "what these tests build must work")]

mod compose;
mod guard;
mod hostile;
mod mail;
mod plain;
mod redirects;
mod sms;
mod tls;

use storeward_base::Fault;
use storeward_outbound::{AllowList, Client, FixedNames, Options, OutboundError};

/// A client that may call `url` as one of ours.
fn internal(url: &str) -> Client {
    Client::new(AllowList::new().internal(url).unwrap(), Options::default()).unwrap()
}

/// A client whose names are made up.
fn with_names(allow: AllowList, names: FixedNames) -> Client {
    Client::new(allow, Options::default().names(names)).unwrap()
}

fn code<T: std::fmt::Debug>(result: Result<T, OutboundError>) -> &'static str {
    result.unwrap_err().code()
}
