//! What was taken in parts at PayPal goes back in one wish: each capture by a call of its own, once, whatever fails between.

use std::time::Duration;

use storeward_base::Actor;
use storeward_emulators::{Emulators, Fault, Options, Provider as At, Weather, What};
use storeward_fraud::{Source, Truth};
use storeward_payments::orders::OrderState;
use storeward_payments::{
    CallState, CaptureMode, Error, MIGRATIONS, NewPayment, Operation, Payment, Provider, State, Whole, Wish,
};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use crate::orders::{HALF_AN_HOUR, found, one, says};
use crate::support::{Shop, books, order_of, wish};
use crate::till::{Till, free_address};

const PARTS: [i64; 3] = [700, 500, 300];

/// Taken in three parts, the first one first; 500 more are set aside.
async fn taken(shop: &Shop, db: &TestDb, order: &str) -> Payment {
    let wanted = NewPayment { capture: Some(CaptureMode::Later), ..order_of(order, 2000, "EUR") };
    let payment = shop.payments.create(Actor::System, wanted).await.unwrap();
    let page = shop.begin(&payment, Provider::PayPal).await;
    shop.pay(Provider::PayPal, &page).await;
    shop.payments.look(payment.id).await.unwrap();
    // Where messages come as well, one of them may be at it.
    for _ in 0..1200 {
        if shop.payments.find(payment.id).await.unwrap().unwrap().state == State::Authorized {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for part in PARTS {
        shop.payments.capture(payment.id, wish(Some(part))).await.unwrap();
        // So that the first one taken stands first.
        db.clock.advance(Duration::from_secs(1));
    }
    shop.payments.find(payment.id).await.unwrap().unwrap()
}

fn named(amount: Option<i64>, name: &str) -> Wish {
    Wish { actor: Actor::System, amount, name: Some(name.to_owned()) }
}

async fn whole(shop: &Shop, payment: &Payment) -> Whole {
    shop.payments.whole(payment.id).await.unwrap().unwrap()
}

/// What really went back, call by call.
fn back(shop: &Shop) -> Vec<i64> {
    shop.effects("refund").iter().map(|one| one.amount).collect()
}

/// The same behind the first `before`, the least first: in which order the janitor works is its own.
fn back_since(shop: &Shop, before: usize) -> Vec<i64> {
    let mut all = back(shop).split_off(before);
    all.sort_unstable();
    all
}

/// Time for the janitor, here and there.
async fn pass(shop: &Shop, db: &TestDb, seconds: u64) {
    db.clock.advance(Duration::from_secs(seconds));
    shop.emulators.control.advance_s(i64::try_from(seconds).unwrap());
}

both_engines!(all_of_it_goes_back_in_one_wish, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = taken(&shop, &db, "A-1").await;
    let after = shop.payments.refund(payment.id, named(None, "click")).await.unwrap();
    assert_eq!((after.refunded, after.refundable(), after.is_unsure), (1500, 0, false), "{after:?}");
    assert_eq!(back(&shop), PARTS);
    // The same click again, and another one.
    for again in [named(None, "click"), named(Some(1500), "click")] {
        assert_eq!(shop.payments.refund(payment.id, again).await.unwrap().refunded, 1500);
    }
    assert_eq!(
        shop.payments.refund(payment.id, named(Some(700), "click")).await.unwrap_err(),
        Error::OtherWish,
        "what its first call gave is not what it wished"
    );
    assert_eq!(shop.payments.refund(payment.id, wish(None)).await.unwrap_err(), Error::TooMuch { left: 0 });
    assert_eq!(back(&shop), PARTS);
    let whole = whole(&shop, &payment).await;
    // Each by a key of its own, and each of a capture of its own.
    let of: Vec<_> = whole.refunds.iter().map(|one| one.capture.clone().unwrap()).collect();
    let mut captures: Vec<_> = whole.captures.iter().map(|one| one.reference.clone()).collect();
    captures.sort();
    let mut sorted = of.clone();
    sorted.sort();
    assert_eq!(sorted, captures);
    books(&db).await;
});

// An amount that no capture has alone comes of several; what is left of each is known.
both_engines!(an_amount_comes_of_as_many_captures_as_it_takes, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = taken(&shop, &db, "A-1").await;
    for (amount, parts) in [(900, vec![700, 200]), (250, vec![250]), (300, vec![300]), (50, vec![50])] {
        let before = back(&shop).len();
        shop.payments.refund(payment.id, wish(Some(amount))).await.unwrap();
        assert_eq!(back(&shop).split_off(before), parts, "{amount}");
    }
    let after = shop.payments.find(payment.id).await.unwrap().unwrap();
    assert_eq!((after.refunded, after.refundable()), (1500, 0));
    books(&db).await;
});

// Two clicks at the same moment, under one name or under two: never more than was taken.
both_engines!(clicks_at_the_same_moment_give_back_once, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (order, names) in [("C-1", ["one", "one"]), ("C-2", ["one", "two"])] {
        let before = back(&shop).len();
        let payment = taken(&shop, &db, order).await;
        let (first, second) = tokio::join!(
            shop.payments.refund(payment.id, named(None, names[0])),
            shop.payments.refund(payment.id, named(None, names[1])),
        );
        assert!(first.is_ok() || second.is_ok(), "{first:?} {second:?}");
        assert_eq!(back(&shop).split_off(before), PARTS, "{order}");
        let after = shop.payments.look(payment.id).await.unwrap();
        assert_eq!((after.refunded, after.refundable()), (1500, 0), "{order}");
    }
    books(&db).await;
});

// The program ends while the second call is under way: the first is done, the third never went out.
both_engines!(who_dies_between_two_calls_gives_back_the_rest_later, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (order, what, done) in [("K-1", What::TimeoutBefore, 1), ("K-2", What::TimeoutAfter, 2)] {
        let before = back(&shop).len();
        let payment = taken(&shop, &db, order).await;
        let second = whole(&shop, &payment).await.captures[1].reference.clone();
        shop.emulators.control.fault(Fault::once(At::Paypal, what, &format!("/captures/{second}/refund")));
        let (dying, id) = (shop.payments.clone(), payment.id);
        let task = tokio::spawn(async move { dying.refund(id, named(None, "click")).await });
        for _ in 0..2000 {
            if shop.emulators.control.faults() == 0 && back(&shop).len() == before + done {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(back(&shop).len(), before + done, "{order}");
        let held = whole(&shop, &payment).await;
        let refunds = held.calls.iter().filter(|call| call.operation == Operation::Refund);
        assert_eq!(refunds.count(), 3, "all of them stand in the log");
        // Whoever clicks again learns that it is under way, under this name or another.
        assert_eq!(shop.payments.refund(id, named(None, "click")).await.unwrap_err(), Error::Unsure);
        assert!(shop.payments.refund(id, wish(None)).await.is_err());
        for _ in 0..4 {
            pass(&shop, &db, 3700).await;
            shop.payments.round().await.unwrap();
        }
        assert_eq!(back_since(&shop, before), [300, 500, 700], "{order}");
        let after = shop.payments.find(id).await.unwrap().unwrap();
        assert_eq!((after.refunded, after.refundable(), after.is_unsure), (1500, 0, false), "{order}");
        assert_eq!(shop.payments.refund(id, named(None, "click")).await.unwrap().refunded, 1500);
    }
    books(&db).await;
});

// Somebody gives back in PayPal's own pages, of which Storeward knows nothing when it plans its calls.
both_engines!(a_refund_by_hand_between_two_calls, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = taken(&shop, &db, "H-1").await;
    let captures = whole(&shop, &payment).await.captures;
    shop.emulators.control.refund_capture(&captures[0].reference, Some(100)).unwrap();
    shop.emulators.control.refund_capture(&captures[1].reference, None).unwrap();
    let failed = shop.payments.refund_for_fraud(payment.id, named(None, "click")).await.unwrap_err();
    let words = |at: usize, word: &str| (captures[at].reference.clone(), word.to_owned());
    let expected = vec![words(0, "REFUND_AMOUNT_EXCEEDED"), words(1, "CAPTURE_FULLY_REFUNDED")];
    assert_eq!(failed, Error::RefusedInPart { of: 3, failed: expected });
    // Why it went back is known, though only a part of it did.
    let label = whole(&shop, &payment).await.judgements.last().and_then(|one| one.label);
    assert_eq!(label.map(|one| (one.truth, one.source)), Some((Truth::Fraud, Source::Refund)));
    // Whoever asks again hears the same, and nothing is done.
    assert_eq!(shop.payments.refund(payment.id, named(None, "click")).await.unwrap_err(), failed);
    let after = whole(&shop, &payment).await;
    assert_eq!((after.payment.refunded, after.payment.refundable(), after.payment.refunding), (900, 600, 0));
    let of_first = after.refunds.iter().filter(|one| one.capture.as_ref() == Some(&captures[0].reference));
    assert_eq!(of_first.map(|one| one.amount).collect::<Vec<_>>(), [100]);
    // What is left is of the first one, and known to be.
    let last = shop.payments.refund(payment.id, named(None, "click-2")).await.unwrap();
    assert_eq!((last.refunded, last.refundable()), (1500, 0));
    assert_eq!(back(&shop), [100, 500, 300, 600]);
    books(&db).await;
});

// No answer to one of them: nobody knows, so the others wait for the janitor; in the end each went back once.
both_engines!(a_call_that_is_not_answered_holds_the_rest_until_it_is_known, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (order, what) in [("N-1", What::DropAfter), ("N-2", What::DropBefore), ("N-3", What::Unavailable)] {
        let before = back(&shop).len();
        let payment = taken(&shop, &db, order).await;
        let first = whole(&shop, &payment).await.captures[0].reference.clone();
        let path = format!("/captures/{first}/refund");
        shop.emulators.control.fault(Fault::once(At::Paypal, what, &path));
        let unsure = shop.payments.refund(payment.id, named(None, "click")).await.unwrap();
        assert!(unsure.is_unsure && back(&shop).len() <= before + 1, "{order}: {unsure:?}");
        for _ in 0..4 {
            pass(&shop, &db, 3700).await;
            shop.payments.round().await.unwrap();
        }
        assert_eq!(back_since(&shop, before), [300, 500, 700], "{order}");
        let after = whole(&shop, &payment).await;
        assert_eq!((after.payment.refunded, after.payment.is_unsure), (1500, false), "{order}");
        assert!(after.calls.iter().all(|call| call.state == CallState::Done), "{:?}", after.calls);
    }
    books(&db).await;
});

/// Parts go back, one of them by hand, in this weather.
async fn give_back_in(db: &TestDb, weather: Weather) {
    let is_lost = weather.lose_percent == 100;
    let at = free_address();
    let emulators = Emulators::start(Options::default()).await.unwrap();
    let shop = Shop::at(db, emulators, "", "", &format!("http://{at}")).await;
    let till = Till::open(at, &shop.payments, db).await;
    let payment = taken(&shop, db, "M-1").await;
    shop.emulators.control.weather(weather);
    let captures = whole(&shop, &payment).await.captures;
    shop.payments.refund(payment.id, wish(Some(1100))).await.unwrap();
    shop.emulators.control.refund_capture(&captures[2].reference, Some(300)).unwrap();
    for _ in 0..1200 {
        if is_lost || whole(&shop, &payment).await.payment.refunded == 1400 {
            break;
        }
        db.clock.advance(Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What no message brought is read with the next look, which every wish ends with.
    let last = shop.payments.refund(payment.id, wish(Some(100))).await.unwrap();
    assert_eq!((last.refunded, last.refundable()), (1500, 0));
    assert_eq!(back_since(&shop, 0), [100, 300, 400, 700]);
    assert_eq!(whole(&shop, &payment).await.refunds.len(), 4);
    books(db).await;
    drop(till);
}

both_engines!(messages_that_never_come_change_nothing, MIGRATIONS, async |db| {
    give_back_in(&db, Weather { lose_percent: 100, ..Weather::default() }).await;
});

both_engines!(messages_that_come_three_times_change_nothing, MIGRATIONS, async |db| {
    give_back_in(&db, Weather { copies: 3, ..Weather::default() }).await;
});

// Rows of a version that did not know of which capture a refund is: what is left of each is known nevertheless.
both_engines!(refunds_of_before_are_of_their_captures, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = taken(&shop, &db, "B-1").await;
    let captures = whole(&shop, &payment).await.captures;
    shop.payments.refund(payment.id, wish(Some(600))).await.unwrap();
    shop.emulators.control.refund_capture(&captures[1].reference, Some(400)).unwrap();
    shop.payments.look(payment.id).await.unwrap();
    db.raw(&format!("UPDATE payment_refund SET capture = NULL WHERE payment = '{}'", payment.id));
    shop.seal_anew(&db, payment.id);
    let of = |whole: &Whole| whole.refunds.iter().map(|one| one.capture.clone()).collect::<Vec<_>>();
    assert_eq!(of(&whole(&shop, &payment).await), [None, None]);
    // Its own by its call, the other by asking the provider.
    shop.payments.look(payment.id).await.unwrap();
    let mut known = of(&whole(&shop, &payment).await);
    known.sort();
    let mut expected = vec![Some(captures[0].reference.clone()), Some(captures[1].reference.clone())];
    expected.sort();
    assert_eq!(known, expected);
    let after = shop.payments.refund(payment.id, wish(None)).await.unwrap();
    assert_eq!((after.refunded, after.refundable()), (1500, 0));
    // What each had left, to the cent.
    assert_eq!(back(&shop), [600, 400, 100, 100, 300]);
    books(&db).await;
});

// A part of what was taken went back, and the rest can still be taken: a shop that calls its order paid has no less than it thinks.
both_engines!(what_can_still_be_taken_is_set_aside, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = taken(&shop, &db, "S-1").await;
    shop.payments.refund(payment.id, wish(Some(300))).await.unwrap();
    let after = shop.payments.look(payment.id).await.unwrap();
    assert_eq!((after.state, after.capturable()), (State::PartiallyRefunded, 500));
    says(&shop, &db, &[("S-1", 2000, OrderState::Paid)]).await;
    db.clock.advance(HALF_AN_HOUR);
    assert_eq!(found(&shop.payments).await, []);
    shop.payments.void(payment.id, wish(None)).await.unwrap();
    let after = shop.payments.look(payment.id).await.unwrap();
    assert_eq!((after.state, after.capturable()), (State::PartiallyRefunded, 0), "{after:?}");
    db.clock.advance(HALF_AN_HOUR);
    assert_eq!(found(&shop.payments).await, [one("order_amount", "S-1", 1500, 2000)]);
});
