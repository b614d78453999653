//! Compression on the way to the client: which answers, for whom, and what it does to their heads.
//!
//! With card masking on, the shop is asked for plain text, so that it can be read; what the shop would have done for its
//! pages is done here instead. Only gzip (RFC 1952): at the levels that a page can be compressed with while somebody
//! waits for it, brotli in pure Rust was slower and no smaller, and zstd needs C and is not spoken by Safari
//! (docs/benchmarks.md).

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version, request};

/// Smaller bodies fit into one packet anyhow.
const LEAST_BYTES: usize = 1_000;
/// Where more work stops paying: from 4 to 6, HTML of 64 KiB shrinks by 5 % more for 35 % more time.
const LEVEL: u32 = 4;
/// 32 KiB, the most that gzip knows.
const WINDOW_BITS: u8 = 15;
/// Compressors under way on one core. One holds about 300 KiB for as long as its reader takes, so that slow readers could
/// fill the memory; where all are taken, answers go out uncompressed.
const AT_ONCE: usize = 128;
/// Compressors kept ready on one core.
const KEPT: usize = 8;

/// The compressors of one core.
#[derive(Debug, Default)]
pub struct Compressors {
    ready: RefCell<Vec<Compress>>,
    under_way: Cell<usize>,
}

impl Compressors {
    fn take(self: &Rc<Self>) -> Option<Gzip> {
        if self.under_way.get() >= AT_ONCE {
            return None;
        }
        self.under_way.set(self.under_way.get() + 1);
        let kept = self.ready.borrow_mut().pop();
        let engine = kept.unwrap_or_else(|| Compress::new_gzip(Compression::new(LEVEL), WINDOW_BITS));
        Some(Gzip { engine: Some(engine), home: self.clone(), unflushed: false, finished: false })
    }
}

/// One answer being compressed.
#[derive(Debug)]
pub struct Gzip {
    /// Always there until the drop takes it home.
    engine: Option<Compress>,
    home: Rc<Compressors>,
    unflushed: bool,
    finished: bool,
}

impl Gzip {
    /// Takes more of the answer; appends what has become certain.
    pub fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.unflushed |= !data.is_empty();
        self.run(data, out, FlushCompress::None)
    }

    /// Appends everything taken so far in a form that the client can read at once.
    pub fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.unflushed = false;
        self.run(&[], out, FlushCompress::Sync)
    }

    /// Whether the client lacks something that was taken.
    pub fn is_unflushed(&self) -> bool {
        self.unflushed
    }

    /// Ends the answer.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.finished = true;
        self.unflushed = false;
        self.run(&[], out, FlushCompress::Finish)
    }

    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// A body that is at hand as a whole.
    pub fn whole(mut self, data: &[u8]) -> io::Result<Bytes> {
        let mut out = Vec::with_capacity(data.len() / 3 + 128);
        self.push(data, &mut out)?;
        self.finish(&mut out)?;
        Ok(Bytes::from(out))
    }

    fn run(&mut self, mut data: &[u8], out: &mut Vec<u8>, flush: FlushCompress) -> io::Result<()> {
        let Some(engine) = self.engine.as_mut() else { return Err(io::ErrorKind::Other.into()) };
        loop {
            if out.capacity() - out.len() < 64 {
                out.reserve(4 * 1024);
            }
            let before = engine.total_in();
            let status = engine.compress_vec(data, out, flush).map_err(io::Error::other)?;
            let taken = usize::try_from(engine.total_in() - before).unwrap_or(data.len());
            data = data.get(taken..).unwrap_or_default();
            let has_room = out.len() < out.capacity();
            let done = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                // Room that was left over means that nothing waits inside (zlib's manual, deflate()).
                _ => data.is_empty() && has_room,
            };
            if done {
                return Ok(());
            }
        }
    }
}

impl Drop for Gzip {
    fn drop(&mut self) {
        self.home.under_way.set(self.home.under_way.get().saturating_sub(1));
        let mut ready = self.home.ready.borrow_mut();
        if let Some(mut engine) = self.engine.take()
            && ready.len() < KEPT
        {
            engine.reset();
            ready.push(engine);
        }
    }
}

/// What a request says about compressing its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    form: Form,
    /// HEAD: the head that GET would get, and no bytes.
    head_only: bool,
    /// The request names what it has by strong tags only. We give none to what we compressed: it holds the plain form.
    holds_plain: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The answer is not touched.
    Untouched,
    /// It could be compressed, but goes out plain this time.
    Plain,
    Gzip,
}

impl Wish {
    /// Reads a request as the client sent it. `names` are the shop's own.
    pub fn of(asked: &request::Parts, route_compresses: bool, names: &[String]) -> Self {
        let untouched = !route_compresses || asked.version == Version::HTTP_10;
        let form = if untouched {
            Form::Untouched
        // Ranges count the bytes of the plain form.
        } else if !asked.headers.contains_key(header::RANGE)
            && accepts_gzip(&asked.headers)
            && is_own_doing(&asked.headers, names)
        {
            Form::Gzip
        } else {
            Form::Plain
        };
        let head_only = asked.method == Method::HEAD;
        Wish { form, head_only, holds_plain: holds_plain(&asked.headers) }
    }

    /// Decides whether an answer is compressed, and puts its head right: Content-Encoding, Vary, ETag. `length` is the
    /// body's, where it is known. The answers without a body, or with a piece of it, get what the whole answer's head
    /// would say (RFC 9110 9.3.2, 15.3.7, 15.4.5): caches freshen by it what they keep.
    pub fn choose(
        self,
        compressors: &Rc<Compressors>,
        status: StatusCode,
        headers: &mut HeaderMap,
        length: Option<usize>,
    ) -> Option<Gzip> {
        if self.form == Form::Untouched || !may_be_coded(status, headers) {
            return None;
        }
        match status {
            StatusCode::NOT_MODIFIED => {
                self.tell_unchanged(headers);
                return None;
            }
            StatusCode::PARTIAL_CONTENT => {
                vary(headers);
                return None;
            }
            _ => {}
        }
        let length = if self.head_only { stated_length(headers) } else { length };
        if length.is_some_and(|l| l < LEAST_BYTES) {
            return None;
        }
        // From here on it depends on the client, and caches must know.
        vary(headers);
        if self.form != Form::Gzip {
            return None;
        }
        let gzip = if self.head_only { None } else { Some(compressors.take()?) };
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        become_other_form(headers);
        gzip
    }

    /// The head of a 304. Most shops leave out there what kind of text it is about; what the client holds tells then.
    fn tell_unchanged(self, headers: &mut HeaderMap) {
        let as_it_is = self.form == Form::Gzip && self.holds_plain;
        if as_it_is && !headers.contains_key(header::CONTENT_TYPE) {
            return;
        }
        vary(headers);
        if self.form == Form::Gzip && !as_it_is {
            become_other_form(headers);
        }
    }
}

/// Takes from a head what is true of the plain form only.
fn become_other_form(headers: &mut HeaderMap) {
    headers.remove(header::CONTENT_LENGTH);
    // Ranges would count the bytes of the other form.
    headers.remove(header::ACCEPT_RANGES);
    weaken(headers);
}

fn stated_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn holds_plain(asked: &HeaderMap) -> bool {
    let mut lines = asked.get_all(header::IF_NONE_MATCH).iter().peekable();
    let is_weak = |line: &HeaderValue| line.as_bytes().windows(3).any(|w| w == b"W/\"") || line == "*";
    lines.peek().is_some() && !lines.any(is_weak)
}

/// Whether the answer is one whose bytes may be another form of the same text, or tells of one.
fn may_be_coded(status: StatusCode, headers: &HeaderMap) -> bool {
    let no_transform = |value: &HeaderValue| {
        value.to_str().is_ok_and(|value| value.to_ascii_lowercase().contains("no-transform"))
    };
    // One pass over the few fields there are costs less than asking for each of these.
    let mut ranged = false;
    for (name, value) in headers {
        let is_fixed = match *name {
            header::CONTENT_ENCODING => true,
            header::CACHE_CONTROL => no_transform(value),
            header::CONTENT_RANGE => {
                ranged = true;
                false
            }
            ref other => {
                matches!(other.as_str(), "content-digest" | "repr-digest" | "digest" | "content-md5")
            }
        };
        if is_fixed {
            return false;
        }
    }
    match status {
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => false,
        StatusCode::NOT_MODIFIED => !headers.contains_key(header::CONTENT_TYPE) || is_worth_it(headers),
        StatusCode::PARTIAL_CONTENT => is_worth_it(headers) || is_several_pieces(headers),
        _ => !ranged && is_worth_it(headers),
    }
}

/// Several ranges in one answer, whose own type hides that of the text.
fn is_several_pieces(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    kind.get(..20).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/byteranges"))
}

/// Text in the widest sense. Pictures, films, archives and new fonts are compressed already; an event stream must never
/// wait for a compressor.
fn is_worth_it(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return false };
    if kind == "text/html" {
        return true;
    }
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.split_once('/') {
        Some(("text", "event-stream")) => false,
        Some(("text", _)) => true,
        Some(("application", kind)) => {
            kind.ends_with("+json")
                || kind.ends_with("+xml")
                || matches!(
                    kind,
                    "json" | "xml" | "javascript" | "x-javascript" | "wasm" | "vnd.ms-fontobject" | "csv"
                )
        }
        Some(("image", kind)) => matches!(kind, "svg+xml" | "bmp" | "x-icon" | "vnd.microsoft.icon"),
        Some(("font", kind)) => matches!(kind, "ttf" | "otf"),
        _ => false,
    }
}

/// Reads Accept-Encoding (RFC 9110 12.5.3): gzip by name or by `*`, not with q=0, not less liked than the plain form.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for line in headers.get_all(header::ACCEPT_ENCODING) {
        for choice in line.to_str().unwrap_or_default().split(',') {
            let (name, rest) = choice.split_once(';').unwrap_or((choice, ""));
            let weight = match rest.trim().strip_prefix("q=").or(rest.trim().strip_prefix("Q=")) {
                Some(q) => q.trim().parse::<f32>().unwrap_or(0.0),
                None => 1.0,
            };
            let name = name.trim();
            if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
                gzip = Some(weight);
            } else if name.eq_ignore_ascii_case("identity") {
                identity = Some(weight);
            } else if name == "*" {
                any = Some(weight);
            }
        }
    }
    let liked = gzip.or(any).unwrap_or(0.0);
    liked > 0.0 && identity.is_none_or(|plain| liked >= plain)
}

/// Against BREACH: the length of a compressed page tells whether a guess in the request's address stands in the page as
/// well. It takes hundreds of guesses, which another site makes the victim's browser send with the victim's cookies. So an
/// answer to a request that carries credentials is compressed only if the shop itself or a person caused it.
fn is_own_doing(headers: &HeaderMap, names: &[String]) -> bool {
    if !headers.contains_key(header::COOKIE) && !headers.contains_key(header::AUTHORIZATION) {
        return true;
    }
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let from = text("origin").filter(|o| *o != "null").or_else(|| text("referer"));
    let ours = from.map(|from| {
        let host = from.split("//").nth(1).and_then(|rest| rest.split(['/', '?', '#', ':']).next());
        host.is_some_and(|host| names.iter().any(|name| crate::canonical::name_matches(name, host)))
    });
    match (text("sec-fetch-site"), ours) {
        (Some("same-origin" | "none"), _) | (Some(_), Some(true)) => true,
        // A click, which no script can make hundreds of times.
        (Some(_), _) => text("sec-fetch-user") == Some("?1"),
        // Programs, and browsers from before 2023.
        (None, ours) => ours != Some(false),
    }
}

fn vary(headers: &mut HeaderMap) {
    const NAME: HeaderName = header::ACCEPT_ENCODING;
    let told = headers.get_all(header::VARY).iter().any(|line| {
        let mut names = line.to_str().unwrap_or_default().split(',').map(str::trim);
        names.any(|name| name == "*" || name.eq_ignore_ascii_case(NAME.as_str()))
    });
    if !told {
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// The compressed form is not the same bytes (RFC 9110 8.8.1).
fn weaken(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(header::ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/")) else {
        return;
    };
    match HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()) {
        Ok(weak) => headers.insert(header::ETAG, weak),
        Err(_) => headers.remove(header::ETAG),
    };
}

#[cfg(test)]
mod tests;
