//! When many guess at once, a client may solve a puzzle first: its requests are counted apart and wait in a lane of their
//! own. Whoever cannot, such as a browser without script, waits in the slower lane; nobody is refused for it.

use storeward_passwords::Lane;
use storeward_puzzle::{Answer, Purpose};

use super::devices::Known;
use super::{Identity, Shared};
use crate::error::Error;
use crate::model::{Account, Email};
use crate::throttle::Key;
use crate::visit::Visit;

/// From this part of what may wait for the pool on, in percent, sign-ins are hot.
const HOT_PERCENT: u64 = 50;

/// By which way a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a device that signed in to this account before.
    KnownDevice,
    /// With a solved puzzle.
    Solved,
    Plain,
}

impl Way {
    /// The count that this way uses up.
    pub fn key(self, key: Key) -> Key {
        match self {
            Way::Solved => Key::Solved(Box::new(key)),
            Way::KnownDevice | Way::Plain => key,
        }
    }

    pub const fn lane(self) -> Lane {
        match self {
            Way::KnownDevice => Lane::KnownDevice,
            Way::Solved => Lane::ProofOfWork,
            Way::Plain => Lane::Stranger,
        }
    }
}

impl Identity {
    /// A puzzle for a form, while it is hot for whoever sends it: the pool is half full, or this network or the account
    /// that was typed was tried often. Whether the account exists plays no part, nor how many letters it got.
    pub fn puzzle(&self, purpose: Purpose, visit: &Visit, typed: &str) -> Option<String> {
        let shared = &self.0;
        let block = visit.client.block();
        let keys = match purpose {
            Purpose::SignIn => vec![Key::Network(block), Key::Stranger(shared.marks.attempt(typed))],
            Purpose::SignUp | Purpose::Recovery | Purpose::Code => vec![Key::Begun(block)],
            Purpose::Pass => Vec::new(),
        };
        let is_hot = shared.passwords.pressure_percent() >= HOT_PERCENT
            || shared.throttle.is_warm(&keys, shared.now());
        is_hot.then(|| self.puzzle_now(purpose, visit))
    }

    /// For whoever was told to come later: with it solved, they need not wait for what others used up.
    pub fn puzzle_now(&self, purpose: Purpose, visit: &Visit) -> String {
        self.0.puzzles.ask(purpose, visit.client)
    }
}

impl Shared {
    /// The way of a request that brought this answer along, if any. A wrong one counts as none.
    pub fn way(&self, purpose: Purpose, visit: &Visit, answer: &str) -> Way {
        if answer.is_empty() {
            return Way::Plain;
        }
        match self.puzzles.check(purpose, visit.client, Answer(answer)) {
            Ok(()) => Way::Solved,
            Err(_) => Way::Plain,
        }
    }

    /// The account of an address, and whether this browser signed in to it before.
    pub async fn who(&self, visit: &Visit, email: Option<&Email>) -> Result<(Option<Account>, Known), Error> {
        let account = match email {
            Some(email) => self.account_by_email(email).await?,
            None => None,
        };
        let device = match &account {
            Some(account) => self.known_device(visit, account).await?,
            None => Known::No,
        };
        Ok((account, device))
    }
}
