//! What a field takes, and the form in which it is kept and looked up.

use storeward_base::Timestamp;
use storeward_outbound::mail::Address;
use unicode_normalization::UnicodeNormalization;

use crate::cards::holds_card;

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
