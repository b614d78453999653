//! What is shown of a value of which the policy shows a part: enough to compare with what somebody says, not enough to use.

use storeward_base::Secret;
use storeward_policy::Mask;

use crate::values::Rule;

/// Stands for what is not shown; always the same, so that it does not tell a length.
use crate::office::DOTS;

pub fn apply(mask: Mask, rule: Rule, value: Secret<String>) -> Secret<String> {
    match mask {
        Mask::Whole => value,
        Mask::Hidden => Secret::new(DOTS.to_owned()),
        Mask::Part => Secret::new(part(rule, value.expose())),
    }
}

fn part(rule: Rule, value: &str) -> String {
    match rule {
        Rule::Email => {
            let Some((local, domain)) = value.rsplit_once('@') else { return DOTS.to_owned() };
            let end = domain.rsplit_once('.').map_or("", |(_, end)| end);
            format!("{}@{}.{end}", begun(local), begun(domain))
        }
        // The country, and the two digits that people compare by.
        Rule::Phone => {
            let count = value.chars().count();
            let head: String = value.chars().take(3).collect();
            let tail: String = value.chars().skip(count.saturating_sub(2).max(3)).collect();
            format!("{head} {DOTS} {tail}")
        }
        Rule::Date => format!("{}-•••-•••", value.get(..4).unwrap_or(DOTS)),
        Rule::Line(_) => {
            let words: Vec<&str> = value.split_whitespace().collect();
            let shown: Vec<String> = words.iter().take(3).map(|word| begun(word)).collect();
            shown.join(" ")
        }
        Rule::Text(_) | Rule::Amount => DOTS.to_owned(),
        // Few people share a moment, many share a country: neither leads to somebody by itself.
        Rule::Moment | Rule::Country | Rule::Currency | Rule::LastFour => value.to_owned(),
    }
}

/// The first sign of what is long enough to keep the rest.
fn begun(word: &str) -> String {
    match word.chars().next() {
        Some(first) if word.chars().count() > 2 => format!("{first}{DOTS}"),
        _ => DOTS.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_enough_to_compare_and_not_to_use() {
        for (rule, value, shown) in [
            (Rule::Email, "ada.lovelace@shop.example", "a•••@s•••.example"),
            (Rule::Email, "ab@x.de", "•••@x•••.de"),
            (Rule::Phone, "+442079460001", "+44 ••• 01"),
            (Rule::Phone, "+4912", "+49 ••• 12"),
            (Rule::Date, "1815-12-10", "1815-•••-•••"),
            (Rule::Line(200), "Ada King Countess of Lovelace", "A••• K••• C•••"),
            (Rule::Line(200), "12 St James's Square", "••• ••• J•••"),
            (Rule::Line(64), "A-1001", "A•••"),
            (Rule::Text(100), "two books", "•••"),
            (Rule::Amount, "1250", "•••"),
            (Rule::Country, "GB", "GB"),
            (Rule::LastFour, "4242", "4242"),
        ] {
            let secret = || Secret::new(value.to_owned());
            assert_eq!(apply(Mask::Part, rule, secret()).expose(), shown, "{value}");
            assert_eq!(apply(Mask::Hidden, rule, secret()).expose(), DOTS);
            assert_eq!(apply(Mask::Whole, rule, secret()).expose(), value);
        }
    }
}
