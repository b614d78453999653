//! The rest of a body that is longer than can be had at once.

use crate::decode::Windows;
use crate::engine::Engine;
use crate::head::BodyEnd;
use crate::policy::Policy;
use crate::transaction::{Seen, Transaction};
use crate::verdict::{RuleMatch, Verdict};

/// The inspection of a body that streams. It owns all it needs, so that it can go where the body goes; engine and policy
/// are the ones that its transaction began with.
///
/// Memory is bounded by one window (64 KiB), whatever the body's length, beside what one `push` hands over.
pub struct BodyRest {
    seen: Seen,
    windows: Windows,
    taken: u64,
    finished: bool,
}

impl BodyRest {
    pub(crate) fn new(seen: Seen, windows: Windows, first: usize) -> BodyRest {
        BodyRest { seen, windows, taken: length(first), finished: false }
    }

    /// Shows the next bytes. After a verdict other than `Pass` nothing more may go on.
    pub fn push(&mut self, engine: &Engine, policy: &Policy, bytes: &[u8]) -> Verdict {
        self.taken += length(bytes.len());
        self.windows.push(bytes);
        self.read(engine, policy, BodyEnd::Truncated)
    }

    /// Says that the body has ended.
    pub fn finish(&mut self, engine: &Engine, policy: &Policy) -> Verdict {
        let verdict = self.read(engine, policy, BodyEnd::Complete);
        self.finished = !verdict.is_block();
        verdict
    }

    /// How many bytes, counted from the body's beginning, may go on. The last one only when the end is known and was
    /// looked at: until then nobody behind us has a whole request.
    pub fn released(&self) -> u64 {
        match self.finished {
            true => self.taken,
            false => self.windows.passed().min(self.taken.saturating_sub(1)),
        }
    }

    /// Every match so far, those of the head among them.
    pub fn matches(&self) -> &[RuleMatch] {
        self.seen.matches()
    }

    /// The sum of the scores so far.
    pub fn score(&self) -> u32 {
        self.seen.score()
    }

    fn read(&mut self, engine: &Engine, policy: &Policy, end: BodyEnd) -> Verdict {
        let seen = std::mem::take(&mut self.seen);
        let mut transaction = Transaction::resumed_with(engine, policy, seen);
        let verdict = transaction.read_windows(&mut self.windows, end);
        self.seen = transaction.into_seen();
        verdict
    }
}

impl std::fmt::Debug for BodyRest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyRest").field("taken", &self.taken).finish_non_exhaustive()
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
