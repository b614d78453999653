//! What a thread of the pool does, all its life.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Done, Job, Shared, State, Task};
use crate::error::Error;
use crate::hasher::Hasher;
use crate::pool::queue::Ticket;

/// Added to the thread's nice value (nice(2)): whoever serves the shop goes first.
const NICENESS: i32 = 10;

/// Lets the threads that serve the shop go before this one. On Linux it is the thread's own priority; without leave to change
/// it the work goes on as it is.
pub fn yield_to_the_shop() {
    let own = rustix::process::getpriority_process(None).unwrap_or(0);
    let _ = rustix::process::setpriority_process(None, (own + NICENESS).min(19));
}

pub fn work(shared: &Shared) {
    yield_to_the_shop();
    let mut hasher = Hasher::new(shared.recipe.clone());
    while let Some((ticket, Job { task, reply })) = next(shared, &mut hasher) {
        // A fault in one computation must not take the thread, and with it all sign-ins, away.
        let done = catch_unwind(AssertUnwindSafe(|| perform(shared, &mut hasher, task)));
        let answer = done.unwrap_or_else(|_| {
            hasher = Hasher::new(shared.recipe.clone());
            Err(Error::Thread)
        });
        let mut state = shared.lock();
        state.queue.finished(&ticket);
        state.stats.running -= 1;
        state.stats.done += 1;
        state.stats.argon2_kib = state.stats.argon2_kib.saturating_add(hasher.take_kib_written());
        drop(state);
        // Only now, so that whoever asks again at once finds the place free. Nobody may be there any more.
        let _ = reply.send(answer);
    }
}

/// Waits for the next job; `None` when the pool ends.
fn next(shared: &Shared, hasher: &mut Hasher) -> Option<(Ticket, Job)> {
    let mut state = shared.lock();
    loop {
        state = answer_late(shared, state);
        if let Some(job) = state.queue.next() {
            state.stats.running += 1;
            return Some(job);
        }
        if state.is_closed {
            return None;
        }
        if hasher.is_clean() {
            state = shared.wake.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        } else {
            // Nobody waits: now it costs nobody time.
            drop(state);
            hasher.wipe();
            state = shared.lock();
        }
    }
}

fn answer_late<'a>(
    shared: &'a Shared,
    mut state: std::sync::MutexGuard<'a, State>,
) -> std::sync::MutexGuard<'a, State> {
    let late = state.queue.take_late(shared.clock.now());
    if late.is_empty() {
        return state;
    }
    state.stats.late += u64::try_from(late.len()).unwrap_or(u64::MAX);
    drop(state);
    for job in late {
        let _ = job.reply.send(Err(Error::Late { retry_after: shared.retry_after() }));
    }
    shared.lock()
}

fn perform(shared: &Shared, hasher: &mut Hasher, task: Task) -> Result<Done, Error> {
    match task {
        Task::Hash(password) => hasher.hash(&password, &*shared.entropy).map(Done::Hashed),
        Task::Verify(password, stored) => hasher.verify(&password, &stored).map(Done::Verified),
        Task::Judge(policy, password, context) => Ok(Done::Judged(policy.judge(&password, &context))),
        Task::VerifyNothing(password) => hasher.verify_nothing(&password).map(Done::Verified),
    }
}
