//! The pool as its callers see it, with real threads.

use std::sync::atomic::{AtomicBool, Ordering};

use storeward_base::{FixedClock, SystemEntropy, Timestamp};

use super::*;
use crate::argon::Cost;

const SMALL: Cost = Cost { memory_kib: 64, passes: 2, lanes: 1 };

/// Lets a new hash wait for its salt until the gate is open: so a thread is busy for as long as a test wants.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
    panics: AtomicBool,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

impl Entropy for Gate {
    fn fill(&self, bytes: &mut [u8]) {
        SystemEntropy.fill(bytes);
        if bytes.len() < 16 {
            return;
        }
        assert!(!self.panics.swap(false, Ordering::SeqCst), "a fault that this test wants");
        let mut is_open = self.is_open.lock().unwrap();
        while !*is_open {
            is_open = self.opened.wait(is_open).unwrap();
        }
    }
}

struct Bench {
    pool: Pool,
    gate: Arc<Gate>,
    clock: Arc<FixedClock>,
}

fn bench(cost: Cost) -> Bench {
    let gate = Arc::new(Gate::default());
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_000_000)));
    let mut options = PoolOptions::new(clock.clone(), gate.clone());
    options.threads = Some(1);
    options.recipe.cost = cost;
    // The gate holds the one thread up, not others that want the core.
    options.patience = Duration::MAX;
    Bench { pool: Pool::start(options).unwrap(), gate, clock }
}

impl Bench {
    /// Keeps the one thread busy until the gate opens.
    async fn occupy(&self) -> tokio::task::JoinHandle<Result<NewHash, Error>> {
        let pool = self.pool.clone();
        let busy =
            tokio::spawn(async move { pool.hash(ticket(Lane::KnownDevice, 1 << 20), secret("busy")).await });
        self.until(|stats| stats.running == 1).await;
        busy
    }

    async fn until(&self, state: impl Fn(&PoolStats) -> bool) {
        while !state(&self.pool.stats()) {
            tokio::task::yield_now().await;
        }
    }

    fn ask(&self, ticket: Ticket) -> tokio::task::JoinHandle<Result<Verified, Error>> {
        let pool = self.pool.clone();
        tokio::spawn(async move { pool.verify_nothing(ticket, secret("a guess")).await })
    }
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn ticket(lane: Lane, who: u32) -> Ticket {
    let address = format!("10.{}.{}.{}", who >> 16 & 255, who >> 8 & 255, who & 255);
    Ticket { lane, account: AccountKey::of(&format!("{who}")), address: address.parse().unwrap() }
}

/// The pool's threads, or their stand-ins, as the kernel has them: nice value and policy (proc(5): fields 19 and 41 of stat).
fn threads(name: &str) -> Vec<(i32, u32)> {
    let mut found = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else { continue };
        if stat.contains(&format!("({name}")) {
            let fields: Vec<_> = stat[stat.rfind(')').unwrap() + 1..].split_whitespace().collect();
            found.push((fields[16].parse().unwrap(), fields[38].parse().unwrap()));
        }
    }
    found
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_flood_is_refused_at_once_and_takes_neither_threads_nor_memory() {
    let bench = bench(Cost::DEFAULT);
    let busy = bench.occupy().await;
    let before = resident_kib();
    let flood: Vec<_> = (0..1_000).map(|who| bench.ask(ticket(Lane::Stranger, who))).collect();
    // Nothing is computed meanwhile: the gate is shut. Those over the limit have their answer all the same.
    bench.until(|stats| stats.waiting[2] + usize::try_from(stats.full).unwrap() == 1_000).await;
    let stats = bench.pool.stats();
    assert_eq!(stats.waiting, [0, 0, 122], "two seconds of 16.4 ms each");
    assert!(stats.waiting_us <= 2_000_000 && stats.done == 0, "{stats:?}");
    assert_eq!(threads("passwords-").len(), 1);
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB for a thousand attempts");

    let mut refused = 0;
    for answer in flood.iter().filter(|answer| answer.is_finished()) {
        assert!(answer.is_finished());
        refused += 1;
    }
    assert_eq!(refused, 878);
    // Who asks first whether there is room is told the same.
    let room = |lane, who| bench.pool.has_room(&ticket(lane, who));
    assert!(matches!(room(Lane::Stranger, 6_000), Err(Error::Full { .. })));
    assert!(matches!(room(Lane::Stranger, 1), Err(Error::TooMany { .. })));
    assert_eq!(room(Lane::KnownDevice, 6_000), Ok(()));
    // A known device comes in all the same.
    let known = bench.ask(ticket(Lane::KnownDevice, 5_000));
    bench.until(|stats| stats.waiting[0] == 1).await;
    // By the time the thread is free the others' deadline has come; they are told so and cost nothing more.
    bench.clock.advance(Duration::from_secs(3));
    bench.gate.open();
    assert!(busy.await.unwrap().is_ok());
    let (mut full, mut late) = (0, 0);
    for answer in flood {
        let error = answer.await.unwrap().unwrap_err();
        let wait = error.retry_after().unwrap();
        assert!((Duration::from_secs(2)..=Duration::from_secs(8)).contains(&wait), "{wait:?}");
        match error {
            Error::Full { .. } => full += 1,
            Error::Late { .. } => late += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((full, late), (879, 121), "one gave way to the known device");
    assert!(matches!(known.await.unwrap(), Err(Error::Late { .. })));
    let stats = bench.pool.stats();
    assert_eq!((stats.done, stats.late, stats.waiting, stats.running), (1, 122, [0; 3], 0));
}

#[tokio::test]
async fn one_account_has_one_attempt_under_way_however_many_come() {
    let bench = bench(SMALL);
    let busy = bench.occupy().await;
    let victim = ticket(Lane::Stranger, 7);
    let guesses: Vec<_> = (0..500)
        .map(|who| bench.ask(Ticket { address: ticket(Lane::Stranger, who).address, ..victim }))
        .collect();
    bench.until(|stats| stats.too_many == 499).await;
    assert_eq!(bench.pool.stats().waiting, [0, 0, 1]);
    let owner = bench.ask(Ticket { lane: Lane::KnownDevice, ..victim });
    bench.until(|stats| stats.waiting[0] == 1).await;
    bench.gate.open();
    busy.await.unwrap().unwrap();
    assert_eq!(owner.await.unwrap(), Ok(Verified::Wrong));
    let mut computed = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            Ok(Verified::Wrong) => computed += 1,
            Err(Error::TooMany { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(computed, 1);
    // One after the other they are all served: the place is free as soon as the answer is there.
    for _ in 0..20 {
        assert_eq!(bench.pool.verify_nothing(victim, secret("a guess")).await, Ok(Verified::Wrong));
    }
}

#[tokio::test]
async fn an_account_that_does_not_exist_takes_the_same_way() {
    let bench = bench(SMALL);
    bench.gate.open();
    let stored =
        bench.pool.hash(ticket(Lane::Stranger, 1), secret("the right one")).await.unwrap().to_string();
    let stored = StoredHash::parse(&stored).unwrap();
    let fits = bench.pool.verify(ticket(Lane::Stranger, 1), secret("the right one"), stored.clone()).await;
    assert_eq!(fits, Ok(Verified::Fits));
    // The same work when they are computed, also where the length rules it out.
    for guess in ["a guess", "", &"x".repeat(2_000)] {
        let start = bench.pool.stats();
        let known = bench.pool.verify(ticket(Lane::Stranger, 1), secret(guess), stored.clone()).await;
        let middle = bench.pool.stats();
        let unknown = bench.pool.verify_nothing(ticket(Lane::Stranger, 2), secret(guess)).await;
        let end = bench.pool.stats();
        assert_eq!((known, unknown), (Ok(Verified::Wrong), Ok(Verified::Wrong)));
        assert_eq!(middle.argon2_kib - start.argon2_kib, end.argon2_kib - middle.argon2_kib, "{guess}");
        assert_eq!(middle.done - start.done, end.done - middle.done);
    }
    // And the same refusals when they are not.
    *bench.gate.is_open.lock().unwrap() = false;
    let busy = bench.occupy().await;
    let (known, unknown) = (ticket(Lane::Stranger, 1), ticket(Lane::Stranger, 2));
    let first = [bench.ask(unknown), {
        let (pool, stored) = (bench.pool.clone(), stored.clone());
        tokio::spawn(async move { pool.verify(known, secret("a guess"), stored).await })
    }];
    bench.until(|stats| stats.waiting[2] == 2).await;
    let again = bench.pool.verify(known, secret("a guess"), stored).await;
    assert!(matches!(again, Err(Error::TooMany { .. })));
    assert!(matches!(
        bench.pool.verify_nothing(unknown, secret("a guess")).await,
        Err(Error::TooMany { .. })
    ));
    bench.gate.open();
    busy.await.unwrap().unwrap();
    for answer in first {
        assert_eq!(answer.await.unwrap(), Ok(Verified::Wrong));
    }
}

#[tokio::test]
async fn who_goes_away_leaves_nothing_behind() {
    let bench = bench(SMALL);
    let busy = bench.occupy().await;
    let waiting = bench.ask(ticket(Lane::Stranger, 1));
    bench.until(|stats| stats.waiting[2] == 1).await;
    waiting.abort();
    assert!(waiting.await.is_err());
    let stats = bench.pool.stats();
    assert_eq!((stats.waiting, stats.waiting_us, stats.abandoned), ([0; 3], 0, 1));
    // The same account may ask again at once.
    let again = bench.ask(ticket(Lane::Stranger, 1));
    bench.until(|stats| stats.waiting[2] == 1).await;
    bench.gate.open();
    assert_eq!(again.await.unwrap(), Ok(Verified::Wrong));
    busy.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_fault_in_one_computation_ends_that_one_only() {
    let bench = bench(SMALL);
    bench.gate.panics.store(true, Ordering::SeqCst);
    let failed = bench.pool.hash(ticket(Lane::Stranger, 1), secret("words")).await;
    assert_eq!(failed, Err(Error::Thread));
    bench.gate.open();
    assert!(bench.pool.hash(ticket(Lane::Stranger, 1), secret("words")).await.is_ok());
    assert_eq!(bench.pool.stats().running, 0);
}

#[tokio::test]
async fn the_threads_yield_to_others_and_end_with_the_pool() {
    let own = rustix::process::getpriority_process(None).unwrap();
    let bench = bench(SMALL);
    let busy = bench.occupy().await;
    // sched(7): 5 is SCHED_IDLE, where the nice value says nothing; 0 is the usual one.
    assert_eq!(threads("passwords-").into_iter().map(|(_, policy)| policy).collect::<Vec<_>>(), [5]);
    while threads("stand-in-") != [(own + 10, 0)] {
        tokio::task::yield_now().await;
    }
    let waiting = bench.ask(ticket(Lane::Stranger, 1));
    bench.until(|stats| stats.waiting[2] == 1).await;
    // The handles of the two that ask are given up with them.
    busy.abort();
    waiting.abort();
    let (_, _) = tokio::join!(busy, waiting);
    let other = bench.pool.clone();
    drop(bench.pool);
    assert_eq!(threads("passwords-").len(), 1, "one handle is left");
    drop(other);
    bench.gate.open();
    while !threads("passwords-").is_empty() || !threads("stand-in-").is_empty() {
        tokio::task::yield_now().await;
    }
}

// Threads that run only when nobody else wants to may never run. Whoever signs in then is served all the same.
#[tokio::test]
async fn where_the_cores_have_no_time_a_stand_in_serves() {
    let gate = Arc::new(Gate::default());
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_000_000)));
    let mut options = PoolOptions::new(clock.clone(), gate.clone());
    options.threads = Some(1);
    options.recipe.cost = SMALL;
    options.patience = Duration::from_millis(1);
    let bench = Bench { pool: Pool::start(options).unwrap(), gate, clock };
    // The thread begins, and then it does not come on.
    let stuck = bench.occupy().await;
    bench.until(|stats| stats.relieved == 1).await;
    // What needs no salt does not wait at the gate: but one stand-in is at it too.
    let waiting = bench.ask(ticket(Lane::Stranger, 1));
    bench.until(|stats| stats.waiting[2] == 1).await;
    bench.gate.open();
    assert!(stuck.await.unwrap().is_ok());
    assert_eq!(waiting.await.unwrap(), Ok(Verified::Wrong));
    // What was computed twice was done and answered once.
    let stats = bench.pool.stats();
    assert_eq!((stats.done, stats.running), (2, 0));
    assert_eq!(stats.argon2_kib, 2 * 128);
    assert!(stats.relieved >= 2, "for some seconds stand-ins go first: {stats:?}");
    // The account has no place taken by what the thread left behind.
    let again = bench.pool.verify_nothing(ticket(Lane::KnownDevice, 1 << 20), secret("a guess")).await;
    assert_eq!(again, Ok(Verified::Wrong));
}

// A flood must not have the cores for as long as it lasts; whoever is known, or has solved a puzzle, does not wait for it.
#[tokio::test]
async fn strangers_have_no_more_than_their_part_of_the_time() {
    let bench = bench(Cost::DEFAULT);
    bench.gate.open();
    let mut spent = ticket(Lane::Stranger, 0);
    // What a second of work is, and a little more.
    while bench.pool.stats().pressure_percent < 50 {
        for who in 1..200 {
            spent = ticket(Lane::Stranger, who);
            drop(bench.ask(spent));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (lane, who) in [(Lane::KnownDevice, 9_000), (Lane::ProofOfWork, 9_001)] {
        let before = bench.pool.stats();
        assert_eq!(
            bench.pool.verify_nothing(ticket(lane, who), secret("a guess")).await,
            Ok(Verified::Wrong)
        );
        let after = bench.pool.stats();
        assert!(after.done - before.done <= 3, "it waited for few others: {before:?}, {after:?}");
    }
    assert!(bench.pool.has_room(&Ticket { lane: Lane::KnownDevice, ..spent }).is_ok());
}

#[test]
fn any_runtime_may_ask() {
    let pool = {
        let mut options = PoolOptions::new(Arc::new(storeward_base::SystemClock), Arc::new(SystemEntropy));
        options.recipe.cost = SMALL;
        Pool::start(options).unwrap()
    };
    let current = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let several = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for (number, runtime) in [current(), current(), several].into_iter().enumerate() {
        let ticket = ticket(Lane::Stranger, u32::try_from(number).unwrap());
        let found = runtime.block_on(pool.verify_nothing(ticket, secret("a guess")));
        assert_eq!(found, Ok(Verified::Wrong));
    }
    let half = std::thread::available_parallelism().unwrap().get() / 2;
    assert_eq!(pool.stats().threads, half.max(1));
}
