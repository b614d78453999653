//! Models as they are kept.

use storeward_base::Timestamp;
use storeward_fraud::split::{Example, Plan, split};
use storeward_fraud::{Method, Model, ModelError, Vector, train};

use super::training::small;
use super::world::{DAY, past, replay};

fn examples() -> (Vec<Example>, Vec<storeward_fraud::split::Chosen>) {
    let (_, examples) = replay(&past(45, 3));
    let plan = Plan {
        start: Timestamp::from_seconds((20_000 + 20) * DAY),
        train_days: 21,
        delay_days: 0,
        test_days: 0,
    };
    let chosen = split(&examples, &Plan { delay_days: 7, ..plan }).train;
    (examples, chosen)
}

#[test]
fn a_stored_model_scores_as_before() {
    let (examples, chosen) = examples();
    for method in [Method::Logistic { penalty: 1.0 }, Method::Boosted(small())] {
        let model = train(&examples, &chosen, method, |_| true, 7).unwrap();
        let again = Model::from_json(&model.to_json()).unwrap();
        for example in examples.iter().step_by(97) {
            assert!((model.score(&example.vector) - again.score(&example.vector)).abs() < 1e-9);
        }
        assert_eq!(again.trained_on, model.trained_on);
    }
}

/// What earlier programs stored. When the form changes, its version does, and these samples stay.
#[test]
fn the_samples_of_version_one_are_read() {
    let vector = Vector::of(|feature| match feature.name().as_str() {
        "amount" => 25_000.0,
        "shipping.fraud_rate_7d" => 1.0,
        _ => f32::NAN,
    });
    for (sample, expected) in [
        (include_str!("../samples/logistic_v1.json"), 0.864_830_033_862_228),
        (include_str!("../samples/boosted_v1.json"), 0.952_574_126_822_433),
    ] {
        let model = Model::from_json(sample).unwrap();
        assert!((model.score(&vector) - expected).abs() < 1e-9, "{}", model.score(&vector));
        assert_eq!(model.trained_on.frauds, 598);
    }
}

/// A model that leads a walk back or out of a tree would hang or end the program at the till.
#[test]
fn damaged_models_are_refused() {
    let sample = include_str!("../samples/boosted_v1.json");
    for (from, to, expected) in [
        ("\"version\":1", "\"version\":2", ModelError::Version(2)),
        ("shipping.fraud_rate_7d", "shipping.colour", ModelError::Feature("shipping.colour".to_owned())),
        ("[1,0.5,1,", "[1,0.5,0,", ModelError::Damaged),
        ("[1,0.5,1,", "[1,0.5,4000000000,", ModelError::Damaged),
        ("[1,0.5,1,", "[9,0.5,1,", ModelError::Damaged),
        ("\"challenge\":0.1", "\"challenge\":0.9", ModelError::Damaged),
        ("\"shares\":[0.5,0.5]", "\"shares\":[0.5]", ModelError::Damaged),
        ("\"trees\":[", "\"trees\":[[],", ModelError::Damaged),
        ("{", "", ModelError::Damaged),
    ] {
        assert!(sample.contains(from), "{from}");
        assert_eq!(Model::from_json(&sample.replacen(from, to, 1)).unwrap_err(), expected, "{from} {to}");
    }
}
