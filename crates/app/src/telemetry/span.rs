//! Spans, and how a request becomes some. Pure.

use std::borrow::Cow;

use storeward_base::{RequestId, Timestamp};

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(Cow<'static, str>),
    Int(i64),
}

/// The numbers are those of OTLP's `Span.SpanKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Server = 2,
    Client = 3,
}

/// The numbers are those of OTLP's `Status.StatusCode`; servers never set "ok" of their own accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Unset = 0,
    Error = 2,
}

/// One span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Never 0.
    pub trace_id: u128,
    /// Never 0.
    pub span_id: u64,
    pub parent: Option<u64>,
    pub name: Cow<'static, str>,
    pub kind: Kind,
    /// Microseconds since 1970.
    pub start_us: u64,
    pub end_us: u64,
    pub attributes: Vec<(&'static str, Value)>,
    pub status: Status,
}

/// What of a request goes into its spans: nothing personal is among it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    /// Its 128 bits are the trace's id.
    pub id: RequestId,
    pub at: Timestamp,
    pub duration_us: u64,
    /// Waiting for the shop; `None` where it was not asked.
    pub upstream_us: Option<u64>,
    pub method: String,
    pub scheme: &'static str,
    /// Masked, without the query.
    pub path: String,
    pub host: String,
    /// 0 where nothing was answered.
    pub status: u16,
    /// `1.0`, `1.1` or `2`.
    pub protocol: &'static str,
    pub verdict: &'static str,
    /// 0 for none.
    pub rule_id: u32,
    /// The server of the shop that was asked, such as `http://127.0.0.1:8080`.
    pub upstream: Option<String>,
}

/// The request itself and, where the shop was asked, the asking.
///
/// Names and attributes by the semantic conventions for HTTP spans (opentelemetry.io, stable since 1.23).
/// `user_agent.original` and `client.address` are left out on purpose: they are personal data.
pub fn spans_of(facts: &RequestFacts) -> Vec<Span> {
    let server = server_span(facts);
    let client = client_span(facts, &server);
    std::iter::once(server).chain(client).collect()
}

fn server_span(facts: &RequestFacts) -> Span {
    let start_us = u64::try_from(facts.at.micros()).unwrap_or(0);
    let mut attributes = method_attributes(&facts.method);
    attributes.extend([
        ("url.path", text(&facts.path)),
        ("url.scheme", Value::Text(facts.scheme.into())),
        ("server.address", text(&facts.host)),
        ("network.protocol.version", Value::Text(facts.protocol.into())),
        ("storeward.request_id", Value::Text(facts.id.to_string().into())),
        ("storeward.verdict", Value::Text(facts.verdict.into())),
    ]);
    if facts.rule_id != 0 {
        attributes.push(("storeward.rule_id", Value::Int(i64::from(facts.rule_id))));
    }
    // A server's span fails for 5xx only; that a client asked for nonsense is no failure of ours.
    let failed = facts.status >= 500;
    attributes.extend(status_attributes(facts.status, failed));
    Span {
        trace_id: trace_id(facts.id),
        span_id: span_id(facts.id, 1),
        parent: None,
        name: span_name(&facts.method),
        kind: Kind::Server,
        start_us,
        end_us: start_us.saturating_add(facts.duration_us),
        attributes,
        status: if failed { Status::Error } else { Status::Unset },
    }
}

/// The record tells how long the shop was waited for, but not from when: the wait is drawn at the end of the request,
/// where it belongs but for the time that the last bytes took to the client.
fn client_span(facts: &RequestFacts, server: &Span) -> Option<Span> {
    let waited_us = facts.upstream_us?.min(facts.duration_us);
    let mut attributes = method_attributes(&facts.method);
    if let Some(upstream) = &facts.upstream {
        attributes.push(("url.full", Value::Text(format!("{upstream}{}", facts.path).into())));
        if let Some((host, port)) = host_and_port(upstream) {
            attributes.extend([
                ("server.address", Value::Text(host.into())),
                ("server.port", Value::Int(port.into())),
            ]);
        }
    }
    // A client's span fails for 4xx too.
    let failed = facts.status >= 400;
    attributes.extend(status_attributes(facts.status, failed));
    Some(Span {
        trace_id: server.trace_id,
        span_id: span_id(facts.id, 2),
        parent: Some(server.span_id),
        name: span_name(&facts.method),
        kind: Kind::Client,
        start_us: server.end_us.saturating_sub(waited_us),
        end_us: server.end_us,
        attributes,
        status: if failed { Status::Error } else { Status::Unset },
    })
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned().into())
}

/// RFC 9110's methods and PATCH. Others are `_OTHER`, so that a stranger cannot make up values without end.
fn known_method(method: &str) -> Option<&'static str> {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method)
}

fn method_attributes(method: &str) -> Vec<(&'static str, Value)> {
    match known_method(method) {
        Some(known) => vec![("http.request.method", Value::Text(known.into()))],
        None => {
            let original: String = method.chars().take(32).collect();
            vec![
                ("http.request.method", Value::Text("_OTHER".into())),
                ("http.request.method_original", Value::Text(original.into())),
            ]
        }
    }
}

/// The method alone: a path has too many values for a name.
fn span_name(method: &str) -> Cow<'static, str> {
    known_method(method).unwrap_or("HTTP").into()
}

fn status_attributes(status: u16, failed: bool) -> Vec<(&'static str, Value)> {
    let mut attributes = Vec::new();
    if status != 0 {
        attributes.push(("http.response.status_code", Value::Int(status.into())));
    }
    if failed {
        attributes.push(("error.type", Value::Text(status.to_string().into())));
    }
    attributes
}

/// Of `scheme://host:port`, the port being the scheme's own where none stands there.
fn host_and_port(upstream: &str) -> Option<(String, u16)> {
    let uri: http::Uri = upstream.parse().ok()?;
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    Some((host, uri.port_u16().unwrap_or(usual)))
}

/// An id of zeros is invalid (W3C Trace Context section 3.2.2.3); a request's id is one only in a test.
fn trace_id(id: RequestId) -> u128 {
    id.bits().max(1)
}

/// The span's number within the trace, spread over 64 bits (the finaliser of SplitMix64). The request's own bits are
/// random, so nothing is added to them.
fn span_id(id: RequestId, number: u64) -> u64 {
    let low = u64::try_from(id.bits() & u128::from(u64::MAX)).unwrap_or(0);
    let mut z = low.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)).max(1)
}

/// Whether a trace is among the sampled: its last 56 bits, which are random, against the ratio (W3C Trace Context level
/// 2, section 3.2.2.3; OpenTelemetry's probability sampling). The same request is always judged the same way.
pub fn is_sampled(id: RequestId, ratio: f64) -> bool {
    const SCALE: f64 = 72_057_594_037_927_936.0; // 2^56
    let random = u64::try_from(id.bits() & ((1 << 56) - 1)).unwrap_or(0);
    // 56 bits in 53 of a float: the lowest bits do not matter for a ratio.
    let place = random as f64 / SCALE;
    ratio >= 1.0 || place < ratio
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn facts() -> RequestFacts {
        RequestFacts {
            id: RequestId::from_bits(0x0190_0000_0000_5b8e_fff7_9803_8103_d269),
            at: Timestamp::from_micros(1_795_541_880_123_456),
            duration_us: 5_000,
            upstream_us: Some(3_000),
            method: "GET".to_owned(),
            scheme: "https",
            path: "/cups/blue".to_owned(),
            host: "shop.example".to_owned(),
            status: 200,
            protocol: "2",
            verdict: "pass",
            rule_id: 0,
            upstream: Some("http://127.0.0.1:8080".to_owned()),
        }
    }

    fn value<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
        span.attributes.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    #[test]
    fn a_passed_request_is_two_spans() {
        let facts = facts();
        let [server, client] = &spans_of(&facts)[..] else { panic!("two spans") };
        assert_eq!((server.trace_id, server.parent, server.kind), (facts.id.bits(), None, Kind::Server));
        assert_eq!((server.name.as_ref(), server.status), ("GET", Status::Unset));
        assert_eq!((server.start_us, server.end_us), (1_795_541_880_123_456, 1_795_541_880_128_456));
        assert_eq!(value(server, "url.path"), Some(&text("/cups/blue")));
        assert_eq!(value(server, "server.address"), Some(&text("shop.example")));
        assert_eq!(value(server, "network.protocol.version"), Some(&text("2")));
        assert_eq!(value(server, "http.response.status_code"), Some(&Value::Int(200)));
        assert_eq!(value(server, "storeward.request_id"), Some(&text(&facts.id.to_string())));
        assert_eq!(
            (client.trace_id, client.parent, client.kind),
            (server.trace_id, Some(server.span_id), Kind::Client)
        );
        assert_ne!(client.span_id, server.span_id);
        assert_eq!((client.start_us, client.end_us), (1_795_541_880_125_456, server.end_us));
        assert_eq!(value(client, "url.full"), Some(&text("http://127.0.0.1:8080/cups/blue")));
        assert_eq!(value(client, "server.address"), Some(&text("127.0.0.1")));
        assert_eq!(value(client, "server.port"), Some(&Value::Int(8080)));
    }

    #[test]
    fn a_blocked_request_never_reached_the_shop() {
        let facts = RequestFacts {
            upstream_us: None,
            upstream: None,
            status: 403,
            verdict: "blocked",
            rule_id: 942_100,
            ..facts()
        };
        let [server] = &spans_of(&facts)[..] else { panic!("one span") };
        assert_eq!(server.status, Status::Unset, "4xx is no failure of a server");
        assert_eq!(value(server, "storeward.verdict"), Some(&text("blocked")));
        assert_eq!(value(server, "storeward.rule_id"), Some(&Value::Int(942_100)));
    }

    #[test]
    fn failures_say_so() {
        let of = |status| {
            spans_of(&RequestFacts { status, ..facts() }).iter().map(|s| s.status).collect::<Vec<_>>()
        };
        assert_eq!(of(502), [Status::Error, Status::Error]);
        assert_eq!(of(404), [Status::Unset, Status::Error]);
        assert_eq!(of(304), [Status::Unset, Status::Unset]);
        let unanswered = &spans_of(&RequestFacts { status: 0, ..facts() })[0];
        assert_eq!(value(unanswered, "http.response.status_code"), None);
        let failed = &spans_of(&RequestFacts { status: 503, ..facts() })[0];
        assert_eq!(value(failed, "error.type"), Some(&text("503")));
    }

    #[test]
    fn a_made_up_method_makes_no_new_name() {
        let spans = spans_of(&RequestFacts { method: "X".repeat(500), ..facts() });
        assert_eq!(spans[0].name, "HTTP");
        assert_eq!(value(&spans[0], "http.request.method"), Some(&text("_OTHER")));
        assert_eq!(value(&spans[0], "http.request.method_original"), Some(&text(&"X".repeat(32))));
    }

    #[test]
    fn nothing_personal_is_among_the_attributes() {
        for span in spans_of(&facts()) {
            for (key, _) in &span.attributes {
                assert!(
                    !["client.address", "user_agent.original", "url.query", "network.peer.address"]
                        .contains(key)
                );
            }
        }
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        let odd = RequestFacts {
            id: RequestId::from_bits(0),
            at: Timestamp::from_micros(-5),
            duration_us: u64::MAX,
            upstream_us: Some(u64::MAX),
            upstream: Some("nonsense".to_owned()),
            ..facts()
        };
        for span in spans_of(&odd) {
            assert!(span.trace_id != 0 && span.span_id != 0 && span.start_us <= span.end_us);
        }
    }

    #[test]
    fn sampling_takes_about_its_part() {
        use storeward_base::{Entropy, SeededEntropy};
        let entropy = SeededEntropy::new(7);
        let ids: Vec<RequestId> =
            (0..10_000).map(|_| RequestId::at(Timestamp::EPOCH, &entropy as &dyn Entropy)).collect();
        let taken = |ratio| ids.iter().filter(|id| is_sampled(**id, ratio)).count();
        assert_eq!((taken(1.0), taken(0.0)), (10_000, 0));
        assert!((800..1_200).contains(&taken(0.1)), "{}", taken(0.1));
    }
}
