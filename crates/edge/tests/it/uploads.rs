//! Large bodies stream in both directions, and a client that leaves takes the shop's connection with it.
//!
//! For the 2 GB figure run `cargo run --release -p storeward-edge --example front` and what it prints.

use storeward_testkit::{FakeShop, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{TestEdge, wait_for};

const LARGE: u64 = 256 << 20;
const LIMITS: &str = "[limits]\nbody_bytes = 4000000000\n";

/// Resident memory of this process, which holds the edge, the client and the shop.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Calls `step` until it has moved everything; the memory in use must stay flat meanwhile.
async fn stays_flat(mut step: impl AsyncFnMut() -> u64) {
    let before = resident_bytes();
    let (mut moved, mut peak) = (0, before);
    while moved < LARGE {
        moved += step().await;
        peak = peak.max(resident_bytes());
    }
    let grown = (peak - before) >> 20;
    assert!(grown < 64, "{grown} MiB more for {} MiB moved", LARGE >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_streams() {
    let shop = FakeShop::discarding(|asked| Reply::ok(&asked.discarded.to_string())).await;
    let edge = TestEdge::start(&[shop.url()], LIMITS);
    let (head, end) =
        ("--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n\r\n", "\r\n--x--\r\n");
    for (kind, head, end) in
        [("application/octet-stream", "", ""), ("multipart/form-data; boundary=x", head, end)]
    {
        let length = LARGE + head.len() as u64 + end.len() as u64;
        let mut client = edge.connect().await;
        client
            .send(format!(
                "POST /u HTTP/1.1\r\nHost: shop.test\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{head}"
            ))
            .await;
        let piece = vec![b'x'; 1 << 20];
        stays_flat(async || {
            client.stream.write_all(&piece).await.unwrap();
            1 << 20
        })
        .await;
        client.send(end).await;
        assert_eq!(client.response(false).await.text(), length.to_string());
    }
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_download_streams() {
    let shop = FakeShop::start(|asked| {
        let kind = if asked.target() == "/text" { "text/plain" } else { "application/zip" };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {LARGE}\r\n\r\n");
        if asked.target() == "/" { Reply::ok("x") } else { Reply::Zeros(head.into_bytes(), LARGE) }
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], LIMITS);
    for path in ["/zip", "/text"] {
        let mut client = edge.connect().await;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n")).await;
        let head = client.head().await.unwrap();
        assert!(head.to_ascii_lowercase().contains(&format!("content-length: {LARGE}")), "{head}");
        let mut first = client.ahead.len() as u64;
        let mut piece = vec![0u8; 1 << 20];
        stays_flat(async || match std::mem::take(&mut first) {
            0 => client.stream.read(&mut piece).await.unwrap() as u64,
            ahead => ahead,
        })
        .await;
        let record = wait_for(|| edge.records().into_iter().find(|r| r.path.as_ref() == path)).await;
        assert_eq!(record.response_bytes, LARGE);
    }
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_a_download_closes_the_shops_connection() {
    let shop = FakeShop::start(|asked| match asked.target() {
        "/big" => Reply::Zeros(
            b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 99999999999\r\n\r\n".to_vec(),
            99_999_999_999,
        ),
        "/silent" => Reply::Silence,
        _ => Reply::ok("x"),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], LIMITS);
    for path in ["/big", "/silent"] {
        let mut client = edge.connect().await;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n")).await;
        wait_for(|| (edge.in_flight() == 1).then_some(())).await;
        if path == "/big" {
            assert!(client.head().await.is_some());
        }
        drop(client);
        wait_for(|| (edge.in_flight() == 0 && edge.shared.connections.open() == 0).then_some(())).await;
        // Went wrong: whoever asked and left before the answer was written down nowhere.
        let record = wait_for(|| edge.records().into_iter().find(|r| r.path.as_ref() == path)).await;
        assert_eq!(record.reason, "client.left");
    }
    wait_for(|| (shop.open() == 0).then_some(())).await;
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_an_upload_closes_the_shops_connection() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "[inspect]\nmode = 'off'\n");
    for framing in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let mut client = edge.connect().await;
        client.send(format!("POST /x HTTP/1.1\r\nHost: shop.test\r\n{framing}\r\n\r\n5\r\nabcde\r\n")).await;
        wait_for(|| (edge.in_flight() == 1).then_some(())).await;
        drop(client);
        wait_for(|| (edge.in_flight() == 0).then_some(())).await;
    }
    wait_for(|| (shop.asked().len() == 2).then_some(())).await;
    assert!(shop.asked().iter().all(|a| a.broken), "half a body must not look whole");
    wait_for(|| (shop.open() == 0 && edge.shared.connections.open() == 0).then_some(())).await;
    edge.stop();
}
