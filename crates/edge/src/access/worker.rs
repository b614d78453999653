//! The background thread, and what it shares with readers.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use storeward_base::Clock;
use tokio::sync::broadcast;

use super::codec::BlockBuilder;
use super::counters::Counters;
use super::log::{AccessOptions, AccessStats, Detection};
use super::packed::Packed;
use super::reader::lock;
use super::record::AccessRecord;
use super::ring::Ring;
use super::segments::{Block, Keeping, Segment, SegmentWriter, open_directory};

/// A block is written at this size
const BLOCK_BYTES: usize = 64 * 1024;
/// or this many records (fewer than the smallest ring holds, so that none leaves memory unwritten)
const BLOCK_RECORDS: u32 = 512;
/// or after this time.
const BLOCK_AGE: Duration = Duration::from_secs(1);
/// Records handled under one lock.
const BATCH: usize = 512;
/// After a batch the thread sleeps this long, so that a busy hot path need not wake it for each record.
const GATHER: Duration = Duration::from_millis(5);
/// Between checks of what to remove.
const RETENTION_EVERY: Duration = Duration::from_secs(60);

/// What goes through the queue.
#[expect(clippy::large_enum_variant, reason = "a box would cost the hot path an allocation per request")]
pub(super) enum Message {
    Record(AccessRecord),
    Flush(SyncSender<()>),
    Close,
}

/// What the thread and the readers see.
#[derive(Debug)]
pub(super) struct Shared {
    ring: Mutex<Ring>,
    counters: Mutex<Counters>,
    segments: Mutex<Vec<Segment>>,
    losses: Mutex<AccessStats>,
    dropped: Arc<AtomicU64>,
    /// Gone once the log is closed.
    live: Mutex<Option<broadcast::Sender<Arc<AccessRecord>>>>,
    pub scan_limit: u64,
}

impl Shared {
    /// Reads the directory and fills memory from its newest records.
    pub fn open(
        options: &AccessOptions,
        dir: &Path,
        clock: &dyn Clock,
        dropped: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let opened = open_directory(dir)?;
        let mut segments = opened.segments;
        let mut ring = Ring::new(options.ring_records.max(1_024), options.ring_bytes.max(8 * 1024 * 1024));
        let mut counters = Counters::new();
        refill(&mut ring, &mut counters, &mut segments, clock);
        let losses = AccessStats {
            cut_bytes: opened.cut_bytes,
            damaged_bytes: opened.damaged_bytes,
            ..AccessStats::default()
        };
        Ok(Shared {
            ring: Mutex::new(ring),
            counters: Mutex::new(counters),
            segments: Mutex::new(segments),
            losses: Mutex::new(losses),
            dropped,
            live: Mutex::new(Some(broadcast::Sender::new(options.live_records.max(16)))),
            scan_limit: options.scan_limit.max(1),
        })
    }

    pub fn ring(&self) -> MutexGuard<'_, Ring> {
        lock(&self.ring)
    }

    pub fn counters(&self) -> MutexGuard<'_, Counters> {
        lock(&self.counters)
    }

    pub fn segments(&self) -> MutexGuard<'_, Vec<Segment>> {
        lock(&self.segments)
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Arc<AccessRecord>> {
        match &*lock(&self.live) {
            Some(sender) => sender.subscribe(),
            // The sender is dropped at once: the receiver hears the end.
            None => broadcast::channel(1).1,
        }
    }

    pub fn stats(&self) -> AccessStats {
        let mut stats = lock(&self.losses).clone();
        stats.dropped = self.dropped.load(Ordering::Relaxed);
        let (records, bytes) = {
            let ring = self.ring();
            (ring.len(), ring.bytes())
        };
        (stats.ring_records, stats.ring_bytes) = (records, bytes);
        let segments = self.segments();
        stats.segments = segments.len();
        stats.segment_bytes = segments.iter().map(|segment| segment.bytes).sum();
        stats.oldest_at = segments.iter().flat_map(|s| &s.blocks).map(|block| block.header.min_at).min();
        stats
    }
}

/// Takes whole blocks, newest last, as many as fit.
fn refill(ring: &mut Ring, counters: &mut Counters, segments: &mut [Segment], clock: &dyn Clock) {
    let now = clock.now();
    let mut taken: Vec<(&mut Block, Vec<AccessRecord>)> = Vec::new();
    let (mut records, mut bytes) = (0, 0);
    for block in segments.iter_mut().rev().flat_map(|segment| segment.blocks.iter_mut().rev()) {
        // A damaged block is left out here as it is in queries, which count it.
        let Ok(decoded) = block.read() else { continue };
        records += decoded.len();
        bytes += block.header.payload_bytes + decoded.len() * Packed::OVERHEAD;
        if !ring.has_room_for(records, bytes) {
            break;
        }
        taken.push((block, decoded));
    }
    for (block, decoded) in taken.into_iter().rev() {
        for record in decoded {
            counters.refill(&record, now);
            let arrival = ring.push(&record);
            block.first_arrival.get_or_insert(arrival);
        }
    }
}

/// The thread's own state.
pub(super) struct Worker {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    detection: Option<Detection>,
    files: SegmentWriter,
    block: BlockBuilder,
    block_begun: Instant,
    first_arrival: Option<u64>,
    retention_checked: Instant,
    batch: Vec<AccessRecord>,
}

#[derive(PartialEq)]
enum Next {
    Gather,
    Wait,
    End,
}

impl Worker {
    pub fn new(
        options: &AccessOptions,
        dir: PathBuf,
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        detection: Option<Detection>,
    ) -> Self {
        let keeping = Keeping {
            segment_bytes: options.segment_bytes,
            segment_age: options.segment_age,
            keep: options.keep,
            keep_bytes: options.keep_bytes,
        };
        let mut worker = Worker {
            shared,
            clock,
            detection,
            files: SegmentWriter::new(dir, keeping),
            block: BlockBuilder::default(),
            block_begun: Instant::now(),
            first_arrival: None,
            retention_checked: Instant::now(),
            batch: Vec::with_capacity(BATCH),
        };
        worker.enforce_retention();
        worker
    }

    pub fn run(mut self, queue: &Receiver<Message>) {
        let mut next = Next::Wait;
        while next != Next::End {
            if next == Next::Gather {
                std::thread::sleep(GATHER);
            }
            let wait = if self.block.count() > 0 { BLOCK_AGE / 4 } else { BLOCK_AGE };
            next = match queue.recv_timeout(wait) {
                Ok(first) => self.take(first, queue),
                Err(RecvTimeoutError::Timeout) => Next::Wait,
                Err(RecvTimeoutError::Disconnected) => Next::End,
            };
            if self.block_begun.elapsed() >= BLOCK_AGE {
                self.write_block();
            }
            if self.retention_checked.elapsed() >= RETENTION_EVERY {
                self.enforce_retention();
            }
        }
        self.write_block();
        *lock(&self.shared.live) = None;
        // Nobody is left to tell; the next start cuts whatever did not reach the disk.
        let _ = self.files.sync();
    }

    /// Handles what is in the queue now, batch by batch.
    fn take(&mut self, first: Message, queue: &Receiver<Message>) -> Next {
        let mut message = Some(first);
        while let Some(current) = message {
            match current {
                Message::Record(record) => {
                    self.batch.push(record);
                    if self.batch.len() >= BATCH {
                        self.handle_batch();
                    }
                }
                Message::Flush(done) => {
                    self.handle_batch();
                    self.write_block();
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
                Message::Close => {
                    // What was pushed before is before this in the queue, so it is in the batch at the latest.
                    self.handle_batch();
                    return Next::End;
                }
            }
            message = queue.try_recv().ok();
        }
        self.handle_batch();
        Next::Gather
    }

    fn handle_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let now = self.clock.now();
        let mut batch = std::mem::take(&mut self.batch);
        self.detect(&batch);
        {
            let mut counters = self.shared.counters();
            for record in &batch {
                counters.count(record, now);
            }
        }
        self.show_live(&batch);
        for record in batch.drain(..) {
            if self.block.count() == 0 {
                self.block_begun = Instant::now();
            }
            self.block.add(&record);
            let arrival = self.shared.ring().push(&record);
            self.first_arrival.get_or_insert(arrival);
            if self.block.len() >= BLOCK_BYTES || self.block.count() >= BLOCK_RECORDS {
                self.write_block();
            }
        }
        self.batch = batch;
    }

    fn show_live(&self, batch: &[AccessRecord]) {
        if let Some(live) = &*lock(&self.shared.live)
            && live.receiver_count() > 0
        {
            for record in batch {
                // An error means that the last watcher just left.
                let _ = live.send(Arc::new(record.clone()));
            }
        }
    }

    /// A fault in detection must not cost the record: it is switched off and shown in the figures.
    fn detect(&mut self, batch: &[AccessRecord]) {
        let Some(detection) = &mut self.detection else { return };
        let judged = catch_unwind(AssertUnwindSafe(|| {
            for record in batch {
                for finding in detection.detector.observe(&record.observation()) {
                    (detection.on_finding)(&finding);
                }
            }
            detection.detector.stats()
        }));
        let mut losses = lock(&self.shared.losses);
        match judged {
            Ok(stats) => losses.detector = stats,
            Err(_) => {
                losses.detection_failed = true;
                drop(losses);
                self.detection = None;
            }
        }
    }

    fn write_block(&mut self) {
        let first_arrival = self.first_arrival.take();
        let Some((bytes, header)) = self.block.finish() else { return };
        match self.files.append(&bytes, header, self.clock.now()) {
            Ok(block) => self.index(Block { first_arrival, ..block }, bytes.len()),
            Err(_) => {
                let mut losses = lock(&self.shared.losses);
                losses.write_errors += 1;
                losses.unwritten_records += u64::from(header.count);
            }
        }
    }

    fn index(&self, block: Block, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(0);
        let mut segments = self.shared.segments();
        match segments.last_mut() {
            Some(segment) if segment.path == block.path => {
                segment.bytes += bytes;
                segment.blocks.push(block);
            }
            _ => segments.push(Segment {
                path: Arc::clone(&block.path),
                bytes: bytes + block.offset,
                blocks: vec![block],
            }),
        }
    }

    fn enforce_retention(&mut self) {
        self.retention_checked = Instant::now();
        self.files.enforce_retention(&mut self.shared.segments(), self.clock.now());
    }
}
