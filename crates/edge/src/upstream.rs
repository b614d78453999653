//! The way to the shop: our own lean HTTP/1.1 client.
//!
//! One outstanding request per connection, written from scratch; the response is read strictly; on any doubt the
//! connection is closed and never used again. Idle connections stay with their core, so no lock is taken.

pub mod balance;
pub mod exchange;
pub mod health;
pub mod response;
pub mod server;
pub mod wire;

use std::fmt;

pub use balance::{Balancer, IdlePool};
pub use exchange::{Outcome, UpstreamBody, UpstreamResponse, send};
pub use server::{Server, ServerError};
use storeward_host::Unanswered;

/// Why the shop gave no answer.
#[derive(Debug)]
pub enum UpstreamError {
    /// No server is known to be up.
    NoneUp,
    /// The server could not be reached; nothing was sent.
    Connect(std::io::Error),
    ConnectTimeout,
    /// The connection broke before a whole response head came.
    Broken(std::io::Error),
    /// The response head did not come in time.
    Timeout,
    /// The response cannot be read in one way only; the code is stable.
    Response(&'static str),
    /// It is an answer to something that nobody asked for: a WebSocket that is none, an upgrade. The code is stable.
    Unasked(&'static str),
    /// The client's own body ended the exchange.
    Body(crate::body::BodyError),
}

impl UpstreamError {
    /// What it says of the request.
    pub const fn unanswered(&self) -> Unanswered {
        match self {
            UpstreamError::NoneUp | UpstreamError::Connect(_) | UpstreamError::ConnectTimeout => {
                Unanswered::NotSent
            }
            UpstreamError::Broken(_) | UpstreamError::Unasked(_) => Unanswered::BrokenOff,
            UpstreamError::Timeout | UpstreamError::Response(_) | UpstreamError::Body(_) => {
                Unanswered::Unknown
            }
        }
    }

    /// A stable code for events and the access record.
    pub const fn code(&self) -> &'static str {
        match self {
            UpstreamError::NoneUp => "upstream.none_up",
            UpstreamError::Connect(_) => "upstream.connect",
            UpstreamError::ConnectTimeout => "upstream.connect_timeout",
            UpstreamError::Broken(_) => "upstream.broken",
            UpstreamError::Timeout => "upstream.timeout",
            UpstreamError::Response(code) | UpstreamError::Unasked(code) => code,
            UpstreamError::Body(_) => "request.body",
        }
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamError::NoneUp => f.write_str("no server of the shop answers"),
            UpstreamError::Connect(e) => write!(f, "cannot connect to the shop: {e}"),
            UpstreamError::ConnectTimeout => f.write_str("the shop did not accept the connection in time"),
            UpstreamError::Broken(e) => write!(f, "the shop's connection broke: {e}"),
            UpstreamError::Timeout => f.write_str("the shop did not answer in time"),
            UpstreamError::Response(code) | UpstreamError::Unasked(code) => {
                write!(f, "the shop's response is not sound: {code}")
            }
            UpstreamError::Body(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for UpstreamError {}
