//! Whose an order is that a shop has: the guest's who gave it, whichever account has the address, and whose the shop says it is now.

use std::collections::BTreeMap;
use std::sync::Arc;

use storeward_base::{Actor, ApiKeyId, CustomerId};
use storeward_policy::Purpose;
use storeward_store::foreign::ForeignUrl;
use storeward_store::testing::{Place, TestDb, blocking, fresh, options, run};
use storeward_store::{Db, Engine, Migration, both_engines};
use storeward_vault::catalogue::FIELDS;
use storeward_vault::import::{Mapping, Plan, Report, Run, ShopFile, ShopImport, Taken};
use storeward_vault::{Class, Item, MIGRATIONS, Provenance, Vault};

use crate::support::{asks, both, field, item, own, shown};

const OSCAR: &[Migration] =
    &[Migration { domain: "oscar", number: 1, sql: include_str!("../shops/django-oscar.sql") }];

/// django-oscar's tables in a database of the test's own.
pub struct Oscar {
    place: Arc<Place>,
    db: Db,
}

impl Oscar {
    async fn new(db: &TestDb) -> Self {
        let place = fresh(Engine::Sqlite).unwrap();
        let options = options(place.address(), OSCAR, Arc::clone(&db.clock));
        Oscar { place, db: blocking(move || Db::open(options).unwrap()).await }
    }

    pub async fn run(&self, sql: &'static str) {
        self.say(sql.to_owned()).await;
    }

    pub async fn say(&self, sql: String) {
        let written = self.db.write(move |tx| -> Result<(), storeward_store::Error> {
            tx.commit_silent("a shop keeps no ledger");
            tx.execute(&sql, &[]).map(drop)
        });
        written.await.unwrap();
    }

    /// What the report says of all parts.
    pub async fn import(&self, vault: &Vault, text: &str) -> String {
        let url = ForeignUrl::parse(self.place.address()).unwrap();
        let shop = ShopFile::parse(text, url.engine(), &BTreeMap::new()).unwrap();
        let import = ShopImport { shop, url, run: Run::Real, actor: Actor::Operator };
        let ended = import.run(Some(vault), &mut |_| {}).await.unwrap();
        ended.parts.iter().map(|part| part.report.told(Run::Real)).collect()
    }
}

pub fn file() -> &'static str {
    ShopFile::built_in("django-oscar").unwrap()
}

/// As it was before: a guest's order is whoever's who has an account with the address.
fn file_before() -> String {
    let joined = "COALESCE(CAST(o.user_id AS CHAR(20)), (SELECT CAST(MIN(u.id) AS CHAR(20)) FROM {users} u WHERE LOWER(u.email) = LOWER(o.guest_email)), ";
    let before = file().replace("COALESCE(CAST(o.user_id AS CHAR(20)), 'guest", &format!("{joined}'guest"));
    assert_ne!(before, file());
    before
}

// An order of somebody of the staff came in, and nobody found whose it was; so did what the shop wrote to staff who bought nothing.
#[test]
fn staff_who_bought_something_are_customers_and_others_leave_no_record() {
    on_both(async |db, oscar| {
        let (_keys, vault) = both(&db).await;
        for sql in [
            "INSERT INTO auth_user VALUES (20, 'buyer@shop.example', 'Una', 'Staff', 1, '2026-11-02 10:00:00'), \
             (21, 'clerk@shop.example', 'Kim', 'Staff', 1, '2026-11-02 10:00:00')",
            "INSERT INTO order_order (id, number, user_id, guest_email, date_placed, status, total_incl_tax, currency) \
             VALUES (2, '100078', 20, '', '2026-11-20 10:00:00', 'Pending', '1.00', 'GBP')",
            "INSERT INTO address_useraddress VALUES (1, 20, 'Una', 'Staff', '1 Back Office', '', '', 'Kendal', '', '', 'GB', '')",
            "INSERT INTO communication_notification VALUES (1, 21, '2026-11-20 10:00:00', 'An order came in')",
            "INSERT INTO communication_email VALUES (1, 21, 'clerk@shop.example', '2026-11-20 10:00:00', 'An order came in'), \
             (2, NULL, 'vera@victim.example', '2026-11-20 10:00:00', 'Thank you')",
        ] {
            oscar.run(sql).await;
        }
        oscar.import(&vault, file()).await;
        let buyer = vault.customer_of_shop("20");
        for (name, value) in [("contact.email", "buyer@shop.example"), ("order.number", "100078")] {
            assert_eq!(vault.find(field(name), value).await.unwrap(), [buyer], "{name}");
        }
        assert!(page(&vault, buyer).await.contains("1 Back Office"));
        assert_eq!(vault.known("21").await.unwrap(), Taken::New, "nothing of theirs is kept");
        assert!(page(&vault, guest(&vault, "vera@victim.example")).await.contains("Thank you"));
    });
}

/// All that a customer's own page has of one record.
pub async fn page(vault: &Vault, customer: CustomerId) -> String {
    let all: Vec<_> = FIELDS.iter().collect();
    let opened = vault.open(&own(customer), &all).await.unwrap();
    opened.values.iter().map(|one| format!("{} {}\n", one.field.full_name(), one.value.expose())).collect()
}

const VERAS: [&str; 6] = ["Secret Lane", "Vera", "1539720001", "private thing", "under the mat", "pi_vera"];

pub fn guest(vault: &Vault, email: &str) -> CustomerId {
    vault.customer_of_shop(&Vault::guest_number(email))
}

fn with_import() -> Vec<Migration> {
    [MIGRATIONS, storeward_vault::import::MIGRATIONS].concat()
}

pub fn on_both(test: impl AsyncFn(TestDb, Oscar)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        run(engine, &with_import(), async |db| {
            let oscar = Oscar::new(&db).await;
            test(db, oscar).await;
        });
    }
}

// Shops confirm no address. Mallory signed up at the shop with Vera's, was imported, changed it to her own, and read Vera's address, order
// and notes on her own page, where they stayed after Vera was erased.
#[test]
fn a_guests_order_is_no_accounts_of_the_same_address() {
    on_both(async |db, oscar| {
        let (_keys, vault) = both(&db).await;
        oscar.import(&vault, file()).await;
        let (mallory, vera) = (vault.customer_of_shop("7"), guest(&vault, "vera@victim.example"));
        // Both are kept under the address, and whoever reads its mails sees both.
        assert_eq!(vault.own_records("vera@victim.example").await.unwrap().unwrap(), [mallory, vera]);
        oscar.run("UPDATE auth_user SET email = 'mallory@evil.example' WHERE id = 7").await;
        oscar.import(&vault, file()).await;
        assert_eq!(vault.own_records("mallory@evil.example").await.unwrap().unwrap(), [mallory]);
        assert_eq!(vault.own_records("vera@victim.example").await.unwrap().unwrap(), [vera]);
        assert_veras(&vault, mallory, vera).await;
        // Of several accounts nobody can tell whose they are; what Vera ordered as a guest is hers all the same.
        oscar.run("UPDATE auth_user SET email = 'vera@victim.example'").await;
        oscar.run("INSERT INTO auth_user VALUES (8, 'vera@victim.example', 'Eve', '', 0, '2026-11-02 10:00:00')").await;
        oscar.import(&vault, file()).await;
        assert_eq!(vault.own_records("vera@victim.example").await.unwrap().unwrap(), [vera]);
        vault.erase(&own(vera)).await.unwrap();
        assert_eq!(vault.own_records("vera@victim.example").await.unwrap(), None);
        assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
    });
}

async fn assert_veras(vault: &Vault, mallory: CustomerId, vera: CustomerId) {
    let (hers, of_mallory) = (page(vault, vera).await, page(vault, mallory).await);
    for says in VERAS {
        assert!(hers.contains(says), "{says}: {hers}");
        assert!(!of_mallory.contains(says), "{of_mallory}");
    }
    assert!(of_mallory.contains("Mallory"), "{of_mallory}");
    assert_eq!(vault.find(field("order.number"), "100077").await.unwrap(), [vera]);
}

#[test]
fn what_an_earlier_build_put_into_an_accounts_record_leaves_it() {
    on_both(async |db, oscar| {
        let (_keys, vault) = both(&db).await;
        oscar.import(&vault, &file_before()).await;
        let (mallory, vera) = (vault.customer_of_shop("7"), guest(&vault, "vera@victim.example"));
        assert!(page(&vault, mallory).await.contains("Secret Lane"));
        oscar.run("UPDATE auth_user SET email = 'mallory@evil.example' WHERE id = 7").await;
        // What somebody put right of it goes, too, and is told.
        let order = vault.item_of_shop(Class::Order, "100077");
        vault
            .correct(&asks(mallory, Purpose::RightsRequest), item(&order, &[("order.status", "Vera paid")]))
            .await
            .unwrap();
        let told = oscar.import(&vault, file()).await;
        assert!(
            told.contains("1 items (orders, notes and the like) left the record of another customer"),
            "{told}"
        );
        assert!(
            told.contains("1 left out: order.status was changed here in the record that it left"),
            "{told}"
        );
        assert_veras(&vault, mallory, vera).await;
        let told = oscar.import(&vault, file()).await;
        assert!(!told.contains("left the record"), "{told}");
        assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
    });
}

// Whoever had been erased as a guest lay in the account's record still.
#[test]
fn what_was_erased_leaves_the_other_record_as_well() {
    on_both(async |db, oscar| {
        let (_keys, vault) = both(&db).await;
        oscar.import(&vault, &file_before()).await;
        let (mallory, vera) = (vault.customer_of_shop("7"), guest(&vault, "vera@victim.example"));
        vault.erase(&own(vera)).await.unwrap();
        assert!(page(&vault, mallory).await.contains("Secret Lane"));
        let told = oscar.import(&vault, file()).await;
        assert!(told.contains("rows of customers who were erased were left out"), "{told}");
        for says in VERAS {
            assert!(!page(&vault, mallory).await.contains(says), "{says}");
        }
        assert_eq!(vault.find(field("order.number"), "100077").await.unwrap(), []);
        // Mallory's account is kept, and follows the shop, though a guest of the address was erased.
        oscar.run("UPDATE auth_user SET first_name = 'Malory' WHERE id = 7").await;
        oscar.import(&vault, file()).await;
        assert!(page(&vault, mallory).await.contains("Malory"));
    });
}

// Staff of the shop put an order into another account, or put a guest's address right.
#[test]
fn an_order_goes_to_whom_the_shop_gives_it() {
    on_both(async |db, oscar| {
        let (_keys, vault) = both(&db).await;
        oscar
            .run(
                "INSERT INTO auth_user VALUES (8, 'bob@people.example', 'Bob', '', 0, '2026-11-02 10:00:00')",
            )
            .await;
        oscar.import(&vault, file()).await;
        let (bob, vera) = (vault.customer_of_shop("8"), guest(&vault, "vera@victim.example"));
        oscar.run("UPDATE order_order SET guest_email = 'vero@people.example'").await;
        oscar.import(&vault, file()).await;
        // Whoever reads the mails of the wrong address sees nothing of where the order went.
        let left = page(&vault, vera).await;
        assert_eq!(left, "contact.email vera@victim.example\ncontact.shop_id guest:vera@victim.example\n");
        let vero = guest(&vault, "vero@people.example");
        assert!(page(&vault, vero).await.contains("Secret Lane"));
        oscar.run("UPDATE order_order SET user_id = 8, guest_email = ''").await;
        oscar.import(&vault, file()).await;
        assert!(page(&vault, bob).await.contains("key under the mat"));
        assert_eq!(vault.find(field("order.number"), "100077").await.unwrap(), [bob]);
        assert!(!page(&vault, vero).await.contains("Lane"));
        oscar.run("UPDATE order_order SET user_id = 7").await;
        oscar.import(&vault, file()).await;
        assert!(
            !page(&vault, bob).await.contains("Lane") && page(&vault, bob).await.contains("contact.name Bob")
        );
        assert_eq!(vault.find(field("order.number"), "100077").await.unwrap(), [vault.customer_of_shop("7")]);
        // Back again: what the shop said of it before is no old word.
        oscar.run("UPDATE order_order SET user_id = 8").await;
        oscar.import(&vault, file()).await;
        assert!(page(&vault, bob).await.contains("A private thing"));
        assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
    });
}

pub fn cells(line: &str) -> Vec<String> {
    line.split('|').map(str::to_owned).collect()
}

async fn night(vault: &Vault, lines: &[&str]) -> String {
    let mapping: Mapping = serde_json::from_str(
        r#"{"key": "id", "items": {"order": "order", "note": "order", "address": "label"}, "fields": {
            "contact.email": "mail", "contact.name": "name", "address.city": "town", "order.number": "order", "note.text": "remark"}}"#,
    )
    .unwrap();
    let plan = Arc::new(Plan::new(&mapping, &cells("id|mail|name|town|label|order|remark")).unwrap());
    let mut report = Report::new("line");
    let rows = (2..).zip(lines.iter().map(|line| cells(line))).collect();
    for (line, taken) in vault.take_all(&plan, rows).await.unwrap() {
        report.take(taken, line);
    }
    report.told(Run::Real)
}

// Of a table, too: what is named by the order's number is one in the whole shop; a name such as `home` is each customer's own.
both_engines!(an_order_of_a_file_goes_with_what_came_beside_it, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let (ada, bob) = (vault.customer_of_shop("17"), vault.customer_of_shop("18"));
    night(&vault, &["17|a@shop.example|Ada|London|home|A-1|ring", "18|b@shop.example|Bob|Ockham|home||"])
        .await;
    night(&vault, &["17|b@shop.example|Bob B.|London|home|A-2|knock"]).await;
    // The second order was Bob's.
    let told = night(
        &vault,
        &["17|a@shop.example|Ada|London|home|A-1|ring", "18|b@shop.example|Bob B.|Ockham|home|A-2|knock"],
    )
    .await;
    assert!(told.contains("2 items (orders, notes and the like) left"), "{told}");
    night(&vault, &["17|a@shop.example|Ada|London|home|A-1|ring"]).await;
    let names = ["contact.email", "contact.name", "address.city", "order.number", "note.text"];
    for (who, expected) in [
        (ada, ["A-1", "Ada", "London", "a@shop.example", "ring"]),
        (bob, ["A-2", "Bob B.", "Ockham", "b@shop.example", "knock"]),
    ] {
        let kept = shown(&vault, who, &names).await;
        let mut kept: Vec<&str> = kept.iter().map(|one| one.splitn(3, ' ').last().unwrap()).collect();
        kept.sort_unstable();
        assert_eq!(kept, expected);
    }
});

// A program calls an item by a name of its own, which the shop gives to another customer's order: it is not that order, and nobody's row takes
// it away. It was gone, with what the row said word for word beside it.
both_engines!(what_a_program_names_as_the_shop_names_anothers_stays, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let (alice, bob) = (vault.customer_of_shop("17"), vault.customer_of_shop("18"));
    let name = vault.item_of_shop(Class::Order, "17");
    let key = Actor::Key { id: ApiKeyId::from_bits(5) };
    let bobs = Item {
        provenance: Provenance::Shop,
        ..item(&name, &[("order.number", "17"), ("order.shipping", "Bob, 1 Mill Lane")])
    };
    vault.write(key, bob, bobs).await.unwrap();
    // A hundred others, whom the one that the import must find stands behind.
    for n in 0..100 {
        let other = Item { provenance: Provenance::Shop, ..item(&name, &[("order.status", "sent")]) };
        vault.write(key, CustomerId::from_bits(n), other).await.unwrap();
    }
    night(&vault, &["18|b@shop.example|Bob|Ockham|home||"]).await;
    for told in ["1 customers new", "1 known before"] {
        let line = "17|a@shop.example|Alice|Ockham|home|17|ring";
        let report = night(&vault, &[line]).await;
        assert!(report.contains(told) && !report.contains("left the record"), "{report}");
    }
    for (who, says) in [(alice, "a@shop.example"), (bob, "Bob, 1 Mill Lane"), (bob, "Ockham")] {
        assert!(page(&vault, who).await.contains(says), "{says}");
    }
    assert!(!page(&vault, alice).await.contains("Mill Lane"));
    // What the shop gave to Alice goes to whom it gives it next, also where all of it was put right or written anew since.
    let right = Item {
        provenance: Provenance::Shop,
        ..item(&name, &[("order.number", "seventeen"), ("note.text", "knock")])
    };
    for values in [&right.values[..1], &right.values[1..]] {
        vault.write(key, alice, Item { values: values.to_vec(), ..right.clone() }).await.unwrap();
    }
    let carl = vault.customer_of_shop("19");
    let report = night(&vault, &["19|c@shop.example|Carl|Ripley|home|17|ring"]).await;
    assert!(report.contains("2 items (orders, notes and the like) left"), "{report}");
    for (who, has) in [(alice, false), (bob, true), (carl, true)] {
        assert_eq!(page(&vault, who).await.contains("order.number"), has);
    }
    assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
});

// Shops write 0 for whoever has no account: it was one customer, and whose address came last read all guests' orders.
both_engines!(guests_of_a_file_are_no_one_customer, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    night(
        &vault,
        &["0|vera@victim.example|Vera|Kendal|x|A-7|mat", "0|gus@guests.example|Gus|Lyon|y|A-8|dog"],
    )
    .await;
    for (email, own, others) in [("vera@victim.example", "mat", "dog"), ("gus@guests.example", "dog", "mat")]
    {
        let records = vault.own_records(email).await.unwrap().unwrap();
        assert_eq!(records, [guest(&vault, email)]);
        let page = page(&vault, records[0]).await;
        assert!(page.contains(own) && !page.contains(others), "{page}");
    }
    let told = night(&vault, &["0||Nobody|Kendal|x|A-9|mat"]).await;
    assert!(told.contains("names no customer"), "{told}");
});
