//! All samples of a run, and what is worth knowing of them.

use std::collections::BTreeMap;

use super::idle::Held;
use super::loads::{Figure, Load};
use super::servers::Kind;

/// Every contender is compared with this one.
pub const YARDSTICK: Kind = Kind::Nginx;

#[derive(Default)]
pub struct Samples {
    figures: BTreeMap<(Load, Kind), BTreeMap<usize, Figure>>,
    memory: BTreeMap<Kind, Vec<Held>>,
}

/// Median and range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Samples {
    pub fn add(&mut self, round: usize, load: Load, kind: Kind, figure: Figure) {
        self.figures.entry((load, kind)).or_default().insert(round, figure);
    }

    pub fn add_memory(&mut self, kind: Kind, held: Held) {
        self.memory.entry(kind).or_default().push(held);
    }

    /// Absolute figures of one contender under one load.
    pub fn absolute(&self, load: Load, kind: Kind, of: fn(&Figure) -> f64) -> Option<Spread> {
        spread(self.figures.get(&(load, kind))?.values().map(of).collect())
    }

    /// Ratios to the yardstick, each taken within one round.
    pub fn ratio(&self, load: Load, kind: Kind, of: fn(&Figure) -> f64) -> Option<Spread> {
        let own = self.figures.get(&(load, kind))?;
        let other = self.figures.get(&(load, YARDSTICK))?;
        let ratios = own.iter().filter_map(|(round, figure)| {
            let against = of(other.get(round)?);
            (against > 0.0).then(|| of(figure) / against)
        });
        spread(ratios.collect())
    }

    pub fn memory(&self, kind: Kind, of: fn(&Held) -> f64) -> Option<Spread> {
        spread(self.memory.get(&kind)?.iter().map(of).collect())
    }

    pub fn each(&self) -> impl Iterator<Item = (Load, Kind, usize, &Figure)> {
        self.figures.iter().flat_map(|((load, kind), rounds)| {
            rounds.iter().map(|(round, figure)| (*load, *kind, *round, figure))
        })
    }
}

pub fn spread(mut values: Vec<f64>) -> Option<Spread> {
    values.sort_by(f64::total_cmp);
    let (least, most) = (*values.first()?, *values.last()?);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let median = if values.len() % 2 == 1 { upper } else { f64::midpoint(*values.get(middle - 1)?, upper) };
    Some(Spread { median, least, most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ranges() {
        assert_eq!(spread(vec![]), None);
        assert_eq!(spread(vec![3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(spread(vec![4.0, 1.0, 2.0, 3.0]).map(|s| s.median), Some(2.5));
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let mut samples = Samples::default();
        for (round, (own, other)) in [(1.0, 2.0), (30.0, 20.0), (4.0, 5.0)].into_iter().enumerate() {
            let figure = |cpu_us| Figure { cpu_us, ..Figure::default() };
            samples.add(round, Load::H1Small, Kind::StorewardPlain, figure(own));
            samples.add(round, Load::H1Small, YARDSTICK, figure(other));
        }
        let ratio = samples.ratio(Load::H1Small, Kind::StorewardPlain, |f| f.cpu_us).unwrap();
        assert_eq!(ratio, Spread { median: 0.8, least: 0.5, most: 1.5 });
        assert_eq!(samples.ratio(Load::H2Small, Kind::StorewardPlain, |f| f.cpu_us), None);
    }
}
