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

/// Marks a page that holds a form of another site's in a frame, such as a payment provider's: its policy lets that site's script, frames,
/// calls and pictures in, and nobody else's. Such a script speaks to its own frame by means that trusted types would stop, so this page
/// has none; and it may ask the browser's wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    scripts: String,
    origins: String,
}

impl Hosts {
    /// `script` is the address of the one script, `origins` are whom it speaks to: `https://` and a host, perhaps with `*.` in front of it,
    /// or `http://` and an address of this machine (a stand-in). `None` where one is anything else.
    pub fn new(script: &str, origins: &[&str]) -> Option<Self> {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:/*_".contains(&b));
        let is_local =
            |text: &str| text.starts_with("http://127.0.0.1:") || text.starts_with("http://[::1]:");
        let fits = |text: &str| plain(text) && (text.starts_with("https://") || is_local(text));
        let all = std::iter::once(script).chain(origins.iter().copied()).all(fits);
        (all && !origins.is_empty()).then(|| Hosts { scripts: script.to_owned(), origins: origins.join(" ") })
    }

    /// Marks the page.
    pub fn mark(self, mut response: axum::response::Response) -> axum::response::Response {
        response.extensions_mut().insert(self);
        response
    }

    fn policy(&self, nonce: &str) -> String {
        let Hosts { scripts, origins } = self;
        format!(
            "default-src 'none'; script-src 'nonce-{nonce}' {scripts}; frame-src {origins}; connect-src {origins}; style-src 'self'; \
             img-src 'self' {origins}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
    }

    fn permissions(&self) -> String {
        let origins: Vec<String> = self
            .origins
            .split(' ')
            .filter(|one| !one.contains('*'))
            .map(|one| format!("\"{one}\""))
            .collect();
        format!(
            "camera=(), microphone=(), geolocation=(), payment=(self {}), usb=(), browsing-topics=()",
            origins.join(" ")
        )
    }
}

/// What a page is marked with.
#[derive(Default)]
pub(crate) struct Marks {
    pub leads_to: Option<LeadsTo>,
    pub hosts: Option<Hosts>,
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
pub(crate) fn secure(headers: &mut HeaderMap, nonce: &Nonce, host: Option<&str>, marks: &Marks) {
    if host.is_some_and(may_pin) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000"));
    }
    for (name, value) in FIXED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let policy = match &marks.hosts {
        Some(hosts) => {
            let permissions = HeaderValue::try_from(hosts.permissions());
            headers.insert(
                HeaderName::from_static("permissions-policy"),
                permissions.expect("places of visible ASCII are legal here"),
            );
            // A bank's or a wallet's window that the guest opens speaks back to it.
            headers.insert(
                HeaderName::from_static("cross-origin-opener-policy"),
                HeaderValue::from_static("same-origin-allow-popups"),
            );
            hosts.policy(nonce.as_str())
        }
        None => policy(nonce.as_str(), marks.leads_to.as_ref()),
    };
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
        let marks = Marks { leads_to: LeadsTo::new("https://rp.example/cb"), hosts: None };
        secure(&mut headers, &nonce, None, &marks);
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("form-action 'self' https://rp.example/cb;"), "{policy}");
        secure(&mut headers, &nonce, None, &Marks::default());
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

    #[test]
    fn a_page_hosts_one_guest_and_nobody_else() {
        for (script, origins, fits) in [
            ("https://js.example/a.js", &["https://js.example", "https://*.example"][..], true),
            ("http://127.0.0.1:5/a.js", &["http://127.0.0.1:5"][..], true),
            ("http://js.example/a.js", &["https://js.example"][..], false),
            ("https://js.example/a.js; script-src *", &["https://js.example"][..], false),
            ("https://js.example/a.js", &["https://js.example 'unsafe-inline'"][..], false),
            ("https://js.example/a.js", &["*"][..], false),
            ("https://js.example/a.js", &[][..], false),
        ] {
            assert_eq!(Hosts::new(script, origins).is_some(), fits, "{script} {origins:?}");
        }
        let mut headers = HeaderMap::new();
        let marks = Marks {
            hosts: Hosts::new("https://js.example/a.js", &["https://js.example"]),
            ..Marks::default()
        };
        secure(&mut headers, &Nonce("00".to_owned()), None, &marks);
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        let scripts = "script-src 'nonce-00' https://js.example/a.js;";
        assert!(policy.contains(scripts) && !policy.contains("strict-dynamic"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        let permissions = headers["permissions-policy"].to_str().unwrap();
        assert!(permissions.contains("payment=(self \"https://js.example\")"), "{permissions}");
        assert_eq!(headers["x-frame-options"], "DENY");
    }
}
