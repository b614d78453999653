//! How many codes one network may bring: each is looked for in the database.

use std::time::Duration;

use storeward_base::{AddressBlock, ClientIp, WiderNetwork};
use storeward_detect::pace::{self, AROUND_DRAINS, Drain, OnSuccess, Pace, Paced, Throttle};

/// Networks that are counted at once.
const MOST_KEYS: usize = 10_000;
/// An office shares an address, and nobody signs in more often.
const BLOCK: Pace = Pace { free: 60, longest: Duration::from_secs(60) };
const DRAINS: Drain = Drain::OneEvery(Duration::from_secs(2));

pub type TakePace = Throttle<Key>;

pub fn takes() -> TakePace {
    Throttle::new(MOST_KEYS)
}

/// Who brings a code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    Block(AddressBlock),
    Around(WiderNetwork),
}

impl Key {
    pub fn of(client: ClientIp) -> Self {
        Key::Block(client.block())
    }
}

impl Paced for Key {
    fn pace(&self) -> Pace {
        match self {
            Key::Block(_) => BLOCK,
            Key::Around(network) => pace::around(*network, BLOCK),
        }
    }

    fn on_success(&self) -> OnSuccess {
        OnSuccess::GiveBack
    }

    fn wider(&self) -> Vec<Self> {
        match self {
            Key::Block(block) => block.wider().into_iter().map(Key::Around).collect(),
            Key::Around(_) => Vec::new(),
        }
    }

    fn drain(&self) -> Drain {
        match self {
            Key::Block(_) => DRAINS,
            Key::Around(_) => AROUND_DRAINS,
        }
    }
}
