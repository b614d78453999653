//! Links that stand in mails.

use std::fmt;

use http::Uri;
use serde::{Deserialize, Deserializer, Serialize};

/// A link to one of our own pages: https, or http to this machine (for the demo). Plain ASCII without a character that could
/// end a header, an attribute or a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link(String);

/// A text is no such link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkError;

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a link in a mail begins with https:// and has at most 900 plain characters")
    }
}

impl std::error::Error for LinkError {}

impl Link {
    /// A header's line ends before 998 bytes (RFC 5322 section 2.1.1).
    const LONGEST_BYTES: usize = 900;

    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let plain = |b: u8| (0x21..0x7F).contains(&b) && !br#"<>"'\`{}|^"#.contains(&b);
        if text.len() > Self::LONGEST_BYTES || !text.bytes().all(plain) {
            return Err(LinkError);
        }
        let uri: Uri = text.parse().map_err(|_| LinkError)?;
        let host = uri.host().ok_or(LinkError)?;
        let is_here = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let fits = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_here,
            _ => false,
        };
        let has_credentials = uri.authority().is_some_and(|a| a.as_str().contains('@'));
        if fits && !has_credentials { Ok(Link(text.to_owned())) } else { Err(LinkError) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Link {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Link::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_pages_of_ours() {
        for text in [
            "https://shop.example/a?b=c&d=%20#e",
            "http://127.0.0.1:8443/x",
            "http://[::1]/",
            "http://localhost:1/",
        ] {
            assert_eq!(Link::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "http://shop.example/",
            "javascript:alert(1)",
            "https://shop.example/\r\nBcc: x",
            "https://shop.example/ x",
            "https://shop.example/\"onclick=",
            "https://shop.example/<script>",
            "https://user@shop.example/",
            "https://shöp.example/",
            "//shop.example/",
            "https:///x",
            "",
        ] {
            assert_eq!(Link::parse(text), Err(LinkError), "{text:?}");
        }
        assert!(Link::parse(&format!("https://shop.example/{}", "a".repeat(900))).is_err());
    }
}
