//! Card numbers of which the groups are those of nothing, or that stand with more behind them or words between: what a person writes who
//! was refused once. Each shape is one that telephone numbers, orders, dates, accounts and parcels hardly ever have.

use super::{Group, SMALL_GROUP, is_rising, runs_of_groups};

/// Digits of most cards' numbers.
const CARD: usize = 16;
/// As they stand on the card.
const ON_CARDS: [&[usize]; 3] = [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];
/// Groups of other shapes that are one number.
const MOST_GROUPS: usize = 6;
/// What stands between groups, with blanks, where it is a word.
const LONGEST_WORD: usize = 12;
/// Words of lists: numbers with one of these between are several.
const OF_LISTS: [&str; 12] = ["and", "or", "to", "und", "oder", "bis", "et", "ou", "y", "o", "e", "a"];
/// How telephone numbers of eight digits are written in Denmark, Norway, Singapore and Hong Kong: two of them are as long as a card's number.
const OF_EIGHT: [&[usize]; 6] = [&[8], &[4, 4], &[2, 2, 2, 2], &[3, 2, 3], &[2, 3, 3], &[3, 3, 2]];

/// What may be a card's number.
pub(super) fn numbers(plain: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for run in runs_of_groups(plain) {
        for (from, first) in run.iter().enumerate() {
            if from == 0 || !first.is_near() {
                found.extend(with_code_behind(run.get(from..).unwrap_or_default()));
            }
        }
        found.extend(in_odd_groups(&run));
    }
    found.extend(between_words(plain));
    found.extend(with_month_behind(plain));
    found
}

fn joined(groups: &[Group<'_>]) -> String {
    groups.iter().map(|group| group.digits).collect()
}

fn lengths(groups: &[Group<'_>]) -> Vec<usize> {
    groups.iter().map(|group| group.digits.len()).collect()
}

/// A number as it stands on the card, with a code or a month behind: `4242-4242-4242-4242-123`. The detector takes it
/// for a part of something longer.
fn with_code_behind(run: &[Group<'_>]) -> Vec<String> {
    let shapes = ON_CARDS.iter().filter(|shape| {
        let (groups, behind) = (run.get(..shape.len()).unwrap_or_default(), run.get(shape.len()));
        lengths(groups) == **shape
            && groups.iter().skip(1).all(Group::is_near)
            // Four digits behind four are a longer row.
            && behind.is_some_and(|group| group.digits.len() <= SMALL_GROUP && group.is_near())
    });
    shapes.map(|shape| joined(run.get(..shape.len()).unwrap_or_default())).collect()
}

/// A whole run of groups of several lengths, small ones among them, with one blank or one dash between all of them: `4 242424242424242`.
fn in_odd_groups(run: &[Group<'_>]) -> Option<String> {
    let lengths = lengths(run);
    let (first, second) = (run.first()?, run.get(1)?);
    let is_alike = matches!(second.gap, " " | "-") && run.iter().skip(1).all(|group| group.gap == second.gap);
    let is_odd = lengths.iter().any(|length| *length <= SMALL_GROUP)
        && lengths.iter().any(|length| *length > SMALL_GROUP)
        // An article's number (GTIN-12 to 14) or a parcel's, with how many there are.
        && !lengths.iter().any(|length| (12..=14).contains(length));
    let is_card = (2..=MOST_GROUPS).contains(&run.len()) && lengths.iter().sum::<usize>() == CARD;
    let is_other = first.gap.ends_with('+')
        || are_two_of_eight(&lengths)
        || has_day(run)
        // Of three of several lengths the longer is the greater one by itself.
        || (run.len() > 3 && is_rising(run.iter().map(|group| group.digits)));
    (is_card && is_alike && is_odd && !is_other).then(|| joined(run))
}

fn are_two_of_eight(lengths: &[usize]) -> bool {
    (1..lengths.len()).any(|at| {
        let (one, two) = lengths.split_at(at);
        OF_EIGHT.contains(&one) && OF_EIGHT.contains(&two)
    })
}

/// Whether a day stands in it: `26 11 2026`, `2026-11-26`.
fn has_day(run: &[Group<'_>]) -> bool {
    let is_year = |digits: &str| digits.len() == 4 && (digits.starts_with("20") || digits.starts_with("19"));
    let is_day = |digits: &str| {
        (1..=2).contains(&digits.len()) && digits.parse().is_ok_and(|day| (1..=31).contains(&day))
    };
    run.windows(3).any(|three| match three {
        [one, two, three] if is_year(one.digits) => is_day(two.digits) && is_day(three.digits),
        [one, two, three] => is_day(one.digits) && is_day(two.digits) && is_year(three.digits),
        _ => false,
    })
}

/// Four groups of four with the same word between all of them: `4242 then 4242 then 4242 then 4242`.
fn between_words(plain: &str) -> Vec<String> {
    let mut groups: Vec<(&str, &str)> = Vec::new();
    let mut rest = plain;
    while let Some(from) = rest.find(|c: char| c.is_ascii_digit()) {
        let (gap, behind) = rest.split_at(from);
        let end = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
        let (digits, after) = behind.split_at(end);
        groups.push((gap, digits));
        rest = after;
    }
    let is_word = |gap: &str| {
        let word = gap.trim().to_lowercase();
        gap.chars().count() <= LONGEST_WORD
            && word.contains(char::is_alphabetic)
            && !OF_LISTS.contains(&word.as_str())
    };
    let of_four = |four: &&[(&str, &str)]| {
        let gaps: Vec<&str> = four.iter().skip(1).map(|(gap, _)| *gap).collect();
        four.iter().all(|(_, digits)| digits.len() == 4)
            && gaps.iter().all(|gap| is_word(gap) && Some(gap) == gaps.first())
            && !is_rising(four.iter().map(|(_, digits)| *digits))
    };
    let found = groups.windows(4).filter(of_four);
    found.map(|four| four.iter().map(|(_, digits)| *digits).collect()).collect()
}

/// A number with month and year, or those and the code, directly behind: `42424242424242421228`. Without a month that can be one it is a parcel's.
fn with_month_behind(plain: &str) -> Vec<String> {
    // With letters before them such digits are an account's (IBAN), or a parcel's.
    let words = plain.split(|c: char| !c.is_alphanumeric());
    let runs = words.filter(|word| matches!(word.len(), 20 | 23) && word.bytes().all(|b| b.is_ascii_digit()));
    let numbers = runs.filter_map(|run| {
        let number = |from: usize| run.get(from..from + 2)?.parse::<u32>().ok();
        let is_month = number(CARD).is_some_and(|month| (1..=12).contains(&month));
        let is_year = number(CARD + 2).is_some_and(|year| (24..=45).contains(&year));
        (is_month && is_year).then(|| run.get(..CARD).map(str::to_owned))?
    });
    numbers.collect()
}
