//! Cookies with the `__Host-` prefix (RFC 6265bis §4.1.3.2): bound to this host, sent over TLS only, unseen by script.

use http::{HeaderMap, HeaderValue, header};

/// A cookie of ours. The name must begin with `__Host-`.
#[derive(Clone, Copy, Debug)]
pub struct Cookie {
    pub name: &'static str,
    pub same_site: SameSite,
}

/// On which requests from other sites the cookie is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// On none.
    Strict,
    /// When a person follows a link.
    Lax,
}

impl Cookie {
    /// The value the browser sent. `None` when there is none, or more than one: two cookies of one name mean that
    /// somebody planted one.
    pub fn read(self, headers: &HeaderMap) -> Option<&str> {
        let mut found = None;
        for line in headers.get_all(header::COOKIE) {
            // The cookies beside ours are the shop's, in whatever bytes its scripts wrote.
            for pair in line.as_bytes().split(|byte| *byte == b';') {
                let pair = pair.trim_ascii();
                let at = pair.iter().position(|byte| *byte == b'=');
                let Some((name, value)) = at.and_then(|at| pair.split_at_checked(at)) else { continue };
                if name == self.name.as_bytes() {
                    if found.is_some() {
                        return None;
                    }
                    found = Some(value.get(1..).unwrap_or_default());
                }
            }
        }
        std::str::from_utf8(found?).ok().filter(|value| value.is_ascii())
    }

    /// The header line that sets it. `None` when `value` holds anything but letters, digits, `-` and `_`.
    /// Without `max_age_seconds` it ends with the browser's session.
    pub fn set(self, value: &str, max_age_seconds: Option<u64>) -> Option<HeaderValue> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !value.bytes().all(plain) {
            return None;
        }
        let same_site = match self.same_site {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
        };
        let age = max_age_seconds.map(|s| format!("; Max-Age={s}")).unwrap_or_default();
        let line = format!("{}={value}; Path=/; Secure; HttpOnly; SameSite={same_site}{age}", self.name);
        HeaderValue::try_from(line).ok()
    }

    /// The header line that takes it back.
    pub fn clear(self) -> Option<HeaderValue> {
        self.set("", Some(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: Cookie = Cookie { name: "__Host-test", same_site: SameSite::Strict };

    #[test]
    fn carries_every_flag() {
        assert_eq!(
            COOKIE.set("abc", Some(60)).unwrap(),
            "__Host-test=abc; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=60"
        );
        assert_eq!(COOKIE.set("a; Domain=evil", None), None);
    }

    // One cookie of the shop with a letter beyond ASCII, and nobody was signed in.
    #[test]
    fn cookies_of_others_in_whatever_bytes_hide_none() {
        for line in [
            "visitor=Zo\u{eb}; __Host-test=good".as_bytes(),
            "__Host-test=good; visitor=Zo\u{eb}".as_bytes(),
            b"visitor=Z\xfcrich;__Host-test=good;\xff",
            b"\xfc\xff=1; __Host-test=good; =; x",
        ] {
            let mut headers = HeaderMap::new();
            headers.append(header::COOKIE, HeaderValue::from_bytes(b"city=\xc3\xbc").unwrap());
            headers.append(header::COOKIE, HeaderValue::from_bytes(line).unwrap());
            headers.append(header::COOKIE, HeaderValue::from_bytes(b"\xff").unwrap());
            assert_eq!(COOKIE.read(&headers), Some("good"), "{line:?}");
            headers.append(header::COOKIE, HeaderValue::from_bytes(b"__Host-test=planted\xff").unwrap());
            assert_eq!(COOKIE.read(&headers), None, "{line:?}");
        }
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_bytes(b"__Host-test=g\xfc").unwrap());
        assert_eq!(COOKIE.read(&headers), None, "only what we wrote is ours");
    }

    #[test]
    fn a_planted_second_cookie_voids_both() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; __Host-test=good"));
        assert_eq!(COOKIE.read(&headers), Some("good"));
        headers.append(header::COOKIE, HeaderValue::from_static("__Host-test=planted"));
        assert_eq!(COOKIE.read(&headers), None);
    }
}
