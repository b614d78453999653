//! PayPal's list of transactions: what it says of a try whose order is not known, and what it cannot say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use storeward_base::{Actor, Clock, PaymentId, StaffId};
use storeward_emulators::{Fault, Provider as At, Settled, What};
use storeward_payments::methods::Attendance;
use storeward_payments::{
    CaptureMode, Error, MIGRATIONS, NewPayment, Operation, Provider, State, WhyNothing,
};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use crate::kept::{kept, order};
use crate::support::{Shop, books, order_of, told, wish};
use crate::unanswered::{HOUR, begun, is_paid_once, is_unknown, later, now};

fn unanswered(shop: &Shop, what: What) {
    let fault = Fault::once(At::Paypal, what, "/v2/checkout/orders");
    shop.emulators.control.fault(Fault { method: "POST".to_owned(), ..fault });
}

/// A payment that is set aside first, with a kept wallet; `what` befalls the call that makes its order.
async fn begun_later(shop: &Shop, name: &str, what: What) -> PaymentId {
    let held = kept(shop, name, &format!("{name}-1"), Provider::PayPal).await;
    let new = NewPayment {
        customer: Some(name.to_owned()),
        capture: Some(CaptureMode::Later),
        ..order_of(&format!("{name}-2"), 1999, "EUR")
    };
    let payment = shop.payments.create(Actor::System, new).await.unwrap();
    unanswered(shop, what);
    let paid = shop.payments.pay_with(payment.id, &held.id, Attendance::Away).await;
    assert_eq!(paid.unwrap_err(), Error::Unsure);
    payment.id
}

async fn round_after(shop: &Shop, db: &TestDb, hours: u64) {
    later(shop, db, hours * HOUR);
    shop.payments.round().await.unwrap();
}

// It was called not done while the amount was set aside at PayPal.
both_engines!(what_is_set_aside_is_found_in_the_list, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let id = begun_later(&shop, "aside", What::DropAfter).await;
    round_after(&shop, &db, 7).await;
    let aside = now(&shop, id).await;
    assert_eq!(
        (aside.state, aside.capturable(), aside.is_unsure),
        (State::Authorized, 1999, false),
        "{aside:?}"
    );
    let taken = shop.payments.capture(id, wish(None)).await.unwrap();
    assert_eq!((taken.state, taken.captured), (State::Captured, 1999));
    assert_eq!((shop.effects("authorize").len(), shop.effects("capture").len()), (1, 2));
    books(&db).await;
});

/// PayPal says nowhere that it lists each authorization: that there is no line says nothing.
async fn stays_unknown_without_its_line(db: &TestDb, what: What) {
    let shop = Shop::new(db).await;
    shop.emulators.control.shape_list(|line: &mut Value| {
        if line["transaction_event_code"] == "T1300" {
            *line = Value::Null;
        }
    });
    let id = begun_later(&shop, "unsaid", what).await;
    for hours in [7, 30, 200] {
        round_after(&shop, db, hours).await;
        is_unknown(&shop, db, id).await;
    }
}

both_engines!(what_is_set_aside_and_not_listed_stays_unknown, MIGRATIONS, async |db| {
    stays_unknown_without_its_line(&db, What::DropAfter).await;
});

both_engines!(that_nothing_is_set_aside_the_list_cannot_say, MIGRATIONS, async |db| {
    stays_unknown_without_its_line(&db, What::DropBefore).await;
});

// One line that could not be read hid ours behind it.
both_engines!(a_line_that_cannot_be_read_hides_none_behind_it, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    shop.emulators.control.moved_elsewhere(500, "EUR", Some("broken"));
    shop.emulators.control.shape_list(|line: &mut Value| {
        if line["custom_field"] == "broken" {
            *line = json!({ "transaction_id": "X" });
        }
    });
    let (id, _) = begun(&shop, "behind", What::DropAfter).await;
    round_after(&shop, &db, 7).await;
    is_paid_once(&shop, &db, id, 2).await;
});

// And without ours it may be ours: nobody says that nothing was taken.
both_engines!(a_line_that_cannot_be_read_may_be_ours, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (id, _) = begun(&shop, "maybe", What::DropAfter).await;
    let ours = id.to_string();
    shop.emulators.control.shape_list(move |line: &mut Value| {
        if line["custom_field"] == ours.as_str() {
            *line = json!({ "transaction_event_code": "T0006", "transaction_id": 7, "custom_field": ours });
        }
    });
    for hours in [7, 30] {
        round_after(&shop, &db, hours).await;
        is_unknown(&shop, &db, id).await;
    }
    // The line is as it should be: what was taken is known.
    shop.emulators.control.shape_list(|_| {});
    round_after(&shop, &db, 2).await;
    is_paid_once(&shop, &db, id, 2).await;
});

// The line of the try before was taken for that of this one.
both_engines!(a_declined_try_is_not_taken_for_the_next_one, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let held = kept(&shop, "4711", "T-1", Provider::PayPal).await;
    let payment = order(&shop, "4711", "T-2").await;
    let pay = async |request: &str| {
        shop.payments.pay_with_as(payment.id, (&held.id, Some(request)), Attendance::Away).await
    };
    shop.emulators.control.fault(Fault::once(At::Paypal, What::Pend("ECHECK".to_owned()), ""));
    assert_eq!(pay("a").await.unwrap().state, State::Processing);
    let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    shop.emulators.control.settle_capture(&whole.captures[0].reference, Settled::Denied).unwrap();
    assert_eq!(shop.payments.look(payment.id).await.unwrap().state, State::Declined);
    unanswered(&shop, What::DropAfter);
    assert_eq!(pay("b").await.unwrap_err(), Error::Unsure);
    round_after(&shop, &db, 7).await;
    let paid = now(&shop, payment.id).await;
    assert_eq!((paid.state, paid.captured, paid.is_unsure), (State::Captured, 1999, false), "{paid:?}");
    books(&db).await;
});

/// Whether PayPal lists anything yet.
fn listed(shop: &Shop, shape: impl Fn(&mut Value) + Send + Sync + 'static) -> Arc<AtomicBool> {
    let is_listed = Arc::new(AtomicBool::new(false));
    let held = Arc::clone(&is_listed);
    shop.emulators.control.shape_list(move |line: &mut Value| match held.load(Ordering::Relaxed) {
        true => shape(line),
        false => *line = Value::Null,
    });
    is_listed
}

async fn is_not_done(shop: &Shop, id: PaymentId) {
    let payment = now(shop, id).await;
    assert_eq!((payment.captured, payment.is_unsure), (0, false), "{payment:?}");
    let whole = shop.payments.whole(id).await.unwrap().unwrap();
    let call = whole.calls.iter().find(|one| one.operation == Operation::Open).unwrap();
    assert_eq!(call.code.as_deref(), Some("payments.not_done"));
}

/// The line names our payment by one of the two names alone.
async fn is_booked_once_listed_by(db: &TestDb, other: &'static str) {
    let shop = Shop::new(db).await;
    let day = db.clock.now();
    let is_listed = listed(&shop, move |line: &mut Value| {
        line.as_object_mut().unwrap().remove(other);
    });
    let (id, _) = begun(&shop, "late", What::DropAfter).await;
    round_after(&shop, db, 7).await;
    round_after(&shop, db, 18).await;
    is_not_done(&shop, id).await;
    is_listed.store(true, Ordering::Relaxed);
    // Once more changes nothing.
    for _ in 0..2 {
        let compared = shop.payments.reconcile(Provider::PayPal, day).await.unwrap();
        assert_eq!(compared.differences, 0, "{:?}", shop.payments.differences().await.unwrap());
        let paid = now(&shop, id).await;
        assert_eq!((paid.state, paid.captured, paid.is_unsure), (State::Captured, 1999, false), "{paid:?}");
    }
    assert_eq!(shop.effects("capture").len(), 2);
    books(db).await;
}

// What was once called not done was in no book, although the day's list named our payment.
both_engines!(what_was_called_not_done_is_booked_once_the_list_shows_it, MIGRATIONS, async |db| {
    is_booked_once_listed_by(&db, "invoice_id").await;
});

both_engines!(what_was_called_not_done_is_booked_by_its_invoice_alone, MIGRATIONS, async |db| {
    is_booked_once_listed_by(&db, "custom_field").await;
});

// The order was paid by another payment meanwhile: what came to light is told as paid twice.
both_engines!(what_comes_to_light_beside_another_payment_is_told_as_paid_twice, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let day = db.clock.now();
    let is_listed = listed(&shop, |_| {});
    let (id, _) = begun(&shop, "light", What::DropAfter).await;
    round_after(&shop, &db, 7).await;
    round_after(&shop, &db, 18).await;
    is_not_done(&shop, id).await;
    let other = shop.paid("light-2", 1999, Provider::Stripe).await;
    assert_ne!(other.id, id);
    is_listed.store(true, Ordering::Relaxed);
    shop.payments.reconcile(Provider::PayPal, day).await.unwrap();
    let paid = now(&shop, id).await;
    assert_eq!((paid.state, paid.captured), (State::Captured, 1999), "{paid:?}");
    assert!(told(&db).await.contains(&"payment.paid_twice"));
    books(&db).await;
});

// A line with no `custom_field` counted as others' money.
both_engines!(a_movement_that_names_us_as_an_invoice_alone_is_compared, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("I-1", 1999, Provider::PayPal).await;
    shop.emulators.control.moved_elsewhere(700, "EUR", Some("other"));
    let invoice = paid.id.to_string();
    shop.emulators.control.shape_list(move |line: &mut Value| {
        if line["custom_field"] == "other" {
            line.as_object_mut().unwrap().remove("custom_field");
            line["invoice_id"] = invoice.as_str().into();
        }
    });
    shop.payments.reconcile(Provider::PayPal, db.clock.now()).await.unwrap();
    let found = shop.payments.differences().await.unwrap();
    let found: Vec<_> = found.iter().map(|one| (one.what.as_str(), one.payment, one.there)).collect();
    assert_eq!(found, [("missing_here", Some(paid.id), Some(700))]);
});

fn staff() -> Actor {
    Actor::Staff { id: StaffId::from_bits(7) }
}

/// PayPal gives the shop no list.
fn no_list(shop: &Shop) {
    let list = Fault::once(At::Paypal, What::Forbidden, "/v1/reporting");
    shop.emulators.control.fault(Fault { times: None, ..list });
}

async fn by_hand(db: &TestDb) -> usize {
    told(db).await.iter().filter(|kind| **kind == "payment.settled_by_hand").count()
}

// It was unknown for ever: nothing and nobody could say what became of it.
both_engines!(what_nobody_can_learn_a_person_names_and_paypal_confirms, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    no_list(&shop);
    assert_eq!(shop.payments.unlearnt(shop.create("P-1", 100).await.id).await.unwrap(), None);
    let (id, _) = begun(&shop, "named", What::DropAfter).await;
    for hours in [7, 30] {
        let round = {
            later(&shop, &db, hours * HOUR);
            shop.payments.round().await.unwrap()
        };
        // It is no silence of PayPal's: what else is due is done.
        assert!(!round.is_away, "{round:?}");
        is_unknown(&shop, &db, id).await;
    }
    let taken = shop.effects("capture");
    let (others, ours) = (taken[0].object.clone(), taken[1].object.clone());
    for wrong in ["", "../orders", "NOSUCHTHING", &others] {
        let named = shop.payments.found_by_hand(id, staff(), wrong).await;
        assert!(matches!(named, Err(Error::Misfit { .. })), "{wrong} {named:?}");
    }
    is_unknown(&shop, &db, id).await;
    assert_eq!(by_hand(&db).await, 0);
    shop.payments.found_by_hand(id, staff(), &format!(" {ours} ")).await.unwrap();
    is_paid_once(&shop, &db, id, 2).await;
    assert_eq!(by_hand(&db).await, 1);
    assert_eq!(shop.payments.unlearnt(id).await.unwrap(), None);
    let again = shop.payments.found_by_hand(id, staff(), &ours).await;
    assert!(matches!(again, Err(Error::State(_))), "{again:?}");
});

both_engines!(what_is_set_aside_can_be_named_too, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    no_list(&shop);
    let id = begun_later(&shop, "named", What::DropAfter).await;
    round_after(&shop, &db, 7).await;
    let aside = shop.effects("authorize")[0].object.clone();
    shop.payments.found_by_hand(id, staff(), &aside).await.unwrap();
    let aside = now(&shop, id).await;
    assert_eq!((aside.state, aside.capturable(), aside.is_unsure), (State::Authorized, 1999, false));
});

both_engines!(that_nothing_was_paid_is_said_by_a_person_once_it_cannot_come, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    no_list(&shop);
    let (id, _) = begun(&shop, "nothing", What::DropBefore).await;
    round_after(&shop, &db, 7).await;
    let early = shop.payments.nothing_by_hand(id, staff(), WhyNothing::NotThere).await;
    assert!(matches!(early, Err(Error::State(_))), "{early:?}");
    is_unknown(&shop, &db, id).await;
    round_after(&shop, &db, 18).await;
    is_unknown(&shop, &db, id).await;
    shop.payments.nothing_by_hand(id, staff(), WhyNothing::NotThere).await.unwrap();
    let payment = now(&shop, id).await;
    assert_eq!((payment.captured, payment.is_unsure, payment.is_open()), (0, false, false), "{payment:?}");
    let whole = shop.payments.whole(id).await.unwrap().unwrap();
    let call = whole.calls.iter().find(|one| one.operation == Operation::Open).unwrap();
    assert_eq!((call.sends, call.code.as_deref()), (1, Some("payments.by_hand")));
    assert_eq!(by_hand(&db).await, 1);
    // The order can be paid anew.
    assert_eq!(shop.paid("nothing-2", 1999, Provider::Stripe).await.captured, 1999);
    books(&db).await;
});

// A person's word stands behind PayPal's, before it is said and afterwards.
both_engines!(what_a_person_did_not_find_is_booked_all_the_same, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    no_list(&shop);
    let (id, _) = begun(&shop, "asked", What::DropAfter).await;
    round_after(&shop, &db, 25).await;
    is_unknown(&shop, &db, id).await;
    shop.emulators.control.clear_faults();
    shop.payments.nothing_by_hand(id, staff(), WhyNothing::NotThere).await.unwrap();
    is_paid_once(&shop, &db, id, 2).await;
    assert_eq!(by_hand(&db).await, 0);
    let day = db.clock.now();
    let is_listed = listed(&shop, |_| {});
    let held = shop.payments.methods("asked").await.unwrap().remove(0);
    let payment = order(&shop, "asked", "asked-3").await;
    unanswered(&shop, What::DropAfter);
    let paid = shop.payments.pay_with(payment.id, &held.id, Attendance::Away).await;
    assert_eq!(paid.unwrap_err(), Error::Unsure);
    no_list(&shop);
    round_after(&shop, &db, 25).await;
    shop.payments.nothing_by_hand(payment.id, staff(), WhyNothing::Declined).await.unwrap();
    assert_eq!(now(&shop, payment.id).await.captured, 0);
    shop.emulators.control.clear_faults();
    is_listed.store(true, Ordering::Relaxed);
    let compared = shop.payments.reconcile(Provider::PayPal, day).await.unwrap();
    assert_eq!(compared.differences, 0, "{:?}", shop.payments.differences().await.unwrap());
    let paid = now(&shop, payment.id).await;
    assert_eq!((paid.state, paid.captured), (State::Captured, 1999), "{paid:?}");
    books(&db).await;
});
