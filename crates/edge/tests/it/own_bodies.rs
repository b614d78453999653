//! Bodies for our own pages: how long they may be, how many may be under way, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use storeward_host::{OwnPages, Stages};
use storeward_testkit::{FakeShop, Reply};
use storeward_web::axum::Router;
use storeward_web::axum::body::Bytes;
use storeward_web::axum::routing::post;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::harness::TestEdge;

const PROXIED: &str = "trusted_proxies = ['127.0.0.1']";
const LONG: usize = 500 * 1024;

/// A place for long messages and one for short ones, and who is told of what was not read.
fn stages(unread: &Arc<AtomicUsize>) -> Stages {
    let length = async |body: Bytes| body.len().to_string();
    let router =
        Router::new().route("/.storeward/report", post(length)).route("/.storeward/form", post(length));
    let told = Arc::clone(unread);
    let own = OwnPages::new(router, &[], &[]).with_long(&["/.storeward/report"]).telling(
        "/.storeward/report",
        Arc::new(move |_| {
            told.fetch_add(1, Ordering::SeqCst);
        }),
    );
    Stages { own: Some(own), session: None }
}

async fn edge(unread: &Arc<AtomicUsize>) -> (FakeShop, TestEdge) {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::built_with(stages(unread), PROXIED, &[shop.url()], "");
    (shop, edge)
}

fn request(path: &str, from: &str, length: usize, sent: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: {from}\r\nContent-Length: {length}\r\n\r\n{}",
        "x".repeat(sent)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_takes_as_much_as_it_says() {
    let unread = Arc::default();
    let (_shop, edge) = edge(&unread).await;
    for (path, length, status) in [
        ("/.storeward/report", 300 * 1024, 200),
        ("/.storeward/report", 600 * 1024, 413),
        ("/.storeward/form", 200 * 1024, 200),
        ("/.storeward/form", 300 * 1024, 413),
        ("/.storeward/report/more", 300 * 1024, 413),
    ] {
        let answer = edge.ask(&request(path, "192.0.2.7", length, length)).await;
        assert_eq!(answer.status, status, "{path} {length}");
    }
    assert_eq!(unread.load(Ordering::SeqCst), 2, "what is below it is another place, and told, too");
    edge.stop();
}

// One client held 160 MiB with messages of which it never sent the end.
#[tokio::test(flavor = "multi_thread")]
async fn messages_without_an_end_take_a_bounded_room() {
    let unread = Arc::default();
    let (_shop, edge) = edge(&unread).await;
    let mut answers = JoinSet::new();
    for _ in 0..11 {
        let mut client = edge.connect().await;
        client.send(request("/.storeward/report", "192.0.2.7", LONG, LONG / 2)).await;
        answers.spawn(async move {
            let mut head = [0; 12];
            let read =
                tokio::time::timeout(Duration::from_secs(5), client.stream.read_exact(&mut head)).await;
            (read.is_ok().then_some(head), client)
        });
    }
    let mut held = Vec::new();
    let mut refused = 0;
    while let Some(answer) = answers.join_next().await {
        match answer.unwrap() {
            (Some(head), _) => {
                assert_eq!(&head, b"HTTP/1.1 503");
                refused += 1;
            }
            (None, client) => held.push(client),
        }
    }
    // 4 MiB by the lengths that were announced.
    assert_eq!((held.len(), refused, unread.load(Ordering::SeqCst)), (8, 3, 3));
    let whole = async |from: &str, length: usize| {
        edge.ask(&request("/.storeward/report", from, length, length)).await.status
    };
    assert_eq!(whole("192.0.2.8", LONG).await, 200, "another client has room");
    assert_eq!(whole("192.0.2.7", 2_000).await, 200, "and so has a short one");
    drop(held);
    for _ in 0..100 {
        if whole("192.0.2.7", LONG).await == 200 {
            edge.stop();
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("who leaves makes room");
}

// A byte now and then, above the pace at which a connection is closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_to_come_in_time() {
    let unread = Arc::default();
    let (_shop, edge) = edge(&unread).await;
    let mut client = edge.connect().await;
    client.send(request("/.storeward/report", "192.0.2.7", LONG, 1)).await;
    let (mut reading, mut writing) = tokio::io::split(client.stream);
    let slow = tokio::spawn(async move {
        while writing.write_all(&[b'x'; 100]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut head = [0; 12];
    reading.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 408");
    slow.abort();
    assert_eq!(unread.load(Ordering::SeqCst), 1);
    edge.stop();
}
