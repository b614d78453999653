//! What is judged, what the decision does, and who tries to walk around it.

use std::time::Duration;

use storeward_base::{Actor, ClientIp, Clock, PaymentId, StaffId};
use storeward_fraud::backtest::NotYet;
use storeward_fraud::learning::Course;
use storeward_fraud::{Answer, Attempt, Kind, Mark, Marks, Method, Mode, Outcome, RuleId, Source, Truth};
use storeward_payments::{
    Begun, Error, Front, MIGRATIONS, NewPayment, Payment, Payments, Provider, RuleWish, State, Strength,
    Terms, Verdict,
};
use storeward_store::testing::TestDb;
use storeward_store::{both_engines, params};

use crate::support::{Shop, books, ledger_text, order_of, parts, reference, section, wish};

const DECLINED: &str = "4000000000000002";
const WRONG_CODE: &str = "4000000000000101";

fn from(last: u8) -> Front {
    Front { client: Some(ClientIp::new(std::net::Ipv4Addr::new(192, 0, 2, last).into())), ..Front::default() }
}

/// Of another network each.
pub fn far(third: u8) -> Front {
    Front {
        client: Some(ClientIp::new(std::net::Ipv4Addr::new(198, 51, third, 9).into())),
        ..Front::default()
    }
}

/// Nobody's: each order has an address of its own and no customer.
pub fn guest(order: &str) -> NewPayment {
    NewPayment {
        customer: None,
        email: Some(format!("{order}@mail.example")),
        ..order_of(order, 2000, "EUR")
    }
}

pub async fn create(shop: &Shop, new: NewPayment) -> Payment {
    shop.payments.create(Actor::System, new).await.unwrap()
}

pub async fn begin(shop: &Shop, payment: &Payment, front: &Front) -> Result<Begun, Error> {
    shop.payments.begin_as(payment.id, Terms::of(Provider::Stripe, Strength::Usual), front).await
}

pub async fn pay(shop: &Shop, begun: &Begun, card: &str) -> Result<String, String> {
    shop.emulators.control.pay_session(&reference(Provider::Stripe, &begun.address), card)
}

fn stopped(got: Result<Begun, Error>) -> &'static str {
    match got {
        Err(Error::Stopped { category }) => category,
        other => panic!("{other:?}"),
    }
}

/// Attempts of three weeks that nothing was wrong with, so that rules have been tried on something.
pub async fn past(db: &TestDb, shop: &Shop) {
    let payment = create(shop, guest("past")).await.id;
    let now = db.clock.now();
    let written = db.write(move |tx| {
        tx.commit_silent("a past for a test");
        for number in 0..126_u32 {
            let at = now.minus(Duration::from_secs(21 * 24 * 3600 - u64::from(number) * 4 * 3600));
            let mark = Mark(u64::from(number) + 1_000_000);
            let attempt = Attempt {
                at,
                amount_minor: 2000,
                marks: Marks::default().with(Kind::Card, mark).with(Kind::Address, mark),
                ..Attempt::default()
            };
            let facts = serde_json::json!({ "v": 1, "attempt": attempt }).to_string();
            let decision = serde_json::json!({ "v": 1, "fired": [], "weighed": [], "sign": null, "category": null });
            let values =
                params![payment, number + 1000, 0_u32, "past", facts, decision.to_string(), at];
            tx.execute(
                "INSERT INTO payment_risk (payment, number, attempt, order_id, facts, answer, is_held, decision, outcome, \
                 outcome_at, judged_at) VALUES ($1, $2, $3, $4, $5, 'allow', 0, $6, 'approved', $7, $7)",
                values,
            )?;
        }
        Ok::<_, storeward_store::Error>(())
    });
    written.await.unwrap();
}

pub async fn let_act(shop: &Shop, rule: RuleId, limits: &[f64]) {
    let wish = RuleWish { rule, mode: Mode::Active, limits: limits.to_vec() };
    shop.payments.change_rule(wish, Actor::Staff { id: StaffId::from_bits(7) }).await.unwrap();
}

pub fn later(db: &TestDb, shop: &Shop, seconds: u64) {
    db.clock.advance(Duration::from_secs(seconds));
    shop.emulators.control.advance_s(i64::try_from(seconds).unwrap());
}

async fn answers(payments: &Payments, id: PaymentId) -> Vec<Answer> {
    payments.whole(id).await.unwrap().unwrap().judgements.iter().map(|one| one.answer).collect()
}

/// Everything that is kept of judgements, as text.
async fn kept(db: &TestDb) -> String {
    let rows = db.read(|reader| {
        reader.query_many("SELECT facts, decision FROM payment_risk", params![], |row| {
            Ok(format!("{}{}", row.get::<String>(0)?, row.get::<String>(1)?))
        })
    });
    rows.await.unwrap().concat()
}

both_engines!(every_payment_that_begins_is_judged_and_nobody_can_be_read_from_it, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = shop.create("A-1", 1999).await;
    let begun = begin(&shop, &payment, &from(7)).await.unwrap();
    let before = shop.payments.whole(payment.id).await.unwrap().unwrap().judgements;
    assert_eq!((before.len(), before[0].answer, before[0].has_card), (1, Answer::Allow, false));
    // A second click is no second attempt.
    assert_eq!(begin(&shop, &payment, &from(7)).await.unwrap(), begun);
    pay(&shop, &begun, crate::support::CARD).await.unwrap();
    let paid = shop.payments.look(payment.id).await.unwrap();
    assert_eq!(paid.state, State::Captured);
    for _ in 0..3 {
        shop.payments.look(payment.id).await.unwrap();
    }
    let after = shop.payments.whole(payment.id).await.unwrap().unwrap().judgements;
    assert_eq!((after.len(), after[0].has_card, after[0].outcome), (1, true, Some(Outcome::Approved)));
    let all = format!("{}{}", kept(&db).await, ledger_text(&db).await);
    assert!(all.contains("fraud.judged"));
    for secret in ["192.0.2", "ada@", "shop.example\"", "4711\"", "4242"] {
        assert!(!all.contains(secret), "{secret}");
    }
    // At PayPal, too.
    let payment = shop.paid("A-2", 1500, Provider::PayPal).await;
    let payment = shop.payments.look(payment.id).await.unwrap();
    let judged = shop.payments.whole(payment.id).await.unwrap().unwrap().judgements;
    assert_eq!((judged.len(), judged[0].has_card, judged[0].outcome), (1, true, Some(Outcome::Approved)));
});

both_engines!(a_rule_acts_only_after_it_was_tried_on_the_past, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let act = |limits: Vec<f64>| {
        let wish = RuleWish { rule: RuleId::AttemptsPerAddress, mode: Mode::Active, limits };
        shop.payments.change_rule(wish, Actor::Staff { id: StaffId::from_bits(7) })
    };
    assert_eq!(act(vec![3.0]).await, Err(Error::NotYet(NotYet::TooLittle)));
    let rules = shop.payments.rules().await.unwrap();
    assert!(rules.iter().all(|rule| rule.mode == Mode::Observe));
    past(&db, &shop).await;
    assert!(matches!(act(vec![]).await, Err(Error::Misfit { .. })));
    assert!(matches!(act(vec![f64::NAN]).await, Err(Error::Misfit { .. })));
    act(vec![3.0]).await.unwrap();
    let rules = shop.payments.rules().await.unwrap();
    assert_eq!(rules[RuleId::AttemptsPerAddress as usize].mode, Mode::Active);
    let text = ledger_text(&db).await;
    assert!(text.contains("fraud.rule_changed") && text.contains("\"tried_on\":126"), "{text}");
    let tried = shop.payments.try_rules().await.unwrap();
    assert_eq!((tried.attempts(), tried.records().len()), (126, rules.len()));
});

both_engines!(a_refusal_is_not_walked_around, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::AttemptsPerAddress, &[1.0]).await;
    let first = create(&shop, guest("B-1")).await;
    begin(&shop, &first, &from(7)).await.unwrap();
    let second = create(&shop, guest("B-2")).await;
    assert_eq!(stopped(begin(&shop, &second, &from(7)).await), "too_often");
    // From elsewhere, with the other provider, asked for more by itself, and under another payment of the order.
    assert_eq!(stopped(begin(&shop, &second, &far(1)).await), "too_often");
    let paypal =
        shop.payments.begin_as(second.id, Terms::of(Provider::PayPal, Strength::Challenge), &far(2)).await;
    assert_eq!(stopped(paypal), "too_often");
    shop.payments.void(second.id, wish(None)).await.unwrap();
    let anew = create(&shop, guest("B-2")).await;
    assert_ne!(anew.id, second.id);
    assert_eq!(stopped(begin(&shop, &anew, &far(3)).await), "too_often");
    // Nothing went to a provider.
    for payment in [&second, &anew] {
        assert!(shop.payments.whole(payment.id).await.unwrap().unwrap().calls.is_empty());
    }
    // What only said it again does not make it longer.
    later(&db, &shop, 15 * 60 + 1);
    begin(&shop, &anew, &far(4)).await.unwrap();
    let text = ledger_text(&db).await;
    assert_eq!(text.matches("\"fraud.refused\"").count(), 4, "{text}");
});

both_engines!(what_was_counted_is_counted_after_a_restart, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::AttemptsPerAddress, &[2.0]).await;
    for order in ["C-1", "C-2"] {
        begin(&shop, &create(&shop, guest(order)).await, &from(7)).await.unwrap();
    }
    let third = create(&shop, guest("C-3")).await;
    let section = section(&shop.emulators, shop.folder.path(), &shop.webhook_id, "", "");
    let anew = Payments::open(parts(&db, section.settings(shop.folder.path()).unwrap()));
    let got = anew.begin_as(third.id, Terms::of(Provider::Stripe, Strength::Usual), &from(7)).await;
    assert_eq!(stopped(got), "too_often");
});

both_engines!(attempts_at_the_same_moment_count, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::AttemptsPerAddress, &[3.0]).await;
    let mut begun = tokio::task::JoinSet::new();
    for at in 0..8 {
        let payment = create(&shop, guest(&format!("D-{at}"))).await.id;
        let payments = shop.payments.clone();
        begun.spawn(async move {
            payments.begin_as(payment, Terms::of(Provider::Stripe, Strength::Usual), &from(7)).await
        });
    }
    let got = begun.join_all().await;
    assert_eq!(got.iter().filter(|one| one.is_ok()).count(), 3, "{got:?}");
});

both_engines!(what_somebody_looks_at_is_not_taken_before, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::AttemptsPerEmail, &[1.0]).await;
    let staff = Actor::Staff { id: StaffId::from_bits(7) };
    let of = |order: &str| NewPayment { email: Some("ada+x@mail.example".to_owned()), ..guest(order) };
    begin(&shop, &create(&shop, of("E-0")).await, &from(1)).await.unwrap();
    for (provider, order) in [(Provider::Stripe, "E-1"), (Provider::PayPal, "E-2")] {
        let payment = create(&shop, of(order)).await;
        let least = Terms::of(provider, Strength::Usual);
        let begun = shop.payments.begin_as(payment.id, least, &far(order.as_bytes()[2])).await.unwrap();
        assert_eq!(answers(&shop.payments, payment.id).await, [Answer::Review]);
        // The same order again is the same payment, whatever was judged.
        assert_eq!(create(&shop, of(order)).await.id, payment.id);
        shop.pay(provider, &reference(provider, &begun.address)).await;
        answer_bank(&shop, &begun);
        for _ in 0..2 {
            shop.payments.look(payment.id).await.unwrap();
        }
        let held = shop.payments.find(payment.id).await.unwrap().unwrap();
        assert_eq!((held.state, held.captured), (State::Authorized, 0), "{order}: {held:?}");
        let open = shop.payments.reviews(10).await.unwrap();
        assert_eq!(open.iter().map(|one| one.payment).collect::<Vec<_>>(), [payment.id]);
        assert_eq!(shop.payments.capture(payment.id, wish(None)).await.unwrap_err(), Error::UnderReview);
        let after = shop.payments.decide(payment.id, Verdict::Approve, staff).await.unwrap();
        assert_eq!((after.state, after.captured), (State::Captured, 2000), "{order}: {after:?}");
        let again = shop.payments.decide(payment.id, Verdict::Decline, staff).await;
        assert_eq!(again.unwrap_err(), Error::State("not waiting"));
        let judged = shop.payments.whole(payment.id).await.unwrap().unwrap().judgements;
        let label = judged[0].label.unwrap();
        assert_eq!((label.truth, label.source), (Truth::Good, Source::Review));
    }
    assert_eq!(shop.effects("capture").len(), 2);
    books(&db).await;
});

/// The bank's page, where there is one.
fn answer_bank(shop: &Shop, begun: &Begun) {
    if begun.provider != Provider::Stripe {
        return;
    }
    let session = reference(Provider::Stripe, &begun.address);
    let at = storeward_emulators::Provider::Stripe;
    let session = shop.emulators.control.object(at, "checkout.session", &session).unwrap();
    let Some(intent) = session["payment_intent"].as_str() else { return };
    let intent = shop.emulators.control.object(at, "payment_intent", intent).unwrap();
    if let Some(url) = intent["next_action"]["redirect_to_url"]["url"].as_str() {
        shop.emulators.control.answer_challenge(url, storeward_emulators::Answered::Completed);
    }
}

/// A payment that waits for a decision.
async fn waiting(shop: &Shop, order: &str) -> Payment {
    let of = |order: &str| NewPayment { email: Some("ada@mail.example".to_owned()), ..guest(order) };
    waiting_for(shop, of(order), &far(order.as_bytes()[2])).await
}

pub async fn waiting_for(shop: &Shop, new: NewPayment, front: &Front) -> Payment {
    let payment = create(shop, new).await;
    let begun = begin(shop, &payment, front).await.unwrap();
    pay(shop, &begun, crate::support::CARD).await.unwrap();
    answer_bank(shop, &begun);
    shop.payments.look(payment.id).await.unwrap()
}

both_engines!(what_is_declined_or_forgotten_is_set_free, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::AttemptsPerEmail, &[0.0]).await;
    let staff = Actor::Staff { id: StaffId::from_bits(7) };
    let declined = waiting(&shop, "F-1").await;
    let after = shop.payments.decide(declined.id, Verdict::Decline, staff).await.unwrap();
    assert_eq!(after.state, State::Voided);
    let judged = shop.payments.whole(declined.id).await.unwrap().unwrap().judgements;
    assert_eq!(judged[0].label.map(|label| label.truth), Some(Truth::Fraud));
    // Nobody begins the same order anew, today or next week.
    later(&db, &shop, 3 * 24 * 3600);
    let anew = create(&shop, guest("F-1")).await;
    assert_eq!(stopped(begin(&shop, &anew, &far(200)).await), "other_method");
    // One that somebody changes in the database: nothing is done with it, and it holds none of the others up.
    let changed = waiting(&shop, "F-3").await;
    db.raw(&format!("UPDATE payment SET order_id = 'F-4' WHERE id = '{}'", changed.id));
    let forgotten = waiting(&shop, "F-2").await;
    assert_eq!(forgotten.state, State::Authorized);
    later(&db, &shop, 6 * 24 * 3600 - 60);
    shop.payments.round().await.unwrap();
    assert_eq!(shop.payments.find(forgotten.id).await.unwrap().unwrap().state, State::Authorized);
    later(&db, &shop, 120);
    shop.payments.round().await.unwrap();
    assert_eq!(shop.payments.find(forgotten.id).await.unwrap().unwrap().state, State::Voided);
    assert!(ledger_text(&db).await.contains("\"expired\""));
    // Nor does anybody decide over it: it stands in no list, and is told.
    assert!(shop.payments.reviews(10).await.unwrap().is_empty());
    assert!(matches!(shop.payments.review_of(changed.id).await, Err(Error::Harmed { .. })));
    assert!(shop.effects("capture").is_empty());
});

both_engines!(a_decision_that_the_provider_did_not_hear_is_carried_out_later, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::AttemptsPerEmail, &[0.0]).await;
    let staff = Actor::Staff { id: StaffId::from_bits(7) };
    let payment = waiting(&shop, "G-1").await;
    let at = storeward_emulators::Provider::Stripe;
    shop.emulators.control.fault(storeward_emulators::Fault::once(
        at,
        storeward_emulators::What::Unavailable,
        "/capture",
    ));
    shop.payments.decide(payment.id, Verdict::Approve, staff).await.unwrap();
    shop.emulators.control.clear_faults();
    later(&db, &shop, 600);
    for _ in 0..3 {
        shop.payments.round().await.unwrap();
    }
    let after = shop.payments.find(payment.id).await.unwrap().unwrap();
    assert_eq!((after.state, after.captured), (State::Captured, 2000), "{after:?}");
    assert_eq!(shop.effects("capture").len(), 1);
});

both_engines!(a_rule_about_the_card_acts_before_the_money_is_taken, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::CvcFailed, &[]).await;
    let bad = create(&shop, guest("H-1")).await;
    let begun = begin(&shop, &bad, &from(1)).await.unwrap();
    pay(&shop, &begun, WRONG_CODE).await.unwrap();
    shop.payments.look(bad.id).await.unwrap();
    let after = shop.payments.look(bad.id).await.unwrap();
    assert_eq!((after.state, after.captured), (State::Voided, 0), "{after:?}");
    assert_eq!(answers(&shop.payments, bad.id).await, [Answer::Block]);
    assert!(shop.effects("capture").is_empty());
    // Who has nothing wrong with them pays at once, as the shop wants it.
    let good = create(&shop, guest("H-2")).await;
    let begun = begin(&shop, &good, &from(2)).await.unwrap();
    pay(&shop, &begun, crate::support::CARD).await.unwrap();
    shop.payments.look(good.id).await.unwrap();
    let after = shop.payments.find(good.id).await.unwrap().unwrap();
    assert_eq!((after.state, after.captured), (State::Captured, 2000), "{after:?}");
    assert_eq!(shop.effects("capture").len(), 1);
    books(&db).await;
});

// From a list that the owner gives, in whatever way the address is written; and nothing is said of anybody without it.
both_engines!(an_address_to_throw_away_is_a_fact, MIGRATIONS, async |db| {
    use storeward_fraud::Known;
    let list = |folder: &std::path::Path| std::fs::write(folder.join("away"), "brief.example\n").unwrap();
    let shop = Shop::prepared(&db, "disposable_mail_file = 'away'", list).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::DisposableMail, &[]).await;
    let cases = [
        (Some("ada@brief.example"), Known::Yes, Answer::Challenge),
        (Some("Ada+shop@Sub.BRIEF.example"), Known::Yes, Answer::Challenge),
        (Some("ada@brief.example.org"), Known::No, Answer::Allow),
        (None, Known::Unknown, Answer::Allow),
    ];
    for (number, (email, disposable, answer)) in cases.into_iter().enumerate() {
        let new = NewPayment { email: email.map(str::to_owned), ..guest(&format!("D-{number}")) };
        let payment = create(&shop, new).await;
        begin(&shop, &payment, &far(u8::try_from(number).unwrap())).await.unwrap();
        let judged = shop.payments.whole(payment.id).await.unwrap().unwrap().judgements.remove(0);
        assert_eq!(
            (judged.facts.unwrap().signals.disposable_mail, judged.answer),
            (disposable, answer),
            "{email:?}"
        );
    }
    assert!(!kept(&db).await.contains("brief.example"));
    let shop = Shop::new(&db).await;
    let payment =
        create(&shop, NewPayment { email: Some("ada@brief.example".to_owned()), ..guest("D-n") }).await;
    begin(&shop, &payment, &far(99)).await.unwrap();
    let judged = shop.payments.whole(payment.id).await.unwrap().unwrap().judgements.remove(0);
    assert_eq!(judged.facts.unwrap().signals.disposable_mail, Known::Unknown);
});

both_engines!(marks_of_a_customer_who_is_erased_go, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::AttemptsPerAddress, &[1.0]).await;
    let of = |order: &str| NewPayment { customer: Some("4711".to_owned()), ..guest(order) };
    begin(&shop, &create(&shop, of("K-1")).await, &from(7)).await.unwrap();
    let second = create(&shop, of("K-2")).await;
    assert_eq!(stopped(begin(&shop, &second, &from(7)).await), "too_often");
    assert_eq!(shop.payments.forget_marks("4711").await.unwrap(), 2);
    assert_eq!(shop.payments.forget_marks("4711").await.unwrap(), 0);
    let kept = kept(&db).await;
    assert_eq!(kept.matches("\"signals\"").count(), 126, "{kept}");
    // Nothing that was counted of them is counted any more, and their answers stay as they were.
    begin(&shop, &create(&shop, guest("K-3")).await, &from(7)).await.unwrap();
    assert_eq!(answers(&shop.payments, second.id).await, [Answer::Block]);
});

both_engines!(a_dispute_for_fraud_is_a_label, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("I-1", 1999, Provider::Stripe).await;
    let judged = shop.payments.whole(paid.id).await.unwrap().unwrap().judgements;
    assert_eq!(judged[0].label, None);
    shop.payments.label(paid.id, (Truth::Fraud, Source::Refund), Actor::System).await.unwrap();
    shop.payments.label(paid.id, (Truth::Fraud, Source::Dispute), Actor::System).await.unwrap();
    let judged = shop.payments.whole(paid.id).await.unwrap().unwrap().judgements;
    // Once: the first who said so.
    assert_eq!(
        judged[0].label.map(|label| (label.truth, label.source)),
        Some((Truth::Fraud, Source::Refund))
    );
    assert_eq!(ledger_text(&db).await.matches("\"fraud.labelled\"").count(), 1);
});

both_engines!(cards_that_are_tried_out_raise_the_bar_for_strangers_alone, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::CardTesting, &[]).await;
    // A customer of the shop who paid on another day.
    let regular = |order: &str| NewPayment { customer: Some("4711".to_owned()), ..guest(order) };
    let paid = create(&shop, regular("J-0")).await;
    let begun = begin(&shop, &paid, &from(200)).await.unwrap();
    pay(&shop, &begun, crate::support::CARD).await.unwrap();
    shop.payments.look(paid.id).await.unwrap();
    later(&db, &shop, 2 * 24 * 3600);
    for at in 0..6_u8 {
        let payment = create(&shop, guest(&format!("J-a{at}"))).await;
        let begun = begin(&shop, &payment, &far(at)).await.unwrap();
        let _ = pay(&shop, &begun, DECLINED).await;
        shop.payments.look(payment.id).await.unwrap();
    }
    let stranger = create(&shop, guest("J-b")).await;
    begin(&shop, &stranger, &far(100)).await.unwrap();
    assert_eq!(answers(&shop.payments, stranger.id).await, [Answer::Challenge]);
    // An account that was made for it is a stranger, too.
    let fresh = create(&shop, NewPayment { customer: Some("9999".to_owned()), ..guest("J-c") }).await;
    begin(&shop, &fresh, &far(101)).await.unwrap();
    assert_eq!(answers(&shop.payments, fresh.id).await, [Answer::Challenge]);
    // Nobody locks the shop's customers out.
    let known = create(&shop, regular("J-d")).await;
    begin(&shop, &known, &far(102)).await.unwrap();
    assert_eq!(answers(&shop.payments, known.id).await, [Answer::Allow]);
    let text = ledger_text(&db).await;
    assert_eq!(text.matches("\"fraud.card_testing_began\"").count(), 1, "{text}");
    // It ends by itself, and says so once.
    later(&db, &shop, 3600);
    for _ in 0..2 {
        shop.payments.round().await.unwrap();
    }
    assert_eq!(ledger_text(&db).await.matches("\"fraud.card_testing_over\"").count(), 1);
    let late = create(&shop, guest("J-e")).await;
    begin(&shop, &late, &far(103)).await.unwrap();
    assert_eq!(answers(&shop.payments, late.id).await, [Answer::Allow]);
});

/// Nearly half a year in which one attempt in twelve was fraud that shows.
async fn labelled_past(db: &TestDb, shop: &Shop) {
    let payment = create(shop, guest("labelled")).await.id;
    let now = db.clock.now();
    let written = db.write(move |tx| {
        tx.commit_silent("a past for a test");
        for number in 0..8_400_u32 {
            let at = now.minus(Duration::from_secs((8_400 - u64::from(number)) * 1_440));
            let is_fraud = number % 12 == 5;
            let mut attempt = Attempt {
                at,
                amount_minor: if is_fraud { 40_000 + i64::from(number % 7) * 900 } else { 1_500 + i64::from(number % 31) * 50 },
                marks: Marks::default().with(Kind::Card, Mark(u64::from(number) + 2_000_000)),
                ..Attempt::default()
            };
            attempt.signals.blocked_requests = if is_fraud { 20 } else { number % 2 };
            let facts = serde_json::json!({ "v": 1, "attempt": attempt }).to_string();
            let decision = serde_json::json!({ "v": 1, "fired": [], "weighed": [], "sign": null, "category": null });
            let known_at = at.plus(Duration::from_secs(9 * 24 * 3600));
            let is_known = is_fraud && known_at <= now;
            let values = params![
                payment,
                number + 1000,
                0_u32,
                "labelled",
                facts,
                decision.to_string(),
                at,
                is_known.then_some("fraud"),
                is_known.then_some("dispute"),
                is_known.then_some(known_at)
            ];
            tx.execute(
                "INSERT INTO payment_risk (payment, number, attempt, order_id, facts, answer, is_held, decision, outcome, \
                 outcome_at, judged_at, truth, source, known_at) \
                 VALUES ($1, $2, $3, $4, $5, 'allow', 0, $6, 'approved', $7, $7, $8, $9, $10)",
                values,
            )?;
        }
        Ok::<_, storeward_store::Error>(())
    });
    written.await.unwrap();
}

/// An attempt that looks as the frauds did, and more so: its score is above theirs.
async fn suspicious(shop: &Shop, order: &str, third: u8) -> storeward_payments::Judgement {
    let new = NewPayment { email: None, ..order_of(order, 60_000, "EUR") };
    let payment = create(shop, NewPayment { customer: None, ..new }).await;
    begin(shop, &payment, &Front { blocked_requests: 20, ..far(third) }).await.unwrap();
    shop.payments.whole(payment.id).await.unwrap().unwrap().judgements.remove(0)
}

both_engines!(a_scorer_of_the_shops_own_past_asks_for_more_and_never_blocks, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let course = Course { method: Method::Logistic { penalty: 1.0 }, train_days: 60, ..Course::default() };
    let few = shop.payments.train(course, Actor::Operator).await;
    assert!(matches!(few, Err(Error::TooFewFrauds(_))), "{few:?}");
    assert!(matches!(shop.payments.place_scorer(course, Actor::Operator).await, Err(Error::NoScorer)));
    labelled_past(&db, &shop).await;
    let (trained, trial) = shop.payments.train(course, Actor::Operator).await.unwrap();
    assert!(!trained.is_champion && trial.figures.average_precision > 0.9, "{:?}", trial.figures);
    assert!(trial.plan.train_end() < trial.plan.test_start(), "labels come between the two");
    // A challenger scores beside, and nothing follows.
    shop.payments.round().await.unwrap();
    let judged = suspicious(&shop, "L-1", 1).await;
    assert_eq!((judged.answer, judged.score), (Answer::Allow, None));
    assert!(judged.challenger.is_some_and(|score| score > 0.5), "{judged:?}");
    // The first champion is only watched.
    shop.payments.place_scorer(course, Actor::Operator).await.unwrap();
    shop.payments.round().await.unwrap();
    let judged = suspicious(&shop, "L-2", 2).await;
    assert!(judged.answer == Answer::Allow && judged.score.is_some_and(|score| score > 0.5), "{judged:?}");
    shop.payments.set_scorer(Mode::Active, Actor::Operator).await.unwrap();
    shop.payments.round().await.unwrap();
    let judged = suspicious(&shop, "L-3", 3).await;
    assert_eq!(judged.answer, Answer::Review, "{judged:?}");
    assert!(!judged.reasons().is_empty());
    let text = ledger_text(&db).await;
    for what in ["\"trained\"", "\"placed\"", "\"active\""] {
        assert!(text.contains(what), "{what}");
    }
    // One that somebody else put there, or changed, is none.
    db.tamper("UPDATE payment_scorer SET model = REPLACE(model, '\"version\":1', '\"version\": 1')");
    assert_eq!(shop.payments.set_scorer(Mode::Active, Actor::Operator).await, Err(Error::ForeignModel));
    shop.payments.round().await.unwrap();
    let judged = suspicious(&shop, "L-4", 4).await;
    assert_eq!((judged.answer, judged.score), (Answer::Allow, None));
});

// Learned again it was a challenger, nothing was in place, and no score asked for more.
both_engines!(the_acting_scorer_stays_in_place_when_the_past_teaches_it_again, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let course = Course { method: Method::Logistic { penalty: 1.0 }, train_days: 60, ..Course::default() };
    labelled_past(&db, &shop).await;
    let (trained, _) = shop.payments.train(course, Actor::Operator).await.unwrap();
    shop.payments.place_scorer(course, Actor::Operator).await.unwrap();
    shop.payments.set_scorer(Mode::Active, Actor::Operator).await.unwrap();
    let (again, _) = shop.payments.train(course, Actor::Operator).await.unwrap();
    assert_eq!((&again.id, again.is_champion, again.mode), (&trained.id, true, Mode::Active));
    let scorers = shop.payments.scorers().await.unwrap();
    let places: Vec<_> = scorers.iter().map(|one| (&one.id, one.is_champion, one.mode)).collect();
    assert_eq!(places, [(&trained.id, true, Mode::Active)]);
    let text = ledger_text(&db).await;
    assert_eq!(text.matches("\"trained\"").count(), 1, "nothing changed the second time");
});
