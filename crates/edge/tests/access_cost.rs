//! What the hot path pays. Prints the figures (`cargo test --release --test access_cost -- --nocapture`) and fails where
//! one is so far off that something is plainly wrong: the bounds leave room for a slow, loaded machine without
//! optimisation.
#![allow(clippy::unwrap_used, reason = "what these tests build must work")]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use storeward_base::{Actor, ClientIp, Clock, Entropy, RequestId, SeededEntropy, SystemClock};
use storeward_detect::{Detector, Limits, Observation, first_scenarios};
use storeward_edge::access::{AccessLog, AccessOptions, AccessRecord, Detection, ParameterNames};
use storeward_edge::bans::{BanBook, BanOptions};
use storeward_host::RecordedEmissions;

/// Without optimisation the figures say little: a part is enough to see that nothing is far off.
const SHARE: u32 = if cfg!(debug_assertions) { 20 } else { 1 };
const AGENT: &[u8] = b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

fn client(n: u32) -> ClientIp {
    ClientIp::new(Ipv4Addr::from_bits(0x0A00_0000 + n).into())
}

fn record(n: u32, entropy: &SeededEntropy) -> AccessRecord {
    let at = SystemClock.now();
    let id = RequestId::at(at, entropy as &dyn Entropy);
    let mut record = AccessRecord::new(id, at, client(n % 1_000), Method::GET);
    record.path = format!("/products/{}", n % 5_000).into();
    record.parameter_names = ParameterNames::new(["page", "sort"]);
    record.set_user_agent(AGENT);
    record.status = if n.is_multiple_of(50) { 404 } else { 200 };
    record.duration_us = 1_500;
    record.upstream_us = Some(1_200);
    record
}

/// Time this thread was on a processor: other programs on the machine do not count.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn told(what: &str, count: u32, begun: Duration, most: Duration) {
    let took = on_processor() - begun;
    let each = took / count;
    println!("{what}: {each:?} each ({count} in {took:?} of processor time)");
    assert!(each < most, "{what}: {each:?}");
}

#[test]
fn pushing_and_keeping_a_record() {
    const RECORDS: u32 = 100_000 / SHARE;
    let dir = std::env::temp_dir().join(format!("storeward-access-cost-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let detection = Detection {
        detector: Detector::new(first_scenarios(), Limits::default()),
        on_finding: Box::new(|_| {}),
    };
    let options = AccessOptions { queue_records: 200_000, ..AccessOptions::new(&dir) };
    let log = AccessLog::open(&options, Arc::new(SystemClock), Some(detection)).unwrap();
    let (writer, entropy) = (log.writer(), SeededEntropy::new(1));
    let begun = on_processor();
    let records: Vec<_> = (0..RECORDS).map(|n| record(n, &entropy)).collect();
    told("building a record", RECORDS, begun, Duration::from_micros(50));
    let (begun, began) = (on_processor(), Instant::now());
    for record in records {
        writer.push(record);
    }
    told("push", RECORDS, begun, Duration::from_micros(50));
    log.flush();
    println!("pushed, kept, counted, judged, written: {:?} each on the clock", began.elapsed() / RECORDS);
    let stats = log.reader().stats();
    println!("{} bytes on disk, {} in memory for {RECORDS} records", stats.segment_bytes, stats.ring_bytes);
    let begun = Instant::now();
    let page = log.reader().query(&"path=/nowhere".parse().unwrap(), None, 50);
    println!("query over {} records in memory: {:?}", page.scanned, begun.elapsed());
    let begun = Instant::now();
    let facets = log.reader().facets(&"status=404".parse().unwrap());
    println!(
        "facets over {} records, {} of them matching: {:?}",
        facets.scanned,
        facets.matched,
        begun.elapsed()
    );
    drop(log);
    let begun = Instant::now();
    let small = AccessOptions { ring_records: 1_024, ..AccessOptions::new(&dir) };
    let log = AccessLog::open(&small, Arc::new(SystemClock), None).unwrap();
    println!("open with 1024 records into memory: {:?}", begun.elapsed());
    let begun = Instant::now();
    let page = log.reader().query(&"path=/nowhere".parse().unwrap(), None, 50);
    println!("query over {} records on disk: {:?}", page.scanned, begun.elapsed());
    let begun = Instant::now();
    assert!(log.reader().get(RequestId::from_bits(1)).is_none());
    println!("get of an id that is not there: {:?}", begun.elapsed());
    drop(log);
    let begun = Instant::now();
    let log = AccessLog::open(&AccessOptions::new(&dir), Arc::new(SystemClock), None).unwrap();
    println!("open with {} records into memory: {:?}", log.reader().stats().ring_records, begun.elapsed());
    drop(log);
    let _ = std::fs::remove_dir_all(&dir);
}

#[test]
fn looking_a_client_up_among_bans() {
    const LOOKUPS: u32 = 1_000_000 / SHARE;
    let emit = Arc::new(RecordedEmissions::default());
    let book = BanBook::in_memory(BanOptions::default(), Arc::new(SystemClock), emit);
    let look_up = |what: &str, first: u32| {
        let begun = on_processor();
        let mut banned = 0u32;
        for n in 0..LOOKUPS {
            banned += u32::from(book.check(std::hint::black_box(client(first + n % 10_000))).is_some());
        }
        told(what, LOOKUPS, begun, Duration::from_micros(20));
        banned
    };
    assert_eq!(look_up("look-up in an empty book", 0), 0);
    let begun = on_processor();
    for n in 0..10_000 {
        book.ban(client(n), "probing", Actor::System).unwrap();
    }
    told("laying a ban (up to 10000 in force)", 10_000, begun, Duration::from_millis(5));
    assert_eq!(look_up("look-up of a client that is not among 10000 bans", 1_000_000), 0);
    assert_eq!(look_up("look-up of a banned client", 0), LOOKUPS);
}

#[test]
fn judging_an_observation() {
    const COUNT: u32 = 300_000 / SHARE;
    let mut detector = Detector::new(first_scenarios(), Limits::default());
    let mut judge = |what: &str, path: &dyn Fn(u32) -> String, clients: u32| {
        let paths: Vec<String> = (0..COUNT).map(path).collect();
        let now = SystemClock.now();
        let begun = on_processor();
        for (path, n) in paths.iter().zip(0u32..) {
            let at = now.plus(Duration::from_micros(u64::from(n) * 50));
            let status = if n.is_multiple_of(50) { 404 } else { 200 };
            detector.observe(&Observation {
                user_agent: std::str::from_utf8(AGENT).unwrap(),
                host: "shop.example",
                ..Observation::passed(at, client(n % clients), "GET", path, status)
            });
        }
        told(what, COUNT, begun, Duration::from_micros(200));
    };
    judge("observing images", &|n| format!("/media/{n}.webp"), 1_000);
    judge("observing pages of 1000 clients", &|n| format!("/products/{}", n % 100), 1_000);
    judge("observing pages of 200000 clients (with eviction)", &|n| format!("/products/{n}"), 200_000);
}
