//! Random words for ids and secrets, and dice that fall the same way for the same seed.

use std::sync::Mutex;

use aws_lc_rs::rand;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CAPITALS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// `length` letters and digits from the system's random source, as in Stripe's ids.
pub fn word(length: usize) -> String {
    drawn(length, LETTERS)
}

/// `length` capitals and digits, as in PayPal's ids.
pub fn capitals(length: usize) -> String {
    drawn(length, CAPITALS)
}

/// 13 capitals and digits that are not mistaken for each other, as in PayPal's ids of buyers.
pub fn payer() -> String {
    drawn(13, b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ")
}

fn drawn(length: usize, alphabet: &[u8]) -> String {
    let mut bytes = vec![0_u8; length];
    // The system's source does not fail once the process runs; zeros would only make ids collide, which a test sees.
    let _never = rand::fill(&mut bytes);
    bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}

/// Dice with a seed (splitmix64): the same faults and losses in each run of a test.
#[derive(Debug)]
pub struct Dice(Mutex<u64>);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(Mutex::new(seed))
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn below(&self, end: u64) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)).checked_rem(end).unwrap_or(0)
    }

    pub fn percent(&self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }
}
