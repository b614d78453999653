//! What guessing at staff's sign-in is slowed down by. Each guess still has to meet a password and a code.

use std::time::Duration;

use storeward_base::{AddressBlock, WiderNetwork};
use storeward_detect::pace::{self, Drain, OnSuccess, Pace, Paced};

pub use storeward_detect::pace::Leave;

/// The counts of this domain.
pub type Throttle = pace::Throttle<Key>;

/// Keys kept at once.
pub const MOST_KEYS: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// The hash of an e-mail address as typed, whether an account has it or not.
    Account(String),
    Address(AddressBlock),
    /// A network around the block.
    Around(WiderNetwork),
}

/// Several members of staff may share an office's address.
const ADDRESS: Pace = Pace { free: 20, longest: Duration::from_secs(15 * 60) };

impl Paced for Key {
    fn pace(&self) -> Pace {
        match self {
            // A member of staff who mistypes must not be kept out for long by somebody else's guesses.
            Key::Account(_) => Pace { free: 5, longest: Duration::from_secs(5 * 60) },
            Key::Address(_) => ADDRESS,
            Key::Around(network) => pace::around(*network, ADDRESS),
        }
    }

    fn on_success(&self) -> OnSuccess {
        match self {
            Key::Account(_) => OnSuccess::Clear,
            Key::Address(_) | Key::Around(_) => OnSuccess::GiveBack,
        }
    }

    fn wider(&self) -> Vec<Self> {
        match self {
            Key::Address(block) => block.wider().into_iter().map(Key::Around).collect(),
            Key::Account(_) | Key::Around(_) => Vec::new(),
        }
    }

    fn drain(&self) -> Drain {
        match self {
            Key::Around(_) => pace::AROUND_DRAINS,
            Key::Account(_) | Key::Address(_) => Drain::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // ASVS 5.0 6.1.1: what is written down is what is in force.
    #[test]
    fn the_document_names_the_figures_in_force() {
        let block = "192.0.2.1".parse().unwrap();
        for (key, words) in
            [(Key::Account(String::new()), "one account"), (Key::Address(block), "one network")]
        {
            let pace = key.pace();
            let line =
                format!("| staff: {words} | {} | {} minutes |", pace.free, pace.longest.as_secs() / 60);
            assert!(include_str!("../../../../docs/asvs.md").contains(&line), "{line}");
        }
    }
}
