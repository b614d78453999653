//! What a number is: its groups, boundaries, brand and check digit.

use super::{CardSpan, iban};

/// The shortest card number (Diners Club) in digits.
const MIN_DIGITS: usize = 14;
pub(super) const MAX_DIGITS: usize = 19;
/// How digits may be grouped when one separator, the same throughout, stands between groups.
pub(super) const GROUPINGS: [&[usize]; 6] =
    [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[6, 13], &[4, 4, 4, 3]];
const WHITE_SPACE_AROUND: usize = 8;

/// Whether a number in plain groups may begin with this run of digits: most do not.
#[inline]
pub(super) fn may_begin(bytes: &[u8], start: usize, run_end: usize) -> bool {
    match run_end - start {
        // A first group (see [`GROUPINGS`]), behind which more must come.
        4 | 6 => matches!(bytes.get(run_end..run_end + 2), Some([b' ' | b'-', b'0'..=b'9'])),
        length => (MIN_DIGITS..=MAX_DIGITS).contains(&length),
    }
}

/// The card number in plain groups whose first digits are this run.
pub(super) fn number_from(bytes: &[u8], start: usize, run_end: usize) -> Option<CardSpan> {
    let end = number_at(bytes, start, run_end)?;
    Some(CardSpan { start, end, json_number: is_json_number(bytes, start, end) })
}

/// Every card number in plain groups, by the run of digits, blanks and dashes: what the tests compare the search with.
#[cfg(test)]
pub(super) fn each_byte_by_byte(bytes: &[u8], found: &mut dyn FnMut(CardSpan)) {
    let mut at = 0;
    while at < bytes.len() {
        let end = (at..bytes.len()).find(|next| !class_at(bytes, *next)).unwrap_or(bytes.len());
        scan_run(bytes, at, end, found);
        at = end + 1;
    }
}

#[cfg(test)]
fn scan_run(bytes: &[u8], run_start: usize, run_end: usize, found: &mut dyn FnMut(CardSpan)) {
    let mut at = run_start;
    while at + MIN_DIGITS <= run_end {
        if !digit_at(bytes, at) {
            at += 1;
            continue;
        }
        let digits_end = (at..run_end).find(|next| !digit_at(bytes, *next)).unwrap_or(run_end);
        match number_at(bytes, at, digits_end) {
            Some(end) => {
                found(CardSpan { start: at, end, json_number: is_json_number(bytes, at, end) });
                at = end;
            }
            None => at = digits_end,
        }
    }
}

/// Where the card number that starts at `start` ends, if one does.
fn number_at(bytes: &[u8], start: usize, digits_end: usize) -> Option<usize> {
    if !starts_cleanly(bytes, start) {
        return None;
    }
    let run = digits_end - start;
    if (MIN_DIGITS..=MAX_DIGITS).contains(&run) {
        let fits = ends_cleanly(bytes, digits_end) && is_card(bytes.get(start..digits_end)?);
        return fits.then_some(digits_end);
    }
    GROUPINGS.iter().find_map(|groups| {
        let end = grouped_end(bytes, start, run, groups)?;
        let card = ends_cleanly(bytes, end) && is_card(bytes.get(start..end)?);
        (card && !iban::holds(bytes, start, end) && !in_row(bytes, start, end)).then_some(end)
    })
}

/// Whether the groups stand within a row of groups of four digits, such as the points of a drawing: three more before and three behind,
/// and no other card's beside them. An order's number before a card and its month behind it make no row.
pub(super) fn in_row(bytes: &[u8], start: usize, end: usize) -> bool {
    const GROUPS: [usize; 4] = [4; 4];
    const BEYOND: usize = 3;
    let Some(separator @ (b' ' | b'-')) = bytes.get(start + 4).copied() else { return false };
    if grouped_end(bytes, start, 4, &GROUPS) != Some(end) {
        return false;
    }
    let is_group =
        |from: usize| bytes.get(from..from + 4).is_some_and(|group| group.iter().all(u8::is_ascii_digit));
    let is_separator = |at: usize| bytes.get(at) == Some(&separator);
    let no_digit =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_none_or(|byte| !byte.is_ascii_digit());
    let before = (1..=BEYOND).all(|count| {
        start.checked_sub(5 * count).is_some_and(|from| is_group(from) && is_separator(from + 4))
    }) && no_digit(start.checked_sub(5 * BEYOND + 1));
    let behind = (0..BEYOND).all(|count| is_separator(end + 5 * count) && is_group(end + 5 * count + 1))
        && no_digit(Some(end + 5 * BEYOND));
    let is_whole = |from: usize, end: usize| {
        grouped_end(bytes, from, 4, &GROUPS) == Some(end) && bytes.get(from..end).is_some_and(is_card)
    };
    let follows_card = || {
        let from = start.checked_sub(20)?;
        let groups = bytes.get(from..start - 1)?;
        // As it went out a moment ago.
        let is_masked = groups.iter().take(15).all(|byte| *byte == b'*' || *byte == separator);
        Some(is_masked || is_whole(from, start - 1))
    };
    before && behind && follows_card() != Some(true) && !is_whole(end + 1, end + 20)
}

fn grouped_end(bytes: &[u8], start: usize, first_group: usize, groups: &[usize]) -> Option<usize> {
    let (first, rest) = groups.split_first()?;
    if *first != first_group {
        return None;
    }
    let separator = *bytes.get(start + first)?;
    if separator != b' ' && separator != b'-' {
        return None;
    }
    let mut at = start + first;
    for group in rest {
        let digits = bytes.get(at + 1..at + 1 + group)?;
        if bytes.get(at) != Some(&separator) || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        at += 1 + group;
    }
    Some(at)
}

/// A number starts at a word boundary, and not inside a float, a UUID or a longer number. `%B` opens track 1.
pub(super) fn starts_cleanly(bytes: &[u8], start: usize) -> bool {
    let before = |back: usize| start.checked_sub(back).and_then(|at| bytes.get(at)).copied();
    match before(1) {
        None => true,
        Some(b'B') => before(2) == Some(b'%'),
        Some(sign @ (b'.' | b'-')) => {
            !before(2).is_some_and(|byte| byte.is_ascii_alphanumeric())
                || (sign == b'.' && follows_label(bytes, start))
        }
        // The letter of an escape in JSON (RFC 8259 section 7).
        Some(b'n' | b'r' | b't' | b'b' | b'f') if before(2) == Some(b'\\') => true,
        Some(b'+') => before(2).is_some_and(|byte| byte.is_ascii_alphanumeric()),
        Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => follows_label(bytes, start),
        Some(byte) => !byte.is_ascii_digit(),
    }
}

/// Words that say that a card's number follows, glued to it: `card_4111…`, `PAN4111…`, `Nr.4111…`. Behind any other letter or `_` stands
/// the number of an order, a file or a session, of which every tenth passes for a card's by its check digit, and which a
/// shop cannot do without.
fn follows_label(bytes: &[u8], start: usize) -> bool {
    const LABELS: [&[u8]; 18] = [
        b"pan",
        b"card",
        b"cc",
        b"visa",
        b"amex",
        b"mastercard",
        b"maestro",
        b"cardno",
        b"cardnum",
        b"cardnumber",
        b"ccnum",
        b"kreditkarte",
        b"kartennr",
        b"kartennummer",
        b"nr",
        b"no",
        b"num",
        b"number",
    ];
    let before = bytes.get(start.saturating_sub(super::LOOK_BACK)..start).unwrap_or_default();
    let word = before.strip_suffix(b"_").or_else(|| before.strip_suffix(b".")).unwrap_or(before);
    LABELS.iter().any(|label| {
        word.len().checked_sub(label.len()).is_some_and(|at| {
            let (outside, last) = word.split_at(at);
            last.eq_ignore_ascii_case(label) && !outside.last().is_some_and(u8::is_ascii_alphanumeric)
        })
    })
}

/// Whether a chunk may begin in the middle of such a word.
pub(super) fn may_end_label(chunk: &[u8]) -> bool {
    let letters = chunk
        .iter()
        .take(super::LOOK_BACK)
        .take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'_')
        .count();
    let digits = letters + usize::from(chunk.get(letters) == Some(&b'.'));
    letters > 0 && chunk.get(digits).is_some_and(u8::is_ascii_digit)
}

/// A number ends at a word boundary, and not inside a float or a UUID. `D` and `=` before digits are track 2.
pub(super) fn ends_cleanly(bytes: &[u8], end: usize) -> bool {
    let after = bytes.get(end + 1).copied();
    match bytes.get(end).copied() {
        None => true,
        Some(b'D') => after.is_some_and(|byte| byte.is_ascii_digit()),
        Some(b'.') => !after.is_some_and(|byte| byte.is_ascii_digit()) || decimals(bytes, end) > 0,
        Some(b'-') => !after.is_some_and(|byte| byte.is_ascii_alphanumeric()),
        Some(byte) => !(byte.is_ascii_alphanumeric() || byte == b'_'),
    }
}

/// Bytes of `.0` or `.00` behind a number, to the end of the word: what tables make of a column of whole numbers.
fn decimals(bytes: &[u8], end: usize) -> usize {
    let after = bytes.get(end..bytes.len().min(end + 4)).unwrap_or_default();
    let zeros = after.iter().skip(1).take_while(|byte| **byte == b'0').count();
    let over = after.get(1 + zeros).is_none_or(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'));
    if after.first() == Some(&b'.') && (1..=2).contains(&zeros) && over { 1 + zeros } else { 0 }
}

/// Whether the bare digits stand where JSON or a script has a number, white space aside: behind an operator, an opening
/// bracket or `return`, and before what ends an expression.
fn is_json_number(bytes: &[u8], start: usize, end: usize) -> bool {
    let bare = bytes.get(start..end).is_some_and(|number| number.iter().all(u8::is_ascii_digit));
    let end = end + decimals(bytes, end);
    let before = bytes.get(start.saturating_sub(WHITE_SPACE_AROUND + 1)..start).unwrap_or_default();
    let after = bytes.get(end..bytes.len().min(end + WHITE_SPACE_AROUND + 1)).unwrap_or_default();
    let opened = before.iter().rev().find(|byte| !byte.is_ascii_whitespace());
    let closed = after.iter().find(|byte| !byte.is_ascii_whitespace());
    let line_ends = matches!(after.first(), None | Some(b'\n' | b'\r'));
    let expression = matches!(closed, Some(b',' | b'}' | b']' | b')' | b';'));
    bare && match opened {
        Some(b':' | b'[' | b',') => expression,
        Some(b'=') => expression || line_ends,
        Some(b'(' | b'?' | b'|' | b'*' | b'{') => expression || closed == Some(&b':'),
        Some(b'>') => expression && before.trim_ascii_end().ends_with(b"=>"),
        _ => (expression || closed == Some(&b':')) && follows_keyword(bytes, start),
    }
}

fn follows_keyword(bytes: &[u8], start: usize) -> bool {
    let before = bytes.get(start.saturating_sub(super::LOOK_BACK - 1)..start).unwrap_or_default();
    let word = before.trim_ascii_end();
    word.len() < before.len()
        && [b"return".as_slice(), b"case", b"yield"].iter().any(|key| word.ends_with(key))
}

fn is_card(number: &[u8]) -> bool {
    let mut digits = [0_u8; MAX_DIGITS];
    let mut count = 0;
    for byte in number.iter().filter(|byte| byte.is_ascii_digit()) {
        let Some(slot) = digits.get_mut(count) else { return false };
        *slot = byte - b'0';
        count += 1;
    }
    digits.get(..count).is_some_and(is_card_number)
}

/// By brand, length and check digit.
pub(super) fn is_card_number(digits: &[u8]) -> bool {
    is_brand(digits) && passes_luhn(digits)
}

/// Digits with anything but letters between them, up to three bytes at a time, wherever a card number can be read in
/// them. For texts of a record: at most a few kilobytes.
pub(super) fn each_loosely(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut spans: Vec<std::ops::Range<usize>> = Vec::new();
    // Most texts end here.
    if bytes.iter().filter(|byte| byte.is_ascii_digit()).count() < MIN_DIGITS {
        return spans;
    }
    // Digits of the run under way: value and place.
    let mut run: Vec<(u8, usize)> = Vec::with_capacity(32);
    for (at, byte) in bytes.iter().enumerate() {
        let apart = run.last().is_some_and(|(_, last)| at - last > 4);
        if byte.is_ascii_alphabetic() || (apart && byte.is_ascii_digit()) {
            spans.extend(in_run(&run));
            run.clear();
        }
        if byte.is_ascii_digit() {
            run.push((byte - b'0', at));
        }
    }
    spans.extend(in_run(&run));
    spans
}

fn in_run(run: &[(u8, usize)]) -> Vec<std::ops::Range<usize>> {
    if run.len() < MIN_DIGITS {
        return Vec::new();
    }
    let digits: Vec<u8> = run.iter().map(|(digit, _)| *digit).collect();
    let mut spans = Vec::new();
    let mut start = 0;
    while start + MIN_DIGITS <= digits.len() {
        let fits = |length: &usize| digits.get(start..start + length).is_some_and(is_card_number);
        match (MIN_DIGITS..=MAX_DIGITS).rev().find(fits) {
            Some(length) => {
                let places = run.get(start).zip(run.get(start + length - 1));
                spans.extend(places.map(|((_, first), (_, last))| *first..last + 1));
                start += length;
            }
            None => start += 1,
        }
    }
    spans
}

/// Ranges and lengths of the networks that are in use (ISO/IEC 7812; EMVCo's and the networks' own lists of prefixes). Left out: Visa's 13 digits, of
/// which none were issued for years (EAN-13 would pass), and UATP's 15 that begin with 1, with which airlines alone pay.
fn is_brand(digits: &[u8]) -> bool {
    let prefix = digits.iter().take(6).fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit));
    let (four, three, two) = (prefix / 100, prefix / 1_000, prefix / 10_000);
    match digits.len() {
        14 => matches!(three, 300..=305 | 309) || matches!(two, 36 | 38 | 39),
        15 => matches!(two, 34 | 37),
        16 => {
            matches!(two, 40..=49 | 51..=55 | 62 | 65)
                || matches!(three, 644..=649)
                // 5019: Dankort; 5610: once Bankcard's, then Maestro's.
                || matches!(four, 2200..=2204 | 2221..=2720 | 3528..=3589 | 5019 | 5610 | 6011)
                || is_maestro(four)
                || is_of_one_country(four)
        }
        17 => two == 62 || is_maestro(four),
        18 => two == 62 || is_maestro(four) || is_long_of_one_country(four),
        19 => {
            two == 62
                || (40..=49).contains(&two)
                || matches!(four, 6011 | 6500..=6599)
                || is_maestro(four)
                || is_long_of_one_country(four)
        }
        _ => false,
    }
}

fn is_maestro(four: u32) -> bool {
    matches!(four, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763 | 6767)
}

/// girocard; Elo and Hipercard (Brazil); Verve (Nigeria); RuPay (India); UnionPay's newer range; Uzcard and Humo (Uzbekistan); Troy (Turkey).
fn is_of_one_country(four: u32) -> bool {
    matches!(four, 6703 | 6720)
        || matches!(four, 5067 | 5090..=5099 | 6362 | 6363 | 6062 | 6370 | 6375 | 6376)
        || matches!(four, 5060 | 5061 | 5078 | 5079)
        || matches!(four, 5080..=5089 | 6000..=6099 | 8100..=8299)
        || matches!(four, 8600 | 9860 | 9792)
}

/// Verve and girocard in the longer forms, and Napas (Vietnam).
fn is_long_of_one_country(four: u32) -> bool {
    matches!(four, 5060 | 5061 | 5078 | 5079 | 6703 | 6720 | 9704)
}

fn passes_luhn(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().fold(0_u32, |sum, (place, digit)| {
        let digit = u32::from(*digit);
        sum + if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
    });
    sum.is_multiple_of(10) && digits.iter().any(|digit| Some(digit) != digits.first())
}

#[cfg(test)]
fn in_class(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b' ' || byte == b'-'
}

#[cfg(test)]
fn class_at(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).copied().is_some_and(in_class)
}

#[cfg(test)]
fn digit_at(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}
