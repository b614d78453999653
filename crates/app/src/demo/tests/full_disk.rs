//! A disk that is full: the shop is served and defended, and everybody who ought to know does.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::{Arc, Demo, Way};

/// What a write past the limit is told by, beside its error (Linux, signal(7)).
const SIGXFSZ: i32 = 25;
const ATTACK: &str = "zzz%' or slug notnull--";

/// Files of this process end at `bytes`: a write behind that fails. nextest runs each test in a process of its own.
fn files_end_at(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum }).unwrap();
}

/// Asks until the answer is as wanted.
fn asked_until(way: &mut Way, path: &str, wanted: (u16, &str)) {
    let until = Instant::now() + Duration::from_secs(50);
    loop {
        let answer = way.send("GET", path, None);
        if (answer.status, answer.body.contains(wanted.1)) == (wanted.0, true) {
            return;
        }
        assert!(Instant::now() < until, "{path}: {} {}", answer.status, answer.body);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_full_disk_is_told_the_shop_goes_on_and_nothing_that_was_told_is_lost() {
    let mut demo = Demo::start();
    let running = demo.running.as_mut().unwrap();
    let _told = running.runtime_handle().block_on(async { signal(SignalKind::from_raw(SIGXFSZ)).unwrap() });
    let lines = Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let kept = Arc::clone(&lines);
    running.follow_ledger(move |line| kept.lock().unwrap().push(line.to_owned()));
    let authority = running.console_url().trim_start_matches("https://").trim_end_matches('/').to_owned();
    let mut console = Way { authority, tls: Some(Arc::clone(&demo.tls)), cookies: Vec::new() };
    let mut through = demo.through();
    asked_until(&mut console, "/readyz", (200, "ready"));
    assert!(console.send("GET", "/metrics", None).body.contains("\nstoreward_writes_succeed 1\n"));

    files_end_at(Some(4096));
    for _ in 0..3 {
        assert_eq!(through.search(ATTACK).status, 403);
    }
    asked_until(&mut console, "/readyz", (503, "the database takes no writes (store.unwritable)"));
    assert!(console.send("GET", "/metrics", None).body.contains("\nstoreward_writes_succeed 0\n"));
    assert_eq!(through.send("GET", "/", None).status, 200, "the shop is served");
    assert_eq!(through.search(ATTACK).status, 403, "and defended");

    files_end_at(None);
    asked_until(&mut console, "/readyz", (200, "ready"));
    asked_until(&mut console, "/metrics", (200, "\nstoreward_writes_succeed 1\n"));
    demo.end();
    let lines = std::mem::take(&mut *lines.lock().unwrap());
    let count = |kind: &str| lines.iter().filter(|line| line.contains(kind)).count();
    assert_eq!(count("\"edge.request_blocked\""), 4, "{lines:?}");
    assert_eq!(count("\"edge.events_dropped\""), 0, "{lines:?}");
    assert_eq!(count("\"system.writes_resumed\""), 1, "{lines:?}");
}
