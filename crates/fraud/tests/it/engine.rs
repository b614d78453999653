//! Rules and scorer together: the scorer raises friction, and nothing else.

use std::sync::OnceLock;

use storeward_base::Timestamp;
use storeward_fraud::split::{Plan, split};
use storeward_fraud::{
    Answer, Delay, Engine, Known, Method, Mode, Model, Placed, Reason, RuleId, State, Thresholds, train,
};

use super::training::small;
use super::world::{DAY, Past, past, replay};

/// A world, its state after seven weeks, and a model that was trained on it.
fn trained() -> &'static (Vec<Past>, State, Model) {
    static TRAINED: OnceLock<(Vec<Past>, State, Model)> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let mut all = past(52, 3);
        let rest = all.split_off(49 * 200);
        let (state, examples) = replay(&all);
        let start = Timestamp::from_seconds((20_000 + 20) * DAY);
        let plan = Plan { start, train_days: 21, delay_days: 7, test_days: 1 };
        let chosen = split(&examples, &plan).train;
        let model = train(&examples, &chosen, Method::Boosted(small()), |_| true, 7).unwrap();
        (rest, state, model)
    })
}

fn engine(model: &Model, mode: Mode) -> Engine {
    Engine {
        delay: Delay::days(7),
        champion: Some(Placed { model: model.clone(), mode }),
        ..Engine::default()
    }
}

#[test]
fn a_scorer_asks_for_more_and_never_blocks() {
    let (rest, state, model) = trained();
    let mut everything = model.clone();
    everything.thresholds = Thresholds { challenge: 1e-9, review: 1e-9 };
    for (model, mode) in [(model, Mode::Active), (&everything, Mode::Active), (model, Mode::Observe)] {
        let engine = engine(model, mode);
        let mut state = state.clone();
        let answers: Vec<Answer> =
            rest.iter().map(|one| engine.decide(&mut state, &one.attempt).answer).collect();
        assert!(answers.iter().all(|answer| *answer < Answer::Block));
        let asked = answers.iter().filter(|answer| **answer > Answer::Allow).count();
        match mode {
            Mode::Observe | Mode::Off => assert_eq!(asked, 0),
            Mode::Active => assert!(asked > 0, "{mode:?}"),
        }
    }
}

#[test]
fn a_low_score_does_not_lift_what_a_rule_asks_for() {
    let (rest, state, model) = trained();
    let mut engine = engine(model, Mode::Active);
    engine.rules[RuleId::CvcFailed as usize].mode = Mode::Active;
    let good = rest.iter().find(|one| !one.fraud).unwrap();
    let mut attempt = good.attempt;
    attempt.signals.cvc_failed = Known::Yes;
    let decision = engine.decide(&mut state.clone(), &attempt);
    assert!(decision.score.unwrap() < model.thresholds.challenge);
    assert_eq!(decision.answer, Answer::Block);
    assert_eq!(decision.reasons().first(), Some(&Reason::Rule(RuleId::CvcFailed)));
}

#[test]
fn whoever_is_asked_for_more_is_asked_for_a_reason() {
    let (rest, state, model) = trained();
    let engine = Engine { challenger: Some(model.clone()), ..engine(model, Mode::Active) };
    let mut state = state.clone();
    let mut asked = 0;
    for one in rest {
        let decision = engine.decide(&mut state, &one.attempt);
        assert_eq!(decision.score, decision.challenger);
        if decision.answer > Answer::Allow {
            asked += 1;
            assert!(decision.category.is_some() && !decision.reasons().is_empty());
            assert!(decision.weighed.first().is_some_and(|first| first.points > 0.0), "{decision:?}");
        } else {
            assert_eq!(decision.category, None);
        }
    }
    assert!(asked > 5);
}
