//! The runner: looks for what is due, takes it, and stands by while it is done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{JobId, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::acts::{self, Claim};
use super::again::Failed;
use super::handler::{Handler, Job};
use crate::{Db, Error};

/// How long a handler that was told to end may take to reach its next `await`.
const LETTING_GO: Duration = Duration::from_secs(5);

/// How a runner looks and holds.
#[derive(Clone, Copy, Debug)]
pub struct RunnerOptions {
    /// How long a job is held without a sign of life, before others may take it. It is renewed three times as often, so
    /// only a process that is dead, stuck or cut off lets it pass.
    pub lease: Duration,
    /// How often to look without having been woken: for what was put off, and for what other nodes promised.
    pub sweep: Duration,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        RunnerOptions { lease: Duration::from_secs(60), sweep: Duration::from_secs(1) }
    }
}

/// What the operator may want to see in the program's log. A job that is given up is a fact in the ledger besides.
#[derive(Debug)]
pub enum Trouble<'a> {
    /// The database refused; it is asked again.
    Store(&'a Error),
    /// An attempt failed.
    Attempt { kind: &'static str, job: JobId, attempt: u32, code: &'static str },
}

/// Does jobs until it is stopped. Dropped without a stop, it ends its handlers where they are.
#[derive(Debug)]
pub struct Runner {
    phase: watch::Sender<Phase>,
    main: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Take what is due.
    Taking,
    /// Take nothing more; let what is under way end.
    Finishing,
    /// End what is under way, and give it back.
    LettingGo,
}

/// Waits until it has come to `phase`. A runner that is gone has come to its end.
async fn comes_to(heard: &mut watch::Receiver<Phase>, phase: Phase) {
    drop(heard.wait_for(|now| *now >= phase).await);
}

impl Runner {
    /// Starts on a runtime. Of each kind only one handler may be there.
    pub fn start(
        db: Db,
        handlers: Vec<Handler>,
        options: RunnerOptions,
        runtime: &tokio::runtime::Handle,
        trouble: impl Fn(Trouble<'_>) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let mut kinds = BTreeMap::new();
        for handler in handlers {
            let (kind, free) = (handler.kind, Arc::new(Semaphore::new(handler.at_once)));
            if kinds.insert(kind, Kind { handler, free }).is_some() {
                return Err(Error::HandlerTwice(kind));
            }
        }
        let (phase, heard) = watch::channel(Phase::Taking);
        let last = kinds.keys().map(|kind| (*kind, db.now())).collect();
        let work = Arc::new(Work {
            db,
            kinds,
            options,
            phase: heard,
            trouble: Box::new(trouble),
            last: Mutex::new(last),
        });
        Ok(Runner { phase, main: runtime.spawn(work.run()) })
    }

    /// Takes nothing more, waits up to `grace` for handlers under way, then ends the rest and gives their jobs back.
    pub async fn stop(self, grace: Duration) {
        let Runner { phase, mut main } = self;
        phase.send_replace(Phase::Finishing);
        if timeout(grace, &mut main).await.is_ok() {
            return;
        }
        phase.send_replace(Phase::LettingGo);
        if timeout(LETTING_GO * 2, &mut main).await.is_err() {
            // Whatever blocks its thread keeps its lease until that ends.
            main.abort();
        }
    }
}

struct Kind {
    handler: Handler,
    /// Places for jobs of this kind.
    free: Arc<Semaphore>,
}

struct Work {
    db: Db,
    kinds: BTreeMap<&'static str, Kind>,
    options: RunnerOptions,
    phase: watch::Receiver<Phase>,
    trouble: Box<dyn Fn(Trouble<'_>) + Send + Sync>,
    /// When this process last took a job of each kind, or began: what comes again does so whatever its row says.
    last: Mutex<BTreeMap<&'static str, Timestamp>>,
}

/// How an attempt ended.
enum End {
    Done,
    Failed(Failed),
    /// The runner is stopping.
    Interrupted,
    /// Somebody else may have the job: it is theirs to say how it went.
    Lost,
}

impl Work {
    async fn run(self: Arc<Self>) {
        let mut wake = self.db.jobs_watch();
        let mut phase = self.phase.clone();
        let mut attempts = JoinSet::new();
        let mut scheduled = false;
        loop {
            wake.borrow_and_update();
            scheduled = scheduled || self.tell(self.schedule().await).is_some();
            let taken = self.tell(self.take().await).unwrap_or_default();
            for (job, place) in taken {
                attempts.spawn(Arc::clone(&self).attempt(job, place));
            }
            tokio::select! {
                // A stop comes before a place that is free again: nothing new is taken then.
                biased;
                () = comes_to(&mut phase, Phase::Finishing) => break,
                // A place is free again.
                Some(_) = attempts.join_next() => {}
                // The sender lives in `self.db`.
                _ = wake.changed() => {}
                () = sleep(self.options.sweep) => {}
            }
        }
        while attempts.join_next().await.is_some() {}
    }

    async fn schedule(&self) -> Result<(), Error> {
        let handlers: Vec<Handler> = self.kinds.values().map(|kind| kind.handler.clone()).collect();
        self.db.write(move |tx| acts::schedule(tx, &handlers)).await
    }

    fn took(&self, kinds: impl Iterator<Item = &'static str>, now: Timestamp) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.extend(kinds.map(|kind| (kind, now)));
    }

    /// Takes as many of each kind as there are places.
    async fn take(&self) -> Result<Vec<(Job, OwnedSemaphorePermit)>, Error> {
        let free = self.kinds.values().map(|kind| (kind.handler.clone(), kind.free.available_permits()));
        let wanted: Vec<(Handler, usize)> = free.filter(|(_, free)| *free > 0).collect();
        let now = self.db.now();
        let all = wanted.clone();
        let (lease, overdue) = (self.options.lease, self.overdue(&wanted, now));
        let due = if overdue.is_empty() {
            self.db.read(move |reader| acts::find_due(reader, &wanted, now)).await?
        } else {
            Vec::new()
        };
        let taken = if overdue.is_empty() && due.is_empty() {
            return Ok(Vec::new());
        } else if overdue.is_empty() {
            self.db.write(move |tx| acts::take(tx, &due, lease)).await?
        } else {
            // Each is asked about once a period, also where another node has it at this moment; what else is due does not wait for them.
            self.took(overdue.iter().map(|(handler, _)| handler.kind), now);
            // In one transaction: nobody puts it off again between the two.
            self.db
                .write(move |tx| {
                    acts::bring_back(tx, &overdue, lease)?;
                    let due = acts::find_due(tx, &all, now)?;
                    acts::take(tx, &due, lease)
                })
                .await?
        };
        self.took(taken.iter().map(|job| job.kind), now);
        // Places only become free meanwhile: this is the one task that fills them.
        let placed = taken.into_iter().filter_map(|job| {
            let place = Arc::clone(&self.kinds.get(job.kind)?.free).try_acquire_owned().ok()?;
            Some((job, place))
        });
        Ok(placed.collect())
    }

    /// Kinds that come again and that this process has not taken for two periods. Where several nodes share the work, that is
    /// more often than needed; nobody else may say that it was done.
    fn overdue(&self, wanted: &[(Handler, usize)], now: Timestamp) -> Vec<(Handler, usize)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_overdue = |handler: &Handler| {
            let Some(period) = handler.every else { return false };
            last.get(handler.kind).is_none_or(|at| now.since(*at) >= period.saturating_mul(2))
        };
        wanted.iter().filter(|(handler, _)| is_overdue(handler)).cloned().collect()
    }

    async fn attempt(self: Arc<Self>, job: Job, _place: OwnedSemaphorePermit) {
        let Some(Kind { handler, .. }) = self.kinds.get(job.kind) else { return };
        let (claim, attempt) = (job.claim, job.attempt);
        match self.stand_by(handler, job).await {
            End::Done => {
                // Taken already: by the handler's own transaction, or by somebody else.
                let done = self.db.write(move |tx| {
                    tx.commit_silent("a job is done");
                    claim.finish(tx)
                });
                self.tell(match done.await {
                    Err(Error::JobTaken) => Ok(()),
                    other => other,
                });
            }
            End::Failed(failed) => {
                let (kind, job, code) = (handler.kind, claim.id(), failed.code);
                (self.trouble)(Trouble::Attempt { kind, job, attempt, code });
                let handler = handler.clone();
                self.tell(self.db.write(move |tx| claim.fail(tx, &handler, attempt, failed)).await);
            }
            End::Interrupted => {
                self.tell(self.db.write(move |tx| claim.release(tx)).await);
            }
            End::Lost => {}
        }
    }

    /// Runs the handler on a task of its own, so that a panic stays there, and renews the lease meanwhile.
    async fn stand_by(&self, handler: &Handler, job: Job) -> End {
        let claim = job.claim;
        let mut held_until = self.db.now().plus(self.options.lease);
        let mut phase = self.phase.clone();
        let mut running = JoinSet::new();
        let run = Arc::clone(&handler.run);
        running.spawn(async move { run(job).await });
        let mut renewal = interval((self.options.lease / 3).max(Duration::from_millis(1)));
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        renewal.tick().await; // the first is at once
        let time_is_up = sleep(handler.time_limit);
        tokio::pin!(time_is_up);
        let end = loop {
            tokio::select! {
                ended = running.join_next() => return match ended {
                    Some(Ok(Ok(()))) => End::Done,
                    Some(Ok(Err(failed))) => End::Failed(failed),
                    Some(Err(_)) | None => End::Failed(Failed::PANICKED),
                },
                () = &mut time_is_up => break End::Failed(Failed::TIMED_OUT),
                () = comes_to(&mut phase, Phase::LettingGo) => break End::Interrupted,
                _ = renewal.tick() => {
                    let until = self.db.now().plus(self.options.lease);
                    match self.renew(claim, until).await {
                        Some(true) => held_until = until,
                        Some(false) => break End::Lost,
                        None if self.db.now() >= held_until => break End::Lost,
                        None => {}
                    }
                }
            }
        };
        // Only once the handler has ended may anybody else begin. One that blocks its thread and cannot be ended keeps the
        // job until its lease is over.
        match timeout(LETTING_GO, running.shutdown()).await {
            Ok(()) => end,
            Err(_) => End::Lost,
        }
    }

    /// Whether the job is still ours; `None` when the database did not say.
    async fn renew(&self, claim: Claim, until: Timestamp) -> Option<bool> {
        self.tell(self.db.write(move |tx| claim.renew(tx, until)).await)
    }

    fn tell<T>(&self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(why) => {
                (self.trouble)(Trouble::Store(&why));
                None
            }
        }
    }
}
