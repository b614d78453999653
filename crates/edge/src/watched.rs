//! A request body that goes to the shop while it is still being judged: an element of it goes on only after it was looked
//! at, and the body's last byte only after all of it was. On a verdict the shop's connection is closed in the middle.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use storeward_inspect::{BodyRest, Category, Mode, Policy, RuleMatch, Verdict};

use crate::server::Core;

/// What the rules found in a body after its request had gone on to the shop. In mode `detect` it passed all the same.
pub type Late = Rc<RefCell<Option<RuleMatch>>>;

/// Whether the client has solved the puzzle that a doubtful request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    Open,
    Solved,
}

pub struct Watch {
    core: Rc<Core>,
    policy: Arc<Policy>,
    /// `None` after a fault of the engine: the rest passes, and staff are told.
    rest: Option<BodyRest>,
    /// What was taken in and not given out.
    queue: VecDeque<Bytes>,
    /// Bytes that were shown to the engine, put into the queue, given out; each counted from the body's beginning.
    shown: u64,
    queued: u64,
    given: u64,
    late: Late,
    challenge: Challenge,
    ended: bool,
}

impl Watch {
    /// `shown` bytes of the body were shown to `rest` before.
    pub fn new(
        core: &Rc<Core>,
        policy: &Arc<Policy>,
        (rest, shown): (BodyRest, usize),
        challenge: Challenge,
    ) -> Self {
        Watch {
            core: core.clone(),
            policy: policy.clone(),
            rest: Some(rest),
            queue: VecDeque::new(),
            shown: length(shown),
            queued: 0,
            given: 0,
            late: Late::default(),
            challenge,
            ended: false,
        }
    }

    pub fn late(&self) -> Late {
        self.late.clone()
    }

    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes in the next bytes of the body; the match for which it must not go on.
    pub fn take(&mut self, data: Bytes) -> Result<(), Box<RuleMatch>> {
        let known = usize::try_from(self.shown.saturating_sub(self.queued)).unwrap_or(usize::MAX);
        let fresh = data.slice(known.min(data.len())..);
        self.queued += length(data.len());
        self.queue.push_back(data);
        if fresh.is_empty() {
            return Ok(());
        }
        self.shown += length(fresh.len());
        self.judge(|rest, core, policy| rest.push(&core.shared.engine, policy, &fresh))
    }

    /// The body has ended.
    pub fn finish(&mut self) -> Result<(), Box<RuleMatch>> {
        self.ended = true;
        self.judge(|rest, core, policy| rest.finish(&core.shared.engine, policy))
    }

    /// What may go on now.
    pub fn give(&mut self) -> Option<Bytes> {
        let may = self.rest.as_ref().map_or(self.queued, BodyRest::released);
        let room = usize::try_from(may.saturating_sub(self.given)).unwrap_or(usize::MAX);
        let front = self.queue.front_mut().filter(|_| room > 0)?;
        let piece = front.split_to(room.min(front.len()));
        if front.is_empty() {
            self.queue.pop_front();
        }
        self.given += length(piece.len());
        Some(piece)
    }

    fn judge(
        &mut self,
        look: impl FnOnce(&mut BodyRest, &Core, &Policy) -> Verdict,
    ) -> Result<(), Box<RuleMatch>> {
        let Some(rest) = self.rest.as_mut() else { return Ok(()) };
        let (core, policy) = (&self.core, &self.policy);
        // The engine's state is thrown away after a panic, so that nobody sees it half changed.
        let Ok(verdict) = catch_unwind(AssertUnwindSafe(|| look(rest, core, policy))) else {
            self.rest = None;
            self.core.shared.inspection_failures.fetch_add(1, Relaxed);
            return Ok(());
        };
        let heaviest = || rest.matches().iter().max_by_key(|found| found.score).cloned();
        match verdict {
            Verdict::Pass => {
                if policy.mode == Mode::Detect && rest.score() >= policy.block_score {
                    self.late.borrow_mut().clone_from(&heaviest());
                }
                Ok(())
            }
            Verdict::Challenge if self.challenge == Challenge::Solved => Ok(()),
            // There is no puzzle in the middle of a body: closed, not open.
            // The one that weighs most is not what it was stopped for where that weighs nothing.
            Verdict::Block(reason) if reason.category == Category::CardNumber => {
                let named = rest.matches().iter().find(|found| found.category == Category::CardNumber);
                named.cloned().map_or(Ok(()), |found| Err(Box::new(found)))
            }
            Verdict::Challenge | Verdict::Block(_) => heaviest().map_or(Ok(()), |found| Err(Box::new(found))),
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("shown", &self.shown).finish_non_exhaustive()
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
