//! What happens to a job's row, one act each. Every act compares before it sets: whoever holds an older claim changes
//! nothing.

use std::time::Duration;

use storeward_base::{Actor, JobId, Timestamp};
use storeward_events::system::JobFailed;

use super::again::{Again, Failed, backoff};
use super::handler::{Handler, Job};
use super::{Enqueued, NewJob, enqueue};
use crate::statements::{
    BRING_BACK_JOB, BURY_JOB, CLAIM_JOB, FIND_DUE_JOBS, FIND_PAYLOAD, FINISH_JOB, HASTEN_JOB, RELEASE_JOB,
    RENEW_JOB, REPEAT_JOB, RETRY_JOB,
};
use crate::{Error, Reader, Tx, params};

/// The key of the one job of a kind that comes again and again.
const EVERY: &str = "every";

/// The right to say how a job went, as long as nobody else has taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    id: JobId,
    /// The row's `claims` at the time it was taken.
    number: u32,
    every: Option<Duration>,
}

impl Claim {
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Says in the handler's own transaction that the work is done, so that it and its effect are there together or not at
    /// all. The last thing a handler does. [`Error::JobTaken`] when somebody else has the job by now: pass it on, and the
    /// write is rolled back.
    pub fn finish(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let changed = match self.every {
            Some(period) => self.repeat(tx, tx.now().plus(period), None)?,
            None => tx.execute(FINISH_JOB, params![self.id, self.number])?,
        };
        if changed == 1 { Ok(()) } else { Err(Error::JobTaken) }
    }

    fn repeat(&self, tx: &mut Tx<'_>, at: Timestamp, code: Option<&str>) -> Result<u64, Error> {
        tx.execute(REPEAT_JOB, params![self.id, self.number, at, code])
    }

    /// Holds on to the job until `until`; false when somebody else has it, or it is done.
    pub(super) fn renew(&self, tx: &mut Tx<'_>, until: Timestamp) -> Result<bool, Error> {
        tx.commit_silent("a job's lease was renewed");
        Ok(tx.execute(RENEW_JOB, params![self.id, self.number, until])? == 1)
    }

    /// Gives the job back as if it had never been taken.
    pub(super) fn release(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        tx.commit_silent("a job was given back");
        tx.execute(RELEASE_JOB, params![self.id, self.number]).map(drop)
    }

    /// Notes a failure. The moment of the next attempt; `None` when there is none, which is stated as a fact, or when
    /// somebody else has the job.
    pub(super) fn fail(
        &self,
        tx: &mut Tx<'_>,
        handler: &Handler,
        attempt: u32,
        failed: Failed,
    ) -> Result<Option<Timestamp>, Error> {
        let wait = match failed.again {
            Again::Never => None,
            _ if attempt >= handler.attempts => None,
            Again::Backoff => Some(backoff(attempt, tx.entropy())),
            Again::After(wait) => Some(wait),
        };
        let Some(wait) = wait else { return self.give_up(tx, handler, attempt, failed.code).map(|()| None) };
        tx.commit_silent("a job is tried again later");
        let at = tx.now().plus(wait);
        let changed = tx.execute(RETRY_JOB, params![self.id, self.number, at, failed.code])?;
        Ok((changed == 1).then_some(at))
    }

    fn give_up(&self, tx: &mut Tx<'_>, handler: &Handler, attempts: u32, code: &str) -> Result<(), Error> {
        let now = tx.now();
        let changed = match self.every {
            Some(period) => self.repeat(tx, now.plus(period), Some(code))?,
            None => tx.execute(BURY_JOB, params![self.id, self.number, now, code, Vec::new()])?,
        };
        if changed == 0 {
            tx.commit_silent("somebody else has the job");
            return Ok(());
        }
        let (kind, code) = (handler.kind.to_owned(), code.to_owned());
        tx.append(Actor::System, None, JobFailed { job: self.id, kind, code, attempts }).map(drop)
    }
}

/// A job that could be taken.
#[derive(Clone)]
pub(super) struct Due {
    handler: Handler,
    claim: Claim,
    attempts: u32,
}

/// What is due of the kinds of `wanted`, at most so many of each.
pub(super) fn find_due(
    reader: &mut Reader<'_>,
    wanted: &[(Handler, usize)],
    now: Timestamp,
) -> Result<Vec<Due>, Error> {
    let mut due = Vec::new();
    for (handler, free) in wanted {
        let most = u32::try_from(*free).unwrap_or(u32::MAX);
        due.extend(reader.query_many(FIND_DUE_JOBS, params![handler.kind, now, most], |row| {
            let claim = Claim { id: row.get(0)?, number: row.get(1)?, every: handler.every };
            Ok(Due { handler: handler.clone(), claim, attempts: row.get(2)? })
        })?);
    }
    Ok(due)
}

/// Takes those that nobody else has taken meanwhile.
pub(super) fn take(tx: &mut Tx<'_>, due: &[Due], lease: Duration) -> Result<Vec<Job>, Error> {
    tx.commit_silent("jobs were taken");
    let now = tx.now();
    let mut taken = Vec::new();
    for Due { handler, claim, attempts } in due {
        let claimed = tx.execute(CLAIM_JOB, params![claim.id, claim.number, now, now.plus(lease)])?;
        if claimed != 1 {
            continue;
        }
        let claim = Claim { number: claim.number.saturating_add(1), ..*claim };
        if *attempts >= handler.attempts {
            // The last attempt ended with its process, or with its lease: nobody said how it went.
            claim.give_up(tx, handler, *attempts, Failed::LOST.code)?;
            continue;
        }
        let payload = tx.query_one(FIND_PAYLOAD, params![claim.id], |row| row.get(0))?;
        taken.push(Job { kind: handler.kind, payload, attempt: attempts.saturating_add(1), claim });
    }
    Ok(taken)
}

/// Makes the jobs of these kinds due now, whatever their rows say: a row that is gone is written anew, and one that was put off, called
/// dead, or said to be held for longer than anybody holds one, is taken back.
pub(super) fn bring_back(
    tx: &mut Tx<'_>,
    overdue: &[(Handler, usize)],
    lease: Duration,
) -> Result<(), Error> {
    let now = tx.now();
    for (Handler { kind, .. }, _) in overdue {
        if let Enqueued::Already(_) = enqueue(tx, &NewJob::new(kind, Vec::new()).unique(EVERY))? {
            tx.execute(BRING_BACK_JOB, params![*kind, EVERY, now, now.plus(lease.saturating_mul(2))])?;
        }
    }
    Ok(())
}

/// Sees to it that each kind that comes again has its one job, due no later than a period from now.
pub(super) fn schedule(tx: &mut Tx<'_>, handlers: &[Handler]) -> Result<(), Error> {
    tx.commit_silent("jobs that come again have their rows");
    let now = tx.now();
    for Handler { kind, every, .. } in handlers {
        let Some(period) = every else { continue };
        if let Enqueued::Already(_) = enqueue(tx, &NewJob::new(kind, Vec::new()).unique(EVERY))? {
            // The period may be shorter than when the row was written.
            tx.execute(HASTEN_JOB, params![*kind, EVERY, now.plus(*period)])?;
        }
    }
    Ok(())
}
