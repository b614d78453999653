//! Stolen cards tried out by the thousand: how many reach the provider, and who else is asked for more.

use std::collections::VecDeque;
use std::time::Duration;

use storeward_base::Timestamp;
use storeward_fraud::{
    Answer, Attempt, Buyer, Engine, Kind, Known, Limits, Mark, Marks, Mode, Outcome, RuleId, Sign, State,
};

use super::world::{DAY, Dice};

const START: i64 = 20_000 * DAY;

/// Only the rule about card testing acts.
fn engine() -> Engine {
    let mut engine = Engine::default();
    for rule in engine.rules.iter_mut().filter(|rule| rule.id == RuleId::CardTesting) {
        rule.mode = Mode::Active;
    }
    engine
}

/// A shop's day: what is under way ends some seconds after it began.
struct Shop {
    engine: Engine,
    state: State,
    under_way: VecDeque<(i64, Attempt, Outcome)>,
    reached: u32,
    asked: u32,
}

impl Shop {
    fn new() -> Self {
        Shop {
            engine: engine(),
            state: State::new(Limits { keys_per_kind: 4_096 }),
            under_way: VecDeque::new(),
            reached: 0,
            asked: 0,
        }
    }

    /// Whoever is asked for more gives up.
    fn pay(&mut self, attempt: &Attempt, outcome: Outcome, seconds: i64) -> Answer {
        let now = attempt.at.seconds();
        while let Some((_, done, outcome)) = self.under_way.pop_front_if(|(end, ..)| *end <= now) {
            self.engine.settle(&mut self.state, &done, outcome);
        }
        let answer = self.engine.decide(&mut self.state, attempt).answer;
        if answer == Answer::Allow {
            self.reached += 1;
            self.under_way.push_back((now + seconds, *attempt, outcome));
        } else {
            self.asked += 1;
            self.engine.settle(&mut self.state, attempt, Outcome::Blocked);
        }
        answer
    }

    /// Orders of a shop in which half of the buyers have no account and banks decline one in twelve.
    fn good_days(&mut self, first_day: i64, days: i64, a_day: u64, dice: &mut Dice) {
        for day in first_day..first_day + days {
            let mut moments: Vec<i64> = (0..a_day)
                // More in the evening than in the morning, none at night.
                .map(|_| i64::try_from(6 * 3_600 + dice.below(9 * 3_600) + dice.below(9 * 3_600)).unwrap())
                .collect();
            moments.sort_unstable();
            for moment in moments {
                let card = dice.below(4_000);
                let outcome = if dice.below(12) == 0 { Outcome::Declined } else { Outcome::Approved };
                let one = order(
                    START + day * DAY + moment,
                    card,
                    1_000_000 + card,
                    card % 40,
                    card.is_multiple_of(2),
                );
                self.pay(&one, outcome, 4);
            }
        }
    }
}

fn order(seconds: i64, card: u64, address: u64, bin: u64, anonymous: bool) -> Attempt {
    let buyer = if anonymous {
        Buyer::Anonymous
    } else {
        Buyer::SignedIn { account_age: Duration::from_secs(5_000_000) }
    };
    Attempt {
        at: Timestamp::from_seconds(seconds),
        amount_minor: 2_500,
        marks: Marks::default()
            .with(Kind::Card, Mark(card))
            .with(Kind::Address, Mark(address))
            .with(Kind::Device, Mark(address))
            .with(Kind::Bin, Mark(bin)),
        buyer,
        ..Attempt::default()
    }
}

/// A thousand cards of three banks from fifty addresses, one a second; nine in ten are declined.
fn attack(shop: &mut Shop, from: i64, latency: i64, dice: &mut Dice) -> u32 {
    attack_as((Buyer::Anonymous, Known::Unknown), shop, (from, latency), dice)
}

/// By whoever that is, and whether they paid before.
fn attack_as(
    (buyer, paid_before): (Buyer, Known),
    shop: &mut Shop,
    (from, latency): (i64, i64),
    dice: &mut Dice,
) -> u32 {
    let before = shop.reached;
    for at in 0..1_000 {
        let card = 9_000_000 + u64::try_from(at).unwrap();
        let outcome = if dice.below(10) == 0 { Outcome::Approved } else { Outcome::Declined };
        let one = order(from + at, card, 8_000_000 + dice.below(50), 700 + dice.below(3), true);
        let mut one = Attempt { buyer, ..one };
        one.signals.paid_before = paid_before;
        shop.pay(&one, outcome, latency);
    }
    shop.reached - before
}

#[test]
fn ten_thousand_good_orders_are_left_alone_and_a_thousand_stolen_cards_are_not() {
    let mut shop = Shop::new();
    let mut dice = Dice(11);
    shop.good_days(0, 14, 150, &mut dice);
    (shop.reached, shop.asked) = (0, 0);
    shop.good_days(14, 67, 150, &mut dice);
    assert_eq!(shop.reached + shop.asked, 67 * 150);
    assert!(shop.asked <= 10, "{} of 10,050 good orders were asked for more", shop.asked);
    for (latency, day) in [(2, 81), (0, 83), (30, 85)] {
        let reached = attack(&mut shop, START + day * DAY + 40_000, latency, &mut dice);
        assert!(
            reached <= 10,
            "{reached} of 1,000 stolen cards reached the provider with {latency} s of latency"
        );
    }
}

/// Whoever can read mail at a domain of their own has an account for each card within the minute.
#[test]
fn accounts_of_today_carry_no_stolen_cards_past_the_step_up() {
    let mut shop = Shop::new();
    let mut dice = Dice(12);
    shop.good_days(0, 81, 150, &mut dice);
    let buyer = Buyer::SignedIn { account_age: Duration::from_secs(17) };
    let reached = attack_as((buyer, Known::Unknown), &mut shop, (START + 81 * DAY + 40_000, 2), &mut dice);
    assert!(reached <= 10, "{reached} of 1,000 stolen cards reached the provider");
}

/// They can be bought in bulk, of any age; none of them paid here.
#[test]
fn old_accounts_that_never_paid_carry_none_past_it_either() {
    let mut shop = Shop::new();
    let mut dice = Dice(12);
    shop.good_days(0, 81, 150, &mut dice);
    let buyer = Buyer::SignedIn { account_age: Duration::from_secs(5_000_000) };
    let reached = attack_as((buyer, Known::No), &mut shop, (START + 81 * DAY + 40_000, 2), &mut dice);
    assert!(reached <= 10, "{reached} of 1,000 stolen cards reached the provider");
}

/// A shop in its first hour is not used to anything yet.
#[test]
fn a_new_shop_is_no_easier() {
    let mut shop = Shop::new();
    let reached = attack(&mut shop, START + 40_000, 2, &mut Dice(4));
    assert!(reached <= 10, "{reached}");
}

/// Whoever signed in goes on while anonymous buyers are asked for more, and it ends when it is over, not before.
#[test]
fn it_stays_on_until_it_is_over() {
    let mut shop = Shop::new();
    let mut dice = Dice(12);
    shop.good_days(0, 14, 150, &mut dice);
    let from = START + 14 * DAY + 40_000;
    attack(&mut shop, from, 2, &mut dice);
    let end = from + 1_000;
    let mut ask = |seconds: i64, anonymous| {
        shop.pay(&order(end + seconds, 77_777, 66_666, 5, anonymous), Outcome::Approved, 2)
    };
    assert_eq!(ask(60, false), Answer::Allow);
    assert_eq!(ask(120, true), Answer::Challenge);
    assert_eq!(ask(600, true), Answer::Challenge, "a pause of ten minutes is none");
    assert_eq!(ask(600 + 20 * 60, true), Answer::Allow);
}

/// Most of the cards declined, by people who are signed in: the shop as a whole shows it.
#[test]
fn many_declined_cards_of_accounts_show_too() {
    let (engine, mut state) = (engine(), State::new(Limits { keys_per_kind: 256 }));
    for at in 0..20 {
        let one = order(
            START + 40_000 + at * 10,
            100 + at.unsigned_abs(),
            at.unsigned_abs(),
            at.unsigned_abs(),
            false,
        );
        engine.decide(&mut state, &one);
        let outcome = if at % 4 == 0 { Outcome::Approved } else { Outcome::Declined };
        engine.settle(&mut state, &one, outcome);
    }
    let next = order(START + 40_300, 999, 999, 999, true);
    let decision = engine.decide(&mut state, &next);
    assert_eq!((decision.card_testing, decision.answer), (Some(Sign::Declined), Answer::Challenge));
    let signed_in = order(START + 40_301, 998, 998, 998, false);
    assert_eq!(engine.decide(&mut state, &signed_in).answer, Answer::Allow);
}

/// What was noticed is still known after a restart.
#[test]
fn it_outlives_a_restart() {
    let mut shop = Shop::new();
    attack(&mut shop, START + 40_000, 2, &mut Dice(4));
    let bytes = shop.state.to_bytes();
    shop.state = State::from_bytes(&bytes, shop.state.limits()).unwrap();
    assert!(shop.state.to_bytes() == bytes);
    let one = order(START + 41_100, 77_777, 66_666, 5, true);
    assert_eq!(shop.pay(&one, Outcome::Approved, 2), Answer::Challenge);
}
