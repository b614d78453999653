//! Walking the records from the newest to the oldest, over memory and files.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use storeward_base::{RequestId, Timestamp};

use super::filter::Filter;
use super::packed::Packed;
use super::record::AccessRecord;
use super::ring::Ring;
use super::segments::{Block, Segment};

/// Some records, newest first, and how much work it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page {
    #[serde(serialize_with = "records")]
    pub records: Vec<Arc<AccessRecord>>,
    /// What to pass as `before` for the next page; `None` when there is nothing older. May come with an empty page:
    /// then the scan limit was reached before anything matched, and asking on looks further back.
    pub next: Option<RequestId>,
    /// Records looked at, matching or not.
    pub scanned: u64,
    /// The scan limit was reached before the page was full.
    pub truncated: bool,
    /// Time of the oldest record looked at.
    pub reaches_back_to: Option<Timestamp>,
    /// Blocks of segment files that could not be read (decayed, or removed by retention meanwhile).
    pub unreadable_blocks: u64,
}

fn records<S: Serializer>(records: &[Arc<AccessRecord>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(records.iter().map(AsRef::as_ref))
}

/// A record's id and its `at` are the same moment, give or take this.
const SLACK: Duration = Duration::from_secs(60);

/// The records before a point in descending order of their ids, each once.
#[derive(Debug)]
pub(super) struct Descent {
    memory: std::vec::IntoIter<Arc<Packed>>,
    next_in_memory: Option<Arc<Packed>>,
    /// Those with the largest ids last.
    blocks: Vec<Block>,
    decoded: BinaryHeap<ById>,
    before: Option<RequestId>,
    not_before: Timestamp,
    last: Option<RequestId>,
    pub scanned: u64,
    pub reaches_back_to: Option<Timestamp>,
    pub unreadable_blocks: u64,
}

#[derive(Debug)]
struct ById(Arc<AccessRecord>);

impl Ord for ById {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.id.cmp(&other.0.id)
    }
}
impl PartialOrd for ById {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}
impl Eq for ById {}

/// What memory holds of a walk: taken under the ring's lock, before the list of blocks is looked at. In this order a
/// record that moves on meanwhile is seen in memory and not missed in a file.
#[derive(Debug)]
pub(super) struct MemoryPart {
    records: Vec<Arc<Packed>>,
    holds_from: u64,
    before: Option<RequestId>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl MemoryPart {
    pub fn take(ring: &Ring, filter: &Filter, before: Option<RequestId>, most: usize) -> Self {
        let (not_before, not_after) = filter.span();
        let end = end_of(not_after);
        let before = match (before, end) {
            (Some(before), Some(end)) => Some(before.min(end)),
            (before, end) => before.or(end),
        };
        MemoryPart {
            records: ring.newest(before, most),
            holds_from: ring.holds_from(),
            before,
            not_before,
            not_after,
        }
    }
}

/// The first id that is certainly later than `not_after`; `None` for no bound.
fn end_of(not_after: Timestamp) -> Option<RequestId> {
    let millis = u64::try_from(not_after.plus(SLACK).micros() / 1_000).ok()?;
    (millis < 1 << 48).then(|| RequestId::from_bits(u128::from(millis) << 80))
}

impl Descent {
    pub fn new(memory: MemoryPart, segments: &[Segment]) -> Self {
        let needed = |block: &&Block| {
            let header = &block.header;
            let in_memory = block.first_arrival.is_some_and(|arrival| arrival >= memory.holds_from);
            let in_time = header.max_at >= memory.not_before && header.min_at <= memory.not_after;
            !in_memory && in_time && memory.before.is_none_or(|before| header.min_id < before)
        };
        let all = segments.iter().flat_map(|segment| &segment.blocks);
        let mut blocks: Vec<Block> = all.filter(needed).cloned().collect();
        blocks.sort_by_key(|block| block.header.max_id);
        Descent {
            memory: memory.records.into_iter(),
            next_in_memory: None,
            blocks,
            decoded: BinaryHeap::new(),
            before: memory.before,
            not_before: memory.not_before.minus(SLACK),
            last: None,
            scanned: 0,
            reaches_back_to: None,
            unreadable_blocks: 0,
        }
    }

    fn decode_what_comes_before(&mut self, best: Option<RequestId>) -> Option<RequestId> {
        let mut best = best;
        while let Some(block) = self.blocks.pop_if(|block| best.is_none_or(|id| block.header.max_id >= id)) {
            match block.read() {
                Ok(records) => {
                    let wanted = records.into_iter().filter(|r| self.before.is_none_or(|b| r.id < b));
                    self.decoded.extend(wanted.map(|record| ById(Arc::new(record))));
                }
                Err(_) => self.unreadable_blocks += 1,
            }
            best = best.max(self.decoded.peek().map(|top| top.0.id));
        }
        best
    }

    fn step(&mut self) -> Option<Arc<AccessRecord>> {
        if self.next_in_memory.is_none() {
            self.next_in_memory = self.memory.next();
        }
        let in_memory = self.next_in_memory.as_ref().map(|record| record.id);
        let decoded = self.decoded.peek().map(|top| top.0.id);
        let best = self.decode_what_comes_before(in_memory.max(decoded))?;
        match in_memory == Some(best) {
            true => self.next_in_memory.take().map(|packed| Arc::new(packed.unpack())),
            false => self.decoded.pop().map(|top| top.0),
        }
    }
}

impl Iterator for Descent {
    type Item = Arc<AccessRecord>;

    fn next(&mut self) -> Option<Arc<AccessRecord>> {
        loop {
            let record = self.step()?;
            if self.last == Some(record.id) {
                continue;
            }
            self.last = Some(record.id);
            if record.id.made_at() < self.not_before {
                return None;
            }
            self.scanned += 1;
            self.reaches_back_to = Some(record.at);
            return Some(record);
        }
    }
}
