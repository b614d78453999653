//! Why a handler failed, and when its job is tried again.

use std::time::Duration;

use storeward_base::{Entropy, Fault};

/// The wait after the first failure; each further one doubles it …
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// … up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3600);

/// An attempt did not succeed. It bears a stable code and no word more: codes are stored, logged and stated as facts, so
/// they cannot carry what the job carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    pub(super) code: &'static str,
    pub(super) again: Again,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Backoff,
    After(Duration),
    Never,
}

impl Failed {
    /// The handler panicked.
    pub(super) const PANICKED: Failed = Failed::later("job.panicked");
    /// The handler was at it longer than its kind may be.
    pub(super) const TIMED_OUT: Failed = Failed::later("job.timed_out");
    /// The lease ended and nobody said how the last attempt went: its process is gone.
    pub(super) const LOST: Failed = Failed::for_good("job.lost");

    /// Try again, each time later than the last.
    pub const fn later(code: &'static str) -> Self {
        Failed { code, again: Again::Backoff }
    }

    /// Try again no sooner than after `wait`, as a server has asked.
    pub const fn after(code: &'static str, wait: Duration) -> Self {
        Failed { code, again: Again::After(wait) }
    }

    /// Trying again is of no use.
    pub const fn for_good(code: &'static str) -> Self {
        Failed { code, again: Again::Never }
    }

    pub const fn code(&self) -> &'static str {
        self.code
    }
}

impl<E: Fault> From<E> for Failed {
    fn from(why: E) -> Self {
        Failed::later(why.code())
    }
}

/// The wait before the attempt behind number `attempt`: half of it fixed, half of it chance, so that what failed together
/// does not come back together ("equal jitter", AWS Architecture Blog, "Exponential Backoff And Jitter").
pub(super) fn backoff(attempt: u32, entropy: &dyn Entropy) -> Duration {
    let doublings = attempt.saturating_sub(1).min(20);
    let whole = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    let half_micros = u64::try_from(whole.as_micros() / 2).unwrap_or(u64::MAX);
    let chance = u64::from_le_bytes(entropy.bytes::<8>()) % (half_micros + 1);
    Duration::from_micros(half_micros + chance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;

    #[test]
    fn waits_double_up_to_their_end_and_differ() {
        let entropy = SeededEntropy::new(3);
        let seconds = |attempt| backoff(attempt, &entropy).as_secs_f64();
        for (attempt, whole) in
            [(0, 5.0), (1, 5.0), (2, 10.0), (3, 20.0), (11, 5120.0), (14, 21_600.0), (u32::MAX, 21_600.0)]
        {
            for _ in 0..200 {
                let waited = seconds(attempt);
                assert!((whole / 2.0..=whole).contains(&waited), "attempt {attempt}: {waited}");
            }
        }
        assert_ne!(backoff(5, &entropy), backoff(5, &entropy));
    }
}
