//! One page at the provider, and card after card on it.

use std::time::Duration;

use storeward_emulators::{Fault, Provider as At, Source, What};
use storeward_fraud::{Answer, Outcome, RuleId};
use storeward_payments::{Error, Front, MIGRATIONS, Provider, State, Strength, Terms};
use storeward_store::both_engines;

use crate::judge::{begin, create, far, guest, let_act, past, pay};
use crate::support::{CARD, Shop, reference};

/// Stolen cards; the issuers decline all of them.
const TRIED: [&str; 9] = [
    "4000000000000002",
    "4000000000009995",
    "4000000000009987",
    "4000000000009979",
    "4000000000000069",
    "4000000000000127",
    "4000000000000119",
    "4000000000006975",
    "4000000000000341",
];

fn at_home(third: u8) -> Front {
    Front { device: Some(format!("device {third}")), ..far(third) }
}

/// Tries a card on a page. Whether it reached the provider.
fn tries(shop: &Shop, page: &str, card: &str) -> bool {
    let why = shop.emulators.control.pay_session(page, card).unwrap_err();
    !why.contains("no longer open")
}

async fn stopped(shop: &Shop, payment: &storeward_payments::Payment, front: &Front) -> &'static str {
    match begin(shop, payment, front).await {
        Err(Error::Stopped { category }) => category,
        other => panic!("{other:?}"),
    }
}

// One begin was judged, and then as many cards were tried as somebody liked: rules saw it and stopped nothing.
both_engines!(card_after_card_on_one_page_ends_where_the_rule_says, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::CardsPerBuyer, &[3.0, 5.0, 8.0]).await;
    for (number, embedded) in [(1, false), (2, true)] {
        let payment = create(&shop, guest(&format!("T-{number}"))).await;
        let terms = Terms { embedded, ..Terms::of(Provider::Stripe, Strength::Usual) };
        let begun = shop.payments.begin_as(payment.id, terms, &at_home(number)).await.unwrap();
        // In a frame it is what opens the form.
        let page = reference(Provider::Stripe, &begun.address);
        let page = page.split("_secret").next().unwrap().to_owned();
        let mut reached = 0;
        for card in TRIED {
            if tries(&shop, &page, card) {
                reached += 1;
                // As the message of the failed charge has it.
                shop.payments.look(payment.id).await.unwrap();
            }
        }
        assert_eq!(reached, 4, "embedded: {embedded}");
        assert!(shop.emulators.control.pay_session(&page, CARD).is_err(), "nor does a good one pay there");
        let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
        assert_eq!(whole.payment.state, State::Declined);
        let answers: Vec<Answer> = whole.judgements.iter().map(|one| one.answer).collect();
        assert_eq!(answers, [Answer::Allow, Answer::Allow, Answer::Allow, Answer::Block]);
        // What is begun next is judged as ever: this order's refusal stands, from elsewhere, too, and says why.
        assert_eq!(stopped(&shop, &payment, &at_home(number)).await, "too_often");
        assert_eq!(stopped(&shop, &payment, &at_home(90 + number)).await, "too_often");
    }
    let text = crate::support::ledger_text(&db).await;
    // On each page, and of each buyer who begins anew; elsewhere an earlier refusal stands.
    assert_eq!(
        (text.matches("\"held\":false").count(), text.matches("\"held\":true").count()),
        (4, 2),
        "{text}"
    );
});

// A look names the last card alone: those before it, of which no message came, count all the same.
both_engines!(cards_of_which_no_message_came_count, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::CardsPerBuyer, &[3.0, 5.0, 8.0]).await;
    let payment = create(&shop, guest("T-1")).await;
    let begun = begin(&shop, &payment, &at_home(1)).await.unwrap();
    let page = reference(Provider::Stripe, &begun.address);
    for card in &TRIED[..7] {
        assert!(tries(&shop, &page, card));
    }
    db.clock.advance(Duration::from_secs(180));
    shop.emulators.control.advance_s(180);
    shop.payments.round().await.unwrap();
    assert!(!tries(&shop, &page, TRIED[7]));
    let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    let declined =
        |one: &&storeward_payments::Judgement| one.has_card && one.outcome == Some(Outcome::Declined);
    assert_eq!((whole.judgements.len(), whole.judgements.iter().filter(declined).count()), (7, 7));
    // Once each, however often it is looked at.
    for _ in 0..3 {
        shop.payments.look(payment.id).await.unwrap();
    }
    assert_eq!(shop.payments.whole(payment.id).await.unwrap().unwrap().judgements.len(), 7);
    assert_eq!(stopped(&shop, &payment, &at_home(1)).await, "too_often");
});

// Pages that were made before somebody was noticed ask for no proof: each of them was good for as many cards as anybody liked.
both_engines!(a_page_of_before_the_step_up_is_closed_at_its_first_declined_card, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::CardTesting, &[]).await;
    let mut before = Vec::new();
    for number in 0..2 {
        let payment = create(&shop, guest(&format!("T-{number}"))).await;
        let begun = begin(&shop, &payment, &at_home(number)).await.unwrap();
        before.push((payment, reference(Provider::Stripe, &begun.address)));
    }
    for number in 2..8 {
        let payment = create(&shop, guest(&format!("T-{number}"))).await;
        let begun = begin(&shop, &payment, &at_home(number)).await.unwrap();
        let _ = pay(&shop, &begun, TRIED[usize::from(number)]).await;
        shop.payments.look(payment.id).await.unwrap();
    }
    assert!(shop.payments.card_testing_until().await.unwrap().is_some());
    let [(theirs, page), (honest, good)] = &before[..] else { panic!() };
    assert!(tries(&shop, page, TRIED[0]));
    shop.payments.look(theirs.id).await.unwrap();
    assert!(!tries(&shop, page, TRIED[1]));
    // Anew it goes with 3-D Secure.
    let begun = begin(&shop, theirs, &at_home(0)).await.unwrap();
    let session = reference(Provider::Stripe, &begun.address);
    let session = shop.emulators.control.kept(At::Stripe, "checkout.session", &session).unwrap();
    assert!(session.to_string().contains("\"request_three_d_secure\":\"any\""), "{session}");
    // Nothing more is asked of whoever pays.
    shop.emulators.control.pay_session(good, CARD).unwrap();
    shop.payments.look(honest.id).await.unwrap();
    assert_eq!(shop.payments.find(honest.id).await.unwrap().unwrap().state, State::Captured);
});

// The page stands open as long as the provider is away: nobody is led there, and it is closed later.
both_engines!(a_page_that_could_not_be_closed_is_closed_later, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::CardsPerBuyer, &[1.0, 1.0, 1.0]).await;
    let payment = create(&shop, guest("T-1")).await;
    let begun = begin(&shop, &payment, &at_home(1)).await.unwrap();
    let page = reference(Provider::Stripe, &begun.address);
    shop.emulators
        .control
        .fault(Fault { times: None, ..Fault::once(At::Stripe, What::Unavailable, "/expire") });
    for card in &TRIED[..2] {
        assert!(tries(&shop, &page, card));
        let _ = shop.payments.look(payment.id).await;
    }
    assert!(matches!(begin(&shop, &payment, &at_home(1)).await, Err(Error::Unsure | Error::Stopped { .. })));
    assert!(tries(&shop, &page, TRIED[2]));
    shop.emulators.control.clear_faults();
    db.clock.advance(Duration::from_secs(600));
    shop.emulators.control.advance_s(600);
    for _ in 0..2 {
        shop.payments.round().await.unwrap();
    }
    assert!(!tries(&shop, &page, TRIED[3]));
    assert_eq!(stopped(&shop, &payment, &at_home(1)).await, "too_often");
});

// PayPal's page tells of no card, and has nothing that could be closed: but nothing is taken of a buyer who agrees there and of whom a rule
// that acts says no by then.
both_engines!(nothing_is_taken_at_paypal_of_whom_a_rule_says_no, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::RefusedPerKey, &[3.0, 5.0, 20.0]).await;
    let payment = create(&shop, guest("T-1")).await;
    let terms = Terms::of(Provider::PayPal, Strength::Usual);
    let begun = shop.payments.begin_as(payment.id, terms, &at_home(1)).await.unwrap();
    let other = create(&shop, guest("T-2")).await;
    let page = begin(&shop, &other, &at_home(1)).await.unwrap();
    let page = reference(Provider::Stripe, &page.address);
    let mut reached = 0;
    for card in TRIED {
        if tries(&shop, &page, card) {
            reached += 1;
            shop.payments.look(other.id).await.unwrap();
        }
    }
    assert_eq!(reached, 5, "four refusals, and the one behind them");
    let order = reference(Provider::PayPal, &begun.address);
    shop.emulators.control.approve_order(&order, Source::Pays).unwrap();
    for _ in 0..3 {
        shop.payments.look(payment.id).await.unwrap();
    }
    let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    assert_eq!((whole.payment.state, whole.payment.is_unsure), (State::Declined, false));
    assert!(whole.calls.iter().all(|call| call.operation.word() == "open"), "{:?}", whole.calls);
    assert!(shop.effects("capture").is_empty() && shop.effects("authorize").is_empty());
    assert_eq!(stopped(&shop, &payment, &at_home(2)).await, "too_often");
});

// Its page offered nothing, and said nothing.
both_engines!(an_amount_that_nobody_takes_is_refused_when_it_is_asked_for, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let asked = async |minor, currency| {
        shop.payments
            .create(storeward_base::Actor::System, crate::support::order_of("T-1", minor, currency))
            .await
    };
    for (minor, currency) in [(1_234, "KWD"), (1_000_000_000_000_000, "BHD")] {
        assert!(
            matches!(
                asked(minor, currency).await,
                Err(Error::Misfit { field: "amount", .. } | Error::Money(_))
            ),
            "{minor} {currency}"
        );
    }
    asked(1_230, "KWD").await.unwrap();
});
