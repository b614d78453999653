//! The shop's response made safer on its way out: security headers, cookie flags, banners, redirects.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use storeward_inspect::cards;

use crate::routes::{HeaderPolicy, Hsts};

/// Headers that tell an attacker what runs behind us.
fn is_banner(name: &str) -> bool {
    matches!(
        name,
        "server"
            | "x-powered-by"
            | "x-aspnet-version"
            | "x-aspnetmvc-version"
            | "x-generator"
            | "x-drupal-cache"
            | "x-drupal-dynamic-cache"
            | "x-magento-cache-debug"
            | "x-magento-debug"
            | "x-powered-cms"
            | "x-runtime"
            | "x-version"
            | "x-varnish"
            | "via"
    )
}

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
    let said = Said::by(headers);
    if said.banner {
        hide_banners(headers, policy);
    }
    if let Some(hsts) = policy.hsts
        && may_pin(place.host)
    {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(hsts_value(hsts)));
    }
    if policy.nosniff {
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    if policy.frame && !said.frame {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    }
    if policy.referrer && !said.referrer {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    }
    if policy.cookies && said.cookies {
        secure_cookies(headers);
    }
    if said.location {
        keep_redirect_outside(headers, place);
    }
}

/// What the shop said of all this itself, gathered in one pass.
#[derive(Default)]
struct Said {
    banner: bool,
    /// Who may frame it.
    frame: bool,
    referrer: bool,
    cookies: bool,
    location: bool,
}

impl Said {
    fn by(headers: &HeaderMap) -> Self {
        let mut said = Said::default();
        for (name, value) in headers {
            match *name {
                header::X_FRAME_OPTIONS => said.frame = true,
                header::CONTENT_SECURITY_POLICY => said.frame |= names_frame_ancestors(value),
                header::REFERRER_POLICY => said.referrer = true,
                header::SET_COOKIE => said.cookies = true,
                header::LOCATION => said.location = true,
                ref other => said.banner |= is_banner(other.as_str()),
            }
        }
        said
    }
}

/// What tells an attacker what runs behind us goes, also from the head of a tunnel. Looks through the fields there are,
/// few, for the names there could be, many.
pub fn hide_banners(headers: &mut HeaderMap, policy: &HeaderPolicy) {
    if !policy.hide_banners {
        return;
    }
    while let Some(name) = headers.keys().find(|name| is_banner(name.as_str())).cloned() {
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
    // No address begins otherwise, and few names do.
    let may_be_address = host.starts_with(|first: char| first.is_ascii_digit());
    let address = host.starts_with('[') || may_be_address && host.parse::<std::net::Ipv4Addr>().is_ok();
    !local && !address
}

fn names_frame_ancestors(policy: &HeaderValue) -> bool {
    policy.as_bytes().windows(15).any(|w| w.eq_ignore_ascii_case(b"frame-ancestors"))
}

/// Adds the flags that cookies lack, also in the head of a tunnel.
pub fn secure_cookies(headers: &mut HeaderMap) {
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

/// What a content type says of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dress {
    /// Text that may show a card number or an error.
    Text,
    /// A program, or a picture made of text: data may stand in it.
    Script,
    /// Styles: no data stands in them.
    Style,
    /// Pictures, films, sounds, fonts.
    Media,
    /// Anything else, `application/octet-stream` first: what it is only its bytes say.
    Other,
}

/// Data in a program's dress.
const SCRIPTS: [&str; 14] = [
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
    "application/x-www-form-urlencoded",
    "image/svg+xml",
];

/// Reads the content type.
pub fn dress(headers: &HeaderMap) -> Dress {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let first = kinds.next();
    let kind = first.and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind == "text/html" {
        return Dress::Text;
    }
    let kind = kind.split(';').next().unwrap_or_default().trim();
    // Of several that differ each reader takes another one.
    let kind = if kinds.any(|other| Some(other) != first) { "" } else { kind };
    let is = |word: &str| kind.eq_ignore_ascii_case(word);
    let bytes = kind.as_bytes();
    let begins =
        |word: &str| bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    let ends = |word: &str| {
        let at = bytes.len().checked_sub(word.len());
        at.and_then(|at| bytes.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(word.as_bytes()))
    };
    if is("text/css") {
        return Dress::Style;
    }
    if SCRIPTS.iter().any(|script| is(script)) {
        return Dress::Script;
    }
    let data = ["application/json", "application/xml", "application/csv"];
    if kind.is_empty() || begins("text/") || ends("+json") || ends("+xml") || data.iter().any(|word| is(word))
    {
        return Dress::Text;
    }
    match ["image/", "video/", "audio/", "font/"].iter().any(|media| begins(media)) {
        true => Dress::Media,
        false => Dress::Other,
    }
}

/// So many of the first bytes tell text from what is none.
const SNIFFED_BYTES: usize = 1024;

/// Whether a body that begins so is text: no byte in it that text never holds (WHATWG MIME Sniffing, section 3), or every
/// second one zero, as UTF-16 has it.
pub fn looks_like_text(body: &[u8]) -> bool {
    let head = body.get(..SNIFFED_BYTES).unwrap_or(body);
    if head.is_empty() || head.starts_with(b"%PDF") {
        return false;
    }
    let never = |byte: &u8| matches!(byte, 0..=8 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F);
    if !head.iter().any(never) {
        return true;
    }
    // Text in UTF-16 or UTF-32, whatever its order: zeros, and no other byte that text never holds.
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    zeros * 5 >= head.len() * 2 && !head.iter().any(|byte| *byte != 0 && never(byte))
}

/// Card numbers in the fields of an answer's head.
#[derive(Debug, Default)]
pub struct CardsInFields {
    pub masked: usize,
    /// A field that holds one and was left as it is.
    pub left_in: Option<HeaderName>,
}

/// Masks card numbers in an answer's fields; not in those that somebody follows, sends back or compares, where another
/// value breaks the shop: these are to be told.
pub fn mask_fields(headers: &mut HeaderMap) -> CardsInFields {
    const FEWEST_DIGITS: usize = 13;
    const KEPT: [HeaderName; 5] =
        [header::LOCATION, header::CONTENT_LOCATION, header::REFRESH, header::SET_COOKIE, header::ETAG];
    let mut found = CardsInFields::default();
    for (name, value) in headers.iter_mut() {
        let bytes = value.as_bytes();
        if bytes.len() < FEWEST_DIGITS {
            continue;
        }
        let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        if digits < FEWEST_DIGITS || cards::find(value.as_bytes()).is_empty() {
            continue;
        }
        let mut copy = value.as_bytes().to_vec();
        let count = cards::mask_in_place(&mut copy);
        match HeaderValue::from_bytes(&copy) {
            Ok(masked) if !KEPT.contains(name) => {
                *value = masked;
                found.masked += count;
            }
            _ => found.left_in = Some(name.clone()),
        }
    }
    found
}

/// Whether the body is a stream of events, which nobody may hold back.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    const KIND: &[u8] = b"text/event-stream";
    headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).is_some_and(|kind| {
        let (kind, more) = kind.split_at(KIND.len().min(kind.len()));
        kind.eq_ignore_ascii_case(KIND)
            && !more.first().is_some_and(|byte| !matches!(byte, b';' | b' ' | b'\t'))
    })
}

/// Whether the body is compressed, so that its text cannot be read.
pub fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(names_a_coding)
}

/// Whether a line of Content-Encoding names a coding. Servers write `none`, `utf-8` or nothing there, and browsers then
/// read the bytes as they are: so do we.
pub fn names_a_coding(line: &HeaderValue) -> bool {
    const CODINGS: [&str; 9] =
        ["gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz"];
    let mut codings = line.to_str().unwrap_or_default().split(',').map(str::trim);
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
    fn the_type_says_how_a_body_is_dressed() {
        let check = |kind: &str, expected: Dress| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            assert_eq!(dress(&headers), expected, "{kind}");
        };
        for kind in [
            "Text/HTML; charset=utf-8",
            "application/JSON",
            "application/ld+json",
            "a/b+XML",
            "",
            "text/csv ",
        ] {
            check(kind, Dress::Text);
        }
        check("text/css", Dress::Style);
        for kind in ["TEXT/javascript;x", "image/svg+xml", "application/x-ndjson"] {
            check(kind, Dress::Script);
        }
        for kind in ["image/png", "VIDEO/mp4", "font/woff2"] {
            check(kind, Dress::Media);
        }
        let others =
            ["application/octet-stream", "application/force-download", "application/x-csv", "json", "text"];
        for kind in
            others.into_iter().chain(["+jso", "application/x-pem-file", "multipart/mixed; boundary=b"])
        {
            check(kind, Dress::Other);
        }
        assert_eq!(dress(&HeaderMap::new()), Dress::Text);
        // Said twice it is the same; of two that differ nobody knows which is read.
        for (second, expected) in [("image/png", Dress::Media), ("text/html", Dress::Text)] {
            let mut headers = HeaderMap::new();
            headers.append(header::CONTENT_TYPE, "image/png".parse().unwrap());
            headers.append(header::CONTENT_TYPE, second.parse().unwrap());
            assert_eq!(dress(&headers), expected, "{second}");
        }
    }

    #[test]
    fn the_first_bytes_tell_text_from_the_rest() {
        let utf_16: Vec<u8> = "name;card\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let utf_32: Vec<u8> = "name;card".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let long = [b"a;b\n".repeat(256), vec![0; 64]].concat();
        let texts: [&[u8]; 8] = [
            b"name,card\r\n",
            "\u{feff}sep=;\n".as_bytes(),
            b"caf\xE9;1\n",
            b"\x1B[1mlog\x1B[0m\n",
            b"-----BEGIN PRIVATE KEY-----\n",
            &utf_16,
            &utf_32,
            &long,
        ];
        for text in texts {
            assert!(looks_like_text(text), "{:?}", String::from_utf8_lossy(text));
        }
        let binaries: [&[u8]; 9] = [
            b"",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            b"PK\x03\x04\x14\0\x08\0",
            b"%PDF-1.7\n1 0 obj\n",
            b"\x1f\x8b\x08\0\0",
            b"wOF2\0\x01\0\0",
            b"\x7fELF\x02\x01\x01\0\0\0",
            b"\0\0\0\x20ftypisom",
            b"SQLite format 3\0\x10\0\x01\x01",
        ];
        for binary in binaries {
            assert!(!looks_like_text(binary), "{:?}", String::from_utf8_lossy(binary));
        }
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
