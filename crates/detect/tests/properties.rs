//! Whatever comes in, in whatever order: bounded memory, no panic, the same answer twice.

use std::time::Duration;

use proptest::prelude::*;
use storeward_base::{ClientIp, Timestamp};
use storeward_detect::{Detector, Limits, Observation, Outcome, first_scenarios};

#[derive(Clone, Debug)]
struct Seen {
    at: i64,
    client: u32,
    host: u8,
    path: String,
    status: u16,
    outcome: Outcome,
    rule_id: u32,
    auth_failed: bool,
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop::sample::select(vec![
        Outcome::Passed,
        Outcome::Passed,
        Outcome::Flagged,
        Outcome::Challenged,
        Outcome::Blocked,
        Outcome::Limited,
        Outcome::Refused,
        Outcome::Banned,
    ])
}

fn seen() -> impl Strategy<Value = Seen> {
    let at = prop_oneof![8 => 0..600_000_000i64, 1 => any::<i64>()];
    let path = prop_oneof![
        6 => "/[a-z]{1,3}",
        1 => prop::sample::select(vec!["/.env", "/c99.php", "/wp-admin", "/login", "/a.css", ""]).prop_map(str::to_owned),
        1 => "\\PC{0,40}",
    ];
    let status = prop::sample::select(vec![200u16, 301, 400, 401, 403, 404, 429, 500, 0, 65_535]);
    (at, 0..200u32, 0..5u8, path, status, outcomes(), 0..4u32, any::<bool>()).prop_map(
        |(at, client, host, path, status, outcome, rule_id, auth_failed)| Seen {
            at,
            client,
            host,
            path,
            status,
            outcome,
            rule_id,
            auth_failed,
        },
    )
}

fn observe(detector: &mut Detector, seen: &Seen) -> Vec<storeward_detect::Finding> {
    let client = ClientIp::new(std::net::Ipv4Addr::from_bits(seen.client).into());
    let host = seen.host.to_string();
    detector.observe(&Observation {
        host: &host,
        outcome: seen.outcome,
        rule_id: seen.rule_id,
        auth_failed: seen.auth_failed,
        ..Observation::passed(Timestamp::from_micros(seen.at), client, "POST", &seen.path, seen.status)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn memory_is_bounded_and_answers_repeat(stream in prop::collection::vec(seen(), 0..600)) {
        let limits = Limits { max_clients: 20, max_buckets: 100, max_keys: 20_000, seed: 3 };
        let (mut first, mut second) = (Detector::new(first_scenarios(), limits), Detector::new(first_scenarios(), limits));
        for seen in &stream {
            let findings = observe(&mut first, seen);
            prop_assert_eq!(&findings, &observe(&mut second, seen));
            for finding in findings {
                prop_assert!(finding.first_at <= finding.at);
                prop_assert!(finding.observations >= 1);
            }
            let stats = first.stats();
            prop_assert!(stats.clients <= 20 && stats.buckets <= 100 && stats.keys <= 20_000);
        }
        prop_assert_eq!(first.stats(), second.stats());
    }

    #[test]
    fn a_shuffled_second_of_probing_is_found_all_the_same(
        order in Just((0..30u32).collect::<Vec<_>>()).prop_shuffle()
    ) {
        let mut detector = Detector::new(first_scenarios(), Limits::default());
        let client = "192.0.2.1".parse::<ClientIp>().expect("an address");
        let mut found = false;
        for n in order {
            let at = Timestamp::from_seconds(1_000_000).plus(Duration::from_millis(u64::from(n) * 30));
            let path = format!("/probe-{n}");
            found |= !detector.observe(&Observation::passed(at, client, "GET", &path, 404)).is_empty();
        }
        prop_assert!(found);
    }
}

fn probe(detector: &mut Detector, at: Timestamp, client: ClientIp, n: u32) -> bool {
    let path = format!("/probe-{n}");
    !detector.observe(&Observation::passed(at, client, "GET", &path, 404)).is_empty()
}

#[test]
fn one_request_from_the_past_does_not_wipe_the_memory() {
    // A client that holds a connection open for an hour must not be able to reset what is known of it.
    let mut detector = Detector::new(first_scenarios(), Limits::default());
    let (client, now) = (ClientIp::new([192, 0, 2, 1].into()), Timestamp::from_seconds(1_000_000));
    let mut found = false;
    for n in 0..11 {
        found |= probe(&mut detector, now, client, n);
        found |= probe(
            &mut detector,
            now.minus(Duration::from_secs(3_600)),
            ClientIp::new([192, 0, 2, 2].into()),
            n,
        );
    }
    assert!(found);
    assert_eq!(detector.stats().clock_resets, 0);
}

#[test]
fn a_clock_that_was_an_hour_ahead_does_not_freeze_the_buckets() {
    let mut detector = Detector::new(first_scenarios(), Limits::default());
    let (client, now) = (ClientIp::new([192, 0, 2, 1].into()), Timestamp::from_seconds(1_000_000));
    probe(&mut detector, now.plus(Duration::from_secs(3_600)), client, 0);
    // One probe each twenty seconds leaks away; with time standing still eleven of them would be a finding.
    for n in 1..60 {
        let at = now.plus(Duration::from_secs(u64::from(n) * 20));
        if n > 16 {
            assert!(!probe(&mut detector, at, client, n));
        } else {
            probe(&mut detector, at, ClientIp::new([192, 0, 2, 2].into()), 0);
        }
    }
    assert_eq!(detector.stats().clock_resets, 1);
}

#[test]
fn a_flood_of_forged_clients_drives_out_the_emptiest_and_is_counted() {
    let limits = Limits { max_clients: 1_000, ..Limits::default() };
    let mut detector = Detector::new(first_scenarios(), limits);
    // An address that sorts before the forged ones: of two that end at once, the lower would go first.
    let (scanner, now) = (ClientIp::new([9, 0, 2, 1].into()), Timestamp::from_seconds(1_000_000));
    for n in 0..10 {
        assert!(!probe(&mut detector, now, scanner, n));
    }
    for n in 0..100_000u32 {
        let forged = ClientIp::new(std::net::Ipv4Addr::from_bits(0x0A00_0000 + n).into());
        probe(&mut detector, now, forged, 0);
    }
    let stats = detector.stats();
    assert!(stats.clients <= 1_000);
    assert!(stats.evicted_clients >= 98_000, "{stats:?}");
    // The nearly full bucket is still there.
    assert!(probe(&mut detector, now, scanner, 10));
}

#[test]
fn forged_hosts_cannot_grow_a_client_without_bound() {
    let mut detector = Detector::new(first_scenarios(), Limits::default());
    let (client, now) = (ClientIp::new([192, 0, 2, 1].into()), Timestamp::from_seconds(1_000_000));
    for n in 0..10_000 {
        let host = format!("h{n}.example");
        let path = format!("/p{n}");
        detector.observe(&Observation { host: &host, ..Observation::passed(now, client, "GET", &path, 404) });
    }
    let stats = detector.stats();
    assert!(stats.buckets <= 64 && stats.evicted_buckets > 9_000, "{stats:?}");
}

#[test]
fn what_is_over_is_forgotten_without_being_asked() {
    let mut detector = Detector::new(first_scenarios(), Limits::default());
    let now = Timestamp::from_seconds(1_000_000);
    for n in 0..1_000u32 {
        let client = ClientIp::new(std::net::Ipv4Addr::from_bits(0x0A00_0000 + n).into());
        probe(&mut detector, now, client, 0);
    }
    let later = now.plus(Duration::from_secs(3_600));
    for n in 0..100 {
        probe(&mut detector, later, ClientIp::new([192, 0, 2, 1].into()), n % 2);
    }
    let stats = detector.stats();
    assert_eq!((stats.clients, stats.evicted_clients), (1, 0), "{stats:?}");
}
