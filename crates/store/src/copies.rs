//! Copies of databases in files: made of one moment while others write, looked into, counted.
//!
//! Beside [`Db::snapshot_to`](crate::Db::snapshot_to), which packs the copy: here pages stay where they are, so that two copies
//! of a database that hardly changed are hardly different, and a backup holds what they share once.

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::sqlite::Access;
use crate::{DatabaseUrl, Db, Engine, Error, Reader};

/// How long a copy waits for somebody who holds the whole file, such as a shop that writes without WAL.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// What a copy is found to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Each table and how many rows it has, in the order of their names.
    pub tables: Vec<(String, u64)>,
    /// What SQLite's own check says where the file is damaged.
    pub fault: Option<String>,
}

/// Copies the SQLite database `from` into the new file `to`, as it is at one moment, while others go on. Blocks.
pub fn copy_sqlite(from: &Path, to: &Path) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt;
    let cannot = |path: &Path, why: &dyn std::fmt::Display| Error::Open(format!("{}: {why}", path.display()));
    if !from.is_file() {
        return Err(cannot(from, &"there is no such file"));
    }
    // Made private first; `create_new` refuses to write over a file that is there.
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    made.map_err(|why| cannot(to, &why))?;
    let copied = copy(from, to);
    if copied.is_err() {
        // What was begun is of no use; the first fault is the one to tell.
        drop(std::fs::remove_file(to));
    }
    copied
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |why: rusqlite::Error| Error::Open(format!("{}: {why}", from.display()));
    let source = reading(from)?;
    let mut copy = Connection::open(to).map_err(failed)?;
    let backup = Backup::new(&source, &mut copy).map_err(failed)?;
    let mut waited = Duration::ZERO;
    loop {
        // All pages in one step, so in one read: in steps a writer elsewhere would make it begin anew each time.
        match backup.step(-1).map_err(failed)? {
            StepResult::Done => break,
            _ if waited >= PATIENCE => return Err(Error::Locked),
            _ => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
        }
    }
    drop(backup);
    // The copy has the source's mode, WAL as a rule; one file is what is wanted.
    copy.execute_batch("PRAGMA journal_mode = DELETE").map_err(failed)
}

fn reading(path: &Path) -> Result<Connection, Error> {
    let failed = |why: rusqlite::Error| Error::Open(format!("{}: {why}", path.display()));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(failed)?;
    conn.busy_timeout(PATIENCE).map_err(failed)?;
    conn.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON").map_err(failed)?;
    Ok(conn)
}

/// Looks a copy through: SQLite's check of its structure, and the rows of each table. Reads the whole file.
pub fn look_into(path: &Path) -> Result<Look, Error> {
    look(path, "PRAGMA quick_check(1)")
}

/// The same, and whether each index has the rows that its table has: a row that only an index lost is found by nobody.
pub fn look_closely(path: &Path) -> Result<Look, Error> {
    look(path, "PRAGMA integrity_check(1)")
}

/// Where a database in a file does not hold together, its indexes too, in SQLite's words (twenty at most). Reads all of it. Of a
/// server nothing is said: PostgreSQL has `pg_amcheck` for that.
pub fn faults(reader: &mut Reader<'_>) -> Result<Vec<String>, Error> {
    if reader.conn.engine() == Engine::Postgres {
        return Ok(Vec::new());
    }
    // Of a file so harmed that the check itself fails the failure is what is told; what else was found is told beside it.
    let mut found: Vec<String> = match reader.query_many("PRAGMA integrity_check(20)", &[], |row| row.get(0))
    {
        Ok(found) => found,
        Err(why) => vec![why.to_string()],
    };
    found.retain(|words| words != "ok");
    Ok(found)
}

fn look(path: &Path, check: &str) -> Result<Look, Error> {
    let failed = |why: rusqlite::Error| Error::Open(format!("{}: {why}", path.display()));
    let conn = reading(path)?;
    let checked: rusqlite::Result<String> = conn.query_row(check, [], |row| row.get(0));
    let fault = match checked {
        Ok(word) if word == "ok" => None,
        Ok(words) => Some(words),
        Err(why) => Some(why.to_string()),
    };
    if fault.is_some() {
        return Ok(Look { tables: Vec::new(), fault });
    }
    let names =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = conn.prepare(names).map_err(failed)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
    let mut tables = Vec::new();
    for name in names {
        let name = name.map_err(failed)?;
        let rows = count(&conn, &name).map_err(failed)?;
        tables.push((name, rows));
    }
    Ok(Look { tables, fault: None })
}

fn count(conn: &Connection, table: &str) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
    conn.query_row(&sql, [], |row| row.get::<_, i64>(0)).map(|rows| u64::try_from(rows).unwrap_or(0))
}

/// The rows of each table of a database that nobody has opened yet, as it lies there: no migration has run. Blocks; for threads outside of a
/// runtime.
pub fn count_rows(url: &DatabaseUrl) -> Result<Vec<(String, u64)>, Error> {
    let mut conn = crate::db::connect(url, Access::Read, "count")?;
    let names = match conn.engine() {
        Engine::Sqlite => {
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        }
        Engine::Postgres => {
            "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
        }
    };
    let mut tables: Vec<String> = Vec::new();
    conn.query(names, &[], &mut |row| row.get(0).map(|name| tables.push(name)))?;
    let mut counts = Vec::new();
    for name in tables {
        let sql = format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\""));
        let mut rows = 0u64;
        conn.query(&sql, &[], &mut |row| row.get(0).map(|count| rows = count))?;
        counts.push((name, rows));
    }
    Ok(counts)
}

/// The schema that the tables lie in; `None` for SQLite. Blocks; for threads outside of a runtime.
pub fn schema_of(db: &Db) -> Result<Option<String>, Error> {
    match db.engine() {
        Engine::Sqlite => Ok(None),
        Engine::Postgres => db.read_blocking(|reader| {
            reader.query_one("SELECT current_schema()::text", &[], |row| row.get(0)).map(Some)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_of_one_moment_and_whole_while_another_writes() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        let writer = Connection::open(&from).unwrap();
        writer
            .execute_batch(
                "PRAGMA journal_mode = WAL; CREATE TABLE t (n); CREATE TABLE u (n); \
                 INSERT INTO t VALUES (1), (2); INSERT INTO u VALUES (1)",
            )
            .unwrap();
        // Under way, and in both tables or in neither: never seen.
        writer.execute_batch("BEGIN; INSERT INTO t VALUES (3); INSERT INTO u VALUES (2)").unwrap();
        copy_sqlite(&from, &to).unwrap();
        writer.execute_batch("COMMIT").unwrap();
        let rows = vec![("t".to_owned(), 2), ("u".to_owned(), 1)];
        assert_eq!(look_into(&to).unwrap(), Look { tables: rows, fault: None });
        assert!(!folder.path().join("b-wal").exists());
        assert!(copy_sqlite(&from, &to).is_err(), "it wrote over a file that is there");
        assert!(copy_sqlite(&folder.path().join("nothing"), &folder.path().join("c")).is_err());
        assert!(!folder.path().join("nothing").exists(), "looking made it");
    }

    #[test]
    fn pages_stay_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("a");
        let writer = Connection::open(&from).unwrap();
        writer.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, x BLOB)").unwrap();
        for n in 0..400 {
            writer.execute("INSERT INTO t VALUES ($1, randomblob(2000))", [n]).unwrap();
        }
        copy_sqlite(&from, &folder.path().join("b")).unwrap();
        writer
            .execute_batch("DELETE FROM t WHERE n = 7; UPDATE t SET x = randomblob(2000) WHERE n = 9")
            .unwrap();
        copy_sqlite(&from, &folder.path().join("c")).unwrap();
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let (b, c) = (read("b"), read("c"));
        let changed = b.chunks(4096).zip(c.chunks(4096)).filter(|(one, other)| one != other).count();
        assert!(changed < 12, "{changed} of {} pages differ", b.len() / 4096);
    }

    #[test]
    fn a_damaged_copy_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        Connection::open(&path)
            .unwrap()
            .execute_batch(
                "CREATE TABLE t (n); INSERT INTO t SELECT randomblob(900) FROM generate_series(1, 50)",
            )
            .or_else(|_| {
                let conn = Connection::open(&path)?;
                conn.execute_batch("CREATE TABLE IF NOT EXISTS t (n)")?;
                for _ in 0..50 {
                    conn.execute("INSERT INTO t VALUES (randomblob(900))", [])?;
                }
                Ok::<_, rusqlite::Error>(())
            })
            .unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 4096].fill(0xAA);
        std::fs::write(&path, bytes).unwrap();
        assert!(look_into(&path).unwrap().fault.is_some());
    }

    // `quick_check` passes over it: the table is whole, and the index has lost a row.
    #[test]
    fn a_row_that_only_an_index_has_lost_is_seen_by_the_closer_look() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(
            "CREATE TABLE t (n); CREATE INDEX i ON t (n); INSERT INTO t VALUES ('a'), ('b'); CREATE TABLE kept AS SELECT * FROM sqlite_schema;
             PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'i'; PRAGMA writable_schema = RESET;
             UPDATE t SET n = 'c' WHERE n = 'a';
             PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM kept WHERE name = 'i'; PRAGMA writable_schema = RESET;",
        )
        .unwrap();
        drop(conn);
        assert_eq!(look_into(&path).unwrap().fault, None);
        let fault = look_closely(&path).unwrap().fault.unwrap();
        assert!(fault.contains("missing from index i"), "{fault}");
    }

    // The check itself ended with an error, and the look over the records with it, in words that name no file and nothing else that was found.
    #[test]
    fn a_check_that_cannot_go_on_is_a_fault_like_another() {
        let place = crate::testing::fresh(Engine::Sqlite).unwrap();
        let clock = std::sync::Arc::new(storeward_base::FixedClock::at(storeward_base::Timestamp::EPOCH));
        let db = crate::testing::TestDb::at(std::sync::Arc::clone(&place), &[], clock);
        assert_eq!(db.read_blocking(faults).unwrap(), [""; 0]);
        // An index of another table's name in the schema: the pages are whole, and what reads the schema is not.
        db.tamper("CREATE TABLE t (n); CREATE INDEX i ON t (n)");
        db.tamper(
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (gone' WHERE name = 'i'",
        );
        let found = db.read_blocking(faults).unwrap();
        assert!(found.iter().any(|words| words.contains("malformed")), "{found:?}");
        (*db).clone().close();
    }
}
