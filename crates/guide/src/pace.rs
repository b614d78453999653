//! What asking is slowed down by.

use std::time::Duration;

use storeward_detect::pace::{OnSuccess, Pace, Paced, Throttle};

pub use storeward_detect::pace::Leave;

/// Keys kept at once.
const MOST_KEYS: usize = 50_000;

/// Keyed marks of networks: the address of IPv4, the /64 of IPv6.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Codes looked up; one that exists is given back.
    LookedUp(String),
    Reported(String),
}

impl Paced for Key {
    fn pace(&self) -> Pace {
        match self {
            // An office shares an address, and people mistype; 40 bits are out of reach either way.
            Key::LookedUp(_) => Pace { free: 10, longest: Duration::from_secs(10 * 60) },
            Key::Reported(_) => Pace { free: 6, longest: Duration::from_secs(30 * 60) },
        }
    }

    fn on_success(&self) -> OnSuccess {
        OnSuccess::GiveBack
    }
}

pub type Throttled = Throttle<Key>;

pub fn throttle() -> Throttled {
    Throttle::new(MOST_KEYS)
}
