//! Jobs: work that is promised in a transaction and done after it, at least once.
//!
//! A job is a row beside whatever it belongs to, so that both are there or neither. A [`Runner`] takes what is due under
//! a lease, hands it to the [`Handler`] of its kind, and renews the lease while the handler is at it. A handler that fails
//! is tried again later and later; a process that dies leaves its jobs to the others once the lease is over. Work that
//! touches nothing but the database is done exactly once: [`Claim::finish`] goes into the handler's own transaction. What
//! reaches beyond it (a mail) may in rare cases be done twice.

mod acts;
mod again;
mod handler;
mod runner;

pub use acts::Claim;
pub use again::Failed;
pub use handler::{Handler, Job};
pub use runner::{Runner, RunnerOptions, Trouble};

use storeward_base::{JobId, Timestamp};

use crate::statements::{ENQUEUE_JOB, FIND_JOB_BY_KEY, FIND_PAYLOADS, FORGET_DEAD_JOBS, TAKE_JOB_BACK};
use crate::{Error, Tx, params};

/// Most bytes that a job may carry.
pub const MAX_PAYLOAD_BYTES: usize = 256 * 1024;

/// Work to be promised.
#[derive(Clone)]
pub struct NewJob {
    kind: &'static str,
    payload: Vec<u8>,
    unique_key: Option<String>,
    run_at: Option<Timestamp>,
}

impl NewJob {
    /// A job of a kind such as `identity.send_mail`. Whoever promises it seals what is personal or secret in `payload`
    /// first: the row lies in the database, and in its backups, until the work is done.
    pub fn new(kind: &'static str, payload: impl Into<Vec<u8>>) -> Self {
        NewJob { kind, payload: payload.into(), unique_key: None, run_at: None }
    }

    /// Not again while a job of this kind and key waits or is at work. The key stands open: ids and fingerprints only.
    /// It is free again once the job is done or dead.
    #[must_use]
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.unique_key = Some(key.into());
        self
    }

    /// Not before this moment.
    #[must_use]
    pub fn not_before(mut self, moment: Timestamp) -> Self {
        self.run_at = Some(moment);
        self
    }
}

impl std::fmt::Debug for NewJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let NewJob { kind, payload, unique_key, run_at } = self;
        write!(f, "NewJob({kind}, {} bytes, {unique_key:?}, {run_at:?})", payload.len())
    }
}

/// What became of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    New(JobId),
    /// A job of this kind and key was there already, and stays as it is.
    Already(JobId),
}

/// Promises work: it will be done at least once if, and only if, this write commits.
pub fn enqueue(tx: &mut Tx<'_>, job: &NewJob) -> Result<Enqueued, Error> {
    let NewJob { kind, payload, unique_key, run_at } = job;
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(Error::JobTooLarge);
    }
    let (id, now): (JobId, Timestamp) = (tx.fresh_id(), tx.now());
    let values = params![id, *kind, unique_key.clone(), payload, now, run_at.unwrap_or(now)];
    if tx.execute(ENQUEUE_JOB, values)? == 1 {
        tx.promise();
        return Ok(Enqueued::New(id));
    }
    tx.query_one(FIND_JOB_BY_KEY, params![*kind, unique_key.clone()], |row| row.get(0)).map(Enqueued::Already)
}

/// Takes back what was promised of a kind, by what it carries; how many there were. Whoever is at one finds at its end that it is gone.
pub fn take_back(
    tx: &mut Tx<'_>,
    kind: &'static str,
    is_meant: impl Fn(&[u8]) -> bool,
) -> Result<u64, Error> {
    let (mut count, mut behind) = (0, String::new());
    loop {
        let page: Vec<(String, Vec<u8>)> =
            tx.query_many(FIND_PAYLOADS, params![kind, &behind], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some((last, _)) = page.last() else { return Ok(count) };
        behind.clone_from(last);
        for (id, _) in page.iter().filter(|(_, payload)| is_meant(payload)) {
            count += tx.execute(TAKE_JOB_BACK, params![id])?;
        }
    }
}

/// Forgets the jobs that died before `moment`; returns how many.
pub fn forget_dead_before(tx: &mut Tx<'_>, moment: Timestamp) -> Result<u64, Error> {
    tx.execute(FORGET_DEAD_JOBS, params![moment])
}
