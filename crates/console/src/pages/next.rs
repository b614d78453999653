//! Where somebody wanted to go before they had to sign in. Only our own pages: never another site.

use std::fmt::Write;

/// Pages that may be gone to after signing in.
const PAGES: [&str; 25] = [
    "/adapter",
    "/adapter/",
    "/explore",
    "/blocked",
    "/blocked/",
    "/ledger",
    "/requests/",
    "/customers",
    "/customers/",
    "/data",
    "/data/",
    "/apps",
    "/apps/",
    "/payments",
    "/payments/",
    "/review",
    "/review/rules",
    "/scripts",
    "/scripts/",
    "/backups",
    "/guidance",
    "/you",
    "/you/passkey",
    "/pass/go",
    "/staff",
];
const MOST_BYTES: usize = 2_048;

/// `wanted` when it is one of our pages, else the front page.
pub fn safe(wanted: &str) -> &str {
    let plain = wanted.len() <= MOST_BYTES
        && wanted.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>'));
    let path = wanted.split(['?', '#']).next().unwrap_or("");
    let ours = PAGES.iter().any(|page| path == *page || (page.ends_with('/') && path.starts_with(page)));
    let climbs = path.contains("//") || path.contains("..") || path.contains('%');
    if plain && ours && !climbs { wanted } else { "/" }
}

/// The sign-in page that leads back to `wanted`.
pub fn sign_in_link(wanted: &str) -> String {
    match safe(wanted) {
        "/" => "/sign-in".to_owned(),
        wanted => format!("/sign-in?next={}", encode(wanted)),
    }
}

/// The page that asks for a second factor once more and leads back to `wanted`.
pub fn confirm_link(wanted: &str) -> String {
    format!("/confirm?next={}", encode(safe(wanted)))
}

/// Percent-encoding for a value in a query (RFC 3986 §2.3's unreserved characters stay).
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_to_our_own_pages_only() {
        for good in [
            "/explore",
            "/explore?client=192.0.2.1&-status=404",
            "/requests/req_01jd",
            "/ledger?kind=edge.",
            "/blocked/lift?client=2001:db8::/64",
            "/apps/new/own",
            "/payments/disputes/stripe.du_1",
            "/review",
            "/review/rules",
            "/scripts/page?path=/checkout",
            "/backups",
        ] {
            assert_eq!(safe(good), good);
        }
        for bad in [
            "",
            "/",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/explore",
            "/explore/../../evil",
            "/requests//evil.example",
            "/requests/%2f%2fevil.example",
            "javascript:alert(1)",
            "/explore\r\nset-cookie: a=b",
            "/sign-out",
            "/explorer",
            "/appsx",
            "/review/state",
        ] {
            assert_eq!(safe(bad), "/", "{bad}");
        }
        assert_eq!(safe(&format!("/explore?text={}", "x".repeat(4_000))), "/");
        assert_eq!(sign_in_link("/explore?a=b&c"), "/sign-in?next=/explore%3Fa%3Db%26c");
    }
}
