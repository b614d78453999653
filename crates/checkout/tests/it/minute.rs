//! The whole way of a finding: a page passes the guard, the jobs run as in the program, and what changed or is new is an alert within a
//! minute.

use std::sync::mpsc;
use std::time::Duration;

use storeward_base::Clock;
use storeward_checkout::MIGRATIONS;
use storeward_checkout::desk::{Alert, Scope};
use storeward_host::Stopper;
use storeward_store::both_engines;
use storeward_store::jobs::{Runner, RunnerOptions};
use storeward_store::testing::blocking;

use crate::bench::Bench;
use crate::fetching::{server, set};

/// The guard as the program runs it. Time passes only where the test lets it, on both clocks.
struct Running {
    _stopper: Stopper,
    _runner: Runner,
    /// While a thread is busy time does not run ahead of what really comes and goes.
    _busy: mpsc::Sender<()>,
}

impl Running {
    fn start(bench: &Bench) -> Running {
        let (busy, is_over) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || is_over.recv().is_err());
        tokio::time::pause();
        let (stopper, stop) = Stopper::new();
        let checkout = bench.checkout.clone();
        tokio::spawn(async move { checkout.keep(stop).await });
        // As `storeward run` has it.
        let options = RunnerOptions { lease: Duration::from_secs(60), sweep: Duration::from_secs(1) };
        let handle = tokio::runtime::Handle::current();
        let handlers = bench.checkout.handlers();
        let runner = Runner::start((*bench.db).clone(), handlers, options, &handle, |_| {}).unwrap();
        Running { _stopper: stopper, _runner: runner, _busy: busy }
    }

    /// After how many seconds it is so; fails after two minutes.
    async fn until(&self, bench: &Bench, what: &str, mut holds: impl AsyncFnMut() -> bool) -> u64 {
        let begun = bench.db.clock.now();
        while !holds().await {
            let passed = bench.db.clock.now().since(begun);
            assert!(passed < Duration::from_secs(120), "never: {what}");
            let step = Duration::from_millis(250);
            bench.db.clock.advance(step);
            tokio::time::advance(step).await;
            blocking(|| std::thread::sleep(Duration::from_millis(5))).await;
        }
        bench.db.clock.now().since(begun).as_secs()
    }
}

async fn open(bench: &Bench, kind: &str, about: &str) -> Vec<Alert> {
    let mut alerts = bench.checkout.alerts(50).await.unwrap();
    alerts.retain(|one| one.kind == kind && one.what.contains(about) && one.closed_at.is_none());
    alerts
}

both_engines!(a_script_that_changed_or_is_new_is_an_alert_within_a_minute, MIGRATIONS, async |db| {
    let (shop, text, _) = server("").await;
    let bench = Bench::with_shop(db, "mode = 'enforce'", Some(shop.url())).await;
    let running = Running::start(&bench);
    let page = "<head><script src=/assets/shop.js></script>";
    let address = "https://shop.example/assets/shop.js";
    bench.page(page).await;
    let own = async || bench.scripts().await.into_iter().find(|row| row.address == address);
    let fetched =
        running.until(&bench, "it is fetched", async || own().await.is_some_and(|row| row.hash.is_some()));
    assert!(fetched.await <= 45);
    bench.approve(&bench.row(address).await, Scope::Exact).await;
    // It changes in the shop, at whatever moment of the round, and a buyer opens the page.
    for (round, later) in [0, 7, 19].into_iter().enumerate() {
        let hour = bench.db.clock.now().plus(Duration::from_secs(later));
        running.until(&bench, "a while", async || bench.db.clock.now() >= hour).await;
        set(&text, &format!("steal({round})"));
        bench.page(page).await;
        let told = running
            .until(&bench, "the alert", async || !open(&bench, "script_changed", address).await.is_empty());
        let seconds = told.await;
        // A slow machine has room until the minute is over.
        assert!(seconds <= 35, "{seconds}");
        assert_eq!(bench.told("checkout.script_changed").await.len(), round + 1);
        bench.approve(&bench.row(address).await, Scope::Exact).await;
        assert!(open(&bench, "script_changed", address).await.is_empty(), "who approves has looked");
    }
    bench
        .page("<head><script src=/assets/shop.js></script><script src=https://evil.example/skim.js></script>")
        .await;
    let told = running
        .until(&bench, "the alert", async || !open(&bench, "script_new", "evil.example").await.is_empty());
    let seconds = told.await;
    assert!(seconds <= 60, "{seconds}");
    assert!(!bench.told("checkout.script_new").await.is_empty());
});
