//! Who does the jobs of a kind, and how long and how often that may be tried.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use storeward_base::JobId;

use super::acts::Claim;
use super::again::Failed;

/// A job that was taken, as its handler gets it.
pub struct Job {
    pub(super) kind: &'static str,
    pub(super) payload: Vec<u8>,
    pub(super) attempt: u32,
    pub(super) claim: Claim,
}

impl Job {
    pub fn id(&self) -> JobId {
        self.claim.id()
    }

    /// What whoever promised it has put in.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// 1 for the first try.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What finishes the job in the handler's own transaction; a copy goes into the closure.
    pub fn claim(&self) -> Claim {
        self.claim
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({}, {}, attempt {}, {} bytes)", self.id(), self.kind, self.attempt, self.payload.len())
    }
}

pub(super) type Running = Pin<Box<dyn Future<Output = Result<(), Failed>> + Send>>;

/// Does the jobs of one kind.
#[derive(Clone)]
pub struct Handler {
    pub(super) kind: &'static str,
    pub(super) every: Option<Duration>,
    pub(super) at_once: usize,
    pub(super) time_limit: Duration,
    pub(super) attempts: u32,
    pub(super) run: Arc<dyn Fn(Job) -> Running + Send + Sync>,
}

impl Handler {
    /// A handler of the jobs of `kind`: one at a time, for a minute at most, in up to twelve attempts (which, one failing
    /// after the other, are over after two to three hours).
    ///
    /// It may be dropped at any `await`, and the same job may come again: what it does must bear that.
    pub fn new<F, R>(kind: &'static str, run: F) -> Self
    where
        F: Fn(Job) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Failed>> + Send + 'static,
    {
        Handler {
            kind,
            every: None,
            at_once: 1,
            time_limit: Duration::from_secs(60),
            attempts: 12,
            run: Arc::new(move |job| Box::pin(run(job))),
        }
    }

    /// There is always one job of this kind: it runs soon after the start of the first program that knows it, and again
    /// `period` after it was done, however many nodes there are. When all attempts fail, the next period is tried anew.
    #[must_use]
    pub fn every(mut self, period: Duration) -> Self {
        self.every = Some(period);
        self
    }

    /// So many at a time in this process.
    #[must_use]
    pub fn at_once(mut self, jobs: usize) -> Self {
        self.at_once = jobs.max(1);
        self
    }

    /// An attempt that is not over after so long is ended and has failed.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// So many attempts at most; then the job is dead.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handler({})", self.kind)
    }
}
