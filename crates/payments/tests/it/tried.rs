//! A kept means of payment that did not pay at once: tried again, another one, or the page; and never twice for one request.

use storeward_base::Actor;
use storeward_emulators::{Fault, Provider as At, Settled, What};
use storeward_payments::methods::Attendance;
use storeward_payments::{
    CaptureMode, Error, MIGRATIONS, NewPayment, Payment, Piece, Provider, State, Strength,
};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use crate::kept::{kept, order};
use crate::support::{Shop, books, order_of, told, wish};

/// So many of the next tries are declined by the bank.
pub fn declines(shop: &Shop, times: Option<u32>) {
    let declined = What::Decline("insufficient_funds".to_owned());
    shop.emulators.control.fault(Fault { times, ..Fault::once(At::Stripe, declined, "/confirm") });
}

async fn begun(db: &TestDb) -> usize {
    told(db).await.iter().filter(|kind| **kind == "payment.begun").count()
}

async fn pay(shop: &Shop, payment: &Payment, method: &str, request: &str) -> Result<Payment, Error> {
    shop.payments.pay_with_as(payment.id, (method, Some(request)), Attendance::Away).await
}

// A means was tried once for ever: every further request was answered `declined`, and nobody asked the bank.
both_engines!(another_request_tries_again_and_the_same_one_does_not, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let held = kept(&shop, "4711", "A-1", Provider::Stripe).await;
    let payment = order(&shop, "4711", "A-2").await;
    declines(&shop, Some(2));
    let before = begun(&db).await;
    for (request, tries) in [("a", 1), ("a", 1), ("b", 2), ("a", 2), ("b", 2)] {
        let after = pay(&shop, &payment, &held.id, request).await.unwrap();
        assert_eq!((after.state, after.is_unsure), (State::Declined, false), "{request} {after:?}");
        assert_eq!(begun(&db).await, before + tries, "{request}");
    }
    assert_eq!(crate::kept::judgements(&db, payment.id).await, 2, "each try is judged, and nothing else");
    for request in ["c", "c", "a", "d"] {
        let after = pay(&shop, &payment, &held.id, request).await.unwrap();
        assert_eq!((after.state, after.captured), (State::Captured, 1999), "{request} {after:?}");
    }
    assert_eq!(begun(&db).await, before + 3);
    assert_eq!(shop.effects("capture").len(), 2);
    books(&db).await;
});

// It was said to be paid on its page, of which there was none, for an hour.
both_engines!(another_means_or_the_page_pays_what_was_declined, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let first = kept(&shop, "4711", "B-1", Provider::Stripe).await;
    let other = kept(&shop, "4711", "B-2", Provider::PayPal).await;
    let payment = order(&shop, "4711", "B-3").await;
    declines(&shop, Some(1));
    assert_eq!(pay(&shop, &payment, &first.id, "a").await.unwrap().state, State::Declined);
    let paid = pay(&shop, &payment, &other.id, "b").await.unwrap();
    assert_eq!((paid.state, paid.captured), (State::Captured, 1999), "{paid:?}");
    let payment = order(&shop, "4711", "B-4").await;
    declines(&shop, Some(2));
    for request in ["a", "b"] {
        assert_eq!(pay(&shop, &payment, &first.id, request).await.unwrap().state, State::Declined);
    }
    let page = shop.begin(&payment, Provider::Stripe).await;
    // Not while the buyer may be on a page.
    let beside = pay(&shop, &payment, &other.id, "c").await;
    assert!(matches!(beside, Err(Error::State(_))), "{beside:?}");
    shop.pay(Provider::Stripe, &page).await;
    let paid = shop.payments.look(payment.id).await.unwrap();
    assert_eq!((paid.state, paid.captured), (State::Captured, 1999), "{paid:?}");
    assert_eq!(shop.effects("capture").len(), 4);
    books(&db).await;
});

// PayPal took its time and said no: the means was tried once for ever.
both_engines!(what_paypal_declines_later_is_tried_anew, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let held = kept(&shop, "4711", "E-1", Provider::PayPal).await;
    let payment = order(&shop, "4711", "E-2").await;
    let pend = || What::Pend("ECHECK".to_owned());
    shop.emulators.control.fault(Fault::once(At::Paypal, pend(), ""));
    let before = begun(&db).await;
    // While it pends nothing else is begun, whoever asks.
    for request in ["a", "b", "a"] {
        let after = pay(&shop, &payment, &held.id, request).await.unwrap();
        assert_eq!((after.state, after.captured), (State::Processing, 0), "{request} {after:?}");
    }
    let beside = shop.payments.begin(payment.id, Provider::Stripe, Strength::Usual).await;
    assert!(matches!(beside, Err(Error::State(_))), "{beside:?}");
    assert_eq!(begun(&db).await, before + 1);
    let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    shop.emulators.control.settle_capture(&whole.captures[0].reference, Settled::Denied).unwrap();
    assert_eq!(shop.payments.look(payment.id).await.unwrap().state, State::Declined);
    // The request that was declined stays so; another one tries anew, and is paid once.
    assert_eq!(pay(&shop, &payment, &held.id, "a").await.unwrap().state, State::Declined);
    assert_eq!(begun(&db).await, before + 1);
    for request in ["c", "c", "a", "d"] {
        let after = pay(&shop, &payment, &held.id, request).await.unwrap();
        assert_eq!((after.state, after.captured), (State::Captured, 1999), "{request} {after:?}");
    }
    assert_eq!(begun(&db).await, before + 2);
    let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    let taken = whole.captures.iter().filter(|one| one.state == Piece::Done).count();
    assert_eq!((whole.captures.len(), taken), (2, 1));
    books(&db).await;
});

// Of what is set aside a part was declined: the rest still is, so nothing is over.
both_engines!(a_declined_part_of_what_is_set_aside_ends_nothing, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let held = kept(&shop, "4711", "F-1", Provider::PayPal).await;
    let later = NewPayment { capture: Some(CaptureMode::Later), ..order_of("F-2", 1999, "EUR") };
    let payment = shop.payments.create(Actor::System, later).await.unwrap();
    let aside = pay(&shop, &payment, &held.id, "a").await.unwrap();
    assert_eq!((aside.state, aside.capturable()), (State::Authorized, 1999));
    shop.emulators.control.fault(Fault::once(At::Paypal, What::Pend("ECHECK".to_owned()), ""));
    shop.payments.capture(payment.id, wish(Some(500))).await.unwrap();
    let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    shop.emulators.control.settle_capture(&whole.captures[0].reference, Settled::Denied).unwrap();
    shop.payments.look(payment.id).await.unwrap();
    let again = pay(&shop, &payment, &held.id, "b").await.unwrap();
    assert_eq!((again.state, again.attempt), (State::Authorized, 1), "{again:?}");
    assert_eq!(shop.effects("authorize").len(), 1);
    books(&db).await;
});

both_engines!(requests_at_one_moment_charge_once, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let held = kept(&shop, "4711", "C-1", Provider::Stripe).await;
    let other = kept(&shop, "4711", "C-2", Provider::PayPal).await;
    for round in 0..4 {
        let payment = order(&shop, "4711", &format!("C-1{round}")).await;
        declines(&shop, Some(1));
        assert_eq!(pay(&shop, &payment, &held.id, "a").await.unwrap().state, State::Declined);
        let before = shop.effects("capture").len();
        let means = [(&held, "b"), (&held, "c"), (&other, "d"), (&other, "e")];
        let all = means.map(|(held, request)| {
            let (payments, id, held) = (shop.payments.clone(), payment.id, held.id.clone());
            tokio::spawn(
                async move { payments.pay_with_as(id, (&held, Some(request)), Attendance::Away).await },
            )
        });
        for one in all {
            let _ = one.await.unwrap();
        }
        let paid = shop.payments.look(payment.id).await.unwrap();
        assert_eq!((paid.state, paid.captured), (State::Captured, 1999), "{paid:?}");
        assert_eq!(shop.effects("capture").len(), before + 1, "{round}");
    }
    books(&db).await;
});

both_engines!(tries_with_a_kept_means_are_counted, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let held = kept(&shop, "4711", "D-1", Provider::Stripe).await;
    let payment = order(&shop, "4711", "D-2").await;
    declines(&shop, None);
    let mut last = None;
    for request in 0..30 {
        last = pay(&shop, &payment, &held.id, &request.to_string()).await.err();
    }
    assert!(matches!(last, Some(Error::State(_) | Error::Stopped { .. })), "{last:?}");
    let now = shop.payments.find(payment.id).await.unwrap().unwrap();
    assert!((2..=20).contains(&now.attempt), "{now:?}");
});
