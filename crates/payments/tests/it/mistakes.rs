//! Each mistake of the reference (section 7) is a test that makes it.

use std::time::Duration;

use storeward_base::Actor;
use storeward_emulators::{Fault, Provider as At, What};
use storeward_payments::{Error, MIGRATIONS, NewPayment, Provider, State, Strength};
use storeward_store::both_engines;

use crate::support::{Shop, books, order_of, told, wish};

// Mistake 3: the amount is the shop's, once and for all.
both_engines!(an_order_has_one_payment, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let first = shop.create("A-1", 1999).await;
    assert_eq!(shop.create("A-1", 1999).await.id, first.id, "a form that was sent twice");
    // The basket changed before anybody began to pay.
    let second = shop.create("A-1", 2500).await;
    assert_ne!(second.id, first.id);
    assert_eq!(shop.payments.find(first.id).await.unwrap().unwrap().state, State::Voided);
    shop.begin(&second, Provider::Stripe).await;
    let third = shop.payments.create(Actor::System, order_of("A-1", 100, "EUR")).await;
    assert_eq!(third.unwrap_err(), Error::OrderHasPayment, "a price that falls while somebody pays");
    for wrong in [
        NewPayment { return_address: "https://evil.example/".to_owned(), ..order_of("B", 1, "EUR") },
        NewPayment {
            return_address: "https://shop.example.evil.example/".to_owned(),
            ..order_of("B", 1, "EUR")
        },
        NewPayment {
            return_address: "https://shop.example@evil.example/".to_owned(),
            ..order_of("B", 1, "EUR")
        },
        NewPayment { return_address: "javascript:alert(1)".to_owned(), ..order_of("B", 1, "EUR") },
        NewPayment { return_address: "http://shop.example/".to_owned(), ..order_of("B", 1, "EUR") },
    ] {
        let refused = shop.payments.create(Actor::System, wrong).await.unwrap_err();
        assert!(matches!(refused, Error::Misfit { field: "return_address", .. }), "{refused:?}");
    }
});

// Mistakes 5 and 7: what timed out is neither failed nor done, and is not done a second time.
both_engines!(a_refund_that_was_done_and_not_answered_is_done_once, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (provider, at, path) in
        [(Provider::Stripe, At::Stripe, "/v1/refunds"), (Provider::PayPal, At::Paypal, "/refund")]
    {
        for what in
            [What::DropAfter, What::ErrorAfter, What::DropBefore, What::ErrorBefore, What::Unavailable]
        {
            let name = format!("{}-{what:?}", provider.word());
            let payment = shop.create(&name, 1000).await;
            let page = shop.begin(&payment, provider).await;
            shop.pay(provider, &page).await;
            shop.payments.look(payment.id).await.unwrap();
            let paid = shop.payments.look(payment.id).await.unwrap();
            assert_eq!(paid.captured, 1000, "{name}: {paid:?}");
            let before = shop.effects("refund").len();
            let mut fault = Fault::once(at, what, path);
            fault.method = "POST".to_owned();
            shop.emulators.control.fault(fault);
            let after = shop.payments.refund(payment.id, wish(Some(400))).await.unwrap();
            assert!(after.is_unsure, "{name}: nobody knows: {after:?}");
            assert_eq!(after.shown_state(), "unknown");
            // While nobody knows, nothing else is done.
            let second = shop.payments.refund(payment.id, wish(Some(600))).await;
            assert_eq!(second.unwrap_err(), Error::Unsure, "{name}");
            for _ in 0..4 {
                db.clock.advance(Duration::from_secs(120));
                shop.emulators.control.advance_s(120);
                shop.payments.round().await.unwrap();
            }
            let settled = shop.payments.find(payment.id).await.unwrap().unwrap();
            assert!(!settled.is_unsure, "{name}: {settled:?}");
            let done = shop.effects("refund").len() - before;
            assert!(done <= 1, "{name}");
            assert_eq!(settled.refunded, if done == 1 { 400 } else { 0 }, "{name}: {settled:?}");
            assert_eq!(settled.refunding, 0, "{name}: {settled:?}");
        }
    }
    books(&db).await;
});

// Never failing over: from a page of which nobody knows whether it was made no other provider is tried.
both_engines!(no_other_provider_while_one_did_not_answer, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = shop.create("A-1", 1000).await;
    let mut fault = Fault::once(At::Stripe, What::DropAfter, "/v1/checkout/sessions");
    fault.method = "POST".to_owned();
    shop.emulators.control.fault(fault);
    let lost = shop.payments.begin(payment.id, Provider::Stripe, Strength::Usual).await;
    assert_eq!(lost.unwrap_err(), Error::Unsure);
    let other = shop.payments.begin(payment.id, Provider::PayPal, Strength::Usual).await;
    assert_eq!(other.unwrap_err(), Error::Unsure);
    db.clock.advance(Duration::from_secs(120));
    shop.payments.round().await.unwrap();
    let now = shop.payments.find(payment.id).await.unwrap().unwrap();
    assert!(!now.is_unsure);
    let page = shop.begin(&payment, Provider::Stripe).await;
    shop.pay(Provider::Stripe, &page).await;
    let paid = shop.payments.look(payment.id).await.unwrap();
    assert_eq!(paid.state, State::Captured);
    assert_eq!(shop.effects("capture").len(), 1);
    let kinds = told(&db).await;
    assert!(kinds.contains(&"payment.unsure") && kinds.contains(&"payment.resolved"), "{kinds:?}");
});

// Mistake 6: two at once. The sum is held in the database.
both_engines!(refunds_at_the_same_moment_are_never_more_than_was_taken, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("A-1", 1000, Provider::Stripe).await;
    let all = (0..8).map(|_| shop.payments.refund(paid.id, wish(Some(300))));
    let mut done = 0;
    for one in futures_join(all.collect()).await {
        match one {
            Ok(after) => {
                assert!(!after.is_unsure);
                done += 1;
            }
            Err(Error::TooMuch { .. } | Error::Raced) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(done, 3);
    assert_eq!(shop.effects("refund").iter().map(|one| one.amount).sum::<i64>(), 900);
    // The same wish is carried out once, however often it comes.
    let mut named = wish(Some(60));
    named.name = Some("request-1".to_owned());
    for _ in 0..3 {
        let after = shop.payments.refund(paid.id, named.clone()).await.unwrap();
        assert_eq!(after.refunded, 960);
    }
    assert_eq!(shop.effects("refund").len(), 4);
    books(&db).await;
});

/// All of them at once, on one thread.
async fn futures_join<F: Future>(all: Vec<F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = all.into_iter().map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(move |cx| {
        let mut is_open = false;
        for (one, output) in &mut waiting {
            if output.is_none() {
                match one.as_mut().poll(cx) {
                    std::task::Poll::Ready(found) => *output = Some(found),
                    std::task::Poll::Pending => is_open = true,
                }
            }
        }
        if is_open {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(waiting.iter_mut().filter_map(|(_, output)| output.take()).collect())
    })
    .await
}
