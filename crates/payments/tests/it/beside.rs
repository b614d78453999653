//! What stands beside the way of the money: time that is over, news for the shop, the daily comparison, disputes.

use std::time::Duration;

use storeward_emulators::{Provider as At, Verdict};
use storeward_outbound::recorder::{Answer, Recorder};
use storeward_payments::{Error, MIGRATIONS, Provider, State, Strength};
use storeward_seal::encoding::base64;
use storeward_seal::fingerprint::hmac_sha256;
use storeward_store::{Engine, both_engines};

use crate::support::{Shop, books, told, wish};
use crate::till::{Till, free_address};

const DAY: Duration = Duration::from_secs(24 * 3600);

both_engines!(what_nobody_pays_in_time_is_closed, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let untouched = shop.create("E-1", 1000).await;
    let at_stripe = shop.create("E-2", 1000).await;
    shop.begin(&at_stripe, Provider::Stripe).await;
    let at_paypal = shop.create("E-3", 1000).await;
    shop.begin(&at_paypal, Provider::PayPal).await;
    for _ in 0..20 {
        db.clock.advance(Duration::from_secs(1800));
        shop.emulators.control.advance_s(1800);
        shop.payments.round().await.unwrap();
    }
    for payment in [untouched, at_stripe, at_paypal] {
        let now = shop.payments.find(payment.id).await.unwrap().unwrap();
        assert_eq!(now.state, State::Failed, "{now:?}");
        let late = shop.payments.begin(payment.id, Provider::Stripe, Strength::Usual).await;
        assert_eq!(late.unwrap_err(), Error::State("failed"));
    }
    // The order may be paid anew.
    shop.create("E-1", 1000).await;
});

both_engines!(the_shop_is_told_with_a_signature_until_it_takes_it, MIGRATIONS, async |db| {
    let shops = Recorder::start().unwrap();
    shops.answer_next(Answer::new(500, "not now"));
    let hook = format!(
        "[[hook]]\nname = 'shop'\nurl = '{}/news'\nsecret_file = 'hook'\ninternal = true",
        shops.url()
    );
    let shop = Shop::with(&db, "", &hook).await;
    let till = Till::open(free_address(), &shop.payments, &db).await;
    let paid = shop.paid("N-1", 1999, Provider::Stripe).await;
    let whole = loop {
        db.clock.advance(Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let whole = shop.payments.whole(paid.id).await.unwrap().unwrap();
        if whole.news.iter().all(|one| one.taken_at.is_some()) && !whole.news.is_empty() {
            break whole;
        }
    };
    assert_eq!(whole.news.len(), 1);
    assert!(whole.news[0].tries >= 2 && whole.news[0].kind == "payment.captured", "{:?}", whole.news);
    let came = shops.requests();
    assert_eq!(came[0].body, came[1].body, "the same, once more");
    assert_eq!(came[0].header("webhook-id"), came[1].header("webhook-id"));
    let last = came.last().unwrap();
    let (id, at) = (last.header("webhook-id").unwrap(), last.header("webhook-timestamp").unwrap());
    let signed = [format!("{id}.{at}.").as_bytes(), &last.body].concat();
    let mark = format!("v1,{}", base64(&hmac_sha256(b"0123456789abcdef0123456789abcdef", &signed)));
    assert_eq!(last.header("webhook-signature"), Some(mark.as_str()));
    let body: serde_json::Value = serde_json::from_slice(&last.body).unwrap();
    assert_eq!((&body["data"]["order"], &body["data"]["captured"]), (&"N-1".into(), &1999.into()));
    assert!(!String::from_utf8_lossy(&last.body).contains("ada@"), "no word of who pays");
    drop(till);
});

both_engines!(a_day_is_compared_and_differences_are_shown_once, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("R-1", 1999, Provider::Stripe).await;
    shop.payments.refund(paid.id, wish(Some(500))).await.unwrap();
    // Paid, and nobody has told us: it is read and no difference.
    let unheard = shop.create("R-2", 700).await;
    let page = shop.begin(&unheard, Provider::Stripe).await;
    shop.pay(Provider::Stripe, &page).await;
    let now = storeward_base::Clock::now(db.clock.as_ref());
    let compared = shop.payments.reconcile(Provider::Stripe, now).await.unwrap();
    assert!(compared.compared >= 3, "{compared:?}");
    assert_eq!(compared.differences, 0, "{:?}", shop.payments.differences().await.unwrap());
    assert_eq!(shop.payments.find(unheard.id).await.unwrap().unwrap().state, State::Captured);
    let fees = books(&db).await.into_iter().find(|(account, _)| account == "fees");
    assert!(fees.is_some_and(|(_, sum)| sum > 0), "fees came with the list");
    // Somebody writes a capture into the books that the provider does not have.
    db.raw(&format!(
        "INSERT INTO payment_capture (provider, reference, payment, attempt, amount, fee, state, is_extra, at) \
         VALUES ('stripe', 'ch_invented', '{}', 1, 5, 0, 'done', 0, {})",
        paid.id,
        now.micros()
    ));
    // Nor is anything believed of the payment that it was written to: both of its movements are told.
    for expected in [4, 0] {
        assert_eq!(shop.payments.reconcile(Provider::Stripe, now).await.unwrap().differences, expected);
    }
    let differences = shop.payments.differences().await.unwrap();
    let mut whats: Vec<_> = differences.iter().map(|one| (one.what.as_str(), one.here)).collect();
    whats.sort_unstable();
    let harmed = ("row_harmed", None);
    assert_eq!(whats, [("missing_there", Some(5)), ("not_in_the_books", Some(5)), harmed, harmed]);
    assert!(told(&db).await.contains(&"payment.difference"));
});

both_engines!(a_dispute_holds_money_back_until_it_is_over, MIGRATIONS, async |db| {
    let at = free_address();
    let emulators =
        storeward_emulators::Emulators::start(storeward_emulators::Options::default()).await.unwrap();
    let shop = Shop::at(&db, emulators, "", "", &format!("http://{at}")).await;
    let paid = shop.paid("D-1", 1999, Provider::Stripe).await;
    let whole = shop.payments.whole(paid.id).await.unwrap().unwrap();
    let till = Till::open(at, &shop.payments, &db).await;
    let charge = whole.captures[0].reference.clone();
    let dispute = shop.emulators.control.open_dispute(At::Stripe, &charge, "fraudulent", None).unwrap();
    let state = async |wanted: &str| loop {
        db.clock.advance(Duration::from_secs(5));
        let whole = shop.payments.whole(paid.id).await.unwrap().unwrap();
        if whole.disputes.first().is_some_and(|one| one.state == wanted) {
            return whole.disputes[0].clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let open = state("open").await;
    assert!(open.due_at.is_some() && open.reason == "fraudulent", "{open:?}");
    let held = |books: &[(String, i64)]| {
        books.iter().find(|(account, _)| account == "disputes").map_or(0, |(_, sum)| *sum)
    };
    assert_eq!(held(&books(&db).await), 1999);
    shop.emulators.control.close_dispute(&dispute, Verdict::Won);
    state("won").await;
    assert_eq!(held(&books(&db).await), 0);
    let kinds = told(&db).await;
    assert!(kinds.contains(&"payment.dispute_opened") && kinds.contains(&"payment.dispute_closed"));
    drop(till);
});

// The books are kept by the database: nobody changes a line of them, and what does not sum to zero is not written.
both_engines!(nobody_changes_the_books, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("B-1", 1999, Provider::Stripe).await;
    for statement in [
        "UPDATE payment_posting SET amount = 1",
        "DELETE FROM payment_posting",
        "UPDATE payment SET refunded = captured + 1",
        "UPDATE payment SET captured = authorized + 1",
    ] {
        let refused = db.write(move |tx| {
            tx.commit_silent("a test");
            tx.execute(statement, &[]).map(drop)
        });
        let refused: Result<(), storeward_store::Error> = refused.await;
        assert!(
            matches!(refused, Err(storeward_store::Error::Constraint { .. })),
            "{statement}: {refused:?}"
        );
    }
    assert_eq!(shop.payments.find(paid.id).await.unwrap().unwrap().captured, 1999);
});

both_engines!(a_day_has_a_limit_of_refunds, MIGRATIONS, async |db| {
    let shop = Shop::with(&db, "refunds_per_day = 1000", "").await;
    let paid = shop.paid("L-1", 5000, Provider::Stripe).await;
    shop.payments.refund(paid.id, wish(Some(900))).await.unwrap();
    assert_eq!(shop.payments.refund(paid.id, wish(Some(101))).await.unwrap_err(), Error::RefundLimit);
    db.clock.advance(DAY + Duration::from_secs(1));
    shop.payments.refund(paid.id, wish(Some(101))).await.unwrap();
});

// A buyer's address is for the provider's form; a month after the last change nothing of it is kept.
both_engines!(an_address_is_forgotten, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("F-1", 1000, Provider::Stripe).await;
    let held = || async {
        let id = paid.id;
        let read = db.read(move |reader| {
            let sql = "SELECT email, details FROM payment WHERE id = $1";
            reader.query_one(sql, storeward_store::params![id], |row| {
                Ok((row.get::<Option<String>>(0)?, row.get::<Vec<u8>>(1)?))
            })
        });
        read.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"))
    };
    let (mark, sealed) = held().await;
    assert!(mark.is_some_and(|mark| !mark.contains('@')), "a mark and no address");
    assert!(!sealed.windows(4).any(|four| four == b"ada@"), "sealed");
    let till = Till::open(free_address(), &shop.payments, &db).await;
    db.clock.advance(DAY * 32);
    shop.emulators.control.advance_s(32 * 86_400);
    while held().await.0.is_some() {
        db.clock.advance(Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(till);
    // What the page needs is still there.
    assert_eq!(shop.payments.told(paid.id).await.unwrap().0, "https://shop.example/orders");
});

// Rows that somebody wrote, and that cannot be read, stand before the others: nobody's address is kept for them.
both_engines!(rows_that_cannot_be_read_keep_no_address, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("U-1", 1000, Provider::Stripe).await;
    let details = if db.engine() == Engine::Sqlite { "'no bytes'" } else { "decode('00', 'hex')" };
    db.raw(&format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 600) \
         INSERT INTO payment (id, version, order_id, is_open, state, currency, amount, authorized, captured, refunded, capturing, refunding, \
         capture, captures_ended, unsure, attempt, email, details, looks, created_at, updated_at, expires_at) \
         SELECT 'pay_0' || n, 1, 'x' || n, 0, 'failed', 'EUR', 1, 0, 0, 0, 0, 0, 'at_once', 0, 0, 0, 'mark', {details}, 0, 0, 0, 0 FROM n"
    ));
    let till = Till::open(free_address(), &shop.payments, &db).await;
    db.clock.advance(DAY * 32);
    shop.emulators.control.advance_s(32 * 86_400);
    let held = async || {
        let read = db.read(|reader| {
            reader.query_one("SELECT COUNT(*) FROM payment WHERE email IS NOT NULL", &[], |row| {
                row.get::<i64>(0)
            })
        });
        read.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"))
    };
    let mut rounds = 0;
    while held().await > 0 {
        db.clock.advance(Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(50)).await;
        rounds += 1;
        assert!(rounds < 200, "{} are kept", held().await);
    }
    drop(till);
    assert_eq!(shop.payments.told(paid.id).await.unwrap().0, "https://shop.example/orders");
});
