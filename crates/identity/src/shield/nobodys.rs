//! Texts of answers that the shop said are nobody's token: it is not asked about each of them with every page.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{Secret, Timestamp};
use storeward_seal::fingerprint::token_hash;

/// So many are remembered. When there are more, the oldest half is forgotten.
const MOST: usize = 4_096;
/// For so long. A text that becomes a token later is seen again after it, and at once where somebody signs in.
const REMEMBERED: Duration = Duration::from_secs(300);

/// By their hash alone.
#[derive(Debug, Default)]
pub struct Nobodys(Mutex<HashMap<String, Timestamp>>);

impl Nobodys {
    /// Whether the page at this path said lately that it is nobody's.
    pub fn has(&self, path: &str, token: &Secret<String>, now: Timestamp) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&key(path, token)).is_some_and(|at| now.since(*at) < REMEMBERED)
    }

    pub fn add(&self, path: &str, token: &Secret<String>, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            let mut times: Vec<_> = known.values().copied().collect();
            times.sort_unstable();
            let middle = times.get(MOST / 2).copied().unwrap_or(now);
            known.retain(|_, at| *at > middle && now.since(*at) < REMEMBERED);
        }
        known.insert(key(path, token), now);
    }
}

fn key(path: &str, token: &Secret<String>) -> String {
    token_hash(&format!("{path}\n{}", token.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_in_size_and_in_time() {
        let nobodys = Nobodys::default();
        let of = |n: u64| Secret::new(format!("a-key-of-form-{n}"));
        let at = |n: u64| Timestamp::from_micros(1_790_000_000_000_000).plus(Duration::from_millis(n));
        let last = 3 * u64::try_from(MOST).unwrap() - 1;
        for n in 0..=last {
            nobodys.add("/me", &of(n), at(n));
            assert!(nobodys.0.lock().unwrap().len() <= MOST);
        }
        assert!(nobodys.has("/me", &of(last), at(last)) && !nobodys.has("/me", &of(0), at(last)));
        assert!(!nobodys.has("/you", &of(last), at(last)), "another page did not say so");
        assert!(!nobodys.has("/me", &of(last), at(last).plus(REMEMBERED)));
        assert!(!format!("{nobodys:?}").contains("a-key-of-form"));
    }
}
