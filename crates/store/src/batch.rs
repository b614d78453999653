//! From the hot path into the ledger: a bounded queue that never makes its caller wait, and one thread that writes
//! what has gathered in one transaction.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use storeward_base::{Actor, ClientIp, ClientRef, EventId, RequestId, Timestamp};
use storeward_events::edge::EventsDropped;
use storeward_events::{Event, Record};
use tokio::sync::{mpsc, oneshot};

use crate::ledger::MAX_EVENT_BYTES;
use crate::{Db, Error, Tx, addresses};

/// Events that wait at most; behind it they are dropped and counted.
const QUEUE: usize = 8192;
/// Events of one transaction at most.
const BATCH: usize = 1024;
/// Waits between attempts to write a batch; when all have failed, its events count as dropped …
const RETRY_MS: [u64; 5] = [50, 200, 500, 1000, 2000];
/// … but where the database takes no writes at all: the events of the batch and of the queue wait until it does again.
const STUCK_RETRY: Duration = Duration::from_secs(2);

/// A fact as it leaves the hot path.
#[derive(Clone, Debug)]
pub struct Emission {
    pub at: Timestamp,
    pub request: Option<RequestId>,
    /// Whoever sent the request. Its reference stands in the event; the address goes into the address book.
    pub client: Option<ClientIp>,
    /// Who acted; without it the client, and without that the program.
    pub actor: Option<Actor>,
    pub event: Event,
}

/// Where the hot path puts events. Clones share the queue; when the last one is dropped, what waits is written and
/// the thread ends.
#[derive(Clone)]
pub struct EventSink {
    queue: mpsc::Sender<Waiting>,
    dropped: Arc<AtomicU64>,
    ended: Arc<Mutex<std::sync::mpsc::Receiver<()>>>,
}

/// The end of the thread that writes, for whoever stops the program.
pub struct SinkEnd {
    queue: mpsc::WeakSender<Waiting>,
    dropped: Arc<AtomicU64>,
    ended: Arc<Mutex<std::sync::mpsc::Receiver<()>>>,
}

impl SinkEnd {
    /// Waits, `at_most` so long, until nothing is written any more: when all sinks are dropped, or the database is closed.
    /// How many events were lost, those that still wait among them.
    pub fn wait(self, at_most: Duration) -> u64 {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing comes; that the other half is gone is what is waited for.
        let _ = ended.recv_timeout(at_most);
        let waiting = self.queue.upgrade().map_or(0, |queue| queue.max_capacity() - queue.capacity());
        self.dropped.load(Ordering::Relaxed).saturating_add(u64::try_from(waiting).unwrap_or(u64::MAX))
    }
}

struct Waiting {
    emission: Emission,
    reply: oneshot::Sender<Result<EventId, Error>>,
}

/// Resolves once the event is durable, to its id. May be dropped: the event is written all the same.
#[must_use = "drop it explicitly if nobody needs to know when the event is durable"]
pub struct Ack(oneshot::Receiver<Result<EventId, Error>>);

impl Future for Ack {
    type Output = Result<EventId, Error>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or(Err(Error::Closed)))
    }
}

impl EventSink {
    /// Starts the thread that writes.
    pub fn start(db: Db) -> Result<Self, Error> {
        let (sender, queue) = mpsc::channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        // Nothing is sent: the thread's half goes when it ends.
        let (end, ended) = std::sync::mpsc::channel();
        let drain = Drain { db, queue, dropped: Arc::clone(&dropped), _end: end };
        std::thread::Builder::new()
            .name("store-events".to_owned())
            .spawn(move || drain.run())
            .map_err(|why| Error::Open(format!("no thread can be started: {why}")))?;
        Ok(EventSink { queue: sender, dropped, ended: Arc::new(Mutex::new(ended)) })
    }

    /// To be taken before the last sink is dropped.
    pub fn end(&self) -> SinkEnd {
        SinkEnd {
            queue: self.queue.downgrade(),
            dropped: Arc::clone(&self.dropped),
            ended: Arc::clone(&self.ended),
        }
    }

    /// Hands an event over. Never waits, and may be called on any thread. `None`: the queue was full, and the event
    /// is dropped; how many were is written with the next batch.
    pub fn offer(&self, emission: Emission) -> Option<Ack> {
        let (reply, answer) = oneshot::channel();
        match self.queue.try_send(Waiting { emission, reply }) {
            Ok(()) => Some(Ack(answer)),
            Err(_) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Events dropped and not yet written down as such.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

struct Drain {
    db: Db,
    queue: mpsc::Receiver<Waiting>,
    dropped: Arc<AtomicU64>,
    _end: std::sync::mpsc::Sender<()>,
}

impl Drain {
    fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH {
                match self.queue.try_recv() {
                    Ok(next) => batch.push(next),
                    Err(_) => break,
                }
            }
            self.write(batch);
        }
    }

    fn write(&self, batch: Vec<Waiting>) {
        let lost = self.dropped.swap(0, Ordering::Relaxed);
        let (emissions, replies): (Vec<Emission>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.emission, waiting.reply)).unzip();
        let batch = Arc::new(Batch::new(&self.db, emissions, lost));
        let mut waits = RETRY_MS.iter();
        let outcome = loop {
            let writing = Arc::clone(&batch);
            match self.db.write_blocking(move |tx| writing.write(tx)) {
                Ok(ids) => break Ok(ids),
                // Not known to be written, so not written again: twice would be worse than counted as lost.
                Err(why @ (Error::Closed | Error::Unknown)) => break Err(why),
                Err(why) => match waits.next() {
                    Some(wait_ms) => std::thread::sleep(Duration::from_millis(*wait_ms)),
                    // Until the database is closed, which ends this.
                    None if why.stops_writes() => std::thread::sleep(STUCK_RETRY),
                    None => break Err(why),
                },
            }
        };
        match outcome {
            Ok(ids) => {
                for (reply, id) in replies.into_iter().zip(ids) {
                    drop(reply.send(id.ok_or(Error::EventTooLarge)));
                }
            }
            Err(why) => {
                let count = u64::try_from(replies.len()).unwrap_or(u64::MAX);
                self.dropped.fetch_add(lost.saturating_add(count), Ordering::Relaxed);
                replies.into_iter().for_each(|reply| drop(reply.send(Err(why.clone()))));
            }
        }
    }
}

/// What one transaction writes; it may be asked to do so more than once.
struct Batch {
    events: Vec<(Emission, Actor)>,
    /// Each client once, with its last sighting, in the order of its reference: two nodes that lock the same rows in
    /// different orders would wait for each other.
    clients: BTreeMap<ClientRef, (ClientIp, Timestamp)>,
    lost: u64,
}

impl Batch {
    fn new(db: &Db, emissions: Vec<Emission>, lost: u64) -> Self {
        let mut batch = Batch { events: Vec::new(), clients: BTreeMap::new(), lost };
        for emission in emissions {
            let client = emission.client.map(|ip| (db.client_ref(ip), ip));
            if let Some((client, ip)) = client {
                let seen = batch.clients.entry(client).or_insert((ip, emission.at));
                seen.1 = seen.1.max(emission.at);
            }
            let by_client = client.map(|(client, _)| Actor::Client { client });
            let actor = emission.actor.or(by_client).unwrap_or(Actor::System);
            batch.events.push((emission, actor));
        }
        batch
    }

    /// The ids of the events; `None` for one that is too large, which then counts as dropped.
    fn write(&self, tx: &mut Tx<'_>) -> Result<Vec<Option<EventId>>, Error> {
        for (client, (ip, at)) in &self.clients {
            addresses::note(tx, *client, *ip, *at)?;
        }
        let mut lost = self.lost;
        let mut records: Vec<Record> = Vec::with_capacity(self.events.len() + 1);
        let mut ids = Vec::with_capacity(self.events.len());
        for (emission, actor) in &self.events {
            let record = tx.record(emission.at, *actor, emission.request, emission.event.clone());
            if record.to_bytes().len() > MAX_EVENT_BYTES {
                lost = lost.saturating_add(1);
                ids.push(None);
                continue;
            }
            ids.push(Some(record.id));
            records.push(record);
        }
        if lost > 0 {
            let event = EventsDropped { count: lost }.into();
            records.push(tx.record(tx.now(), Actor::System, None, event));
        }
        tx.append_records(&records)?;
        Ok(ids)
    }
}
