//! Two who want different things of one payment at the same moment.

use std::time::Duration;

use storeward_base::Actor;
use storeward_emulators::{Fault, Provider as At, Source, What};
use storeward_payments::{CaptureMode, Error, MIGRATIONS, NewPayment, Provider, State, Strength};
use storeward_store::both_engines;

use crate::support::{Shop, books, order_of, wish};

/// The next call to `path` at PayPal is answered after two seconds.
fn slow(shop: &Shop, path: &str) {
    let hold = Duration::from_secs(2);
    shop.emulators.control.fault(Fault {
        method: "POST".to_owned(),
        hold,
        ..Fault::once(At::Paypal, What::Slow, path)
    });
}

/// Until the call for which the fault waited is at the provider.
async fn is_out(shop: &Shop) {
    for _ in 0..400 {
        if shop.emulators.control.faults() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the call never went out");
}

both_engines!(what_is_being_set_free_is_not_taken_at_the_same_time, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let wanted = NewPayment { capture: Some(CaptureMode::Later), ..order_of("R-1", 1000, "EUR") };
    let payment = shop.payments.create(Actor::System, wanted).await.unwrap();
    let page = shop.begin(&payment, Provider::PayPal).await;
    shop.pay(Provider::PayPal, &page).await;
    shop.payments.look(payment.id).await.unwrap();
    assert_eq!(shop.payments.look(payment.id).await.unwrap().state, State::Authorized);
    slow(&shop, "/void");
    let (payments, id) = (shop.payments.clone(), payment.id);
    let voiding = tokio::spawn(async move { payments.void(id, wish(None)).await });
    is_out(&shop).await;
    for amount in [Some(400), None] {
        let taken = shop.payments.capture(payment.id, wish(amount)).await;
        assert_eq!(taken.unwrap_err(), Error::Unsure, "{amount:?}");
    }
    let after = voiding.await.unwrap().unwrap();
    assert!(!after.is_unsure && after.state == State::Voided && after.captured == 0, "{after:?}");
    assert_eq!(shop.effects("capture").len(), 0);
    books(&db).await;
});

both_engines!(no_other_provider_is_begun_while_paypal_takes_what_was_agreed, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = shop.create("R-2", 1000).await;
    let order = shop.begin(&payment, Provider::PayPal).await;
    shop.emulators.control.approve_order(&order, Source::Declines).unwrap();
    let declined = shop.payments.look(payment.id).await.unwrap();
    assert_eq!(declined.state, State::Declined);
    // The buyer chooses other means at PayPal, and a second window of theirs begins at Stripe while that is being taken.
    let again = shop.begin(&payment, Provider::PayPal).await;
    slow(&shop, "/capture");
    shop.emulators.control.approve_order(&again, Source::Pays).unwrap();
    let (payments, id) = (shop.payments.clone(), payment.id);
    let taking = tokio::spawn(async move { payments.look(id).await });
    is_out(&shop).await;
    let other = shop.payments.begin(payment.id, Provider::Stripe, Strength::Usual).await;
    assert!(matches!(other, Err(Error::State(_) | Error::Raced | Error::Unsure)), "{other:?}");
    taking.await.unwrap().unwrap();
    let paid = shop.payments.look(payment.id).await.unwrap();
    assert_eq!((paid.state, paid.captured, paid.provider), (State::Captured, 1000, Some(Provider::PayPal)));
    assert_eq!(shop.effects("capture").len(), 1);
    books(&db).await;
});
