//! Somebody who can write into the databases past Storeward, and honest restores: what was done is found and named.

use storeward_base::{Actor, CustomerId};
use storeward_events::Event;
use storeward_policy::Purpose;
use storeward_store::testing::{TestDb, blocking, options};
use storeward_store::{Db, Engine, both_engines, ledger};
use storeward_vault::{Class, Flaw, Harm, KEY_MIGRATIONS, KeyFault, MIGRATIONS, Use, Vault, Verified};

use crate::support::{Keys, ada, asks, bob, both, field, harmed, item, open, own, shown, staff, vault};

async fn people(vault: &Vault) {
    for (who, email, city) in
        [(ada(), "ada@shop.example", "London"), (bob(), "bob@shop.example", "Crouch End")]
    {
        vault.write(staff(), who, item("own", &[("contact.email", email)])).await.unwrap();
        vault
            .write(staff(), who, item("home", &[("address.city", city), ("address.region", "x")]))
            .await
            .unwrap();
    }
}

async fn look(vault: &Vault) -> Verified {
    vault.verify(Actor::Operator, |_| {}).await.unwrap()
}

fn flaw(customer: CustomerId, place: &str, harm: Harm) -> Flaw {
    Flaw { customer, place: place.to_owned(), harm }
}

both_engines!(every_change_past_storeward_is_found_and_named, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let clean = look(&vault).await;
    assert_eq!((clean.customers, clean.values, clean.faults), (2, 6, 0));
    let a = ada();
    db.tamper("CREATE TABLE kept_field AS SELECT * FROM vault_field");
    db.tamper("CREATE TABLE kept_mark AS SELECT * FROM vault_mark");
    db.tamper("CREATE TABLE kept_manifest AS SELECT * FROM vault_manifest");
    vault.write(staff(), a, item("home", &[("address.city", "Ockham")])).await.unwrap();
    db.tamper("CREATE TABLE good_field AS SELECT * FROM vault_field");
    db.tamper("CREATE TABLE good_mark AS SELECT * FROM vault_mark");
    db.tamper("CREATE TABLE good_manifest AS SELECT * FROM vault_manifest");
    let of_city = format!("customer = '{a}' AND collection = 'address' AND field = 'city'");
    let put_back = |table: &str, from: &str| {
        format!(
            "DELETE FROM {table} WHERE customer = '{a}'; INSERT INTO {table} SELECT * FROM {from} WHERE customer = '{a}'"
        )
    };
    for (harm, expected) in [
        // Yesterday's value, with everything of its row.
        (
            format!(
                "DELETE FROM vault_field WHERE {of_city}; INSERT INTO vault_field SELECT * FROM kept_field WHERE {of_city}"
            ),
            vec![flaw(a, "address.home.city", Harm::Older)],
        ),
        (
            format!("DELETE FROM vault_field WHERE {of_city}"),
            vec![flaw(a, "address.home.city", Harm::Missing)],
        ),
        (
            format!("UPDATE vault_field SET field = 'street' WHERE {of_city}"),
            vec![flaw(a, "address.home.street", Harm::Unknown), flaw(a, "address.home.city", Harm::Missing)],
        ),
        // What stands beside a value.
        (
            format!("UPDATE vault_field SET provenance = 'shop' WHERE {of_city}"),
            vec![flaw(a, "address.home.city", Harm::Changed)],
        ),
        (
            format!("UPDATE vault_field SET written_at = written_at - 1 WHERE {of_city}"),
            vec![flaw(a, "address.home.city", Harm::Changed)],
        ),
        (
            format!("UPDATE vault_field SET keep_until = 1 WHERE {of_city}"),
            vec![flaw(a, "address.home.city", Harm::Changed)],
        ),
        (
            format!("UPDATE vault_field SET version = version + 1 WHERE {of_city}"),
            vec![flaw(a, "address.home.city", Harm::Changed)],
        ),
        // What the record itself says.
        (
            format!("UPDATE vault_customer SET restricted_at = 5 WHERE id = '{a}'"),
            vec![flaw(a, "", Harm::Changed)],
        ),
        // Bob's address leads to Ada's record.
        (
            format!(
                "INSERT INTO vault_mark SELECT field, root, mark, '{a}', item FROM vault_mark WHERE customer = '{}'",
                bob()
            ),
            vec![flaw(a, "contact.own.email", Harm::Found)],
        ),
        (
            format!("DELETE FROM vault_mark WHERE customer = '{a}'"),
            vec![flaw(a, "contact.own.email", Harm::Found)],
        ),
        // The manifest: gone, of another time in part, and of another time as a whole with its values.
        (format!("DELETE FROM vault_manifest WHERE customer = '{a}'"), vec![flaw(a, "", Harm::Manifest)]),
        (
            format!("UPDATE vault_manifest SET revision = revision + 1 WHERE customer = '{a}' AND part = 0"),
            vec![flaw(a, "", Harm::Manifest)],
        ),
        (
            format!(
                "DELETE FROM vault_manifest WHERE customer = '{a}' AND part > 0; INSERT INTO vault_manifest SELECT * FROM kept_manifest WHERE customer = '{a}' AND part > 0"
            ),
            vec![flaw(a, "", Harm::Manifest)],
        ),
        (
            format!(
                "{}; {}",
                put_back("vault_field", "kept_field"),
                put_back("vault_manifest", "kept_manifest")
            ),
            vec![flaw(a, "", Harm::OlderData)],
        ),
        // All of her.
        (
            format!(
                "DELETE FROM vault_mark WHERE customer = '{a}'; DELETE FROM vault_field WHERE customer = '{a}'; DELETE FROM vault_manifest WHERE customer = '{a}'"
            ),
            vec![flaw(a, "", Harm::OlderData)],
        ),
    ] {
        db.tamper(&harm);
        let found = look(&vault).await;
        assert_eq!(found.flaws, expected, "{harm}");
        let is_record = expected[0].harm != Harm::Found;
        if is_record {
            let refused = open(&vault, a, &["address.city"]).await.unwrap_err();
            assert_eq!(refused, harmed(a, &expected[0].place, expected[0].harm), "{harm}");
        }
        // Nobody else is kept waiting.
        assert_eq!(shown(&vault, bob(), &["address.city"]).await, ["home city Crouch End"]);
        for (table, from) in
            [("vault_manifest", "good_manifest"), ("vault_field", "good_field"), ("vault_mark", "good_mark")]
        {
            db.tamper(&put_back(table, from));
        }
        db.tamper(&format!("UPDATE vault_customer SET restricted_at = NULL WHERE id = '{a}'"));
        assert_eq!(look(&vault).await.faults, 0, "{harm}");
    }
    let told = db.read(|reader| {
        let kind_prefix = Some("vault.record_harmed".to_owned());
        let filter = ledger::Filter { kind_prefix, ..ledger::Filter::default() };
        ledger::search(reader, &filter, storeward_base::PageSize::default())
    });
    let told = told.await.unwrap().rows;
    assert!(told.len() > 20, "each look and each refusal is told");
    let Event::RecordHarmed(first) = &told.last().unwrap().1.event else { panic!() };
    assert_eq!((first.place.as_str(), first.harm.as_str()), ("address.home.city", "older"));
});

both_engines!(harm_to_a_note_does_not_keep_support_from_the_address, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    vault.write(staff(), ada(), item("n1", &[("note.text", "prefers the back door")])).await.unwrap();
    db.tamper(&format!("DELETE FROM vault_field WHERE customer = '{}' AND collection = 'note'", ada()));
    assert_eq!(shown(&vault, ada(), &["address.city"]).await, ["home city London"]);
    assert_eq!(
        open(&vault, ada(), &["note.text"]).await.unwrap_err(),
        harmed(ada(), "note.n1.text", Harm::Missing)
    );
    // The customer's own copy would be incomplete, so there is none.
    assert_eq!(
        vault.export(&own(ada()), "json").await.unwrap_err(),
        harmed(ada(), "note.n1.text", Harm::Missing)
    );
    // They can be erased all the same.
    vault.erase(&own(ada())).await.unwrap();
    assert_eq!(look(&vault).await.faults, 0);
});

both_engines!(a_restriction_and_a_correction_stand_in_the_manifest, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    vault.restrict(&own(ada()), Use::Restricted).await.unwrap();
    db.tamper(&format!("UPDATE vault_customer SET restricted_at = NULL WHERE id = '{}'", ada()));
    let refused = open(&vault, ada(), &["address.city"]).await.unwrap_err();
    assert_eq!(refused, harmed(ada(), "", Harm::Changed), "a restriction was lifted past Storeward");
    let ask = asks(bob(), Purpose::RightsRequest);
    assert_eq!(vault.take_away(&ask, "home", &[field("address.region")]).await.unwrap(), 1);
    assert_eq!(shown(&vault, bob(), &["address.region"]).await, Vec::<String>::new());
    assert_eq!(look(&vault).await.flaws, [flaw(ada(), "", Harm::Changed)]);
});

both_engines!(harm_to_what_the_key_store_noted_is_found_and_named, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    people(&vault).await;
    vault.keys().write_notes().await.unwrap();
    let key_db = TestDb::at(keys.place.clone(), KEY_MIGRATIONS, db.clock.clone());
    key_db.raw("CREATE TABLE kept_key AS SELECT * FROM vault_customer_key");
    vault.write(staff(), ada(), item("home", &[("address.city", "Ockham")])).await.unwrap();
    vault.keys().write_notes().await.unwrap();
    assert_eq!(vault.keys().verify().await.unwrap(), []);
    key_db.tamper(&format!("UPDATE vault_customer_key SET revision = 1 WHERE customer = '{}'", bob()));
    key_db.tamper(&format!(
        "UPDATE vault_customer_key SET revision = (SELECT revision FROM kept_key WHERE customer = '{0}'), \
         noted = (SELECT noted FROM kept_key WHERE customer = '{0}') WHERE customer = '{0}'",
        ada()
    ));
    let mut faults = vault.keys().verify().await.unwrap();
    faults.sort_by_key(|fault| format!("{fault:?}"));
    assert_eq!(faults, [KeyFault::Damaged(bob()), KeyFault::Older(ada())]);
});

both_engines!(the_shelf_of_another_time_or_with_another_moment_is_told, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    people(&vault).await;
    vault.keys().write_notes().await.unwrap();
    let old = std::fs::read_to_string(keys.shelf()).unwrap();
    assert!(old.contains("\"version\": 2"));
    for hostile in [
        old.replace("\"last\": 1", "\"last\": 7"),
        old.replace("\"begun_at\": 17", "\"begun_at\": 19"),
        // The first form had no seal: nobody gets rid of it so.
        {
            let mut text: serde_json::Value = serde_json::from_str(&old).unwrap();
            text.as_object_mut().unwrap().remove("sealed");
            text["version"] = 1.into();
            text.to_string()
        },
    ] {
        assert_ne!(hostile, old);
        std::fs::write(keys.shelf(), &hostile).unwrap();
        let refused = keys.try_open(keys.db().await).await.err().unwrap();
        assert!(refused.to_string().contains("was changed or is damaged"), "{refused}");
    }
    std::fs::write(keys.shelf(), &old).unwrap();
    vault.keys().rotate(std::time::Duration::ZERO).await.unwrap();
    assert_eq!(vault.keys().verify().await.unwrap(), []);
    std::fs::write(keys.shelf(), &old).unwrap();
    let faults = vault.keys().verify().await.unwrap();
    assert_eq!(faults[..2], [KeyFault::Epoch(1), KeyFault::Epoch(2)], "{faults:?}");
});

#[test]
fn a_shelf_of_the_first_form_is_sealed_at_the_next_start() {
    storeward_store::testing::run(Engine::Sqlite, MIGRATIONS, async |db| {
        let keys = Keys::new(Engine::Sqlite, db.clock.clone()).unwrap();
        drop(keys.open().await);
        let mut text: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(keys.shelf()).unwrap()).unwrap();
        text.as_object_mut().unwrap().remove("sealed");
        text["version"] = 1.into();
        std::fs::write(keys.shelf(), text.to_string()).unwrap();
        let vault = vault(&db, keys.open().await);
        people(&vault).await;
        assert!(std::fs::read_to_string(keys.shelf()).unwrap().contains("\"version\": 2"));
        assert_eq!(vault.keys().verify().await.unwrap(), []);
    });
}

/// Yesterday's data beside today's keys: named, refused, and accepted by whoever restored it.
#[test]
fn an_honest_restore_is_named_and_can_be_accepted() {
    storeward_store::testing::run(Engine::Sqlite, MIGRATIONS, async |db| {
        let keys = Keys::new(Engine::Sqlite, db.clock.clone()).unwrap();
        let today = vault(&db, keys.open().await);
        people(&today).await;
        let backup = tempfile::tempdir().unwrap();
        let path = backup.path().join("data.db");
        let (from, to) = ((*db).clone(), path.clone());
        blocking(move || from.snapshot_to(&to).unwrap()).await;
        // Since then: Ada moved, Carol came.
        let carol = CustomerId::from_bits(0xCA);
        today.write(staff(), ada(), item("home", &[("address.city", "Ockham")])).await.unwrap();
        today.write(staff(), carol, item("own", &[("contact.name", "Carol")])).await.unwrap();
        today.keys().write_notes().await.unwrap();

        let address = format!("sqlite:{}", path.display());
        let opened = options(&address, MIGRATIONS, db.clock.clone());
        let old = blocking(move || Db::open(opened).unwrap()).await;
        let restored = vault(&old, keys.open().await);
        let refused = open(&restored, ada(), &["address.city"]).await.unwrap_err();
        assert_eq!(refused, harmed(ada(), "", Harm::OlderData));
        assert!(refused.to_string().contains("older data"), "{refused}");
        assert_eq!(shown(&restored, bob(), &["address.city"]).await, ["home city Crouch End"]);
        let again = item("own", &[("contact.name", "Carol")]);
        assert_eq!(
            restored.write(staff(), carol, again.clone()).await.unwrap_err(),
            harmed(carol, "", Harm::OlderData)
        );
        let named = look(&restored).await;
        assert_eq!(named.flaws, [flaw(ada(), "", Harm::OlderData), flaw(carol, "", Harm::Missing)]);

        // A value that somebody changed in the copy is not accepted with it.
        assert_eq!(restored.accept_older(Actor::Operator).await.unwrap(), 2);
        assert_eq!(look(&restored).await.faults, 0);
        assert_eq!(shown(&restored, ada(), &["address.city"]).await, ["home city London"]);
        restored.write(staff(), carol, again).await.unwrap();
        assert_eq!(restored.accept_older(Actor::Operator).await.unwrap(), 0, "once");
    });
}

// Records from before there were manifests: they open, and are protected from the first look on.
both_engines!(a_record_of_the_version_before_counts_as_it_is, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    people(&vault).await;
    vault.keys().write_notes().await.unwrap();
    db.tamper("DELETE FROM vault_manifest");
    let key_db = TestDb::at(keys.place.clone(), KEY_MIGRATIONS, db.clock.clone());
    key_db.tamper("UPDATE vault_customer_key SET revision = 0, noted = NULL");
    let vault = crate::support::vault(&db, keys.open().await);
    assert_eq!(shown(&vault, ada(), &["address.city"]).await, ["home city London"]);
    let first = look(&vault).await;
    // That the key store's ledger had noted them is of this test's making.
    assert_eq!((first.begun, first.flaws.len()), (2, 0));
    assert_eq!(look(&vault).await.begun, 0);
    db.tamper("DELETE FROM vault_manifest");
    let lost = look(&vault).await;
    assert_eq!(lost.flaws, [flaw(ada(), "", Harm::Manifest), flaw(bob(), "", Harm::Manifest)]);
});

// Two that write different orders of one customer at once: nothing of either is taken for harm afterwards.
both_engines!(writes_at_once_leave_a_record_that_is_whole, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..60 {
        let vault = vault.clone();
        writers.spawn(async move {
            let order = item(&format!("o{}", number % 20), &[("order.number", &format!("A-{number}"))]);
            vault.write(staff(), ada(), order).await.unwrap();
        });
    }
    writers.join_all().await;
    let found = look(&vault).await;
    assert_eq!((found.values, found.faults), (20, 0));
});

// A program that dies between the data's commit and the key store's note leaves data that is newer than the note: no false alarm,
// and the next look makes up for it, so that from then on the older state is known as such.
both_engines!(a_note_that_was_lost_is_no_harm_and_is_made_up_for, MIGRATIONS, async |db| {
    let (keys, first) = both(&db).await;
    people(&first).await;
    first.keys().write_notes().await.unwrap();
    for table in ["vault_field", "vault_manifest"] {
        db.tamper(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"));
    }
    let away = keys.db().await;
    let dying = vault(&db, keys.try_open(away.clone()).await.unwrap());
    shown(&dying, ada(), &["address.city"]).await;
    blocking(move || away.close()).await;
    dying.write(staff(), ada(), item("home", &[("address.city", "Ockham")])).await.unwrap();
    assert!(dying.keys().write_notes().await.is_err(), "the key store is away");

    let again = vault(&db, keys.open().await);
    assert_eq!(shown(&again, ada(), &["address.city"]).await, ["home city Ockham"]);
    assert_eq!(look(&again).await.faults, 0);
    again.keys().write_notes().await.unwrap();
    for table in ["vault_manifest", "vault_field"] {
        db.tamper(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}"));
    }
    assert_eq!(look(&again).await.flaws, [flaw(ada(), "", Harm::OlderData)]);
});

// One row that says that an erasure began destroys nobody's key: the ledger has no beginning of it.
both_engines!(an_erasure_that_nobody_asked_for_destroys_nothing, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    people(&vault).await;
    vault.keys().write_notes().await.unwrap();
    db.tamper(&format!("UPDATE vault_customer SET erasure_begun_at = created_at WHERE id = '{}'", ada()));
    let again = crate::support::vault(&db, keys.open().await);
    assert_eq!(again.finish_erasures().await.unwrap(), 0);
    assert_eq!(look(&again).await.flaws, [flaw(ada(), "", Harm::Unasked)]);
    assert_eq!(again.keys().destroyed().await.unwrap(), []);
    let kind_prefix = Some("vault.record_harmed".to_owned());
    let filter = ledger::Filter { kind_prefix, ..ledger::Filter::default() };
    let told = db.read(move |reader| ledger::search(reader, &filter, storeward_base::PageSize::new(50)));
    let told = told.await.unwrap().rows;
    assert!(
        told.iter()
            .all(|(_, record)| matches!(&record.event, Event::RecordHarmed(fact) if fact.harm == "unasked"))
    );
    assert_eq!(told.len(), 2, "by what goes on by itself, and by the look");
    // An erasure of somebody else that a crash left half-way goes on all the same.
    let bobs = bob();
    db.write(move |tx| -> Result<(), storeward_store::Error> {
        let fact = storeward_events::vault::ErasureBegun { customer: bobs };
        tx.append(Actor::Customer { id: bobs }, None, fact)?;
        Ok(())
    })
    .await
    .unwrap();
    db.tamper(&format!("UPDATE vault_customer SET erasure_begun_at = created_at WHERE id = '{bobs}'"));
    assert_eq!(again.finish_erasures().await.unwrap(), 1);
    assert_eq!(again.keys().destroyed().await.unwrap(), [bobs]);
    // The row as it was: nothing is lost.
    db.tamper(&format!("UPDATE vault_customer SET erasure_begun_at = NULL WHERE id = '{}'", ada()));
    assert_eq!(shown(&again, ada(), &["address.city"]).await, ["home city London"]);
    assert_eq!(look(&again).await.faults, 0);
    again.erase(&own(ada())).await.unwrap();
    assert_eq!(look(&again).await.faults, 0);
});

// Periods that somebody wrote into the database erase nothing, whatever they say.
both_engines!(periods_that_the_ledger_does_not_have_erase_nothing, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    vault.set_retention(staff(), Class::Order, Some(30)).await.unwrap();
    db.clock.advance(std::time::Duration::from_secs(24 * 3_600));
    for (change, class, back) in [
        (
            "INSERT INTO vault_retention (class, days, set_at) VALUES ('contact', 0, 0)",
            "contact",
            "DELETE FROM vault_retention WHERE class = 'contact'",
        ),
        (
            "INSERT INTO vault_retention (class, days, set_at) VALUES ('address', -1, 0)",
            "address",
            "DELETE FROM vault_retention WHERE class = 'address'",
        ),
        (
            "UPDATE vault_retention SET days = 1 WHERE class = 'order'",
            "order",
            "UPDATE vault_retention SET days = 30 WHERE class = 'order'",
        ),
        (
            "DELETE FROM vault_retention WHERE class = 'order'",
            "order",
            "INSERT INTO vault_retention (class, days, set_at) VALUES ('order', 30, 0)",
        ),
        (
            "INSERT INTO vault_retention (class, days, set_at) VALUES ('x', 1, 0)",
            "unknown",
            "DELETE FROM vault_retention WHERE class = 'x'",
        ),
    ] {
        db.tamper(change);
        let nobody = CustomerId::from_bits(0);
        let place = format!("retention.{class}");
        let expected = harmed(nobody, &place, Harm::Retention);
        assert_eq!(vault.forget().await.unwrap_err(), expected, "{change}");
        assert_eq!(vault.due().await.unwrap_err(), expected, "{change}");
        assert_eq!(look(&vault).await.flaws, [flaw(nobody, &place, Harm::Retention)], "{change}");
        db.tamper(back);
        assert_eq!(vault.forget().await.unwrap(), 0);
    }
    // Said anew it counts again.
    db.tamper("UPDATE vault_retention SET days = 1 WHERE class = 'order'");
    vault.set_retention(staff(), Class::Order, Some(60)).await.unwrap();
    assert_eq!(vault.retention().await.unwrap(), [(Class::Order, 60)]);
    assert_eq!(look(&vault).await.faults, 0);
    assert_eq!(shown(&vault, ada(), &["contact.email"]).await, ["own email ada@shop.example"]);
});

// The look ended at the first row whose id is nobody's, with an error in which no row is named, and found nothing behind it.
both_engines!(a_row_of_nobodys_is_named_and_hides_nobody_elses, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    for who in [ada(), bob()] {
        vault.write(staff(), who, item("own", &[("contact.email", "ada@shop.example")])).await.unwrap();
    }
    // More than stand on one page.
    let mut expected = vec![(CustomerId::from_bits(0), "vault_customer.id".to_owned(), Harm::Row); 250];
    let rows: Vec<String> = (0..250).map(|n| format!("('a nobody {n}', 1)")).collect();
    db.tamper(&format!("INSERT INTO vault_customer (id, created_at) VALUES {}", rows.join(", ")));
    if db.engine() == Engine::Sqlite {
        // What is no text stands behind all texts, and a column holds what it likes.
        db.tamper("INSERT INTO vault_customer (id, created_at) VALUES (X'00FF', 1), (X'01FF', 1)");
        db.tamper(&format!("UPDATE vault_customer SET created_at = 'ago' WHERE id = '{}'", ada()));
        expected.extend([expected[0].clone(), (ada(), String::new(), Harm::Row)]);
    } else {
        db.tamper(&format!("UPDATE vault_customer SET created_at = 1 WHERE id = '{}'", ada()));
        expected.push((ada(), String::new(), Harm::Changed));
    }
    db.tamper(&format!("UPDATE vault_field SET version = 7 WHERE customer = '{}'", bob()));
    expected.push((bob(), "contact.own.email".to_owned(), Harm::Changed));
    let verified = vault.verify(Actor::System, |_| {}).await.unwrap();
    let mut found: Vec<_> =
        verified.flaws.into_iter().map(|flaw| (flaw.customer, flaw.place, flaw.harm)).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    // Nor do they end what else goes through all of them.
    vault.accept_older(Actor::System).await.unwrap();
    vault.settle_indexes(&[]).await.unwrap();
});
