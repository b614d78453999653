//! Time splits that know as little as one knew then: train, wait until labels have come, test.

use std::collections::HashMap;

use storeward_base::Timestamp;

use crate::attempt::{Label, Mark, Truth};
use crate::evaluate::Judged;
use crate::features::Vector;
use crate::profile::DAY_SECONDS;

/// An attempt with its figures as they were at its moment.
#[derive(Clone, Debug)]
pub struct Example {
    pub at: Timestamp,
    pub card: Mark,
    pub vector: Vector,
    /// `None`: nobody will know. What was blocked is neither trained nor tested on.
    pub label: Option<Label>,
}

/// Which days are for what. Days begin at `start`'s time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub start: Timestamp,
    pub train_days: i64,
    /// Between the last day of training and the first of the test: labels of the former have come by the latter.
    pub delay_days: i64,
    pub test_days: i64,
}

impl Plan {
    fn moment(&self, day: i64) -> Timestamp {
        Timestamp::from_seconds(self.start.seconds().saturating_add(day.saturating_mul(DAY_SECONDS)))
    }

    pub fn train_end(&self) -> Timestamp {
        self.moment(self.train_days)
    }

    pub fn test_start(&self) -> Timestamp {
        self.moment(self.train_days + self.delay_days)
    }

    pub fn test_end(&self) -> Timestamp {
        self.moment(self.train_days + self.delay_days + self.test_days)
    }
}

/// One example in a split: its place, and what it counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub place: usize,
    pub fraud: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// What a label says counts only if it had come when the test began; silence until then counts as good.
    pub train: Vec<Chosen>,
    /// Without the cards that were known as compromised (by a fraud since the start of training) when the day began.
    pub test: Vec<Chosen>,
}

/// Splits examples, which are in the order of time.
pub fn split(examples: &[Example], plan: &Plan) -> Split {
    let mut split = Split::default();
    let mut compromised: HashMap<Mark, Timestamp> = HashMap::new();
    for example in examples.iter().filter(|example| example.at >= plan.start) {
        if let Some(Label { truth: Truth::Fraud, known_at, .. }) = example.label {
            let earliest = compromised.entry(example.card).or_insert(known_at);
            *earliest = known_at.min(*earliest);
        }
    }
    for (place, example) in examples.iter().enumerate() {
        let Some(label) = example.label else { continue };
        let fraud = label.truth.is_fraud();
        if example.at >= plan.start && example.at < plan.train_end() {
            let fraud = fraud && label.known_at <= plan.test_start();
            split.train.push(Chosen { place, fraud });
        }
        if example.at >= plan.test_start() && example.at < plan.test_end() {
            let passed = (example.at.seconds() - plan.start.seconds()).div_euclid(DAY_SECONDS);
            let day_start = plan.moment(passed);
            let known = compromised.get(&example.card).is_some_and(|known_at| *known_at < day_start);
            if !known {
                split.test.push(Chosen { place, fraud });
            }
        }
    }
    split
}

/// Scores the test part of a split.
pub fn judge(examples: &[Example], test: &[Chosen], score: impl Fn(&Vector) -> f64) -> Vec<Judged> {
    test.iter()
        .filter_map(|chosen| {
            let example = examples.get(chosen.place)?;
            Some(Judged {
                day: example.at.seconds().div_euclid(DAY_SECONDS),
                card: example.card,
                score: score(&example.vector),
                fraud: chosen.fraud,
            })
        })
        .collect()
}
