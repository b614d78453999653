//! Finds and masks payment card numbers (PCI DSS 3.4): digits, then Luhn, then brand and length, then boundaries.
//!
//! Every step is local: whether a number starts at a byte depends on at most [`LOOK_BACK`] bytes before it and
//! [`HOLD`] bytes from it on, which is what lets [`StreamMasker`] hold back only a short tail.

mod fields;
mod groups;
mod iban;
mod query;
mod runs;
mod scan;
mod stream;
mod typed;
mod units;
mod wide;

use std::borrow::Cow;

pub use fields::mask_fields;
pub(crate) use groups::join as join_groups;
pub use query::mask_query;
pub use stream::StreamMasker;
pub(crate) use typed::FOREIGN_DIGITS_BEGIN;
pub use typed::has_typed;

/// Bytes before a number that decide whether it starts there (white space back to a JSON delimiter, an IBAN back to its country).
pub(crate) const LOOK_BACK: usize = 32;
const _: () = assert!(iban::BEFORE <= LOOK_BACK);
/// Bytes of the longest separator between two groups: `%E2%80%89`, or three blanks, two of them spelt out.
const WIDEST_SEPARATOR: usize = 18;
/// Bytes from a number's first digit that decide whether it is one: 19 digits, 4 separators, 10 bytes after.
pub(crate) const HOLD: usize = 104;

/// One card number in a byte string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardSpan {
    /// Offset of the first digit.
    pub start: usize,
    /// Offset after the last digit.
    pub end: usize,
    /// Whether it stands where JSON or a script has a bare number: the mask must then stay a number.
    pub json_number: bool,
}

/// Every card number in `bytes`, in order, never overlapping.
pub fn find(bytes: &[u8]) -> Vec<CardSpan> {
    let mut spans = Vec::new();
    wide::each(bytes, 0, &mut |span| spans.push(span));
    spans
}

/// Whether a card's number stands there, in whichever digits.
pub fn has_number(bytes: &[u8]) -> bool {
    !find(bytes).is_empty() || has_foreign(bytes)
}

/// Whether a number stands there whose digits are those of another script (full width, Arabic, Devanagari), which many a program reads as
/// digits, be it one of them among others. It cannot be masked where it stands: another length would be needed.
pub fn has_foreign(bytes: &[u8]) -> bool {
    if !bytes.iter().any(|byte| FOREIGN_DIGITS_BEGIN.contains(byte)) {
        return false;
    }
    let (folded, count) = typed::folded(bytes, typed::as_it_is);
    // A number that reads as it stands is found there, whatever few digits stand beside it, and hides no other.
    let found = if count > 0 { find(&folded).len() } else { 0 };
    found > 0 && (count >= 4 || found > find(bytes).len())
}

/// Masks every card number but for its last four digits, keeping every length; returns how many were masked.
///
/// Digits become `*`. A bare number of JSON or a script becomes 1, zeros and the last four digits, so that the document
/// still parses (RFC 8259 section 6 and ECMA-262 section 12.9.3 forbid a leading zero).
pub fn mask_in_place(bytes: &mut [u8]) -> usize {
    let spans = find(bytes);
    for span in &spans {
        mask_span(bytes, *span);
    }
    spans.len()
}

/// Masks a text that is at hand as a whole, whatever it is coded in: `None` where there is nothing to mask. Says how many
/// numbers there were.
pub fn masked_copy(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    if crate::content_type::wide(bytes).is_none() {
        let mut copy = (!find(bytes).is_empty()).then(|| bytes.to_vec())?;
        let count = mask_in_place(&mut copy);
        return Some((copy, count));
    }
    let (mut masker, mut copy) = (StreamMasker::new(), Vec::with_capacity(bytes.len()));
    masker.push(bytes, &mut copy);
    masker.finish(&mut copy);
    (masker.masked() > 0).then(|| (copy, masker.masked()))
}

/// Masks each cookie whose whole value is a card's number of 15 or 16 digits, but for those that `keeps` names; says how many. Nothing that is
/// longer, or holds a number among other signs: that is a session's or a basket's.
pub fn mask_cookies(line: &mut [u8], keeps: &dyn Fn(&[u8]) -> bool) -> usize {
    let (mut count, mut at) = (0, 0);
    while at < line.len() {
        let rest = line.get(at..).unwrap_or_default();
        let length = memchr::memchr(b';', rest).unwrap_or(rest.len());
        let pair = rest.get(..length).unwrap_or_default();
        let sign = memchr::memchr(b'=', pair).unwrap_or(length);
        let value = pair.get(sign + 1..).unwrap_or_default();
        let begins = at + sign + 1 + value.iter().take_while(|byte| matches!(byte, b' ' | b'"')).count();
        let value = value.trim_ascii();
        let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
        at += length + 1;
        let number = CardSpan { start: begins, end: begins + value.len(), json_number: false };
        let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
        if !(15..=16).contains(&digits) || keeps(pair.get(..sign).unwrap_or_default().trim_ascii()) {
            continue;
        }
        if matches!(find(value).as_slice(), [one] if one.start == 0 && one.end == value.len()) {
            mask_span(line, number);
            count += 1;
        }
    }
    count
}

/// As [`mask_in_place`], for text; borrows when there is nothing to mask.
pub fn mask_str(text: &str) -> Cow<'_, str> {
    let spans = find(text.as_bytes());
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut bytes = text.as_bytes().to_vec();
    for span in spans {
        mask_span(&mut bytes, span);
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn mask_span(bytes: &mut [u8], span: CardSpan) {
    let Some(number) = bytes.get_mut(span.start..span.end) else { return };
    let places = digit_places(number);
    let masked = places.len().saturating_sub(4);
    for (count, place) in places.into_iter().take(masked).enumerate() {
        if let Some(byte) = number.get_mut(place) {
            *byte = match (span.json_number, count) {
                (true, 0) => b'1',
                (true, _) => b'0',
                (false, _) => b'*',
            };
        }
    }
}

/// Where the number's own digits stand; those of `&#160;` are none.
fn digit_places(number: &[u8]) -> Vec<usize> {
    let mut places = Vec::with_capacity(20);
    let mut at = 0;
    while let Some(byte) = number.get(at) {
        if byte.is_ascii_digit() {
            places.push(at);
        }
        at += wide::encoded_length(number, at).unwrap_or(1);
    }
    places
}

/// Masks for what is written down, where a number too many does no harm: whatever stands around and between its digits,
/// but for letters. Borrows when there is nothing to mask.
pub fn mask_record(text: &str) -> Cow<'_, str> {
    let spans = scan::each_loosely(text.as_bytes());
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut bytes = text.as_bytes().to_vec();
    for span in spans {
        for byte in bytes.get_mut(span).into_iter().flatten().filter(|byte| byte.is_ascii_digit()) {
            *byte = b'*';
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
