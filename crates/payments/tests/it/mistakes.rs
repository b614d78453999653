//! Each mistake of the reference (section 7) is a test that makes it.

use std::time::Duration;

use storeward_base::Actor;
use storeward_emulators::{Answered, Emulators, Fault, Options, Provider as At, Settled, Weather, What};
use storeward_outbound::recorder::{Answer, Recorder};
use storeward_payments::{
    Call, CallState, CaptureMode, Error, MIGRATIONS, NewPayment, Operation, Payments, PaymentsSection,
    Provider, State, Strength,
};
use storeward_store::both_engines;

use crate::support::{Shop, books, order_of, parts, private, told, wish};
use crate::till::{Till, free_address};

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
        NewPayment { return_address: "https://shop.example:9/".to_owned(), ..order_of("B", 1, "EUR") },
        NewPayment { return_address: "https://shop.example:8443/x".to_owned(), ..order_of("B", 1, "EUR") },
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

// Mistake 3: the order is held against what was asked for before any money is taken.
both_engines!(an_order_of_another_amount_is_not_taken, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for provider in [Provider::PayPal, Provider::Stripe] {
        let payment = shop.create(provider.word(), 1999).await;
        let page = shop.begin(&payment, provider).await;
        shop.pay(provider, &page).await;
        // As if the shop's price were another than the one that the buyer agreed to.
        db.raw(&format!("UPDATE payment SET amount = 5000 WHERE id = '{}'", payment.id));
        let fact = storeward_events::payment::PaymentCreated {
            payment: payment.id,
            amount: 5000,
            currency: "EUR".to_owned(),
        };
        let told = db.write(move |tx| tx.append(storeward_base::Actor::System, None, fact.clone()).map(drop));
        told.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
        shop.seal_anew(&db, payment.id);
        for _ in 0..3 {
            let after = shop.payments.look(payment.id).await.unwrap();
            assert_eq!((after.captured, after.state), (0, State::Created), "{after:?}");
        }
    }
    // Stripe took it by itself; PayPal was never asked to.
    assert_eq!(shop.effects("capture").len(), 1);
    let mismatches = told(&db).await.iter().filter(|kind| **kind == "payment.mismatch").count();
    assert_eq!(mismatches, 2, "told once each");
    books(&db).await;
});

// Mistake 7: what pends is not paid.
both_engines!(a_capture_that_pends_is_paid_when_it_is, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (name, settled, expected) in
        [("E-1", Settled::Paid, State::Captured), ("E-2", Settled::Denied, State::Declined)]
    {
        let payment = shop.create(name, 1000).await;
        let order = shop.begin(&payment, Provider::PayPal).await;
        shop.emulators.control.fault(Fault::once(At::Paypal, What::Pend("ECHECK".to_owned()), ""));
        shop.pay(Provider::PayPal, &order).await;
        shop.payments.look(payment.id).await.unwrap();
        let pending = shop.payments.look(payment.id).await.unwrap();
        assert_eq!((pending.state, pending.captured), (State::Processing, 0), "{pending:?}");
        assert_eq!(
            shop.payments.refund(payment.id, wish(None)).await.unwrap_err(),
            Error::State("processing")
        );
        let elsewhere = shop.payments.begin(payment.id, Provider::Stripe, Strength::Usual).await;
        assert_eq!(
            elsewhere.unwrap_err(),
            Error::State("processing"),
            "no second way while money is under way"
        );
        // A shop that took a refusal here for a failure would ask for the money once more.
        let again = shop.create(name, 1000).await;
        assert_eq!((again.id, again.state), (payment.id, State::Processing), "asked for again");
        let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
        shop.emulators.control.settle_capture(&whole.captures[0].reference, settled).unwrap();
        let after = shop.payments.look(payment.id).await.unwrap();
        assert_eq!(after.state, expected, "{after:?}");
    }
    books(&db).await;
});

both_engines!(a_card_that_is_declined_and_one_that_asks_for_more, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = shop.create("D-1", 1999).await;
    let session = shop.begin(&payment, Provider::Stripe).await;
    let control = &shop.emulators.control;
    assert!(control.pay_session(&session, "4000000000000002").is_err());
    let declined = shop.payments.look(payment.id).await.unwrap();
    assert_eq!((declined.state, declined.captured), (State::Declined, 0));
    // The same page takes another card, which asks the bank first.
    let bank = control.pay_session(&session, "4000002500003155").unwrap();
    let waiting = shop.payments.look(payment.id).await.unwrap();
    assert_eq!((waiting.state, waiting.captured), (State::RequiresAction, 0));
    control.answer_challenge(&bank, Answered::Completed).unwrap();
    let paid = shop.payments.look(payment.id).await.unwrap();
    assert_eq!((paid.state, paid.captured), (State::Captured, 1999));
    books(&db).await;
});

// Mistake 9: what no message brought is found in the provider's own list.
both_engines!(a_refund_at_the_dashboard_is_found_though_no_message_came, MIGRATIONS, async |db| {
    let at = free_address();
    let emulators = Emulators::start(Options::default()).await.unwrap();
    let shop = Shop::at(&db, emulators, "", "", &format!("http://{at}")).await;
    shop.emulators.control.weather(Weather { lose_percent: 100, ..Weather::default() });
    let paid = shop.paid("G-1", 1000, Provider::Stripe).await;
    let intent = shop.payments.whole(paid.id).await.unwrap().unwrap();
    let charge = intent.captures[0].reference.clone();
    // Somebody gives back in Stripe's own pages.
    let address = shop.emulators.stripe.address.clone();
    let list = storeward_outbound::AllowList::new().internal(&address).unwrap();
    let client = storeward_outbound::Client::new(list, storeward_outbound::Options::default()).unwrap();
    let form = format!("charge={charge}&amount=250");
    let request = storeward_outbound::Request::post(
        &format!("{address}/v1/refunds"),
        "application/x-www-form-urlencoded",
        form,
    );
    let bearer = format!("Bearer {}", shop.emulators.stripe.secret_key);
    let version = storeward_payments::STRIPE_VERSION;
    let request = request.unwrap().header("authorization", &bearer).unwrap();
    let reply = client.send(request.header("stripe-version", version).unwrap()).await.unwrap();
    assert!(reply.status.is_success(), "{:?}", reply.body);
    let till = Till::open(at, &shop.payments, &db).await;
    shop.payments.fill_gaps().await.unwrap();
    let mut after = shop.payments.find(paid.id).await.unwrap().unwrap();
    for _ in 0..2400 {
        if after.refunded > 0 {
            break;
        }
        db.clock.advance(Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
        after = shop.payments.find(paid.id).await.unwrap().unwrap();
    }
    assert_eq!((after.state, after.refunded), (State::PartiallyRefunded, 250));
    assert_eq!(
        shop.payments.refund(paid.id, wish(Some(751))).await.unwrap_err(),
        Error::TooMuch { left: 750 }
    );
    books(&db).await;
    drop(till);
});

// Late money for an order that was paid anew: nothing of it is lost, and somebody is told.
both_engines!(money_that_comes_late_is_told_and_booked, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let first = shop.create("T-1", 1000).await;
    let page = shop.begin(&first, Provider::Stripe).await;
    // As if the janitor had given it up while the buyer was still at it.
    db.raw(&format!("UPDATE payment SET state = 'failed', is_open = 0 WHERE id = '{}'", first.id));
    shop.seal_anew(&db, first.id);
    let second = shop.paid("T-1", 1000, Provider::Stripe).await;
    assert_ne!(second.id, first.id);
    shop.pay(Provider::Stripe, &page).await;
    let late = shop.payments.look(first.id).await.unwrap();
    assert_eq!((late.state, late.captured), (State::Captured, 1000));
    assert!(told(&db).await.contains(&"payment.paid_twice"));
    let back = shop.payments.refund(first.id, wish(None)).await.unwrap();
    assert_eq!(back.state, State::Refunded);
    books(&db).await;
});

// A second click while the first one's page is being made leads to the same page.
both_engines!(clicks_at_the_same_moment_make_one_page, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = shop.create("K-1", 1000).await;
    let all = (0..5).map(|_| shop.payments.begin(payment.id, Provider::Stripe, Strength::Usual));
    let pages = futures_join(all.collect()).await;
    let mut addresses: Vec<String> = pages.into_iter().map(|page| page.unwrap().address).collect();
    addresses.dedup();
    assert_eq!(addresses.len(), 1);
    assert_eq!(shop.payments.find(payment.id).await.unwrap().unwrap().attempt, 1);
});

// A provider takes money for what another one took already. It is told, booked, and goes back by itself, once.
both_engines!(money_that_is_taken_twice_goes_back, MIGRATIONS, async |db| {
    let at = free_address();
    let emulators = Emulators::start(Options::default()).await.unwrap();
    let shop = Shop::at(&db, emulators, "", "", &format!("http://{at}")).await;
    let payment = shop.create("W-1", 1000).await;
    let order = shop.begin(&payment, Provider::PayPal).await;
    let session = shop.begin(&payment, Provider::Stripe).await;
    shop.pay(Provider::PayPal, &order).await;
    shop.pay(Provider::Stripe, &session).await;
    let paid = shop.payments.look(payment.id).await.unwrap();
    assert_eq!((paid.state, paid.captured), (State::Captured, 1000));
    // Somebody else with the shop's keys captures the order that we gave up.
    let till = Till::open(at, &shop.payments, &db).await;
    capture_past_us(&shop, &order).await;
    let mut whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    for _ in 0..2400 {
        if !whole.refunds.is_empty() {
            break;
        }
        db.clock.advance(Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
        whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    }
    for _ in 0..3 {
        shop.payments.look(payment.id).await.unwrap();
    }
    let (captures, refunds) = (shop.effects("capture"), shop.effects("refund"));
    assert_eq!((captures.len(), refunds.len()), (2, 1));
    assert_eq!(refunds[0].provider, At::Paypal);
    let after = shop.payments.find(payment.id).await.unwrap().unwrap();
    assert_eq!((after.state, after.captured, after.refunded), (State::Captured, 1000, 0), "{after:?}");
    assert_eq!(after.refundable(), 1000);
    assert_eq!(told(&db).await.iter().filter(|kind| **kind == "payment.paid_twice").count(), 1);
    books(&db).await;
    drop(till);
});

async fn capture_past_us(shop: &Shop, order: &str) {
    use storeward_outbound::{AllowList, Client, Options, Request};
    use storeward_seal::encoding::base64;
    let address = &shop.emulators.paypal.address;
    let client = Client::new(AllowList::new().internal(address).unwrap(), Options::default()).unwrap();
    let pair = format!("{}:{}", shop.emulators.paypal.client_id, shop.emulators.paypal.client_secret);
    let form = "application/x-www-form-urlencoded";
    let ask =
        Request::post(&format!("{address}/v1/oauth2/token"), form, "grant_type=client_credentials").unwrap();
    let ask = ask.header("authorization", &format!("Basic {}", base64(pair.as_bytes()))).unwrap();
    let reply = client.send(ask).await.unwrap();
    let token: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    let url = format!("{address}/v2/checkout/orders/{order}/capture");
    let take = Request::post(&url, "application/json", "{}").unwrap();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let take =
        take.header("authorization", &bearer).unwrap().header("paypal-request-id", "somebody-else").unwrap();
    let reply = client.send(take).await.unwrap();
    assert!(reply.status.is_success(), "{:?}", reply.body);
}

// Mistake 5: sent again, a call bears the same key and says the same; beyond the time for which the provider remembers keys it is
// not sent at all.
both_engines!(a_call_that_is_sent_again_is_the_same_call, MIGRATIONS, async |db| {
    let stripe = Recorder::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    private(folder.path(), "stripe", "sk_test_0123456789");
    private(folder.path(), "whsec", "whsec_0123456789abcdef");
    let section: PaymentsSection = toml::from_str(&format!(
        "mode = 'test'\n[stripe]\naddress = '{}'\nsecret_key_file = 'stripe'\nwebhook_secret_files = ['whsec']",
        stripe.url()
    ))
    .unwrap();
    let payments = Payments::open(parts(&db, section.settings(folder.path()).unwrap()));
    let broken = Answer::new(500, r#"{"error":{"type":"api_error"}}"#);
    let nothing = Answer::new(200, r#"{"object":"list","data":[],"has_more":false}"#);
    let payment = payments.create(Actor::System, order_of("A-1", 1000, "EUR")).await.unwrap();
    stripe.answer_next(broken.clone());
    let lost = payments.begin(payment.id, Provider::Stripe, Strength::Usual).await;
    assert_eq!(lost.unwrap_err(), Error::Unsure);
    for _ in 0..3 {
        db.clock.advance(Duration::from_secs(120));
        stripe.answer_next(nothing.clone());
        stripe.answer_next(broken.clone());
        payments.round().await.unwrap();
    }
    let asked: Vec<_> = stripe.requests();
    let sent: Vec<_> = asked.iter().filter(|one| one.method.as_str() == "POST").collect();
    assert_eq!(sent.len(), 4);
    for one in &sent {
        assert_eq!(one.header("idempotency-key"), sent[0].header("idempotency-key"));
        assert_eq!(one.body, sent[0].body);
        assert_eq!(one.header("stripe-version"), Some(storeward_payments::STRIPE_VERSION));
    }
    // Each was asked about before it was sent once more.
    let methods: Vec<_> = asked.iter().map(|one| one.method.as_str()).collect();
    assert_eq!(methods, ["POST", "GET", "POST", "GET", "POST", "GET", "POST"]);
    db.clock.advance(Duration::from_secs(24 * 3600));
    stripe.answer_next(nothing);
    payments.round().await.unwrap();
    let after = payments.find(payment.id).await.unwrap().unwrap();
    assert!(!after.is_unsure, "{after:?}");
    let posts = stripe.requests().iter().filter(|one| one.method.as_str() == "POST").count();
    assert_eq!(posts, 4, "not beyond the window");
});

// Parts were taken at the same moment, and Stripe takes once: all were written down as done, or answered as if they were, of which one was.
both_engines!(one_of_several_captures_at_stripe_is_done, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let wanted = NewPayment { capture: Some(CaptureMode::Later), ..order_of("C-2", 1000, "EUR") };
    let payment = shop.payments.create(Actor::System, wanted).await.unwrap();
    let page = shop.begin(&payment, Provider::Stripe).await;
    shop.pay(Provider::Stripe, &page).await;
    shop.payments.look(payment.id).await.unwrap();
    let all: Vec<_> = (0..3).map(|part| shop.payments.capture(payment.id, wish(Some(300 + part)))).collect();
    let all = futures_join(all).await;
    assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 1, "{all:?}");
    let taken: Vec<i64> = shop.effects("capture").iter().map(|one| one.amount).collect();
    let after = shop.payments.whole(payment.id).await.unwrap().unwrap();
    let done = |call: &&Call| call.operation == Operation::Capture && call.state == CallState::Done;
    let said: Vec<Option<i64>> = after.calls.iter().filter(done).map(|call| call.amount).collect();
    assert_eq!(said, taken.iter().copied().map(Some).collect::<Vec<_>>());
    assert_eq!((taken.len(), after.payment.captured, after.payment.capturing), (1, taken[0], 0));
});
