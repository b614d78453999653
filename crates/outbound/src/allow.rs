//! Which destinations calls may go to.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use http::Uri;

use crate::error::OutboundError;

/// What is spoken there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    Http,
    Https,
    /// Mail, in the clear until STARTTLS (RFC 3207).
    Smtp,
    /// Mail inside of TLS from the first byte (RFC 8314 section 3.3).
    Smtps,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Smtp => "smtp",
            Scheme::Smtps => "smtps",
        }
    }

    /// 587 and 465 are those of submission (RFC 6409, RFC 8314): mail is handed to the operator's server, never to a
    /// stranger's.
    const fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
            Scheme::Smtp => 587,
            Scheme::Smtps => 465,
        }
    }

    /// TLS comes before the first word.
    const fn begins_with_tls(self) -> bool {
        matches!(self, Scheme::Https | Scheme::Smtps)
    }
}

/// Scheme, host and port. Two are the same only when all three are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    scheme: Scheme,
    /// Lower case; an IPv6 address stands without its brackets.
    host: String,
    port: u16,
}

impl Destination {
    /// Reads `https://host` or `http://host:port`; nothing may follow the port but one `/`.
    pub fn parse(text: &str) -> Result<Self, OutboundError> {
        let uri = parse_url(text)?;
        if uri.query().is_some() || uri.path() != "/" {
            return Err(OutboundError::url("a destination ends behind its port"));
        }
        Destination::of(&uri)
    }

    /// Where a URL leads, whatever its path: `https://host/otlp` leads to `https://host`.
    pub fn of_url(url: &str) -> Result<Self, OutboundError> {
        Destination::of(&parse_url(url)?)
    }

    /// Where mail is handed in: `smtp` or `smtps`, a host's name or address, and a port (the scheme's own when left out).
    pub fn mail(scheme: Scheme, host: &str, port: Option<u16>) -> Result<Self, OutboundError> {
        let host = if host.contains(':') { read_host(&format!("[{host}]"))? } else { read_host(host)? };
        let port = port.unwrap_or(scheme.port());
        if port == 0 {
            return Err(OutboundError::url("its port is no number from 1 to 65535"));
        }
        Ok(Destination { scheme, host, port })
    }

    /// Where a URL leads.
    pub(crate) fn of(uri: &Uri) -> Result<Self, OutboundError> {
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            _ => return Err(OutboundError::url("it must begin with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| OutboundError::url("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(OutboundError::url("credentials do not belong in it"));
        }
        let host = read_host(authority.host())?;
        let port = read_port(authority.as_str().get(authority.host().len()..).unwrap_or(":"), scheme)?;
        Ok(Destination { scheme, host, port })
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    pub(crate) fn begins_with_tls(&self) -> bool {
        self.scheme.begins_with_tls()
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host where it is an address and not a name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// What the `Host` header says: without the port where it is the scheme's own (RFC 9110 section 4.2.3).
    pub(crate) fn host_header(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.port() { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host_header())
    }
}

/// A URL as far as `http` checks it: no control characters, no blanks; a fragment is dropped.
pub(crate) fn parse_url(text: &str) -> Result<Uri, OutboundError> {
    const LONGEST_BYTES: usize = 8_192;
    if text.len() > LONGEST_BYTES {
        return Err(OutboundError::url("it is longer than 8,192 bytes"));
    }
    text.parse().map_err(|_| OutboundError::url("write it like https://host/path"))
}

/// Letters, digits, `-`, `_` and `.` only: what is left can be read in one way by every resolver.
pub(crate) fn read_host(text: &str) -> Result<String, OutboundError> {
    if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        let ip: std::net::Ipv6Addr =
            inner.parse().map_err(|_| OutboundError::url("its host is no IPv6 address"))?;
        return Ok(ip.to_string());
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let fits = !text.is_empty() && text.len() <= 253 && !text.ends_with('.') && text.bytes().all(plain);
    if fits { Ok(text.to_ascii_lowercase()) } else { Err(OutboundError::url("its host is no host name")) }
}

/// What stands behind the host. Read here, because `http` takes a port it cannot read for none at all.
fn read_port(text: &str, scheme: Scheme) -> Result<u16, OutboundError> {
    let wrong = || OutboundError::url("its port is no number from 1 to 65535");
    match text.strip_prefix(':') {
        None if text.is_empty() => Ok(scheme.port()),
        None => Err(wrong()),
        Some(digits) if !digits.bytes().all(|b| b.is_ascii_digit()) => Err(wrong()),
        Some(digits) => digits.parse().ok().filter(|port| *port != 0).ok_or_else(wrong),
    }
}

/// How far a listed destination may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses only.
    Public,
    /// Addresses inside too: this destination was named by the operator as one of ours.
    Internal,
}

/// The destinations of one client, built from the config and from nothing that a visitor can say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList(BTreeMap<Destination, Reach>);

impl AllowList {
    /// Nothing is allowed.
    pub fn new() -> Self {
        AllowList::default()
    }

    /// Adds a destination out in the world, such as `https://api.example.com`.
    pub fn public(self, destination: &str) -> Result<Self, OutboundError> {
        Ok(self.with(Destination::parse(destination)?, Reach::Public))
    }

    /// Adds a destination that may lie on this machine or in its network, such as `http://127.0.0.1:4318`.
    pub fn internal(self, destination: &str) -> Result<Self, OutboundError> {
        Ok(self.with(Destination::parse(destination)?, Reach::Internal))
    }

    /// Adds a destination that was read before. One listed as internal stays so, in whichever order the two were said.
    #[must_use]
    pub fn with(mut self, destination: Destination, reach: Reach) -> Self {
        let known = self.0.entry(destination).or_insert(reach);
        if reach == Reach::Internal {
            *known = reach;
        }
        self
    }

    /// How far this very destination may lie; `None` when it is not listed.
    pub fn reach(&self, destination: &Destination) -> Option<Reach> {
        self.0.get(destination).copied()
    }

    pub(crate) fn wants_tls(&self) -> bool {
        self.0.keys().any(Destination::begins_with_tls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_scheme_host_and_port() {
        let list = AllowList::new()
            .public("https://API.example.com/")
            .unwrap()
            .internal("http://127.0.0.1:4318")
            .unwrap();
        let check = |url: &str, expected| {
            let destination = Destination::of(&parse_url(url).unwrap()).unwrap();
            assert_eq!(list.reach(&destination), expected, "{url}");
        };
        check("https://api.example.com/v1/x?y=z", Some(Reach::Public));
        check("https://api.example.com:443/", Some(Reach::Public));
        check("http://127.0.0.1:4318/v1/traces", Some(Reach::Internal));
        check("http://api.example.com/", None);
        check("https://api.example.com:8443/", None);
        check("https://api.example.com.evil.example/", None);
        check("https://example.com/", None);
        check("http://localhost:4318/", None);
        check("http://127.0.0.1/", None);
    }

    #[test]
    fn refuses_what_can_be_read_in_two_ways() {
        for text in [
            "",
            "example.com",
            "/path",
            "ftp://example.com",
            "smtp://example.com",
            "file:///etc/passwd",
            "https://user:password@example.com",
            "https://good.example@evil.example",
            "https://example.com:0",
            "https://example.com:",
            "https://example.com:99999",
            "https://example.com:+80",
            "https://[::1]80",
            "https://example.com.",
            "https://exa%6dple.com",
            "https://[::1",
            "https://[fe80::1%eth0]",
            "https://example.com/path",
            "https://example.com?query",
            "https://example.com\r\nHost: evil",
            "https://exa mple.com",
            "https://bücher.example",
        ] {
            assert!(Destination::parse(text).is_err(), "{text:?}");
        }
        assert!(Destination::parse(&format!("https://{}.example", "a".repeat(260))).is_err());
    }

    #[test]
    fn prints_as_it_is_written() {
        for text in
            ["https://example.com", "http://127.0.0.1:4318", "http://[::1]:9000", "https://[2606:4700::1]"]
        {
            assert_eq!(Destination::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Destination::parse("http://Example.com:80/").unwrap().to_string(), "http://example.com");
    }

    #[test]
    fn mail_goes_to_the_port_of_submission() {
        let at = |scheme, host: &str, port| {
            Destination::mail(scheme, host, port).map(|d| (d.to_string(), d.port()))
        };
        assert_eq!(at(Scheme::Smtp, "Mail.example", None).unwrap(), ("smtp://mail.example".to_owned(), 587));
        assert_eq!(
            at(Scheme::Smtps, "mail.example", None).unwrap(),
            ("smtps://mail.example".to_owned(), 465)
        );
        assert_eq!(at(Scheme::Smtp, "::1", Some(25)).unwrap(), ("smtp://[::1]:25".to_owned(), 25));
        for host in ["", "mail.example:25", "a b", "mail.example/", "[::1]", "mail.example\r\n", "::g"] {
            assert!(at(Scheme::Smtp, host, None).is_err(), "{host:?}");
        }
        assert!(at(Scheme::Smtp, "mail.example", Some(0)).is_err());
        // A list that lets mail through lets no HTTP through.
        let mail = Destination::mail(Scheme::Smtp, "a.example", Some(80)).unwrap();
        let list = AllowList::new().with(mail.clone(), Reach::Public);
        assert_eq!(list.reach(&mail), Some(Reach::Public));
        assert_eq!(list.reach(&Destination::parse("http://a.example").unwrap()), None);
    }

    #[test]
    fn internal_once_is_internal() {
        let there = Destination::parse("http://a.example").unwrap();
        let list = AllowList::new().internal("http://a.example").unwrap().public("http://a.example").unwrap();
        assert_eq!(list.reach(&there), Some(Reach::Internal));
    }
}
