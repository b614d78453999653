//! What stands sealed in a value though the shop opens it before it trusts it: the head of a JSON Web Token, an object that
//! PHP wrote down in base64, the parts of a field of credentials.

use crate::decode;
use crate::values::{Collection, Values};

/// Tokens of one transaction that are opened; more are nobody's.
const MAX_OPENED: usize = 32;
/// Longer ones are not opened: a token's head is short, and so is an object in a cookie.
const LONGEST: usize = 16 * 1024;

/// Adds what stands sealed in the values from `first` on.
pub(crate) fn open(first: usize, values: &mut Values) {
    let mut opened: Vec<(Collection, Vec<u8>, Vec<u8>)> = Vec::new();
    for value in values.iter().skip(first) {
        if opened.len() >= MAX_OPENED {
            break;
        }
        let bytes = values.bytes(value);
        let Some(kind) = kind_of(value.collection, bytes) else { continue };
        let name = values.name(value);
        match kind {
            Kind::Token(head) => {
                for text in texts_of(head) {
                    opened.push((value.collection, name.to_vec(), text));
                }
            }
            Kind::Object(text) => opened.push((value.collection, name.to_vec(), text)),
        }
    }
    for (collection, name, text) in opened {
        // A field of credentials as such is not read: a token in it is.
        let name = if name == b"authorization" { b":token" } else { name.as_slice() };
        values.push(collection, name, &text);
    }
}

/// The parts of a field of credentials that no token is made of (RFC 9110 section 11.4): quoted strings each by itself,
/// and what is left without them.
pub(crate) fn credentials(field: &[u8], values: &mut Values) {
    const NAME: &[u8] = b":credentials";
    let scheme =
        field.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count();
    let rest = field.get(scheme..).unwrap_or_default();
    // Without a blank behind it, it is no scheme.
    let rest = if rest.first().is_none_or(u8::is_ascii_whitespace) { rest.trim_ascii() } else { field };
    let climbs = memchr::memmem::find(rest, b"..").is_some();
    if !climbs && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=|:,".contains(byte)) {
        return;
    }
    let mut plain = Vec::new();
    let mut left = rest;
    while let Some(open) = memchr::memchr(b'"', left).filter(|_| !values.is_full()) {
        let inside = left.get(open + 1..).unwrap_or_default();
        let Some(close) = memchr::memchr(b'"', inside) else { break };
        plain.extend_from_slice(left.get(..open).unwrap_or_default());
        values.push(Collection::RequestHeaders, NAME, inside.get(..close).unwrap_or_default());
        left = inside.get(close + 1..).unwrap_or_default();
    }
    plain.extend_from_slice(left);
    values.push(Collection::RequestHeaders, NAME, &plain);
}

enum Kind<'v> {
    /// The head of a token, in base64.
    Token(&'v [u8]),
    /// What PHP wrote down, plain.
    Object(Vec<u8>),
}

fn kind_of(collection: Collection, bytes: &[u8]) -> Option<Kind<'_>> {
    use Collection as C;
    let free =
        matches!(collection, C::ArgsGet | C::ArgsPost | C::RequestCookies | C::RequestHeaders | C::Xml);
    if !free || bytes.len() > LONGEST {
        return None;
    }
    // `{"` in base64, and `{` with a blank or a line's end behind it.
    let token = memchr::memmem::find(bytes, b"eyJ")
        .or_else(|| memchr::memmem::find(bytes, b"ewo"))
        .or_else(|| memchr::memmem::find(bytes, b"eyA"));
    if let Some(at) = token
        && (at == 0 || bytes.get(at - 1).is_some_and(|before| !before.is_ascii_alphanumeric()))
    {
        let rest = bytes.get(at..).unwrap_or_default();
        let head = rest.split(|byte| *byte == b'.').next().unwrap_or_default();
        let ends = rest.get(head.len()) == Some(&b'.');
        if ends && head.len() >= 16 {
            return Some(Kind::Token(head));
        }
    }
    object(bytes).map(Kind::Object)
}

/// The texts in a token's head: `kid`, `jku` and the like are used before the token is proven.
fn texts_of(head: &[u8]) -> Vec<Vec<u8>> {
    let mut json = Vec::new();
    decode::base64_decode(head, &mut json);
    let mut found = Values::default();
    decode::json(&json, &mut found, true);
    found
        .iter()
        .filter(|value| value.collection == Collection::ArgsPost)
        .map(|value| found.bytes(value).to_vec())
        .collect()
}

/// A value in base64 that is a list or an object as PHP writes them down, with an object in it, decoded.
fn object(bytes: &[u8]) -> Option<Vec<u8>> {
    // `a:`, `O:`, `C:`, `s:`, `i:` with what follows, in base64.
    const BEGINNINGS: [&[u8]; 4] = [b"YTo", b"Tzo", b"Qzo", b"Tys"];
    let begins = BEGINNINGS.iter().any(|beginning| bytes.starts_with(beginning));
    if !begins {
        return None;
    }
    let mut plain = Vec::new();
    decode::percent_decode(bytes, &mut plain);
    let encoded = plain.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+/-_ ".contains(byte));
    // A `+` of base64 that was not encoded came as a blank.
    let encoded: Vec<u8> = encoded.map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect();
    let mut text = Vec::new();
    decode::base64_decode(&encoded, &mut text);
    let names_object = text.windows(2).enumerate().any(|(at, pair)| {
        matches!(pair, b"O:" | b"C:")
            && (at == 0 || text.get(at - 1).is_some_and(|before| b";{:".contains(before)))
    });
    (names_object && text.first().is_some_and(|first| b"aOC".contains(first))).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &Values) -> Vec<String> {
        values.iter().map(|value| String::from_utf8_lossy(values.bytes(value)).into_owned()).collect()
    }

    #[test]
    fn credentials_are_taken_apart() {
        for (field, parts) in [
            ("Bearer 12|aB3dE_f-g.h~i+j/k==", &[][..]),
            ("Basic YTpi", &[]),
            ("Token x' or 1=1--", &["x' or 1=1--"]),
            ("x' or 1=1--", &["x' or 1=1--"]),
            ("Digest username=\"a' or 1=1--\", uri=\"/x\"", &["a' or 1=1--", "/x", "username=, uri="]),
            ("Digest username=\"a", &["username=\"a"]),
        ] {
            let mut values = Values::default();
            credentials(field.as_bytes(), &mut values);
            assert_eq!(texts(&values), parts, "{field}");
        }
    }

    #[test]
    fn what_is_sealed_is_opened() {
        for (value, found) in [
            // {"alg":"HS256","kid":"x' union select 'a'--"}
            (
                "eyJhbGciOiJIUzI1NiIsImtpZCI6IngnIHVuaW9uIHNlbGVjdCAnYSctLSJ9.e30.c2ln",
                &["HS256", "x' union select 'a'--"][..],
            ),
            ("Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln", &["ES256"]),
            // a:1:{i:0;O:8:"stdClass":0:{}}
            ("YToxOntpOjA7Tzo4OiJzdGRDbGFzcyI6MDp7fX0=", &["a:1:{i:0;O:8:\"stdClass\":0:{}}"]),
            ("YToxOntpOjA7Tzo4OiJzdGRDbGFzcyI6MDp7fX0%3D", &["a:1:{i:0;O:8:\"stdClass\":0:{}}"]),
            // a:1:{i:0;s:1:"a";}
            ("YToxOntpOjA7czoxOiJhIjt9", &[]),
            ("eyJub3QiOiJhIHRva2VuIn0", &[]),
            ("survey.and.eyJ", &[]),
            ("YTo", &[]),
        ] {
            let mut values = Values::default();
            values.push(Collection::RequestCookies, b"c", value.as_bytes());
            open(0, &mut values);
            assert_eq!(texts(&values).get(1..).unwrap_or_default(), found, "{value}");
        }
    }
}
