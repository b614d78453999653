//! The access record through its door: push, query, restart, damage.
#![allow(clippy::unwrap_used, reason = "what these tests build must work")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use storeward_base::{Clock, Entropy, FixedClock, RequestId, SeededEntropy, Timestamp};
use storeward_detect::{Detector, Limits, first_scenarios};
use storeward_edge::access::{
    AccessLog, AccessOptions, AccessRecord, Detection, Filter, Live, ParameterNames, TlsVersion, Verdict,
};

#[path = "access/watched.rs"]
mod watched;

/// A directory of its own that goes with the test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("storeward-access-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Dir(path)
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut all: Vec<_> =
            fs::read_dir(self.0.join("access")).unwrap().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        all
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct World {
    dir: Dir,
    clock: Arc<FixedClock>,
    entropy: SeededEntropy,
}

impl World {
    fn new() -> World {
        let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_795_541_880)));
        World { dir: Dir::new(), clock, entropy: SeededEntropy::new(5) }
    }

    fn options(&self) -> AccessOptions {
        AccessOptions::new(&self.dir.0)
    }

    fn open(&self) -> AccessLog {
        self.open_with(&self.options())
    }

    fn open_with(&self, options: &AccessOptions) -> AccessLog {
        AccessLog::open(options, self.clock.clone(), None).unwrap()
    }

    /// A record of this moment; the clock goes on by a millisecond.
    fn record(&self, path: &str) -> AccessRecord {
        self.clock.advance(Duration::from_millis(1));
        let at = self.clock.now();
        let id = RequestId::at(at, &self.entropy as &dyn Entropy);
        let mut record = AccessRecord::new(id, at, "192.0.2.1".parse().unwrap(), Method::GET);
        record.path = path.into();
        record.host = "shop.example".into();
        record.status = 200;
        record
    }
}

fn paths(log: &AccessLog, filter: &str, limit: usize) -> Vec<String> {
    let page = log.reader().query(&filter.parse().unwrap(), None, limit);
    page.records.iter().map(|record| record.path.to_string()).collect()
}

fn full_record(world: &World) -> AccessRecord {
    let mut record = world.record("/warenkorb/äöü");
    record.client = "2001:db8::7".parse().unwrap();
    record.method = "PROPFIND".parse().unwrap();
    record.duration_us = 12_345;
    record.upstream_us = Some(0);
    record.parameter_names = ParameterNames::new(["q", "page"]);
    record.status = 403;
    (record.request_bytes, record.response_bytes) = (77, u64::MAX);
    record.protocol = storeward_edge::access::Protocol::Http2;
    record.tls = Some(TlsVersion::Tls13);
    record.set_user_agent(b"Mozilla/5.0 \xFF");
    record.referrer_host = "search.example".into();
    record.route = "/".into();
    record.upstream = Some("http://127.0.0.1:8080".into());
    record.verdict = Verdict::Blocked;
    record.rule_id = 942_100;
    record.category = "sqli".into();
    record.variable = "ARGS:q".into();
    record.matched = "1' or ***".into();
    record.content_type = "text/html".into();
    record.reason = "limit.rate".into();
    record.auth_failed = true;
    record
}

#[test]
fn pages_run_from_the_newest_to_the_oldest_over_memory_and_files() {
    let world = World::new();
    let options = AccessOptions { ring_records: 1_024, segment_bytes: 64 * 1024, ..world.options() };
    let log = world.open_with(&options);
    let writer = log.writer();
    for n in 0..5_000 {
        writer.push(world.record(&format!("/p{n}")));
    }
    log.flush();
    assert_eq!(log.reader().stats().ring_records, 1_024);
    assert!(log.reader().stats().segments > 1);
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = log.reader().query(&Filter::default(), before, 700);
        seen.extend(page.records.iter().map(|record| record.path.to_string()));
        assert_eq!(page.unreadable_blocks, 0);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let wanted: Vec<_> = (0..5_000).rev().map(|n| format!("/p{n}")).collect();
    assert_eq!(seen, wanted);
}

#[test]
fn a_last_page_that_is_just_full_promises_no_other() {
    let world = World::new();
    let log = world.open();
    for n in 0..10 {
        log.writer().push(world.record(&format!("/p{n}")));
    }
    log.flush();
    assert_eq!(log.reader().query(&Filter::default(), None, 10).next, None);
    assert!(log.reader().query(&Filter::default(), None, 9).next.is_some());
}

#[test]
fn records_of_long_requests_come_in_late_and_are_listed_where_they_began() {
    let world = World::new();
    let log = world.open();
    let download = world.record("/download");
    for n in 0..3 {
        log.writer().push(world.record(&format!("/p{n}")));
    }
    log.writer().push(download);
    log.flush();
    assert_eq!(paths(&log, "", 9), ["/p2", "/p1", "/p0", "/download"]);
}

#[test]
fn every_field_survives_the_disk() {
    let world = World::new();
    let log = world.open();
    let (record, plain) = (full_record(&world), world.record("/"));
    log.writer().push(record.clone());
    log.writer().push(plain.clone());
    let stats = log.close();
    assert_eq!((stats.dropped, stats.write_errors), (0, 0));
    let log = world.open();
    assert_eq!(*log.reader().get(record.id).unwrap(), record);
    assert_eq!(*log.reader().get(plain.id).unwrap(), plain);
    assert_eq!(log.reader().get(RequestId::from_bits(7)), None);
}

#[test]
fn version_1_of_the_segments_is_read_for_ever() {
    // The two records of `every_field_survives_the_disk`, as the first version wrote them.
    let world = World::new();
    fs::create_dir_all(world.dir.0.join("access")).unwrap();
    let segment = include_bytes!("access_sample_v1.seg");
    fs::write(world.dir.0.join("access/access-01795541880002-000.seg"), segment).unwrap();
    let log = world.open();
    let page = log.reader().query(&Filter::default(), None, 10);
    let lines: Vec<_> = page.records.iter().map(|record| serde_json::to_string(&**record).unwrap()).collect();
    let wanted: Vec<_> = include_str!("access_sample_v1.jsonl").lines().collect();
    assert_eq!(lines, wanted);
}

#[test]
fn the_json_form_is_stable_and_reads_back() {
    let world = World::new();
    let record = full_record(&world);
    let json = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<AccessRecord>(&json).unwrap(), record);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["method"], "PROPFIND");
    assert_eq!(value["verdict"], "blocked");
    assert_eq!(value["protocol"], "HTTP/2");
    assert_eq!(value["parameter_names"], serde_json::json!(["q", "page"]));
    assert_eq!(value["tls"], "TLSv1.3");
}

#[test]
fn a_restart_fills_memory_and_the_last_hour() {
    let world = World::new();
    let log = world.open();
    for n in 0..300 {
        let mut record = world.record(&format!("/p{n}"));
        record.status = if n % 100 == 0 { 503 } else { 200 };
        record.verdict = if n % 10 == 0 { Verdict::Blocked } else { Verdict::Pass };
        log.writer().push(record);
    }
    log.flush();
    let (heat, now) = (log.reader().heat(world.clock.now()), world.clock.now());
    drop(log);
    let log = world.open();
    assert_eq!(log.reader().heat(now), heat);
    assert_eq!(heat[59].requests + heat[58].requests, 300);
    assert_eq!(heat[59].blocked + heat[58].blocked, 30);
    assert_eq!(heat[59].errors + heat[58].errors, 3);
    assert_eq!(log.reader().stats().ring_records, 300);
    assert_eq!(log.reader().totals().requests, 0);
    assert_eq!(paths(&log, "path=/p299", 5), ["/p299"]);
}

#[test]
fn records_are_on_disk_before_the_program_ends_and_not_twice_in_a_list() {
    let world = World::new();
    let log = world.open();
    for n in 0..2_000 {
        log.writer().push(world.record(&format!("/p{n}")));
    }
    log.flush();
    // A second reader over the same files stands for what a kill -9 leaves.
    let after_kill = world.open();
    assert_eq!(after_kill.reader().stats().ring_records, 2_000);
    assert_eq!(after_kill.reader().query(&Filter::default(), None, 1_000).records.len(), 1_000);
}

/// Opens the log after something was done to its files; gives what is left and what was cut and damaged.
fn after(world: &World, harm: impl Fn(&Path)) -> (usize, u64, u64) {
    let log = world.open();
    for n in 0..1_500 {
        log.writer().push(world.record(&format!("/p{n}")));
    }
    drop(log);
    let segments = world.dir.segments();
    assert_eq!(segments.len(), 1);
    harm(&segments[0]);
    let log = world.open();
    let (stats, mut left, mut before) = (log.reader().stats(), 0, None);
    loop {
        let page = log.reader().query(&Filter::default(), before, 1_000);
        left += page.records.len();
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    // Cut once means gone: the next start has nothing to cut.
    assert_eq!(world.open().reader().stats().cut_bytes, 0);
    // What is written next lies in a file of its own and is found.
    log.writer().push(world.record("/next"));
    log.flush();
    assert_eq!(paths(&log, "", 1), ["/next"]);
    (left, stats.cut_bytes, stats.damaged_bytes)
}

#[test]
fn a_torn_tail_is_cut_and_nothing_else() {
    let whole = after(&World::new(), |_| {});
    assert_eq!(whole, (1_500, 0, 0));
    for torn in [1, 10, 71, 72, 73, 1_000] {
        let (left, cut, damaged) = after(&World::new(), |segment| {
            let length = fs::metadata(segment).unwrap().len();
            OpenOptions::new().write(true).open(segment).unwrap().set_len(length - torn).unwrap();
        });
        assert!(
            (1_500 - 512..1_500).contains(&left) && cut > 0 && damaged == 0,
            "{torn}: {left} {cut} {damaged}"
        );
    }
    // Half a header, and zeros as a file system leaves them after a power cut.
    for tail in [b"SWAB\x01\0\0\0".as_slice(), &[0; 10_000]] {
        let (left, cut, _) = after(&World::new(), |segment| {
            OpenOptions::new().append(true).open(segment).unwrap().write_all(tail).unwrap();
        });
        assert_eq!((left, cut), (1_500, u64::try_from(tail.len()).unwrap()));
    }
}

#[test]
fn damage_in_the_middle_costs_one_block_and_is_told() {
    let flip = |at: usize| {
        move |segment: &Path| {
            let mut bytes = fs::read(segment).unwrap();
            bytes[at] ^= 1;
            fs::write(segment, bytes).unwrap();
        }
    };
    // In the first block's header: found when opening.
    let (left, cut, damaged) = after(&World::new(), flip(20));
    assert!((900..1_500).contains(&left) && cut == 0 && damaged > 0, "{left} {cut} {damaged}");
    // In its payload: found when reading.
    let (left, cut, damaged) = after(&World::new(), flip(16 + 72 + 5));
    assert!((900..1_500).contains(&left) && cut == 0 && damaged == 0, "{left} {cut} {damaged}");
}

#[test]
fn no_flipped_bit_panics_or_shows_a_wrong_record() {
    let world = World::new();
    let log = world.open();
    log.writer().push(full_record(&world));
    let truth = world.record("/truth");
    log.writer().push(truth.clone());
    drop(log);
    let segment = world.dir.segments().remove(0);
    let bytes = fs::read(&segment).unwrap();
    for at in 0..bytes.len() {
        let mut harmed = bytes.clone();
        harmed[at] ^= 0x10;
        fs::write(&segment, &harmed).unwrap();
        let log = world.open();
        assert!(log.reader().get(truth.id).is_none_or(|record| *record == truth), "byte {at}");
        drop(log);
        fs::write(&segment, &bytes).unwrap();
    }
}

#[test]
fn a_foreign_file_is_left_alone() {
    let world = World::new();
    fs::create_dir_all(world.dir.0.join("access")).unwrap();
    let foreign = world.dir.0.join("access/access-00000000000001-000.seg");
    fs::write(&foreign, b"SWACCESS\x63\0\0\0\0\0\0\0 of a later version").unwrap();
    let log = world.open();
    assert!(log.reader().stats().damaged_bytes > 0);
    drop(log);
    assert!(foreign.exists());
}

#[test]
fn nobody_else_may_read_the_files() {
    let world = World::new();
    let log = world.open();
    log.writer().push(world.record("/"));
    drop(log);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.dir.segments()[0]), 0o600);
    assert_eq!(mode(&world.dir.0.join("access")), 0o700);
}

#[test]
fn old_and_surplus_segments_go() {
    let world = World::new();
    let options = AccessOptions {
        segment_age: Duration::from_secs(3_600),
        keep: Duration::from_secs(84 * 3_600),
        ..world.options()
    };
    for day in 0..6 {
        let log = world.open_with(&options);
        log.writer().push(world.record(&format!("/day{day}")));
        drop(log);
        world.clock.advance(Duration::from_secs(24 * 3_600));
    }
    let log = world.open_with(&options);
    assert_eq!(log.reader().stats().segments, 3);
    drop(log);
    let log = world.open_with(&AccessOptions { keep_bytes: 1, ..options });
    assert_eq!(log.reader().stats().segments, 0);
}

#[test]
fn a_full_queue_drops_the_newest_and_counts() {
    let world = World::new();
    let log = world.open_with(&AccessOptions { queue_records: 4, ..world.options() });
    let (writer, records) =
        (log.writer(), (0..20_000).map(|n| world.record(&format!("/p{n}"))).collect::<Vec<_>>());
    for record in records {
        writer.push(record);
    }
    log.flush();
    let (kept, stats) = (log.reader().totals().requests, log.reader().stats());
    assert_eq!(kept + stats.dropped, 20_000);
    drop(log);
    writer.push(world.record("/late"));
}

#[test]
fn filters_narrow() {
    let world = World::new();
    let log = world.open();
    let mut records = Vec::new();
    for n in 0..40u16 {
        let mut record = world.record(if n % 2 == 0 { "/cart/add" } else { "/Products" });
        record.client = format!("192.0.2.{}", n % 4).parse().unwrap();
        record.status = if n < 10 { 404 } else { 200 };
        record.verdict = if n == 39 { Verdict::Blocked } else { Verdict::Pass };
        record.rule_id = if n == 39 { 942_100 } else { 0 };
        record.parameter_names = ParameterNames::new([format!("name{n}")]);
        record.duration_us = u64::from(n) * 1_000;
        record.set_user_agent(if n % 5 == 0 { b"curl/8" } else { b"Mozilla/5.0" });
        records.push(record.clone());
        log.writer().push(record);
    }
    log.flush();
    let check = |filter: &str, wanted: usize| {
        let page = log.reader().query(&filter.parse().unwrap(), None, 100);
        assert_eq!((page.records.len(), page.scanned, page.next), (wanted, page.scanned, None), "{filter}");
    };
    check("", 40);
    check("status=404", 10);
    check("status=4xx&status=200", 40);
    check("-status=4xx", 30);
    check("client=192.0.2.1", 10);
    check("client=192.0.2.1&client=192.0.2.2", 20);
    check("client=192.0.2.0/31&-path=/Products", 10);
    check("path^=/cart", 20);
    check("path~=PRODUCTS", 20);
    check("path=/products", 0);
    check("agent=CURL", 8);
    check("text=curl", 8);
    check("verdict=blocked&rule=942100", 1);
    check("parameter=name7", 1);
    check("slower_ms=30", 10);
    check("method=get&method=post", 40);
    check("upstream~=x", 0);
    check(&format!("since={}", records[30].at), 10);
    check(&format!("until={}", records[30].at), 30);
    check(&format!("since={}&until={}", records[10].at, records[30].at), 20);
}

#[test]
fn a_scan_has_an_end_and_says_so() {
    let world = World::new();
    let log = world.open_with(&AccessOptions { scan_limit: 500, ..world.options() });
    for n in 0..2_000 {
        log.writer().push(world.record(if n == 3 { "/needle" } else { "/hay" }));
    }
    log.flush();
    let (filter, mut before, mut found, mut rounds) = ("path=/needle".parse().unwrap(), None, 0, 0);
    loop {
        let page = log.reader().query(&filter, before, 10);
        assert!(page.scanned <= 501);
        found += page.records.len();
        rounds += 1;
        before = page.next;
        assert_eq!(page.truncated, before.is_some());
        if before.is_none() {
            break;
        }
    }
    assert_eq!((found, rounds), (1, 4));
    let facets = log.reader().facets(&Filter::default());
    assert_eq!((facets.scanned, facets.matched, facets.truncated), (500, 500, true));
}

#[test]
fn facets_name_the_most_frequent_values() {
    let world = World::new();
    let log = world.open();
    for n in 0..100u16 {
        let mut record = world.record(&format!("/p{}", n % 30));
        record.status = if n % 4 == 0 { 404 } else { 200 };
        log.writer().push(record);
    }
    log.flush();
    let facets = log.reader().facets(&"status=404".parse().unwrap());
    assert_eq!((facets.matched, facets.scanned, facets.truncated), (25, 100, false));
    let paths = facets.facets.iter().find(|facet| facet.field == "path").unwrap();
    assert_eq!(paths.values.len(), 10);
    assert_eq!(paths.values.iter().map(|v| v.count).sum::<u64>() + paths.others, 25);
    let status = facets.facets.iter().find(|facet| facet.field == "status").unwrap();
    assert_eq!((status.values[0].value.as_str(), status.values[0].count, status.others), ("404", 25, 0));
}

#[test]
fn rates_and_totals_count() {
    let world = World::new();
    let log = world.open();
    // Nine records at the beginning of ten seconds that are then full.
    let seconds = world.clock.now().seconds();
    world.clock.advance(Duration::from_secs(u64::try_from(10 - seconds.rem_euclid(10)).unwrap()));
    for n in 0..9 {
        let mut record = world.record("/");
        record.verdict = if n < 3 { Verdict::Limited } else { Verdict::Pass };
        record.duration_us = 3_000;
        log.writer().push(record);
    }
    log.flush();
    world.clock.advance(Duration::from_secs(10));
    let rates = log.reader().rates(world.clock.now());
    assert!((rates.requests_per_second - 0.9).abs() < 1e-9);
    assert!((rates.blocked_per_second - 0.3).abs() < 1e-9);
    assert!((rates.requests_per_second_minute - 0.15).abs() < 1e-9);
    let totals = log.reader().totals();
    assert_eq!((totals.requests, totals.stopped(), totals.of(Verdict::Limited)), (9, 3, 3));
    assert_eq!((totals.latency[3], totals.latency_sum_us, totals.by_class[1]), (9, 27_000, 9));
}

#[test]
fn a_clock_that_was_ahead_does_not_spoil_the_heat_strip() {
    let world = World::new();
    let log = world.open();
    let mut ahead = world.record("/ahead");
    ahead.at = ahead.at.plus(Duration::from_secs(64 * 60));
    log.writer().push(ahead);
    log.writer().push(world.record("/now"));
    log.flush();
    let heat = log.reader().heat(world.clock.now());
    assert_eq!(heat.iter().map(|minute| minute.requests).sum::<u64>(), 1);
}

#[test]
fn a_clock_set_back_does_not_hide_new_records() {
    let world = World::new();
    let log = world.open_with(&AccessOptions { ring_records: 1_024, ..world.options() });
    for n in 0..2_000 {
        let mut record = world.record(&format!("/future{n}"));
        record.at = record.at.plus(Duration::from_secs(3_600));
        record.id = RequestId::at(record.at, &world.entropy as &dyn Entropy);
        log.writer().push(record);
    }
    for n in 0..10 {
        log.writer().push(world.record(&format!("/now{n}")));
    }
    log.flush();
    assert_eq!(paths(&log, "path^=/now", 100).len(), 10);
    assert_eq!(paths(&log, "path^=/future", 1_000).len(), 1_000);
}
