//! How the pages look: the shop's name and colour; and who was asked about lately.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{PaymentId, Timestamp};
use storeward_seal::fingerprint::sha256_hex;

/// A buyer's page asks the provider about one payment no more often than this.
const ASKS_EVERY: Duration = Duration::from_secs(2);
/// Payments that are remembered for it.
const MOST: usize = 2_000;
/// Where the config names no colour.
const COLOUR: &str = "#1f5f7a";

/// The shop's looks.
pub struct Look {
    pub(super) name: String,
    pub(super) css: String,
    pub(super) seats: Seats,
    version: String,
}

impl Look {
    /// `colour` is `#rrggbb`.
    pub fn new(name: &str, colour: Option<&str>) -> Self {
        let colour = colour.filter(|colour| channels(colour).is_some()).unwrap_or(COLOUR);
        let css = include_str!("../../templates/pay.css")
            .replace("--accent: #1f5f7a", &format!("--accent: {colour}"))
            .replace("--on-accent: #fff", &format!("--on-accent: {}", ink_on(colour)));
        let version = sha256_hex(css.as_bytes()).chars().take(16).collect();
        Look { name: name.to_owned(), css, seats: Seats::default(), version }
    }

    pub(super) fn style_address(&self, path: &str) -> String {
        format!("{path}?v={}", self.version)
    }
}

fn channels(colour: &str) -> Option<[f64; 3]> {
    let digits = colour.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let channel = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok().map(f64::from);
    Some([channel(0)?, channel(2)?, channel(4)?])
}

/// White or nearly black, whichever can be read better on it (WCAG 2.2, relative luminance).
fn ink_on(colour: &str) -> &'static str {
    let linear = |value: f64| {
        let part = value / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    let Some([red, green, blue]) = channels(colour) else { return "#fff" };
    let light = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    if 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 { "#fff" } else { "#101418" }
}

/// When which payment was asked about.
#[derive(Default)]
pub(super) struct Seats(Mutex<HashMap<PaymentId, Timestamp>>);

impl Seats {
    /// Whether it may be asked about now.
    pub(super) fn take(&self, id: PaymentId, now: Timestamp) -> bool {
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seats.len() >= MOST {
            seats.retain(|_, at| now.since(*at) < ASKS_EVERY);
        }
        // So many at once are no buyers: messages and the janitor see to theirs.
        if seats.len() >= MOST || seats.get(&id).is_some_and(|at| now.since(*at) < ASKS_EVERY) {
            return false;
        }
        seats.insert(id, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SystemEntropy;

    #[test]
    fn what_stands_on_the_colour_can_be_read() {
        for (colour, ink) in
            [("#000000", "#fff"), ("#ffffff", "#101418"), ("#ffd400", "#101418"), ("#2f5d50", "#fff")]
        {
            assert_eq!(ink_on(colour), ink, "{colour}");
        }
        let look = Look::new("Shop", Some("#ffd400"));
        assert!(look.css.contains("--accent: #ffd400") && look.css.contains("--on-accent: #101418"));
        assert!(Look::new("Shop", Some("red;} *{")).css.contains(COLOUR));
    }

    #[test]
    fn a_page_that_is_loaded_again_and_again_asks_the_provider_once() {
        let (seats, at) = (Seats::default(), Timestamp::from_seconds(1_800_000_000));
        let id = PaymentId::at(at, &SystemEntropy);
        assert!(seats.take(id, at) && !seats.take(id, at.plus(Duration::from_secs(1))));
        assert!(seats.take(id, at.plus(ASKS_EVERY)));
    }
}
