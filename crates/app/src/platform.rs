//! What the shop at an address is, asked of itself.

use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use storeward_base::Timestamp;

/// Shop software that Storeward knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    Unknown,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown platform")
    }
}

/// How the shop presents itself.
#[derive(Clone, Debug, Default)]
pub struct Look {
    pub name: Option<String>,
    pub colour: Option<String>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Found {
    pub platform: Platform,
    pub answered: bool,
    pub look: Look,
    /// The shop's Date header.
    pub clock: Option<Timestamp>,
}

impl Found {
    pub fn silent() -> Self {
        Found { platform: Platform::Unknown, answered: false, look: Look::default(), clock: None }
    }
}

/// Asks the shop for its home page.
pub fn ask(url: &str) -> Found {
    let answered = home(url).is_some_and(|text| text.starts_with("HTTP/1."));
    Found { answered, ..Found::silent() }
}

fn home(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    let port = authority.port_u16().unwrap_or(80);
    let address = (authority.host(), port).to_socket_addrs().ok()?.next()?;
    let wait = Duration::from_secs(5);
    let mut tcp = TcpStream::connect_timeout(&address, wait).ok()?;
    tcp.set_read_timeout(Some(wait)).ok()?;
    write!(tcp, "GET / HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = Vec::new();
    tcp.take(64 * 1024).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}
