//! What is acted on because the ledger says so: only what is under its signed head.

use storeward_base::PageSize;
use storeward_events::{Event, system::Started};
use storeward_store::ledger::{self, Filter};
use storeward_store::testing::TestDb;
use storeward_store::{Error, both_engines};

use crate::{append, started};

async fn believed(db: &TestDb) -> Vec<(u64, String)> {
    let filter = Filter { kind_prefix: Some("system.started".to_owned()), ..Filter::default() };
    let read = db.read(move |reader| ledger::believed(reader, &filter, PageSize::new(200)));
    let page = read.await.unwrap_or_else(|why: Error| panic!("{why}"));
    assert_eq!(page.next, None);
    let version = |record: storeward_events::Record| match record.event {
        Event::Started(Started { version }) => version,
        other => panic!("{other:?}"),
    };
    page.rows.into_iter().map(|(seq, record)| (seq, version(record))).collect()
}

fn body(db: &TestDb, id: &str, version: &str) -> String {
    db.forged(id, "system.started", &format!("{{\"version\":\"{version}\"}}"))
}

const ID: &str = "evt_00000000000000000000000009";

both_engines!(a_row_behind_the_head_says_nothing, async |db| {
    append(&db, 3).await;
    let forged = body(&db, ID, "forged");
    // Before and after others were proven, with the nodes of a good one.
    db.tamper(&format!(
        "INSERT INTO ledger_entry (seq, id, at, kind, severity, actor, request, body, tree) SELECT 1000000000, '{ID}', at, kind, \
         severity, actor, request, {forged}, tree FROM ledger_entry WHERE seq = 1"
    ));
    let good = [(3, "1.2".to_owned()), (2, "1.1".to_owned()), (1, "1.0".to_owned())];
    for _ in 0..2 {
        assert_eq!(believed(&db).await, good);
    }
    // It does not hide what comes after it was written.
    append(&db, 1).await;
    assert_eq!(believed(&db).await.len(), 4);
});

both_engines!(a_row_that_was_changed_says_nothing, async |db| {
    append(&db, 5).await;
    db.drop_guards();
    // Its words; its words with a kind's column that finds it; its nodes.
    let forged = body(&db, ID, "forged");
    db.tamper(&format!("UPDATE ledger_entry SET body = {forged} WHERE seq = 2"));
    assert_eq!(believed(&db).await.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [5, 4, 3, 1]);
    // One that was proven once is not what it was then, either.
    db.tamper(&format!("UPDATE ledger_entry SET body = {forged} WHERE seq = 4"));
    assert_eq!(believed(&db).await.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [5, 3, 1]);
});

both_engines!(a_head_that_nobody_signed_says_nothing, async |db| {
    append(&db, 3).await;
    db.drop_guards();
    let forged = body(&db, ID, "forged");
    db.tamper(&format!(
        "INSERT INTO ledger_entry (seq, id, at, kind, severity, actor, request, body, tree) SELECT 4, '{ID}', at, kind, \
         severity, actor, request, {forged}, tree FROM ledger_entry WHERE seq = 1"
    ));
    db.tamper("UPDATE ledger_head SET size = 4");
    let filter = Filter { kind_prefix: Some("system.started".to_owned()), ..Filter::default() };
    let read = db.read(move |reader| ledger::believed(reader, &filter, PageSize::new(200)));
    assert!(matches!(read.await, Err(Error::Ledger(_))));
});

both_engines!(a_write_believes_what_it_wrote_itself, async |db| {
    append(&db, 1).await;
    let seen = db.write(|tx| -> Result<usize, Error> {
        tx.append(storeward_base::Actor::System, None, started("2"))?;
        let filter = Filter { kind_prefix: Some("system.started".to_owned()), ..Filter::default() };
        Ok(ledger::believed(tx, &filter, PageSize::new(200))?.rows.len())
    });
    assert_eq!(seen.await, Ok(2));
});

const STARTED: &[&str] = &["system.started", "system.stopped"];

async fn told(db: &TestDb) -> Result<Vec<u64>, Error> {
    let rows = db.read(|reader| ledger::told(reader, STARTED)).await?;
    Ok(rows.into_iter().map(|(seq, _)| seq).collect())
}

// Groups of the staff came back to what they were before, once the entries that changed them were deleted.
both_engines!(what_was_told_once_stays_told_whatever_becomes_of_its_rows, async |db| {
    append(&db, 3).await;
    assert_eq!(told(&db).await, Ok(vec![1, 2, 3]));
    db.drop_guards();
    let forged = body(&db, ID, "forged");
    db.tamper("DELETE FROM ledger_entry WHERE seq = 1");
    db.tamper(&format!("UPDATE ledger_entry SET body = {forged} WHERE seq = 2"));
    db.tamper("UPDATE ledger_entry SET kind = 'api.called' WHERE seq = 3");
    assert_eq!(told(&db).await, Ok(vec![1, 2, 3]));
    // What is new is read, and what somebody put behind the head or in the place of what was deleted is not.
    append(&db, 1).await;
    for seq in [1, 1_000_000_000] {
        db.tamper(&format!(
            "INSERT INTO ledger_entry (seq, id, at, kind, severity, actor, request, body, tree) SELECT {seq}, \
             'evt_0000000000000000{seq:010}', at, kind, severity, actor, request, {forged}, tree FROM ledger_entry WHERE seq = 4"
        ));
    }
    for _ in 0..2 {
        assert_eq!(told(&db).await, Ok(vec![1, 2, 3, 4]));
    }
    append(&db, 1).await;
    assert_eq!(told(&db).await, Ok(vec![1, 2, 3, 4, 5]));
});

both_engines!(under_a_head_that_nobody_signed_nothing_is_told_nor_passed_over, async |db| {
    append(&db, 2).await;
    assert_eq!(told(&db).await, Ok(vec![1, 2]));
    // A head that says it goes further would have the next entries passed over for good.
    db.drop_guards();
    db.tamper("UPDATE ledger_head SET size = 90");
    assert!(matches!(told(&db).await, Err(Error::Ledger(_))));
    db.tamper("UPDATE ledger_head SET size = 2");
    append(&db, 1).await;
    assert_eq!(told(&db).await, Ok(vec![1, 2, 3]));
});

both_engines!(what_a_write_took_back_was_never_told, async |db| {
    append(&db, 1).await;
    assert_eq!(told(&db).await, Ok(vec![1]));
    let write = db.write(|tx| -> Result<(), Error> {
        tx.append(storeward_base::Actor::System, None, started("2"))?;
        assert_eq!(ledger::told(tx, STARTED)?.len(), 2);
        Err(Error::NoRow)
    });
    assert_eq!(write.await, Err(Error::NoRow));
    assert_eq!(told(&db).await, Ok(vec![1]));
    append(&db, 1).await;
    assert_eq!(told(&db).await, Ok(vec![1, 2]));
});

// It stood in lists and in the log, subscribers went behind it and were handed nothing more for good, and "since when" began with it.
both_engines!(a_row_behind_the_head_is_read_by_nobody, async |db| {
    append(&db, 3).await;
    let began = db.now().minus(std::time::Duration::from_secs(3_600));
    db.forge(9, "system.started", "{\"version\":\"forged\"}");
    let read = db.read(move |reader| {
        let all = ledger::read_after(reader, 0, 1_000)?.into_iter().map(|(seq, _)| seq).collect::<Vec<_>>();
        assert_eq!((all, ledger::read_after(reader, 999_999_999, 10)?), (vec![1, 2, 3], Vec::new()));
        let found = ledger::search(reader, &Filter::default(), PageSize::new(200))?.rows;
        assert_eq!(found.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(ledger::by_id(reader, ID.parse().unwrap())?, None);
        let request = "req_00000000000000000000000009".parse().unwrap();
        assert_eq!(ledger::by_request(reader, request)?, Vec::new());
        ledger::count_of(reader, "system.started", None, began)
    });
    assert_eq!(read.await, Ok::<_, Error>(3));
    // It is told: the one entry that came of it, once.
    let mut known = None;
    for _ in 0..2 {
        ledger::tell_uncounted(&db, &mut known).await.unwrap();
    }
    let mut subscription = db.subscribe("a");
    assert_eq!(numbers(&mut subscription).await, [1, 2, 3, 4]);
    subscription.acknowledge(4).await.unwrap();
    append(&db, 1).await;
    assert_eq!(numbers(&mut subscription).await, [5]);
    assert_eq!(harms(&db).await, [("ledger_entry".to_owned(), "1000000009".to_owned())]);
    // A write sees what it wrote, and no more.
    let write = db.write(|tx| -> Result<Vec<u64>, Error> {
        tx.append(storeward_base::Actor::System, None, started("2"))?;
        Ok(ledger::read_after(tx, 4, 1_000)?.into_iter().map(|(seq, _)| seq).collect())
    });
    assert_eq!(write.await, Ok(vec![5, 6]));
});

// Somebody set it forward, and what lay between was never handed out.
both_engines!(a_cursor_that_somebody_set_is_as_none_and_told, async |mut db| {
    append(&db, 5).await;
    let mut last = 5;
    for (name, number) in [("a", 1), ("b", 4)] {
        let mut subscription = db.subscribe(name);
        numbers(&mut subscription).await;
        subscription.acknowledge(number).await.unwrap();
    }
    for change in [
        "UPDATE subscription_cursor SET seq = 4 WHERE name = 'a'",
        "UPDATE subscription_cursor SET seq = 1000000000 WHERE name = 'a'",
        "UPDATE subscription_cursor SET seq = 4, tag = (SELECT b.tag FROM subscription_cursor b WHERE b.name = 'b') WHERE name = 'a'",
        "UPDATE subscription_cursor SET tag = NULL WHERE name = 'a'",
    ] {
        db.clock.advance(std::time::Duration::from_secs(25 * 3_600));
        db.tamper(change);
        db.reopen();
        let mut subscription = db.subscribe("a");
        last += 1;
        assert_eq!(numbers(&mut subscription).await, (1..=last).collect::<Vec<_>>(), "{change}");
        assert_eq!(harms(&db).await[0], ("subscription_cursor".to_owned(), "a".to_owned()), "{change}");
        // From there on it is one again.
        subscription.acknowledge(1).await.unwrap();
        db.reopen();
        assert_eq!(numbers(&mut db.subscribe("a")).await, (2..=last).collect::<Vec<_>>(), "{change}");
    }
});

both_engines!(cursors_of_a_version_that_bound_none_go_on_where_they_were, async |mut db| {
    append(&db, 5).await;
    let mut subscription = db.subscribe("a");
    numbers(&mut subscription).await;
    subscription.acknowledge(3).await.unwrap();
    drop(subscription);
    db.tamper("ALTER TABLE subscription_cursor DROP COLUMN tag");
    db.tamper("DELETE FROM schema_migration WHERE domain = 'store' AND number = 4");
    db.reopen();
    assert_eq!(numbers(&mut db.subscribe("a")).await, [4, 5]);
    assert_eq!(harms(&db).await, []);
});

// It was acted on as it lay there; one that could not be read at all held its reader up for good.
both_engines!(an_entry_that_was_changed_is_handed_to_nobody_and_told, async |mut db| {
    append(&db, 5).await;
    db.drop_guards();
    let (forged, nothing) = (body(&db, ID, "forged"), db.blob(b"no entry"));
    db.tamper(&format!("UPDATE ledger_entry SET body = {forged} WHERE seq = 2"));
    db.tamper(&format!("UPDATE ledger_entry SET body = {nothing} WHERE seq = 5"));
    // Whatever this process remembers of its own, and when it remembers nothing.
    for wanted in [&[1, 3, 4][..], &[1, 3, 4, 6, 7]] {
        let mut subscription = db.subscribe("a");
        assert_eq!(numbers(&mut subscription).await, wanted);
        let mut told = harms(&db).await;
        told.sort();
        assert_eq!(told, ["2", "5"].map(|row| ("ledger_entry".to_owned(), row.to_owned())));
        db.reopen();
    }
    // Where nothing good stands before the next one, it is gone behind.
    let mut subscription = db.subscribe("a");
    subscription.acknowledge(4).await.unwrap();
    assert_eq!(numbers(&mut subscription).await, [6, 7]);
});

// An alarm that was deleted or emptied before its reader came by was passed unseen, and acknowledged.
both_engines!(an_entry_that_was_taken_away_is_told_by_whoever_follows, async |mut db| {
    append(&db, 6).await;
    db.drop_guards();
    let nothing = db.blob(b"");
    db.tamper("DELETE FROM ledger_entry WHERE seq = 2");
    db.tamper(&format!("UPDATE ledger_entry SET body = {nothing} WHERE seq = 4 OR seq = 5"));
    let told = async |db: &TestDb| {
        let mut rows: Vec<String> = harms(db).await.into_iter().map(|(_, row)| row).collect();
        rows.sort();
        rows
    };
    let page = async |db: &TestDb, after: u64, limit: u32| {
        let page = db.read(move |reader| ledger::believed_after(reader, after, limit)).await;
        let page = page.unwrap_or_else(|why: Error| panic!("{why}"));
        (page.rows.len(), page.changed, page.last)
    };
    assert_eq!(numbers(&mut db.subscribe("a")).await, [1, 3, 6]);
    assert_eq!(told(&db).await, ["2", "4", "5"]);
    // A page that ends before them says nothing of them yet.
    assert_eq!(page(&db, 2, 1).await, (1, vec![], Some(3)));
    // A program that remembers nothing cannot prove what a deleted row had the nodes for.
    db.reopen();
    assert_eq!(numbers(&mut db.subscribe("a")).await, [6, 7, 8, 9]);
    assert_eq!(told(&db).await, ["1", "2", "3", "4", "5"]);
    // Nothing but gaps up to the end: whoever follows goes behind them all the same.
    db.tamper("DELETE FROM ledger_entry WHERE seq > 6");
    assert_eq!(page(&db, 6, 100).await, (0, vec![7, 8, 9, 10, 11], Some(11)));
    assert_eq!(page(&db, 11, 100).await, (0, vec![], None));
});

async fn numbers(subscription: &mut storeward_store::Subscription) -> Vec<u64> {
    let batch = tokio::time::timeout(std::time::Duration::from_secs(20), subscription.next_batch(100)).await;
    batch.unwrap().unwrap().into_iter().map(|(seq, _)| seq).collect()
}

/// What was told as harmed, the newest first.
async fn harms(db: &TestDb) -> Vec<(String, String)> {
    let filter = Filter { kind_prefix: Some("system.row_harmed".to_owned()), ..Filter::default() };
    let read = db.read(move |reader| ledger::believed(reader, &filter, PageSize::new(200)));
    let page = read.await.unwrap_or_else(|why: Error| panic!("{why}"));
    let harm = |record: storeward_events::Record| match record.event {
        Event::RowHarmed(fact) => (fact.table, fact.row),
        other => panic!("{other:?}"),
    };
    page.rows.into_iter().map(|(_, record)| harm(record)).collect()
}

// The nodes of a tree need no key. Rows behind the head, and a head that counts them beside the note that it had, were taken for a
// head that was looked at before; the next entry's signature made them good.
both_engines!(a_head_that_counts_more_than_its_note_is_never_signed_over, async |db| {
    append(&db, 3).await;
    let leaves = db.read(|reader| ledger::leaves_after(reader, 0, 100)).await;
    let mut range = storeward_seal::CompactRange::new();
    for leaf in leaves.unwrap_or_else(|why: Error| panic!("{why}")) {
        range.append(storeward_seal::merkle::leaf_hash(&leaf.body));
    }
    let text = format!(
        "{{\"v\":1,\"id\":\"{ID}\",\"at\":1795743783838362,\"actor\":{{\"type\":\"system\"}},\"kind\":\"system.started\",\
         \"data\":{{\"version\":\"forged\"}}}}"
    );
    let nodes = db.blob(&range.append(storeward_seal::merkle::leaf_hash(text.as_bytes())).concat());
    let (body, tree) = (db.blob(text.as_bytes()), db.blob(&range.to_bytes()));
    db.tamper(&format!(
        "INSERT INTO ledger_entry (seq, id, at, kind, severity, actor, request, body, tree) SELECT 4, '{ID}', at, kind, \
         severity, actor, request, {body}, {nodes} FROM ledger_entry WHERE seq = 1"
    ));
    db.tamper(&format!("UPDATE ledger_head SET size = 4, tree = {tree}"));
    let write = db.write(|tx| tx.append(storeward_base::Actor::System, None, started("2")).map(drop)).await;
    assert!(matches!(write, Err(Error::Ledger(_))), "{write:?}");
});
