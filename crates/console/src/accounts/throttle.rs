//! Slows guessing down: per account and per address, in memory.
//!
//! An attempt is counted before the password is looked at, so a burst of parallel guesses gains nothing. A restart
//! forgets the counts; each guess still has to meet a password and a code.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::Timestamp;

/// Attempts without a wait, then the wait doubles from one second up to `longest`.
#[derive(Clone, Copy, Debug)]
struct Policy {
    free: u32,
    longest: Duration,
}

/// A member of staff who mistypes must not be kept out for long by somebody else's guesses.
const ACCOUNT: Policy = Policy { free: 5, longest: Duration::from_secs(5 * 60) };
/// Several members of staff may share an office's address.
const ADDRESS: Policy = Policy { free: 20, longest: Duration::from_secs(15 * 60) };
/// A count is forgotten after this much silence.
const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);
/// Keys kept at once. When all are in use, nobody new may try until one is forgotten: closed, not open.
const MOST_KEYS: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// The hash of an e-mail address as typed, whether an account has it or not.
    Account(String),
    /// An address block.
    Address(String),
}

impl Key {
    const fn policy(&self) -> Policy {
        match self {
            Key::Account(_) => ACCOUNT,
            Key::Address(_) => ADDRESS,
        }
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
            let left = wait_of(key.policy(), count.attempts).saturating_sub(now.since(count.last_at));
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

    /// Takes an attempt back that came to nothing: the password was not looked at.
    pub fn withdraw(&self, keys: &[Key]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if let Some(count) = counts.get_mut(key) {
                count.attempts = count.attempts.saturating_sub(1);
            }
        }
    }

    /// After a success: the account starts afresh, and the address gets this one attempt back. The address is not
    /// cleared: whoever has one account must not use it to guess at others.
    pub fn succeeded(&self, keys: &[Key]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            match key {
                Key::Account(_) => {
                    counts.remove(key);
                }
                Key::Address(_) => {
                    if let Some(count) = counts.get_mut(key) {
                        count.attempts = count.attempts.saturating_sub(1);
                    }
                }
            }
        }
    }
}

/// The wait after so many attempts.
fn wait_of(policy: Policy, attempts: u32) -> Duration {
    match attempts.checked_sub(policy.free) {
        None => Duration::ZERO,
        Some(over) => Duration::from_secs(1u64 << over.min(20)).min(policy.longest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn account(name: &str) -> Key {
        Key::Account(name.into())
    }

    #[test]
    fn five_tries_are_free_and_then_the_wait_doubles() {
        let throttle = Throttle::default();
        let keys = [account("a")];
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
        assert_eq!(throttle.attempt(&[account("b")], at), Leave::Granted);
    }

    #[test]
    fn an_address_that_guesses_at_many_accounts_is_slowed() {
        let throttle = Throttle::default();
        let address = Key::Address("192.0.2.1".into());
        let keys = |n: u32| [account(&n.to_string()), address.clone()];
        for n in 0..20 {
            assert_eq!(throttle.attempt(&keys(n), NOW), Leave::Granted);
            throttle.succeeded(&[account(&n.to_string())]);
        }
        assert!(matches!(throttle.attempt(&keys(99), NOW), Leave::Wait { .. }));
    }

    #[test]
    fn success_clears_the_account() {
        let throttle = Throttle::default();
        let keys = [account("a")];
        for _ in 0..5 {
            throttle.attempt(&keys, NOW);
        }
        throttle.succeeded(&keys);
        assert_eq!(throttle.attempt(&keys, NOW), Leave::Granted);
    }

    #[test]
    fn an_attempt_that_nobody_looked_at_does_not_count() {
        let throttle = Throttle::default();
        let keys = [account("a"), Key::Address("192.0.2.1".into())];
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
        let throttle = Throttle::default();
        for n in 0..MOST_KEYS {
            assert_eq!(throttle.attempt(&[account(&n.to_string())], NOW), Leave::Granted);
        }
        assert!(matches!(throttle.attempt(&[account("new")], NOW), Leave::Wait { .. }));
        assert_eq!(throttle.attempt(&[account("new")], NOW.plus(MEMORY)), Leave::Granted);
    }
}
