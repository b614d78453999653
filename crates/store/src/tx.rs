//! What the closures of a read and of a write are given.

use std::sync::Arc;

use storeward_base::{Actor, Entropy, EventId, Id, RequestId, Timestamp};
use storeward_events::{Event, Record};

use storeward_seal::RowKey;

use crate::conn::{Conn, Row};
use crate::guard::Guard;
use crate::ledger::Appender;
use crate::{Error, Value};

/// Reads one moment of the database.
pub struct Reader<'a> {
    pub(crate) conn: &'a mut Conn,
    /// The first statement that failed. PostgreSQL does nothing more after it, so SQLite must not either.
    failed: Option<Error>,
    guard: Option<Arc<Guard>>,
    /// Entries of the ledger that this write counts, its own among them.
    counted: u64,
}

/// A write: reads, changes and appends to the ledger, all or nothing. It reads as a [`Reader`] does.
pub struct Tx<'a> {
    reader: Reader<'a>,
    appender: &'a mut Appender,
    appended: u64,
    silent: Option<&'static str>,
    /// There is a new job: whoever runs them is woken when this is committed.
    promised: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(conn: &'a mut Conn) -> Self {
        Reader { conn, failed: None, guard: None, counted: 0 }
    }

    /// One that can hold rows against keys.
    pub(crate) fn guarded(conn: &'a mut Conn, guard: Arc<Guard>) -> Self {
        Reader { guard: Some(guard), ..Reader::new(conn) }
    }

    /// The key that binds the rows of one table. It is made of a key file, and stands nowhere in the database.
    pub fn row_key(&self, table: &str) -> Result<RowKey, Error> {
        Ok(self.guard()?.row_key(table))
    }

    pub(crate) fn guard(&self) -> Result<Arc<Guard>, Error> {
        self.guard.clone().ok_or_else(|| Error::Ledger("no keys are at hand to hold it against".to_owned()))
    }

    pub(crate) fn counted(&self) -> u64 {
        self.counted
    }

    /// The only row of an answer; [`Error::NoRow`] if there is none. Rows behind the first are passed over.
    pub fn query_one<T>(
        &mut self,
        sql: &str,
        params: &[Value],
        read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.query_optional(sql, params, read)?.ok_or(Error::NoRow)
    }

    /// The first row of an answer, if there is one.
    pub fn query_optional<T>(
        &mut self,
        sql: &str,
        params: &[Value],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut first = None;
        self.each(sql, params, &mut |row| {
            if first.is_none() {
                first = Some(read(row)?);
            }
            Ok(())
        })?;
        Ok(first)
    }

    /// All rows of an answer. The statement must have a LIMIT, or a table that is small for ever.
    pub fn query_many<T>(
        &mut self,
        sql: &str,
        params: &[Value],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        self.each(sql, params, &mut |row| {
            rows.push(read(row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Asks the engine to prepare a statement, which finds mistakes in it without running it.
    pub fn check_statement(&mut self, sql: &str) -> Result<(), Error> {
        self.run(|conn| conn.prepare(sql))
    }

    fn each(
        &mut self,
        sql: &str,
        params: &[Value],
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.run(|conn| conn.query(sql, params, each))
    }

    fn run<T>(&mut self, statement: impl FnOnce(&mut Conn) -> Result<T, Error>) -> Result<T, Error> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let result = statement(self.conn);
        self.failed = result.as_ref().err().cloned();
        result
    }
}

impl<'a> Tx<'a> {
    pub(crate) fn new(conn: &'a mut Conn, appender: &'a mut Appender, guard: Arc<Guard>) -> Self {
        let reader = Reader { counted: appender.size(), ..Reader::guarded(conn, guard) };
        Tx { reader, appender, appended: 0, silent: None, promised: false }
    }

    /// Runs an INSERT, UPDATE or DELETE; returns how many rows it changed. A statement that fails dooms the write,
    /// even if the closure goes on.
    pub fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, Error> {
        self.reader.run(|conn| conn.execute(sql, params))
    }

    /// Appends an event that happens now.
    pub fn append(
        &mut self,
        actor: Actor,
        request: Option<RequestId>,
        event: impl Into<Event>,
    ) -> Result<Record, Error> {
        self.append_at(self.now(), actor, request, event)
    }

    /// Appends an event that happened at `at`.
    pub fn append_at(
        &mut self,
        at: Timestamp,
        actor: Actor,
        request: Option<RequestId>,
        event: impl Into<Event>,
    ) -> Result<Record, Error> {
        let record = self.appender.record(at, actor, request, event.into());
        self.append_records(std::slice::from_ref(&record))?;
        Ok(record)
    }

    /// Appends many at once; cheaper than one by one where each statement is a trip to a server.
    pub(crate) fn append_records(&mut self, records: &[Record]) -> Result<(), Error> {
        let Tx { reader, appender, appended, .. } = self;
        appender.append(reader, records, &mut |reader, sql, params| {
            reader.run(|conn| conn.execute(sql, params))
        })?;
        reader.counted = appender.size();
        *appended += u64::try_from(records.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    pub(crate) fn record(
        &self,
        at: Timestamp,
        actor: Actor,
        request: Option<RequestId>,
        event: Event,
    ) -> Record {
        self.appender.record(at, actor, request, event)
    }

    /// Commits without an event. `reason` says why nobody needs to know; `xtask tidy` counts the places.
    pub fn commit_silent(&mut self, reason: &'static str) {
        self.silent = Some(reason);
    }

    /// Now, by the database's clock: the same moment an event appended now would bear.
    pub fn now(&self) -> Timestamp {
        self.appender.now()
    }

    /// A fresh id for an event, from the database's entropy.
    pub fn event_id(&self) -> EventId {
        self.fresh_id()
    }

    /// A fresh id of anything, from the database's entropy.
    pub fn fresh_id<T>(&self) -> Id<T> {
        self.appender.fresh_id(self.now())
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.appender.entropy()
    }

    pub(crate) fn promise(&mut self) {
        self.promised = true;
    }

    pub(crate) fn has_promised(&self) -> bool {
        self.promised
    }

    /// What the write comes to once its closure has returned `Ok`.
    pub(crate) fn verdict(&self) -> Result<(), Error> {
        match &self.reader.failed {
            Some(failed) => Err(failed.clone()),
            None if self.appended == 0 && self.silent.is_none() => Err(Error::NoEvent),
            None => Ok(()),
        }
    }

    /// The failure of a statement, whatever the closure made of it.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.reader.failed.as_ref()
    }
}

impl<'a> std::ops::Deref for Tx<'a> {
    type Target = Reader<'a>;
    fn deref(&self) -> &Reader<'a> {
        &self.reader
    }
}

impl<'a> std::ops::DerefMut for Tx<'a> {
    fn deref_mut(&mut self) -> &mut Reader<'a> {
        &mut self.reader
    }
}
