//! What the detector says.

use serde::Serialize;
use storeward_base::{AddressBlock, ClientIp, RequestId, Timestamp};

use crate::Response;

/// A client's behaviour overflowed a scenario's bucket. A suspicion, not a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The scenario's stable name.
    pub scenario: &'static str,
    /// The scenario in a few words for a person.
    pub title: &'static str,
    /// The address whose request tipped it.
    pub client: ClientIp,
    /// What is counted as one client.
    pub block: AddressBlock,
    /// The request that tipped it.
    pub request: Option<RequestId>,
    /// How many observations filled the bucket since it was last empty.
    pub observations: u32,
    pub first_at: Timestamp,
    pub at: Timestamp,
    /// What the scenario asks for; where `held_back`, what it asks for instead of a ban.
    pub response: Response,
    /// The scenario asks for a ban, but most of what comes from this address is ordinary: an office, a mobile
    /// network, or a proxy in front of us that is not configured as trusted. A ban would hit bystanders.
    pub held_back: bool,
    /// The host of the last request, where the scenario counts per host; at most 100 bytes.
    pub host: Option<Box<str>>,
    /// The path that tipped it, at most 200 bytes.
    pub path: Box<str>,
}
