//! Counts that fade, of a bounded number of values: the frequent ones are kept, the rest is one remainder.
//!
//! Forward decay (Cormode et al., ICDE 2009): a later observation weighs more instead of an earlier one less, so that
//! reading touches nothing and adding touches one value. What is read is the weight as of now: an observation made now
//! is one, one made a half-life ago is a half.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use storeward_base::Timestamp;

/// How fast counts fade, and how many values they name at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub half_life: Duration,
    pub most: usize,
}

/// Doublings after which everything is written down anew; well inside an f64.
const REBASE_AFTER: f64 = 64.0;

/// Below this a value is forgotten when weights are written down anew: it was last seen twenty half-lives ago.
const FORGOTTEN: f64 = 1.0 / 1_048_576.0;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub(crate) struct Counts {
    /// The moment at which an observation weighs one.
    landmark: Timestamp,
    /// Of all observations, named or not.
    total: f64,
    named: BTreeMap<u64, f64>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    landmark: Timestamp,
    total: f64,
    /// Pairs and not a map: JSON has no numbers as keys.
    named: Vec<(u64, f64)>,
}

impl From<Counts> for Stored {
    fn from(counts: Counts) -> Self {
        Stored { landmark: counts.landmark, total: counts.total, named: counts.named.into_iter().collect() }
    }
}

impl TryFrom<Stored> for Counts {
    type Error = &'static str;
    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let sound = |weight: f64| weight.is_finite() && weight >= 0.0;
        if !sound(stored.total) || !stored.named.iter().all(|(_, weight)| sound(*weight)) {
            return Err("a count is negative or not a number");
        }
        Ok(Counts {
            landmark: stored.landmark,
            total: stored.total,
            named: stored.named.into_iter().collect(),
        })
    }
}

impl Counts {
    /// Counts one more of `key`. A moment before the landmark counts as the landmark: time does not run backwards.
    pub fn add(&mut self, key: u64, now: Timestamp, bound: Bound) {
        if self.total == 0.0 {
            self.landmark = now;
        }
        if self.doublings(now, bound) > REBASE_AFTER {
            self.rebase(now, bound);
        }
        let weight = self.doublings(now, bound).exp2();
        self.total += weight;
        *self.named.entry(key).or_default() += weight;
        if self.named.len() > bound.most {
            self.prune(bound);
        }
    }

    /// Takes back one observation of `key` that was made at `then`.
    pub fn undo(&mut self, key: u64, then: Timestamp, bound: Bound) {
        let one = self.doublings(then, bound).exp2();
        self.total = (self.total - one).max(0.0);
        if let Some(weight) = self.named.get_mut(&key) {
            *weight -= one;
            // Less than a thousandth of one observation is what rounding left.
            if *weight < one / 1_000.0 {
                self.named.remove(&key);
            }
        }
        if self.named.is_empty() {
            self.total = 0.0;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.total == 0.0
    }

    /// A view as of `now`.
    pub fn at(&self, now: Timestamp, bound: Bound) -> View<'_> {
        View { counts: self, scale: (-self.doublings(now, bound)).exp2() }
    }

    fn doublings(&self, now: Timestamp, bound: Bound) -> f64 {
        now.since(self.landmark).as_secs_f64() / bound.half_life.as_secs_f64().max(1.0)
    }

    fn rebase(&mut self, now: Timestamp, bound: Bound) {
        let scale = (-self.doublings(now, bound)).exp2();
        self.landmark = now;
        self.total *= scale;
        self.named.retain(|_, weight| {
            *weight *= scale;
            *weight >= FORGOTTEN
        });
    }

    /// Drops the lightest: one where few are kept, a sixty-fourth at once where many are, so that it costs little for
    /// each observation. What is dropped stays in the total.
    fn prune(&mut self, bound: Bound) {
        let keep = bound.most - (bound.most - 1) / 64;
        let mut weights: Vec<(f64, u64)> = self.named.iter().map(|(key, weight)| (*weight, *key)).collect();
        let drop = weights.len().saturating_sub(keep);
        if drop == 0 {
            return;
        }
        weights.select_nth_unstable_by(drop - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (_, key) in weights.iter().take(drop) {
            self.named.remove(key);
        }
    }
}

/// Counts as of one moment.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    counts: &'a Counts,
    scale: f64,
}

impl View<'_> {
    pub fn of(&self, key: u64) -> f64 {
        self.counts.named.get(&key).map_or(0.0, |weight| weight * self.scale)
    }

    pub fn total(&self) -> f64 {
        self.counts.total * self.scale
    }

    /// Values that are named.
    pub fn distinct(&self) -> f64 {
        // At most a few thousand.
        u32::try_from(self.counts.named.len()).map_or(f64::MAX, f64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Bound = Bound { half_life: Duration::from_secs(100), most: 4 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[track_caller]
    fn near(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-9, "{left} {right}");
    }

    #[test]
    fn half_is_left_after_a_half_life() {
        let mut counts = Counts::default();
        counts.add(1, at(0), BOUND);
        counts.add(2, at(100), BOUND);
        let view = counts.at(at(200), BOUND);
        near(view.of(1), 0.25);
        near(view.of(2), 0.5);
        near(view.total(), 0.75);
        near(view.of(3), 0.0);
    }

    #[test]
    fn writing_down_anew_changes_nothing_that_is_read() {
        let mut counts = Counts::default();
        for hundred in 0..200 {
            counts.add(1, at(hundred * 100), BOUND);
        }
        assert!(counts.landmark > at(0));
        near(counts.at(at(19_900), BOUND).of(1), 2.0);
        near(counts.at(at(19_900), BOUND).total(), 2.0);
    }

    #[test]
    fn the_lightest_goes_and_stays_in_the_total() {
        let mut counts = Counts::default();
        for key in [1, 1, 2, 3, 4, 4, 5, 5] {
            counts.add(key, at(0), BOUND);
        }
        let view = counts.at(at(0), BOUND);
        assert_eq!(view.of(2), 0.0);
        near(view.total(), 8.0);
        near(view.distinct(), 4.0);
    }

    #[test]
    fn time_does_not_run_backwards() {
        let mut counts = Counts::default();
        counts.add(1, at(1_000), BOUND);
        counts.add(1, at(-5_000_000), BOUND);
        near(counts.at(at(1_000), BOUND).of(1), 2.0);
        near(counts.at(at(0), BOUND).of(1), 2.0);
    }

    #[test]
    fn what_was_taken_back_was_never_seen() {
        let mut counts = Counts::default();
        for second in 0..50 {
            counts.add(2, at(second), BOUND);
        }
        let before = counts.clone();
        counts.add(1, at(70), BOUND);
        counts.add(2, at(90), BOUND);
        counts.undo(1, at(70), BOUND);
        counts.undo(2, at(90), BOUND);
        let (view, was) = (counts.at(at(100), BOUND), before.at(at(100), BOUND));
        near(view.of(1), 0.0);
        near(view.distinct(), 1.0);
        near(view.of(2), was.of(2));
        near(view.total(), was.total());
    }
}
