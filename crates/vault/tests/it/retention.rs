//! The sweep beside values that somebody changed: they keep what may hang on them, and nothing else.

use std::time::Duration;

use storeward_base::{Actor, CustomerId, PageSize, Timestamp};
use storeward_events::Event;
use storeward_store::testing::{TestDb, blocking};
use storeward_store::{Engine, both_engines, ledger};
use storeward_vault::catalogue::Class;
use storeward_vault::{Harm, MIGRATIONS, Vault};

use crate::support::{self, ada, bob, both, item, shown, staff};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The places of what was told since a moment.
async fn harms(db: &TestDb, since: Timestamp) -> Vec<String> {
    let filter = ledger::Filter {
        kind_prefix: Some("vault.record_harmed".to_owned()),
        from: Some(since),
        ..ledger::Filter::default()
    };
    let page = db.read(move |reader| ledger::search(reader, &filter, PageSize::new(PageSize::MAX)));
    let place = |event| match event {
        Event::RecordHarmed(fact) => fact.place,
        other => panic!("{other:?}"),
    };
    let mut places: Vec<String> =
        page.await.unwrap().rows.into_iter().map(|(_, record)| place(record.event)).collect();
    places.sort();
    places
}

async fn revision(db: &TestDb) -> u64 {
    let sql = "SELECT MAX(revision) FROM vault_manifest";
    db.read(move |reader| -> Result<u64, storeward_store::Error> {
        reader.query_one(sql, &[], |row| row.get(0))
    })
    .await
    .unwrap()
}

async fn order(vault: &Vault, who: CustomerId, id: &str) {
    vault.write(staff(), who, item(id, &[("order.number", id), ("order.total", "990")])).await.unwrap();
}

async fn faults(vault: &Vault) -> u64 {
    vault.verify(Actor::Operator, |_| {}).await.unwrap().faults
}

// One changed value kept all of its customer's.
both_engines!(a_changed_value_keeps_its_own_item_from_the_sweep_only, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    vault.set_retention(staff(), Class::Order, Some(30)).await.unwrap();
    for id in ["A-1", "A-2", "A-3"] {
        order(&vault, ada(), id).await;
    }
    db.clock.advance(DAY * 31);
    let change = |to: &str| {
        format!("UPDATE vault_field SET provenance = '{to}' WHERE item = 'A-2' AND field = 'total'")
    };
    db.tamper(&change("owner"));
    let since = db.now();
    assert_eq!(vault.forget().await.unwrap(), 4);
    assert_eq!(harms(&db, since).await, ["order.A-2.total"], "each once, however often it is met");
    // Nothing is due that may go: nothing is written but what is told again of the next sweep.
    let before = revision(&db).await;
    db.clock.advance(DAY);
    let since = db.now();
    assert_eq!(vault.forget().await.unwrap(), 0);
    assert_eq!((revision(&db).await, harms(&db, since).await), (before, vec!["order.A-2.total".to_owned()]));
    // A value that is gone keeps what stood beside it, too.
    db.tamper("CREATE TABLE kept AS SELECT * FROM vault_field WHERE field = 'total'; DELETE FROM vault_field WHERE field = 'total'");
    assert_eq!(vault.forget().await.unwrap(), 0);
    db.tamper(&format!("INSERT INTO vault_field SELECT * FROM kept; {}", change("customer")));
    assert_eq!(vault.forget().await.unwrap(), 2);
    assert_eq!(faults(&vault).await, 0);
});

// What is due by when other values were written is not due because somebody wrote them older.
both_engines!(values_that_somebody_made_older_get_nothing_else_swept, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    vault.set_retention(staff(), Class::Contact, Some(30)).await.unwrap();
    vault.write(staff(), ada(), item("own", &[("contact.name", "Ada")])).await.unwrap();
    db.clock.advance(DAY * 31);
    order(&vault, ada(), "A-1").await;
    assert_eq!(vault.forget().await.unwrap(), 0);
    let by = |days: u64| {
        format!("UPDATE vault_field SET written_at = written_at - {days} * 86400000000 WHERE item = 'A-1'")
    };
    db.tamper(&by(31));
    assert_eq!(vault.forget().await.unwrap(), 0);
    db.tamper("CREATE TABLE kept AS SELECT * FROM vault_field WHERE item = 'A-1'; DELETE FROM vault_field WHERE item = 'A-1'");
    assert_eq!(vault.forget().await.unwrap(), 0);
    db.tamper("INSERT INTO vault_field SELECT * FROM kept");
    db.tamper("UPDATE vault_field SET written_at = written_at + 31 * 86400000000 WHERE item = 'A-1'");
    assert_eq!(shown(&vault, ada(), &["contact.name"]).await, ["own name Ada"]);
    assert_eq!(faults(&vault).await, 0);
});

// Five hundred values that may not go stood before everybody else's, and the sweep ended with them.
both_engines!(many_values_that_somebody_added_stop_the_sweep_of_nobody_else, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    vault.set_retention(staff(), Class::Order, Some(30)).await.unwrap();
    order(&vault, ada(), "A-1").await;
    order(&vault, bob(), "B-1").await;
    db.tamper(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) INSERT INTO vault_field \
         SELECT f.customer, f.collection, 'x' || n.i, f.field, f.form, f.version, f.sealed, f.provenance, f.written_at, \
         f.keep_until FROM vault_field f, n WHERE f.item = 'A-1' AND f.field = 'total'",
    );
    db.clock.advance(DAY * 31);
    let since = db.now();
    assert_eq!(vault.due().await.unwrap().by_class, [(Class::Order, 604)]);
    assert_eq!(vault.forget().await.unwrap(), 4, "Ada's own, and Bob's behind");
    assert_eq!(harms(&db, since).await.len(), 50, "as many as a look over all records tells");
    assert_eq!(faults(&vault).await, 600);
});

// One mark of nobody's ended the look over all records, and nothing at all was named.
both_engines!(rows_that_are_nobodys_are_named_beside_the_rest, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    vault.settle_indexes(&[]).await.unwrap();
    vault.write(staff(), ada(), item("own", &[("contact.email", "ada@shop.example")])).await.unwrap();
    db.tamper("INSERT INTO vault_mark SELECT field, root, mark, 'x', item FROM vault_mark");
    db.tamper("UPDATE vault_field SET provenance = 'owner'");
    let found = vault.verify(Actor::Operator, |_| {}).await.unwrap();
    let named: Vec<(&str, Harm)> = found.flaws.iter().map(|flaw| (flaw.place.as_str(), flaw.harm)).collect();
    assert_eq!(named, [("contact.own.email", Harm::Changed), ("vault_mark.customer", Harm::Row)]);
});

// SQLite's columns take what is no number and no text: one such row ended the sweep of all, and five hundred such ids in front did so unsaid.
both_engines!(what_says_nothing_is_told_and_keeps_nobody_elses_values, MIGRATIONS, async |db| {
    if db.engine() != Engine::Sqlite {
        return;
    }
    let (_keys, vault) = both(&db).await;
    vault.set_retention(staff(), Class::Order, Some(30)).await.unwrap();
    order(&vault, ada(), "A-1").await;
    order(&vault, bob(), "B-1").await;
    db.tamper("UPDATE vault_field SET version = 'x' WHERE item = 'A-1'");
    db.clock.advance(DAY * 31);
    let since = db.now();
    assert_eq!(vault.forget().await.unwrap(), 2, "Bob's");
    assert_eq!(harms(&db, since).await.len(), 1);
    for table in ["vault_customer (id, created_at) SELECT", "vault_field SELECT"] {
        let rest = match table.starts_with("vault_field") {
            true => {
                ", f.collection, f.item, f.field, f.form, 1, f.sealed, f.provenance, f.written_at, 1 \
                     FROM n, vault_field f WHERE f.field = 'total'"
            }
            false => ", 1 FROM n",
        };
        db.tamper(&format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO {table} \
             CAST(CAST('!' || n.i AS BLOB) || x'ff' AS TEXT){rest}"
        ));
    }
    let since = db.now();
    assert_eq!(vault.forget().await.unwrap(), 0);
    assert!(
        harms(&db, since).await.contains(&"vault_field.customer".to_owned()),
        "{:?}",
        harms(&db, since).await
    );
});

// It was told when the whole sweep was through: one that was killed had deleted, and said nothing of it.
both_engines!(a_sweep_that_stops_has_told_what_it_deleted, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    vault.set_retention(staff(), Class::Order, Some(30)).await.unwrap();
    for who in [ada(), bob()] {
        order(&vault, who, "A-1").await;
    }
    db.clock.advance(DAY * 31);
    // The key store goes away behind the first of them, whose key is known.
    let away = keys.db().await;
    let broken = support::vault(&db, keys.try_open(away.clone()).await.unwrap());
    broken.keys().key(ada().min(bob())).await.unwrap();
    blocking(move || away.close()).await;
    assert!(broken.forget().await.is_err());
    let filter = ledger::Filter {
        kind_prefix: Some("vault.fields_forgotten".to_owned()),
        ..ledger::Filter::default()
    };
    let page = db.read(move |reader| ledger::search(reader, &filter, PageSize::new(PageSize::MAX)));
    let told: Vec<Event> = page.await.unwrap().rows.into_iter().map(|(_, record)| record.event).collect();
    assert!(matches!(&told[..], [Event::FieldsForgotten(fact)] if fact.count == 2), "{told:?}");
});
