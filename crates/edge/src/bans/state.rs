//! What the book knows, changed under one lock: bans in force, the memory of earlier ones, staff's addresses, history.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use storeward_base::{AddressBlock, ClientIp, Timestamp};

use super::model::{Ended, Entry, PastBan};

/// Past bans kept for staff to look at; older ones are in the ledger.
const MAX_HISTORY: usize = 1_000;
/// Addresses of staff at most; beyond that the one whose lease ends soonest is forgotten.
const MAX_OPERATORS: usize = 1_000;
/// A clock that is set back by less than this is let be.
const CLOCK_SLACK: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct State {
    pub active: HashMap<AddressBlock, Arc<Entry>>,
    by_end: BTreeSet<(Timestamp, AddressBlock)>,
    /// Level of the last ban, and when it ends to count.
    memory: HashMap<AddressBlock, (u32, Timestamp)>,
    memory_by_end: BTreeSet<(Timestamp, AddressBlock)>,
    pub operators: HashMap<ClientIp, Timestamp>,
    /// Oldest first, each with its number.
    pub history: VecDeque<(u64, PastBan)>,
    next_past: u64,
    latest: Timestamp,
    pub made_room: u64,
    pub clock_resets: u64,
    /// The look-up must learn of staff's addresses anew.
    pub operators_changed: bool,
    /// Something changed since it was last saved.
    pub unsaved: bool,
}

/// Blocks that the hot path must be told of.
pub(super) type Changed = Vec<AddressBlock>;

impl State {
    /// Brings everything up to `now`: moves the leases when the clock was set back, ends what is over.
    pub fn settle(&mut self, now: Timestamp) -> Changed {
        let mut changed = Vec::new();
        if now.plus(CLOCK_SLACK) < self.latest {
            let back = self.latest.since(now);
            self.move_back(back);
            self.clock_resets += 1;
            changed.extend(self.active.keys().copied());
            self.latest = now;
        }
        self.latest = self.latest.max(now);
        while let Some((until, block)) = self.by_end.first().copied().filter(|(until, _)| *until <= now) {
            self.end(block, until, Ended::Expired);
            changed.push(block);
        }
        while let Some((_, block)) = self.memory_by_end.first().copied().filter(|(end, _)| *end <= now) {
            self.forget(block);
        }
        let before = self.operators.len();
        self.operators.retain(|_, until| *until > now);
        self.operators_changed |= self.operators.len() != before;
        changed
    }

    /// Takes up what a file said, as of `saved_at`.
    pub fn begin(&mut self, saved_at: Timestamp) {
        self.latest = saved_at;
    }

    pub fn add(&mut self, entry: Entry, memory: Duration, max_bans: usize) -> Changed {
        let mut changed = vec![entry.client.block()];
        let (block, until) = (entry.client.block(), entry.until);
        self.remember(block, entry.level, until.plus(memory), max_bans.saturating_mul(2));
        self.by_end.insert((until, block));
        self.active.insert(block, Arc::new(entry));
        while self.active.len() > max_bans.max(1) {
            let Some((_, soonest)) = self.by_end.first().copied() else { break };
            self.end(soonest, self.latest, Ended::MadeRoom);
            self.made_room += 1;
            changed.push(soonest);
        }
        self.unsaved = true;
        changed
    }

    /// Ends a ban and keeps it in the history.
    pub fn end(&mut self, block: AddressBlock, at: Timestamp, ended: Ended) -> Option<Arc<Entry>> {
        let entry = self.active.remove(&block)?;
        self.by_end.remove(&(entry.until, block));
        self.keep_past(PastBan { ban: entry.view(), ended_at: at, ended });
        self.unsaved = true;
        Some(entry)
    }

    pub fn keep_past(&mut self, past: PastBan) {
        self.history.push_back((self.next_past, past));
        self.next_past += 1;
        if self.history.len() > MAX_HISTORY {
            self.history.pop_front();
        }
    }

    /// The level that a ban beginning now has.
    pub fn next_level(&self, block: AddressBlock) -> u32 {
        self.memory.get(&block).map_or(1, |(level, _)| level.saturating_add(1))
    }

    pub fn remember(&mut self, block: AddressBlock, level: u32, until: Timestamp, most: usize) {
        self.forget(block);
        self.memory.insert(block, (level, until));
        self.memory_by_end.insert((until, block));
        // Beyond the bound, what would be forgotten soonest anyway goes first.
        while self.memory.len() > most.max(1) {
            let Some((_, first)) = self.memory_by_end.first().copied() else { break };
            self.forget(first);
        }
    }

    /// Earlier bans of the block count no more.
    pub fn forget(&mut self, block: AddressBlock) {
        if let Some((_, until)) = self.memory.remove(&block) {
            self.memory_by_end.remove(&(until, block));
        }
    }

    pub fn memory(&self) -> impl Iterator<Item = (AddressBlock, u32, Timestamp)> + '_ {
        self.memory.iter().map(|(block, (level, until))| (*block, *level, *until))
    }

    pub fn remembered(&self) -> usize {
        self.memory.len()
    }

    pub fn note_operator(&mut self, client: ClientIp, until: Timestamp) {
        self.operators.insert(client, until);
        self.operators_changed = true;
        if self.operators.len() > MAX_OPERATORS
            && let Some(first) = self.operators.iter().min_by_key(|(_, until)| **until).map(|(ip, _)| *ip)
        {
            self.operators.remove(&first);
        }
        self.unsaved = true;
    }

    pub fn is_operator(&self, block: AddressBlock) -> bool {
        self.operators.keys().any(|client| client.block() == block)
    }

    /// A lease is a span of time: when the clock jumps back, its end moves along.
    fn move_back(&mut self, by: Duration) {
        self.by_end.clear();
        for (block, entry) in &mut self.active {
            let moved =
                Entry { since: entry.since.minus(by), until: entry.until.minus(by), ..Entry::clone(entry) };
            self.by_end.insert((moved.until, *block));
            *entry = Arc::new(moved);
        }
        self.memory_by_end.clear();
        for (block, (_, until)) in &mut self.memory {
            *until = until.minus(by);
            self.memory_by_end.insert((*until, *block));
        }
        for until in self.operators.values_mut() {
            *until = until.minus(by);
        }
        self.operators_changed = true;
        self.unsaved = true;
    }
}
