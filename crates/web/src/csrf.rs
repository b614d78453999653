//! Cross-site request forgery: Fetch Metadata, then `Origin`, then the visitor's token in the form.
//!
//! OWASP's cheat sheet asks for one of the three; each covers the others' gaps (old browsers, planted cookies, a bug in
//! one of them), and together they cost nothing.

use std::hint::black_box;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Method};

use crate::cookie::{Cookie, SameSite};
use crate::failure::Failure;

/// The form field that carries the token.
pub const FIELD: &str = "csrf";

/// Holds the token of a visitor who has no session yet.
pub(crate) const VISIT: Cookie = Cookie { name: "__Host-storeward-visit", same_site: SameSite::Strict };

/// What each form of this visitor must repeat. The gate puts it into the request's extensions.
#[derive(Clone)]
pub struct CsrfToken(String);

impl CsrfToken {
    pub fn new(token: String) -> Self {
        CsrfToken(token)
    }

    /// For the hidden field.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its duration where they differ.
    pub fn matches(&self, given: &str) -> bool {
        same_text(&self.0, given)
    }
}

impl<S: Sync> FromRequestParts<S> for CsrfToken {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<CsrfToken>().cloned().ok_or_else(|| Failure::broken("web.no_csrf_token"))
    }
}

/// Whether both texts are equal, in a time that depends on their lengths only. An empty text equals nothing.
fn same_text(a: &str, b: &str) -> bool {
    if a.len() != b.len() || a.is_empty() {
        return false;
    }
    let differing = a.bytes().zip(b.bytes()).fold(0u8, |all, (x, y)| black_box(all | (x ^ y)));
    differing == 0
}

/// Refuses what another site caused. `own_origin` is what this request's address would be as an `Origin`.
pub(crate) fn check_provenance(
    method: &Method,
    headers: &HeaderMap,
    own_origin: &str,
) -> Result<(), Failure> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let site = text("sec-fetch-site");
    if method.is_safe() {
        let foreign = matches!(site, Some("cross-site" | "same-site"));
        let opened_by_link = text("sec-fetch-mode") == Some("navigate")
            && matches!(text("sec-fetch-dest"), None | Some("document"));
        return if foreign && !opened_by_link { Err(foreign_request()) } else { Ok(()) };
    }
    let origin = text("origin");
    match (site, origin) {
        // Our referrer policy makes browsers send `Origin: null` on our own forms (Fetch §3.2, "append a request
        // Origin header"), so `null` counts only beside a `Sec-Fetch-Site` that no script can forge.
        (Some("same-origin"), None | Some("null")) => Ok(()),
        (Some("same-origin") | None, Some(origin)) if origin.eq_ignore_ascii_case(own_origin) => Ok(()),
        _ => Err(foreign_request()),
    }
}

fn foreign_request() -> Failure {
    Failure::denied("web.cross_site", "This request came from another site, so nothing was done.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn check(method: Method, lines: &[(&'static str, &'static str)], passes: bool) {
        let headers: HeaderMap = lines
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), http::HeaderValue::from_static(v)))
            .collect();
        let answer = check_provenance(&method, &headers, "https://console.shop.example");
        assert_eq!(answer.is_ok(), passes, "{method} {lines:?}");
    }

    #[test]
    fn only_our_own_origin_may_change_things() {
        let own = ("origin", "https://console.shop.example");
        check(Method::POST, &[("sec-fetch-site", "same-origin"), own], true);
        check(Method::POST, &[("sec-fetch-site", "same-origin"), ("origin", "null")], true);
        check(Method::POST, &[own], true);
        check(Method::POST, &[], false);
        check(Method::POST, &[("origin", "null")], false);
        check(Method::POST, &[("sec-fetch-site", "none"), own], false);
        check(Method::POST, &[("sec-fetch-site", "same-site"), own], false);
        check(Method::POST, &[("sec-fetch-site", "cross-site"), own], false);
        check(Method::POST, &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], false);
        check(Method::POST, &[("origin", "http://console.shop.example")], false);
    }

    #[test]
    fn others_may_link_to_us_but_not_read_us() {
        let cross = ("sec-fetch-site", "cross-site");
        check(Method::GET, &[cross, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")], true);
        check(Method::GET, &[cross, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")], false);
        check(Method::GET, &[cross, ("sec-fetch-mode", "cors")], false);
        check(Method::GET, &[("sec-fetch-site", "none")], true);
        check(Method::GET, &[], true);
    }

    #[test]
    fn tokens_compare_whole() {
        let token = CsrfToken::new("abcd".into());
        assert!(token.matches("abcd"));
        assert!(!token.matches("abce") && !token.matches("abc") && !token.matches(""));
        assert!(!CsrfToken::new(String::new()).matches(""));
    }
}
