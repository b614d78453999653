//! What is written down of a request when it ends: one access record, and events for what is not ordinary.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::Method;
use http::header::{self, HeaderMap};
use storeward_events::edge::CardNumberMasked;
use storeward_host::Emission;
use storeward_inspect::cards;

use crate::access::{AccessRecord, ParameterNames, short_content_type};
use crate::server::Shared;

/// A request under way: what is known of it so far.
pub struct Ending {
    pub record: AccessRecord,
    pub masked_cards: usize,
    /// Grows as the request's body comes in.
    pub received: Rc<Cell<u64>>,
    written: bool,
    started: Instant,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ending").field("id", &self.record.id).finish_non_exhaustive()
    }
}

impl Ending {
    pub fn new(record: AccessRecord, shared: Arc<Shared>) -> Self {
        Ending {
            record,
            masked_cards: 0,
            received: Rc::default(),
            written: false,
            started: Instant::now(),
            shared,
        }
    }

    /// Notes what the headers say, with everything personal masked.
    pub fn note_request(&mut self, headers: &HeaderMap, path: &str, query: Option<&str>) {
        let record = &mut self.record;
        record.path = mask_path(path).into();
        record.parameter_names = ParameterNames::new(parameter_names(query.unwrap_or_default()));
        if let Some(agent) = headers.get(header::USER_AGENT) {
            record.set_user_agent(agent.as_bytes());
        }
        if let Some(referrer) = headers.get(header::REFERER).and_then(|v| v.to_str().ok()) {
            let host = referrer.split("//").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next());
            let host = host.unwrap_or_default();
            let host = cards::mask_record(host.rsplit('@').next().unwrap_or_default());
            record.referrer_host = host.chars().take(253).collect();
        }
    }

    pub fn note_response(&mut self, status: u16, headers: &HeaderMap) {
        self.record.status = status;
        if let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) {
            self.record.content_type = short_content_type(kind);
        }
    }

    /// When the request began.
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// Microseconds since the request began.
    pub fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Hands the record over; the request is done.
    pub fn write(mut self) {
        self.hand_over();
    }

    fn hand_over(&mut self) {
        self.written = true;
        self.record.duration_us = self.elapsed_us();
        self.record.request_bytes += self.received.get();
        if self.masked_cards > 0 {
            self.shared.emit.emit(Emission {
                at: self.record.at,
                request: Some(self.record.id),
                client: Some(self.record.client),
                event: CardNumberMasked {
                    path: self.record.path.to_string(),
                    place: "response".to_owned(),
                    count: u32::try_from(self.masked_cards).unwrap_or(u32::MAX),
                }
                .into(),
            });
        }
        let empty = AccessRecord::new(self.record.id, self.record.at, self.record.client, Method::default());
        self.shared.access.push(std::mem::replace(&mut self.record, empty));
    }
}

/// A request whose client left before there was an answer is written down like any other: whoever asks and runs must
/// not stay unseen.
impl Drop for Ending {
    fn drop(&mut self) {
        if !self.written {
            if self.record.reason.is_empty() {
                self.record.reason = "client.left".into();
            }
            self.hand_over();
        }
    }
}

/// Names of the parameters of a raw query, decoded enough to be read, with what looks like data masked.
fn parameter_names(query: &str) -> impl Iterator<Item = String> + '_ {
    query.split('&').filter(|p| !p.is_empty()).take(33).map(|pair| {
        // Masked before it is cut: half a card number is one no more, but most of its digits.
        let name = pair.split('=').next().unwrap_or_default();
        let name =
            mask_path(&cards::mask_query(name.get(..name.floor_char_boundary(512)).unwrap_or_default()));
        name.get(..name.floor_char_boundary(64)).unwrap_or_default().to_owned()
    })
}

/// The method; one that nobody knows is text like any other.
pub fn mask_method(method: &Method) -> Method {
    match cards::mask_record(method.as_str()) {
        std::borrow::Cow::Borrowed(_) => method.clone(),
        std::borrow::Cow::Owned(masked) => Method::from_bytes(masked.as_bytes()).unwrap_or_default(),
    }
}

/// A path without what may be a person's: e-mail addresses, card numbers, long numbers and long random words.
pub fn mask_path(path: &str) -> String {
    let cards_masked = cards::mask_record(path);
    if !cards_masked.contains('@') && !cards_masked.contains("%40") && !has_long_run(&cards_masked) {
        return cards_masked.into_owned();
    }
    let segments: Vec<&str> = cards_masked
        .split('/')
        .map(|segment| {
            let personal = segment.contains('@') || segment.contains("%40") || has_long_run(segment);
            if personal { "***" } else { segment }
        })
        .collect();
    segments.join("/")
}

/// Nine digits in a row (a phone or account number), or 24 letters and digits of a token.
fn has_long_run(text: &str) -> bool {
    let (mut digits, mut word, mut mixed) = (0u32, 0u32, 0u32);
    for byte in text.bytes() {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        if byte.is_ascii_alphanumeric() {
            word += 1;
            mixed += u32::from(byte.is_ascii_digit());
        } else {
            (word, mixed) = (0, 0);
        }
        if digits >= 9 || (word >= 24 && mixed >= 4) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_what_may_be_personal() {
        let check = |path: &str, expected: &str| assert_eq!(mask_path(path), expected);
        check("/shop/blue-mug-2", "/shop/blue-mug-2");
        check("/account/jane@example.com/orders", "/account/***/orders");
        check("/reset/4f9d2c1b8a7e6f5d4c3b2a19", "/reset/***");
        check("/orders/20261124", "/orders/20261124");
        check("/call/491701234567", "/call/***");
        assert!(!mask_path("/pay/4111111111111111").contains("411111"));
    }

    #[test]
    fn of_a_query_only_names_are_kept() {
        let names: Vec<_> = parameter_names("q=secret&email=jane%40example.com&jane@example.com=1").collect();
        assert_eq!(names, ["q", "email", "***"]);
    }
}
