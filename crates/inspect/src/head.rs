//! What the proxy hands over: heads, bodies' ends and plans.

/// HTTP version of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    Http10,
    Http11,
    Http2,
    Http3,
}

impl HttpVersion {
    /// As SecLang's REQUEST_PROTOCOL spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            HttpVersion::Http10 => "HTTP/1.0",
            HttpVersion::Http11 => "HTTP/1.1",
            HttpVersion::Http2 => "HTTP/2",
            HttpVersion::Http3 => "HTTP/3",
        }
    }
}

/// Header fields in the order of arrival; one call per field line. Names may come in any case.
pub trait HeaderSource {
    fn for_each(&self, visit: &mut dyn FnMut(&str, &[u8]));
}

impl<N: AsRef<str>, V: AsRef<[u8]>> HeaderSource for Vec<(N, V)> {
    fn for_each(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        self.iter().for_each(|(name, value)| visit(name.as_ref(), value.as_ref()));
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>, const K: usize> HeaderSource for [(N, V); K] {
    fn for_each(&self, visit: &mut dyn FnMut(&str, &[u8])) {
        self.iter().for_each(|(name, value)| visit(name.as_ref(), value.as_ref()));
    }
}

/// Request line and header fields.
pub struct RequestHead<'r> {
    pub method: &'r str,
    /// The canonical, decoded path: the one that routing used.
    pub path: &'r str,
    /// The target as it stood on the request line.
    pub raw_target: &'r [u8],
    /// The query, undecoded and without `?`.
    pub query: Option<&'r str>,
    pub host: &'r str,
    pub version: HttpVersion,
    pub headers: &'r dyn HeaderSource,
}

/// Status and header fields of a response.
pub struct ResponseHead<'r> {
    pub status: u16,
    pub headers: &'r dyn HeaderSource,
}

/// Whether the body handed over is all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    Complete,
    /// The body goes on past the cap.
    Truncated,
}

/// What to do with a body that is about to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyPlan {
    /// Do not buffer: there is nothing to inspect.
    Skip,
    /// Buffer up to the cap, then ask.
    Buffer { cap_bytes: usize },
}
