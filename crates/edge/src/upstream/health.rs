//! Whether a server answers: told by real requests (passive) and by asking (active).

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// So many failures in a row take a server out.
const FAILURES: u32 = 3;

/// Up until proven otherwise: a shield that starts before the shop must not answer for it.
#[derive(Debug)]
pub struct Health {
    down: AtomicBool,
    failures: AtomicU32,
    answered: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        Health { down: AtomicBool::new(false), failures: AtomicU32::new(0), answered: AtomicBool::new(false) }
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
