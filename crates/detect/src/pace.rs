//! Slows guessing down: attempts are counted by key, some are free, and then each wait is twice the one before.
//!
//! An attempt is counted before anything is looked at, so a burst of parallel guesses gains nothing. Counts are in memory:
//! a restart forgets them, so what must outlive one is kept elsewhere by whoever asks.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storeward_base::Timestamp;

/// Attempts without a wait, then the wait doubles from one second up to `longest`.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub free: u32,
    pub longest: Duration,
}

/// What a success does to a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSuccess {
    /// It starts afresh.
    Clear,
    /// It gets this one attempt back: whoever has one account must not use it to guess at others.
    GiveBack,
}

/// What is counted. Marks and ids, never what names a person.
pub trait Paced: Clone + Eq + Hash {
    fn pace(&self) -> Pace;
    fn on_success(&self) -> OnSuccess;
}

/// A count is forgotten after this much silence.
pub const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

/// A key is cold again after this much silence.
const WARM: Duration = Duration::from_secs(15 * 60);

#[derive(Clone, Copy, Debug)]
struct Count {
    attempts: u32,
    last_at: Timestamp,
    /// Whether the refusal was told to the ledger: once per wait, so that a flood cannot fill it.
    told: bool,
}

/// What the counter says to one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    Granted,
    /// Wait so long. `first` is true once per wait.
    Wait {
        seconds: u64,
        first: bool,
    },
}

/// The counts of one domain.
#[derive(Debug)]
pub struct Throttle<K> {
    counts: Mutex<HashMap<K, Count>>,
    most_keys: usize,
}

impl<K: Paced> Throttle<K> {
    /// Keeps so many keys at once. When all are in use, nobody new may try until one is forgotten: closed, not open.
    pub fn new(most_keys: usize) -> Self {
        Throttle { counts: Mutex::default(), most_keys }
    }

    /// Counts one attempt against every key. It is granted only when each of them grants it.
    pub fn attempt(&self, keys: &[K], now: Timestamp) -> Leave {
        let mut counts = self.counts();
        if counts.len() + keys.len() > self.most_keys {
            counts.retain(|_, count| now.since(count.last_at) < MEMORY);
            if counts.len() + keys.len() > self.most_keys {
                return Leave::Wait { seconds: 60, first: false };
            }
        }
        let mut longest = Duration::ZERO;
        let mut first = false;
        for key in keys {
            let Some(count) = counts.get_mut(key) else { continue };
            let left = wait_of(key.pace(), count.attempts).saturating_sub(now.since(count.last_at));
            if !left.is_zero() {
                longest = longest.max(left);
                first |= !count.told;
                count.told = true;
            }
        }
        if !longest.is_zero() {
            return Leave::Wait { seconds: longest.as_secs().max(1), first };
        }
        for key in keys {
            let count = counts.entry(key.clone()).or_insert(Count { attempts: 0, last_at: now, told: false });
            if now.since(count.last_at) >= MEMORY {
                count.attempts = 0;
            }
            *count = Count { attempts: count.attempts.saturating_add(1), last_at: now, told: false };
        }
        Leave::Granted
    }

    /// Whether one of the keys has used half of its free attempts lately: whoever guesses is soon there, and who mistypes
    /// hardly.
    pub fn is_warm(&self, keys: &[K], now: Timestamp) -> bool {
        let counts = self.counts();
        keys.iter().any(|key| {
            let found = counts.get(key).filter(|count| now.since(count.last_at) < WARM);
            found.is_some_and(|count| count.attempts.saturating_mul(2) >= key.pace().free)
        })
    }

    /// Takes an attempt back that came to nothing: nobody looked at it.
    pub fn withdraw(&self, keys: &[K]) {
        let mut counts = self.counts();
        for key in keys {
            if let Some(count) = counts.get_mut(key) {
                count.attempts = count.attempts.saturating_sub(1);
            }
        }
    }

    /// After a success: see [`OnSuccess`].
    pub fn succeeded(&self, keys: &[K]) {
        let mut counts = self.counts();
        for key in keys {
            match key.on_success() {
                OnSuccess::Clear => {
                    counts.remove(key);
                }
                OnSuccess::GiveBack => {
                    if let Some(count) = counts.get_mut(key) {
                        count.attempts = count.attempts.saturating_sub(1);
                    }
                }
            }
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<K, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wait after so many attempts.
fn wait_of(pace: Pace, attempts: u32) -> Duration {
    match attempts.checked_sub(pace.free) {
        None => Duration::ZERO,
        Some(over) => Duration::from_secs(1u64 << over.min(20)).min(pace.longest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    enum Key {
        Account(u32),
        Address(u32),
    }

    impl Paced for Key {
        fn pace(&self) -> Pace {
            match self {
                Key::Account(_) => Pace { free: 5, longest: Duration::from_secs(300) },
                Key::Address(_) => Pace { free: 20, longest: Duration::from_secs(900) },
            }
        }

        fn on_success(&self) -> OnSuccess {
            match self {
                Key::Account(_) => OnSuccess::Clear,
                Key::Address(_) => OnSuccess::GiveBack,
            }
        }
    }

    #[test]
    fn five_tries_are_free_and_then_the_wait_doubles() {
        let throttle = Throttle::new(100);
        let keys = [Key::Account(1)];
        for _ in 0..5 {
            assert_eq!(throttle.attempt(&keys, NOW), Leave::Granted);
        }
        assert_eq!(throttle.attempt(&keys, NOW), Leave::Wait { seconds: 1, first: true });
        assert_eq!(throttle.attempt(&keys, NOW), Leave::Wait { seconds: 1, first: false });
        let mut at = NOW.plus(Duration::from_secs(1));
        assert_eq!(throttle.attempt(&keys, at), Leave::Granted);
        assert_eq!(throttle.attempt(&keys, at), Leave::Wait { seconds: 2, first: true });
        for _ in 0..20 {
            at = at.plus(Duration::from_secs(300));
            assert_eq!(throttle.attempt(&keys, at), Leave::Granted);
        }
        assert_eq!(throttle.attempt(&keys, at), Leave::Wait { seconds: 300, first: true });
        assert_eq!(throttle.attempt(&[Key::Account(2)], at), Leave::Granted);
    }

    #[test]
    fn an_address_that_guesses_at_many_accounts_is_slowed_also_when_it_has_one() {
        let throttle = Throttle::new(100);
        let keys = |n: u32| [Key::Account(n), Key::Address(1)];
        for n in 0..20 {
            assert_eq!(throttle.attempt(&keys(n), NOW), Leave::Granted);
            throttle.succeeded(&[Key::Account(n)]);
        }
        assert!(matches!(throttle.attempt(&keys(99), NOW), Leave::Wait { .. }));
        throttle.succeeded(&[Key::Address(1)]);
        assert_eq!(throttle.attempt(&keys(99), NOW), Leave::Granted);
        assert!(matches!(throttle.attempt(&keys(98), NOW), Leave::Wait { .. }), "one is given back, not all");
    }

    #[test]
    fn success_clears_the_account() {
        let throttle = Throttle::new(100);
        for _ in 0..5 {
            throttle.attempt(&[Key::Account(1)], NOW);
        }
        throttle.succeeded(&[Key::Account(1)]);
        assert_eq!(throttle.attempt(&[Key::Account(1)], NOW), Leave::Granted);
    }

    #[test]
    fn an_attempt_that_nobody_looked_at_does_not_count() {
        let throttle = Throttle::new(100);
        let keys = [Key::Account(1), Key::Address(1)];
        for _ in 0..50 {
            assert_eq!(throttle.attempt(&keys, NOW), Leave::Granted);
            throttle.withdraw(&keys);
        }
        for _ in 0..5 {
            assert_eq!(throttle.attempt(&keys, NOW), Leave::Granted);
        }
        assert!(matches!(throttle.attempt(&keys, NOW), Leave::Wait { .. }));
    }

    #[test]
    fn memory_is_bounded_and_closes_when_full() {
        let throttle = Throttle::new(1_000);
        for n in 0..1_000 {
            assert_eq!(throttle.attempt(&[Key::Account(n)], NOW), Leave::Granted);
        }
        assert!(matches!(throttle.attempt(&[Key::Account(9_999)], NOW), Leave::Wait { .. }));
        assert_eq!(throttle.attempt(&[Key::Account(9_999)], NOW.plus(MEMORY)), Leave::Granted);
    }
}
