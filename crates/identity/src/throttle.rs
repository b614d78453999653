//! Slows guessing down: by account and device class, by address, by what is asked for; in memory.
//!
//! An attempt is counted before anything is looked at, so a burst of parallel guesses gains nothing. Nobody is locked
//! out by somebody else: a device that signed in before has a count of its own, which strangers cannot reach. A
//! restart forgets the counts; the count that disables a password (`password_failures`) is kept in the database.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::Timestamp;

/// Attempts without a wait, then the wait doubles from one second up to `longest`.
#[derive(Clone, Copy, Debug)]
struct Pace {
    free: u32,
    longest: Duration,
}

/// A count is forgotten after this much silence.
const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);
/// Keys kept at once. When all are in use, nobody new may try until one is forgotten: closed, not open.
const MOST_KEYS: usize = 100_000;

/// What is counted. The texts are keyed marks and ids, not addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Passwords for an address as typed, from devices that are not known.
    Stranger(String),
    /// Passwords of one known device.
    KnownDevice(String),
    /// Passwords from one address block.
    Network(String),
    /// Second factors of one account, over all its challenges.
    Factor(String),
    /// Letters and messages to one address.
    Mail(String),
    /// Challenges begun from one address block, such as passkey challenges and sign-ups.
    Begun(String),
}

impl Key {
    const fn pace(&self) -> Pace {
        match self {
            Key::Stranger(_) | Key::KnownDevice(_) => Pace { free: 5, longest: Duration::from_secs(5 * 60) },
            // A household, an office or a carrier's gateway shares an address.
            Key::Network(_) => Pace { free: 30, longest: Duration::from_secs(15 * 60) },
            Key::Factor(_) => Pace { free: 10, longest: Duration::from_secs(10 * 60) },
            Key::Mail(_) => Pace { free: 4, longest: Duration::from_secs(30 * 60) },
            Key::Begun(_) => Pace { free: 120, longest: Duration::from_secs(60) },
        }
    }

    /// Whether a success clears it. A network is not cleared: whoever has one account must not use it to guess at
    /// others.
    const fn is_cleared(&self) -> bool {
        matches!(self, Key::Stranger(_) | Key::KnownDevice(_) | Key::Factor(_))
    }
}

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

#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<Key, Count>>);

impl Throttle {
    /// Counts one attempt against every key. It is granted only when each of them grants it.
    pub fn attempt(&self, keys: &[Key], now: Timestamp) -> Leave {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() + keys.len() > MOST_KEYS {
            counts.retain(|_, count| now.since(count.last_at) < MEMORY);
            if counts.len() + keys.len() > MOST_KEYS {
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

    /// After a success: what is the account's own starts afresh, the rest gets this one attempt back.
    pub fn succeeded(&self, keys: &[Key]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if key.is_cleared() {
                counts.remove(key);
            } else if let Some(count) = counts.get_mut(key) {
                count.attempts = count.attempts.saturating_sub(1);
            }
        }
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

    #[test]
    fn five_tries_are_free_and_then_the_wait_doubles() {
        let throttle = Throttle::default();
        let keys = [Key::Stranger("a".into())];
        for _ in 0..5 {
            assert_eq!(throttle.attempt(&keys, NOW), Leave::Granted);
        }
        assert_eq!(throttle.attempt(&keys, NOW), Leave::Wait { seconds: 1, first: true });
        assert_eq!(throttle.attempt(&keys, NOW), Leave::Wait { seconds: 1, first: false });
        let at = NOW.plus(Duration::from_secs(1));
        assert_eq!(throttle.attempt(&keys, at), Leave::Granted);
        assert_eq!(throttle.attempt(&keys, at), Leave::Wait { seconds: 2, first: true });
        throttle.succeeded(&keys);
        assert_eq!(throttle.attempt(&keys, at), Leave::Granted);
    }

    #[test]
    fn strangers_do_not_use_up_what_a_known_device_has() {
        let throttle = Throttle::default();
        for _ in 0..1_000 {
            throttle.attempt(&[Key::Stranger("a".into())], NOW);
        }
        assert!(matches!(throttle.attempt(&[Key::Stranger("a".into())], NOW), Leave::Wait { .. }));
        assert_eq!(throttle.attempt(&[Key::KnownDevice("d".into())], NOW), Leave::Granted);
    }

    #[test]
    fn memory_is_bounded_and_closes_when_full() {
        let throttle = Throttle::default();
        for n in 0..MOST_KEYS {
            assert_eq!(throttle.attempt(&[Key::Network(n.to_string())], NOW), Leave::Granted);
        }
        assert!(matches!(throttle.attempt(&[Key::Network("new".into())], NOW), Leave::Wait { .. }));
        assert_eq!(throttle.attempt(&[Key::Network("new".into())], NOW.plus(MEMORY)), Leave::Granted);
    }
}
