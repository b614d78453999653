//! Where the shop may sign people in within the session that they have, an act that may do so is alone in the session until it is decided who is
//! signed in by it: what goes to the shop beside it would be done, or answered, as somebody whom no challenge held back. Nor is the shop asked too
//! late: a sign-out that goes right behind a sign-in would leave nobody to be found.

use std::sync::Arc;
use std::time::Duration;

use storeward_host::Unanswered;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};
use tokio::time::{sleep, timeout};

use super::Crossing;
use crate::shield::handles::{CALM, Entry, HEARD, QUIET};

/// A request waits so long for an act that is under way in the same session; then it is refused. So does a sign-in for what is at the shop.
const TURN: Duration = Duration::from_secs(10);
/// Any other act waits so long for that: a page that comes soon. An answer that is held open until there is news is overtaken.
const LOOKS: Duration = Duration::from_secs(2);

/// What a request holds of its session while the shop is at it.
#[derive(Default)]
pub struct Turn {
    /// Alone, where it may sign somebody in.
    pub act: Option<OwnedRwLockWriteGuard<()>>,
    look: Option<Look>,
    /// Somebody may have been signed in by no request that is known: it is asked who is in before an act goes, and after a page came.
    pub is_uneasy: bool,
}

/// A request that is no act.
struct Look {
    _at_shop: OwnedRwLockReadGuard<()>,
    /// So many were overtaken before it went.
    overtaken: u64,
    /// So often a client had said something in a tunnel before it went.
    words: u64,
}

impl Crossing {
    /// Waits until it may go to the shop. False where it takes too long, or where nothing may be changed yet.
    pub(super) async fn take_turn(&mut self, entry: &Arc<Entry>) -> bool {
        loop {
            if entry.is_suspect(self.guard.identity.0.now()) && !self.is_risky {
                (self.is_risky, self.is_watched) = (true, true);
            }
            let is_there = match self.is_risky {
                _ if !self.elevates() => true,
                true => self.act_alone(entry).await,
                false => self.look_beside(entry).await,
            };
            let now = self.guard.identity.0.now();
            // What it waited for may have come to an end that nobody knows.
            if !is_there || (!self.method.is_safe() && entry.is_barred(now)) {
                return false;
            }
            if self.is_risky || !entry.is_suspect(now) {
                self.turn.is_uneasy = self.elevates() && entry.is_uneasy(now);
                return true;
            }
            self.turn = Turn::default();
        }
    }

    async fn look_beside(&mut self, entry: &Arc<Entry>) -> bool {
        let Ok(turn) = timeout(TURN, entry.underway.clone().read_owned()).await else { return false };
        // Whoever wants all of it holds the other one.
        let at_shop = entry.looks.clone().read_owned().await;
        self.turn.look = Some(Look { _at_shop: at_shop, overtaken: entry.overtaken(), words: entry.words() });
        drop(turn);
        true
    }

    /// At a door nothing is overtaken: what the shop comes to behind a sign-in is done for whoever that was, and where it is a sign-out nobody is
    /// left to be asked about. Nor by whoever changes the name by which the shop knows them: with anything open beside it they would be another person.
    async fn act_alone(&mut self, entry: &Arc<Entry>) -> bool {
        // Others go on meanwhile, but for the end of it.
        let calm_in = entry.calm_in(self.guard.identity.0.now()).min(CALM);
        self.wait_for_calm(calm_in.saturating_sub(QUIET)).await;
        let Ok(alone) = timeout(TURN, entry.underway.clone().write_owned()).await else { return false };
        let is_door = self.door.is_some() || self.is_renaming();
        let is_alone = timeout(if is_door { TURN } else { LOOKS }, entry.looks.write()).await.is_ok();
        if is_door && (!is_alone || entry.has_lost_look(self.guard.identity.0.now())) {
            return false;
        }
        if !is_alone {
            entry.note_overtaken();
        }
        // What clients say waits from here on. Beside a chat that says something every few seconds no name would ever change.
        let now = self.guard.identity.0.now();
        let heard = entry.uneasy_for(now);
        let is_beside_words = self.is_renaming() && heard <= HEARD;
        self.wait_for_calm(if is_beside_words { heard } else { entry.calm_in(now).min(QUIET) }).await;
        self.turn.act = Some(alone);
        true
    }

    async fn wait_for_calm(&self, left: Duration) {
        if !self.is_watched && !left.is_zero() {
            sleep(left).await;
        }
    }

    /// Its answer is there. Whether an act went to the shop meanwhile: then it may be an answer to whomever that signed in.
    pub(super) fn was_overtaken(&mut self) -> bool {
        let Some(look) = self.turn.look.take() else { return false };
        let Some(held) = &self.held else { return false };
        // However long ago that was: the shop may come to the session at the end of a page alone.
        self.turn.is_uneasy |= held.entry.words() != look.words;
        held.entry.overtaken() != look.overtaken
    }

    /// No answer will come. What was never sent was done by nobody; where the shop broke off it came to no answer, and an act may be done all the same.
    pub(super) fn note_unanswered(&mut self, why: Unanswered) {
        match why {
            Unanswered::NotSent => {
                self.take_try_back();
                self.is_attached = false;
                self.turn = Turn::default();
            }
            Unanswered::BrokenOff => self.turn.look = None,
            Unanswered::Unknown => {}
        }
    }

    /// Whether the shop may be at it, and it is no act.
    pub(super) fn is_open_look(&self) -> bool {
        self.turn.look.is_some() && self.is_attached
    }
}
