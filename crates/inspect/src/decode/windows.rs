//! A body that is too long to be read at once, cut into windows of whole elements: pairs of a form, tokens of JSON, parts
//! of multipart. Each window is read as a body of its own, so an element is looked at however late it stands.
//!
//! An element that is longer than a window is read in windows that overlap. What a window holds is let go only when the
//! next one is asked for; the bytes of files beyond their head are let go as they come.

use super::json::{Json, string_piece};
use super::stretch::Stretch;
use super::{form, parts::Parts, url_decode_into, xml};
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
    /// An element that goes on from window to window, as a whole.
    stretch: Option<Stretch>,
    /// Bytes of an escape that was cut, before what comes next.
    half: Vec<u8>,
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
        Some(Windows {
            shape,
            as_it_is,
            buffer: Vec::new(),
            passed: 0,
            again: 0,
            stretch: None,
            half: Vec::new(),
        })
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
        // The end may come when all was read, as what goes on: then it is read once more, as the end.
        let is_rest = self.buffer.len() <= self.again;
        let waits =
            if is_rest { self.again == 0 || !complete } else { self.buffer.len() < WINDOW && !complete };
        if waits {
            return false;
        }
        let region = self.buffer.get(..WINDOW).unwrap_or(&self.buffer);
        let cut = match is_rest {
            true => Cut { end: region.len(), next: region.len() },
            false => self.shape.cut(region, self.again, last),
        };
        let last = last && cut.next == region.len();
        let window = region.get(..cut.end).unwrap_or_default();
        let cuts = cut.next < cut.end;
        if self.as_it_is {
            values.push(Collection::RequestBody, b"", window);
            if !last {
                values.last_goes_on();
            }
        }
        if cuts {
            values.fact(Fact::Truncated);
        }
        let fresh = window.get(self.again..).unwrap_or_default();
        if cuts || self.stretch.is_some() {
            let before = window.get(..self.again).unwrap_or_default();
            let pieces = self.shape.pieces(before, fresh, self.stretch.is_some(), cuts);
            follow(&mut self.stretch, &mut self.half, &pieces, &self.shape, values);
        }
        let goes_on = cuts && self.shape.goes_on(window);
        self.shape.read(window, &cut, last, values);
        if goes_on {
            values.last_goes_on();
        }
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

    /// Whether the window, which is cut, ends within a value: what follows may also be white space behind one.
    fn goes_on(&self, window: &[u8]) -> bool {
        match self {
            Shape::Json(_, lexer) => {
                let mut lexer = lexer.clone();
                lexer.pass(window);
                lexer.in_string || !window.last().is_some_and(u8::is_ascii_whitespace)
            }
            Shape::Xml { .. } => !ends_between_attributes(window),
            Shape::Form(_) | Shape::Text | Shape::Multipart(_) => true,
        }
    }

    /// What of the fresh bytes of a window, behind those that were read `before`, belongs to a long element.
    fn pieces<'w>(&self, before: &[u8], fresh: &'w [u8], goes_on: bool, cuts: bool) -> Pieces<'w> {
        let (first, last) = match self {
            Shape::Form(_) => {
                (memchr::memchr(b'&', fresh), Some(memchr::memrchr(b'&', fresh).map_or(0, |at| at + 1)))
            }
            Shape::Json(_, lexer) => {
                let mut lexer = lexer.clone();
                lexer.pass(before);
                let (mut closed, mut opened) = (None, lexer.in_string.then_some(0));
                for (at, byte) in fresh.iter().enumerate() {
                    let inside = lexer.in_string;
                    lexer.step(*byte);
                    if inside && !lexer.in_string {
                        (closed, opened) = (closed.or(Some(at)), None);
                    } else if !inside && lexer.in_string {
                        opened = Some(at + 1);
                    }
                }
                (closed, opened)
            }
            Shape::Xml { .. } | Shape::Text | Shape::Multipart(_) => (None, Some(0)),
        };
        let continued = goes_on.then(|| fresh.get(..first.unwrap_or(fresh.len()))).flatten();
        let ends = goes_on && (first.is_some() || !cuts);
        let begins = last.filter(|_| cuts && (ends || !goes_on)).and_then(|at| fresh.get(at..));
        let begins = match (self, begins) {
            (Shape::Form(_), Some(pair)) => pair.get(memchr::memchr(b'=', pair).map_or(0, |at| at + 1)..),
            (_, begins) => begins,
        };
        Pieces { goes_on: continued, ends, begins }
    }

    /// What a piece says. Half of an escape at its end waits in `half` for the rest.
    fn decoded(&self, piece: &[u8], half: &mut Vec<u8>) -> Vec<u8> {
        let whole = [half.as_slice(), piece].concat();
        let length = match self {
            Shape::Form(_) => whole.len() - cut_escape(&whole, b'%', 3),
            Shape::Json(..) => whole.len() - cut_escape(&whole, b'\\', 6),
            _ => whole.len(),
        };
        let (whole, rest) = whole.split_at(length);
        *half = rest.to_vec();
        let mut out = Vec::with_capacity(whole.len());
        match self {
            Shape::Form(_) => url_decode_into(whole, &mut out),
            Shape::Json(..) => {
                string_piece(whole, &mut out);
            }
            _ => out.extend_from_slice(whole),
        }
        out
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

/// What of a window belongs to an element that is longer than one.
struct Pieces<'w> {
    /// The rest of the element that was cut before, or a part of it.
    goes_on: Option<&'w [u8]>,
    /// Whether it ends in it.
    ends: bool,
    /// The beginning of another that is cut at this window's end.
    begins: Option<&'w [u8]>,
}

/// Adds the pieces to the element, and hands on what it says as a whole by now.
fn follow(
    stretch: &mut Option<Stretch>,
    half: &mut Vec<u8>,
    pieces: &Pieces<'_>,
    shape: &Shape,
    values: &mut Values,
) {
    if let (Some(element), Some(piece)) = (stretch.as_mut(), pieces.goes_on) {
        element.push(&shape.decoded(piece, half));
        let name = match shape {
            Shape::Form(name) => name.strip_suffix(b"=").unwrap_or(name),
            Shape::Json(json, _) => json.held(),
            _ => b"",
        };
        let collection = match shape {
            Shape::Form(_) | Shape::Json(..) => Collection::ArgsPost,
            _ => Collection::RequestBody,
        };
        values.push(collection, name, &element.text());
        // What was taken out of its middle may have closed what it shows as open.
        values.last_goes_on();
        // Of XML a piece may end within an element that goes on.
        let is_whole = pieces.ends && !matches!(shape, Shape::Xml { .. });
        if let Some(open) = element.left_open().filter(|_| is_whole) {
            values.push(collection, name, &open);
        }
    }
    if pieces.ends {
        *stretch = None;
        half.clear();
    }
    if let Some(piece) = pieces.begins {
        half.clear();
        let mut element = Stretch::default();
        element.push(&shape.decoded(piece, half));
        *stretch = Some(element);
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

/// How many bytes at the end may be the beginning of an escape of at most `longest` bytes.
fn cut_escape(bytes: &[u8], sign: u8, longest: usize) -> usize {
    let tail = bytes.get(bytes.len().saturating_sub(longest - 1)..).unwrap_or_default();
    let Some(at) = memchr::memchr(sign, tail) else { return 0 };
    // Of `\\n` the first sign opens; `\n` alone is whole, `\u00` is not.
    let from = tail.get(at..).unwrap_or_default();
    match (sign, from) {
        (b'\\', [_, b'u', ..]) | (b'\\', [_]) | (b'%', _) => from.len(),
        _ => 0,
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

/// In a tag, outside of what is quoted.
fn ends_between_attributes(window: &[u8]) -> bool {
    let Some(tag) = memchr::memrchr(b'<', window).and_then(|at| window.get(at..)) else { return false };
    let mut quote = None;
    for byte in tag {
        match (quote, byte) {
            (None, b'>') => return false,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    quote.is_none()
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
