//! What is acted on because the ledger says so: only what is under its signed head.

use storeward_base::PageSize;
use storeward_events::{Event, system::Started};
use storeward_store::ledger::{self, Filter};
use storeward_store::testing::TestDb;
use storeward_store::{Engine, Error, both_engines};

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
    let text = format!(
        "{{\"v\":1,\"id\":\"{id}\",\"at\":1795743783838362,\"actor\":{{\"type\":\"system\"}},\"kind\":\"system.started\",\
         \"data\":{{\"version\":\"{version}\"}}}}"
    );
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    match db.engine() {
        Engine::Sqlite => format!("X'{hex}'"),
        Engine::Postgres => format!("'\\x{hex}'::bytea"),
    }
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
