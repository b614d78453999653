//! Whether scores today are spread as they were in training: the population stability index.

use serde::{Deserialize, Serialize};

/// Bins of equally many scores.
const BINS: usize = 10;

/// Below so many scores nothing is said.
pub const LEAST_SCORES: u64 = 500;

/// From here on somebody should look: the usual bounds of credit scoring (0.1 and 0.25, Siddiqi, Credit Risk Scorecards,
/// 2006).
pub const WATCH: f64 = 0.1;
pub const ALARM: f64 = 0.25;

/// How scores were spread: edges between bins and the share of each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    edges: Vec<f64>,
    shares: Vec<f64>,
}

impl Reference {
    pub fn of(scores: &[f64]) -> Self {
        let mut sorted = scores.to_vec();
        sorted.sort_by(f64::total_cmp);
        let quantile = |part: usize| sorted.get(part * sorted.len() / BINS).copied();
        let mut edges: Vec<f64> = (1..BINS).filter_map(quantile).collect();
        edges.dedup();
        let mut watch = Watch { reference: Reference { edges, shares: Vec::new() }, counts: Vec::new() };
        watch.counts = vec![0; watch.reference.edges.len() + 1];
        for score in scores {
            watch.add(*score);
        }
        Reference { shares: watch.shares(), ..watch.reference }
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.shares.len() == self.edges.len() + 1
            && self.edges.len() < BINS
            && self.edges.is_sorted()
            && self.shares.iter().all(|share| (0.0..=1.0).contains(share))
    }
}

/// What drift means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Fewer than [`LEAST_SCORES`].
    TooFew,
    Steady,
    /// From [`WATCH`] on.
    Watch,
    /// From [`ALARM`] on: train anew, or look what has changed in the shop.
    Alarm,
}

/// Counts scores against a reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    reference: Reference,
    counts: Vec<u64>,
}

impl Watch {
    pub fn new(reference: &Reference) -> Self {
        Watch { reference: reference.clone(), counts: vec![0; reference.edges.len() + 1] }
    }

    pub fn add(&mut self, score: f64) {
        let bin = self.reference.edges.partition_point(|edge| *edge <= score);
        if let Some(count) = self.counts.get_mut(bin) {
            *count += 1;
        }
    }

    /// The index: the sum over the bins of the difference of shares times the logarithm of their ratio. A share counts as
    /// at least one in ten thousand.
    pub fn index(&self) -> f64 {
        let parts = self.reference.shares.iter().zip(self.shares());
        parts
            .map(|(then, now)| {
                let (then, now) = (then.max(1e-4), now.max(1e-4));
                (now - then) * (now / then).ln()
            })
            .sum()
    }

    pub fn drift(&self) -> Drift {
        match self.index() {
            _ if self.counts.iter().sum::<u64>() < LEAST_SCORES => Drift::TooFew,
            index if index >= ALARM => Drift::Alarm,
            index if index >= WATCH => Drift::Watch,
            _ => Drift::Steady,
        }
    }

    fn shares(&self) -> Vec<f64> {
        let total = self.counts.iter().sum::<u64>().max(1) as f64;
        self.counts.iter().map(|count| *count as f64 / total).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn scores(seed: u64, power: f64, count: usize) -> Vec<f64> {
        let mut chance = Chance::new(seed);
        (0..count).map(|_| chance.share().powf(power)).collect()
    }

    #[test]
    fn scores_that_are_spread_otherwise_are_noticed() {
        let reference = Reference::of(&scores(1, 2.0, 5_000));
        for (power, expected) in [(2.0, Drift::Steady), (1.4, Drift::Watch), (0.7, Drift::Alarm)] {
            let mut watch = Watch::new(&reference);
            scores(2, power, 5_000).into_iter().for_each(|score| watch.add(score));
            assert_eq!(watch.drift(), expected, "{power}: {}", watch.index());
        }
        let mut watch = Watch::new(&reference);
        scores(3, 0.5, 499).into_iter().for_each(|score| watch.add(score));
        assert_eq!(watch.drift(), Drift::TooFew);
    }

    #[test]
    fn the_index_is_the_sum_of_its_bins() {
        let reference = Reference { edges: vec![0.5], shares: vec![0.8, 0.2] };
        let mut watch = Watch::new(&reference);
        [0.1, 0.9].into_iter().for_each(|score| watch.add(score));
        let by_hand = (0.5_f64 - 0.8) * (0.5_f64 / 0.8).ln() + (0.5_f64 - 0.2) * (0.5_f64 / 0.2).ln();
        assert!((watch.index() - by_hand).abs() < 1e-12);
    }
}
