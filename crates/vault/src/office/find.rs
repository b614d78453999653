//! What a body shows of customers, and the body with masks in it.

use std::ops::Range;
use std::sync::LazyLock;

use storeward_base::Secret;
use storeward_policy::Mask;

use super::pages::{Page, ShopPages};
use super::{html, json};
use crate::catalogue::Field;
use crate::mask;

/// A value: where it stands, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub range: Range<usize>,
    pub field: &'static Field,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Html,
    Json,
    /// Searched for addresses and numbers only.
    Text,
}

static EMAIL: LazyLock<&'static Field> =
    LazyLock::new(|| Field::find("contact.email").expect("the catalogue has it"));
static PHONE: LazyLock<&'static Field> =
    LazyLock::new(|| Field::find("contact.phone").expect("the catalogue has it"));

/// Every value, in order, none within another.
pub(crate) fn values(body: &str, form: Form, shop: &ShopPages, page: Option<&Page>) -> Vec<Found> {
    let mut found = Vec::new();
    match form {
        Form::Html => html::values(body, shop, page, &mut found),
        Form::Json => json::values(body, shop, &mut found),
        Form::Text => {}
    }
    emails(body, &mut found);
    phones(body, &mut found);
    found.sort_by_key(|one| (one.range.start, std::cmp::Reverse(one.range.end)));
    let mut end = 0;
    found.retain(|one| {
        let is_free = one.range.start >= end;
        if is_free {
            end = one.range.end;
        }
        is_free
    });
    found
}

/// What files end with, such as `icon@2x.png`; no domain does.
const FILES: [&str; 9] = ["avif", "css", "gif", "jpeg", "jpg", "js", "png", "svg", "webp"];

/// Addresses anywhere, in scripts and attributes, too. `@` may be written as HTML, a URL or JSON writes it.
fn emails(body: &str, found: &mut Vec<Found>) {
    for sign in ["@", "&#64;", "&#x40;", "&commat;", "%40", "\\u0040"] {
        let mut from = 0;
        while let Some(at) = body.get(from..).and_then(|rest| rest.find(sign)).map(|offset| from + offset) {
            from = at + sign.len();
            let before = body.get(..at).unwrap_or_default();
            let mut local = before.bytes().rev().take(64).take_while(|byte| is_local(*byte)).count();
            while !before.is_char_boundary(at - local) {
                local -= 1;
            }
            let behind = body.get(from..).unwrap_or_default();
            let mut domain = behind.bytes().take(253).take_while(|byte| is_domain(*byte)).count();
            while !behind.is_char_boundary(domain) {
                domain -= 1;
            }
            let domain = behind.get(..domain).unwrap_or_default().trim_end_matches(['.', '-']);
            let is_one = local > 0
                && domain.rsplit_once('.').is_some_and(|(name, end)| {
                    let is_end = end.len() >= 2 && end.chars().all(char::is_alphabetic);
                    !name.is_empty() && is_end && !FILES.contains(&end.to_ascii_lowercase().as_str())
                });
            if is_one {
                found.push(Found { range: at - local..from + domain.len(), field: *EMAIL });
            }
        }
    }
}

fn is_local(byte: u8) -> bool {
    !byte.is_ascii() || byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-')
}

fn is_domain(byte: u8) -> bool {
    !byte.is_ascii() || byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

/// Numbers with a country before them (E.164: 7 to 15 digits). Without one they cannot be told from orders and goods; the file
/// says where those stand.
fn phones(body: &str, found: &mut Vec<Found>) {
    let bytes = body.as_bytes();
    let mut from = 0;
    while let Some(at) = body.get(from..).and_then(|rest| rest.find('+')).map(|offset| from + offset) {
        from = at + 1;
        let is_apart = at == 0 || !bytes.get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
        let rest = bytes.get(from..).unwrap_or_default();
        let is_part =
            |byte: &&u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'(' | b')' | b'.' | b'/');
        let length = rest.iter().take(24).take_while(is_part).count();
        let text = rest.get(..length).unwrap_or_default();
        let length = text.iter().rposition(u8::is_ascii_digit).map_or(0, |last| last + 1);
        let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
        let begins = rest.first().is_some_and(|byte| matches!(byte, b'1'..=b'9' | b'('));
        if is_apart && begins && (8..=15).contains(&digits) {
            found.push(Found { range: at..from + length, field: *PHONE });
            from += length;
        }
    }
}

/// The value as a person reads it.
pub(crate) fn plain(text: &str, form: Form) -> String {
    match form {
        Form::Json => serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned()),
        Form::Html | Form::Text => decode(&text.replace("%40", "@").replace("\\u0040", "@")),
    }
}

/// HTML's character references, as far as shops write them in values.
fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        let end = behind.find(';').filter(|end| *end <= 8);
        let sign = end.and_then(|end| behind.get(..end)).and_then(reference);
        match (sign, end) {
            (Some(sign), Some(end)) => {
                out.push(sign);
                rest = behind.get(end + 1..).unwrap_or_default();
            }
            _ => {
                out.push('&');
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    out
}

fn reference(name: &str) -> Option<char> {
    let number = |digits: &str, base| u32::from_str_radix(digits, base).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        "commat" => Some('@'),
        _ => match name.strip_prefix("#x").or_else(|| name.strip_prefix("#X")) {
            Some(digits) => number(digits, 16),
            None => name.strip_prefix('#').and_then(|digits| number(digits, 10)),
        },
    }
}

/// A mask as the body writes text. Its signs stand for themselves in HTML's text and quoted attributes, in JSON and in script.
fn written(text: &str, form: Form) -> String {
    match form {
        Form::Json => {
            let quoted = serde_json::Value::from(text).to_string();
            quoted.trim_matches('"').to_owned()
        }
        Form::Html | Form::Text => text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;")
            // Nothing of ours ends a line or a string of a script.
            .replace(['\\', '\r', '\n'], " "),
    }
}

/// The body with its masks, and how many values are masked.
pub(crate) fn masked(
    body: &str,
    form: Form,
    found: &[Found],
    mask_of: impl Fn(&'static Field) -> Mask,
) -> (String, u64) {
    let mut out = String::with_capacity(body.len());
    let (mut at, mut count) = (0, 0);
    for one in found {
        let mask = mask_of(one.field);
        if mask == Mask::Whole {
            continue;
        }
        out.push_str(body.get(at..one.range.start).unwrap_or_default());
        let value = Secret::new(plain(body.get(one.range.clone()).unwrap_or_default(), form));
        out.push_str(&written(mask::apply(mask, one.field.rule, value).expose(), form));
        at = one.range.end;
        count += 1;
    }
    out.push_str(body.get(at..).unwrap_or_default());
    (out, count)
}

#[cfg(test)]
mod tests;
