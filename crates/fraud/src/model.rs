//! A scorer as it is kept: versioned, with the names of its features, what it was trained on, from which score on it asks
//! for more, and how its scores were spread then.

use std::fmt;

use serde::{Deserialize, Serialize};
use storeward_base::Timestamp;

use crate::drift::Reference;
use crate::features::{COUNT, Feature, Vector};
use crate::logistic::{Logistic, StoredLogistic};
use crate::trees::{Forest, StoredForest};

/// The version of the stored form.
pub const MODEL_VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq)]
pub enum Scorer {
    Logistic(Logistic),
    Boosted(Forest),
}

/// From which probability of fraud (0 to 1) on a scorer asks for more. It never asks for a block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// For 3-D Secure.
    pub challenge: f64,
    /// For a person's look, as well.
    pub review: f64,
}

/// What a scorer was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainedOn {
    pub attempts: usize,
    pub frauds: usize,
    /// Attempts between these moments.
    pub from: Timestamp,
    pub until: Timestamp,
    /// How long silence had to last to mean something, in days.
    pub delay_days: u8,
    pub seed: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub scorer: Scorer,
    pub thresholds: Thresholds,
    pub trained_on: TrainedOn,
    /// How scores were spread over the attempts it was trained on.
    pub reference: Reference,
}

/// A feature and what it gave to a score, in natural logarithms of odds; below zero it spoke for the buyer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighed {
    pub feature: Feature,
    pub points: f64,
}

impl Model {
    /// The probability of fraud (0 to 1), as far as what it was trained on goes.
    pub fn score(&self, vector: &Vector) -> f64 {
        match &self.scorer {
            Scorer::Logistic(logistic) => probability(logistic.score(vector)),
            Scorer::Boosted(forest) => probability(forest.score(vector)),
        }
    }

    /// The probability and the features that gave most to it, at most `most` of them, the heaviest first.
    pub fn explain(&self, vector: &Vector, most: usize) -> (f64, Vec<Weighed>) {
        let mut parts = [0.0; COUNT];
        let add = |feature: Feature, points: f64| parts[feature.place()] += points;
        let score = match &self.scorer {
            Scorer::Logistic(logistic) => logistic.explain(vector, add),
            Scorer::Boosted(forest) => forest.explain(vector, add),
        };
        let mut weighed: Vec<Weighed> = Feature::all()
            .zip(parts)
            .filter(|(_, points)| *points != 0.0)
            .map(|(feature, points)| Weighed { feature, points })
            .collect();
        weighed.sort_by(|a, b| b.points.abs().total_cmp(&a.points.abs()));
        weighed.truncate(most);
        (probability(score), weighed)
    }

    pub fn to_json(&self) -> String {
        let features: Vec<Feature> = Feature::all().filter(|feature| self.uses(*feature)).collect();
        let scorer = match &self.scorer {
            Scorer::Logistic(logistic) => StoredScorer::Logistic(StoredLogistic::of(logistic, &features)),
            Scorer::Boosted(forest) => StoredScorer::Boosted(StoredForest::of(forest, &features)),
        };
        let stored = Stored {
            version: MODEL_VERSION,
            features: features.iter().map(|feature| feature.name()).collect(),
            scorer,
            thresholds: self.thresholds,
            trained_on: self.trained_on,
            reference: self.reference.clone(),
        };
        // Numbers, words and lists of them: nothing in it can fail.
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// Fails when it is damaged, of another version, or names a feature that this program does not have.
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        let stored: Stored = serde_json::from_str(text).map_err(|_| ModelError::Damaged)?;
        if stored.version != MODEL_VERSION {
            return Err(ModelError::Version(stored.version));
        }
        let find = |name: &String| Feature::named(name).ok_or_else(|| ModelError::Feature(name.clone()));
        let features = stored.features.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let scorer = match stored.scorer {
            StoredScorer::Logistic(logistic) => logistic.open(&features).map(Scorer::Logistic),
            StoredScorer::Boosted(forest) => forest.open(&features).map(Scorer::Boosted),
        };
        let scorer = scorer.ok_or(ModelError::Damaged)?;
        let Thresholds { challenge, review } = stored.thresholds;
        let is_sound = challenge > 0.0 && review >= challenge && stored.reference.is_sound();
        if !is_sound {
            return Err(ModelError::Damaged);
        }
        Ok(Model {
            scorer,
            thresholds: stored.thresholds,
            trained_on: stored.trained_on,
            reference: stored.reference,
        })
    }

    /// Whether it asks for this feature.
    pub fn uses(&self, feature: Feature) -> bool {
        match &self.scorer {
            Scorer::Logistic(logistic) => logistic.terms.iter().any(|term| term.feature == feature),
            Scorer::Boosted(forest) => forest.asks(feature),
        }
    }
}

fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// Why a stored model is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelError {
    Damaged,
    Version(u32),
    /// It asks for a feature that this program does not have.
    Feature(String),
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelError::Damaged => f.write_str("the model is damaged; train it anew"),
            ModelError::Version(found) => {
                write!(
                    f,
                    "the model is of version {found}, this program reads {MODEL_VERSION}; train it anew"
                )
            }
            ModelError::Feature(name) => {
                write!(f, "the model asks for {name}, which this program does not have; train it anew")
            }
        }
    }
}

impl std::error::Error for ModelError {}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    features: Vec<String>,
    scorer: StoredScorer,
    thresholds: Thresholds,
    trained_on: TrainedOn,
    reference: Reference,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredScorer {
    Logistic(StoredLogistic),
    Boosted(StoredForest),
}
