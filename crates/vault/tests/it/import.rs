//! Rows of a shop's file.

use serde_json::json;
use storeward_policy::Purpose;
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_vault::import::{Mapping, Plan, Report, Run, Taken};
use storeward_vault::{Ask, Class, Error, MIGRATIONS, Vault};

use crate::support::{asks, both, field, in_group, item, own, owner, shown, staff};

fn cells(line: &str) -> Vec<String> {
    line.split('|').map(str::to_owned).collect()
}

fn mapping() -> Mapping {
    serde_json::from_str(
        r#"{"key": "id", "items": {"order": "order"}, "fields": {
            "contact.email": "mail", "contact.phone": "tel", "address.city@billing": "town",
            "order.number": "order", "order.total": "sum", "note.text": "remark"}}"#,
    )
    .unwrap()
}

const HEADER: &str = "id|mail|tel|town|order|sum|remark";

async fn take(vault: &Vault, line: &str) -> (Taken, Vec<String>) {
    let plan = Plan::new(&mapping(), &cells(HEADER)).unwrap();
    let row = plan.read(&cells(line));
    let left_out = row.left_out.iter().map(|(field, why)| format!("{field} {why}")).collect();
    (vault.take(&plan, &cells(line), row).await.unwrap().taken, left_out)
}

// The first line of a file without a header was printed whole, and with it somebody's data.
#[test]
fn a_file_without_a_header_is_told_without_its_first_line() {
    let Err(why) = Plan::new(&mapping(), &cells("1|Ada Lovelace|ada@shop.example|+44 20 7946 0001")) else {
        panic!("there is no such column");
    };
    let said = why.to_string();
    assert!(
        said.contains("among the 4 that its first line names")
            && !said.contains("Ada")
            && !said.contains('@'),
        "{said}"
    );
}

// The first of them was taken, whatever stood in the other.
#[test]
fn a_column_that_the_header_names_twice_is_refused_where_it_is_read() {
    let twice = |at: usize| {
        let mut header = cells(HEADER);
        header.push(header[at].clone() + " ");
        Plan::new(&mapping(), &header).map(drop).map_err(|why| why.to_string())
    };
    for (at, name) in cells(HEADER).iter().enumerate() {
        let said = twice(at).unwrap_err();
        assert!(said.contains(&format!("`{name}` twice")), "{said}");
    }
    // What nobody reads may stand there as often as it likes.
    let header = cells(&format!("{HEADER}|other|other"));
    assert!(Plan::new(&mapping(), &header).is_ok());
}

const ADA: &str = "17|ada@shop.example|+44 20 7946 0001|London|A-1001|1250|";

both_engines!(a_row_is_taken_once_and_what_changed_takes_its_place, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    assert_eq!(take(&vault, ADA).await, (Taken::New, vec![]));
    let ada = vault.customer_of_shop("17");
    let names = ["contact.email", "contact.shop_id", "address.city", "order.number", "order.total"];
    let first = vault.item_of_shop(Class::Order, "A-1001");
    let kept = shown(&vault, ada, &names).await;
    assert_eq!(
        kept,
        [
            "billing city London",
            "own email ada@shop.example",
            "own shop_id 17",
            &format!("{first} number A-1001"),
            &format!("{first} total 1250")
        ]
    );
    assert_eq!(vault.find(field("contact.shop_id"), "17").await.unwrap(), [ada]);
    // Again: nothing is written.
    let before = db.read(storeward_store::ledger::head).await.unwrap().size;
    assert_eq!(take(&vault, ADA).await, (Taken::Known, vec![]));
    assert_eq!(db.read(storeward_store::ledger::head).await.unwrap().size, before);
    // Another address and a second order: one item is written for each, the rest stays.
    assert_eq!(
        take(&vault, &ADA.replace("London", "Ockham").replace("A-1001", "A-1002")).await.0,
        Taken::Known
    );
    let mut kept = shown(&vault, ada, &["address.city", "order.number"]).await;
    let second = vault.item_of_shop(Class::Order, "A-1002");
    let mut wanted = [
        "billing city Ockham".to_owned(),
        format!("{first} number A-1001"),
        format!("{second} number A-1002"),
    ];
    kept.sort();
    wanted.sort();
    assert_eq!(kept, wanted);
});

both_engines!(what_does_not_fit_is_left_out_and_told_without_the_value, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let (taken, left_out) =
        take(&vault, "18|no address|030 1234|Paris|B 1|12.50|paid with 4111 1111 1111 1111").await;
    assert_eq!(taken, Taken::New);
    assert_eq!(left_out.len(), 4, "{left_out:?}");
    let told = left_out.join("; ");
    assert!(
        told.contains("note.text holds a card number") && told.contains("contact.email is no e-mail address")
    );
    for value in ["4111", "no address", "030", "12.50"] {
        assert!(!told.contains(value), "{told}");
    }
    let kept =
        shown(&vault, vault.customer_of_shop("18"), &["address.city", "order.number", "note.text"]).await;
    let order = vault.item_of_shop(Class::Order, "B 1");
    assert_eq!(kept, ["billing city Paris".to_owned(), format!("{order} number B 1")]);
    // Without a number, or with nothing that fits, nobody is made.
    assert_eq!(take(&vault, "|ada@shop.example|||||").await.0, Taken::Nothing);
    assert_eq!(take(&vault, "19||||||").await.0, Taken::Nothing);
});

both_engines!(an_erased_customer_is_not_brought_back_by_the_shops_file, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    take(&vault, ADA).await;
    let ada = vault.customer_of_shop("17");
    vault.erase(&own(ada)).await.unwrap();
    assert_eq!(take(&vault, ADA).await.0, Taken::Erased);
    assert_eq!(vault.find(field("contact.email"), "ada@shop.example").await.unwrap(), []);
});

#[test]
fn a_mapping_that_does_not_fit_its_file_is_refused() {
    let check = |change: &dyn Fn(&mut Mapping), says: &str| {
        let mut mapping = mapping();
        change(&mut mapping);
        let told = Plan::new(&mapping, &cells(HEADER)).err().unwrap().to_string();
        assert!(told.contains(says), "{told}");
    };
    check(&|mapping| mapping.key = "nr".to_owned(), "no column `nr`");
    check(&|mapping| drop(mapping.fields.insert("contact.shoe".to_owned(), "tel".into())), "no field");
    check(
        &|mapping| drop(mapping.fields.insert("note.text".to_owned(), "notes".into())),
        "no column `notes`",
    );
    check(&|mapping| drop(mapping.items.insert("order".to_owned(), "nr".to_owned())), "no column `nr`");
}

// What a shop calls an order is as personal as the order, and people type card numbers anywhere.
both_engines!(no_cell_of_a_file_stands_in_the_database, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let card = "20|bob@shop.example||Rome|4111111111111111|1250|";
    let (taken, left_out) = take(&vault, card).await;
    assert_eq!(taken, Taken::New);
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    take(&vault, "21|eve@shop.example||Oslo|SO-774411|5|").await;
    // Two orders whose numbers differ by a sign are two.
    for number in ["A 1", "A#1"] {
        take(&vault, &format!("22|kim@shop.example||Bern|{number}|5|")).await;
    }
    let kim = shown(&vault, vault.customer_of_shop("22"), &["order.number"]).await;
    assert_eq!(kim.len(), 2, "{kim:?}");
    for sql in ["SELECT item FROM vault_field", "SELECT item FROM vault_mark"] {
        let read = db.read(move |reader| -> Result<Vec<String>, storeward_store::Error> {
            reader.query_many(sql, &[], |row| row.get(0))
        });
        let names = read.await.unwrap();
        assert!(!names.is_empty());
        for name in names {
            for cell in ["4111", "774411", "A"] {
                assert!(!name.contains(cell), "{name}");
            }
        }
    }
});

/// Takes lines of one file, as a night's run does; what the report says of them.
async fn night(vault: &Vault, mapping: &str, header: &str, lines: &[&str]) -> String {
    let plan = Plan::new(&serde_json::from_str(mapping).unwrap(), &cells(header)).unwrap();
    let mut report = Report::new("line");
    for (at, line) in (2..).zip(lines) {
        let row = plan.read(&cells(line));
        report.take(vault.take(&plan, &cells(line), row).await.unwrap(), at);
    }
    report.told(Run::Real)
}

const PEOPLE: &str = r#"{"key": "id", "items": {"consent": "consent"}, "empty": "removes", "fields": {
    "contact.email": "mail", "contact.name": "name", "address.street": "street", "contact.phone": "tel",
    "consent.purpose": "purpose", "consent.given_at": "given"}}"#;
const PEOPLE_HEAD: &str = "id|mail|name|street|tel|consent|purpose|given";
const PLACES: [&str; 4] = ["contact.email", "contact.name", "contact.phone", "address.street"];

async fn head(db: &TestDb) -> u64 {
    db.read(storeward_store::ledger::head).await.unwrap().size
}

// GDPR article 16: an import that ran every night put the wrong name back.
both_engines!(an_unchanged_cell_takes_back_nothing_of_what_was_put_right, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let wrong = "17|wrong@shop.example|Wrong Name|1 Old Road|+44 20 7946 0001|||";
    let run = async |line: &str| night(&vault, PEOPLE, PEOPLE_HEAD, &[line]).await;
    run(wrong).await;
    let ada = vault.customer_of_shop("17");
    let by_owner = asks(ada, Purpose::RightsRequest);
    for (id, of, value) in
        [("own", "contact.email", "right@shop.example"), ("own", "contact.name", "Right Name")]
    {
        vault.correct(&by_owner, item(id, &[(of, value)])).await.unwrap();
    }
    vault.correct(&own(ada), item("own", &[("address.street", "2 New Road")])).await.unwrap();
    vault.take_away(&by_owner, "own", &[field("contact.phone")]).await.unwrap();
    let right = ["own email right@shop.example", "own name Right Name", "own street 2 New Road"];
    let kept = async || {
        let mut kept = shown(&vault, ada, &PLACES).await;
        kept.sort();
        kept
    };
    let before = head(&db).await;
    let told = run(wrong).await;
    assert_eq!(head(&db).await, before, "nothing is written");
    assert_eq!(kept().await, right);
    for name in ["contact.email", "contact.name", "contact.phone", "address.street"] {
        assert!(
            told.contains(&format!("1 left out: {name} was changed here since the shop said so")),
            "{told}"
        );
    }
    assert!(!told.contains("Wrong") && !told.contains("Right"), "{told}");
    assert_eq!(vault.of_email("right@shop.example").await.unwrap(), [ada], "her own page stays where it is");
    // The shop's newer word counts, and is told; what it did not touch stands.
    let newer = wrong.replace("1 Old Road", "3 Newest Road");
    let told = run(&newer).await;
    assert!(told.contains("1 taken over: address.street was changed here, and in the shop since"), "{told}");
    assert_eq!(
        kept().await,
        ["own email right@shop.example", "own name Right Name", "own street 3 Newest Road"]
    );
    // The old word again is no newer one once more.
    vault.correct(&own(ada), item("own", &[("address.street", "2 New Road")])).await.unwrap();
    run(wrong).await;
    run(&newer).await;
    assert_eq!(kept().await, right);
    // What the shop puts right, too, is told no more, and the shop goes on from there.
    let told = run(&newer.replace("Wrong Name", "Right Name")).await;
    assert!(!told.contains("contact.name"), "{told}");
    // A cell that is empty takes nothing of hers away.
    run("17||||||").await;
    assert_eq!(kept().await, right);
});

// Rows of one customer, one for each order, may bear different names: none of them is newer than what was put right.
both_engines!(rows_of_one_customer_that_differ_take_nothing_back, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let lines = ["17|a@shop.example|A. Wrong|||||", "17|a@shop.example|Wrong, Ada|||||"];
    night(&vault, PEOPLE, PEOPLE_HEAD, &lines).await;
    let ada = vault.customer_of_shop("17");
    vault
        .correct(&asks(ada, Purpose::RightsRequest), item("own", &[("contact.name", "Right Name")]))
        .await
        .unwrap();
    night(&vault, PEOPLE, PEOPLE_HEAD, &lines).await;
    assert_eq!(shown(&vault, ada, &["contact.name"]).await, ["own name Right Name"]);
    // Nor do the many that are more than are remembered.
    let many: Vec<String> = (0..34).map(|at| format!("17|a@shop.example|Wrong {at}|||||")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    night(&vault, PEOPLE, PEOPLE_HEAD, &many).await;
    vault
        .correct(&asks(ada, Purpose::RightsRequest), item("own", &[("contact.name", "Right Name")]))
        .await
        .unwrap();
    night(&vault, PEOPLE, PEOPLE_HEAD, &many).await;
    assert_eq!(shown(&vault, ada, &["contact.name"]).await, ["own name Right Name"]);
});

// Of a record of the version before nobody knows what the shop said: what people wrote stands. A value of the shop's own follows it.
both_engines!(what_is_not_remembered_takes_nothing_back, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let wrong = "17|wrong@shop.example|Wrong Name|1 Old Road|+44 20 7946 0001|||";
    let run = async |line: &str| night(&vault, PEOPLE, PEOPLE_HEAD, &[line]).await;
    run(wrong).await;
    let ada = vault.customer_of_shop("17");
    vault
        .correct(&asks(ada, Purpose::RightsRequest), item("own", &[("contact.name", "Right Name")]))
        .await
        .unwrap();
    for tamper in [
        "DELETE FROM vault_imported",
        "UPDATE vault_imported SET tags = 'no JSON'",
        // Whoever writes into the database makes no old word of the shop a new one.
        "UPDATE vault_imported SET tags = REPLACE(tags, '\"name\":[\"', '\"name\":[\"0')",
    ] {
        db.tamper(tamper);
        run(&wrong.replace("1 Old Road", "2 New Road")).await;
        assert_eq!(
            shown(&vault, ada, &["contact.name", "address.street"]).await,
            ["own street 2 New Road", "own name Right Name"]
        );
        run(wrong).await;
    }
    // No value stands there, and nothing is left of whoever is erased.
    let rows = async || {
        let read = db.read(|reader| -> Result<Vec<String>, storeward_store::Error> {
            reader.query_many("SELECT tags FROM vault_imported", &[], |row| row.get(0))
        });
        read.await.unwrap()
    };
    let tags = rows().await;
    assert_eq!(tags.len(), 2);
    assert!(tags.iter().all(|tags| !tags.contains("Wrong") && !tags.contains("Road")), "{tags:?}");
    vault.erase(&own(ada)).await.unwrap();
    assert_eq!(rows().await, Vec::<String>::new());
});

// What the shop took away and has again is its word, not an old one.
both_engines!(what_the_shop_has_again_is_taken_again, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let line = "17|a@shop.example|Ada|1 Old Road|+44 20 7946 0001|||";
    let run = async |line: &str| night(&vault, PEOPLE, PEOPLE_HEAD, &[line]).await;
    run(line).await;
    let ada = vault.customer_of_shop("17");
    run("17|a@shop.example|Ada|1 Old Road||||").await;
    assert_eq!(shown(&vault, ada, &["contact.name", "contact.phone"]).await, ["own name Ada"]);
    run(line).await;
    assert_eq!(shown(&vault, ada, &["contact.phone"]).await, ["own phone +442079460001"]);
});

// Law and money: an end that the owner put into the shop's own item counted as the shop's word, which a later line opened again.
both_engines!(an_end_that_the_owner_put_right_is_opened_by_no_import, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let given = |item: &str, at: &str| format!("17|a@shop.example|Ada|||{item}|marketing|{at}");
    let run = async |line: &str| night(&vault, PEOPLE, PEOPLE_HEAD, &[line]).await;
    run(&given("c1", &db.now().rfc3339())).await;
    let ada = vault.customer_of_shop("17");
    let look = async || {
        let ask = Ask::new(in_group("marketing"), ada, Purpose::Marketing);
        vault.open(&ask, &[field("contact.email")]).await.map(drop)
    };
    look().await.unwrap();
    db.clock.advance(std::time::Duration::from_secs(600));
    let first = vault.item_of_shop(Class::Consent, "c1");
    let ask = Ask::new(owner(), ada, Purpose::RightsRequest).because("by telephone");
    let end = item(&first, &[("consent.withdrawn_at", &db.now().rfc3339())]);
    vault.correct(&ask, end).await.unwrap();
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
    db.clock.advance(std::time::Duration::from_secs(600));
    for line in [
        given("c2", &db.now().rfc3339()),
        given("c1", &db.now().rfc3339()),
        // Without its purpose it would be the end of nothing.
        "17|a@shop.example|Ada|||c1||".to_owned(),
        given("c3", &db.now().rfc3339()),
    ] {
        run(&line).await;
        assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"), "{line}");
    }
    // The owner opens it again, where she says so.
    vault.say(&ask, Purpose::Marketing, storeward_vault::Word::Agree).await.unwrap();
    look().await.unwrap();
});

// Whoever ordered again was found by nobody: what the sweep had taken of them was "changed here" for good, though nobody had changed it.
both_engines!(what_the_sweep_took_comes_back_with_what_is_new, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let day = std::time::Duration::from_secs(24 * 3_600);
    for class in [Class::Contact, Class::Address, Class::Order] {
        vault.set_retention(staff(), class, Some(30)).await.unwrap();
    }
    let mapping = serde_json::to_string(&json!({
        "key": "id", "items": { "order": "order" }, "fields": {
            "contact.email": "mail", "contact.phone": "tel", "contact.name": "name", "address.city": "town", "order.number": "order"
        }
    })).unwrap();
    let line = |order: &str| format!("17|ada@shop.example|+44 20 7946 0001|Wrong Name|London|{order}");
    let run = async |line: &str| night(&vault, &mapping, "id|mail|tel|name|town|order", &[line]).await;
    let email = field("contact.email");
    run(&line("A-1")).await;
    let ada = vault.customer_of_shop("17");
    let names = ["contact.email", "contact.shop_id", "contact.phone", "contact.name", "address.city"];
    let kept = async || {
        let mut kept = shown(&vault, ada, &names).await;
        kept.sort();
        kept
    };
    // What somebody put right, took away or gave a time of its own is no word of the shop's.
    let by_owner = asks(ada, Purpose::RightsRequest);
    vault.correct(&by_owner, item("own", &[("contact.name", "Right Name")])).await.unwrap();
    vault.take_away(&by_owner, "own", &[field("contact.phone")]).await.unwrap();
    for round in ["A-2", "A-3"] {
        db.clock.advance(day * 31);
        assert!(vault.forget().await.unwrap() >= 4);
        assert_eq!(kept().await, [""; 0]);
        db.clock.advance(day);
        // Nothing is new: nothing comes back, night by night, and nobody is told to put right what nobody changed.
        let before = head(&db).await;
        let told = run(&line("A-1")).await;
        assert_eq!((head(&db).await, kept().await), (before, vec![]));
        assert!(told.contains("contact.phone was changed here") && !told.contains("email"), "{told}");
        assert!(!told.contains("city") && !told.contains("order"), "{told}");
        // A new order: how she is reached is the shop's to say again.
        run(&line(round)).await;
        assert_eq!(kept().await, ["own city London", "own email ada@shop.example", "own shop_id 17"]);
        assert_eq!(vault.find(email, "ada@shop.example").await.unwrap(), [ada]);
        assert_eq!(vault.of_email("ada@shop.example").await.unwrap(), [ada]);
        assert_eq!(vault.number_of(ada).await.unwrap().as_deref(), Some("17"));
        assert_eq!(vault.forget().await.unwrap(), 0);
        let before = head(&db).await;
        run(&line(round)).await;
        assert_eq!(head(&db).await, before);
    }
    // Taken away here after it was swept and came back: it stays away.
    vault.take_away(&by_owner, "own", &[email]).await.unwrap();
    run(&line("A-4")).await;
    assert_eq!(kept().await, ["own city London", "own shop_id 17"]);
    // Nor does that come back which was taken away once the sweep had it.
    db.clock.advance(day * 31);
    assert!(vault.forget().await.unwrap() >= 2);
    assert_eq!(vault.take_away(&by_owner, "own", &[field("address.city")]).await.unwrap(), 0);
    db.clock.advance(day);
    run(&line("A-5")).await;
    assert_eq!(kept().await, ["own shop_id 17"]);
});
