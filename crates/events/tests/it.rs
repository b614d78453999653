//! The stored form of every event: what version 1 wrote must be read for ever.

use storeward_base::{Actor, ClientRef, EventId, RequestId, Timestamp};
use storeward_events::{Event, Record};

/// Samples as version 1 wrote them, one a line. Never change a line; add lines.
const SAMPLES: &str = include_str!("samples/v1.jsonl");

/// Kinds of OCSF class 6002.
const LIFECYCLE: &[&str] = &[
    "anchor.failed",
    "anchor.overdue",
    "anchor.placed",
    "backup.drill_failed",
    "backup.drill_passed",
    "backup.failed",
    "backup.made",
    "backup.retention_released",
    "backup.thinned_out",
    "backup.took_over",
    "edge.certificate_expiring",
    "edge.certificate_failed",
    "edge.certificate_issued",
    "edge.events_dropped",
    "edge.inspection_failed",
    "edge.upstream_down",
    "edge.upstream_up",
    "guide.lesson_finished",
    "guide.reminder_followed",
    "guide.reminder_held_back",
    "guide.reminder_sent",
    "guide.report_closed",
    "identity.adapter_saved",
    "identity.adapter_withdrawn",
    "identity.shop_sign_in_mended",
    "identity.shop_watch_begun",
    "oidc.client_added",
    "oidc.client_removed",
    "oidc.client_scopes_changed",
    "oidc.client_secret_rotated",
    "oidc.key_rotated",
    "post.failed",
    "post.sent",
    "system.breach_service_answers",
    "system.breach_service_silent",
    "system.config_refused",
    "system.config_reloaded",
    "system.entries_forgotten",
    "system.job_failed",
    "system.ledger_accepted",
    "system.ledger_cut_back",
    "system.ledger_verified",
    "system.started",
    "system.stopped",
    "system.writes_resumed",
    "vault.customer_key_made",
    "vault.epoch_begun",
    "vault.epoch_destroyed",
    "vault.index_begun",
    "vault.index_ended",
    "vault.index_made",
    "vault.key_store_noted",
    "vault.keys_rewrapped",
    "vault.revisions_noted",
    "vault.root_key_moved",
];

#[test]
fn every_sample_is_read_and_written_back_the_same() {
    for line in SAMPLES.lines() {
        let record = Record::from_bytes(line.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(record.to_bytes()).unwrap(), line);
    }
}

#[test]
fn every_kind_has_a_sample() {
    for kind in Event::KINDS {
        assert!(SAMPLES.contains(&format!("\"kind\":\"{kind}\"")), "no sample of {kind} in samples/v1.jsonl");
    }
}

/// Written twice before anybody looked: no line of the samples changes.
const WRITTEN_TWICE: [&str; 4] = [
    "evt_01kxgg00000000000000000801",
    "evt_01kxgg00000000000000000802",
    "evt_01kxgg00000000000000000803",
    "evt_01kxgg00000000000000000804",
];

#[test]
fn no_id_of_a_sample_is_anothers() {
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for line in SAMPLES.lines() {
        *seen.entry(Record::from_bytes(line.as_bytes()).unwrap().id.to_string()).or_default() += 1;
    }
    let repeated: Vec<_> =
        seen.iter().filter(|(_, count)| **count > 1).map(|(id, count)| (id.as_str(), *count)).collect();
    assert_eq!(repeated, WRITTEN_TWICE.map(|id| (id, 2)));
}

#[test]
fn every_kind_has_a_sentence() {
    for line in SAMPLES.lines() {
        let record = Record::from_bytes(line.as_bytes()).unwrap();
        assert_ne!(record.sentence(), record.event.kind(), "no sentence for it in sentence.rs");
    }
}

#[test]
fn every_ocsf_form_has_what_the_schema_requires() {
    for line in SAMPLES.lines() {
        let record = Record::from_bytes(line.as_bytes()).unwrap();
        let ocsf = record.ocsf(Some("192.0.2.7".parse().unwrap()));
        for field in
            ["activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"]
        {
            assert!(!ocsf[field].is_null(), "{} lacks {field}", record.event.kind());
        }
        let (class, activity) = (ocsf["class_uid"].as_u64().unwrap(), ocsf["activity_id"].as_u64().unwrap());
        assert_eq!(ocsf["type_uid"], class * 100 + activity);
        let required: &[&str] = match class {
            2004 => &["finding_info"],
            3001 | 3002 => &["user"],
            6002 => &["app"],
            6005 => &["database"],
            4002 => &["http_request", "http_response"],
            other => panic!("unexpected class {other}"),
        };
        assert!(required.iter().any(|f| !ocsf[*f].is_null()), "{} lacks {required:?}", record.event.kind());
    }
}

#[test]
fn a_blocked_request_names_no_address() {
    let record = Record {
        v: Record::VERSION,
        id: EventId::from_bits(1),
        at: Timestamp::from_seconds(1),
        actor: Actor::Client { client: ClientRef::from_bytes([1; 12]) },
        request: Some(RequestId::from_bits(2)),
        event: storeward_events::edge::RequestRefused { status: 400, reason: "host.missing".into() }.into(),
    };
    assert!(!String::from_utf8(record.to_bytes()).unwrap().contains("ip"));
    assert!(record.ocsf(None)["src_endpoint"]["ip"].is_null());
}

/// What is told as the program's own life and not as anybody's act. A new kind that falls through to it is noticed here.
#[test]
fn every_kind_that_is_only_a_lifecycle_is_meant_to_be() {
    let mut kinds: Vec<String> = SAMPLES
        .lines()
        .map(|line| Record::from_bytes(line.as_bytes()).unwrap())
        .filter(|record| record.ocsf(None)["class_uid"] == 6002)
        .map(|record| record.event.kind().to_owned())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, LIFECYCLE);
}
