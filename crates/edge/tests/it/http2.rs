//! HTTP/2 as browsers speak it, and the shapes in which it would become another HTTP/1.1 request.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Version};
use storeward_host::Stages;
use storeward_testkit::{FakeShop, Reply};

use crate::carried::Ends;
use crate::frames::{self, END, END_HEADERS, GOAWAY, HEADERS, RESET, Raw, block, frame};
use crate::harness::{TestEdge, wait_for};

type Sender = h2::client::SendRequest<Bytes>;

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

pub async fn client(edge: &TestEdge) -> Sender {
    let (sender, connection) = h2::client::handshake(edge.connect_h2().await).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap()
}

pub fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).version(Version::HTTP_2).uri(format!("https://shop.test{path}"))
}

pub async fn ask(
    sender: &mut Sender,
    request: http::request::Builder,
    body: Option<(&'static str, Option<HeaderMap>)>,
) -> Answer {
    let mut ready = sender.clone().ready().await.unwrap();
    let (response, mut sending) = ready.send_request(request.body(()).unwrap(), body.is_none()).unwrap();
    if let Some((text, trailers)) = body {
        // Whoever was answered by the head alone may find the stream closed.
        let is_open = sending.send_data(Bytes::from(text), trailers.is_none()).is_ok();
        if let Some(trailers) = trailers.filter(|_| is_open) {
            let _ = sending.send_trailers(trailers);
        }
    }
    let (parts, mut incoming) = response.await.unwrap().into_parts();
    let mut body = Vec::new();
    while let Some(data) = incoming.data().await {
        let data = data.unwrap();
        incoming.flow_control().release_capacity(data.len()).unwrap();
        body.extend_from_slice(&data);
    }
    let trailers = incoming.trailers().await.unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body, trailers }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_every_kind_pass() {
    let shop = FakeShop::start(|asked| {
        match asked.target() {
        "/head" => Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n".to_vec()),
        "/304" => Reply::Bytes(b"HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n".to_vec()),
        "/hints" => Reply::Pieces(
            vec![
                b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n".to_vec(),
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
            ],
            100,
        ),
        "/trailers" => Reply::Bytes(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n2\r\nhi\r\n0\r\n\
              X-Sum: 2\r\nSet-Cookie: a=1\r\nContent-Length: 9\r\n\r\n"
                .to_vec(),
        ),
        _ => Reply::ok(&String::from_utf8_lossy(&asked.body)),
    }
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "[inspect]\nmode = 'off'\n");
    let mut sender = client(&edge).await;
    let got =
        ask(&mut sender, request("GET", "/a?b=1").header("cookie", "a=1").header("cookie", "b=2"), None);
    assert_eq!(got.await.status, 200);
    let asked = &shop.asked()[0];
    assert_eq!((asked.target(), asked.header("host")), ("/a?b=1", vec!["shop.test"]));
    assert_eq!(asked.header("cookie"), ["a=1; b=2"], "HTTP/1.1 has one Cookie line");
    let posted = ask(&mut sender, request("POST", "/p").header("content-length", "3"), Some(("abc", None)));
    assert_eq!(posted.await.body, b"abc");
    let head = ask(&mut sender, request("HEAD", "/head"), None).await;
    assert_eq!(
        (head.status, &head.headers["content-length"], head.body.len()),
        (200, &"12345".parse().unwrap(), 0)
    );
    let unchanged = ask(&mut sender, request("GET", "/304"), None).await;
    assert_eq!((unchanged.status, &unchanged.headers["etag"]), (304, &"\"1\"".parse().unwrap()));
    // hyper's server has no way to send a 103 over HTTP/2. A proxy may leave it out (RFC 8297 section 2); nothing of it may end up in
    // the answer, and the answer must come.
    let hinted = ask(&mut sender, request("GET", "/hints"), None).await;
    assert_eq!((hinted.status, hinted.body.as_slice()), (200, b"ok".as_slice()));
    assert!(!hinted.headers.contains_key("link"));
    let trailed = ask(&mut sender, request("GET", "/trailers").header("te", "trailers"), None).await;
    assert_eq!(trailed.body, b"hi");
    assert!(!trailed.headers.contains_key("connection"));
    let trailers = trailed.trailers.unwrap();
    assert_eq!(trailers.keys().map(|k| k.as_str()).collect::<Vec<_>>(), ["x-sum"]);
    let record = edge.records().into_iter().find(|r| r.path.as_ref() == "/p").unwrap();
    assert_eq!(record.protocol, storeward_edge::access::Protocol::Http2);
    edge.stop();
}

/// Went wrong: trailers of HTTP/2 were written to the shop unread, and servers merge them into the headers.
#[tokio::test(flavor = "multi_thread")]
async fn trailers_carry_no_framing_no_identity_and_no_address() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "[inspect]\nmode = 'off'\n");
    let mut sender = client(&edge).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-attack", "' union select 1,2--".parse().unwrap());
    trailers.insert("x-card", "4111-1111-1111-1111".parse().unwrap());
    for name in [
        "x-sum",
        "if-none-match",
        "sec-fetch-site",
        "x-http-method-override",
        "origin",
        "x-forwarded-for",
        "x-storeward-identity",
        "content-length",
        "host",
        "cookie",
        "authorization",
    ] {
        trailers.insert(name, "7".parse().unwrap());
    }
    assert_eq!(ask(&mut sender, request("POST", "/"), Some(("abc", Some(trailers)))).await.status, 200);
    let body = String::from_utf8(shop.asked()[0].body.clone()).unwrap();
    assert!(body.ends_with("3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n"), "{body:?}");
    edge.stop();
}

/// Answers' trailers, over both protocols: no card number, no field that governs the answer.
#[tokio::test(flavor = "multi_thread")]
async fn trailers_of_answers_show_no_card_and_govern_nothing() {
    const BODIES: [(&str, &str); 3] = [
        ("/text", "Content-Type: text/html\r\n"),
        ("/picture", "Content-Type: image/png\r\n"),
        ("/none", ""),
    ];
    let shop = FakeShop::start(|asked| {
        let kind = BODIES.iter().find(|(path, _)| *path == asked.target()).map_or("", |(_, kind)| kind);
        Reply::Bytes(
            format!(
                "HTTP/1.1 200 OK\r\n{kind}Transfer-Encoding: chunked\r\nTrailer: X-Sum, X-Card, X-Paid, ETag, Refresh\r\n\r\n2\r\nhi\r\n0\r\n\
                 X-Sum: 2\r\nX-Card: 4111111111111111\r\nX-Paid: 4111-1111 1111.1111\r\nETag: \"4111111111111111\"\r\n\
                 Strict-Transport-Security: max-age=0\r\nAccess-Control-Allow-Origin: *\r\nClear-Site-Data: \"*\"\r\n\
                 Refresh: 0;url=https://e.example/\r\nServer: x/1\r\nVary: *\r\n\r\n"
            )
            .into_bytes(),
        )
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let mut sender = client(&edge).await;
    for (path, _) in BODIES {
        let answer = ask(&mut sender, request("GET", path).header("te", "trailers"), None).await;
        let trailers = answer.trailers.unwrap();
        let got: Vec<(&str, &str)> =
            trailers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            got,
            [("x-sum", "2"), ("x-card", "************1111"), ("x-paid", "****-**** ****.1111")],
            "{path}"
        );
        let plain = edge
            .ask(&format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\nTE: trailers\r\nConnection: te\r\n\r\n"))
            .await;
        assert_eq!((plain.text().as_str(), plain.header("x-sum")), ("hi", Some("2")), "{path}");
        assert_eq!(plain.header("x-card"), Some("************1111"), "{path}");
        assert_eq!((plain.header("etag"), plain.header("refresh")), (None, None), "{path}");
    }
    assert!(!edge.emitted.of_kind("edge.card_number_masked").is_empty());
    edge.stop();
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String = bytes.iter().map(|b| format!("{b:08b}")).collect();
    let mut out: String = bits
        .as_bytes()
        .chunks(6)
        .map(|six| format!("{:0<6}", std::str::from_utf8(six).unwrap()))
        .map(|six| char::from(SIGNS[usize::from_str_radix(&six, 2).unwrap()]))
        .collect();
    out.push_str(&"=".repeat((4 - out.len() % 4) % 4));
    out
}

/// A shop that opens a WebSocket as RFC 6455 wants it, wrongly, or not at all.
fn shop_of_websockets(asked: &storeward_testkit::Asked) -> Reply {
    use aws_lc_rs::digest;
    let key = asked.header("sec-websocket-key").concat();
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let accept = base64(sum.as_ref());
    let head = |accept: &str| {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        )
    };
    match asked.target() {
        "/ws" => Reply::Tunnel(head(&accept).into_bytes()),
        "/wrong" => Reply::Tunnel(head("AAAA").into_bytes()),
        "/403" => Reply::Bytes(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_vec()),
        _ => Reply::ok("no websocket here"),
    }
}

/// What still comes until the stream ends, in whichever way.
async fn rest(incoming: &mut h2::RecvStream) -> Vec<u8> {
    let mut rest = Vec::new();
    while let Some(Ok(data)) = incoming.data().await {
        rest.extend_from_slice(&data);
    }
    rest
}

fn connect(path: &str) -> Request<()> {
    let mut request = request("CONNECT", path).header("sec-websocket-version", "13").body(()).unwrap();
    request.extensions_mut().insert(h2::ext::Protocol::from("websocket"));
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_open_beside_other_requests_on_one_connection() {
    let shop = FakeShop::start(shop_of_websockets).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let mut sender = client(&edge).await;
    // The server's SETTINGS must have come.
    assert_eq!(ask(&mut sender, request("GET", "/"), None).await.status, 200);
    assert!(sender.is_extended_connect_protocol_enabled());
    let (response, mut sending) = sender.send_request(connect("/ws"), false).unwrap();
    let opened = response.await.unwrap();
    assert_eq!(
        (opened.status().as_u16(), &opened.headers()["sec-websocket-protocol"]),
        (200, &"chat".parse().unwrap())
    );
    assert!(
        !opened.headers().contains_key("sec-websocket-accept") && !opened.headers().contains_key("upgrade")
    );
    let mut incoming = opened.into_body();
    for text in ["\u{1}hello", "again"] {
        sending.send_data(Bytes::from(text), false).unwrap();
        let mut echoed = Vec::new();
        while echoed.len() < text.len() {
            echoed.extend_from_slice(&incoming.data().await.unwrap().unwrap());
        }
        assert_eq!(echoed, text.as_bytes());
        // The connection is not the WebSocket's alone.
        assert_eq!(ask(&mut sender, request("GET", "/"), None).await.status, 200);
    }
    let asked = shop.asked().into_iter().find(|a| a.target() == "/ws").unwrap();
    assert!(asked.head.starts_with("GET /ws HTTP/1.1\r\n"), "{}", asked.head);
    assert_eq!((asked.header("upgrade"), asked.header("connection")), (vec!["websocket"], vec!["upgrade"]));
    sending.send_data(Bytes::new(), true).unwrap();
    assert!(rest(&mut incoming).await.is_empty(), "the end goes through, too");
    let record = wait_for(|| edge.records().into_iter().find(|r| r.path.as_ref() == "/ws")).await;
    assert_eq!((record.status, record.request_bytes, record.response_bytes), (200, 11, 11));
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_that_the_shop_does_not_open_is_not_open_and_every_step_looks_at_it() {
    let shop = FakeShop::start(shop_of_websockets).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let mut sender = client(&edge).await;
    assert_eq!(ask(&mut sender, request("GET", "/"), None).await.status, 200);
    let status = async |request: Request<()>| {
        let mut ready = sender.clone().ready().await.unwrap();
        let (response, _sending) = ready.send_request(request, false).unwrap();
        response.await.unwrap().status().as_u16()
    };
    assert_eq!(status(connect("/wrong")).await, 503);
    assert_eq!(status(connect("/plain")).await, 503);
    assert_eq!(status(connect("/403")).await, 403);
    assert_eq!(status(connect("/ws?q=1%27+UNION+SELECT+email,password+FROM+users--")).await, 403);
    assert_eq!(status(connect("/a/../ws")).await, 400);
    let mut other = connect("/ws");
    other.extensions_mut().insert(h2::ext::Protocol::from("connect-udp"));
    assert_eq!(status(other).await, 405);
    let mut old = connect("/ws");
    old.headers_mut().insert("sec-websocket-version", "8".parse().unwrap());
    assert_eq!(status(old).await, 400);
    assert!(!shop.asked().iter().any(|a| a.target().starts_with("/ws")), "nothing of these reached the shop");
    edge.stop();
}

// The shop had answered, and the stage took it for something that the shop may be at.
#[tokio::test(flavor = "multi_thread")]
async fn a_stage_hears_of_a_websocket_that_is_none() {
    let shop = FakeShop::start(shop_of_websockets).await;
    let ends = Ends::default();
    let stages = Stages { own: None, session: Some(Arc::new(ends.clone())) };
    let edge = TestEdge::staged(stages, &[shop.url()], "");
    let mut sender = client(&edge).await;
    assert_eq!(ask(&mut sender, request("GET", "/"), None).await.status, 200);
    ends.0.lock().unwrap().clear();
    for (path, end) in [("/plain", "/plain BrokenOff"), ("/wrong", "/wrong 101")] {
        let mut ready = sender.clone().ready().await.unwrap();
        let (response, _sending) = ready.send_request(connect(path), false).unwrap();
        assert_eq!(response.await.unwrap().status().as_u16(), 503);
        assert_eq!(wait_for(|| ends.0.lock().unwrap().pop()).await, end);
    }
    // Nobody asked for it.
    let mut plain = edge.connect().await;
    plain.send("GET /ws HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    assert_eq!(wait_for(|| ends.0.lock().unwrap().pop()).await, "/ws BrokenOff");
    edge.stop();
}

/// A tunnel has no end of its own that a stop could wait for, and one on which nothing moves is closed.
#[tokio::test(flavor = "multi_thread")]
async fn websockets_end_with_idleness_and_with_the_program() {
    let shop = FakeShop::start(shop_of_websockets).await;
    let edge = TestEdge::start(&[shop.url()], "[limits]\ntunnel_idle_seconds = 1\n");
    let mut sender = client(&edge).await;
    assert_eq!(ask(&mut sender, request("GET", "/"), None).await.status, 200);
    let (response, _sending) = sender.send_request(connect("/ws"), false).unwrap();
    let mut incoming = response.await.unwrap().into_body();
    assert!(rest(&mut incoming).await.is_empty());
    edge.stop();
    let edge = TestEdge::start(&[shop.url()], "[limits]\nstop_seconds = 200\n");
    let mut sender = client(&edge).await;
    assert_eq!(ask(&mut sender, request("GET", "/"), None).await.status, 200);
    let mut held = Vec::new();
    for n in 0..20 {
        let mut ready = sender.clone().ready().await.unwrap();
        let (response, sending) = ready.send_request(connect("/ws"), false).unwrap();
        let response = response.await.unwrap();
        // Each would hold a connection to the shop.
        assert_eq!(response.status(), if n < 16 { 200 } else { 429 }, "{n}");
        held.push((response, sending));
    }
    assert!(edge.stop() < std::time::Duration::from_secs(100), "a stop does not wait for its deadline");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_host() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let mut sender = client(&edge).await;
    let check = async |sender: &mut Sender, request, status, reason: &str| {
        assert_eq!(ask(sender, request, None).await.status, status, "{reason}");
        assert!(edge.records().iter().any(|r| r.reason == reason), "{reason}");
    };
    check(&mut sender, request("GET", "/").header("host", "evil.example"), 400, "host.contradictory").await;
    let twice = request("GET", "/").header("host", "shop.test").header("host", "shop.test");
    check(&mut sender, twice, 400, "host.repeated").await;
    let elsewhere = Request::builder().version(Version::HTTP_2).uri("https://evil.example/");
    check(&mut sender, elsewhere, 421, "host.not_ours").await;
    // h2's client leaves :authority out of what it takes for a forwarded HTTP/1.1 request.
    let none = Request::builder().version(Version::HTTP_11).uri("/");
    check(&mut sender, none, 400, "host.missing").await;
    assert!(shop.asked().is_empty());
    let by_header = Request::builder().version(Version::HTTP_11).uri("/").header("host", "shop.test");
    assert_eq!(ask(&mut sender, by_header, None).await.status, 200);
    edge.stop();
}

/// What RFC 9113 8.2 and 8.3 call malformed must never become an HTTP/1.1 request.
#[tokio::test(flavor = "multi_thread")]
async fn malformed_fields_never_reach_the_shop() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let base = frames::GET;
    let with = |name, value| [base.as_slice(), &[(name, value)]].concat();
    let cases: Vec<Vec<(&str, &str)>> = vec![
        with("X-Upper", "1"),
        with("connection", "close"),
        with("transfer-encoding", "chunked"),
        with("upgrade", "h2c"),
        with("keep-alive", "5"),
        with("proxy-connection", "close"),
        with("te", "gzip"),
        with("x-a", "1\r\nhost: evil.example"),
        with("x-b\r\nhost", "evil.example"),
        with("x c", "1"),
        with("x-d", "1\0"),
        with(":path", "/twice"),
        with(":unknown", "1"),
        with("content-length", "5"),
        vec![("x-early", "1"), base[0], base[1], base[2], base[3]],
        vec![base[0], base[1], base[2]],
        vec![base[0], base[1], base[2], (":path", "")],
        vec![(":method", "GET\r\nx: 1"), base[1], base[2], base[3]],
        vec![base[0], base[1], base[2], (":path", "/ HTTP/1.1\r\nX: 1\r\n\r\n")],
        vec![base[0], base[1], (":authority", "shop.test\r\nx: 1"), base[3]],
        vec![base[0], base[1], (":authority", "shop.test@evil.example"), base[3]],
    ];
    for fields in cases {
        let mut raw = Raw::open(&edge, &[]).await;
        raw.send(&frame(HEADERS, END | END_HEADERS, 1, &block(&fields))).await;
        loop {
            let frame = raw.next().await;
            let Some(frame) = frame else { break };
            // A stream error, a connection error, or an answer that is a refusal.
            if matches!(frame.kind, RESET | GOAWAY) || frame.kind == HEADERS && frame.payload[0] != 0x88 {
                break;
            }
            assert!(frame.kind != HEADERS, "{fields:?} was served");
        }
    }
    assert!(shop.asked().is_empty(), "{:?}", shop.asked());
    assert_eq!(edge.get("/").await.status, 200);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_the_client_resets_ends_at_the_shop_too() {
    let shop = FakeShop::start(|_| Reply::Silence).await;
    let edge = TestEdge::start(&[shop.url()], "[limits]\nidle_seconds = 1\n");
    let mut raw = Raw::open(&edge, &[]).await;
    raw.send(&frames::get(1)).await;
    wait_for(|| (edge.in_flight() == 1).then_some(())).await;
    raw.send(&frame(RESET, 0, 1, &8u32.to_be_bytes())).await;
    wait_for(|| (edge.in_flight() == 0).then_some(())).await;
    assert_eq!(edge.record_of("client.left").await.path.as_ref(), "/");
    // Nothing counts as under way on the connection: its idle time runs out.
    assert!(raw.until_closed().await.iter().any(|f| f.kind == GOAWAY));
    edge.stop();
}

/// Two lengths that are equal were refused in HTTP/1.1 and taken here.
#[tokio::test(flavor = "multi_thread")]
async fn a_length_given_twice_is_refused_as_in_http_1() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let mut sender = client(&edge).await;
    let twice = request("POST", "/").header("content-length", "3").header("content-length", "3");
    assert_eq!(ask(&mut sender, twice, Some(("abc", None))).await.status, 400);
    assert!(shop.asked().is_empty());
    edge.stop();
}
