//! Where an address leads that a shop writes into an answer, as a browser reads it (WHATWG URL, and RFC 3986 section 5.2): whole,
//! without a scheme, from the host's root or from beside the page. Whatever a browser could read in another way leads nowhere here.

/// Of `http` or `https`, with its path made whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The host with its port, if one is named; that of the page, if not.
    pub host: Option<String>,
    /// Begins with `/`, and has no `.` or `..` in it.
    pub path: String,
    pub query: Option<String>,
}

impl Address {
    /// Reads an address on a page at `base`, which is a path with or without a query. `None` for another scheme, for one with a name or
    /// a password before its host, and for what no address is.
    pub fn read(address: &str, base: &str) -> Option<Self> {
        // A browser drops these, wherever they stand.
        let plain = address.trim_matches(|c: char| c <= ' ').replace(['\t', '\n', '\r'], "");
        let plain = plain.split('#').next().unwrap_or_default();
        let (before, query) = match plain.split_once('?') {
            Some((before, query)) => (before, Some(query.to_owned())),
            None => (plain, None),
        };
        // To a browser these are one in the schemes that it knows.
        let before = before.replace('\\', "/");
        let rest = match scheme_of(&before) {
            Some((scheme, rest)) => {
                let is_known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
                // Without two strokes it is read in two ways, by the scheme of the page.
                Some(rest).filter(|rest| is_known && rest.starts_with("//"))?
            }
            None => &before,
        };
        let (host, path) = match rest.strip_prefix("//") {
            None => (None, rest),
            Some(rest) => {
                // However many there are, the host comes behind them.
                let rest = rest.trim_start_matches('/');
                let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(Some(host).filter(|host| is_host(host))?.to_owned()), path)
            }
        };
        let (folder, own_query) =
            base.split_once('?').map_or((base, None), |(path, query)| (path, Some(query)));
        let query = match (path, &host, query) {
            ("", None, None) => own_query.map(str::to_owned),
            (_, _, query) => query,
        };
        let path = match (path, &host) {
            ("", None) => without_dots(folder),
            ("", Some(_)) => "/".to_owned(),
            (path, _) if path.starts_with('/') => without_dots(path),
            (path, _) => {
                let folder = folder.rfind('/').and_then(|at| folder.get(..=at)).unwrap_or("/");
                without_dots(&format!("{folder}{path}"))
            }
        };
        Some(Address { host, path, query })
    }

    /// The path with its query, to ask for.
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

/// A scheme before its colon, and what stands behind it.
fn scheme_of(address: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = address.split_once(':')?;
    let is_one = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    is_one.then_some((scheme, rest))
}

/// A name or an address, with or without a port. Nobody's name or password stands before it.
fn is_host(host: &str) -> bool {
    let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':' | b'[' | b']');
    !host.is_empty() && !host.starts_with(':') && host.bytes().all(letters)
}

/// Takes `.` and `..` out, however their dots are written.
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut ends_open = true;
    for part in path.split('/').skip(1) {
        let dots = part.replace("%2e", ".").replace("%2E", ".");
        ends_open = matches!(dots.as_str(), "." | "..");
        match dots.as_str() {
            "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let end = if ends_open && !parts.is_empty() { "/" } else { "" };
    format!("/{}{end}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_leads_where_a_browser_goes() {
        let check = |address: &str, expected: Option<(Option<&str>, &str)>| {
            let read = Address::read(address, "/de/account/data/?tab=1");
            let read = read.map(|address| (address.host.clone(), address.target()));
            let expected = expected.map(|(host, target)| (host.map(str::to_owned), target.to_owned()));
            assert_eq!(read, expected, "{address:?}");
        };
        let own = |target| Some((None, target));
        let at = |host, target| Some((Some(host), target));
        check("/login?back=/x#part", own("/login?back=/x"));
        // Beside the page, above it, and the page itself.
        check("login", own("/de/account/data/login"));
        check("./login", own("/de/account/data/login"));
        check("../../login/?x=/y/../z", own("/de/login/?x=/y/../z"));
        check("../../../../../login", own("/login"));
        check("/a/%2e%2E/login", own("/login"));
        check("/a/..", own("/"));
        check("/a/b/..", own("/a/"));
        check("..", own("/de/account/"));
        check("?tab=2", own("/de/account/data/?tab=2"));
        check("#part", own("/de/account/data/?tab=1"));
        check("", own("/de/account/data/?tab=1"));
        // A colon is a scheme's only before the first stroke.
        check("/a:b", own("/a:b"));
        check("./a:b", own("/de/account/data/a:b"));
        // Hosts: whole addresses, without a scheme, with a port, with nothing behind them.
        check("https://Shop.example/login", at("Shop.example", "/login"));
        check("HTTP://shop.example:8080/a/../login", at("shop.example:8080", "/login"));
        check("//other.example/login", at("other.example", "/login"));
        check("https://shop.example", at("shop.example", "/"));
        check("https://shop.example?x=1", at("shop.example", "/?x=1"));
        check("https://[2001:db8::1]:8443/login", at("[2001:db8::1]:8443", "/login"));
        // What browsers take for two strokes.
        check("\\\\other.example/login", at("other.example", "/login"));
        check("/\\other.example\\login", at("other.example", "/login"));
        check("///other.example/login", at("other.example", "/login"));
        check(" \t/\n/other.example/login", at("other.example", "/login"));
        check("\\login", own("/login"));
        check("/a?next=\\\\other.example", own("/a?next=\\\\other.example"));
        // Nowhere.
        for nowhere in [
            "https://shop.example@other.example/login",
            "//ida:secret@shop.example/",
            "javascript:alert(1)",
            "mailto:shop@shop.example",
            "https:login",
            "https:/login",
            "https://",
            "//",
            "https://shop.example\u{ad}/login",
            "https://:443/",
        ] {
            check(nowhere, None);
        }
    }
}
