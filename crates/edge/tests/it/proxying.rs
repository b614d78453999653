//! What an ordinary shop and its visitors do.

use crate::harness::{TestEdge, wait_for};
use storeward_testkit::{FakeShop, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_and_its_answer_pass() {
    let shop =
        FakeShop::start(|_| Reply::with("Server: Apache\r\nContent-Type: text/html\r\n", "<h1>hi</h1>"))
            .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let response = edge
        .ask("GET /a%20b?q=1&r HTTP/1.1\r\nHost: Shop.TEST:8443\r\nCookie: a=1\r\nX-Own: 1\r\n\r\n")
        .await;
    assert_eq!((response.status, response.text().as_str()), (200, "<h1>hi</h1>"));
    assert_eq!(response.header("server"), None);
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    let asked = shop.asked();
    assert_eq!(asked[0].target(), "/a%20b?q=1&r");
    assert_eq!(asked[0].header("host"), ["shop.test:8443"]);
    assert_eq!(asked[0].header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(asked[0].header("x-forwarded-proto"), ["https"]);
    assert_eq!((asked[0].header("cookie"), asked[0].header("x-own")), (vec!["a=1"], vec!["1"]));
    let records = edge.records();
    assert_eq!((records[0].path.as_ref(), records[0].status, records[0].response_bytes), ("/a b", 200, 11));
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_kept_on_both_sides() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "[edge]\n");
    let mut client = edge.connect().await;
    for _ in 0..20 {
        client.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
        assert_eq!(client.response(false).await.text(), "x");
    }
    let asked = shop.asked().len();
    assert_eq!(asked, 20);
    // One for the requests, the rest from health checks.
    assert!(shop.connections() <= 4, "{} connections for 20 requests", shop.connections());
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_every_framing_pass() {
    let shop = FakeShop::start(|asked| match asked.target() {
        "/length" => Reply::ok("hello"),
        "/chunked" => Reply::Pieces(
            vec![
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhel".to_vec(),
                b"lo\r\n6;ext=1\r\n world\r".to_vec(),
                b"\n0\r\nX-Sum: 11\r\n\r\n".to_vec(),
            ],
            20,
        ),
        "/close" => Reply::Last(b"HTTP/1.0 200 OK\r\n\r\nuntil the end".to_vec()),
        "/empty" => Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        "/cut" => Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nshort".to_vec()),
        "/cut.bin" => Reply::Last(
            b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 100000\r\n\r\n\x89PNG\0short"
                .to_vec(),
        ),
        _ => Reply::ok(&String::from_utf8_lossy(&asked.body)),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    assert_eq!(edge.get("/length").await.text(), "hello");
    let chunked =
        edge.ask("GET /chunked HTTP/1.1\r\nHost: shop.test\r\nTE: trailers\r\nConnection: te\r\n\r\n").await;
    assert_eq!((chunked.text().as_str(), chunked.header("x-sum")), ("hello world", Some("11")));
    assert_eq!(edge.get("/close").await.text(), "until the end");
    assert_eq!(edge.get("/empty").await.status, 204);
    // A text that breaks while it is still held back for inspection becomes the maintenance page; any other body is cut.
    assert_eq!(edge.get("/cut").await.status, 503);
    let broken = edge.get("/cut.bin").await;
    assert!(broken.cut || broken.none, "a cut body must not look whole");
    let posted = edge
        .ask("POST /echo HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        .await;
    assert!(posted.text().contains("abc"), "{}", posted.text());
    let posted = edge.ask("POST /echo HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 3\r\n\r\nabc").await;
    assert_eq!(posted.text(), "abc");
    assert_eq!(edge.records()[0].request_bytes, 3);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn head_304_ranges_and_interim_responses_are_right() {
    let shop = FakeShop::start(|asked| match asked.target() {
        "/head" => Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: \"1\"\r\n\r\n".to_vec()),
        "/304" => Reply::Bytes(b"HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n".to_vec()),
        "/range" => Reply::Bytes(
            b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/10\r\nContent-Length: 4\r\n\r\nabcd"
                .to_vec(),
        ),
        "/hints" => Reply::Pieces(
            vec![
                b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Private: 1\r\n\r\n".to_vec(),
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
            ],
            100,
        ),
        _ => Reply::ok("ok"),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let mut client = edge.connect().await;
    client.send("HEAD /head HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    let head = client.response(true).await;
    assert_eq!((head.status, head.header("content-length")), (200, Some("12345")));
    client.send("GET /304 HTTP/1.1\r\nHost: shop.test\r\nIf-None-Match: \"1\"\r\n\r\n").await;
    let not_modified = client.response(false).await;
    assert_eq!((not_modified.status, not_modified.header("etag")), (304, Some("\"1\"")));
    client.send("GET /range HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=0-3\r\n\r\n").await;
    let range = client.response(false).await;
    assert_eq!((range.status, range.text().as_str()), (206, "abcd"));
    assert_eq!(shop.asked().last().unwrap().header("range"), ["bytes=0-3"]);
    client.send("GET /hints HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    let hint = client.response(false).await;
    assert_eq!((hint.status, hint.header("link")), (103, Some("</a.css>; rel=preload")));
    assert_eq!(hint.header("x-private"), None);
    assert_eq!(client.response(false).await.text(), "ok");
    client
        .send("POST /x HTTP/1.1\r\nHost: shop.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        .await;
    assert_eq!(client.response(false).await.status, 100);
    client.send("abc").await;
    assert_eq!(client.response(false).await.status, 200);
    assert_eq!(shop.asked().last().unwrap().body, b"abc");
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_pass_and_outlive_a_reload() {
    let shop = FakeShop::start(|_| {
        Reply::Tunnel(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n".to_vec(),
        )
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "[look]\nname = 'A'\n");
    let mut client = edge.connect().await;
    client
        .send("GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        .await;
    let response = client.response(false).await;
    assert_eq!((response.status, response.header("upgrade")), (101, Some("websocket")));
    // Bytes that are no HTTP at all.
    let mut echoed = [0u8; 6];
    client.send(b"\x81\x04\r\n\0x").await;
    client.stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"\x81\x04\r\n\0x");
    edge.reload("name = 'A'", "name = 'B'");
    client.send(b"again!").await;
    client.stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"again!");
    client.stream.shutdown().await.unwrap();
    let record = wait_for(|| edge.records().into_iter().find(|r| r.status == 101)).await;
    assert_eq!(record.path.as_ref(), "/ws");
    edge.stop();
}

/// A tunnel opened for whatever the shop named, and for two accept lines of which the first was right.
#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_opens_for_one_exact_answer_and_its_cookies_get_their_flags() {
    let shop = FakeShop::start(|asked| {
        let lines = asked.header("x-lines").join("").replace('|', "\r\n");
        let head = format!("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n{lines}\r\n");
        Reply::Tunnel(head.into_bytes())
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let ask = async |lines: &str| {
        let head = format!(
            "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Lines: {lines}\r\n\r\n"
        );
        let mut client = edge.connect().await;
        client.send(head).await;
        client.response(false).await
    };
    let right = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=|";
    for lines in [
        format!("Upgrade: h2c|{right}"),
        format!("Upgrade: websocket, h2c|{right}"),
        format!("Upgrade: h2c|Upgrade: websocket|{right}"),
        format!("Upgrade: websocket|{right}Sec-WebSocket-Accept: AAAA|"),
        right.to_owned(),
        "Upgrade: websocket|".to_owned(),
    ] {
        assert_eq!(ask(&lines).await.status, 503, "{lines}");
    }
    let open = ask(&format!("Upgrade: WebSocket|{right}Set-Cookie: PHPSESSID=1|")).await;
    assert_eq!((open.status, open.header("upgrade")), (101, Some("websocket")));
    assert_eq!(open.header("set-cookie"), Some("PHPSESSID=1; Secure; HttpOnly; SameSite=Lax"));
    edge.stop();
}

/// Shops make links of the Host they hear: the port in it was the client's to choose, and so were capitals and a last dot.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_not_ours_does_not_reach_the_shop() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::listening("public_port = 8443", &[shop.url()], "");
    for (given, heard) in [
        ("shop.test", "shop.test"),
        ("shop.test:8443", "shop.test:8443"),
        ("SHOP.test.:8443", "shop.test:8443"),
        ("shop.test.", "shop.test"),
        ("Shop.test", "shop.test"),
        ("shop.test:1337", "shop.test:8443"),
        ("Shop.Test:443", "shop.test:8443"),
    ] {
        let answer = edge.ask(&format!("GET / HTTP/1.1\r\nHost: {given}\r\n\r\n")).await;
        assert_eq!(answer.status, 200, "{given}");
        let asked = shop.asked().pop().unwrap();
        assert_eq!(
            (asked.header("host"), asked.header("x-forwarded-host")),
            (vec![heard], vec![heard]),
            "{given}"
        );
    }
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unasked_upgrade_ends_in_the_maintenance_page() {
    let shop = FakeShop::start(|_| {
        Reply::Tunnel(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n".to_vec())
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    assert_eq!(edge.get("/").await.status, 503);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_not_held_back() {
    let shop = FakeShop::start(|_| {
        Reply::Pieces(
            vec![
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
                  9\r\ndata: 1\n\n\r\n"
                    .to_vec(),
                // The second one never comes while the test waits.
                b"9\r\ndata: 2\n\n\r\n0\r\n\r\n".to_vec(),
            ],
            600_000,
        )
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "[limits]\nstop_seconds = 1\n");
    let mut client = edge.connect().await;
    client.send("GET /events HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    assert!(client.head().await.unwrap().contains("text/event-stream"));
    while !client.ahead.windows(7).any(|w| w == b"data: 1") {
        assert!(client.stream.read_buf(&mut client.ahead).await.unwrap() > 0);
    }
    assert!(!client.ahead.windows(7).any(|w| w == b"data: 2"));
    drop(client);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_redirects_and_passes_nothing_on() {
    let shop = FakeShop::start(|_| Reply::ok("secret")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let ask = async |request: &str| {
        let mut tcp = tokio::net::TcpStream::connect(edge.http).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        tcp.read_to_string(&mut text).await.unwrap();
        text
    };
    let port = edge.shared.live.load().authority("shop.test");
    let redirect = ask("GET /a?b=1 HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    assert!(redirect.starts_with("HTTP/1.1 301 "), "{redirect}");
    assert!(redirect.contains(&format!("Location: https://{port}/a?b=1\r\n")), "{redirect}");
    assert!(ask("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").await.starts_with("HTTP/1.1 421 "));
    assert!(
        ask("POST /pay HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 0\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 403 ")
    );
    assert!(ask("nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    assert!(shop.asked().is_empty());
    edge.stop();
}

/// Behind a balancer that speaks the PROXY protocol, the plain listener counts the client and not the balancer.
#[tokio::test(flavor = "multi_thread")]
async fn plain_http_behind_a_balancer_reads_the_proxy_protocol_from_it_alone() {
    let shop = FakeShop::start(|_| Reply::ok("secret")).await;
    let limits = "[limits]\nconnections_per_client = 1\n";
    let edge = TestEdge::listening("proxy_protocol_from = ['127.0.0.1']", &[shop.url()], limits);
    let connect = async |opening: &[u8]| {
        let mut tcp = tokio::net::TcpStream::connect(edge.http).await.unwrap();
        tcp.write_all(opening).await.unwrap();
        tcp
    };
    let finish = async |mut tcp: tokio::net::TcpStream, rest: &[u8]| {
        let _ = tcp.write_all(rest).await;
        let mut text = Vec::new();
        let _ = tcp.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    };
    const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    let one = b"PROXY TCP4 198.51.100.1 127.0.0.1 1 80\r\n";
    let held = connect(one).await;
    wait_for(|| (edge.shared.connections.open() == 1).then_some(())).await;
    // The client has its one connection; another client of the same balancer has one of its own (version 2).
    assert_eq!(finish(connect(one).await, GET).await, "");
    let two =
        [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &[198, 51, 100, 2, 127, 0, 0, 1, 0, 1, 0, 80]]
            .concat();
    assert!(finish(connect(&two).await, GET).await.starts_with("HTTP/1.1 301 "));
    assert!(finish(held, GET).await.starts_with("HTTP/1.1 301 "));
    // A listed balancer must speak it.
    assert_eq!(finish(connect(b"").await, GET).await, "");
    edge.stop();
    // From anybody else it is no HTTP, and names nobody.
    let edge = TestEdge::start(&[shop.url()], "");
    let mut tcp = tokio::net::TcpStream::connect(edge.http).await.unwrap();
    tcp.write_all(&[one.as_slice(), GET].concat()).await.unwrap();
    let mut text = String::new();
    tcp.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
    edge.stop();
}
