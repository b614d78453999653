//! PayPal takes the money of a kept means of payment as it makes the order. Where that was not answered the order's id is not known,
//! and nobody may say that nothing was taken until PayPal does.

use std::time::Duration;

use storeward_base::{Actor, PaymentId};
use storeward_emulators::{Emulators, Fault, Options, Provider as At, What};
use storeward_payments::methods::{Attendance, Method};
use storeward_payments::{Error, MIGRATIONS, Operation, Payment, Provider, State};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use crate::kept::{kept, order};
use crate::messages::until;
use crate::support::{Shop, books, order_of, told};
use crate::till::{Till, free_address};

pub const HOUR: u64 = 3600;

pub fn later(shop: &Shop, db: &TestDb, seconds: u64) {
    db.clock.advance(Duration::from_secs(seconds));
    shop.emulators.control.advance_s(i64::try_from(seconds).unwrap());
}

/// A payment with a kept wallet; `what` befalls the call that makes its order.
pub async fn begun(shop: &Shop, name: &str, what: What) -> (PaymentId, Method) {
    let held = kept(shop, name, &format!("{name}-1"), Provider::PayPal).await;
    let payment = order(shop, name, &format!("{name}-2")).await;
    let fault = Fault::once(At::Paypal, what, "/v2/checkout/orders");
    shop.emulators.control.fault(Fault { method: "POST".to_owned(), ..fault });
    let paid = shop.payments.pay_with(payment.id, &held.id, Attendance::Away).await;
    assert_eq!(paid.unwrap_err(), Error::Unsure);
    (payment.id, held)
}

pub async fn now(shop: &Shop, id: PaymentId) -> Payment {
    shop.payments.find(id).await.unwrap().unwrap()
}

/// It is unknown to whoever asks, and no second payment of its order is made.
pub async fn is_unknown(shop: &Shop, db: &TestDb, id: PaymentId) {
    let payment = now(shop, id).await;
    assert!(payment.is_unsure && payment.captured == 0, "{payment:?}");
    let (all, count) = shop.payments.unknown(10).await.unwrap();
    assert_eq!((count, all[0].payment, all[0].operation), (1, id, Operation::Open));
    let again = shop.payments.create(Actor::System, order_of(&payment.order, 1999, "EUR")).await;
    assert_eq!(again.unwrap_err(), Error::OrderHasPayment);
    assert!(!told(db).await.contains(&"payment.refused"));
}

pub async fn is_paid_once(shop: &Shop, db: &TestDb, id: PaymentId, captures: usize) {
    let paid = now(shop, id).await;
    assert_eq!((paid.state, paid.captured, paid.is_unsure), (State::Captured, 1999, false), "{paid:?}");
    assert_eq!(shop.effects("capture").len(), captures);
    assert!(!told(db).await.contains(&"payment.refused"));
    books(db).await;
}

// The payment's hour was over, the key was remembered: it counted as refused, and the shop had its order paid a second time.
both_engines!(it_is_asked_for_under_its_key_however_old_the_payment_is, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (id, _) = begun(&shop, "away", What::DropAfter).await;
    shop.emulators.control.fault(Fault { times: None, ..Fault::once(At::Paypal, What::Unavailable, "/v") });
    for _ in 0..40 {
        later(&shop, &db, 100);
        shop.payments.round().await.unwrap();
    }
    is_unknown(&shop, &db, id).await;
    shop.emulators.control.clear_faults();
    // Not every shop has PayPal's list of transactions: the key does without.
    let list = Fault::once(At::Paypal, What::Unavailable, "/v1/reporting");
    shop.emulators.control.fault(Fault { times: None, ..list });
    // That the app may not do it now says nothing of what it did.
    let mut forbidden = Fault::once(At::Paypal, What::Forbidden, "/v2/checkout/orders");
    forbidden.method = "POST".to_owned();
    shop.emulators.control.fault(forbidden);
    later(&shop, &db, HOUR);
    shop.payments.round().await.unwrap();
    is_unknown(&shop, &db, id).await;
    later(&shop, &db, HOUR);
    shop.payments.round().await.unwrap();
    is_paid_once(&shop, &db, id, 2).await;
});

// Messages that named the payment were given up as too early. Neither the key nor the list helps: PayPal answers neither.
both_engines!(a_message_that_names_the_payment_brings_its_order, MIGRATIONS, async |db| {
    let at = free_address();
    let emulators = Emulators::start(Options::default()).await.unwrap();
    let shop = Shop::at(&db, emulators, "", "", &format!("http://{at}")).await;
    let (id, _) = begun(&shop, "told", What::DropAfter).await;
    for (method, path) in [("POST", "/v2/checkout/orders"), ("GET", "/v1/reporting")] {
        let away = Fault { times: None, ..Fault::once(At::Paypal, What::Unavailable, path) };
        shop.emulators.control.fault(Fault { method: method.to_owned(), ..away });
    }
    let till = Till::open(at, &shop.payments, &db).await;
    until("it is paid", async || {
        db.clock.advance(Duration::from_secs(5));
        now(&shop, id).await.state == State::Captured
    })
    .await;
    is_paid_once(&shop, &db, id, 2).await;
    drop(till);
});

// Once the key may be forgotten nothing is sent. What was taken stands in PayPal's list; what does not in time was not done.
both_engines!(once_the_key_is_forgotten_the_list_says_what_was_taken, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (id, _) = begun(&shop, "listed", What::DropAfter).await;
    let list = Fault::once(At::Paypal, What::Unavailable, "/v1/reporting");
    shop.emulators.control.fault(Fault { times: None, ..list });
    for hours in [7, 30, 100] {
        later(&shop, &db, hours * HOUR);
        shop.payments.round().await.unwrap();
        is_unknown(&shop, &db, id).await;
    }
    shop.emulators.control.clear_faults();
    later(&shop, &db, 2 * HOUR);
    shop.payments.round().await.unwrap();
    is_paid_once(&shop, &db, id, 2).await;
    // Nothing was taken: that is said once the list would show it, and not before.
    let (id, _) = begun(&shop, "nothing", What::DropBefore).await;
    later(&shop, &db, 7 * HOUR);
    shop.payments.round().await.unwrap();
    is_unknown(&shop, &db, id).await;
    later(&shop, &db, 18 * HOUR);
    shop.payments.round().await.unwrap();
    let payment = now(&shop, id).await;
    assert!(!payment.is_unsure && payment.captured == 0, "{payment:?}");
    let whole = shop.payments.whole(id).await.unwrap().unwrap();
    let call = whole.calls.iter().find(|one| one.operation == Operation::Open).unwrap();
    assert_eq!((call.sends, call.code.as_deref()), (1, Some("payments.not_done")));
    assert_eq!(shop.effects("capture").len(), 3, "with the one by which the wallet was kept");
});

// Whoever takes their means of payment away in between takes nothing back that was paid with it.
both_engines!(what_was_paid_with_a_method_that_is_gone_is_found_all_the_same, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (id, held) = begun(&shop, "gone", What::DropAfter).await;
    shop.payments.remove_method(Actor::System, "gone", &held.id).await.unwrap();
    later(&shop, &db, 120);
    shop.payments.round().await.unwrap();
    is_unknown(&shop, &db, id).await;
    later(&shop, &db, 6 * HOUR);
    shop.payments.round().await.unwrap();
    is_paid_once(&shop, &db, id, 2).await;
});
