//! A value that stands in a tag already: in the shop's own markup, or in what an earlier text left open.

use std::ops::Range;

use super::names::URL_ATTRIBUTES;
use super::{Names, Tag, decoded, has_script_scheme, is_in, is_space, script_url, style_runs_script};

/// How far behind a quote attributes are read.
const READ: usize = 4 * 1024;

/// Where an address takes the reader, or what the page is made of.
const LEADING: [&str; 5] = ["href", "src", "action", "formaction", "xlink:href"];

/// Attributes that run script, or lead elsewhere, of a value that began in a tag.
pub(super) fn attributes(value: &[u8]) -> Option<Range<usize>> {
    // The shop's markup stands before the value; a tag of its own is read as one. A `<` that opens none stands in an attribute.
    let opens = |at: &usize| value.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
    let tag = memchr::memchr_iter(b'<', value).find(opens).unwrap_or(value.len());
    let begins = value.get(..tag).unwrap_or_default();
    memchr::memchr(b'=', begins)?;
    let quotes = [b'"', b'\''].into_iter().filter_map(|quote| {
        let at = memchr::memchr(quote, begins)?;
        Some((at + 1, true))
    });
    std::iter::once((0, false)).chain(quotes).find_map(|(start, left_string)| {
        let end = begins.len().min(start + READ);
        let mut reader = Tag::at(begins.get(..end)?, start);
        leads_away(&mut reader, left_string).then(|| start..end.min(start + 64))
    })
}

/// `left_string`: a quote was closed first, so that an address alone tells.
fn leads_away(reader: &mut Tag<'_>, left_string: bool) -> bool {
    loop {
        reader.take_while(|byte| is_space(byte) || byte == b'/');
        if matches!(reader.peek(), None | Some(b'>')) {
            return false;
        }
        let name = reader.attribute_name(Names::OfBrowsers);
        if name.is_empty() {
            reader.at += 1;
            continue;
        }
        reader.take_while(is_space);
        if reader.peek() != Some(b'=') {
            continue;
        }
        reader.at += 1;
        let mut room = Vec::new();
        let value = decoded(reader.attribute_value(), &mut room);
        let address = is_in(&URL_ATTRIBUTES, name);
        let runs = address && (script_url(value).is_some() || has_script_scheme(value));
        let leads = is_in(&LEADING, name) && left_string && is_foreign(value) && !reader.is_open;
        let acts = ["srcdoc", "http-equiv"].iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name));
        let style = name.eq_ignore_ascii_case(b"style") && style_runs_script(value);
        if runs || leads || style || (acts && !value.is_empty()) {
            return true;
        }
    }
}

/// `//evil.example/`, `https:\\evil.example`.
fn is_foreign(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    let begins = |scheme: &[u8]| {
        value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && value.len() > scheme.len() + 2
    };
    let slashes = value.iter().take_while(|byte| matches!(byte, b'/' | b'\\')).count();
    begins(b"http:") || begins(b"https:") || (slashes > 1 && value.len() > slashes)
}
