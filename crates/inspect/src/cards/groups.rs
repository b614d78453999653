//! A card number whose groups stand in a field of their own each, in their order, as old forms of cards have it: `cc1=4242&cc2=4242&…`,
//! `cc[]=4242&…`, `{"cc": ["4242", …]}`. The fields are called as a card is, and alike but for a number that goes up by one, and there is none
//! more of them. A name that says nothing of a card is not enough: of lists of four ids of four digits one in ten would pass for a number.

use super::query::decode_with_places;
use super::scan;
use crate::decode::{JsonNames, url_decode_into};
use crate::values::{Collection, Values};

/// How many digits stand in which field.
const GROUPINGS: [&[usize]; 2] = [&[4, 4, 4, 4], &[4, 6, 5]];
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=6;
const MOST_GROUPS: usize = 4;
/// A field's value with blanks around its digits.
const LONGEST_VALUE: usize = 24;
/// Digits of the number in a name.
const NUMBER_DIGITS: usize = 6;

/// Fields one behind the other, as they come.
struct Run<P> {
    /// Of the first and of the last field.
    first: Vec<u8>,
    last: Vec<u8>,
    /// As numbers, and how many stand in each field.
    digits: Vec<u8>,
    lengths: Vec<usize>,
    places: Vec<P>,
    /// All of them, also those that are too many.
    count: usize,
}

/// The fields of one number: what the first one is called, the digits in groups, and where each group stands.
struct Found<P> {
    name: Vec<u8>,
    digits: Vec<u8>,
    lengths: Vec<usize>,
    places: Vec<P>,
}

impl<P> Default for Run<P> {
    fn default() -> Self {
        Run {
            first: Vec::new(),
            last: Vec::new(),
            digits: Vec::new(),
            lengths: Vec::new(),
            places: Vec::new(),
            count: 0,
        }
    }
}

impl<P> Run<P> {
    /// The next field. Gives the number that ended before it.
    fn next(&mut self, name: &[u8], value: &[u8], place: P) -> Option<Found<P>> {
        let digits = value.trim_ascii();
        let is_group = LENGTHS.contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        let goes_on = is_group && self.count > 0 && follows(&self.last, name);
        let ended = if goes_on { None } else { self.end() };
        if is_group {
            if self.count == 0 {
                self.first = name.to_vec();
            }
            self.last = name.to_vec();
            self.count += 1;
            if self.count <= MOST_GROUPS {
                self.digits.extend(digits.iter().map(|digit| digit - b'0'));
                self.lengths.push(digits.len());
                self.places.push(place);
            }
        }
        ended
    }

    /// The number that the last fields were.
    fn end(&mut self) -> Option<Found<P>> {
        if self.count == 0 {
            return None;
        }
        let run = std::mem::take(self);
        let is_whole = run.count <= MOST_GROUPS && GROUPINGS.contains(&run.lengths.as_slice());
        let is_number = is_whole && names_card(&run.first) && scan::is_card_number(&run.digits);
        is_number.then_some(Found {
            name: run.first,
            digits: run.digits,
            lengths: run.lengths,
            places: run.places,
        })
    }
}

/// Whether a field is called as one of a card's number is, in one of the four languages.
fn names_card(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut words = lower.split(|byte| !byte.is_ascii_alphabetic());
    words.any(|word| {
        let has = |part: &[u8]| memchr::memmem::find(word, part).is_some();
        matches!(word, b"cc" | b"pan" | b"karte" | b"carte" | b"tarjeta" | b"kk")
            || word.starts_with(b"ccn")
            || has(b"kreditk")
            || has(b"kartenn")
            || (has(b"card") && !has(b"discard") && !has(b"cardi"))
    })
}

/// Whether a field comes next by its name: the same (of an array), or the same but for a number that is one more.
fn follows(before: &[u8], name: &[u8]) -> bool {
    if before == name {
        return true;
    }
    let alike = before.iter().zip(name).take_while(|(one, other)| one == other).count();
    let head = before.get(..alike).unwrap_or_default();
    let digits_before = head.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let start = alike - digits_before;
    let number = |text: &[u8]| -> Option<(u32, usize)> {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(text.get(..digits)?).ok()?;
        (1..=NUMBER_DIGITS).contains(&digits).then(|| text.parse().ok())?.map(|number| (number, digits))
    };
    let (one, other) = (before.get(start..).unwrap_or_default(), name.get(start..).unwrap_or_default());
    match (number(one), number(other)) {
        (Some((from, length)), Some((to, other_length))) => {
            from.checked_add(1) == Some(to) && one.get(length..) == other.get(other_length..)
        }
        _ => false,
    }
}

/// Adds each such number among the values from `first` on, in one piece and under the first field's name.
pub(crate) fn join(first: usize, values: &mut Values) {
    let mut found = Vec::new();
    for collection in [Collection::ArgsGet, Collection::ArgsPost] {
        let mut run = Run::default();
        for value in values.iter().skip(first).filter(|value| value.collection == collection) {
            let bytes = values.bytes(value);
            // Most values are none, and end here.
            let bytes = if bytes.len() <= LONGEST_VALUE { bytes } else { b"" };
            found.extend(run.next(values.name(value), bytes, ()).map(|one| (collection, one)));
        }
        found.extend(run.end().map(|one| (collection, one)));
    }
    for (collection, one) in found {
        let mut text = Vec::with_capacity(24);
        let mut digits = one.digits.iter();
        for (at, length) in one.lengths.iter().enumerate() {
            if at > 0 {
                text.push(b' ');
            }
            text.extend(digits.by_ref().take(*length).map(|digit| b'0' + digit));
        }
        values.push(collection, &one.name, &text);
    }
}

/// Masks the digits of all but the last field of each such number in a form or a query; says how many numbers there were.
pub(super) fn mask_form(bytes: &mut [u8], keeps: &dyn Fn(&[u8]) -> bool) -> usize {
    let mut found = Vec::new();
    let (mut run, mut at, mut name) = (Run::default(), 0, Vec::new());
    for pair in bytes.split(|byte| *byte == b'&') {
        let start = at;
        at += pair.len() + 1;
        let Some(sign) = memchr::memchr(b'=', pair) else { continue };
        let (written, value) =
            (pair.get(..sign).unwrap_or_default(), pair.get(sign + 1..).unwrap_or_default());
        // Escapes make each digit three bytes.
        let short = if value.len() <= 3 * LONGEST_VALUE { value } else { b"" };
        name.clear();
        url_decode_into(written, &mut name);
        let (decoded, places) = decode_with_places(short);
        let digits = decoded.iter().zip(places).filter(|(byte, _)| byte.is_ascii_digit());
        let digits: Vec<usize> = digits.map(|(_, place)| start + sign + 1 + place).collect();
        found.extend(run.next(&name, &decoded, digits));
    }
    found.extend(run.end());
    found.retain(|one| !keeps(&one.name));
    for place in found.iter().flat_map(|one| one.places.iter().rev().skip(1).flatten()) {
        let sign: &[u8] = if bytes.get(*place) == Some(&b'%') { b"%2A" } else { b"*" };
        if let Some(digit) = bytes.get_mut(*place..place + sign.len()) {
            digit.copy_from_slice(sign);
        }
    }
    found.len()
}

/// The same in JSON: in strings stars, of numbers 1 and zeros.
pub(super) fn mask_json(bytes: &mut [u8], keeps: &dyn Fn(&[u8]) -> bool) -> usize {
    let mut found = Vec::new();
    let (mut run, mut names, mut at) = (Run::default(), JsonNames::of(bytes), 0);
    while let Some(next) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
        let start = at + next;
        let length = bytes.get(start..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
        at = start + length;
        if !LENGTHS.contains(&length) {
            continue;
        }
        let Some(is_text) = is_whole_value(bytes, start, at) else { continue };
        names.begins(start);
        let name = names.name().to_vec();
        let value = bytes.get(start..at).unwrap_or_default();
        found.extend(run.next(&name, value, (start..at, is_text)));
    }
    found.extend(run.end());
    drop(names);
    found.retain(|one| !keeps(&one.name));
    for (range, is_text) in found.iter().flat_map(|one| one.places.iter().rev().skip(1)) {
        for (count, digit) in bytes.get_mut(range.clone()).into_iter().flatten().enumerate() {
            *digit = match (is_text, count) {
                (true, _) => b'*',
                (false, 0) => b'1',
                (false, _) => b'0',
            };
        }
    }
    found.len()
}

/// Whether digits are a whole value of JSON: `Some(true)` a string, `Some(false)` a number. The name of a member is none.
fn is_whole_value(bytes: &[u8], start: usize, end: usize) -> Option<bool> {
    let (before, behind) = (bytes.get(..start)?, bytes.get(end..)?);
    if before.last() == Some(&b'"') && behind.first() == Some(&b'"') {
        let next = behind.iter().skip(1).find(|byte| !byte.is_ascii_whitespace());
        return (next != Some(&b':')).then_some(true);
    }
    let last = before.iter().rfind(|byte| !byte.is_ascii_whitespace());
    let next = behind.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_number = matches!(last, Some(b':' | b'[' | b',')) && matches!(next, Some(b',' | b'}' | b']'));
    is_number.then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_fields_in_their_order_are_a_number() {
        let check = |fields: &[(&str, &str)], joined: Option<&str>| {
            let mut values = Values::default();
            for (name, text) in fields {
                values.push(Collection::ArgsPost, name.as_bytes(), text.as_bytes());
            }
            join(0, &mut values);
            let added = values.iter().nth(fields.len()).map(|value| values.bytes(value).to_vec());
            assert_eq!(added.as_deref(), joined.map(str::as_bytes), "{fields:?}");
        };
        let card = Some("4242 4242 4242 4242");
        let named = |names: [&'static str; 4]| names.map(|name| (name, "4242"));
        for names in [
            ["cc1", "cc2", "cc3", "cc4"],
            ["cc[]", "cc[]", "cc[]", "cc[]"],
            ["cc[0]", "cc[1]", "cc[2]", "cc[3]"],
            ["json.card.0", "json.card.1", "json.card.2", "json.card.3"],
            ["card_9_part", "card_10_part", "card_11_part", "card_12_part"],
        ] {
            check(&named(names), card);
        }
        check(
            &[("n", "1"), ("cc1", " 4242"), ("cc2", "4242 "), ("cc3", "4242"), ("cc4", "4242"), ("m", "12")],
            card,
        );
        check(&[("cardNo1", "3782"), ("cardNo2", "822463"), ("cardNo3", "10005")], Some("3782 822463 10005"));
        for names in [
            ["Kreditkarte1", "Kreditkarte2", "Kreditkarte3", "Kreditkarte4"],
            ["ccNum_1", "ccNum_2", "ccNum_3", "ccNum_4"],
            ["tarjeta[0]", "tarjeta[1]", "tarjeta[2]", "tarjeta[3]"],
        ] {
            check(&named(names), card);
        }
        // Ids of four articles, orders or posts that pass for one: the shop does something to each of them.
        for name in
            ["post[]", "ids[]", "json.product_ids.0", "line_ids[]", "cart[]", "discard[]", "account[]", "c[]"]
        {
            check(&[(name, "4100"), (name, "4107"), (name, "4115"), (name, "4126")], None);
        }
        assert!(scan::is_card_number(&[4, 1, 0, 0, 4, 1, 0, 7, 4, 1, 1, 5, 4, 1, 2, 6]), "they do");
        // Not called alike, in another order, one that is more, or one between them.
        check(&named(["year", "from", "to", "pin"]), None);
        check(&named(["cc4", "cc3", "cc2", "cc1"]), None);
        check(&named(["cc1", "cc3", "cc5", "cc7"]), None);
        check(&[("cc[]", "4242"); 5], None);
        check(&[("cc1", "4242"), ("cc2", "4242"), ("x", "y"), ("cc3", "4242"), ("cc4", "4242")], None);
        // No card's number: not by its check digit, nor by its first digits.
        check(&[("cc[]", "2024"), ("cc[]", "2025"), ("cc[]", "2026"), ("cc[]", "2027")], None);
        check(&[("cc[]", "0000"); 4], None);
        check(&[("cc1", "4242"), ("cc2", "4242"), ("cc3", "4242")], None);
    }

    #[test]
    fn all_but_the_last_group_is_masked() {
        let keeps = |name: &[u8]| name.starts_with(b"giftcard") || name.starts_with(b"json.giftcard");
        let form = |text: &str, expected: &str, count: usize| {
            let mut bytes = text.as_bytes().to_vec();
            assert_eq!(mask_form(&mut bytes, &keeps), count, "{text}");
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        };
        form(
            "a=b&cc1=4242&cc2=%34242&cc3=+4242&cc4=4242&d=1",
            "a=b&cc1=****&cc2=%2A***&cc3=+****&cc4=4242&d=1",
            1,
        );
        form("cc%5B%5D=4242&cc[]=4242&cc[]=4242&cc[]=4242", "cc%5B%5D=****&cc[]=****&cc[]=****&cc[]=4242", 1);
        let ids = "post[]=4100&post[]=4107&post[]=4115&post[]=4126";
        form(ids, ids, 0);
        let kept = "giftcard1=4242&giftcard2=4242&giftcard3=4242&giftcard4=4242";
        form(kept, kept, 0);
        let json = |text: &str, expected: &str, count: usize| {
            let mut bytes = text.as_bytes().to_vec();
            assert_eq!(mask_json(&mut bytes, &keeps), count, "{text}");
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        };
        json(
            r#"{"x": 1, "cc1": "4242", "cc2": "4242", "cc3": "4242", "cc4": "4242"}"#,
            r#"{"x": 1, "cc1": "****", "cc2": "****", "cc3": "****", "cc4": "4242"}"#,
            1,
        );
        json(r#"{"cc":[4242, 4242,4242,4242]}"#, r#"{"cc":[1000, 1000,1000,4242]}"#, 1);
        let none = r#"{"y":[2024,2025,2026,2027],"4242":"4242","giftcard":[4242,4242,4242,4242],"ids":[4100,4107,4115,4126]}"#;
        json(none, none, 0);
    }
}
