//! The log as a whole: opening, the hot paths' end of the queue, closing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use storeward_base::{Blame, Clock, Fault, FaultKind, Timestamp};
use storeward_detect::{Detector, DetectorStats, Finding};

use super::reader::AccessReader;
use super::record::AccessRecord;
use super::worker::{Message, Shared, Worker};

/// How much the log keeps. [`AccessOptions::new`] gives the figures in the comments.
#[derive(Clone, Debug)]
pub struct AccessOptions {
    /// Segments lie in `<dir>/access/`.
    pub dir: PathBuf,
    /// Records on their way from the hot paths: 16,384 (some 6 MB). When the queue is full the newest record is
    /// dropped and counted: making room would cost the hot path more than a missing line is worth.
    pub queue_records: usize,
    /// Records in memory: 100,000. At least 1,024.
    pub ring_records: usize,
    /// Bytes in memory: 64 MiB. At least 8 MiB.
    pub ring_bytes: usize,
    /// A segment is full at 16 MiB
    pub segment_bytes: u64,
    /// or after six hours.
    pub segment_age: Duration,
    /// Segments whose newest record is older are removed: 30 days.
    pub keep: Duration,
    /// The oldest segments are removed above 1 GiB in all.
    pub keep_bytes: u64,
    /// Records a single query or count of facets looks at: 200,000.
    pub scan_limit: u64,
    /// Records a live watcher may be behind: 1,024.
    pub live_records: usize,
}

impl AccessOptions {
    pub fn new(dir: &Path) -> Self {
        AccessOptions {
            dir: dir.to_owned(),
            queue_records: 16_384,
            ring_records: 100_000,
            ring_bytes: 64 * 1024 * 1024,
            segment_bytes: 16 * 1024 * 1024,
            segment_age: Duration::from_secs(6 * 3600),
            keep: Duration::from_secs(30 * 24 * 3600),
            keep_bytes: 1024 * 1024 * 1024,
            scan_limit: 200_000,
            live_records: 1_024,
        }
    }
}

/// The detector, and where its findings go. Called on the background thread; must not wait long.
pub struct Detection {
    pub detector: Detector,
    pub on_finding: Box<dyn FnMut(&Finding) + Send>,
}

impl fmt::Debug for Detection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detection").finish_non_exhaustive()
    }
}

/// The log could not be opened.
#[derive(Debug)]
pub enum AccessError {
    Directory { path: PathBuf, error: std::io::Error },
    Thread(std::io::Error),
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccessError::Directory { path, error } => {
                write!(f, "the access record in {} cannot be opened: {error}", path.display())
            }
            AccessError::Thread(error) => write!(f, "no thread for the access record: {error}"),
        }
    }
}

impl std::error::Error for AccessError {}

impl Fault for AccessError {
    fn kind(&self) -> FaultKind {
        FaultKind::Broken
    }
    fn blame(&self) -> Blame {
        Blame::Us
    }
    fn code(&self) -> &'static str {
        match self {
            AccessError::Directory { .. } => "access.directory",
            AccessError::Thread(_) => "access.thread",
        }
    }
}

/// What the log holds, lost and could not do. Anything but 0 in the figures marked with ! deserves an alarm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AccessStats {
    /// ! Records dropped because the queue was full or the log closed.
    pub dropped: u64,
    pub ring_records: usize,
    pub ring_bytes: usize,
    pub segments: usize,
    pub segment_bytes: u64,
    /// Time of the oldest record in the segments.
    pub oldest_at: Option<Timestamp>,
    /// ! Blocks that could not be written, and the records in them. They stay in memory while there is room.
    pub write_errors: u64,
    pub unwritten_records: u64,
    /// Bytes of torn tails cut off at the start: the program had been killed.
    pub cut_bytes: u64,
    /// ! Bytes found that are no block: the disk decays, or somebody edited a segment.
    pub damaged_bytes: u64,
    pub detector: DetectorStats,
    /// ! Detection failed (a fault in our program) and is off until the next start.
    pub detection_failed: bool,
}

/// The hot paths' end. Clone one per core.
#[derive(Clone, Debug)]
pub struct AccessWriter {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

impl AccessWriter {
    /// Hands a record over without waiting. When the queue is full this record is dropped and counted.
    pub fn push(&self, record: AccessRecord) {
        match self.queue.try_send(Message::Record(record)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Owns the background thread. Dropping it writes what is left and ends the thread.
#[derive(Debug)]
pub struct AccessLog {
    writer: AccessWriter,
    reader: AccessReader,
    thread: Option<JoinHandle<()>>,
}

impl AccessLog {
    /// Opens the directory, cuts a torn tail, fills memory and the last hour's figures from the newest segments, and
    /// starts the background thread. Reads files: some 100 ms for 100,000 records.
    pub fn open(
        options: &AccessOptions,
        clock: Arc<dyn Clock>,
        detection: Option<Detection>,
    ) -> Result<AccessLog, AccessError> {
        let dropped = Arc::new(AtomicU64::new(0));
        let dir = options.dir.join("access");
        let shared = Shared::open(options, &dir, clock.as_ref(), Arc::clone(&dropped))
            .map_err(|error| AccessError::Directory { path: dir.clone(), error })?;
        let shared = Arc::new(shared);
        let (queue, records) = sync_channel(options.queue_records.max(1));
        let worker = Worker::new(options, dir, Arc::clone(&shared), clock, detection);
        let thread = std::thread::Builder::new()
            .name("access".to_owned())
            .spawn(move || {
                // It is woken for every request, by the thread that serves it.
                storeward_host::wake_behind_others(rustix::process::getpriority_process(None).unwrap_or(0));
                worker.run(&records);
            })
            .map_err(AccessError::Thread)?;
        Ok(AccessLog {
            writer: AccessWriter { queue, dropped },
            reader: AccessReader { shared },
            thread: Some(thread),
        })
    }

    pub fn writer(&self) -> AccessWriter {
        self.writer.clone()
    }

    pub fn reader(&self) -> AccessReader {
        self.reader.clone()
    }

    /// Waits until everything pushed before is in memory, counted, judged and written. Blocks.
    pub fn flush(&self) {
        let (done, finished) = sync_channel(1);
        if self.writer.queue.send(Message::Flush(done)).is_ok() {
            // An error means that the thread ended, which flushes too.
            let _ = finished.recv();
        }
    }

    /// Writes what is left to the disk and ends. Blocks. Writers that are still about drop and count from now on.
    pub fn close(mut self) -> AccessStats {
        self.end();
        self.reader.stats()
    }

    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            // An error means that the thread ended already.
            let _ = self.writer.queue.send(Message::Close);
            let _ = thread.join();
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.end();
    }
}
