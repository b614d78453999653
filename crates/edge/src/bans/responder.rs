//! From findings to bans.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storeward_base::Actor;
use storeward_detect::{Finding, Response};
use storeward_events::detection::FindingRaised;
use storeward_host::{Emission, Emit};

use super::book::BanBook;
use super::model::{Ban, BanRefusal};
use super::options::BanMode;

/// Findings kept for staff to look at; all of them are in the ledger.
const MAX_RECENT: usize = 500;

/// What became of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The mode is off.
    Ignored,
    /// Stated as a fact.
    Noted,
    /// Stated as a fact; a puzzle is asked of the client from now on.
    Challenged,
    Banned(Ban),
    /// Stated as a fact; what other sites' pages send through this client is refused for a while.
    ForeignRefused,
    /// Stated as a fact; a ban was asked for, but must not be.
    NotBanned(BanRefusal),
}

/// States findings as facts and bans where the scenario and the mode say so.
pub struct Responder {
    book: Arc<BanBook>,
    emit: Arc<dyn Emit>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    mode: BanMode,
    recent: VecDeque<Finding>,
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responder").field("mode", &self.mode()).finish_non_exhaustive()
    }
}

impl Responder {
    pub fn new(book: Arc<BanBook>, emit: Arc<dyn Emit>, mode: BanMode) -> Self {
        Responder { book, emit, inner: Mutex::new(Inner { mode, recent: VecDeque::new() }) }
    }

    pub fn mode(&self) -> BanMode {
        self.inner().mode
    }

    /// Changes the mode from the next finding on. Bans in force stay.
    pub fn set_mode(&self, mode: BanMode) {
        self.inner().mode = mode;
    }

    /// Acts on a finding. Never waits.
    pub fn respond(&self, finding: &Finding) -> Reaction {
        let mode = {
            let mut inner = self.inner();
            if inner.mode == BanMode::Off {
                return Reaction::Ignored;
            }
            inner.recent.push_front(finding.clone());
            inner.recent.truncate(MAX_RECENT);
            inner.mode
        };
        let fact = FindingRaised {
            scenario: finding.scenario.to_owned(),
            client: self.emit.client_ref(finding.client),
            observations: finding.observations,
            first_at: finding.first_at,
        };
        self.emit.emit(Emission {
            at: finding.at,
            request: finding.request,
            client: Some(finding.client),
            event: fact.into(),
        });
        if mode == BanMode::Note || finding.response == Response::Note {
            return Reaction::Noted;
        }
        if let Response::RefuseForeign { minutes } = finding.response {
            self.book.refuse_foreign(finding.client, Duration::from_secs(u64::from(minutes) * 60));
            return Reaction::ForeignRefused;
        }
        if finding.response == Response::Challenge {
            // A crowd is never banned for what one of it does; one client that goes on behind the puzzle is.
            let goes_on = !finding.held_back && self.book.challenges(finding.client);
            if !goes_on {
                self.book.challenge(finding.client, finding.scenario);
                return Reaction::Challenged;
            }
        }
        match self.book.ban(finding.client, finding.scenario, Actor::System) {
            Ok(ban) => Reaction::Banned(ban),
            Err(refusal) => Reaction::NotBanned(refusal),
        }
    }

    /// The latest findings, newest first, at most 500; empty after a start.
    pub fn recent(&self) -> Vec<Finding> {
        self.inner().recent.iter().cloned().collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
