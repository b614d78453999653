//! Milder than a ban, and so worth neither a file nor a line on the list of bans: clients through which pages of other
//! sites attack (what those pages send is refused, the person's own requests pass), and clients that solve a puzzle first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{AddressBlock, Timestamp};

/// How long foreign pages are refused. Longer than a page stays open; short, for a payment provider's page may send the
/// person back this way.
pub const FOREIGN: Duration = Duration::from_secs(600);
/// How long a puzzle is asked for: as long as a pass holds, so that nobody solves two.
pub const CHALLENGE: Duration = storeward_puzzle::PASS_LIFE;
/// When there are more, the one that ends first goes.
const MAX_BLOCKS: usize = 10_000;

/// Address blocks that something holds for, until its time is over.
#[derive(Debug)]
pub struct Timed {
    length: Duration,
    count: AtomicUsize,
    until: Mutex<HashMap<AddressBlock, Timestamp>>,
}

impl Timed {
    pub fn new(length: Duration) -> Self {
        Timed { length, count: AtomicUsize::new(0), until: Mutex::default() }
    }

    /// Until when it holds from now on.
    pub fn add(&self, block: AddressBlock, now: Timestamp) -> Timestamp {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= MAX_BLOCKS {
            until.retain(|_, end| now < *end);
        }
        if until.len() >= MAX_BLOCKS
            && let Some(first) = until.iter().min_by_key(|(_, end)| **end).map(|(block, _)| *block)
        {
            until.remove(&first);
        }
        let end = now.plus(self.length);
        until.insert(block, end);
        self.count.store(until.len(), Ordering::Relaxed);
        end
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
