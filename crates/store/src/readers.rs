//! A few threads, each with a connection that only reads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::conn::Conn;
use crate::guard::Guard;
use crate::{Error, Reader};

/// Reads that wait at most; behind it, [`Error::Full`].
pub(crate) const QUEUE: usize = 1024;

/// Runs with a reader, or is told why there is none. Answers its caller itself.
pub(crate) type Job = Box<dyn FnOnce(Result<&mut Reader<'_>, Error>) + Send>;

pub(crate) enum Message {
    Read(Job),
    /// One thread ends: there must be one of these for each.
    Stop,
}

pub(crate) struct Worker {
    pub(crate) conn: Conn,
    pub(crate) guard: Arc<Guard>,
    pub(crate) queue: Arc<Mutex<mpsc::Receiver<Message>>>,
}

impl Worker {
    pub(crate) fn run(mut self) {
        loop {
            let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
            match next {
                Some(Message::Read(job)) => self.read(job),
                // The queue itself closes when the last of the threads lets go of it.
                Some(Message::Stop) | None => return,
            }
        }
    }

    fn read(&mut self, job: Job) {
        match self.begin() {
            Ok(()) => {
                let mut reader = Reader::guarded(&mut self.conn, Arc::clone(&self.guard));
                // A panicking closure drops its answer's sender; the caller then hears of it.
                drop(catch_unwind(AssertUnwindSafe(|| job(Ok(&mut reader)))));
                drop(self.conn.batch("ROLLBACK"));
            }
            Err(why) => job(Err(why)),
        }
    }

    /// Begins a transaction; connects anew, once, if it turns out that the server was lost meanwhile.
    fn begin(&mut self) -> Result<(), Error> {
        let begin = self.conn.engine().begin_read();
        self.conn.ensure()?;
        match self.conn.batch(begin) {
            Err(Error::Lost(_)) => {
                self.conn.ensure()?;
                self.conn.batch(begin)
            }
            other => other,
        }
    }
}
