//! Which puzzles were solved already: bounded, forgotten when the puzzles are over.

use std::collections::HashSet;
use std::time::Duration;

use storeward_base::Timestamp;

/// Solved puzzles kept in each half. Each cost somebody about a second of a core, so it takes two hundred cores to
/// fill a half within a puzzle's life; when one is full, nothing more counts as solved: closed, not open.
const MOST: usize = 200_000;

/// Two halves that take turns, so that nothing is looked through to forget.
#[derive(Debug)]
pub struct Spent {
    life: Duration,
    since: Timestamp,
    recent: HashSet<String>,
    older: HashSet<String>,
}

/// What became of a puzzle that was to be marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    First,
    Again,
    Full,
}

impl Spent {
    /// For puzzles that live so long.
    pub fn new(life: Duration, now: Timestamp) -> Self {
        Spent { life, since: now, recent: HashSet::new(), older: HashSet::new() }
    }

    pub fn holds(&self, nonce: &str) -> bool {
        self.recent.contains(nonce) || self.older.contains(nonce)
    }

    /// Marks a puzzle as solved.
    pub fn mark(&mut self, nonce: &str, now: Timestamp) -> Marked {
        self.turn(now);
        if self.holds(nonce) {
            return Marked::Again;
        }
        if self.recent.len() >= MOST {
            return Marked::Full;
        }
        self.recent.insert(nonce.to_owned());
        Marked::First
    }

    /// After a puzzle's life nothing of the older half can be shown again.
    fn turn(&mut self, now: Timestamp) {
        if now.since(self.since) >= self.life {
            self.older = std::mem::take(&mut self.recent);
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
    const LIFE: Duration = Duration::from_secs(60);

    #[test]
    fn nothing_is_forgotten_while_it_could_be_shown_again() {
        let mut spent = Spent::new(LIFE, NOW);
        let at = |seconds| NOW.plus(Duration::from_secs(seconds));
        assert_eq!(spent.mark("a", at(59)), Marked::First);
        assert_eq!(spent.mark("b", at(60)), Marked::First);
        assert_eq!(spent.mark("a", at(118)), Marked::Again);
        assert_eq!(spent.mark("c", at(121)), Marked::First);
        assert!(spent.holds("b") && !spent.holds("a"));
    }

    #[test]
    fn a_full_memory_is_closed() {
        let mut spent = Spent::new(LIFE, NOW);
        for n in 0..MOST {
            assert_eq!(spent.mark(&n.to_string(), NOW), Marked::First);
        }
        assert_eq!(spent.mark("one more", NOW), Marked::Full);
        assert_eq!(spent.mark("0", NOW), Marked::Again);
        assert_eq!(spent.mark("one more", NOW.plus(LIFE)), Marked::First);
    }
}
