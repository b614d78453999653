//! The shop's cookies: which of them the browser never sees, and what a line that sets one says.

use crate::model::Cookies;

/// One `Set-Cookie` line, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieLine<'l> {
    pub name: &'l str,
    pub value: &'l str,
    /// `/` where the line names none.
    pub path: &'l str,
    /// The line takes the cookie back: an empty value, `Max-Age` of zero or less, or a date of the last century.
    pub is_removal: bool,
    /// Scripts cannot read it.
    pub is_http_only: bool,
    /// It outlives the browser's end: `Max-Age` or `Expires` stands there.
    pub is_lasting: bool,
}

impl<'l> CookieLine<'l> {
    /// Reads the value of a `Set-Cookie` header. `None` for what no browser would keep.
    pub fn parse(line: &'l str) -> Option<Self> {
        let mut parts = line.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() {
            return None;
        }
        let mut found = CookieLine {
            name,
            value,
            path: "/",
            is_removal: is_void(value),
            is_http_only: false,
            is_lasting: false,
        };
        for part in parts {
            let (key, text) = part.split_once('=').unwrap_or((part, ""));
            let (key, text) = (key.trim(), text.trim());
            if key.eq_ignore_ascii_case("max-age") {
                found.is_removal |= text.parse::<i64>().is_ok_and(|seconds| seconds <= 0);
                found.is_lasting = true;
            } else if key.eq_ignore_ascii_case("expires") {
                found.is_removal |= text.contains("1970");
                found.is_lasting = true;
            } else if key.eq_ignore_ascii_case("httponly") {
                found.is_http_only = true;
            } else if key.eq_ignore_ascii_case("path") && text.starts_with('/') {
                found.path = text;
            }
        }
        Some(found)
    }
}

/// What shops write into a cookie that they take back.
fn is_void(value: &str) -> bool {
    matches!(value.trim_matches('"').trim(), "" | "deleted" | "%20" | "+")
}

/// The pairs of a `Cookie` header.
pub fn cookie_pairs(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split(';').filter_map(|pair| pair.trim().split_once('='))
}

impl Cookies {
    /// Whether the browser never gets to see a cookie of this name.
    pub fn are_kept(&self, name: &str) -> bool {
        self.session.iter().any(|p| name_fits(p, name)) && !self.are_let_through(name)
    }

    /// Whether the file says that a cookie of this name is the browser's.
    pub fn are_let_through(&self, name: &str) -> bool {
        self.except.iter().any(|p| name_fits(p, name))
    }
}

/// `*` at the end stands for any ending. Cookie names are case-sensitive.
pub(crate) fn name_fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_what_they_set_and_what_they_take_back() {
        let line = CookieLine::parse("sid=abc; Path=/shop; HttpOnly").unwrap();
        assert_eq!((line.name, line.value, line.path, line.is_removal), ("sid", "abc", "/shop", false));
        for removal in [
            "sid=; Path=/",
            "sid=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0",
            "sid=x; max-age=-1",
            "sid=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "wordpress_logged_in_1=%20; expires=Mon, 24 Nov 2025 00:00:00 GMT",
        ] {
            assert!(CookieLine::parse(removal).unwrap().is_removal, "{removal}");
        }
        for (line, is_lasting) in [
            ("sid=a; Path=/", false),
            ("sid=a; max-age=60", true),
            ("sid=a; Expires=Sat, 28 Nov 2026 00:00:00 GMT", true),
        ] {
            assert_eq!(CookieLine::parse(line).unwrap().is_lasting, is_lasting, "{line}");
        }
        assert_eq!(CookieLine::parse("=x"), None);
        assert_eq!(CookieLine::parse("flag"), None);
    }

    #[test]
    fn names_are_kept_by_pattern() {
        let cookies = Cookies {
            session: vec!["wordpress_*".into(), "sessionid".into()],
            except: vec!["wordpress_test_cookie".into()],
            names_all: false,
            only: false,
        };
        for (name, kept) in [
            ("wordpress_logged_in_af", true),
            ("wordpress_test_cookie", false),
            ("sessionid", true),
            ("sessionid2", false),
            ("SessionId", false),
        ] {
            assert_eq!(cookies.are_kept(name), kept, "{name}");
        }
        assert_eq!(cookie_pairs("a=1; b=2=3;c").collect::<Vec<_>>(), [("a", "1"), ("b", "2=3")]);
    }
}
