//! Whether a server answers: told by real requests (passive) and by asking (active).

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// So many failures in a row take a server out.
const FAILURES: u32 = 3;
/// Who has answered anything within this time is up, whatever became of other requests: two questions after its health at the
/// usual interval.
const FRESH: Duration = Duration::from_secs(10);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Up until proven otherwise: a shield that starts before the shop must not answer for it.
#[derive(Debug)]
pub struct Health {
    down: AtomicBool,
    failures: AtomicU32,
    answered: AtomicBool,
    /// When it answered last: seconds since the program began.
    answered_at: AtomicU64,
}

impl Default for Health {
    fn default() -> Self {
        Health {
            down: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            answered: AtomicBool::new(false),
            answered_at: AtomicU64::new(0),
        }
    }
}

/// What a report changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    None,
    WentDown,
    CameUp,
}

impl Health {
    pub fn is_up(&self) -> bool {
        !self.down.load(Relaxed)
    }

    /// Whether it is up and not by our good faith alone: it has answered.
    pub fn is_proven(&self) -> bool {
        self.is_up() && self.answered.load(Relaxed)
    }

    pub fn succeeded(&self) -> Change {
        self.succeeded_at(Instant::now())
    }

    /// As [`Health::succeeded`], where the time is known.
    pub fn succeeded_at(&self, now: Instant) -> Change {
        // Written once a second, since every core reads it.
        let second = second_of(now);
        if self.answered_at.load(Relaxed) != second {
            self.answered_at.store(second, Relaxed);
        }
        if !self.answered.load(Relaxed) {
            self.answered.store(true, Relaxed);
        }
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
        if self.down.load(Relaxed) && self.down.swap(false, Relaxed) { Change::CameUp } else { Change::None }
    }

    pub fn failed(&self) -> Change {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        if failures >= FAILURES && !self.down.swap(true, Relaxed) { Change::WentDown } else { Change::None }
    }

    /// A request that reached the server and had no answer, or half of one: a page that takes too long, or that ends the process it runs
    /// in, says nothing of the others (anybody could ask for it three times). It counts where nothing else was answered either, since
    /// that request began and lately.
    pub fn failed_beside(&self, began: Instant, now: Instant) -> Change {
        let since = second_of(began.min(now.checked_sub(FRESH).unwrap_or(began)));
        if self.answered.load(Relaxed) && self.answered_at.load(Relaxed) >= since {
            return Change::None;
        }
        self.failed()
    }
}

fn second_of(time: Instant) -> u64 {
    time.saturating_duration_since(*START).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_others_is_up() {
        let health = Health::default();
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        // Never answered anything: each counts.
        assert_eq!(health.failed_beside(began, after(60)), Change::None);
        assert_eq!(health.failed_beside(began, after(60)), Change::None);
        assert_eq!(health.failed_beside(began, after(60)), Change::WentDown);
        assert_eq!(health.succeeded_at(after(61)), Change::CameUp);
        // One page breaks off, and one takes a minute in which others were answered.
        for _ in 0..20 {
            assert_eq!(health.failed_beside(after(65), after(66)), Change::None);
            assert_eq!(health.failed_beside(after(30), after(90)), Change::None);
        }
        // Nothing was answered meanwhile, nor lately.
        assert_eq!(health.failed_beside(after(70), after(130)), Change::None);
        assert_eq!(health.failed_beside(after(100), after(130)), Change::None);
        assert_eq!(health.failed_beside(after(129), after(130)), Change::WentDown);
    }

    #[test]
    fn three_failures_in_a_row_take_it_out() {
        let health = Health::default();
        // Requests may try it; whoever waits for readiness waits for an answer.
        assert!(health.is_up() && !health.is_proven());
        assert_eq!((health.failed(), health.failed()), (Change::None, Change::None));
        assert_eq!(health.succeeded(), Change::None);
        assert_eq!(
            (health.failed(), health.failed(), health.failed()),
            (Change::None, Change::None, Change::WentDown)
        );
        assert!(!health.is_up());
        assert_eq!(health.failed(), Change::None);
        assert!(!health.is_proven());
        assert_eq!(health.succeeded(), Change::CameUp);
        assert!(health.is_up() && health.is_proven());
    }
}
