//! From a bounded queue to the collector: in batches, again where that makes sense, and never for long at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use storeward_base::{Clock, Entropy, Secret, SystemClock, SystemEntropy};
use storeward_host::Stop;
use storeward_outbound::{Client, OutboundError, Reply, Request};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::otlp;
use super::span::Span;

/// Spans that wait at most; more are dropped and counted.
pub const QUEUE: usize = 2_048;
/// Spans of one export.
pub const BATCH: usize = 512;
/// What is queued at the end has this long to go out.
pub const FLUSH: Duration = Duration::from_secs(3);

/// How fast things go.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// A batch that does not fill up goes out after this long.
    every: Duration,
    /// Before the first repetition; each further one waits twice as long.
    first_wait: Duration,
    /// The longest wait, also where `Retry-After` asks for more.
    longest_wait: Duration,
    /// Tries of one batch; then it is dropped.
    tries: u32,
}

const PACE: Pace = Pace {
    every: Duration::from_secs(5),
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(60),
    tries: 5,
};

/// Takes spans; never waits.
#[derive(Clone, Debug)]
pub struct Exporter {
    queue: mpsc::Sender<Span>,
    dropped: Arc<AtomicU64>,
}

/// Sends what the [`Exporter`] took; to be run as a task.
#[derive(Debug)]
pub struct Sending {
    queue: mpsc::Receiver<Span>,
    dropped: Arc<AtomicU64>,
    client: Client,
    /// Checked once; every export is this with another body.
    template: Request,
    service_name: String,
    pace: Pace,
    /// Taken from the queue, not yet sent: kept here so that a stop in the middle loses none.
    batch: Vec<Span>,
    /// Whether the last batch failed: said once, and once more when it works again.
    failing: bool,
}

/// Why a batch did not arrive.
enum Missed {
    /// Worth another try, after this long if the collector says so.
    Again(Option<Duration>, String),
    /// The same bytes would fail again (OTLP specification, "Failures").
    Never(String),
}

impl Exporter {
    /// `endpoint` must be on the client's list. Fails for a URL or a header that cannot be sent.
    pub fn new(
        client: Client,
        endpoint: &str,
        service_name: &str,
        headers: &BTreeMap<String, Secret<String>>,
    ) -> Result<(Exporter, Sending), OutboundError> {
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let mut template = Request::post(&url, "application/json", "")?;
        for (name, value) in headers {
            template = template.header(name, value.expose())?;
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let exporter = Exporter { queue: sender, dropped: dropped.clone() };
        let sending = Sending {
            queue: receiver,
            dropped,
            client,
            template,
            service_name: service_name.to_owned(),
            pace: PACE,
            batch: Vec::new(),
            failing: false,
        };
        Ok((exporter, sending))
    }

    /// Queues spans; those that find no room are dropped and counted.
    pub fn push(&self, spans: Vec<Span>) {
        for span in spans {
            if self.queue.try_send(span).is_err() {
                self.count_dropped(1);
            }
        }
    }

    pub fn count_dropped(&self, spans: u64) {
        self.dropped.fetch_add(spans, Relaxed);
    }
}

impl Sending {
    /// Sends until every [`Exporter`] is gone; once the stop is given, no longer than [`FLUSH`] from then on.
    pub async fn run(mut self, stop: Stop) {
        tokio::select! {
            () = self.send_all() => {}
            () = stop.stopping() => self.flush().await,
        }
    }

    async fn send_all(&mut self) {
        loop {
            self.gather(Instant::now() + self.pace.every).await;
            if self.batch.is_empty() && self.queue.is_closed() && self.queue.is_empty() {
                return;
            }
            if !self.batch.is_empty() {
                self.deliver().await;
            }
        }
    }

    /// Fills the batch until it is full, the time is up, or no more will come. Safe to cancel.
    async fn gather(&mut self, until: Instant) {
        while self.batch.len() < BATCH {
            let room = BATCH - self.batch.len();
            match timeout_at(until, self.queue.recv_many(&mut self.batch, room)).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// Sends the batch, again and again if need be, and drops it when that is in vain.
    async fn deliver(&mut self) {
        let mut wait = self.pace.first_wait;
        for attempt in 1..=self.pace.tries {
            match self.send(&self.batch).await {
                Ok(()) => return self.worked(),
                Err(Missed::Never(why)) => return self.gave_up(&why),
                Err(Missed::Again(_, why)) if attempt == self.pace.tries => return self.gave_up(&why),
                Err(Missed::Again(asked, why)) => {
                    self.say_once(&why);
                    let pause = asked.unwrap_or_else(|| jittered(wait)).min(self.pace.longest_wait);
                    tokio::time::sleep(pause).await;
                    wait = wait.saturating_mul(2).min(self.pace.longest_wait);
                }
            }
        }
    }

    /// Sends what is left and what still comes from the feed, each batch once, within [`FLUSH`] in all.
    async fn flush(&mut self) {
        let until = Instant::now() + FLUSH;
        loop {
            // Something of the time is kept for the sending itself.
            self.gather(until - FLUSH / 2).await;
            if self.batch.is_empty() {
                return;
            }
            match timeout_at(until, self.send(&self.batch)).await {
                Ok(Ok(())) => self.worked(),
                Ok(Err(Missed::Again(_, why) | Missed::Never(why))) => return self.gave_up(&why),
                Err(_) => return self.gave_up("the program ends"),
            }
        }
    }

    async fn send(&self, batch: &[Span]) -> Result<(), Missed> {
        let body = otlp::request(&self.service_name, batch).to_string();
        match self.client.send(self.template.clone().body(body)).await {
            Ok(reply) => self.read(&reply),
            Err(e) if is_passing(&e) => Err(Missed::Again(None, e.to_string())),
            Err(e) => Err(Missed::Never(e.to_string())),
        }
    }

    /// The answers of OTLP/HTTP: only 429, 502, 503 and 504 are worth another try.
    fn read(&self, reply: &Reply) -> Result<(), Missed> {
        let status = reply.status.as_u16();
        let why = || format!("the collector answers {status}");
        match status {
            200..=299 => {
                self.dropped.fetch_add(otlp::rejected(&reply.body), Relaxed);
                Ok(())
            }
            429 | 502 | 503 | 504 => Err(Missed::Again(reply.retry_after(SystemClock.now()), why())),
            _ => Err(Missed::Never(why())),
        }
    }

    fn worked(&mut self) {
        self.batch.clear();
        if std::mem::take(&mut self.failing) {
            let lost = self.dropped.load(Relaxed).to_string();
            crate::run::log("info", "traces go out again", &[("spans_dropped", &lost)]);
        }
    }

    fn gave_up(&mut self, why: &str) {
        self.dropped.fetch_add(u64::try_from(self.batch.len()).unwrap_or(u64::MAX), Relaxed);
        self.batch.clear();
        self.say_once(why);
    }

    fn say_once(&mut self, why: &str) {
        if !std::mem::replace(&mut self.failing, true) {
            crate::run::log("warn", "traces do not go out", &[("why", why)]);
        }
    }
}

/// What may be otherwise a moment later: the collector is away, slow, or went away while it answered.
fn is_passing(error: &OutboundError) -> bool {
    matches!(
        error,
        OutboundError::Name { .. }
            | OutboundError::Connect { .. }
            | OutboundError::Timeout { .. }
            | OutboundError::Answer { .. }
    )
}

/// Between half the wait and the whole of it, so that many senders do not come back as one.
fn jittered(wait: Duration) -> Duration {
    let random = u16::from_be_bytes((&SystemEntropy as &dyn Entropy).bytes::<2>());
    wait.mul_f64(0.5 + f64::from(random) / f64::from(u16::MAX) / 2.0)
}

#[cfg(test)]
mod tests;
