//! OTLP's JSON: `ExportTraceServiceRequest` in the proto3 JSON mapping, as the OTLP specification changes it (section
//! "JSON Protobuf Encoding"): ids in hex, enums as numbers, names in lowerCamelCase; 64-bit numbers are texts.

use serde_json::{Value as Json, json};

use super::span::{Span, Value};

/// The body of one export.
pub fn request(service_name: &str, spans: &[Span]) -> Json {
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "resourceSpans": [{
            "resource": {
                "attributes": [
                    attribute("service.name", &Value::Text(service_name.to_owned().into())),
                    attribute("service.version", &Value::Text(version.into())),
                ],
            },
            "scopeSpans": [{
                "scope": { "name": "storeward", "version": version },
                "spans": spans.iter().map(span).collect::<Vec<_>>(),
            }],
        }],
    })
}

fn span(span: &Span) -> Json {
    let nanos = |micros: u64| u128::from(micros).saturating_mul(1_000).min(u128::from(u64::MAX)).to_string();
    let mut json = json!({
        "traceId": format!("{:032x}", span.trace_id),
        "spanId": format!("{:016x}", span.span_id),
        "name": span.name,
        "kind": span.kind as i32,
        "startTimeUnixNano": nanos(span.start_us),
        "endTimeUnixNano": nanos(span.end_us),
        "attributes": span.attributes.iter().map(|(key, value)| attribute(key, value)).collect::<Vec<_>>(),
        "status": { "code": span.status as i32 },
    });
    if let (Some(parent), Some(fields)) = (span.parent, json.as_object_mut()) {
        fields.insert("parentSpanId".to_owned(), format!("{parent:016x}").into());
    }
    json
}

fn attribute(key: &str, value: &Value) -> Json {
    let value = match value {
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Int(number) => json!({ "intValue": number.to_string() }),
    };
    json!({ "key": key, "value": value })
}

/// How many spans the collector refused of an export that it took (`ExportTracePartialSuccess`).
pub fn rejected(answer: &[u8]) -> u64 {
    let Ok(answer) = serde_json::from_slice::<Json>(answer) else { return 0 };
    let rejected = &answer["partialSuccess"]["rejectedSpans"];
    rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::span::{spans_of, tests::facts};

    /// Field by field against opentelemetry/proto/trace/v1/trace.proto and examples/trace.json of opentelemetry-proto.
    #[test]
    fn the_mapping() {
        let spans = spans_of(&facts());
        let all = request("shop", &spans);
        let group = &all["resourceSpans"][0];
        let service = json!({ "key": "service.name", "value": { "stringValue": "shop" } });
        assert_eq!(group["resource"]["attributes"][0], service);
        assert_eq!(group["scopeSpans"][0]["scope"]["name"], "storeward");
        let sent = group["scopeSpans"][0]["spans"].as_array().unwrap();
        assert_eq!(sent.len(), 2);
        let server = &sent[0];
        assert_eq!(server["traceId"], "0190000000005b8efff798038103d269");
        assert_eq!(server["spanId"].as_str().unwrap().len(), 16);
        assert!(server.get("parentSpanId").is_none());
        assert_eq!(server["kind"], 2);
        assert_eq!(server["startTimeUnixNano"], "1795541880123456000");
        assert_eq!(server["endTimeUnixNano"], "1795541880128456000");
        assert_eq!(server["status"], json!({ "code": 0 }));
        let status = json!({ "key": "http.response.status_code", "value": { "intValue": "200" } });
        assert!(server["attributes"].as_array().unwrap().contains(&status));
        assert_eq!((&sent[1]["kind"], &sent[1]["parentSpanId"]), (&json!(3), &server["spanId"]));
    }

    #[test]
    fn every_key_is_lower_camel_case() {
        fn walk(json: &Json) {
            match json {
                Json::Object(fields) => fields.iter().for_each(|(key, value)| {
                    assert!(key.chars().all(|c| c.is_ascii_alphanumeric()), "{key}");
                    walk(value);
                }),
                Json::Array(items) => items.iter().for_each(walk),
                _ => {}
            }
        }
        walk(&request("shop", &spans_of(&facts())));
    }

    #[test]
    fn a_partial_success_is_read() {
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}"#), 3);
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedSpans":3}}"#), 3);
        for nothing in ["{}", "", "null", "[]", r#"{"partialSuccess":{}}"#, "\u{1}"] {
            assert_eq!(rejected(nothing.as_bytes()), 0, "{nothing}");
        }
    }
}
