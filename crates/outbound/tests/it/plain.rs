//! What a call sends and brings back.

use std::time::Duration;

use storeward_base::{Blame, Fault, FaultKind};
use storeward_outbound::recorder::{Answer, Recorder};
use storeward_outbound::{Limits, Request};

use crate::{code, internal};

#[tokio::test]
async fn a_get_and_its_answer() {
    let recorder = Recorder::start().unwrap();
    recorder.answer_next(Answer::new(404, "gone").header("x-why", "sold"));
    let client = internal(&recorder.url());
    let reply = client.get(&format!("{}/cups?colour=blue#top", recorder.url())).await.unwrap();
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (404, &b"gone"[..]));
    assert_eq!(reply.header("x-why"), Some("sold"));
    assert!(!reply.is_cut);
    let sent = &recorder.requests()[0];
    assert_eq!((sent.method.as_str(), sent.target.as_str()), ("GET", "/cups?colour=blue"));
    assert_eq!(sent.header("host").unwrap(), format!("127.0.0.1:{}", recorder.port()));
    assert!(sent.header("user-agent").unwrap().starts_with("storeward/"));
    assert_eq!(sent.header("accept-encoding"), Some("identity"));
    assert!(sent.header("cookie").is_none() && sent.header("referer").is_none());
}

#[tokio::test]
async fn a_post_with_headers() {
    let recorder = Recorder::start().unwrap();
    let url = format!("{}/v1/traces", recorder.url());
    let request =
        Request::post(&url, "application/json", "{}").unwrap().header("Authorization", "Bearer t").unwrap();
    assert!(!format!("{request:?}").contains("Bearer"), "a key must not print");
    internal(&recorder.url()).send(request).await.unwrap();
    let sent = &recorder.wait_for(1).await[0];
    assert_eq!((sent.method.as_str(), &sent.body[..]), ("POST", &b"{}"[..]));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("authorization"), Some("Bearer t"));
    assert_eq!(sent.header("content-length"), Some("2"));
}

#[tokio::test]
async fn nobody_there() {
    let recorder = Recorder::start().unwrap();
    let url = recorder.url();
    drop(recorder);
    let error = internal(&url).get(&format!("{url}/?token=secret")).await.unwrap_err();
    assert_eq!(
        (error.code(), error.kind(), error.blame()),
        ("outbound.connect", FaultKind::Broken, Blame::Upstream)
    );
    let text = error.to_string();
    assert!(text.contains(&url) && text.contains("check that it runs") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_late_head() {
    let recorder = Recorder::start().unwrap();
    recorder.answer_otherwise(Answer::new(200, "").after(Duration::from_secs(30)));
    let limits = Limits { head: Duration::from_millis(50), ..Limits::default() };
    let request = Request::get(&recorder.url()).unwrap().limits(limits);
    assert_eq!(code(internal(&recorder.url()).send(request).await), "outbound.timeout");
}

#[tokio::test]
async fn a_large_body_is_refused_or_cut() {
    let recorder = Recorder::start().unwrap();
    recorder.answer_otherwise(Answer::new(200, vec![b'a'; 100_000]));
    let client = internal(&recorder.url());
    let limited = |body_bytes| {
        Request::get(&recorder.url()).unwrap().limits(Limits { body_bytes, ..Limits::default() })
    };
    assert_eq!(code(client.send(limited(99_999)).await), "outbound.too_large");
    assert_eq!(client.send(limited(100_000)).await.unwrap().body.len(), 100_000);
    let cut = client.send(limited(10).cut_body()).await.unwrap();
    assert!(cut.is_cut && &cut.body[..] == b"aaaaaaaaaa");
}

#[tokio::test]
async fn a_shop_is_asked_by_its_public_name() {
    let recorder = Recorder::start().unwrap();
    let request = Request::get(&recorder.url()).unwrap().as_host("Shop.example").unwrap();
    internal(&recorder.url()).send(request).await.unwrap();
    assert_eq!(recorder.requests()[0].header("host"), Some("shop.example"));
    assert_eq!(code(Request::get(&recorder.url()).unwrap().as_host("a\r\nx: y")), "outbound.url");
}
