//! Card numbers in what a field takes, however they are written. What is found here is refused; the proxy, which masks what a shop's pages show
//! and must not break them, looks by `storeward_inspect::cards` alone.

mod mixed;

use storeward_inspect::cards;

/// Telephone numbers of 13 digits may have a fitting check digit by chance (one of ten German ones); no card that is issued has as
/// few but for those of one brand that ended long ago.
const CARD_AS_PHONE: usize = 14;

/// Whether a card number stands in a text, however it is written: also where blanks or dashes stand between single digits, and where
/// letters stand before or behind it.
pub(crate) fn holds_card(text: &str) -> bool {
    let plain = plain_digits(text);
    let is_card = |text: &str| !cards::find(text.as_bytes()).is_empty();
    let number = plain.strip_prefix('+').filter(|rest| rest.len() >= CARD_AS_PHONE);
    is_card(text)
        || is_card(&plain)
        || number.is_some_and(is_card)
        || beside_letters(&plain).any(is_card)
        || spread(&plain).iter().any(|run| is_card(run))
        || apart(&plain).iter().any(|number| is_card(number))
        || with_code(&plain).into_iter().any(is_card)
        || padded(&plain).into_iter().any(is_card)
        || mixed::numbers(&plain).iter().any(|number| is_card(number))
}

/// Whether one stands in the name of an item: `-` and `_` stand wherever they like there.
pub(crate) fn name_holds_card(name: &str) -> bool {
    let parts: Vec<&str> = name.split(['-', '_']).collect();
    let is_run_from = |(at, _): (usize, &&str)| {
        let mut run = String::new();
        parts.iter().skip(at).take_while(|part| part.bytes().all(|b| b.is_ascii_digit())).any(|part| {
            run.push_str(part);
            CARD_DIGITS.contains(&run.len()) && !cards::find(run.as_bytes()).is_empty()
        })
    };
    holds_card(name) || parts.iter().enumerate().any(is_run_from)
}

/// Lengths of cards' numbers (ISO/IEC 7812-1, and the shortest that are issued).
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
/// Digits of a group between blanks or dashes that is no usual one of a card.
const SMALL_GROUP: usize = 3;

/// Whole runs of digits with a letter or a `_` beside them, such as in `tok_…`, but those of account numbers (IBAN).
fn beside_letters(plain: &str) -> impl Iterator<Item = &str> {
    let words = plain.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let other = words.filter(|word| !word.bytes().all(|b| b.is_ascii_digit()) && !is_iban(word));
    let runs = other.flat_map(|word| word.split(|c: char| !c.is_ascii_digit()));
    runs.filter(|run| CARD_DIGITS.contains(&run.len()))
}

/// An account number in one piece: country, and check digits that fit (ISO 13616-1; ISO 7064, mod 97-10).
fn is_iban(word: &str) -> bool {
    let (Some(head), Some(rest)) = (word.get(..4), word.get(4..)) else { return false };
    let is_begun = head.bytes().take(2).all(|b| b.is_ascii_uppercase())
        && head.bytes().skip(2).all(|b| b.is_ascii_digit());
    let rest_of = |left: Option<u32>, sign: char| {
        let value = sign.to_digit(36)?;
        Some((left? * if value < 10 { 10 } else { 100 } + value) % 97)
    };
    is_begun
        && (15..=34).contains(&word.len())
        && rest.chars().chain(head.chars()).fold(Some(0), rest_of) == Some(1)
}

/// Whole runs of small groups of digits with one to three blanks or dashes between them, as one number: `4 2 4 2 …`.
fn spread(plain: &str) -> Vec<String> {
    let mut runs = Vec::new();
    for run in plain.split(|c: char| !(c.is_ascii_digit() || c == ' ' || c == '-')) {
        if run.split(" - ").all(is_four_pairs) || is_rising(run.split([' ', '-'])) {
            continue;
        }
        let mut number = String::new();
        let mut gap = 0;
        for group in run.split([' ', '-']) {
            match group.len() {
                0 => gap += 1,
                1..=SMALL_GROUP if gap < 3 => {
                    number.push_str(group);
                    gap = 0;
                }
                _ => {
                    runs.push(std::mem::take(&mut number));
                    gap = 0;
                }
            }
        }
        runs.push(number);
    }
    runs.retain(|number| CARD_DIGITS.contains(&number.len()));
    runs
}

/// Numbers in one piece with a dash or a stroke and a code of three or four digits directly behind (`4242424242424242-123`).
fn with_code(plain: &str) -> Vec<&str> {
    let words = plain.split(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '/')));
    let number = |word: &'_ str| {
        let (number, code) = word.split_once(['-', '/'])?;
        ((15..=19).contains(&number.len()) && matches!(code.len(), 3 | 4)).then_some(number.len())
    };
    words.filter_map(|word| number(word).and_then(|length| word.get(..length))).collect()
}

/// Groups of a number that are looked at together.
const MOST_GROUPS: usize = 5;
/// Signs between two groups of one number.
const MOST_APART: usize = 6;

/// A group of digits, and what stands between it and the one before.
struct Group<'a> {
    gap: &'a str,
    digits: &'a str,
}

impl Group<'_> {
    /// Whether the proxy's detector reads over the gap, which then decides by itself (account numbers in groups are none of a card).
    fn is_near(&self) -> bool {
        self.gap.len() == 1 && self.gap.starts_with([' ', '-', '_', '/', '.'])
    }
}

/// Groups of digits with anything between them but letters, run by run.
fn runs_of_groups(plain: &str) -> Vec<Vec<Group<'_>>> {
    let is_digit = |c: char| c.is_ascii_digit();
    let (mut runs, mut run, mut rest) = (Vec::new(), Vec::new(), plain);
    while let Some(from) = rest.find(is_digit) {
        let (gap, behind) = rest.split_at(from);
        let end = behind.find(|c| !is_digit(c)).unwrap_or(behind.len());
        let (digits, after) = behind.split_at(end);
        if gap.chars().any(char::is_alphanumeric) || gap.chars().count() > MOST_APART {
            runs.push(std::mem::take(&mut run));
        }
        run.push(Group { gap, digits });
        rest = after;
    }
    runs.push(run);
    runs
}

/// What may be a card's number that is written with other signs, or several, between its groups (`4242--4242, 4242 | 4242`). People write
/// one in groups of one length, of which the last may be shorter, or in the groups that are on the card (4, 6 and 5); groups of one to three
/// digits count with the same sign between all of them only: prices, sizes, dates and times have several.
fn apart(plain: &str) -> Vec<String> {
    let mut found = Vec::new();
    for run in runs_of_groups(plain) {
        for from in 0..run.len() {
            let groups = run.get(from..).unwrap_or_default();
            found.extend(of_groups(groups));
        }
        found.extend(of_small_groups(&run));
        found.extend(in_thousands(&run));
    }
    found
}

/// Numbers that begin with the first of these groups.
fn of_groups(groups: &[Group<'_>]) -> Vec<String> {
    let lengths: Vec<usize> = groups.iter().take(MOST_GROUPS).map(|group| group.digits.len()).collect();
    let first = lengths.first().copied().unwrap_or(0);
    let mut found = Vec::new();
    if first <= SMALL_GROUP {
        return found;
    }
    for count in 2..=lengths.len() {
        let (shape, last) = (lengths.get(..count).unwrap_or_default(), lengths.get(count - 1));
        let is_even = shape.iter().take(count - 1).all(|one| *one == first) && last <= Some(&first);
        let is_on_cards = shape == [4, 6, 5] || shape == [4, 6, 4];
        let parts = groups.get(..count).unwrap_or_default();
        let is_near = parts.iter().skip(1).all(Group::is_near);
        // A list of two numbers, such as of orders: nobody writes a card's number in two halves so.
        if shape == [8, 8] && parts.get(1).is_some_and(|group| matches!(group.gap, ", " | "; ")) {
            continue;
        }
        let number: String = parts.iter().map(|group| group.digits).collect();
        // Between two of one length the proxy's detector would read, too, if they were a card's: as a rule they are two telephone numbers.
        let is_odd = is_near && count == groups.len() && is_uneven(parts);
        if is_odd || ((is_even || is_on_cards) && !is_near && CARD_DIGITS.contains(&number.len())) {
            found.push(number);
        }
    }
    found
}

/// Whether groups of four digits and more, of several lengths and with the same sign between all of them, are as long together as a card's
/// number: `4242424242 424242`. Nothing else stands beside them, so lists of numbers are none; nor is an article's number (GTIN-13) with
/// something behind it, for no length of both is one of these.
fn is_uneven(groups: &[Group<'_>]) -> bool {
    let (first, gaps) = (groups.first(), groups.get(1..).unwrap_or_default());
    let is_alike =
        gaps.windows(2).all(|two| two.iter().all(|one| Some(one.gap) == gaps.first().map(|gap| gap.gap)));
    let lengths = || groups.iter().map(|group| group.digits.len());
    let is_one_length = lengths().all(|length| Some(length) == first.map(|group| group.digits.len()));
    let is_behind_plus = first.is_some_and(|group| group.gap.ends_with('+'));
    // No telephone number has more than 15 digits (ITU-T E.164, section 6).
    let least = if is_behind_plus { 16 } else { 14 };
    let all: usize = lengths().sum();
    is_alike && !is_one_length && lengths().all(|length| length > SMALL_GROUP) && (least..=16).contains(&all)
}

/// Whether each number is more than the one before: sizes, pages, days; in a card's number hardly ever.
fn is_rising<'a>(groups: impl Iterator<Item = &'a str>) -> bool {
    let numbers: Vec<u32> = groups.filter_map(|group| group.parse().ok()).collect();
    numbers.len() > 2 && numbers.windows(2).all(|two| two.first() < two.get(1))
}

/// Whole runs of digits without what a table or a program put before or behind: leading zeros, and up to three decimals. What is left has 14 to
/// 16 digits, for parcels' numbers have 18 behind two zeros (SSCC). The decimals of a fraction are none.
fn padded(plain: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ',' | '_' | '-' | '+');
    let mut found = Vec::new();
    for word in plain.split(|c: char| !is_part(c)) {
        let word = word.trim_end_matches(['.', ',', '-']);
        let (number, decimals) = word.split_once(['.', ',']).unwrap_or((word, ""));
        let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let whole = number.trim_start_matches('0');
        let is_padded = whole.len() < number.len() || !decimals.is_empty();
        if is_padded
            && is_number(number)
            && is_number(decimals)
            && decimals.len() <= SMALL_GROUP
            && (14..=16).contains(&whole.len())
        {
            found.push(whole);
        }
    }
    found
}

/// Whole rows of groups of one to three digits, of one length and with the same between all of them.
fn of_small_groups(run: &[Group<'_>]) -> Vec<String> {
    let is_next = |one: &Group<'_>, two: &Group<'_>| one.digits.len() == two.digits.len();
    let mut found: Vec<String> = Vec::new();
    for row in run.chunk_by(is_next).filter(|row| row.iter().all(|one| one.digits.len() <= SMALL_GROUP)) {
        // The gap before the first of them is none of theirs.
        let gaps = row.get(1..).unwrap_or_default().chunk_by(|one, two| one.gap == two.gap);
        let mut at = 0;
        for same in gaps {
            let groups = row.get(at..=at + same.len()).unwrap_or_default();
            let number: String = groups.iter().map(|group| group.digits).collect();
            at += same.len();
            // Blanks and dashes between such groups are read by `spread`.
            let is_spread = same.iter().all(|group| group.gap == " " || group.gap == "-");
            let is_row = is_rising(groups.iter().map(|group| group.digits));
            if !is_spread && !is_row && CARD_DIGITS.contains(&number.len()) {
                found.push(number);
            }
        }
    }
    found
}

/// Whole rows of small groups with one sign between all of them, of which the first or the last has fewer digits: `4.242.424.242.424.242`.
fn in_thousands(run: &[Group<'_>]) -> Option<String> {
    let lengths: Vec<usize> = run.iter().map(|group| group.digits.len()).collect();
    let (first, last) = (lengths.first()?, lengths.last()?);
    let inner = lengths.get(1..lengths.len() - 1)?;
    let most = *inner.first()?;
    let is_even = inner.iter().all(|length| *length == most) && *first <= most && *last <= most;
    let gap = run.get(1)?.gap;
    let is_one = run.iter().skip(1).all(|group| group.gap == gap);
    // Blanks and dashes are read by `spread`.
    let is_read = is_even && is_one && most <= SMALL_GROUP && gap != " " && gap != "-";
    let number: String = run.iter().map(|group| group.digits).collect();
    let is_row = is_rising(run.iter().map(|group| group.digits));
    (is_read && !is_row && (14..=16).contains(&number.len())).then_some(number)
}

/// A telephone number as Denmark and Norway write it: two of them with a dash between are no card.
fn is_four_pairs(text: &str) -> bool {
    let pairs: Vec<&str> = text.trim().split(' ').collect();
    pairs.len() == 4 && pairs.iter().all(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_digit()))
}

/// Zeros of Unicode's decimal digits (general category Nd) that people type: nine more follow each.
const ZEROS: [char; 20] = [
    '\u{660}',
    '\u{6f0}',
    '\u{7c0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{17e0}',
    '\u{1810}',
    '\u{ff10}',
    '\u{1d7ce}',
];

/// Digits of all scripts as ASCII, dashes and blanks of all kinds as `-` and a blank, and nothing of what is not seen: so that no
/// way of writing hides a number.
fn plain_digits(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}'))
        .map(|c| match c {
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
            '\u{ff0b}' => '+',
            c if c.is_whitespace() => ' ',
            c => digit(c).unwrap_or(c),
        })
        .collect()
}

fn digit(c: char) -> Option<char> {
    // The mathematical digits come in five rows.
    let zeros = ZEROS.iter().map(|zero| u32::from(*zero));
    let zeros = zeros.chain((1..5).map(|row| 0x1d7ce + 10 * row));
    let value = zeros.filter_map(|zero| u32::from(c).checked_sub(zero)).find(|value| *value < 10)?;
    char::from_digit(value, 10)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop where it is")]
mod tests;
