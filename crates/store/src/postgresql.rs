//! PostgreSQL through the `postgres` crate: connecting and connecting anew, binding values, what its errors mean.

use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;

use bytes::BytesMut;
use postgres::error::SqlState;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Config, NoTls, Statement};

use crate::conn::{Each, Row, RowOf};
use crate::sqlite::shortened;
use crate::tls::Tls;
use crate::url::{Encryption, Server};
use crate::{Constraint, Error, Value};

const CONNECT_WAIT: Duration = Duration::from_secs(5);
const CACHED_STATEMENTS: usize = 512;
/// Durable commits, and a time limit on every wait.
const SETTINGS: &str = "SET synchronous_commit = on; SET statement_timeout = '30s'; SET lock_timeout = '10s'; \
                        SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning; \
                        SET standard_conforming_strings = on";

pub(crate) struct PgConn {
    config: Config,
    tls: Option<Tls>,
    client: Option<Client>,
    statements: HashMap<String, Statement>,
}

impl PgConn {
    pub(crate) fn open(server: &Server, name: &str) -> Result<Self, Error> {
        let tls = match &server.encryption {
            Encryption::Plain => None,
            Encryption::Tls(roots) => Some(Tls::new(roots)?),
        };
        let mut config = server.config.clone();
        config.connect_timeout(CONNECT_WAIT);
        config.tcp_user_timeout(Duration::from_secs(20));
        config.keepalives_idle(Duration::from_secs(30));
        if config.get_application_name().is_none() {
            config.application_name(name);
        }
        let mut conn = PgConn { config, tls, client: None, statements: HashMap::new() };
        conn.ensure().map_err(|why| match why {
            Error::Lost(why) => Error::Open(why),
            other => other,
        })?;
        Ok(conn)
    }

    /// Connects if there is no living connection.
    pub(crate) fn ensure(&mut self) -> Result<(), Error> {
        if self.client.as_ref().is_some_and(|client| !client.is_closed()) {
            return Ok(());
        }
        self.client = None;
        self.statements.clear();
        let mut client = match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        }
        .map_err(|why| Error::Lost(words(&why)))?;
        client.batch_execute(SETTINGS).map_err(|why| Error::Lost(words(&why)))?;
        self.client = Some(client);
        Ok(())
    }

    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), Error> {
        self.client()?.batch_execute(sql).map_err(|why| failed(sql, &why))
    }

    pub(crate) fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, Error> {
        let statement = self.statement(sql, Some(params.len()))?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as _).collect();
        self.client()?.execute(&statement, &params).map_err(|why| failed(sql, &why))
    }

    pub(crate) fn query(&mut self, sql: &str, params: &[Value], each: Each<'_>) -> Result<(), Error> {
        let statement = self.statement(sql, Some(params.len()))?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as _).collect();
        let rows = self.client()?.query(&statement, &params).map_err(|why| failed(sql, &why))?;
        rows.iter().try_for_each(|row| each(&Row(RowOf::Postgres(row))))
    }

    pub(crate) fn prepare(&mut self, sql: &str) -> Result<(), Error> {
        self.statement(sql, None).map(drop)
    }

    fn client(&mut self) -> Result<&mut Client, Error> {
        self.client.as_mut().ok_or_else(|| Error::Lost("there is no connection".to_owned()))
    }

    fn statement(&mut self, sql: &str, values: Option<usize>) -> Result<Statement, Error> {
        let statement = match self.statements.get(sql) {
            Some(statement) => statement.clone(),
            None => {
                let made = self.client()?.prepare(sql).map_err(|why| failed(sql, &why))?;
                if self.statements.len() >= CACHED_STATEMENTS {
                    self.statements.clear();
                }
                self.statements.insert(sql.to_owned(), made.clone());
                made
            }
        };
        let wanted = statement.params().len();
        match values {
            Some(values) if values != wanted => Err(Error::Statement {
                sql: shortened(sql),
                why: format!("{values} values for {wanted} parameters"),
            }),
            _ => Ok(statement),
        }
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(n) => match *ty {
                Type::INT8 => n.to_sql(ty, out),
                Type::INT4 => i32::try_from(*n)?.to_sql(ty, out),
                Type::INT2 => i16::try_from(*n)?.to_sql(ty, out),
                _ => Err(format!("a whole number was given where {ty} is expected").into()),
            },
            Value::Real(n) if *ty == Type::FLOAT8 => n.to_sql(ty, out),
            Value::Text(text) if <String as ToSql>::accepts(ty) => text.to_sql(ty, out),
            Value::Blob(bytes) if *ty == Type::BYTEA => bytes.to_sql(ty, out),
            Value::Real(_) => Err(format!("a number was given where {ty} is expected").into()),
            Value::Text(_) => Err(format!("text was given where {ty} is expected").into()),
            Value::Blob(_) => Err(format!("bytes were given where {ty} is expected").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

pub(crate) fn value_of(row: &postgres::Row, index: usize) -> Option<Value> {
    let ty = row.columns().get(index)?.type_().clone();
    let value = match ty {
        Type::INT8 => row.try_get::<_, Option<i64>>(index).ok()?.map(Value::Integer),
        Type::INT4 => row.try_get::<_, Option<i32>>(index).ok()?.map(Value::from),
        Type::INT2 => row.try_get::<_, Option<i16>>(index).ok()?.map(|n| Value::Integer(n.into())),
        // What SQLite calls 0 and 1: the result of a comparison.
        Type::BOOL => row.try_get::<_, Option<bool>>(index).ok()?.map(Value::from),
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(index).ok()?.map(Value::Real),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(index).ok()?.map(Value::Blob),
        _ => row.try_get::<_, Option<String>>(index).ok()?.map(Value::Text),
    };
    Some(value.unwrap_or(Value::Null))
}

fn failed(sql: &str, why: &postgres::Error) -> Error {
    let Some(answer) = why.as_db_error() else {
        // The server did not answer (or what it answered cannot be read): whatever was under way is rolled back.
        return if why.is_closed() || why.source().is_some_and(|s| s.is::<std::io::Error>()) {
            Error::Lost(words(why))
        } else {
            Error::Statement { sql: shortened(sql), why: words(why) }
        };
    };
    let code = answer.code();
    let on = || answer.constraint().map_or_else(|| answer.message().to_owned(), str::to_owned);
    let constraint = |kind| Error::Constraint { kind, on: on() };
    match code {
        c if *c == SqlState::UNIQUE_VIOLATION => constraint(Constraint::Unique),
        c if *c == SqlState::FOREIGN_KEY_VIOLATION => constraint(Constraint::ForeignKey),
        c if *c == SqlState::NOT_NULL_VIOLATION => constraint(Constraint::NotNull),
        c if *c == SqlState::CHECK_VIOLATION => constraint(Constraint::Check),
        c if *c == SqlState::RESTRICT_VIOLATION => constraint(Constraint::Trigger),
        c if *c == SqlState::T_R_SERIALIZATION_FAILURE || *c == SqlState::T_R_DEADLOCK_DETECTED => {
            Error::Contended
        }
        c if *c == SqlState::LOCK_NOT_AVAILABLE => Error::Contended,
        // Class 57: the server is shutting down or this session was ended.
        c if c.code().starts_with("57P") => Error::Lost(answer.message().to_owned()),
        // Classes 53 and 58: no room, no memory, the server's own disk; 25006: a standby, or a server set to read only.
        c if ["53", "58"].iter().any(|class| c.code().starts_with(class))
            || *c == SqlState::READ_ONLY_SQL_TRANSACTION =>
        {
            Error::Unwritable(answer.message().to_owned())
        }
        _ => Error::Statement { sql: shortened(sql), why: answer.message().to_owned() },
    }
}

/// What the driver says, with its cause; neither quotes values.
fn words(why: &postgres::Error) -> String {
    match why.source() {
        Some(cause) => format!("{why}: {cause}"),
        None => why.to_string(),
    }
}
