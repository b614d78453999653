//! The fields of a query or a form: each at most once (RFC 6749 section 3.1), decoded once, bounded.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use storeward_base::Secret;

/// More than this is read by nobody: an authorization request with everything in it has some 3 KiB.
pub const MOST_BYTES: usize = 16 * 1024;

/// Fields by name. Empty ones count as left out (RFC 6749 section 3.1).
#[derive(Clone, Default)]
pub struct Fields {
    all: BTreeMap<String, Secret<String>>,
    repeated: Vec<String>,
}

/// It is no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoForm;

impl Fields {
    /// Reads `a=b&c=d` (WHATWG URL, `application/x-www-form-urlencoded`). Refuses broken percent-encoding, what is not
    /// UTF-8, and what is too long.
    pub fn parse(text: &[u8]) -> Result<Self, NoForm> {
        if text.len() > MOST_BYTES {
            return Err(NoForm);
        }
        let mut fields = Fields::default();
        for pair in text.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|b| *b == b'=');
            let (name, value) = match at {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            let (name, value) = (decode(name).ok_or(NoForm)?, decode(value).ok_or(NoForm)?);
            match fields.all.entry(name) {
                Entry::Vacant(place) => drop(place.insert(Secret::new(value))),
                Entry::Occupied(taken) => fields.repeated.push(taken.key().clone()),
            }
        }
        Ok(fields)
    }

    /// A field that is there and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all.get(name).map(|value| value.expose().as_str()).filter(|value| !value.is_empty())
    }

    pub fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// Whether this field came more than once.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.repeated.iter().any(|repeated| repeated == name)
    }

    /// Whether any field came more than once.
    pub fn has_repeated(&self) -> bool {
        !self.repeated.is_empty()
    }
}

/// Percent-decoding, with `+` for a blank.
pub fn decode(text: &[u8]) -> Option<String> {
    let digit =
        |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'%' => {
                let (high, low) = (digit(text.get(at + 1))?, digit(text.get(at + 2))?);
                out.push(high << 4 | low);
                at += 2;
            }
            b'+' => out.push(b' '),
            other => out.push(*other),
        }
        at += 1;
    }
    String::from_utf8(out).ok()
}

/// Percent-encoding of a value in a query: RFC 3986 section 2.3's unreserved characters stay.
pub fn encode(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_once() {
        let fields = Fields::parse(b"a=1&b=x%20y+z&c=&d&a=2&%C3%A4=%c3%a4").unwrap();
        assert_eq!(
            (fields.get("a"), fields.get("b"), fields.get("c"), fields.get("d")),
            (Some("1"), Some("x y z"), None, None)
        );
        assert_eq!(fields.get("\u{e4}"), Some("\u{e4}"));
        assert!(fields.is_repeated("a") && !fields.is_repeated("b") && fields.has_repeated());
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for bad in [&b"a=%"[..], b"a=%2", b"a=%zz", b"a=%ff", b"%ff=a"] {
            assert!(Fields::parse(bad).is_err());
        }
        assert!(Fields::parse(&vec![b'a'; MOST_BYTES + 1]).is_err());
        assert!(!Fields::parse(b"").unwrap().has_repeated());
    }

    #[test]
    fn encoding_round_trips() {
        let text = "a b&c=d+e/\u{e4}%?#\"<";
        assert_eq!(decode(encode(text).as_bytes()).as_deref(), Some(text));
    }
}
