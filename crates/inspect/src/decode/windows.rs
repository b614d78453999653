//! A body that is too long to be read at once, cut into windows of whole elements: pairs of a form, tokens of JSON, parts
//! of multipart. Each window is read as a body of its own, so an element is looked at however late it stands.
//!
//! An element that is longer than a window is read in windows that overlap. What a window holds is let go only when the
//! next one is asked for; the bytes of files beyond their head are let go as they come.

use super::json::Json;
use super::{form, parts::Parts, xml};
use crate::content_type::BodyKind;
use crate::values::{Collection, Fact, Values};

/// How much is read at once, and so about how much waits.
pub(crate) const WINDOW: usize = 64 * 1024;
/// So many separators at most: what is read at once stays below the limit on arguments.
const SEPARATORS: usize = 1_500;
/// So much of the window before is read once more where an element had to be cut.
pub(crate) const OVERLAP: usize = 16 * 1024;

pub(crate) struct Windows {
    shape: Shape,
    /// Text of no declared structure is also looked at as it is.
    as_it_is: bool,
    buffer: Vec<u8>,
    /// Bytes of the body before `buffer`: read, and not needed any more.
    passed: u64,
    /// How much of `buffer` was read before.
    again: usize,
}

enum Shape {
    /// With the name of a pair that was cut.
    Form(Vec<u8>),
    Json(Box<Json>, Lexer),
    Multipart(Parts),
    Xml {
        in_cdata: bool,
    },
    Text,
}

/// Where a window ends, and from where the next one begins.
struct Cut {
    end: usize,
    next: usize,
}

impl Windows {
    /// `None` for uploads of which only the head is looked at. `first` are the first bytes of the body.
    pub fn new(kind: BodyKind, first: &[u8]) -> Option<Windows> {
        let (shape, as_it_is) = match kind {
            BodyKind::Binary => return None,
            BodyKind::Form => (Shape::Form(Vec::new()), false),
            BodyKind::Json => (Shape::json(), false),
            BodyKind::Multipart(boundary) => (Shape::Multipart(Parts::new(&boundary)), false),
            BodyKind::Xml => (Shape::Xml { in_cdata: false }, false),
            BodyKind::Raw if super::looks_like_json(first) => (Shape::json(), true),
            BodyKind::Raw if super::looks_like_form(first) => (Shape::Form(Vec::new()), true),
            BodyKind::Raw => (Shape::Text, false),
        };
        Some(Windows { shape, as_it_is, buffer: Vec::new(), passed: 0, again: 0 })
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes of the body that were read and do not belong to an element that goes on.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// Reads the next window; false where more bytes are needed first, or nothing is left. `complete` says that the
    /// body ends with what was pushed.
    pub fn next(&mut self, values: &mut Values, complete: bool) -> bool {
        let last = complete && self.buffer.len() <= WINDOW;
        if let Shape::Multipart(parts) = &mut self.shape {
            let step = parts.next(&self.buffer, complete, values);
            self.pass(step.passed);
            return step.read;
        }
        if self.buffer.len() <= self.again || (self.buffer.len() < WINDOW && !complete) {
            return false;
        }
        let region = self.buffer.get(..WINDOW).unwrap_or(&self.buffer);
        let cut = self.shape.cut(region, self.again, last);
        let last = last && cut.next == region.len();
        let window = region.get(..cut.end).unwrap_or_default();
        if self.as_it_is {
            values.push(Collection::RequestBody, b"", window);
        }
        if cut.next < cut.end {
            values.fact(Fact::Truncated);
        }
        self.shape.read(window, &cut, last, values);
        self.again = cut.end.saturating_sub(cut.next);
        self.pass(cut.next);
        true
    }

    fn pass(&mut self, count: usize) {
        self.buffer.drain(..count.min(self.buffer.len()));
        self.passed += u64::try_from(count).unwrap_or(u64::MAX);
    }
}

impl Shape {
    fn json() -> Shape {
        Shape::Json(Box::default(), Lexer::default())
    }

    /// Behind the last whole element; where there is none, at the region's end, to be read on from a bit before. The
    /// last region of a body is read to its end, unless it holds too much.
    fn cut(&self, region: &[u8], again: usize, last: bool) -> Cut {
        let (count, whole) = match self {
            Shape::Form(_) => last_of(memchr::memchr_iter(b'&', region).map(|place| place + 1)),
            Shape::Xml { .. } => last_of_markup(region),
            Shape::Json(_, lexer) => last_of(lexer.clone().cuts(region)),
            Shape::Multipart(_) | Shape::Text => (0, None),
        };
        if last && count <= SEPARATORS {
            return Cut { end: region.len(), next: region.len() };
        }
        if let Some(whole) = whole.filter(|place| *place > again) {
            return Cut { end: whole, next: whole };
        }
        let mut end = region.len();
        if let (Shape::Form(_), Some(percent)) =
            (self, memchr::memrchr(b'%', region.get(end.saturating_sub(2)..).unwrap_or_default()))
        {
            // Half an escape is no fault of the sender.
            end = end.saturating_sub(2) + percent;
        }
        let mut next = end.saturating_sub(OVERLAP);
        if let Shape::Json(..) = self {
            let before = region.get(..next).unwrap_or_default();
            let slashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
            next -= slashes % 2;
        }
        Cut { end, next }
    }

    fn read(&mut self, window: &[u8], cut: &Cut, last: bool, values: &mut Values) {
        let cuts = cut.next < cut.end;
        match self {
            Shape::Form(name) => {
                let whole;
                let source = if name.is_empty() {
                    window
                } else {
                    whole = [name, window].concat();
                    &whole
                };
                form(source, Collection::ArgsPost, Collection::ArgsPostNames, values);
                let length = memchr::memchr(b'=', source).map_or(0, |place| place + 1);
                let cut_name = source.get(..length).filter(|name| cuts && name.len() <= 1_024);
                *name = cut_name.map(<[u8]>::to_vec).unwrap_or_default();
            }
            Shape::Json(json, lexer) => {
                json.read(window, lexer.in_string, cuts, values);
                if last {
                    json.finish(values);
                }
                lexer.pass(window.get(..cut.next).unwrap_or_default());
            }
            Shape::Xml { in_cdata } => {
                let whole;
                let source = match *in_cdata {
                    true => {
                        whole = [b"<![CDATA[".as_slice(), window].concat();
                        &whole
                    }
                    false => window,
                };
                xml(source, values);
                *in_cdata = ends_in_cdata(source);
            }
            Shape::Text => values.push(Collection::RequestBody, b"", window),
            Shape::Multipart(_) => {}
        }
    }
}

/// Follows JSON closely enough to know what stands inside of a string.
#[derive(Clone, Default)]
struct Lexer {
    in_string: bool,
    escaped: bool,
}

impl Lexer {
    fn step(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = self.in_string,
            b'"' => self.in_string = !self.in_string,
            _ => {}
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.step(*byte));
    }

    /// The places behind signs between two tokens.
    fn cuts(mut self, region: &[u8]) -> impl Iterator<Item = usize> {
        region.iter().enumerate().filter_map(move |(place, byte)| {
            let cut = !self.in_string && matches!(byte, b',' | b':' | b'{' | b'[' | b'}' | b']');
            self.step(*byte);
            cut.then_some(place + 1)
        })
    }
}

/// How many there are, counted a bit further than allowed, and the last of those that are.
fn last_of(places: impl Iterator<Item = usize>) -> (usize, Option<usize>) {
    let (mut count, mut last) = (0, None);
    for place in places.take(SEPARATORS + 1) {
        count += 1;
        if count <= SEPARATORS {
            last = Some(place);
        }
    }
    (count, last)
}

/// The last tag that begins here, where tags and their attributes are not too many.
fn last_of_markup(region: &[u8]) -> (usize, Option<usize>) {
    let (mut count, mut last) = (0, None);
    for place in memchr::memchr2_iter(b'<', b'=', region) {
        count += 1;
        if count > SEPARATORS {
            break;
        }
        if region.get(place) == Some(&b'<') {
            last = Some(place);
        }
    }
    (count, last)
}

fn ends_in_cdata(source: &[u8]) -> bool {
    let mut rest = source;
    while let Some(open) = memchr::memmem::find(rest, b"<![CDATA[") {
        let inside = rest.get(open + 9..).unwrap_or_default();
        match memchr::memmem::find(inside, b"]]>") {
            Some(close) => rest = inside.get(close + 3..).unwrap_or_default(),
            None => return true,
        }
    }
    false
}
