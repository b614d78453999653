//! The steps of other domains: own pages, and the session step between client and shop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response as HttpResponse, StatusCode, header};
use storeward_host::{
    Going, Later, Minder, OwnPages, Passage, RequestHead, Rewrite, Seen, SessionExchange, SessionStage,
    Stages,
};
use storeward_testkit::{FakeShop, Reply};
use storeward_web::axum::Router;
use storeward_web::axum::extract::Extension;
use storeward_web::axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::TestEdge;

/// Keeps the shop's cookie `sid=inner` for the browser that holds `handle=1`; refuses a body with `stolen`.
struct Swap;

struct Swapping {
    reads_body: bool,
    /// Sees a long body whole.
    reads_long: bool,
    sees_page: bool,
}

impl SessionStage for Swap {
    fn enter(&self, head: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
        let (reads_body, sees_page) = (head.path == "/login", head.path == "/page");
        let reads_long = head.path == "/upload";
        (head.path != "/static").then(|| Box::new(Swapping { reads_body, reads_long, sees_page }) as Box<_>)
    }
}

impl SessionExchange for Swapping {
    fn request_body_bytes(&self) -> Option<usize> {
        self.reads_body.then_some(64).or(self.reads_long.then_some(4 << 20))
    }

    fn request<'a>(&'a mut self, headers: &'a mut HeaderMap, body: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let bytes = body.bytes;
            let reads = self.reads_body || self.reads_long;
            if bytes.windows(6).any(|w| w == b"stolen") || (reads && !body.complete) {
                return instead(StatusCode::FORBIDDEN, "not with that");
            }
            if let Some(answer) = headers.get("x-storeward-puzzle") {
                let line = format!("solved={}", answer.to_str().unwrap());
                headers.insert(header::COOKIE, HeaderValue::try_from(line).unwrap());
            }
            if headers.get(header::COOKIE).is_some_and(|c| c == "handle=1") {
                headers.insert(header::COOKIE, HeaderValue::from_static("sid=inner"));
            }
            Passage::On
        })
    }

    fn response_body_bytes(&self, _: StatusCode, _: &HeaderMap) -> Option<usize> {
        self.sees_page.then_some(1024)
    }

    fn response<'a>(
        &'a mut self,
        status: StatusCode,
        headers: &'a mut HeaderMap,
        body: Seen<'a>,
    ) -> Later<'a, Passage> {
        Box::pin(async move {
            if body.bytes.windows(6).any(|w| w == b"secret") {
                return instead(StatusCode::OK, "a challenge");
            }
            if headers.remove(header::SET_COOKIE).is_some() {
                headers.insert(header::SET_COOKIE, HeaderValue::from_static("handle=1; Path=/"));
            }
            assert_ne!(status, StatusCode::IM_A_TEAPOT);
            Passage::On
        })
    }
}

fn instead(status: StatusCode, text: &'static str) -> Passage {
    let mut response = HttpResponse::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    Passage::Instead(Box::new(response))
}

fn session() -> Stages {
    Stages { own: None, session: Some(Arc::new(Swap)) }
}

async fn shop() -> FakeShop {
    FakeShop::start(|asked| {
        let cookies = asked.header("cookie").join("|");
        let body = format!("{} {cookies} {}", asked.target(), String::from_utf8_lossy(&asked.body));
        match asked.target() {
            "/page" if cookies == "sid=inner" => Reply::ok("secret"),
            "/ws" => Reply::Tunnel(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSet-Cookie: sid=ws\r\n\r\n".to_vec(),
            ),
            _ => Reply::with("Content-Type: text/plain\r\nSet-Cookie: sid=inner\r\n", &body),
        }
    })
    .await
}

fn asking(target: &str, cookie: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\nCookie: {cookie}\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_step_stands_between_client_and_shop() {
    let shop = shop().await;
    let edge = TestEdge::staged(session(), &[shop.url()], "");
    let answer = edge.ask(&asking("/", "handle=1")).await;
    assert_eq!(answer.text(), "/ sid=inner ");
    assert!(answer.head.contains("handle=1; Path=/") && !answer.head.contains("sid="), "{}", answer.head);
    // What a script sends to the step comes to it, and what only we say to the shop does not.
    let solved =
        "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Storeward-Puzzle: 42\r\nStoreward-Puzzle: 43\r\n\r\n";
    assert_eq!(edge.ask(solved).await.text(), "/ solved=42 ");
    // Its own business only.
    let aside = edge.ask(&asking("/static", "handle=1")).await;
    assert!(aside.text().contains("handle=1") && aside.head.contains("sid=inner"));
    // In the shop's place, on the way there and on the way back.
    let page = edge.ask(&asking("/page", "handle=1")).await;
    assert_eq!(page.text(), "a challenge");
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_step_reads_a_body_that_the_shop_gets_all_the_same() {
    let shop = shop().await;
    let edge = TestEdge::staged(session(), &[shop.url()], "");
    let post = |body: &str| {
        let length = body.len();
        let kind = "Content-Type: application/x-www-form-urlencoded";
        format!("POST /login HTTP/1.1\r\nHost: shop.test\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    assert_eq!(edge.ask(&post("user=ella&password=good")).await.text(), "/login  user=ella&password=good");
    let refused = edge.ask(&post("password=stolen")).await;
    assert_eq!((refused.status, refused.text().as_str()), (403, "not with that"));
    // Longer than what inspection and the step read together: refused, not half read.
    assert_eq!(edge.ask(&post(&"x".repeat(2 << 20))).await.status, 403);
    let many = format!("x={}", "y".repeat(60));
    assert_eq!(edge.ask(&post(&many)).await.text(), format!("/login  {many}"));
    edge.stop();
}

// It goes on in pieces, each judged before it goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_body_that_the_step_saw_whole_reaches_the_shop_byte_for_byte() {
    let shop = shop().await;
    let edge = TestEdge::staged(session(), &[shop.url()], "");
    let post = |body: &str| {
        let length = body.len();
        let kind = "Content-Type: application/x-www-form-urlencoded";
        format!(
            "POST /upload HTTP/1.1\r\nHost: shop.test\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    // Of no period that a piece could be taken for another by.
    let text: String = (0..150_000_u32).map(|n| format!("{n:06}word")).collect();
    let long = format!("x={text}");
    let told = edge.ask(&post(&long)).await;
    assert_eq!(told.status, 200);
    assert!(told.text() == format!("/upload  {long}"), "{} bytes of {}", told.text().len(), long.len());
    assert_eq!(edge.ask(&post(&format!("{long}&p=stolen"))).await.status, 403, "the step saw its end");
    let attack = format!("{long}&q=1+UNION+SELECT+email,password+FROM+customers--");
    assert_ne!(edge.ask(&post(&attack)).await.status, 200, "so did the rules");
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_passes_the_session_step_too() {
    let shop = shop().await;
    let edge = TestEdge::staged(session(), &[shop.url()], "");
    let mut client = edge.connect().await;
    client
        .send("GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        .await;
    let head = client.head().await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101") && !head.contains("sid="), "{head}");
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn own_pages_are_answered_here_and_never_reach_the_shop_or_its_rules() {
    let shop = shop().await;
    let router = Router::new()
        .route(
            "/.storeward/hello",
            get(|client: Extension<storeward_base::ClientIp>| async move { client.0.to_string() }),
        )
        .route("/.storeward/echo", post(|body: String| async { body }));
    let too_long = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&too_long);
    let own = OwnPages::new(router, &[], &[]).telling(
        "/.storeward/echo",
        Arc::new(move |_| {
            told.fetch_add(1, Ordering::SeqCst);
        }),
    );
    let stages = Stages { own: Some(own), session: Some(Arc::new(Swap)) };
    let edge = TestEdge::staged(stages, &[shop.url()], "");
    assert_eq!(edge.get("/.storeward/hello").await.text(), "127.0.0.1");
    assert_eq!(edge.get("/%2estoreward/hello").await.status, 404, "a second spelling is no way to the shop");
    let password = "' or 1=1 -- <script>alert(1)</script>";
    let length = password.len();
    let post = |length: usize, body: &str| {
        format!("POST /.storeward/echo HTTP/1.1\r\nHost: shop.test\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    assert_eq!(edge.ask(&post(length, password)).await.text(), password);
    let large = "x".repeat(600 * 1024);
    assert_eq!(too_long.load(Ordering::SeqCst), 0);
    assert_eq!(edge.ask(&post(large.len(), &large)).await.status, 413);
    assert_eq!(too_long.load(Ordering::SeqCst), 1, "whose it is knows of it");
    assert!(shop.asked().is_empty(), "{:?}", shop.asked());
    let records = edge.records();
    assert!(records.iter().all(|r| r.route.as_ref() == "own" && r.upstream.is_none()));
    edge.stop();
}

/// A shop, or whoever writes into its answers, could plant a session of ours in a browser, or read one.
#[tokio::test(flavor = "multi_thread")]
async fn our_cookies_never_reach_the_shop_and_it_sets_none() {
    let shop = FakeShop::start(|asked| {
        let set = "Set-Cookie: __Host-storeward-customer=planted; Path=/; Secure\r\nSet-Cookie: \
                   __HOST-Storeward-device=planted; Path=/; Secure\r\nSet-Cookie: own=1\r\n";
        match asked.target() {
            "/ws" => Reply::Tunnel(
                format!(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: \
                     websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{set}\r\n"
                )
                .into_bytes(),
            ),
            _ => {
                Reply::with(&format!("Content-Type: text/plain\r\n{set}"), &asked.header("cookie").join("|"))
            }
        }
    })
    .await;
    // With a session step and without one.
    for stages in [session(), Stages::default()] {
        let edge = TestEdge::staged(stages, &[shop.url()], "");
        for (sent, seen) in [
            ("__Host-storeward-customer=secret", ""),
            ("a=1; __Host-storeward-shop=secret; b=2", "a=1; b=2"),
            ("__host-STOREWARD-device=secret;a=1", "a=1"),
        ] {
            let answer = edge.ask(&asking("/static", sent)).await;
            assert_eq!(answer.text(), seen, "{sent}");
            assert!(answer.head.contains("own=1") && !answer.head.contains("planted"), "{}", answer.head);
        }
        let upgrade = "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: \
                       websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let mut client = edge.connect().await;
        client.send(upgrade).await;
        let head = client.head().await.unwrap();
        assert!(head.starts_with("HTTP/1.1 101") && !head.contains("planted"), "{head}");
        edge.stop();
    }
}

/// Lets everything pass; what stays open stands as long as the flag does.
#[derive(Clone)]
struct Minding(Arc<AtomicBool>);

impl SessionStage for Minding {
    fn enter(&self, _: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
        Some(Box::new(self.clone()))
    }
}

impl SessionExchange for Minding {
    fn request<'a>(&'a mut self, _: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async { Passage::On })
    }

    fn response<'a>(&'a mut self, _: StatusCode, _: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async { Passage::On })
    }

    fn mind(&mut self) -> Option<Box<dyn Minder>> {
        Some(Box::new(self.clone()))
    }

    fn mind_body(&mut self) -> Option<Box<dyn Minder>> {
        Some(Box::new(self.clone()))
    }
}

impl Minder for Minding {
    fn every(&self) -> Duration {
        Duration::from_millis(5)
    }

    fn stands(&self) -> Later<'_, bool> {
        Box::pin(async { self.0.load(Ordering::SeqCst) })
    }
}

// A WebSocket talked on for as long as both sides liked after its owner had ended the session.
#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_ends_with_the_session_behind_it() {
    let shop = shop().await;
    let stands = Arc::new(AtomicBool::new(true));
    let stages = Stages { own: None, session: Some(Arc::new(Minding(stands.clone()))) };
    let edge = TestEdge::staged(stages, &[shop.url()], "");
    let mut client = edge.connect().await;
    client
        .send("GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        .await;
    assert!(client.head().await.unwrap().starts_with("HTTP/1.1 101"));
    // A request beside it shows that the tunnel was asked about and stands.
    assert_eq!(edge.get("/").await.status, 200);
    stands.store(false, Ordering::SeqCst);
    assert!(client.is_closed().await);
    assert_eq!(edge.record_of("session.over").await.status, 101);
    edge.stop();
}

// A stream of events told the account's news for as long as the shop liked after its owner had signed out everywhere.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_goes_on_ends_with_the_session_behind_it() {
    let shop = FakeShop::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
        Reply::Tunnel(head.as_bytes().to_vec())
    })
    .await;
    let stands = Arc::new(AtomicBool::new(true));
    let stages = Stages { own: None, session: Some(Arc::new(Minding(stands.clone()))) };
    let edge = TestEdge::staged(stages, &[shop.url()], "");
    let mut client = edge.connect().await;
    client.send("GET /events HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    assert!(client.head().await.unwrap().starts_with("HTTP/1.1 200"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    stands.store(false, Ordering::SeqCst);
    assert!(client.is_closed().await);
    assert_eq!(edge.record_of("session.over").await.status, 200);
    edge.stop();
}

/// Lets everything pass; of what goes on each piece as it is told: 0 on, 1 wait, 2 over.
#[derive(Clone)]
struct Holding(Arc<AtomicU8>, Arc<AtomicU8>);

impl SessionStage for Holding {
    fn enter(&self, _: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
        Some(Box::new(self.clone()))
    }
}

impl SessionExchange for Holding {
    fn request<'a>(&'a mut self, _: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async { Passage::On })
    }

    fn response<'a>(&'a mut self, _: StatusCode, _: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async { Passage::On })
    }

    fn mind(&mut self) -> Option<Box<dyn Minder>> {
        Some(Box::new(self.clone()))
    }

    fn mind_body(&mut self) -> Option<Box<dyn Minder>> {
        Some(Box::new(self.clone()))
    }
}

impl Minder for Holding {
    fn every(&self) -> Duration {
        Duration::from_secs(3_600)
    }

    fn going(&self) -> Going {
        match self.0.load(Ordering::SeqCst) {
            0 => Going::On,
            1 => Going::Wait,
            _ => Going::Over,
        }
    }

    fn note_words(&self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }

    fn stands(&self) -> Later<'_, bool> {
        Box::pin(async { true })
    }
}

// What the shop says while somebody may be signing in reaches nobody before that is decided: not in a stream of events, and in no tunnel.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_a_sign_in_is_decided_waits() {
    let shop = FakeShop::start(|asked| match asked.target() {
        "/events" => {
            let first = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n";
            Reply::Pieces(vec![first.as_bytes().to_vec(), b"data: second\n\n".to_vec()], 200)
        }
        _ => Reply::Tunnel(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n".to_vec(),
        ),
    })
    .await;
    let (going, words) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicU8::new(0)));
    let stages = Stages { own: None, session: Some(Arc::new(Holding(going.clone(), words.clone()))) };
    let edge = TestEdge::staged(stages, &[shop.url()], "");
    for decided in [0, 2] {
        for target in ["/events", "/ws"] {
            going.store(0, Ordering::SeqCst);
            let mut client = edge.connect().await;
            let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
            let upgrade = if target == "/ws" { upgrade } else { "" };
            client.send(format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\n{upgrade}\r\n")).await;
            client.head().await.unwrap();
            going.store(1, Ordering::SeqCst);
            if target == "/ws" {
                client.send("second").await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            let heard = |client: &crate::harness::Client| String::from_utf8_lossy(&client.ahead).into_owned();
            let early = tokio::time::timeout(Duration::from_millis(100), client.is_closed()).await;
            assert!(early.is_err() && !heard(&client).contains("second"), "{target}: {}", heard(&client));
            going.store(decided, Ordering::SeqCst);
            if decided == 0 {
                while !heard(&client).contains("second") {
                    let mut more = [0; 512];
                    let read = client.stream.read(&mut more).await.unwrap();
                    assert!(read > 0, "{target} ended");
                    client.ahead.extend_from_slice(&more[..read]);
                }
            } else {
                assert!(client.is_closed().await);
                assert!(!heard(&client).contains("second"), "{target}: {}", heard(&client));
            }
        }
    }
    edge.stop();
}

// What is said to it in that time would be done for whomever the shop knows by then.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_while_a_sign_in_is_decided_waits() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let into = heard.clone();
    let shop = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let into = into.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4_096];
                let mut is_open = false;
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    if is_open {
                        into.lock().unwrap().extend_from_slice(&buffer[..read]);
                    } else {
                        is_open = true;
                        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
                        stream.write_all(head.as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    let (going, words) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicU8::new(0)));
    let stages = Stages { own: None, session: Some(Arc::new(Holding(going.clone(), words.clone()))) };
    let edge = TestEdge::staged(stages, &[url], "");
    let said = || String::from_utf8_lossy(&heard.lock().unwrap()).into_owned();
    let mut client = edge.connect().await;
    client
        .send("GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        .await;
    client.head().await.unwrap();
    // A Ping and a Pong: a session in which one came every second had each of its forms wait.
    client.send(b"\x89\x82\0\0\0\0hi\x8a\x80\0\0\0\0").await;
    crate::harness::wait_for(|| (heard.lock().unwrap().len() == 14).then_some(())).await;
    heard.lock().unwrap().clear();
    assert_eq!(words.load(Ordering::SeqCst), 0, "nobody has said anything");
    client.send("first").await;
    crate::harness::wait_for(|| said().contains("first").then_some(())).await;
    assert_eq!(words.load(Ordering::SeqCst), 1, "it was told before the shop heard it");
    going.store(1, Ordering::SeqCst);
    client.send("second").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(said(), "first");
    going.store(0, Ordering::SeqCst);
    crate::harness::wait_for(|| said().contains("firstsecond").then_some(())).await;
    going.store(1, Ordering::SeqCst);
    client.send("third").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    going.store(2, Ordering::SeqCst);
    assert!(client.is_closed().await);
    assert_eq!(said(), "firstsecond");
    assert_eq!(words.load(Ordering::SeqCst), 2, "of what reaches the shop only");
    edge.stop();
    shop.abort();
}

/// Puts a word in front of the page and one behind it, and holds each piece back until the next has come.
#[derive(Debug, Default)]
struct Framed {
    held: Vec<u8>,
    began: bool,
}

impl Rewrite for Framed {
    fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
        if data.windows(6).any(|w| w == b"poison") {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        if !std::mem::replace(&mut self.began, true) {
            out.extend_from_slice(b"[");
        }
        out.append(&mut self.held);
        self.held = data.to_vec();
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> std::io::Result<()> {
        out.append(&mut self.held);
        out.extend_from_slice(b"]");
        Ok(())
    }
}

struct Framing;

impl SessionStage for Framing {
    fn enter(&self, _: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
        Some(Box::new(Framing))
    }
}

impl SessionExchange for Framing {
    fn request<'a>(&'a mut self, _: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async { Passage::On })
    }

    fn response<'a>(&'a mut self, _: StatusCode, _: &'a mut HeaderMap, _: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async { Passage::Through(Box::new(Framed::default())) })
    }
}

// What the stage makes of a page is what is masked already; lengths, chunks and trailers stay right.
#[tokio::test(flavor = "multi_thread")]
async fn a_stage_changes_a_body_while_it_streams() {
    let shop = FakeShop::start(|asked| match asked.target() {
        "/whole" => Reply::with("Content-Type: text/html\r\n", "card 4111 1111 1111 1111."),
        "/long" => Reply::with("Content-Type: text/html\r\n", &"a long page ".repeat(40_000)),
        "/chunks" => Reply::Bytes(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\nX-Sum: 4\r\n\r\n"
                .to_vec(),
        ),
        _ => Reply::with("Content-Type: text/html\r\n", &format!("{}poison", "x".repeat(500_000))),
    })
    .await;
    let stages = Stages { own: None, session: Some(Arc::new(Framing)) };
    let edge = TestEdge::staged(stages, &[shop.url()], "");
    let whole = edge.ask(&asking("/whole", "a=1")).await;
    assert_eq!(whole.text(), "[card **** **** **** 1111.]");
    assert!(whole.head.to_ascii_lowercase().contains("content-length: 27"), "{}", whole.head);
    let long = edge.ask(&asking("/long", "a=1")).await;
    assert_eq!(long.text(), format!("[{}]", "a long page ".repeat(40_000)));
    assert!(!long.head.to_ascii_lowercase().contains("content-length"), "{}", long.head);
    assert_eq!(edge.ask(&asking("/chunks", "a=1")).await.text(), "[abcd]");
    // A stage that gives up ends the answer: nothing goes on as if it were whole.
    let mut client = edge.connect().await;
    client.send(&asking("/broken", "a=1")).await;
    // Whether its head was on the way already when the stage gave up is left to chance.
    let mut all = std::mem::take(&mut client.ahead);
    client.stream.read_to_end(&mut all).await.ok();
    assert!(!all.ends_with(b"0\r\n\r\n") && !all.ends_with(b"]"), "it has an end");
    assert!(!all.windows(6).any(|word| word == b"poison"));
    edge.stop();
}
