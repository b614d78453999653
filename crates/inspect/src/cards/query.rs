//! Card numbers behind percent-encoding and `+`.

use std::borrow::Cow;

use super::{mask_span, wide};

/// Masks card numbers in a raw query or form body, reading through `%34` and `+`; borrows when there is none.
///
/// An encoded digit is written as one `*`; everything else keeps its spelling.
pub fn mask_query(query: &str) -> Cow<'_, str> {
    let source = query.as_bytes();
    let (decoded, places) = decode_with_places(source);
    let mut masked = decoded.clone();
    let mut found = false;
    wide::each(&decoded, 0, &mut |mut span| {
        span.json_number = false;
        mask_span(&mut masked, span);
        found = true;
    });
    if !found {
        return Cow::Borrowed(query);
    }
    let mut out = Vec::with_capacity(source.len());
    for (index, (before, after)) in decoded.iter().zip(&masked).enumerate() {
        let start = places.get(index).copied().unwrap_or(source.len());
        let end = places.get(index + 1).copied().unwrap_or(source.len());
        match before == after {
            true => out.extend_from_slice(source.get(start..end).unwrap_or_default()),
            false => out.push(*after),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// What the bytes say, and where each byte of that stands; behind the last one the end is not among them.
pub(super) fn decode_with_places(source: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let mut decoded = Vec::with_capacity(source.len());
    let mut places = Vec::with_capacity(source.len());
    let mut at = 0;
    while let Some(byte) = source.get(at) {
        places.push(at);
        match crate::decode::percent_at(source, at) {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(if *byte == b'+' { b' ' } else { *byte });
                at += 1;
            }
        }
    }
    (decoded, places)
}
