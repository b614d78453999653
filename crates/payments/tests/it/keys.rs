//! Keys of PayPal that are not of this mode: PayPal is asked, and not offered while it refuses them.

use std::time::Duration;

use storeward_emulators::{Fault, Provider as At, What};
use storeward_outbound::recorder::{Answer, Recorder};
use storeward_payments::{Error, Keys, MIGRATIONS, Payments, Provider, Strength};
use storeward_store::both_engines;

use crate::support::{Shop, parts, section_text, told};

// Live keys in test mode were "ok", and the first buyer learned that they are not.
both_engines!(keys_of_the_other_mode_are_refused, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let own = shop.emulators.paypal.client_id.clone();
    let (id, secret) = shop.emulators.paypal.other_keys.clone();
    let text = section_text(&shop.emulators, shop.folder.path(), &shop.webhook_id, "", "");
    crate::support::private(shop.folder.path(), "paypal", &secret);
    let section: storeward_payments::PaymentsSection = toml::from_str(&text.replace(&own, &id)).unwrap();
    let settings = section.settings(shop.folder.path()).unwrap();
    assert_eq!(settings.ask_paypal().await, Some(Keys::Refused));
    assert!(settings.paypals_refusal().contains("are they live ones?"));
    let payments = Payments::open(parts(&db, section.settings(shop.folder.path()).unwrap()));
    let payment = shop.create("K-1", 1999).await;
    // Until it was asked nothing is closed.
    assert_eq!(payments.ways(&payment), [Provider::Stripe, Provider::PayPal]);
    assert_eq!(payments.keys_refused(), None);
    for _ in 0..2 {
        assert_eq!(payments.look_at_keys().await, Ok(Some(Keys::Refused)));
    }
    assert_eq!(payments.ways(&payment), [Provider::Stripe]);
    assert!(payments.keys_refused().is_some_and(|words| words.contains("invalid_client")));
    let begun = payments.begin(payment.id, Provider::PayPal, Strength::Usual).await;
    assert_eq!(begun.unwrap_err(), Error::NoProvider);
    // It is offered to whoever creates a payment all the same: the keys may be mended before the buyer comes.
    shop.create("K-2", 1999).await;
    let count = async |kind: &str| told(&db).await.iter().filter(|one| **one == kind).count();
    assert_eq!((count("payment.keys_refused").await, count("payment.keys_taken").await), (1, 0), "told once");
    // PayPal cannot be reached: what is known stays.
    shop.emulators.control.fault(Fault::once(At::Paypal, What::Unavailable, "/v1/oauth2/token"));
    payments.look_at_keys().await.unwrap();
    assert_eq!(payments.ways(&payment), [Provider::Stripe]);
    // Mended there, it is offered again.
    shop.emulators.control.turn_paypal();
    assert_eq!(payments.look_at_keys().await, Ok(Some(Keys::Taken)));
    assert_eq!(payments.ways(&payment), [Provider::Stripe, Provider::PayPal]);
    assert_eq!((count("payment.keys_refused").await, count("payment.keys_taken").await), (1, 1));
});

both_engines!(a_fault_on_the_way_to_paypal_closes_nothing, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = shop.create("K-3", 1999).await;
    for what in [What::Unavailable, What::DropBefore, What::ErrorBefore] {
        shop.emulators.control.fault(Fault::once(At::Paypal, what, "/v1/oauth2/token"));
        let keys = shop.payments.look_at_keys().await.unwrap().unwrap();
        assert!(matches!(keys, Keys::Unknown(_)), "{keys:?}");
        assert_eq!(shop.payments.ways(&payment), [Provider::Stripe, Provider::PayPal]);
    }
    assert_eq!(shop.payments.look_at_keys().await, Ok(Some(Keys::Taken)));
    assert!(!told(&db).await.iter().any(|kind| kind.starts_with("payment.keys")));
    // Keys that are taken back while it runs are noticed by whatever call meets it.
    shop.emulators.control.turn_paypal();
    assert!(shop.payments.begin(payment.id, Provider::PayPal, Strength::Usual).await.is_err());
    assert_eq!(shop.payments.ways(&payment), [Provider::Stripe]);
});

// Time stands still but for what the test moves it; nothing of the watch itself was tried before.
both_engines!(refused_keys_are_shown_again_until_they_are_taken, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let there = Recorder::start().unwrap();
    let json = |status: u16, body: &str| {
        Answer::new(status, body.to_owned()).header("content-type", "application/json")
    };
    there.answer_next(json(401, "{\"error\":\"invalid_client\"}"));
    there.answer_otherwise(json(200, "{\"access_token\":\"A21AA\",\"expires_in\":32400}"));
    let text = section_text(&shop.emulators, shop.folder.path(), &shop.webhook_id, "", "");
    let text = text.replace(&shop.emulators.paypal.address, &there.url());
    let section: storeward_payments::PaymentsSection = toml::from_str(&text).unwrap();
    let payments = Payments::open(parts(&db, section.settings(shop.folder.path()).unwrap()));
    // While a thread is busy time does not run ahead of what really comes and goes.
    let (end, is_over) = std::sync::mpsc::channel::<()>();
    let busy = tokio::task::spawn_blocking(move || is_over.recv().is_err());
    tokio::time::pause();
    let (say, mut said) = tokio::sync::mpsc::unbounded_channel();
    let watched = payments.clone();
    let watch = tokio::spawn(async move {
        let say = |words: &str| drop(say.send((words.to_owned(), tokio::time::Instant::now())));
        watched.watch_keys(say).await;
    });
    let (words, refused_at) = said.recv().await.unwrap();
    assert!(words.contains("invalid_client"), "{words}");
    assert_eq!((payments.keys_refused().is_some(), there.requests().len()), (true, 1));
    tokio::time::advance(Duration::from_secs(299)).await;
    // Long enough for a question that came too early to be answered.
    for _ in 0..20 {
        storeward_store::testing::blocking(|| std::thread::sleep(Duration::from_millis(5))).await;
    }
    assert!(said.try_recv().is_err() && there.requests().len() == 1, "not before five minutes are over");
    tokio::time::advance(Duration::from_secs(2)).await;
    let (words, taken_at) = said.recv().await.unwrap();
    assert_eq!(words, "PayPal takes the keys again, and is offered");
    assert_eq!((taken_at - refused_at).as_secs(), 301);
    assert_eq!((payments.keys_refused(), there.requests().len()), (None, 2));
    let keys = |all: Vec<&'static str>| all.into_iter().filter(|kind| kind.starts_with("payment.keys"));
    assert!(keys(told(&db).await).eq(["payment.keys_refused", "payment.keys_taken"]));
    watch.abort();
    drop(end);
    assert!(busy.await.unwrap());
});
