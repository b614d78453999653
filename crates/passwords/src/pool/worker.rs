//! What the threads of the pool and their stand-ins do, all their life.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Done, Job, Lane, RELIEF, Running, SLOWER, Shared, State, Task};
use crate::error::Error;
use crate::hasher::Hasher;

/// Added to the thread's nice value (nice(2)): whoever serves the shop goes first.
const NICENESS: i32 = 10;
/// How often a stand-in looks whether the threads come on, while there is work.
const LOOK: Duration = Duration::from_millis(50);
/// A thread looks so often whether somebody's time is over while they wait for their part of it.
const REST: Duration = Duration::from_millis(250);

/// Lets the threads that serve the shop go before this one, and leaves it a share of its own: a tenth of a core that one other
/// wants. On Linux it is the thread's own priority; without leave to change it the work goes on as it is.
fn yield_to_the_shop() {
    let own = rustix::process::getpriority_process(None).unwrap_or(0);
    let _ = rustix::process::setpriority_process(None, (own + NICENESS).min(19));
}

/// Runs when nobody else wants to, and stops at once when somebody does. A nice value is not enough for that: Linux lets
/// whoever runs go on for a slice (sched(7); 1.4 ms on two cores) before it looks who waits, and a page would wait as long.
/// What comes of it may have to wait for ever: see [`stand_in`].
pub fn take_what_is_left() {
    yield_to_the_shop();
    #[cfg(target_os = "linux")]
    {
        use thread_priority::unix::{NormalThreadSchedulePolicy, ThreadSchedulePolicy};
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let own = thread_priority::unix::thread_native_id();
        // Where that is not to be had, the nice value has to do.
        let _ =
            thread_priority::set_thread_priority_and_policy(own, thread_priority::ThreadPriority::Min, idle);
    }
}

pub fn work(shared: &Shared, desk: usize) {
    take_what_is_left();
    let mut hasher = Hasher::giving_way(shared.recipe.clone());
    while let Some(task) = next(shared, &mut hasher, desk) {
        compute(shared, &mut hasher, desk, &task);
    }
}

/// Looks on while there is work. When the threads do not come on, because others want all of the cores, it does the work: with
/// memory of its own, for as long as there is something to do.
pub fn stand_in(shared: &Shared, desk: usize) {
    yield_to_the_shop();
    let mut hasher = None;
    let mut was_relief = false;
    let mut state = shared.lock();
    while !state.is_closed {
        state = answer_late(shared, state);
        let now = Instant::now();
        if let Some(task) = state.for_stand_in(desk, now, shared.patience) {
            was_relief = true;
            drop(state);
            let hasher = hasher.get_or_insert_with(|| Hasher::new(shared.recipe.clone()));
            compute(shared, hasher, desk, &task);
            state = shared.lock();
        } else if hasher.is_some() {
            drop(state);
            // Wiped, and given back.
            hasher = None;
            state = shared.lock();
        } else {
            if was_relief && !state.is_relieved(now) {
                was_relief = false;
                shared.wake.notify_all();
            }
            state = match state.is_relieved(now) || state.has_work() {
                true => shared.watch.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0,
                false => shared.watch.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// Does the work of a desk, and tells whoever waits for it.
fn compute(shared: &Shared, hasher: &mut Hasher, desk: usize, task: &Task) {
    // A fault in one computation must not take the thread, and with it all sign-ins, away.
    let done = catch_unwind(AssertUnwindSafe(|| perform(shared, hasher, task)));
    let answer = done.unwrap_or_else(|_| {
        *hasher = hasher.afresh();
        Err(Error::Thread)
    });
    let kib = hasher.take_kib_written();
    let mut state = shared.lock();
    // Gone when a stand-in has taken it over.
    let Some(Running { ticket, job, .. }) = state.desks.get_mut(desk).and_then(Option::take) else { return };
    state.queue.finished(&ticket);
    state.stats.running -= 1;
    state.stats.done += 1;
    state.stats.argon2_kib = state.stats.argon2_kib.saturating_add(kib);
    drop(state);
    // Only now, so that whoever asks again at once finds the place free. Nobody may be there any more.
    let _ = job.reply.send(answer);
}

/// Waits for the next task; `None` when the pool ends.
fn next(shared: &Shared, hasher: &mut Hasher, desk: usize) -> Option<Arc<Task>> {
    let mut state = shared.lock();
    loop {
        state = answer_late(shared, state);
        let now = Instant::now();
        if !state.is_relieved(now)
            && let Some(task) = state.begin(desk, now)
        {
            return Some(task);
        }
        if state.is_closed {
            return None;
        }
        if state.queue.waiting_us() > 0 && !state.is_relieved(now) {
            // They wait for their part of the time; the next one writes over what lies in the memory.
            let until = state.allowance.wait().min(REST);
            state = shared.wake.wait_timeout(state, until).unwrap_or_else(PoisonError::into_inner).0;
        } else if hasher.is_clean() {
            state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        } else {
            // Nobody waits: now it costs nobody time.
            drop(state);
            hasher.wipe();
            state = shared.lock();
        }
    }
}

impl State {
    /// Puts the job whose turn it is on a desk.
    fn begin(&mut self, desk: usize, now: Instant) -> Option<Arc<Task>> {
        let pace = self.pace(now);
        let (ticket, job) = self.queue.next(pace)?;
        if ticket.lane == Lane::Stranger {
            self.allowance.take(job.cost_us);
        }
        self.stats.running += 1;
        self.untaken_since = None;
        self.put(desk, Running { ticket, job, begun: now })
    }

    fn put(&mut self, desk: usize, running: Running) -> Option<Arc<Task>> {
        let task = Arc::clone(&running.job.task);
        *self.desks.get_mut(desk)? = Some(running);
        Some(task)
    }

    fn is_relieved(&self, now: Instant) -> bool {
        self.relieved_until.is_some_and(|until| now < until)
    }

    fn has_work(&self) -> bool {
        self.stats.running > 0 || self.queue.waiting_us() > 0
    }

    /// What a stand-in has to do now, if anything.
    fn for_stand_in(&mut self, desk: usize, now: Instant, patience: Duration) -> Option<Arc<Task>> {
        let threads = self.stats.threads;
        let stuck = self
            .desks
            .iter_mut()
            .take(threads)
            .find(|running| running.as_ref().is_some_and(|running| running.is_stuck(now, patience)));
        if let Some(running) = stuck.and_then(Option::take) {
            self.relieved_until = now.checked_add(RELIEF);
            self.stats.relieved += 1;
            return self.put(desk, Running { begun: now, ..running });
        }
        if !self.is_relieved(now) && self.is_untaken(now, patience) {
            self.relieved_until = now.checked_add(RELIEF);
        }
        if !self.is_relieved(now) {
            return None;
        }
        let task = self.begin(desk, now);
        self.stats.relieved += u64::from(task.is_some());
        task
    }

    /// Whether work has waited for too long beside a thread that has nothing to do, and does not come round to it.
    fn is_untaken(&mut self, now: Instant, patience: Duration) -> bool {
        let pace = self.pace(now);
        let mut threads = self.desks.iter().take(self.stats.threads);
        let is_untaken = self.queue.has_turn(pace) && threads.any(Option::is_none);
        let since = match (is_untaken, self.untaken_since) {
            (false, _) => None,
            (true, since) => Some(since.unwrap_or(now)),
        };
        self.untaken_since = since;
        since.is_some_and(|since| now.saturating_duration_since(since) >= patience)
    }
}

impl Running {
    fn is_stuck(&self, now: Instant, patience: Duration) -> bool {
        let allowed = Duration::from_micros(self.job.cost_us).saturating_mul(SLOWER).saturating_add(patience);
        now.saturating_duration_since(self.begun) >= allowed
    }
}

fn answer_late<'a>(shared: &'a Shared, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    let late = state.queue.take_late(shared.clock.now());
    if late.is_empty() {
        return state;
    }
    state.stats.late += u64::try_from(late.len()).unwrap_or(u64::MAX);
    drop(state);
    for Job { reply, .. } in late {
        let _ = reply.send(Err(Error::Late { retry_after: shared.retry_after() }));
    }
    shared.lock()
}

fn perform(shared: &Shared, hasher: &mut Hasher, task: &Task) -> Result<Done, Error> {
    match task {
        Task::Hash(password) => hasher.hash(password, &*shared.entropy).map(Done::Hashed),
        Task::Verify(password, stored) => hasher.verify(password, stored).map(Done::Verified),
        Task::Judge(policy, password, context) => Ok(Done::Judged(policy.judge(password, context))),
        Task::VerifyNothing(password) => hasher.verify_nothing(password).map(Done::Verified),
    }
}
