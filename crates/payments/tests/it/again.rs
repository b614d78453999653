//! An order that is asked to be paid again: what is said last counts, and nobody else's.

use std::time::Duration;

use storeward_base::Actor;
use storeward_fraud::{Answer, Known, RuleId};
use storeward_payments::{
    Error, MIGRATIONS, NewPayment, OrderFacts, Payment, Provider, Saving, State, Strength, Terms,
};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use crate::judge::{begin, far, guest, let_act, past, pay};
use crate::support::{CARD, Shop, order_of, reference};

fn to(address: &str, express: bool) -> OrderFacts {
    OrderFacts { shipping: Some(address.to_owned()), express: Some(express), ..OrderFacts::default() }
}

fn kept(order: &str) -> NewPayment {
    NewPayment { saving: Saving::Yes, ..order_of(order, 1999, "EUR") }
}

async fn ask(shop: &Shop, new: NewPayment, facts: &OrderFacts) -> Result<Payment, Error> {
    shop.payments.create_with(Actor::System, new, facts).await
}

/// By what the next attempt of this payment is judged.
async fn judged_by(db: &TestDb, payment: &Payment) -> (Option<i64>, Option<bool>) {
    let id = payment.id;
    let found = db.read(move |reader| {
        let find = "SELECT shipping, is_express FROM payment_order_facts WHERE payment = $1";
        reader.query_one(find, storeward_store::params![id], |row| Ok((row.get(0)?, row.get(1)?)))
    });
    found.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"))
}

// Whoever opened the payment, changed where the order goes and came back was judged by the place of before.
both_engines!(what_is_said_of_an_order_last_is_what_counts, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let first = ask(&shop, kept("a"), &to("4 Slate Lane", false)).await.unwrap();
    let drop = judged_by(&db, &ask(&shop, kept("other"), &to("9 Drop Street", true)).await.unwrap()).await;
    let home = judged_by(&db, &first).await;
    assert!(home != drop && drop.1 == Some(true));
    for is_begun in [false, true] {
        if is_begun {
            shop.payments.begin_on(first.id, Terms::of(Provider::Stripe, Strength::Usual)).await.unwrap();
        }
        let no = NewPayment { saving: Saving::No, ..kept("a") };
        let again = ask(&shop, no, &to("9 Drop Street", true)).await.unwrap();
        assert_eq!(again.id, first.id);
        assert_eq!(judged_by(&db, &first).await, drop);
        assert_eq!(shop.payments.saving(first.id).await.unwrap(), Saving::No);
        // Whoever says nothing of the order takes nothing back.
        ask(&shop, kept("a"), &OrderFacts::default()).await.unwrap();
        assert_eq!(judged_by(&db, &first).await, drop);
        assert_eq!(shop.payments.saving(first.id).await.unwrap(), Saving::Yes);
        ask(&shop, kept("a"), &to("4 Slate Lane", false)).await.unwrap();
        assert_eq!(judged_by(&db, &first).await, home);
    }
});

// A card was kept for the customer whom the order was asked to be paid by before.
both_engines!(an_order_is_paid_for_whom_it_is_asked_for, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let of = |order: &str, customer: &str| NewPayment { customer: Some(customer.to_owned()), ..kept(order) };
    let first = ask(&shop, of("b", "c1"), &OrderFacts::default()).await.unwrap();
    let second = ask(&shop, of("b", "c2"), &OrderFacts::default()).await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(shop.payments.find(first.id).await.unwrap().unwrap().state, State::Voided);
    shop.payments.begin_on(second.id, Terms::of(Provider::Stripe, Strength::Usual)).await.unwrap();
    assert_eq!(ask(&shop, of("b", "c1"), &OrderFacts::default()).await.unwrap_err(), Error::OrderHasPayment);
    // Somebody who began as a customer and goes on as a guest, or the other way round, pays the same; nothing is kept for anybody.
    let guest = NewPayment { customer: None, saving: Saving::No, ..kept("b") };
    assert_eq!(ask(&shop, guest.clone(), &OrderFacts::default()).await.unwrap().id, second.id);
    let third =
        ask(&shop, NewPayment { order: "c".to_owned(), ..guest }, &OrderFacts::default()).await.unwrap();
    shop.payments.begin_on(third.id, Terms::of(Provider::Stripe, Strength::Usual)).await.unwrap();
    assert_eq!(ask(&shop, of("c", "c1"), &OrderFacts::default()).await.unwrap().id, third.id);
    assert_eq!(shop.payments.saving(third.id).await.unwrap(), Saving::No);
});

async fn answers(shop: &Shop, payment: &Payment) -> Vec<Answer> {
    let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    whole.judgements.iter().map(|one| one.answer).collect()
}

// The page that was begun before stayed, judged by the place and the coupon of before.
both_engines!(a_page_that_was_begun_is_judged_by_what_is_said_since, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::FirstOrderCoupons, &[0.0]).await;
    for (provider, number) in [(Provider::Stripe, 1), (Provider::PayPal, 2)] {
        let order = guest(&format!("A-{number}"));
        let begin = async |payment: &Payment| {
            let terms = Terms::of(provider, Strength::Usual);
            shop.payments.begin_as(payment.id, terms, &far(number)).await.unwrap().address
        };
        let payment = ask(&shop, order.clone(), &to("4 Slate Lane", false)).await.unwrap();
        let first = begin(&payment).await;
        assert_eq!(begin(&payment).await, first);
        assert_eq!(answers(&shop, &payment).await, [Answer::Allow]);
        // It goes elsewhere, and nothing is wrong with that: the same page, judged once more.
        ask(&shop, order.clone(), &to("9 Drop Street", true)).await.unwrap();
        assert_eq!((begin(&payment).await, begin(&payment).await), (first.clone(), first.clone()));
        assert_eq!(answers(&shop, &payment).await, [Answer::Allow; 2], "{provider:?}");
        // What is said now asks for more than the page was made with: it is closed, and another one is held back.
        let coupon = OrderFacts { first_order_coupon: Some(true), ..to("9 Drop Street", true) };
        ask(&shop, order.clone(), &coupon).await.unwrap();
        let second = begin(&payment).await;
        assert_ne!(second, first, "{provider:?}");
        // At once, of the page, and of the next one.
        let all = [Answer::Allow, Answer::Allow, Answer::Review, Answer::Review];
        assert_eq!(answers(&shop, &payment).await, all);
        if provider == Provider::Stripe {
            let old = reference(provider, &first);
            assert!(shop.emulators.control.pay_session(&old, CARD).unwrap_err().contains("no longer open"));
        }
        assert_eq!(begin(&payment).await, second);
        assert_eq!(answers(&shop, &payment).await.len(), 4);
    }
});

// Whoever had the provider's page open paid there without coming back, and it was sent to where nobody had judged it to go.
both_engines!(a_page_that_is_open_is_closed_when_something_worse_is_said, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::FirstOrderCoupons, &[0.0]).await;
    let order = guest("A-1");
    let payment = ask(&shop, order.clone(), &to("4 Slate Lane", false)).await.unwrap();
    let begun = begin(&shop, &payment, &far(1)).await.unwrap();
    // The same once more judges and closes nothing; a link says nothing of the order.
    ask(&shop, order.clone(), &to("4 Slate Lane", false)).await.unwrap();
    assert_eq!(answers(&shop, &payment).await, [Answer::Allow]);
    let coupon = OrderFacts { first_order_coupon: Some(true), ..to("9 Drop Street", true) };
    ask(&shop, order.clone(), &coupon).await.unwrap();
    assert!(pay(&shop, &begun, CARD).await.unwrap_err().contains("no longer open"));
    let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    assert_eq!(answers(&shop, &payment).await, [Answer::Allow, Answer::Review]);
    // Whoever it is stays who they were.
    let (then, now) = (whole.judgements[0].facts.unwrap(), whole.judgements[1].facts.unwrap());
    for kind in [storeward_fraud::Kind::Address, storeward_fraud::Kind::Network] {
        assert!(then.marks.get(kind).is_some() && then.marks.get(kind) == now.marks.get(kind), "{kind:?}");
    }
    ask(&shop, order, &coupon).await.unwrap();
    assert_eq!(answers(&shop, &payment).await.len(), 2);
});

// Each time was counted as a further try of the buyer's, until they were shut out.
both_engines!(what_is_said_anew_is_no_further_try, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::AttemptsPerAddress, &[2.0]).await;
    let payment = ask(&shop, guest("A-1"), &to("4 Slate Lane", false)).await.unwrap();
    let begun = begin(&shop, &payment, &far(1)).await.unwrap();
    for number in 10..18 {
        ask(&shop, guest("A-1"), &to(&format!("{number} Slate Lane"), false)).await.unwrap();
    }
    assert_eq!(answers(&shop, &payment).await, [Answer::Allow; 9]);
    pay(&shop, &begun, CARD).await.unwrap();
    // One more from there is the second, and the next one is too many.
    for (order, is_in) in [("A-2", true), ("A-3", false)] {
        let other = ask(&shop, guest(order), &to("4 Slate Lane", false)).await.unwrap();
        assert_eq!(begin(&shop, &other, &far(1)).await.is_ok(), is_in, "{order}");
    }
});

// An address of which cards were refused all day long: the page that was begun under another one is closed.
both_engines!(a_page_of_whom_is_said_what_is_refused_is_closed, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::RefusedPerKey, &[3.0, 5.0, 20.0]).await;
    let payment = ask(&shop, guest("A-1"), &OrderFacts::default()).await.unwrap();
    let begun = begin(&shop, &payment, &far(1)).await.unwrap();
    let other = ask(&shop, guest("bad"), &OrderFacts::default()).await.unwrap();
    let tried = begin(&shop, &other, &far(2)).await.unwrap();
    for _ in 0..4 {
        pay(&shop, &tried, "4000000000000002").await.unwrap_err();
        shop.payments.look(other.id).await.unwrap();
    }
    let bad = NewPayment { email: Some("bad@mail.example".to_owned()), ..guest("A-1") };
    assert_eq!(ask(&shop, bad, &OrderFacts::default()).await.unwrap().id, payment.id);
    assert!(matches!(begin(&shop, &payment, &far(1)).await, Err(Error::Stopped { .. })));
    assert_eq!(answers(&shop, &payment).await, [Answer::Allow, Answer::Block, Answer::Block]);
    assert!(pay(&shop, &begun, CARD).await.unwrap_err().contains("no longer open"));
});

// An order that nobody paid made its place a known one, and rules that look for new places were silent.
both_engines!(a_place_is_known_once_something_was_paid_to_go_there, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let is_new = async |order: &str| {
        let new = NewPayment { customer: Some("c7".to_owned()), ..order_of(order, 1999, "EUR") };
        let payment = ask(&shop, new, &to("9 Drop Street", false)).await.unwrap();
        let begun = begin(&shop, &payment, &far(1)).await.unwrap();
        let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
        (payment, begun, whole.judgements[0].facts.unwrap().signals.shipping_new)
    };
    assert_eq!(is_new("D-1").await.2, Known::Yes);
    let (payment, begun, is_known) = is_new("D-2").await;
    assert_eq!(is_known, Known::Yes, "nobody paid the first");
    pay(&shop, &begun, CARD).await.unwrap();
    shop.payments.look(payment.id).await.unwrap();
    assert_eq!(is_new("D-3").await.2, Known::Yes, "paid today");
    db.clock.advance(Duration::from_secs(25 * 3600));
    shop.emulators.control.advance_s(25 * 3600);
    assert_eq!(is_new("D-4").await.2, Known::No);
});
