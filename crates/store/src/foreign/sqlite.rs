//! PostgreSQL and SQLite, as somebody else's.

use std::path::Path;
use std::time::Duration;

use postgres::{Client, NoTls, SimpleQueryMessage};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::{Room, Table, refused};
use crate::Error;
use crate::tls::Tls;
use crate::url::{Encryption, Server};

const SETTINGS: &str = "SET default_transaction_read_only = on; SET statement_timeout = '120s'; SET timezone = 'UTC'; \
                        SET datestyle = 'ISO'; SET client_min_messages = warning; SET standard_conforming_strings = on";

pub(super) fn postgres(server: &Server) -> Result<Client, Error> {
    let mut config = server.config.clone();
    config.connect_timeout(Duration::from_secs(10));
    config.tcp_user_timeout(Duration::from_secs(20));
    if config.get_application_name().is_none() {
        config.application_name("storeward import");
    }
    let client = match &server.encryption {
        Encryption::Plain => config.connect(NoTls),
        Encryption::Tls(roots) => config.connect(Tls::new(roots)?),
    };
    let mut client = client.map_err(|why| Error::Open(words(&why)))?;
    client.batch_execute(SETTINGS).map_err(|why| Error::Open(words(&why)))?;
    Ok(client)
}

pub(super) fn ask_postgres(client: &mut Client, sql: &str) -> Result<Table, Error> {
    let answer = client.simple_query(sql).map_err(|why| refused(&words(&why)))?;
    let (mut table, mut room) = (Table::default(), Room::default());
    for message in &answer {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                table.columns = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => {
                let mut cells = Vec::with_capacity(row.len());
                for at in 0..row.len() {
                    let cell = row.get(at);
                    room.take(cell.map_or(1, str::len))?;
                    cells.push(cell.map(str::to_owned));
                }
                table.rows.push(cells);
            }
            _ => {}
        }
    }
    Ok(table)
}

/// What the server says of names and rights; of anything else its code only, because its words may quote a value.
fn words(why: &postgres::Error) -> String {
    let Some(answer) = why.as_db_error() else {
        return "the server cannot be reached, or was lost".to_owned();
    };
    let code = answer.code().code();
    // Classes 28 and 3D: who, and which database; 42 but for 42804 and its like: names, rights and syntax.
    let is_plain =
        ["28", "3D", "42P01", "42703", "42601", "42501", "25006"].iter().any(|plain| code.starts_with(plain));
    if is_plain { format!("{} ({code})", answer.message()) } else { format!("the server says {code}") }
}

pub(super) fn sqlite(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let cannot = |why: rusqlite::Error| Error::Open(format!("{}: {why}", path.display()));
    let conn = Connection::open_with_flags(path, flags).map_err(cannot)?;
    conn.busy_timeout(Duration::from_secs(20)).map_err(cannot)?;
    conn.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
        .map_err(cannot)?;
    Ok(conn)
}

pub(super) fn ask_sqlite(conn: &Connection, sql: &str) -> Result<Table, Error> {
    // SQLite names tables and columns, and quotes no value.
    let failed = |why: rusqlite::Error| refused(&why.to_string());
    let mut statement = conn.prepare(sql).map_err(failed)?;
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut table = Table { columns, rows: Vec::new() };
    let mut room = Room::default();
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let mut cells = Vec::with_capacity(table.columns.len());
        for at in 0..table.columns.len() {
            let cell = match row.get_ref(at).map_err(failed)? {
                ValueRef::Null => None,
                ValueRef::Integer(number) => Some(number.to_string()),
                ValueRef::Real(number) => Some(number.to_string()),
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                    Some(String::from_utf8_lossy(bytes).into_owned())
                }
            };
            room.take(cell.as_ref().map_or(1, String::len))?;
            cells.push(cell);
        }
        table.rows.push(cells);
    }
    Ok(table)
}
