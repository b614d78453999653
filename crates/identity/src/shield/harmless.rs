//! What a browser was answered before, about which the shop need not be asked again for the same browser: the very address, with all
//! its values, of a file by which nobody came in, and the very token of whoever is in. Never an address without its values: whoever
//! has a link would call it with a made-up secret first.

use std::collections::VecDeque;

use storeward_seal::fingerprint::token_hash;

/// So many are remembered of one browser, the latest: 2 KiB.
const MOST: usize = 128;
/// Digits of the hash that are kept: 128 bits.
const DIGITS: usize = 32;

/// By their hash alone.
#[derive(Debug, Default)]
pub struct Harmless(VecDeque<u128>);

impl Harmless {
    pub fn has(&self, what: &str) -> bool {
        self.0.contains(&mark(what))
    }

    pub fn add(&mut self, what: &str) {
        let mark = mark(what);
        if self.0.contains(&mark) {
            return;
        }
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(mark);
    }
}

fn mark(what: &str) -> u128 {
    let hash = token_hash(what);
    hash.get(..DIGITS).and_then(|digits| u128::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_keeps_no_text() {
        let mut harmless = Harmless::default();
        for n in 0..3 * MOST {
            harmless.add(&format!("/app.js?id={n}"));
            harmless.add(&format!("/app.js?id={n}"));
        }
        assert_eq!(harmless.0.len(), MOST);
        assert!(harmless.has(&format!("/app.js?id={}", 3 * MOST - 1)) && !harmless.has("/app.js?id=0"));
        assert!(!harmless.has("/app.js?id=") && !format!("{harmless:?}").contains("app.js"));
    }
}
