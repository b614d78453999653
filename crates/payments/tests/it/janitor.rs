//! What nobody knows is asked about until it is known: the oldest first, each provider for itself, and no more often than helps.

use std::time::Duration;

use storeward_emulators::{Fault, Provider as At, What};
use storeward_payments::{CaptureMode, MIGRATIONS, NewPayment, Operation, Payment, Provider, State};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use crate::support::{Shop, order_of, wish};

const STRIPE_PATHS: &str = "/v1";
const PAYPAL_PATHS: &str = "/v2";

/// A payment that is set aside, and whose capture nobody answers.
async fn unknown(shop: &Shop, order: &str, provider: Provider) -> Payment {
    let wanted = NewPayment { capture: Some(CaptureMode::Later), ..order_of(order, 1000, "EUR") };
    let payment = shop.payments.create(storeward_base::Actor::System, wanted).await.unwrap();
    let page = shop.begin(&payment, provider).await;
    shop.pay(provider, &page).await;
    assert_eq!(shop.payments.look(payment.id).await.unwrap().state, State::Authorized);
    let (at, path) = match provider {
        Provider::Stripe => (At::Stripe, "/capture"),
        Provider::PayPal => (At::Paypal, "/capture"),
    };
    shop.emulators.control.fault(Fault::once(at, What::DropAfter, path));
    let after = shop.payments.capture(payment.id, wish(None)).await.unwrap();
    assert!(after.is_unsure, "{after:?}");
    after
}

async fn open(shop: &Shop) -> Vec<Provider> {
    shop.payments.unknown(100).await.unwrap().0.into_iter().map(|one| one.provider).collect()
}

fn later(shop: &Shop, db: &TestDb, seconds: u64) {
    db.clock.advance(Duration::from_secs(seconds));
    shop.emulators.control.advance_s(i64::try_from(seconds).unwrap());
}

both_engines!(one_provider_that_is_away_holds_up_nothing_of_the_other, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for number in 0..20 {
        unknown(&shop, &format!("S-{number}"), Provider::Stripe).await;
        later(&shop, &db, 1);
    }
    for number in 0..3 {
        unknown(&shop, &format!("P-{number}"), Provider::PayPal).await;
    }
    later(&shop, &db, 120);
    shop.emulators
        .control
        .fault(Fault { times: None, ..Fault::once(At::Stripe, What::Unavailable, STRIPE_PATHS) });
    let round = shop.payments.round().await.unwrap();
    // PayPal's are known; of Stripe's some were asked about, and the rest was left when nothing answered.
    assert_eq!(open(&shop).await, vec![Provider::Stripe; 20]);
    assert_eq!((round.settled, round.failed), (3, 8), "{round:?}");
    assert!(round.left >= 12, "{round:?}");
    // The next round begins with those that nobody came to, the oldest first.
    let next = shop.payments.round().await.unwrap();
    assert_eq!(next.failed, 8);
    let (all, count) = shop.payments.unknown(100).await.unwrap();
    assert_eq!(
        (count, all.iter().filter(|one| one.asks == 1).count()),
        (20, 16),
        "each once before any twice"
    );
    assert!(all.windows(2).all(|two| two[0].since <= two[1].since), "the oldest first");
    // Those that were asked about in vain have their pause.
    let third = shop.payments.round().await.unwrap();
    assert_eq!(third.failed, 4, "{third:?}");
    assert_eq!(shop.payments.round().await.unwrap().asked, 0);
    // It comes back: a few rounds, and everything is known, done once.
    shop.emulators.control.clear_faults();
    for _ in 0..4 {
        later(&shop, &db, 3700);
        shop.payments.round().await.unwrap();
    }
    assert_eq!(open(&shop).await, vec![]);
    assert_eq!(shop.effects("capture").len(), 23);
});

// While a provider stays away the pauses grow, up to an hour.
both_engines!(whoever_does_not_answer_is_asked_ever_less_often, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    unknown(&shop, "B-1", Provider::PayPal).await;
    shop.emulators
        .control
        .fault(Fault { times: None, ..Fault::once(At::Paypal, What::Unavailable, PAYPAL_PATHS) });
    let mut asked = 0;
    for _ in 0..12 * 60 {
        later(&shop, &db, 60);
        asked += shop.payments.round().await.unwrap().asked;
    }
    assert!((14..24).contains(&asked), "{asked} times in half a day, of 720 rounds");
    let (all, _) = shop.payments.unknown(1).await.unwrap();
    assert!(all[0].next_at.is_some() && all[0].asks == asked, "{all:?}");
});

// Behind the time for which a provider remembers a key it is asked, and nothing is sent.
both_engines!(nothing_is_sent_once_more_when_its_key_may_be_forgotten, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let wanted = NewPayment { capture: Some(CaptureMode::Later), ..order_of("K-1", 1000, "EUR") };
    let payment = shop.payments.create(storeward_base::Actor::System, wanted).await.unwrap();
    let page = shop.begin(&payment, Provider::Stripe).await;
    shop.pay(Provider::Stripe, &page).await;
    shop.payments.look(payment.id).await.unwrap();
    shop.emulators.control.fault(Fault::once(At::Stripe, What::DropBefore, "/capture"));
    assert!(shop.payments.capture(payment.id, wish(None)).await.unwrap().is_unsure);
    let capture = |whole: &storeward_payments::Whole| {
        let mut calls = whole.calls.iter().filter(|one| one.operation == Operation::Capture);
        let one = calls.next().unwrap();
        assert!(calls.next().is_none());
        (one.sends, one.code.clone())
    };
    assert_eq!(capture(&shop.payments.whole(payment.id).await.unwrap().unwrap()).0, 1);
    later(&shop, &db, 24 * 3600);
    shop.payments.round().await.unwrap();
    let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    assert!(!whole.payment.is_unsure && whole.payment.captured == 0, "{:?}", whole.payment);
    assert_eq!(capture(&whole), (1, Some("payments.not_done".to_owned())));
    assert!(shop.effects("capture").is_empty());
});
