//! The one thread that writes. It takes whatever is waiting, runs it in one transaction, commits once and only then
//! acknowledges: the time that a commit takes to become durable is the time in which the next group gathers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::conn::Conn;
use crate::guard::Guard;
use crate::ledger::Appender;
use crate::{Engine, Error, Tx};

/// Writes that wait at most; behind it, [`Error::Full`].
pub(crate) const QUEUE: usize = 8192;
/// Times a group is run again after others came first or the server was lost.
const ATTEMPTS: u32 = 6;

pub(crate) enum Message {
    Write(Box<dyn Job>),
    /// Finish what waits, take nothing more, and end.
    Stop,
}

/// One closure and whoever waits for it.
pub(crate) trait Job: Send {
    /// Runs the closure; true when what it did is to be kept. May run again after a roll-back.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Tells the caller, once it is certain what became of the transaction.
    fn finish(self: Box<Self>, committed: Result<(), Error>);
}

pub(crate) struct WriteJob<F, T, E> {
    work: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> WriteJob<F, T, E> {
    pub(crate) fn new(work: F) -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (reply, answer) = oneshot::channel();
        (WriteJob { work, result: None, reply }, answer)
    }
}

impl<F, T, E> Job for WriteJob<F, T, E>
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(tx)));
        let result = outcome.unwrap_or_else(|_| Err(Error::Panicked.into()));
        let result = result.and_then(|value| tx.verdict().map(|()| value).map_err(E::from));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn finish(self: Box<Self>, committed: Result<(), Error>) {
        let WriteJob { result, reply, .. } = *self;
        let answer = match (result, committed) {
            // What the closure itself decided stands, whatever became of the others.
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(why)) => Err(why.into()),
            (None, Ok(())) => Err(Error::Closed.into()),
        };
        // Nobody may be waiting any more: the write is done all the same.
        drop(reply.send(answer));
    }
}

/// What of a group is to be committed.
#[derive(Default)]
struct Kept {
    /// There is a new job among it.
    promised: bool,
}

/// Tells those who watch, where it is news.
fn change(state: &watch::Sender<Option<Error>>, now: Option<Error>) {
    state.send_if_modified(|known| std::mem::replace(known, now.clone()) != now);
}

pub(crate) struct Writer {
    pub(crate) conn: Conn,
    pub(crate) appender: Appender,
    pub(crate) guard: Arc<Guard>,
    pub(crate) queue: mpsc::Receiver<Message>,
    pub(crate) committed: Arc<watch::Sender<u64>>,
    /// Counts the groups in which there was a new job.
    pub(crate) promised: Arc<watch::Sender<u64>>,
    /// Why nothing can be appended, as the last group found.
    pub(crate) broken: Arc<watch::Sender<Option<Error>>>,
    /// Why the last write that was tried could not be made, whatever was in it.
    pub(crate) stuck: Arc<watch::Sender<Option<Error>>>,
}

impl Writer {
    /// Runs until the last sender is gone or a stop was asked for.
    pub(crate) fn run(mut self) {
        let most = match self.conn.engine() {
            Engine::Sqlite => 4096,
            // A group holds the ledger's head: other nodes wait for its end.
            Engine::Postgres => 256,
        };
        while let Some(first) = self.queue.blocking_recv() {
            let mut group = Vec::new();
            self.take(first, &mut group);
            while group.len() < most {
                match self.queue.try_recv() {
                    Ok(message) => self.take(message, &mut group),
                    Err(_) => break,
                }
            }
            if !group.is_empty() {
                self.commit(group);
            }
        }
    }

    fn take(&mut self, message: Message, group: &mut Vec<Box<dyn Job>>) {
        match message {
            Message::Write(job) => group.push(job),
            Message::Stop => self.queue.close(),
        }
    }

    /// Runs a group until it is certain what became of it, then tells everybody.
    fn commit(&mut self, mut group: Vec<Box<dyn Job>>) {
        let mut attempt = 0;
        let outcome = loop {
            match self.attempt(&mut group) {
                Err(why) if why.is_transient() && attempt + 1 < ATTEMPTS => {
                    std::thread::sleep(Duration::from_millis(20 << (2 * attempt).min(6)));
                    attempt += 1;
                }
                other => break other,
            }
        };
        if let Ok(Some(kept)) = &outcome {
            if kept.promised {
                self.promised.send_modify(|groups| *groups = groups.wrapping_add(1));
            }
            let size = self.appender.size();
            self.committed.send_if_modified(|seen| std::mem::replace(seen, size.max(*seen)) < size);
        }
        match &outcome {
            Ok(_) => self.note(None),
            Err(why @ Error::Ledger(_)) => self.note(Some(why.clone())),
            Err(_) => {}
        }
        match &outcome {
            Ok(Some(_)) => change(&self.stuck, None),
            Err(why) if why.stops_writes() => change(&self.stuck, Some(why.clone())),
            // Nothing was to be written, or what was to be written was at fault.
            Ok(None) | Err(_) => {}
        }
        let outcome = outcome.map(drop);
        group.into_iter().for_each(|job| job.finish(outcome.clone()));
    }

    /// Whether the ledger can be appended to.
    fn note(&self, broken: Option<Error>) {
        change(&self.broken, broken);
    }

    /// What was committed; `None` when there was nothing to commit.
    fn attempt(&mut self, group: &mut [Box<dyn Job>]) -> Result<Option<Kept>, Error> {
        self.conn.ensure()?;
        self.conn.batch(self.conn.engine().begin_write()).map_err(|why| match why {
            // A standby refuses the very beginning of a write.
            Error::Statement { why, .. } => Error::Unwritable(why),
            other => other,
        })?;
        let ran = self.run_group(group);
        match ran {
            Ok(Some(kept)) => {
                self.conclude()?;
                self.appender.committed(&self.guard);
                Ok(Some(kept))
            }
            Ok(None) => self.conn.batch("ROLLBACK").map(|()| None),
            Err(why) => {
                // A lost server has rolled back by itself.
                drop(self.conn.batch("ROLLBACK"));
                Err(why)
            }
        }
    }

    /// `None` when there is nothing to commit. Each closure has a savepoint of its own, so that one that fails takes
    /// back only what it did itself; a closure that is alone needs none. One ends where the next begins, in one message: on PostgreSQL
    /// each is a way to the server and back while everybody waits. The last one ends with the transaction.
    fn run_group(&mut self, group: &mut [Box<dyn Job>]) -> Result<Option<Kept>, Error> {
        let Writer { conn, appender, guard, .. } = self;
        appender.load(conn)?;
        let alone = group.len() == 1;
        let mut kept_any: Option<Kept> = None;
        if !alone {
            conn.batch("SAVEPOINT one")?;
        }
        let last = group.len().saturating_sub(1);
        for (at, job) in group.iter_mut().enumerate() {
            let before = appender.mark();
            let mut tx = Tx::new(conn, appender, Arc::clone(guard));
            let kept = job.run(&mut tx);
            let promised = tx.has_promised();
            // A database that takes no writes has ended the transaction by itself, savepoints and all.
            if let Some(why) = tx.failure().filter(|why| why.is_transient() || why.stops_writes()) {
                return Err(why.clone());
            }
            if !kept {
                appender.take_back(before);
            }
            match (alone, kept) {
                (true, _) => {}
                // It stands where it was: the next closure goes on from there.
                (false, false) => conn.batch("ROLLBACK TO SAVEPOINT one")?,
                (false, true) if at < last => conn.batch("RELEASE SAVEPOINT one; SAVEPOINT one")?,
                (false, true) => {}
            }
            if kept {
                kept_any.get_or_insert_default().promised |= promised;
            }
        }
        if kept_any.is_some() {
            appender.store(conn)?;
        }
        Ok(kept_any)
    }

    fn conclude(&mut self) -> Result<(), Error> {
        match self.conn.batch("COMMIT") {
            Err(Error::Lost(_)) => self.find_out(),
            Err(why) => {
                drop(self.conn.batch("ROLLBACK"));
                Err(why)
            }
            Ok(()) => Ok(()),
        }
    }

    /// The server was lost while it was committing. The group's last entry tells whether it was: asking for the head
    /// waits until the lost session has ended, and entries have ids that nobody else makes.
    fn find_out(&mut self) -> Result<(), Error> {
        let Some(last) = self.appender.last_appended() else { return Err(Error::Unknown) };
        for wait_ms in [50, 200, 800, 2000] {
            std::thread::sleep(Duration::from_millis(wait_ms));
            if self.conn.ensure().is_err() {
                continue;
            }
            let engine = self.conn.engine();
            let asked = self
                .conn
                .batch(engine.begin_write())
                .and_then(|()| crate::ledger::is_written(&mut self.conn, last));
            drop(self.conn.batch("ROLLBACK"));
            match asked {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(Error::Lost("it went away while writing".to_owned())),
                Err(_) => {}
            }
        }
        Err(Error::Unknown)
    }
}
