//! Figures over all requests: totals for Prometheus, the last hour for the heat strip, rates for the front page.

use std::time::Duration;

use serde::Serialize;
use storeward_base::Timestamp;

use super::record::{AccessRecord, Verdict};

/// Upper ends of the latency histogram's buckets in microseconds; one more bucket holds what is slower.
pub const LATENCY_BOUNDS_US: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

/// Since the program started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub requests: u64,
    /// Statuses 1xx to 5xx; anything else is in `requests` only.
    pub by_class: [u64; 5],
    /// In the order of [`Verdict::ALL`].
    pub by_verdict: [u64; 7],
    pub request_bytes: u64,
    pub response_bytes: u64,
    /// Requests per bucket of [`LATENCY_BOUNDS_US`], not cumulative; the last is for slower ones.
    pub latency: [u64; LATENCY_BOUNDS_US.len() + 1],
    pub latency_sum_us: u64,
    /// The same for the shop's own time.
    pub upstream_latency: [u64; LATENCY_BOUNDS_US.len() + 1],
    pub upstream_latency_sum_us: u64,
}

impl Totals {
    pub fn of(&self, verdict: Verdict) -> u64 {
        Verdict::ALL.iter().zip(self.by_verdict).find(|(v, _)| **v == verdict).map_or(0, |(_, count)| count)
    }

    /// Requests that we kept from the shop.
    pub fn stopped(&self) -> u64 {
        Verdict::ALL.iter().zip(self.by_verdict).filter(|(v, _)| v.is_stopped()).map(|(_, count)| count).sum()
    }

    fn count(&mut self, record: &AccessRecord) {
        self.requests += 1;
        let class = usize::from(record.status / 100);
        if let Some(slot) = class.checked_sub(1).and_then(|at| self.by_class.get_mut(at)) {
            *slot += 1;
        }
        for (verdict, slot) in Verdict::ALL.iter().zip(&mut self.by_verdict) {
            *slot += u64::from(*verdict == record.verdict);
        }
        self.request_bytes = self.request_bytes.saturating_add(record.request_bytes);
        self.response_bytes = self.response_bytes.saturating_add(record.response_bytes);
        measure(&mut self.latency, &mut self.latency_sum_us, record.duration_us);
        if let Some(upstream_us) = record.upstream_us {
            measure(&mut self.upstream_latency, &mut self.upstream_latency_sum_us, upstream_us);
        }
    }
}

fn measure(histogram: &mut [u64; LATENCY_BOUNDS_US.len() + 1], sum_us: &mut u64, took_us: u64) {
    let at = LATENCY_BOUNDS_US.partition_point(|bound| *bound < took_us);
    if let Some(slot) = histogram.get_mut(at) {
        *slot += 1;
    }
    *sum_us = sum_us.saturating_add(took_us);
}

/// One minute of the heat strip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HeatMinute {
    pub starts_at: Timestamp,
    pub requests: u64,
    /// Kept from the shop, for whatever reason.
    pub blocked: u64,
    /// Answered with 5xx.
    pub errors: u64,
}

/// The last sixty minutes, oldest first; the last one is not over yet.
pub type Heat = [HeatMinute; 60];

/// Averages over the last full ten seconds and the last full minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    pub requests_per_second: f64,
    pub blocked_per_second: f64,
    pub errors_per_second: f64,
    pub requests_per_second_minute: f64,
    pub blocked_per_second_minute: f64,
    pub errors_per_second_minute: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Number of the period since the epoch.
    period: i64,
    requests: u64,
    blocked: u64,
    errors: u64,
}

/// A ring of periods; a slot of another period is emptied before it is used.
#[derive(Clone, Debug)]
struct Strip<const N: usize> {
    seconds: i64,
    slots: [Slot; N],
}

impl<const N: usize> Strip<N> {
    fn new(seconds: i64) -> Self {
        Strip { seconds, slots: [Slot { period: i64::MIN, ..Slot::default() }; N] }
    }

    fn period(&self, at: Timestamp) -> i64 {
        at.seconds().div_euclid(self.seconds)
    }

    fn slot(&self, period: i64) -> usize {
        usize::try_from(period.rem_euclid(i64::try_from(N).unwrap_or(1))).unwrap_or(0)
    }

    /// What lies outside the strip as seen from `now` is left out; so a clock that was wrong spoils nothing for long.
    fn count(&mut self, record: &AccessRecord, now: Timestamp) {
        let (period, current) = (self.period(record.at), self.period(now));
        let span = i64::try_from(N).unwrap_or(0);
        if period > current || period <= current - span {
            return;
        }
        let at = self.slot(period);
        if let Some(slot) = self.slots.get_mut(at) {
            if slot.period != period {
                *slot = Slot { period, ..Slot::default() };
            }
            slot.requests += 1;
            slot.blocked += u64::from(record.verdict.is_stopped());
            slot.errors += u64::from(record.status >= 500);
        }
    }

    fn get(&self, period: i64) -> Slot {
        let found = self.slots.get(self.slot(period)).copied().filter(|slot| slot.period == period);
        found.unwrap_or(Slot { period, ..Slot::default() })
    }
}

/// All figures, kept by the background thread.
#[derive(Clone, Debug)]
pub(super) struct Counters {
    totals: Totals,
    minutes: Strip<64>,
    tens: Strip<16>,
}

impl Counters {
    pub fn new() -> Self {
        Counters { totals: Totals::default(), minutes: Strip::new(60), tens: Strip::new(10) }
    }

    pub fn count(&mut self, record: &AccessRecord, now: Timestamp) {
        self.totals.count(record);
        self.refill(record, now);
    }

    /// A record from before the start: on the strips, but not in the totals, which Prometheus expects to begin at 0.
    pub fn refill(&mut self, record: &AccessRecord, now: Timestamp) {
        self.minutes.count(record, now);
        self.tens.count(record, now);
    }

    pub fn totals(&self) -> Totals {
        self.totals.clone()
    }

    pub fn heat(&self, now: Timestamp) -> Heat {
        let current = self.minutes.period(now);
        std::array::from_fn(|at| {
            let period = current - 59 + i64::try_from(at).unwrap_or(0);
            let slot = self.minutes.get(period);
            HeatMinute {
                starts_at: Timestamp::from_seconds(period.saturating_mul(60)),
                requests: slot.requests,
                blocked: slot.blocked,
                errors: slot.errors,
            }
        })
    }

    pub fn rates(&self, now: Timestamp) -> Rates {
        let current = self.tens.period(now);
        let ten = self.tens.get(current - 1);
        let minute =
            (1..=6).map(|back| self.tens.get(current - back)).fold(Slot::default(), |sum, slot| Slot {
                period: 0,
                requests: sum.requests + slot.requests,
                blocked: sum.blocked + slot.blocked,
                errors: sum.errors + slot.errors,
            });
        Rates {
            requests_per_second: per_second(ten.requests, 10),
            blocked_per_second: per_second(ten.blocked, 10),
            errors_per_second: per_second(ten.errors, 10),
            requests_per_second_minute: per_second(minute.requests, 60),
            blocked_per_second_minute: per_second(minute.blocked, 60),
            errors_per_second_minute: per_second(minute.errors, 60),
        }
    }
}

fn per_second(count: u64, seconds: u64) -> f64 {
    // A rate above 4 billion in ten seconds cannot come about.
    let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    count / Duration::from_secs(seconds).as_secs_f64()
}
