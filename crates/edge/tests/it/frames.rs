//! HTTP/2 written by hand, for clients that break its rules.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::harness::TestEdge;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// END_STREAM, and ACK of SETTINGS and PING.
pub const END: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// Literal fields without indexing and without Huffman (RFC 7541 6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            length(&mut out, text.len());
            out.extend(text.as_bytes());
        }
    }
    out
}

fn length(out: &mut Vec<u8>, length: usize) {
    if length < 127 {
        out.push(u8::try_from(length).unwrap());
        return;
    }
    out.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        out.push(u8::try_from(rest % 128 + 128).unwrap());
        rest /= 128;
    }
    out.push(u8::try_from(rest).unwrap());
}

pub const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "https"), (":authority", "shop.test"), (":path", "/")];
pub const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "shop.test"), (":path", "/")];

/// A whole GET on a stream.
pub fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END | END_HEADERS, stream, &block(&GET))
}

/// The head of a POST whose body is to come.
pub fn post(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &block(&POST))
}

#[derive(Clone, Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code of RST_STREAM or GOAWAY.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

pub struct Raw {
    pub stream: TlsStream<TcpStream>,
    ahead: Vec<u8>,
}

impl Raw {
    /// TLS and nothing else.
    pub async fn bare(edge: &TestEdge) -> Raw {
        Raw { stream: edge.connect_h2().await, ahead: Vec::new() }
    }

    /// TLS, preface and these SETTINGS.
    pub async fn open(edge: &TestEdge, settings: &[u8]) -> Raw {
        let mut raw = Raw::bare(edge).await;
        raw.send(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()).await;
        raw
    }

    /// False once the server has closed.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// The next frame; answers PING and SETTINGS as a client must. `None` when the server has closed.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = take(&mut self.ahead) {
                if matches!(frame.kind, PING | SETTINGS) && frame.flags & END == 0 {
                    let payload = if frame.kind == PING { frame.payload.as_slice() } else { &[] };
                    self.send(&self::frame(frame.kind, END, 0, payload)).await;
                }
                return Some(frame);
            }
            let read = self.stream.read_buf(&mut self.ahead);
            let read = tokio::time::timeout(Duration::from_secs(60), read).await;
            if !read.expect("a frame or the end within half a minute").is_ok_and(|count| count > 0) {
                return None;
            }
        }
    }

    pub async fn until_closed(&mut self) -> Vec<Frame> {
        let mut seen = Vec::new();
        while let Some(frame) = self.next().await {
            seen.push(frame);
        }
        seen
    }

    /// Sends `piece(0)`, `piece(1)`, … while reading, until the server closes; panics if it takes them all.
    pub async fn flood(self, count: u32, piece: impl Fn(u32) -> Vec<u8>) -> Vec<Frame> {
        let (mut read, mut write) = tokio::io::split(self.stream);
        let sending = async {
            for at in 0..count {
                if write.write_all(&piece(at)).await.is_err() {
                    break;
                }
            }
            let _ = write.flush().await;
        };
        let mut bytes = self.ahead;
        let reading = async { while read.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {} };
        let both = async { tokio::join!(sending, reading) };
        let closed = tokio::time::timeout(Duration::from_secs(60), both).await;
        assert!(closed.is_ok(), "the server took the whole flood");
        std::iter::from_fn(|| take(&mut bytes)).collect()
    }
}

fn take(bytes: &mut Vec<u8>) -> Option<Frame> {
    let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *bytes.first_chunk::<9>()?;
    let length = usize::from(l0) << 16 | usize::from(l1) << 8 | usize::from(l2);
    if bytes.len() < 9 + length {
        return None;
    }
    let payload = bytes[9..9 + length].to_vec();
    bytes.drain(..9 + length);
    Some(Frame { kind, flags, stream: u32::from_be_bytes([s0, s1, s2, s3]), payload })
}
