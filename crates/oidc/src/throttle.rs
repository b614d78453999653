//! Slows down whoever shows wrong secrets: by the network they come from, so that nobody can lock a client out by guessing in
//! its name. Secrets have 256 bits, so this is about load and noise, not about odds.

use std::time::Duration;

use storeward_base::{AddressBlock, ClientIp};
use storeward_detect::pace::{OnSuccess, Pace, Paced, Throttle};

/// Networks kept at once.
const MOST_NETWORKS: usize = 20_000;

/// Whose calls are counted. Networks around it are not: a shop's server may live beside whoever guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(AddressBlock);

impl Network {
    pub fn of(caller: ClientIp) -> Self {
        Network(caller.block())
    }
}

impl Paced for Network {
    /// A shop's server asks for many customers at once, so many may be on their way before the first answer gives its count
    /// back.
    fn pace(&self) -> Pace {
        Pace { free: 100, longest: Duration::from_secs(60) }
    }

    fn on_success(&self) -> OnSuccess {
        OnSuccess::GiveBack
    }
}

/// The count of calls that did not show who they are.
pub fn failures() -> Throttle<Network> {
    Throttle::new(MOST_NETWORKS)
}
