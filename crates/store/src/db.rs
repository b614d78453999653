//! The door: opening a database, and handing it reads and writes.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use storeward_base::{ClientIp, ClientRef, Clock, Entropy, Timestamp};
use storeward_seal::{LogKey, Origin, PseudonymKey, VerifierKey};
use tokio::sync::{mpsc, oneshot, watch};

use crate::conn::Conn;
use crate::guard::Guard;
use crate::ledger::{Appender, Signer};
use crate::postgresql::PgConn;
use crate::sqlite::{Access, SqliteConn};
use crate::statements::TRY_WRITING;
use crate::url::Target;
use crate::writer::WriteJob;
use crate::{DatabaseUrl, Engine, Error, Migration, Reader, Tx, ledger, migrations, readers, writer};

/// What a database is opened with.
pub struct OpenOptions {
    pub url: DatabaseUrl,
    /// This process's name among those that share the database; shows in the server's list of sessions.
    pub node: String,
    /// Signs the ledger's checkpoints.
    pub log_key: LogKey,
    /// Keys of other nodes, and of earlier times, whose checkpoints count too.
    pub trusted: Vec<VerifierKey>,
    /// Turns client addresses into references.
    pub pseudonym_key: PseudonymKey,
    /// What a ledger that is begun here is called, such as `shop.example/storeward`. One that is there already keeps the
    /// name it was begun with.
    pub origin: Origin,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// All domains' migrations, in the order in which their domains may refer to each other.
    pub migrations: Vec<Migration>,
    /// Connections that read; 4 is plenty for one node.
    pub readers: u8,
}

/// An open database. Clones are cheap and share it.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    url: DatabaseUrl,
    /// Of the domains, for [`crate::schema`].
    migrations: Vec<Migration>,
    writes: mpsc::Sender<writer::Message>,
    reads: mpsc::Sender<readers::Message>,
    committed: Arc<watch::Sender<u64>>,
    promised: Arc<watch::Sender<u64>>,
    broken: Arc<watch::Sender<Option<Error>>>,
    stuck: Arc<watch::Sender<Option<Error>>>,
    signer: Signer,
    pseudonym_key: PseudonymKey,
    guard: Arc<Guard>,
    /// The writer, then the readers.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Db {
    /// Opens the database and brings its tables up to date; [`Error::Ledger`] where the ledger's head is not signed by
    /// a key that counts. Blocks, and may be called inside of a runtime.
    pub fn open(options: OpenOptions) -> Result<Db, Error> {
        // On a thread of its own: PostgreSQL's driver has a runtime inside, and those do not nest.
        let opened = spawn("store-open", move || Self::open_here(options))?.join();
        opened.unwrap_or_else(|_| Err(Error::Open("opening it panicked".to_owned())))
    }

    fn open_here(options: OpenOptions) -> Result<Db, Error> {
        let mut signer = Signer {
            key: options.log_key,
            origin: options.origin,
            trusted: options.trusted,
            clock: options.clock,
            entropy: options.entropy,
        };
        let mut conn = connect(&options.url, Access::Write, &options.node)?;
        migrations::run(&mut conn, &options.migrations, signer.clock.now(), &options.pseudonym_key)?;
        ledger::begin(&mut conn, &signer)?;
        signer.origin = ledger::begun_as(&mut conn, &signer)?;
        let mut appender = Appender::new(signer.clone());
        // A ledger of other keys, or one that somebody wrote into, is said here, not with the first event that is lost.
        appender.load(&mut conn)?;
        let size = appender.size();
        let guard = Arc::new(Guard::new(options.pseudonym_key.clone(), signer.verifiers()));
        let committed = Arc::new(watch::Sender::new(size));
        let promised = Arc::new(watch::Sender::new(0));
        let (broken, stuck) = (Arc::new(watch::Sender::new(None)), Arc::new(watch::Sender::new(None)));

        let (writes, write_queue) = mpsc::channel(writer::QUEUE);
        let (reads, read_queue) = mpsc::channel(readers::QUEUE);
        let writer = writer::Writer {
            conn,
            appender,
            guard: Arc::clone(&guard),
            queue: write_queue,
            committed: Arc::clone(&committed),
            promised: Arc::clone(&promised),
            broken: Arc::clone(&broken),
            stuck: Arc::clone(&stuck),
        };
        let mut threads = vec![spawn("store-writer", move || writer.run())?];
        let read_queue = Arc::new(Mutex::new(read_queue));
        for _ in 0..options.readers.max(1) {
            let conn = connect(&options.url, Access::Read, &options.node)?;
            let worker = readers::Worker { conn, guard: Arc::clone(&guard), queue: Arc::clone(&read_queue) };
            threads.push(spawn("store-reader", move || worker.run())?);
        }
        Ok(Db(Arc::new(Inner {
            url: options.url,
            migrations: options.migrations,
            writes,
            reads,
            committed,
            promised,
            broken,
            stuck,
            signer,
            pseudonym_key: options.pseudonym_key,
            guard,
            threads: Mutex::new(threads),
        })))
    }

    /// Runs `work` in a transaction and waits until it is durable. All or nothing: an error, a panic, or a write that
    /// appended no event leaves no trace. `work` may run more than once (after a serialisation failure or a lost
    /// server on PostgreSQL), so it must do nothing but use its `Tx`: it is `Fn`, and gives away clones.
    ///
    /// Dropping the future does not take the write back.
    pub async fn write<T, E>(
        &self,
        work: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit_write(work)?.await.unwrap_or_else(|_| Err(Error::Closed.into()))
    }

    /// [`Db::write`] for threads outside of a runtime; panics inside of one.
    pub fn write_blocking<T, E>(
        &self,
        work: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit_write(work)?.blocking_recv().unwrap_or_else(|_| Err(Error::Closed.into()))
    }

    /// Writes that wait for the one thread that makes them, without the group that it is at.
    #[cfg(feature = "testing")]
    pub(crate) fn waiting(&self) -> usize {
        self.0.writes.max_capacity() - self.0.writes.capacity()
    }

    /// Runs `work` on one moment of the database.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&mut Reader<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit_read(work)?.await.unwrap_or_else(|_| Err(self.unanswered().into()))
    }

    /// [`Db::read`] for threads outside of a runtime; panics inside of one.
    pub fn read_blocking<T, E>(
        &self,
        work: impl FnOnce(&mut Reader<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit_read(work)?.blocking_recv().unwrap_or_else(|_| Err(self.unanswered().into()))
    }

    /// The number of the last entry that this process has committed or seen; wakes whoever waits for more.
    pub fn ledger_watch(&self) -> watch::Receiver<u64> {
        self.0.committed.subscribe()
    }

    /// Wakes whoever runs jobs when this process has committed a new one.
    pub(crate) fn jobs_watch(&self) -> watch::Receiver<u64> {
        self.0.promised.subscribe()
    }

    pub fn engine(&self) -> Engine {
        self.0.url.engine()
    }

    /// Why nothing can be written at the moment: [`Error::Ledger`] where the ledger does not hold together.
    pub fn broken(&self) -> Option<Error> {
        self.0.broken.borrow().clone()
    }

    /// Why the last write that was tried could not be made: a full disk, a server that takes none. `None` again with the
    /// next one that succeeds, so whoever finds it set has to try now and then ([`Db::try_writing`]).
    pub fn stuck(&self) -> Option<Error> {
        self.0.stuck.borrow().clone()
    }

    /// Wakes when [`Db::stuck`] changes.
    pub fn stuck_watch(&self) -> watch::Receiver<Option<Error>> {
        self.0.stuck.subscribe()
    }

    /// Writes one small row, durably, to see whether that can be done.
    pub async fn try_writing(&self) -> Result<(), Error> {
        self.write(|tx| {
            tx.commit_silent("whether writes succeed is told by what watches it, not by each look");
            tx.execute(TRY_WRITING, &[]).map(drop)
        })
        .await
    }

    /// Whether reads are answered, the writer lives, the ledger can be appended to and the last write succeeded.
    pub async fn ready(&self) -> Result<(), Error> {
        if let Some(why) = self.broken().or_else(|| self.stuck()) {
            return Err(why);
        }
        if self.0.writes.is_closed() {
            return Err(Error::Closed);
        }
        self.read(|reader| ledger::head(reader).map(drop)).await
    }

    /// Writes a copy of this moment into the new file `to`, readable by its owner only, while writes go on. SQLite
    /// only: a PostgreSQL server has its own ways. Blocks.
    pub fn snapshot_to(&self, to: &Path) -> Result<(), Error> {
        match &self.0.url.0 {
            Target::Sqlite(path) => SqliteConn::open(path, Access::Write)?.snapshot(to),
            Target::Postgres(_) => Err(Error::Open(
                "a snapshot is a file of SQLite; use pg_basebackup or pg_dump for a server".to_owned(),
            )),
        }
    }

    /// One more connection, for who looks at the database as a whole.
    pub(crate) fn connect_beside(&self) -> Result<Conn, Error> {
        connect(&self.0.url, Access::Write, "beside")
    }

    /// A word that nobody had before.
    pub(crate) fn token(&self) -> String {
        self.0.signer.entropy.token::<10>()
    }

    pub(crate) fn migrations(&self) -> &[Migration] {
        &self.0.migrations
    }

    /// Where it is.
    pub fn url(&self) -> &DatabaseUrl {
        &self.0.url
    }

    /// What stands for a client's address in events.
    pub fn client_ref(&self, ip: ClientIp) -> ClientRef {
        self.0.pseudonym_key.client_ref(ip)
    }

    /// Now, by the clock the database was opened with.
    pub fn now(&self) -> Timestamp {
        self.0.signer.clock.now()
    }

    /// Finishes the writes that wait, ends the threads and closes the connections. Other clones get
    /// [`Error::Closed`] from then on. Blocks while writes finish.
    pub fn close(self) {
        let threads = std::mem::take(&mut *self.0.threads.lock().unwrap_or_else(PoisonError::into_inner));
        stop(&self.0.writes, || writer::Message::Stop);
        for _ in 1..threads.len() {
            stop(&self.0.reads, || readers::Message::Stop);
        }
        for thread in threads {
            // A thread that panicked has dropped its queue; there is nothing left to wait for.
            drop(thread.join());
        }
    }

    /// What the ledger has been called since it was begun.
    pub fn ledger_name(&self) -> &Origin {
        &self.0.signer.origin
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.0.signer
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// Tells this process's subscribers of entries that another process wrote.
    pub(crate) fn saw(&self, seq: u64) {
        self.0.committed.send_if_modified(|seen| std::mem::replace(seen, seq.max(*seen)) < seq);
    }

    /// Why a read got no answer.
    fn unanswered(&self) -> Error {
        if self.0.reads.is_closed() { Error::Closed } else { Error::Panicked }
    }

    fn submit_write<T, E>(
        &self,
        work: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, E>>, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (job, answer) = WriteJob::new(work);
        self.0.writes.try_send(writer::Message::Write(Box::new(job))).map_err(refused)?;
        Ok(answer)
    }

    fn submit_read<T, E>(
        &self,
        work: impl FnOnce(&mut Reader<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, E>>, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: readers::Job = Box::new(move |reader| {
            // Nobody may be waiting any more.
            drop(reply.send(reader.map_err(E::from).and_then(work)));
        });
        self.0.reads.try_send(readers::Message::Read(job)).map_err(refused)?;
        Ok(answer)
    }
}

fn refused<M, E: From<Error>>(why: mpsc::error::TrySendError<M>) -> E {
    match why {
        mpsc::error::TrySendError::Full(_) => Error::Full.into(),
        mpsc::error::TrySendError::Closed(_) => Error::Closed.into(),
    }
}

/// A full queue must not swallow the stop: its receiver is emptying it, so room comes.
fn stop<M>(queue: &mpsc::Sender<M>, message: impl Fn() -> M) {
    while let Err(mpsc::error::TrySendError::Full(_)) = queue.try_send(message()) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

pub(crate) fn connect(url: &DatabaseUrl, access: Access, node: &str) -> Result<Conn, Error> {
    match &url.0 {
        Target::Sqlite(path) => SqliteConn::open(Path::new(path), access).map(Conn::Sqlite),
        Target::Postgres(server) => {
            let conn = PgConn::open(server, &format!("storeward/{node}"))?;
            Ok(Conn::Postgres(Box::new(conn)))
        }
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Error> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|why| Error::Open(format!("no thread can be started: {why}")))
}
