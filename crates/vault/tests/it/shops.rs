//! Shops' databases, read as they are: WooCommerce's tables in a MariaDB of the test's own.

use std::collections::BTreeMap;

use storeward_base::Actor;
use storeward_events::Event;
use storeward_store::foreign::ForeignUrl;
use storeward_store::foreign::testing::MariaDb;
use storeward_store::testing::{TestDb, run};
use storeward_store::{Engine, Migration};
use storeward_vault::import::{Ended, Run, ShopFile, ShopImport, Taken};
use storeward_vault::{Class, MIGRATIONS, Vault};

use crate::support::{both, field, own, shown};

fn migrations() -> Vec<Migration> {
    [MIGRATIONS, storeward_vault::import::MIGRATIONS].concat()
}

/// Of the same shop on both of our engines, one after the other; each begins with a shop made anew.
fn on_both(shop: &MariaDb, sql: &[&str], test: impl AsyncFn(TestDb, &MariaDb)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        shop.run("", "DROP DATABASE IF EXISTS shop; CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci");
        sql.iter().for_each(|sql| shop.run("shop", sql));
        run(engine, &migrations(), async |db| test(db, shop).await);
    }
}

pub fn import(shop: &MariaDb, run: Run) -> ShopImport {
    let url = format!("mysql://root@/shop?socket={}", shop.socket().display());
    let url = ForeignUrl::parse(&url).unwrap();
    let text = ShopFile::built_in("woocommerce").unwrap();
    let file = ShopFile::parse(text, url.engine(), &BTreeMap::new()).unwrap();
    ShopImport { shop: file, url, run, actor: Actor::Operator }
}

async fn taken(vault: &Vault, shop: &MariaDb) -> Ended {
    import(shop, Run::Real).run(Some(vault), &mut |_| {}).await.unwrap()
}

fn told(ended: &Ended) -> String {
    let run = Run::Real;
    ended.parts.iter().map(|part| format!("{}: {}", part.name, part.report.told(run))).collect()
}

async fn head(db: &TestDb) -> u64 {
    db.read(storeward_store::ledger::head).await.unwrap().size
}

pub const TABLES: &str = include_str!("../shops/woocommerce.sql");
pub const HPOS: &str = include_str!("../shops/woocommerce-hpos.sql");
pub const POSTS: &str = include_str!("../shops/woocommerce-posts.sql");

#[test]
fn woocommerces_accounts_guests_and_orders_are_taken_and_taken_once() {
    let shop = MariaDb::start(&[]);
    on_both(&shop, &[TABLES, HPOS], async |db, shop| {
        let (_keys, vault) = both(&db).await;
        let dry = import(shop, Run::Dry).run(Some(&vault), &mut |_| {}).await.unwrap();
        assert_eq!(vault.known("2").await.unwrap(), Taken::New, "a dry run writes nothing");
        let mut steps = Vec::new();
        let real = import(shop, Run::Real);
        let first = real
            .run(Some(&vault), &mut |step| steps.push((step.part.to_owned(), step.rows, step.total)))
            .await;
        let first = first.unwrap();
        assert!(steps.contains(&("orders".to_owned(), 4, Some(4))), "{steps:?}");
        assert_eq!((first.present, first.gone), (Some(8), 0));
        let report = told(&first);
        for says in [
            "contact.email is no e-mail address (id 4)",
            "address.country is no country",
            "note.text holds a card number",
            "(id 103)",
        ] {
            assert!(report.contains(says), "{says}: {report}");
            assert!(says.starts_with('(') || told(&dry).contains(says));
        }
        for value in ["no address)", "4111", "Germany", "gus@"] {
            assert!(!report.contains(value), "{report}");
        }
        ada_is_there(&vault).await;
        gus_is_there(&vault).await;
        // The owner of the shop is no customer; a basket that was not sent off is no order.
        for nobody in ["una@shop.example", "draft@guests.example"] {
            assert_eq!(vault.find(field("contact.email"), nobody).await.unwrap(), []);
        }
        bobs_two_records(&vault).await;
        let before = head(&db).await;
        let again = taken(&vault, shop).await;
        assert_eq!(head(&db).await, before + 1, "only that it was read is new: {}", told(&again));
    });
}

#[test]
fn orders_that_are_posts_are_taken_as_well() {
    let shop = MariaDb::start(&[]);
    on_both(&shop, &[TABLES, POSTS], async |db, shop| {
        let (_keys, vault) = both(&db).await;
        let first = taken(&vault, shop).await;
        let names: Vec<&str> = first.parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["accounts-of-posts", "guests-of-posts", "orders-of-posts", "payment-tokens"]);
        // Four accounts, and two who ordered without one.
        assert_eq!((first.present, first.gone), (Some(6), 0));
        let report = told(&first);
        assert!(report.contains("note.text holds a card number") && !report.contains("4111"), "{report}");
        ada_is_there(&vault).await;
        gus_is_there(&vault).await;
        for nobody in ["una@shop.example", "draft@guests.example", "bin@guests.example"] {
            assert_eq!(vault.find(field("contact.email"), nobody).await.unwrap(), [], "{nobody}");
        }
        bobs_two_records(&vault).await;
        let before = head(&db).await;
        taken(&vault, shop).await;
        assert_eq!(head(&db).await, before + 1, "only that it was read is new");
        // What changed since is read, and the erased stay erased: Ada by her number, Gus by his address.
        let gus = vault.customer_of_shop(&Vault::guest_number("gus@guests.example"));
        for customer in [vault.customer_of_shop("2"), gus] {
            vault.erase(&own(customer)).await.unwrap();
        }
        shop.run(
            "shop",
            "UPDATE wp_posts SET post_status = 'wc-completed', post_modified_gmt = UTC_TIMESTAMP() WHERE ID IN (101, 103, 104);
             DELETE FROM wp_usermeta WHERE user_id = 2; DELETE FROM wp_users WHERE ID = 2;
             UPDATE wp_postmeta SET meta_value = '0' WHERE meta_key = '_customer_user' AND post_id = 101;
             UPDATE wp_wc_customer_lookup SET user_id = NULL WHERE customer_id = 1;",
        );
        let third = taken(&vault, shop).await;
        let of = |name: &str| third.parts.iter().find(|part| part.name == name).unwrap();
        assert!(of("orders-of-posts").since.is_some());
        assert_eq!(of("orders-of-posts").report.erased, 2, "{}", told(&third));
        for number in ["101", "102", "103"] {
            assert_eq!(vault.find(field("order.number"), number).await.unwrap(), [], "{number}");
        }
        assert_eq!(vault.find(field("contact.email"), "ada@people.example").await.unwrap(), []);
        assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
    });
}

/// A trader, whose plugin gives them a role of its own; staff who bought something, who keep a card, and who do neither; nobody's staff any more.
const ROLES: &str = r#"
INSERT INTO wp_users (ID, user_email) VALUES (11, 'wholesale@people.example'), (12, 'manager@shop.example'), (13, 'author@shop.example'),
  (14, 'editor@shop.example'), (15, 'none@people.example'), (16, 'both@people.example'), (17, 'elsewhere@people.example');
INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES (11, 'wp_capabilities', 'a:1:{s:18:"wholesale_customer";b:1;}'),
  (12, 'wp_capabilities', 'a:1:{s:12:"shop_manager";b:1;}'), (13, 'wp_capabilities', 'a:1:{s:6:"author";b:1;}'),
  (14, 'wp_capabilities', 'a:1:{s:6:"editor";b:1;}'), (15, 'wp_capabilities', 'a:0:{}'),
  (16, 'wp_capabilities', 'a:2:{s:8:"customer";b:1;s:6:"editor";b:1;}'), (17, 'wp_7_capabilities', 'a:1:{s:8:"customer";b:1;}');
INSERT INTO wp_woocommerce_payment_tokens (token_id, gateway_id, token, user_id, type) VALUES (60, 'stripe', 'pm_13', 13, 'CC');
INSERT INTO wp_wc_orders (id, status, currency, type, total_amount, customer_id, billing_email, date_created_gmt, date_updated_gmt, customer_note) VALUES
  (501, 'wc-processing', 'EUR', 'shop_order', 1.00, 11, 'wholesale@people.example', '2026-11-26 10:00:00', UTC_TIMESTAMP(), 'to the ramp'),
  (502, 'wc-processing', 'EUR', 'shop_order', 1.00, 12, 'manager@shop.example', '2026-11-26 10:00:00', UTC_TIMESTAMP(), 'for the office'),
  (503, 'wc-checkout-draft', 'EUR', 'shop_order', 1.00, 14, 'editor@shop.example', '2026-11-26 10:00:00', UTC_TIMESTAMP(), '');
INSERT INTO wp_posts (ID, post_type, post_status, post_date_gmt, post_modified_gmt, post_excerpt) VALUES
  (501, 'shop_order', 'wc-processing', '2026-11-26 10:00:00', UTC_TIMESTAMP(), 'to the ramp'),
  (502, 'shop_order', 'wc-processing', '2026-11-26 10:00:00', UTC_TIMESTAMP(), 'for the office'),
  (503, 'shop_order', 'wc-checkout-draft', '2026-11-26 10:00:00', UTC_TIMESTAMP(), '');
INSERT INTO wp_postmeta (post_id, meta_key, meta_value) VALUES (501, '_customer_user', '11'), (502, '_customer_user', '12'), (503, '_customer_user', '14');
"#;

// The order of a trader came in with a name and an address, and nobody found it: accounts were taken of two roles only.
#[test]
fn whoever_an_order_or_a_card_is_of_is_found_by_their_address_whatever_their_role() {
    let shop = MariaDb::start(&[]);
    for orders in [HPOS, POSTS] {
        on_both(&shop, &[TABLES, orders, ROLES], async |db, shop| {
            let (_keys, vault) = both(&db).await;
            let mut totals = BTreeMap::new();
            let real = import(shop, Run::Real);
            let mut step = |step: storeward_vault::import::Step<'_>| {
                totals.insert(step.part.to_owned(), (step.rows, step.total));
            };
            let first = real.run(Some(&vault), &mut step).await.unwrap();
            let accounts = totals.iter().find(|(name, _)| name.starts_with("accounts")).unwrap();
            assert_eq!(*accounts.1, (8, Some(8)), "{}", told(&first));
            let email = field("contact.email");
            for (id, address) in [
                ("11", "wholesale@people.example"),
                ("12", "manager@shop.example"),
                ("13", "author@shop.example"),
                ("15", "none@people.example"),
                ("16", "both@people.example"),
            ] {
                let found = vault.find(email, address).await.unwrap();
                assert_eq!(found, [vault.customer_of_shop(id)], "{address}");
            }
            for nobody in ["una@shop.example", "editor@shop.example", "elsewhere@people.example"] {
                assert_eq!(vault.find(email, nobody).await.unwrap(), [], "{nobody}");
            }
            for (number, id) in [("501", "11"), ("502", "12")] {
                let found = vault.find(field("order.number"), number).await.unwrap();
                assert_eq!(found, [vault.customer_of_shop(id)], "{number}");
            }
        });
    }
}

async fn ada_is_there(vault: &Vault) {
    let ada = vault.customer_of_shop("2");
    let order = vault.item_of_shop(Class::Order, "101");
    let names = [
        "contact.email",
        "contact.name",
        "contact.phone",
        "contact.language",
        "address.city",
        "order.total",
        "order.placed_at",
        "order.items",
        "order.shipping",
        "order.status",
    ];
    let mut kept = shown(vault, ada, &names).await;
    let mut wanted = [
        "own email ada@people.example".to_owned(),
        "own name Ada Łovelace".to_owned(),
        "own phone +49301234567".to_owned(),
        "own language de_DE".to_owned(),
        "billing city Thornbeck".to_owned(),
        format!("{order} total 4250"),
        format!("{order} placed_at 2026-03-01T10:00:00.000Z"),
        format!("{order} items 2 x Peat mug\n1 x Salt bowl"),
        format!("{order} shipping Ada Łovelace\nMill Lane 1\nN12 9ET Ockham\nGB"),
        format!("{order} status completed"),
    ];
    kept.sort();
    wanted.sort();
    assert_eq!(kept, wanted);
}

/// Somebody ordered with the address of Bob's account, and without it: nobody knows that it was Bob.
async fn bobs_two_records(vault: &Vault) {
    let account = vault.customer_of_shop("3");
    let guest = vault.customer_of_shop(&Vault::guest_number("bob@people.example"));
    assert_eq!(shown(vault, account, &["order.status"]).await.len(), 0);
    assert_eq!(shown(vault, guest, &["order.status"]).await.len(), 1);
    assert_eq!(vault.own_records("bob@people.example").await.unwrap().unwrap(), [account, guest]);
}

/// As an earlier build had it: a guest's order is whoever's who has an account with the address.
async fn taken_as_before(vault: &Vault, shop: &MariaDb) {
    let mut import = import(shop, Run::Real);
    let joined =
        |column: &str| format!("(SELECT MIN(u.ID) FROM wp_users u WHERE u.user_email = {column}), 'guest");
    let text = ShopFile::built_in("woocommerce").unwrap();
    let before = text
        .replace(
            "NULLIF(o.customer_id, 0), 'guest",
            &format!("NULLIF(o.customer_id, 0), {}", joined("o.billing_email")),
        )
        .replace(
            "NULLIF(o.customer_id, '0'), 'guest",
            &format!("NULLIF(o.customer_id, '0'), {}", joined("o.email")),
        );
    assert_ne!(before, text);
    import.shop = ShopFile::parse(&before, import.url.engine(), &BTreeMap::new()).unwrap();
    import.run(Some(vault), &mut |_| {}).await.unwrap();
}

// Shops confirm no address: whoever signed up with a guest's read the guest's orders.
#[test]
fn a_guests_order_leaves_the_account_that_it_was_given_to() {
    let shop = MariaDb::start(&[]);
    for orders in [HPOS, POSTS] {
        on_both(&shop, &[TABLES, orders], async |db, shop| {
            let (_keys, vault) = both(&db).await;
            taken_as_before(&vault, shop).await;
            let bob = vault.customer_of_shop("3");
            assert_eq!(shown(&vault, bob, &["order.status"]).await.len(), 1);
            // His address changes, so that nothing of the shop says any more whose order that was.
            shop.run("shop", "UPDATE wp_users SET user_email = 'bob@elsewhere.example' WHERE ID = 3");
            let told = told(&taken(&vault, shop).await);
            assert!(told.contains("items (orders, notes and the like) left"), "{told}");
            assert_eq!(shown(&vault, bob, &["order.status", "payment.provider", "note.text"]).await.len(), 0);
            let guest = vault.customer_of_shop(&Vault::guest_number("bob@people.example"));
            assert_eq!(vault.find(field("order.number"), "104").await.unwrap(), [guest]);
            // The shop itself joins them, where it is told to: then the order names the account.
            shop.run(
                "shop",
                "UPDATE wp_wc_orders SET customer_id = 3, date_updated_gmt = UTC_TIMESTAMP() WHERE id = 104;
                 UPDATE wp_postmeta SET meta_value = '3' WHERE post_id = 104 AND meta_key = '_customer_user';
                 UPDATE wp_posts SET post_modified_gmt = UTC_TIMESTAMP() WHERE ID = 104;",
            );
            taken(&vault, shop).await;
            assert_eq!(vault.find(field("order.number"), "104").await.unwrap(), [bob]);
            assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
        });
    }
}

async fn gus_is_there(vault: &Vault) {
    let gus = vault.customer_of_shop(&Vault::guest_number("Gus@guests.example"));
    assert_eq!(vault.find(field("contact.email"), "gus@guests.example").await.unwrap(), [gus]);
    let kept = shown(vault, gus, &["contact.name", "address.street", "contact.phone", "order.total"]).await;
    for says in ["own name Gus Guest", "billing street New Road 2", "own phone +33472000001"] {
        assert!(kept.iter().any(|one| one == says), "{says}: {kept:?}");
    }
    // Yen have no smaller coin.
    assert!(
        kept.iter().any(|one| one.ends_with(" total 1800"))
            && kept.iter().any(|one| one.ends_with(" total 999"))
    );
}

#[test]
fn later_runs_ask_for_changes_and_tell_who_is_gone() {
    let shop = MariaDb::start(&[]);
    on_both(&shop, &[TABLES, HPOS], async |db, shop| {
        let (_keys, vault) = both(&db).await;
        taken(&vault, shop).await;
        let ada = vault.customer_of_shop("2");
        // An order is paid, another is old; a telephone number is taken back; Bob goes, and Ada's newest order with him.
        shop.run(
            "shop",
            "UPDATE wp_wc_orders SET status = 'wc-completed', date_updated_gmt = UTC_TIMESTAMP() WHERE id = 103;
             UPDATE wp_wc_orders SET status = 'wc-old' WHERE id = 102;
             UPDATE wp_usermeta SET meta_value = '' WHERE user_id = 2 AND meta_key = 'billing_phone';
             UPDATE wp_users SET user_email = 'ada@new.example' WHERE ID = 2;
             DELETE FROM wp_usermeta WHERE user_id = 3; DELETE FROM wp_users WHERE ID = 3; DELETE FROM wp_wc_orders WHERE id = 104;",
        );
        let second = taken(&vault, shop).await;
        let of = |name: &str| second.parts.iter().find(|part| part.name == name).unwrap();
        assert!(of("orders").since.is_some() && of("accounts").since.is_none());
        assert_eq!(of("orders").report.new + of("orders").report.known, 1, "{}", told(&second));
        let kept =
            shown(&vault, ada, &["contact.email", "contact.phone", "address.phone", "contact.name"]).await;
        assert_eq!(kept.len(), 2, "what the shop has no more is gone: {kept:?}");
        assert!(kept.contains(&"own email ada@new.example".to_owned()), "{kept:?}");
        let gus = vault.customer_of_shop(&Vault::guest_number("gus@guests.example"));
        let states = shown(&vault, gus, &["order.status"]).await;
        assert!(states.iter().any(|one| one.ends_with(" completed")), "{states:?}");
        assert!(
            !states.iter().any(|one| one.ends_with(" old")),
            "it was not changed for the shop's clock: {states:?}"
        );
        // Bob is told, and stays; so is whoever ordered with his address.
        let bob = vault.customer_of_shop("3");
        let mut both_gone = [bob, vault.customer_of_shop(&Vault::guest_number("bob@people.example"))];
        both_gone.sort();
        assert_eq!(second.gone, 2);
        assert_eq!(shown(&vault, bob, &["contact.email"]).await, ["own email bob@people.example"]);
        let gone = vault.gone_from_shops(10).await.unwrap();
        assert_eq!(gone.iter().map(|gone| gone.customer).collect::<Vec<_>>(), both_gone);
        let events = db.read(|reader| storeward_store::ledger::read_after(reader, 0, 1_000)).await.unwrap();
        let events: Vec<Event> = events.into_iter().map(|(_, record)| record.event).collect();
        let is_told = |event: &Event| matches!(event, Event::CustomersGone(fact) if fact.customers == both_gone && fact.count == 2);
        assert_eq!(events.iter().filter(|event| is_told(event)).count(), 1);
        assert_eq!(taken(&vault, shop).await.gone, 0, "told once");
        shop.run("shop", "INSERT INTO wp_users (ID, user_email) VALUES (3, 'bob@people.example'); INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES (3, 'wp_capabilities', 'a:1:{s:8:\"customer\";b:1;}')");
        taken(&vault, shop).await;
        let gone = vault.gone_from_shops(10).await.unwrap();
        assert!(gone.len() == 1 && gone[0].customer != bob, "back again: {gone:?}");
    });
}

// A shop that takes an account away goes on having its orders, as a guest's: neither brings an erased customer back.
#[test]
fn the_erased_stay_erased_under_every_number_of_theirs() {
    let shop = MariaDb::start(&[]);
    on_both(&shop, &[TABLES, HPOS], async |db, shop| {
        let (_keys, vault) = both(&db).await;
        taken(&vault, shop).await;
        let gus = vault.customer_of_shop(&Vault::guest_number("gus@guests.example"));
        for customer in [vault.customer_of_shop("2"), gus] {
            vault.erase(&own(customer)).await.unwrap();
        }
        let again = taken(&vault, shop).await;
        assert_eq!(again.parts[0].report.erased, 1, "{}", told(&again));
        // Ada's account goes, as WooCommerce does it: her orders are a guest's now. Gus signs up, and his old orders become his account's.
        shop.run(
            "shop",
            "DELETE FROM wp_usermeta WHERE user_id = 2; DELETE FROM wp_users WHERE ID = 2;
             UPDATE wp_wc_orders SET customer_id = 0, date_updated_gmt = UTC_TIMESTAMP() WHERE customer_id = 2;
             INSERT INTO wp_users (ID, user_email) VALUES (9, 'gus@guests.example');
             INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES (9, 'wp_capabilities', 'a:1:{s:8:\"customer\";b:1;}');
             UPDATE wp_wc_orders SET date_updated_gmt = UTC_TIMESTAMP() WHERE id IN (102, 103);",
        );
        taken(&vault, shop).await;
        assert_eq!(vault.find(field("contact.email"), "ada@people.example").await.unwrap(), []);
        assert_eq!(vault.find(field("order.number"), "101").await.unwrap(), []);
        assert_eq!(
            vault.find(field("order.number"), "103").await.unwrap(),
            [],
            "what he had erased does not come back"
        );
        assert_eq!(vault.keys().verify().await.unwrap(), []);
        let whole = vault.verify(Actor::System, |_| {}).await.unwrap();
        assert_eq!(whole.flaws, []);
    });
}

// WooCommerce leaves older orders alone where an account changes its address, and bills to any.
#[test]
fn an_order_that_was_erased_comes_back_to_no_guest() {
    let shop = MariaDb::start(&[]);
    for orders in [HPOS, POSTS] {
        on_both(&shop, &[TABLES, orders], async |db, shop| {
            let (_keys, vault) = both(&db).await;
            shop.run(
                "shop",
                "UPDATE wp_wc_orders SET billing_email = 'old@people.example' WHERE id = 101;
                 UPDATE wp_postmeta SET meta_value = 'old@people.example' WHERE meta_key = '_billing_email' AND post_id = 101;
                 UPDATE wp_wc_customer_lookup SET email = 'old@people.example' WHERE customer_id = 1;",
            );
            taken(&vault, shop).await;
            let ada = vault.customer_of_shop("2");
            assert_eq!(vault.find(field("order.number"), "101").await.unwrap(), [ada]);
            vault.erase(&own(ada)).await.unwrap();
            shop.run(
                "shop",
                "DELETE FROM wp_usermeta WHERE user_id = 2; DELETE FROM wp_users WHERE ID = 2;
                 UPDATE wp_wc_orders SET customer_id = 0, date_updated_gmt = UTC_TIMESTAMP() WHERE customer_id = 2;
                 UPDATE wp_posts SET post_modified_gmt = UTC_TIMESTAMP() WHERE ID = 101;
                 UPDATE wp_postmeta SET meta_value = '0' WHERE meta_key = '_customer_user' AND post_id = 101;
                 UPDATE wp_wc_customer_lookup SET user_id = NULL WHERE customer_id = 1;",
            );
            let told = told(&taken(&vault, shop).await);
            assert_eq!(vault.find(field("order.number"), "101").await.unwrap(), [], "{told}");
            assert_eq!(vault.find(field("contact.email"), "old@people.example").await.unwrap(), [], "{told}");
            assert_eq!(vault.keys().verify().await.unwrap(), []);
            assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
        });
    }
}

// A new account of an erased guest's address was left out, and what the shop gave it came in all the same: its orders and its cards bear the
// account's number alone. Of an account with a role of the shop's own there is no row of its own.
#[test]
fn what_the_shop_gives_an_erased_guests_account_stays_out() {
    let shop = MariaDb::start(&[]);
    for (orders, role) in [(HPOS, "customer"), (HPOS, "wholesale"), (POSTS, "customer"), (POSTS, "wholesale")]
    {
        on_both(&shop, &[TABLES, orders], async |db, shop| {
            let (_keys, vault) = both(&db).await;
            taken(&vault, shop).await;
            let gus = vault.customer_of_shop(&Vault::guest_number("gus@guests.example"));
            vault.erase(&own(gus)).await.unwrap();
            let account = format!(
                "INSERT INTO wp_users (ID, user_email) VALUES (9, 'Gus@guests.example');
                 INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES (9, 'wp_capabilities', 'a:1:{{s:8:\"{role}\";b:1;}}');"
            );
            shop.run("shop", &account);
            shop.run(
                "shop",
                "INSERT INTO wp_woocommerce_payment_tokens (token_id, gateway_id, token, user_id, type) VALUES (50, 'stripe', 'pm_gus', 9, 'CC');
                 UPDATE wp_wc_orders SET customer_id = 9, date_updated_gmt = UTC_TIMESTAMP() WHERE id = 103;
                 UPDATE wp_postmeta SET meta_value = '9' WHERE post_id = 103 AND meta_key = '_customer_user';
                 UPDATE wp_posts SET post_modified_gmt = UTC_TIMESTAMP() WHERE ID = 103;",
            );
            for _ in 0..2 {
                taken(&vault, shop).await;
                assert_eq!(vault.known("9").await.unwrap(), Taken::Erased);
                assert_eq!(vault.find(field("order.number"), "103").await.unwrap(), []);
                shop.run("shop", "UPDATE wp_users SET user_email = 'other@guests.example' WHERE ID = 9");
            }
            assert_eq!(vault.keys().verify().await.unwrap(), []);
            assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
        });
    }
}

// An erasure was a ban: whoever had been erased was left out for good, whatever they ordered later.
#[test]
fn who_comes_again_after_an_erasure_begins_anew() {
    let shop = MariaDb::start(&[]);
    for orders in [HPOS, POSTS] {
        on_both(&shop, &[TABLES, orders], async |db, shop| {
            let (_keys, vault) = both(&db).await;
            taken(&vault, shop).await;
            let [ada, nine] = ["2", "9"].map(|number| vault.customer_of_shop(number));
            let [gus, bob] = ["gus@guests.example", "bob@people.example"]
                .map(|email| vault.customer_of_shop(&Vault::guest_number(email)));
            for customer in [ada, gus, bob] {
                vault.erase(&own(customer)).await.unwrap();
            }
            db.clock.advance(std::time::Duration::from_secs(3 * 86_400));
            // Ada orders with her old account, Bob as a guest; Gus opens an account, and the shop joins what he had ordered.
            shop.run("shop", include_str!("../shops/woocommerce-again.sql"));
            for _ in 0..2 {
                let told = told(&taken(&vault, shop).await);
                let whose = async |number: &str| vault.find(field("order.number"), number).await.unwrap();
                for old in ["101", "102", "103", "104"] {
                    assert_eq!(whose(old).await, [], "{old}: {told}");
                }
                let [again] = whose("110").await[..] else { panic!("{told}") };
                assert_ne!(again, ada);
                let names = ["contact.email", "contact.name", "address.city", "payment.token"];
                let mut kept = shown(&vault, again, &names).await;
                kept.sort();
                let order = vault.item_of_shop(Class::Payment, "110");
                assert_eq!(
                    kept,
                    [format!("{order} token pi_110"), "own email ada@people.example".to_owned()]
                );
                let [again] = whose("111").await[..] else { panic!("{told}") };
                assert_ne!(again, bob);
                assert_eq!(
                    shown(&vault, again, &["contact.email", "contact.name"]).await,
                    ["own email bob@people.example", "own name Bob Again"]
                );
                assert_eq!(whose("112").await, [nine]);
                assert_eq!(shown(&vault, nine, &["contact.email"]).await, ["own email gus@guests.example"]);
                assert_eq!(shown(&vault, nine, &["payment.token"]).await.len(), 2);
                shop.run(
                    "shop",
                    "UPDATE wp_wc_orders SET date_updated_gmt = UTC_TIMESTAMP(); UPDATE wp_posts SET post_modified_gmt = UTC_TIMESTAMP();",
                );
            }
            assert_eq!(vault.gone_from_shops(10).await.unwrap(), []);
            assert_eq!(vault.keys().verify().await.unwrap(), []);
            assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
        });
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_was() {
    let shop = MariaDb::start(&[]);
    let many: String = (1_000..1_450)
        .map(|id| {
            format!(
                "INSERT INTO wp_users (ID, user_email) VALUES ({id}, 'c{id}@people.example'); \
                 INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES ({id}, 'wp_capabilities', '\"customer\"');"
            )
        })
        .collect();
    on_both(&shop, &[TABLES, HPOS, &many], async |db, shop| {
        let (_keys, vault) = both(&db).await;
        // The shop's server goes away after the first page.
        let import = import(shop, Run::Real);
        let mut seen = 0;
        let mut stop = |step: storeward_vault::import::Step<'_>| {
            seen = seen.max(step.rows);
            if step.rows == 200 {
                shop.run("shop", "RENAME TABLE wp_usermeta TO away");
            }
        };
        let stopped = import.run(Some(&vault), &mut stop).await;
        assert!(stopped.unwrap_err().to_string().contains("wp_usermeta"));
        shop.run("shop", "RENAME TABLE away TO wp_usermeta");
        let ended = taken(&vault, shop).await;
        assert!(ended.parts[0].report.resumed_after >= 1_190, "{}", told(&ended));
        assert_eq!(ended.parts[0].report.new, 253, "{}", told(&ended));
        assert_eq!(ended.present, Some(458));
        assert_eq!(vault.find(field("contact.email"), "c1000@people.example").await.unwrap().len(), 1);
        assert_eq!(vault.find(field("contact.email"), "c1449@people.example").await.unwrap().len(), 1);
    });
}

#[test]
fn a_question_that_does_not_fit_the_shop_is_told() {
    let shop = MariaDb::start(&[]);
    on_both(&shop, &[TABLES], async |db, shop| {
        let (_keys, vault) = both(&db).await;
        let text = |sql: &str| {
            format!(
                "format = 1\nname = 'own'\nengines = ['mysql']\n[[part]]\nname = 'people'\nid = 'id'\nkey = 'id'\nsql = \"{sql}\"\n[part.fields]\n'contact.email' = 'mail'\n"
            )
        };
        let good =
            "SELECT ID AS id, user_email AS mail FROM wp_users WHERE ID > {after} ORDER BY ID LIMIT {limit}";
        for (from, to, says) in [
            ("AS mail", "AS post", "no column `mail`"),
            ("AS id", "AS nr", "no column `id`"),
            ("ID AS id", "user_email AS id", "no whole numbers"),
            ("ORDER BY ID", "ORDER BY ID DESC", "grow from row to row"),
            ("ID > {after}", "ID > 0 OR {after} = 0", "grow from row to row"),
            ("wp_users", "wp_persons", "wp_persons"),
            ("ID AS id", "ID AS id, SLEEP('ada@shop.example' + 0) AS x", ""),
        ] {
            let mut import = import(shop, Run::Real);
            let changed = text(&good.replace(from, to));
            import.shop = ShopFile::parse(&changed, import.url.engine(), &BTreeMap::new()).unwrap();
            let ended = import.run(Some(&vault), &mut |_| {}).await;
            match ended {
                Err(why) => assert!(
                    why.to_string().contains(says) && !why.to_string().contains("ada@"),
                    "{to}: {why}"
                ),
                Ok(ended) => assert!(says.is_empty() && ended.parts.len() == 1, "{to}"),
            }
        }
    });
}
