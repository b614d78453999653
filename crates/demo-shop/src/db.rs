//! The shop's SQLite file: one writer, a few readers, all work off the async threads.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::error::Error;

const READERS: usize = 4;
const WAIT: Duration = Duration::from_secs(5);
/// A page's queries take milliseconds. Without a limit, an endless query put in through the search would hold a
/// reader for ever.
const LONGEST_READ: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct Db {
    writer: Arc<tokio::sync::Mutex<Connection>>,
    readers: Arc<Mutex<Vec<Connection>>>,
    reading: Arc<Semaphore>,
}

impl Db {
    /// Opens or creates the file and brings its tables up to date.
    pub fn open(path: &Path) -> Result<Db, Error> {
        let writer = Connection::open(path)?;
        writer.busy_timeout(WAIT)?;
        writer.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;",
        )?;
        writer.execute_batch(include_str!("schema.sql"))?;
        let readers = (0..READERS).map(|_| open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Db {
            writer: Arc::new(tokio::sync::Mutex::new(writer)),
            readers: Arc::new(Mutex::new(readers)),
            reading: Arc::new(Semaphore::new(READERS)),
        })
    }

    /// Runs `work` on a connection that cannot write.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let reading = Arc::clone(&self.reading).acquire_owned();
        let turn = timeout(WAIT, reading).await.map_err(|_late| Error::Busy)?.map_err(|_shut| Error::Lost)?;
        let reader = Borrowed::take(Arc::clone(&self.readers));
        let watchdog = reader.interrupt_later();
        tokio::task::spawn_blocking(move || {
            let result = reader.with(work);
            watchdog.abort();
            drop(reader); // back in the pool before the turn is given up
            drop(turn);
            result
        })
        .await
        .map_err(|_panicked| Error::Lost)?
    }

    /// Runs `work` in one transaction, kept only if it succeeds.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    {
        let writer = Arc::clone(&self.writer).lock_owned();
        let mut writer = timeout(WAIT, writer).await.map_err(|_late| Error::Busy)?;
        tokio::task::spawn_blocking(move || {
            let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&tx)?;
            tx.commit()?;
            Ok(result)
        })
        .await
        .map_err(|_panicked| Error::Lost)?
    }

    /// As [`Db::write`], for the time before the runtime serves anyone.
    pub fn write_at_start<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut writer = self.writer.try_lock().map_err(|_held| Error::Busy)?;
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&tx)?;
        tx.commit()?;
        Ok(result)
    }
}

fn open_reader(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags)?;
    reader.busy_timeout(WAIT)?;
    reader.execute_batch("PRAGMA query_only = ON;")?;
    Ok(reader)
}

/// A reader that finds its way back to the pool even if the work on it panics.
struct Borrowed {
    connection: Option<Connection>,
    home: Arc<Mutex<Vec<Connection>>>,
}

impl Borrowed {
    fn take(home: Arc<Mutex<Vec<Connection>>>) -> Borrowed {
        let connection = home.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Borrowed { connection, home }
    }

    /// Breaks off whatever runs on this reader for too long. It is a task of its own, so that it also ends the
    /// query of a client who has hung up.
    fn interrupt_later(&self) -> AbortHandle {
        let handle = self.connection.as_ref().map(Connection::get_interrupt_handle);
        let watchdog = tokio::spawn(async move {
            tokio::time::sleep(LONGEST_READ).await;
            if let Some(handle) = handle {
                handle.interrupt();
            }
        });
        watchdog.abort_handle()
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        work(self.connection.as_ref().ok_or(Error::Lost)?)
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.home.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}
