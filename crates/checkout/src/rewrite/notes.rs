//! What the reader of a page notes: where the guard goes, where scripts stand.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use encoding_rs::Encoding;
use lol_html::html_content::{Element, EndTag};
use storeward_seal::encoding::base64;
use storeward_seal::fingerprint::sha256;

/// Browsers look for an encoding in so many bytes (HTML, "determining the character encoding").
const META_BYTES: usize = 1024;

/// A place in the page. Positions count the page's bytes.
#[derive(Debug)]
pub(super) enum Mark {
    /// The guard stands here.
    First(usize),
    /// A script's file, by where the name ends in its tag.
    File { name_end: usize, source: String, is_elsewhere_asked: bool },
    /// Code in the page, with its end.
    Code { tag_end: usize, end: usize, way: Way },
    /// Code within code, which only a drawing can hold: what the outer one runs is not noted.
    Nested,
    /// Code in an attribute.
    Handler(String),
    /// Code in the address of a link or a form.
    Link(String),
    /// What the page's first `base` with an address names: addresses behind it are relative to that.
    Base(String),
    /// Code that a frame brings with it: `javascript:` or `srcdoc`.
    Frame(&'static str, String),
    /// What a `meta` says of the encoding, and whether it stands where every browser looks for it.
    Charset(&'static Encoding, bool),
    /// From here on browsers may read the page in two ways.
    Ambiguous,
}

/// How code stands in the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// It has one of the page's own.
    pub has_nonce: bool,
    /// Not plainly HTML's: within a drawing browsers read it in another way.
    pub is_foreign: bool,
    /// In a template, where it does not run, and a nonce could be read by every script: browsers hide it where code runs.
    pub is_kept: bool,
}

/// Where a tag that makes text of what follows may be left out by browsers: everything behind it is then read in another way (lol_html,
/// `ambiguity_guard`; its strict mode would end there, and what stands behind would be in no inventory).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Leaving {
    #[default]
    Nothing,
    InSelect {
        has_template: bool,
    },
    /// In a frameset and behind it, or where the end of a `select` cannot be told.
    ToTheEnd,
}

#[derive(Debug, Default)]
pub(super) struct Notes {
    pub marks: VecDeque<Mark>,
    leaving: Leaving,
    is_placed: bool,
    has_base: bool,
    /// How many are open.
    templates: usize,
    open: Option<usize>,
    foreign: Foreign,
    /// Where the reader's piece ends, if it is asked there whether a drawing closed itself.
    pub(super) piece_end: Option<usize>,
    /// The end of the one that did.
    pub(super) icon: Option<&'static str>,
    /// Bytes that the reader was given and the page does not have.
    pub(super) added: usize,
}

/// Drawings and formulas under way (HTML, "parsing foreign content"). `lol_html` follows them by the names of tags, browsers by what is
/// open: where the two could part, what stands behind is read in two ways.
#[derive(Clone, Copy, Debug, Default)]
struct Foreign {
    open: usize,
    /// Elements of theirs in which HTML stands again, such as a drawing's `title`.
    points: usize,
}

/// Which those are (HTML, "HTML integration point" and "MathML text integration point").
const POINTS: [&str; 8] = ["foreignobject", "desc", "title", "mi", "mo", "mn", "ms", "mtext"];

impl Notes {
    /// Where the tag ends whose code is still to come.
    pub(super) fn open_code(&self) -> Option<usize> {
        self.open
    }

    /// Where the page has what the reader found.
    fn in_page(&self, read: Range<usize>) -> Range<usize> {
        read.start.saturating_sub(self.added)..read.end.saturating_sub(self.added)
    }

    /// Nothing that was noted of scripts counts.
    pub(super) fn keep_first(&mut self) {
        self.marks.retain(|mark| matches!(mark, Mark::First(_)));
    }

    /// A `base` in a template counts nowhere, and whether it stands in one browsers may see in another way.
    fn base(&mut self, address: String) {
        if self.templates > 0 {
            self.marks.push_back(Mark::Ambiguous);
        } else if !std::mem::replace(&mut self.has_base, true) {
            self.marks.push_back(Mark::Base(address));
        }
    }

    /// Follows drawings and formulas; whether the element, whose tag ends at `tag_end`, is not plainly one of HTML's own.
    fn foreign(
        &mut self,
        notes: &Rc<RefCell<Notes>>,
        element: &mut Element<'_, '_>,
        (name, tag_end): (&str, usize),
    ) -> bool {
        let begins = matches!(name, "math" | "svg");
        let is_html = element.namespace_uri() == "http://www.w3.org/1999/xhtml";
        let Foreign { open, points } = self.foreign;
        if !begins && open == 0 {
            return !is_html;
        }
        // Whatever browsers make of the tag where it stands, nothing is open behind it that was not before, and so for the reader once it
        // has its end. Within another drawing that end would be taken for the other's.
        if begins && open == 0 && element.is_self_closing() && self.piece_end == Some(tag_end) {
            self.icon = Some(if name == "svg" { "</svg>" } else { "</math>" });
            return true;
        }
        let is_point = points == 0 && POINTS.contains(&name);
        // One in another: of what ends both, each ends another number. And elsewhere HTML stands within a drawing where it should, no more
        // and no less, else one of the two takes it for ended.
        let is_elsewhere = if begins { open > 0 } else { !is_point && is_html != (points > 0) };
        let mut is_unclear = name == "annotation-xml" || is_elsewhere;
        if begins || is_html || is_point {
            let later = Rc::clone(notes);
            let own_name = name.to_owned();
            let handler = move |end: &mut EndTag<'_>| {
                let mut notes = later.borrow_mut();
                notes.foreign.open = notes.foreign.open.saturating_sub(usize::from(begins));
                notes.foreign.points = notes.foreign.points.saturating_sub(usize::from(is_point));
                // Ended by another tag than its own, which browsers may not take for its end.
                if end.name() != own_name {
                    notes.marks.push_back(Mark::Ambiguous);
                }
                Ok(())
            };
            let is_open = element.on_end_tag(Box::new(handler)).is_ok();
            self.foreign.open += usize::from(begins && is_open);
            self.foreign.points += usize::from(is_point && is_open);
            // For `lol_html` a drawing that closes itself goes on where it is not given its end.
            is_unclear |= begins && !is_open;
        }
        if is_unclear {
            self.marks.push_back(Mark::Ambiguous);
        }
        true
    }

    /// Follows where tags may be left out, by their start.
    fn follow(&mut self, name: &str) {
        let is_text = matches!(
            name,
            "title"
                | "plaintext"
                | "style"
                | "iframe"
                | "xmp"
                | "noembed"
                | "noframes"
                | "noscript"
                | "textarea"
                // Text in it is read in another way, too.
                | "svg"
                | "math"
        );
        let (next, is_unclear) = match self.leaving {
            Leaving::Nothing if name == "select" => (Leaving::InSelect { has_template: false }, false),
            Leaving::Nothing if name == "frameset" => (Leaving::ToTheEnd, false),
            Leaving::Nothing => (Leaving::Nothing, false),
            Leaving::InSelect { .. } if name == "template" => {
                (Leaving::InSelect { has_template: true }, false)
            }
            Leaving::InSelect { has_template: false } => match name {
                // These end a `select`.
                "select" | "textarea" | "input" | "keygen" => (Leaving::Nothing, false),
                _ => (self.leaving, is_text),
            },
            Leaving::InSelect { has_template: true } => (self.leaving, is_text || name == "script"),
            Leaving::ToTheEnd => (self.leaving, (is_text || name == "script") && name != "noframes"),
        };
        self.leaving = next;
        if is_unclear {
            self.marks.push_back(Mark::Ambiguous);
        }
    }
}

/// Looks at an element as its tag passes.
pub(super) fn take(notes: &Rc<RefCell<Notes>>, element: &mut Element<'_, '_>) {
    let name = element.tag_name();
    let mut own = notes.borrow_mut();
    let at = own.in_page(element.source_location().bytes());
    if !own.is_placed && name != "html" {
        let place = if name == "head" { at.end } else { at.start };
        own.is_placed = true;
        own.marks.push_back(Mark::First(place));
    }
    own.follow(&name);
    let is_foreign = own.foreign(notes, element, (&name, at.end));
    for attribute in element.attributes() {
        // `on` and a letter: HTML names no other attribute so.
        let of = attribute.name();
        if of.starts_with("on") {
            own.marks.push_back(Mark::Handler(plain(&attribute.value())));
        } else if matches!(of.as_str(), "href" | "xlink:href" | "action" | "formaction") {
            let code = code_in_address(&plain(&attribute.value())).filter(|code| does_something(code));
            own.marks.extend(code.map(Mark::Link));
        } else if matches!(of.as_str(), "values" | "from" | "to" | "by") {
            // A drawing can set the address of a link to these, one after the other (SVG, "animate").
            let all = plain(&attribute.value());
            let each = all.split(';').filter_map(code_in_address).filter(|code| does_something(code));
            own.marks.extend(each.map(Mark::Link));
        }
    }
    match name.as_str() {
        "meta" => {
            let label = charset_of(element);
            if let Some(encoding) = label.and_then(|label| Encoding::for_label(label.as_bytes())) {
                own.marks.push_back(Mark::Charset(of_meta(encoding), at.end <= META_BYTES));
            }
        }
        "base" if element.namespace_uri() == "http://www.w3.org/1999/xhtml" => {
            if let Some(address) = element.get_attribute("href") {
                own.base(plain(&address));
            }
        }
        "template" => own.templates += usize::from(template(notes, element)),
        "iframe" | "frame" | "embed" | "object" => own.marks.extend(frames(element)),
        "select" => select(notes, element),
        "script" => {
            // Data runs nowhere.
            if element.get_attribute("type").is_some_and(|kind| !runs(&kind)) {
                return;
            }
            if let Some(source) = source_of(element) {
                own.marks.push_back(Mark::File {
                    name_end: at.start + "<script".len(),
                    source: plain(&source),
                    is_elsewhere_asked: element.has_attribute("crossorigin"),
                });
                return;
            }
            let way =
                Way { has_nonce: element.has_attribute("nonce"), is_foreign, is_kept: own.templates > 0 };
            let later = Rc::clone(notes);
            let handler = move |end: &mut EndTag<'_>| {
                let mut notes = later.borrow_mut();
                if notes.open == Some(at.end) {
                    notes.open = None;
                    let end = notes.in_page(end.source_location().bytes()).start;
                    notes.marks.push_back(Mark::Code { tag_end: at.end, end, way });
                }
                Ok(())
            };
            // A tag that closes itself, in a drawing, holds no code.
            if element.on_end_tag(Box::new(handler)).is_ok() && own.open.replace(at.end).is_some() {
                own.marks.push_back(Mark::Nested);
            }
        }
        _ => {}
    }
}

/// Whether it stays open until its end is told of.
fn template(notes: &Rc<RefCell<Notes>>, element: &mut Element<'_, '_>) -> bool {
    let later = Rc::clone(notes);
    let handler = move |end: &mut EndTag<'_>| {
        let mut notes = later.borrow_mut();
        // Browsers end it by its own tag alone, and the reader by that of what it stands in, too.
        notes.templates = notes.templates.saturating_sub(usize::from(end.name() == "template"));
        Ok(())
    };
    element.on_end_tag(Box::new(handler)).is_ok()
}

fn select(notes: &Rc<RefCell<Notes>>, element: &mut Element<'_, '_>) {
    let later = Rc::clone(notes);
    let handler = move |end: &mut EndTag<'_>| {
        let mut notes = later.borrow_mut();
        match notes.leaving {
            // A `</select>` in a template closes nothing outside of it.
            Leaving::InSelect { has_template: true } => notes.leaving = Leaving::ToTheEnd,
            Leaving::InSelect { .. } if end.name() == "select" => notes.leaving = Leaving::Nothing,
            _ => {}
        }
        Ok(())
    };
    // One that closes itself has no end to be told of.
    let _ = element.on_end_tag(Box::new(handler));
}

/// What frames bring with them and run as the page's own (HTML, "navigate to a javascript: URL", "srcdoc").
fn frames(element: &Element<'_, '_>) -> Vec<Mark> {
    let source = element.get_attribute("src").or_else(|| element.get_attribute("data"));
    let code = source.and_then(|source| code_in_address(&plain(&source)));
    let document = element.get_attribute("srcdoc").map(|document| plain(&document));
    let marks =
        [code.map(|code| Mark::Frame("javascript:", code)), document.map(|page| Mark::Frame("srcdoc", page))];
    marks.into_iter().flatten().collect()
}

/// The code of a `javascript:` address, spelt as browsers take it (URL Standard, "basic URL parser": blanks before it, tabs and line ends
/// anywhere).
fn code_in_address(source: &str) -> Option<String> {
    let is_blank = |sign: char| sign <= ' ';
    let plain: String = source.trim_start_matches(is_blank).replace(['\t', '\n', '\r'], "");
    let scheme = plain.get(.."javascript:".len())?;
    scheme.eq_ignore_ascii_case("javascript:").then(|| plain["javascript:".len()..].to_owned())
}

/// What shops write into links that scripts listen to (`javascript:void(0)`) does nothing.
pub(crate) fn does_something(code: &str) -> bool {
    let code: String = code.chars().filter(|sign| !sign.is_whitespace() && *sign != ';').collect();
    !matches!(code.as_str(), "" | "//" | "void(0)" | "void0" | "void%200" | "returnfalse")
}

/// A page in UTF-16 could not have said so in bytes that are read here (HTML, "prescan a byte stream to determine its encoding").
fn of_meta(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == encoding_rs::UTF_16BE || encoding == encoding_rs::UTF_16LE {
        encoding_rs::UTF_8
    } else if encoding == encoding_rs::X_USER_DEFINED {
        encoding_rs::WINDOWS_1252
    } else {
        encoding
    }
}

/// Where a script's file is. In drawings it stands in `href`.
fn source_of(element: &Element<'_, '_>) -> Option<String> {
    if element.namespace_uri() == "http://www.w3.org/2000/svg" {
        return element.get_attribute("href").or_else(|| element.get_attribute("xlink:href"));
    }
    element.get_attribute("src")
}

/// Whether a browser runs a script of this type (HTML, "prepare the script element").
pub(crate) fn runs(kind: &str) -> bool {
    const TYPES: [&str; 19] = [
        "",
        "module",
        "importmap",
        "speculationrules",
        "application/ecmascript",
        "application/javascript",
        "application/x-ecmascript",
        "application/x-javascript",
        "text/ecmascript",
        "text/javascript",
        "text/javascript1.0",
        "text/javascript1.1",
        "text/javascript1.2",
        "text/javascript1.3",
        "text/javascript1.4",
        "text/javascript1.5",
        "text/jscript",
        "text/livescript",
        "text/x-javascript",
    ];
    let kind = plain(kind);
    let kind = kind.split(';').next().unwrap_or_default().trim();
    TYPES.iter().any(|known| kind.eq_ignore_ascii_case(known))
        || kind.eq_ignore_ascii_case("text/x-ecmascript")
}

fn charset_of(element: &Element<'_, '_>) -> Option<String> {
    if let Some(label) = element.get_attribute("charset") {
        return Some(plain(&label));
    }
    let says = element.get_attribute("http-equiv")?;
    if !says.eq_ignore_ascii_case("content-type") {
        return None;
    }
    charset_in(&plain(&element.get_attribute("content")?))
}

/// The charset of a content type.
pub(crate) fn charset_in(kind: &str) -> Option<String> {
    let at = kind.to_ascii_lowercase().find("charset=")?;
    let label = kind.get(at + "charset=".len()..)?.trim_start();
    let end = |sign: char| matches!(sign, ';' | '"' | '\'') || sign.is_whitespace();
    let label = label.trim_start_matches(['"', '\'']).split(end).next()?;
    (!label.is_empty()).then(|| label.to_owned())
}

/// An attribute's value, its references replaced: those that stand in addresses.
pub(super) fn plain(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference(rest) {
            Some((sign, length)) => {
                out.push(sign);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn reference(text: &str) -> Option<(char, usize)> {
    const NAMED: [(&str, char); 14] = [
        ("&amp;", '&'),
        ("&quot;", '"'),
        ("&apos;", '\''),
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&colon;", ':'),
        ("&sol;", '/'),
        ("&period;", '.'),
        ("&bsol;", '\\'),
        ("&Tab;", '\t'),
        ("&NewLine;", '\n'),
        ("&quest;", '?'),
        ("&num;", '#'),
        ("&amp", '&'),
    ];
    if let Some((name, sign)) = NAMED.iter().find(|(name, _)| text.starts_with(name)) {
        return Some((*sign, name.len()));
    }
    let digits = text.strip_prefix("&#")?;
    let (digits, radix, skipped) = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16, 3),
        None => (digits, 10, 2),
    };
    let count = digits.bytes().take_while(|b| char::from(*b).is_digit(radix)).count();
    let number = u32::from_str_radix(digits.get(..count)?, radix).ok()?;
    let ends = usize::from(digits.as_bytes().get(count) == Some(&b';'));
    Some((char::from_u32(number)?, skipped + count + ends))
}

/// Code as a browser reads it: decoded, with its line ends made one (HTML, "preprocessing the input stream").
pub(super) fn decoded(bytes: &[u8], encoding: Option<&'static Encoding>) -> String {
    let text: Cow<'_, str> = match (encoding, std::str::from_utf8(bytes)) {
        (Some(encoding), _) => encoding.decode_without_bom_handling(bytes).0,
        (None, Ok(text)) => Cow::Borrowed(text),
        (None, Err(_)) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
    };
    match text.contains(['\r', '\0']) {
        true => text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}"),
        false => text.into_owned(),
    }
}

/// As it stands in a policy behind `sha256-`.
pub(super) fn hash_of(code: &str) -> String {
    base64(&sha256(code.as_bytes()))
}
