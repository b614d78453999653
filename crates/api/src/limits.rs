//! How much one key may ask, and how refusals are told without filling the ledger.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{AddressBlock, ApiKeyId, ClientIp, ClientRef, Timestamp};
use storeward_detect::pace::{OnSuccess, Pace, Paced, Throttle};

/// Networks kept at once.
const MOST_NETWORKS: usize = 20_000;
/// Kinds of refusals that are counted at once.
const MOST_REFUSALS: usize = 4_096;
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Whoever shows keys that are none. Keys have 256 bits, so this is about load and noise, not about odds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(AddressBlock);

impl Network {
    pub fn of(caller: ClientIp) -> Self {
        Network(caller.block())
    }
}

impl Paced for Network {
    fn pace(&self) -> Pace {
        Pace { free: 100, longest: Duration::from_secs(60) }
    }

    fn on_success(&self) -> OnSuccess {
        OnSuccess::GiveBack
    }
}

/// The count of calls without a good key.
pub fn failures() -> Throttle<Network> {
    Throttle::new(MOST_NETWORKS)
}

/// A leaky bucket for each key: there are few.
pub struct Buckets {
    per_second: f64,
    most: f64,
    levels: Mutex<HashMap<ApiKeyId, (f64, Timestamp)>>,
}

impl Buckets {
    /// So many calls a second, and ten seconds' worth at once.
    pub fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second.max(1));
        Buckets { per_second, most: per_second * 10.0, levels: Mutex::default() }
    }

    /// Takes a call; or says after how many seconds one would be taken.
    pub fn take(&self, key: ApiKeyId, now: Timestamp) -> Result<(), u64> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let (level, at) = levels.get(&key).copied().unwrap_or((0.0, now));
        let level = (level - now.since(at).as_secs_f64() * self.per_second).max(0.0);
        if level + 1.0 > self.most {
            let wait = (level + 1.0 - self.most) / self.per_second;
            levels.insert(key, (level, now));
            // Few seconds: the bucket holds ten seconds' worth.
            return Err(if wait > 1.0 { 2 } else { 1 });
        }
        levels.insert(key, (level + 1.0, now));
        Ok(())
    }
}

/// Which refusals are alike.
pub type Alike = (Option<ApiKeyId>, Option<ClientRef>, &'static str);

/// Counts refusals, so that of one kind the ledger gets at most one entry a minute.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<Alike, (Option<Timestamp>, u64)>>);

impl Refusals {
    /// How many are to be told now; nothing where it is too early.
    pub fn count(&self, alike: Alike, now: Timestamp) -> Option<u64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MOST_REFUSALS && !counts.contains_key(&alike) {
            counts.retain(|_, (told, _)| told.is_some_and(|told| now.since(told) < TELL_EVERY));
            if counts.len() >= MOST_REFUSALS {
                // Somebody calls from everywhere: what they do is told of one client for all.
                let (key, _, reason) = alike;
                return Self::count_in(&mut counts, (key, None, reason), now);
            }
        }
        Self::count_in(&mut counts, alike, now)
    }

    fn count_in(
        counts: &mut HashMap<Alike, (Option<Timestamp>, u64)>,
        alike: Alike,
        now: Timestamp,
    ) -> Option<u64> {
        let (told, count) = counts.entry(alike).or_insert((None, 0));
        *count += 1;
        if told.is_some_and(|told| now.since(told) < TELL_EVERY) {
            return None;
        }
        *told = Some(now);
        Some(std::mem::take(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gets_its_share_and_no_more() {
        let (buckets, now) = (Buckets::new(2), Timestamp::from_seconds(100));
        let (one, other) = (ApiKeyId::from_bits(1), ApiKeyId::from_bits(2));
        assert!((0..20).all(|_| buckets.take(one, now).is_ok()));
        assert!(buckets.take(one, now).is_err());
        assert!(buckets.take(other, now).is_ok());
        assert!(buckets.take(one, now.plus(Duration::from_millis(500))).is_ok());
        assert!(buckets.take(one, now.plus(Duration::from_millis(500))).is_err());
    }

    #[test]
    fn refusals_are_told_once_a_minute_with_their_number() {
        let (refusals, now) = (Refusals::default(), Timestamp::from_seconds(100));
        let alike = (None, None, "unknown_key");
        assert_eq!(refusals.count(alike, now), Some(1));
        assert!((0..50).all(|_| refusals.count(alike, now.plus(Duration::from_secs(59))).is_none()));
        assert_eq!(refusals.count(alike, now.plus(TELL_EVERY)), Some(51));
    }

    #[test]
    fn a_crowd_of_clients_fills_nothing() {
        let refusals = Refusals::default();
        let now = Timestamp::from_seconds(100);
        let mut told = 0;
        for count in 0..10_000_u32 {
            let mut bytes = [0; 12];
            bytes[..4].copy_from_slice(&count.to_be_bytes());
            let alike = (None, Some(ClientRef::from_bytes(bytes)), "unknown_key");
            told += u32::from(refusals.count(alike, now).is_some());
        }
        assert!(told <= 4_097, "{told}");
        assert!(refusals.0.lock().unwrap().len() <= MOST_REFUSALS + 1);
    }
}
