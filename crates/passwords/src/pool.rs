//! Passwords are hashed on threads of their own, behind a bounded queue.
//!
//! A sign-in costs a core some 16 ms and 19 MiB. Unbounded, a flood of them would take the machine from the shop: so
//! half of the cores' number of threads does this and nothing else, in the time that nobody else wants, each with memory of
//! its own that it keeps; and what waits for them is bounded by the time it will take (two seconds of work), not by its
//! number, since an imported bcrypt hash costs fifteen times what ours does. Never on tokio's blocking pool, whose 512
//! threads would take 10 GiB.
//!
//! Where the cores are never idle, there is no such time, and nobody could sign in. So beside each thread stands another in
//! for it, with a small share of a core for certain: it takes over what does not come on, and serves for some seconds.

mod allowance;
mod queue;
mod worker;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use storeward_base::{Clock, Entropy, Secret};
use tokio::sync::oneshot;

use crate::error::Error;
use crate::hasher::{Recipe, Verified};
use crate::policy::{Context, Judgement, Policy};
use crate::prepare::has_fitting_length;
use crate::stored::{NewHash, StoredHash};
use allowance::{Allowance, Pace};
use queue::{JobId, Place, Queue};

pub use queue::{AccountKey, Lane, Ticket};
pub(crate) use worker::take_what_is_left;

/// Work that may wait for each thread.
const WAITING: Duration = Duration::from_secs(2);
/// What judging the worst of passwords takes.
const JUDGE_COST_US: u64 = 20_000;
/// See [`PoolOptions::patience`].
const PATIENCE: Duration = Duration::from_millis(250);
/// A computation may take so many times what it costs on a core of its own.
const SLOWER: u32 = 8;
/// So long stand-ins serve once the threads were found starving.
const RELIEF: Duration = Duration::from_secs(10);

/// What a pool is made of.
pub struct PoolOptions {
    /// Threads; half of the cores unless given. Each keeps the memory of `recipe.cost`.
    pub threads: Option<usize>,
    pub recipe: Recipe,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// How long a computation may stand still, or wait beside an idle thread, before a stand-in takes it over: 250 ms. Its own
    /// cost, eight times over, comes on top.
    pub patience: Duration,
}

impl PoolOptions {
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        PoolOptions { threads: None, recipe: Recipe::default(), clock, entropy, patience: PATIENCE }
    }
}

/// Hashes and checks passwords, a few at a time. Clones share the threads, which end with the last of them.
#[derive(Clone)]
pub struct Pool(Arc<Owner>);

/// What a pool has done and is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    pub threads: usize,
    /// Waiting now: known devices, proofs of work, strangers.
    pub waiting: [usize; 3],
    /// Estimated work of those, in microseconds of one core.
    pub waiting_us: u64,
    /// Being computed now.
    pub running: usize,
    /// Computed so far.
    pub done: u64,
    /// Refused because the queue was full, or pushed out of it by a lane that was short of its share.
    pub full: u64,
    /// Refused because the account or the address had enough under way.
    pub too_many: u64,
    /// Waited until their deadline.
    pub late: u64,
    /// Given up by whoever asked, before their turn.
    pub abandoned: u64,
    /// Taken over or done by stand-ins, because the cores had no time left.
    pub relieved: u64,
    /// Memory written by Argon2, all passes together, in KiB: the work done.
    pub argon2_kib: u64,
    /// How much of what may wait does wait, in percent.
    pub pressure_percent: u64,
}

/// Ends the threads when the last handle goes.
struct Owner(Arc<Shared>);

struct Shared {
    recipe: Recipe,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    state: Mutex<State>,
    /// For the threads.
    wake: Condvar,
    /// For their stand-ins.
    watch: Condvar,
    patience: Duration,
}

struct State {
    queue: Queue<Job>,
    stats: PoolStats,
    is_closed: bool,
    /// What strangers may still take of the threads' time, and when that was reckoned.
    allowance: Allowance,
    reckoned: Instant,
    /// What each thread computes, and then each stand-in.
    desks: Vec<Option<Running>>,
    /// Since when work has been seen waiting beside a thread that has nothing to do.
    untaken_since: Option<Instant>,
    /// Stand-ins serve until then, and the threads do not.
    relieved_until: Option<Instant>,
}

/// One piece of work, and whom to tell.
struct Job {
    task: Arc<Task>,
    cost_us: u64,
    reply: oneshot::Sender<Result<Done, Error>>,
}

/// One that is being computed.
struct Running {
    ticket: Ticket,
    job: Job,
    begun: Instant,
}

enum Task {
    Hash(Secret<String>),
    Verify(Secret<String>, StoredHash),
    VerifyNothing(Secret<String>),
    Judge(Policy, Secret<String>, Context),
}

enum Done {
    Hashed(NewHash),
    Verified(Verified),
    Judged(Judgement),
}

impl Pool {
    /// Starts the threads. Each takes its memory at once, so that no sign-in waits for it later.
    pub fn start(options: PoolOptions) -> Result<Self, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = options.threads.unwrap_or(cores / 2).max(1);
        let limit = WAITING.saturating_mul(u32::try_from(threads).unwrap_or(u32::MAX));
        let shared = Arc::new(Shared {
            recipe: options.recipe,
            clock: options.clock,
            entropy: options.entropy,
            state: Mutex::new(State {
                queue: Queue::new(limit),
                stats: PoolStats { threads, ..PoolStats::default() },
                is_closed: false,
                allowance: Allowance::new(threads),
                reckoned: Instant::now(),
                desks: (0..threads * 2).map(|_| None).collect(),
                untaken_since: None,
                relieved_until: None,
            }),
            wake: Condvar::new(),
            watch: Condvar::new(),
            patience: options.patience,
        });
        let owner = Owner(Arc::clone(&shared));
        let spawn = |name: String, work: fn(&Shared, usize), desk: usize| {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(name);
            thread.spawn(move || work(&shared, desk)).map(drop).map_err(|_| Error::Thread)
        };
        for number in 0..threads {
            spawn(format!("passwords-{number}"), worker::work, number)?;
            spawn(format!("stand-in-{number}"), worker::stand_in, threads + number)?;
        }
        Ok(Pool(Arc::new(owner)))
    }

    /// Whether the password fits the stored hash. Refused at once when too much waits.
    pub async fn verify(
        &self,
        ticket: Ticket,
        password: Secret<String>,
        stored: StoredHash,
    ) -> Result<Verified, Error> {
        let readings = u64::try_from(stored.readings(&password)).unwrap_or(u64::MAX);
        let cost_us = stored.cost_us(self.0.0.recipe.cost).saturating_mul(readings);
        self.check(ticket, password, cost_us, |password| Task::Verify(password, stored)).await
    }

    /// Does for an account that does not exist what [`Pool::verify`] does for one that does: the same queue, the same
    /// refusals, the same work. Always [`Verified::Wrong`].
    pub async fn verify_nothing(&self, ticket: Ticket, password: Secret<String>) -> Result<Verified, Error> {
        let cost_us = self.0.0.recipe.cost.time_us();
        self.check(ticket, password, cost_us, Task::VerifyNothing).await
    }

    /// Hashes a new password.
    pub async fn hash(&self, ticket: Ticket, password: Secret<String>) -> Result<NewHash, Error> {
        if !has_fitting_length(&password) {
            return Err(Error::Length);
        }
        let cost_us = self.0.0.recipe.cost.time_us();
        match self.run(ticket, cost_us, Task::Hash(password)).await? {
            Done::Hashed(hash) => Ok(hash),
            Done::Verified(_) | Done::Judged(_) => Err(Error::Thread),
        }
    }

    /// [`Policy::judge`] on one of the threads, since it takes some milliseconds of whoever sends the worst of passwords.
    pub async fn judge(
        &self,
        ticket: Ticket,
        policy: Policy,
        password: Secret<String>,
        context: Context,
    ) -> Result<Judgement, Error> {
        match self.run(ticket, JUDGE_COST_US, Task::Judge(policy, password, context)).await? {
            Done::Judged(judgement) => Ok(judgement),
            Done::Hashed(_) | Done::Verified(_) => Err(Error::Thread),
        }
    }

    /// What a new hash costs.
    pub fn cost(&self) -> crate::argon::Cost {
        self.0.0.recipe.cost
    }

    pub fn stats(&self) -> PoolStats {
        let mut state = self.0.0.lock();
        let pace = state.pace(Instant::now());
        let mut stats = state.stats;
        stats.waiting = state.queue.waiting();
        stats.waiting_us = state.queue.waiting_us();
        stats.pressure_percent = state.queue.pressure_percent(pace);
        stats
    }

    /// Whether a check would be refused now, as [`Pool::verify_nothing`] would refuse it: known before anything is looked up.
    pub fn has_room(&self, ticket: &Ticket) -> Result<(), Error> {
        let shared = &self.0.0;
        let cost_us = shared.recipe.cost.time_us();
        let mut state = shared.lock();
        let pace = state.pace(Instant::now());
        match state.queue.refusal(ticket, cost_us, pace) {
            None => Ok(()),
            Some(refusal) => {
                state.note(refusal);
                drop(state);
                Err(shared.refused(refusal))
            }
        }
    }

    async fn check(
        &self,
        ticket: Ticket,
        password: Secret<String>,
        cost_us: u64,
        task: impl FnOnce(Secret<String>) -> Task,
    ) -> Result<Verified, Error> {
        // Known before any work, and the same for every account.
        if !has_fitting_length(&password) {
            return Ok(Verified::Wrong);
        }
        match self.run(ticket, cost_us, task(password)).await? {
            Done::Verified(verified) => Ok(verified),
            Done::Hashed(_) | Done::Judged(_) => Err(Error::Thread),
        }
    }

    async fn run(&self, ticket: Ticket, cost_us: u64, task: Task) -> Result<Done, Error> {
        let (reply, answer) = oneshot::channel();
        let job = Job { task: Arc::new(task), cost_us, reply };
        let id = self.0.0.submit(ticket, job)?;
        // Whoever goes away gives the place back.
        let mut seat = Seat { shared: &self.0.0, place: Some(Place { lane: ticket.lane, id }) };
        let answer = answer.await;
        seat.place = None;
        answer.unwrap_or(Err(Error::Stopped))
    }
}

/// A place in the queue that somebody waits for.
struct Seat<'a> {
    shared: &'a Shared,
    place: Option<Place>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let mut state = self.shared.lock();
        if let Some(job) = state.queue.remove(place) {
            state.stats.abandoned += 1;
            drop(state);
            drop(job);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, ticket: Ticket, job: Job) -> Result<JobId, Error> {
        let now = self.clock.now();
        let mut state = self.lock();
        if state.is_closed {
            return Err(Error::Stopped);
        }
        let pace = state.pace(Instant::now());
        match state.queue.admit(ticket, job.cost_us, (now, pace), job) {
            Ok(admitted) => {
                state.stats.full += u64::try_from(admitted.displaced.len()).unwrap_or(u64::MAX);
                drop(state);
                self.wake.notify_one();
                self.watch.notify_one();
                for job in admitted.displaced {
                    let _ = job.reply.send(Err(Error::Full { retry_after: self.retry_after() }));
                }
                Ok(admitted.id)
            }
            Err(refusal) => {
                state.note(refusal);
                drop(state);
                Err(self.refused(refusal))
            }
        }
    }

    fn refused(&self, refusal: queue::Refusal) -> Error {
        let retry_after = self.retry_after();
        match refusal {
            queue::Refusal::Full => Error::Full { retry_after },
            queue::Refusal::TooMany => Error::TooMany { retry_after },
        }
    }

    /// Two to eight seconds by chance, so that those who were refused together do not come back together.
    fn retry_after(&self) -> Duration {
        let [byte] = self.entropy.bytes::<1>();
        Duration::from_millis(2_000 + u64::from(byte) * 6_000 / 255)
    }
}

impl State {
    /// Whether strangers are served, now.
    fn pace(&mut self, now: Instant) -> Pace {
        self.allowance.pass(now.saturating_duration_since(self.reckoned));
        self.reckoned = now;
        self.allowance.pace()
    }

    fn note(&mut self, refusal: queue::Refusal) {
        match refusal {
            queue::Refusal::Full => self.stats.full += 1,
            queue::Refusal::TooMany => self.stats.too_many += 1,
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        let left = state.queue.drain();
        drop(state);
        self.0.wake.notify_all();
        self.0.watch.notify_all();
        for job in left {
            let _ = job.reply.send(Err(Error::Stopped));
        }
    }
}
