//! The jobs of the program itself, and the runner of all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use storeward_base::Timestamp;
use storeward_events::system::RowHarmed;
use storeward_store::jobs::{self, Failed, Handler, Job, Runner, RunnerOptions, Trouble};
use storeward_store::ledger::{VerifyOptions, What};
use storeward_store::{Db, Error, Tx, addresses, harmed, ledger};

use super::log;
use super::looked::Looked;
use crate::Done;
use crate::failure::Context;
use crate::open::{Opened, rows};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long a stop waits for jobs under way; what is not done by then is done after the next start.
pub const GRACE: Duration = Duration::from_secs(10);

/// Addresses of clients are personal data: the book that leads from a fingerprint to an address forgets after so long
/// without a further event. The ledger stays whole.
const ADDRESSES_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
/// Rows of jobs that were given up; the fact that says so is kept longer.
const DEAD_JOBS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

pub fn start(opened: &Opened, promised: Vec<Handler>, runtime: &tokio::runtime::Runtime) -> Done<Runner> {
    let mut handlers = own(&opened.db, opened.data.path());
    handlers.extend(promised);
    handlers.extend(crate::backup::handlers(opened));
    let runner =
        Runner::start(opened.db.clone(), handlers, RunnerOptions::default(), runtime.handle(), note_trouble);
    runner.context("the jobs")
}

fn own(db: &Db, folder: &Path) -> Vec<Handler> {
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
        Handler::new("store.verify_ledger", {
            let (db, folder) = (db.clone(), folder.to_owned());
            move |job| verify_ledger(db.clone(), folder.clone(), job)
        })
        .every(DAY)
        .time_limit(Duration::from_secs(4 * 3600)),
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

/// Looks through the whole ledger, as `storeward audit verify` does: whatever goes by an entry's column goes by one that says what the
/// entry says. And through the rows by which people are let in: whoever is kept out by a changed one may not come by for weeks.
async fn verify_ledger(db: Db, folder: PathBuf, job: Job) -> Result<(), Failed> {
    let (mut harms, entries) = harms_of_the_ledger(&db).await?;
    let faults = u64::try_from(harms.len()).unwrap_or(u64::MAX);
    if let Err(why) = (Looked { at: db.now(), entries, faults }).save(&folder) {
        log("error", "when the ledger was looked through cannot be kept", &[("reason", &why.to_string())]);
    }
    harms.extend(rows::harmed(&db).await?);
    let claim = job.claim();
    let told = db.write(move |tx| {
        harmed::tell(tx, &harms)?;
        claim.finish(tx)
    });
    Ok(told.await?)
}

async fn harms_of_the_ledger(db: &Db) -> Result<(Vec<RowHarmed>, u64), Error> {
    let db = db.clone();
    let look = move || ledger::verify(&db, &VerifyOptions::default(), |_, _| {});
    let report = tokio::task::spawn_blocking(look).await.map_err(|_| Error::Panicked)??;
    let told = report.faults.into_iter().map(|fault| {
        log("error", "the ledger does not hold together", &[("reason", &fault.to_string())]);
        let (table, row) = ("ledger_entry".to_owned(), fault.seq.to_string());
        let is_gone = matches!(fault.what, What::Missing | What::CheckpointMissing);
        RowHarmed { table, row, harm: if is_gone { "missing" } else { "changed" }.to_owned() }
    });
    Ok((told.collect(), report.entries))
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

#[cfg(test)]
mod tests {
    use storeward_base::Actor;
    use storeward_events::api::ApiKeyRevoked;
    use storeward_store::both_engines;

    use super::*;

    // A revocation that was hidden by its column was found by `storeward audit verify` alone, which somebody had to say.
    both_engines!(an_entry_that_is_made_to_look_like_another_is_found_within_a_day, &[], async |db| {
        for bits in 1..4 {
            let fact = ApiKeyRevoked { key: storeward_base::ApiKeyId::from_bits(bits) };
            let write = db.write(move |tx| tx.append(Actor::Operator, None, fact.clone()).map(drop));
            write.await.unwrap();
        }
        assert_eq!(harms_of_the_ledger(&db).await.unwrap(), (vec![], 3));
        db.drop_guards();
        db.tamper("UPDATE ledger_entry SET kind = 'api.called' WHERE seq = 2");
        let (found, _) = harms_of_the_ledger(&db).await.unwrap();
        let found: Vec<_> = found.iter().map(|one| (one.table.as_str(), one.row.as_str())).collect();
        assert_eq!(found, [("ledger_entry", "2")]);
    });

    // A harmless change of an early entry, or a row behind the head, hid every other for good.
    both_engines!(one_fault_hides_no_other, &[], async |db| {
        for bits in 1..7 {
            let fact = ApiKeyRevoked { key: storeward_base::ApiKeyId::from_bits(bits) };
            let write = db.write(move |tx| tx.append(Actor::Operator, None, fact.clone()).map(drop));
            write.await.unwrap();
        }
        db.drop_guards();
        db.tamper("UPDATE ledger_entry SET severity = severity + 1 WHERE seq = 2");
        db.tamper(
            "UPDATE ledger_entry SET body = (SELECT body FROM ledger_entry WHERE seq = 1) WHERE seq = 4",
        );
        db.tamper("UPDATE ledger_entry SET actor = 'system' WHERE seq = 5");
        db.tamper(
            "INSERT INTO ledger_entry (seq, id, at, kind, severity, actor, request, body, tree) SELECT 1000000000, \
             'evt_00000000000000000000000009', at, kind, severity, actor, request, body, tree FROM ledger_entry WHERE seq = 1",
        );
        let (found, _) = harms_of_the_ledger(&db).await.unwrap();
        assert_eq!(found.iter().map(|one| one.row.as_str()).collect::<Vec<_>>(), ["6", "2", "4", "5"]);
    });
}
