//! Tells script from markup: reads a value as a browser would, from text, and from inside a tag.
//!
//! Harmless markup (`<b>`, `<a href="https://...">`, `<img src alt>`) passes: merchants type it. What runs script does
//! not: dangerous elements, event handlers, script URLs, style expressions. Our own reading of the HTML standard,
//! section 13.2.5.

use std::ops::Range;

use crate::transform::ByteMask;

pub(crate) fn trigger() -> ByteMask {
    ByteMask::from_bytes(b"<=:")
}

/// Elements that run script, load it, or change where a page's addresses lead, by their mere presence.
const ELEMENTS: [&str; 22] = [
    "script",
    "iframe",
    "object",
    "embed",
    "applet",
    "frame",
    "frameset",
    "svg",
    "math",
    "isindex",
    "bgsound",
    "xml",
    "portal",
    "foreignobject",
    "handler",
    "listener",
    "noscript",
    "layer",
    "ilayer",
    "plaintext",
    "xss",
    "comment",
];

/// Elements that do so with certain attributes only; the words are those of prose in angle brackets.
const ELEMENTS_WITH: [(&str, &[&str]); 12] = [
    ("base", &["href"]),
    ("link", &["href"]),
    ("meta", &["http-equiv", "content"]),
    ("form", &["action", "onsubmit"]),
    ("set", &["attributename", "to"]),
    ("animate", &["attributename", "values", "to", "from"]),
    ("animatetransform", &["attributename"]),
    ("input", &["formaction"]),
    ("button", &["formaction"]),
    ("use", &["href", "xlink:href"]),
    ("template", &["shadowrootmode"]),
    ("image", &["href", "xlink:href"]),
];

/// Event handlers that are looked for outside a tag, where `on...=` could be prose.
const EVENTS: [&str; 78] = [
    "onabort",
    "onactivate",
    "onafterprint",
    "onafterscriptexecute",
    "onanimationcancel",
    "onanimationend",
    "onanimationiteration",
    "onanimationstart",
    "onauxclick",
    "onbeforecopy",
    "onbeforecut",
    "onbeforeinput",
    "onbeforeprint",
    "onbeforescriptexecute",
    "onbeforetoggle",
    "onbeforeunload",
    "onbegin",
    "onblur",
    "onbounce",
    "oncanplay",
    "oncanplaythrough",
    "onchange",
    "onclick",
    "onclose",
    "oncontextmenu",
    "oncopy",
    "oncuechange",
    "oncut",
    "ondblclick",
    "ondrag",
    "ondragend",
    "ondragenter",
    "ondragleave",
    "ondragover",
    "ondragstart",
    "ondrop",
    "ondurationchange",
    "onend",
    "onended",
    "onerror",
    "onfinish",
    "onfocus",
    "onfocusin",
    "onfocusout",
    "onfullscreenchange",
    "onhashchange",
    "oninput",
    "oninvalid",
    "onkeydown",
    "onkeypress",
    "onkeyup",
    "onload",
    "onloadeddata",
    "onloadedmetadata",
    "onloadstart",
    "onmessage",
    "onmousedown",
    "onmouseenter",
    "onmouseleave",
    "onmousemove",
    "onmouseout",
    "onmouseover",
    "onmouseup",
    "onmousewheel",
    "onpageshow",
    "onpaste",
    "onplay",
    "onpointerdown",
    "onpointerenter",
    "onpointerover",
    "onpointerup",
    "onpopstate",
    "onresize",
    "onscroll",
    "onsubmit",
    "ontoggle",
    "ontouchstart",
    "onwheel",
];

const URL_ATTRIBUTES: [&str; 14] = [
    "href",
    "src",
    "action",
    "formaction",
    "xlink:href",
    "data",
    "poster",
    "background",
    "dynsrc",
    "lowsrc",
    "to",
    "values",
    "from",
    "code",
];

/// Where script stands in the value, if anywhere.
pub(crate) fn detect(value: &[u8]) -> Option<Range<usize>> {
    tags(value).or_else(|| lone_event(value)).or_else(|| script_url(value).map(|end| 0..end))
}

fn tags(value: &[u8]) -> Option<Range<usize>> {
    let mut at = 0;
    // Tags inside tags are read again; beyond this much only names are, so that the work stays linear.
    let mut budget = value.len().saturating_mul(8).saturating_add(8_192);
    while let Some(place) = value.get(at..).and_then(|rest| memchr::memchr(b'<', rest)) {
        let start = at + place;
        let mut reader = Tag { value, at: start + 1, reads_attributes: budget > 0 };
        if reader.runs_script() {
            return Some(start..reader.at.min(value.len()));
        }
        budget = budget.saturating_sub(reader.at - start);
        // What was read as attributes is not read again, unless another tag opens inside.
        let inside = value.get(start + 1..reader.at.min(value.len())).unwrap_or_default();
        at = memchr::memchr(b'<', inside).map_or(reader.at.max(start + 1), |again| start + 1 + again);
    }
    None
}

struct Tag<'v> {
    value: &'v [u8],
    at: usize,
    reads_attributes: bool,
}

impl<'v> Tag<'v> {
    fn runs_script(&mut self) -> bool {
        let closing = self.peek() == Some(b'/');
        self.at += usize::from(closing);
        if !self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            return false;
        }
        let name = self
            .take_while(|byte| !is_space(byte) && !matches!(byte, b'>' | b'/' | b'<' | b'=' | b'"' | b'\''));
        let local = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
        if is_in(&ELEMENTS, local) {
            return is_boundary(self.peek()) || closing;
        }
        if !is_boundary(self.peek()) || !self.reads_attributes {
            return false;
        }
        let wanted = ELEMENTS_WITH.iter().find(|(element, _)| element.as_bytes().eq_ignore_ascii_case(local));
        let style = local.eq_ignore_ascii_case(b"style");
        if style && self.peek() == Some(b'>') {
            return true;
        }
        self.attributes_run_script(wanted.map_or(&[], |(_, attributes)| attributes))
    }

    /// At most 64 attributes and some 4 KiB are read from one `<`.
    fn attributes_run_script(&mut self, wanted: &[&str]) -> bool {
        let limit = self.at + 4_096;
        for _ in 0..64 {
            self.take_while(|byte| is_space(byte) || byte == b'/' || byte == b'"' || byte == b'\'');
            if self.at > limit || matches!(self.peek(), None | Some(b'>')) {
                return false;
            }
            let name = self.take_while(|byte| !is_space(byte) && !matches!(byte, b'=' | b'>' | b'/' | b'<'));
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
            if attribute_runs_script(name, value) || is_in(wanted, name) {
                return true;
            }
        }
        false
    }

    fn attribute_value(&mut self) -> &'v [u8] {
        self.take_while(is_space);
        match self.peek() {
            Some(quote @ (b'"' | b'\'' | b'`')) => {
                self.at += 1;
                let value = self.take_while(|byte| byte != quote);
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
        let length = rest.iter().take(8_192).take_while(|byte| keep(**byte)).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }
}

fn attribute_runs_script(name: &[u8], value: &[u8]) -> bool {
    let event = name.len() > 4
        && name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"on"))
        && name.iter().all(u8::is_ascii_alphabetic)
        && !value.is_empty();
    event
        || name.eq_ignore_ascii_case(b"srcdoc")
        || (name.eq_ignore_ascii_case(b"style") && style_runs_script(value))
        || (is_in(&URL_ATTRIBUTES, name) && (script_url(value).is_some() || has_script_scheme(value)))
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
    while let Some(place) = value.get(from..).and_then(|rest| memchr::memchr(b'=', rest)) {
        let equals = from + place;
        from = equals + 1;
        let before = value.get(equals.saturating_sub(64)..equals).unwrap_or_default();
        let before = before.trim_ascii_end();
        let length = before.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (outside, name) = before.split_at(before.len() - length);
        let parted =
            outside.last().is_none_or(|byte| is_space(*byte) || matches!(byte, b'"' | b'\'' | b'`' | b'/'));
        if parted && is_in(&EVENTS, name) && is_code(value.get(from..).unwrap_or_default()) {
            return Some(equals.saturating_sub(length)..value.len().min(equals + 48));
        }
    }
    None
}

/// Whether an event handler's value starts like code and not like the rest of a sentence.
fn is_code(after: &[u8]) -> bool {
    let start = after.trim_ascii_start();
    let code = start.get(..start.len().min(96)).unwrap_or_default();
    code.iter().any(|byte| matches!(byte, b'(' | b'`' | b'=' | b'.' | b'[' | b'&' | b'\\'))
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
    for (at, byte) in value.iter().enumerate().take(96) {
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

fn is_boundary(byte: Option<u8>) -> bool {
    byte.is_none_or(|byte| is_space(byte) || matches!(byte, b'>' | b'/' | b'<'))
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0x0b | 0)
}

#[cfg(test)]
mod tests {
    use super::detect;

    #[test]
    fn sees_script() {
        let cases = [
            "<script>alert(1)</script>",
            "<ScRiPt src=//x>",
            "<img src=x onerror=alert(1)>",
            "<svg/onload=alert(1)>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=' java\tscript:alert(1)'>",
            "\" onfocus=alert(1) autofocus=\"",
            "javascript:alert(1)",
            "<iframe src=x>",
            "data:text/html,<script>x</script>",
            "<div style=\"width:expression(alert(1))\">",
            "<x/onclick=alert`1`>",
            "<math><mi xlink:href=\"javascript:alert(1)\">",
            "<base href=//evil>",
            "<style>@import 'x'</style>",
            "<details open ontoggle=confirm(1)>",
            "<body/onpageshow=x()>",
            "<meta http-equiv=refresh content=0>",
        ];
        for case in cases {
            assert!(detect(case.as_bytes()).is_some(), "{case}");
        }
    }

    #[test]
    fn sees_markup_and_prose() {
        let cases = [
            "size < 10 & > 5",
            "<b>bold</b> and <i>italic</i>",
            "<a href=\"https://shop.example/a?b=c\">link</a>",
            "<img src=\"/media/a.png\" alt=\"one = two\">",
            "JavaScript: The Good Parts",
            "a <- b",
            "i <3 you",
            "JavaScript: The Definitive Guide (7th Edition)",
            "price<base price",
            "<p style=\"color:red\">x</p>",
            "sale on = today",
            "<jane@example.com>",
            "x<y and y>z",
            "<ul><li class=\"a\">one</li></ul>",
        ];
        for case in cases {
            assert_eq!(detect(case.as_bytes()), None, "{case}");
        }
    }
}
