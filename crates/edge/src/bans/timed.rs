//! Milder than a ban, and so worth neither a file nor a line on the list of bans: clients through which pages of other
//! sites attack (what those pages send is refused, the person's own requests pass), and clients that solve a puzzle first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{AddressBlock, Timestamp};

/// How long a puzzle is asked for: as long as a pass holds, so that nobody solves two.
pub const CHALLENGE: Duration = storeward_puzzle::PASS_LIFE;
/// When there are more, the one that ends first goes.
const MAX_BLOCKS: usize = 10_000;

/// Address blocks that something holds for, until its time is over.
#[derive(Debug, Default)]
pub struct Timed {
    count: AtomicUsize,
    until: Mutex<HashMap<AddressBlock, Timestamp>>,
}

impl Timed {
    /// Until when it holds from now on; what holds for longer already stays. Of foreign pages: longer than a page stays
    /// open; short, for a payment provider's page may send the person back this way.
    pub fn add(&self, block: AddressBlock, now: Timestamp, length: Duration) -> Timestamp {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= MAX_BLOCKS {
            until.retain(|_, end| now < *end);
        }
        if until.len() >= MAX_BLOCKS
            && let Some(first) = until.iter().min_by_key(|(_, end)| **end).map(|(block, _)| *block)
        {
            until.remove(&first);
        }
        let end = until.get(&block).copied().unwrap_or(now).max(now.plus(length));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_refusal_is_not_cut_short() {
        let refusals = Timed::default();
        let block = storeward_base::ClientIp::new([192, 0, 2, 1].into()).block();
        let at = |minutes: i64| Timestamp::from_seconds(minutes * 60);
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        refusals.add(block, at(0), minutes(60));
        refusals.add(block, at(5), minutes(10));
        assert!(refusals.holds(block, at(59)));
        assert!(!refusals.holds(block, at(60)));
        refusals.add(block, at(70), minutes(10));
        assert!(refusals.holds(block, at(79)) && !refusals.holds(block, at(80)));
    }
}
