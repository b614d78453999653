//! What is written down of a request when it ends: one access record, and events for what is not ordinary.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use http::header::{self, HeaderMap};
use storeward_detect::Initiator;
use storeward_events::edge::{CardNumberMasked, RequestBlocked, ResponseLeaked};
use storeward_host::Emission;
use storeward_inspect::{RuleMatch, cards, keys};

use crate::access::{AccessRecord, ParameterNames, Verdict, short_content_type};
use crate::asked_with::AskedWith;
use crate::initiator;
use crate::rates::Bucket;
use crate::server::Shared;

/// So much of a path that is no path is written down.
const REFUSED_PATH_BYTES: usize = 512;

/// A request under way: what is known of it so far.
pub struct Ending {
    pub record: AccessRecord,
    pub masked_cards: usize,
    /// In the request, before the shop heard it.
    pub masked_in_request: usize,
    /// Private keys on a page.
    pub masked_keys: usize,
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
            masked_in_request: 0,
            masked_keys: 0,
            received: Rc::default(),
            written: false,
            started: Instant::now(),
            shared,
        }
    }

    /// Notes a request that has no canonical path: staff see what was written, as far as it is nobody's secret.
    pub fn note_refused(&mut self, asked: &AskedWith<'_>, path: &str, query: Option<&str>) {
        let path = path.get(..path.floor_char_boundary(REFUSED_PATH_BYTES)).unwrap_or_default();
        self.note_request(asked, "", query);
        self.record.path = mask_raw_path(path).into();
    }

    /// Notes what the headers say, with everything personal masked.
    pub fn note_request(&mut self, asked: &AskedWith<'_>, path: &str, query: Option<&str>) {
        let record = &mut self.record;
        record.path = mask_path(path).into();
        record.parameter_names = ParameterNames::new(parameter_names(query.unwrap_or_default()));
        if let Some(agent) = asked.user_agent {
            record.set_user_agent(agent.as_bytes());
        }
        if let Some(referrer) = asked.referer.and_then(|v| v.to_str().ok()) {
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

    /// Notes which rule matched, where.
    pub fn note_match(&mut self, found: &RuleMatch, verdict: Verdict) {
        let record = &mut self.record;
        record.verdict = verdict;
        record.rule_id = found.rule_id;
        record.category = found.category.as_str().into();
        record.variable = found.variable.as_str().into();
        record.matched = found.matched.as_str().into();
        if !initiator::page_can_set(&found.variable) {
            record.initiator = Initiator::Own;
        }
    }

    /// The fact that inspection stopped the request.
    pub fn blocked(&self, found: &RuleMatch) -> RequestBlocked {
        RequestBlocked {
            method: self.record.method.as_str().to_owned(),
            path: self.record.path.to_string(),
            stage: "inspect".to_owned(),
            rule_id: found.rule_id,
            category: found.category.as_str().to_owned(),
            variable: found.variable.clone(),
            matched: found.matched.clone(),
            score: found.score,
        }
    }

    /// An attack was found in the rest of a body while the shop was answering already. It never sees the body's end.
    pub fn note_late_block(&mut self, found: &RuleMatch) {
        self.note_match(found, Verdict::Blocked);
        let event = self.blocked(found).into();
        let client = Some(self.record.client);
        let request = Some(self.record.id);
        self.shared.emit.emit(Emission { at: self.record.at, request, client, event });
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

    /// Private keys were masked on a page: told to the ledger once a minute, for it is on the page at every visit.
    fn tell_masked_keys(&self) {
        let told = Bucket::ToldOfRule(keys::RULE);
        if self.masked_keys == 0
            || !self.shared.rates.may_tell(told, Duration::from_secs(60), 5, self.started)
        {
            return;
        }
        self.shared.emit.emit(Emission {
            at: self.record.at,
            request: Some(self.record.id),
            client: Some(self.record.client),
            event: ResponseLeaked {
                path: self.record.path.to_string(),
                rule_id: keys::RULE,
                what: "A private key on a page; its lines were masked".to_owned(),
                matched: String::new(),
            }
            .into(),
        });
    }

    fn tell_masked_cards(&self, place: &str, count: usize) {
        if count == 0 {
            return;
        }
        self.shared.emit.emit(Emission {
            at: self.record.at,
            request: Some(self.record.id),
            client: Some(self.record.client),
            event: CardNumberMasked {
                path: self.record.path.to_string(),
                place: place.to_owned(),
                count: u32::try_from(count).unwrap_or(u32::MAX),
            }
            .into(),
        });
    }

    fn hand_over(&mut self) {
        self.written = true;
        self.record.duration_us = self.elapsed_us();
        self.record.request_bytes += self.received.get();
        self.tell_masked_cards("request", self.masked_in_request);
        self.tell_masked_cards("response", self.masked_cards);
        self.tell_masked_keys();
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

/// A path without what may be a person's: e-mail addresses, card numbers, long numbers, and what looks like a token.
pub fn mask_path(path: &str) -> String {
    let cards_masked = cards::mask_record(path);
    if !cards_masked.split('/').any(is_personal) {
        return cards_masked.into_owned();
    }
    let segments: Vec<&str> =
        cards_masked.split('/').map(|segment| if is_personal(segment) { "***" } else { segment }).collect();
    segments.join("/")
}

/// As [`mask_path`], for a path as it stood on the request line: what it means is looked at, what was written is shown.
fn mask_raw_path(raw: &str) -> String {
    let masked: Vec<String> = raw
        .split('/')
        .map(|segment| {
            let decoded = percent_decoded(segment);
            match mask_path(&decoded) == decoded {
                true => mask_path(segment),
                false => "***".to_owned(),
            }
        })
        .collect();
    masked.join("/")
}

fn percent_decoded(text: &str) -> String {
    let hex = |byte: Option<u8>| {
        byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|d| u8::try_from(d).ok())
    };
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether a segment of a path may be somebody's: an address, nine digits in a row (a phone or account number), 24 letters
/// and digits, or a token.
fn is_personal(segment: &str) -> bool {
    let (mut digits, mut word, mut mixed) = (0u32, 0u32, 0u32);
    for byte in segment.bytes() {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        if byte.is_ascii_alphanumeric() {
            word += 1;
            mixed += u32::from(byte.is_ascii_digit());
        } else {
            (word, mixed) = (0, 0);
        }
        if byte == b'@' || digits >= 9 || (word >= 24 && mixed >= 4) {
            return true;
        }
    }
    // Shorter ones can be guessed, and are names as often.
    segment.len() >= SHORTEST_TOKEN
        && (segment.contains("%40") || is_uuid(segment) || segment.split(IN_NO_TOKEN).any(is_token))
}

/// A token of this length holds 96 bits.
const SHORTEST_TOKEN: usize = 16;

const IN_NO_TOKEN: fn(char) -> bool = |sign| !(sign.is_ascii_alphanumeric() || "-_.~=".contains(sign));

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether letters, digits and the signs of base64url change places as in a random text. What a shop calls its products
/// changes, too, but in few ways: `s24`, `am5`, `256gb`, `3x5mm`. So letters and digits side by side count, and small
/// letters before capitals, but not in a piece that is up to four letters with a number or a number with its unit; a fifth
/// of all places makes a token. Measured on the two lists in the tests.
fn is_token(text: &str) -> bool {
    if text.len() < SHORTEST_TOKEN {
        return false;
    }
    let changes: usize = text.split(|sign: char| !sign.is_ascii_alphanumeric()).map(changes_in).sum();
    changes >= 4 && changes * 5 >= text.len()
}

fn changes_in(piece: &str) -> usize {
    let bytes = piece.as_bytes();
    let leading = |test: fn(&u8) -> bool| bytes.iter().take_while(|byte| test(byte)).count();
    let (letters, digits) = (leading(u8::is_ascii_alphabetic), leading(u8::is_ascii_digit));
    let is_ending = |from: usize, test: fn(&u8) -> bool| bytes.iter().skip(from).all(test);
    let numbered = (1..=4).contains(&letters) && is_ending(letters, u8::is_ascii_digit);
    let one_case = is_ending(digits, u8::is_ascii_lowercase) || is_ending(digits, u8::is_ascii_uppercase);
    let measured = digits > 0 && bytes.len() - digits <= 3 && one_case;
    let is_hump = |pair: &[u8]| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase());
    let numbered = numbered && !bytes.windows(2).any(is_hump);
    if numbered || measured {
        return 0;
    }
    let is_change = |pair: &&[u8]| match pair {
        // `3x5`: a measure.
        [a, b'x'] | [b'x', a] if a.is_ascii_digit() => false,
        [a, b] => a.is_ascii_digit() != b.is_ascii_digit() || is_hump(pair),
        _ => false,
    };
    bytes.windows(2).filter(is_change).count()
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
    fn tokens_are_masked() {
        let tokens = [
            "3f2a9c1e-7b4d-4e2a-9c3f-1a2b3c4d5e6f",
            "c0ffee00-dead-beef-cafe-000000000000",
            "9B2E5A70-0C1D-4F3E-8A6B-7C5D4E3F2A1B",
            "dGhpcy1p_cy1hLXNl_Y3JldC10_b2tlbi0x",
            "Tr0ub4dor-hunter2-passw",
            "q7Xz-2mKp_9vRt~4LwB",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.8Xk2Qw-7bPz",
            "cs_test_a1B2c3D4e5F6g7H8",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "pi_3MtwBwLkdIwHu7ix28a3tqPa",
            "aB3-dE5_fG7-hI9_jK1",
            "7h3-q9x-2pf-w4z-8ky-1vd",
            "JBSWY3DPEHPK3PXP",
            "k3j4h5g6f7d8s9a0",
            "0f1e2d3c4b5a6978-8796a5b4c3d2e1f0",
            "V1StGXR8_Z5jdHi6B-myT",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "Zm9v.YmFy-YmF6_cXV4MTIz",
            "1a2b-3c4d-5e6f-7a8b",
        ];
        for token in tokens {
            assert_eq!(mask_path(&format!("/reset/{token}/x")), "/reset/***/x", "{token}");
            assert_eq!(mask_path(&format!("/v;t={token}")), "/***", "{token}");
        }
    }

    #[test]
    fn products_stay_readable() {
        let slugs = [
            "iphone-15-pro-max-256gb-natural-titanium",
            "samsung-galaxy-s24-ultra-5g-512gb-12gb-ram",
            "AMD-Ryzen-9-7950X3D-AM5-Box",
            "usb-c-4k-60hz-hdmi-2-1-8k-dock",
            "m3x10mm-din912-a2-70-stainless-screws",
            "ThinkPad-X1-Carbon-Gen-11-21HM",
            "lego-75192-star-wars-millennium-falcon",
            "nike-air-max-90-white-black-us-10-5",
            "WH-1000XM5-noise-cancelling-headphones",
            "dewalt-dcd796p2-18v-xr-combi-drill",
            "canon-eos-r6-mark-ii-rf-24-105mm-f4l",
            "MacBookPro-AirPods-iMac-covers",
            "donaudampfschifffahrtsgesellschaft",
            "garn_100_g_merino_4ply_2024",
            "t-shirt-unisex-xxl-blue-v-neck-3-pack",
            "tv-oled-65-lg-c3-4k-120hz-hdr10",
            "ddr5-6000-cl30-2x16gb-kit-rgb",
            "bosch-gsr-18v-55-solo-l-boxx-136",
            "kaffeebohnen-1kg-espresso-dunkel",
            "rtx-4070-ti-super-16gb-gddr6x-oc",
            "wd-black-sn850x-2tb-nvme-m2-2280",
            "philips-hue-e27-1100lm-starter-set",
            "reifen-205-55-r16-91v-sommer",
            "B09G9FPHY6",
            "summer-sale-2026-up-to-50-percent-off",
            "paint-brush-set-no-2-4-6-8-10-12",
            "vitamin-b12-d3-k2-capsules-90-count",
            "a-very-long-name-of-a-product-that-says-everything",
            "main.4f3a.css",
            "cat-eye-sunglasses-uv400-polarized",
        ];
        for slug in slugs {
            assert_eq!(mask_path(&format!("/products/{slug}")), format!("/products/{slug}"));
        }
        assert_eq!(slugs.len(), 30);
    }

    #[test]
    fn a_path_that_is_refused_is_shown_as_it_was_written() {
        let check = |raw: &str, expected: &str| assert_eq!(mask_raw_path(raw), expected, "{raw}");
        check("/x/..;/admin", "/x/..;/admin");
        check("/a%00.php", "/a%00.php");
        check("/%2e%2e/etc/passwd", "/%2e%2e/etc/passwd");
        check("/u/jane%40example.com/..", "/u/***/..");
        check("/u/%6aane%40ex%61mple.com/../x", "/u/***/../x");
        check("/pay/%34111111111111111/..", "/pay/***/..");
        check("/a%zz", "/a%zz");
    }

    #[test]
    fn of_a_query_only_names_are_kept() {
        let names: Vec<_> = parameter_names("q=secret&email=jane%40example.com&jane@example.com=1").collect();
        assert_eq!(names, ["q", "email", "***"]);
    }
}
