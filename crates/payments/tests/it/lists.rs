//! What the providers' own lists have and no message brought, and what the shop was not told: each is found, and nothing holds the rest up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use storeward_base::Clock;
use storeward_emulators::{Emulators, Fault, Options, Provider as At, What};
use storeward_outbound::recorder::{Answer, Recorder};
use storeward_payments::{Error, MIGRATIONS, Payments, PaymentsSection, Provider, State, ledger};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use crate::disputes::later;
use crate::judge::create;
use crate::support::{Shop, books, order_of, parts, section_text, told, wish};
use crate::till::{Till, free_address};

const HOUR: Duration = Duration::from_secs(3600);

fn account(books: &[(String, i64)], name: &str) -> i64 {
    books.iter().filter(|(account, _)| account == name).map(|(_, sum)| *sum).sum()
}

async fn charge_of(shop: &Shop, payment: storeward_base::PaymentId) -> String {
    shop.payments.whole(payment).await.unwrap().unwrap().captures[0].reference.clone()
}

/// One reading of the lists, and what it brought worked on.
async fn heard(shop: &Shop, db: &TestDb) -> Result<u32, Error> {
    let till = Till::open(free_address(), &shop.payments, db).await;
    let filled = shop.payments.fill_gaps().await;
    while shop.payments.waiting().await.unwrap() > 0 {
        later(shop, db, Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    drop(till);
    filled
}

// An account in euros is paid in dollars: Stripe's list says what came of it in euros.
both_engines!(
    what_is_paid_out_in_another_currency_is_no_difference_and_its_fee_is_booked,
    MIGRATIONS,
    async |db| {
        let shop = Shop::new(&db).await;
        shop.emulators.control.settle_in("eur", 9_000);
        let payment = create(&shop, order_of("S-1", 2500, "USD")).await;
        let page = shop.begin(&payment, Provider::Stripe).await;
        shop.pay(Provider::Stripe, &page).await;
        shop.payments.look(payment.id).await.unwrap();
        shop.payments.refund(payment.id, wish(Some(500))).await.unwrap();
        let compared = shop.payments.reconcile(Provider::Stripe, db.clock.now()).await.unwrap();
        assert_eq!(
            (compared.compared, compared.differences),
            (2, 0),
            "{:?}",
            shop.payments.differences().await
        );
        let all = db.read(ledger::balances).await.unwrap();
        let of = |account: &str, currency: &str| {
            all.iter().find(|(name, of, _)| name == account && of == currency).map_or(0, |(_, _, sum)| *sum)
        };
        // 63 cents of a dollar are 57 of a euro.
        assert_eq!((of("fees", "EUR"), of("fees", "USD"), of("refunds", "USD")), (57, 0, 500), "{all:?}");
        assert_eq!(of("provider_clearing:stripe", "USD"), 2000);
        books(&db).await;
    }
);

// The dispute is in dollars, and what Stripe takes for it in euros: that was nowhere in the books.
both_engines!(the_fee_of_a_dispute_in_another_currency_is_booked, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    shop.emulators.control.settle_in("eur", 9_000);
    let payment = create(&shop, order_of("S-2", 2500, "USD")).await;
    let page = shop.begin(&payment, Provider::Stripe).await;
    shop.pay(Provider::Stripe, &page).await;
    shop.payments.look(payment.id).await.unwrap();
    let charge = charge_of(&shop, payment.id).await;
    let id = shop.emulators.control.open_dispute(At::Stripe, &charge, "fraudulent", None).unwrap();
    heard(&shop, &db).await.unwrap();
    let booked = async || {
        let all = db.read(ledger::balances).await.unwrap();
        let of = |account: &str, currency: &str| {
            all.iter().find(|(name, of, _)| name == account && of == currency).map_or(0, |(_, _, sum)| *sum)
        };
        books(&db).await;
        (of("fees", "EUR"), of("fees", "USD"), of("disputes", "USD"), of("disputes", "EUR"))
    };
    // 15 dollars are 13.50 euros.
    assert_eq!(booked().await, (57 + 1350, 0, 2500, 0));
    let dispute = shop.payments.dispute(&format!("stripe.{id}")).await.unwrap();
    assert_eq!((dispute.withdrawn, dispute.fee), (2500, 0), "a row says what is in its own currency");
    let compared = async || {
        let day = shop.payments.reconcile(Provider::Stripe, payment.created_at).await.unwrap();
        assert_eq!(day.differences, 0, "{:?}", shop.payments.differences().await);
    };
    compared().await;
    shop.emulators.control.close_dispute(&id, storeward_emulators::Verdict::Won);
    heard(&shop, &db).await.unwrap();
    assert_eq!(booked().await, (57, 0, 0, 0));
    compared().await;
});

// Stripe copies no word of ours to a refund that was made in its own pages.
both_engines!(a_refund_made_by_hand_is_found_without_its_message, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("H-1", 1999, Provider::Stripe).await;
    let charge = charge_of(&shop, paid.id).await;
    let refund = shop.emulators.control.refund_charge(&charge, Some(700)).unwrap();
    for _ in 0..2 {
        let compared = shop.payments.reconcile(Provider::Stripe, db.clock.now()).await.unwrap();
        assert_eq!((compared.compared, compared.differences), (2, 0));
    }
    let whole = shop.payments.whole(paid.id).await.unwrap().unwrap();
    assert_eq!((whole.payment.state, whole.payment.refunded), (State::PartiallyRefunded, 700));
    assert_eq!(whole.refunds.iter().map(|one| one.reference.clone()).collect::<Vec<_>>(), [refund]);
    assert_eq!(account(&books(&db).await, "refunds"), 700);
});

// What other programs give back on the same account is nobody's here.
both_engines!(a_refund_of_others_is_no_difference, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    shop.paid("H-2", 1999, Provider::Stripe).await;
    let other = shop.create("H-3", 500).await;
    let page = shop.begin(&other, Provider::Stripe).await;
    shop.pay(Provider::Stripe, &page).await;
    let intent = shop.emulators.control.object(At::Stripe, "checkout.session", &page).unwrap();
    let intent = intent["payment_intent"].as_str().unwrap().to_owned();
    let intent = shop.emulators.control.object(At::Stripe, "payment_intent", &intent).unwrap();
    shop.emulators.control.refund_charge(intent["latest_charge"].as_str().unwrap(), None).unwrap();
    // Its charge is one that was never read here.
    let mut fault = Fault::once(At::Stripe, What::Unavailable, "/v1/checkout/sessions/");
    fault.times = None;
    shop.emulators.control.fault(fault);
    shop.payments.reconcile(Provider::Stripe, db.clock.now()).await.unwrap();
    let told: Vec<_> = shop.payments.differences().await.unwrap().into_iter().map(|one| one.there).collect();
    assert_eq!(told, [Some(500)], "the charge alone, which says whose it is");
});

// A shop that sells elsewhere, too, or pays with the same account: each of it was told as money of which the books know nothing.
both_engines!(what_others_move_on_the_same_paypal_account_is_no_difference, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("O-1", 1999, Provider::PayPal).await;
    for (minor, word) in [(700, Some("invoice 55")), (800, None), (-900, None)] {
        shop.emulators.control.moved_elsewhere(minor, "EUR", word);
    }
    let day = async || shop.payments.reconcile(Provider::PayPal, db.clock.now()).await.unwrap();
    let compared = day().await;
    assert_eq!((compared.compared, compared.differences), (1, 0), "{:?}", shop.payments.differences().await);
    // What says that it is a payment of ours is ours, also where nobody here knows it.
    let mut other = paid.id.text();
    other.replace_range(4..5, "7");
    shop.emulators.control.moved_elsewhere(900, "EUR", Some(&other));
    assert_eq!(day().await.differences, 1);
    let told: Vec<_> =
        shop.payments.differences().await.unwrap().into_iter().map(|one| (one.what, one.there)).collect();
    assert_eq!(told, [("missing_here".to_owned(), Some(900))]);
});

// Nobody listened for two days: what was taken and given back stands in the provider's list of another day than in ours.
both_engines!(what_was_heard_of_days_later_is_no_difference, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let taken = create(&shop, order_of("L-1", 1999, "EUR")).await;
    let page = shop.begin(&taken, Provider::Stripe).await;
    shop.pay(Provider::Stripe, &page).await;
    let back = shop.paid("L-2", 1999, Provider::PayPal).await;
    let capture = charge_of(&shop, back.id).await;
    shop.emulators.control.refund_capture(&capture, Some(700)).unwrap();
    later(&shop, &db, HOUR * 48);
    for id in [taken.id, back.id] {
        shop.payments.look(id).await.unwrap();
    }
    assert_eq!(shop.payments.find(taken.id).await.unwrap().unwrap().state, State::Captured);
    assert_eq!(shop.payments.find(back.id).await.unwrap().unwrap().refunded, 700);
    let now = db.clock.now();
    for provider in [Provider::Stripe, Provider::PayPal] {
        for at in [taken.created_at, now] {
            let day = shop.payments.reconcile(provider, at).await.unwrap();
            assert_eq!(day.differences, 0, "{:?}", shop.payments.differences().await);
        }
    }
    // What the provider does not know is told.
    let others = Emulators::start(Options::default()).await.unwrap();
    others.control.advance_s(50 * 3600);
    let other = Shop::at(&db, others, "", "", "http://127.0.0.1:9/nobody").await;
    for provider in [Provider::Stripe, Provider::PayPal] {
        assert_eq!(other.payments.reconcile(provider, now).await.unwrap().differences, 1, "{provider}");
    }
    let told = other.payments.differences().await.unwrap();
    let mut told: Vec<_> = told.into_iter().map(|one| (one.what, one.here)).collect();
    told.sort();
    assert_eq!(told, [("missing_there".to_owned(), Some(700)), ("missing_there".to_owned(), Some(1999))]);
    // And settled, once it is shown.
    for provider in [Provider::Stripe, Provider::PayPal] {
        shop.payments.reconcile(provider, now).await.unwrap();
    }
    assert!(shop.payments.differences().await.unwrap().is_empty());
});

// A key that may not read Stripe's events hides nothing of PayPal's, and what came meanwhile is read once it may.
both_engines!(one_providers_refusal_hides_nothing_of_the_others, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (here, there) =
        (shop.paid("G-1", 1999, Provider::Stripe).await, shop.paid("G-2", 1999, Provider::PayPal).await);
    heard(&shop, &db).await.unwrap();
    let open = async |at, payment, reason| {
        shop.emulators.control.open_dispute(at, &charge_of(&shop, payment).await, reason, None).unwrap()
    };
    let at_stripe = open(At::Stripe, here.id, "fraudulent").await;
    let at_paypal = open(At::Paypal, there.id, "UNAUTHORISED").await;
    let mut fault = Fault::once(At::Stripe, What::Forbidden, "/v1/events");
    fault.times = None;
    shop.emulators.control.fault(fault);
    assert!(matches!(heard(&shop, &db).await, Err(Error::NotReached { .. })));
    shop.payments.dispute(&format!("paypal.{at_paypal}")).await.unwrap();
    shop.emulators.control.clear_faults();
    later(&shop, &db, HOUR * 9);
    heard(&shop, &db).await.unwrap();
    shop.payments.dispute(&format!("stripe.{at_stripe}")).await.unwrap();
});

both_engines!(one_dispute_that_cannot_be_read_hides_no_other, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let mut all = Vec::new();
    for order in ["U-1", "U-2", "U-3"] {
        let paid = shop.paid(order, 1999, Provider::PayPal).await;
        let charge = charge_of(&shop, paid.id).await;
        all.push(shop.emulators.control.open_dispute(At::Paypal, &charge, "UNAUTHORISED", None).unwrap());
    }
    // The first and the last of the list: whoever stops there has not read the rest.
    for id in [&all[0], &all[2]] {
        let mut fault = Fault::once(At::Paypal, What::ErrorBefore, &format!("/v1/customer/disputes/{id}"));
        fault.times = None;
        shop.emulators.control.fault(fault);
    }
    assert!(matches!(heard(&shop, &db).await, Err(Error::NotReached { .. })), "it is read again");
    shop.payments.dispute(&format!("paypal.{}", all[1])).await.unwrap();
    shop.emulators.control.clear_faults();
    later(&shop, &db, HOUR * 9);
    heard(&shop, &db).await.unwrap();
    for id in all {
        shop.payments.dispute(&format!("paypal.{id}")).await.unwrap();
    }
});

// Eight in a row that PayPal never shows were the end of the list, each hour anew: those behind them were never read.
both_engines!(disputes_that_can_never_be_read_hide_none_behind_them, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let mut all = Vec::new();
    for order in 0..18 {
        let paid = shop.paid(&format!("V-{order}"), 1999, Provider::PayPal).await;
        let charge = charge_of(&shop, paid.id).await;
        all.push(shop.emulators.control.open_dispute(At::Paypal, &charge, "UNAUTHORISED", None).unwrap());
    }
    // All but one before and one behind the others, whichever end the list begins at.
    let (shown, hidden) = ([&all[0], &all[17]], &all[1..17]);
    let hide = |id: &String| {
        let mut fault = Fault::once(At::Paypal, What::ErrorBefore, &format!("/v1/customer/disputes/{id}"));
        fault.times = None;
        shop.emulators.control.fault(fault);
    };
    hidden.iter().for_each(hide);
    let unread = async || {
        let open = shop.payments.differences().await.unwrap();
        open.into_iter().filter(|one| one.what == "not_read").map(|one| one.reference).collect::<Vec<_>>()
    };
    // A round that found new ones that it could not read has failed, and is tried again at once.
    let mut rounds = 0;
    while heard(&shop, &db).await.is_err() {
        rounds += 1;
        assert!(rounds < 4, "it has an end");
    }
    for id in shown {
        shop.payments.dispute(&format!("paypal.{id}")).await.unwrap();
    }
    assert_eq!(unread().await.len(), 16);
    let count = async || told(&db).await.iter().filter(|kind| **kind == "payment.difference").count();
    let before = count().await;
    assert_eq!(before, 16, "each once");
    for _ in 0..3 {
        later(&shop, &db, HOUR);
        heard(&shop, &db).await.unwrap();
    }
    assert_eq!(count().await, before);
    // Whichever of them the provider shows some day is read: each has its turn.
    shop.emulators.control.clear_faults();
    hidden.iter().filter(|id| **id != all[9]).for_each(hide);
    for _ in 0..4 {
        later(&shop, &db, HOUR);
        heard(&shop, &db).await.unwrap();
    }
    shop.payments.dispute(&format!("paypal.{}", all[9])).await.unwrap();
    let left = unread().await;
    assert!(left.len() == 15 && !left.contains(&all[9]), "{left:?}");
    // What the list no longer has is nobody's to read.
    shop.emulators.control.clear_faults();
    later(&shop, &db, HOUR * 24 * 31);
    heard(&shop, &db).await.unwrap();
    assert!(unread().await.is_empty());
});

// What the hourly list told names no payment, and the day's movements no dispute: eight that are told were asked for first, each day anew.
both_engines!(a_day_is_compared_behind_disputes_that_the_hourly_list_told, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let open = async |order: &str| {
        let paid = shop.paid(order, 1999, Provider::PayPal).await;
        let charge = charge_of(&shop, paid.id).await;
        shop.emulators.control.open_dispute(At::Paypal, &charge, "UNAUTHORISED", None).unwrap()
    };
    let hide = |id: &String| {
        let mut fault = Fault::once(At::Paypal, What::ErrorBefore, &format!("/v1/customer/disputes/{id}"));
        fault.times = None;
        shop.emulators.control.fault(fault);
    };
    open("T-shown").await;
    for order in 0..24 {
        hide(&open(&format!("T-{order}")).await);
    }
    while heard(&shop, &db).await.is_err() {}
    let count = async || told(&db).await.iter().filter(|kind| **kind == "payment.difference").count();
    assert_eq!(count().await, 24);
    for _ in 0..2 {
        let day = shop.payments.reconcile(Provider::PayPal, db.clock.now()).await.unwrap();
        assert_eq!((day.differences, day.unread), (0, 24), "only what is told is not read");
    }
    // The other way round: what the day told first is not told again.
    hide(&open("T-late").await);
    assert_eq!(shop.payments.reconcile(Provider::PayPal, db.clock.now()).await.unwrap().differences, 1);
    later(&shop, &db, HOUR);
    heard(&shop, &db).await.unwrap();
    assert_eq!(count().await, 25);
});

// One line that cannot be read, and the whole day was not compared.
both_engines!(a_line_that_cannot_be_read_holds_no_other_up, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for order in ["Z-1", "Z-2"] {
        shop.paid(order, 1999, Provider::PayPal).await;
    }
    // Another's, of which nobody here knows anything.
    shop.emulators.control.moved_elsewhere(700, "EUR", Some("invoice 56"));
    let first = shop.payments.of_order("Z-1").await.unwrap().remove(0).id;
    let capture = shop.payments.whole(first).await.unwrap().unwrap().captures[0].reference.clone();
    let (name, hides) = (capture.clone(), Arc::new(AtomicBool::new(false)));
    let hidden = Arc::clone(&hides);
    shop.emulators.control.shape_list(move |line: &mut Value| {
        if line["transaction_id"] == name.as_str() {
            line["transaction_amount"]["value"] = "much".into();
            if hidden.load(Ordering::Relaxed) {
                line["transaction_id"] = Value::Null;
            }
        }
    });
    let open = async || {
        let open = shop.payments.differences().await.unwrap();
        open.into_iter().map(|one| (one.what, one.reference)).collect::<Vec<_>>()
    };
    let day = shop.payments.reconcile(Provider::PayPal, db.clock.now()).await.unwrap();
    assert_eq!((day.differences, day.unread_lines, day.unread), (1, 1, 0), "{:?}", open().await);
    assert_eq!(open().await, [("line_not_read".to_owned(), capture.clone())]);
    // Told once; and one that has no name, too.
    hides.store(true, Ordering::Relaxed);
    for differences in [1, 0] {
        let day = shop.payments.reconcile(Provider::PayPal, db.clock.now()).await.unwrap();
        assert_eq!((day.differences, day.unread_lines), (differences, 1), "{:?}", open().await);
    }
    // Once they are read they are settled.
    shop.emulators.control.shape_list(|_| {});
    shop.payments.reconcile(Provider::PayPal, db.clock.now()).await.unwrap();
    assert_eq!(open().await, []);
});

// More events in one stretch than a list has pages: nothing behind it was ever read.
both_engines!(a_stretch_with_too_many_events_is_read_in_halves, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.create("T-1", 1999).await;
    let busy = Recorder::start().unwrap();
    let text = section_text(&shop.emulators, shop.folder.path(), &shop.webhook_id, "", "");
    let section: PaymentsSection =
        toml::from_str(&text.replace(&shop.emulators.stripe.address, &busy.url())).unwrap();
    let payments = Payments::open(parts(&db, section.settings(shop.folder.path()).unwrap()));
    let event = "{\"object\":\"list\",\"data\":[{\"id\":\"evt_1\",\"type\":\"x\"}],\"has_more\":true}";
    for _ in 0..200 {
        busy.answer_next(Answer::new(200, event).header("content-type", "application/json"));
    }
    let none = "{\"object\":\"list\",\"data\":[],\"has_more\":false}";
    busy.answer_otherwise(Answer::new(200, none).header("content-type", "application/json"));
    db.clock.advance(HOUR * 8);
    payments.fill_gaps().await.unwrap();
    // From when until when each list was asked for, in seconds from the first payment on.
    let from = paid.created_at.seconds();
    let mut asked: Vec<(i64, Option<i64>)> = Vec::new();
    for request in busy.requests().iter().filter(|one| one.target.starts_with("/v1/events")) {
        let number = |name: &str| {
            let (_, rest) = request.target.split_once(name)?;
            rest.split('&').next().unwrap().parse::<i64>().ok().map(|at| at - from)
        };
        let stretch = (number("created[gte]=").unwrap(), number("created[lt]="));
        if asked.last() != Some(&stretch) {
            asked.push(stretch);
        }
    }
    let hours = |count: i64| count * 3600;
    let halves =
        [(0, None), (0, Some(hours(4))), (0, Some(hours(2))), (hours(2), Some(hours(6))), (hours(6), None)];
    assert_eq!(asked, halves);
});

// Down for days: lists are read from where the last good reading ended, whatever somebody writes there.
both_engines!(what_came_while_nobody_listened_is_found, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (here, there) =
        (shop.paid("W-1", 1999, Provider::Stripe).await, shop.paid("W-2", 1999, Provider::PayPal).await);
    heard(&shop, &db).await.unwrap();
    for round in 0..2 {
        let (at, payment, reason) = if round == 0 {
            (At::Stripe, here.id, "fraudulent")
        } else {
            (At::Paypal, there.id, "UNAUTHORISED")
        };
        let charge = charge_of(&shop, payment).await;
        let id = shop.emulators.control.open_dispute(at, &charge, reason, None).unwrap();
        later(&shop, &db, HOUR * 24 * 5);
        if round == 1 {
            let changed = "UPDATE payment_inbox SET received_at = received_at + 432000000000, done_at = 0 WHERE event = 'storeward.list_read'";
            db.raw(changed);
        }
        heard(&shop, &db).await.unwrap();
        let word = if round == 0 { "stripe" } else { "paypal" };
        shop.payments.dispute(&format!("{word}.{id}")).await.unwrap();
    }
});

fn hook(name: &str, shops: &Recorder) -> String {
    format!(
        "[[hook]]\nname = '{name}'\nurl = '{}/news'\nsecret_file = 'hook'\ninternal = true\n",
        shops.url()
    )
}

both_engines!(news_that_was_taken_late_is_no_difference_any_more, MIGRATIONS, async |db| {
    let shops = Recorder::start().unwrap();
    shops.answer_otherwise(Answer::new(500, "not now"));
    let shop = Shop::with(&db, "", &hook("shop", &shops)).await;
    let paid = shop.paid("N-1", 1999, Provider::Stripe).await;
    let compare = async || shop.payments.reconcile(Provider::Stripe, paid.created_at).await.unwrap();
    let open = async || {
        shop.payments.differences().await.unwrap().into_iter().map(|one| one.what).collect::<Vec<_>>()
    };
    compare().await;
    assert_eq!(open().await, ["shop_not_told"]);
    shops.answer_otherwise(Answer::new(200, ""));
    let till = Till::open(free_address(), &shop.payments, &db).await;
    let is_taken = async || {
        let whole = shop.payments.whole(paid.id).await.unwrap().unwrap();
        whole.news.iter().all(|one| one.taken_at.is_some())
    };
    while !is_taken().await {
        db.clock.advance(Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(open().await.is_empty(), "at once");
    drop(till);
    // One of an earlier version, which settled none.
    db.raw("UPDATE payment_difference SET settled_at = NULL");
    assert_eq!(open().await, ["shop_not_told"]);
    compare().await;
    assert!(open().await.is_empty(), "with the next comparison");
});

// An address that hangs delays its own news alone.
both_engines!(a_hook_that_hangs_delays_no_other, MIGRATIONS, async |db| {
    let (hangs, takes) = (Recorder::start().unwrap(), Recorder::start().unwrap());
    hangs.answer_otherwise(Answer::new(200, "").after(Duration::from_secs(8)));
    let hooks = format!("{}{}", hook("hangs", &hangs), hook("takes", &takes));
    let shop = Shop::with(&db, "", &hooks).await;
    let mut all = Vec::new();
    for order in 0..8 {
        all.push(shop.paid(&format!("L-{order}"), 1999, Provider::Stripe).await.id);
    }
    let till = Till::open(free_address(), &shop.payments, &db).await;
    let taken = async |hook: &str| {
        let mut count = 0;
        for id in &all {
            let whole = shop.payments.whole(*id).await.unwrap().unwrap();
            count += whole.news.iter().filter(|one| one.hook == hook && one.tries > 0).count();
        }
        count
    };
    while taken("takes").await < all.len() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(taken("hangs").await, 0, "all of the others' went before one of these ended");
    drop(till);
});
