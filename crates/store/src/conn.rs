//! One connection, to either engine, with its cache of prepared statements.

use crate::postgresql::PgConn;
use crate::sqlite::SqliteConn;
use crate::value::read;
use crate::{Engine, Error, FromValue, Value};

pub(crate) enum Conn {
    Sqlite(SqliteConn),
    Postgres(Box<PgConn>),
}

/// One row of an answer; columns count from 0.
pub struct Row<'a>(pub(crate) RowOf<'a>);

pub(crate) enum RowOf<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a postgres::Row),
}

impl Row<'_> {
    /// The value of a column, as the type that is asked for; `Option` for columns that may be empty.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T, Error> {
        let value = match &self.0 {
            RowOf::Sqlite(row) => crate::sqlite::value_of(row, index),
            RowOf::Postgres(row) => crate::postgresql::value_of(row, index),
        };
        read(value.ok_or(Error::Column { index, wanted: T::WANTED })?, index)
    }
}

/// Takes each row in turn.
pub(crate) type Each<'f> = &'f mut dyn FnMut(&Row<'_>) -> Result<(), Error>;

impl Conn {
    pub(crate) fn engine(&self) -> Engine {
        match self {
            Conn::Sqlite(_) => Engine::Sqlite,
            Conn::Postgres(_) => Engine::Postgres,
        }
    }

    /// Connects anew if the server was lost. Call it between transactions only.
    pub(crate) fn ensure(&mut self) -> Result<(), Error> {
        match self {
            Conn::Sqlite(_) => Ok(()),
            Conn::Postgres(conn) => conn.ensure(),
        }
    }

    /// Statements without parameters, run as they stand.
    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), Error> {
        match self {
            Conn::Sqlite(conn) => conn.batch(sql),
            Conn::Postgres(conn) => conn.batch(sql),
        }
    }

    pub(crate) fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, Error> {
        match self {
            Conn::Sqlite(conn) => conn.execute(sql, params),
            Conn::Postgres(conn) => conn.execute(sql, params),
        }
    }

    pub(crate) fn query(&mut self, sql: &str, params: &[Value], each: Each<'_>) -> Result<(), Error> {
        match self {
            Conn::Sqlite(conn) => conn.query(sql, params, each),
            Conn::Postgres(conn) => conn.query(sql, params, each),
        }
    }

    pub(crate) fn prepare(&mut self, sql: &str) -> Result<(), Error> {
        match self {
            Conn::Sqlite(conn) => conn.prepare(sql),
            Conn::Postgres(conn) => conn.prepare(sql),
        }
    }
}
