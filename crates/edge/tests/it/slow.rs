//! Clients that take their time (reference/edge.md 4.3): each is closed by its own clock, and an honest slow one is not.

use std::time::{Duration, Instant};

use storeward_testkit::{FakeShop, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::frames::{self, CONTINUATION, DATA, END, GOAWAY, HEADERS, Raw, block, frame};
use crate::harness::{TestEdge, wait_for};

/// Small enough that the suite stays fast; the watch looks once a second and lets go two seconds after a polite word.
const LIMITS: &str = "[limits]\nhandshake_seconds = 1\nhead_seconds = 1\nidle_seconds = 1\n\
                      minimum_bytes_per_second = 500\npace_window_seconds = 2\n";

async fn shop_and_edge() -> (FakeShop, TestEdge) {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], LIMITS);
    (shop, edge)
}

/// Sends `piece` every 200 ms until the other side closes; true when it does so in time.
async fn drips(stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite, piece: &[u8]) -> bool {
    let (mut read, mut write) = tokio::io::split(stream);
    let dripping = async {
        loop {
            if write.write_all(piece).await.is_err() || write.flush().await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let mut waste = [0u8; 4096];
    let closed = async { while read.read(&mut waste).await.is_ok_and(|count| count > 0) {} };
    let either = async {
        tokio::select! { () = dripping => {}, () = closed => {} }
    };
    tokio::time::timeout(Duration::from_secs(60), either).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_come_or_does_not_end() {
    let (_shop, edge) = shop_and_edge().await;
    let silent = TcpStream::connect(edge.https).await.unwrap();
    let mut half = TcpStream::connect(edge.https).await.unwrap();
    // The head of a ClientHello record of 512 bytes, and three of them.
    half.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1]).await.unwrap();
    let dripping = TcpStream::connect(edge.https).await.unwrap();
    for mut stream in [silent, half] {
        let closed = tokio::time::timeout(Duration::from_secs(60), stream.read_u8()).await;
        assert!(closed.expect("closed in time").is_err());
    }
    assert!(drips(dripping, &[0x16, 3, 1, 2, 0][..1]).await);
    wait_for(|| (edge.records().iter().filter(|r| r.reason == "slow.handshake").count() >= 2).then_some(()))
        .await;
    wait_for(|| (edge.shared.connections.open() == 0).then_some(())).await;
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_or_does_not_end() {
    let (shop, edge) = shop_and_edge().await;
    let mut silent = edge.connect().await;
    assert!(silent.is_closed().await);
    assert!(
        !edge.records().iter().any(|r| r.reason.starts_with("slow.")),
        "an idle connection is nothing to tell"
    );
    let mut half = edge.connect().await;
    half.send("GET / HTTP/1.1\r\nHost: sh").await;
    assert!(half.is_closed().await);
    edge.record_of("slow.head").await;
    let mut dripping = edge.connect().await;
    dripping.send("GET / HTTP/1.1\r\nHost: shop.test\r\n").await;
    assert!(drips(dripping.stream, b"X-A: b\r\n").await);
    wait_for(|| (edge.records().iter().filter(|r| r.reason == "slow.head").count() == 2).then_some(())).await;
    assert!(shop.asked().is_empty());
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_or_drips() {
    let (shop, edge) = shop_and_edge().await;
    // Inspected bodies are awaited by us, others by the shop: both are watched.
    for kind in ["application/x-www-form-urlencoded", "application/octet-stream"] {
        let head = format!(
            "POST /x HTTP/1.1\r\nHost: shop.test\r\nContent-Type: {kind}\r\nContent-Length: 100000\r\n\r\n"
        );
        let mut silent = edge.connect().await;
        silent.send(&head).await;
        let mut dripping = edge.connect().await;
        dripping.send(&head).await;
        let (closed, dried) = tokio::join!(silent.is_closed(), drips(dripping.stream, b"x"));
        assert!(closed && dried, "{kind}");
    }
    wait_for(|| (edge.records().iter().filter(|r| r.reason == "slow.body").count() == 4).then_some(())).await;
    assert!(shop.asked().iter().all(|a| a.broken));
    wait_for(|| (edge.in_flight() == 0).then_some(())).await;
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_alive_ends_politely() {
    let (_shop, edge) = shop_and_edge().await;
    let mut client = edge.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    assert_eq!(client.response(false).await.status, 200);
    let began = Instant::now();
    // Zero bytes and no error: a TLS close_notify, not a reset.
    let mut byte = [0u8; 1];
    let read = tokio::time::timeout(Duration::from_secs(60), client.stream.read(&mut byte)).await;
    assert!(matches!(read, Ok(Ok(0))), "{read:?}");
    assert!(began.elapsed() >= Duration::from_secs(1));
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_without_preface_or_in_the_middle_of_a_frame() {
    let (shop, edge) = shop_and_edge().await;
    Raw::bare(&edge).await.flood(0, |_| Vec::new()).await;
    edge.record_of("slow.preface").await;
    let mut half = Raw::bare(&edge).await;
    half.send(&frames::PREFACE[..10]).await;
    half.flood(0, |_| Vec::new()).await;
    let halves: [(&str, Vec<u8>); 3] = [
        ("half a frame's head", frame(HEADERS, END, 1, &block(&frames::GET))[..5].to_vec()),
        ("half a HEADERS frame", frame(HEADERS, END, 1, &block(&frames::GET))[..20].to_vec()),
        ("a block without its end", frame(HEADERS, END, 1, &block(&frames::GET))),
    ];
    for (at, (name, bytes)) in halves.into_iter().enumerate() {
        let mut raw = Raw::open(&edge, &[]).await;
        raw.send(&bytes).await;
        raw.flood(0, |_| Vec::new()).await;
        let told = || (edge.records().iter().filter(|r| r.reason == "slow.head").count() > at).then_some(());
        wait_for(told).await;
        assert!(shop.asked().is_empty(), "{name}");
    }
    let mut dripping = Raw::open(&edge, &[]).await;
    dripping.send(&frame(HEADERS, END, 1, &block(&frames::GET))).await;
    assert!(drips(dripping.stream, &frame(CONTINUATION, 0, 1, &block(&[("a", "b")]))).await);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_that_is_idle_or_drips_a_body() {
    let (_shop, edge) = shop_and_edge().await;
    let mut idle = Raw::open(&edge, &[]).await;
    idle.send(&frames::get(1)).await;
    let frames = idle.until_closed().await;
    assert!(frames.iter().any(|f| f.kind == GOAWAY && f.code() == 0), "idle connections leave politely");
    // One that does not answer the PING before the GOAWAY goes as well.
    let deaf = Raw::open(&edge, &[]).await;
    deaf.flood(0, |_| Vec::new()).await;
    let mut dripping = Raw::open(&edge, &[]).await;
    dripping.send(&frames::post(1)).await;
    assert!(drips(dripping.stream, &frame(DATA, 0, 1, b"x")).await);
    edge.record_of("slow.body").await;
    edge.stop();
}

/// Went wrong: every frame began the idle time anew, so that a client could hold a connection for ever with PINGs.
#[tokio::test(flavor = "multi_thread")]
async fn http2_that_only_sends_frames_without_work_is_idle() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], &LIMITS.replace("head_seconds = 1", "head_seconds = 60"));
    let ping = frame(frames::PING, 0, 0, &[7; 8]);
    let update = frame(frames::WINDOW, 0, 0, &[0, 0, 0, 1]);
    // The last one is always in the middle of a frame.
    let (front, back) = ping.split_at(5);
    for (first, piece) in [(&[][..], ping.clone()), (&[][..], update), (front, [back, front].concat())] {
        let mut raw = Raw::open(&edge, &[]).await;
        raw.send(first).await;
        assert!(drips(raw.stream, &piece).await, "{piece:?} holds the connection");
    }
    // One that asks for something once in a while stays.
    let mut raw = Raw::open(&edge, &[]).await;
    for stream in [1, 3, 5, 7, 9, 11] {
        assert!(raw.send(&frames::get(stream)).await);
        while !raw.next().await.is_some_and(|f| f.stream == stream && f.flags & END != 0 && f.kind == DATA) {}
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_slow_clients_and_shops_are_served() {
    let shop = FakeShop::start(|asked| match asked.target() {
        "/slow" => {
            Reply::Pieces(vec![Vec::new(), b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx".to_vec()], 6_000)
        }
        _ => Reply::ok(&asked.body.len().to_string()),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], LIMITS);
    let waiting = async {
        assert_eq!(edge.get("/slow").await.status, 200);
    };
    let waiting_h2 = async {
        let mut sender = crate::http2::client(&edge).await;
        assert_eq!(
            crate::http2::ask(&mut sender, crate::http2::request("GET", "/slow"), None).await.status,
            200
        );
    };
    let uploading = async {
        let mut client = edge.connect().await;
        client.send("POST /u HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 60000\r\n\r\n").await;
        // 10 KB a second.
        for _ in 0..30 {
            client.send([b'x'; 2_000]).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(client.response(false).await.text(), "60000");
    };
    tokio::join!(waiting, waiting_h2, uploading);
    assert!(!edge.records().iter().any(|r| r.reason.starts_with("slow.")));
    edge.stop();
}
