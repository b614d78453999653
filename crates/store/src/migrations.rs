//! Numbered changes of the tables, each run once, in its own transaction, and remembered with its hash.

use std::collections::{BTreeMap, HashMap};

use storeward_base::Timestamp;
use storeward_seal::PseudonymKey;
use storeward_seal::fingerprint::sha256_hex;

use crate::conn::Conn;
use crate::statements::{FIND_MIGRATIONS, NOTE_MIGRATION};
use crate::{Engine, Error, Value, cursor, params};

/// One change of one domain's tables. Once released it is never edited: a further change has the next number.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    pub domain: &'static str,
    /// 1, 2, 3 … within the domain.
    pub number: u32,
    /// Statements in the common SQL (see `dialect.rs` for the marks).
    pub sql: &'static str,
}

const OWN: &[Migration] = &[
    Migration { domain: "store", number: 1, sql: include_str!("../migrations/0001_ledger.sql") },
    Migration { domain: "store", number: 2, sql: include_str!("../migrations/0002_jobs.sql") },
    Migration { domain: "store", number: 3, sql: include_str!("../migrations/0003_forgetting.sql") },
    CURSOR_TAGS,
];

const CURSOR_TAGS: Migration =
    Migration { domain: "store", number: 4, sql: include_str!("../migrations/0004_cursor_tag.sql") };

const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (domain TEXT NOT NULL, \
                            number BIGINT NOT NULL, hash TEXT NOT NULL, applied_at BIGINT NOT NULL, \
                            PRIMARY KEY (domain, number))";

/// Runs what has not run yet. Two processes that start at once wait for each other. `keys` binds rows of a version that bound none.
pub(crate) fn run(
    conn: &mut Conn,
    domains: &[Migration],
    now: Timestamp,
    keys: &PseudonymKey,
) -> Result<(), Error> {
    let all: Vec<Migration> = OWN.iter().chain(domains).copied().collect();
    check_numbers(&all)?;
    locked(conn, |conn| {
        conn.batch(CREATE_TABLE)?;
        check_known(&recorded(conn)?, &all)
    })?;
    for migration in &all {
        locked(conn, |conn| {
            // Asked again under the lock: another process may have run it meanwhile.
            let done = recorded(conn)?.contains_key(&(migration.domain.to_owned(), migration.number));
            if done {
                return Ok(());
            }
            apply(conn, migration, now)?;
            let binds = (migration.domain, migration.number) == (CURSOR_TAGS.domain, CURSOR_TAGS.number);
            if binds { cursor::bind_all(conn, &keys.row_key(cursor::TABLE)) } else { Ok(()) }
        })?;
    }
    Ok(())
}

/// Makes the tables in an empty place, remembered nowhere.
pub(crate) fn make(conn: &mut Conn, domains: &[Migration]) -> Result<(), Error> {
    conn.batch(CREATE_TABLE)?;
    OWN.iter().chain(domains).try_for_each(|migration| conn.batch(&text_of(conn.engine(), migration)?))
}

fn text_of(engine: Engine, Migration { domain, number, sql }: &Migration) -> Result<String, Error> {
    let unknown = || Error::Migration(format!("{domain} {number}: it has a mark that is not known"));
    engine.migration(sql).ok_or_else(unknown)
}

fn apply(conn: &mut Conn, migration: &Migration, now: Timestamp) -> Result<(), Error> {
    let Migration { domain, number, sql } = migration;
    let failed = |why: Error| Error::Migration(format!("{domain} {number}: {why}"));
    let text = text_of(conn.engine(), migration)?;
    conn.batch(&text).map_err(|why| if why.is_transient() { why } else { failed(why) })?;
    let values = params![*domain, *number, sha256_hex(sql.as_bytes()), now];
    conn.execute(NOTE_MIGRATION, values).map(drop)
}

type Recorded = BTreeMap<(String, u32), String>;

fn recorded(conn: &mut Conn) -> Result<Recorded, Error> {
    let mut rows = Recorded::new();
    conn.query(FIND_MIGRATIONS, &[] as &[Value], &mut |row| {
        rows.insert((row.get(0)?, row.get(1)?), row.get(2)?);
        Ok(())
    })?;
    Ok(rows)
}

/// Within each domain the numbers are 1, 2, 3 … without a gap, so that order and completeness are plain.
fn check_numbers(all: &[Migration]) -> Result<(), Error> {
    let mut last: HashMap<&str, u32> = HashMap::new();
    for Migration { domain, number, .. } in all {
        let before = last.insert(domain, *number).unwrap_or(0);
        if *number != before + 1 {
            let why = format!("{domain} {number} follows {domain} {before}: numbers go up by one");
            return Err(Error::Migration(why));
        }
    }
    Ok(())
}

/// Refuses a database that a newer program has changed, and a program whose migrations were edited. Tables of a
/// domain that this program does not have are left alone.
fn check_known(recorded: &Recorded, all: &[Migration]) -> Result<(), Error> {
    for ((domain, number), hash) in recorded {
        let mut known = all.iter().filter(|m| m.domain == domain).peekable();
        if known.peek().is_none() {
            continue;
        }
        let why = match known.find(|m| m.number == *number) {
            None => format!(
                "{domain} {number} was made by a newer version of this program; use that version, or restore a backup"
            ),
            Some(m) if sha256_hex(m.sql.as_bytes()) != *hash => {
                format!("{domain} {number} was changed after it had run here; use the program it came from")
            }
            Some(_) => continue,
        };
        return Err(Error::Migration(why));
    }
    Ok(())
}

fn locked<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T, Error>) -> Result<T, Error> {
    conn.batch(conn.engine().begin_write())?;
    let done = conn.batch(conn.engine().lock_migrations()).and_then(|()| work(conn));
    match done {
        Ok(value) => conn.batch("COMMIT").map(|()| value),
        Err(why) => {
            // The first fault is the one to tell.
            drop(conn.batch("ROLLBACK"));
            Err(why)
        }
    }
}
