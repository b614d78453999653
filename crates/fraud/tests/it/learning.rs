//! From a shop's past to a scorer that acts.

use storeward_base::Timestamp;
use storeward_fraud::backtest::Past;
use storeward_fraud::evaluate::Standing;
use storeward_fraud::learning::{Course, NotBetter, Trial, place, retry, try_out, with_silence};
use storeward_fraud::logistic::fit;
use storeward_fraud::{
    Engine, LEAST_FRAUDS, Limits, Matrix, Method, Mode, Model, Outcome, Placed, Scorer, Source, Truth,
};

use super::training::small;
use super::world::{DAY, past};

/// A shop knows of frauds when they are disputed, and of nothing else.
fn shop(days: i64, seed: u64) -> Vec<Past> {
    past(days, seed)
        .into_iter()
        .map(|one| Past {
            attempt: one.attempt,
            outcome: Some((Outcome::Approved, one.attempt.at)),
            label: one.fraud.then(|| one.label()),
        })
        .collect()
}

fn course() -> Course {
    Course {
        method: Method::Boosted(small()),
        train_days: 21,
        test_days: 10,
        delay_days: 7,
        limits: Limits { keys_per_kind: 1_024 },
    }
}

fn trial(champion: Option<&Model>) -> Trial {
    try_out(&shop(56, 3), champion, &course(), 1).unwrap()
}

#[test]
fn silence_is_a_label_of_what_was_approved_only() {
    let mut all = shop(10, 3);
    all.retain(|one| one.label.is_none());
    all[1].outcome = Some((Outcome::Blocked, all[1].attempt.at));
    all[2].outcome = Some((Outcome::Declined, all[2].attempt.at));
    all[3].outcome = None;
    let now = Timestamp::from_seconds((20_000 + 9) * DAY);
    let told = with_silence(&all, now, 7);
    let of = |at: usize| told[at].label.map(|label| (label.truth, label.source));
    assert_eq!(of(0), Some((Truth::Good, Source::Silence)));
    assert_eq!((of(1), of(2), of(3)), (None, None, None), "nobody knows what they were");
    assert_eq!(told.last().unwrap().label, None, "two days of silence mean nothing");
}

#[test]
fn the_first_scorer_is_watched_and_a_better_one_takes_its_place() {
    let mut engine = Engine::default();
    let first = trial(None);
    assert!(first.figures.average_precision > 0.6, "{:?}", first.figures);
    place(&mut engine, &first).unwrap();
    assert_eq!(engine.champion.as_ref().map(|placed| placed.mode), Some(Mode::Observe));

    // The same again is not better.
    let again = trial(engine.champion.as_ref().map(|placed| &placed.model));
    assert_eq!(again.against.unwrap().standing, Standing::Open);
    assert_eq!(place(&mut engine, &again), Err(NotBetter::Open));

    // One that gives everybody the same score is worse.
    let mut worse = first.model.clone();
    worse.scorer = Scorer::Logistic(fit(&Matrix::default(), 1.0));
    engine.champion = Some(Placed { model: worse.clone(), mode: Mode::Active });
    let better = trial(Some(&worse));
    assert_eq!(better.against.unwrap().standing, Standing::Better);
    place(&mut engine, &better).unwrap();
    let placed = engine.champion.unwrap();
    assert_eq!((placed.mode, placed.model), (Mode::Active, better.model));
}

// A scorer of noise, learned of nearly everything, was put in place by a trial on the weeks that it was learned of.
#[test]
fn a_trial_is_of_weeks_that_neither_scorer_has_seen() {
    let all = shop(56, 3);
    let late = Course { train_days: 38, test_days: 3, delay_days: 1, ..course() };
    let learned = try_out(&all, None, &late, 1).unwrap();
    let usual = retry(&all, &learned.model, None, &course(), 1);
    assert!(usual.plan.test_start() < learned.model.trained_on.until, "its own weeks lie in the trial's");
    assert!(
        usual.figures.attempts < retry(&all, &trial(None).model, None, &course(), 1).figures.attempts / 2
    );
    let mut engine = Engine::default();
    assert!(matches!(place(&mut engine, &usual), Err(NotBetter::TooFewTried { .. })), "{:?}", usual.figures);
    // Nor of the champion's.
    let told = retry(&all, &trial(None).model, Some(&learned.model), &course(), 1);
    assert_eq!(told.figures.attempts, usual.figures.attempts);
}

#[test]
fn a_trial_without_frauds_says_nothing() {
    let mut engine = Engine::default();
    let mut told = trial(None);
    told.figures.frauds = 19;
    assert_eq!(place(&mut engine, &told), Err(NotBetter::TooFewTried { frauds: 19 }));
    told = trial(None);
    told.figures.average_precision = told.figures.frauds as f64 / told.figures.attempts as f64;
    assert!(matches!(place(&mut engine, &told), Err(NotBetter::NoUse { .. })));
    assert_eq!(engine, Engine::default());
    let few = try_out(&shop(30, 3)[..1_000], None, &course(), 1).unwrap_err();
    assert!(few.frauds < LEAST_FRAUDS);
}

// Five times the share of frauds was asked: from a fifth on no scorer could be placed, not even one that is never wrong.
#[test]
fn what_is_asked_of_a_scorer_can_be_reached_at_every_share_of_frauds() {
    let mut told = trial(None);
    let mut placed = |attempts: usize, frauds: usize, average_precision: f64| {
        (told.figures.attempts, told.figures.frauds) = (attempts, frauds);
        told.figures.average_precision = average_precision;
        place(&mut Engine::default(), &told).is_ok()
    };
    for frauds in [20, 100, 500, 2_000, 3_000, 5_000, 9_000, 9_990] {
        let share = frauds as f64 / 10_000.0;
        assert!(placed(10_000, frauds, 1.0), "{share}: one that is never wrong");
        assert!(!placed(10_000, frauds, share), "{share}: lots");
        assert!(!placed(10_000, frauds, share + (1.0 - share) * share / 2.0), "{share}: hardly better");
    }
    // One in a hundred: nearly five times as often. One in two: five of six.
    assert!(placed(10_000, 100, 0.05) && !placed(10_000, 100, 0.047));
    assert!(placed(10_000, 5_000, 0.834) && !placed(10_000, 5_000, 0.833));
}
