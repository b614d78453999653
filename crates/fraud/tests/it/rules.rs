//! Each rule on the case it is for, and on the case beside it; the scorer's say; the step from watching to acting.

use std::time::Duration;

use storeward_base::Timestamp;
use storeward_fraud::backtest::{NotYet, Past, back_test, promote};
use storeward_fraud::{
    Answer, Attempt, Buyer, Category, Decision, Engine, Funding, Kind, Known, Label, Limits, Mark, Marks,
    Mode, Outcome, Reason, Rule, RuleId, Source, State, Truth,
};

use super::world::DAY;

const START: i64 = 20_000 * DAY + 12 * 3_600;

fn attempt(seconds: i64, marks: &[(Kind, u64)]) -> Attempt {
    let marks = marks.iter().fold(Marks::default(), |marks, (kind, mark)| marks.with(*kind, Mark(*mark)));
    Attempt { at: Timestamp::from_seconds(START + seconds), amount_minor: 2_000, marks, ..Attempt::default() }
}

/// All rules act.
fn strict() -> Engine {
    let mut engine = Engine::default();
    for rule in &mut engine.rules {
        rule.mode = Mode::Active;
    }
    engine
}

fn state() -> State {
    State::new(Limits { keys_per_kind: 256 })
}

fn fired(decision: &Decision) -> Vec<RuleId> {
    decision.fired.iter().map(|hit| hit.rule).collect()
}

/// The attempts go by, each settled with the outcome; which rules fire on the last one?
fn last(attempts: &[Attempt], outcome: Outcome) -> Decision {
    let (engine, mut state) = (strict(), state());
    let mut decision = None;
    for one in attempts {
        decision = Some(engine.decide(&mut state, one));
        engine.settle(&mut state, one, outcome);
    }
    decision.unwrap()
}

fn many(count: u64, apart: i64, marks: impl Fn(u64) -> Vec<(Kind, u64)>) -> Vec<Attempt> {
    (0..count).map(|at| attempt(i64::try_from(at).unwrap() * apart, &marks(at))).collect()
}

#[test]
fn rules_about_how_often_fire_above_their_limits() {
    type Case = (RuleId, u64, i64, Outcome, fn(u64) -> Vec<(Kind, u64)>);
    let cases: [Case; 8] = [
        (RuleId::AttemptsPerAddress, 4, 10, Outcome::Approved, |at| {
            vec![(Kind::Address, 1), (Kind::Card, at)]
        }),
        (RuleId::RefusedPerAddress, 12, 50, Outcome::Declined, |at| {
            vec![(Kind::Address, 1), (Kind::Card, at)]
        }),
        (RuleId::CardsPerBuyer, 4, 600, Outcome::Approved, |at| vec![(Kind::Device, 1), (Kind::Card, at)]),
        (RuleId::CardsPerBuyer, 6, 4 * 3_600, Outcome::Approved, |at| {
            vec![(Kind::Customer, 1), (Kind::Card, at)]
        }),
        (RuleId::CardsPerBuyer, 9, DAY / 2, Outcome::Approved, |at| {
            vec![(Kind::Customer, 1), (Kind::Card, at)]
        }),
        (RuleId::RefusedPerKey, 5, 600, Outcome::Declined, |at| vec![(Kind::Email, 1), (Kind::Card, at)]),
        (RuleId::AttemptsPerEmail, 6, 400, Outcome::Approved, |_| vec![(Kind::Email, 1), (Kind::Card, 1)]),
        (RuleId::ManyCardsOnePlace, 6, DAY, Outcome::Approved, |at| {
            vec![(Kind::Shipping, 1), (Kind::Card, at)]
        }),
    ];
    for (rule, count, apart, outcome, marks) in cases {
        let all = many(count, apart, marks);
        assert!(fired(&last(&all, outcome)).contains(&rule), "{rule:?} {count}");
        assert!(!fired(&last(&all[1..], outcome)).contains(&rule), "{rule:?} {}", count - 1);
        // As many, but each of somebody else.
        let others = many(count, apart, |at| vec![(Kind::Address, 100 + at), (Kind::Card, at)]);
        assert!(!fired(&last(&others, Outcome::Approved)).contains(&rule), "{rule:?} of many");
    }
}

#[test]
fn a_card_that_comes_again_at_once_is_asked_for_proof() {
    let again = |seconds| {
        last(&[attempt(0, &[(Kind::Card, 1)]), attempt(seconds, &[(Kind::Card, 1)])], Outcome::Approved)
    };
    assert_eq!(fired(&again(59)), [RuleId::CardAgain]);
    assert_eq!((again(59).answer, again(59).category), (Answer::Challenge, Some(Category::OtherMethod)));
    assert_eq!(fired(&again(60)), []);
}

#[test]
fn rules_about_the_attempt_itself_go_by_what_is_known() {
    let base = Attempt {
        buyer: Buyer::SignedIn { account_age: Duration::from_secs(90 * 86_400) },
        ..attempt(0, &[(Kind::Customer, 1)])
    };
    let with = |change: fn(&mut Attempt)| {
        let mut changed = base;
        change(&mut changed);
        strict().decide(&mut state(), &changed)
    };
    assert_eq!(fired(&with(|_| {})), []);
    type Case = (RuleId, Answer, fn(&mut Attempt));
    let cases: [Case; 6] = [
        (RuleId::PagesPerAddress, Answer::Block, |a| a.signals.pages_opened = 6),
        (RuleId::CvcFailed, Answer::Block, |a| a.signals.cvc_failed = Known::Yes),
        (RuleId::AvsFailed, Answer::Review, |a| a.signals.avs_failed = Known::Yes),
        (RuleId::SecureFailed, Answer::Review, |a| a.signals.secure = storeward_fraud::Secure::Failed),
        (RuleId::DisposableMail, Answer::Challenge, |a| a.signals.disposable_mail = Known::Yes),
        (RuleId::TakeoverBeforePaying, Answer::Review, |a| {
            a.signals.device_new = Known::Yes;
            a.signals.shipping_new = Known::Yes;
            a.signals.credentials_changed = Some(Duration::from_secs(23 * 3_600));
        }),
    ];
    for (rule, answer, change) in cases {
        let decision = with(change);
        assert_eq!((fired(&decision), decision.answer), (vec![rule], answer));
        assert_eq!(decision.reasons(), [Reason::Rule(rule)]);
    }
    // A card of another country on its own means nothing.
    assert_eq!(fired(&with(|a| a.signals.country_differs = Known::Yes)), []);
    assert_eq!(fired(&with(|a| a.signals.credentials_changed = Some(Duration::from_secs(60)))), []);
    assert_eq!(fired(&with(|a| a.signals.funding = Funding::Prepaid)), []);
}

#[test]
fn an_amount_is_unusual_for_the_shop_and_for_the_buyer() {
    let (engine, mut state) = (strict(), state());
    for order in 0..1_000_u64 {
        let mut one = attempt(i64::try_from(order).unwrap() * 400, &[(Kind::Customer, order % 100)]);
        one.buyer = Buyer::SignedIn { account_age: Duration::from_secs(1_000_000) };
        one.amount_minor = 1_000 + i64::try_from(order % 50).unwrap() * 40;
        engine.decide(&mut state, &one);
    }
    let ask = |customer, amount| {
        let mut one = attempt(500_000, &[(Kind::Customer, customer)]);
        one.buyer = Buyer::SignedIn { account_age: Duration::from_secs(1_000_000) };
        one.amount_minor = amount;
        fired(&engine.decide(&mut state.clone(), &one))
    };
    assert_eq!(ask(3, 20_000), [RuleId::AmountUnusual]);
    assert_eq!(ask(3, 5_000), [], "above the shop's, not five times the buyer's");
    assert_eq!(ask(5_000, 20_000), [RuleId::AmountUnusual], "nobody knows what a new buyer usually pays");
    assert_eq!(ask(5_000, 2_500), []);
}

#[test]
fn coupons_for_first_orders_are_for_the_first() {
    let coupon = |seconds, device, card| {
        let mut one = attempt(seconds, &[(Kind::Device, device), (Kind::Card, card)]);
        one.signals.first_order_coupon = Known::Yes;
        one
    };
    assert_eq!(fired(&last(&[coupon(0, 1, 1)], Outcome::Approved)), []);
    assert_eq!(
        fired(&last(&[coupon(0, 1, 1), coupon(100, 1, 2)], Outcome::Approved)),
        [RuleId::FirstOrderCoupons]
    );
    assert_eq!(
        fired(&last(&[coupon(0, 1, 1), coupon(100, 2, 1)], Outcome::Approved)),
        [RuleId::FirstOrderCoupons]
    );
    assert_eq!(fired(&last(&[coupon(0, 1, 1), coupon(100, 2, 2)], Outcome::Approved)), []);
}

/// Nothing acts before somebody looked at what it would do.
#[test]
fn what_is_watched_says_so_and_does_nothing() {
    let mut odd = attempt(0, &[(Kind::Card, 1)]);
    odd.signals.cvc_failed = Known::Yes;
    let engine = Engine::default();
    let decision = engine.decide(&mut state(), &odd);
    assert_eq!(
        (decision.answer, decision.category, fired(&decision)),
        (Answer::Allow, None, vec![RuleId::CvcFailed])
    );
    assert_eq!((decision.fired[0].mode, decision.reasons()), (Mode::Observe, vec![]));
    let off =
        Engine { rules: vec![Rule { mode: Mode::Off, ..Rule::new(RuleId::CvcFailed) }], ..Engine::default() };
    assert_eq!(fired(&off.decide(&mut state(), &odd)), []);
}

/// After the provider's answer only what it says is new: an attempt is not counted twice.
#[test]
fn a_second_look_counts_nothing() {
    let (engine, mut state) = (strict(), state());
    let first = attempt(0, &[(Kind::Card, 1), (Kind::Address, 1)]);
    assert_eq!(engine.decide(&mut state, &first).answer, Answer::Allow);
    let before = state.to_bytes();
    let mut again = first;
    again.signals.cvc_failed = Known::Yes;
    let decision = engine.look_again(&state, &again);
    assert_eq!((fired(&decision), decision.answer), (vec![RuleId::CvcFailed], Answer::Block));
    assert!(state.to_bytes() == before);
}

fn shop_past(days: i64) -> Vec<Past> {
    let mut past = Vec::new();
    for order in 0..days * 20 {
        let bad = order % 50 == 0;
        let card = u64::try_from(order).unwrap();
        let mut one = attempt(order * DAY / 20, &[(Kind::Card, card), (Kind::Device, card)]);
        one.buyer = Buyer::SignedIn { account_age: Duration::from_secs(1_000_000) };
        one.signals.cvc_failed = if bad || order % 500 == 7 { Known::Yes } else { Known::No };
        one.signals.disposable_mail = if order % 20 == 3 { Known::Yes } else { Known::No };
        let truth = if bad { Truth::Fraud } else { Truth::Good };
        let known_at = Timestamp::from_seconds(one.at.seconds() + 20 * DAY);
        past.push(Past {
            attempt: one,
            outcome: Some((Outcome::Approved, one.at)),
            label: (order % 200 != 150).then_some(Label { truth, known_at, source: Source::Dispute }),
        });
    }
    past
}

/// Nobody labels buyers who were content: what they paid speaks for them.
#[test]
fn a_rule_that_would_have_blocked_paying_buyers_of_whom_nothing_is_known_is_not_let_act() {
    let silent = |outcome: Outcome| {
        let mut past = shop_past(60);
        for one in &mut past {
            one.label = None;
            one.outcome = Some((outcome, one.attempt.at));
        }
        past
    };
    let from = Timestamp::from_seconds(START + 30 * DAY);
    let promoted = |past: &[Past]| {
        let mut engine = Engine::default();
        engine.rules[RuleId::DisposableMail as usize].answer = Answer::Block;
        let seen = back_test(&engine, past, from, Limits { keys_per_kind: 256 });
        let record = seen.records().iter().find(|record| record.rule.id == RuleId::DisposableMail).unwrap();
        assert!(record.fired >= 28 && record.unknown == record.fired, "{record:?}");
        promote(&mut engine, RuleId::DisposableMail, &seen)
    };
    assert_eq!(promoted(&silent(Outcome::Approved)), Err(NotYet::BlocksGood));
    // Pages that were opened and left speak for nobody and against nobody, and are the most.
    let mut left = silent(Outcome::Approved);
    for (at, one) in left.iter_mut().enumerate() {
        if at % 3 != 0 {
            one.outcome = None;
        }
    }
    assert_eq!(promoted(&left), Err(NotYet::BlocksGood));
    // Card testing: the bank said no to them.
    assert_eq!(promoted(&silent(Outcome::Declined)), Ok(()));
}

/// 13 days and an hour are not 14.
#[test]
fn a_past_counts_whole_days() {
    let mut engine = Engine::default();
    let past = shop_past(60);
    let from = Timestamp::from_seconds(START + 60 * DAY - 13 * DAY - 3600);
    let seen = back_test(&engine, &past, from, Limits { keys_per_kind: 256 });
    assert!(seen.attempts() >= 100);
    assert_eq!(promote(&mut engine, RuleId::CvcFailed, &seen), Err(NotYet::TooLittle));
}

#[test]
fn a_rule_is_tried_on_the_past_before_it_acts() {
    let mut engine = Engine::default();
    let past = shop_past(60);
    let from = Timestamp::from_seconds(START + 30 * DAY);
    let seen = back_test(&engine, &past, from, Limits { keys_per_kind: 256 });
    assert_eq!(seen.attempts(), 600);
    let of = |id| seen.records().iter().find(|record| record.rule.id == id).unwrap().clone();
    let cvc = of(RuleId::CvcFailed);
    // Of 600 orders 12 are bad, 9 of them with a label, and one good one has a wrong code.
    assert_eq!(
        (cvc.fired, cvc.fraud, cvc.good, cvc.unknown, cvc.of_frauds, cvc.of_good),
        (13, 9, 1, 3, 9, 588)
    );
    let (precision, (low, high)) = cvc.precision().unwrap();
    assert!((precision - 0.9).abs() < 1e-9 && low < 0.6 && high > 0.97);
    assert!((cvc.good_hit().0 - 1.0 / 588.0).abs() < 1e-9);
    assert_eq!(of(RuleId::CardAgain).precision(), None);

    promote(&mut engine, RuleId::CvcFailed, &seen).unwrap();
    let modes = |engine: &Engine| engine.rules.iter().filter(|rule| rule.mode == Mode::Active).count();
    assert_eq!(modes(&engine), 1);
    // Another limit or answer is another rule.
    engine.rules[RuleId::CardAgain as usize].limits = vec![600.0];
    engine.rules[RuleId::DisposableMail as usize].answer = Answer::Block;
    for id in [RuleId::CardAgain, RuleId::DisposableMail] {
        assert_eq!(promote(&mut engine, id, &seen), Err(NotYet::OtherRule));
    }
    let again = back_test(&engine, &past, from, Limits { keys_per_kind: 256 });
    assert_eq!(promote(&mut engine, RuleId::DisposableMail, &again), Err(NotYet::BlocksGood));
    let short =
        back_test(&engine, &past, Timestamp::from_seconds(START + 50 * DAY), Limits { keys_per_kind: 256 });
    assert_eq!(promote(&mut engine, RuleId::CardAgain, &short), Err(NotYet::TooLittle));
    assert_eq!(modes(&engine), 1);
}
