//! What a request's content type says, and the tricks played with it.

use crate::decode;
use crate::values::{Fact, Values};

/// How a body is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyKind {
    Form,
    Json,
    Multipart(Vec<u8>),
    Xml,
    /// An upload that is no text: only its head is looked at, by few rules.
    Binary,
    /// Text, or nobody knows: inspected as it is.
    Raw,
}

/// Charsets in which ASCII stays ASCII, so that what is inspected is what the shop reads.
const PLAIN_CHARSETS: [&str; 14] = [
    "utf-8",
    "utf8",
    "us-ascii",
    "ascii",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-9",
    "iso-8859-15",
    "latin1",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1254",
    "utf-8,utf-8",
];

/// What browsers write of themselves: reports of a content security policy (CSP Level 3, section 5; Reporting API).
pub(crate) fn is_report(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    [b"application/csp-report".as_slice(), b"application/reports+json"]
        .iter()
        .any(|kind| essence.eq_ignore_ascii_case(kind))
}

pub(crate) fn body_kind(content_type: &[u8], values: &mut Values) -> BodyKind {
    let lower = content_type.to_ascii_lowercase();
    let lead = lower.trim_ascii_start();
    let essence = lead.split(|byte| matches!(byte, b';' | b',') || byte.is_ascii_whitespace()).next();
    let essence = essence.unwrap_or_default();
    if essence.is_empty() {
        return BodyKind::Raw;
    }
    if !is_well_formed(&lower) {
        values.fact(Fact::BadContentType);
    }
    if !is_plain_charset(&lower) {
        values.fact(Fact::OddCharset);
    }
    match essence {
        b"application/x-www-form-urlencoded" => BodyKind::Form,
        // Some readers take any of them for a form.
        _ if essence.starts_with(b"multipart/") => multipart(content_type, values),
        b"application/xml" | b"text/xml" => BodyKind::Xml,
        b"application/json" | b"text/json" | b"application/csp-report" | b"application/x-json" => {
            BodyKind::Json
        }
        b"application/octet-stream" | b"application/pdf" | b"application/zip" => BodyKind::Binary,
        _ if essence.ends_with(b"+json") => BodyKind::Json,
        _ if essence.ends_with(b"+xml") && !essence.starts_with(b"image/") => BodyKind::Xml,
        _ if [b"image/".as_slice(), b"video/", b"audio/", b"font/"]
            .iter()
            .any(|kind| essence.starts_with(kind)) =>
        {
            BodyKind::Binary
        }
        _ => BodyKind::Raw,
    }
}

/// Whether the body's first bytes are text, whatever its type says: no picture, sound, font or archive begins so, and
/// nothing that is parsed as JSON or as a form begins otherwise. Readers of JSON put up with bytes that are no UTF-8, so
/// these say nothing.
pub(crate) fn reads_as_text(body: &[u8]) -> bool {
    const LOOKED_AT: usize = 512;
    let head = body.get(..body.len().min(LOOKED_AT)).unwrap_or_default();
    let plain = || head.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r'));
    !head.is_empty() && (begins_as_form(head) || (!is_marked(head) && plain()))
}

/// `name=`, whatever stands behind it: forms may hold any byte.
fn begins_as_form(head: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.[]%-&".contains(byte);
    let length = head.iter().take(64).take_while(|byte| is_name(byte)).count();
    length > 0 && head.get(length) == Some(&b'=')
}

/// Whether a body begins as one of the usual files does that are no text.
pub(crate) fn is_marked(body: &[u8]) -> bool {
    const MARKS: [&[u8]; 19] = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF87a",
        b"GIF89a",
        b"RIFF",
        b"%PDF-",
        b"PK\x03\x04",
        b"\x1f\x8b",
        b"BM",
        b"II*\0",
        b"MM\0*",
        b"\0\0\x01\0",
        b"OggS",
        b"ID3",
        b"wOFF",
        b"wOF2",
        b"7z\xbc\xaf",
        b"Rar!",
        b"\xd0\xcf\x11\xe0",
    ];
    MARKS.iter().any(|mark| body.starts_with(mark)) || body.get(4..8) == Some(b"ftyp")
}

/// How text in UTF-16 or UTF-32 is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wide {
    /// Bytes of a unit: 2 or 4.
    pub width: usize,
    /// The high byte comes first.
    pub big: bool,
    /// It begins with a byte order mark.
    marked: bool,
}

impl Wide {
    pub fn value(self, unit: &[u8]) -> u32 {
        let fold = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
        if self.big { unit.iter().fold(0, fold) } else { unit.iter().rev().fold(0, fold) }
    }
}

/// Whether a text begins as one in UTF-16 or UTF-32. Python's reader of JSON tells the coding by its zeros (RFC 4627
/// section 3) or its mark, whatever the type says.
pub(crate) fn wide(body: &[u8]) -> Option<Wide> {
    let (width, big, marked) = match *body.first_chunk::<4>()? {
        [0, 0, 0xFE, 0xFF] => (4, true, true),
        [0xFF, 0xFE, 0, 0] => (4, false, true),
        [0xFE, 0xFF, ..] => (2, true, true),
        [0xFF, 0xFE, ..] => (2, false, true),
        // By the zeros alone, as Python's `json.detect_encoding` does it.
        [0, 0, 0, 1..=255] => (4, true, false),
        [1..=255, 0, 0, 0] => (4, false, false),
        [0, 1..=255, _, _] => (2, true, false),
        [1..=255, 0, _, _] => (2, false, false),
        _ => return None,
    };
    Some(Wide { width, big, marked })
}

/// A body in UTF-16 or UTF-32 as UTF-8.
pub(crate) fn from_wide(body: &[u8]) -> Option<Vec<u8>> {
    let form = wide(body)?;
    let units = body.get(if form.marked { form.width } else { 0 }..)?.chunks_exact(form.width);
    let units = units.map(|unit| form.value(unit));
    let text: String = match form.width {
        4 => units.map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
        _ => char::decode_utf16(units.map(|unit| u16::try_from(unit).unwrap_or(u16::MAX)))
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    };
    Some(text.into_bytes())
}

fn multipart(content_type: &[u8], values: &mut Values) -> BodyKind {
    match decode::boundary_of(content_type) {
        Some((boundary, strict)) => {
            if !strict {
                values.fact(Fact::BadBoundary);
            }
            BodyKind::Multipart(boundary.to_vec())
        }
        None => {
            values.fact(Fact::BadBoundary);
            BodyKind::Raw
        }
    }
}

/// `type/subtype`, then parameters (RFC 9110 section 8.3.1).
fn is_well_formed(lower: &[u8]) -> bool {
    let essence = lower.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let mut halves = essence.splitn(2, |byte| *byte == b'/');
    let token = |half: Option<&[u8]>| {
        half.is_some_and(|half| {
            !half.is_empty()
                && half.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(byte))
        })
    };
    token(halves.next()) && token(halves.next())
}

fn is_plain_charset(lower: &[u8]) -> bool {
    let mut rest = lower;
    while let Some(place) = memchr::memmem::find(rest, b"charset") {
        rest = rest.get(place + 7..).unwrap_or_default().trim_ascii_start();
        let Some(value) = rest.strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        let value = value.split(|byte| *byte == b';').next().unwrap_or_default();
        let value = value.trim_ascii();
        let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
        if !PLAIN_CHARSETS.iter().any(|charset| charset.as_bytes() == value) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_text_from_pictures() {
        let cut = format!("{}é", "a".repeat(511));
        for (body, text) in [
            (b"{\"q\":1}".as_slice(), true),
            (b"", false),
            (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", false),
            (b"\x89PNG\r\n\x1a\n\0\0", false),
            (b"GIF89a\x01\0", false),
            (b"PK\x03\x04", false),
            (b"\xff\xd8\xff\xe0", false),
            (b"{\"a\":\"\xff\",\"q\":1}", true),
            (b"a=\x01&q=1", true),
            (b"\x00\x01\x02\x03", false),
            (cut.as_bytes(), true),
            ("prix\u{a0}: 5 €".as_bytes(), true),
        ] {
            assert_eq!(reads_as_text(body), text, "{body:?}");
        }
    }

    #[test]
    fn wide_text_is_read() {
        let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let utf_32 = |text: &str| text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect::<Vec<u8>>();
        for text in ["{\"q\":1}", "\u{feff}{\"é\":\"😀\"}", "\"Ā\""] {
            let plain = text.trim_start_matches('\u{feff}').as_bytes().to_vec();
            assert_eq!(from_wide(&utf_16(text)), Some(plain.clone()), "{text}");
            assert_eq!(from_wide(&utf_32(text)), Some(plain), "{text}");
        }
        for other in ["", "ab", "{\"q\":1}", "\u{feff}x=1"] {
            assert_eq!(from_wide(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn reads_kinds_and_notes_tricks() {
        let cases: [(&str, BodyKind, &[Fact]); 15] = [
            ("multipart/form-data\t; boundary=abc", BodyKind::Multipart(b"abc".to_vec()), &[]),
            ("multipart/mixed; boundary=abc", BodyKind::Multipart(b"abc".to_vec()), &[]),
            (" application/json", BodyKind::Json, &[]),
            ("application/json", BodyKind::Json, &[]),
            ("application/problem+json; charset=utf-8", BodyKind::Json, &[]),
            ("application/x-www-form-urlencoded; charset=UTF-8", BodyKind::Form, &[]),
            ("application/x-www-form-urlencoded; charset=ibm037", BodyKind::Form, &[Fact::OddCharset]),
            ("application/json; charset=\"utf-7\"", BodyKind::Json, &[Fact::OddCharset]),
            ("text/plain;charset = utf-16le", BodyKind::Raw, &[Fact::OddCharset]),
            ("multipart/form-data; boundary=abc", BodyKind::Multipart(b"abc".to_vec()), &[]),
            ("multipart/form-data", BodyKind::Raw, &[Fact::BadBoundary]),
            (
                "multipart/form-data; boundary=a; boundary=b",
                BodyKind::Multipart(b"a".to_vec()),
                &[Fact::BadBoundary],
            ),
            ("image/png", BodyKind::Binary, &[]),
            ("json", BodyKind::Raw, &[Fact::BadContentType]),
            ("text/plain, application/json", BodyKind::Raw, &[Fact::BadContentType]),
        ];
        for (input, kind, facts) in cases {
            let mut values = Values::default();
            assert_eq!(body_kind(input.as_bytes(), &mut values), kind, "{input}");
            assert_eq!(values.facts(), facts, "{input}");
        }
    }
}
