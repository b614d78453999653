//! Those who watch: live subscribers, the detector, a full disk.

use super::*;

#[tokio::test]
async fn watchers_see_what_matches_and_learn_what_they_missed() {
    let world = World::new();
    let log = world.open_with(&AccessOptions { live_records: 16, ..world.options() });
    let mut watcher = log.reader().subscribe("path=/b".parse().unwrap());
    log.writer().push(world.record("/a"));
    log.writer().push(world.record("/b"));
    log.flush();
    assert!(matches!(watcher.next().await, Some(Live::Record(record)) if &*record.path == "/b"));
    for _ in 0..100 {
        log.writer().push(world.record("/b"));
    }
    log.flush();
    let Some(Live::Missed(missed)) = watcher.next().await else { panic!("must be told") };
    assert_eq!(missed, 84);
    drop(log);
    let mut rest = 0;
    while watcher.next().await.is_some() {
        rest += 1;
    }
    assert_eq!(rest, 16);
}

#[test]
fn the_detector_is_fed_and_its_fault_costs_no_record() {
    let world = World::new();
    let found = Arc::new(Mutex::new(Vec::new()));
    let detection = {
        let found = Arc::clone(&found);
        Detection {
            detector: Detector::new(first_scenarios(), Limits::default()),
            on_finding: Box::new(move |finding| {
                found.lock().unwrap().push((finding.scenario, finding.request));
                assert_ne!(finding.scenario, "backdoor_files", "a fault in our own program");
            }),
        }
    };
    let log = AccessLog::open(&world.options(), world.clock.clone(), Some(detection)).unwrap();
    let probe = |path: &str| {
        let mut record = world.record(path);
        record.status = 404;
        let id = record.id;
        log.writer().push(record);
        id
    };
    let mut last = None;
    for n in 0..11 {
        last = Some(probe(&format!("/probe{n}")));
    }
    log.flush();
    assert_eq!(*found.lock().unwrap(), [("probing", last)]);
    assert_eq!(log.reader().stats().detector.observed, 11);
    probe("/c99.php");
    probe("/shell.php");
    probe("/after");
    log.flush();
    assert!(log.reader().stats().detection_failed);
    assert_eq!(paths(&log, "path=/after", 1), ["/after"]);
}

#[test]
fn a_full_disk_costs_the_file_and_not_the_view() {
    let world = World::new();
    let log = world.open();
    // A directory that is gone stands for a disk that takes no more.
    fs::remove_dir_all(world.dir.0.join("access")).unwrap();
    log.writer().push(world.record("/"));
    log.flush();
    let stats = log.reader().stats();
    assert_eq!((stats.write_errors, stats.unwritten_records), (1, 1));
    assert_eq!(paths(&log, "", 5), ["/"]);
    fs::create_dir_all(world.dir.0.join("access")).unwrap();
    log.writer().push(world.record("/again"));
    log.flush();
    assert_eq!(log.reader().stats().write_errors, 1);
    assert_eq!(world.dir.segments().len(), 1);
}
