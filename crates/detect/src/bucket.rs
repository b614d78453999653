//! A leaky bucket that counts distinct keys, and the share of a client's requests that went wrong.

use std::time::Duration;

use storeward_base::Timestamp;

use crate::Scenario;

/// Keys a bucket remembers at most; a scenario that needs more forgets the oldest and may count a key twice.
pub(crate) const MAX_KEYS: usize = 256;

/// The state of one scenario for one client (and host). The level is kept as the time it takes to leak away, in
/// microseconds: whole numbers, no drift.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub scenario: u16,
    /// Hash of the host where the scenario counts per host, else 0.
    pub host: u64,
    level_us: u64,
    touched: Timestamp,
    pub first_at: Timestamp,
    pub observations: u32,
    keys: Vec<u64>,
    next_key: usize,
    muted_until: Timestamp,
    noted_until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Poured {
    /// The key was there already, or the bucket is muted.
    Ignored,
    Filled,
    Overflowed,
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl Bucket {
    pub fn new(scenario: u16, host: u64, now: Timestamp) -> Self {
        Bucket {
            scenario,
            host,
            level_us: 0,
            touched: now,
            first_at: now,
            observations: 0,
            keys: Vec::new(),
            next_key: 0,
            muted_until: Timestamp::from_micros(i64::MIN),
            noted_until: Timestamp::from_micros(i64::MIN),
        }
    }

    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// When nothing of it matters any more.
    pub fn empty_at(&self) -> Timestamp {
        self.touched.plus(Duration::from_micros(self.level_us)).max(self.muted_until).max(self.noted_until)
    }

    /// `now` never lies before an earlier `now`: the detector sees to it.
    pub fn pour(&mut self, rule: &Scenario, now: Timestamp, key: Option<u64>) -> Poured {
        if now < self.muted_until {
            return Poured::Ignored;
        }
        self.leak(now);
        if let Some(key) = key
            && !self.remember(key, rule.capacity)
        {
            return Poured::Ignored;
        }
        let drop_us = micros(rule.leak).max(1);
        self.observations = self.observations.saturating_add(1);
        self.level_us = self.level_us.saturating_add(drop_us);
        if self.level_us > drop_us.saturating_mul(u64::from(rule.capacity)) {
            Poured::Overflowed
        } else {
            Poured::Filled
        }
    }

    /// After a finding: starts anew once the silence is over.
    pub fn mute(&mut self, now: Timestamp, span: Duration) {
        self.level_us = 0;
        self.keys = Vec::new();
        self.next_key = 0;
        self.observations = 0;
        self.muted_until = now.plus(span);
    }

    /// After a ban was held back: stays full to the brim, so that the next counted request asks again.
    pub fn stay_full(&mut self, rule: &Scenario) {
        self.level_us = micros(rule.leak).max(1).saturating_mul(u64::from(rule.capacity));
    }

    /// Whether a held-back finding is to be told: once each `span`.
    pub fn note(&mut self, now: Timestamp, span: Duration) -> bool {
        let due = now >= self.noted_until;
        if due {
            self.noted_until = now.plus(span);
        }
        due
    }

    fn leak(&mut self, now: Timestamp) {
        let elapsed_us = micros(now.since(self.touched));
        self.touched = now;
        self.level_us = self.level_us.saturating_sub(elapsed_us);
        if self.level_us == 0 {
            self.keys.clear();
            self.next_key = 0;
            self.observations = 0;
            self.first_at = now;
        }
    }

    /// Whether the key is new.
    fn remember(&mut self, key: u64, capacity: u32) -> bool {
        if self.keys.contains(&key) {
            return false;
        }
        // Twice the capacity: a bucket that leaks as fast as it fills must not count an old key again too soon.
        let most = usize::try_from(capacity).unwrap_or(MAX_KEYS).saturating_mul(2).clamp(8, MAX_KEYS);
        if self.keys.len() < most {
            self.keys.push(key);
        } else if let Some(oldest) = self.keys.get_mut(self.next_key % most) {
            *oldest = key;
            self.next_key = (self.next_key + 1) % most;
        }
        true
    }
}

/// How a client's requests went, halved each minute.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    good: u32,
    bad: u32,
    halved_at: Timestamp,
}

const HALVING: Duration = Duration::from_secs(60);
/// One request. More than 1, so that halving does not wipe out single requests at once.
const UNIT: u32 = 256;

impl Share {
    pub fn count(&mut self, now: Timestamp, bad: bool) {
        let halvings = now.since(self.halved_at).as_secs() / HALVING.as_secs();
        if halvings > 0 {
            let by = u32::try_from(halvings).unwrap_or(31).min(31);
            self.good >>= by;
            self.bad >>= by;
            self.halved_at = now;
        }
        let side = if bad { &mut self.bad } else { &mut self.good };
        *side = side.saturating_add(UNIT);
    }

    pub fn bad_percent(&self) -> u8 {
        let (good, bad) = (u64::from(self.good), u64::from(self.bad));
        u8::try_from((bad * 100).checked_div(good + bad).unwrap_or(0)).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::first_scenarios;

    fn rule() -> Scenario {
        first_scenarios().into_iter().find(|s| s.name == "probing").unwrap()
    }

    #[test]
    fn overflows_with_one_more_than_its_capacity() {
        let (rule, now) = (rule(), Timestamp::from_seconds(100));
        let mut bucket = Bucket::new(0, 0, now);
        for key in 0..10 {
            assert_eq!(bucket.pour(&rule, now, Some(key)), Poured::Filled);
            assert_eq!(bucket.pour(&rule, now, Some(key)), Poured::Ignored);
        }
        assert_eq!(bucket.pour(&rule, now, Some(10)), Poured::Overflowed);
        bucket.mute(now, rule.mute);
        assert_eq!(bucket.pour(&rule, now, Some(11)), Poured::Ignored);
        assert_eq!(bucket.empty_at(), now.plus(rule.mute));
    }

    #[test]
    fn leaks_one_each_ten_seconds() {
        let rule = rule();
        let mut bucket = Bucket::new(0, 0, Timestamp::EPOCH);
        for key in 0..1_000 {
            let now = Timestamp::from_seconds(i64::try_from(key).unwrap() * 10);
            assert_eq!(bucket.pour(&rule, now, Some(key)), Poured::Filled);
            assert!(bucket.key_count() <= 20);
        }
    }

    #[test]
    fn a_share_forgets() {
        let mut share = Share::default();
        for _ in 0..50 {
            share.count(Timestamp::EPOCH, false);
        }
        share.count(Timestamp::EPOCH, true);
        assert_eq!(share.bad_percent(), 1);
        for _ in 0..10 {
            share.count(Timestamp::from_seconds(600), true);
        }
        assert!(share.bad_percent() > 90);
    }
}
