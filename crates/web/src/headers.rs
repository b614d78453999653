//! The security headers, and the nonce that lets our own script run.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use storeward_base::Entropy;

use crate::failure::Failure;

/// Stands in the response's policy and on each script element of its page. 128 bits, new for each response.
#[derive(Clone)]
pub struct Nonce(String);

impl Nonce {
    pub(crate) fn fresh(entropy: &dyn Entropy) -> Self {
        Nonce(entropy.token::<16>())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Nonce {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Nonce>().cloned().ok_or_else(|| Failure::broken("web.no_nonce"))
    }
}

/// Marks a page whose form leads to another site in the end: the policy lets it, and it alone. Browsers hold
/// `form-action` against each redirect that follows a form (CSP Level 3 section 6.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadsTo(String);

impl LeadsTo {
    /// `None` for what is no absolute address: scheme, then something. What stands behind `?` or `#` says nothing here, and
    /// what would end the policy's list is written as its percent-encoding (CSP Level 3 section 2.3.1).
    pub fn new(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(plain);
        if !named || url.bytes().any(|b| !b.is_ascii_graphic()) {
            return None;
        }
        if !matches!(scheme, "https" | "http") {
            // An app's own scheme has no host that a policy could name.
            return Some(LeadsTo(format!("{scheme}:")));
        }
        let place = rest.split(['?', '#']).next().unwrap_or("");
        let place = place.replace(';', "%3B").replace(',', "%2C").replace(['\'', '"'], "");
        (place.len() > 2 && place.starts_with("//")).then(|| LeadsTo(format!("{scheme}:{place}")))
    }

    /// Marks the page.
    pub fn mark(self, mut response: axum::response::Response) -> axum::response::Response {
        response.extensions_mut().insert(self);
        response
    }
}

const FIXED: [(&str, &str); 8] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    ("x-permitted-cross-domain-policies", "none"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    ),
];

/// Sets them all. What is not marked as cacheable by its handler is not stored anywhere.
pub(crate) fn secure(headers: &mut HeaderMap, nonce: &Nonce, host: Option<&str>, leads_to: Option<&LeadsTo>) {
    if host.is_some_and(may_pin) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000"));
    }
    for (name, value) in FIXED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let policy = policy(nonce.as_str(), leads_to);
    let policy = HeaderValue::try_from(policy).expect("a nonce and a place of visible ASCII are legal here");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// The policy of one of our pages that is shown in another's place, and so not by a router of ours.
pub fn page_policy(nonce: &str) -> String {
    policy(nonce, None)
}

fn policy(nonce: &str, leads_to: Option<&LeadsTo>) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; font-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'{}; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types storeward",
        leads_to.map_or_else(String::new, |LeadsTo(place)| format!(" {place}"))
    )
}

/// A pin holds for all ports of a host: never one that developers share with other programs.
fn may_pin(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let local = host == "localhost" || host.ends_with(".localhost") || host.ends_with(".test");
    !local && bare.parse::<std::net::IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_leads_to_one_place_more_and_no_further() {
        for (url, place) in [
            ("https://rp.example/cb?code=1#x", Some("https://rp.example/cb")),
            ("https://rp.example", Some("https://rp.example")),
            ("http://127.0.0.1:8000/cb", Some("http://127.0.0.1:8000/cb")),
            ("com.example.app:/cb", Some("com.example.app:")),
            ("https://rp.example/a;script-src *", None),
            ("https://rp.example/a;b,c", Some("https://rp.example/a%3Bb%2Cc")),
            ("https://", None),
            ("/cb", None),
            ("", None),
            ("'self':x", None),
        ] {
            assert_eq!(LeadsTo::new(url).map(|to| to.0).as_deref(), place, "{url}");
        }
        let mut headers = HeaderMap::new();
        let nonce = Nonce("00".to_owned());
        secure(&mut headers, &nonce, None, LeadsTo::new("https://rp.example/cb").as_ref());
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("form-action 'self' https://rp.example/cb;"), "{policy}");
        secure(&mut headers, &nonce, None, None);
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("form-action 'self';"), "{policy}");
    }

    #[test]
    fn a_host_that_is_shared_with_other_programs_is_not_pinned() {
        for host in ["localhost", "console.localhost", "127.0.0.1", "[::1]", "::1", "shop.test"] {
            assert!(!may_pin(host), "{host}");
        }
        assert!(may_pin("console.shop.example"));
    }
}
