//! SQLite through rusqlite: how a connection is set up, how values are bound, what its errors mean.

use std::path::Path;
use std::time::Duration;

use rusqlite::ffi::{
    SQLITE_CONSTRAINT_CHECK, SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_NOTNULL,
    SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_TRIGGER,
    SQLITE_CONSTRAINT_UNIQUE,
};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ToSql};

use crate::conn::{Each, Row, RowOf};
use crate::{Constraint, Error, Value};

/// How long a write waits for another process that writes (the command line beside the server).
const BUSY_WAIT: Duration = Duration::from_secs(10);
const CACHED_STATEMENTS: usize = 256;

pub(crate) struct SqliteConn(Connection);

/// Whether a connection may write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    Read,
}

/// Applies pragmas. The switch to WAL answers "locked" at once when another opening makes it at the same moment, whatever
/// the busy timeout says (sqlite.org/wal.html, section 8), so it is tried again here.
fn settle(conn: &Connection, pragmas: &str) -> rusqlite::Result<()> {
    let until = std::time::Instant::now() + BUSY_WAIT;
    loop {
        match conn.execute_batch(pragmas) {
            Err(why)
                if why.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && std::time::Instant::now() < until =>
            {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

impl SqliteConn {
    /// Opens the file; makes it, readable by its owner only, if it is not there. The journal files take its mode.
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, Error> {
        let cannot = |why: &dyn std::fmt::Display| {
            Error::Open(format!(
                "{}: {why}; check that the directory is there and can be written to",
                path.display()
            ))
        };
        if access == Access::Write && !path.exists() {
            use std::os::unix::fs::OpenOptionsExt;
            let made =
                std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
            made.map_err(|why| cannot(&why))?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).map_err(|why| cannot(&why))?;
        conn.busy_timeout(BUSY_WAIT).map_err(|why| cannot(&why))?;
        conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        // FULL: a commit is on the disk before it is acknowledged. The rest makes a forged file do less harm, and
        // LIKE and triggers mean the same as on PostgreSQL.
        let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                       PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA recursive_triggers = ON; \
                       PRAGMA case_sensitive_like = ON;";
        settle(&conn, pragmas).map_err(|why| cannot(&why))?;
        if access == Access::Read {
            conn.execute_batch("PRAGMA query_only = ON").map_err(|why| cannot(&why))?;
        }
        Ok(SqliteConn(conn))
    }

    /// An empty one that is nowhere kept.
    pub(crate) fn in_memory() -> Result<Self, Error> {
        Connection::open_in_memory().map(SqliteConn).map_err(|why| Error::Open(why.to_string()))
    }

    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), Error> {
        self.0.execute_batch(sql).map_err(|why| failed(sql, &why))
    }

    pub(crate) fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, Error> {
        let mut statement = self.bound(sql, params)?;
        let changed = statement.raw_execute().map_err(|why| failed(sql, &why))?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    pub(crate) fn query(&mut self, sql: &str, params: &[Value], each: Each<'_>) -> Result<(), Error> {
        let mut statement = self.bound(sql, params)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|why| failed(sql, &why))? {
            each(&Row(RowOf::Sqlite(row)))?;
        }
        Ok(())
    }

    /// Writes a copy of one moment of the database into a new file, while others go on writing. The copy is compact
    /// and has no journal beside it.
    pub(crate) fn snapshot(&mut self, to: &Path) -> Result<(), Error> {
        let cannot = |why: &dyn std::fmt::Display| Error::Open(format!("{}: {why}", to.display()));
        let name = to.to_str().ok_or_else(|| cannot(&"its name is not UTF-8"))?;
        use std::os::unix::fs::OpenOptionsExt;
        // Made empty and private first; `create_new` refuses to write over a file that is there.
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
        made.map_err(|why| cannot(&why))?;
        let written = self.execute("VACUUM INTO $1", &[Value::from(name)]);
        if written.is_err() {
            // What was begun is of no use; the first fault is the one to tell.
            drop(std::fs::remove_file(to));
        }
        written.map(drop)
    }

    pub(crate) fn prepare(&mut self, sql: &str) -> Result<(), Error> {
        self.0.prepare_cached(sql).map(drop).map_err(|why| failed(sql, &why))
    }

    /// SQLite takes `$2` for a name and numbers names in the order they first appear, so that binding by place would
    /// swap values whenever `$2` stands before `$1`. They are bound by name.
    fn bound(&mut self, sql: &str, params: &[Value]) -> Result<CachedStatement<'_>, Error> {
        let mut statement = self.0.prepare_cached(sql).map_err(|why| failed(sql, &why))?;
        if statement.parameter_count() != params.len() {
            let why = format!("{} values for {} parameters", params.len(), statement.parameter_count());
            return Err(Error::Statement { sql: shortened(sql), why });
        }
        for (number, value) in (1..).zip(params) {
            let index = statement.parameter_index(&format!("${number}")).map_err(|why| failed(sql, &why))?;
            let Some(index) = index else {
                let why = format!("there is no parameter ${number}");
                return Err(Error::Statement { sql: shortened(sql), why });
            };
            statement.raw_bind_parameter(index, value).map_err(|why| failed(sql, &why))?;
        }
        Ok(statement)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Integer(n) => ValueRef::Integer(*n),
            Value::Real(n) => ValueRef::Real(*n),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

pub(crate) fn value_of(row: &rusqlite::Row<'_>, index: usize) -> Option<Value> {
    Some(match row.get_ref(index).ok()? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Integer(n),
        ValueRef::Real(n) => Value::Real(n),
        ValueRef::Text(bytes) => Value::Text(String::from_utf8(bytes.to_vec()).ok()?),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}

/// A full disk, one that was mounted to be read only, one that fails, a file that may not be written.
fn takes_no_writes(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
    )
}

fn failed(sql: &str, why: &rusqlite::Error) -> Error {
    let rusqlite::Error::SqliteFailure(code, message) = why else {
        return Error::Statement { sql: shortened(sql), why: why.to_string() };
    };
    if matches!(code.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) {
        return Error::Locked;
    }
    if takes_no_writes(code.code) {
        return Error::Unwritable(message.clone().unwrap_or_else(|| why.to_string()));
    }
    let kind = match code.extended_code {
        SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_ROWID => {
            Constraint::Unique
        }
        SQLITE_CONSTRAINT_FOREIGNKEY => Constraint::ForeignKey,
        SQLITE_CONSTRAINT_NOTNULL => Constraint::NotNull,
        SQLITE_CONSTRAINT_CHECK => Constraint::Check,
        SQLITE_CONSTRAINT_TRIGGER => Constraint::Trigger,
        _ => {
            let why = message.clone().unwrap_or_else(|| why.to_string());
            return Error::Statement { sql: shortened(sql), why };
        }
    };
    // "UNIQUE constraint failed: staff.name": table and column, no value.
    Error::Constraint { kind, on: message.clone().unwrap_or_default() }
}

/// Enough of a statement to find it by.
pub(crate) fn shortened(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}
