//! Scorers that learn of a past, judged on what came after it.

use storeward_base::Timestamp;
use storeward_fraud::boost::{Growth, Monotone};
use storeward_fraud::evaluate::{Figures, Standing, compare};
use storeward_fraud::split::{Example, Plan, judge, split};
use storeward_fraud::{Feature, LEAST_FRAUDS, Label, Method, Source, Truth, Vector, train};

use super::world::{DAY, past, replay};

const DELAY: u8 = 7;

fn plan() -> Plan {
    Plan { start: Timestamp::from_seconds((20_000 + 21) * DAY), train_days: 21, delay_days: 7, test_days: 7 }
}

pub fn small() -> Growth {
    Growth { trees: 40, depth: 3, shrinkage: 0.1, ..Growth::default() }
}

#[test]
fn both_scorers_find_what_they_have_not_seen() {
    let (_, examples) = replay(&past(56, 3));
    let parts = split(&examples, &plan());
    for (method, least) in [(Method::Logistic { penalty: 1.0 }, 0.75), (Method::Boosted(small()), 0.75)] {
        let model = train(&examples, &parts.train, method, |_| true, DELAY).unwrap();
        let figures = Figures::of(&judge(&examples, &parts.test, |vector| model.score(vector)));
        assert!(figures.average_precision > least && figures.auc > 0.85, "{method:?}: {figures:?}");
        // Of the attempts it was trained on, one in a hundred is challenged; of others about as many.
        let asked = judge(&examples, &parts.test, |vector| model.score(vector))
            .iter()
            .filter(|one| one.score >= model.thresholds.challenge)
            .count();
        assert!(asked * 25 < parts.test.len(), "{asked} of {}", parts.test.len());
    }
}

#[test]
fn the_same_seed_gives_the_same_model_and_another_another() {
    let (_, examples) = replay(&past(56, 3));
    let parts = split(&examples, &plan());
    let learn = |seed| {
        let growth = Growth { trees: 5, seed, ..small() };
        train(&examples, &parts.train, Method::Boosted(growth), |_| true, DELAY).unwrap().to_json()
    };
    assert_eq!(learn(1), learn(1));
    assert_ne!(learn(1), learn(2));
}

/// A scorer of a handful of frauds would learn persons.
#[test]
fn too_few_frauds_teach_nothing() {
    let (_, examples) = replay(&past(56, 3));
    let mut parts = split(&examples, &plan());
    let mut left = LEAST_FRAUDS - 1;
    for chosen in parts.train.iter_mut().filter(|chosen| chosen.fraud) {
        chosen.fraud = left > 0;
        left = left.saturating_sub(1);
    }
    let refused = train(&examples, &parts.train, Method::Logistic { penalty: 1.0 }, |_| true, DELAY);
    assert_eq!(refused.unwrap_err().frauds, LEAST_FRAUDS - 1);
}

#[test]
fn a_split_knows_only_what_was_known() {
    let at = |day: i64, hour: i64| Timestamp::from_seconds(day * DAY + hour * 3_600);
    let example = |day: i64, card: u64, fraud: bool, known_days: i64| Example {
        at: at(day, 12),
        card: storeward_fraud::Mark(card),
        vector: Vector::of(|_| 0.0),
        label: Some(Label {
            truth: if fraud { Truth::Fraud } else { Truth::Good },
            known_at: at(day + known_days, 12),
            source: Source::Dispute,
        }),
    };
    let blocked = Example { label: None, ..example(1, 8, false, 0) };
    let examples = [
        example(-1, 1, true, 7), // before the training: its card stays in the test
        example(0, 2, true, 7),  // its card is known by day 14
        blocked,
        example(3, 3, true, 30), // known after the test began: counts as good
        example(5, 4, false, 7),
        example(8, 5, true, 7), // in the delay: known at noon of day 15
        example(14, 1, false, 7),
        example(14, 2, false, 7),
        example(14, 5, true, 7),
        example(15, 5, true, 7), // the same morning nobody knew
        example(16, 5, true, 7),
        example(21, 6, false, 7), // after the test
    ];
    let plan = Plan { start: at(0, 0), train_days: 7, delay_days: 7, test_days: 7 };
    let parts = split(&examples, &plan);
    let of = |chosen: &[storeward_fraud::split::Chosen]| {
        chosen.iter().map(|one| (one.place, one.fraud)).collect::<Vec<_>>()
    };
    assert_eq!(of(&parts.train), [(1, true), (3, false), (4, false)]);
    assert_eq!(of(&parts.test), [(6, false), (8, true), (9, true)]);
}

/// Points by feature, with what is the same for everybody, are the score: nothing is left out of the reasons.
#[test]
fn reasons_add_up_to_the_score() {
    let (_, examples) = replay(&past(56, 3));
    let parts = split(&examples, &plan());
    for method in [Method::Logistic { penalty: 1.0 }, Method::Boosted(small())] {
        let model = train(&examples, &parts.train, method, |_| true, DELAY).unwrap();
        let rest = |vector: &Vector| {
            let (score, weighed) = model.explain(vector, usize::MAX);
            (score / (1.0 - score)).ln() - weighed.iter().map(|one| one.points).sum::<f64>()
        };
        let of_first = rest(&examples[5_000].vector);
        for chosen in parts.test.iter().step_by(50) {
            let vector = &examples[chosen.place].vector;
            assert!((rest(vector) - of_first).abs() < 1e-6);
            let (score, weighed) = model.explain(vector, 3);
            assert!((score - model.score(vector)).abs() < 1e-12);
            assert!(weighed.len() <= 3 && weighed.is_sorted_by(|a, b| a.points.abs() >= b.points.abs()));
        }
    }
}

/// Held to it, more of what can only speak for fraud never lowers a score, wherever one begins.
#[test]
fn a_held_scorer_is_never_calmed_by_more_fraud() {
    let (_, examples) = replay(&past(56, 3));
    let parts = split(&examples, &plan());
    let growth = Growth { monotone: Monotone::Held, depth: 4, ..small() };
    let model = train(&examples, &parts.train, Method::Boosted(growth), |_| true, DELAY).unwrap();
    let held: Vec<Feature> =
        Feature::all().filter(|feature| feature.speaks_for_fraud() && model.uses(*feature)).collect();
    assert!(!held.is_empty());
    for chosen in parts.test.iter().step_by(100) {
        let vector = &examples[chosen.place].vector;
        for feature in &held {
            let with = |figure: f32| {
                let changed = Vector::of(|one| if one == *feature { figure } else { vector.get(one) });
                model.score(&changed)
            };
            let scores: Vec<f64> = (0..40_u8).map(|step| with(f32::from(step) / 8.0)).collect();
            assert!(scores.is_sorted(), "{}: {scores:?}", feature.name());
        }
    }
}

#[test]
fn a_challenger_that_learned_better_is_told_from_one_that_did_not() {
    let (_, examples) = replay(&past(56, 3));
    let parts = split(&examples, &plan());
    let learn = |choose: fn(Feature) -> bool| {
        train(&examples, &parts.train, Method::Boosted(small()), choose, DELAY).unwrap()
    };
    let amounts_only = learn(|feature| feature.name() == "amount");
    let all = learn(|_| true);
    let champion = judge(&examples, &parts.test, |vector| amounts_only.score(vector));
    let challenger: Vec<f64> =
        judge(&examples, &parts.test, |vector| all.score(vector)).iter().map(|one| one.score).collect();
    let told = compare(&champion, &challenger, 1);
    assert_eq!(told.standing, Standing::Better, "{told:?}");
    let own: Vec<f64> = champion.iter().map(|one| one.score).collect();
    assert_eq!(compare(&champion, &own, 1).standing, Standing::Open);
}
