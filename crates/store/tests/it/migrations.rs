//! Migrations: once, in order, unchanged, by one process at a time.

use std::sync::Arc;

use storeward_base::{FixedClock, Timestamp};
use storeward_store::testing::{fresh, options};
use storeward_store::{Db, Engine, Error, Migration};

const fn migration(number: u32, sql: &'static str) -> Migration {
    Migration { domain: "shop", number, sql }
}
const FIRST: Migration = migration(1, "CREATE TABLE a (id {{row_key}}, name TEXT NOT NULL)");
const SECOND: Migration = migration(2, "CREATE TABLE b (id TEXT NOT NULL PRIMARY KEY, picture BLOB)");

fn open(address: &str, migrations: &[Migration]) -> Result<(), Error> {
    let clock = Arc::new(FixedClock::at(Timestamp::EPOCH));
    Db::open(options(address, migrations, clock)).map(Db::close)
}

fn check(engine: Engine) {
    let Some(place) = fresh(engine) else { return };
    let address = place.address();
    open(address, &[FIRST]).unwrap();
    open(address, &[FIRST]).unwrap();
    open(address, &[FIRST, SECOND]).unwrap();
    let refused = |migrations: &[Migration], words: &str| match open(address, migrations) {
        Err(Error::Migration(why)) => assert!(why.contains(words), "{why}"),
        other => panic!("{other:?}"),
    };
    refused(&[FIRST], "newer version");
    refused(&[migration(1, "CREATE TABLE other (id BIGINT)"), SECOND], "changed after");
    refused(&[SECOND], "numbers go up by one");
    refused(&[FIRST, FIRST, SECOND], "numbers go up by one");
    refused(
        &[FIRST, SECOND, migration(3, "CREATE TABLE c (id BIGINT); CREATE TABLE a (id BIGINT)")],
        "shop 3",
    );
    refused(&[FIRST, SECOND, migration(3, "CREATE TABLE c (id {{key}})")], "mark");
    // What failed left nothing behind.
    open(address, &[FIRST, SECOND, migration(3, "CREATE TABLE c (id BIGINT)")]).unwrap();
    // A domain that this program does not have is left alone.
    open(address, &[]).unwrap();
}

#[test]
fn are_checked_and_run_once_sqlite() {
    check(Engine::Sqlite);
}

#[test]
fn are_checked_and_run_once_postgres() {
    check(Engine::Postgres);
}

fn race(engine: Engine) {
    let Some(place) = fresh(engine) else { return };
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let address = place.address().to_owned();
            std::thread::spawn(move || open(&address, &[FIRST, SECOND]))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
}

#[test]
fn four_may_start_at_once_sqlite() {
    race(Engine::Sqlite);
}

#[test]
fn four_may_start_at_once_postgres() {
    race(Engine::Postgres);
}

#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let place = fresh(Engine::Sqlite).unwrap();
    let clock = Arc::new(FixedClock::at(Timestamp::EPOCH));
    let db = Db::open(options(place.address(), &[], clock)).unwrap();
    let file = place.file().unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", file.display());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
    db.close();
}

#[test]
fn a_missing_directory_is_named() {
    let clock = Arc::new(FixedClock::at(Timestamp::EPOCH));
    let why = Db::open(options("sqlite:/nowhere/at/all.db", &[], clock)).map(Db::close).unwrap_err();
    assert!(matches!(&why, Error::Open(words) if words.contains("/nowhere/at/all.db")), "{why}");
}

#[test]
fn a_snapshot_is_a_whole_database_of_its_own() {
    use std::os::unix::fs::PermissionsExt;
    use storeward_base::Actor;
    use storeward_store::ledger;
    let place = fresh(Engine::Sqlite).unwrap();
    let clock = Arc::new(FixedClock::at(Timestamp::EPOCH));
    let db = Db::open(options(place.address(), &[FIRST], Arc::clone(&clock))).unwrap();
    let write =
        |db: &Db| db.write_blocking(|tx| tx.append(Actor::System, None, crate::started("1"))).map(drop);
    write(&db).unwrap_or_else(|why: Error| panic!("{why}"));
    let copy = place.file().unwrap().with_file_name("copy.db");
    db.snapshot_to(&copy).unwrap();
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(db.snapshot_to(&copy).is_err(), "a file that is there is not written over");
    write(&db).unwrap_or_else(|why: Error| panic!("{why}"));
    db.close();
    let again = Db::open(options(&format!("sqlite:{}", copy.display()), &[FIRST], clock)).unwrap();
    let report = ledger::verify(&again, &ledger::VerifyOptions::default(), |_, _| {}).unwrap();
    assert_eq!((report.entries, report.first_fault), (1, None));
    write(&again).unwrap_or_else(|why: Error| panic!("{why}"));
    again.close();
}
