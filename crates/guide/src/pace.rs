//! What asking is slowed down by.

use std::time::Duration;

use storeward_base::{AddressBlock, CustomerId, WiderNetwork};
use storeward_detect::pace::{self, Drain, OnSuccess, Pace, Paced, Throttle, Vouched};

pub use storeward_detect::pace::Leave;

/// Keys kept at once.
const MOST_KEYS: usize = 50_000;

/// Networks: the address of IPv4, the /64 of IPv6, and those around.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Codes looked up; one that exists is given back.
    LookedUp(AddressBlock),
    /// Of people who are not signed in.
    Reported(AddressBlock),
    /// Of a customer who is, wherever they share an address.
    ReportedBy(CustomerId),
    LookedUpAround(WiderNetwork),
    ReportedAround(WiderNetwork),
}

/// An office shares an address, and people mistype; 40 bits are out of reach either way.
const LOOKED_UP: Pace = Pace { free: 10, longest: Duration::from_secs(10 * 60) };
/// When a wave of false messages comes, many of one office report at once: their network waits seconds, and forgets one every half a
/// minute.
const REPORTED: Pace = Pace { free: 6, longest: Duration::from_secs(60) };
const REPORTED_DRAINS: Drain = Drain::OneEvery(Duration::from_secs(30));

impl Paced for Key {
    fn pace(&self) -> Pace {
        match self {
            Key::LookedUp(_) => LOOKED_UP,
            Key::Reported(_) | Key::ReportedBy(_) => REPORTED,
            Key::LookedUpAround(network) => pace::around(*network, LOOKED_UP),
            Key::ReportedAround(network) => pace::around(*network, REPORTED),
        }
    }

    fn on_success(&self) -> OnSuccess {
        OnSuccess::GiveBack
    }

    fn wider(&self) -> Vec<Self> {
        match self {
            Key::LookedUp(block) => block.wider().into_iter().map(Key::LookedUpAround).collect(),
            Key::Reported(block) => block.wider().into_iter().map(Key::ReportedAround).collect(),
            Key::ReportedBy(_) | Key::LookedUpAround(_) | Key::ReportedAround(_) => Vec::new(),
        }
    }

    fn drain(&self) -> Drain {
        match self {
            Key::LookedUpAround(_) | Key::ReportedAround(_) => pace::AROUND_DRAINS,
            Key::Reported(_) | Key::ReportedBy(_) => REPORTED_DRAINS,
            Key::LookedUp(_) => Drain::Never,
        }
    }

    fn vouched(&self) -> Vouched {
        if matches!(self, Key::ReportedBy(_)) { Vouched::Yes } else { Vouched::No }
    }
}

pub type Throttled = Throttle<Key>;

pub fn throttle() -> Throttled {
    Throttle::new(MOST_KEYS)
}
