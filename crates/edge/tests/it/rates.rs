//! Clients that ask faster than anybody reads.

use storeward_base::ClientIp;
use storeward_edge::access::Verdict;
use storeward_testkit::{FakeShop, Reply};

use crate::harness::{TestEdge, wait_for};

/// As slow as a limit can be, so that a test need not hurry.
const SLOW: &str = "[bans]\nnever_block = []\n[limits]\nrequests_per_second = 1\nrequest_burst = 5\n";

async fn shop() -> FakeShop {
    FakeShop::start(|_| Reply::ok("x")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_fast_waits_on_every_connection_and_core() {
    let shop = shop().await;
    let edge = TestEdge::start(&[shop.url()], SLOW);
    let mut statuses = Vec::new();
    for n in 0..60 {
        // A connection each, and addresses of the client's own invention.
        let forged = format!("GET /{n} HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 192.0.2.{n}\r\n\r\n");
        statuses.push(edge.ask(&forged).await);
    }
    let passed = statuses.iter().filter(|r| r.status == 200).count();
    assert!((5..30).contains(&passed), "{passed} of 60 passed");
    assert_eq!(shop.asked().len(), passed, "what is turned away does not reach the shop");
    let page = statuses.iter().find(|r| r.status == 429).unwrap();
    assert!(page.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    assert!(page.text().contains("req_") && page.header("content-type").unwrap().starts_with("text/html"));
    // Over HTTP/2 it is the same client, and a program reads a problem.
    let mut sender = crate::http2::client(&edge).await;
    let limited = loop {
        let request = crate::http2::request("GET", "/api").header("accept", "application/json");
        let answer = crate::http2::ask(&mut sender, request, None).await;
        if answer.status == 429 {
            break answer;
        }
    };
    assert!(limited.headers.contains_key("retry-after"));
    let problem: serde_json::Value = serde_json::from_slice(&limited.body).unwrap();
    assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(429), Some("rate.client")));
    let records = edge.records();
    let record = records.iter().find(|r| r.verdict == Verdict::Limited).unwrap();
    assert_eq!((record.status, record.reason.as_ref()), (429, "rate.client"));
    assert_eq!(edge.emitted.of_kind("edge.request_limited").len(), 1, "a flood of requests is one event");
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_browses_meets_the_limit() {
    let shop = shop().await;
    let edge = TestEdge::start(&[shop.url()], "[bans]\nnever_block = []\n");
    let mut client = edge.connect().await;
    // Nine pages opened at once, each with ten calls of scripts and a hundred pictures.
    for page in 0..9 {
        for call in 0..11 {
            client.send(format!("GET /p{page}/{call} HTTP/1.1\r\nHost: shop.test\r\n\r\n")).await;
            assert_eq!(client.response(false).await.status, 200);
        }
        for picture in 0..100 {
            let picture = format!("GET /p{page}/{picture}.webp HTTP/1.1\r\nHost: shop.test\r\n\r\n");
            client.send(picture).await;
            assert_eq!(client.response(false).await.status, 200);
        }
    }
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_are_slower_or_free_and_some_clients_are_spared() {
    let shop = shop().await;
    let routes = "[[route]]\npath = '/login'\nrequests_per_second = 1\nrequest_burst = 2\n\
                  [[route]]\npath = '/hooks'\nrequests_per_second = 0\n";
    let edge = TestEdge::start(&[shop.url()], &format!("[bans]\nnever_block = []\n{routes}"));
    let mut statuses = Vec::new();
    for target in ["/login", "/%6cogin", "/login/x", "/login"].iter().cycle().take(12) {
        statuses.push(edge.get(target).await.status);
    }
    // Another spelling is the same route.
    assert_eq!(statuses[..2], [200, 200]);
    assert!(statuses.iter().filter(|status| **status == 429).count() >= 3, "{statuses:?}");
    edge.record_of("rate.route").await;
    // Elsewhere the same client is as fast as before, and where there is no limit there is none.
    for _ in 0..20 {
        assert_eq!(edge.get("/cart").await.status, 200);
    }
    edge.reload("path = '/hooks'", "path = '/login/hooks'");
    for _ in 0..20 {
        assert_eq!(edge.get("/login/hooks/paid").await.status, 200);
    }
    edge.stop();
}

/// The two scenarios that wait for the limit: who runs into it is noted, who keeps on has to solve a puzzle.
#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_on_is_noted_and_then_challenged() {
    let shop = shop().await;
    let edge = TestEdge::start(&[shop.url()], &format!("{SLOW}# detect\n"));
    let mut client = edge.connect().await;
    let mut asked = 0;
    loop {
        client.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
        let answer = client.response(false).await;
        if answer.text().contains("data-puzzle") {
            assert_eq!(answer.status, 429);
            break;
        }
        asked += 1;
        assert!(asked < 20_000, "never challenged");
        if asked % 100 == 0 {
            edge.access.flush();
        }
    }
    assert!(asked > 300, "challenged after {asked} requests, before it had ignored three hundred answers");
    let found = |name: &str| edge.emitted.all().iter().any(|e| format!("{:?}", e.event).contains(name));
    wait_for(|| (found("rate_limited") && found("flooding")).then_some(())).await;
    let me = ClientIp::new("127.0.0.1".parse().unwrap());
    assert!(edge.bans.challenges(me) && edge.bans.get(me.block()).is_none());
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_never_block_list_and_the_operator_are_never_slowed_down() {
    let shop = shop().await;
    let limits = "[limits]\nrequests_per_second = 1\nrequest_burst = 1\n";
    // This machine is on the list unless the owner says otherwise.
    let edge = TestEdge::start(&[shop.url()], limits);
    for _ in 0..10 {
        assert_eq!(edge.get("/").await.status, 200);
    }
    edge.stop();
    let edge = TestEdge::start(&[shop.url()], &format!("[bans]\nnever_block = []\n{limits}"));
    edge.bans.note_operator(ClientIp::new("127.0.0.1".parse().unwrap()));
    for _ in 0..10 {
        assert_eq!(edge.get("/").await.status, 200);
    }
    assert!(edge.emitted.of_kind("edge.request_limited").is_empty());
    edge.stop();
}
