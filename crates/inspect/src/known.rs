//! Values that no rule matched, so that what comes with every request is looked at once.
//!
//! A browser sends the same dozen fields with each request, and what the rules say of a value depends on nothing but the
//! value, its name and where it stands. So a value that was clean stays clean. Compared are the bytes themselves: a hash
//! only tells where to look. A match is never remembered, nor is anything that may be a secret.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::values::{Collection, View};

/// Values kept; one that falls on another's place takes it.
const PLACES: usize = 2_048;
const PLACES_U64: u64 = 2_048;
/// Longer ones are rarely sent twice; so this is at most half a megabyte.
const LONGEST: usize = 256;

/// Which rules looked at a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    RequestEarly = 1,
    RequestLate = 2,
    RequestAll = 3,
    ResponseEarly = 4,
    ResponseAll = 5,
}

/// What is remembered of one engine's findings. Locked for a phase of an exchange: give each core its own.
pub struct Known {
    hashing: RandomState,
    places: Mutex<Vec<Box<[u8]>>>,
}

impl Default for Known {
    fn default() -> Self {
        Known { hashing: RandomState::new(), places: Mutex::new(vec![Box::default(); PLACES]) }
    }
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

impl Known {
    pub(crate) fn open(&self) -> Open<'_> {
        // Each place is whole at any moment, so a panic elsewhere spoils nothing.
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Open { hashing: &self.hashing, places }
    }
}

/// The memory during one phase.
pub(crate) struct Open<'k> {
    hashing: &'k RandomState,
    places: MutexGuard<'k, Vec<Box<[u8]>>>,
}

impl Open<'_> {
    /// The value's place, if it is one that is remembered.
    pub(crate) fn place(&self, looked: Looked, value: &View<'_>) -> Option<Place> {
        if value.name.len() + value.bytes.len() > LONGEST || !is_open(value) {
            return None;
        }
        let mut hasher = self.hashing.build_hasher();
        hasher.write(&head(looked, value));
        hasher.write(value.name);
        hasher.write(value.bytes);
        usize::try_from(hasher.finish() % PLACES_U64).ok().map(|at| Place { looked, at })
    }

    /// Whether the rules have looked at this very value and found nothing.
    pub(crate) fn is_clean(&self, place: Place, value: &View<'_>) -> bool {
        let kept = self.places.get(place.at);
        let rest = kept.and_then(|kept| kept.strip_prefix(&head(place.looked, value)[..]));
        rest.and_then(|rest| rest.strip_prefix(value.name)) == Some(value.bytes)
    }

    /// Remembers that they found nothing.
    pub(crate) fn keep_clean(&mut self, place: Place, value: &View<'_>) {
        if let Some(kept) = self.places.get_mut(place.at) {
            *kept = [&head(place.looked, value)[..], value.name, value.bytes].concat().into();
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    looked: Looked,
    at: usize,
}

/// What stands before name and value; the name's length keeps the two apart.
fn head(looked: Looked, value: &View<'_>) -> [u8; 4] {
    let [low, high, ..] = value.name.len().to_le_bytes();
    [looked as u8, value.collection as u8, low, high]
}

/// Whether the value is none that may be a secret: no parameter, no cookie, no body, no credential.
fn is_open(value: &View<'_>) -> bool {
    match value.collection {
        Collection::RequestMethod
        | Collection::RequestProtocol
        | Collection::RequestFilename
        | Collection::RequestHeadersNames
        | Collection::RequestCookiesNames
        | Collection::ArgsGetNames
        | Collection::Facts
        | Collection::ResponseStatus => true,
        Collection::RequestUriRaw => !value.bytes.contains(&b'?'),
        Collection::RequestHeaders | Collection::ResponseHeaders => is_open_field(value.name),
        Collection::ArgsGet
        | Collection::ArgsPost
        | Collection::ArgsPostNames
        | Collection::RequestCookies
        | Collection::RequestBody
        | Collection::Files
        | Collection::FilesContent
        | Collection::MultipartPartHeaders
        | Collection::Xml
        | Collection::XmlAttributes
        | Collection::XmlDocument
        | Collection::ResponseBody => false,
    }
}

fn is_open_field(name: &[u8]) -> bool {
    // Addresses carry parameters, and these may be tokens.
    !matches!(name, b"referer" | b"location") && !(0..name.len()).any(|at| names_a_secret(name.get(at..)))
}

/// Whether a word begins here that names a secret. A comparison of the first bytes: to look for each word by itself cost a dozen
/// times as much, with each field of each request.
const fn names_a_secret(rest: Option<&[u8]>) -> bool {
    matches!(
        rest,
        Some(
            [b'c', b'o', b'o', b'k', b'i', b'e', ..]
                | [b'a', b'u', b't', b'h', ..]
                | [b't', b'o', b'k', b'e', b'n', ..]
                | [b'k', b'e', b'y', ..]
                | [b's', b'e', b'c', b'r', b'e', b't', ..]
                | [b's', b'e', b's', b's', b'i', b'o', b'n', ..]
                | [b'c' | b'x', b's', b'r', b'f', ..]
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'v>(collection: Collection, name: &'v str, bytes: &'v str) -> View<'v> {
        View { collection, secret: false, goes_on: false, name: name.as_bytes(), bytes: bytes.as_bytes() }
    }

    #[test]
    fn only_the_same_value_in_the_same_place_is_known() {
        let known = Known::default();
        let mut known = known.open();
        let agent = value(Collection::RequestHeaders, "user-agent", "Mozilla/5.0");
        let place = known.place(Looked::RequestAll, &agent).unwrap();
        assert!(!known.is_clean(place, &agent));
        known.keep_clean(place, &agent);
        assert!(known.is_clean(place, &agent));
        // As if all of these fell on the same place.
        for (looked, other) in [
            (Looked::RequestEarly, agent),
            (Looked::RequestAll, value(Collection::ResponseHeaders, "user-agent", "Mozilla/5.0")),
            (Looked::RequestAll, value(Collection::RequestHeaders, "user-agentM", "ozilla/5.0")),
            (Looked::RequestAll, value(Collection::RequestHeaders, "user-agent", "Mozilla/5.0 ")),
            (Looked::RequestAll, value(Collection::RequestHeaders, "user-agent", "Mozilla/5.")),
            (Looked::RequestAll, value(Collection::RequestHeaders, "", "user-agentMozilla/5.0")),
        ] {
            assert!(!known.is_clean(Place { looked, at: place.at }, &other), "{looked:?} {:?}", other.bytes);
        }
    }

    #[test]
    fn a_field_is_closed_wherever_the_word_stands() {
        for word in ["cookie", "auth", "token", "key", "secret", "session", "csrf", "xsrf"] {
            for name in [
                word.to_owned(),
                format!("x-{word}"),
                format!("{word}-x"),
                format!("x{word}x"),
                format!("c{word}"),
            ] {
                assert!(!is_open_field(name.as_bytes()), "{name}");
            }
            assert!(is_open_field(&word.as_bytes()[..word.len() - 1]), "{word}");
        }
        for open in ["accept", "user-agent", "cache-control", "sec-fetch-site", "xs", "c", ""] {
            assert!(is_open_field(open.as_bytes()), "{open}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_kept() {
        let known = Known::default();
        let known = known.open();
        for closed in [
            value(Collection::ArgsPost, "password", "x"),
            value(Collection::RequestCookies, "sid", "x"),
            value(Collection::RequestHeaders, "authorization", "x"),
            value(Collection::RequestHeaders, "cookie", "x"),
            value(Collection::RequestHeaders, "x-api-key", "x"),
            value(Collection::RequestHeaders, "x-csrf-token", "x"),
            value(Collection::RequestUriRaw, "", "/a?token=x"),
            value(Collection::ResponseHeaders, "set-cookie", "x"),
            value(Collection::RequestHeaders, "x-long", &"x".repeat(LONGEST)),
        ] {
            assert!(known.place(Looked::RequestAll, &closed).is_none());
        }
    }
}
