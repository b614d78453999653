//! A stop loses no answer that is under way, and a reload no connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use storeward_testkit::{FakeShop, Reply};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::frames::{self, Raw};
use crate::harness::{TestEdge, wait_for};

/// Four seconds of pieces.
fn long_answer() -> Reply {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 40\r\n\r\n".to_vec();
    let mut pieces = vec![head];
    pieces.extend((0..40).map(|_| b"x".to_vec()));
    Reply::Pieces(pieces, 100)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_runs_and_closes_what_idles() {
    let shop =
        FakeShop::start(|asked| if asked.target() == "/long" { long_answer() } else { Reply::ok("x") }).await;
    // Longer than the test may take: what is over by then did not wait for it.
    let edge = TestEdge::start(&[shop.url()], "[limits]\nstop_seconds = 200\n");
    let mut idle = edge.connect().await;
    idle.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    assert_eq!(idle.response(false).await.status, 200);
    let mut fresh = edge.connect().await;
    let mut idle_h2 = Raw::open(&edge, &[]).await;
    let mut handshaking = TcpStream::connect(edge.https).await.unwrap();
    let mut busy = edge.connect().await;
    busy.send("GET /long HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    let mut busy_h2 = crate::http2::client(&edge).await;
    let over_h2 = tokio::spawn(async move {
        crate::http2::ask(&mut busy_h2, crate::http2::request("GET", "/long"), None).await.body.len()
    });
    wait_for(|| (edge.in_flight() == 2 && edge.shared.connections.open() == 6).then_some(())).await;
    let began = Instant::now();
    edge.begin_stop();
    // What idles goes before what runs has ended.
    assert!(idle.is_closed().await && fresh.is_closed().await);
    assert!(idle_h2.until_closed().await.iter().any(|f| f.kind == frames::GOAWAY));
    assert!(handshaking.read_u8().await.is_err());
    assert!(edge.in_flight() == 2, "it took {:?} to close the idle ones", began.elapsed());
    wait_for(|| std::net::TcpStream::connect(edge.https).is_err().then_some(())).await;
    let answer = busy.response(false).await;
    assert!(!answer.cut && answer.body.len() == 40, "{answer:?}");
    assert_eq!(over_h2.await.unwrap(), 40);
    assert!(busy.is_closed().await);
    let took = edge.stop();
    assert!(took < Duration::from_secs(100), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_beyond_its_deadline() {
    let shop =
        FakeShop::start(|asked| if asked.target() == "/" { Reply::ok("x") } else { Reply::Silence }).await;
    let edge = TestEdge::start(&[shop.url()], "[limits]\nstop_seconds = 1\n");
    let mut waiting = edge.connect().await;
    waiting.send("GET /never HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    wait_for(|| (edge.in_flight() == 1).then_some(())).await;
    let took = edge.stop();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(60), "{took:?}");
    assert!(waiting.is_closed().await);
    wait_for(|| (shop.open() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_and_no_connection_ends_over_twenty_reloads() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "[look]\nname = 'A'\n");
    let done = Arc::new(AtomicBool::new(false));
    let over_h1 = async |id: u32| {
        let mut client = edge.connect().await;
        for at in 0..50 {
            client.send(format!("GET /{id}/{at} HTTP/1.1\r\nHost: shop.test\r\n\r\n")).await;
            let response = client.response(false).await;
            assert_eq!((response.status, response.text().as_str()), (200, "x"), "{id}/{at}");
            assert_ne!(response.header("connection"), Some("close"));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let over_h2 = async {
        let mut sender = crate::http2::client(&edge).await;
        for _ in 0..50 {
            let answer = crate::http2::ask(&mut sender, crate::http2::request("GET", "/h2"), None).await;
            assert_eq!((answer.status, answer.body.as_slice()), (200, b"x".as_slice()));
        }
    };
    let reloading = async {
        for at in 0..20 {
            edge.reload("name = 'A'", if at % 2 == 0 { "name = 'B'" } else { "name = 'C'" });
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        done.store(true, SeqCst);
    };
    tokio::join!(over_h1(0), over_h1(1), over_h1(2), over_h2, reloading);
    assert!(done.load(SeqCst));
    assert_eq!(shop.asked().len(), 200);
    edge.stop();
}
