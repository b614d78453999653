//! Rows that no payment has, and that cannot be read as ones: they are told, and stop nothing of what is done for the others.

use std::time::Duration;

use storeward_base::Actor;
use storeward_payments::{MIGRATIONS, Payment, Payments, Provider, State};
use storeward_store::testing::TestDb;
use storeward_store::{Engine, both_engines};

use crate::believed::{decide, harms, set_aside};
use crate::support::{Shop, parts, section};

/// The columns of a payment without its id, and what a forged one has in them: of nobody's order, and due before all others.
const OTHERS: [&str; 2] = [
    "version, order_id, is_open, state, currency, amount, authorized, captured, refunded, capturing, refunding, capture, captures_ended, unsure, provider, \
     attempt, customer, email, details, look_at, looks, created_at, updated_at, expires_at",
    "version, 'forged', 0, state, currency, amount, authorized, captured, refunded, capturing, refunding, capture, captures_ended, unsure, provider, \
     attempt, customer, 'x', details, 0, looks, created_at, 1, expires_at",
];

/// A program that starts: the past is read anew.
fn again(shop: &Shop, db: &TestDb) -> Payments {
    let section = section(&shop.emulators, shop.folder.path(), &shop.webhook_id, "", "");
    Payments::open(parts(db, section.settings(shop.folder.path()).unwrap()))
}

/// Copies a payment's row under another id.
fn copied(db: &TestDb, of: &Payment, id: &str) {
    db.raw(&format!(
        "INSERT INTO payment (id, {}) SELECT '{id}', {} FROM payment WHERE id = '{}'",
        OTHERS[0], OTHERS[1], of.id
    ));
}

// Of ids that no payment has: they stood in front of the true ones, and nothing named them.
both_engines!(reviews_of_no_payment_hide_no_true_one, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let waits = set_aside(&shop, "V-1").await;
    decide(&db, &waits, "open", 0);
    shop.seal_anew(&db, waits.id);
    // Whoever owns the database takes its foreign keys away.
    let free = match db.engine() {
        Engine::Sqlite => "PRAGMA foreign_keys = OFF",
        Engine::Postgres => "ALTER TABLE payment_review DROP CONSTRAINT payment_review_payment_fkey",
    };
    db.raw(&format!(
        "{free}; INSERT INTO payment_review (payment, state, takes, is_owed, opened_at, due_at, closed_at) \
         WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 69) \
         SELECT 'pay_000000000000000000000000' || i, 'open', 1, 0, 0, 0, NULL FROM n"
    ));
    let shown = shop.payments.reviews(50).await.unwrap();
    assert_eq!(shown.iter().map(|one| one.payment).collect::<Vec<_>>(), [waits.id]);
    let named = shop.payments.look_at_rows().await.unwrap();
    assert_eq!(named.iter().filter(|one| one.table == "payment_review").count(), 60);
});

// Nor does a row with values that no payment has, or with more rows than one has: it is harmed like any other.
both_engines!(a_payment_that_cannot_be_read_stops_nothing, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (waits, odd) = (set_aside(&shop, "O-1").await, shop.create("O-2", 1999).await);
    decide(&db, &waits, "open", 0);
    shop.seal_anew(&db, waits.id);
    let id = "pay_00000000000000000000000001";
    copied(&db, &odd, id);
    db.raw(&format!(
        "INSERT INTO payment_attempt (payment, number, provider, state, strength, created_at, expires_at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001) \
         SELECT '{id}', i, 'stripe', 'closed', 'usual', 0, 0 FROM n"
    ));
    let mut all = vec![id];
    if db.engine() == Engine::Sqlite {
        // Its columns take any value.
        copied(&db, &odd, "pay_00000000000000000000000002");
        db.raw(
            "UPDATE payment SET attempt = 'x', capturing = 'x' WHERE id = 'pay_00000000000000000000000002'",
        );
        all.push("pay_00000000000000000000000002");
    }
    for id in &all {
        db.raw(&format!(
            "INSERT INTO payment_review (payment, state, takes, is_owed, opened_at, due_at, closed_at) VALUES ('{id}', 'open', 1, 0, 0, 0, NULL)"
        ));
    }
    assert_eq!(shop.payments.reviews(50).await.unwrap().len(), 1);
    db.clock.advance(Duration::from_secs(60));
    shop.payments.round().await.unwrap();
    assert_eq!(shop.payments.review_of(waits.id).await.unwrap().unwrap().state, "expired");
    let named = shop.payments.look_at_rows().await.unwrap();
    assert!(all.iter().all(|id| named.iter().any(|one| one.row == *id)), "{named:?}");
    shop.payments.forget_customer(Actor::System, "4711").await.unwrap();
    assert_eq!(shop.payments.list(None, 10).await.unwrap().len(), 2);
});

// One row of no payment in each list, and no lane of the janitor came to an end any more: nothing was taken, given back, or asked about.
both_engines!(a_row_of_no_payment_stops_no_lane, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("X-1", 1999, Provider::Stripe).await;
    let (waits, opened) = (set_aside(&shop, "X-2").await, shop.create("X-3", 1999).await);
    decide(&db, &waits, "open", 0);
    shop.seal_anew(&db, waits.id);
    let page = shop.begin(&opened, Provider::PayPal).await;
    copied(&db, &paid, "x");
    db.raw(
        "INSERT INTO payment_review (payment, state, takes, is_owed, opened_at, due_at, closed_at) VALUES ('x', 'declined', 1, 1, 0, 0, 0)",
    );
    let of_table = |table: &str, columns: &str, values: &str| {
        db.raw(&format!(
            "INSERT INTO {table} ({columns}) SELECT {values} FROM {table} WHERE payment = '{}'",
            paid.id
        ));
    };
    of_table(
        "payment_attempt",
        "payment, number, provider, reference, inner_reference, state, strength, created_at, expires_at",
        "'x', number, provider, 'cs_x', 'pi_x', 'open', strength, created_at, expires_at",
    );
    of_table(
        "payment_capture",
        "provider, reference, payment, attempt, amount, state, is_extra, at",
        "provider, 'ch_x', 'x', attempt, amount, state, is_extra, at",
    );
    of_table(
        "payment_risk",
        "payment, number, attempt, order_id, facts, answer, is_held, decision, judged_at",
        "'x', number, attempt, order_id, facts, answer, is_held, decision, judged_at",
    );
    db.raw(
        "INSERT INTO payment_call (key, payment, attempt, operation, provider, amount, target, state, sends, first_sent_at, last_sent_at) \
         VALUES ('call_x', 'x', 1, 'refund', 'stripe', 1999, 'ch_x', 'unsure', 1, 0, 0)",
    );
    db.raw(
        "INSERT INTO payment_dispute (provider, reference, payment, amount, currency, reason, state, status, is_withdrawn, due_at, opened_at, look_at) \
         VALUES ('stripe', 'du_x', 'x', 1999, 'EUR', 'fraudulent', 'open', '', 0, 1, 0, 0)",
    );
    db.raw(
        "INSERT INTO payment_shop_order (order_id, currency, amount, state, is_elsewhere, source, at, told_at, check_at) \
         VALUES ('order_x', 'none', 1999, 'paid', 0, 'program', 0, 0, 0)",
    );
    db.raw(
        "INSERT INTO payment_news (id, payment, hook, kind, body, made_at, tries) VALUES ('msg_x', 'x', 'shop', 'payment.captured', '{}', 1, 0)",
    );
    shop.pay(Provider::PayPal, &page).await;
    let payments = again(&shop, &db);
    for seconds in [300, 25 * 3600] {
        db.clock.advance(Duration::from_secs(seconds));
        shop.emulators.control.advance_s(i64::try_from(seconds).unwrap());
        payments.round().await.unwrap();
        payments.compare_orders().await.unwrap();
        payments.reconcile(Provider::Stripe, paid.created_at).await.unwrap();
    }
    assert_eq!(payments.find(opened.id).await.unwrap().unwrap().state, State::Captured);
    assert_eq!(payments.review_of(waits.id).await.unwrap().unwrap().state, "expired");
    assert!(shop.effects("refund").is_empty());
    // What staff and programs read goes on, too.
    assert_eq!(payments.list(None, 10).await.unwrap().len(), 3);
    assert!(payments.unknown(10).await.unwrap().0.is_empty());
    assert!(payments.disputes(None, 10).await.unwrap().is_empty());
    payments.look_at_rows().await.unwrap();
    let told = harms(&db).await;
    for (table, row) in [
        ("payment", "x"),
        ("payment_review", "x"),
        ("payment_call", "call_x"),
        ("payment_capture", "ch_x"),
        ("payment_risk", "x"),
        ("payment_dispute", "du_x"),
        ("payment_shop_order", "order_x"),
        ("payment_news", "msg_x"),
    ] {
        let is_told = told.iter().any(|one| (one.0.as_str(), one.1.as_str()) == (table, row));
        assert!(is_told, "{table} {row}: {told:?}");
    }
});

// An id that only reads as another payment's was read as that one's, and stood outside of its seal: a refund that nobody ordered was carried on with.
both_engines!(a_call_of_an_id_that_reads_as_a_payments_is_not_sent, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("U-1", 1999, Provider::Stripe).await;
    let whole = shop.payments.whole(paid.id).await.unwrap().unwrap();
    let reads_as = paid.id.to_string().to_uppercase();
    copied(&db, &paid, &reads_as);
    db.raw(&format!(
        "INSERT INTO payment_call (key, payment, attempt, operation, provider, amount, target, state, sends, first_sent_at, last_sent_at) \
         VALUES ('invented', '{reads_as}', 1, 'refund', 'stripe', 1999, '{}', 'sent', 1, {at}, {at})",
        whole.captures[0].reference,
        at = paid.created_at.micros()
    ));
    for _ in 0..3 {
        db.clock.advance(Duration::from_secs(4000));
        shop.payments.round().await.unwrap();
    }
    assert!(shop.effects("refund").is_empty(), "{:?}", shop.effects("refund"));
    assert_eq!(shop.payments.find(paid.id).await.unwrap().unwrap().refunded, 0);
    let told = harms(&db).await;
    assert!(told.iter().any(|(table, row, _)| table == "payment_call" && row == "invented"), "{told:?}");
});

// When something is asked next stands under no seal, and a means of payment beside the payment: neither stops a lane, or an erasure.
both_engines!(what_stands_under_no_seal_stops_nothing, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (waits, asked) = (set_aside(&shop, "N-1").await, set_aside(&shop, "N-2").await);
    decide(&db, &waits, "open", 0);
    shop.seal_anew(&db, waits.id);
    copied(&db, &asked, "pay_00000000000000000000000003");
    db.raw("UPDATE payment SET looks = -1, look_at = 0");
    db.raw(
        "INSERT INTO payment_call (key, payment, attempt, operation, provider, amount, target, state, sends, first_sent_at, last_sent_at, asks) \
         VALUES ('call_x', 'pay_00000000000000000000000003', 1, 'refund', 'paypal', 1999, 'x', 'unsure', 1, 0, 0, -1)",
    );
    db.raw(&format!(
        "INSERT INTO payment_method (id, customer, provider, token, mark, brand, payment, state, created_at) \
         SELECT 'method_x', customer, 'x', details, 'x', 'visa', id, 'kept', 0 FROM payment WHERE id = '{}'",
        asked.id
    ));
    // And one whose token nobody can open: no provider can be asked to forget it.
    db.raw(&format!(
        "INSERT INTO payment_method (id, customer, provider, token, mark, brand, payment, state, created_at) \
         SELECT 'method_y', customer, 'stripe', details, 'y', 'visa', id, 'kept', 0 FROM payment WHERE id = '{}'",
        asked.id
    ));
    if db.engine() == Engine::Sqlite {
        // A column takes any value there, and an id may be bytes.
        copied(&db, &asked, "pay_00000000000000000000000004");
        db.raw("INSERT INTO payment_seal (payment, tag) VALUES ('pay_00000000000000000000000004', 'x')");
        db.raw(
            "INSERT INTO payment_review (payment, state, takes, is_owed, opened_at, due_at, closed_at) \
             VALUES ('pay_00000000000000000000000004', 'open', 1, 0, 0, 'x', NULL)",
        );
        copied(&db, &asked, "y");
        db.raw("UPDATE payment SET id = x'79' WHERE id = 'y'");
        db.raw("INSERT INTO payment_review (payment, state, takes, is_owed, opened_at, due_at, closed_at) VALUES (x'79', 'open', 1, 1, 0, 0, NULL)");
        db.raw(&format!("UPDATE payment_risk SET judged_at = 'x' WHERE payment = '{}'", asked.id));
        db.raw(&format!("UPDATE payment_risk SET number = 'x' WHERE payment = '{}'", waits.id));
    }
    let payments = again(&shop, &db);
    assert_eq!(payments.reviews(10).await.unwrap().len(), 1);
    db.clock.advance(Duration::from_secs(300));
    shop.emulators.control.advance_s(300);
    payments.round().await.unwrap();
    payments.compare_orders().await.unwrap();
    assert_eq!(payments.review_of(waits.id).await.unwrap().unwrap().state, "expired");
    let named = payments.look_at_rows().await.unwrap();
    assert!(named.iter().any(|one| one.row == "pay_00000000000000000000000003"), "{named:?}");
    if db.engine() == Engine::Sqlite {
        assert!(named.iter().any(|one| one.row == "ids that are no text"), "{named:?}");
    }
    payments.forget_customer(Actor::System, "4711").await.unwrap();
    assert!(payments.methods("4711").await.unwrap().is_empty());
    let harms = harms(&db).await;
    for id in ["method_x", "method_y"] {
        assert!(
            harms.iter().any(|(table, row, _)| table == "payment_method" && row == id),
            "{id}: {harms:?}"
        );
        let left = db.read(move |reader| {
            let asked = "SELECT COUNT(*) FROM payment_method WHERE id = $1";
            reader.query_one(asked, storeward_store::params![id], |row| row.get::<i64>(0))
        });
        assert_eq!(left.await.unwrap(), 0, "{id} is kept of a customer who is erased");
    }
});
