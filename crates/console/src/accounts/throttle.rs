//! What guessing at staff's sign-in is slowed down by. Each guess still has to meet a password and a code.

use std::time::Duration;

use storeward_detect::pace::{self, OnSuccess, Pace, Paced};

pub use storeward_detect::pace::Leave;

/// The counts of this domain.
pub type Throttle = pace::Throttle<Key>;

/// Keys kept at once.
pub const MOST_KEYS: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// The hash of an e-mail address as typed, whether an account has it or not.
    Account(String),
    /// An address block.
    Address(String),
}

impl Paced for Key {
    fn pace(&self) -> Pace {
        match self {
            // A member of staff who mistypes must not be kept out for long by somebody else's guesses.
            Key::Account(_) => Pace { free: 5, longest: Duration::from_secs(5 * 60) },
            // Several members of staff may share an office's address.
            Key::Address(_) => Pace { free: 20, longest: Duration::from_secs(15 * 60) },
        }
    }

    fn on_success(&self) -> OnSuccess {
        match self {
            Key::Account(_) => OnSuccess::Clear,
            Key::Address(_) => OnSuccess::GiveBack,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // ASVS 5.0 6.1.1: what is written down is what is in force.
    #[test]
    fn the_document_names_the_figures_in_force() {
        for (key, words) in
            [(Key::Account(String::new()), "one account"), (Key::Address(String::new()), "one network")]
        {
            let pace = key.pace();
            let line =
                format!("| staff: {words} | {} | {} minutes |", pace.free, pace.longest.as_secs() / 60);
            assert!(include_str!("../../../../docs/asvs.md").contains(&line), "{line}");
        }
    }
}
