//! Shapes on which two readers could differ, headers that pretend to be ours, and what an attacker hopes to hide.

use crate::harness::{TestEdge, wait_for};
use storeward_testkit::{FakeShop, Reply};

async fn check(edge: &TestEdge, shop: &FakeShop, request: &str, status: u16, reason: &str) {
    let before = shop.asked().len();
    let mut client = edge.connect().await;
    client.send(request).await;
    let response = client.response(false).await;
    assert_eq!(response.status, status, "{request:?}\n{}", response.head);
    assert!(client.is_closed().await, "the connection must end after {request:?}");
    assert_eq!(shop.asked().len(), before, "it reached the shop: {request:?}");
    // The record is written when the connection ends, and it lingers for a client that stays.
    drop(client);
    wait_for(|| edge.records().iter().any(|r| r.reason == reason).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_framing_is_refused_told_and_closed() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let post =
        |headers: &str, body: &str| format!("POST /x HTTP/1.1\r\nHost: shop.test\r\n{headers}\r\n{body}");
    let hidden = "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    for (request, status, reason) in [
        (
            post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", hidden),
            400,
            "length.with_transfer_encoding",
        ),
        (
            post("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", hidden),
            400,
            "length.with_transfer_encoding",
        ),
        (post("Transfer-Encoding: gzip, chunked\r\n", hidden), 501, "encoding.unknown"),
        (post("Transfer-Encoding: identity\r\n", hidden), 501, "encoding.unknown"),
        (
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", hidden),
            501,
            "encoding.repeated",
        ),
        (post("Transfer-Encoding : chunked\r\n", hidden), 400, "head.header_name"),
        (post("X: 1\r\n Transfer-Encoding: chunked\r\n", hidden), 400, "head.folded_header"),
        (post("Content-Length: 3, 3\r\n", "abc"), 400, "length.invalid"),
        (post("Content-Length: +3\r\n", "abc"), 400, "length.invalid"),
        (post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400, "length.repeated"),
        (post("Content-Length: 0000000000000000000000003\r\n", "abc"), 400, "length.invalid"),
        ("GET / HTTP/1.1\nHost: shop.test\n\n".to_owned(), 400, "head.bare_line_feed"),
        ("GET / HTTP/1.1\r\nHost: shop.test\r\nX: a\rb\r\n\r\n".to_owned(), 400, "head.bare_carriage_return"),
        ("GET / HTTP/1.1\r\nHost: shop.test\r\nX: a\0b\r\n\r\n".to_owned(), 400, "head.control_character"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400, "host.missing"),
        ("GET / HTTP/1.1\r\nHost: shop.test\r\nHost: shop.test\r\n\r\n".to_owned(), 400, "host.repeated"),
        ("GET / HTTP/3.0\r\nHost: shop.test\r\n\r\n".to_owned(), 505, "head.version"),
        ("GET  / HTTP/1.1\r\nHost: shop.test\r\n\r\n".to_owned(), 400, "head.request_line"),
    ] {
        check(&edge, &shop, &request, status, reason).await;
    }
    assert!(!edge.emitted.of_kind("edge.request_refused").is_empty());
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_targets_hosts_and_methods_are_refused() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let ask = |line: &str, host: &str, more: &str| format!("{line} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
    for (request, status, reason) in [
        (ask("GET /a/../admin", "shop.test", ""), 400, "path.dot_segment"),
        (ask("GET /a/%2e%2e/admin", "shop.test", ""), 400, "path.dot_segment"),
        (ask("GET /a#/../admin", "shop.test", ""), 400, "head.request_line"),
        (ask("GET /a%00.php", "shop.test", ""), 400, "path.nul"),
        (ask("GET /a%0d%0aX:1", "shop.test", ""), 400, "path.line_end"),
        (ask("GET /", "evil.example", ""), 421, "host.not_ours"),
        (ask("GET /", "shop.test/x", ""), 400, "host.invalid"),
        (ask("GET /", "user@shop.test", ""), 400, "host.invalid"),
        (ask("GET /", "shop.test, evil.example", ""), 400, "host.invalid"),
        (ask("GET https://localhost/", "shop.test", ""), 400, "host.contradictory"),
        (ask("OPTIONS *", "shop.test", ""), 400, "target.form"),
        (ask("TRACE /", "shop.test", ""), 405, "method.forbidden"),
        (ask("CONNECT shop.test:443", "shop.test", ""), 405, "method.forbidden"),
        (ask("get /", "shop.test", ""), 501, "method.unknown"),
        (ask("GET /", "shop.test", "Connection: close, X-Forwarded-For\r\n"), 400, "connection.names_field"),
        (ask("GET /", "shop.test", "Connection: Cookie\r\n"), 400, "connection.names_field"),
        (
            ask("POST /", "shop.test", "Content-Type: application/x-www-form-urlencoded;\u{ff}\r\n"),
            400,
            "content_type.unreadable",
        ),
        (
            ask("POST /", "shop.test", "Content-Type: application/x-www-form-urlencoded\t;\r\n"),
            400,
            "content_type.unreadable",
        ),
        (
            ask("POST /", "shop.test", "Content-Type: text/plain\r\nContent-Type: text/plain\r\n"),
            400,
            "content_type.repeated",
        ),
    ] {
        check(&edge, &shop, &request, status, reason).await;
    }
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_break_never_look_whole_to_the_shop() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "[inspect]\nmode = 'off'\n");
    for bad in [
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabcX",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\n",
        "3\r\nabc\r\n0\r\nHost: x\r\n\r\n",
    ] {
        let head = "POST /x HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut client = edge.connect().await;
        client.send(format!("{head}{bad}")).await;
        let refused = client.response(false).await;
        assert_eq!(refused.status, 400, "{bad:?}: {refused:?}");
        assert!(client.is_closed().await);
    }
    let record = edge.record_of("chunk.trailer").await;
    assert_eq!((record.method.as_str(), record.path.as_ref(), record.status), ("POST", "/x", 400));
    assert!(shop.asked().iter().all(|a| a.broken), "{:?}", shop.asked());
    // The connections of broken requests are never used again: an honest one gets its own answer.
    assert_eq!(edge.get("/honest").await.text(), "x");
    edge.stop();
}

/// Once the shop's answer is under way, a refusal of the body must not be written into it.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_after_its_answer_began_gets_no_second_answer() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shop = format!("http://{}", listener.local_addr().unwrap());
    // A shop that answers before it has read the body.
    let served = tokio::spawn(async move {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Length: 9\r\n\r\nearly";
        let mut open = Vec::new();
        while let Ok((mut tcp, _)) = listener.accept().await {
            tokio::io::AsyncWriteExt::write_all(&mut tcp, head).await.unwrap();
            open.push(tcp);
        }
    });
    let edge = TestEdge::start(&[shop], "[inspect]\nmode = 'off'\n");
    let mut client = edge.connect().await;
    client
        .send("POST /x HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        .await;
    assert!(client.head().await.unwrap().starts_with("HTTP/1.1 200"));
    client.send("zzz\r\n").await;
    assert!(client.is_closed().await);
    let rest = String::from_utf8_lossy(&client.ahead).into_owned();
    assert!(!rest.contains("HTTP/1.1 400"), "{rest}");
    edge.stop();
    served.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_to_anything_but_a_websocket_is_no_way_around_us() {
    let tunnel = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n";
    let shop = FakeShop::start(|asked| match asked.header("upgrade").is_empty() {
        true => Reply::ok("no tunnel"),
        false => Reply::Tunnel(tunnel.to_vec()),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    for lines in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
    ] {
        let answer = edge.ask(&format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{lines}\r\n")).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "no tunnel"), "{lines}");
    }
    assert!(shop.asked().iter().all(|a| !a.head.to_ascii_lowercase().contains("http2-settings")));
    edge.stop();
}

/// In one write with good requests before it: those are answered, each with its own answer, then it gets its refusal.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_behind_good_ones_is_refused_in_its_turn() {
    // Slow, and without a byte at first: the refusal must wait, and be told when the answers are out.
    let shop = FakeShop::start(|asked| {
        let body = asked.target().to_owned();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        Reply::Pieces(vec![Vec::new(), head.into_bytes(), body.into_bytes()], 100)
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let good = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    let post = |rest: &str| format!("POST /bad HTTP/1.1\r\nHost: shop.test\r\nX: a\r\n{rest}");
    for (bad, status) in [
        ("GET /bad HTTP/1.1\nHost: shop.test\n\n".to_owned(), 400),
        ("\r\n".to_owned(), 400),
        ("GET /bad HTTP/1.1\r\nHost: shop.test\r\nX: a\0b\r\n\r\n".to_owned(), 400),
        ("GET /bad HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /bad HTTP/3.0\r\nHost: shop.test\r\n\r\n".to_owned(), 505),
        (post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400),
        // Its head is sound, its body is not; the last is told to go on first.
        (post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\nzz\r\n"), 400),
        (post("Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400),
    ] {
        for before in [1, 3] {
            let mut client = edge.connect().await;
            let targets: Vec<_> = (0..before).map(|at| format!("/{at}")).collect();
            let sent: String = targets.iter().map(|target| good(target)).collect();
            client.send(sent + &bad).await;
            for target in &targets {
                let answer = client.response(false).await;
                assert_eq!((answer.status, answer.text().as_str()), (200, target.as_str()), "{bad:?}");
            }
            let mut refused = client.response(false).await;
            if refused.status == 100 {
                refused = client.response(false).await;
            }
            assert_eq!(refused.status, status, "{before} before {bad:?}\n{}", refused.head);
            assert!(client.is_closed().await, "{bad:?}");
        }
    }
    assert!(shop.asked().iter().all(|a| a.target() != "/bad"));
    edge.stop();
}

/// Whoever waits behind a shop that takes its time waits no longer than the answer; and whoever does not read it, not at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_waits_keeps_no_connection_open() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let mut client = edge.connect().await;
    // The client asks for the end itself: nothing comes behind the first answer.
    client
        .send("GET /1 HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\nX: 1\n\n")
        .await;
    assert_eq!(client.response(false).await.status, 200);
    assert!(client.is_closed().await);
    assert!(shop.asked().iter().all(|a| a.target() == "/1"));
    wait_for(|| (edge.in_flight() == 0).then_some(())).await;
    edge.stop();
}

/// Went wrong: whoever put a bad line behind a slow request, and left, kept the shop's connection for as long as the shop took.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_while_a_refusal_waits_is_gone() {
    let shop = FakeShop::start(|_| Reply::Silence).await;
    let edge = TestEdge::start(&[shop.url()], "");
    for behind in [
        "X\r\n\r\n".to_owned(),
        format!("X\r\n\r\n{}", "y".repeat(10_000)),
        format!("X\r\n\r\n{}", "y".repeat(200_000)),
    ] {
        let mut client = edge.connect().await;
        client.send(format!("GET /slow HTTP/1.1\r\nHost: shop.test\r\n\r\n{behind}")).await;
        // Of much behind it the connection is ended, whoever waits.
        if behind.len() < 65_536 {
            wait_for(|| (edge.in_flight() == 1).then_some(())).await;
        }
        drop(client);
        wait_for(|| (edge.in_flight() == 0 && shop.open() == 0).then_some(())).await;
    }
    edge.stop();
}

/// Went wrong: a broken line sent with a WebSocket's request gave a tunnel in which nothing passed, open at the shop for ten minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_line_behind_a_websocket_s_request_ends_it() {
    let shop = FakeShop::start(|_| {
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        Reply::Tunnel(head.as_bytes().to_vec())
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let mut client = edge.connect().await;
    client
        .send(
            "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nX\r\n\r\n",
        )
        .await;
    let _ = client.head().await;
    assert!(client.is_closed().await);
    wait_for(|| (edge.in_flight() == 0 && shop.open() == 0).then_some(())).await;
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_pretend_to_be_ours_never_arrive() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "[inspect]\nmode = 'off'\n");
    let names = [
        "X-Forwarded-For",
        "X_Forwarded_For",
        "X.Forwarded.For",
        "x-forwarded_for",
        "X-Forwarded-Host",
        "X-Real-IP",
        "X_Real_IP",
        "Forwarded",
        "Proxy",
        "X-Original-URL",
        "X-Rewrite-URL",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X-Storeward-Identity",
        "X_Storeward_Identity",
        "X.Storeward.Identity",
        "Content_Length",
        "X-Request-Id",
        "Client-IP",
        "WL-Proxy-Client-IP",
        "X-Forwarded-Protocol",
        "Remote-User",
    ];
    let lines: String = names.iter().map(|n| format!("{n}: 203.0.113.99\r\n")).collect();
    let response = edge.ask(&format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{lines}\r\n")).await;
    assert_eq!(response.status, 200, "{:?}", edge.records()[0]);
    assert!(!shop.asked()[0].head.contains("203.0.113.99"), "{}", shop.asked()[0].head);
    assert_eq!(edge.records()[0].client.to_string(), "127.0.0.1");
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarded_addresses_and_proxy_headers_count_only_from_listed_networks() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let trusting = TestEdge::listening("trusted_proxies = ['127.0.0.1']", &[shop.url()], "");
    trusting.ask("GET / HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 1.1.1.1, 198.51.100.7\r\n\r\n").await;
    assert_eq!(shop.asked()[0].header("x-forwarded-for"), ["198.51.100.7"]);
    // One byte that is no ASCII, before what the proxy adds, made anybody the proxy.
    let asked = |line: &[u8]| {
        [b"GET / HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: ".as_slice(), line, b"\r\n\r\n"].concat()
    };
    let mut client = trusting.connect().await;
    client.send(asked(b"\xff, 198.51.100.7")).await;
    assert_eq!(client.response(false).await.status, 200);
    assert_eq!(shop.asked()[1].header("x-forwarded-for"), ["198.51.100.7"]);
    // Where nothing that it added can be read, it is nobody.
    for line in [&b"198.51.100.7, \xff"[..], b"unknown", b""] {
        let mut client = trusting.connect().await;
        client.send(asked(line)).await;
        assert_eq!(client.response(false).await.status, 400);
    }
    let record = trusting.record_of("client.unreadable").await;
    assert_eq!((record.status, record.client.to_string().as_str()), (400, "0.0.0.0"));
    assert_eq!(shop.asked().len(), 2);
    trusting.stop();
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let behind = TestEdge::listening("proxy_protocol_from = ['127.0.0.1']", &[shop.url()], "");
    let mut tcp = tokio::net::TcpStream::connect(behind.https).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut tcp, b"PROXY TCP4 198.51.100.9 127.0.0.1 1 443\r\n")
        .await
        .unwrap();
    let mut client =
        crate::harness::Client { stream: behind.tls_over(tcp, &[b"http/1.1"]).await, ahead: Vec::new() };
    client.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    assert_eq!(client.response(false).await.status, 200);
    assert_eq!(shop.asked()[0].header("x-forwarded-for"), ["198.51.100.9"]);
    // Whoever must speak it and does not is not served.
    let bare = tokio::net::TcpStream::connect(behind.https).await.unwrap();
    let refused = tokio::time::timeout(std::time::Duration::from_secs(60), async {
        let mut bare = bare;
        tokio::io::AsyncWriteExt::write_all(&mut bare, b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
            .await
            .unwrap();
        let mut text = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut bare, &mut text).await;
        text
    });
    assert!(refused.await.unwrap().is_empty());
    behind.stop();
}
