//! Servers that answer with too much, too slowly, or with something that is no HTTP.

use std::time::Duration;

use storeward_outbound::{Limits, OutboundError, Reply, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::{code, internal};

/// Calls a server that says `start` and then `again` for ever, one every `pause`.
async fn ask(
    start: Vec<u8>,
    again: &'static [u8],
    pause: Duration,
    limits: Limits,
    cut: bool,
) -> Result<Reply, OutboundError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await;
        if stream.write_all(&start).await.is_err() || again.is_empty() {
            return;
        }
        while stream.write_all(again).await.is_ok() {
            if pause.is_zero() {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(pause).await;
            }
        }
    });
    let request = Request::get(&url).unwrap().limits(limits);
    let reply = internal(&url).send(if cut { request.cut_body() } else { request }).await;
    server.abort();
    reply
}

fn quick() -> Limits {
    let short = Duration::from_millis(300);
    Limits { connect: short, head: short, body: short, body_bytes: 64 * 1024 }
}

const ENDLESS: &[u8] = &[b'a'; 8192];

#[tokio::test]
async fn an_endless_body() {
    for start in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n"] {
        let limits = Limits { body: Duration::from_secs(20), ..quick() };
        let found = ask(start.into(), ENDLESS, Duration::ZERO, limits, false).await;
        assert_eq!(code(found), "outbound.too_large");
        let cut = ask(start.into(), ENDLESS, Duration::ZERO, limits, true).await.unwrap();
        assert!(cut.is_cut && cut.body.len() == 64 * 1024);
    }
}

#[tokio::test]
async fn endless_chunks() {
    let limits = Limits { body: Duration::from_secs(20), ..quick() };
    let start = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let found = ask(start, b"8\r\naaaaaaaa\r\n", Duration::ZERO, limits, false).await;
    assert_eq!(code(found), "outbound.too_large");
}

#[tokio::test]
async fn a_slow_body() {
    let found =
        ask(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), b"a", Duration::from_millis(20), quick(), false).await;
    assert_eq!(code(found), "outbound.timeout");
}

#[tokio::test]
async fn a_slow_head() {
    let found =
        ask(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-a: b\r\n", Duration::from_millis(20), quick(), false).await;
    assert_eq!(code(found), "outbound.timeout");
}

#[tokio::test]
async fn an_oversize_head() {
    let limits = Limits { head: Duration::from_secs(20), ..quick() };
    let many = ask(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-a: b\r\n", Duration::ZERO, limits, false).await;
    assert_eq!(code(many), "outbound.too_large");
    let long = ask(b"HTTP/1.1 200 OK\r\nx-a: ".to_vec(), ENDLESS, Duration::ZERO, limits, false).await;
    assert_eq!(code(long), "outbound.too_large");
}

#[tokio::test]
async fn endless_interim_answers() {
    let start = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
    let found = ask(start, b"HTTP/1.1 100 Continue\r\n\r\n", Duration::from_millis(1), quick(), false).await;
    assert_eq!(code(found), "outbound.timeout");
}

#[tokio::test]
async fn no_http_at_all() {
    for start in
        ["SSH-2.0-OpenSSH_9.9\r\n", "", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", "\0\0\0"]
    {
        assert_eq!(
            code(ask(start.into(), b"", Duration::ZERO, quick(), false).await),
            "outbound.answer",
            "{start:?}"
        );
    }
}
