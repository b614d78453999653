//! Disputes: what is gathered, sent once, conceded, told in time, booked; and attacked.

use std::time::Duration;

use serde_json::Value;
use storeward_base::{Actor, Clock};
use storeward_emulators::{Fault, Provider as At, Verdict, What};
use storeward_payments::desk::{Dispute, FactKind, Reply};
use storeward_payments::{Error, MIGRATIONS, Provider};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::http::{HeaderMap, HeaderName, HeaderValue};

use crate::support::{Shop, books, ledger_text, told, wish};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Both clocks go on.
pub fn later(shop: &Shop, db: &TestDb, span: Duration) {
    db.clock.advance(span);
    shop.emulators.control.advance_s(i64::try_from(span.as_secs()).unwrap());
}

/// A paid payment whose buyer disputes it, read by the round that finds it in the provider's list.
pub async fn disputed(shop: &Shop, db: &TestDb, order: &str, provider: Provider) -> (Dispute, String) {
    let paid = shop.paid(order, 1999, provider).await;
    let paid = shop.payments.look(paid.id).await.unwrap();
    let whole = shop.payments.whole(paid.id).await.unwrap().unwrap();
    let (at, reason) = match provider {
        Provider::Stripe => (At::Stripe, "fraudulent"),
        Provider::PayPal => (At::Paypal, "UNAUTHORISED"),
    };
    let captured = &whole.captures[0].reference;
    let id = shop.emulators.control.open_dispute(at, captured, reason, None).unwrap();
    hear(shop, db).await;
    let found = shop.payments.dispute(&format!("{}.{id}", provider.word())).await.unwrap();
    (found, id)
}

/// As if each message had come: by the providers' own lists.
pub async fn hear(shop: &Shop, db: &TestDb) {
    let till = crate::till::Till::open(crate::till::free_address(), &shop.payments, db).await;
    shop.payments.fill_gaps().await.unwrap();
    for _ in 0..2400 {
        if shop.payments.waiting().await.unwrap() == 0 {
            drop(till);
            return;
        }
        later(shop, db, Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("messages are never worked on");
}

fn account(books: &[(String, i64)], name: &str) -> i64 {
    books.iter().find(|(account, _)| account == name).map_or(0, |(_, sum)| *sum)
}

pub fn at_the_provider(shop: &Shop, dispute: &Dispute) -> Value {
    let at = match dispute.provider {
        Provider::Stripe => At::Stripe,
        Provider::PayPal => At::Paypal,
    };
    shop.emulators.control.object(at, "dispute", &dispute.reference).unwrap()
}

both_engines!(evidence_is_gathered_seen_and_sent_once, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for provider in [Provider::Stripe, Provider::PayPal] {
        let (dispute, _) = disputed(&shop, &db, provider.word(), provider).await;
        assert_eq!((dispute.state.as_str(), dispute.amount, dispute.withdrawn), ("open", 1999, 1999));
        assert!(dispute.due_at.is_some() && dispute.checks.is_some(), "{dispute:?}");
        let id = dispute.id();
        let before = shop.payments.pack(&id).await.unwrap();
        for (kind, text) in [
            (FactKind::TrackingNumber, "JJD000390007882"),
            (FactKind::Carrier, "DHL"),
            (FactKind::ShippedTo, "Ada Lovelace, 12 St James's Square, London"),
        ] {
            shop.payments.add_fact(Actor::Operator, &id, kind, text).await.unwrap();
        }
        let pack = shop.payments.pack(&id).await.unwrap();
        let text = pack.text();
        for wanted in ["JJD000390007882", "The buyer went to", "The dispute was opened", provider.word()] {
            assert!(text.to_lowercase().contains(&wanted.to_lowercase()), "{wanted}: {text}");
        }
        // What was looked at is what goes out, or nothing does.
        let stale = shop.payments.send_evidence(Actor::Operator, &id, &before.digest()).await;
        assert_eq!(stale.unwrap_err(), Error::OtherPack);
        assert_eq!(shop.payments.dispute(&id).await.unwrap().answer, Reply::None);
        let sent = shop.payments.send_evidence(Actor::Operator, &id, &pack.digest()).await.unwrap();
        assert_eq!((sent.answer, sent.digest), (Reply::Sent, Some(pack.digest())));
        let there = at_the_provider(&shop, &dispute);
        assert!(there.to_string().contains("JJD000390007882"), "{there}");
        // A second time, by whatever way, nothing goes out.
        for _ in 0..2 {
            let again = shop.payments.send_evidence(Actor::Operator, &id, &pack.digest()).await;
            assert_eq!(again.unwrap_err(), Error::Dispute("has an answer already"));
        }
        assert!(shop.payments.concede(Actor::Operator, &id).await.is_err());
        let late = shop.payments.add_fact(Actor::Operator, &id, FactKind::Terms, "late").await;
        assert_eq!(late.unwrap_err(), Error::Dispute("has an answer already"));
    }
    // Stripe may have decided by now.
    let stripes = shop.payments.disputes(None, 50).await.unwrap();
    let stripes = stripes.iter().find(|one| one.provider == Provider::Stripe).unwrap();
    assert_eq!(at_the_provider(&shop, stripes)["evidence_details"]["submission_count"], 1);
    // Nothing of what the evidence holds is in the ledger.
    let ledger = ledger_text(&db).await;
    for secret in ["JJD000", "Lovelace", "ada@", "St James"] {
        assert!(!ledger.contains(secret), "{secret}");
    }
});

both_engines!(what_a_dispute_moves_stands_in_the_books, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (order, verdict, held, fee) in
        [("B-1", Verdict::Won, 0, 0), ("B-2", Verdict::Lost, 1999, 1500), ("B-3", Verdict::Won, 1999, 1500)]
    {
        let fees = account(&books(&db).await, "fees");
        let (dispute, id) = disputed(&shop, &db, order, Provider::Stripe).await;
        assert_eq!((dispute.withdrawn, dispute.fee), (1999, 1500));
        shop.emulators.control.close_dispute(&id, verdict);
        hear(&shop, &db).await;
        let after = shop.payments.dispute(&dispute.id()).await.unwrap();
        assert_eq!(after.state, if verdict == Verdict::Won { "won" } else { "lost" });
        let books = books(&db).await;
        assert_eq!(account(&books, "disputes"), held, "{order}");
        assert!(account(&books, "fees") >= fees, "{order}");
        assert_eq!(after.fee, fee.min(after.withdrawn), "{order}");
        // Heard once more, and late: nothing moves twice.
        hear(&shop, &db).await;
        assert_eq!(account(&crate::support::books(&db).await, "disputes"), held, "{order}");
    }
    let (dispute, id) = disputed(&shop, &db, "B-4", Provider::PayPal).await;
    shop.emulators.control.close_dispute(&id, Verdict::Lost);
    hear(&shop, &db).await;
    assert_eq!(shop.payments.dispute(&dispute.id()).await.unwrap().state, "lost");
    assert_eq!(account(&books(&db).await, "disputes"), 1999 * 2);
});

// PayPal settled it for a part: the books said that all of it was gone, and no more of it could be given back.
both_engines!(a_dispute_that_paypal_settled_for_a_part_took_that_part, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (dispute, id) = disputed(&shop, &db, "P-1", Provider::PayPal).await;
    assert_eq!(account(&books(&db).await, "disputes"), 1999);
    shop.emulators.control.settle_dispute(&id, 500).unwrap();
    hear(&shop, &db).await;
    let after = shop.payments.dispute(&dispute.id()).await.unwrap();
    assert_eq!((after.state.as_str(), after.amount, after.withdrawn), ("lost", 1999, 500));
    assert_eq!(account(&books(&db).await, "disputes"), 500);
    let paid = shop.payments.find(dispute.payment).await.unwrap().unwrap();
    assert_eq!(paid.refundable(), 1499);
    assert_eq!(shop.payments.reconcile(Provider::PayPal, db.clock.now()).await.unwrap().differences, 0);
});

// The shop gave the order up when the bank took the money. The bank gave it back, and nobody looked at the order again.
both_engines!(money_of_a_dispute_that_was_won_is_the_buyers_where_the_shop_gave_up, MIGRATIONS, async |db| {
    use crate::orders::{HALF_AN_HOUR, found, one, says};
    let shop = Shop::new(&db).await;
    let (_, id) = disputed(&shop, &db, "W-1", Provider::Stripe).await;
    says(&shop, &db, &[("W-1", 1999, storeward_payments::orders::OrderState::Refunded)]).await;
    db.clock.advance(HALF_AN_HOUR);
    assert_eq!(found(&shop.payments).await, []);
    shop.emulators.control.close_dispute(&id, Verdict::Won);
    hear(&shop, &db).await;
    db.clock.advance(HALF_AN_HOUR);
    assert_eq!(found(&shop.payments).await, [one("payment_not_refunded", "W-1", 0, 1999)]);
});

both_engines!(giving_in_loses_at_once_and_for_good, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for provider in [Provider::Stripe, Provider::PayPal] {
        let (dispute, id) = disputed(&shop, &db, provider.word(), provider).await;
        let after = shop.payments.concede(Actor::Operator, &dispute.id()).await.unwrap();
        assert_eq!((after.answer, after.state.as_str()), (Reply::Conceded, "lost"), "{after:?}");
        let again = shop.payments.concede(Actor::Operator, &dispute.id()).await;
        assert_eq!(again.unwrap_err(), Error::Dispute("is over"));
        let there = at_the_provider(&shop, &dispute);
        assert!(there["status"] == "lost" || there["status"] == "RESOLVED", "{id}: {there}");
    }
});

both_engines!(the_time_to_answer_is_told_and_nothing_is_sent_behind_it, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (dispute, _) = disputed(&shop, &db, "T-1", Provider::PayPal).await;
    let due = dispute.due_at.unwrap();
    let count = async || told(&db).await.iter().filter(|kind| **kind == "payment.dispute_due").count();
    // Three days before, one day before, and when it is over; each once.
    for (left, expected) in [(DAY * 4, 0), (DAY * 2, 1), (DAY / 2, 2), (Duration::ZERO, 3)] {
        let span = due.since(db.clock.now()).saturating_sub(left);
        later(&shop, &db, span + Duration::from_secs(if left.is_zero() { 5 } else { 0 }));
        for _ in 0..3 {
            shop.payments.round().await.unwrap();
        }
        assert_eq!(count().await, expected, "{left:?}");
    }
    let pack = shop.payments.pack(&dispute.id()).await.unwrap();
    let refused = shop.payments.send_evidence(Actor::Operator, &dispute.id(), &pack.digest()).await;
    assert!(matches!(refused, Err(Error::Dispute(_))), "{refused:?}");
    // With our own clock behind, the provider refuses, and the person may try again.
    db.raw(&format!(
        "UPDATE payment_dispute SET due_at = {} WHERE reference = '{}'",
        db.clock.now().plus(DAY).micros(),
        dispute.reference
    ));
    let refused = shop.payments.send_evidence(Actor::Operator, &dispute.id(), &pack.digest()).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    let after = shop.payments.dispute(&dispute.id()).await.unwrap();
    assert_eq!(after.answer, Reply::None);
    assert!(after.code.is_some());
});

// The answer was lost on its way back: nobody knows, so the provider is asked, and nothing goes out twice.
both_engines!(an_answer_that_was_not_answered_is_found_out_about, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (provider, at) in [(Provider::Stripe, At::Stripe), (Provider::PayPal, At::Paypal)] {
        for (what, is_done) in [
            (What::DropAfter, true),
            (What::ErrorAfter, true),
            (What::DropBefore, false),
            (What::ErrorBefore, false),
        ] {
            let order = format!("{}-{what:?}", provider.word());
            let (dispute, _) = disputed(&shop, &db, &order, provider).await;
            let pack = shop.payments.pack(&dispute.id()).await.unwrap();
            let mut fault = Fault::once(at, what, "disputes");
            fault.method = "POST".to_owned();
            shop.emulators.control.fault(fault);
            let sent =
                shop.payments.send_evidence(Actor::Operator, &dispute.id(), &pack.digest()).await.unwrap();
            assert_eq!(sent.answer, Reply::Sending, "{order}");
            let again = shop.payments.send_evidence(Actor::Operator, &dispute.id(), &pack.digest()).await;
            assert_eq!(again.unwrap_err(), Error::Dispute("has an answer already"), "{order}");
            // Not so long that the bank decides.
            db.clock.advance(Duration::from_secs(120));
            shop.payments.round().await.unwrap();
            let after = shop.payments.dispute(&dispute.id()).await.unwrap();
            assert_eq!(after.answer, if is_done { Reply::Sent } else { Reply::None }, "{order}: {after:?}");
        }
    }
});

/// A message of Stripe's, well signed, about a dispute.
async fn message(shop: &Shop, db: &TestDb, event: &str, dispute: &str, intent: &str) {
    let body = format!(
        r#"{{"id":"{event}","object":"event","type":"charge.dispute.created","livemode":false,"data":{{"object":{{"id":"{dispute}",
        "object":"dispute","payment_intent":"{intent}","amount":1999,"currency":"eur","status":"lost"}}}}}}"#
    );
    let seconds = db.clock.now().seconds();
    let key = shop.stripe_secret.as_bytes();
    let mark = storeward_seal::fingerprint::hmac_sha256(key, format!("{seconds}.{body}").as_bytes());
    let line = format!("t={seconds},v1={}", storeward_seal::encoding::hex(&mark));
    let headers: HeaderMap =
        [(HeaderName::from_static("stripe-signature"), HeaderValue::from_str(&line).unwrap())]
            .into_iter()
            .collect();
    shop.payments.receive(Provider::Stripe, &headers, body.as_bytes()).await.unwrap();
}

// A dispute about somebody else's charge, in a message that names our payment; and one that does not exist.
both_engines!(a_dispute_of_others_is_nobodys_here, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (first, _) = disputed(&shop, &db, "F-1", Provider::Stripe).await;
    let second = shop.paid("F-2", 1999, Provider::Stripe).await;
    let whole = shop.payments.whole(second.id).await.unwrap().unwrap();
    let charge = whole.captures[0].reference.clone();
    let intent = shop.emulators.control.object(At::Stripe, "charge", &charge).unwrap();
    let intent = intent["payment_intent"].as_str().unwrap().to_owned();
    // The first one's dispute, said to be about the second payment.
    message(&shop, &db, "evt_foreign", &first.reference, &intent).await;
    message(&shop, &db, "evt_invented", "du_1invented", &intent).await;
    hear(&shop, &db).await;
    let whole = shop.payments.whole(second.id).await.unwrap().unwrap();
    assert!(whole.disputes.is_empty(), "{:?}", whole.disputes);
    let first = shop.payments.dispute(&first.id()).await.unwrap();
    assert_eq!(first.state, "open", "what a message says is not believed");
    assert_eq!(account(&books(&db).await, "disputes"), 1999);
    for wrong in ["", "stripe", "stripe.", "other.du_1", "stripe.du_1/../x", "paypal.du_1invented"] {
        assert_eq!(shop.payments.pack(wrong).await.unwrap_err(), Error::NoDispute, "{wrong}");
    }
});

both_engines!(a_fact_is_plain_text_and_no_card, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (dispute, _) = disputed(&shop, &db, "N-1", Provider::Stripe).await;
    let id = dispute.id();
    let long = "x".repeat(5001);
    let cards = [
        "card 4242 4242 4242 4242",
        "paid with 4242424242424242 12/29",
        "5555-5555-5555-4444 was it",
        "4242\u{a0}4242\u{a0}4242\u{a0}4242",
        "3782 822463 10005, 4111111111111111",
        // In the dress in which the checkout refuses it.
        "Karte4242424242424242",
        "4242\n4242\n4242\n4242",
        "42424242\u{200b}42424242",
        "4242424242424242-1227",
    ];
    for wrong in ["", "  ", long.as_str(), "a\u{0}b"].into_iter().chain(cards) {
        let refused = shop.payments.add_fact(Actor::Operator, &id, FactKind::Explanation, wrong).await;
        assert!(matches!(refused, Err(Error::Misfit { field: "text", .. })), "{refused:?}");
    }
    // What is no card's number, and a parcel's, which may look like one.
    for (kind, text) in [
        (FactKind::Explanation, "order 1001 of 2026-11-27, 19.99; 4242424242424241"),
        (FactKind::TrackingNumber, "4242424242424242"),
    ] {
        let fact = shop.payments.add_fact(Actor::Operator, &id, kind, text).await.unwrap();
        shop.payments.remove_fact(Actor::Operator, &id, &fact.id).await.unwrap();
    }
    let fact =
        shop.payments.add_fact(Actor::Operator, &id, FactKind::SignIn, "with a passkey").await.unwrap();
    let sealed = db.read(|reader| {
        reader.query_one("SELECT body FROM payment_dispute_fact", &[], |row| row.get::<Vec<u8>>(0))
    });
    let sealed = sealed.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    assert!(!sealed.windows(7).any(|part| part == b"passkey"), "sealed");
    // Of another dispute it cannot be taken away.
    let (other, _) = disputed(&shop, &db, "N-2", Provider::Stripe).await;
    let refused = shop.payments.remove_fact(Actor::Operator, &other.id(), &fact.id).await;
    assert_eq!(refused.unwrap_err(), Error::NoDispute);
    shop.payments.remove_fact(Actor::Operator, &id, &fact.id).await.unwrap();
    assert!(shop.payments.pack(&id).await.unwrap().facts.is_empty());
    shop.payments.refund(other.payment, wish(None)).await.unwrap_err();
});

// No message comes: what the day's lists say is booked, and what cannot be booked is told once, and settled.
both_engines!(disputes_are_compared_every_day, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let compare =
        async |provider| shop.payments.reconcile(provider, db.clock.now()).await.unwrap().differences;
    let open = async |order: &str, provider: Provider, at, reason| {
        let paid = shop.paid(order, 1999, provider).await;
        let paid = shop.payments.look(paid.id).await.unwrap();
        let whole = shop.payments.whole(paid.id).await.unwrap().unwrap();
        (
            paid.id,
            shop.emulators.control.open_dispute(at, &whole.captures[0].reference, reason, None).unwrap(),
        )
    };
    for (provider, at, reason, fee) in [
        (Provider::Stripe, At::Stripe, "fraudulent", 1500),
        (Provider::PayPal, At::Paypal, "UNAUTHORISED", 0),
    ] {
        let before = account(&books(&db).await, "disputes");
        let (payment, id) = open(&format!("Y-{}", provider.word()), provider, at, reason).await;
        assert_eq!(compare(provider).await, 0, "{:?}", shop.payments.differences().await.unwrap());
        let known = shop.payments.dispute(&format!("{}.{id}", provider.word())).await.unwrap();
        assert_eq!((known.payment, known.withdrawn, known.fee), (payment, 1999, fee));
        assert_eq!(account(&books(&db).await, "disputes"), before + 1999);
        // Somebody takes the row away: it is read anew, and the books say it once.
        db.raw(&format!("DELETE FROM payment_dispute WHERE reference = '{id}'"));
        assert_eq!(compare(provider).await, 0);
        assert_eq!(account(&books(&db).await, "disputes"), before + 1999, "not twice");
        // Somebody writes that it is won: the bank's decision is an older picture then, and the books keep what went.
        let write = |to: &str| db.raw(&format!("UPDATE payment_dispute SET {to} WHERE reference = '{id}'"));
        write("state = 'won', movements = 9");
        shop.emulators.control.close_dispute(&id, Verdict::Won);
        assert_eq!((compare(provider).await, compare(provider).await), (1, 0), "told once");
        let told = shop.payments.differences().await.unwrap();
        let told: Vec<_> = told.iter().map(|one| (one.what.as_str(), one.there, one.here)).collect();
        assert_eq!(told, [("amount", Some(0), Some(1999))]);
        write("state = 'open', movements = 0");
        assert_eq!(compare(provider).await, 0);
        assert!(shop.payments.differences().await.unwrap().is_empty(), "settled");
        assert_eq!(account(&books(&db).await, "disputes"), before, "given back");
    }
    // One that the provider does not know, with an entry in the books: nothing of ours makes such a one, so it is a row that is harmed.
    let paid = shop.paid("Y-9", 1999, Provider::Stripe).await;
    for (line, account, amount) in [("l1", "provider_clearing:stripe", -5), ("l2", "disputes", 5)] {
        db.raw(&format!(
            "INSERT INTO payment_posting (id, entry, payment, account, amount, currency, reference, at) \
             VALUES ('{line}', 'e', '{}', '{account}', {amount}, 'EUR', 'du_1invented', {})",
            paid.id,
            db.clock.now().micros()
        ));
    }
    assert!(compare(Provider::Stripe).await > 0);
    let told = shop.payments.differences().await.unwrap();
    assert!(told.iter().any(|one| one.what == "row_harmed" && one.reference == "du_1invented"), "{told:?}");
});

// One that the provider does not show holds none of the others up, and the day is not called compared.
both_engines!(a_dispute_that_cannot_be_read_holds_no_other_up, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let control = &shop.emulators.control;
    let mut all = Vec::new();
    for order in ["U-1", "U-2", "U-3"] {
        let paid = shop.paid(order, 1999, Provider::Stripe).await;
        let whole = shop.payments.whole(paid.id).await.unwrap().unwrap();
        let reference = &whole.captures[0].reference;
        all.push(control.open_dispute(At::Stripe, reference, "fraudulent", None).unwrap());
    }
    all.sort();
    // The first of them: whoever stops there has read none.
    let fault = |what| {
        let mut fault = Fault::once(At::Stripe, what, &format!("/v1/disputes/{}", all[0]));
        fault.method = "GET".to_owned();
        control.fault(fault);
    };
    let compare = async || shop.payments.reconcile(Provider::Stripe, db.clock.now()).await.unwrap();
    let open = async || {
        let told = shop.payments.differences().await.unwrap();
        told.into_iter().map(|one| (one.what, one.reference)).collect::<Vec<_>>()
    };
    for (what, fresh) in [(What::DropBefore, 1), (What::ErrorBefore, 0)] {
        fault(what);
        let day = compare().await;
        assert_eq!((day.differences, day.unread), (fresh, 1), "told once: {:?}", open().await);
        assert_eq!(open().await, [("not_read".to_owned(), all[0].clone())]);
        for id in &all[1..] {
            assert_eq!(shop.payments.dispute(&format!("stripe.{id}")).await.unwrap().withdrawn, 1999);
        }
    }
    let day = compare().await;
    assert_eq!((day.differences, day.unread), (0, 0));
    assert!(open().await.is_empty(), "it was read, and agrees");
    assert_eq!(account(&books(&db).await, "disputes"), 3 * 1999);
});

// Eight in a row that the provider never shows were the end of each day's comparison: those behind them were never held against the books.
both_engines!(a_day_is_compared_to_its_end_behind_disputes_that_are_never_shown, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let control = &shop.emulators.control;
    let mut all = Vec::new();
    for number in 0..18 {
        let paid = shop.paid(&format!("E-{number}"), 1999, Provider::Stripe).await;
        let whole = shop.payments.whole(paid.id).await.unwrap().unwrap();
        let reference = &whole.captures[0].reference;
        all.push(control.open_dispute(At::Stripe, reference, "fraudulent", None).unwrap());
    }
    all.sort();
    let (hidden, shown) = all.split_at(16);
    for id in hidden {
        let mut fault = Fault::once(At::Stripe, What::ErrorBefore, &format!("/v1/disputes/{id}"));
        (fault.times, fault.method) = (None, "GET".to_owned());
        control.fault(fault);
    }
    let compare = async || {
        let day = shop.payments.reconcile(Provider::Stripe, db.clock.now()).await.unwrap();
        (day.differences, day.unread)
    };
    // What was not asked for is no difference yet, and the day is not called whole.
    assert_eq!(compare().await, (8, 18));
    assert_eq!(compare().await, (8, 18));
    assert_eq!(compare().await, (0, 16));
    for id in shown {
        assert_eq!(shop.payments.dispute(&format!("stripe.{id}")).await.unwrap().withdrawn, 1999);
    }
    assert_eq!(account(&books(&db).await, "disputes"), 2 * 1999);
    let mut told: Vec<_> = shop.payments.differences().await.unwrap();
    told.retain(|one| one.what == "not_read");
    let mut told: Vec<_> = told.into_iter().map(|one| one.reference).collect();
    told.sort();
    assert_eq!(told, hidden);
});
