//! Clients through which pages of other sites attack: for a while what those pages send is refused. The person's own
//! requests pass, so nothing of it is worth a file or a look at the list of bans.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{AddressBlock, Timestamp};

/// How long. Longer than a page stays open; short, for a payment provider's page may send the person back this way.
const LENGTH: Duration = Duration::from_secs(600);
/// When there are more, the one that ends first goes.
const MAX_BLOCKS: usize = 10_000;

#[derive(Debug, Default)]
pub struct ForeignRefusals {
    count: AtomicUsize,
    until: Mutex<HashMap<AddressBlock, Timestamp>>,
}

impl ForeignRefusals {
    pub fn add(&self, block: AddressBlock, now: Timestamp) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= MAX_BLOCKS {
            until.retain(|_, end| now < *end);
        }
        if until.len() >= MAX_BLOCKS
            && let Some(first) = until.iter().min_by_key(|(_, end)| **end).map(|(block, _)| *block)
        {
            until.remove(&first);
        }
        until.insert(block, now.plus(LENGTH));
        self.count.store(until.len(), Ordering::Relaxed);
    }

    /// One atomic load while there are none.
    pub fn holds(&self, block: AddressBlock, now: Timestamp) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(end) = until.get(&block).copied() else { return false };
        if now < end {
            return true;
        }
        until.remove(&block);
        self.count.store(until.len(), Ordering::Relaxed);
        false
    }
}
