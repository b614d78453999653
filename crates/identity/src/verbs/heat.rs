//! When many guess at once, a client may solve a puzzle first: its requests are counted apart and wait in a lane of their
//! own. Whoever cannot, such as a browser without script, waits in the slower lane; nobody is refused for it.

use storeward_base::AddressBlock;
use storeward_passwords::Lane;
use storeward_puzzle::{Answer, Harder, Purpose};

use super::devices::Known;
use super::{Identity, Shared};
use crate::error::Error;
use crate::model::{Account, Email};
use crate::throttle::{Key, Leave};
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
    /// The count that this way uses up, in the network that it came from.
    pub fn key(self, key: Key, block: AddressBlock) -> Key {
        match self {
            Way::Solved => key.solved(block),
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
        is_hot.then(|| self.puzzle_now(purpose, visit, typed))
    }

    /// For whoever was told to come later: with it solved, they need not wait for what others used up. The more were solved
    /// for the same name or in the same network lately, the harder it is.
    pub fn puzzle_now(&self, purpose: Purpose, visit: &Visit, typed: &str) -> String {
        self.puzzle_for(purpose, visit, &self.0.named(purpose, typed))
    }

    /// The same, where `named` counts what was solved for whatever it is about.
    pub(super) fn puzzle_for(&self, purpose: Purpose, visit: &Visit, named: &Key) -> String {
        let shared = &self.0;
        shared.puzzles.ask_harder(purpose, visit.client, shared.harder(purpose, visit, named))
    }
}

impl Shared {
    /// The way of a request that brought this answer along, if any. A wrong one counts as none. `typed` is the name or the
    /// address that the request is about.
    pub fn way(&self, purpose: Purpose, visit: &Visit, answer: &str, typed: &str) -> Way {
        self.way_for(purpose, visit, answer, self.named(purpose, typed))
    }

    /// The same, where `named` counts what was solved for whatever it is about. When that is used up, puzzles count no more.
    pub(super) fn way_for(&self, purpose: Purpose, visit: &Visit, answer: &str, named: Key) -> Way {
        if answer.is_empty() {
            return Way::Plain;
        }
        let harder = self.harder(purpose, visit, &named);
        match self.puzzles.check_harder(purpose, visit.client, Answer(answer), harder) {
            // It is counted so that the next puzzle is harder.
            Ok(()) => match self.throttle.attempt(&[named], self.now()) {
                Leave::Granted => Way::Solved,
                Leave::Wait { .. } => Way::Plain,
            },
            Err(_) => Way::Plain,
        }
    }

    /// The count of puzzles that were solved for a name or an address.
    fn named(&self, purpose: Purpose, typed: &str) -> Key {
        let typed = self.marks.attempt(typed);
        Key::SolvedFor(Box::new(match purpose {
            Purpose::SignIn => Key::Stranger(typed),
            Purpose::SignUp | Purpose::Recovery | Purpose::Code | Purpose::Pass => Key::Mail(typed),
        }))
    }

    fn harder(&self, purpose: Purpose, visit: &Visit, named: &Key) -> Harder {
        let block = visit.client.block();
        let network = match purpose {
            Purpose::SignIn => Key::Network(block),
            Purpose::SignUp | Purpose::Recovery | Purpose::Code | Purpose::Pass => Key::Begun(block),
        };
        let now = self.now();
        let of_name = self.throttle.attempts(named, now);
        // Many may share a network.
        let of_network = self.throttle.attempts(&network.solved(block), now) / 3;
        Harder::by(match of_name.max(of_network) {
            0..5 => 0,
            5..10 => 1,
            10..20 => 2,
            _ => 3,
        })
    }

    /// The account of an address, and whether this browser signed in to it before.
    pub async fn who(&self, visit: &Visit, email: Option<&Email>) -> Result<(Option<Account>, Known), Error> {
        let account = match email {
            Some(email) => self.account_by_email(email).await?,
            None => None,
        };
        let device = match &account {
            Some(account) => self.seen_device(visit, account).await?,
            None => Known::No,
        };
        Ok((account, device))
    }
}
