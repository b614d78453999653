//! Clients that ask and do not read, and tunnels in which nothing moves.

use std::time::Duration;

use storeward_testkit::{FakeShop, Reply};
use tokio::io::AsyncReadExt;

use crate::frames::{self, Raw};
use crate::harness::{TestEdge, wait_for};

const LIMITS: &str = "[limits]\nidle_seconds = 1\nminimum_bytes_per_second = 500\npace_window_seconds = 2\n\
                      tunnel_idle_seconds = 1\n";
const MANY: u64 = 1 << 30;

async fn endless() -> FakeShop {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {MANY}\r\n\r\n");
    FakeShop::start(move |asked| match asked.target() {
        "/" if asked.head.contains("Storeward-health") => Reply::ok("x"),
        "/short" => Reply::ok(&"y".repeat(10_000)),
        _ => Reply::Zeros(head.clone().into_bytes(), MANY),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_never_reads_is_closed() {
    let shop = endless().await;
    let edge = TestEdge::start(&[shop.url()], LIMITS);
    let mut client = edge.connect().await;
    client.send("GET /big HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    edge.record_of("slow.reader").await;
    wait_for(|| (edge.in_flight() == 0).then_some(())).await;
    wait_for(|| (edge.shared.connections.open() == 0).then_some(())).await;
    drop(client);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_reader_without_window_is_closed() {
    let shop = endless().await;
    let edge = TestEdge::start(&[shop.url()], LIMITS);
    // SETTINGS_INITIAL_WINDOW_SIZE 0: the head arrives, not a byte of the body.
    let no_window = [0, 4, 0, 0, 0, 0];
    let check = async |path: &str| {
        let mut raw = Raw::open(&edge, &no_window).await;
        let fields = [&frames::GET[..3], &[(":path", path)]].concat();
        raw.send(&frames::frame(frames::HEADERS, 5, 1, &frames::block(&fields))).await;
        let seen = raw.until_closed().await;
        assert!(seen.iter().any(|f| f.kind == frames::HEADERS && f.stream == 1));
        assert!(!seen.iter().any(|f| f.kind == frames::DATA && !f.payload.is_empty()));
    };
    check("/big").await;
    check("/short").await;
    wait_for(|| (edge.records().iter().filter(|r| r.reason == "slow.reader").count() >= 2).then_some(()))
        .await;
    wait_for(|| (edge.in_flight() == 0).then_some(())).await;
    edge.stop();
}

/// Went wrong: the kernel took megabytes ahead of a slow reader and then nothing for longer than the window.
#[tokio::test(flavor = "multi_thread")]
async fn an_honest_slow_reader_stays() {
    let shop = endless().await;
    let edge = TestEdge::start(&[shop.url()], LIMITS);
    let tcp = tokio::net::TcpSocket::new_v4().unwrap();
    tcp.set_recv_buffer_size(64 * 1024).unwrap();
    let tcp = tcp.connect(edge.https).await.unwrap();
    let mut stream = edge.tls_over(tcp, &[b"http/1.1"]).await;
    let request = b"GET /big HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.unwrap();
    // 100 KB a second for five windows.
    let mut piece = vec![0u8; 10_000];
    for _ in 0..100 {
        stream.read_exact(&mut piece).await.expect("cut although it reads");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!edge.records().iter().any(|r| r.reason == "slow.reader"));
    drop(stream);
    wait_for(|| (edge.in_flight() == 0).then_some(())).await;
    edge.stop();
}

/// Went wrong: a tunnel ran in a task of its own that no clock, no limit and no stop knew of.
#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_is_counted_watched_and_ends_with_a_stop() {
    let shop = FakeShop::start(|_| {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        Reply::Tunnel(head.to_vec())
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], LIMITS);
    let upgrade = "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut idle = edge.connect().await;
    idle.send(upgrade).await;
    assert_eq!(idle.response(false).await.status, 101);
    assert_eq!(edge.shared.connections.open(), 1, "a tunnel takes the place of its connection");
    assert!(idle.is_closed().await);
    edge.record_of("slow.tunnel").await;
    wait_for(|| (edge.shared.connections.open() == 0).then_some(())).await;
    let mut busy = edge.connect().await;
    busy.send(upgrade).await;
    assert_eq!(busy.response(false).await.status, 101);
    edge.begin_stop();
    assert!(busy.is_closed().await);
    edge.stop();
}
