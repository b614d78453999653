//! The jobs of the program itself, and the runner of all.

use std::time::Duration;

use storeward_base::Timestamp;
use storeward_store::jobs::{self, Failed, Handler, Job, Runner, RunnerOptions, Trouble};
use storeward_store::{Db, Error, Tx, addresses, ledger};

use super::log;
use crate::Done;
use crate::failure::Context;
use crate::open::Opened;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long a stop waits for jobs under way; what is not done by then is done after the next start.
pub const GRACE: Duration = Duration::from_secs(10);

/// Addresses of clients are personal data: the book that leads from a fingerprint to an address forgets after so long
/// without a further event. The ledger stays whole.
const ADDRESSES_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
/// Rows of jobs that were given up; the fact that says so is kept longer.
const DEAD_JOBS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

pub fn start(opened: &Opened, promised: Vec<Handler>, runtime: &tokio::runtime::Runtime) -> Done<Runner> {
    let mut handlers = own(&opened.db);
    handlers.extend(promised);
    handlers.extend(crate::backup::handlers(opened));
    let runner =
        Runner::start(opened.db.clone(), handlers, RunnerOptions::default(), runtime.handle(), note_trouble);
    runner.context("the jobs")
}

fn own(db: &Db) -> Vec<Handler> {
    let daily = |kind, forget: Forget| {
        let db = db.clone();
        Handler::new(kind, move |job| forget.run(db.clone(), job)).every(DAY)
    };
    vec![
        daily("store.forget_addresses", Forget { what: addresses::forget_before, kept: ADDRESSES_KEPT }),
        Handler::new("store.forget_events", {
            let db = db.clone();
            move |job| forget_events(db.clone(), job)
        })
        .every(DAY)
        .time_limit(Duration::from_secs(3600)),
        daily("store.forget_dead_jobs", Forget { what: jobs::forget_dead_before, kept: DEAD_JOBS_KEPT }),
    ]
}

/// Something that is deleted when it is older than `kept`.
#[derive(Clone, Copy)]
struct Forget {
    what: fn(&mut Tx<'_>, Timestamp) -> Result<u64, Error>,
    kept: Duration,
}

impl Forget {
    async fn run(self, db: Db, job: Job) -> Result<(), Failed> {
        let claim = job.claim();
        let forgotten = db.write(move |tx| {
            tx.commit_silent("forgetting leaves no trace of who was forgotten");
            (self.what)(tx, tx.now().minus(self.kept))?;
            claim.finish(tx)
        });
        Ok(forgotten.await?)
    }
}

/// Empties the ledger's entries that were kept long enough, a thousand at a time, so that others get to write meanwhile.
async fn forget_events(db: Db, job: Job) -> Result<(), Failed> {
    let claim = job.claim();
    let some = move |tx: &mut Tx<'_>| {
        let forgotten = ledger::forget(tx)?;
        if forgotten == 0 {
            tx.commit_silent("no event is old enough to be forgotten");
            claim.finish(tx)?;
        }
        Ok::<_, Error>(forgotten)
    };
    while db.write(some).await? > 0 {}
    Ok(())
}

fn note_trouble(trouble: Trouble<'_>) {
    match trouble {
        Trouble::Store(error) => {
            log("error", "the jobs' table does not answer", &[("reason", &error.to_string())]);
        }
        Trouble::Attempt { kind, job, attempt, code } => {
            let (job, attempt) = (job.to_string(), attempt.to_string());
            let fields = [("kind", kind), ("job", &job), ("attempt", &attempt), ("reason", code)];
            log("error", "an attempt at a job failed", &fields);
        }
    }
}
