//! The shop's orders held against payments: what does not agree is told once, and is gone from the list once it is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use storeward_base::{Clock, Timestamp};
use storeward_payments::orders::{OrderState, OrdersFile, OrdersSource, OrdersTold, ShopOrder};
use storeward_payments::{Error, MIGRATIONS, Money, Payments, Provider};
use storeward_store::both_engines;
use storeward_store::foreign::testing::MariaDb;
use storeward_store::foreign::{ForeignEngine, ForeignUrl};
use storeward_store::testing::TestDb;

use crate::support::{Shop, told, wish};

pub const HALF_AN_HOUR: Duration = Duration::from_secs(31 * 60);
const DAY: Duration = Duration::from_secs(25 * 3600);

fn order(number: &str, minor: i64, state: OrderState, at: Timestamp) -> ShopOrder {
    let amount = Money { minor, currency: "EUR".parse().unwrap() };
    ShopOrder { order: number.to_owned(), amount, state, refunded: None, is_elsewhere: false, at }
}

pub async fn says(shop: &Shop, db: &TestDb, orders: &[(&str, i64, OrderState)]) -> OrdersTold {
    let now = db.clock.now();
    let orders = orders.iter().map(|(number, minor, state)| order(number, *minor, *state, now)).collect();
    shop.payments.tell_orders(orders).await.unwrap()
}

/// What stands in the list now: word, order, at the payment, in the shop.
pub async fn found(payments: &Payments) -> Vec<(String, String, Option<i64>, Option<i64>)> {
    payments.compare_orders().await.unwrap();
    let all = payments.differences().await.unwrap();
    let mut all: Vec<_> = all.into_iter().map(|one| (one.what, one.reference, one.there, one.here)).collect();
    all.sort_unstable();
    all
}

pub fn one(what: &str, order: &str, there: i64, here: i64) -> (String, String, Option<i64>, Option<i64>) {
    (what.to_owned(), order.to_owned(), Some(there), Some(here))
}

both_engines!(an_order_that_does_not_agree_with_its_payment_is_told_until_it_does, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    shop.paid("O-1", 1999, Provider::Stripe).await;
    shop.paid("O-2", 1999, Provider::PayPal).await;
    shop.paid("O-3", 500, Provider::Stripe).await;
    let told_now = says(
        &shop,
        &db,
        &[
            ("O-1", 1999, OrderState::Open),
            ("O-2", 1999, OrderState::Paid),
            ("O-3", 700, OrderState::Cancelled),
            ("O-4", 1500, OrderState::Paid),
            ("O-5", 1500, OrderState::Open),
        ],
    )
    .await;
    assert_eq!(told_now, OrdersTold { taken: 5, older: 0 });
    // The shop has its time first: news come, and it polls.
    assert_eq!(found(&shop.payments).await, []);
    db.clock.advance(HALF_AN_HOUR);
    let expected = [
        one("order_amount", "O-3", 500, 700),
        one("order_cancelled", "O-3", 500, 0),
        one("order_unpaid", "O-1", 1999, 0),
        one("order_without_payment", "O-4", 0, 1500),
    ];
    assert_eq!(found(&shop.payments).await, expected);
    let facts = |kinds: Vec<&str>| kinds.iter().filter(|kind| **kind == "payment.difference").count();
    assert_eq!(facts(told(&db).await), 4);
    // Each is told once, however often it is found.
    db.clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(found(&shop.payments).await, expected);
    assert_eq!(facts(told(&db).await), 4);
    // The shop puts its orders right: they leave the list.
    says(&shop, &db, &[("O-1", 1999, OrderState::Paid), ("O-4", 1500, OrderState::Open)]).await;
    db.clock.advance(HALF_AN_HOUR);
    assert_eq!(found(&shop.payments).await, expected[..2]);
    // And comes back, as a fact of its own, when it is so again.
    says(&shop, &db, &[("O-4", 1500, OrderState::Paid)]).await;
    db.clock.advance(HALF_AN_HOUR);
    assert_eq!(found(&shop.payments).await.len(), 3);
    assert_eq!(facts(told(&db).await), 5);
});

// A page that was taken for given up is paid after all, and so is the one behind it.
both_engines!(an_order_that_was_paid_twice_is_told_until_one_went_back, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let first = shop.create("D-1", 1999).await;
    let page = shop.begin(&first, Provider::Stripe).await;
    db.raw(&format!("UPDATE payment SET state = 'failed', is_open = 0 WHERE id = '{}'", first.id));
    shop.seal_anew(&db, first.id);
    shop.paid("D-1", 1999, Provider::PayPal).await;
    says(&shop, &db, &[("D-1", 1999, OrderState::Paid)]).await;
    db.clock.advance(HALF_AN_HOUR);
    assert_eq!(found(&shop.payments).await, []);
    shop.pay(Provider::Stripe, &page).await;
    shop.payments.look(first.id).await.unwrap();
    db.clock.advance(HALF_AN_HOUR);
    assert_eq!(found(&shop.payments).await, [one("order_amount", "D-1", 3998, 1999)]);
    shop.payments.refund(first.id, wish(None)).await.unwrap();
    db.clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(found(&shop.payments).await, []);
});

both_engines!(what_is_given_back_on_one_side_only_is_told, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let here = shop.paid("R-1", 1999, Provider::Stripe).await;
    shop.paid("R-2", 1999, Provider::Stripe).await;
    says(&shop, &db, &[("R-1", 1999, OrderState::Paid), ("R-2", 1999, OrderState::Paid)]).await;
    db.clock.advance(HALF_AN_HOUR);
    assert_eq!(found(&shop.payments).await, []);
    // One is given back here, of the other the shop says that it was. Nobody tells the first: the payment's change is enough.
    shop.payments.refund(here.id, wish(None)).await.unwrap();
    says(&shop, &db, &[("R-2", 1999, OrderState::Refunded)]).await;
    assert_eq!(found(&shop.payments).await, []);
    db.clock.advance(HALF_AN_HOUR);
    let expected = [one("order_not_refunded", "R-1", 1999, 0), one("payment_not_refunded", "R-2", 0, 1999)];
    assert_eq!(found(&shop.payments).await, expected);
    says(&shop, &db, &[("R-1", 1999, OrderState::Refunded)]).await;
    let other = shop.payments.of_order("R-2").await.unwrap().remove(0);
    shop.payments.refund(other.id, wish(None)).await.unwrap();
    db.clock.advance(HALF_AN_HOUR);
    assert_eq!(found(&shop.payments).await, []);
});

both_engines!(money_for_an_order_that_the_shop_does_not_know_is_told_after_a_day, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    // From before the shop told any: nothing follows from its silence.
    shop.paid("M-0", 1000, Provider::Stripe).await;
    db.clock.advance(Duration::from_secs(5));
    says(&shop, &db, &[("M-1", 1000, OrderState::Open)]).await;
    db.clock.advance(Duration::from_secs(5));
    shop.emulators.control.advance_s(10);
    shop.paid("M-2", 1000, Provider::Stripe).await;
    db.clock.advance(HALF_AN_HOUR);
    assert_eq!(found(&shop.payments).await, []);
    db.clock.advance(DAY);
    let missing = ("order_missing".to_owned(), "M-2".to_owned(), Some(1000), None);
    assert_eq!(found(&shop.payments).await, [missing]);
    says(&shop, &db, &[("M-2", 1000, OrderState::Paid)]).await;
    db.clock.advance(HALF_AN_HOUR);
    assert_eq!(found(&shop.payments).await, []);
    // One of which nobody ever tells is missed until all of its money went back.
    shop.emulators.control.advance_s(26 * 3600);
    let lost = shop.paid("M-3", 1000, Provider::Stripe).await;
    db.clock.advance(DAY + HALF_AN_HOUR);
    let missing = |left| ("order_missing".to_owned(), "M-3".to_owned(), Some(left), None);
    assert_eq!(found(&shop.payments).await, [missing(1000)]);
    shop.payments.refund(lost.id, wish(Some(400))).await.unwrap();
    assert_eq!(found(&shop.payments).await, [missing(1000)]);
    shop.payments.refund(lost.id, wish(None)).await.unwrap();
    assert_eq!(found(&shop.payments).await, []);
    db.clock.advance(DAY);
    assert_eq!(found(&shop.payments).await, []);
});

// However many there are: what stands behind a long list comes to its turn.
both_engines!(a_long_list_of_missing_orders_keeps_nothing_behind_it, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    says(&shop, &db, &[("M-1", 1000, OrderState::Open)]).await;
    db.clock.advance(Duration::from_secs(5));
    shop.emulators.control.advance_s(5);
    let first = shop.paid("M-2", 1000, Provider::Stripe).await;
    // As many as one round looks at, and some more; earlier rounds told them.
    let id = first.id.to_string();
    let others = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10050) \
         INSERT INTO payment (id, version, order_id, is_open, state, currency, amount, authorized, captured, refunded, capturing, refunding, \
         capture, captures_ended, unsure, provider, attempt, customer, email, details, look_at, looks, created_at, updated_at, expires_at) \
         SELECT '{}' || (1000000 + n.i), version, 'N-' || n.i, is_open, state, currency, amount, authorized, captured, refunded, capturing, \
         refunding, capture, captures_ended, unsure, provider, attempt, customer, email, details, NULL, looks, created_at, updated_at, expires_at \
         FROM payment, n WHERE id = '{id}'",
        &id[..id.len() - 7]
    );
    db.raw(&others);
    db.raw(
        "INSERT INTO payment_difference (id, provider, day, what, reference, payment, there, here, currency, found_at, settled_at) \
         SELECT id, 'shop', '2026-11-27', 'order_missing', order_id, id, captured, NULL, currency, created_at, NULL \
         FROM payment WHERE order_id LIKE 'N-%'",
    );
    db.clock.advance(Duration::from_secs(60));
    shop.emulators.control.advance_s(60);
    shop.paid("M-3", 1000, Provider::Stripe).await;
    db.clock.advance(DAY);
    let is_told = async || {
        shop.payments.compare_orders().await.unwrap();
        let found = db.read(|reader| {
            let read = "SELECT what FROM payment_difference WHERE reference = 'M-3'";
            reader.query_optional(read, &[], |row| row.get::<String>(0))
        });
        found.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}")).is_some()
    };
    assert!(is_told().await);
});

// A round looks at what changed since the one before: what grew old meanwhile is found, and once a day whatever an order was taken away of.
both_engines!(a_round_goes_on_behind_the_one_before, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let later = |hours: u64| {
        db.clock.advance(Duration::from_secs(hours * 3600));
        shop.emulators.control.advance_s(i64::try_from(hours * 3600).unwrap());
    };
    says(&shop, &db, &[("G-1", 1000, OrderState::Open)]).await;
    later(1);
    shop.paid("G-2", 1000, Provider::Stripe).await;
    says(&shop, &db, &[("G-2", 1000, OrderState::Paid)]).await;
    later(25);
    assert_eq!(found(&shop.payments).await, [], "all were looked at");
    later(1);
    shop.paid("G-3", 1000, Provider::Stripe).await;
    later(23);
    // All again, and that one is not old enough.
    assert_eq!(found(&shop.payments).await, []);
    db.raw("DELETE FROM payment_shop_order WHERE order_id = 'G-2'");
    later(2);
    let missing = |order: &str| ("order_missing".to_owned(), order.to_owned(), Some(1000), None);
    assert_eq!(found(&shop.payments).await, [missing("G-3")]);
    later(24);
    assert_eq!(found(&shop.payments).await, [missing("G-2"), missing("G-3")]);
});

// Told late, twice, or wrong: what is known stays.
both_engines!(what_is_older_or_does_not_fit_changes_nothing, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let now = db.clock.now();
    let tell = async |one: ShopOrder| shop.payments.tell_orders(vec![one]).await;
    assert_eq!(tell(order("T-1", 900, OrderState::Paid, now)).await.unwrap().taken, 1);
    let old = order("T-1", 100, OrderState::Cancelled, now.minus(Duration::from_secs(60)));
    assert_eq!(tell(old).await.unwrap(), OrdersTold { taken: 0, older: 1 });
    assert_eq!(tell(order("T-1", 900, OrderState::Paid, now)).await.unwrap().taken, 1, "again");
    let kept = shop.payments.shop_order("T-1").await.unwrap().unwrap();
    assert_eq!((kept.state, kept.amount.minor), (OrderState::Paid, 900));
    let good = order("T-2", 900, OrderState::Paid, now);
    for wrong in [
        order("", 900, OrderState::Paid, now),
        order("two words", 900, OrderState::Paid, now),
        order("T-3", -1, OrderState::Paid, now),
        order("T-3", i64::MAX, OrderState::Paid, now),
        ShopOrder { refunded: Some(901), ..good.clone() },
        order("T-3", 900, OrderState::Paid, now.plus(DAY)),
    ] {
        let all = shop.payments.tell_orders(vec![good.clone(), wrong.clone()]).await;
        assert!(matches!(all, Err(Error::Misfit { field: "orders", .. })), "{wrong:?}: {all:?}");
        assert_eq!(shop.payments.shop_order("T-2").await.unwrap(), None, "all or none");
    }
    let many = vec![good; 501];
    assert!(matches!(shop.payments.tell_orders(many).await, Err(Error::Misfit { .. })));
});

const OSCAR: &str = "CREATE TABLE order_order (id INTEGER PRIMARY KEY, number TEXT, total_incl_tax TEXT, currency TEXT, status TEXT);
    CREATE TABLE payment_sourcetype (id INTEGER PRIMARY KEY, name TEXT, code TEXT);
    CREATE TABLE payment_source (id INTEGER PRIMARY KEY, order_id INTEGER, source_type_id INTEGER, amount_debited REAL, amount_refunded REAL);
    INSERT INTO payment_sourcetype VALUES (1, 'Storeward', 'storeward'), (2, 'Bank transfer', 'bank');
    INSERT INTO order_order VALUES (1, '100001', '19.99', 'EUR', 'Pending'), (2, '100002', '5.00', 'EUR', 'Paid'), (3, '100003', '7.00', 'EUR', 'Paid'),
      (4, '100004', '9.5', 'EUR', 'Cancelled'), (5, '100005', '1.001', 'EUR', 'Pending'), (6, '100006', '8.00', 'EUR', 'Complete');
    INSERT INTO payment_source VALUES (1, 3, 2, 7.00, 0), (2, 6, 1, 8.00, 8.00);";

both_engines!(
    a_shops_database_is_read_and_not_believed_to_be_newer_than_it_was_read,
    MIGRATIONS,
    async |db| {
        let shop = Shop::new(&db).await;
        let path = shop.folder.path().join("oscar.sqlite");
        let change = |sql: &str| {
            let done = std::process::Command::new("sqlite3").arg(&path).arg(sql).status();
            assert!(done.is_ok_and(|status| status.success()), "sqlite3 is there: ./test installs it");
        };
        change(OSCAR);
        let url = ForeignUrl::parse(&format!("sqlite://{}", path.display())).unwrap();
        let file = OrdersFile::built_in("django-oscar", ForeignEngine::Sqlite, &BTreeMap::new()).unwrap();
        let source = OrdersSource { file, url };
        shop.paid("100001", 1999, Provider::Stripe).await;
        shop.paid("100006", 800, Provider::Stripe).await;
        let read = shop.payments.read_orders(&source).await.unwrap();
        assert_eq!((read.read, read.left_out), (5, 1), "a price with a tenth of a cent is no amount");
        let state =
            async |number: &str| shop.payments.shop_order(number).await.unwrap().map(|order| order.state);
        assert_eq!(state("100004").await, Some(OrderState::Cancelled));
        assert_eq!(state("100006").await, Some(OrderState::Refunded));
        assert!(shop.payments.shop_order("100003").await.unwrap().unwrap().is_elsewhere);
        // Read before the payment came to rest: what it says of it is not held against it.
        db.clock.advance(HALF_AN_HOUR);
        assert_eq!(found(&shop.payments).await, [one("order_without_payment", "100002", 0, 500)]);
        shop.payments.read_orders(&source).await.unwrap();
        db.clock.advance(HALF_AN_HOUR);
        let expected = [
            one("order_unpaid", "100001", 1999, 0),
            one("order_without_payment", "100002", 0, 500),
            one("payment_not_refunded", "100006", 0, 800),
        ];
        assert_eq!(found(&shop.payments).await, expected);
        change(
            "UPDATE order_order SET status = 'Paid' WHERE id = 1; UPDATE order_order SET status = 'Pending' WHERE id = 2",
        );
        db.clock.advance(Duration::from_secs(3600));
        shop.payments.read_orders(&source).await.unwrap();
        db.clock.advance(Duration::from_secs(3600));
        assert_eq!(found(&shop.payments).await, expected[2..]);
    }
);

const WOO: &str = include_str!("../../../vault/tests/shops/woocommerce.sql");
const HPOS: &str = include_str!("../../../vault/tests/shops/woocommerce-hpos.sql");
const POSTS: &str = include_str!("../../../vault/tests/shops/woocommerce-posts.sql");

// Both ways in which WooCommerce keeps its orders, in the tables that it makes itself.
#[test]
fn woocommerces_orders_are_read_from_either_place() {
    let server = MariaDb::start(&[]);
    for tables in [HPOS, POSTS] {
        server.run("", "DROP DATABASE IF EXISTS shop; CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci");
        [WOO, tables].iter().for_each(|sql| server.run("shop", sql));
        for engine in [storeward_store::Engine::Sqlite, storeward_store::Engine::Postgres] {
            storeward_store::testing::run(engine, MIGRATIONS, async |db| {
                let shop = Shop::new(&db).await;
                let url = format!("mysql://root@/shop?socket={}", server.socket().display());
                let file =
                    OrdersFile::built_in("woocommerce", ForeignEngine::MySql, &BTreeMap::new()).unwrap();
                let source = OrdersSource { file, url: ForeignUrl::parse(&url).unwrap() };
                let read = shop.payments.read_orders(&source).await.unwrap();
                assert_eq!((read.read, read.left_out), (4, 0), "drafts and refunds are no orders");
                let yen = shop.payments.shop_order("102").await.unwrap().unwrap();
                assert_eq!((yen.amount.to_string().as_str(), yen.state), ("1800 JPY", OrderState::Paid));
                let other = shop.payments.shop_order("101").await.unwrap().unwrap();
                assert!(other.is_elsewhere && other.amount.minor == 4250, "another module's: {other:?}");
                // A second reading asks for what was changed since.
                assert_eq!(shop.payments.read_orders(&source).await.unwrap().read, 0);
            });
        }
    }
}
