//! SQLite, as somebody else's.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::{Room, Table, WAIT, name_of, refused};
use crate::Error;

pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let cannot = |why: rusqlite::Error| Error::Open(format!("{}: {why}", path.display()));
    let conn = Connection::open_with_flags(path, flags).map_err(cannot)?;
    conn.busy_timeout(Duration::from_secs(20)).map_err(cannot)?;
    conn.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
        .map_err(cannot)?;
    Ok(conn)
}

pub(super) fn ask(conn: &Connection, sql: &str) -> Result<Table, Error> {
    ask_within(conn, sql, WAIT)
}

/// A view may go on for ever, such as one over a table of its own making without an end.
fn ask_within(conn: &Connection, sql: &str, wait: Duration) -> Result<Table, Error> {
    let handle = conn.get_interrupt_handle();
    std::thread::scope(|scope| {
        let (answered, over) = channel::<()>();
        scope.spawn(move || {
            if over.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                handle.interrupt();
            }
        });
        let table = read(conn, sql);
        drop(answered);
        table
    })
}

fn read(conn: &Connection, sql: &str) -> Result<Table, Error> {
    // SQLite names tables and columns, and quotes no value.
    let failed = |why: rusqlite::Error| refused(&why.to_string());
    let mut statement = conn.prepare(sql).map_err(failed)?;
    let columns: Vec<String> = statement.column_names().into_iter().map(name_of).collect();
    let mut table = Table { columns, rows: Vec::new() };
    let mut room = Room::default();
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        room.take_row(table.columns.len())?;
        let mut cells = Vec::with_capacity(table.columns.len());
        for at in 0..table.columns.len() {
            let cell = match row.get_ref(at).map_err(failed)? {
                ValueRef::Null => None,
                ValueRef::Integer(number) => Some(number.to_string()),
                ValueRef::Real(number) => Some(number.to_string()),
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                    room.take(bytes.len())?;
                    Some(String::from_utf8_lossy(bytes).into_owned())
                }
            };
            cells.push(cell);
        }
        table.rows.push(cells);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDLESS: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)";

    #[test]
    fn a_question_without_an_end_ends() {
        let conn = Connection::open_in_memory().unwrap();
        let told = ask_within(&conn, &format!("{ENDLESS} SELECT COUNT(*) FROM n"), Duration::from_millis(50));
        assert!(told.unwrap_err().to_string().contains("interrupted"));
        // The session is good for another one.
        assert_eq!(ask(&conn, "SELECT 1 AS one").unwrap().rows.len(), 1);
        let told = ask(&conn, &format!("{ENDLESS} SELECT NULL FROM n")).unwrap_err().to_string();
        assert!(told.contains("64 MiB"), "{told}");
    }
}
