//! Tells script from markup: reads a value as a browser would, from text, and from inside a tag.
//!
//! Harmless markup (`<b>`, `<a href="https://...">`, `<img src alt>`) passes: merchants type it. What runs script does
//! not: dangerous elements, event handlers, script URLs, style expressions. Our own reading of the HTML standard,
//! section 13.2.5.

mod hiding;
mod inside;
mod names;

use std::ops::Range;

use crate::decode::open::Open;
use crate::transform::ByteMask;
use names::{ELEMENTS, ELEMENTS_WITH, EVENTS, OF_FRAMEWORKS, OF_THE_PAGE, URL_ATTRIBUTES};
pub(crate) use names::{HIDING, RAW_TEXT};

pub(crate) fn trigger() -> ByteMask {
    ByteMask::from_bytes(b"<=:")
}

/// Where script stands in the value, if anywhere. `goes_on`: it was cut where it is too long to be read at once, and what is open at its
/// end may be closed behind it.
pub(crate) fn detect(value: &[u8], goes_on: bool) -> Option<Range<usize>> {
    tags(value, goes_on)
        .or_else(|| left_open(value, goes_on))
        .or_else(|| lone_event(value))
        .or_else(|| inside::attributes(value))
        .or_else(|| script_url(value).map(|end| 0..end))
}

/// What the whole of the value leaves open: an end that stands in a comment or in an attribute is none, and of two that began one ends.
fn left_open(value: &[u8], goes_on: bool) -> Option<Range<usize>> {
    let start = memchr::memchr(b'<', value).filter(|_| !goes_on)?;
    let mut open = Open::default();
    open.push(value.get(start..)?);
    open.what().map(|_| start..value.len().min(start + 64))
}

fn tags(value: &[u8], goes_on: bool) -> Option<Range<usize>> {
    let mut at = 0;
    // Tags inside tags are read again. Nobody types so many of them that eight readings are not enough, and the work
    // stays linear: whoever spends this much has something to hide.
    let mut budget = value.len().saturating_mul(8).saturating_add(8_192);
    while let Some(place) = value.get(at..).and_then(|rest| memchr::memchr(b'<', rest)) {
        let start = at + place;
        if !goes_on && hiding::hides_what_follows(value, start, &mut budget) {
            return Some(start..value.len().min(start + 64));
        }
        let mut reader = Tag::at(value, start + 1);
        if budget == 0 || reader.runs_script() || (!goes_on && reader.takes_what_follows()) {
            return Some(start..reader.at.min(value.len()));
        }
        budget = budget.saturating_sub(reader.at - start);
        // What was read as attributes is not read again, unless another tag opens inside.
        let inside = value.get(start + 1..reader.at.min(value.len())).unwrap_or_default();
        at = memchr::memchr(b'<', inside).map_or(reader.at.max(start + 1), |again| start + 1 + again);
    }
    None
}

/// How the names of attributes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    OfBrowsers,
    OfFilters,
}

impl Names {
    fn passes_over(self, byte: u8) -> bool {
        self == Names::OfFilters && matches!(byte, b'"' | b'\'')
    }
}

struct Tag<'v> {
    value: &'v [u8],
    at: usize,
    /// An attribute's quote does not close.
    is_open: bool,
}

impl<'v> Tag<'v> {
    fn at(value: &'v [u8], at: usize) -> Tag<'v> {
        Tag { value, at, is_open: false }
    }

    /// `<a x='` and the end: what the page has behind it becomes a part of the tag.
    fn takes_what_follows(&self) -> bool {
        self.is_open
    }

    fn runs_script(&mut self) -> bool {
        let closing = self.peek() == Some(b'/');
        self.at += usize::from(closing);
        if !self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            return false;
        }
        // A quote, a `<` or a `=` does not end a tag's name (section 13.2.5.8).
        let name = self.take_while(|byte| !is_space(byte) && !matches!(byte, b'>' | b'/'));
        let local = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
        // `<svg<b` is one odd name for a browser, but some shop's filter takes it apart.
        let local = local.split(|byte| *byte == b'<').next().unwrap_or(local);
        // What caches in front of a shop run (ESI 1.0).
        let edge_side = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"esi:"));
        if edge_side || is_in(&ELEMENTS, local) {
            return true;
        }
        let wanted = ELEMENTS_WITH.iter().find(|(element, _)| element.as_bytes().eq_ignore_ascii_case(local));
        // Whatever stands in it: what follows is a style sheet for the whole page, and may load one from elsewhere.
        if local.eq_ignore_ascii_case(b"style") {
            return true;
        }
        if !closing && is_in(&OF_THE_PAGE, local) && self.has_attribute() {
            return true;
        }
        let wanted = wanted.map_or([].as_slice(), |(_, attributes)| attributes);
        // As a browser reads it, and as filters do that take quotes and signs in a name for its end.
        let begin = self.at;
        if self.attributes_run_script(wanted, Names::OfBrowsers) {
            return true;
        }
        let (end, is_open) = (std::mem::replace(&mut self.at, begin), self.is_open);
        let found = self.attributes_run_script(wanted, Names::OfFilters);
        (self.at, self.is_open) = (self.at.max(end), is_open);
        found
    }

    /// Whether anything is said of the element, with a value or without. Reads nothing.
    fn has_attribute(&self) -> bool {
        let rest = self.value.get(self.at..).unwrap_or_default();
        let first = rest.iter().find(|byte| !is_space(**byte) && **byte != b'/');
        first.is_some_and(|byte| *byte != b'>')
    }

    /// Passes over the rest of the tag, as a browser does.
    fn read_to_end(&mut self) {
        self.take_while(|byte| !is_space(byte) && !matches!(byte, b'>' | b'/'));
        self.any_attribute(Names::OfBrowsers, |_, _, _| false);
        self.at = (self.at + 1).min(self.value.len());
    }

    fn attributes_run_script(&mut self, wanted: &[&str], names: Names) -> bool {
        self.any_attribute(names, |name, value, _| attribute_runs_script(name, value) || is_in(wanted, name))
    }

    /// Reads the tag's attributes up to the first that is looked for: its name, its value, and whether its quote stays open.
    fn any_attribute(&mut self, names: Names, is_it: impl Fn(&[u8], &[u8], bool) -> bool) -> bool {
        loop {
            self.take_while(|byte| is_space(byte) || byte == b'/' || names.passes_over(byte));
            if matches!(self.peek(), None | Some(b'>')) {
                return false;
            }
            let name = self.attribute_name(names);
            if name.is_empty() {
                self.at += 1;
                continue;
            }
            self.take_while(is_space);
            if self.peek() != Some(b'=') {
                continue;
            }
            self.at += 1;
            let value = self.attribute_value();
            if is_it(name, value, self.is_open) {
                return true;
            }
        }
    }

    /// Quotes and `<` belong to a name, and so does an equals sign that it begins with (section 13.2.5.32 and 13.2.5.33).
    fn attribute_name(&mut self, names: Names) -> &'v [u8] {
        let start = self.at;
        if names == Names::OfBrowsers && self.peek() == Some(b'=') {
            self.at += 1;
        }
        let ends = |byte| is_space(byte) || matches!(byte, b'=' | b'>' | b'/');
        self.take_while(|byte| !ends(byte) && (names == Names::OfBrowsers || byte != b'<'));
        self.value.get(start..self.at).unwrap_or_default()
    }

    fn attribute_value(&mut self) -> &'v [u8] {
        self.take_while(is_space);
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => {
                self.at += 1;
                let value = self.take_while(|byte| byte != quote);
                self.is_open |= self.peek().is_none();
                self.at += 1;
                value
            }
            _ => self.take_while(|byte| !is_space(byte) && byte != b'>'),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.value.get(self.at).copied()
    }

    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'v [u8] {
        let rest = self.value.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| keep(**byte)).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }
}

/// A browser decodes each attribute by itself, after it has found its end (section 13.2.5.38).
fn decoded<'v>(value: &'v [u8], room: &'v mut Vec<u8>) -> &'v [u8] {
    match memchr::memchr(b'&', value) {
        Some(_) => {
            crate::decode::html_decode(value, room);
            room
        }
        None => value,
    }
}

fn attribute_runs_script(name: &[u8], value: &[u8]) -> bool {
    let mut room = Vec::new();
    let value = decoded(value, &mut room);
    let name = name.trim_ascii();
    let name = name.strip_suffix(b"\x0b").unwrap_or(name);
    let event = name.len() > 4
        && name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"on"))
        && name.iter().all(u8::is_ascii_alphabetic)
        && !value.is_empty();
    event
        || is_of_a_framework(name) && !value.is_empty()
        || name.eq_ignore_ascii_case(b"srcdoc")
        || (name.eq_ignore_ascii_case(b"type") && asks_for_password(value))
        || (name.eq_ignore_ascii_case(b"referrerpolicy") && tells_the_address(value))
        || (name.eq_ignore_ascii_case(b"style") && style_runs_script(value))
        || (is_in(&URL_ATTRIBUTES, name) && (script_url(value).is_some() || has_script_scheme(value)))
}

/// No text of a customer's has a field for passwords, nor a picture that sends a form.
fn asks_for_password(value: &[u8]) -> bool {
    is_in(&["password", "image"], value.trim_ascii())
}

/// The whole address of the page, with what stands in its query, goes to whoever serves the picture (Referrer Policy 3).
fn tells_the_address(value: &[u8]) -> bool {
    is_in(&["unsafe-url", "no-referrer-when-downgrade"], value.trim_ascii())
}

fn is_of_a_framework(name: &[u8]) -> bool {
    let begins = |beginning: &&str| {
        let open = beginning.ends_with(['-', ':', '@']);
        let (start, rest) = name.split_at_checked(beginning.len()).unwrap_or_default();
        let ends = if open { !rest.is_empty() } else { !rest.first().is_some_and(u8::is_ascii_alphabetic) };
        start.eq_ignore_ascii_case(beginning.as_bytes()) && ends
    };
    name == b"_" || OF_FRAMEWORKS.iter().any(begins)
}

fn style_runs_script(value: &[u8]) -> bool {
    let lower: Vec<u8> = value.iter().filter(|byte| !is_space(**byte)).map(u8::to_ascii_lowercase).collect();
    [b"expression(".as_slice(), b"javascript:", b"behavior:", b"-moz-binding", b"@import", b"url(data:text"]
        .iter()
        .any(|sign| memchr::memmem::find(&lower, sign).is_some())
}

/// `" onfocus=alert(1)`: the value stands inside a tag already.
fn lone_event(value: &[u8]) -> Option<Range<usize>> {
    let mut from = 0;
    let mut begun = 0;
    let mut quotes = Quotes::default();
    while let Some(place) = value.get(from..).and_then(|rest| memchr::memchr(b'=', rest)) {
        let equals = from + place;
        from = equals + 1;
        let before = value.get(begun..equals).unwrap_or_default();
        let start = begun;
        begun = from;
        quotes.count(before);
        let before = before.trim_ascii_end();
        let end = before.len();
        let length = before.iter().rev().take(64).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (outside, name) = before.split_at(before.len() - length);
        let parted =
            outside.last().is_none_or(|byte| is_space(*byte) || matches!(byte, b'"' | b'\'' | b'`' | b'/'));
        let known = is_in(&EVENTS, name);
        if !parted || !(known || is_shaped_as_event(name)) {
            continue;
        }
        let after = value.get(from..).unwrap_or_default();
        let runs = if known || quotes.one_is_open() { is_code(after) } else { is_plainly_code(after) };
        if runs {
            return Some(start + end - length..value.len().min(equals + 48));
        }
    }
    None
}

/// Quotes so far: an odd number ends a string that the value did not begin.
#[derive(Default)]
struct Quotes {
    single: usize,
    double: usize,
}

impl Quotes {
    fn count(&mut self, text: &[u8]) {
        self.double += memchr::memchr_iter(b'"', text).count();
        // An apostrophe within a word is none.
        let is_letter =
            |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
        self.single += memchr::memchr_iter(b'\'', text)
            .filter(|at| !(is_letter(at.checked_sub(1)) && is_letter(Some(at + 1))))
            .count();
    }

    fn one_is_open(&self) -> bool {
        self.single % 2 == 1 || self.double % 2 == 1
    }
}

/// Browsers learn new events faster than lists do; these words of prose begin alike.
fn is_shaped_as_event(name: &[u8]) -> bool {
    const PROSE: [&str; 30] = [
        "onion",
        "onset",
        "onlay",
        "online",
        "ongoing",
        "onsite",
        "onboard",
        "onward",
        "onwards",
        "onshore",
        "onions",
        "onsale",
        "ondemand",
        "onkel",
        "onkels",
        "ontario",
        "onlineshop",
        "onlinepreis",
        "onlineprice",
        "onhand",
        "onorder",
        "onstock",
        "ongles",
        "ongle",
        "onces",
        "ondas",
        "ondes",
        "onzas",
        "onyx",
        "onlinekauf",
    ];
    let begins = name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"on"));
    begins && name.len() > 4 && !is_in(&PROSE, name)
}

/// The same where no string was left, so that the name might be a word: code must call or assign.
fn is_plainly_code(after: &[u8]) -> bool {
    let start = after.trim_ascii_start();
    let quote = start.first().filter(|byte| matches!(byte, b'"' | b'\''));
    let code = match quote {
        Some(quote) => start.get(1..).unwrap_or_default().split(|byte| byte == quote).next(),
        None => start.split(|byte| is_space(*byte)).next(),
    };
    let whole = code.unwrap_or_default();
    // No more of it is looked at, and nobody's word is so long.
    let code = whole.get(..whole.len().min(512)).unwrap_or_default();
    let acts = |pair: &[u8]| match pair {
        [before, b'('] => {
            before.is_ascii_alphanumeric() || matches!(before, b')' | b']' | b'_' | b'$' | b'.' | b'/')
        }
        [before, b'='] => before.is_ascii_alphanumeric() || matches!(before, b']' | b'_' | b'$'),
        [b'+', b'+'] | [b'&', b'#'] | [_, b'`' | b'\\'] => true,
        [b'&', letter] => letter.is_ascii_alphabetic(),
        _ => false,
    };
    let unread = whole.len() > if quote.is_some() { code.len() } else { 64 };
    unread || code.windows(2).any(acts) || code.starts_with(b"`") || code.starts_with(b"/")
}

/// Whether an event handler's value starts like code and not like the rest of a sentence.
fn is_code(after: &[u8]) -> bool {
    let start = after.trim_ascii_start();
    let code = start.get(..start.len().min(512)).unwrap_or_default();
    let word = code.iter().take_while(|byte| !is_space(**byte)).count();
    word > 64
        // What is not read is taken for code.
        || start.len() > code.len()
        || memchr::memmem::find(code, b"++").is_some()
        || matches!(code.first(), Some(b'/'))
        || code.iter().any(|byte| matches!(byte, b'(' | b'`' | b'=' | b'.' | b'[' | b'&' | b'\\'))
}

/// `javascript:` and its kin at the start, with the white space and control bytes that browsers skip, then code.
fn script_url(value: &[u8]) -> Option<usize> {
    let (scheme, after) = scheme(value)?;
    let rest = value.get(after..).unwrap_or_default();
    match scheme.as_slice() {
        b"javascript" | b"vbscript" | b"livescript" | b"mocha" | b"jscript" => {
            runs(rest).then_some(value.len().min(after + 48))
        }
        b"data" => {
            let lower: Vec<u8> =
                rest.iter().take(64).filter(|byte| !is_space(**byte)).map(u8::to_ascii_lowercase).collect();
            let kinds = [
                b"text/html".as_slice(),
                b"image/svg+xml",
                b"text/xml",
                b"application/xhtml",
                b"text/javascript",
            ];
            let svg_data = lower.starts_with(b"image/svg+xml");
            let inert = svg_data && !has_script(rest);
            (kinds.iter().any(|kind| lower.starts_with(kind)) && !inert)
                .then_some(value.len().min(after + 48))
        }
        _ => None,
    }
}

fn has_script_scheme(value: &[u8]) -> bool {
    scheme(value)
        .is_some_and(|(scheme, _)| matches!(scheme.as_slice(), b"javascript" | b"vbscript" | b"livescript"))
}

fn has_script(rest: &[u8]) -> bool {
    let lower = rest.to_ascii_lowercase();
    [b"script".as_slice(), b"onload", b"onerror"]
        .iter()
        .any(|sign| memchr::memmem::find(&lower, sign).is_some())
}

/// "JavaScript: The Good Parts (2nd edition)" is a book; `javascript:alert(1)` is not.
fn runs(rest: &[u8]) -> bool {
    let called =
        rest.windows(2).any(|pair| matches!(pair, [before, b'(' | b'`' | b'['] if !is_space(*before)));
    let tight = rest.first().is_some_and(|byte| !is_space(*byte) || matches!(byte, b'\n' | b'\r' | b'\t'));
    let marked =
        rest.iter().any(|byte| matches!(byte, b'(' | b'`' | b'=' | b'[' | b'\\' | b'.' | b'%' | b'/'));
    called || (tight && marked)
}

/// The scheme at the start, lower-cased, and the offset behind its colon.
fn scheme(value: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut scheme = Vec::with_capacity(12);
    for (at, byte) in value.iter().enumerate() {
        match byte {
            b':' => return (!scheme.is_empty()).then_some((scheme, at + 1)),
            b'"' | b'\'' | b'=' if scheme.is_empty() => {}
            0..=0x20 => {}
            byte if byte.is_ascii_alphabetic() => scheme.push(byte.to_ascii_lowercase()),
            _ => return None,
        }
        if scheme.len() > 12 {
            return None;
        }
    }
    None
}

fn is_in(list: &[&str], name: &[u8]) -> bool {
    list.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// Tab, line feed, form feed, carriage return, space: a vertical tab is a letter like any other to a browser.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

#[cfg(test)]
mod tests;
