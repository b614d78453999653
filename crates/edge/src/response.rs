//! The shop's response made safer on its way out: security headers, cookie flags, banners, redirects.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::routes::{HeaderPolicy, Hsts};

/// Headers that tell an attacker what runs behind us.
const BANNERS: [&str; 14] = [
    "server",
    "x-powered-by",
    "x-aspnet-version",
    "x-aspnetmvc-version",
    "x-generator",
    "x-drupal-cache",
    "x-drupal-dynamic-cache",
    "x-magento-cache-debug",
    "x-magento-debug",
    "x-powered-cms",
    "x-runtime",
    "x-version",
    "x-varnish",
    "via",
];

/// Where the response goes out, for redirects and HSTS.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub host: &'a str,
    /// `host` with the port that clients use, as it stands in absolute addresses.
    pub authority: &'a str,
    /// The shop's server that answered, such as `http://127.0.0.1:8080`.
    pub upstream: &'a str,
}

/// Puts a response head right. What the shop says itself stays, unless it is weaker than nothing.
pub fn harden(headers: &mut HeaderMap, policy: &HeaderPolicy, place: Place<'_>) {
    hide_banners(headers, policy);
    if let Some(hsts) = policy.hsts
        && may_pin(place.host)
    {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(hsts_value(hsts)));
    }
    if policy.nosniff {
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    if policy.frame && !says_who_may_frame(headers) {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    }
    if policy.referrer && !headers.contains_key(header::REFERRER_POLICY) {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    }
    if policy.cookies {
        secure_cookies(headers);
    }
    keep_redirect_outside(headers, place);
}

/// What tells an attacker what runs behind us goes, also from the head of a tunnel. Looks through the fields there are,
/// few, for the names there could be, many.
pub fn hide_banners(headers: &mut HeaderMap, policy: &HeaderPolicy) {
    if !policy.hide_banners {
        return;
    }
    // The first byte rules out nearly every field before fourteen comparisons.
    let is_banner = |name: &&HeaderName| {
        matches!(name.as_str().as_bytes().first(), Some(b'x' | b's' | b'v'))
            && BANNERS.contains(&name.as_str())
    };
    while let Some(name) = headers.keys().find(is_banner).cloned() {
        headers.remove(name);
    }
}

/// Two years, as Mozilla's guidelines 6.0 ask.
const fn hsts_value(hsts: Hsts) -> &'static str {
    match (hsts.include_subdomains, hsts.preload) {
        (false, false) => "max-age=63072000",
        (true, false) => "max-age=63072000; includeSubDomains",
        (false, true) => "max-age=63072000; preload",
        (true, true) => "max-age=63072000; includeSubDomains; preload",
    }
}

/// HSTS pins a whole host, all its ports, for two years: never one that developers share with other programs.
fn may_pin(host: &str) -> bool {
    let local = host == "localhost" || host.ends_with(".localhost") || host.ends_with(".test");
    !local && !host.starts_with('[') && host.parse::<std::net::Ipv4Addr>().is_err()
}

fn says_who_may_frame(headers: &HeaderMap) -> bool {
    headers.contains_key(header::X_FRAME_OPTIONS)
        || headers
            .get_all(header::CONTENT_SECURITY_POLICY)
            .iter()
            .any(|v| v.as_bytes().windows(15).any(|w| w.eq_ignore_ascii_case(b"frame-ancestors")))
}

fn secure_cookies(headers: &mut HeaderMap) {
    if !headers.contains_key(header::SET_COOKIE) {
        return;
    }
    let lines: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().map(secure_cookie).collect();
    headers.remove(header::SET_COOKIE);
    for line in lines {
        headers.append(header::SET_COOKIE, line);
    }
}

/// Adds Secure, SameSite=Lax and, where no script needs the cookie, HttpOnly.
fn secure_cookie(line: &HeaderValue) -> HeaderValue {
    let Ok(text) = line.to_str() else { return line.clone() };
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().and_then(|pair| pair.split_once('=')).map_or("", |(name, _)| name.trim());
    let (mut secure, mut http_only, mut same_site) = (false, false, false);
    for part in parts {
        let key = part.split('=').next().unwrap_or_default().trim();
        secure |= key.eq_ignore_ascii_case("secure");
        http_only |= key.eq_ignore_ascii_case("httponly");
        same_site |= key.eq_ignore_ascii_case("samesite");
    }
    let mut out = text.trim_end_matches([';', ' ']).to_owned();
    if !secure {
        out.push_str("; Secure");
    }
    if !http_only && holds_a_session(name) {
        out.push_str("; HttpOnly");
    }
    if !same_site {
        out.push_str("; SameSite=Lax");
    }
    HeaderValue::from_str(&out).unwrap_or_else(|_| line.clone())
}

/// Whether the name is that of a session, which no script reads. Anti-forgery tokens and cart counters are read by
/// scripts, so everything that is not plainly a session stays as it is.
fn holds_a_session(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let read_by_scripts = ["csrf", "xsrf", "form_key", "cart", "private_content", "section", "consent"];
    let session =
        ["sess", "sid", "auth", "login", "logged_in", "remember", "jwt", "access_token", "refresh_token"];
    !read_by_scripts.iter().any(|w| name.contains(w)) && session.iter().any(|w| name.contains(w))
}

/// A shop that does not know of us redirects to `http://` or to its inner address: neither may reach the client.
fn keep_redirect_outside(headers: &mut HeaderMap, place: Place<'_>) {
    let Some(location) = headers.get(header::LOCATION).and_then(|v| v.to_str().ok()) else { return };
    let rest_of = |prefix: &str| {
        location.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    };
    let insecure = format!("http://{}", place.authority);
    let insecure_bare = format!("http://{}", place.host);
    let rest = rest_of(&insecure).or_else(|| rest_of(&insecure_bare)).or_else(|| rest_of(place.upstream));
    if let Some(rest) = rest
        && let Ok(value) = HeaderValue::from_str(&format!("https://{}{rest}", place.authority))
    {
        headers.insert(header::LOCATION, value);
    }
}

/// Whether a content type is text that may show a card number or an error.
pub fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().as_bytes();
    let is = |word: &[u8]| kind.eq_ignore_ascii_case(word);
    let begins = |word: &[u8]| kind.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let ends = |word: &[u8]| {
        let at = kind.len().checked_sub(word.len());
        at.and_then(|at| kind.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    if begins(b"text/") {
        // Scripts and styles are the shop's program, not its data.
        return !is(b"text/css") && !is(b"text/javascript");
    }
    kind.is_empty()
        || ends(b"+json")
        || ends(b"+xml") && !is(b"image/svg+xml")
        || is(b"application/json")
        || is(b"application/xml")
        || is(b"application/csv")
}

/// Whether card numbers are looked for: in all text, and in what is data in a program's dress. Styles hold none.
pub fn may_show_cards(headers: &HeaderMap) -> bool {
    const MORE: [&str; 13] = [
        "text/javascript",
        "application/javascript",
        "application/x-javascript",
        "application/ecmascript",
        "application/ndjson",
        "application/x-ndjson",
        "application/jsonl",
        "application/json-seq",
        "application/yaml",
        "application/x-yaml",
        "application/vnd.ms-excel",
        "application/rtf",
        "image/svg+xml",
    ];
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    is_text(headers) || MORE.iter().any(|more| kind.eq_ignore_ascii_case(more))
}

/// Whether the body is a stream of events, which nobody may hold back.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"text/event-stream"))
}

/// Whether the body is compressed, so that its text cannot be read.
pub fn is_encoded(headers: &HeaderMap) -> bool {
    // Servers write `none` or `utf-8` there, and browsers then read the bytes as they are: so do we.
    const CODINGS: [&str; 9] =
        ["gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz"];
    let lines = headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    let mut codings = lines.flat_map(|line| line.split(',')).map(str::trim);
    codings.any(|coding| CODINGS.iter().any(|known| coding.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: HeaderPolicy = HeaderPolicy {
        hsts: Some(Hsts { include_subdomains: false, preload: false }),
        nosniff: true,
        frame: true,
        referrer: true,
        cookies: true,
        hide_banners: true,
    };
    const PLACE: Place<'_> =
        Place { host: "shop.example", authority: "shop.example:8443", upstream: "http://127.0.0.1:8080" };

    fn hardened(fields: &[(&'static str, &str)], policy: &HeaderPolicy, place: Place<'_>) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        harden(&mut headers, policy, place);
        headers.iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect()
    }

    #[test]
    fn only_a_known_coding_hides_text() {
        let encoded = |value: &str| {
            is_encoded(&HeaderMap::from_iter([(
                header::CONTENT_ENCODING,
                HeaderValue::from_str(value).unwrap(),
            )]))
        };
        for value in ["gzip", "BR", "identity, zstd", "x-gzip"] {
            assert!(encoded(value), "{value}");
        }
        for value in ["", "identity", "none", "utf-8", "aws-chunked"] {
            assert!(!encoded(value), "{value}");
        }
    }

    #[test]
    fn bare_responses_get_every_header() {
        let got = hardened(&[("server", "Apache/2.4"), ("x-powered-by", "PHP/7.1")], &ALL, PLACE);
        for wanted in [
            "strict-transport-security: max-age=63072000",
            "x-content-type-options: nosniff",
            "x-frame-options: SAMEORIGIN",
            "referrer-policy: strict-origin-when-cross-origin",
        ] {
            assert!(got.iter().any(|g| g == wanted), "{wanted} is missing in {got:?}");
        }
        assert!(!got.iter().any(|g| g.contains("Apache") || g.contains("PHP")));
    }

    #[test]
    fn each_can_be_switched_off_and_the_shop_may_know_better() {
        let off = HeaderPolicy {
            hsts: None,
            nosniff: false,
            frame: false,
            referrer: false,
            cookies: false,
            hide_banners: false,
        };
        assert_eq!(
            hardened(&[("server", "x"), ("set-cookie", "a=b")], &off, PLACE),
            ["server: x", "set-cookie: a=b"]
        );
        let own = hardened(
            &[("content-security-policy", "frame-ancestors 'none'"), ("referrer-policy", "no-referrer")],
            &ALL,
            PLACE,
        );
        assert!(!own.iter().any(|g| g.starts_with("x-frame-options")));
        assert!(own.contains(&"referrer-policy: no-referrer".to_owned()));
    }

    #[test]
    fn a_host_that_developers_share_is_never_pinned() {
        for host in ["localhost", "shop.localhost", "127.0.0.1", "[::1]", "shop.test"] {
            let got = hardened(&[], &ALL, Place { host, ..PLACE });
            assert!(!got.iter().any(|g| g.starts_with("strict-transport")), "{host}");
        }
    }

    #[test]
    fn cookies_get_the_flags_they_lack() {
        let check = |line: &str, expected: &str| {
            let got = secure_cookie(&line.parse().unwrap());
            assert_eq!(got.to_str().unwrap(), expected);
        };
        check("shop_session=1; Path=/", "shop_session=1; Path=/; Secure; HttpOnly; SameSite=Lax");
        check("PHPSESSID=1;", "PHPSESSID=1; Secure; HttpOnly; SameSite=Lax");
        check("csrftoken=1", "csrftoken=1; Secure; SameSite=Lax");
        check("cart=1; samesite=strict; SECURE", "cart=1; samesite=strict; SECURE");
        check("sid=1; HttpOnly; SameSite=None; Secure", "sid=1; HttpOnly; SameSite=None; Secure");
        check("a=secure", "a=secure; Secure; SameSite=Lax");
    }

    #[test]
    fn text_is_told_by_its_type() {
        let check = |kind: &str, expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            assert_eq!(is_text(&headers), expected, "{kind}");
        };
        for kind in [
            "Text/HTML; charset=utf-8",
            "application/JSON",
            "application/ld+json",
            "a/b+XML",
            "",
            "text/csv ",
        ] {
            check(kind, true);
        }
        for kind in ["text/css", "TEXT/javascript;x", "image/svg+xml", "image/png", "json", "text", "+jso"] {
            check(kind, false);
        }
        assert!(is_text(&HeaderMap::new()));
    }

    #[test]
    fn redirects_stay_outside_and_secure() {
        let check = |location: &str, expected: &str| {
            let got = hardened(&[("location", location)], &ALL, PLACE);
            assert!(got.contains(&format!("location: {expected}")), "{location}: {got:?}");
        };
        check("http://127.0.0.1:8080/cart?x=1", "https://shop.example:8443/cart?x=1");
        check("http://shop.example/cart", "https://shop.example:8443/cart");
        check("http://shop.example:8443", "https://shop.example:8443");
        check("/cart", "/cart");
        check("http://shop.example.evil.example/", "http://shop.example.evil.example/");
        check("https://pay.example/", "https://pay.example/");
    }
}
