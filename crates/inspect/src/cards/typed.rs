//! Card numbers as people type them where an order is paid: a word glued before, a date glued behind, in halves, over two lines, encoded
//! once more, in the digits of any script. Where stars would go to the shop in their place, an order's number would be lost now and then;
//! where the request is refused, with a page that says why, nothing is.

use super::scan::{self, MAX_DIGITS};
use super::{find, iban};

/// The shortest card's number in digits.
const FEWEST_DIGITS: usize = 14;
/// How digits may be grouped, beside all in one.
const GROUPINGS: [&[usize]; 9] = [
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4],
    &[8, 8],
    &[4, 4, 8],
    &[8, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[6, 13],
    &[4, 4, 4, 3],
];
const MOST_GROUPS: usize = 5;
/// Bytes between two groups at most: a line's end between blanks.
const WIDEST: usize = 8;
/// The longest word that is looked back over.
const LONGEST_WORD: usize = 24;
/// Digits of a date behind a number: `27`, `1227`, `20271231`.
const DATE: std::ops::RangeInclusive<usize> = 2..=8;
/// Encoded by a form, by its script, and by somebody's patience.
const MOST_DECODED: usize = 3;
/// A letter beyond ASCII: a boundary, for words of some scripts stand next to numbers, and no separator.
const LETTER: u8 = 1;

/// First bytes of the digits of other scripts in UTF-8; see [`ZEROS`].
pub(crate) const FOREIGN_DIGITS_BEGIN: [u8; 8] = [0xd9, 0xdb, 0xdf, 0xe0, 0xe1, 0xea, 0xef, 0xf0];

/// The zero of each ten decimal digits (Unicode 17, general category Nd) but ASCII's.
const ZEROS: [u32; 75] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0,
    0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30,
    0x10D40, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0,
    0x116DA, 0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50, 0x11D50, 0x11DA0, 0x11DE0, 0x11F50, 0x16130,
    0x16A60, 0x16AC0, 0x16B50, 0x16D70, 0x1CCF0, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140,
    0x1E2F0, 0x1E4F0, 0x1E5F1, 0x1FBF0,
];

/// A digit of another script as ASCII's.
fn digit_of(sign: char) -> Option<u8> {
    let code = u32::from(sign);
    let zero = ZEROS.get(ZEROS.partition_point(|zero| *zero <= code).checked_sub(1)?)?;
    u8::try_from(code - zero).ok().filter(|digit| *digit < 10).map(|digit| b'0' + digit)
}

/// The text with the digits of all scripts as ASCII's, and how many were none of ASCII's. What else is beyond ASCII stays as `other`
/// has it.
pub(super) fn folded(bytes: &[u8], other: impl Fn(char, &mut Vec<u8>)) -> (Vec<u8>, usize) {
    let (mut text, mut count) = (Vec::with_capacity(bytes.len()), 0);
    for chunk in bytes.utf8_chunks() {
        for sign in chunk.valid().chars() {
            match u8::try_from(sign).ok().filter(u8::is_ascii) {
                Some(byte) => text.push(byte),
                None => match digit_of(sign) {
                    Some(digit) => {
                        text.push(digit);
                        count += 1;
                    }
                    None => other(sign, &mut text),
                },
            }
        }
        text.extend_from_slice(chunk.invalid());
    }
    (text, count)
}

pub(super) fn as_it_is(sign: char, text: &mut Vec<u8>) {
    text.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Whether a card's number stands there in whichever of these ways, or plainly: for what is sent to where an order is paid, where it is
/// refused with a reason. Not where letters stand on both sides of the digits, as in a token, in a list between commas, or as an account's
/// number (IBAN). In time that grows with the text alone.
pub fn has_typed(bytes: &[u8]) -> bool {
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_foreign = bytes.iter().any(|byte| FOREIGN_DIGITS_BEGIN.contains(byte));
    if digits < FEWEST_DIGITS && !is_foreign {
        return false;
    }
    let fold = |bytes: &[u8]| {
        let blank =
            |sign: char, text: &mut Vec<u8>| text.push(if sign.is_alphanumeric() { LETTER } else { b' ' });
        folded(bytes, blank).0
    };
    let mut text = bytes.to_vec();
    for _ in 0..MOST_DECODED {
        if stands_in(&fold(&text)) {
            return true;
        }
        if !(0..text.len()).any(|at| crate::decode::percent_at(&text, at).is_some()) {
            return false;
        }
        let mut decoded = Vec::with_capacity(text.len());
        crate::decode::url_decode_into(&text, &mut decoded);
        text = decoded;
    }
    stands_in(&fold(&text))
}

fn stands_in(text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() {
        let run = digits_from(text, at);
        if run >= 4 && starts(text, at) && number_from(text, at, run) {
            return true;
        }
        at += run.max(1);
    }
    !find(text).is_empty()
}

/// How many digits stand there.
fn digits_from(text: &[u8], at: usize) -> usize {
    text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn number_from(text: &[u8], start: usize, run: usize) -> bool {
    let is_number = |end: usize, digits: &[u8]| {
        ends(text, end)
            && scan::is_card_number(digits)
            && !iban::holds(text, start, end)
            && !iban::is_glued(text, start, end)
            && !scan::in_row(text, start, end)
    };
    // The groups that stand there are gone through once, whatever they may be the beginning of.
    let (mut groups, mut digits) = ([0; MOST_GROUPS], [0; MAX_DIGITS]);
    let (mut at, mut run, mut count) = (start, run, 0);
    for number in 0..MOST_GROUPS {
        let group = text.get(at..at + run).unwrap_or_default();
        let Some(room) = digits.get_mut(count..count + run) else { return false };
        room.iter_mut().zip(group).for_each(|(digit, byte)| *digit = byte.wrapping_sub(b'0'));
        (at, count) = (at + run, count + run);
        groups.iter_mut().skip(number).take(1).for_each(|length| *length = run);
        let so_far = groups.get(..=number).unwrap_or_default();
        let is_whole = number == 0 || GROUPINGS.contains(&so_far);
        let of_number = digits.get(..count).filter(|_| is_whole && count >= FEWEST_DIGITS);
        if of_number.is_some_and(|digits| is_number(at, digits)) {
            return true;
        }
        if !GROUPINGS.iter().any(|groups| groups.starts_with(so_far)) {
            return false;
        }
        let Some(separator) = separator(text, at) else { return false };
        at += separator;
        run = digits_from(text, at);
    }
    false
}

/// Blanks, line ends and signs between two groups; not those between the entries of a list or the fields of a record.
fn separator(text: &[u8], at: usize) -> Option<usize> {
    let between = |byte: &u8| {
        byte.is_ascii_whitespace()
            || matches!(
                byte,
                b'-' | b'.' | b'_' | b'/' | b'\\' | b'+' | b'*' | b':' | b'|' | b'~' | b'#' | b'\''
            )
    };
    let length = text.get(at..)?.iter().take(WIDEST + 1).take_while(|byte| between(byte)).count();
    (1..=WIDEST).contains(&length).then_some(length)
}

/// As a number starts anywhere, or behind a word: `Karte4242…`, `x4242…`. Digits in that word make it a token's or an order's.
fn starts(text: &[u8], start: usize) -> bool {
    let before = text.get(start.saturating_sub(LONGEST_WORD + 1)..start).unwrap_or_default();
    let word = before.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let outside = before.len().checked_sub(word + 1).and_then(|at| before.get(at));
    let is_word = (1..=LONGEST_WORD).contains(&word)
        && outside.is_none_or(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'%')));
    is_word || scan::starts_cleanly(text, start)
}

/// As a number ends anywhere, or before a date: `4242…-1227`.
fn ends(text: &[u8], end: usize) -> bool {
    let is_date = || {
        let digits = digits_from(text, end + 1);
        let behind = text.get(end + 1 + digits);
        DATE.contains(&digits) && !behind.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    scan::ends_cleanly(text, end) || (matches!(text.get(end), Some(b'-' | b'.' | b'_')) && is_date())
}

#[cfg(test)]
mod tests;
