//! One request as the access record keeps it.

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use storeward_base::{ClientIp, RequestId, Timestamp};
use storeward_detect::{Initiator, Observation, Outcome};
use storeward_inspect::{Category, cards};

/// A short word from a closed or nearly closed set: costs nothing where it is known at build time.
pub type Label = Cow<'static, str>;

/// One request. Holds no query values, no bodies, no cookies; the path and `matched` were masked before they got here.
/// Build it with [`AccessRecord::new`] and set what is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRecord {
    /// Made when the request began; records are listed in the order of their ids.
    pub id: RequestId,
    /// When the request began.
    pub at: Timestamp,
    /// Until the last byte of the answer was handed to the connection.
    pub duration_us: u64,
    /// Of that, waiting for the shop; `None` where the shop was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_us: Option<u64>,
    pub client: ClientIp,
    #[serde(with = "method_text")]
    pub method: Method,
    /// Lower case, without the port.
    #[serde(with = "shared_text")]
    pub host: Arc<str>,
    /// Canonical, masked, without the query.
    pub path: Box<str>,
    #[serde(default, skip_serializing_if = "ParameterNames::is_empty")]
    pub parameter_names: ParameterNames,
    pub status: u16,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub protocol: Protocol,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsVersion>,
    /// At most [`AccessRecord::USER_AGENT_BYTES`]; set by [`AccessRecord::set_user_agent`] or shared per connection.
    #[serde(with = "shared_text")]
    pub user_agent: Arc<str>,
    /// The host of the Referer header, nothing else of it.
    pub referrer_host: Box<str>,
    /// The name of the route that matched.
    #[serde(with = "shared_text")]
    pub route: Arc<str>,
    /// The name of the upstream that answered.
    #[serde(default, with = "shared_text_or_none", skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Arc<str>>,
    pub verdict: Verdict,
    /// The rule that tipped the scale; 0 for none.
    pub rule_id: u32,
    pub category: Label,
    /// Where, such as `ARGS:q`.
    pub variable: Box<str>,
    /// The matched bytes, masked.
    pub matched: Box<str>,
    /// Of the answer, by [`short_content_type`].
    pub content_type: Label,
    /// A stable code where the verdict is `Refused` or `Limited`.
    pub reason: Label,
    /// A sign-in that failed, where the shop or our own sign-in says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auth_failed: bool,
    /// Whether a page of another site sent it through the client's browser. For the detector only, not stored.
    #[serde(skip)]
    pub initiator: Initiator,
}

/// What became of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    #[default]
    Pass,
    /// Would have been blocked, but the route only detects.
    Flagged,
    Challenged,
    Blocked,
    Banned,
    Limited,
    /// Malformed, ambiguous, too large or too slow.
    Refused,
}

impl Verdict {
    pub const ALL: [Verdict; 7] = [
        Verdict::Pass,
        Verdict::Flagged,
        Verdict::Challenged,
        Verdict::Blocked,
        Verdict::Banned,
        Verdict::Limited,
        Verdict::Refused,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Flagged => "flagged",
            Verdict::Challenged => "challenged",
            Verdict::Blocked => "blocked",
            Verdict::Banned => "banned",
            Verdict::Limited => "limited",
            Verdict::Refused => "refused",
        }
    }

    /// Whether we kept the request from the shop.
    pub const fn is_stopped(self) -> bool {
        match self {
            Verdict::Pass | Verdict::Flagged => false,
            Verdict::Challenged
            | Verdict::Blocked
            | Verdict::Banned
            | Verdict::Limited
            | Verdict::Refused => true,
        }
    }

    const fn outcome(self) -> Outcome {
        match self {
            Verdict::Pass => Outcome::Passed,
            Verdict::Flagged => Outcome::Flagged,
            Verdict::Challenged => Outcome::Challenged,
            Verdict::Blocked => Outcome::Blocked,
            Verdict::Banned => Outcome::Banned,
            Verdict::Limited => Outcome::Limited,
            Verdict::Refused => Outcome::Refused,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Protocol {
    #[serde(rename = "HTTP/1.0")]
    Http10,
    #[default]
    #[serde(rename = "HTTP/1.1")]
    Http11,
    #[serde(rename = "HTTP/2")]
    Http2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TlsVersion {
    #[serde(rename = "TLSv1.2")]
    Tls12,
    #[serde(rename = "TLSv1.3")]
    Tls13,
}

impl AccessRecord {
    pub const USER_AGENT_BYTES: usize = 256;
    /// The reason of a block by a route that is closed to the client.
    pub const ROUTE_CLOSED: &str = "route.closed";
    /// What a path, a referrer's host and the like are cut to when stored.
    pub const TEXT_BYTES: usize = 2_048;

    /// A passed request of which only this much is known.
    pub fn new(id: RequestId, at: Timestamp, client: ClientIp, method: Method) -> Self {
        AccessRecord {
            id,
            at,
            duration_us: 0,
            upstream_us: None,
            client,
            method,
            host: Arc::default(),
            path: Box::default(),
            parameter_names: ParameterNames::default(),
            status: 0,
            request_bytes: 0,
            response_bytes: 0,
            protocol: Protocol::default(),
            tls: None,
            user_agent: Arc::default(),
            referrer_host: Box::default(),
            route: Arc::default(),
            upstream: None,
            verdict: Verdict::Pass,
            rule_id: 0,
            category: Label::Borrowed(""),
            variable: Box::default(),
            matched: Box::default(),
            content_type: Label::Borrowed(""),
            reason: Label::Borrowed(""),
            auth_failed: false,
            initiator: Initiator::Own,
        }
    }

    /// Masks card numbers, then cuts at [`AccessRecord::USER_AGENT_BYTES`]; bytes that are not UTF-8 are replaced.
    pub fn set_user_agent(&mut self, value: &[u8]) {
        // A number that the cut goes through must be whole to be seen.
        let value = value.get(..Self::USER_AGENT_BYTES + 128).unwrap_or(value);
        let text = String::from_utf8_lossy(value);
        let text = cards::mask_record(&text);
        self.user_agent = text.get(..text.floor_char_boundary(Self::USER_AGENT_BYTES)).unwrap_or("").into();
    }

    /// The shop's answer was held back for what it shows.
    pub fn is_withheld(&self) -> bool {
        self.verdict == Verdict::Blocked && self.category == Category::Leak.as_str()
    }

    /// It was stopped for something that is no attack: what the shop's answer shows, or a card number that a buyer typed.
    fn accuses_nobody(&self) -> bool {
        self.is_withheld()
            || self.verdict == Verdict::Blocked && self.category == Category::CardNumber.as_str()
    }

    /// What the detector is told: seen when the answer was done.
    pub(crate) fn observation(&self) -> Observation<'_> {
        Observation {
            at: self.at.plus(std::time::Duration::from_micros(self.duration_us)),
            request: Some(self.id),
            client: self.client,
            host: &self.host,
            method: self.method.as_str(),
            path: &self.path,
            status: if self.accuses_nobody() { 200 } else { self.status },
            user_agent: &self.user_agent,
            outcome: match self.verdict {
                Verdict::Blocked if self.reason == Self::ROUTE_CLOSED => Outcome::Closed,
                // What the shop would have shown is nobody's attack.
                Verdict::Blocked if self.accuses_nobody() => Outcome::Passed,
                verdict => verdict.outcome(),
            },
            rule_id: self.rule_id,
            category: &self.category,
            reason: &self.reason,
            auth_failed: self.auth_failed,
            // What a browser would not have sent was not sent by a browser. An address with `%00` in it, it sends (WHATWG
            // URL, section 4.4, keeps what it cannot decode).
            initiator: match self.verdict {
                Verdict::Refused if !self.reason.starts_with("path.") => Initiator::Own,
                _ => self.initiator,
            },
        }
    }
}

/// Names of query and form parameters, never their values. At most 32 names and 1,024 bytes; more are cut off and the
/// last name is then `…`. One allocation, none when empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterNames(pub(super) Box<str>);

impl ParameterNames {
    const MAX_NAMES: usize = 32;
    const MAX_BYTES: usize = 1_024;
    const CUT: &'static str = "…";

    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut text = String::new();
        for (count, name) in names.into_iter().enumerate() {
            let name = name.as_ref();
            if count >= Self::MAX_NAMES || text.len() + name.len() > Self::MAX_BYTES {
                text.push_str(Self::CUT);
                text.push('\n');
                break;
            }
            text.extend(name.chars().map(|c| if c == '\n' { ' ' } else { c }));
            text.push('\n');
        }
        ParameterNames(text.into())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_terminator('\n')
    }
}

impl Serialize for ParameterNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for name in self.iter() {
            list.serialize_element(name)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for ParameterNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Cow<'de, str>>::deserialize(deserializer).map(ParameterNames::new)
    }
}

/// The media type without its parameters; the usual ones cost no allocation, the rest are cut at 48 bytes.
pub fn short_content_type(value: &str) -> Label {
    const USUAL: [&str; 20] = [
        "text/html",
        "application/json",
        "text/css",
        "text/javascript",
        "application/javascript",
        "image/webp",
        "image/jpeg",
        "image/png",
        "image/svg+xml",
        "image/avif",
        "image/gif",
        "image/x-icon",
        "font/woff2",
        "text/plain",
        "text/xml",
        "application/xml",
        "application/pdf",
        "application/problem+json",
        "application/octet-stream",
        "text/event-stream",
    ];
    let media = value.split(';').next().unwrap_or("").trim();
    match USUAL.iter().find(|usual| usual.eq_ignore_ascii_case(media)) {
        Some(usual) => Label::Borrowed(usual),
        None => Label::Owned(media.get(..media.floor_char_boundary(48)).unwrap_or("").to_ascii_lowercase()),
    }
}

mod shared_text {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
        Box::<str>::deserialize(deserializer).map(Arc::from)
    }
}

mod shared_text_or_none {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(text: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
        text.as_deref().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<str>>, D::Error> {
        Ok(Option::<Box<str>>::deserialize(deserializer)?.map(Arc::from))
    }
}

mod method_text {
    use http::Method;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(method: &Method, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(method.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_need_no_values() {
        let names = ParameterNames::new(["q", "page", "a\nb"]);
        assert_eq!(names.iter().collect::<Vec<_>>(), ["q", "page", "a b"]);
        let many = ParameterNames::new((0..1_000).map(|n| format!("p{n}")));
        assert_eq!(many.iter().count(), 33);
        assert_eq!(many.iter().last(), Some("…"));
        assert_eq!(ParameterNames::new(["x".repeat(5_000)]).iter().collect::<Vec<_>>(), ["…"]);
        assert!(ParameterNames::default().is_empty());
    }

    #[test]
    fn content_types_are_short() {
        assert!(matches!(short_content_type("Text/HTML; charset=utf-8"), Label::Borrowed("text/html")));
        assert_eq!(short_content_type(&"é".repeat(100)).len(), 48);
        assert_eq!(short_content_type(""), "");
    }

    #[test]
    fn a_record_is_small() {
        assert!(size_of::<AccessRecord>() <= 400, "{}", size_of::<AccessRecord>());
    }
}
