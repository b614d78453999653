//! Slows guessing down: attempts are counted by key, some are free, and then each wait is twice the one before.
//!
//! An attempt is counted before anything is looked at, so a burst of parallel guesses gains nothing. Counts are in memory:
//! a restart forgets them, so what must outlive one is kept elsewhere by whoever asks.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storeward_base::{Timestamp, WiderNetwork};

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

/// Whether whoever asks has shown something that strangers cannot have at will: a device that signed in before, a right
/// password, a solved puzzle. Those counts are kept apart, so that strangers cannot push them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vouched {
    Yes,
    No,
}

/// Whether attempts are forgotten one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    Never,
    /// One after each such time: for what many people share, whose mistakes would add up.
    OneEvery(Duration),
}

/// What is counted. Marks, ids and networks, never what names a person.
pub trait Paced: Clone + Eq + Hash {
    fn pace(&self) -> Pace;
    fn on_success(&self) -> OnSuccess;

    /// What is counted with it: networks around its own, so that one with many blocks has not as many counts.
    fn wider(&self) -> Vec<Self> {
        Vec::new()
    }

    fn drain(&self) -> Drain {
        Drain::Never
    }

    fn vouched(&self) -> Vouched {
        Vouched::No
    }
}

/// How a network around a block is counted, given what the block has: 8 times as many attempts for an IPv4 /24, 4 times for
/// an IPv6 /56, which is one home, 16 times for a /48, which is one site or many handsets of a carrier. The wait stays short,
/// for others may live there.
pub fn around(network: WiderNetwork, block: Pace) -> Pace {
    let times = match network.bits() {
        24 => 8,
        56 => 4,
        _ => 16,
    };
    Pace { free: block.free.saturating_mul(times), longest: block.longest.min(Duration::from_secs(5 * 60)) }
}

/// How networks around a block forget.
pub const AROUND_DRAINS: Drain = Drain::OneEvery(Duration::from_secs(30));

/// A count is forgotten after this much silence.
pub const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

/// A key is cold again after this much silence.
const WARM: Duration = Duration::from_secs(15 * 60);

/// When all keys are in use, one of so many is given up at once: looking for them costs a walk over all.
const GIVEN_UP: usize = 16;

#[derive(Clone, Copy, Debug)]
struct Count {
    attempts: u32,
    last_at: Timestamp,
    /// Up to when attempts have been forgotten.
    drained_at: Timestamp,
    /// Whether the refusal was told to the ledger: once per wait, so that a flood cannot fill it.
    told: bool,
}

impl Count {
    fn drain(&mut self, drain: Drain, now: Timestamp) {
        let Drain::OneEvery(each) = drain else { return };
        let gone = now.since(self.drained_at).as_secs() / each.as_secs().max(1);
        let gone = u32::try_from(gone).unwrap_or(u32::MAX);
        self.attempts = self.attempts.saturating_sub(gone);
        self.drained_at = self.drained_at.plus(each.saturating_mul(gone));
    }

    fn left<K: Paced>(&self, key: &K, now: Timestamp) -> Duration {
        wait_of(key.pace(), self.attempts).saturating_sub(now.since(self.last_at))
    }

    /// How much would be lost with it: the share of the free attempts that was used, in thousandths.
    fn weight<K: Paced>(&self, key: &K) -> u64 {
        u64::from(self.attempts) * 1_000 / u64::from(key.pace().free.max(1))
    }
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
    counts: Mutex<Counts<K>>,
    most_keys: usize,
}

#[derive(Debug)]
struct Counts<K> {
    strangers: HashMap<K, Count>,
    vouched: HashMap<K, Count>,
}

impl<K: Paced> Counts<K> {
    fn of(&mut self, vouched: Vouched) -> &mut HashMap<K, Count> {
        match vouched {
            Vouched::Yes => &mut self.vouched,
            Vouched::No => &mut self.strangers,
        }
    }

    fn get(&self, key: &K) -> Option<&Count> {
        match key.vouched() {
            Vouched::Yes => self.vouched.get(key),
            Vouched::No => self.strangers.get(key),
        }
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut Count> {
        self.of(key.vouched()).get_mut(key)
    }
}

impl<K: Paced> Throttle<K> {
    /// Keeps so many keys at once of strangers, and as many of those that are [`Vouched`] for. When all are in use, the
    /// lightest and oldest counts are given up, never one that has to wait: whoever fills the table locks nobody out. Only
    /// when everything in it has to wait is it closed to what is not in it.
    pub fn new(most_keys: usize) -> Self {
        let counts = Counts { strangers: HashMap::new(), vouched: HashMap::new() };
        Throttle { counts: Mutex::new(counts), most_keys }
    }

    /// Counts one attempt against every key and what is wider. It is granted only when each of them grants it.
    pub fn attempt(&self, keys: &[K], now: Timestamp) -> Leave {
        let keys = with_wider(keys);
        let mut counts = self.counts();
        let mut longest = Duration::ZERO;
        let mut first = false;
        for key in &keys {
            let Some(count) = counts.get_mut(key) else { continue };
            count.drain(key.drain(), now);
            let left = count.left(key, now);
            if !left.is_zero() {
                longest = longest.max(left);
                first |= !count.told;
                count.told = true;
            }
        }
        if !longest.is_zero() {
            return Leave::Wait { seconds: longest.as_secs().max(1), first };
        }
        for vouched in [Vouched::No, Vouched::Yes] {
            if let Err(wait) = make_room(counts.of(vouched), vouched, &keys, self.most_keys, now) {
                return Leave::Wait { seconds: wait.as_secs().clamp(1, 60), first: false };
            }
        }
        for key in keys {
            let fresh = Count { attempts: 0, last_at: now, drained_at: now, told: false };
            let count = counts.of(key.vouched()).entry(key).or_insert(fresh);
            if now.since(count.last_at) >= MEMORY {
                *count = fresh;
            }
            *count =
                Count { attempts: count.attempts.saturating_add(1), last_at: now, told: false, ..*count };
        }
        Leave::Granted
    }

    /// How many seconds an attempt against these keys would have to wait now; `None` when it would be granted. Counts nothing.
    pub fn wait(&self, keys: &[K], now: Timestamp) -> Option<u64> {
        let counts = self.counts();
        let left = with_wider(keys).into_iter().filter_map(|key| {
            let mut count = *counts.get(&key)?;
            count.drain(key.drain(), now);
            Some(count.left(&key, now))
        });
        left.max().filter(|left| !left.is_zero()).map(|left| left.as_secs().max(1))
    }

    /// How many attempts are counted against a key now.
    pub fn attempts(&self, key: &K, now: Timestamp) -> u32 {
        let found = self.counts().get(key).copied();
        found.map_or(0, |mut count| {
            count.drain(key.drain(), now);
            if now.since(count.last_at) < MEMORY { count.attempts } else { 0 }
        })
    }

    /// Whether one of the keys, or what is wider, has used half of its free attempts lately: whoever guesses is soon there,
    /// and who mistypes hardly.
    pub fn is_warm(&self, keys: &[K], now: Timestamp) -> bool {
        let counts = self.counts();
        with_wider(keys).iter().any(|key| {
            let found = counts.get(key).filter(|count| now.since(count.last_at) < WARM);
            found.is_some_and(|count| {
                let mut count = *count;
                count.drain(key.drain(), now);
                count.attempts.saturating_mul(2) >= key.pace().free
            })
        })
    }

    /// Takes an attempt back that came to nothing: nobody looked at it.
    pub fn withdraw(&self, keys: &[K]) {
        let mut counts = self.counts();
        for key in with_wider(keys) {
            if let Some(count) = counts.get_mut(&key) {
                count.attempts = count.attempts.saturating_sub(1);
            }
        }
    }

    /// After a success: see [`OnSuccess`].
    pub fn succeeded(&self, keys: &[K]) {
        let mut counts = self.counts();
        for key in with_wider(keys) {
            match key.on_success() {
                OnSuccess::Clear => {
                    counts.of(key.vouched()).remove(&key);
                }
                OnSuccess::GiveBack => {
                    if let Some(count) = counts.get_mut(&key) {
                        count.attempts = count.attempts.saturating_sub(1);
                    }
                }
            }
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts<K>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_wider<K: Paced>(keys: &[K]) -> Vec<K> {
    keys.iter().flat_map(|key| std::iter::once(key.clone()).chain(key.wider())).collect()
}

/// Makes room for those of `keys` that are not there. What is asked for now stays, and so does whatever has to wait; when
/// that is all there is, the error says how long the shortest wait is.
fn make_room<K: Paced>(
    counts: &mut HashMap<K, Count>,
    vouched: Vouched,
    keys: &[K],
    most_keys: usize,
    now: Timestamp,
) -> Result<(), Duration> {
    let missing = keys.iter().filter(|key| key.vouched() == vouched && !counts.contains_key(key)).count();
    if missing == 0 || counts.len() + missing <= most_keys {
        return Ok(());
    }
    counts.retain(|_, count| now.since(count.last_at) < MEMORY);
    let mut light = Vec::new();
    let mut shortest: Option<Duration> = None;
    for (key, count) in counts.iter_mut() {
        count.drain(key.drain(), now);
        let left = count.left(key, now);
        if !left.is_zero() {
            shortest = Some(shortest.map_or(left, |shortest| shortest.min(left)));
        } else if !keys.contains(key) {
            light.push((count.weight(key), count.last_at));
        }
    }
    let most = (most_keys / GIVEN_UP).max(missing);
    if light.len() > most {
        light.select_nth_unstable(most);
        light.truncate(most);
    }
    // Of those that weigh the same as the heaviest to go, only as many go as are meant to.
    let mut rest = light.len();
    if let Some(heaviest) = light.into_iter().max() {
        counts.retain(|key, count| {
            let goes = rest > 0
                && (count.weight(key), count.last_at) <= heaviest
                && count.left(key, now).is_zero()
                && !keys.contains(key);
            rest -= usize::from(goes);
            !goes
        });
    }
    let has_room = counts.len() + missing <= most_keys;
    if has_room { Ok(()) } else { Err(shortest.unwrap_or(Duration::from_secs(60))) }
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
    const BLOCK: Pace = Pace { free: 30, longest: Duration::from_secs(900) };

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    enum Key {
        Account(u32),
        Address(u32),
        Device(u32),
        Block(storeward_base::AddressBlock),
        Around(WiderNetwork),
    }

    impl Paced for Key {
        fn pace(&self) -> Pace {
            match self {
                Key::Account(_) | Key::Device(_) => Pace { free: 5, longest: Duration::from_secs(300) },
                Key::Address(_) => Pace { free: 20, longest: Duration::from_secs(900) },
                Key::Block(_) => BLOCK,
                Key::Around(network) => around(*network, BLOCK),
            }
        }

        fn on_success(&self) -> OnSuccess {
            match self {
                Key::Account(_) | Key::Device(_) => OnSuccess::Clear,
                Key::Address(_) | Key::Block(_) | Key::Around(_) => OnSuccess::GiveBack,
            }
        }

        fn wider(&self) -> Vec<Self> {
            match self {
                Key::Block(block) => block.wider().into_iter().map(Key::Around).collect(),
                _ => Vec::new(),
            }
        }

        fn drain(&self) -> Drain {
            if matches!(self, Key::Around(_)) { AROUND_DRAINS } else { Drain::Never }
        }

        fn vouched(&self) -> Vouched {
            if matches!(self, Key::Device(_)) { Vouched::Yes } else { Vouched::No }
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

    fn shut(throttle: &Throttle<Key>, key: Key, at: Timestamp) {
        let free = key.pace().free;
        let keys = [key];
        for _ in 0..free {
            assert_eq!(throttle.attempt(&keys, at), Leave::Granted);
        }
        assert!(matches!(throttle.attempt(&keys, at), Leave::Wait { .. }));
    }

    // Whoever chose enough keys shut everybody out for a day, known devices and solved puzzles as well.
    #[test]
    fn whoever_fills_the_table_locks_nobody_out_and_frees_nobody() {
        let throttle = Throttle::new(1_000);
        shut(&throttle, Key::Account(1), NOW);
        shut(&throttle, Key::Address(1), NOW);
        for n in 0..4 {
            assert_eq!(throttle.attempt(&[Key::Account(2)], NOW), Leave::Granted, "{n}");
        }
        for n in 100..20_100 {
            assert_eq!(throttle.attempt(&[Key::Account(n)], NOW), Leave::Granted, "{n}");
            assert!(throttle.counts().strangers.len() <= 1_000);
        }
        assert_eq!(throttle.attempt(&[Key::Account(50_000), Key::Address(50_000)], NOW), Leave::Granted);
        for locked in [Key::Account(1), Key::Address(1)] {
            assert!(matches!(throttle.attempt(&[locked], NOW), Leave::Wait { .. }), "a wait was given up");
        }
        assert_eq!(throttle.attempt(&[Key::Account(2)], NOW), Leave::Granted);
        assert!(
            matches!(throttle.attempt(&[Key::Account(2)], NOW), Leave::Wait { .. }),
            "a heavy count was given up"
        );
    }

    #[test]
    fn the_oldest_of_the_lightest_go_first() {
        let throttle = Throttle::new(160);
        for n in 0..160 {
            throttle.attempt(&[Key::Account(n)], NOW.plus(Duration::from_secs(u64::from(n))));
        }
        throttle.attempt(&[Key::Account(999)], NOW.plus(Duration::from_secs(500)));
        let counts = throttle.counts();
        for n in 0..160 {
            assert_eq!(counts.get(&Key::Account(n)).is_some(), n >= 10, "{n}");
        }
    }

    #[test]
    fn a_table_of_waits_is_closed_to_strangers_only_and_for_the_shortest_wait() {
        let throttle = Throttle::new(100);
        for n in 0..100 {
            shut(&throttle, Key::Account(n), NOW);
        }
        assert_eq!(throttle.attempt(&[Key::Account(999)], NOW), Leave::Wait { seconds: 1, first: false });
        assert_eq!(throttle.attempt(&[Key::Device(1)], NOW), Leave::Granted);
        let later = NOW.plus(Duration::from_secs(1));
        assert_eq!(throttle.attempt(&[Key::Account(999)], later), Leave::Granted);
    }

    // 65,536 blocks of one /48 had a count each.
    #[test]
    fn one_wide_network_does_not_fill_the_table() {
        let throttle = Throttle::new(10_000);
        let block = |n: u32| Key::Block(format!("2001:db8:1:{n:x}::/64").parse().unwrap());
        let mut granted = 0;
        for n in 0..10_000 {
            granted += u32::from(throttle.attempt(&[block(n)], NOW) == Leave::Granted);
        }
        assert_eq!(granted, 16 * 30, "what the /48 has");
        assert!(throttle.counts().strangers.len() < 600);
        let elsewhere = Key::Block("2001:db8:2:1::/64".parse().unwrap());
        assert_eq!(throttle.attempt(&[elsewhere], NOW), Leave::Granted);
        // A /56 has less, and what many share is forgotten bit by bit.
        let home = |n: u32| Key::Block(format!("2001:db8:9:{n:x}::/64").parse().unwrap());
        let granted = (0..256).filter(|n| throttle.attempt(&[home(*n)], NOW) == Leave::Granted).count();
        assert_eq!(granted, 4 * 30);
        let later = NOW.plus(Duration::from_secs(60 * 30));
        let granted = (0..256).filter(|n| throttle.attempt(&[home(*n)], later) == Leave::Granted).count();
        assert_eq!(granted, 60);
        // So has a /24.
        let old = |n: u32| Key::Block(format!("192.0.2.{}", n % 256).parse().unwrap());
        let granted = (0..512).filter(|n| throttle.attempt(&[old(*n)], NOW) == Leave::Granted).count();
        assert_eq!(granted, 8 * 30);
    }
}
