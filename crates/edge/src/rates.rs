//! How many requests a client may make: a leaky bucket for each client, and one for each route that has a limit of its own.
//!
//! All cores share one table of fixed size. A bucket is one atomic word in a set of eight (one cache line), so that a
//! request costs a hash and one exchange, no lock is taken, and cores meet only where they serve the same client. Where a set
//! is full, its emptiest bucket makes room: a flood of addresses makes the table forget, never grow.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use http::Method;

use storeward_base::AddressBlock;

use crate::readings::Readings;
use crate::senders::Senders;

/// Sets of eight buckets: 65,536 buckets in 512 KiB.
const SETS: usize = 8_192;
/// The upper bits of a bucket tell whose it is, the lower ones when it will be empty, in units since the start.
const TIME_BITS: u32 = 42;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
/// Sixteenths of a millisecond: 42 bits of them are 8 years.
const UNITS_PER_SECOND: u64 = 16_000;
/// A picture or a style sheet costs this part of a page.
const STATIC_PART: u64 = 10;

/// So many requests a second, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

impl Rate {
    fn units_each(self) -> u64 {
        (UNITS_PER_SECOND / u64::from(self.per_second.max(1))).max(1)
    }
}

/// What a request costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    Page,
    /// What a page draws in: dozens at a time, and cheap.
    Static,
}

impl Cost {
    /// Only what is asked for and ends as a picture does, with nothing before it that runs: `/sign-in;x.css` is a page to
    /// Java, `/login.php/x.css` to PHP.
    pub fn of(method: &Method, path: &str) -> Self {
        let asked = matches!(*method, Method::GET | Method::HEAD);
        let runs =
            || path.contains(';') || path.split('/').rev().skip(1).any(|segment| segment.contains('.'));
        if asked && storeward_detect::is_static(path) && !runs() { Cost::Static } else { Cost::Page }
    }
}

/// Whose bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    Client(AddressBlock),
    /// The route by its place in the config.
    ClientOnRoute(AddressBlock, usize),
    /// How often an event may be told.
    Told(AddressBlock),
    ToldOfRule(u32),
    /// Who sends messages to an inbox; true where one was taken from there.
    Sender(AddressBlock, bool),
    /// All senders from whom none was taken.
    Strangers,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Set([AtomicU64; 8]);

/// The buckets of all clients.
#[derive(Debug)]
pub struct Rates {
    /// Of places that have room of their own.
    pub senders: Senders,
    /// Bodies that are still coming.
    pub(crate) readings: Readings,
    began: Instant,
    hashing: RandomState,
    sets: Box<[Set]>,
}

impl Default for Rates {
    fn default() -> Self {
        Rates {
            senders: Senders::default(),
            readings: Readings::default(),
            began: Instant::now(),
            hashing: RandomState::new(),
            sets: (0..SETS).map(|_| Set::default()).collect(),
        }
    }
}

impl Rates {
    /// With senders who were known before.
    pub fn with_senders(senders: Senders) -> Self {
        Rates { senders, ..Rates::default() }
    }

    /// Takes the cost of one request out of a bucket; the error tells how long to wait until there is room.
    pub fn spend(&self, bucket: Bucket, rate: Rate, cost: Cost, now: Instant) -> Result<(), Duration> {
        let each = rate.units_each();
        let cost = match cost {
            Cost::Page => each,
            Cost::Static => (each / STATIC_PART).max(1),
        };
        self.take(bucket, cost, each.saturating_mul(u64::from(rate.burst.max(1))), now)
    }

    /// Whether a fact of this client may be told: once in `every`. Keeps a flood of requests from becoming one of events.
    pub fn may_tell(&self, bucket: Bucket, every: Duration, burst: u64, now: Instant) -> bool {
        let cost = UNITS_PER_SECOND.saturating_mul(every.as_secs());
        self.take(bucket, cost, cost.saturating_mul(burst), now).is_ok()
    }

    /// The generic cell rate algorithm: a bucket is the moment at which it will be empty.
    fn take(&self, bucket: Bucket, cost: u64, depth: u64, now: Instant) -> Result<(), Duration> {
        let hash = self.hashing.hash_one(bucket);
        let at = usize::try_from(hash % u64::try_from(SETS).unwrap_or(1)).unwrap_or(0);
        let Some(Set(words)) = self.sets.get(at) else { return Ok(()) };
        // Never nothing, which marks a bucket that was never used.
        let tag = (hash >> TIME_BITS).max(1);
        let now = units(now.saturating_duration_since(self.began));
        // Cores that serve the same client may be in each other's way: rather one request too many than a wait.
        for _ in 0..8 {
            let Some((word, old, is_own)) = find(words, tag) else { return Ok(()) };
            let empty_at = if is_own { (old & TIME_MASK).max(now) } else { now };
            let next = empty_at.saturating_add(cost);
            let over = next.saturating_sub(now).saturating_sub(depth);
            if over > 0 {
                return Err(Duration::from_micros(over.saturating_mul(1_000_000) / UNITS_PER_SECOND));
            }
            let fresh = tag << TIME_BITS | next.min(TIME_MASK);
            if word.compare_exchange_weak(old, fresh, Relaxed, Relaxed).is_ok() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The bucket with this tag, or the emptiest one.
fn find(words: &[AtomicU64; 8], tag: u64) -> Option<(&AtomicU64, u64, bool)> {
    let mut emptiest: Option<(&AtomicU64, u64)> = None;
    for word in words {
        let value = word.load(Relaxed);
        if value >> TIME_BITS == tag {
            return Some((word, value, true));
        }
        if emptiest.is_none_or(|(_, least)| value & TIME_MASK < least & TIME_MASK) {
            emptiest = Some((word, value));
        }
    }
    emptiest.map(|(word, value)| (word, value, false))
}

fn units(span: Duration) -> u64 {
    let units = span.as_micros().saturating_mul(u128::from(UNITS_PER_SECOND)) / 1_000_000;
    u64::try_from(units).unwrap_or(TIME_MASK)
}

#[cfg(test)]
mod tests {
    use storeward_base::ClientIp;

    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 50 };

    fn client(text: &str) -> Bucket {
        Bucket::Client(text.parse::<ClientIp>().unwrap().block())
    }

    /// How many of `count` requests pass at the moment `at_ms`.
    fn passed(rates: &Rates, bucket: Bucket, cost: Cost, at_ms: u64, count: u32) -> u32 {
        let now = rates.began + Duration::from_millis(at_ms);
        (0..count).map(|_| u32::from(rates.spend(bucket, RATE, cost, now).is_ok())).sum()
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let rates = Rates::default();
        let one = client("192.0.2.1");
        assert_eq!(passed(&rates, one, Cost::Page, 0, 200), 50);
        assert_eq!(passed(&rates, one, Cost::Page, 1_000, 200), 10);
        assert_eq!(passed(&rates, one, Cost::Page, 1_050, 200), 0);
        assert_eq!(passed(&rates, one, Cost::Page, 600_000, 200), 50, "a pause fills it, and not beyond");
        let wait = rates.spend(one, RATE, Cost::Page, rates.began + Duration::from_secs(600)).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        // Others are not touched; the other addresses of an IPv6 network are the same client.
        assert_eq!(passed(&rates, client("192.0.2.2"), Cost::Page, 1_050, 200), 50);
        assert_eq!(passed(&rates, client("2001:db8::1"), Cost::Page, 0, 200), 50);
        assert_eq!(passed(&rates, client("2001:db8::ffff"), Cost::Page, 0, 200), 0);
    }

    #[test]
    fn pictures_cost_little_and_yet_something() {
        let rates = Rates::default();
        let of = |path: &str| Cost::of(&Method::GET, path);
        assert_eq!(passed(&rates, client("192.0.2.1"), of("/a/b.css"), 0, 2_000), 500);
        assert_eq!(passed(&rates, client("192.0.2.1"), of("/a/b"), 0, 10), 0);
        for page in ["/sign-in;x.css", "/login.php/x.css", "/a;b/x.png", "/search"] {
            assert_eq!(of(page), Cost::Page, "{page}");
        }
        assert_eq!(Cost::of(&Method::POST, "/a/b.css"), Cost::Page);
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_memory_and_limits_nobody_else() {
        let rates = Rates::default();
        for n in 0..300_000_u32 {
            let flooding = Bucket::Client(ClientIp::new(std::net::Ipv4Addr::from_bits(n).into()).block());
            assert_eq!(passed(&rates, flooding, Cost::Page, 1, 1), 1, "{n}");
        }
        assert_eq!(rates.sets.len(), SETS);
        assert_eq!(passed(&rates, client("203.0.113.9"), Cost::Page, 1, 60), 50);
    }

    #[test]
    fn cores_share_a_bucket() {
        let rates = Rates::default();
        let passed = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| passed(&rates, client("192.0.2.1"), Cost::Page, 5, 1_000)))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>()
        });
        // A lost race lets one pass uncounted, never many.
        assert!((50..=60).contains(&passed), "{passed}");
    }

    #[test]
    fn facts_are_told_once_in_a_while() {
        let rates = Rates::default();
        let told = |at_s: u64| {
            let now = rates.began + Duration::from_secs(at_s);
            rates.may_tell(Bucket::ToldOfRule(27_110), Duration::from_secs(60), 2, now)
        };
        let moments: Vec<u64> = (0..300).filter(|at| told(*at)).collect();
        assert_eq!(moments, [0, 1, 60, 120, 180, 240]);
    }
}
