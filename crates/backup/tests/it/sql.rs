//! The tables of runs, drills and the freeze, on both engines.

use std::time::Duration;

use storeward_backup::sql::{self, DrillRow, FreezeRow, STATEMENTS};
use storeward_backup::standing::{Due, Facts, Rhythm, Trouble, due, troubles};
use storeward_backup::{MIGRATIONS, Made, desk, frozen as frozen_now};
use storeward_base::{Actor, BackupId, DrillId, Timestamp};
use storeward_events::backup::{BackupMade, DrillPassed, RetentionFrozen};
use storeward_store::testing::TestDb;
use storeward_store::{Db, Error, both_engines, ledger};

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
    let made = Made { read_bytes: 9_000_000_000, added_bytes: 7, files: 3, unread: 1, ..Made::default() };
    end(&db, second, &made).await;
    let rows = db.read(|reader| sql::runs(reader, 10)).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.run, row.code.clone())).collect();
    assert_eq!(told, [(second, Some(String::new())), (first, Some("backup.cut_off".to_owned()))]);
    assert_eq!((rows[0].read_bytes, rows[0].unread), (made.read_bytes, 1));
    assert_eq!(db.read(sql::heartbeat).await.unwrap(), second.to_string());

    let drill = DrillRow {
        drill: DrillId::from_bits(1),
        begun_at: db.now(),
        ended_at: db.now(),
        run: Some(second),
        code: String::new(),
        recovery_ms: Some(1_234),
        age_ms: Some(0),
        report: "{}".to_owned(),
        signature: "x".to_owned(),
    };
    file(&db, &drill).await;
    let facts = facts(&db).await;
    assert_eq!((facts.last_drill, facts.last_passed), (Some(drill.clone()), Some(drill)));
    assert_eq!(facts.last_good.map(|run| run.run), Some(second));
    assert_eq!(facts.harmed, []);
});

/// As a run that went well ends.
async fn end(db: &Db, run: BackupId, made: &Made) {
    let made = made.clone();
    let (files, read_bytes, added_bytes, unread) =
        (made.files, made.read_bytes, made.added_bytes, made.unread);
    let fact = BackupMade { run, files, read_bytes, added_bytes, unread, takes_over: false };
    let write = db.write(move |tx| -> Result<(), Error> {
        sql::end(tx, run, "", &made)?;
        tx.append(Actor::System, None, fact.clone()).map(drop)
    });
    write.await.unwrap();
}

async fn begin(db: &Db, run: BackupId) {
    let write = db.write(move |tx| -> Result<(), Error> {
        tx.commit_silent("a test");
        sql::begin(tx, run)
    });
    write.await.unwrap();
}

/// As a drill that passed is filed.
async fn file(db: &Db, row: &DrillRow) {
    let row = row.clone();
    let write = db.write(move |tx| -> Result<(), Error> {
        sql::drilled(tx, &row)?;
        let run = row.run.unwrap();
        let fact = DrillPassed { drill: row.drill, run, recovery_ms: 1_234, age_ms: 0 };
        tx.append(Actor::System, None, fact).map(drop)
    });
    write.await.unwrap();
}

async fn facts(db: &Db) -> Facts {
    let now = db.now();
    db.read(move |reader| Facts::read(reader, now)).await.unwrap()
}

const RHYTHM: Rhythm =
    Rhythm { backup: Duration::from_secs(24 * 3_600), drill: Duration::from_secs(7 * 24 * 3_600) };

/// Two changed rows stopped backups and drills for ten years, and a deleted one let retention go on.
async fn attacked(db: TestDb) {
    let run = BackupId::from_bits(3);
    begin(&db, run).await;
    end(&db, run, &Made { read_bytes: 9, added_bytes: 7, files: 3, ..Made::default() }).await;
    let (begun_at, report, signature) = (db.now(), String::new(), String::new());
    let (drill, code, recovery_ms) = (DrillId::from_bits(3), String::new(), Some(1_234));
    let row = DrillRow {
        drill,
        begun_at,
        ended_at: begun_at,
        run: Some(run),
        code,
        recovery_ms,
        age_ms: Some(0),
        report,
        signature,
    };
    file(&db, &row).await;
    let frozen = FreezeRow {
        frozen_at: db.now(),
        run,
        code: "backup.scrambled".to_owned(),
        changed: 40,
        of_files: 400,
    };
    db.write(move |tx| -> Result<(), Error> {
        sql::freeze(tx, &frozen)?;
        let (run, code, changed, of_files) = (frozen.run, frozen.code.clone(), 40, 400);
        tx.append(Actor::System, None, RetentionFrozen { run, code, changed, of_files }).map(drop)
    })
    .await
    .unwrap();
    assert_eq!(facts(&db).await.harmed, []);
    for sql in [
        "UPDATE backup_run SET begun_at = 2082758400000000, ended_at = 2082758400000000",
        "UPDATE backup_drill SET begun_at = 2082758400000000, ended_at = 2082758400000000",
        "INSERT INTO backup_run (run, begun_at, ended_at, code, read_bytes, added_bytes, files, unread) SELECT \
         'backup_00000000000000000000000099', 1795541880000001, 1795541880000001, '', 0, 0, 0, 0 FROM backup_heartbeat",
        "DELETE FROM backup_freeze",
    ] {
        db.tamper(sql);
    }
    // Nine days later nothing was made: it is due, and said to be.
    db.clock.advance(Duration::from_secs(9 * 24 * 3_600));
    let found = facts(&db).await;
    let mut harms: Vec<String> =
        found.harmed.iter().map(|one| format!("{} {}", one.table, one.harm)).collect();
    harms.sort();
    assert_eq!(
        harms,
        ["backup_drill future", "backup_freeze missing", "backup_run future", "backup_run unknown"]
    );
    assert_eq!(due(&found, RHYTHM, db.now()), Some(Due::Backup));
    let told = troubles(&found, RHYTHM, db.now());
    assert_eq!(told[0], Trouble::Harmed { rows: 4 });
    assert!(told.iter().any(|one| matches!(one, Trouble::DrillOverdue { .. })), "{told:?}");
    assert!(told.iter().any(|one| matches!(one, Trouble::Overdue { .. })), "{told:?}");
    // Nor does an entry that nobody signed say that somebody looked, that a drill passed, or that a backup was made.
    let drill = DrillId::from_bits(9);
    db.forge(1, "backup.retention_released", &format!("{{\"run\":\"{run}\"}}"));
    let data = format!("{{\"drill\":\"{drill}\",\"run\":\"{run}\",\"recovery_ms\":1,\"age_ms\":0}}");
    db.forge(2, "backup.drill_passed", &data);
    let data = format!("{{\"run\":\"{run}\",\"files\":3,\"read_bytes\":9,\"added_bytes\":7,\"unread\":0}}");
    db.forge(3, "backup.made", &data);
    assert_eq!(facts(&db).await, found);
    // Retention stands still until somebody says that they looked.
    assert!(db.read(frozen_now).await.unwrap().is_some());
    desk::tell(&db, &found).await.unwrap();
    desk::tell(&db, &found).await.unwrap();
    let told = db.read(|reader| ledger::read_after(reader, 0, 100)).await.unwrap();
    let told = told.iter().filter(|(_, record)| record.event.kind() == "system.row_harmed").count();
    assert_eq!(told, 4, "once a day");
    assert!(desk::release(&db, Actor::Operator).await.unwrap());
    assert!(db.read(frozen_now).await.unwrap().is_none());
}

both_engines!(rows_that_somebody_wrote_stop_nothing_and_are_named, MIGRATIONS, attacked);

/// Entries are forgotten and rows are not: whoever had not run the program for so long was told, for ever, that somebody had been at
/// the database.
async fn slept(db: TestDb) {
    let run = BackupId::from_bits(7);
    begin(&db, run).await;
    end(&db, run, &Made { files: 3, ..Made::default() }).await;
    let (frozen_at, code) = (db.now(), "backup.scrambled".to_owned());
    let frozen = FreezeRow { frozen_at, run, code, changed: 40, of_files: 400 };
    db.write(move |tx| -> Result<(), Error> {
        sql::freeze(tx, &frozen)?;
        let (run, code, changed, of_files) = (frozen.run, frozen.code.clone(), 40, 400);
        tx.append(Actor::System, None, RetentionFrozen { run, code, changed, of_files }).map(drop)
    })
    .await
    .unwrap();
    db.clock.advance(Duration::from_secs(399 * 24 * 3_600));
    assert_eq!(db.write(ledger::forget).await.unwrap(), 2);
    let awake = facts(&db).await;
    assert_eq!((awake.harmed.as_slice(), &awake.last_good), (&[][..], &None));
    // It stays frozen all the same, and is backed up at once.
    assert!(db.read(frozen_now).await.unwrap().is_some());
    assert_eq!(due(&awake, RHYTHM, db.now()), Some(Due::Backup));
    // A row of before the next backup that the ledger would still know is somebody's.
    let yesterday = db.now().minus(Duration::from_secs(24 * 3_600)).micros();
    db.tamper(&format!(
        "INSERT INTO backup_run (run, begun_at, ended_at, code, read_bytes, added_bytes, files, unread) SELECT \
         'backup_00000000000000000000000099', {yesterday}, {yesterday}, '', 0, 0, 0, 0 FROM backup_heartbeat"
    ));
    db.tamper(&format!("UPDATE backup_freeze SET frozen_at = {yesterday}"));
    let next = BackupId::from_bits(8);
    begin(&db, next).await;
    end(&db, next, &Made::default()).await;
    let harms: Vec<String> =
        facts(&db).await.harmed.iter().map(|one| format!("{} {}", one.table, one.harm)).collect();
    assert_eq!(harms, ["backup_run unknown", "backup_freeze unknown"]);
}

both_engines!(a_house_that_slept_longer_than_the_ledger_remembers_accuses_nobody, MIGRATIONS, slept);

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
