//! Numbers whose groups are set apart by more than one plain space or dash: no-break and thin spaces, several blanks,
//! dots, plus signs, and all of these as HTML references, percent-encoded or escaped as JSON does it.
//!
//! Both kinds are looked for where a run of four digits and more ends: every number is one, or has one before each of its
//! separators.

use super::runs;
use super::scan::{self, GROUPINGS, MAX_DIGITS};
use super::{CardSpan, WIDEST_SEPARATOR, iban};

/// What a separator is, however it is spelt. Between each two groups it may be another one: digits in such groups that
/// pass the check digit and belong to a brand are no accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    Dash,
    Dot,
    Line,
}

/// Spellings by what they stand for. `nbsp` and its kin are names of HTML (standard, section 13.5).
const SPELLINGS: [(&[u8], Kind); 49] = [
    (b" ", Kind::Blank),
    (b"+", Kind::Blank),
    (b"\t", Kind::Blank),
    (b"\xc2\xa0", Kind::Blank),
    (b"\xe2\x80\x82", Kind::Blank),
    (b"\xe2\x80\x83", Kind::Blank),
    (b"\xe2\x80\x87", Kind::Blank),
    (b"\xe2\x80\x88", Kind::Blank),
    (b"\xe2\x80\x89", Kind::Blank),
    (b"\xe2\x80\x8a", Kind::Blank),
    (b"\xe2\x80\x8b", Kind::Blank),
    (b"\xe2\x80\xaf", Kind::Blank),
    (b"&nbsp;", Kind::Blank),
    (b"&thinsp;", Kind::Blank),
    (b"&ensp;", Kind::Blank),
    (b"&emsp;", Kind::Blank),
    (b"&numsp;", Kind::Blank),
    (b"&#32;", Kind::Blank),
    (b"&#160;", Kind::Blank),
    (b"&#8201;", Kind::Blank),
    (b"&#8239;", Kind::Blank),
    (b"&#x20;", Kind::Blank),
    (b"&#xa0;", Kind::Blank),
    (b"&#x2009;", Kind::Blank),
    (b"&#x202f;", Kind::Blank),
    (b"%20", Kind::Blank),
    (b"%c2%a0", Kind::Blank),
    (b"%e2%80%89", Kind::Blank),
    (b"%e2%80%af", Kind::Blank),
    (b"\\u00a0", Kind::Blank),
    (b"\\u2009", Kind::Blank),
    (b"\\u202f", Kind::Blank),
    (b"\\u0020", Kind::Blank),
    (b"-", Kind::Dash),
    (b"\xe2\x80\x90", Kind::Dash),
    (b"\xe2\x80\x91", Kind::Dash),
    (b"\xe2\x80\x93", Kind::Dash),
    (b"&#45;", Kind::Dash),
    (b"&ndash;", Kind::Dash),
    (b"&#8211;", Kind::Dash),
    (b"%2d", Kind::Dash),
    (b"\\u2013", Kind::Dash),
    (b".", Kind::Dot),
    (b"%2e", Kind::Dot),
    (b"&period;", Kind::Dot),
    (b"_", Kind::Line),
    (b"/", Kind::Line),
    (b"%5f", Kind::Line),
    (b"%2f", Kind::Line),
];
/// Blanks in a row, such as `%20%20`.
const MOST_IN_A_ROW: usize = 3;
/// How many groups may lie before the separator that is found first.
const GROUPS_BEFORE: usize = 4;

/// Every card number that starts at `from` or later, narrow and wide, in order and never overlapping.
pub(super) fn each(bytes: &[u8], from: usize, found: &mut dyn FnMut(CardSpan)) {
    // Nearly always empty.
    let mut spans: Vec<(CardSpan, Width)> = Vec::new();
    let mut narrow_end = from;
    runs::each(bytes, from, &mut |start, end| {
        // Nearly every run ends here.
        let (narrow, wide) = (scan::may_begin(bytes, start, end), may_be_wide(bytes, end));
        if !narrow && !wide {
            return;
        }
        if narrow
            && start >= narrow_end
            && let Some(span) = scan::number_from(bytes, start, end)
        {
            narrow_end = span.end;
            spans.push((span, Width::Narrow));
        }
        if wide && let Some(span) = number_around(bytes, from, end) {
            spans.push((span, Width::Wide));
        }
    });
    spans.sort_unstable_by_key(|(span, width)| (span.start, *width, std::cmp::Reverse(span.end)));
    let mut end = from;
    for (span, _) in spans {
        if span.start >= end {
            end = span.end;
            found(span);
        }
    }
}

/// As [`each`], looking behind every digit and byte by byte: what the tests compare it with.
#[cfg(test)]
pub(super) fn each_byte_by_byte(bytes: &[u8]) -> Vec<CardSpan> {
    let behind_digits = (1..=bytes.len()).filter(|at| bytes[at - 1].is_ascii_digit());
    let mut wide: Vec<CardSpan> = behind_digits
        .filter(|at| may_be_wide(bytes, *at))
        .filter_map(|at| number_around(bytes, 0, at))
        .collect();
    wide.sort_unstable_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut all: Vec<CardSpan> = Vec::new();
    let mut give = |span: CardSpan| {
        if all.last().is_none_or(|before| span.start >= before.end) {
            all.push(span);
        }
    };
    let mut wide = wide.into_iter().peekable();
    scan::each_byte_by_byte(bytes, &mut |narrow| {
        while let Some(span) = wide.next_if(|span| span.start <= narrow.start) {
            give(span);
        }
        give(narrow);
    });
    wide.for_each(give);
    all
}

/// The wider reading of the same start counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    Wide,
    Narrow,
}

/// Digits of a group that another separator follows.
const NEXT: [usize; 2] = [4, 6];
/// Whether a separator that the narrow scan does not know may begin here.
fn may_be_wide(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at) {
        Some(b'&' | b'%' | b'\\' | b'.' | b'+' | b'\t' | b'_' | b'/' | 0xC2 | 0xE2) => true,
        Some(b' ') if bytes.get(at + 1) == Some(&b' ') => true,
        // Behind the next group stands another sign.
        Some(plain @ (b' ' | b'-')) => NEXT
            .iter()
            .any(|length| bytes.get(at + length + 1).is_some_and(|next| next != plain && begins(*next))),
        _ => false,
    }
}

/// The number that has this separator between two of its groups. The separators before it may be plain ones.
fn number_around(bytes: &[u8], from: usize, separator: usize) -> Option<CardSpan> {
    separator_at(bytes, separator)?;
    let mut start = digits_start(bytes, from, separator);
    let mut starts = vec![start];
    while starts.len() < GROUPS_BEFORE {
        let Some(before) = start.checked_sub(1).filter(|at| *at > from) else { break };
        let plain = bytes.get(before).is_some_and(|byte| matches!(byte, b' ' | b'-'));
        if !plain || !bytes.get(before - 1).is_some_and(u8::is_ascii_digit) {
            break;
        }
        start = digits_start(bytes, from, before);
        starts.push(start);
    }
    starts.into_iter().rev().find_map(|start| number_at(bytes, start))
}

/// Where the digits that end before `end` begin.
fn digits_start(bytes: &[u8], from: usize, end: usize) -> usize {
    let digits = bytes.get(from..end).unwrap_or_default();
    end - digits.iter().rev().take(MAX_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count()
}

fn number_at(bytes: &[u8], start: usize) -> Option<CardSpan> {
    if !scan::starts_cleanly(bytes, start) {
        return None;
    }
    GROUPINGS.iter().find_map(|groups| {
        let mut digits = [0_u8; MAX_DIGITS];
        let mut count = 0;
        let mut at = start;
        for (index, group) in groups.iter().enumerate() {
            if index > 0 {
                at += separator_at(bytes, at)?;
            }
            let group = bytes.get(at..at + group).filter(|group| group.iter().all(u8::is_ascii_digit))?;
            for byte in group {
                *digits.get_mut(count)? = byte - b'0';
                count += 1;
            }
            at += group.len();
        }
        let card = scan::ends_cleanly(bytes, at) && scan::is_card_number(digits.get(..count)?);
        // Looked at where there is something to look at only: rows of groups are tried at each of them.
        let is_part = || iban::holds(bytes, start, at) || scan::in_row(bytes, start, at);
        (card && !is_part()).then_some(CardSpan { start, end: at, json_number: false })
    })
}

/// The length of the separator that begins here.
fn separator_at(bytes: &[u8], at: usize) -> Option<usize> {
    let (kind, mut length) = spelling_at(bytes, at)?;
    for _ in 1..MOST_IN_A_ROW {
        match spelling_at(bytes, at + length) {
            Some((next, more)) if next == kind && kind == Kind::Blank => length += more,
            _ => break,
        }
    }
    (length <= WIDEST_SEPARATOR).then_some(length)
}

/// One spelling, in letters of either case.
fn spelling_at(bytes: &[u8], at: usize) -> Option<(Kind, usize)> {
    let rest = bytes.get(at..)?;
    // Most bytes are the next digit's or a word's.
    if !begins(*rest.first()?) {
        return None;
    }
    SPELLINGS
        .iter()
        .find(|(text, _)| rest.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text)))
        .map(|(text, kind)| (*kind, text.len()))
}

/// Whether a byte can stand in one of the spellings: a chunk that ends so may go on with a number.
pub(super) fn may_separate(byte: u8) -> bool {
    SEPARATES.get(usize::from(byte)) == Some(&true)
}

/// Whether one of the spellings begins with this byte.
fn begins(byte: u8) -> bool {
    BEGINS.get(usize::from(byte)) == Some(&true)
}

static BEGINS: [bool; 256] = bytes_of_spellings(1);
/// The bytes of all spellings, in either case: asked for behind every second number of a page.
static SEPARATES: [bool; 256] = bytes_of_spellings(usize::MAX);

/// The first so many bytes of each.
const fn bytes_of_spellings(most: usize) -> [bool; 256] {
    let mut separates = [false; 256];
    let mut spelling = 0;
    while spelling < SPELLINGS.len() {
        let text = SPELLINGS[spelling].0;
        let mut at = 0;
        while at < text.len() && at < most {
            separates[text[at].to_ascii_lowercase() as usize] = true;
            separates[text[at].to_ascii_uppercase() as usize] = true;
            at += 1;
        }
        spelling += 1;
    }
    separates
}

/// The length of the encoded separator at this place of a number, whose own digits are none of the number's.
pub(super) fn encoded_length(bytes: &[u8], at: usize) -> Option<usize> {
    spelling_at(bytes, at).map(|(_, length)| length).filter(|length| *length > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Behind each group of a long row the spellings of all separators were tried, for digits stand in some of them: a minute's work in a
    /// body of a megabyte.
    #[test]
    fn plain_groups_are_looked_at_as_plain_ones_alone() {
        for piece in ["4242 4242 4242 4241 ", "4242-4242-4242-4241-", "424242 424242 ", "4242 a", "4242 x"] {
            let text = piece.repeat(1_000);
            assert!((0..text.len()).all(|at| !may_be_wide(text.as_bytes(), at)), "{piece}");
        }
        for text in ["4242 4242&nbsp;", "4242-4242%20", "4242 424242.", "4242  "] {
            assert!(may_be_wide(text.as_bytes(), 4), "{text}");
        }
    }
}
