//! How the pages look: the shop's name, colour and contact; and who was asked about lately.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{PaymentId, Timestamp};
use storeward_seal::fingerprint::sha256_hex;

use super::contact::{Piece, pieces};

/// A buyer's page asks the provider about one payment no more often than this.
const ASKS_EVERY: Duration = Duration::from_secs(2);
/// The first so many times; afterwards [`ASKS_THEN_EVERY`], until nobody asked for [`ASKS_REMEMBERED`].
const ASKS_FIRST: u32 = 15;
const ASKS_THEN_EVERY: Duration = Duration::from_secs(20);
const ASKS_REMEMBERED: Duration = Duration::from_secs(600);
/// Payments that are remembered for it.
const MOST: usize = 2_000;
/// Payments about which buyers' pages have a provider asked at the same time.
const MOST_AT_ONCE: u32 = 16;
/// Where the config names no colour.
const COLOUR: &str = "#1f5f7a";

/// The shop's looks.
pub struct Look {
    pub(super) name: String,
    /// How to reach the shop's people; empty where the config does not say.
    pub(super) contact: Vec<Piece>,
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
        Look { name: name.to_owned(), contact: Vec::new(), css, seats: Seats::default(), version }
    }

    /// The same, and how to reach the shop's people: a mail address, a telephone number, a page, or words.
    #[must_use]
    pub fn with_contact(self, contact: Option<&str>) -> Self {
        Look { contact: contact.map(pieces).unwrap_or_default(), ..self }
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

/// When which payment was asked about, and how many are at this moment.
#[derive(Default)]
pub(super) struct Seats {
    asked: Mutex<HashMap<PaymentId, (Timestamp, u32)>>,
    taken: Arc<AtomicU32>,
}

/// One question under way. Dropping it makes room.
pub(super) struct Seat(Arc<AtomicU32>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Seats {
    /// Room for a question about a payment; nothing where it was asked about just now, or where as many are under way as may be.
    pub(super) fn take(&self, id: PaymentId, now: Timestamp) -> Option<Seat> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= MOST {
            asked.retain(|_, (at, _)| now.since(*at) < ASKS_REMEMBERED);
        }
        let before = asked.get(&id).copied().filter(|(at, _)| now.since(*at) < ASKS_REMEMBERED);
        let is_early = before.is_some_and(|(at, times)| {
            now.since(at) < if times < ASKS_FIRST { ASKS_EVERY } else { ASKS_THEN_EVERY }
        });
        // So many at once are no buyers: messages and the janitor see to theirs.
        if is_early || (asked.len() >= MOST && before.is_none()) {
            return None;
        }
        let seat = Seat(Arc::clone(&self.taken));
        if self.taken.fetch_add(1, Ordering::Relaxed) >= MOST_AT_ONCE {
            return None;
        }
        asked.insert(id, (now, before.map_or(1, |(_, times)| times.saturating_add(1))));
        Some(seat)
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
        assert!(seats.take(id, at).is_some() && seats.take(id, at.plus(Duration::from_secs(1))).is_none());
        assert!(seats.take(id, at.plus(ASKS_EVERY)).is_some());
        // Loaded for an hour: some ten seconds apart are enough for whoever waits that long.
        let second = Duration::from_secs(1);
        let asked = (10..3_610).filter(|after| seats.take(id, at.plus(second * *after)).is_some()).count();
        assert!((150..220).contains(&asked), "{asked} times in an hour");
    }

    #[test]
    fn many_payments_at_once_are_bounded_and_one_that_ended_makes_room() {
        let (seats, at) = (Seats::default(), Timestamp::from_seconds(1_800_000_000));
        let ask = || seats.take(PaymentId::at(at, &SystemEntropy), at);
        let held: Vec<_> = (0..100).filter_map(|_| ask()).collect();
        assert_eq!(held.len(), 16);
        drop(held);
        assert!(ask().is_some());
    }

    #[test]
    fn a_flood_of_payments_takes_no_memory_without_end() {
        let (seats, at) = (Seats::default(), Timestamp::from_seconds(1_800_000_000));
        let known = PaymentId::at(at, &SystemEntropy);
        assert!(seats.take(known, at).is_some());
        for _ in 0..3_000 {
            drop(seats.take(PaymentId::at(at, &SystemEntropy), at));
        }
        assert!(seats.asked.lock().unwrap().len() <= MOST);
        assert!(seats.take(known, at.plus(ASKS_EVERY)).is_some(), "who was there goes on");
    }
}
