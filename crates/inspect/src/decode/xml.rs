//! XML, simply: text, CDATA and attribute values. Entities are not expanded, only looked for by rules.

use super::html_decode;
use crate::values::{Collection, Fact, Values};

pub(crate) fn xml(source: &[u8], values: &mut Values) {
    if is_coded_oddly(source) {
        values.fact(Fact::OddCharset);
    }
    values.push(Collection::XmlDocument, b"", source);
    if memchr::memmem::find(source, b"<!--").or_else(|| memchr::memmem::rfind(source, b"<?")).is_some() {
        joined(source, values);
    }
    let mut rest = source;
    while !rest.is_empty() {
        if values.is_full() {
            values.fact(Fact::TooManyArguments);
            values.push(Collection::Xml, b"", rest);
            return;
        }
        let open = memchr::memchr(b'<', rest).unwrap_or(rest.len());
        let (text, markup) = rest.split_at(open);
        if !text.trim_ascii().is_empty() {
            values.push_decoded(Collection::Xml, b"", |out| html_decode(text.trim_ascii(), out));
        }
        rest = match markup.strip_prefix(b"<![CDATA[") {
            Some(inside) => {
                let end = memchr::memmem::find(inside, b"]]>").unwrap_or(inside.len());
                values.push(Collection::Xml, b"", inside.get(..end).unwrap_or_default());
                inside.get(end + 3..).unwrap_or_default()
            }
            None => tag(markup, values),
        };
    }
}

/// Text that comments and instructions split is one to whoever reads it: `uni<!-- x -->on`.
fn joined(source: &[u8], values: &mut Values) {
    let (mut text, mut is_split) = (Vec::new(), false);
    let mut rest = source;
    while !rest.is_empty() && !values.is_full() {
        let open = memchr::memchr(b'<', rest).unwrap_or(rest.len());
        let (before, markup) = rest.split_at(open);
        html_decode(before, &mut text);
        let behind = |inside: usize, end: &[u8]| {
            let inside = markup.get(inside..).unwrap_or_default();
            let length = memchr::memmem::find(inside, end).unwrap_or(inside.len());
            (inside.get(..length).unwrap_or_default(), inside.get(length + end.len()..).unwrap_or_default())
        };
        rest = if markup.starts_with(b"<![CDATA[") {
            let (inside, rest) = behind(9, b"]]>");
            text.extend_from_slice(inside);
            rest
        } else if markup.starts_with(b"<!--") {
            is_split = true;
            behind(4, b"-->").1
        } else if markup.starts_with(b"<?") {
            is_split = true;
            behind(2, b"?>").1
        } else {
            flush(&mut text, &mut is_split, values);
            behind(1, b">").1
        };
    }
    flush(&mut text, &mut is_split, values);
}

fn flush(text: &mut Vec<u8>, is_split: &mut bool, values: &mut Values) {
    if std::mem::take(is_split) && !text.trim_ascii().is_empty() {
        values.push(Collection::Xml, b"", text.trim_ascii());
    }
    text.clear();
}

/// Whether a document is in a coding in which its marks read differently: what its declaration says (XML 1.0 section 4.3.3), or
/// EBCDIC by its first bytes (appendix F).
fn is_coded_oddly(source: &[u8]) -> bool {
    // What says UTF-16 and has no such bytes is read as it stands, or by nobody.
    const PLAIN: [&[u8]; 10] = [
        b"utf-16",
        b"utf16",
        b"utf-8",
        b"utf8",
        b"us-ascii",
        b"ascii",
        b"iso-8859-1",
        b"iso-8859-15",
        b"windows-1252",
        b"latin1",
    ];
    let lead = source.trim_ascii_start();
    let lead = lead.strip_prefix(b"\xef\xbb\xbf").unwrap_or(lead);
    if lead.starts_with(&[0x4C, 0x6F, 0xA7, 0x94]) {
        return true;
    }
    let Some(declaration) = lead.strip_prefix(b"<?xml") else { return false };
    let declaration =
        declaration.get(..memchr::memmem::find(declaration, b"?>").unwrap_or(declaration.len()));
    let declaration = declaration.unwrap_or_default().get(..256).or(declaration).unwrap_or_default();
    let Some(at) = memchr::memmem::find(declaration, b"encoding") else { return false };
    let named = declaration.get(at + 8..).unwrap_or_default().trim_ascii_start();
    let named = named.strip_prefix(b"=").unwrap_or(named).trim_ascii_start();
    let Some((quote, named)) = named.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\'')) else {
        return false;
    };
    let named = named.split(|byte| byte == quote).next().unwrap_or_default();
    !PLAIN.iter().any(|plain| named.eq_ignore_ascii_case(plain))
}

fn tag<'s>(markup: &'s [u8], values: &mut Values) -> &'s [u8] {
    let end = memchr::memchr(b'>', markup).map_or(markup.len(), |place| place + 1);
    let (inside, rest) = markup.split_at(end);
    let mut left = inside;
    while let Some(equals) = memchr::memchr(b'=', left) {
        let name = left.get(..equals).unwrap_or_default().trim_ascii();
        let name = name.rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
        let after = left.get(equals + 1..).unwrap_or_default().trim_ascii_start();
        let Some((quote, quoted)) = after.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))
        else {
            left = after;
            continue;
        };
        let length = memchr::memchr(*quote, quoted).unwrap_or(quoted.len());
        let value = quoted.get(..length).unwrap_or_default();
        values.push_decoded(Collection::XmlAttributes, name, |out| html_decode(value, out));
        left = quoted.get(length + 1..).unwrap_or_default();
    }
    rest
}
