//! The lines of a head that say where a password is.

use storeward_adapter::Asked;
use storeward_web::http::{HeaderMap, Method, header};

use crate::shield::Guard;

/// The lines of a head that say where a password is.
pub(super) struct Lines {
    pub authorization: Option<String>,
    pub content_type: String,
    /// The body is packed: some servers unpack it before the shop reads it.
    pub is_encoded: bool,
}

impl Lines {
    pub fn of(headers: &HeaderMap) -> Self {
        let codings = headers.get_all(header::CONTENT_ENCODING).iter();
        let mut is_one = codings.map(|line| !line.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"));
        Lines {
            authorization: authorization(headers),
            content_type: content_type(headers),
            is_encoded: is_one.any(|is_one| is_one),
        }
    }

    pub fn asked<'a>(&'a self, method: &'a Method, path: &'a str, query: Option<&'a str>) -> Asked<'a> {
        let authorization = self.authorization.as_deref();
        Asked { method: method.as_str(), path, query, content_type: &self.content_type, authorization }
    }
}

/// All that says what the body is. What nobody can read is not left out: it says that the body is in doubt, and so do two lines.
fn content_type(headers: &HeaderMap) -> String {
    let lines = headers.get_all(header::CONTENT_TYPE).iter();
    let texts: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
    texts.join("\n")
}

/// The line that may hold a password. Shops decode what stands around strange bytes, and read whichever of two lines they
/// like: all of it counts here.
fn authorization(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::AUTHORIZATION).iter();
    let texts: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
    let is_basic = |line: &&String| {
        line.split_whitespace().next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"))
    };
    texts.iter().find(is_basic).or(texts.first()).cloned()
}

/// Whether a form that is sent there is read for what it says.
pub(super) fn are_read(guard: &Guard, asked: &Asked<'_>) -> bool {
    let adapter = &guard.adapter;
    adapter.reads_forms()
        || adapter.has_doors_everywhere()
        || adapter.is_password_form(asked)
        || adapter.names_sessions()
}

/// Whether a long one is read whole, files and all, also of whoever has no session: what it says behind them counts.
pub(super) fn is_read_whole(guard: &Guard) -> bool {
    guard.adapter.has_routed_doors() || guard.adapter.names_sessions()
}

/// Whether a browser says that it loads a part of a page (Fetch Metadata).
pub(super) fn is_part(headers: &HeaderMap) -> bool {
    let parts = ["image", "style", "script", "font", "audio", "video", "manifest"];
    headers.get("sec-fetch-dest").and_then(|v| v.to_str().ok()).is_some_and(|what| parts.contains(&what))
}
