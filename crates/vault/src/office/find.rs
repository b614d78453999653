//! What a body shows of customers, and the body with masks in it.

use std::ops::Range;
use std::sync::LazyLock;

use storeward_base::Secret;
use storeward_policy::Mask;

use super::pages::{Page, ShopPages};
use super::{html, json, xml};
use crate::catalogue::{Class, Field, Lookup};
use crate::mask;
use crate::values::Rule;

/// A value: where it stands, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub range: Range<usize>,
    pub field: &'static Field,
    /// The place of the file that an address or a number stands within: the stricter of the two masks counts.
    pub within: Option<&'static Field>,
    /// What is left of a place behind an address or a number in it: no value of its own.
    pub is_rest: bool,
    /// Of one that is to be chosen, its value in a form or that it is the chosen one: left out as a whole, where it is not to be seen. A mask
    /// in its place would say that something stood there.
    pub is_choice: bool,
}

impl Found {
    pub(crate) fn new(range: Range<usize>, field: &'static Field) -> Self {
        Found { range, field, within: None, is_rest: false, is_choice: false }
    }
}

/// What the file does not know, in a table that it does. None of the catalogue: no rule is asked about it by name.
pub(crate) static UNKNOWN: Field =
    Field { class: Class::Note, name: "unknown", form: 1, rule: Rule::Text(0), lookup: Lookup::None };

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Html,
    Json,
    /// Searched for addresses and numbers, and for the members of XML-RPC.
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
        Form::Json => json::values(body, shop, page, &mut found),
        Form::Text => xml::values(body, shop, &mut found),
    }
    let places = apart(found);
    let mut inner = Vec::new();
    emails(body, form, &mut inner);
    phones(body, &mut inner);
    divided(body, &places, apart(inner))
}

/// In order, none within another; of those that begin together, the longest.
fn apart(mut found: Vec<Found>) -> Vec<Found> {
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

/// Places, and addresses and numbers that were found by themselves: where one stands in a place, it is a value of its own, and what
/// stands around it goes on being the place's.
fn divided(body: &str, places: &[Found], mut inner: Vec<Found>) -> Vec<Found> {
    let mut pieces = Vec::new();
    let mut next = 0;
    for place in places {
        while inner.get(next).is_some_and(|one| one.range.end <= place.range.start) {
            next += 1;
        }
        let (mut at, mut is_rest) = (place.range.start, place.is_choice);
        let mut piece = |range: Range<usize>, is_rest: bool| {
            // Commas and brackets between are nobody's.
            if body.get(range.clone()).is_some_and(|text| text.contains(char::is_alphanumeric)) {
                pieces.push(Found { is_rest, is_choice: place.is_choice, ..Found::new(range, place.field) });
            }
        };
        let around = |one: &Found| one.range.start < place.range.end;
        for one in inner.iter_mut().skip(next).take_while(|one| around(one)) {
            // What the file does not know says nothing of an address, which is known by itself.
            one.within = (*place.field != UNKNOWN).then_some(place.field);
            piece(at..one.range.start.max(at), is_rest);
            (at, is_rest) = (one.range.end, true);
        }
        piece(at..place.range.end.max(at), is_rest);
    }
    pieces.append(&mut inner);
    apart(pieces)
}

/// What files end with, such as `icon@2x.png`; no domain does.
const FILES: [&str; 9] = ["avif", "css", "gif", "jpeg", "jpg", "js", "png", "svg", "webp"];

/// Addresses anywhere, in scripts and attributes, too, each of their signs as it stands or as HTML, a URL or JSON writes it.
fn emails(body: &str, form: Form, found: &mut Vec<Found>) {
    let read = Read::of(body, form);
    let text = read.text.as_str();
    // Where the address before ended: no other begins within it.
    let (mut from, mut free) = (0, 0);
    while let Some(at) = text.get(from..).and_then(|rest| rest.find('@')).map(|offset| from + offset) {
        from = at + 1;
        let Some(domain) = domain(text.get(from..).unwrap_or_default()) else { continue };
        let (before, behind) = (text.get(free..at).unwrap_or_default(), text.get(from + domain..));
        let Some(local) = quoted(before).or_else(|| local(before, behind.unwrap_or_default())) else {
            continue;
        };
        let start = at - local;
        let Some(range) = read.range(start, from + domain) else { continue };
        if let Some(lead) = lead(text.get(free..start).unwrap_or_default())
            && let Some(range) = read.range(start - lead, start)
        {
            found.push(Found::new(range, *EMAIL));
        }
        found.push(Found::new(range, *EMAIL));
        free = from + domain;
        from = free;
    }
}

/// How long a domain is that stands here: of names, the last of letters or in Punycode (`xn--…`), or an address of the network in brackets
/// (RFC 5321 section 4.1.3).
fn domain(behind: &str) -> Option<usize> {
    if let Some(rest) = behind.strip_prefix('[') {
        let is_part = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | ':' | '-');
        let inner = rest.find(|sign| !is_part(sign)).filter(|length| (3..=60).contains(length))?;
        let is_address =
            |inner: &str| inner.contains(['.', ':']) && inner.contains(|sign: char| sign.is_ascii_digit());
        let is_one = rest.get(inner..)?.starts_with(']') && rest.get(..inner).is_some_and(is_address);
        return is_one.then_some(inner + 2);
    }
    let mut length = behind.bytes().take(253).take_while(|byte| is_domain(*byte)).count();
    while !behind.is_char_boundary(length) {
        length -= 1;
    }
    let domain = behind.get(..length)?.trim_end_matches(['.', '-']);
    let (name, end) = domain.rsplit_once('.')?;
    let end = end.to_ascii_lowercase();
    let is_end = (end.len() >= 2 && end.chars().all(char::is_alphabetic))
        || (end.len() > 4 && end.starts_with("xn--"));
    (!name.is_empty() && is_end && !FILES.contains(&end.as_str())).then_some(domain.len())
}

/// How long the local part is that ends here: letters, digits, `._+-`; and between two of those the other signs of RFC 5322 (3.2.3) that
/// nothing divides by in addresses of the web. A quote that closes behind the domain is none.
fn local(before: &str, behind: &str) -> Option<usize> {
    let bytes = before.as_bytes();
    let is_within = |at: usize, byte: u8| {
        let is_sign = matches!(byte, b'!' | b'$' | b'\'' | b'*' | b'^' | b'`' | b'{' | b'|' | b'}' | b'~');
        let is_quote = matches!(byte, b'\'' | b'`') && behind.as_bytes().first() == Some(&byte);
        let is_before = at.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
        is_sign && is_before && !is_quote && at + 1 < bytes.len()
    };
    let most = bytes.len().saturating_sub(64);
    let mut start = bytes.len();
    while start > most {
        match bytes.get(start - 1) {
            Some(byte) if is_local(*byte) || is_within(start - 1, *byte) => start -= 1,
            _ => break,
        }
    }
    while !before.is_char_boundary(start) {
        start += 1;
    }
    (start < bytes.len()).then_some(bytes.len() - start)
}

/// How long a local part in quotes is that ends here, such as `"zed quill"`; with what a script writes before its quotes.
fn quoted(before: &str) -> Option<usize> {
    let inner = before.strip_suffix('"')?;
    let (inner, open) = match inner.strip_suffix('\\') {
        Some(inner) => (inner, "\\\""),
        None => (inner, "\""),
    };
    let start = inner.rfind(open)?;
    let name = inner.get(start + open.len()..)?;
    let is_name = (1..=64).contains(&name.len()) && !name.contains(['\n', '\r', '<', '>', '=']);
    is_name.then_some(before.len() - start)
}

/// What stands before an address with a `/` between, as a local part may have it and paths have it, too (`sales/zed@…`): how much of it
/// goes with the address. A path that begins with `/`, or has more of an address of the web, is none.
fn lead(before: &str) -> Option<usize> {
    let is_part = |byte: u8| is_local(byte) || byte == b'/';
    let mut length = before.bytes().rev().take(64).take_while(|byte| is_part(*byte)).count();
    while !before.is_char_boundary(before.len() - length) {
        length -= 1;
    }
    let (rest, lead) = before.split_at_checked(before.len() - length)?;
    let is_web = rest.ends_with([':', '?', '=', '&', '#', '%', '@']);
    (lead.ends_with('/') && !lead.starts_with(['/', '.']) && !is_web).then_some(length)
}

/// A field of an answer without its addresses, where it has any that are not to be seen.
pub(crate) fn without_addresses(
    text: &str,
    is_known: impl Fn(&str) -> bool,
    is_seen: impl Fn(&'static Field) -> bool,
) -> Option<String> {
    let mut found = Vec::new();
    emails(text, Form::Text, &mut found);
    let value =
        |one: &Found| plain(text.get(one.range.clone()).unwrap_or_default(), Form::Text).to_lowercase();
    found.retain(|one| !is_known(&value(one)) && !is_seen(one.field));
    found.sort_by_key(|one| one.range.start);
    let (mut out, mut at) = (String::new(), 0);
    for one in &found {
        out.push_str(text.get(at..one.range.start).unwrap_or_default());
        out.push_str("hidden");
        at = one.range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    (!found.is_empty()).then_some(out)
}

/// A body as it is read, and where each byte of it stands.
struct Read {
    text: String,
    starts: Vec<usize>,
    /// In bytes, of what stands for it.
    lengths: Vec<u8>,
}

impl Read {
    /// Where these bytes of the text stand in the body.
    fn range(&self, start: usize, end: usize) -> Option<Range<usize>> {
        let last = end.checked_sub(1)?;
        Some(*self.starts.get(start)?..self.starts.get(last)? + usize::from(*self.lengths.get(last)?))
    }

    fn of(body: &str, form: Form) -> Self {
        let bytes = body.as_bytes();
        let (mut text, mut starts, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let rest = bytes.get(at..).unwrap_or_default();
            if *byte == b'<' && form == Form::Html {
                let skipped = tag_within(rest);
                if skipped > 0 {
                    at += skipped;
                    continue;
                }
            }
            let sign = match byte {
                b'&' => html_sign(rest),
                b'%' => hex(rest, 1, 2).map(|sign| (sign, 3)),
                b'\\' => match rest.get(1) {
                    Some(b'u') => hex(rest, 2, 4).map(|sign| (sign, 6)),
                    Some(b'x') => hex(rest, 2, 2).map(|sign| (sign, 4)),
                    _ => None,
                },
                _ => None,
            };
            // A byte of a URL beyond ASCII is no sign by itself.
            let sign = sign.filter(|(sign, _)| *byte != b'%' || sign.is_ascii());
            let length = sign.map_or(1, |(_, length)| length);
            match sign {
                Some((sign, _)) => text.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes()),
                None => text.push(*byte),
            }
            starts.resize(text.len(), at);
            lengths.resize(text.len(), u8::try_from(length).unwrap_or(u8::MAX));
            at += length;
        }
        Read { text: String::from_utf8(text).unwrap_or_default(), starts, lengths }
    }
}

fn hex(bytes: &[u8], from: usize, count: usize) -> Option<char> {
    let digits = bytes.get(from..from + count)?;
    let digits = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
}

/// A character reference and its length; numbers need no `;`, and may have zeros before them.
fn html_sign(bytes: &[u8]) -> Option<(char, usize)> {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'#';
    let mut length = bytes.iter().skip(1).take(60).take_while(is_part).count();
    let is_closed = bytes.get(length + 1) == Some(&b';');
    if !is_closed && bytes.get(1) == Some(&b'#') {
        let is_hex = matches!(bytes.get(2), Some(b'x' | b'X'));
        let skip = if is_hex { 3 } else { 2 };
        let digits = bytes.iter().skip(skip).take(57);
        let is_digit = |byte: &&u8| if is_hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
        length = skip - 1 + digits.take_while(is_digit).count();
    } else if !is_closed {
        return None;
    }
    let name = std::str::from_utf8(bytes.get(1..length + 1)?).ok()?;
    Some((reference(name)?, length + 1 + usize::from(is_closed)))
}

/// How long a tag is that may stand within a word, or an empty comment; 0 where there is none.
fn tag_within(bytes: &[u8]) -> usize {
    const WITHIN: [&str; 13] =
        ["mark", "b", "strong", "em", "i", "span", "wbr", "u", "font", "bdi", "small", "s", "code"];
    let Some(end) = bytes.iter().take(200).position(|byte| *byte == b'>') else { return 0 };
    let inner = bytes.get(1..end).and_then(|inner| std::str::from_utf8(inner).ok()).unwrap_or_default();
    let is_empty = inner.starts_with("!--") && inner.chars().all(|sign| matches!(sign, '!' | '-' | ' '));
    let name = inner.trim_start_matches('/');
    // One with attributes may bear an address itself.
    let is_bare = !name.contains(['@', '&', '%', '\\']);
    let name = name.split([' ', '\t', '\n', '\r', '/']).next().unwrap_or_default().to_ascii_lowercase();
    if is_empty || (is_bare && WITHIN.contains(&name.as_str())) { end + 1 } else { 0 }
}

fn is_local(byte: u8) -> bool {
    !byte.is_ascii() || byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-')
}

fn is_domain(byte: u8) -> bool {
    !byte.is_ascii() || byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

/// Numbers with a country before them (E.164: 7 to 15 digits), with blanks and dashes of whatever kind between. Without one they cannot
/// be told from orders and goods; the file says where those stand.
fn phones(body: &str, found: &mut Vec<Found>) {
    // Tags divide numbers that stand side by side.
    let read = Read::of(body, Form::Text);
    let text = read.text.as_str();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find('+')).map(|offset| from + offset) {
        from = at + 1;
        let is_apart =
            !at.checked_sub(1).and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_alphanumeric);
        let rest = text.get(from..).unwrap_or_default();
        let (mut digits, mut length) = (0, 0);
        for (offset, sign) in rest.char_indices().take(24).take_while(|(_, sign)| is_of_phone(*sign)) {
            if sign.is_ascii_digit() {
                (digits, length) = (digits + 1, offset + 1);
            }
        }
        let begins = rest.starts_with(|sign| matches!(sign, '1'..='9' | '('));
        if is_apart
            && begins
            && (8..=15).contains(&digits)
            && let Some(range) = read.range(at, from + length)
        {
            found.push(Found::new(range, *PHONE));
            from += length;
        }
    }
}

fn is_of_phone(sign: char) -> bool {
    let is_blank = sign.is_whitespace() && !matches!(sign, '\n' | '\r' | '\t');
    let is_dash = matches!(sign, '-' | '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2060}');
    sign.is_ascii_digit() || is_blank || is_dash || matches!(sign, '(' | ')' | '.' | '/')
}

/// The value as a person reads it.
pub(crate) fn plain(text: &str, form: Form) -> String {
    match form {
        Form::Json => {
            let text = serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned());
            Read::of(&text, Form::Text).text
        }
        Form::Html | Form::Text => Read::of(text, form).text,
    }
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
        "shy" => Some('\u{ad}'),
        "thinsp" => Some('\u{2009}'),
        "dash" | "hyphen" => Some('\u{2010}'),
        "ndash" => Some('\u{2013}'),
        "plus" => Some('+'),
        "commat" => Some('@'),
        "period" => Some('.'),
        "bull" | "bullet" => Some('•'),
        "hellip" => Some('…'),
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
    let mut before = None;
    for one in found {
        let own = mask_of(one.field);
        let mask = one.within.map_or(own, |place| own.min(mask_of(place)));
        if mask == Mask::Whole {
            continue;
        }
        out.push_str(body.get(at..one.range.start).unwrap_or_default());
        // What is hidden side by side is hidden once.
        let goes_on = mask == Mask::Hidden && before == Some((mask, one.range.start));
        before = Some((mask, one.range.end));
        let stood = body.get(one.range.clone()).unwrap_or_default();
        let value = plain(stood, form);
        let shown = mask::apply(mask, one.field.rule, Secret::new(value.clone()));
        let mask = written(shown.expose(), form);
        if one.is_choice {
            // Of what is shown as it is in part, too, such as a country, it stays.
            out.push_str(if *shown.expose() == value { stood } else { "" });
        } else if is_bare_number(body, one, form) {
            out.push_str(&format!("\"{mask}\""));
        } else if !goes_on {
            out.push_str(&mask);
        }
        if form == Form::Html && one.field == *EMAIL {
            out.push_str(&tags_of(stood));
        }
        at = one.range.end;
        count += 1;
    }
    out.push_str(body.get(at..).unwrap_or_default());
    (out, count)
}

/// A number of JSON has no quotes, and its mask needs them.
fn is_bare_number(body: &str, one: &Found, form: Form) -> bool {
    let before = one.range.start.checked_sub(1).and_then(|at| body.as_bytes().get(at));
    let first = body.as_bytes().get(one.range.start);
    let is_number = first.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-');
    form == Form::Json && is_number && before != Some(&b'"') && one.field != *EMAIL
}

/// The tags within a value, which stay: what they began goes on behind it, or ends there.
fn tags_of(text: &str) -> String {
    let mut tags = String::new();
    for part in text.split('<').skip(1) {
        if let Some((tag, _)) = part.split_once('>') {
            tags.push_str(&format!("<{tag}>"));
        }
    }
    tags
}

#[cfg(test)]
mod tests;
