//! Places where providers' messages arrive: no ban and no client's pace stands before them, and no flood takes their room.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use storeward_base::{Actor, ClientIp};
use storeward_host::{OwnPages, Stages};
use storeward_testkit::{FakeShop, Reply};
use storeward_web::axum::Router;
use storeward_web::axum::routing::post;
use storeward_web::http::StatusCode;

use crate::harness::TestEdge;

const INBOX: &str = "/.storeward/pay/webhooks/one";
const PROXIED: &str = "trusted_proxies = ['127.0.0.1']";
const SLOW: &str = "[bans]\nnever_block = []\n[limits]\nrequests_per_second = 1\nrequest_burst = 1\n";

/// An inbox that believes what says `good`, and a form beside it that is none.
fn stages(judged: &Arc<AtomicU32>) -> Stages {
    let judged = Arc::clone(judged);
    let message = move |body: String| {
        judged.fetch_add(1, Ordering::SeqCst);
        async move { if body == "good" { StatusCode::OK } else { StatusCode::BAD_REQUEST } }
    };
    let router =
        Router::new().route(INBOX, post(message)).route("/.storeward/form", post(async || StatusCode::OK));
    Stages { own: Some(OwnPages::new(router, &[], &[]).with_inboxes(&[INBOX])), session: None }
}

async fn asks(edge: &TestEdge, method: &str, path: &str, from: &str, body: &str) -> u16 {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: {from}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    edge.ask(&request).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_and_the_pace_of_clients_hold_no_message_up() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let judged = Arc::new(AtomicU32::new(0));
    let edge = TestEdge::built_with(stages(&judged), PROXIED, &[shop.url()], SLOW);
    let provider = "192.0.2.7";
    let ip = ClientIp::new(provider.parse().unwrap());
    assert_eq!(asks(&edge, "GET", "/", provider, "").await, 200);
    assert_eq!(asks(&edge, "GET", "/", provider, "").await, 429, "the shop's pages have their pace");
    for _ in 0..20 {
        assert_eq!(asks(&edge, "POST", INBOX, provider, "good").await, 200);
    }
    edge.bans.ban_for(ip, Duration::from_secs(600), "staff.test", Actor::System).unwrap();
    assert_eq!(asks(&edge, "POST", INBOX, provider, "good").await, 200, "banned, and heard");
    // Nothing else is open by it: neither another method, nor what stands beside, nor another spelling.
    for (method, path) in [
        ("GET", INBOX),
        ("POST", "/.storeward/form"),
        ("POST", "/.storeward/pay/webhooks/one/more"),
        ("POST", "/.storeward/pay/webhooks/two"),
        ("POST", "/"),
    ] {
        assert_eq!(asks(&edge, method, path, provider, "good").await, 403, "{method} {path}");
    }
    assert_eq!(judged.load(Ordering::SeqCst), 21);
    edge.stop();
}

// Forgeries from everywhere: most are turned away before anybody reads them, and the provider's messages go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_forgeries_takes_the_room_of_strangers_only() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let judged = Arc::new(AtomicU32::new(0));
    let edge = TestEdge::built_with(stages(&judged), PROXIED, &[shop.url()], "");
    assert_eq!(asks(&edge, "POST", INBOX, "192.0.2.7", "good").await, 200);
    let mut client = edge.connect().await;
    let mut refused = 0;
    for n in 0..2_000_u32 {
        let from = Ipv4Addr::from(0x0a00_0000 + n * 256);
        client
            .send(format!(
                "POST {INBOX} HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: {from}\r\nContent-Length: 3\r\n\r\nbad"
            ))
            .await;
        let status = client.response(false).await.status;
        assert!(status == 400 || status == 429, "{status}");
        refused += u32::from(status == 429);
        if n % 100 == 0 {
            assert_eq!(asks(&edge, "POST", INBOX, "192.0.2.7", "good").await, 200, "after {n} forgeries");
        }
    }
    // 250 at once and 25 a second: far fewer than came, on a machine of any speed that answers 2,000 in half a minute.
    assert!(refused > 800, "{refused} were turned away unread");
    edge.stop();
}

// Senders that say a byte a minute hold the room of strangers; whoever is known has another.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_never_finish_their_message_keep_no_provider_waiting() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let judged = Arc::new(AtomicU32::new(0));
    let edge = TestEdge::built_with(stages(&judged), PROXIED, &[shop.url()], "");
    assert_eq!(asks(&edge, "POST", INBOX, "192.0.2.7", "good").await, 200);
    let mut held = Vec::new();
    for n in 0..32_u32 {
        let mut client = edge.connect().await;
        let from = Ipv4Addr::from(0x0a00_0000 + n * 256);
        let head = format!(
            "POST {INBOX} HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: {from}\r\nContent-Length: 9\r\n\r\nbad"
        );
        client.send(head).await;
        held.push(client);
    }
    let mut status = 0;
    for n in 0..100_u32 {
        status = asks(&edge, "POST", INBOX, &format!("198.51.100.{n}"), "good").await;
        if status == 429 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status, 429, "no room for a stranger");
    assert_eq!(asks(&edge, "POST", INBOX, "192.0.2.7", "good").await, 200);
    drop(held);
    for n in 100..200_u32 {
        status = asks(&edge, "POST", INBOX, &format!("198.51.100.{n}"), "good").await;
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status, 200, "who leaves makes room");
    edge.stop();
}

// A byte now and then, above the pace at which a connection is closed: 32 of these held the room of strangers for minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_does_not_come_to_its_end_is_turned_away() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let judged = Arc::new(AtomicU32::new(0));
    let edge = TestEdge::built_with(stages(&judged), PROXIED, &[shop.url()], "");
    let mut client = edge.connect().await;
    let head = format!(
        "POST {INBOX} HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 10.0.0.1\r\nContent-Length: 60000\r\n\r\n"
    );
    client.send(head).await;
    let (mut reading, mut writing) = tokio::io::split(client.stream);
    let slow = tokio::spawn(async move {
        loop {
            if tokio::io::AsyncWriteExt::write_all(&mut writing, &[b'x'; 100]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut answer = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut reading, &mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 429");
    slow.abort();
    assert_eq!(judged.load(Ordering::SeqCst), 0);
    edge.stop();
}
