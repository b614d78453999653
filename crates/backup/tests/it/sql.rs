//! The tables of runs, drills and the freeze, on both engines.

use storeward_backup::sql::{self, DrillRow, FreezeRow, STATEMENTS};
use storeward_backup::standing::Facts;
use storeward_backup::{MIGRATIONS, Made, desk};
use storeward_base::{Actor, BackupId, DrillId, Timestamp};
use storeward_store::{Error, both_engines};

both_engines!(every_statement_is_understood, MIGRATIONS, async |db| {
    for sql in STATEMENTS {
        db.read(move |reader| reader.check_statement(sql)).await.unwrap_or_else(|why| panic!("{sql}: {why}"));
    }
});

both_engines!(runs_and_drills_are_kept_and_what_was_killed_is_told, MIGRATIONS, async |db| {
    let (first, second) = (BackupId::from_bits(1), BackupId::from_bits(2));
    let begin = |run| {
        move |tx: &mut storeward_store::Tx<'_>| -> Result<(), Error> {
            tx.commit_silent("a test");
            sql::begin(tx, run)?;
            sql::beat(tx, &run.to_string())
        }
    };
    db.write(begin(first)).await.unwrap();
    // Killed; the next one says so.
    db.clock.advance(std::time::Duration::from_secs(60));
    db.write(begin(second)).await.unwrap();
    let made = Made { read_bytes: 9_000_000_000, added_bytes: 7, files: 3, unread: 1 };
    let sums = made.clone();
    db.write(move |tx| -> Result<(), Error> {
        tx.commit_silent("a test");
        sql::end(tx, second, "", &sums)
    })
    .await
    .unwrap();
    let rows = db.read(|reader| sql::runs(reader, 10)).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.run, row.code.clone())).collect();
    assert_eq!(told, [(second, Some(String::new())), (first, Some("backup.cut_off".to_owned()))]);
    assert_eq!((rows[0].read_bytes, rows[0].unread), (made.read_bytes, 1));
    assert_eq!(db.read(sql::heartbeat).await.unwrap(), second.to_string());

    let drill = DrillRow {
        drill: DrillId::from_bits(1),
        begun_at: Timestamp::from_seconds(5),
        ended_at: Timestamp::from_seconds(6),
        run: Some(second),
        code: String::new(),
        recovery_ms: Some(1_234),
        age_ms: None,
        report: "{}".to_owned(),
        signature: "x".to_owned(),
    };
    let row = drill.clone();
    db.write(move |tx| -> Result<(), Error> {
        tx.commit_silent("a test");
        sql::drilled(tx, &row)
    })
    .await
    .unwrap();
    let facts = db.read(Facts::read).await.unwrap();
    assert_eq!((facts.last_drill, facts.last_passed), (Some(drill.clone()), Some(drill)));
    assert_eq!(facts.last_good.map(|run| run.run), Some(second));
});

both_engines!(a_freeze_holds_until_somebody_says_that_they_looked, MIGRATIONS, async |db| {
    assert!(!desk::release(&db, Actor::Operator).await.unwrap());
    let row = FreezeRow {
        frozen_at: Timestamp::from_seconds(5),
        run: BackupId::from_bits(1),
        code: "backup.scrambled".to_owned(),
        changed: 40,
        of_files: 400,
    };
    let frozen = row.clone();
    db.write(move |tx| -> Result<(), Error> {
        tx.commit_silent("a test");
        sql::freeze(tx, &frozen)
    })
    .await
    .unwrap();
    assert_eq!(db.read(sql::frozen).await.unwrap(), Some(row));
    assert!(desk::release(&db, Actor::Operator).await.unwrap());
    assert_eq!(db.read(sql::frozen).await.unwrap(), None);
});
