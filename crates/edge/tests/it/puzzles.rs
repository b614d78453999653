//! Clients that have to solve a puzzle before they are let on.

use storeward_base::ClientIp;
use storeward_puzzle::solve;
use storeward_testkit::{FakeShop, Reply};

use crate::harness::{Response, TestEdge};

const JUDGED: &str = "[bans]\nnever_block = []\n";

fn me() -> ClientIp {
    ClientIp::new("127.0.0.1".parse().unwrap())
}

fn asked(method: &str, target: &str, headers: &str, body: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: shop.test\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn challenged() -> (FakeShop, TestEdge) {
    let shop = FakeShop::start(|asked| {
        Reply::ok(if asked.head.contains("storeward-pass") { "passed" } else { "x" })
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], JUDGED);
    assert_eq!(edge.get("/").await.status, 200);
    edge.bans.challenge(me(), "flooding");
    (shop, edge)
}

/// The puzzle in the page, as the script reads it.
fn puzzle(page: &Response) -> String {
    let text = page.text();
    let inner = text.split("data-puzzle=\"").nth(1).unwrap().split('"').next().unwrap();
    inner.replace("&quot;", "\"")
}

async fn answer(edge: &TestEdge, answer: &str) -> Response {
    let body = format!("answer={}", answer.replace('+', "%2B").replace('=', "%3D"));
    edge.ask(&asked("POST", "/.storeward/pass", "", &body)).await
}

fn cookie(response: &Response) -> String {
    let line = response.header("set-cookie").unwrap();
    assert!(line.starts_with("__Host-storeward-pass=") && line.contains("; Secure; HttpOnly; SameSite=Lax"));
    line.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_solved_puzzle_opens_the_shop_for_an_hour() {
    let (shop, edge) = challenged().await;
    let before = shop.asked().len();
    let page = edge.get("/product/7").await;
    assert_eq!(page.status, 429);
    assert_eq!(page.header("retry-after"), Some("3600"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("worker-src 'self'"), "{policy}");
    let text = page.text();
    assert!(text.contains("<noscript>") && text.contains("data-after=\"reload\""), "{text}");
    let script = edge.get("/.storeward/puzzle.js").await;
    assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    let passed = answer(&edge, &solve(&puzzle(&page)).unwrap()).await;
    assert_eq!(passed.status, 204);
    assert_eq!(shop.asked().len(), before, "none of that is the shop's business");
    let pass = format!("Cookie: {}\r\n", cookie(&passed));
    assert_eq!(edge.ask(&asked("GET", "/product/7", &pass, "")).await.status, 200);
    // Without it still not; nor what a form sends, which is never carried out by the way.
    let form = edge.ask(&asked("POST", "/cart", "", "a=b")).await;
    assert_eq!(form.status, 429);
    assert!(form.text().contains("data-after=\"back\""));
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_solved_puzzle_of_this_network_opens() {
    let (_shop, edge) = challenged().await;
    let solved = solve(&puzzle(&edge.get("/").await)).unwrap();
    assert_eq!(answer(&edge, &solved).await.status, 204);
    for (text, what) in [(solved.as_str(), "shown again"), ("", "empty"), ("e30=", "none"), ("A%", "broken")]
    {
        let refused = answer(&edge, text).await;
        assert_eq!((refused.status, refused.header("set-cookie")), (403, None), "{what}");
    }
    let other: ClientIp = "198.51.100.7".parse().unwrap();
    let foreign = edge.shared.puzzles.pass(other);
    for pass in [foreign.expose().as_str(), "9999999999-00", ""] {
        let line = format!("Cookie: __Host-storeward-pass={pass}\r\n");
        assert_eq!(edge.ask(&asked("GET", "/", &line, "")).await.status, 429, "{pass}");
    }
    // Two cookies of one name: somebody planted one.
    let own = edge.shared.puzzles.pass(me());
    let planted = format!("Cookie: __Host-storeward-pass={}; __Host-storeward-pass=x\r\n", own.expose());
    assert_eq!(edge.ask(&asked("GET", "/", &planted, "")).await.status, 429);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_the_puzzle_as_json() {
    let (_shop, edge) = challenged().await;
    let told = edge.ask(&asked("GET", "/api", "Accept: application/json\r\n", "")).await;
    assert_eq!((told.status, told.header("content-type")), (429, Some("application/problem+json")));
    let problem: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(
        (problem["code"].as_str(), problem["answer_to"].as_str()),
        (Some("challenge"), Some("/.storeward/pass"))
    );
    assert_eq!(answer(&edge, &solve(&problem["challenge"].to_string()).unwrap()).await.status, 204);
    let asks = edge.get("/.storeward/pass").await;
    let fresh: serde_json::Value = serde_json::from_slice(&asks.body).unwrap();
    assert_eq!(asks.status, 200);
    assert_eq!(answer(&edge, &solve(&fresh["challenge"].to_string()).unwrap()).await.status, 204);
    let record = edge.record_of("challenge").await;
    assert_eq!(format!("{:?}", record.verdict), "Challenged");
    edge.stop();
}
