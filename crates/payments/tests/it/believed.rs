//! Somebody who can write to the database, and has no key file: nothing that they write is believed, and all of it is told.

use std::time::Duration;

use storeward_base::{Actor, Clock};
use storeward_events::Event;
use storeward_events::fraud::{ReviewClosed, ReviewOpened};
use storeward_outbound::recorder::Recorder;
use storeward_payments::{
    CaptureMode, Error, MIGRATIONS, NewPayment, Payment, Provider, State, Strength, Unsealed, harmed_rows,
};
use storeward_seal::DataKey;
use storeward_store::testing::TestDb;
use storeward_store::{Engine, both_engines, ledger};

use crate::messages::stripe_message;
use crate::support::{Shop, order_of, wish};
use crate::till::{Till, free_address};

/// Rows that the ledger says were harmed: table, row, how.
pub async fn harms(db: &TestDb) -> Vec<(String, String, String)> {
    let all = db.read(|reader| ledger::read_after(reader, 0, 1000)).await;
    let all = all.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    let found = all.into_iter().filter_map(|(_, record)| match record.event {
        Event::RowHarmed(fact) => Some((fact.table, fact.row, fact.harm)),
        _ => None,
    });
    found.collect()
}

/// Whoever owns the database takes its guards away.
fn open_the_books(db: &TestDb) {
    db.raw(match db.engine() {
        Engine::Sqlite => {
            "DROP TRIGGER IF EXISTS payment_posting_keeps_rows; DROP TRIGGER IF EXISTS payment_posting_keeps_values"
        }
        Engine::Postgres => "DROP FUNCTION payment_posting_refuse() CASCADE",
    });
}

/// Nothing is done with it, whoever asks.
async fn is_refused(shop: &Shop, db: &TestDb, payment: &Payment, what: &str) {
    let harmed =
        |done: Result<Payment, Error>| assert!(matches!(done, Err(Error::Harmed { .. })), "{what}: {done:?}");
    let found = shop.payments.find(payment.id).await;
    assert!(matches!(found, Err(Error::Harmed { .. })), "{what}: {found:?}");
    harmed(shop.payments.refund(payment.id, wish(Some(1))).await);
    harmed(shop.payments.capture(payment.id, wish(None)).await);
    harmed(shop.payments.void(payment.id, wish(None)).await);
    harmed(shop.payments.look(payment.id).await);
    let begun = shop.payments.begin(payment.id, Provider::Stripe, Strength::Usual).await;
    assert!(matches!(begun, Err(Error::Harmed { .. })), "{what}: {begun:?}");
    assert!(matches!(shop.payments.whole(payment.id).await, Err(Error::Harmed { .. })), "{what}");
    let listed = shop.payments.list(None, 50).await.unwrap();
    assert!(listed.iter().all(|one| one.id != payment.id), "{what}: not listed as if it were sound");
    let row = ("payment".to_owned(), payment.id.to_string(), "changed".to_owned());
    let told = harms(db).await;
    assert_eq!(told.iter().filter(|one| **one == row).count(), 1, "{what}: told once: {told:?}");
}

both_engines!(what_somebody_writes_into_a_payment_is_not_believed, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    open_the_books(&db);
    let seal = "UPDATE payment_seal SET tag = (SELECT tag FROM payment_seal WHERE payment = '{other}') WHERE payment = '{id}'";
    let cases = [
        "UPDATE payment SET amount = 100000, authorized = 100000, captured = 100000 WHERE id = '{id}'",
        "UPDATE payment SET refunded = 0, state = 'captured' WHERE id = '{id}'",
        "UPDATE payment SET state = 'refunded' WHERE id = '{id}'",
        "UPDATE payment SET currency = 'KWD' WHERE id = '{id}'",
        "UPDATE payment SET order_id = 'ANOTHER-{n}' WHERE id = '{id}'",
        "UPDATE payment SET unsure = unsure + 1 WHERE id = '{id}'",
        "UPDATE payment SET customer = 'somebody-{n}' WHERE id = '{id}'",
        "UPDATE payment_attempt SET embedded = 1 - embedded WHERE payment = '{id}'",
        "UPDATE payment_capture SET amount = 1 WHERE payment = '{id}'",
        "UPDATE payment_capture SET payment = '{other}' WHERE payment = '{id}'",
        "UPDATE payment_attempt SET reference = 'cs_test_mine{n}' WHERE payment = '{id}'",
        "UPDATE payment_attempt SET inner_reference = 'pi_mine{n}' WHERE payment = '{id}'",
        "UPDATE payment_refund SET capture = NULL WHERE payment = '{id}'",
        "UPDATE payment_refund SET capture = 'ch_another' WHERE payment = '{id}'",
        "DELETE FROM payment_refund WHERE payment = '{id}'",
        "UPDATE payment_call SET amount = 1 WHERE payment = '{id}' AND operation = 'refund'",
        "UPDATE payment_call SET state = 'refused' WHERE payment = '{id}' AND operation = 'refund'",
        "DELETE FROM payment_posting WHERE payment = '{id}' AND amount < 0",
        "UPDATE payment_posting SET amount = amount * 2 WHERE payment = '{id}'",
        "INSERT INTO payment_posting (id, entry, payment, account, amount, currency, reference, at) VALUES ('x{n}', 'x{n}', '{id}', 'fees', 5, 'EUR', 'ch', 1)",
        "DELETE FROM payment_seal WHERE payment = '{id}'",
        seal,
    ];
    let mut all = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let payment = shop.paid(&format!("A-{number}"), 1999, Provider::Stripe).await;
        shop.payments.refund(payment.id, wish(Some(500))).await.unwrap();
        let other = match case.contains("{other}") {
            true => shop.paid(&format!("O-{number}"), 1999, Provider::Stripe).await,
            false => payment.clone(),
        };
        all.push(payment.id.to_string());
        let before = shop.effects("refund").len();
        let sql = case
            .replace("{id}", &payment.id.to_string())
            .replace("{other}", &other.id.to_string())
            .replace("{n}", &number.to_string());
        db.raw(&sql);
        is_refused(&shop, &db, &payment, case).await;
        assert_eq!(shop.effects("refund").len(), before, "{case}");
        if case.contains("SET payment = '{other}'") {
            let found = shop.payments.find(other.id).await;
            assert!(matches!(found, Err(Error::Harmed { .. })), "it fits neither of the two");
        }
    }
    let named = shop.payments.look_at_rows().await.unwrap();
    assert!(all.iter().all(|id| named.iter().any(|one| one.row == *id)), "{named:?}");
});

// What nobody paid is made to look paid: the shop would send the goods.
both_engines!(what_was_not_paid_does_not_become_paid, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let open = shop.create("P-1", 1999).await;
    db.raw(&format!(
        "UPDATE payment SET state = 'captured', authorized = amount, captured = amount WHERE id = '{}'",
        open.id
    ));
    is_refused(&shop, &db, &open, "captured").await;
    assert!(matches!(shop.payments.of_order("P-1").await, Err(Error::Harmed { .. })));
    // The janitor goes on with the others, however often it meets that one.
    let other = shop.create("P-2", 1999).await;
    let page = shop.begin(&other, Provider::Stripe).await;
    shop.pay(Provider::Stripe, &page).await;
    for _ in 0..3 {
        db.clock.advance(Duration::from_secs(4000));
        shop.payments.round().await.unwrap();
    }
    assert_eq!(shop.payments.find(other.id).await.unwrap().unwrap().state, State::Captured);
});

// A call that nobody ordered: the janitor asks about it and sends nothing.
both_engines!(a_refund_that_somebody_wrote_into_the_log_is_not_sent, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("C-1", 1999, Provider::Stripe).await;
    let whole = shop.payments.whole(paid.id).await.unwrap().unwrap();
    db.raw(&format!(
        "INSERT INTO payment_call (key, payment, attempt, operation, provider, amount, target, state, sends, first_sent_at, last_sent_at) \
         VALUES ('invented', '{}', 1, 'refund', 'stripe', 1999, '{}', 'sent', 1, {at}, {at})",
        paid.id,
        whole.captures[0].reference,
        at = paid.created_at.micros()
    ));
    for _ in 0..3 {
        db.clock.advance(Duration::from_secs(4000));
        shop.payments.round().await.unwrap();
    }
    assert!(shop.effects("refund").is_empty(), "{:?}", shop.effects("refund"));
    is_refused(&shop, &db, &paid, "a call").await;
});

// News are signed with the shop's secret: one that somebody wrote is not.
both_engines!(news_that_somebody_wrote_are_not_signed, MIGRATIONS, async |db| {
    let shops = Recorder::start().unwrap();
    let hook = format!(
        "[[hook]]\nname = 'shop'\nurl = '{}/news'\nsecret_file = 'hook'\ninternal = true",
        shops.url()
    );
    let shop = Shop::with(&db, "", &hook).await;
    let paid = shop.paid("N-1", 1999, Provider::Stripe).await;
    let good = shop.paid("N-2", 1999, Provider::Stripe).await;
    db.raw(&format!(
        "UPDATE payment_news SET body = REPLACE(body, 'N-1', 'N-9') WHERE payment = '{}'",
        paid.id
    ));
    let till = Till::open(free_address(), &shop.payments, &db).await;
    for _ in 0..2400 {
        db.clock.advance(Duration::from_secs(5));
        let is_told = harms(&db).await.iter().any(|(table, ..)| table == "payment_news");
        let news = shop.payments.whole(good.id).await.unwrap().unwrap().news;
        if is_told && news.iter().all(|one| one.taken_at.is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let told = shops.requests();
    assert!(!told.is_empty() && told.iter().all(|one| !String::from_utf8_lossy(&one.body).contains("N-9")));
    assert!(harms(&db).await.iter().any(|(table, ..)| table == "payment_news"));
    drop(till);
});

// A row that keeps a message out: the message is worked on all the same.
both_engines!(a_message_is_not_kept_out_by_a_row_that_somebody_wrote, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = shop.create("I-1", 1999).await;
    let page = shop.begin(&payment, Provider::Stripe).await;
    let now = storeward_base::Clock::now(db.clock.as_ref()).micros();
    db.raw(&format!(
        "INSERT INTO payment_inbox (provider, event, transmission, kind, object, payment, received_at, done_at) \
         VALUES ('stripe', 'evt_one', NULL, 'x', 'y', NULL, {now}, {now})"
    ));
    let body = format!(
        r#"{{"id":"evt_one","object":"event","type":"checkout.session.completed","livemode":false,"data":{{"object":{{"id":"{page}","object":"checkout.session","client_reference_id":"{}"}}}}}}"#,
        payment.id
    );
    let signed = stripe_message(&shop, &db, &body);
    for _ in 0..2 {
        shop.payments.receive(Provider::Stripe, &signed, body.as_bytes()).await.unwrap();
        assert_eq!(shop.payments.waiting().await.unwrap(), 1, "once");
    }
    let row = ("payment_inbox".to_owned(), "evt_one".to_owned(), "changed".to_owned());
    assert!(harms(&db).await.contains(&row));
    assert_eq!(shop.payments.look_at_rows().await.unwrap(), []);
});

// Gone as a whole: the ledger knows that it was there.
both_engines!(a_payment_that_is_taken_away_is_missed, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    open_the_books(&db);
    let paid = shop.paid("G-1", 1999, Provider::Stripe).await;
    assert_eq!(shop.payments.look_at_rows().await.unwrap(), []);
    for table in ["seal", "posting", "capture", "refund", "call", "risk", "attempt", "news"] {
        db.raw(&format!("DELETE FROM payment_{table} WHERE payment = '{}'", paid.id));
    }
    db.raw(&format!("DELETE FROM payment WHERE id = '{}'", paid.id));
    let found = shop.payments.look_at_rows().await.unwrap();
    let found: Vec<_> = found.iter().map(|one| (one.row.as_str(), one.harm.as_str())).collect();
    assert_eq!(found, [(paid.id.to_string().as_str(), "missing")]);
    assert_eq!(harms(&db).await.len(), 1);
});

// Payments of a version without seals get theirs once, where they are what the ledger says; later there is no such way in.
both_engines!(old_payments_are_sealed_once_and_only_as_the_ledger_has_them, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let old = shop.paid("B-1", 1999, Provider::Stripe).await;
    let part = shop.paid("B-2", 1999, Provider::PayPal).await;
    shop.payments.refund(part.id, wish(Some(500))).await.unwrap();
    let forged = shop.create("B-3", 1999).await;
    db.raw("DELETE FROM payment_seal");
    db.raw(&format!(
        "UPDATE payment SET authorized = amount, captured = amount, state = 'captured' WHERE id = '{}'",
        forged.id
    ));
    let key = DataKey::from_bytes(storeward_base::Secret::new([3; 32]));
    let waiting = harmed_rows(&db, &key, Unsealed::Waiting).await.unwrap();
    assert_eq!(waiting, [], "before the first start nothing is called harmed for having no seal");
    let marker = shop.folder.path().join("payments-bound");
    let bind = |payments: &storeward_payments::Payments| {
        let (payments, marker) = (payments.clone(), marker.clone());
        std::thread::spawn(move || payments.bind_old_blocking(&marker)).join().unwrap().unwrap();
    };
    bind(&shop.payments);
    assert_eq!(shop.payments.find(old.id).await.unwrap().unwrap().captured, 1999);
    assert_eq!(shop.payments.refund(part.id, wish(Some(499))).await.unwrap().refunded, 999);
    assert!(matches!(shop.payments.find(forged.id).await, Err(Error::Harmed { .. })));
    // From now on what has no seal stays without one, also where it is what the ledger says.
    db.raw(&format!("DELETE FROM payment_seal WHERE payment = '{}'", old.id));
    bind(&shop.payments);
    assert!(matches!(shop.payments.find(old.id).await, Err(Error::Harmed { .. })));
});

// One that somebody changed is left out of a list, and the list goes on behind it.
both_engines!(a_list_goes_on_behind_what_somebody_changed, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let mut made = Vec::new();
    for order in ["L-1", "L-2", "L-3"] {
        made.push(shop.payments.create(Actor::System, order_of(order, 1999, "EUR")).await.unwrap().id);
    }
    made.sort_unstable();
    db.raw(&format!("UPDATE payment SET amount = 1 WHERE id = '{}'", made[2]));
    let ids = async |limit| -> Vec<_> {
        shop.payments.list(None, limit).await.unwrap().into_iter().map(|one| one.id).collect()
    };
    assert_eq!(ids(1).await, [made[1]]);
    assert_eq!(ids(2).await, [made[1], made[0]]);
});

/// A decision of the review queue that somebody wrote.
pub fn decide(db: &TestDb, payment: &Payment, state: &str, is_owed: u8) {
    let now = db.clock.now().micros();
    db.raw(&format!(
        "INSERT INTO payment_review (payment, state, takes, is_owed, opened_at, due_at, closed_at) \
         VALUES ('{}', '{state}', 1, {is_owed}, {now}, {now}, {now})",
        payment.id
    ));
}

pub async fn set_aside(shop: &Shop, order: &str) -> Payment {
    let wanted = NewPayment { capture: Some(CaptureMode::Later), ..order_of(order, 1999, "EUR") };
    let payment = shop.payments.create(Actor::System, wanted).await.unwrap();
    let page = shop.begin(&payment, Provider::PayPal).await;
    shop.pay(Provider::PayPal, &page).await;
    shop.payments.look(payment.id).await.unwrap()
}

// Declined gives back, approved takes: by itself, as soon as the janitor comes by.
both_engines!(a_decision_that_somebody_wrote_moves_no_money, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("D-1", 1999, Provider::Stripe).await;
    let (aside, looked_at) = (set_aside(&shop, "D-2").await, set_aside(&shop, "D-3").await);
    decide(&db, &looked_at, "open", 0);
    shop.seal_anew(&db, looked_at.id);
    assert_eq!(shop.payments.reviews(10).await.unwrap().len(), 1);
    assert_eq!(shop.payments.capture(looked_at.id, wish(None)).await.unwrap_err(), Error::UnderReview);
    let moved = || (shop.effects("capture").len(), shop.effects("refund").len());
    let before = moved();
    decide(&db, &paid, "declined", 1);
    decide(&db, &aside, "approved", 1);
    db.raw(&format!(
        "UPDATE payment_review SET state = 'approved', is_owed = 1 WHERE payment = '{}'",
        looked_at.id
    ));
    for _ in 0..2 {
        db.clock.advance(Duration::from_secs(3700));
        shop.emulators.control.advance_s(3700);
        shop.payments.round().await.unwrap();
    }
    assert_eq!(moved(), before);
    for payment in [&paid, &aside, &looked_at] {
        is_refused(&shop, &db, payment, "a decision").await;
    }
    // Nor may anybody take it where the row that holds it back is gone.
    db.raw(&format!("DELETE FROM payment_review WHERE payment = '{}'", looked_at.id));
    assert!(matches!(shop.payments.capture(looked_at.id, wish(None)).await, Err(Error::Harmed { .. })));
    assert!(shop.payments.reviews(10).await.unwrap().is_empty());
    assert_eq!(moved(), before);
});

// Of a version that left them out; later there is no such way in.
both_engines!(old_reviews_come_under_the_seal_once, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (old, forged) =
        (shop.paid("O-1", 1999, Provider::Stripe).await, shop.paid("O-2", 1999, Provider::Stripe).await);
    decide(&db, &old, "approved", 0);
    let key = DataKey::from_bytes(storeward_base::Secret::new([3; 32]));
    assert_eq!(harmed_rows(&db, &key, Unsealed::Waiting).await.unwrap(), []);
    let bind = |marker: std::path::PathBuf| {
        let payments = shop.payments.clone();
        std::thread::spawn(move || payments.bind_reviews_blocking(&marker)).join().unwrap()
    };
    // Where it cannot be said that it is over, nothing is let in that the ledger does not say.
    let paid = shop.paid("O-3", 1999, Provider::Stripe).await;
    decide(&db, &paid, "declined", 1);
    bind(shop.folder.path().join("nowhere/reviews-bound")).unwrap();
    assert!(matches!(shop.payments.find(paid.id).await, Err(Error::Harmed { .. })));
    let marker = || shop.folder.path().join("reviews-bound");
    bind(marker()).unwrap();
    assert_eq!(shop.payments.review_of(old.id).await.unwrap().unwrap().state, "approved");
    assert_eq!(shop.payments.find(old.id).await.unwrap().unwrap().captured, 1999);
    decide(&db, &forged, "declined", 1);
    bind(marker()).unwrap();
    assert!(matches!(shop.payments.find(forged.id).await, Err(Error::Harmed { .. })));
});

// A full disk left an empty file, and was not asked again: each payment that had ever been in a review was dead for good.
both_engines!(a_first_start_that_was_cut_off_is_made_good_by_the_next, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (open, closed) = (set_aside(&shop, "F-1").await, shop.paid("F-2", 1999, Provider::Stripe).await);
    let (owed, other) = (set_aside(&shop, "F-3").await, set_aside(&shop, "F-4").await);
    let due_at = db.clock.now();
    let written = db.write(move |tx| {
        for payment in [open.id, closed.id, other.id] {
            tx.append(Actor::System, None, ReviewOpened { payment, due_at })?;
        }
        tx.append(Actor::System, None, ReviewClosed { payment: closed.id, outcome: "approved".to_owned() })
            .map(drop)
    });
    written.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    decide(&db, &open, "open", 0);
    decide(&db, &closed, "approved", 0);
    // Of this one the ledger can say nothing; and that one is said to be open.
    decide(&db, &owed, "passed", 1);
    decide(&db, &other, "approved", 1);
    let marker = shop.folder.path().join("reviews-bound");
    std::fs::write(&marker, b"").unwrap();
    let (payments, at) = (shop.payments.clone(), marker.clone());
    std::thread::spawn(move || payments.bind_reviews_blocking(&at)).join().unwrap().unwrap();
    assert!(!std::fs::read(&marker).unwrap().is_empty());
    assert_eq!(shop.payments.review_of(open.id).await.unwrap().unwrap().state, "open");
    assert_eq!(shop.payments.refund(closed.id, wish(None)).await.unwrap().refunded, 1999);
    let asked = shop.payments.review_of(owed.id).await.unwrap().unwrap();
    assert_eq!((asked.state.as_str(), asked.is_owed), ("open", false), "a person decides");
    assert!(matches!(shop.payments.find(other.id).await, Err(Error::Harmed { .. })));
    let before = shop.effects("capture").len();
    shop.payments.round().await.unwrap();
    assert_eq!(shop.effects("capture").len(), before, "nothing is taken");
});

// However many somebody wrote that are due before all others: the true ones are shown, and freed when their time is over.
both_engines!(forged_reviews_push_no_true_one_out_of_the_queue, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let waits = set_aside(&shop, "Q-1").await;
    decide(&db, &waits, "open", 0);
    shop.seal_anew(&db, waits.id);
    let forged = shop.create("Q-2", 1999).await;
    let columns = "version, order_id, is_open, state, currency, amount, authorized, captured, refunded, capturing, refunding, capture, \
        captures_ended, unsure, provider, attempt, customer, email, details, look_at, looks, created_at, updated_at, expires_at";
    let others = columns.replace("order_id, is_open", "'forged', 0");
    for number in 0..210 {
        db.raw(&format!(
            "INSERT INTO payment (id, {columns}) SELECT 'pay_{number:026}', {others} FROM payment WHERE id = '{}'",
            forged.id
        ));
    }
    // An id that reads as another's stood behind its own place in the list, and came again for ever; one that is none was the end of the list.
    for odd in ["pay_0000000000000000000000000l", "pay_x"] {
        db.raw(&format!(
            "INSERT INTO payment (id, {columns}) SELECT '{odd}', {others} FROM payment WHERE id = '{}'",
            forged.id
        ));
    }
    db.raw(
        "INSERT INTO payment_review (payment, state, takes, is_owed, opened_at, due_at, closed_at) \
         SELECT id, 'open', 1, 0, 0, 0, NULL FROM payment WHERE order_id = 'forged'",
    );
    let harmed: Vec<String> =
        shop.payments.look_at_rows().await.unwrap().into_iter().map(|row| row.row).collect();
    for odd in ["pay_0000000000000000000000000l", "pay_x"] {
        assert!(harmed.iter().any(|row| row == odd), "{odd} is named");
    }
    let shown = shop.payments.reviews(1).await.unwrap();
    assert_eq!(shown.iter().map(|one| one.payment).collect::<Vec<_>>(), [waits.id]);
    db.clock.advance(Duration::from_secs(60));
    shop.payments.round().await.unwrap();
    assert_eq!(shop.payments.review_of(waits.id).await.unwrap().unwrap().state, "expired");
});
