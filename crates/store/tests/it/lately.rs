//! What was said of late is all of it, whatever somebody who writes the database makes of its rows.

use std::time::Duration;

use storeward_base::{Actor, StaffId, Timestamp};
use storeward_events::{Event, system::Started};
use storeward_store::testing::TestDb;
use storeward_store::{Error, Reader, both_engines, ledger};

use crate::started;

const KINDS: &[&str] = &["system.started", "system.stopped"];
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn eve() -> Actor {
    Actor::Staff { id: StaffId::from_bits(9) }
}

/// One entry a minute: of Eve, and of nobody who counts.
async fn minutes(db: &TestDb, numbers: std::ops::Range<u64>) {
    for number in numbers {
        db.clock.advance(MINUTE);
        let write = db.write(move |tx| {
            tx.append(eve(), None, started(&number.to_string()))?;
            let other = storeward_events::edge::InspectionFailed { path: "/".to_owned() };
            tx.append(Actor::System, None, other).map(drop)
        });
        write.await.unwrap_or_else(|why: Error| panic!("{why}"));
    }
}

fn counted(reader: &mut Reader<'_>, from: Timestamp) -> Result<Vec<u64>, Error> {
    let mut all = Vec::new();
    ledger::lately(reader, KINDS, from, |record| {
        if let (true, Event::Started(Started { version })) = (record.actor == eve(), &record.event) {
            all.extend(version.parse::<u64>());
        }
    })?;
    Ok(all)
}

/// Of the last hour, the moment itself left out.
async fn lately(db: &TestDb) -> Result<Vec<u64>, Error> {
    let from = db.now().minus(HOUR).plus(Duration::from_micros(1));
    db.read(move |reader| counted(reader, from)).await
}

fn numbers(range: std::ops::Range<u64>) -> Result<Vec<u64>, Error> {
    Ok(range.collect())
}

// Whoever had opened too much gave their entries to somebody else, or another kind, and opened on.
both_engines!(no_column_hides_an_entry, async |mut db| {
    minutes(&db, 0..150).await;
    assert_eq!(lately(&db).await, numbers(90..150));
    db.drop_guards();
    for change in [
        "kind = 'api.called'",
        "actor = 'system'",
        "at = 0",
        "severity = 0",
        "kind = 'api.called', actor = 'system', at = 0",
    ] {
        db.tamper(&format!("UPDATE ledger_entry SET {change} WHERE seq > 150"));
        assert_eq!(lately(&db).await, numbers(90..150), "{change}");
        db.reopen();
        assert_eq!(lately(&db).await, numbers(90..150), "{change}: nothing was remembered");
    }
    // Nor do rows that nobody signed, behind the head.
    for number in 0..3 {
        db.forge(number, "system.started", "{\"version\":\"7\"}");
    }
    assert_eq!(lately(&db).await, numbers(90..150));
    db.reopen();
    assert_eq!(lately(&db).await, numbers(90..150));
});

both_engines!(what_happened_cannot_be_told_where_an_entry_of_late_was_changed, async |mut db| {
    minutes(&db, 0..150).await;
    db.drop_guards();
    db.tamper("CREATE TABLE kept AS SELECT * FROM ledger_entry");
    let forged = db.forged("evt_00000000000000000000000009", "system.started", "{\"version\":\"7\"}");
    for harm in [
        format!("UPDATE ledger_entry SET body = {forged} WHERE seq = 281"),
        format!("UPDATE ledger_entry SET body = {} WHERE seq = 281", db.blob(b"")),
        "DELETE FROM ledger_entry WHERE seq = 281".to_owned(),
        "DELETE FROM ledger_entry WHERE seq = 300".to_owned(),
        "DELETE FROM ledger_entry WHERE seq >= 281".to_owned(),
    ] {
        db.tamper(&harm);
        db.reopen();
        for _ in 0..2 {
            let found = lately(&db).await;
            assert!(matches!(found, Err(Error::Ledger(_))), "{harm}: {found:?}");
        }
        db.tamper("DELETE FROM ledger_entry");
        db.tamper("INSERT INTO ledger_entry SELECT * FROM kept");
        assert_eq!(lately(&db).await, numbers(90..150), "as it was");
        // What was read once stays known.
        db.tamper(&harm);
        assert_eq!(lately(&db).await, numbers(90..150), "{harm}");
        db.tamper("DELETE FROM ledger_entry");
        db.tamper("INSERT INTO ledger_entry SELECT * FROM kept");
    }
    // What is long past keeps nobody from anything, and what was changed is past some day.
    for seq in [7, 281] {
        db.tamper(&format!("UPDATE ledger_entry SET body = {forged} WHERE seq = {seq}"));
    }
    db.reopen();
    minutes(&db, 150..400).await;
    assert_eq!(lately(&db).await, numbers(340..400));
});

both_engines!(what_came_since_is_read_on_whoever_wrote_it, async |db| {
    assert_eq!(lately(&db).await, numbers(0..0));
    let other = db.open_again();
    for number in 0..70_u64 {
        db.clock.advance(MINUTE);
        let write = move |tx: &mut storeward_store::Tx<'_>| {
            tx.append(eve(), None, started(&number.to_string())).map(drop)
        };
        let wrote = if number % 2 == 0 { db.write(write).await } else { other.write(write).await };
        wrote.unwrap_or_else(|why: Error| panic!("{why}"));
        assert_eq!(lately(&db).await, numbers(number.saturating_sub(59)..number + 1));
    }
    // A write counts what it wrote itself; what it takes back was never there.
    let from = db.now().minus(MINUTE);
    let write = db.write(move |tx| -> Result<(), Error> {
        tx.append(eve(), None, started("70"))?;
        assert_eq!(counted(tx, from)?, [68, 69, 70]);
        Err(Error::NoRow)
    });
    assert_eq!(write.await, Err(Error::NoRow));
    assert_eq!(db.read(move |reader| counted(reader, from)).await, Ok::<_, Error>(vec![68, 69]));
    storeward_store::testing::blocking(move || other.close()).await;
});

// Entries that were forgotten in their time stand between those of late where little happens.
both_engines!(what_was_forgotten_hides_nothing_of_late, async |mut db| {
    minutes(&db, 0..5).await;
    db.clock.advance(Duration::from_secs(397 * 24 * 3_600));
    let forgotten = db.write(ledger::forget).await.unwrap_or_else(|why| panic!("{why}"));
    assert!(forgotten > 0, "some of them are kept for 13 months");
    minutes(&db, 5..8).await;
    db.reopen();
    assert_eq!(lately(&db).await, numbers(5..8));
});
