//! Finds and masks payment card numbers (PCI DSS 3.4): digits, then Luhn, then brand and length, then boundaries.
//!
//! Every step is local: whether a number starts at a byte depends on at most [`LOOK_BACK`] bytes before it and
//! [`HOLD`] bytes from it on, which is what lets [`StreamMasker`] hold back only a short tail.

mod query;
mod scan;
mod stream;

use std::borrow::Cow;

pub use query::mask_query;
pub use stream::StreamMasker;

/// Bytes before a number that decide whether it starts there (white space back to a JSON delimiter).
pub(crate) const LOOK_BACK: usize = 16;
/// Bytes from a number's first digit that decide whether it is one: 19 digits, 4 separators, 10 bytes after.
pub(crate) const HOLD: usize = 40;

/// One card number in a byte string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardSpan {
    /// Offset of the first digit.
    pub start: usize,
    /// Offset after the last digit.
    pub end: usize,
    /// Whether it stands where JSON has a bare number: the mask must then stay a number.
    pub json_number: bool,
}

/// Every card number in `bytes`, in order, never overlapping.
pub fn find(bytes: &[u8]) -> Vec<CardSpan> {
    let mut spans = Vec::new();
    scan::each(bytes, 0, &mut |span| spans.push(span));
    spans
}

/// Masks every card number but for its last four digits, keeping every length; returns how many were masked.
///
/// Digits become `*`. A bare JSON number becomes 1, zeros and the last four digits, so that the document still
/// parses (RFC 8259 section 6 forbids a leading zero).
pub fn mask_in_place(bytes: &mut [u8]) -> usize {
    let spans = find(bytes);
    for span in &spans {
        mask_span(bytes, *span);
    }
    spans.len()
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
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    let mut seen = 0;
    for byte in number.iter_mut().filter(|byte| byte.is_ascii_digit()) {
        seen += 1;
        if seen + 4 > digits {
            break;
        }
        *byte = match (span.json_number, seen) {
            (true, 1) => b'1',
            (true, _) => b'0',
            (false, _) => b'*',
        };
    }
}

#[cfg(test)]
mod tests;
