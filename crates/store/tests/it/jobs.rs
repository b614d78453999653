//! Jobs: at least once, never twice at once, given up in the end, and gone when done.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use storeward_base::{Actor, JobId, Timestamp};
use storeward_events::{Event, system::JobFailed};
use storeward_store::jobs::{
    self, Claim, Enqueued, Failed, Handler, Job, NewJob, Runner, RunnerOptions, Trouble,
};
use storeward_store::{Db, Error, both_engines, params};
use tokio::sync::{mpsc, watch};

use crate::started;

/// A short sweep, so that a moved clock is noticed soon; a lease that no test outlives unless it moves the clock.
const OPTIONS: RunnerOptions =
    RunnerOptions { lease: Duration::from_secs(60), sweep: Duration::from_millis(20) };
/// Beyond every back-off of a first failure, and beyond the lease.
const LONG: Duration = Duration::from_secs(120);
const GRACE: Duration = Duration::from_secs(30);

fn start(db: &Db, handlers: Vec<Handler>) -> Runner {
    start_with(db, handlers, OPTIONS)
}

fn start_with(db: &Db, handlers: Vec<Handler>, options: RunnerOptions) -> Runner {
    let runtime = tokio::runtime::Handle::current();
    Runner::start(db.clone(), handlers, options, &runtime, |_| {}).unwrap()
}

async fn enqueue(db: &Db, job: NewJob) -> Enqueued {
    let promised = db.write(move |tx| {
        tx.append(Actor::System, None, started("promise"))?;
        jobs::enqueue(tx, &job)
    });
    promised.await.unwrap_or_else(|why: Error| panic!("{why}"))
}

fn id_of(enqueued: Enqueued) -> JobId {
    match enqueued {
        Enqueued::New(id) => id,
        Enqueued::Already(id) => panic!("{id} was there already"),
    }
}

/// All that is stored of a job.
#[derive(Debug, PartialEq, Eq)]
struct Stored {
    payload: Vec<u8>,
    run_at: Timestamp,
    attempts: u32,
    held: bool,
    code: Option<String>,
    dead: bool,
}

async fn stored(db: &Db, id: JobId) -> Option<Stored> {
    let sql = "SELECT payload, run_at, attempts, lease_until, error_code, died_at FROM job WHERE id = $1";
    let found = db.read(move |reader| {
        reader.query_optional(sql, params![id], |row| {
            Ok(Stored {
                payload: row.get(0)?,
                run_at: row.get(1)?,
                attempts: row.get(2)?,
                held: row.get::<Option<Timestamp>>(3)?.is_some(),
                code: row.get(4)?,
                dead: row.get::<Option<Timestamp>>(5)?.is_some(),
            })
        })
    });
    found.await.unwrap_or_else(|why: Error| panic!("{why}"))
}

async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it comes about");
}

async fn until_gone(db: &Db, id: JobId) {
    until(async || stored(db, id).await.is_none()).await;
}

async fn failures(db: &Db) -> Vec<JobFailed> {
    let page = db.read(|reader| storeward_store::ledger::read_after(reader, 0, 1000)).await;
    let records = page.unwrap_or_else(|why: Error| panic!("{why}"));
    let failed = records.into_iter().filter_map(|(_, record)| match record.event {
        Event::JobFailed(failed) => Some(failed),
        _ => None,
    });
    failed.collect()
}

/// A handler that hands each job over to the test, and ends as the test says.
struct Puppet {
    jobs: mpsc::UnboundedReceiver<Claim>,
    end: watch::Sender<Option<Result<(), Failed>>>,
}

impl Puppet {
    fn new(kind: &'static str) -> (Self, Handler) {
        let (sender, jobs) = mpsc::unbounded_channel();
        let end = watch::Sender::new(None);
        let ending = end.clone();
        let handler = Handler::new(kind, move |job: Job| {
            let (sender, mut ending) = (sender.clone(), ending.subscribe());
            async move {
                sender.send(job.claim()).ok();
                let end = ending.wait_for(Option::is_some).await.map(|end| *end);
                end.ok().flatten().unwrap_or(Ok(()))
            }
        });
        (Puppet { jobs, end }, handler)
    }

    async fn next(&mut self) -> Claim {
        let next = tokio::time::timeout(Duration::from_secs(60), self.jobs.recv());
        next.await.expect("a job comes").expect("the handler lives")
    }
}

/// A handler that fails with each code in turn, then succeeds.
fn failing(kind: &'static str, fails: &'static [Failed]) -> (Handler, Arc<AtomicU32>) {
    let tries = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&tries);
    let handler = Handler::new(kind, move |_| {
        let n = usize::try_from(count.fetch_add(1, Ordering::SeqCst)).unwrap();
        async move { fails.get(n).map_or(Ok(()), |failed| Err(*failed)) }
    });
    (handler, tries)
}

both_engines!(a_promised_job_is_done_and_gone, async |db| {
    let (seen, mut jobs) = mpsc::unbounded_channel();
    let handler = Handler::new("shop.greet", move |job: Job| {
        let seen = seen.clone();
        async move {
            seen.send((job.id(), job.payload().to_vec(), job.attempt())).ok();
            Ok(())
        }
    });
    // No sweep comes to its aid: the commit itself wakes the runner.
    let never = RunnerOptions { sweep: Duration::from_secs(3600), ..OPTIONS };
    let runner = start_with(&db, vec![handler], never);
    for n in 0..3u8 {
        let id = id_of(enqueue(&db, NewJob::new("shop.greet", [n, 255])).await);
        assert_eq!(jobs.recv().await, Some((id, vec![n, 255], 1)));
        until_gone(&db, id).await;
    }
    runner.stop(GRACE).await;
    assert_eq!(failures(&db).await, []);
});

both_engines!(a_job_is_there_only_if_its_write_is, async |db| {
    let wrote = db.write(|tx| {
        jobs::enqueue(tx, &NewJob::new("shop.greet", Vec::new()))?;
        tx.append(Actor::System, None, started("1"))?;
        crate::failing::<()>(Error::Full)
    });
    assert_eq!(wrote.await, Err(Error::Full));
    let without_event = db.write(|tx| jobs::enqueue(tx, &NewJob::new("shop.greet", Vec::new())));
    assert_eq!(without_event.await, Err(Error::NoEvent));
    let count =
        db.read(|r| r.query_one("SELECT CAST(COUNT(*) AS BIGINT) FROM job", &[], |row| row.get::<u64>(0)));
    assert_eq!(count.await, Ok::<_, Error>(0));
});

both_engines!(a_payload_has_a_bound, async |db| {
    let write = |bytes: usize| {
        db.write(move |tx| {
            tx.commit_silent("a test");
            jobs::enqueue(tx, &NewJob::new("shop.greet", vec![7; bytes])).map(drop)
        })
    };
    assert_eq!(write(jobs::MAX_PAYLOAD_BYTES).await, Ok(()));
    assert_eq!(write(jobs::MAX_PAYLOAD_BYTES + 1).await, Err(Error::JobTooLarge));
});

both_engines!(a_key_is_taken_until_its_job_is_done_or_dead, async |db| {
    let job = |kind| NewJob::new(kind, Vec::new()).unique("order-7");
    let first = id_of(enqueue(&db, job("shop.a")).await);
    assert_eq!(enqueue(&db, job("shop.a")).await, Enqueued::Already(first));
    db.clock.advance(Duration::from_secs(1));
    // Another kind has keys of its own; no key is no key.
    id_of(enqueue(&db, job("shop.b")).await);
    id_of(enqueue(&db, NewJob::new("shop.a", Vec::new())).await);
    id_of(enqueue(&db, NewJob::new("shop.a", Vec::new())).await);
    let (mut puppet, handler) = Puppet::new("shop.a");
    let runner = start(&db, vec![handler]);
    assert_eq!(puppet.next().await.id(), first);
    assert_eq!(enqueue(&db, job("shop.a")).await, Enqueued::Already(first));
    puppet.end.send_replace(Some(Ok(())));
    until_gone(&db, first).await;
    puppet.end.send_replace(Some(Err(Failed::for_good("shop.closed"))));
    let second = id_of(enqueue(&db, job("shop.a")).await);
    until(async || stored(&db, second).await.is_some_and(|job| job.dead)).await;
    id_of(enqueue(&db, job("shop.a")).await);
    runner.stop(GRACE).await;
});

both_engines!(a_job_waits_for_its_moment, async |db| {
    let later = db.now().plus(Duration::from_secs(600));
    let id = id_of(enqueue(&db, NewJob::new("shop.remind", Vec::new()).not_before(later)).await);
    let (handler, tries) = failing("shop.remind", &[]);
    let runner = start(&db, vec![handler]);
    // A job behind it, due now, shows that the runner has looked.
    let (other, other_tries) = failing("shop.now", &[]);
    let beside = start(&db, vec![other]);
    let now = id_of(enqueue(&db, NewJob::new("shop.now", Vec::new())).await);
    until_gone(&db, now).await;
    assert_eq!((tries.load(Ordering::SeqCst), other_tries.load(Ordering::SeqCst)), (0, 1));
    db.clock.advance(Duration::from_secs(600));
    until_gone(&db, id).await;
    runner.stop(GRACE).await;
    beside.stop(GRACE).await;
});

both_engines!(a_failure_is_tried_again_later, async |db| {
    const FAILS: &[Failed] =
        &[Failed::later("shop.busy"), Failed::after("shop.wait", Duration::from_secs(90))];
    let (handler, tries) = failing("shop.greet", FAILS);
    let troubles = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&troubles);
    let runtime = tokio::runtime::Handle::current();
    let runner = Runner::start((*db).clone(), vec![handler], OPTIONS, &runtime, move |trouble| {
        heard.lock().unwrap().push(format!("{trouble:?}"));
    })
    .unwrap();
    let id = id_of(enqueue(&db, NewJob::new("shop.greet", *b"4111111111111111")).await);
    let failed_with = async |code: &'static str| {
        until(async || stored(&db, id).await.is_some_and(|job| job.code.as_deref() == Some(code))).await;
        stored(&db, id).await.unwrap()
    };
    let job = failed_with("shop.busy").await;
    assert_eq!((job.attempts, job.held, job.dead), (1, false, false));
    let wait = job.run_at.since(db.now()).as_secs_f64();
    assert!((2.5..=5.0).contains(&wait), "{wait}");
    db.clock.advance(Duration::from_secs(5));
    let job = failed_with("shop.wait").await;
    assert_eq!((job.attempts, job.run_at), (2, db.now().plus(Duration::from_secs(90))));
    assert_eq!(tries.load(Ordering::SeqCst), 2);
    db.clock.advance(Duration::from_secs(90));
    until_gone(&db, id).await;
    runner.stop(GRACE).await;
    assert_eq!(tries.load(Ordering::SeqCst), 3);
    assert_eq!(failures(&db).await, []);
    let troubles = troubles.lock().unwrap().join("\n");
    assert!(troubles.contains("shop.busy") && troubles.contains("shop.wait"), "{troubles}");
    assert!(!troubles.contains("4111"), "a job's words are in nobody's log: {troubles}");
});

both_engines!(in_the_end_a_job_is_given_up_and_what_it_carried_is_gone, async |db| {
    const FAILS: &[Failed] = &[Failed::later("shop.busy"), Failed::later("shop.broken")];
    let (handler, _) = failing("shop.greet", FAILS);
    let runner = start(&db, vec![handler.attempts(2)]);
    let id = id_of(enqueue(&db, NewJob::new("shop.greet", *b"what nobody else may see")).await);
    until(async || stored(&db, id).await.is_some_and(|job| job.code.is_some())).await;
    db.clock.advance(LONG);
    until(async || stored(&db, id).await.is_some_and(|job| job.dead)).await;
    runner.stop(GRACE).await;
    let job = stored(&db, id).await.unwrap();
    assert_eq!((job.payload, job.attempts, job.code.as_deref()), (vec![], 2, Some("shop.broken")));
    let kind = "shop.greet".to_owned();
    assert_eq!(
        failures(&db).await,
        [JobFailed { job: id, kind, code: "shop.broken".to_owned(), attempts: 2 }]
    );
    let before = db.now();
    let forget = async |moment| {
        let forgot = db.write(move |tx| {
            tx.commit_silent("a test");
            jobs::forget_dead_before(tx, moment)
        });
        forgot.await.unwrap_or_else(|why: Error| panic!("{why}"))
    };
    assert_eq!(forget(before).await, 0);
    assert_eq!(forget(before.plus(Duration::from_secs(1))).await, 1);
    assert_eq!(stored(&db, id).await, None);
});

both_engines!(a_panic_and_a_time_limit_are_failures, async |db| {
    let panics = Handler::new("shop.panics", async |_| panic!("on purpose")).attempts(1);
    // Before there is a future, too.
    let early = Handler::new("shop.early", |job: Job| {
        assert!(job.attempt() > 1, "on purpose");
        async { Ok(()) }
    });
    let hangs = Handler::new("shop.hangs", |_| std::future::pending())
        .time_limit(Duration::from_millis(50))
        .attempts(1);
    let runner = start(&db, vec![panics, early.attempts(1), hangs]);
    let mut codes = BTreeMap::new();
    for (kind, code) in
        [("shop.panics", "job.panicked"), ("shop.early", "job.panicked"), ("shop.hangs", "job.timed_out")]
    {
        let id = id_of(enqueue(&db, NewJob::new(kind, Vec::new())).await);
        until(async || stored(&db, id).await.is_some_and(|job| job.dead)).await;
        codes.insert(kind.to_owned(), code.to_owned());
    }
    runner.stop(GRACE).await;
    let stated: BTreeMap<_, _> =
        failures(&db).await.into_iter().map(|failed| (failed.kind, failed.code)).collect();
    assert_eq!(stated, codes);
});

both_engines!(two_processes_never_run_one_job_twice, async |db| {
    let other = db.open_again();
    let (runs, at_once) = (Arc::new(Mutex::new(BTreeMap::<JobId, u32>::new())), Arc::new(AtomicU32::new(0)));
    let most = Arc::new(AtomicU32::new(0));
    let handler = || {
        let (runs, at_once, most) = (Arc::clone(&runs), Arc::clone(&at_once), Arc::clone(&most));
        let handler = Handler::new("shop.greet", move |job: Job| {
            let (runs, at_once, most) = (Arc::clone(&runs), Arc::clone(&at_once), Arc::clone(&most));
            async move {
                let now = at_once.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                *runs.lock().unwrap().entry(job.id()).or_default() += 1;
                tokio::task::yield_now().await;
                at_once.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        });
        handler.at_once(3)
    };
    let runners = [start(&db, vec![handler()]), start(&other, vec![handler()])];
    let mut ids = Vec::new();
    for n in 0..60 {
        let on = if n % 2 == 0 { &*db } else { &other };
        ids.push(id_of(enqueue(on, NewJob::new("shop.greet", Vec::new())).await));
    }
    for id in &ids {
        until_gone(&db, *id).await;
    }
    for runner in runners {
        runner.stop(GRACE).await;
    }
    ids.sort();
    let once: BTreeMap<JobId, u32> = ids.iter().map(|id| (*id, 1)).collect();
    assert_eq!(*runs.lock().unwrap(), once);
    assert!((1..=6).contains(&most.load(Ordering::SeqCst)), "three places in each of two runners");
    close(other).await;
});

both_engines!(who_holds_a_job_of_the_past_changes_nothing, async |db| {
    let id = id_of(enqueue(&db, NewJob::new("shop.greet", *b"sealed")).await);
    // The first process takes it and dies without a word: its runtime is gone in the middle.
    let dead = std::thread::spawn({
        let db = db.open_again();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let claim = runtime.block_on(async {
                let (mut puppet, handler) = Puppet::new("shop.greet");
                let runner = start(&db, vec![handler]);
                let claim = puppet.next().await;
                std::mem::forget(runner);
                claim
            });
            runtime.shutdown_background();
            db.close();
            claim
        }
    });
    let old = storeward_store::testing::blocking(move || dead.join().unwrap()).await;
    assert_eq!(old.id(), id);
    let (mut puppet, handler) = Puppet::new("shop.greet");
    let runner = start(&db, vec![handler.attempts(2)]);
    // While the lease lasts, nobody else gets it, however often the runner looks.
    let (other, _) = failing("shop.other", &[]);
    let beside = start(&db, vec![other]);
    let sign = id_of(enqueue(&db, NewJob::new("shop.other", Vec::new())).await);
    until_gone(&db, sign).await;
    assert!(puppet.jobs.try_recv().is_err());
    db.clock.advance(LONG);
    let new = puppet.next().await;
    assert_eq!(new.id(), id);
    // The dead one speaks up after all: its effect is rolled back, and the job stays with the new one.
    let late = db.write(move |tx| {
        tx.append(Actor::System, None, started("late"))?;
        old.finish(tx)
    });
    let size = crate::size(&db).await;
    assert_eq!(late.await, Err(Error::JobTaken));
    assert_eq!(crate::size(&db).await, size);
    assert!(stored(&db, id).await.is_some_and(|job| job.held && job.attempts == 2));
    puppet.end.send_replace(Some(Ok(())));
    until_gone(&db, id).await;
    runner.stop(GRACE).await;
    beside.stop(GRACE).await;
});

both_engines!(a_job_that_kills_its_process_is_given_up, async |db| {
    let id = id_of(enqueue(&db, NewJob::new("shop.deadly", *b"poison")).await);
    // Taken twice, and never a word again.
    for n in 1..=2u32 {
        let sql = "UPDATE job SET claims = $1, attempts = $1, lease_until = $2";
        let until = db.now().plus(Duration::from_secs(60));
        let wrote = db.write(move |tx| {
            tx.commit_silent("a test");
            tx.execute(sql, params![n, until])
        });
        assert_eq!(wrote.await, Ok::<_, Error>(1));
        db.clock.advance(LONG);
    }
    let (handler, tries) = failing("shop.deadly", &[]);
    let runner = start(&db, vec![handler.attempts(2)]);
    until(async || stored(&db, id).await.is_some_and(|job| job.dead && job.payload.is_empty())).await;
    runner.stop(GRACE).await;
    assert_eq!(tries.load(Ordering::SeqCst), 0);
    let stated: Vec<_> = failures(&db).await.into_iter().map(|f| (f.code, f.attempts)).collect();
    assert_eq!(stated, [("job.lost".to_owned(), 2)]);
});

both_engines!(a_lease_is_renewed_while_its_handler_works, async |db| {
    let short = RunnerOptions { lease: Duration::from_millis(150), ..OPTIONS };
    let (mut puppet, handler) = Puppet::new("shop.slow");
    let runner = start_with(&db, vec![handler], short);
    let id = id_of(enqueue(&db, NewJob::new("shop.slow", Vec::new())).await);
    let claim = puppet.next().await;
    let lease = async || {
        let sql = "SELECT lease_until FROM job WHERE id = $1";
        let found = db.read(move |r| r.query_one(sql, params![id], |row| row.get::<Timestamp>(0)));
        found.await.unwrap_or_else(|why: Error| panic!("{why}"))
    };
    // Each renewal reaches further, because the clock was moved a little before it.
    for _ in 0..5 {
        let before = lease().await;
        db.clock.advance(Duration::from_millis(20));
        until(async || lease().await > before).await;
    }
    // The row is taken by force: the handler is ended and its end changes nothing.
    db.raw("UPDATE job SET claims = claims + 1");
    until(async || puppet.end.receiver_count() == 0).await;
    runner.stop(GRACE).await;
    assert!(stored(&db, id).await.is_some_and(|job| job.held && !job.dead));
    let late = db.write(move |tx| {
        tx.commit_silent("a test");
        claim.finish(tx)
    });
    assert_eq!(late.await, Err(Error::JobTaken));
});

both_engines!(work_in_the_database_is_done_exactly_once, async |db| {
    let inner = (*db).clone();
    let handler = Handler::new("shop.count", move |job: Job| {
        let (db, claim) = (inner.clone(), job.claim());
        async move {
            let first = db.write(move |tx| {
                tx.append(Actor::System, None, started("counted"))?;
                claim.finish(tx)
            });
            first.await?;
            // A second time, in the same attempt: refused, and rolled back.
            let second = db.write(move |tx| {
                tx.append(Actor::System, None, started("counted"))?;
                claim.finish(tx)
            });
            assert_eq!(second.await, Err(Error::JobTaken));
            Ok(())
        }
    });
    let runner = start(&db, vec![handler]);
    let id = id_of(enqueue(&db, NewJob::new("shop.count", Vec::new())).await);
    until_gone(&db, id).await;
    runner.stop(GRACE).await;
    assert_eq!(crate::size(&db).await, 2, "the promise and one count");
    assert_eq!(failures(&db).await, []);
});

both_engines!(what_comes_again_comes_once_for_all_nodes, async |db| {
    let other = db.open_again();
    let runs = Arc::new(AtomicU32::new(0));
    let handler = |period: u64| {
        let runs = Arc::clone(&runs);
        let handler = Handler::new("shop.sweep", move |_| {
            runs.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        });
        handler.every(Duration::from_secs(period))
    };
    let row = async || {
        let sql = "SELECT run_at, attempts, CAST(lease_until IS NULL AS INTEGER) FROM job LIMIT 10";
        let rows = db.read(move |r| {
            r.query_many(sql, &[], |row| {
                Ok((row.get::<Timestamp>(0)?, row.get::<u32>(1)?, row.get::<bool>(2)?))
            })
        });
        rows.await.unwrap_or_else(|why: Error| panic!("{why}"))
    };
    let runners = [start(&db, vec![handler(3600)]), start(&other, vec![handler(3600)])];
    // Until one of them has had none for two periods: what the row says of the other is no proof.
    for n in 1..=2 {
        let next = db.now().plus(Duration::from_secs(3600));
        until(async || row().await == [(next, 0, true)]).await;
        assert_eq!(runs.load(Ordering::SeqCst), n);
        if n < 2 {
            db.clock.advance(Duration::from_secs(3600));
        }
    }
    for runner in runners {
        runner.stop(GRACE).await;
    }
    // A shorter period holds at once, a longer one from the next time on.
    let next = db.now().plus(Duration::from_secs(60));
    let runner = start(&db, vec![handler(60)]);
    until(async || row().await == [(next, 0, true)]).await;
    runner.stop(GRACE).await;
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    close(other).await;
});

both_engines!(what_comes_again_survives_its_failures, async |db| {
    const FAILS: &[Failed] = &[Failed::for_good("shop.closed")];
    let (handler, tries) = failing("shop.sweep", FAILS);
    let runner = start(&db, vec![handler.every(Duration::from_secs(3600))]);
    until(async || !failures(&db).await.is_empty()).await;
    db.clock.advance(Duration::from_secs(3600));
    until(async || tries.load(Ordering::SeqCst) == 2).await;
    runner.stop(GRACE).await;
    let stated: Vec<_> = failures(&db).await.into_iter().map(|f| (f.kind, f.code, f.attempts)).collect();
    assert_eq!(stated, [("shop.sweep".to_owned(), "shop.closed".to_owned(), 1)]);
});

both_engines!(a_stop_waits_for_work_under_way, async |db| {
    let (mut puppet, handler) = Puppet::new("shop.slow");
    let runner = start(&db, vec![handler]);
    let first = id_of(enqueue(&db, NewJob::new("shop.slow", Vec::new())).await);
    // What is due first is done first.
    db.clock.advance(Duration::from_secs(1));
    let second = id_of(enqueue(&db, NewJob::new("shop.slow", Vec::new())).await);
    assert_eq!(puppet.next().await.id(), first);
    let mut stopping = Box::pin(runner.stop(GRACE));
    let once = std::future::poll_fn(|cx| std::task::Poll::Ready(stopping.as_mut().poll(cx)));
    assert!(once.await.is_pending(), "the handler is at work");
    puppet.end.send_replace(Some(Ok(())));
    stopping.await;
    assert_eq!(stored(&db, first).await, None);
    let left = stored(&db, second).await.unwrap();
    assert_eq!((left.attempts, left.held), (0, false), "nothing new was taken");
});

both_engines!(a_stop_that_waits_no_longer_gives_the_job_back, async |db| {
    let (mut puppet, handler) = Puppet::new("shop.slow");
    let runner = start(&db, vec![handler]);
    let id = id_of(enqueue(&db, NewJob::new("shop.slow", *b"sealed")).await);
    let old = puppet.next().await;
    runner.stop(Duration::ZERO).await;
    let left = stored(&db, id).await.unwrap();
    assert_eq!((left.attempts, left.held, left.payload.as_slice()), (0, false, &b"sealed"[..]));
    // The next start has it at once, with no lease to wait for.
    let (mut puppet, handler) = Puppet::new("shop.slow");
    let runner = start(&db, vec![handler]);
    let new = puppet.next().await;
    assert!(new.id() == id && new != old);
    puppet.end.send_replace(Some(Ok(())));
    until_gone(&db, id).await;
    runner.stop(GRACE).await;
});

both_engines!(a_flood_of_one_kind_does_not_hold_up_another, async |db| {
    for _ in 0..30 {
        enqueue(&db, NewJob::new("shop.flood", Vec::new())).await;
    }
    let (mut puppet, flood) = Puppet::new("shop.flood");
    let (other, _) = failing("shop.other", &[]);
    let runner = start(&db, vec![flood.at_once(2), other]);
    puppet.next().await;
    puppet.next().await;
    let id = id_of(enqueue(&db, NewJob::new("shop.other", Vec::new())).await);
    until_gone(&db, id).await;
    assert!(puppet.jobs.try_recv().is_err(), "two at a time");
    runner.stop(Duration::ZERO).await;
});

both_engines!(kinds_without_a_handler_stay_and_two_handlers_are_refused, async |db| {
    let id = id_of(enqueue(&db, NewJob::new("shop.unknown", *b"later")).await);
    let (handler, _) = failing("shop.known", &[]);
    let runtime = tokio::runtime::Handle::current();
    let twice = vec![handler.clone(), handler.clone()];
    let refused = Runner::start((*db).clone(), twice, OPTIONS, &runtime, |_: Trouble<'_>| {});
    assert_eq!(refused.map(drop), Err(Error::HandlerTwice("shop.known")));
    let runner = start(&db, vec![handler]);
    let known = id_of(enqueue(&db, NewJob::new("shop.known", Vec::new())).await);
    until_gone(&db, known).await;
    runner.stop(GRACE).await;
    assert!(stored(&db, id).await.is_some_and(|job| job.attempts == 0));
});

async fn close(db: Db) {
    storeward_store::testing::blocking(move || db.close()).await;
}
