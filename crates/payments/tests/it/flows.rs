//! From the order to the books, with both providers.

use storeward_base::Actor;
use storeward_payments::{CaptureMode, Error, MIGRATIONS, NewPayment, Payments, Provider, State, Strength};
use storeward_store::both_engines;

use crate::support::{Shop, books, ledger_text, order_of, reference, told, wish};

both_engines!(every_statement_is_understood, MIGRATIONS, async |db| {
    let checked = db.read(|reader| {
        for statement in Payments::statements() {
            reader.check_statement(statement).unwrap_or_else(|why| panic!("{why}"));
        }
        Ok::<_, storeward_store::Error>(())
    });
    checked.await.unwrap();
});

both_engines!(a_card_pays_at_once_and_gets_part_of_it_back, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("A-1", 1999, Provider::Stripe).await;
    assert_eq!((paid.state, paid.captured, paid.refundable()), (State::Captured, 1999, 1999));
    let after = shop.payments.refund(paid.id, wish(Some(500))).await.unwrap();
    assert_eq!((after.state, after.refunded), (State::PartiallyRefunded, 500));
    let after = shop.payments.refund(paid.id, wish(None)).await.unwrap();
    assert_eq!((after.state, after.refunded), (State::Refunded, 1999));
    assert_eq!(shop.effects("capture").len(), 1);
    assert_eq!(shop.effects("refund").iter().map(|one| one.amount).sum::<i64>(), 1999);
    let books = books(&db).await;
    let of = |name: &str| books.iter().find(|(account, _)| account == name).map(|(_, sum)| *sum);
    assert_eq!((of("customer_receivable"), of("refunds")), (Some(-1999), Some(1999)));
    let kinds = told(&db).await;
    assert_eq!(
        kinds,
        [
            "payment.created",
            "payment.begun",
            "payment.captured",
            "payment.asked",
            "payment.refunded",
            "payment.asked",
            "payment.refunded"
        ]
    );
    // No name, address, key or card in the ledger.
    let text = ledger_text(&db).await;
    for secret in ["ada@", "4242", "4711", &shop.emulators.stripe.secret_key, &shop.stripe_secret, "whsec"] {
        assert!(!text.contains(secret), "{secret}");
    }
});

both_engines!(paypal_pays_at_once_and_gets_part_of_it_back, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = shop.create("P-1", 1999).await;
    let page = shop.begin(&payment, Provider::PayPal).await;
    // Before the buyer agreed, nothing is taken, however often anybody looks.
    for _ in 0..3 {
        let after = shop.payments.look(payment.id).await.unwrap();
        assert_eq!(after.captured, 0);
    }
    shop.pay(Provider::PayPal, &page).await;
    let paid = shop.payments.look(payment.id).await.unwrap();
    let paid = if paid.state == State::Captured { paid } else { shop.payments.look(paid.id).await.unwrap() };
    assert_eq!((paid.state, paid.captured), (State::Captured, 1999), "{paid:?}");
    for _ in 0..3 {
        shop.payments.look(payment.id).await.unwrap();
    }
    assert_eq!(shop.effects("capture").len(), 1);
    let after = shop.payments.refund(paid.id, wish(Some(99))).await.unwrap();
    assert_eq!((after.state, after.refunded), (State::PartiallyRefunded, 99), "{after:?}");
    let wrong = shop.payments.refund(paid.id, wish(Some(1901))).await;
    assert_eq!(wrong.unwrap_err(), Error::TooMuch { left: 1900 });
    books(&db).await;
});

both_engines!(what_is_set_aside_is_taken_later_or_set_free, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (provider, parts) in [(Provider::Stripe, vec![Some(1200)]), (Provider::PayPal, vec![Some(700), None])]
    {
        let later =
            |order: &str| NewPayment { capture: Some(CaptureMode::Later), ..order_of(order, 2000, "EUR") };
        let name = provider.word();
        let payment = shop.payments.create(Actor::System, later(&format!("{name}-1"))).await.unwrap();
        let page = shop.begin(&payment, provider).await;
        shop.pay(provider, &page).await;
        shop.payments.look(payment.id).await.unwrap();
        let held = shop.payments.look(payment.id).await.unwrap();
        assert_eq!((held.state, held.capturable()), (State::Authorized, 2000), "{name}: {held:?}");
        // More than is set aside is refused before anything goes out.
        let wrong = shop.payments.capture(payment.id, wish(Some(2001))).await;
        assert_eq!(wrong.unwrap_err(), Error::TooMuch { left: 2000 });
        for part in parts {
            let after = shop.payments.capture(payment.id, wish(part)).await.unwrap();
            assert!(!after.is_unsure && after.captured > 0, "{name}: {after:?}");
        }
        let second = shop.payments.create(Actor::System, later(&format!("{name}-2"))).await.unwrap();
        let page = shop.begin(&second, provider).await;
        shop.pay(provider, &page).await;
        shop.payments.look(second.id).await.unwrap();
        let after = shop.payments.void(second.id, wish(None)).await.unwrap();
        assert_eq!(after.state, State::Voided, "{name}");
        let wrong = shop.payments.capture(second.id, wish(None)).await;
        assert_eq!(wrong.unwrap_err(), Error::State("voided"));
    }
    let taken: Vec<i64> = shop.effects("capture").iter().map(|one| one.amount).collect();
    assert_eq!(taken, [1200, 700, 1300]);
    books(&db).await;
});

both_engines!(a_buyer_who_changes_their_mind_pays_once, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = shop.create("S-1", 1000).await;
    let first = shop.begin(&payment, Provider::Stripe).await;
    // Once more to the same page, not to a second one.
    assert_eq!(shop.begin(&payment, Provider::Stripe).await, first);
    let order = shop.begin(&payment, Provider::PayPal).await;
    assert!(
        shop.emulators.control.pay_session(&first, crate::support::CARD).is_err(),
        "the card's page is closed"
    );
    let second = shop.begin(&payment, Provider::Stripe).await;
    assert_ne!(second, first);
    // The buyer agrees at PayPal in a window that was left open, and pays by card.
    shop.pay(Provider::PayPal, &order).await;
    shop.pay(Provider::Stripe, &second).await;
    for _ in 0..3 {
        shop.payments.look(payment.id).await.unwrap();
    }
    let paid = shop.payments.find(payment.id).await.unwrap().unwrap();
    assert_eq!((paid.state, paid.captured, paid.provider), (State::Captured, 1000, Some(Provider::Stripe)));
    assert_eq!(shop.effects("capture").len(), 1);
    let again = shop.payments.begin(payment.id, Provider::PayPal, Strength::Usual).await;
    assert_eq!(again.unwrap_err(), Error::State("captured"));
    assert_eq!(reference(Provider::PayPal, "http://127.0.0.1:1/checkoutnow?token=ABC"), "ABC");
});

both_engines!(a_buyer_whose_source_is_declined_pays_otherwise, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = shop.create("S-declined", 1500).await;
    let order = shop.begin(&payment, Provider::PayPal).await;
    shop.emulators.control.approve_order(&order, storeward_emulators::Source::Declines).unwrap();
    // However often the buyer's page is loaded, it never says for good that it is being checked.
    for _ in 0..5 {
        let after = shop.payments.look(payment.id).await.unwrap();
        assert!(!after.is_unsure && after.state == State::Declined, "{after:?}");
    }
    let page = shop.begin(&payment, Provider::Stripe).await;
    shop.pay(Provider::Stripe, &page).await;
    let paid = shop.payments.look(payment.id).await.unwrap();
    assert_eq!((paid.state, paid.captured), (State::Captured, 1500), "{paid:?}");
    assert_eq!(shop.effects("capture").len(), 1);
    books(&db).await;
});
