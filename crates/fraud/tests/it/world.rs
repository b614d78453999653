//! A small shop with a seed: regular customers, and three kinds of fraud, each with a course of its own (as in the Fraud
//! Detection Handbook's simulator, but another world): stolen cards that pay for far more than usual, places to which
//! everything is fraud for some weeks, and large orders.

use std::collections::VecDeque;

use storeward_base::Timestamp;
use storeward_fraud::split::Example;
use storeward_fraud::{Attempt, Delay, Kind, Label, Limits, Mark, Marks, Source, State, Truth};

pub const DAY: i64 = 86_400;
const DELAY_DAYS: u8 = 7;

/// SplitMix64, as everywhere.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// An attempt and what it was.
#[derive(Clone, Copy)]
pub struct Past {
    pub attempt: Attempt,
    pub fraud: bool,
}

impl Past {
    pub fn label(&self) -> Label {
        Label {
            truth: if self.fraud { Truth::Fraud } else { Truth::Good },
            known_at: Timestamp::from_seconds(self.attempt.at.seconds() + i64::from(DELAY_DAYS) * DAY),
            source: if self.fraud { Source::Dispute } else { Source::Silence },
        }
    }
}

/// `days` days of 200 orders each by 400 cards to 300 places.
pub fn past(days: i64, seed: u64) -> Vec<Past> {
    let mut dice = Dice(seed);
    let usual: Vec<i64> = (0..400).map(|_| 500 + i64::try_from(dice.below(8_000)).unwrap()).collect();
    let mut bad_places: VecDeque<(i64, u64)> = VecDeque::new();
    let mut stolen: VecDeque<(i64, usize)> = VecDeque::new();
    let mut all = Vec::new();
    for day in 0..days {
        if day % 2 == 0 {
            bad_places.push_back((day + 21, dice.below(300)));
        }
        for _ in 0..4 {
            stolen.push_back((day + 10, usize::try_from(dice.below(400)).unwrap()));
        }
        bad_places.retain(|(until, _)| *until > day);
        stolen.retain(|(until, _)| *until > day);
        for order in 0..200 {
            let card = usize::try_from(dice.below(400)).unwrap();
            let place = dice.below(300);
            let mut amount = usual[card] * (70 + i64::try_from(dice.below(60)).unwrap()) / 100;
            let mut fraud = bad_places.iter().any(|(_, bad)| *bad == place);
            if stolen.iter().any(|(_, bad)| *bad == card) && dice.below(2) == 0 {
                amount *= 5;
                fraud = true;
            }
            let attempt = Attempt {
                at: Timestamp::from_seconds((20_000 + day) * DAY + order * 400),
                amount_minor: amount,
                marks: Marks::default()
                    .with(Kind::Card, Mark(u64::try_from(card).unwrap() * 7_919 + 1))
                    .with(Kind::Shipping, Mark(place * 104_729 + 2)),
                ..Attempt::default()
            };
            all.push(Past { attempt, fraud });
        }
    }
    all
}

/// The state after all of it, with labels as they came, and an example of each attempt.
pub fn replay(past: &[Past]) -> (State, Vec<Example>) {
    let mut state = State::new(Limits { keys_per_kind: 1_024 });
    let mut examples = Vec::new();
    let mut waiting = 0;
    for one in past {
        while past[waiting].label().known_at <= one.attempt.at {
            state.label(&past[waiting].attempt, past[waiting].label());
            waiting += 1;
        }
        examples.push(Example {
            at: one.attempt.at,
            card: one.attempt.marks.get(Kind::Card).unwrap(),
            vector: state.features(&one.attempt, Delay::days(DELAY_DAYS)),
            label: Some(one.label()),
        });
        state.record(&one.attempt);
    }
    (state, examples)
}
