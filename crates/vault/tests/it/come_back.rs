//! Whoever was erased does not come back by an import, whichever number the shop has for them, and in whichever order its rows come.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, Clock, Timestamp};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_vault::import::{Mapping, Plan, Taken};
use storeward_vault::{MIGRATIONS, Vault};

use crate::erasure::open_old;
use crate::moves::{Oscar, cells, file, guest, on_both, page};
use crate::support::{both, copy_of, field, item, open, own, shown, staff};

/// The shop's file without the part of this name.
fn without(text: &str, part: &str) -> String {
    let mut parts = text.split("[[part]]");
    let head = parts.next().unwrap().to_owned();
    let kept = parts.filter(|one| !one.trim_start().starts_with(&format!("name = \"{part}\"")));
    kept.fold(head, |text, part| text + "[[part]]" + part)
}

/// What a run asks that had read the accounts before the newest of them signed up.
fn behind_accounts() -> String {
    without(file(), "accounts").replace("also = \"guest\"\n", "")
}

async fn nothing_of_vera(vault: &Vault) {
    assert_eq!(vault.known("9").await.unwrap(), Taken::Erased);
    assert_eq!(vault.find(field("order.number"), "100077").await.unwrap(), []);
    assert_eq!(vault.find(field("contact.shop_id"), "9").await.unwrap(), []);
    assert_eq!(vault.keys().verify().await.unwrap(), []);
    assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
}

async fn vera_is_erased(vault: &Vault, oscar: &Oscar) {
    oscar.run("UPDATE auth_user SET email = 'mallory@evil.example' WHERE id = 7").await;
    oscar.import(vault, file()).await;
    vault.erase(&own(guest(vault, "vera@victim.example"))).await.unwrap();
    oscar.run("INSERT INTO auth_user VALUES (9, 'Vera@victim.example', 'Vera', 'Victim', 0, '2026-11-02 10:00:00')").await;
    oscar.run("UPDATE order_order SET user_id = 9, guest_email = ''").await;
}

// The account's row was left out, and its orders, notes and payments made a record anew: her address, without an e-mail address to find it by.
#[test]
fn a_guest_who_was_erased_does_not_come_back_as_an_account() {
    on_both(async |db, oscar| {
        let (_keys, vault) = both(&db).await;
        vera_is_erased(&vault, &oscar).await;
        oscar
            .run("INSERT INTO address_useraddress VALUES (3, 9, 'Vera', 'Victim', '9 Secret Lane', '', '', 'Kendal', '', '', 'GB', '')")
            .await;
        oscar.import(&vault, file()).await;
        nothing_of_vera(&vault).await;
        // Nor where the account has another address later.
        oscar.run("UPDATE auth_user SET email = 'else@people.example' WHERE id = 9").await;
        oscar.import(&vault, file()).await;
        nothing_of_vera(&vault).await;
        // Nor where the shop asks for orders only, as a file of one's own may.
        oscar.import(&vault, &behind_accounts()).await;
        nothing_of_vera(&vault).await;
    });
}

// The account signed up while a run was under way, behind its part.
#[test]
fn what_came_before_the_accounts_own_row_goes_with_it() {
    on_both(async |db, oscar| {
        let (_keys, vault) = both(&db).await;
        vera_is_erased(&vault, &oscar).await;
        // An order that was in no erased record: nobody can know whose it is.
        oscar.run("INSERT INTO order_order VALUES (2, '100076', 9, '', 1, 1, '2026-11-19 10:00:00', 'Paid', '1.00', 'GBP')").await;
        oscar.import(&vault, &behind_accounts()).await;
        assert!(page(&vault, vault.customer_of_shop("9")).await.contains("Secret Lane"));
        let told = oscar.import(&vault, file()).await;
        assert!(told.contains("rows of customers who were erased were left out"), "{told}");
        nothing_of_vera(&vault).await;
    });
}

// An account that is kept since before, or whose address is kept, is nobody who came back.
#[test]
fn an_account_that_was_there_before_goes_on() {
    on_both(async |db, oscar| {
        let (_keys, vault) = both(&db).await;
        oscar.run("UPDATE auth_user SET email = 'mallory@evil.example' WHERE id = 7").await;
        oscar.run("INSERT INTO auth_user VALUES (9, 'vera@victim.example', 'Vera', 'Victim', 0, '2026-11-02 10:00:00')").await;
        oscar.run("INSERT INTO order_order VALUES (2, '100078', 9, '', NULL, NULL, '2026-11-21 10:00:00', 'Paid', '1.00', 'GBP')").await;
        // Without an address: of an earlier run that was stopped, or its time was over.
        oscar.import(&vault, &behind_accounts()).await;
        db.clock.advance(Duration::from_secs(1));
        vault.erase(&own(guest(&vault, "vera@victim.example"))).await.unwrap();
        db.clock.advance(Duration::from_secs(1));
        oscar.import(&vault, file()).await;
        assert!(page(&vault, vault.customer_of_shop("9")).await.contains("100078"));
        // Somebody else's takes the address later, also one that came since.
        oscar.run("INSERT INTO auth_user VALUES (12, 'twelve@people.example', 'Twelve', '', 0, '2026-11-02 10:00:00')").await;
        oscar.import(&vault, file()).await;
        oscar.run("UPDATE auth_user SET email = 'vera@victim.example' WHERE id IN (7, 12)").await;
        oscar.import(&vault, file()).await;
        for number in ["7", "12"] {
            let page = page(&vault, vault.customer_of_shop(number)).await;
            assert!(page.contains("vera@victim.example"), "{number}: {page}");
        }
    });
}

async fn night(vault: &Vault, also: Option<&str>, line: &str) -> Taken {
    let also = also.map_or_else(String::new, |column| format!(r#""also": "{column}", "#));
    let mapping = format!(
        r#"{{"key": "id", {also}"items": {{"order": "order"}}, "fields": {{"contact.email": "mail", "order.number": "order"}}}}"#
    );
    let mapping: Mapping = serde_json::from_str(&mapping).unwrap();
    let plan = Arc::new(Plan::new(&mapping, &cells("id|guest|mail|order")).unwrap());
    vault.take_all(&plan, vec![(2, cells(line))]).await.unwrap()[0].1.taken
}

// Of a table, too, in whichever order its files come.
both_engines!(a_guest_of_a_file_who_was_erased_does_not_come_back, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    night(&vault, None, "0||vera@victim.example|A-7").await;
    vault.erase(&own(guest(&vault, "vera@victim.example"))).await.unwrap();
    let account = "9|guest:vera@victim.example|vera@victim.example|";
    assert_eq!(night(&vault, None, "9|||A-7").await, Taken::Erased, "the order itself was erased");
    assert_eq!(night(&vault, None, "9|||A-6").await, Taken::New, "nobody can know");
    for line in [account, "9|||A-7", account] {
        assert_eq!(night(&vault, Some("guest"), line).await, Taken::Erased, "{line}");
    }
    assert_eq!(night(&vault, None, "9|||A-7").await, Taken::Erased);
    // A row of which nothing fits says as much of whose it is.
    let bare = "10|guest:vera@victim.example|no address|";
    assert_eq!(night(&vault, Some("guest"), bare).await, Taken::Erased);
    assert_eq!(night(&vault, None, "10|||A-7").await, Taken::Erased);
    assert_eq!(vault.find(field("order.number"), "A-7").await.unwrap(), []);
    assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
});

// An erased account leaves a mark of its address, so that it does not come back as a guest: whoever opens another account later, or had an
// address that somebody else gave theirs, was erased with it.
both_engines!(a_new_account_of_an_erased_accounts_address_is_a_new_customer, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let account = |number: &str| format!("{number}|guest:vera@victim.example|vera@victim.example|A-{number}");
    assert_eq!(night(&vault, Some("guest"), &account("7")).await, Taken::New);
    vault.erase(&own(vault.customer_of_shop("7"))).await.unwrap();
    db.clock.advance(Duration::from_secs(3_600));
    assert_eq!(night(&vault, Some("guest"), &account("12")).await, Taken::New);
    assert_eq!(night(&vault, Some("guest"), &account("12")).await, Taken::Known);
    assert_eq!(vault.find(field("order.number"), "A-12").await.unwrap(), [vault.customer_of_shop("12")]);
    // Neither the old account nor the guest of that address comes back.
    for line in [account("7"), "guest:vera@victim.example||vera@victim.example|A-7".to_owned()] {
        assert_eq!(night(&vault, Some("guest"), &line).await, Taken::Erased, "{line}");
    }
});

// The sweep had taken the address, or the owner, or people had written into the record: it went, with all that was kept of them.
both_engines!(what_others_wrote_or_what_had_an_address_is_nobody_come_back, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    night(&vault, None, "0||vera@victim.example|A-7").await;
    vault.erase(&own(guest(&vault, "vera@victim.example"))).await.unwrap();
    db.clock.advance(Duration::from_secs(1));
    let mail = |number: &str| format!("{number}|guest:vera@victim.example|vera@victim.example|");
    // With an address of its own, which is taken away here.
    night(&vault, None, "9||nine@people.example|A-9").await;
    let nine = vault.customer_of_shop("9");
    for one in open(&vault, nine, &["contact.email"]).await.unwrap() {
        vault.take_away(&own(nine), &one.item, &[field("contact.email")]).await.unwrap();
    }
    assert_eq!(shown(&vault, nine, &["contact.email"]).await, Vec::<String>::new());
    assert_eq!(night(&vault, Some("guest"), &mail("9")).await, Taken::Known);
    // Orders alone, and a note of the staff's.
    night(&vault, None, "10|||A-10").await;
    let ten = vault.customer_of_shop("10");
    vault.write(staff(), ten, item("call", &[("note.text", "rang about the lamp")])).await.unwrap();
    assert_eq!(night(&vault, Some("guest"), &mail("10")).await, Taken::Known);
    for number in ["A-9", "A-10"] {
        assert_eq!(vault.find(field("order.number"), number).await.unwrap().len(), 1, "{number}");
    }
});

// Shops leave older orders alone where an account changes its address. Once the shop had deleted the account that was erased, its order came
// back as a guest's of the address of before, with a name and a street.
#[test]
fn an_order_that_was_erased_comes_back_to_nobody() {
    on_both(async |db, oscar| {
        let (_keys, vault) = both(&db).await;
        oscar.run("UPDATE order_order SET user_id = 7, guest_email = 'old@victim.example'").await;
        oscar.import(&vault, file()).await;
        let seven = vault.customer_of_shop("7");
        assert!(page(&vault, seven).await.contains("Secret Lane"));
        vault.erase(&own(seven)).await.unwrap();
        oscar.run("UPDATE order_order SET user_id = NULL").await;
        oscar.run("DELETE FROM auth_user WHERE id = 7").await;
        oscar.run("INSERT INTO auth_user VALUES (12, 'twelve@people.example', 'Twelve', '', 0, '2026-11-02 10:00:00')").await;
        for _ in 0..2 {
            oscar.import(&vault, file()).await;
            assert_eq!(vault.find(field("order.number"), "100077").await.unwrap(), []);
            assert_eq!(vault.find(field("contact.email"), "old@victim.example").await.unwrap(), []);
            let twelve = page(&vault, vault.customer_of_shop("12")).await;
            assert!(!twelve.contains("Secret Lane") && !twelve.contains("under the mat"), "{twelve}");
            // To another account neither.
            oscar.run("UPDATE order_order SET user_id = 12").await;
        }
        // What is ordered under that address since is.
        days(&db, 2);
        oscar.say(format!("INSERT INTO order_order VALUES (2, '100078', NULL, 'old@victim.example', NULL, NULL, '{}', 'Paid', '1.00', 'GBP')", at(&db))).await;
        oscar.import(&vault, file()).await;
        let [again] = vault.own_records("old@victim.example").await.unwrap().unwrap()[..] else { panic!() };
        assert_eq!(vault.find(field("order.number"), "100078").await.unwrap(), [again]);
        assert_eq!(vault.keys().verify().await.unwrap(), []);
        assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
    });
}

// The shop took an order after the last import, under the address of before. Once the account was deleted it came in as a guest's, whole.
#[test]
fn an_order_that_no_import_had_seen_does_not_come_back_under_the_address_of_before() {
    on_both(async |db, oscar| {
        let (_keys, vault) = both(&db).await;
        oscar.run("UPDATE order_order SET user_id = 7, guest_email = 'Old@victim.example'").await;
        // Somebody else's address on an order of theirs: who is kept under it goes on.
        oscar.run("INSERT INTO order_order VALUES (2, '100078', 7, 'kept@people.example', 1, 1, '2026-11-19 10:00:00', 'Paid', '1.00', 'GBP')").await;
        oscar.run("INSERT INTO order_order VALUES (3, '100079', NULL, 'kept@people.example', 1, 1, '2026-11-19 10:00:00', 'Paid', '1.00', 'GBP')").await;
        for _ in 0..2 {
            oscar.import(&vault, file()).await;
        }
        oscar.say(format!("INSERT INTO order_order VALUES (4, '100080', 7, 'Old@victim.example', 1, 1, '{}', 'Paid', '1.00', 'GBP')", at(&db))).await;
        db.clock.advance(Duration::from_secs(3_600));
        vault.erase(&own(vault.customer_of_shop("7"))).await.unwrap();
        oscar.run("UPDATE order_order SET user_id = NULL").await;
        oscar.run("DELETE FROM auth_user WHERE id = 7").await;
        for _ in 0..2 {
            oscar.import(&vault, file()).await;
            assert_eq!(vault.find(field("order.number"), "100080").await.unwrap(), []);
            assert_eq!(vault.find(field("contact.email"), "old@victim.example").await.unwrap(), []);
            let kept = page(&vault, guest(&vault, "kept@people.example")).await;
            assert!(kept.contains("100079") && !kept.contains("100078"), "{kept}");
        }
        // What is ordered under that address since is.
        days(&db, 1);
        oscar.say(format!("INSERT INTO order_order VALUES (5, '100081', NULL, 'old@victim.example', NULL, NULL, '{}', 'Paid', '1.00', 'GBP')", at(&db))).await;
        oscar.import(&vault, file()).await;
        let [again] = vault.own_records("old@victim.example").await.unwrap().unwrap()[..] else { panic!() };
        assert_eq!(vault.find(field("order.number"), "100081").await.unwrap(), [again]);
        assert_eq!(vault.keys().verify().await.unwrap(), []);
        assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
    });
}

// A restore dated erasures by its own moment: who came again between the two was left out for good.
both_engines!(who_came_again_before_a_restore_comes_again_after_it, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let mapping = r#"{"key": "id", "begun": "since", "fields": {"contact.email": "mail"}}"#;
    let mapping: Mapping = serde_json::from_str(mapping).unwrap();
    let plan = Arc::new(Plan::new(&mapping, &cells("id|mail|since")).unwrap());
    let row = async |vault: &Vault, number: &str, since: Timestamp| {
        let line = cells(&format!("{number}|{number}@people.example|{since}"));
        vault.take_all(&plan, vec![(2, line)]).await.unwrap()[0].1.taken
    };
    let signed_up = db.clock.now();
    for number in ["7", "8"] {
        assert_eq!(row(&vault, number, signed_up).await, Taken::New);
    }
    let (seven, eight) = (vault.customer_of_shop("7"), vault.customer_of_shop("8"));
    let erased_at = db.clock.now();
    days(&db, 1);
    let came_again = db.clock.now();
    days(&db, 1);
    // What a restore does with what the original's ledger says.
    assert!(vault.keys().destroy_again(seven, erased_at, Actor::Operator).await.unwrap());
    assert!(vault.keys().destroy(eight, Actor::Operator).await.unwrap());
    let told = vault.keys().destroyed_since().await.unwrap();
    assert_eq!((told[&seven], told[&eight]), (erased_at, db.clock.now()));
    assert_eq!(vault.finish_erasures().await.unwrap(), 2);
    assert_eq!(vault.erasure(seven).await.unwrap().unwrap().erased_at, Some(erased_at));
    assert_eq!(row(&vault, "7", signed_up).await, Taken::Erased);
    assert_eq!(row(&vault, "7", came_again).await, Taken::New);
    assert_eq!(row(&vault, "8", came_again).await, Taken::Erased);
    assert_eq!(vault.keys().verify().await.unwrap(), []);
});

// A restore of older data erased again with what stood in them: an order that the shop had given to somebody else since was theirs no more.
both_engines!(an_order_that_moved_before_the_erasure_stays_after_a_restore, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    assert_eq!(night(&vault, None, "0||vera@victim.example|A-7").await, Taken::New);
    assert_eq!(night(&vault, None, "30|||A-3").await, Taken::New);
    let copy = copy_of(&db, db.address(), MIGRATIONS, &db.clock).await;
    assert_eq!(night(&vault, None, "30|||A-7").await, Taken::Known);
    vault.erase(&own(guest(&vault, "vera@victim.example"))).await.unwrap();
    assert_eq!(night(&vault, None, "30|||A-7").await, Taken::Known);
    let old = open_old(&copy, &db.clock).await;
    let restored = crate::support::vault(&old, keys.open().await);
    assert_eq!(restored.finish_erasures().await.unwrap(), 1);
    assert_eq!(restored.accept_older(Actor::Operator).await.unwrap(), 1);
    assert_eq!(night(&restored, None, "30|||A-7").await, Taken::Known);
    let hal = restored.customer_of_shop("30");
    assert_eq!(restored.find(field("order.number"), "A-7").await.unwrap(), [hal]);
    // Who was erased is, with all that was theirs.
    assert_eq!(night(&restored, None, "0||vera@victim.example|A-7").await, Taken::Erased);
});

/// The moment of the tests' clock, as the shop writes it.
fn at(db: &TestDb) -> String {
    db.clock.now().to_string().replace('T', " ").replace('Z', "")
}

fn days(db: &TestDb, days: u64) {
    db.clock.advance(Duration::from_secs(days * 86_400));
}

// An erasure was a ban: whoever came again was left out for good.
#[test]
fn a_guest_who_was_erased_and_opens_an_account_is_a_new_customer() {
    on_both(async |db, oscar| {
        let (_keys, vault) = both(&db).await;
        oscar.run("UPDATE auth_user SET email = 'mallory@evil.example' WHERE id = 7").await;
        oscar.import(&vault, file()).await;
        vault.erase(&own(guest(&vault, "vera@victim.example"))).await.unwrap();
        days(&db, 2);
        oscar
            .say(format!(
                "INSERT INTO auth_user VALUES (9, 'vera@victim.example', 'Vera', 'Again', 0, '{}')",
                at(&db)
            ))
            .await;
        // The shop joins what she had ordered as a guest to her account.
        oscar.run("UPDATE order_order SET user_id = 9, guest_email = ''").await;
        oscar.say(format!("INSERT INTO order_order VALUES (2, '100078', 9, '', NULL, NULL, '{}', 'Paid', '1.00', 'GBP')", at(&db))).await;
        for _ in 0..2 {
            oscar.import(&vault, file()).await;
            let nine = vault.customer_of_shop("9");
            let page = page(&vault, nine).await;
            assert!(page.contains("Vera Again") && page.contains("100078"), "{page}");
            for before in ["100077", "Secret Lane", "private thing", "under the mat", "pi_vera"] {
                assert!(!page.contains(before), "{before}: {page}");
            }
            assert_eq!(vault.own_records("vera@victim.example").await.unwrap().unwrap(), [nine]);
        }
        assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
    });
}

// The same number again: an order of today's in an account that is older than the erasure, and of a guest.
#[test]
fn what_is_ordered_after_an_erasure_begins_anew_and_nothing_of_before_comes() {
    on_both(async |db, oscar| {
        let (_keys, vault) = both(&db).await;
        oscar.run("UPDATE auth_user SET email = 'mallory@evil.example' WHERE id = 7").await;
        oscar.run("INSERT INTO auth_user VALUES (9, 'nine@people.example', 'Nora', 'Nine', 0, '2026-11-02 10:00:00')").await;
        oscar.run("INSERT INTO order_order VALUES (2, '100078', 9, '', NULL, NULL, '2026-11-21 10:00:00', 'Paid', '1.00', 'GBP')").await;
        oscar.import(&vault, file()).await;
        for customer in [vault.customer_of_shop("9"), guest(&vault, "vera@victim.example")] {
            vault.erase(&own(customer)).await.unwrap();
        }
        oscar.import(&vault, file()).await;
        assert_eq!(vault.find(field("contact.email"), "nine@people.example").await.unwrap(), []);
        days(&db, 2);
        oscar.say(format!("INSERT INTO order_order VALUES (3, '100079', 9, '', NULL, NULL, '{}', 'Paid', '1.00', 'GBP')", at(&db))).await;
        oscar.say(format!("INSERT INTO order_order VALUES (4, '100080', NULL, 'Vera@victim.example', NULL, NULL, '{}', 'Paid', '1.00', 'GBP')", at(&db))).await;
        for _ in 0..2 {
            oscar.import(&vault, file()).await;
            for (email, number, before) in
                [("nine@people.example", "100079", "100078"), ("vera@victim.example", "100080", "100077")]
            {
                let [again] = vault.own_records(email).await.unwrap().unwrap()[..] else { panic!("{email}") };
                assert!(again != vault.customer_of_shop("9") && again != guest(&vault, email));
                assert_eq!(vault.find(field("order.number"), number).await.unwrap(), [again]);
                let page = page(&vault, again).await;
                assert!(
                    !page.contains(before) && !page.contains("Secret Lane") && !page.contains("Nora"),
                    "{page}"
                );
            }
        }
        // Neither of an older copy of the shop, nor by an end that comes again.
        let [again] = vault.own_records("nine@people.example").await.unwrap().unwrap()[..] else { panic!() };
        vault.erase(&own(again)).await.unwrap();
        oscar.import(&vault, file()).await;
        // As a guest, once the shop has no such account any more.
        oscar.run("UPDATE order_order SET user_id = NULL, guest_email = 'nine@people.example' WHERE user_id = 9").await;
        oscar.run("DELETE FROM auth_user WHERE id = 9").await;
        oscar.import(&vault, file()).await;
        for number in ["100078", "100079"] {
            assert_eq!(vault.find(field("order.number"), number).await.unwrap(), [], "{number}");
        }
        assert_eq!(vault.find(field("contact.email"), "nine@people.example").await.unwrap(), []);
        assert_eq!(vault.keys().verify().await.unwrap(), []);
        assert_eq!(vault.verify(Actor::System, |_| {}).await.unwrap().flaws, []);
    });
}

// Of a table, too: what it says of when, and what that is worth.
both_engines!(what_a_table_says_of_when_tells_who_comes_again, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let mapping = r#"{"key": "id", "begun": "since", "fields": {"contact.email": "mail"}}"#;
    let mapping: Mapping = serde_json::from_str(mapping).unwrap();
    let plan = Arc::new(Plan::new(&mapping, &cells("id|mail|since")).unwrap());
    let row = async |since: &str| {
        let line = cells(&format!("7|ada@people.example|{since}"));
        vault.take_all(&plan, vec![(2, line)]).await.unwrap()[0].1.taken
    };
    assert_eq!(row("").await, Taken::New);
    vault.erase(&own(vault.customer_of_shop("7"))).await.unwrap();
    let erased_at = db.clock.now();
    days(&db, 2);
    let beside = |seconds| erased_at.plus(Duration::from_secs(seconds)).to_string();
    for since in [
        "",
        "soon",
        "0000-00-00 00:00:00",
        "2026-11-02 10:00:00",
        &erased_at.to_string(),
        &beside(300),
        &beside(9 * 86_400),
    ] {
        assert_eq!(row(since).await, Taken::Erased, "{since}");
        assert_eq!(vault.find(field("contact.email"), "ada@people.example").await.unwrap(), []);
    }
    assert_eq!(row(&beside(301)).await, Taken::New);
    assert_eq!(row(&beside(301)).await, Taken::Known);
    let [again] = vault.find(field("contact.shop_id"), "7").await.unwrap()[..] else { panic!() };
    // A row without a date is of nobody's before; what is kept stays.
    assert_eq!(row("").await, Taken::Erased);
    assert_eq!(shown(&vault, again, &["contact.email"]).await, ["own email ada@people.example"]);
    // Erased once more, and nothing of the time between them comes back.
    vault.erase(&own(again)).await.unwrap();
    assert_eq!(row(&beside(301)).await, Taken::Erased);
    days(&db, 1);
    assert_eq!(row(&beside(2 * 86_400 + 3_600)).await, Taken::New);
    assert_eq!(vault.keys().verify().await.unwrap(), []);
});
