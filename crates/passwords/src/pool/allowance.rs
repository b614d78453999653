//! How much of the threads' time strangers have.

use std::time::Duration;

use super::queue::Lane;

/// Work that strangers have at once, for each thread.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Their part of the time after that: one of so many. On one thread that is five sign-ins a second by people on devices that nobody knows and
/// without a puzzle solved, and 80 at once before. A flood gets no more of the machine than that, and beside it such people are lost in the crowd
/// whatever this is: they are given a puzzle, which puts them before the flood (docs/benchmarks.md, "500 bad sign-ins a second").
pub const PART_OF_TIME: u64 = 16;

/// Whether strangers are served at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Free,
    /// They have had theirs, and wait for more.
    Strangers,
}

impl Pace {
    pub fn holds(self, lane: Lane) -> bool {
        self == Pace::Strangers && lane == Lane::Stranger
    }
}

/// The time that strangers may have: some at once, and more as time passes. Counted in nanoseconds of all threads together, of which
/// each microsecond of work takes [`PART_OF_TIME`] thousand.
#[derive(Debug)]
pub struct Allowance {
    left: u64,
    most: u64,
    threads: u64,
    /// What was taken beyond the allowance, since a piece of work is not cut.
    owed: u64,
}

impl Allowance {
    pub fn new(threads: usize) -> Self {
        let threads = u64::try_from(threads).unwrap_or(1).max(1);
        let most = price(micros(AT_ONCE).saturating_mul(threads));
        Allowance { left: most, most, threads, owed: 0 }
    }

    /// So much time has passed.
    pub fn pass(&mut self, time: Duration) {
        let more = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).saturating_mul(self.threads);
        let paid = more.min(self.owed);
        self.owed -= paid;
        self.left = self.left.saturating_add(more - paid).min(self.most);
    }

    pub fn take(&mut self, cost_us: u64) {
        let price = price(cost_us);
        let from_left = price.min(self.left);
        self.left -= from_left;
        self.owed = self.owed.saturating_add(price - from_left);
    }

    pub fn pace(&self) -> Pace {
        if self.left > 0 { Pace::Free } else { Pace::Strangers }
    }

    /// How long until strangers are served again.
    pub fn wait(&self) -> Duration {
        match self.pace() {
            Pace::Free => Duration::ZERO,
            Pace::Strangers => Duration::from_nanos(self.owed / self.threads + 1),
        }
    }
}

fn price(cost_us: u64) -> u64 {
    cost_us.saturating_mul(1_000 * PART_OF_TIME)
}

pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGN_IN: u64 = 16_000;

    #[test]
    fn strangers_have_a_second_at_once_and_then_a_sixteenth_of_the_time() {
        let mut allowed = Allowance::new(1);
        let mut served = 0;
        while allowed.pace() == Pace::Free {
            allowed.take(SIGN_IN);
            served += 1;
        }
        assert_eq!(served, 63, "the last one begins while something is left");
        // A minute of a flood, looked at every millisecond.
        served = 0;
        for _ in 0..60_000 {
            allowed.pass(Duration::from_millis(1));
            if allowed.pace() == Pace::Free {
                allowed.take(SIGN_IN);
                served += 1;
            }
        }
        assert!((225..=235).contains(&served), "{served} of 16 ms: a sixteenth of a minute");
        // Whoever waits as long as they are told is served.
        let mut other = Allowance::new(2);
        other.take(2_500_000);
        let wait = other.wait();
        assert!(wait >= Duration::from_secs(1), "{wait:?}");
        other.pass(wait);
        assert_eq!((other.pace(), other.wait()), (Pace::Free, Duration::ZERO));
        // A night without sign-ins saves no more than a second up.
        other.pass(Duration::from_secs(36_000));
        other.take(2_000_000);
        assert_eq!(other.pace(), Pace::Strangers);
    }

    // The figures of docs/security.md.
    #[test]
    fn behind_imported_bcrypt_strangers_have_one_sign_in_in_four_seconds() {
        let bcrypt = |cost: u32| 61 * (1u64 << cost);
        for (cost, at_once, in_a_minute) in [(10, 17, 60), (12, 5, 15), (14, 2, 4)] {
            let mut allowed = Allowance::new(1);
            let mut serve = |mut served: u32| {
                while allowed.pace() == Pace::Free {
                    allowed.take(bcrypt(cost));
                    served += 1;
                }
                allowed.pass(Duration::from_millis(1));
                served
            };
            assert_eq!(serve(0), at_once, "{cost}");
            let served = (0..60_000).fold(0, |served, _| serve(served));
            assert!(served.abs_diff(in_a_minute) <= 1, "{cost}: {served} in a minute");
        }
    }
}
