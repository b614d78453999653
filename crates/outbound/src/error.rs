//! Why a call did not go out, or did not come back.

use std::fmt;
use std::io;
use std::net::IpAddr;

use storeward_base::{Blame, Fault, FaultKind};

use crate::allow::Destination;

/// The part of a call that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Name, TCP and TLS.
    Connect,
    /// Until the head of the answer.
    Head,
    /// The body of the answer.
    Body,
}

/// Names the destination, never the path, the query or a header: these may hold secrets.
#[derive(Debug)]
pub enum OutboundError {
    /// The URL cannot be used.
    Url { why: &'static str },
    /// The destination is not on the allow-list.
    NotListed { destination: Destination },
    /// The name leads to an address that this destination may not have.
    Address { destination: Destination, address: IpAddr },
    /// The name is not known, or the resolver does not answer.
    Name { destination: Destination, source: io::Error },
    /// No connection came about.
    Connect { destination: Destination, source: io::Error },
    /// The other side could not prove who it is, or speaks no TLS that we accept.
    Tls { destination: Destination, source: io::Error },
    /// It took too long.
    Timeout { destination: Destination, phase: Phase },
    /// What came back is not HTTP/1.1, or it broke off.
    Answer { destination: Destination, source: hyper::Error },
    /// The head or the body of the answer is larger than the limit.
    TooLarge { destination: Destination, limit_bytes: usize },
    /// A header's name or value cannot be sent, or is not the caller's to set.
    Header { name: String },
    /// A redirect that is not followed: too many, unusable, or from https to http.
    Redirect { from: Destination, why: &'static str },
    /// This machine trusts no certificate authority, or a given one cannot be read.
    Roots { why: String },
}

impl OutboundError {
    pub(crate) fn url(why: &'static str) -> Self {
        OutboundError::Url { why }
    }
}

impl fmt::Display for OutboundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutboundError::Url { why } => write!(f, "the URL cannot be used: {why}"),
            OutboundError::NotListed { destination } => write!(
                f,
                "{destination} is not on the list of destinations; add it to the config if calls should go there"
            ),
            OutboundError::Address { destination, address } => write!(
                f,
                "{destination} leads to {address}, which is not a public address; if it is yours, list this very \
                 destination as internal"
            ),
            OutboundError::Name { destination, source } => {
                write!(
                    f,
                    "the name in {destination} cannot be resolved ({source}); check its spelling and the DNS"
                )
            }
            OutboundError::Connect { destination, source } => {
                write!(
                    f,
                    "{destination} cannot be reached ({source}); check that it runs and that a firewall lets us"
                )
            }
            OutboundError::Tls { destination, source } => {
                write!(
                    f,
                    "no TLS with {destination} ({source}); check its certificate, or give its authority as a root"
                )
            }
            OutboundError::Timeout { destination, phase } => {
                let late = match phase {
                    Phase::Connect => "did not accept a connection in time",
                    Phase::Head => "did not answer in time",
                    Phase::Body => "did not finish its answer in time",
                };
                write!(f, "{destination} {late}; try again later")
            }
            OutboundError::Answer { destination, source } => {
                write!(
                    f,
                    "{destination} gave no sound HTTP answer ({source}); check that HTTP is spoken at this port"
                )
            }
            OutboundError::TooLarge { destination, limit_bytes } => {
                write!(
                    f,
                    "the answer of {destination} is larger than {limit_bytes} bytes; check that it is the right one"
                )
            }
            OutboundError::Header { name } => {
                write!(f, "the header `{name}` cannot be sent: check it for line breaks, or leave it out")
            }
            OutboundError::Redirect { from, why } => {
                write!(f, "a redirect of {from} is not followed: {why}; put the final URL into the config")
            }
            OutboundError::Roots { why } => write!(f, "no certificate can be checked: {why}"),
        }
    }
}

impl std::error::Error for OutboundError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OutboundError::Name { source, .. }
            | OutboundError::Connect { source, .. }
            | OutboundError::Tls { source, .. } => Some(source),
            OutboundError::Answer { source, .. } => Some(source),
            OutboundError::Url { .. }
            | OutboundError::NotListed { .. }
            | OutboundError::Address { .. }
            | OutboundError::Timeout { .. }
            | OutboundError::TooLarge { .. }
            | OutboundError::Header { .. }
            | OutboundError::Redirect { .. }
            | OutboundError::Roots { .. } => None,
        }
    }
}

impl Fault for OutboundError {
    fn kind(&self) -> FaultKind {
        match self {
            OutboundError::Url { .. } | OutboundError::Header { .. } => FaultKind::Invalid,
            OutboundError::NotListed { .. }
            | OutboundError::Address { .. }
            | OutboundError::Redirect { .. } => FaultKind::Denied,
            OutboundError::Timeout { .. } => FaultKind::Busy,
            OutboundError::Name { .. }
            | OutboundError::Connect { .. }
            | OutboundError::Tls { .. }
            | OutboundError::Answer { .. }
            | OutboundError::TooLarge { .. }
            | OutboundError::Roots { .. } => FaultKind::Broken,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            OutboundError::Url { .. } | OutboundError::Header { .. } => Blame::Caller,
            OutboundError::NotListed { .. } | OutboundError::Roots { .. } => Blame::Us,
            OutboundError::Address { .. }
            | OutboundError::Name { .. }
            | OutboundError::Connect { .. }
            | OutboundError::Tls { .. }
            | OutboundError::Timeout { .. }
            | OutboundError::Answer { .. }
            | OutboundError::TooLarge { .. }
            | OutboundError::Redirect { .. } => Blame::Upstream,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            OutboundError::Url { .. } => "outbound.url",
            OutboundError::NotListed { .. } => "outbound.not_listed",
            OutboundError::Address { .. } => "outbound.address",
            OutboundError::Name { .. } => "outbound.name",
            OutboundError::Connect { .. } => "outbound.connect",
            OutboundError::Tls { .. } => "outbound.tls",
            OutboundError::Timeout { .. } => "outbound.timeout",
            OutboundError::Answer { .. } => "outbound.answer",
            OutboundError::TooLarge { .. } => "outbound.too_large",
            OutboundError::Header { .. } => "outbound.header",
            OutboundError::Redirect { .. } => "outbound.redirect",
            OutboundError::Roots { .. } => "outbound.roots",
        }
    }
}
