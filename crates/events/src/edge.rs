//! Facts of the front door.

use serde::{Deserialize, Serialize};
use storeward_base::Timestamp;

/// A request was stopped and the client saw the blocked page (or problem+json).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestBlocked {
    pub method: String,
    /// Canonical path with what looks like personal data masked; no query.
    pub path: String,
    /// The stage that decided: `inspect`, or `route` where the route is closed to the client.
    pub stage: String,
    /// The rule that tipped the scale; 0 where no inspection rule did.
    pub rule_id: u32,
    /// `route.closed` where the stage is `route`.
    pub category: String,
    /// Where, such as `ARGS:q`.
    pub variable: String,
    /// The matched bytes, masked.
    pub matched: String,
    pub score: u32,
}

/// A request would have been blocked, but the route's mode is `detect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFlagged {
    pub method: String,
    pub path: String,
    pub rule_id: u32,
    pub category: String,
    pub variable: String,
    pub matched: String,
    pub score: u32,
}

/// A request was too malformed, ambiguous, large or slow to be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRefused {
    pub status: u16,
    /// A stable code such as `host.repeated`.
    pub reason: String,
}

/// A client asked faster than its limit and was told to wait. Told at most once a minute for a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestLimited {
    pub path: String,
    /// Which limit: `rate.client` or `rate.route`.
    pub reason: String,
    pub per_second: u32,
}

/// An answer of the shop tells what an attacker likes to know, such as a stack trace; it was passed on. Told at most once a
/// minute for a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseLeaked {
    pub path: String,
    pub rule_id: u32,
    /// What it is, in words of ours, such as `A stack trace`.
    pub what: String,
    /// The matched bytes, masked.
    pub matched: String,
}

/// Card numbers were masked before they left, or before the shop heard them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardNumberMasked {
    pub path: String,
    /// Where: `response` or `request`.
    pub place: String,
    pub count: u32,
}

/// The inspection engine failed on a request; it was let through and counted. Not each one is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectionFailed {
    pub path: String,
}

/// An upstream stopped answering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamDown {
    pub upstream: String,
    pub reason: String,
}

/// An upstream answers again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamUp {
    pub upstream: String,
}

/// A new certificate is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateIssued {
    pub names: Vec<String>,
    /// `acme`, `files` or `local`.
    pub source: String,
    pub not_after: Timestamp,
    /// SHA-256 of the leaf, hexadecimal.
    pub fingerprint: String,
}

/// A certificate that is served nears its end and no newer one is at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateExpiring {
    pub names: Vec<String>,
    pub not_after: Timestamp,
    pub hours_left: i64,
}

/// A certificate could not be had or read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFailed {
    pub names: Vec<String>,
    pub source: String,
    pub reason: String,
}

/// The queue was full and facts were lost; says how many, so that the gap is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsDropped {
    pub count: u64,
}
