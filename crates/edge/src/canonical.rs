//! One true path, query, host and client address, made once; every later stage uses these.
//!
//! What could be read in two ways is refused, not repaired: dot segments, encoded NUL, a Host with a path, an HTTP/2
//! `host` beside another `:authority`.

use std::net::IpAddr;

use http::{HeaderMap, Method, Uri, header};
use storeward_base::{AddressList, ClientIp};

/// A request's target after all reading is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Decoded once, backslashes as slashes, doubled slashes merged: for routes, rules and people.
    pub path: String,
    /// What goes to the shop: path and query as the client wrote them.
    pub forward: String,
    /// Where in `forward` the query begins, behind the `?`.
    query_at: Option<usize>,
    /// Lower case, without port or trailing dot.
    pub host: String,
}

impl Target {
    /// The raw path, without `?`.
    pub fn written(&self) -> &str {
        let end = self.query_at.map_or(self.forward.len(), |at| at.saturating_sub(1));
        self.forward.get(..end).unwrap_or(&self.forward)
    }

    /// The raw query, without `?`.
    pub fn query(&self) -> Option<&str> {
        self.query_at.and_then(|at| self.forward.get(at..))
    }
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    /// Stable; stands in events.
    pub code: &'static str,
}

const fn refused(status: u16, code: &'static str) -> Refused {
    Refused { status, code }
}

/// Methods that reach the shop. TRACE and CONNECT never do.
pub fn check_method(method: &Method) -> Result<(), Refused> {
    match method.as_str() {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => Ok(()),
        "TRACE" | "CONNECT" | "TRACK" => Err(refused(405, "method.forbidden")),
        // WebDAV and the like: a shop that needs them says so when a later version lets it.
        _ => Err(refused(501, "method.unknown")),
    }
}

/// Reads the target and host of a request. `names` are the shop's own.
pub fn target(uri: &Uri, headers: &HeaderMap, names: &[String]) -> Result<Target, Refused> {
    let host = host(uri, headers)?;
    if !names.iter().any(|n| name_matches(n, &host)) {
        return Err(refused(421, "host.not_ours"));
    }
    let forward = uri.path_and_query().map_or("/", |pq| pq.as_str());
    if !forward.starts_with('/') {
        return Err(refused(400, "target.form"));
    }
    if forward.bytes().any(|b| !(0x21..0x7F).contains(&b) || matches!(b, b'#' | b'"' | b'<' | b'>')) {
        return Err(refused(400, "target.character"));
    }
    let raw_path = uri.path();
    let path = canonical_path(raw_path)?;
    let query_at = forward.bytes().position(|byte| byte == b'?').map(|at| at + 1);
    Ok(Target { path, forward: forward.to_owned(), query_at, host })
}

/// The one host: from Host, `:authority` or an absolute target, which must agree.
fn host(uri: &Uri, headers: &HeaderMap) -> Result<String, Refused> {
    let mut lines = headers.get_all(header::HOST).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(refused(400, "host.repeated"));
    }
    let from_header =
        line.map(|v| v.to_str().map_err(|_| refused(400, "host.invalid")).and_then(bare_host)).transpose()?;
    let from_target = uri.authority().map(|a| bare_host(a.as_str())).transpose()?;
    match (from_target, from_header) {
        (Some(a), Some(b)) if a != b => Err(refused(400, "host.contradictory")),
        (Some(host), _) | (None, Some(host)) => Ok(host),
        (None, None) => Err(refused(400, "host.missing")),
    }
}

/// Host without port, lower case; refuses user info, lists, paths and anything else that is no host.
fn bare_host(text: &str) -> Result<String, Refused> {
    let invalid = refused(400, "host.invalid");
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or(invalid)?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| invalid)?;
            let port = after.strip_prefix(':').or(if after.is_empty() { None } else { Some("x") });
            (text.get(..address.len() + 2).ok_or(invalid)?, port)
        }
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    if port.is_some_and(|p| p.parse::<u16>().is_err() || !p.bytes().all(|b| b.is_ascii_digit())) {
        return Err(invalid);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let sound = !name.is_empty()
        && name.len() <= 253
        && (name.starts_with('[')
            || name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')));
    if sound { Ok(name.to_ascii_lowercase()) } else { Err(invalid) }
}

/// `*.shop.example` matches one label; everything else matches itself.
pub(crate) fn name_matches(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => name == host,
    }
}

/// Decodes once; refuses what a shop could read as another path.
fn canonical_path(raw: &str) -> Result<String, Refused> {
    if is_canonical(raw) {
        return Ok(raw.to_owned());
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let pair = (bytes.next().and_then(hex_value), bytes.next().and_then(hex_value));
            let (Some(high), Some(low)) = pair else {
                return Err(refused(400, "path.percent_encoding"));
            };
            high << 4 | low
        } else {
            byte
        };
        match byte {
            0 => return Err(refused(400, "path.nul")),
            b'\r' | b'\n' => return Err(refused(400, "path.line_end")),
            b'/' | b'\\' if decoded.last() == Some(&b'/') => {}
            b'\\' => decoded.push(b'/'),
            other => decoded.push(other),
        }
    }
    // `;` begins a path parameter in Java and old PHP servers: `/..;/` climbs there.
    let is_dots = |segment: &[u8]| {
        let name = segment.split(|b| *b == b';').next().unwrap_or_default();
        matches!(name, b"." | b"..")
    };
    if decoded.split(|b| *b == b'/').any(is_dots) {
        return Err(refused(400, "path.dot_segment"));
    }
    String::from_utf8(decoded).or_else(|e| Ok(String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// Whether a path is surely what it would become: nearly every one is. A segment that begins with a dot is looked at closely.
fn is_canonical(raw: &str) -> bool {
    let mut before = b'/';
    let first = raw.strip_prefix('/');
    first.unwrap_or("/").bytes().all(|byte| {
        let doubtful = matches!(byte, b'%' | b'\\' | 0 | b'\r' | b'\n' | 0x80..)
            || (before == b'/' && matches!(byte, b'/' | b'.'));
        before = byte;
        !doubtful
    })
}

const fn hex_value(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    }
}

/// The client's address: the peer's, or, where the peer is a proxy that is trusted, the nearest address in X-Forwarded-For that is not
/// trusted itself. `None` where what such a proxy added is no address: nobody is taken for the proxy because of bytes that nobody can
/// read.
pub fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &AddressList) -> Option<ClientIp> {
    let peer = peer.to_canonical();
    if trusted.is_empty() || !trusted.contains(peer) {
        return Some(ClientIp::new(peer));
    }
    let mut nearest = peer;
    let lines: Vec<&[u8]> =
        headers.get_all("x-forwarded-for").iter().map(http::HeaderValue::as_bytes).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')).take(32);
    for hop in hops {
        nearest = std::str::from_utf8(hop.trim_ascii()).ok().and_then(hop_address)?;
        if !trusted.contains(nearest) {
            break;
        }
    }
    Some(ClientIp::new(nearest))
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn hop_address(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).and_then(|t| t.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        vec!["shop.example".into(), "*.cdn.example".into(), "[::1]".into()]
    }

    fn read(uri: &str, hosts: &[&str]) -> Result<Target, &'static str> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, http::HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        target(&uri.parse().unwrap(), &headers, &names()).map_err(|r| r.code)
    }

    #[test]
    fn paths_have_one_form() {
        let path = |uri: &str| read(uri, &["shop.example"]).map(|t| t.path);
        assert_eq!(path("/a/b").as_deref(), Ok("/a/b"));
        assert_eq!(path("/a//b").as_deref(), Ok("/a/b"));
        assert_eq!(path("/%61dmin%2fexport").as_deref(), Ok("/admin/export"));
        assert_eq!(path("/admin%5cexport").as_deref(), Ok("/admin/export"));
        assert_eq!(path("/caf%C3%A9").as_deref(), Ok("/café"));
        assert_eq!(path("/a%252e").as_deref(), Ok("/a%2e"));
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        for (uri, code) in [
            ("/a/../b", "path.dot_segment"),
            ("/a/%2e%2e/b", "path.dot_segment"),
            ("/a/.%2e%2fb", "path.dot_segment"),
            ("/a/..%5cb", "path.dot_segment"),
            ("/./a", "path.dot_segment"),
            ("/..;/admin", "path.dot_segment"),
            ("/a%00.php", "path.nul"),
            ("/a%0d%0aX:1", "path.line_end"),
            ("/a%zz", "path.percent_encoding"),
            ("/a%2", "path.percent_encoding"),
        ] {
            assert_eq!(read(uri, &["shop.example"]), Err(code), "{uri}");
        }
    }

    #[test]
    fn there_is_one_host() {
        assert_eq!(read("/", &["SHOP.example.:8443"]).unwrap().host, "shop.example");
        assert_eq!(read("/", &["[::1]:8443"]).unwrap().host, "[::1]");
        assert_eq!(read("https://shop.example/x", &["shop.example"]).unwrap().path, "/x");
        assert_eq!(read("/", &["img.cdn.example"]).unwrap().host, "img.cdn.example");
        for (uri, hosts, code) in [
            ("/", &[][..], "host.missing"),
            ("/", &["shop.example", "shop.example"][..], "host.repeated"),
            ("/", &["shop.example, evil.example"], "host.invalid"),
            ("/", &["shop.example/x"], "host.invalid"),
            ("/", &["user@shop.example"], "host.invalid"),
            ("/", &["shop.example:80:90"], "host.invalid"),
            ("/", &["shop.example:+80"], "host.invalid"),
            ("/", &["[::1]x"], "host.invalid"),
            ("/", &["evil.example"], "host.not_ours"),
            ("/", &["a.b.cdn.example"], "host.not_ours"),
            ("https://shop.example/", &["img.cdn.example"], "host.contradictory"),
        ] {
            assert_eq!(read(uri, hosts), Err(code), "{uri} {hosts:?}");
        }
    }

    #[test]
    fn the_query_is_kept_raw() {
        let target = read("/s?q=%27+or+1=1&b", &["shop.example"]).unwrap();
        assert_eq!((target.query(), target.path.as_str()), (Some("q=%27+or+1=1&b"), "/s"));
        assert_eq!(target.written(), "/s");
        assert_eq!(read("/s", &["shop.example"]).unwrap().query(), None);
        assert_eq!(read("/%73//x", &["shop.example"]).unwrap().written(), "/%73//x");
    }

    #[test]
    fn forwarded_addresses_count_only_from_listed_proxies() {
        let trusted = AddressList::parse(&["10.0.0.0/8"]).unwrap();
        let client = |peer: &str, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                let bytes: Vec<u8> = line.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
                headers.append("x-forwarded-for", http::HeaderValue::from_bytes(&bytes).unwrap());
            }
            client_ip(peer.parse().unwrap(), &headers, &trusted)
                .map_or_else(|| "nobody".to_owned(), |client| client.to_string())
        };
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        // The client wrote the first hop itself: only what the proxies added is believed.
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["198.51.100.7", "10.0.0.9"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        // One byte that is no ASCII, and whoever sent it was the proxy.
        for before in ["\u{ff}", "unknown", "", "1.1.1.1 \u{e9}", "\u{ff}, 10.0.0.2"] {
            assert_eq!(client("10.0.0.1", &[&format!("{before}, 198.51.100.7")]), "198.51.100.7", "{before}");
            assert_eq!(client("10.0.0.1", &[before, "198.51.100.7"]), "198.51.100.7", "{before}");
        }
        for line in [
            "\u{ff}",
            "unknown",
            "",
            " ",
            "198.51.100.7, \u{ff}",
            "198.51.100.7, , 10.0.0.2",
            "198.51.100.7\u{ff}",
        ] {
            assert_eq!(client("10.0.0.1", &[line]), "nobody", "{line}");
            assert_eq!(client("192.0.2.1", &[line]), "192.0.2.1", "{line}");
        }
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn methods_are_listed() {
        assert!(check_method(&Method::PATCH).is_ok());
        assert_eq!(check_method(&Method::TRACE).unwrap_err().status, 405);
        assert_eq!(check_method(&Method::CONNECT).unwrap_err().status, 405);
        assert_eq!(check_method(&"get".parse().unwrap()).unwrap_err().status, 501);
        assert_eq!(check_method(&"PROPFIND".parse().unwrap()).unwrap_err().status, 501);
    }
}
