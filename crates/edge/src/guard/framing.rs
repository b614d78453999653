//! A strict second reading of the HTTP/1.1 bytes before hyper's lenient one (RFC 9112).
//!
//! hyper repairs what smuggling lives on: it drops Content-Length beside Transfer-Encoding, takes bare LF as a line end
//! and accepts doubled codings. This state machine follows heads, bodies and chunks on its own and refuses every shape on
//! which two readers could differ, so that a byte hyper sees has exactly one meaning.

use memchr::memchr;

/// Why the bytes are refused; [`Refusal::code`] is stable and stands in events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    BareLineFeed,
    BareCarriageReturn,
    ControlCharacter,
    RequestLine,
    Version,
    HeaderName,
    FoldedHeader,
    HeadTooLarge,
    TooManyHeaders,
    ContentLengthInvalid,
    ContentLengthRepeated,
    LengthAndEncoding,
    EncodingUnknown,
    EncodingRepeated,
    EncodingInHttp10,
    HostMissing,
    HostRepeated,
    ChunkSize,
    ChunkExtension,
    ChunkEnd,
    Trailer,
}

impl Refusal {
    pub const fn code(self) -> &'static str {
        match self {
            Refusal::BareLineFeed => "head.bare_line_feed",
            Refusal::BareCarriageReturn => "head.bare_carriage_return",
            Refusal::ControlCharacter => "head.control_character",
            Refusal::RequestLine => "head.request_line",
            Refusal::Version => "head.version",
            Refusal::HeaderName => "head.header_name",
            Refusal::FoldedHeader => "head.folded_header",
            Refusal::HeadTooLarge => "head.too_large",
            Refusal::TooManyHeaders => "head.too_many_headers",
            Refusal::ContentLengthInvalid => "length.invalid",
            Refusal::ContentLengthRepeated => "length.repeated",
            Refusal::LengthAndEncoding => "length.with_transfer_encoding",
            Refusal::EncodingUnknown => "encoding.unknown",
            Refusal::EncodingRepeated => "encoding.repeated",
            Refusal::EncodingInHttp10 => "encoding.in_http_1_0",
            Refusal::HostMissing => "host.missing",
            Refusal::HostRepeated => "host.repeated",
            Refusal::ChunkSize => "chunk.size",
            Refusal::ChunkExtension => "chunk.extension",
            Refusal::ChunkEnd => "chunk.end",
            Refusal::Trailer => "chunk.trailer",
        }
    }

    /// The status the client is told before the connection closes.
    pub const fn status(self) -> u16 {
        match self {
            Refusal::HeadTooLarge | Refusal::TooManyHeaders => 431,
            Refusal::EncodingUnknown | Refusal::EncodingRepeated => 501,
            Refusal::Version => 505,
            _ => 400,
        }
    }
}

/// Bounds on a head (request line and headers together) and on trailers.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    pub size_bytes: usize,
    pub headers: usize,
}

/// A chunk-size line longer than this (digits and extension) is refused; RFC 9112 7.1.1 asks for a bound.
const CHUNK_LINE_BYTES: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between messages; RFC 9112 2.2 lets a server skip an empty line here, we skip none.
    Idle,
    RequestLine,
    Header,
    Body {
        left: u64,
    },
    ChunkSize,
    ChunkData {
        left: u64,
    },
    /// The CR and LF behind a chunk's data.
    ChunkEnd {
        seen_cr: bool,
    },
    Trailer,
}

/// What the head said so far.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    bytes: usize,
    headers: usize,
    http_10: bool,
    content_length: Option<u64>,
    chunked: bool,
    hosts: u8,
}

/// Follows one connection's inbound bytes.
#[derive(Debug)]
pub struct Framing {
    limits: HeadLimits,
    state: State,
    head: Head,
    /// Method and target of the request under way, as much as staff need to recognise it.
    begun: Begun,
    /// The beginning of a line that the last read cut.
    line: Vec<u8>,
    /// Heads that were read to their end and found sound.
    heads: u64,
}

/// The start of a request line, kept without an allocation.
#[derive(Clone, Copy, Debug)]
struct Begun {
    bytes: [u8; 128],
    length: usize,
}

impl Begun {
    const NONE: Begun = Begun { bytes: [0; 128], length: 0 };

    fn note(&mut self, line: &[u8]) {
        self.length = line.len().min(self.bytes.len());
        self.bytes.iter_mut().zip(line).for_each(|(to, from)| *to = *from);
    }
}

/// What the bytes led to, for the clock that watches slow clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Idle,
    Head,
    Body,
}

impl Framing {
    pub const fn new(limits: HeadLimits) -> Self {
        Framing {
            limits,
            state: State::Idle,
            head: Head {
                bytes: 0,
                headers: 0,
                http_10: false,
                content_length: None,
                chunked: false,
                hosts: 0,
            },
            begun: Begun::NONE,
            line: Vec::new(),
            heads: 0,
        }
    }

    /// The request under way: its method and target, cut after 128 bytes. `None` before its first line is whole.
    pub fn begun(&self) -> Option<(&str, &str)> {
        let line = self.begun.bytes.get(..self.begun.length)?;
        let mut parts = std::str::from_utf8(line).ok()?.split(' ');
        Some((parts.next()?, parts.next()?))
    }

    /// How many sound heads were read: as many requests are served, in time.
    pub const fn heads(&self) -> u64 {
        self.heads
    }

    pub const fn phase(&self) -> Phase {
        match self.state {
            State::Idle => Phase::Idle,
            State::RequestLine | State::Header => Phase::Head,
            _ => Phase::Body,
        }
    }

    /// Reads on. On a refusal the first element tells how many bytes before it were sound (whole lines and body bytes
    /// only), so that they alone are passed on.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), (usize, Refusal)> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|r| !r.is_empty()) {
            let step = match self.state {
                State::Idle => {
                    self.head = Head::default();
                    self.begun.length = 0;
                    self.state = State::RequestLine;
                    Ok(0)
                }
                State::Body { left } => {
                    let (taken, left) = take(rest, left);
                    self.state = if left == 0 { State::Idle } else { State::Body { left } };
                    Ok(taken)
                }
                State::ChunkData { left } => {
                    let (taken, left) = take(rest, left);
                    self.state = if left == 0 {
                        State::ChunkEnd { seen_cr: false }
                    } else {
                        State::ChunkData { left }
                    };
                    Ok(taken)
                }
                State::ChunkEnd { seen_cr } => self.chunk_end(rest, seen_cr),
                State::RequestLine | State::Header | State::ChunkSize | State::Trailer => self.line(rest),
            };
            at += step.map_err(|refusal| (at, refusal))?;
        }
        Ok(())
    }

    fn chunk_end(&mut self, rest: &[u8], seen_cr: bool) -> Result<usize, Refusal> {
        match (rest.first(), seen_cr) {
            (Some(b'\r'), false) => self.state = State::ChunkEnd { seen_cr: true },
            (Some(b'\n'), true) => self.state = State::ChunkSize,
            _ => return Err(Refusal::ChunkEnd),
        }
        Ok(1)
    }

    /// Takes one line, or what there is of it.
    fn line(&mut self, rest: &[u8]) -> Result<usize, Refusal> {
        let end = memchr(b'\n', rest);
        let taken = end.map_or(rest.len(), |at| at + 1);
        self.head.bytes += taken;
        let bound = if self.state == State::ChunkSize { CHUNK_LINE_BYTES } else { self.limits.size_bytes };
        if self.head.bytes > bound {
            return Err(if self.state == State::ChunkSize {
                Refusal::ChunkExtension
            } else {
                Refusal::HeadTooLarge
            });
        }
        let part = rest.get(..taken).unwrap_or_default();
        if end.is_none() {
            self.line.extend_from_slice(part);
            return Ok(taken);
        }
        if self.line.is_empty() {
            self.whole_line(part)?;
        } else {
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(part);
            self.whole_line(&line)?;
        }
        Ok(taken)
    }

    fn whole_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let line = line.strip_suffix(b"\r\n").ok_or(Refusal::BareLineFeed)?;
        match self.state {
            State::RequestLine => self.request_line(line),
            State::Header => self.header_line(line),
            State::ChunkSize => self.chunk_size(line),
            State::Trailer => self.trailer(line),
            _ => Ok(()),
        }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let mut parts = line.split(|b| *b == b' ');
        let (method, target, version, more) = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(method), Some(target), Some(version), None) = (method, target, version, more) else {
            return Err(Refusal::RequestLine);
        };
        let sound = !method.is_empty()
            && method.iter().all(is_token)
            && !target.is_empty()
            // A fragment never leaves a client (RFC 9110 4.2.4): hyper would cut it off unseen.
            && target.iter().all(|b| (0x21..0x7F).contains(b) && *b != b'#');
        if !sound {
            return Err(Refusal::RequestLine);
        }
        self.begun.note(line);
        self.head.http_10 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err(Refusal::Version),
        };
        self.state = State::Header;
        Ok(())
    }

    fn header_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        if line.is_empty() {
            return self.head_complete();
        }
        self.head.headers += 1;
        if self.head.headers > self.limits.headers {
            return Err(Refusal::TooManyHeaders);
        }
        let (name, value) = field(line)?;
        // The first byte rules out nearly every header before the comparison that folds case.
        match name.first() {
            Some(b'c' | b'C') if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value),
            Some(b't' | b'T') if name.eq_ignore_ascii_case(b"transfer-encoding") => self.encoding(value),
            Some(b'h' | b'H') if name.eq_ignore_ascii_case(b"host") => {
                self.head.hosts += 1;
                if self.head.hosts > 1 { Err(Refusal::HostRepeated) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.head.content_length.is_some() {
            return Err(Refusal::ContentLengthRepeated);
        }
        // Nineteen digits always fit a u64; more, a sign, a list or an empty value have two readings.
        let digits = (1..=19).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        let length = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|v| v.parse().ok());
        self.head.content_length = Some(length.ok_or(Refusal::ContentLengthInvalid)?);
        Ok(())
    }

    fn encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.head.chunked {
            return Err(Refusal::EncodingRepeated);
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::EncodingUnknown);
        }
        self.head.chunked = true;
        Ok(())
    }

    fn head_complete(&mut self) -> Result<(), Refusal> {
        let head = self.head;
        if head.chunked && head.http_10 {
            return Err(Refusal::EncodingInHttp10);
        }
        if head.chunked && head.content_length.is_some() {
            return Err(Refusal::LengthAndEncoding);
        }
        // RFC 9112 3.2 asks HTTP/1.1 for Host; a shop has no use for HTTP/1.0 without one either.
        if head.hosts == 0 {
            return Err(Refusal::HostMissing);
        }
        self.head.bytes = 0;
        self.heads += 1;
        self.state = match (head.chunked, head.content_length) {
            (true, _) => State::ChunkSize,
            (false, None | Some(0)) => State::Idle,
            (false, Some(left)) => State::Body { left },
        };
        Ok(())
    }

    fn chunk_size(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.head.bytes = 0;
        let digits = line.split(|b| *b == b';').next().unwrap_or_default();
        if !(1..=15).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(Refusal::ChunkSize);
        }
        if line.iter().any(|b| *b == b'\r' || (*b < 0x20 && *b != b'\t') || *b == 0x7F) {
            return Err(Refusal::ChunkExtension);
        }
        let size = std::str::from_utf8(digits).ok().and_then(|d| u64::from_str_radix(d, 16).ok());
        self.state = match size.ok_or(Refusal::ChunkSize)? {
            0 => {
                self.head.headers = 0;
                State::Trailer
            }
            left => State::ChunkData { left },
        };
        Ok(())
    }

    /// Trailers may carry no framing, routing or credentials (RFC 9110 6.5.1).
    fn trailer(&mut self, line: &[u8]) -> Result<(), Refusal> {
        if line.is_empty() {
            self.state = State::Idle;
            return Ok(());
        }
        self.head.headers += 1;
        if self.head.headers > self.limits.headers {
            return Err(Refusal::TooManyHeaders);
        }
        let (name, _) = field(line)?;
        const FORBIDDEN: [&[u8]; 8] = [
            b"content-length",
            b"transfer-encoding",
            b"host",
            b"authorization",
            b"cookie",
            b"connection",
            b"content-encoding",
            b"te",
        ];
        if FORBIDDEN.iter().any(|f| name.eq_ignore_ascii_case(f)) {
            return Err(Refusal::Trailer);
        }
        Ok(())
    }
}

/// Splits a header line; refuses folding, blanks around the name and control characters in the value.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Refusal::FoldedHeader);
    }
    let colon = memchr(b':', line).ok_or(Refusal::HeaderName)?;
    let (name, value) = line.split_at(colon);
    if name.is_empty() || !name.iter().all(is_token) {
        return Err(Refusal::HeaderName);
    }
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    let is_control = |b: &u8| (*b < 0x20 && *b != b'\t') || *b == 0x7F;
    // Without a way out in the middle, many bytes are looked at in one step.
    if value.iter().fold(false, |bad, b| bad | is_control(b)) {
        let is_return = value.iter().find(|b| is_control(b)) == Some(&b'\r');
        return Err(if is_return { Refusal::BareCarriageReturn } else { Refusal::ControlCharacter });
    }
    Ok((name, value))
}

/// A `tchar` of RFC 9110 5.6.2.
const fn is_tchar(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// [`is_tchar`] of each byte: every name of every head is looked at.
static TOKENS: [bool; 256] = {
    let mut tokens = [false; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        tokens[byte] = is_tchar(byte.to_le_bytes()[0]);
        byte += 1;
    }
    tokens
};

fn is_token(b: &u8) -> bool {
    TOKENS.get(usize::from(*b)) == Some(&true)
}

/// How many bytes of `rest` belong to the `left` ones, and how many are then left.
fn take(rest: &[u8], left: u64) -> (usize, u64) {
    let here = u64::try_from(rest.len()).unwrap_or(u64::MAX).min(left);
    (usize::try_from(here).unwrap_or(rest.len()), left - here)
}

#[cfg(test)]
mod against_hyper;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { size_bytes: 4096, headers: 20 };

    /// Reads `text` whole, then byte by byte: the cut of the reads must never matter.
    fn check(text: &str, expected: Result<Phase, Refusal>) {
        let mut whole = Framing::new(LIMITS);
        let got = whole.read(text.as_bytes()).map(|()| whole.phase()).map_err(|(_, r)| r);
        assert_eq!(got, expected, "{text:?}");
        let mut drip = Framing::new(LIMITS);
        let mut got = Ok(());
        for byte in text.as_bytes() {
            got = drip.read(std::slice::from_ref(byte)).map_err(|(_, r)| r);
            if got.is_err() {
                break;
            }
        }
        assert_eq!(got.map(|()| drip.phase()), expected, "byte by byte: {text:?}");
    }

    fn get(headers: &str) -> String {
        format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n")
    }

    #[test]
    fn sound_messages_end_idle() {
        check(&get(""), Ok(Phase::Idle));
        check(&get("Content-Length: 3\r\n").replace("GET", "POST"), Ok(Phase::Body));
        check(&(get("Content-Length: 3\r\n") + "abc"), Ok(Phase::Idle));
        check(&(get("Content-Length: 3\r\n") + "abcGET"), Ok(Phase::Head));
        check(
            &(get("Transfer-Encoding: Chunked\r\n") + "3;x=1\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
            Ok(Phase::Idle),
        );
        check(&(get("") + &get("")), Ok(Phase::Idle));
        check("GET / HTTP/1.0\r\nHost: a\r\n\r\n", Ok(Phase::Idle));
    }

    #[test]
    fn smuggling_shapes_are_refused() {
        let both = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n";
        check(&get(both), Err(Refusal::LengthAndEncoding));
        check(&get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), Err(Refusal::LengthAndEncoding));
        check(&get("Transfer-Encoding: gzip, chunked\r\n"), Err(Refusal::EncodingUnknown));
        check(&get("Transfer-Encoding: chunked, chunked\r\n"), Err(Refusal::EncodingUnknown));
        check(&get("Transfer-Encoding: xchunked\r\n"), Err(Refusal::EncodingUnknown));
        check(&get("Transfer-Encoding: \x0bchunked\r\n"), Err(Refusal::ControlCharacter));
        check(
            &get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            Err(Refusal::EncodingRepeated),
        );
        check(&get("Transfer-Encoding : chunked\r\n"), Err(Refusal::HeaderName));
        check(&get("X: 1\r\n Transfer-Encoding: chunked\r\n"), Err(Refusal::FoldedHeader));
        check(&get("Content-Length: 3\r\nContent-Length: 3\r\n"), Err(Refusal::ContentLengthRepeated));
        for bad in ["3, 3", "+3", "-1", "0x3", "", "3 3", "00000000000000000000000003"] {
            check(&get(&format!("Content-Length: {bad}\r\n")), Err(Refusal::ContentLengthInvalid));
        }
        check(
            "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            Err(Refusal::EncodingInHttp10),
        );
    }

    #[test]
    fn lines_end_with_cr_lf_only() {
        check("GET / HTTP/1.1\nHost: a\n\n", Err(Refusal::BareLineFeed));
        check(&get("X: a\rb\r\n"), Err(Refusal::BareCarriageReturn));
        check(&get("X: a\0b\r\n"), Err(Refusal::ControlCharacter));
        check("\r\nGET / HTTP/1.1\r\n", Err(Refusal::RequestLine));
    }

    #[test]
    fn the_request_line_has_three_parts() {
        check("GET  / HTTP/1.1\r\n", Err(Refusal::RequestLine));
        check("GET / HTTP/1.1 \r\n", Err(Refusal::RequestLine));
        check("GET /\r\n", Err(Refusal::RequestLine));
        check("GET / HTTP/2.0\r\n", Err(Refusal::Version));
        check("GET /\u{e4} HTTP/1.1\r\n", Err(Refusal::RequestLine));
        check("G@T / HTTP/1.1\r\n", Err(Refusal::RequestLine));
    }

    #[test]
    fn one_host() {
        check("GET / HTTP/1.1\r\n\r\n", Err(Refusal::HostMissing));
        check(&get("Host: b\r\n"), Err(Refusal::HostRepeated));
    }

    #[test]
    fn chunks_are_exact() {
        let head = get("Transfer-Encoding: chunked\r\n");
        for size in ["", " 3", "3 ", "0x3", "+3", "ffffffffffffffff", "-1", "g"] {
            check(&format!("{head}{size}\r\n"), Err(Refusal::ChunkSize));
        }
        check(&format!("{head}3\nabc"), Err(Refusal::BareLineFeed));
        check(&format!("{head}3\r\nabcX"), Err(Refusal::ChunkEnd));
        check(&format!("{head}3\r\nabc\n"), Err(Refusal::ChunkEnd));
        check(&format!("{head}0\r\nContent-Length: 4\r\n"), Err(Refusal::Trailer));
        check(&format!("{head}1;{}\r\n", "x".repeat(300)), Err(Refusal::ChunkExtension));
    }

    #[test]
    fn heads_are_bounded() {
        check(&get(&"X: 1\r\n".repeat(20)), Err(Refusal::TooManyHeaders));
        check(&get(&format!("X: {}\r\n", "y".repeat(5000))), Err(Refusal::HeadTooLarge));
        check(&format!("GET /{}", "y".repeat(5000)), Err(Refusal::HeadTooLarge));
    }

    #[test]
    fn only_whole_sound_lines_are_counted() {
        let mut framing = Framing::new(LIMITS);
        let text = "GET / HTTP/1.1\r\nHost: a\r\nBad Header: 1\r\n\r\n";
        assert_eq!(framing.read(text.as_bytes()), Err((25, Refusal::HeaderName)));
    }
}
