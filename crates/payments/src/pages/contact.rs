//! How a buyer reaches a person: what `[look] contact` says, with what can be clicked in it; else where the shop is.

use storeward_base::Language;

use super::texts::Text;
use super::{Pages, say};

/// A piece of the line: words, or what a click leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub text: String,
    pub address: Option<String>,
}

/// The line as it stands on a page.
pub(super) struct Reach {
    pub words: String,
    pub pieces: Vec<Piece>,
}

/// Digits of a telephone number (E.164: 15 at most).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 5..=15;

/// The contact in pieces: a telephone number as a whole, or words among which mail addresses and pages can be clicked.
pub(super) fn pieces(contact: &str) -> Vec<Piece> {
    let contact = contact.trim();
    if let Some(address) = phone(contact) {
        let text = contact.strip_prefix("tel:").unwrap_or(contact).to_owned();
        return vec![Piece { text, address: Some(address) }];
    }
    let mut pieces: Vec<Piece> = Vec::new();
    let plain = |pieces: &mut Vec<Piece>, text: &str| match pieces.last_mut() {
        Some(last) if last.address.is_none() => last.text.push_str(text),
        _ if text.is_empty() => {}
        _ => pieces.push(Piece { text: text.to_owned(), address: None }),
    };
    for (at, word) in contact.split_whitespace().enumerate() {
        if at > 0 {
            plain(&mut pieces, " ");
        }
        let bare = word.trim_end_matches([',', ';', '.', ')']).trim_start_matches('(');
        let Some((address, text)) = address_of(bare) else {
            plain(&mut pieces, word);
            continue;
        };
        let (before, behind) = word.split_once(bare).unwrap_or_default();
        plain(&mut pieces, before);
        pieces.push(Piece { text: text.to_owned(), address: Some(address) });
        plain(&mut pieces, behind);
    }
    pieces
}

/// Where a word leads, and how it reads.
fn address_of(word: &str) -> Option<(String, &str)> {
    let bare = word.strip_prefix("mailto:").unwrap_or(word);
    if is_mail(bare) {
        return Some((format!("mailto:{bare}"), bare));
    }
    let is_page =
        ["https://", "http://"].iter().any(|scheme| word.len() > scheme.len() && word.starts_with(scheme));
    (is_page && word.bytes().all(|b| b.is_ascii_graphic())).then(|| (word.to_owned(), word))
}

fn is_mail(word: &str) -> bool {
    let is_word = |text: &str, signs: &[u8]| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || signs.contains(&b))
    };
    word.split_once('@').is_some_and(|(name, host)| {
        is_word(name, b"._+-") && is_word(host, b".-") && host.contains('.') && !host.ends_with('.')
    })
}

/// `tel:` with the digits, as they are dialled: what stands in brackets behind a country's number, as in `+49 (0)30`, is not.
fn phone(contact: &str) -> Option<String> {
    let text = contact.strip_prefix("tel:").unwrap_or(contact);
    let is_phone = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')');
    let behind = text.strip_prefix('+');
    if !behind.unwrap_or(text).chars().all(is_phone) {
        return None;
    }
    let dialled = if behind.is_some() { text.replace("(0)", "") } else { text.to_owned() };
    let digits: String = dialled.chars().filter(char::is_ascii_digit).collect();
    let plus = if behind.is_some() { "+" } else { "" };
    PHONE_DIGITS.contains(&digits.len()).then(|| format!("tel:{plus}{digits}"))
}

impl Pages {
    /// How to reach a person of the shop: true also where the config names no contact.
    pub(super) fn reach(&self, language: Language) -> Reach {
        let shop = [("shop", self.0.look.name.as_str())];
        if !self.0.look.contact.is_empty() {
            return Reach { words: say(language, Text::Reach, &shop), pieces: self.0.look.contact.clone() };
        }
        let home = self.0.payments.0.address.clone();
        let text = home.split_once("://").map_or(home.as_str(), |(_, host)| host).to_owned();
        let place = Piece { text, address: Some(format!("{home}/")) };
        Reach { words: say(language, Text::ReachSite, &shop), pieces: vec![place] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_clicked_is_a_link_and_nothing_else_is() {
        let check = |contact: &str, expected: &[(&str, Option<&str>)]| {
            let got = pieces(contact);
            let got: Vec<_> = got.iter().map(|one| (one.text.as_str(), one.address.as_deref())).collect();
            assert_eq!(got, expected, "{contact}");
        };
        check("hello@shop.example", &[("hello@shop.example", Some("mailto:hello@shop.example"))]);
        check("mailto:hello@shop.example", &[("hello@shop.example", Some("mailto:hello@shop.example"))]);
        check("+49 (0)30 123 45-67", &[("+49 (0)30 123 45-67", Some("tel:+49301234567"))]);
        check("tel:+4930123456", &[("+4930123456", Some("tel:+4930123456"))]);
        check("030/12 34 56", &[("030/12 34 56", Some("tel:030123456"))]);
        check(
            "https://shop.example/help",
            &[("https://shop.example/help", Some("https://shop.example/help"))],
        );
        check(
            "Write to help@shop.example, or call 030 123456.",
            &[
                ("Write to ", None),
                ("help@shop.example", Some("mailto:help@shop.example")),
                (", or call 030 123456.", None),
            ],
        );
        for words in ["Ask at the till", "javascript:alert(1)", "a@b", "https://", "@shop.example", "1234"] {
            check(words, &[(words, None)]);
        }
        check("x@shop.example?bcc=y@evil.example", &[("x@shop.example?bcc=y@evil.example", None)]);
        check("", &[]);
    }
}
