//! What is known of each key of one kind, for a bounded number of keys.
//!
//! Two queues, each from the longest unseen to the latest seen. A new key stands in the first; one that comes on a second
//! day, or of which something bad is known, in the second, which takes at most half of the places. Whoever is let go is the
//! longest unseen of the first. So a flood of new keys pushes out other new keys, never those of regular customers.

use std::collections::HashMap;

use crate::attempt::Mark;
use crate::codec::{Malformed, Reader, Writer};
use crate::profile::Profile;

/// No slot.
const NONE: usize = usize::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    Fresh,
    Kept,
}

#[derive(Clone, Debug)]
struct Slot {
    mark: Mark,
    profile: Profile,
    queue: Queue,
    older: usize,
    newer: usize,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    oldest: usize,
    newest: usize,
    length: usize,
}

const EMPTY: Ends = Ends { oldest: NONE, newest: NONE, length: 0 };

#[derive(Clone, Debug)]
pub(crate) struct Table {
    most: usize,
    index: HashMap<Mark, usize>,
    slots: Vec<Slot>,
    fresh: Ends,
    kept: Ends,
    /// Keys let go because all places were in use.
    pub let_go: u64,
}

impl Table {
    /// Of at least two places.
    pub fn new(most: usize) -> Self {
        Table {
            most: most.max(2),
            index: HashMap::new(),
            slots: Vec::new(),
            fresh: EMPTY,
            kept: EMPTY,
            let_go: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn get(&self, mark: Mark) -> Option<&Profile> {
        self.index.get(&mark).map(|at| &self.slots[*at].profile)
    }

    /// What is known of a key, to be changed without counting as a visit.
    pub fn get_mut(&mut self, mark: Mark) -> Option<&mut Profile> {
        self.index.get(&mark).map(|at| &mut self.slots[*at].profile)
    }

    /// What is known of a key that is there now; it is the latest seen from here on.
    pub fn visit(&mut self, mark: Mark, now_seconds: i64) -> &mut Profile {
        let at = match self.index.get(&mark) {
            Some(at) => {
                let at = *at;
                self.unlink(at);
                if self.slots[at].profile.is_regular(now_seconds) {
                    self.slots[at].queue = Queue::Kept;
                }
                at
            }
            None => self.place_for(mark),
        };
        self.link_newest(at);
        if self.kept.length > self.most / 2 {
            let back = self.kept.oldest;
            self.unlink(back);
            self.slots[back].queue = Queue::Fresh;
            self.link_newest(back);
        }
        &mut self.slots[at].profile
    }

    /// A slot in no queue. The fresh ones have at least half of the places, so one of them can always be let go.
    fn place_for(&mut self, mark: Mark) -> usize {
        if self.slots.len() < self.most {
            let at = self.slots.len();
            let slot =
                Slot { mark, profile: Profile::default(), queue: Queue::Fresh, older: NONE, newer: NONE };
            self.slots.push(slot);
            self.index.insert(mark, at);
            return at;
        }
        let at = self.fresh.oldest;
        self.unlink(at);
        self.index.remove(&self.slots[at].mark);
        self.index.insert(mark, at);
        let slot = &mut self.slots[at];
        (slot.mark, slot.profile, slot.queue) = (mark, Profile::default(), Queue::Fresh);
        self.let_go += 1;
        at
    }

    fn ends(&mut self, queue: Queue) -> &mut Ends {
        match queue {
            Queue::Fresh => &mut self.fresh,
            Queue::Kept => &mut self.kept,
        }
    }

    fn unlink(&mut self, at: usize) {
        let Slot { queue, older, newer, .. } = self.slots[at];
        match self.slots.get_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.ends(queue).oldest = newer,
        }
        match self.slots.get_mut(newer) {
            Some(slot) => slot.older = older,
            None => self.ends(queue).newest = older,
        }
        self.ends(queue).length -= 1;
    }

    fn link_newest(&mut self, at: usize) {
        let queue = self.slots[at].queue;
        let before = self.ends(queue).newest;
        (self.slots[at].older, self.slots[at].newer) = (before, NONE);
        match self.slots.get_mut(before) {
            Some(slot) => slot.newer = at,
            None => self.ends(queue).oldest = at,
        }
        let ends = self.ends(queue);
        ends.newest = at;
        ends.length += 1;
    }

    pub fn write(&self, to: &mut Writer) {
        to.number(self.let_go);
        for ends in [self.fresh, self.kept] {
            to.length(ends.length);
            let mut at = ends.oldest;
            while let Some(slot) = self.slots.get(at) {
                to.number(slot.mark.0);
                slot.profile.write(to);
                at = slot.newer;
            }
        }
    }

    pub fn read(most: usize, from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut table = Table::new(most);
        table.let_go = from.number()?;
        for queue in [Queue::Fresh, Queue::Kept] {
            for _ in 0..from.length(usize::MAX)? {
                let mark = Mark(from.number()?);
                let profile = Profile::read(from)?;
                if table.slots.len() >= table.most || table.index.contains_key(&mark) {
                    return Err(Malformed);
                }
                if queue == Queue::Kept && table.kept.length >= table.most / 2 {
                    return Err(Malformed);
                }
                let at = table.slots.len();
                table.slots.push(Slot { mark, profile, queue, older: NONE, newer: NONE });
                table.index.insert(mark, at);
                table.link_newest(at);
            }
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn see(table: &mut Table, mark: u64, now: i64) {
        table.visit(Mark(mark), now).count(now, None);
    }

    #[test]
    fn a_flood_of_new_keys_pushes_out_new_keys_only() {
        let mut table = Table::new(100);
        for mark in 0..40 {
            see(&mut table, mark, 0);
            see(&mut table, mark, DAY);
        }
        for mark in 1_000..100_000 {
            see(&mut table, mark, 2 * DAY);
        }
        assert_eq!(table.len(), 100);
        assert!((0..40).all(|mark| table.get(Mark(mark)).is_some()));
        assert_eq!(table.let_go, 99_000 - 60);
        assert!(table.get(Mark(99_999)).is_some() && table.get(Mark(1_000)).is_none());
    }

    #[test]
    fn regulars_have_half_of_the_places() {
        let mut table = Table::new(10);
        for mark in 0..50 {
            see(&mut table, mark, 0);
            see(&mut table, mark, DAY);
        }
        assert_eq!((table.len(), table.kept.length, table.fresh.length), (10, 5, 5));
        assert!((45..50).all(|mark| table.get(Mark(mark)).is_some()));
    }

    #[test]
    fn what_was_written_goes_on_as_if_nothing_had_happened() {
        let mut table = Table::new(20);
        for step in 0..500_i64 {
            see(&mut table, (step * step).cast_unsigned() % 37, step * 20_000);
        }
        let mut bytes = Writer::default();
        table.write(&mut bytes);
        let mut again = Table::read(20, &mut Reader(&bytes.0)).unwrap();
        for step in 500..600_i64 {
            see(&mut table, (step * step).cast_unsigned() % 37, step * 20_000);
            see(&mut again, (step * step).cast_unsigned() % 37, step * 20_000);
        }
        let (mut one, mut other) = (Writer::default(), Writer::default());
        table.write(&mut one);
        again.write(&mut other);
        assert_eq!(one.0, other.0);
        assert!(Table::read(4, &mut Reader(&bytes.0)).is_err(), "more than there is room for");
    }
}
