//! Whoever writes the database puts no work off that comes again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use storeward_base::Timestamp;
use storeward_store::both_engines;
use storeward_store::jobs::{Handler, Runner, RunnerOptions};

const PERIOD: Duration = Duration::from_secs(3_600);

// One UPDATE put the daily verification, the watch and the backups off for ever, and nothing told.
both_engines!(what_comes_again_does_so_whatever_its_row_says, async |db| {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let handler = Handler::new("shop.sweep", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }
    });
    let options = RunnerOptions { lease: Duration::from_secs(60), sweep: Duration::from_millis(20) };
    let runtime = tokio::runtime::Handle::current();
    let runner =
        Runner::start((*db).clone(), vec![handler.every(PERIOD)], options, &runtime, |_| {}).unwrap();
    let rests = async |ran: u32| {
        let waiting = async {
            loop {
                let row = db.read(|reader| {
                    let sql = "SELECT run_at, CAST(lease_until IS NULL AS INTEGER) FROM job WHERE kind = 'shop.sweep'";
                    reader.query_optional(sql, &[], |row| Ok((row.get::<Timestamp>(0)?, row.get::<bool>(1)?)))
                });
                let row = row.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
                let is_done = row.is_some_and(|(at, free)| free && at == db.now().plus(PERIOD));
                if is_done && runs.load(Ordering::SeqCst) >= ran {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it comes about");
    };
    rests(1).await;
    let changes = [
        "UPDATE job SET run_at = 4102444800000000",
        "DELETE FROM job",
        "UPDATE job SET run_at = 4102444800000000, lease_until = 4102444800000000",
        "UPDATE job SET run_at = 4102444800000000, attempts = 99",
        "UPDATE job SET died_at = 1, run_at = 4102444800000000",
        "UPDATE job SET kind = 'shop.other'",
    ];
    for (ran, change) in (2..).zip(changes) {
        db.tamper(change);
        db.clock.advance(PERIOD);
        db.clock.advance(PERIOD);
        rests(ran).await;
        assert_eq!(runs.load(Ordering::SeqCst), ran, "{change}");
    }
    runner.stop(Duration::from_secs(30)).await;
});
