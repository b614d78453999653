//! Reads a response head strictly (RFC 9112); what has two readings is an error.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// A response head may be this large.
const HEAD_BYTES: usize = 64 * 1024;
const HEADERS: usize = 128;

/// How the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(u64),
    Chunked,
    /// HTTP/1.0 and bare servers: until the connection closes.
    Close,
}

/// A response head without its hop-by-hop fields.
#[derive(Debug)]
pub struct Head {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub framing: Framing,
    /// The server keeps the connection open behind the body.
    pub keep_alive: bool,
    /// `Upgrade` of a 101 response.
    pub upgrade: Option<HeaderValue>,
}

/// Takes one head from the front of `buffer`; `None` when it is not whole yet.
pub fn take_head(buffer: &mut BytesMut, asked_head: bool) -> Result<Option<Head>, &'static str> {
    let mut slots = [const { MaybeUninit::uninit() }; HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let strict = httparse::ParserConfig::default();
    let length = match strict.parse_response_with_uninit_headers(&mut parsed, buffer, &mut slots) {
        Ok(httparse::Status::Complete(length)) if length > HEAD_BYTES => {
            return Err("response.head_too_large");
        }
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if buffer.len() > HEAD_BYTES => {
            return Err("response.head_too_large");
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err("response.too_many_headers"),
        Err(_) => return Err("response.head"),
    };
    let status = parsed.code.and_then(|c| StatusCode::from_u16(c).ok()).ok_or("response.status")?;
    let http_11 = parsed.version == Some(1);
    // Offsets instead of slices: the bytes are about to be frozen and shared.
    let base = buffer.as_ptr().addr();
    let fields: Vec<(usize, usize, usize, usize)> = parsed
        .headers
        .iter()
        .map(|h| {
            let (name, value) = (h.name.as_ptr().addr() - base, h.value.as_ptr().addr() - base);
            (name, h.name.len(), value, h.value.len())
        })
        .collect();
    let bytes = buffer.split_to(length).freeze();
    read_fields(&bytes, &fields, status, http_11, asked_head).map(Some)
}

/// What the fields say about the connection and the body.
#[derive(Default)]
struct Wire {
    length: Option<u64>,
    length_line: Option<HeaderValue>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    named: Vec<HeaderName>,
    upgrade: Option<HeaderValue>,
}

fn read_fields(
    bytes: &Bytes,
    fields: &[(usize, usize, usize, usize)],
    status: StatusCode,
    http_11: bool,
    asked_head: bool,
) -> Result<Head, &'static str> {
    let mut headers = HeaderMap::with_capacity(fields.len() + 8);
    let mut wire = Wire::default();
    for &(name_at, name_len, value_at, value_len) in fields {
        let name = bytes.get(name_at..name_at + name_len).unwrap_or_default();
        let name = match usual_name(name) {
            Some(name) => name,
            None => HeaderName::from_bytes(name).map_err(|_| "response.header_name")?,
        };
        // An empty value may point outside of the frozen bytes.
        let value = if value_len == 0 { Bytes::new() } else { bytes.slice(value_at..value_at + value_len) };
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| "response.header_value")?;
        if !read_connection_field(&mut wire, &name, &value)? {
            headers.append(name, value);
        }
    }
    for name in &wire.named {
        headers.remove(name);
    }
    if wire.chunked && wire.length.is_some() {
        return Err("response.length_and_encoding");
    }
    if wire.chunked && !http_11 {
        return Err("response.encoding_in_http_1_0");
    }
    let bodiless = asked_head
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let framing = match (bodiless, wire.chunked, wire.length) {
        (true, ..) => Framing::None,
        (_, true, _) => Framing::Chunked,
        (_, _, Some(0)) => Framing::None,
        (_, _, Some(length)) => Framing::Length(length),
        (_, _, None) => Framing::Close,
    };
    // HEAD and 304 tell the length that GET would have: it stays (RFC 9110 8.6). 1xx and 204 must not have one.
    if let Some(length) = wire.length
        && !status.is_informational()
        && status != StatusCode::NO_CONTENT
    {
        // As the shop wrote it, unless zeros stand in front.
        let line = wire.length_line.filter(|line| line == "0" || !line.as_bytes().starts_with(b"0"));
        headers.insert(header::CONTENT_LENGTH, line.unwrap_or_else(|| HeaderValue::from(length)));
    }
    let keep_alive = !wire.close && (http_11 || wire.keep_alive) && framing != Framing::Close;
    Ok(Head { status, headers, framing, keep_alive, upgrade: wire.upgrade })
}

/// The names that come with nearly every answer, as servers write them: reading one letter by letter costs more than the
/// rest of its line.
fn usual_name(name: &[u8]) -> Option<HeaderName> {
    Some(match name {
        b"Date" | b"date" => header::DATE,
        b"ETag" | b"etag" | b"Etag" => header::ETAG,
        b"Vary" | b"vary" => header::VARY,
        b"Server" | b"server" => header::SERVER,
        b"Expires" | b"expires" => header::EXPIRES,
        b"Location" | b"location" => header::LOCATION,
        b"Connection" | b"connection" => header::CONNECTION,
        b"Set-Cookie" | b"set-cookie" => header::SET_COOKIE,
        b"Content-Type" | b"content-type" => header::CONTENT_TYPE,
        b"Last-Modified" | b"last-modified" => header::LAST_MODIFIED,
        b"Accept-Ranges" | b"accept-ranges" => header::ACCEPT_RANGES,
        b"Cache-Control" | b"cache-control" => header::CACHE_CONTROL,
        b"Content-Length" | b"content-length" => header::CONTENT_LENGTH,
        b"Referrer-Policy" | b"referrer-policy" => header::REFERRER_POLICY,
        b"X-Frame-Options" | b"x-frame-options" => header::X_FRAME_OPTIONS,
        b"Transfer-Encoding" | b"transfer-encoding" => header::TRANSFER_ENCODING,
        b"X-Content-Type-Options" | b"x-content-type-options" => header::X_CONTENT_TYPE_OPTIONS,
        _ => return None,
    })
}

/// Takes note of a hop-by-hop field; false when the field is end to end and shall be kept.
fn read_connection_field(
    wire: &mut Wire,
    name: &HeaderName,
    value: &HeaderValue,
) -> Result<bool, &'static str> {
    match *name {
        header::CONTENT_LENGTH => {
            let digits = value.as_bytes();
            let sound = (1..=19).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
            let length = value.to_str().ok().filter(|_| sound).and_then(|v| v.parse().ok());
            let length = length.ok_or("response.length_invalid")?;
            // Two that are equal may be taken for one (RFC 9110 8.6); whoever sends two does not know its own answer.
            if wire.length.is_some() {
                return Err("response.length_repeated");
            }
            wire.length = Some(length);
            wire.length_line = Some(value.clone());
        }
        header::TRANSFER_ENCODING => {
            if wire.chunked || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                return Err("response.encoding");
            }
            wire.chunked = true;
        }
        header::CONNECTION if value == "keep-alive" => wire.keep_alive = true,
        header::CONNECTION => {
            for token in value.to_str().unwrap_or_default().split(',').map(str::trim) {
                if token.eq_ignore_ascii_case("close") {
                    wire.close = true;
                } else if token.eq_ignore_ascii_case("keep-alive") {
                    wire.keep_alive = true;
                } else if let Ok(name) = HeaderName::from_bytes(token.as_bytes()) {
                    wire.named.push(name);
                }
            }
        }
        // Of several lines no single protocol is left: none of them is switched to.
        header::UPGRADE => {
            wire.upgrade = match wire.upgrade {
                Some(_) => Some(HeaderValue::from_static(",")),
                None => Some(value.clone()),
            }
        }
        header::TE | header::PROXY_AUTHENTICATE => {}
        ref other if other == "keep-alive" || other == "proxy-connection" => {}
        _ => return Ok(false),
    }
    Ok(true)
}

#[cfg(test)]
mod against_hyper;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Head>, &'static str> {
        take_head(&mut BytesMut::from(text), false)
    }

    fn framing(fields: &str) -> Result<Framing, &'static str> {
        read(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).map(|h| h.unwrap().framing)
    }

    #[test]
    fn bodies_end_in_one_way() {
        assert_eq!(framing("Content-Length: 5\r\n"), Ok(Framing::Length(5)));
        assert_eq!(framing("Content-Length: 0\r\n"), Ok(Framing::None));
        assert_eq!(framing("Content-Length: 5\r\nContent-Length: 5\r\n"), Err("response.length_repeated"));
        assert_eq!(framing("Transfer-Encoding: chunked\r\n"), Ok(Framing::Chunked));
        assert_eq!(framing(""), Ok(Framing::Close));
        assert_eq!(framing("Content-Length: 5\r\nContent-Length: 6\r\n"), Err("response.length_repeated"));
        assert_eq!(framing("Content-Length: 5, 5\r\n"), Err("response.length_invalid"));
        assert_eq!(framing("Transfer-Encoding: gzip, chunked\r\n"), Err("response.encoding"));
        let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
        assert_eq!(framing(both), Err("response.length_and_encoding"));
    }

    #[test]
    fn hop_by_hop_fields_end_here() {
        let head = read(
            "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-End: \r\n\r\n",
        );
        let head = head.unwrap().unwrap();
        assert!(!head.keep_alive);
        assert_eq!(head.headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-end"]);
    }

    #[test]
    fn head_and_304_keep_their_length() {
        let mut text = BytesMut::from("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
        let head = take_head(&mut text, true).unwrap().unwrap();
        assert_eq!((head.framing, head.headers["content-length"].to_str().unwrap()), (Framing::None, "7"));
        let head = read("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n").unwrap().unwrap();
        assert_eq!((head.framing, head.keep_alive), (Framing::None, true));
    }

    #[test]
    fn usual_names_are_what_they_say() {
        let names = [
            "Date",
            "ETag",
            "Etag",
            "Vary",
            "Server",
            "Expires",
            "Location",
            "Connection",
            "Set-Cookie",
            "Content-Type",
            "Last-Modified",
            "Accept-Ranges",
            "Cache-Control",
            "Content-Length",
            "Referrer-Policy",
            "X-Frame-Options",
            "Transfer-Encoding",
            "X-Content-Type-Options",
        ];
        for name in names {
            for name in [name.to_owned(), name.to_ascii_lowercase()] {
                let read = HeaderName::from_bytes(name.as_bytes()).unwrap();
                assert_eq!(usual_name(name.as_bytes()), Some(read), "{name}");
            }
        }
        assert_eq!(usual_name(b"X-Other"), None);
    }

    #[test]
    fn a_length_goes_on_as_a_plain_number() {
        for (line, expected) in [("7", "7"), ("0", "0"), ("007", "7"), ("00", "0")] {
            let head = read(&format!("HTTP/1.1 200 OK\r\nContent-Length: {line}\r\n\r\n")).unwrap().unwrap();
            assert_eq!(head.headers["content-length"], expected, "{line}");
        }
    }

    #[test]
    fn half_a_head_waits_and_a_huge_one_fails() {
        assert!(read("HTTP/1.1 200 OK\r\nX: 1\r\n").unwrap().is_none());
        let huge = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(HEAD_BYTES));
        assert_eq!(read(&huge).unwrap_err(), "response.head_too_large");
        // Went wrong: one that came whole in one read had no bound.
        assert_eq!(read(&format!("{huge}\r\n\r\n")).unwrap_err(), "response.head_too_large");
        assert_eq!(read("SSH-2.0-x\r\n").unwrap_err(), "response.head");
    }
}
