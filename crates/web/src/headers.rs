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
pub(crate) fn secure(headers: &mut HeaderMap, nonce: &Nonce, host: Option<&str>) {
    if host.is_some_and(may_pin) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000"));
    }
    for (name, value) in FIXED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{}' 'strict-dynamic'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; font-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types storeward",
        nonce.as_str()
    );
    let policy = HeaderValue::try_from(policy).expect("a nonce in hexadecimal is a legal header value");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
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
    fn a_host_that_is_shared_with_other_programs_is_not_pinned() {
        for host in ["localhost", "console.localhost", "127.0.0.1", "[::1]", "::1", "shop.test"] {
            assert!(!may_pin(host), "{host}");
        }
        assert!(may_pin("console.shop.example"));
    }
}
