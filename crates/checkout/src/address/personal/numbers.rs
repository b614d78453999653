//! Which digits of an address are a card's number.

use storeward_inspect::cards;

/// Digits of a card's number (ISO/IEC 7812); more in one piece are two numbers, or one with its date.
const FEWEST: usize = 12;
const MOST: usize = 19;
/// The shortest one that the shop's door knows.
const FEWEST_KNOWN: usize = 14;
/// Longer pieces are nobody's name of a file, and are not looked at one by one.
const LONGEST: usize = 40;

/// Digits in one piece, and in which part they stand.
#[derive(Debug)]
pub(super) struct Group {
    digits: String,
    pub part: usize,
}

/// The groups of digits, as far as no letter stands between them.
pub(super) fn sequences(parts: &[String]) -> Vec<Vec<Group>> {
    let mut all = vec![Vec::new()];
    for (part, text) in parts.iter().enumerate() {
        let mut is_open = false;
        for sign in text.chars() {
            let Some(sequence) = all.last_mut() else { continue };
            if is_digit(sign) {
                match sequence.last_mut().filter(|_| is_open) {
                    Some(Group { digits, .. }) => digits.push(sign),
                    None => sequence.push(Group { digits: sign.to_string(), part }),
                }
            } else if sign.is_alphabetic() && !sequence.is_empty() {
                all.push(Vec::new());
            }
            is_open = is_digit(sign);
        }
    }
    all
}

/// Those of any script: hosts are written in them, and read as ASCII.
fn is_digit(sign: char) -> bool {
    sign.is_numeric()
}

/// The groups that make a card's number together: in one piece, in pieces of one length (the last may be shorter), or as cards show them.
pub(super) fn numbers(groups: &[Group]) -> Vec<&[Group]> {
    let mut found = Vec::new();
    for from in 0..groups.len() {
        let mut digits = String::new();
        for (at, group) in groups.iter().enumerate().skip(from) {
            digits.push_str(&group.digits);
            let Some(window) = groups.get(from..=at) else { break };
            let lengths = || window.iter().map(|group| group.digits.len()).collect::<Vec<_>>();
            let is_number = match window {
                [one] => is_number(&one.digits),
                _ => is_grouped(&lengths()) && is_card(&digits),
            };
            if is_number {
                found.push(window);
            }
            if digits.len() > MOST {
                break;
            }
        }
    }
    found
}

/// The groups of a host among which a number that the shop's door knows stands, wherever it begins. An account's number of 12 digits
/// is none.
pub(super) fn numbers_of_host(groups: &[Group]) -> Vec<&[Group]> {
    let of = |(at, group): (usize, &Group)| group.digits.chars().map(|digit| (digit, at)).collect::<Vec<_>>();
    let digits: Vec<(char, usize)> = groups.iter().enumerate().flat_map(of).collect();
    if digits.len() >= FEWEST && digits.iter().any(|(digit, _)| !digit.is_ascii()) {
        return vec![groups];
    }
    let mut found = Vec::new();
    for length in FEWEST_KNOWN..=MOST {
        for window in digits.windows(length) {
            let text: String = window.iter().map(|(digit, _)| *digit).collect();
            if let ([(_, first), .., (_, last)], true) = (window, is_known(&text)) {
                found.extend(groups.get(*first..=*last));
            }
        }
    }
    found
}

/// Digits in one piece. A day or a moment is none, whatever its check digit (a number of today's begins with 20 or 1), nor is most
/// of what programs count.
fn is_number(digits: &str) -> bool {
    let length = digits.chars().count();
    if !digits.is_ascii() {
        return length >= FEWEST;
    }
    // With a date, or the code of the card's back, before or behind it.
    let is_with_more = || {
        (FEWEST_KNOWN..length)
            .any(|part| [digits.get(..part), digits.get(length - part..)].into_iter().flatten().any(is_known))
    };
    if length <= MOST {
        return is_card(digits) || is_with_more();
    }
    let begins_at =
        |from: usize| (FEWEST_KNOWN..=MOST).any(|part| digits.get(from..from + part).is_some_and(is_known));
    length > LONGEST || (0..length).any(begins_at)
}

fn is_grouped(lengths: &[usize]) -> bool {
    const AS_SHOWN: [&[usize]; 3] = [&[4, 6, 5], &[4, 6, 4], &[6, 13]];
    let is_even = match lengths.split_last() {
        Some((last, [first, rest @ ..])) => rest.iter().all(|length| length == first) && last <= first,
        _ => false,
    };
    is_even || AS_SHOWN.contains(&lengths)
}

/// A number that the shop's door knows, or by check digit, length, and the digits that schemes have had: here a number too many does
/// less harm.
pub(super) fn is_card(digits: &str) -> bool {
    let length = digits.len();
    if !(FEWEST..=MOST).contains(&length) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let two = digits.get(..2).and_then(|two| two.parse::<u8>().ok()).unwrap_or_default();
    let is_scheme = match two {
        22..=27 | 51..=55 => length == 16,
        30 | 36 | 38 | 39 => (FEWEST_KNOWN..=MOST).contains(&length),
        34 | 37 => length == 15,
        35 => length >= 16,
        40..=49 => matches!(length, 13 | 16 | 19),
        50 | 56..=58 | 60..=69 => true,
        _ => false,
    };
    (is_scheme && passes_luhn(digits)) || is_known(digits)
}

/// By the networks and the check digit that the shop's door goes by.
fn is_known(digits: &str) -> bool {
    // Most end here.
    (!digits.is_ascii() || passes_luhn(digits)) && cards::has_number(digits.as_bytes())
}

fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Digits in one piece, between whatever signs.
pub(super) struct Piece {
    digits: String,
    pub part: usize,
    /// Whether the same stands between all pieces of its word. In the hash of a file, something else does each time.
    is_even: bool,
}

impl Piece {
    fn length(&self) -> usize {
        self.digits.chars().count()
    }

    /// Whether it may be some of a number: versions have single digits, and moments are told apart.
    fn may_count(&self) -> bool {
        (2..=13).contains(&self.length()) && !is_moment(&self.digits)
    }
}

/// Of this time: a day, with the hour and the minute or without, or seconds or milliseconds since 1970.
fn is_moment(digits: &str) -> bool {
    let month = digits.get(4..6).and_then(|month| month.parse::<u8>().ok());
    let is_day = ["202", "203"].iter().any(|begins| digits.starts_with(begins))
        && month.is_some_and(|month| (1..=12).contains(&month));
    let is_second = ["16", "17", "18", "19"].iter().any(|begins| digits.starts_with(begins));
    match digits.len() {
        8 | 12 => is_day,
        10 | 13 => is_second,
        _ => false,
    }
}

/// All pieces of all parts.
pub(super) fn pieces(parts: &[String]) -> Vec<Piece> {
    let mut all = Vec::new();
    for (part, text) in parts.iter().enumerate() {
        for word in text.split(|sign: char| !(sign.is_alphanumeric() || matches!(sign, '-' | '_'))) {
            let inside = word.trim_matches(|sign| !is_digit(sign));
            let between: Vec<&str> = inside.split(is_digit).filter(|text| !text.is_empty()).collect();
            let is_even = between.windows(2).all(|two| matches!(two, [one, other] if one == other));
            let digits = inside.split(|sign| !is_digit(sign)).filter(|digits| !digits.is_empty());
            all.extend(digits.map(|digits| Piece { digits: digits.to_owned(), part, is_even }));
        }
    }
    all
}

/// The pieces that make a card's number of 15 or 16 digits together, whatever stands between them.
pub(super) fn numbers_of_pieces<'a>(pieces: &[&'a Piece]) -> Vec<&'a Piece> {
    let mut found = Vec::new();
    for from in 0..pieces.len() {
        let mut digits = String::new();
        let mut window = Vec::new();
        for piece in pieces.iter().skip(from).take_while(|piece| piece.may_count()) {
            digits.push_str(&piece.digits);
            window.push(*piece);
            let length: usize = window.iter().map(|piece| piece.length()).sum();
            if length > 16 {
                break;
            }
            let is_plain = || {
                let lengths: Vec<usize> = window.iter().map(|piece| piece.length()).collect();
                is_grouped(&lengths) || window.iter().all(|piece| piece.is_even)
            };
            if length >= 15 && window.len() > 1 && is_known(&digits) && is_plain() {
                found.append(&mut window.clone());
            }
        }
    }
    found
}
