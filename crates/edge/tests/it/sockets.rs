//! WebSockets in which a stage hears what the client says: what may not pass reaches no shop, and all else passes as it came.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use storeward_host::{Later, Listener, Passage, RequestHead, Seen, SessionExchange, SessionStage, Stages};
use storeward_testkit::{FakeShop, Reply};
use tokio::io::AsyncReadExt;

use crate::harness::{Client, TestEdge};

/// Lets no message pass in which somebody enters.
struct Hearing;

impl SessionStage for Hearing {
    fn enter(&self, _: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
        Some(Box::new(Hearing))
    }
}

impl SessionExchange for Hearing {
    fn request<'a>(&'a mut self, _: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async { Passage::On })
    }

    fn response<'a>(&'a mut self, _: StatusCode, _: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async { Passage::On })
    }

    fn listen(&mut self) -> Option<Box<dyn Listener>> {
        Some(Box::new(Hearing))
    }
}

impl Listener for Hearing {
    fn most_bytes(&self) -> usize {
        100_000
    }

    fn may_pass<'a>(&'a mut self, message: &'a [u8]) -> Later<'a, bool> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            !message.windows(5).any(|word| word == b"enter")
        })
    }
}

async fn edge() -> (FakeShop, TestEdge) {
    let shop = FakeShop::start(|asked| match asked.target() {
        "/ws" => opened(""),
        "/packed" => opened("Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        _ => Reply::ok("a page"),
    })
    .await;
    let stages = Stages { own: None, session: Some(Arc::new(Hearing)) };
    let edge = TestEdge::staged(stages, &[shop.url()], "");
    (shop, edge)
}

/// The shop says something right behind its answer, and from then on what it is told.
fn opened(lines: &str) -> Reply {
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{lines}\r\n"
    );
    Reply::Tunnel([head.as_bytes(), b"\x81\x05early"].concat())
}

async fn open(edge: &TestEdge, path: &str) -> (Client, String) {
    let mut client = edge.connect().await;
    let asked = format!(
        "GET {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    client.send(asked).await;
    let head = client.head().await.unwrap();
    (client, head)
}

/// The next bytes, as many as there are of these.
async fn expect(client: &mut Client, expected: &[u8]) {
    let ahead = client.ahead.len().min(expected.len());
    let mut found: Vec<u8> = client.ahead.drain(..ahead).collect();
    let mut rest = vec![0; expected.len() - ahead];
    client.stream.read_exact(&mut rest).await.unwrap();
    found.extend(rest);
    assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(expected));
}

/// A masked frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [3u8, 141, 59, 26];
    let mut frame = vec![first];
    match u8::try_from(payload.len()) {
        Ok(short @ 0..=125) => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 127);
            frame.extend(u64::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

const REFUSED: &[u8] = b"\x88\x1e\x03\xf0send this as an HTTP request";

// Tunnels were copied and not read: a password alone, sent as a GraphQL call on a WebSocket, passed by every door.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_pass_in_a_websocket_reaches_no_shop() {
    let (_shop, edge) = edge().await;
    let (head, tail) = b"mutation { enter }".split_at(13);
    for bytes in [
        frame(0x81, b"mutation { enter }"),
        frame(0x82, b"mutation { enter }"),
        // In pieces, the word cut through, with a ping between them.
        [frame(0x01, head), frame(0x89, b"?"), frame(0x80, tail)].concat(),
        [frame(0x81, b"a"), frame(0x81, b"enter"), frame(0x81, b"b")].concat(),
    ] {
        let (mut client, head) = open(&edge, "/ws").await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        expect(&mut client, b"\x81\x05early").await;
        client.send(&bytes).await;
        let mut rest = std::mem::take(&mut client.ahead);
        client.stream.read_to_end(&mut rest).await.ok();
        assert!(rest.ends_with(REFUSED), "{rest:?}");
        // What the shop heard it says again: frames before it, and no other.
        let heard = rest.strip_suffix(REFUSED).unwrap();
        assert!([&b""[..], &frame(0x89, b"?"), &frame(0x81, b"a")].contains(&heard), "{heard:?}");
    }
    let record = edge.record_of("session.refused").await;
    assert_eq!((record.status, record.path.as_ref()), (101, "/ws"));
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_else_passes_as_it_came() {
    let (_shop, edge) = edge().await;
    let (mut client, _) = open(&edge, "/ws").await;
    expect(&mut client, b"\x81\x05early").await;
    let long = vec![b'l'; 90_000];
    for bytes in [
        frame(0x81, b"subscription { stock }"),
        frame(0x89, b"still there?"),
        [frame(0x01, b"sub"), frame(0x00, b""), frame(0x80, b"scription { stock }")].concat(),
        frame(0x82, &long),
        frame(0x81, b""),
    ] {
        client.send(&bytes).await;
        expect(&mut client, &bytes).await;
    }
    client.send(frame(0x88, b"\x03\xe8")).await;
    expect(&mut client, &frame(0x88, b"\x03\xe8")).await;
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_websocket_or_too_long_ends_it() {
    let (_shop, edge) = edge().await;
    for (bytes, close, code) in [
        (b"\x81\x05hello".to_vec(), &b"\x88\x02\x03\xea"[..], "websocket.frames"),
        (frame(0xc1, b"packed"), b"\x88\x02\x03\xea", "websocket.frames"),
        (frame(0x81, &[b'l'; 100_001]), b"\x88\x02\x03\xf1", "websocket.too_long"),
    ] {
        let (mut client, _) = open(&edge, "/ws").await;
        expect(&mut client, b"\x81\x05early").await;
        client.send(&bytes).await;
        expect(&mut client, close).await;
        assert!(client.is_closed().await);
        assert_eq!(edge.record_of(code).await.status, 101);
    }
    // A shop that packs what nobody asked it to is understood by nobody.
    let (_, head) = open(&edge, "/packed").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    edge.stop();
}
