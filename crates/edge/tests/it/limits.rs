//! How much one request and one client may ask for.

use storeward_testkit::{FakeShop, Reply};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::harness::{TestEdge, wait_for};
use crate::http2;

async fn shop_and_edge(more: &str) -> (FakeShop, TestEdge) {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], more);
    (shop, edge)
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_bounded_in_size_and_number() {
    let (shop, edge) = shop_and_edge("[limits]\nheaders = 20\nhead_bytes = 8192\n").await;
    let get = |path: &str, lines: &str| format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n{lines}\r\n");
    for (request, reason) in [
        (get("/", &"X-A: b\r\n".repeat(20)), "head.too_many_headers"),
        (get("/", &format!("X-A: {}\r\n", "y".repeat(8_192))), "head.too_large"),
        (get("/", &format!("X-A: {}\r\n", "y".repeat(800)).repeat(11)), "head.too_large"),
        (get(&format!("/{}", "y".repeat(8_192)), ""), "head.too_large"),
        (get(&format!("/?q={}", "y".repeat(8_192)), ""), "head.too_large"),
    ] {
        assert_eq!(edge.ask(&request).await.status, 431, "{reason}");
        edge.record_of(reason).await;
    }
    assert!(shop.asked().is_empty());
    assert_eq!(edge.get(&format!("/{}?q={}", "a".repeat(2_000), "b".repeat(4_000))).await.status, 200);
    assert_eq!(edge.ask(&get("/", &"X-A: b\r\n".repeat(19))).await.status, 200);
    edge.stop();
}

/// Went wrong: HTTP/2 had a bound on the size of the list, but none on the number of headers.
#[tokio::test(flavor = "multi_thread")]
async fn http2_headers_are_counted_too() {
    let (shop, edge) = shop_and_edge("[limits]\nheaders = 20\n").await;
    let mut sender = http2::client(&edge).await;
    let many = (0..25).fold(http2::request("GET", "/"), |r, at| r.header(format!("x-{at}"), "1"));
    let refused = http2::ask(&mut sender, many, None).await;
    assert_eq!((refused.status, refused.headers.contains_key("connection")), (431, false));
    edge.record_of("head.too_many_headers").await;
    assert!(shop.asked().is_empty());
    assert_eq!(http2::ask(&mut sender, http2::request("GET", "/"), None).await.status, 200);
    edge.stop();
}

const ROUTES: &str = "[[route]]\npath = '/form'\nbody_bytes = 1000\n[[route]]\npath = '/raw'\nbody_bytes = 1000\n\
                      inspect = 'off'\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_body_over_the_routes_limit_is_refused_at_once() {
    let (shop, edge) = shop_and_edge(ROUTES).await;
    for path in ["/form", "/raw/deeper"] {
        // Not a byte of the body is sent: the answer does not wait for it.
        let head = format!("POST {path} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1001\r\n\r\n");
        let mut client = edge.connect().await;
        client.send(head).await;
        assert_eq!(client.response(false).await.status, 413);
        assert!(client.is_closed().await);
    }
    edge.record_of("body.too_large").await;
    assert!(shop.asked().is_empty());
    let fits =
        format!("POST /form HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1000\r\n\r\n{}", "x".repeat(1000));
    assert_eq!(edge.ask(&fits).await.status, 200);
    let elsewhere = fits.replace("/form", "/formal").replace("1000", "1001") + "x";
    assert_eq!(edge.ask(&elsewhere).await.status, 200);
    edge.stop();
}

/// Went wrong: a chunked body over the limit, found on its way to the shop, got the maintenance page.
#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_over_the_limit_never_looks_whole() {
    let (shop, edge) = shop_and_edge(ROUTES).await;
    for path in ["/form", "/raw"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunks = format!("64\r\n{}\r\n", "x".repeat(100)).repeat(11);
        let refused = edge.ask(&format!("{head}{chunks}0\r\n\r\n")).await;
        assert_eq!(refused.status, 413, "{path}");
    }
    assert!(shop.asked().iter().all(|a| a.broken && a.target() == "/raw"), "{:?}", shop.asked());
    wait_for(|| (edge.records().iter().filter(|r| r.reason == "body.too_large").count() == 2).then_some(()))
        .await;
    assert_eq!(edge.get("/").await.status, 200);
    edge.stop();
}

/// True when a new connection is turned away before TLS.
async fn turned_away(edge: &TestEdge) -> bool {
    let mut tcp = TcpStream::connect(edge.https).await.unwrap();
    let read = tokio::time::timeout(std::time::Duration::from_secs(60), tcp.read_u8()).await;
    matches!(read, Ok(Err(_)))
}

async fn check_places(edge: TestEdge) {
    let first = edge.connect().await;
    let second = edge.connect().await;
    assert!(turned_away(&edge).await);
    edge.record_of("connections.too_many").await;
    drop(first);
    wait_for(|| (edge.shared.connections.open() == 1).then_some(())).await;
    assert_eq!(edge.get("/").await.status, 200);
    drop(second);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_one_client_are_bounded() {
    let (_shop, edge) = shop_and_edge("[limits]\nconnections_per_client = 2\n").await;
    check_places(edge).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_in_all_are_bounded() {
    let (_shop, edge) = shop_and_edge("[limits]\nconnections = 2\n").await;
    check_places(edge).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_can_be_told_apart_by_its_path() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    // Went wrong: staff saw "GET" and "an address that climbs", and not which.
    for (method, target, host, code, shown) in [
        ("GET", "/x/..;/admin?q=1", "shop.test", "path.dot_segment", "/x/..;/admin"),
        ("GET", "/u/jane%40example.com/../x", "shop.test", "path.dot_segment", "/u/***/../x"),
        ("GET", "/export", "other.test", "host.not_ours", "/export"),
        ("TRACE", "/t", "shop.test", "method.forbidden", "/t"),
    ] {
        edge.ask(&format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        let record = edge.record_of(code).await;
        let record = edge
            .records()
            .into_iter()
            .find(|r| r.reason == code && r.path.as_ref() == shown)
            .unwrap_or(record);
        assert_eq!(record.path.as_ref(), shown);
    }
    edge.stop();
}
