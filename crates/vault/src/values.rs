//! What a field takes, and the form in which it is kept and looked up.

use storeward_base::Timestamp;
use storeward_inspect::cards;
use storeward_outbound::mail::Address;
use unicode_normalization::UnicodeNormalization;

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One line of at most so many characters.
    Line(usize),
    /// Several lines of at most so many characters.
    Text(usize),
    Email,
    /// E.164: `+` and 7 to 15 digits (ITU-T E.164, section 6).
    Phone,
    /// `2026-11-26`.
    Date,
    /// RFC 3339.
    Moment,
    /// ISO 3166-1 alpha-2, upper case.
    Country,
    /// ISO 4217, upper case.
    Currency,
    /// Minor units, a whole number.
    Amount,
    LastFour,
}

/// The value as it is kept: trimmed, in one form. No field takes a card number.
pub fn check(rule: Rule, value: &str) -> Result<String, &'static str> {
    let value = value.trim();
    if value.is_empty() {
        return Err("is empty");
    }
    let text = match rule {
        Rule::Line(most) => line(value, most)?,
        Rule::Text(most) => text(value, most)?,
        Rule::Email => email(value)?,
        Rule::Phone => phone(value)?,
        Rule::Date => date(value)?,
        Rule::Moment => {
            Timestamp::parse_rfc3339(value).ok_or("is no moment such as 2026-11-26T12:00:00Z")?.rfc3339()
        }
        Rule::Country => letters(value, 2, "is no country of two letters such as DE")?,
        Rule::Currency => letters(value, 3, "is no currency of three letters such as EUR")?,
        Rule::Amount => value.parse::<i64>().map_err(|_| "is no whole number of minor units")?.to_string(),
        Rule::LastFour => digits(value, 4)?,
    };
    if holds_card(&text) {
        Err("holds a card number; only a provider's token and the last four digits may be kept")
    } else {
        Ok(text)
    }
}

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
        if run.split(" - ").all(is_four_pairs) {
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
    }
    found
}

/// Numbers that begin with the first of these groups.
fn of_groups(groups: &[Group<'_>]) -> Vec<String> {
    let lengths: Vec<usize> = groups.iter().take(5).map(|group| group.digits.len()).collect();
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
        let number: String = parts.iter().map(|group| group.digits).collect();
        if (is_even || is_on_cards) && !is_near && CARD_DIGITS.contains(&number.len()) {
            found.push(number);
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
            if !same.iter().all(Group::is_near) && CARD_DIGITS.contains(&number.len()) {
                found.push(number);
            }
        }
    }
    found
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

/// The form by which a kept value is looked up.
pub fn normal(rule: Rule, value: &str) -> String {
    match rule {
        Rule::Email => email_normal(value),
        Rule::Line(_) => value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(),
        Rule::Text(_)
        | Rule::Phone
        | Rule::Date
        | Rule::Moment
        | Rule::Country
        | Rule::Currency
        | Rule::Amount
        | Rule::LastFour => value.to_owned(),
    }
}

/// As [`normal`] had it before, where that differs: marks that were made then lie there until they are renewed.
pub fn normal_before(rule: Rule, value: &str) -> Option<String> {
    let before = (rule == Rule::Email).then(|| value.to_lowercase())?;
    (before != normal(rule, value)).then_some(before)
}

/// Without case, letters and marks as one (NFC, UAX 15), and the host as DNS knows it (`xn--…`, RFC 5890): one mailbox, one form.
fn email_normal(value: &str) -> String {
    let plain: String = value.nfc().collect::<String>().to_lowercase().nfc().collect();
    let Some((local, host)) = plain.rsplit_once('@') else { return plain };
    // What is no host by name stays as it is. Its own part is judged elsewhere.
    match Address::parse(&format!("x@{host}")) {
        Ok(address) => format!("{local}@{}", address.domain()),
        Err(_) => plain,
    }
}

fn line(value: &str, most: usize) -> Result<String, &'static str> {
    if value.chars().any(char::is_control) {
        return Err("has a line end or a control character in it");
    }
    text(value, most)
}

fn text(value: &str, most: usize) -> Result<String, &'static str> {
    if value.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
        return Err("has a control character in it");
    }
    if value.chars().count() > most {
        return Err("is too long");
    }
    Ok(value.to_owned())
}

/// One `@`, something before it, a name with a dot behind it, 254 bytes (RFC 5321 section 4.5.3.1 allows no more). The
/// local part keeps its case, which its server may tell apart; it is looked up without.
fn email(value: &str) -> Result<String, &'static str> {
    const WRONG: &str = "is no e-mail address";
    // Some machines type `ü` as two signs.
    let composed: String = value.nfc().collect();
    let value = composed.as_str();
    let (local, domain) = value.rsplit_once('@').ok_or(WRONG)?;
    let plain =
        |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '"' | ',' | ';' | '@');
    let named = !local.is_empty() && local.chars().all(plain);
    let host = domain.contains('.')
        && domain
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'));
    if named && host && value.len() <= 254 {
        Ok(format!("{local}@{}", domain.to_lowercase()))
    } else {
        Err(WRONG)
    }
}

/// Takes what people write between the digits. A number without a country is not guessed at.
fn phone(value: &str) -> Result<String, &'static str> {
    const WRONG: &str = "is no telephone number with its country, such as +49 30 1234567";
    let kept: String =
        value.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}')).collect();
    let digits = kept.strip_prefix('+').or_else(|| kept.strip_prefix("00")).ok_or(WRONG)?;
    // "+49 (0)30 …" is how many write it; the zero is not part of the number.
    let digits = if value.contains("(0)") { digits.replacen('0', "", 1) } else { digits.to_owned() };
    let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if fits && !digits.starts_with('0') { Ok(format!("+{digits}")) } else { Err(WRONG) }
}

fn date(value: &str) -> Result<String, &'static str> {
    Timestamp::parse_rfc3339(&format!("{value}T00:00:00Z"))
        .map(|_| value.to_owned())
        .ok_or("is no date such as 2026-11-26")
}

fn letters(value: &str, count: usize, why: &'static str) -> Result<String, &'static str> {
    let fits = value.len() == count && value.bytes().all(|b| b.is_ascii_alphabetic());
    if fits { Ok(value.to_ascii_uppercase()) } else { Err(why) }
}

fn digits(value: &str, count: usize) -> Result<String, &'static str> {
    let fits = value.len() == count && value.bytes().all(|b| b.is_ascii_digit());
    if fits { Ok(value.to_owned()) } else { Err("is not four digits") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_in_one_form() {
        for (rule, given, kept) in [
            (Rule::Line(10), "  Ada ", Some("Ada")),
            (Rule::Line(3), "Ada L", None),
            (Rule::Line(10), "a\nb", None),
            (Rule::Text(10), "a\nb", Some("a\nb")),
            (Rule::Text(10), "a\u{0}b", None),
            (Rule::Line(10), "   ", None),
            (Rule::Email, "Ada@Shop.EXAMPLE", Some("Ada@shop.example")),
            (Rule::Email, "ada@shop", None),
            (Rule::Email, "ada@@shop.example", None),
            (Rule::Email, "a da@shop.example", None),
            (Rule::Email, "ada@shop..example", None),
            (Rule::Phone, "+49 (0)30 123-4567", Some("+49301234567")),
            (Rule::Phone, "0049 30 1234567", Some("+49301234567")),
            (Rule::Phone, "030 1234567", None),
            (Rule::Phone, "+1234567890123456", None),
            (Rule::Phone, "+49 30 CALL", None),
            (Rule::Date, "2026-02-29", None),
            (Rule::Date, "2028-02-29", Some("2028-02-29")),
            (Rule::Country, "de", Some("DE")),
            (Rule::Country, "deu", None),
            (Rule::Currency, "eur", Some("EUR")),
            (Rule::Amount, "-1250", Some("-1250")),
            (Rule::Amount, "12.50", None),
            (Rule::LastFour, "4242", Some("4242")),
            (Rule::LastFour, "42424", None),
        ] {
            assert_eq!(check(rule, given).ok().as_deref(), kept, "{rule:?} {given}");
        }
    }

    #[test]
    fn no_field_takes_a_card_number() {
        for given in ["4111111111111111", "card 4111 1111 1111 1111 please", "5555-5555-5555-4444"] {
            let why = check(Rule::Text(100), given).unwrap_err();
            assert!(why.contains("card number") && !why.contains("1111"), "{why}");
        }
        for given in [
            "４１１１１１１１１１１１１１１１",
            "\u{664}\u{661}\u{661}\u{661} 1111 1111 1111",
            "4111\u{2009}1111\u{2009}1111\u{2009}1111",
            "4111\u{2011}1111\u{2011}1111\u{2011}1111",
            "41111111\u{200b}11111111",
            "\u{1d7d2}111111111111111",
        ] {
            assert!(check(Rule::Text(100), given).is_err(), "{given}");
        }
        // Fifteen digits are a card that is no telephone number.
        for given in ["+378282246310005", "00378282246310005", "+37 8282-246310005"] {
            assert!(check(Rule::Phone, given).unwrap_err().contains("card number"), "{given}");
        }
        assert!(check(Rule::Phone, "+4915112345675").is_ok());
        // With blanks between single digits, and with letters beside it.
        for given in [
            "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
            "card 42 42-42 42 - 42 42 42 42.",
            "4\u{a0}2 4 2 4 2 4 2\u{2011}4 2 4 2 4 2 4 2",
            "x4242424242424242",
            "tok_4242424242424242",
            "tok_4242424242424242_x",
            "ab4242424242424242",
        ] {
            assert!(check(Rule::Text(100), given).is_err(), "{given}");
            assert!(holds_card(given));
        }
        // An order number of the same length that is none; numbers beside each other; an account number, a moment, a provider's name.
        for given in [
            "4111111111111112",
            "WC-4111111111111112",
            "sizes 36 37 38 39 40 41 42",
            "+49 30 1234567 or +49 30 7654321",
            "2026-11-26 10 30, table 4 4 1 2",
            "BE68539007547034",
            "said-withdraw-1790000000000000",
            "pm_1NXWPnLkdIwHu7ixgFGqUHoA",
            "call 40 12 34 56 - 42 98 76 54",
        ] {
            assert!(check(Rule::Text(100), given).is_ok(), "{given}");
        }
        for name in ["42424242-42424242", "4242-424242424242", "a_1-42424242_42-424242", "42--42424242424242"]
        {
            assert!(name_holds_card(name), "{name}");
        }
        for name in
            ["42424242-42424241", "2026-11-26-1030", "550e8400-e29b-41d4-a716-446655440000", "a-1", ""]
        {
            assert!(!name_holds_card(name), "{name}");
        }
        // Fourteen digits of which a card's check digit fits, but for the country before them.
        assert!(is_iban("BE68539007547034") && !is_iban("BE68539007547035"));
    }

    // A note kept the number where two signs, or others than a blank or a dash, stood between its groups.
    #[test]
    fn a_card_number_is_found_whatever_stands_between_its_groups() {
        let gaps =
            ["--", " -- ", ". ", ",", ", ", ":", "|", " | ", "\u{b7}", " \u{2013} ", ") (", "\n- ", "*", ";"];
        for gap in gaps {
            for groups in [
                &["4242", "4242", "4242", "4242"][..],
                &["42424242", "42424242"],
                &["3782", "822463", "10005"],
                &["4", "2", "4", "2", "4", "2", "4", "2", "4", "2", "4", "2", "4", "2", "4", "2"],
                &["42", "42", "42", "42", "42", "42", "42", "42"],
            ] {
                let number = groups.join(gap);
                for given in [number.clone(), format!("call 030 1234, card: {number}, CVC 123")] {
                    assert!(holds_card(&given), "{given}");
                }
            }
        }
        for given in
            ["4242-- 4242, 4242 | 4242", "4111,1111:1111|1111", "4242\u{ff0c}4242\u{3001}4242\u{30fb}4242"]
        {
            assert!(check(Rule::Text(100), given).unwrap_err().contains("card number"), "{given}");
        }
    }

    #[test]
    fn ordinary_notes_are_no_card_numbers() {
        for given in [
            "45,50 12,50 13,40 14,90; 2 x 19,99, 1 x 7,50 = 113,79",
            "4 x 12.50, 2 x 13.40, 1 x 41.90: 118.70 EUR",
            "Tel. 0441 / 123456, mobil: 0151--23456789, Fax 0441 / 123457",
            "+44 20 7946 0001; +44 20 7946 0002 | +49 30 1234567",
            "IBAN: DE89 3704 0044 0532 0130 00, BIC COBADEFFXXX",
            "IBAN GB29-NWBK-6016-1331-9268-19 / FR14 2004 1010 0505 0001 3M02 606",
            "2026-11-26 10:30:00, 2026-11-27 11:45:30, 2026-11-28T09:00:00Z",
            "26.11.2026 -- 27.11.2026, 10:30 -- 11:45; 28.11.2026, 09:00",
            "4006381333931, 4009900482168; 4011200296908\n4005500087083",
            "2023, 2024, 2025, 2026 | 2027",
            "10115, 20095, 50667, 80331",
            "sizes 36, 37, 38, 39, 40, 41, 42; 10.20.30.40, 10.20.30.41",
            "order 45001234: 2 parcels, 00340434161094021501",
            "41 mm x 42 mm x 43 mm, 44 | 45 | 46",
        ] {
            assert!(check(Rule::Text(200), given).is_ok(), "{given}");
        }
    }

    #[test]
    fn one_mailbox_has_one_form() {
        for given in
            ["jo@bücher.example", "Jo@BÜCHER.example", "jo@bu\u{308}cher.example", "jo@XN--bcher-kva.example"]
        {
            let kept = check(Rule::Email, given).unwrap();
            assert_eq!(normal(Rule::Email, &kept), "jo@xn--bcher-kva.example", "{given}");
        }
        let (one, two) =
            (check(Rule::Email, "jos\u{e9}@a.example"), check(Rule::Email, "jose\u{301}@a.example"));
        assert_eq!(one, two);
        assert_eq!(normal_before(Rule::Email, "Jo@shop.example"), None);
        assert_eq!(normal_before(Rule::Email, "jo@bücher.example").as_deref(), Some("jo@bücher.example"));
    }
}
