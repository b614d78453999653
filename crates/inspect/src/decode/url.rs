//! Percent-encoding (RFC 3986 section 2.1), the `%uXXXX` of old scripts, forms' `+`, and base64.

pub(crate) fn hex_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The byte that `%HH` at `at` stands for.
pub(crate) fn percent_at(source: &[u8], at: usize) -> Option<u8> {
    if source.get(at) != Some(&b'%') {
        return None;
    }
    let high = hex_value(*source.get(at + 1)?)?;
    let low = hex_value(*source.get(at + 2)?)?;
    Some(high << 4 | low)
}

/// The character that `%uHHHH` at `at` stands for.
fn percent_u_at(source: &[u8], at: usize) -> Option<char> {
    if source.get(at) != Some(&b'%') || !matches!(source.get(at + 1), Some(b'u' | b'U')) {
        return None;
    }
    let digits = source.get(at + 2..at + 6)?;
    let code =
        digits.iter().try_fold(0_u32, |code, digit| Some(code << 4 | u32::from(hex_value(*digit)?)))?;
    char::from_u32(code)
}

/// Decodes `+`, `%HH` and `%uHHHH` once; returns how many `%` stood for nothing.
pub(crate) fn url_decode(source: &[u8], out: &mut Vec<u8>) -> usize {
    decode(source, true, out)
}

/// As [`url_decode`], where nobody counts.
pub(crate) fn url_decode_into(source: &[u8], out: &mut Vec<u8>) {
    decode(source, true, out);
}

/// Decodes `%HH` and `%uHHHH` until nothing changes, three times at most: double and triple encoding. Where something
/// is encoded still, `+` is a space still.
pub(crate) fn percent_decode(source: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    decode(source, is_encoded(source), out);
    for _ in 0..2 {
        let once = out.get(start..).unwrap_or_default();
        if !is_encoded(once) {
            return;
        }
        let once = once.to_vec();
        out.truncate(start);
        decode(&once, true, out);
    }
}

fn is_encoded(source: &[u8]) -> bool {
    memchr::memchr_iter(b'%', source)
        .any(|at| percent_at(source, at).is_some() || percent_u_at(source, at).is_some())
}

fn decode(source: &[u8], plus: bool, out: &mut Vec<u8>) -> usize {
    let mut bad = 0;
    let mut at = 0;
    while let Some(byte) = source.get(at).copied() {
        match byte {
            b'+' if plus => out.push(b' '),
            b'%' => {
                if let Some(value) = percent_at(source, at) {
                    out.push(value);
                    at += 3;
                    continue;
                }
                if let Some(character) = percent_u_at(source, at) {
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    at += 6;
                    continue;
                }
                bad += 1;
                out.push(byte);
            }
            _ => out.push(byte),
        }
        at += 1;
    }
    bad
}

/// Decodes a value that is base64 as a whole (either alphabet, 16 characters or more); otherwise copies it.
pub(crate) fn base64_decode(source: &[u8], out: &mut Vec<u8>) {
    let body = source.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let whole = source.get(..body).unwrap_or_default();
    let start = out.len();
    let mut bits = 0_u32;
    let mut count = 0;
    for byte in whole {
        let Some(value) = base64_value(*byte) else {
            out.truncate(start);
            out.extend_from_slice(source);
            return;
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(low_byte(bits >> count));
        }
    }
    if whole.len() < 16 {
        out.truncate(start);
        out.extend_from_slice(source);
    }
}

/// The user's name in a field of Basic authentication (RFC 7617). The password behind it is nobody's to look at.
pub(crate) fn basic_user(credentials: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = credentials.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let mut decoded = Vec::new();
    base64_decode(rest.trim_ascii(), &mut decoded);
    decoded.truncate(memchr::memchr(b':', &decoded).unwrap_or(decoded.len()));
    Some(decoded)
}

fn low_byte(bits: u32) -> u8 {
    bits.to_be_bytes()[3]
}

fn base64_value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}
