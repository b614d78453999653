//! What is asked, within which limits, and what came back.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri, header};
use storeward_base::Timestamp;

use crate::allow::{parse_url, read_host};
use crate::error::OutboundError;

/// How long a call may take and how large its answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Name, TCP and TLS together.
    pub connect: Duration,
    /// From the first byte sent until the head of the answer.
    pub head: Duration,
    /// The whole body of the answer, however steadily it drips.
    pub body: Duration,
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(10),
            body: Duration::from_secs(20),
            body_bytes: 1024 * 1024,
        }
    }
}

/// One call to make.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// Sent as `Host` in place of the destination's own.
    pub(crate) host: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) redirects: u8,
    pub(crate) cut: bool,
    pub(crate) limits: Option<Limits>,
}

impl Request {
    /// Most redirects that can be asked for.
    pub const MOST_REDIRECTS: u8 = 5;

    pub fn get(url: &str) -> Result<Self, OutboundError> {
        Request::new(Method::GET, url, Bytes::new())
    }

    pub fn post(url: &str, content_type: &str, body: impl Into<Bytes>) -> Result<Self, OutboundError> {
        Request::new(Method::POST, url, body.into())?.header("content-type", content_type)
    }

    pub fn put(url: &str, content_type: &str, body: impl Into<Bytes>) -> Result<Self, OutboundError> {
        Request::new(Method::PUT, url, body.into())?.header("content-type", content_type)
    }

    pub fn delete(url: &str) -> Result<Self, OutboundError> {
        Request::new(Method::DELETE, url, Bytes::new())
    }

    fn new(method: Method, url: &str, body: Bytes) -> Result<Self, OutboundError> {
        Ok(Request {
            method,
            uri: parse_url(url)?,
            host: None,
            headers: HeaderMap::new(),
            body,
            redirects: 0,
            cut: false,
            limits: None,
        })
    }

    /// The same request with another body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header. Refuses line breaks and other control characters, and the headers that frame the message: with
    /// them, a value could begin a second request.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, OutboundError> {
        let refused =
            || OutboundError::Header { name: name.chars().filter(|c| !c.is_control()).take(64).collect() };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        if FRAMING.contains(&key) {
            return Err(refused());
        }
        let mut value = HeaderValue::from_str(value).map_err(|_| refused())?;
        // Keeps keys and tokens out of whatever prints a request.
        value.set_sensitive(true);
        self.headers.append(key, value);
        Ok(self)
    }

    /// Asks the destination as if it were called `host`: for a shop behind its inner address that knows itself by its
    /// public name only. Where the connection goes does not change.
    pub fn as_host(mut self, host: &str) -> Result<Self, OutboundError> {
        self.host = Some(read_host(host)?);
        Ok(self)
    }

    /// Follows up to `most` redirects (at most [`Request::MOST_REDIRECTS`]), for GET only. Each hop must be listed; a
    /// hop to another destination takes none of the caller's headers along; from https to http none is followed.
    #[must_use]
    pub fn follow_redirects(mut self, most: u8) -> Self {
        self.redirects = most.min(Self::MOST_REDIRECTS);
        self
    }

    /// Takes the beginning of a body that is larger than the limit, in place of an error.
    #[must_use]
    pub fn cut_body(mut self) -> Self {
        self.cut = true;
        self
    }

    /// Limits for this call alone.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }
}

/// Set by the client itself, or hop by hop (RFC 9110 section 7.6.1).
const FRAMING: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
];

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The body went on beyond the limit; only with [`Request::cut_body`].
    pub is_cut: bool,
}

impl Reply {
    /// A header's first value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The other side's clock, by its `Date` header (RFC 9110 section 6.6.1).
    pub fn date(&self) -> Option<Timestamp> {
        http_date(self.header("date")?)
    }

    /// How long it asks to wait (RFC 9110 section 10.2.3): seconds, or a date that is seen from `now`.
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        match text.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => Some(http_date(text)?.since(now)),
        }
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::EPOCH.plus(since))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::Fault;

    #[test]
    fn headers_cannot_begin_a_second_request() {
        let check = |name: &str, value: &str| {
            let refused = Request::get("http://a.example/").unwrap().header(name, value).unwrap_err();
            assert_eq!(refused.code(), "outbound.header", "{name}: {value}");
            assert!(!refused.to_string().contains(['\r', '\n']), "{refused}");
        };
        check("x-a", "1\r\nx-b: 2");
        check("x-a", "1\n2");
        check("x-a", "1\r2");
        check("x-a", "1\0");
        check("x-a\r\nx-b", "1");
        check("x a", "1");
        check("", "1");
        check("x-a:", "1");
        check("Host", "evil.example");
        check("Content-Length", "0");
        check("Transfer-Encoding", "chunked");
        check("connection", "upgrade");
        assert!(Request::post("http://a.example/", "text/plain\r\nx: y", "").is_err());
    }

    #[test]
    fn urls_cannot_either() {
        for url in [
            "http://a.example/ HTTP/1.1\r\nx: y",
            "http://a.example/\n",
            "http://a.example/a b",
            "//a.example",
        ] {
            let found = Request::get(url);
            assert!(found.is_err() || found.unwrap().uri.scheme().is_none(), "{url:?}");
        }
    }

    #[test]
    fn dates_and_delays() {
        let reply = |name: &'static str, value: &'static str| Reply {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]),
            body: Bytes::new(),
            is_cut: false,
        };
        let now = Timestamp::from_seconds(1_795_541_880);
        assert_eq!(reply("date", "Tue, 24 Nov 2026 17:38:00 GMT").date(), Some(now));
        assert_eq!(reply("date", "yesterday").date(), None);
        let wait = |value| reply("retry-after", value).retry_after(now).map(|d| d.as_secs());
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait("Tue, 24 Nov 2026 17:38:09 GMT"), Some(9));
        assert_eq!(wait("Tue, 24 Nov 2026 17:37:00 GMT"), Some(0));
        assert_eq!(wait("-1"), None);
        assert_eq!(wait("soon"), None);
    }
}
