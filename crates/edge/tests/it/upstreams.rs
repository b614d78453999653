//! Servers of the shop that are down, slow, stale or broken.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use storeward_testkit::{FakeShop, Reply};
use tokio::net::TcpListener;

use crate::harness::{Response, TestEdge, wait_for};

/// A port on which nobody listens, for as long as nobody takes it.
async fn closed_port() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_passed_over_and_comes_back() {
    let up = FakeShop::start(|_| Reply::ok("first")).await;
    let down = closed_port().await;
    let servers = format!(
        "servers = ['{}', {{ url = 'http://{down}', weight = 3 }}]\nhealth_interval_seconds = 1",
        up.url()
    );
    let edge = TestEdge::with_upstream(&servers, "");
    for _ in 0..20 {
        assert_eq!(edge.get("/").await.text(), "first", "no client sees that a server is down");
    }
    let told = wait_for(|| edge.emitted.of_kind("edge.upstream_down").first().cloned()).await;
    assert!(format!("{:?}", told.event).contains(&down.to_string()), "{told:?}");
    let back = FakeShop::on(TcpListener::bind(down).await.unwrap(), |_| Reply::ok("second"));
    wait_for(|| (!edge.emitted.of_kind("edge.upstream_up").is_empty()).then_some(())).await;
    // Three times the weight: it gets the next one as long as both are idle.
    assert_eq!(edge.get("/").await.text(), "second");
    assert_eq!(back.asked().len(), 1);
    assert_eq!(edge.emitted.of_kind("edge.upstream_down").len(), 1, "told once, not with every failure");
    edge.stop();
}

fn is_maintenance_page(response: &Response) -> bool {
    response.status == 503
        && response.header("retry-after").is_some()
        && response.header("content-type").is_some_and(|t| t.starts_with("text/html"))
        && response.text().contains("req_")
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_are_down_people_see_a_page_and_programs_a_problem() {
    let servers = [format!("http://{}", closed_port().await), format!("http://{}", closed_port().await)];
    let edge = TestEdge::start(&servers, "[look]\nname = 'Kiln'\n");
    let browser = "GET /cart HTTP/1.1\r\nHost: shop.test\r\nAccept: text/html,*/*\r\n\r\n";
    for _ in 0..5 {
        let page = edge.ask(browser).await;
        assert!(is_maintenance_page(&page) && page.text().contains("Kiln"), "{page:?}");
    }
    let api = edge.ask("GET /api HTTP/1.1\r\nHost: shop.test\r\nAccept: application/json\r\n\r\n").await;
    let problem: serde_json::Value = serde_json::from_slice(&api.body).unwrap();
    assert_eq!((api.status, problem["status"].as_u64()), (503, Some(503)));
    assert_eq!(api.header("content-type"), Some("application/problem+json"));
    assert!(api.header("retry-after").is_some());
    assert!(problem["reference"].as_str().unwrap().starts_with("req_"));
    assert_eq!(edge.emitted.of_kind("edge.upstream_down").len(), 2);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_that_the_shop_closes_is_retried_only_where_it_does_no_harm() {
    let asked = AtomicUsize::new(0);
    let shop = FakeShop::start(move |request| match request.target() {
        // The first of its kind on a kept connection: closed without a word.
        "/get" | "/post" if asked.fetch_add(1, SeqCst).is_multiple_of(2) => Reply::Close,
        _ => Reply::ok("x"),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let mut client = edge.connect().await;
    let mut ask = async |request: &str| {
        client.send(format!("{request}\r\n")).await;
        client.response(false).await.status
    };
    assert_eq!(ask("GET /warm HTTP/1.1\r\nHost: shop.test\r\n").await, 200);
    assert_eq!(ask("GET /get HTTP/1.1\r\nHost: shop.test\r\n").await, 200);
    assert_eq!(shop.asked().iter().filter(|a| a.target() == "/get").count(), 2);
    let post =
        "POST /post HTTP/1.1\r\nHost: shop.test\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nab";
    for _ in 0..3 {
        // An order is never placed twice.
        let before = shop.asked().iter().filter(|a| a.target() == "/post").count();
        assert_eq!(ask("GET /warm HTTP/1.1\r\nHost: shop.test\r\n").await, 200);
        assert_eq!(ask(&post.replace("\r\n\r\nab", "\r\n\r\na")).await, 503);
        assert_eq!(shop.asked().iter().filter(|a| a.target() == "/post").count(), before + 1);
        assert_eq!(ask(&post.replace("\r\n\r\nab", "\r\n\r\na")).await, 200);
    }
    // Closing a kept connection is the shop's right and says nothing of its health.
    assert!(edge.emitted.of_kind("edge.upstream_down").is_empty());
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_stops_inside_a_body_is_given_up_and_a_slow_one_is_not() {
    let body = |kind: &str, pieces: &[&str], pause_ms: u64| {
        let length: usize = pieces.iter().map(|p| p.len()).sum();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
        let mut all = vec![head.into_bytes()];
        all.extend(pieces.iter().map(|p| p.as_bytes().to_vec()));
        Reply::Pieces(all, pause_ms)
    };
    let shop = FakeShop::start(move |asked| match asked.target() {
        "/stalled" | "/patient/stalled" => body("image/png", &["a", "b"], 3_000),
        "/slow" => body("image/png", &["a", "b", "c", "d", "e"], 500),
        "/events" => body("text/event-stream", &["data: 1\n\n", "data: 2\n\n"], 2_500),
        _ => Reply::ok("x"),
    })
    .await;
    let upstream = format!("servers = ['{}']\nstall_timeout_seconds = 1", shop.url());
    let routes = "[[route]]\npath = '/patient'\nstall_timeout_seconds = 0\n";
    let edge = TestEdge::with_upstream(&upstream, routes);
    let stalled = edge.get("/stalled").await;
    assert!(stalled.cut || stalled.none, "{stalled:?}");
    edge.record_of("response.stalled").await;
    let mut sender = crate::http2::client(&edge).await;
    let request = crate::http2::request("GET", "/stalled").body(()).unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    let mut incoming = response.await.unwrap().into_body();
    let broken = async {
        while incoming.data().await.transpose()?.is_some() {}
        Ok::<_, h2::Error>(())
    };
    assert!(broken.await.is_err(), "an answer that broke off must not look whole");
    wait_for(|| (edge.in_flight() == 0).then_some(())).await;
    let (slow, patient, events) =
        tokio::join!(edge.get("/slow"), edge.get("/patient/stalled"), edge.get("/events"));
    assert_eq!((slow.text().as_str(), patient.text().as_str()), ("abcde", "ab"));
    assert_eq!(events.text(), "data: 1\n\ndata: 2\n\n", "an event stream may say nothing for minutes");
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_does_not_answer_in_time() {
    let shop =
        FakeShop::start(|asked| if asked.target() == "/" { Reply::ok("x") } else { Reply::Silence }).await;
    let edge =
        TestEdge::with_upstream(&format!("servers = ['{}']\nresponse_timeout_seconds = 1", shop.url()), "");
    let page = edge.get("/slow").await;
    assert_eq!((page.status, edge.records()[0].reason.as_ref()), (504, "upstream.timeout"));
    wait_for(|| (edge.in_flight() == 0).then_some(())).await;
    edge.stop();
}

/// Went wrong: three requests of a stranger for a page that takes too long, and nobody else got one for as long as he went on.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_hangs_or_breaks_off_takes_no_other_out() {
    let shop = FakeShop::start(|asked| match asked.target() {
        "/hang" => Reply::Silence,
        "/break" => Reply::Close,
        _ => Reply::ok("x"),
    })
    .await;
    // Asked after its health once, so that buyers alone tell of it.
    let edge = TestEdge::with_upstream(
        &format!(
            "servers = ['{}']\nresponse_timeout_seconds = 1\nhealth_interval_seconds = 3600",
            shop.url()
        ),
        "",
    );
    for _ in 0..3 {
        let (one, two, three) = tokio::join!(edge.get("/hang"), edge.get("/hang"), edge.get("/hang"));
        assert_eq!((one.status, two.status, three.status), (504, 504, 504));
        for _ in 0..3 {
            assert_eq!(edge.get("/break").await.status, 503);
        }
        assert_eq!(edge.get("/").await.status, 200);
    }
    assert!(edge.emitted.of_kind("edge.upstream_down").is_empty());
    edge.stop();
}

/// One of two servers ends what it is asked and says that it is well: the other one has the buyers.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_breaks_off_is_passed_over_where_there_is_another() {
    let broken = FakeShop::start(|asked| match asked.target() {
        "/" => Reply::ok("health"),
        _ => Reply::Close,
    })
    .await;
    let good = FakeShop::start(|_| Reply::ok("good")).await;
    let servers = format!("servers = ['{}', '{}']\nhealth_interval_seconds = 3600", broken.url(), good.url());
    let edge = TestEdge::with_upstream(&servers, "");
    // Least connections asks the first one first.
    for _ in 0..40 {
        edge.get("/a").await;
    }
    assert_eq!(edge.emitted.of_kind("edge.upstream_down").len(), 1);
    for _ in 0..20 {
        assert_eq!(edge.get("/a").await.text(), "good");
    }
    edge.stop();
}

/// Went wrong: the shop's time did not run while a request body was open, not even when it was the shop that had stopped
/// reading it.
#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_stops_reading_an_upload_is_given_up() {
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap());
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok(accepted) = deaf.accept().await {
            held.push(accepted);
        }
    });
    let edge = TestEdge::with_upstream(&format!("servers = ['{url}']\nresponse_timeout_seconds = 1"), "");
    let mut client = edge.connect().await;
    let head =
        "POST /u HTTP/1.1\r\nHost: shop.test\r\nContent-Type: image/png\r\nContent-Length: 50000000\r\n\r\n";
    client.send(head).await;
    let (mut read, mut write) = tokio::io::split(client.stream);
    let sending = tokio::spawn(async move {
        let piece = vec![0u8; 100_000];
        for _ in 0..500 {
            if tokio::io::AsyncWriteExt::write_all(&mut write, &piece).await.is_err() {
                break;
            }
        }
        write
    });
    let mut answer = vec![0u8; 12];
    let reading = tokio::io::AsyncReadExt::read_exact(&mut read, &mut answer);
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("an answer in time").unwrap();
    assert_eq!(answer, b"HTTP/1.1 504");
    sending.abort();
    held.abort();
    edge.stop();
}

/// A response that has two readings, or no end, must not reach the client as a whole one.
#[tokio::test(flavor = "multi_thread")]
async fn broken_responses_never_look_whole() {
    const CASES: [(&str, &str); 17] = [
        (
            "/both",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ),
        ("/lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!"),
        ("/list", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi"),
        ("/sign", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi"),
        ("/gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
        ("/http10", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
        ("/garbage", "SSH-2.0-OpenSSH_9.2\r\n"),
        ("/fold", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nhi"),
        ("/nul", "HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 2\r\n\r\nhi"),
        ("/name", "HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 2\r\n\r\nhi"),
        (
            "/size",
            "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n",
        ),
        (
            "/end",
            "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi!0\r\n\r\n",
        ),
        (
            "/huge",
            "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhi",
        ),
        ("/two", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi"),
        ("/short", "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\nhi"),
        (
            "/no-end",
            "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        ),
        (
            "/trailer",
            "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX A: 1\r\n\r\n",
        ),
    ];
    let shop = FakeShop::start(|asked| match asked.target() {
        "/" => Reply::ok("x"),
        "/large-head" => {
            Reply::Last(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(70_000)).into_bytes())
        }
        "/many" => Reply::Last(format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: 1\r\n".repeat(200)).into_bytes()),
        "/interim" => Reply::Last("HTTP/1.1 100 Continue\r\n\r\n".repeat(5_000).into_bytes()),
        target => {
            let text = CASES.iter().find(|(path, _)| *path == target).map_or("", |(_, text)| text);
            Reply::Last(text.as_bytes().to_vec())
        }
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    for path in CASES.iter().map(|(path, _)| *path).chain(["/large-head", "/many", "/interim"]) {
        let response = edge.get(path).await;
        assert!(response.status == 503 || response.cut || response.none, "{path}: {response:?}");
        let mut sender = crate::http2::client(&edge).await;
        let asking = crate::http2::request("GET", path).body(()).unwrap();
        let (response, _) = sender.send_request(asking, true).unwrap();
        let Ok(response) = response.await else { continue };
        let broken = response.status() == 503 || {
            let mut body = response.into_body();
            loop {
                match body.data().await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => break true,
                    None => break false,
                }
            }
        };
        assert!(broken, "{path} over HTTP/2");
    }
    // Went wrong: a server could send interim responses without end.
    assert!(edge.records().iter().any(|r| r.reason == "response.interim_flood"));
    // Went wrong: anybody who found such a page took the shop out of service by asking three times.
    assert!(edge.emitted.of_kind("edge.upstream_down").is_empty());
    assert_eq!(edge.get("/").await.status, 200);
    edge.stop();
}
