//! Rows that bear a tag: one that does not fit is as none, and told of.

use storeward_base::Actor;
use storeward_events::Event;
use storeward_events::system::RowHarmed;
use storeward_store::Column::{Number, Text};
use storeward_store::ledger::{self, Filter};
use storeward_store::testing::TestDb;
use storeward_store::{Bound, Error, Migration, Parts, both_engines, harmed, params};

use crate::started;

const THINGS: &[Migration] = &[Migration {
    domain: "things",
    number: 1,
    sql: "CREATE TABLE thing (id TEXT NOT NULL PRIMARY KEY, words TEXT NOT NULL, tag BLOB); \
          CREATE TABLE part (id TEXT NOT NULL PRIMARY KEY, thing TEXT NOT NULL, weight BIGINT NOT NULL)",
}];

const THING: Bound = Bound {
    table: "thing",
    label: "thing/1",
    columns: &[Text, Text],
    find: "SELECT id, words, tag FROM thing WHERE id = $1",
    bind: "UPDATE thing SET tag = $2 WHERE id = $1",
    // Short, so that there are several.
    page: "SELECT id FROM thing WHERE id > $1 ORDER BY id LIMIT 7",
    parts: Some(Parts {
        find: "SELECT id, weight FROM part WHERE thing = $1 LIMIT 50",
        columns: &[Text, Number],
    }),
};

/// Things with a part each.
async fn things(db: &TestDb, ids: impl IntoIterator<Item = String>) {
    let ids: Vec<String> = ids.into_iter().collect();
    let write = db.write(move |tx| {
        for id in &ids {
            tx.execute("INSERT INTO thing (id, words) VALUES ($1, 'good')", params![id])?;
            tx.execute("INSERT INTO part (id, thing, weight) VALUES ($1, $1, 5)", params![id])?;
            THING.bind(tx, params![id])?;
        }
        tx.append(Actor::System, None, started("1")).map(drop)
    });
    write.await.unwrap_or_else(|why: Error| panic!("{why}"));
}

async fn fits(db: &TestDb, id: &str) -> bool {
    let id = id.to_owned();
    db.read(move |reader| THING.fits(reader, params![id])).await.unwrap_or_else(|why: Error| panic!("{why}"))
}

/// What stands in the ledger, once it is as many; panics when they do not come.
async fn told(db: &TestDb, count: usize) -> Vec<(String, String)> {
    for _ in 0..2_000 {
        let found = told_now(db).await;
        if found.len() >= count {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("{count} rows should be told of");
}

async fn told_now(db: &TestDb) -> Vec<(String, String)> {
    let filter = Filter { kind_prefix: Some("system.row_harmed".to_owned()), ..Filter::default() };
    let read = db.read(move |reader| ledger::search(reader, &filter, storeward_base::PageSize::new(500)));
    let page = read.await.unwrap_or_else(|why: Error| panic!("{why}"));
    let facts = page.rows.into_iter().map(|(_, record)| match record.event {
        Event::RowHarmed(RowHarmed { table, row, harm }) if table == "thing" => (row, harm),
        other => panic!("{other:?}"),
    });
    facts.collect()
}

// Such a row was "not found", and nobody heard that somebody was at the database.
both_engines!(a_row_that_is_read_and_does_not_fit_is_told_of_once, THINGS, async |db| {
    let hash = "ab".repeat(32);
    things(&db, ["a".to_owned(), "b".to_owned(), "c".to_owned(), hash.clone()]).await;
    let teller = tokio::spawn(harmed::tell_as_found((*db).clone()));
    assert!(fits(&db, "a").await && fits(&db, &hash).await && !fits(&db, "nobody's").await);
    db.tamper("UPDATE thing SET words = 'gooe' WHERE id = 'a'");
    db.tamper("UPDATE part SET weight = 6 WHERE thing = 'b'");
    db.tamper("UPDATE thing SET tag = NULL WHERE id = 'c'");
    db.tamper(&format!("DELETE FROM part WHERE thing = '{hash}'"));
    let ids = ["a", "b", "c", &hash];
    for _ in 0..3 {
        for id in ids {
            assert!(!fits(&db, id).await, "{id}");
        }
    }
    let mut found = told(&db, 4).await;
    found.sort();
    let expected = [("a", "changed"), ("abababababababab", "changed"), ("b", "changed"), ("c", "unknown")];
    assert_eq!(found, expected.map(|(row, harm)| (row.to_owned(), harm.to_owned())));
    // What is as it was bound, and what is not there, is no news; nor is what was told.
    for id in ids {
        assert!(!fits(&db, id).await, "{id}");
    }
    things(&db, ["e".to_owned()]).await;
    assert!(fits(&db, "e").await);
    db.tamper("UPDATE thing SET words = '' WHERE id = 'e'");
    assert!(!fits(&db, "e").await);
    assert_eq!(told(&db, 5).await.len(), 5);
    let now = db.now();
    let since = |from| db.read(move |reader| harmed::told_since(reader, from));
    assert_eq!(since(now).await.unwrap_or_else(|why: Error| panic!("{why}")).len(), 5);
    let later = now.plus(std::time::Duration::from_secs(1));
    assert!(since(later).await.unwrap_or_else(|why: Error| panic!("{why}")).is_empty());
    teller.abort();
});

// Whoever changes every row fills no ledger by it.
both_engines!(of_many_harmed_rows_a_hundred_are_told_of, THINGS, async |db| {
    things(&db, (0..130).map(|n| format!("{n:03}"))).await;
    assert!(THING.look(&db).await.unwrap_or_else(|why| panic!("{why}")).is_empty());
    db.tamper("UPDATE thing SET words = 'bad' WHERE id = '129'");
    let harmed = THING.look(&db).await.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(harmed.iter().map(|one| one.row.as_str()).collect::<Vec<_>>(), ["129"], "on the last page");
    db.tamper("UPDATE thing SET words = 'bad'");
    assert_eq!(THING.look(&db).await.unwrap_or_else(|why| panic!("{why}")).len(), 100);
    for n in 0..130 {
        assert!(!fits(&db, &format!("{n:03}")).await);
    }
    let teller = tokio::spawn(harmed::tell_as_found((*db).clone()));
    assert_eq!(told(&db, 100).await.len(), 100);
    assert!(!fits(&db, "007").await && !fits(&db, "129").await);
    // Two writes behind it nothing more has come.
    things(&db, ["x".to_owned()]).await;
    things(&db, ["y".to_owned()]).await;
    assert_eq!(told_now(&db).await.len(), 100);
    teller.abort();
});

// SQLite takes a text in a column of numbers: reading it failed, and with it every look at the table.
both_engines!(a_value_of_another_kind_is_harm_too, THINGS, async |db| {
    things(&db, ["a".to_owned(), "b".to_owned()]).await;
    if db.engine() == storeward_store::Engine::Sqlite {
        db.tamper("UPDATE part SET weight = 'heavy' WHERE thing = 'a'");
    } else {
        db.tamper("UPDATE part SET weight = -5 WHERE thing = 'a'");
    }
    assert!(!fits(&db, "a").await && fits(&db, "b").await);
    let harmed = THING.look(&db).await.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(
        harmed.iter().map(|one| (one.row.as_str(), one.harm.as_str())).collect::<Vec<_>>(),
        [("a", "changed")]
    );
});

// A hundred changed entries of the ledger pushed the staff's rows out of that day's look.
both_engines!(harm_to_one_table_hides_none_to_another, THINGS, async |db| {
    let fact = |table: &str, row: usize| RowHarmed {
        table: table.to_owned(),
        row: row.to_string(),
        harm: "changed".to_owned(),
    };
    let mut facts: Vec<RowHarmed> = (0..150).map(|row| fact("ledger_entry", row)).collect();
    facts.extend((0..3).map(|row| fact("staff_account", row)));
    let tell = facts.clone();
    db.write(move |tx| harmed::tell(tx, &tell)).await.unwrap_or_else(|why: Error| panic!("{why}"));
    let told = db.read(|reader| harmed::told_since(reader, storeward_base::Timestamp::EPOCH)).await;
    let told = told.unwrap_or_else(|why: Error| panic!("{why}"));
    assert_eq!(told, [&facts[..100], &facts[150..]].concat());
});

// Nor do rows that are read and do not fit.
both_engines!(rows_that_are_read_are_told_of_by_table, THINGS, async |db| {
    things(&db, (0..120).map(|n| format!("{n:03}"))).await;
    db.tamper("CREATE TABLE another AS SELECT * FROM thing");
    db.tamper("UPDATE thing SET words = 'bad'");
    const OTHER: Bound = Bound {
        table: "another",
        find: "SELECT words, tag FROM another WHERE id = $1",
        columns: &[Text],
        parts: None,
        ..THING
    };
    for n in 0..120 {
        assert!(!fits(&db, &format!("{n:03}")).await);
    }
    let read = db.read(|reader| OTHER.fits(reader, storeward_store::params!["007"]));
    assert_eq!(read.await, Ok(false));
    let teller = tokio::spawn(harmed::tell_as_found((*db).clone()));
    for _ in 0..20_000 {
        let told = db.read(|reader| harmed::told_since(reader, storeward_base::Timestamp::EPOCH)).await;
        let told: Vec<RowHarmed> = told.unwrap_or_else(|why: Error| panic!("{why}"));
        if told.len() == 101 {
            assert!(told.iter().any(|one| one.table == "another"));
            return teller.abort();
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("a hundred of one table and one of another should be told of");
});
