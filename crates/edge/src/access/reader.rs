//! Asking the log. All of it may read files: call it from a thread that may block (`spawn_blocking`), except for
//! [`AccessReader::heat`], [`AccessReader::rates`], [`AccessReader::totals`], [`AccessReader::stats`] and
//! [`AccessReader::subscribe`], which take a short lock that the hot path never takes.

use std::sync::{Arc, MutexGuard, PoisonError};

use storeward_base::{RequestId, Timestamp};

use super::counters::{Heat, Rates, Totals};
use super::facets::{FacetCounter, Facets};
use super::filter::Filter;
use super::live::LiveRecords;
use super::log::AccessStats;
use super::query::{Descent, MemoryPart, Page};
use super::record::AccessRecord;
use super::segments::Block;
use super::worker::Shared;

/// Reads the log; cheap to clone.
#[derive(Clone, Debug)]
pub struct AccessReader {
    pub(super) shared: Arc<Shared>,
}

impl AccessReader {
    /// Records a page may hold at most.
    pub const MAX_LIMIT: usize = 1_000;

    /// At most `limit` records that the filter takes and that are older than `before`, newest first.
    pub fn query(&self, filter: &Filter, before: Option<RequestId>, limit: usize) -> Page {
        let limit = limit.clamp(1, Self::MAX_LIMIT);
        let most = self.shared.scan_limit;
        let mut descent = self.descent(filter, before);
        let mut page = Page {
            records: Vec::new(),
            next: None,
            scanned: 0,
            truncated: false,
            reaches_back_to: None,
            unreadable_blocks: 0,
        };
        let mut last_seen = None;
        loop {
            if page.records.len() == limit || descent.scanned >= most {
                page.truncated = page.records.len() < limit;
                page.next = last_seen;
                break;
            }
            let Some(record) = descent.next() else { break };
            last_seen = Some(record.id);
            if filter.matches(&record) {
                page.records.push(record);
            }
        }
        page.scanned = descent.scanned;
        page.reaches_back_to = descent.reaches_back_to;
        // Looks one further, so that a last page that is just full does not promise another.
        if page.next.is_some() && descent.next().is_none() {
            page.next = None;
            page.truncated = false;
        }
        page.unreadable_blocks = descent.unreadable_blocks;
        page
    }

    /// One request by the reference number its client was shown.
    pub fn get(&self, id: RequestId) -> Option<Arc<AccessRecord>> {
        if let Some(record) = self.shared.ring().get(id) {
            return Some(Arc::new(record));
        }
        let blocks: Vec<Block> = {
            let segments = self.shared.segments();
            let all = segments.iter().flat_map(|segment| &segment.blocks);
            all.filter(|block| block.may_hold(id)).cloned().collect()
        };
        for block in blocks.iter().rev() {
            let found = block.read().ok().and_then(|records| records.into_iter().find(|r| r.id == id));
            if let Some(record) = found {
                return Some(Arc::new(record));
            }
        }
        None
    }

    /// The most frequent values per field among what the filter takes, newest records first up to the scan limit.
    pub fn facets(&self, filter: &Filter) -> Facets {
        let most = self.shared.scan_limit;
        let mut descent = self.descent(filter, None);
        let mut counter = FacetCounter::new();
        let mut truncated = false;
        while let Some(record) = descent.next() {
            if filter.matches(&record) {
                counter.count(&record);
            }
            if descent.scanned >= most {
                truncated = descent.next().is_some();
                break;
            }
        }
        Facets {
            matched: counter.matched,
            facets: counter.finish(),
            scanned: descent.scanned.min(most),
            truncated,
            reaches_back_to: descent.reaches_back_to,
        }
    }

    /// The last sixty minutes.
    pub fn heat(&self, now: Timestamp) -> Heat {
        self.shared.counters().heat(now)
    }

    pub fn rates(&self, now: Timestamp) -> Rates {
        self.shared.counters().rates(now)
    }

    pub fn totals(&self) -> Totals {
        self.shared.counters().totals()
    }

    /// What the log itself holds, lost and could not do.
    pub fn stats(&self) -> AccessStats {
        self.shared.stats()
    }

    /// Watches records come in that the filter takes.
    pub fn subscribe(&self, filter: Filter) -> LiveRecords {
        LiveRecords::new(self.shared.subscribe(), filter)
    }

    fn descent(&self, filter: &Filter, before: Option<RequestId>) -> Descent {
        let most = usize::try_from(self.shared.scan_limit).unwrap_or(usize::MAX).saturating_add(1);
        let memory = {
            let ring: MutexGuard<'_, _> = self.shared.ring();
            MemoryPart::take(&ring, filter, before, most)
        };
        Descent::new(memory, &self.shared.segments())
    }
}

pub(super) fn lock<T>(mutex: &std::sync::Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
