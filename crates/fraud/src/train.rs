//! From examples to a model.

use std::fmt;

use crate::boost::{Growth, grow};
use crate::drift::Reference;
use crate::features::Feature;
use crate::logistic::fit;
use crate::matrix::Matrix;
use crate::model::{Model, Scorer, Thresholds, TrainedOn};
use crate::split::{Chosen, Example};

/// Known frauds below which nothing is learned: a scorer of so few would learn persons, not fraud.
pub const LEAST_FRAUDS: usize = 200;

/// How it is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// With this L2 penalty; 1 is the usual.
    Logistic {
        penalty: f64,
    },
    Boosted(Growth),
}

/// There are too few known frauds to learn of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFew {
    pub frauds: usize,
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} known frauds; a scorer is trained from {LEAST_FRAUDS} on, until then rules decide alone",
            self.frauds
        )
    }
}

impl std::error::Error for TooFew {}

/// Learns of the chosen examples by the chosen features. Thresholds are set so that of the attempts it was trained on
/// one in a hundred is asked for 3-D Secure and one in five hundred is looked at; the shop may move them.
pub fn train(
    examples: &[Example],
    chosen: &[Chosen],
    method: Method,
    features: impl Fn(Feature) -> bool,
    delay_days: u8,
) -> Result<Model, TooFew> {
    let rows = || chosen.iter().filter_map(|one| Some((examples.get(one.place)?, one.fraud)));
    let matrix = Matrix::new(rows().map(|(example, fraud)| (&example.vector, fraud)), features);
    let frauds = matrix.frauds();
    if frauds < LEAST_FRAUDS {
        return Err(TooFew { frauds });
    }
    let (scorer, seed) = match method {
        Method::Logistic { penalty } => (Scorer::Logistic(fit(&matrix, penalty)), 0),
        Method::Boosted(growth) => (Scorer::Boosted(grow(&matrix, &growth)), growth.seed),
    };
    let moments = || rows().map(|(example, _)| example.at);
    let trained_on = TrainedOn {
        attempts: matrix.rows(),
        frauds,
        from: moments().min().unwrap_or_default(),
        until: moments().max().unwrap_or_default(),
        delay_days,
        seed,
    };
    let thresholds = Thresholds { challenge: 1.0, review: 1.0 };
    let mut model = Model { scorer, thresholds, trained_on, reference: Reference::default() };
    let mut scores: Vec<f64> = rows().map(|(example, _)| model.score(&example.vector)).collect();
    model.reference = Reference::of(&scores);
    scores.sort_by(f64::total_cmp);
    let from_above = |one_in: usize| {
        let place = scores.len().saturating_sub(1 + scores.len() / one_in);
        scores.get(place).copied().unwrap_or(1.0).max(f64::MIN_POSITIVE)
    };
    model.thresholds = Thresholds { challenge: from_above(100), review: from_above(500) };
    Ok(model)
}
