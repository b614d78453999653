//! From the access record to spans.

use http::Method;
use storeward_edge::access::{AccessRecord, Live, LiveRecords, Protocol};

use super::exporter::Exporter;
use super::span::{RequestFacts, is_sampled, spans_of};

/// Takes the part of all records that is to be traced, until the record is closed.
pub async fn follow(mut records: LiveRecords, exporter: Exporter, sampling: f64) {
    while let Some(live) = records.next().await {
        match live {
            Live::Record(record) if is_sampled(record.id, sampling) => {
                exporter.push(spans_of(&facts_of(&record)))
            }
            Live::Record(_) => {}
            // One span each at least; how many asked the shop is not known.
            Live::Missed(requests) => exporter.count_dropped(requests),
        }
    }
}

/// What of a record goes into a trace: neither the client's address nor its user agent.
fn facts_of(record: &AccessRecord) -> RequestFacts {
    RequestFacts {
        id: record.id,
        at: record.at,
        duration_us: record.duration_us,
        upstream_us: record.upstream_us,
        method: Method::as_str(&record.method).to_owned(),
        scheme: if record.tls.is_some() { "https" } else { "http" },
        path: record.path.to_string(),
        host: record.host.to_string(),
        status: record.status,
        protocol: match record.protocol {
            Protocol::Http10 => "1.0",
            Protocol::Http11 => "1.1",
            Protocol::Http2 => "2",
        },
        verdict: record.verdict.name(),
        rule_id: record.rule_id,
        upstream: record.upstream.as_deref().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::{RequestId, Timestamp};
    use storeward_edge::access::Verdict;

    #[test]
    fn a_record_loses_its_person_on_the_way() {
        let client = "192.0.2.7".parse().unwrap();
        let id = RequestId::from_bits(42);
        let mut record = AccessRecord::new(id, Timestamp::from_seconds(1), client, Method::POST);
        record.set_user_agent(b"Browser of Jane");
        record.path = "/checkout".into();
        record.status = 403;
        record.verdict = Verdict::Blocked;
        record.upstream = Some("http://127.0.0.1:8080".into());
        let facts = facts_of(&record);
        assert_eq!((facts.method.as_str(), facts.verdict, facts.protocol), ("POST", "blocked", "1.1"));
        let printed = format!("{:?}", spans_of(&facts));
        assert!(!printed.contains("192.0.2.7") && !printed.contains("Jane"), "{printed}");
    }
}
