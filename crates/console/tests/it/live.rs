//! Live lists: what happens appears without reloading, as text.

use http_body_util::BodyExt;
use storeward_base::ClientIp;
use storeward_store::both_engines;
use storeward_web::axum::body::Body;
use storeward_web::http::Request;
use tower::ServiceExt;

use super::bench::{Bench, HOST, MIGRATIONS};

pub struct Stream(Body);

impl Stream {
    pub async fn open(bench: &Bench, cookie: &str, query: &str) -> Stream {
        let request = Request::get(format!("/live{query}")).header("host", HOST).header("cookie", cookie);
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert("198.51.100.7".parse::<ClientIp>().unwrap());
        let response = bench.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream(response.into_body())
    }

    /// Reads until `words` came.
    pub async fn until(&mut self, words: &str) -> String {
        let mut text = String::new();
        let read = async {
            while !text.contains(words) {
                let frame = self.0.frame().await.unwrap().unwrap();
                text.push_str(&String::from_utf8_lossy(&frame.into_data().unwrap()));
            }
        };
        let in_time = tokio::time::timeout(std::time::Duration::from_secs(10), read).await;
        assert!(in_time.is_ok(), "`{words}` did not come");
        text
    }

    /// Reads until the server ends it.
    pub async fn until_end(&mut self) {
        let read = async { while self.0.frame().await.is_some() {} };
        let in_time = tokio::time::timeout(std::time::Duration::from_secs(60), read).await;
        assert!(in_time.is_ok(), "the stream goes on");
    }
}

both_engines!(a_blocked_attack_appears_by_itself_and_inert, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (browser, _) = bench.enrolled().await;
    let cookie = format!("__Host-storeward-session={}", browser.session().unwrap());
    let mut stream = Stream::open(&bench, &cookie, "").await;
    stream.until("open").await;
    let id = bench.blocked("/<script>alert(1)</script>", |_| {});
    let text = stream.until("event: requests").await;
    assert!(text.contains("event: blocks") && text.contains(&id.to_string()), "{text}");
    assert!(!text.contains("<script>"), "{text}");
});

both_engines!(who_comes_back_gets_what_was_missed, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (browser, _) = bench.enrolled().await;
    let cookie = format!("__Host-storeward-session={}", browser.session().unwrap());
    let first = bench.blocked("/first", |_| {});
    bench.clock.advance(std::time::Duration::from_secs(1));
    bench.blocked("/second", |_| {});
    let mut stream = Stream::open(&bench, &cookie, &format!("?after={first}")).await;
    let text = stream.until("event: requests").await;
    assert!(text.contains("/second") && !text.contains("/first"), "{text}");
});

both_engines!(a_live_list_ends_with_its_session, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let cookie = format!("__Host-storeward-session={}", browser.session().unwrap());
    let mut stream = Stream::open(&bench, &cookie, "").await;
    stream.until("open").await;
    let csrf = browser.get("/").await.csrf();
    let signed_out = browser.post("/sign-out", &format!("csrf={csrf}")).await;
    assert_eq!(signed_out.status, 303);
    let ends = async { while let Some(Ok(_)) = stream.0.frame().await {} };
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), ends).await;
    assert!(ended.is_ok(), "the list goes on although its session is over");
});
