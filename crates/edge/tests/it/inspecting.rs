//! Attacks are stopped, people are told how to get help, attackers learn nothing, and card numbers stay inside.

use storeward_base::{Actor, ClientIp};
use storeward_edge::access::Verdict;
use storeward_testkit::{FakeShop, Reply};

use crate::harness::{Response, TestEdge, wait_for};

const CARD: &str = "4111 1111 1111 1111";
const MASKED: &str = "**** **** **** 1111";

fn post(path: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: shop.test\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn reference(page: &str) -> String {
    let at = page.find("req_").expect("a reference number");
    page[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

const QUERY: &str = "/search?q=1%27+UNION+SELECT+email,password+FROM+users--";
const FORM: &str = "email=a%40b.example&password=x%27+OR+1%3D1--+";
const JSON: &str = r#"{"filter":{"name":"x' UNION SELECT password FROM users-- "}}"#;

fn attacks() -> Vec<String> {
    vec![
        format!("GET {QUERY} HTTP/1.1\r\nHost: shop.test\r\n\r\n"),
        post("/login", "application/x-www-form-urlencoded", FORM),
        post("/api", "application/json", JSON),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn attacks_are_stopped_with_a_reference_that_staff_find() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "[look]\nname = 'Kiln'\n");
    for request in attacks() {
        let blocked = edge.ask(&request).await;
        assert_eq!(blocked.status, 403, "{request}");
        let page = blocked.text();
        let reference = reference(&page);
        let events = edge.emitted.of_kind("edge.request_blocked");
        let told = events.last().expect("an event before the page");
        assert_eq!(told.request.unwrap().to_string(), reference);
        let record = edge.records().into_iter().find(|r| r.id.to_string() == reference).unwrap();
        assert_eq!((record.verdict, record.status), (Verdict::Blocked, 403));
        assert!(record.rule_id > 0 && !record.variable.is_empty());
        // What matched, where and why is for staff.
        let whole = format!("{}{page}", blocked.head).to_lowercase();
        for detail in ["sql", "union", "select", "rule", "args", "score", &record.rule_id.to_string()] {
            assert!(!whole.replace(&reference.to_lowercase(), "").contains(detail), "{detail} in {whole}");
        }
    }
    assert!(shop.asked().is_empty(), "{:?}", shop.asked());
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_a_problem() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let blocked = edge.ask(&post("/api", "application/json", JSON)).await;
    assert_eq!((blocked.status, blocked.header("content-type")), (403, Some("application/problem+json")));
    let problem: serde_json::Value = serde_json::from_slice(&blocked.body).unwrap();
    assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(403), Some("blocked")));
    let mut sender = crate::http2::client(&edge).await;
    let request = crate::http2::request("GET", QUERY).header("accept", "application/json");
    let over_h2 = crate::http2::ask(&mut sender, request, None).await;
    assert_eq!(
        (over_h2.status, over_h2.headers["content-type"].to_str().unwrap()),
        (403, "application/problem+json")
    );
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_only_detect_switch_off_or_except() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(
        &[shop.url()],
        "[[route]]\npath = '/watched'\ninspect = 'detect'\n[[route]]\npath = '/free'\ninspect = 'off'\n\
         [[route]]\npath = '/editor'\nexceptions = [{ parameter = 'q' }]\n",
    );
    let query = QUERY.split_once('?').unwrap().1;
    assert_eq!(edge.get(&format!("/watched/x?{query}")).await.status, 200);
    let told = wait_for(|| edge.emitted.of_kind("edge.request_flagged").first().cloned()).await;
    let record = wait_for(|| edge.records().into_iter().find(|r| r.verdict == Verdict::Flagged)).await;
    assert_eq!((told.request, record.status), (Some(record.id), 200));
    assert_eq!(edge.ask(&post("/watched", "application/json", JSON)).await.status, 200);
    assert_eq!(edge.get(&format!("/free?{query}")).await.status, 200);
    assert_eq!(edge.get(&format!("/editor?{query}")).await.status, 200);
    assert_eq!(edge.get(&format!("/editor?{}", query.replace("q=", "r="))).await.status, 403);
    // Another spelling of a route's path is the same route; a longer word is another.
    assert_eq!(edge.get(&format!("/%66ree?{query}")).await.status, 200);
    assert_eq!(edge.get(&format!("/freedom?{query}")).await.status, 403);
    assert!(edge.emitted.of_kind("edge.request_blocked").len() == 2);
    edge.stop();
}

fn chunked(kind: &str, chunks: &[&str]) -> Reply {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut pieces = vec![head.into_bytes()];
    pieces.extend(chunks.iter().map(|c| format!("{:x}\r\n{c}\r\n", c.len()).into_bytes()));
    pieces.push(b"0\r\n\r\n".to_vec());
    // Slower than our patience, so that the pieces are not one.
    Reply::Pieces(pieces, 150)
}

#[tokio::test(flavor = "multi_thread")]
async fn card_numbers_do_not_leave() {
    let page = format!("<p>Your card: {CARD}</p>");
    let json = format!("{{\"pan\":\"{CARD}\"}}");
    let (length, shown) = (page.len().to_string(), page.replace(CARD, MASKED));
    let long = format!("{} {CARD} {}", "y".repeat(300_000), "z".repeat(300_000));
    let shop = FakeShop::start(move |asked| match asked.target() {
        "/html" | "/staff/html" => Reply::with("Content-Type: text/html\r\n", &page),
        "/json" => Reply::with("Content-Type: application/json\r\n", &json),
        "/long" => Reply::with("Content-Type: text/html\r\n", &long),
        "/split" => chunked("text/html", &["a 4111 11", "11 11", "11 1111 b"]),
        "/events" => chunked("text/event-stream", &[&format!("data: {CARD}\n\n"), "data: x\n\n"]),
        "/half-event" => chunked("text/event-stream", &["data: 4111 11", "11 1111 1111\n\n"]),
        "/image" => Reply::with("Content-Type: image/png\r\n", &format!("PNG\0\u{1}{page}")),
        _ => Reply::ok("x"),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "[[route]]\npath = '/staff'\nmask_cards = false\n");
    let html = edge.get("/html").await;
    assert_eq!((html.text(), html.header("content-length")), (shown.clone(), Some(length.as_str())));
    assert_eq!(edge.get("/json").await.text(), format!("{{\"pan\":\"{MASKED}\"}}"));
    let long = edge.get("/long").await;
    // Went wrong: hyper asks no further than Content-Length, and the page was taken for one that its reader left.
    let whole = wait_for(|| edge.records().into_iter().find(|r| r.path.as_ref() == "/long")).await;
    assert_eq!((whole.reason.as_ref(), whole.response_bytes), ("", 600_021));
    assert_eq!(long.header("content-length"), Some("600021"));
    assert!(
        !long.cut
            && long.body.len() == 600_021
            && long.text().contains(MASKED)
            && !long.text().contains(CARD)
    );
    assert_eq!(edge.get("/split").await.text(), format!("a {MASKED} b"));
    let events: Response = edge.get("/events").await;
    assert_eq!(events.text(), format!("data: {MASKED}\n\ndata: x\n\n"));
    assert_eq!(edge.get("/half-event").await.text(), format!("data: {MASKED}\n\n"));
    assert!(edge.get("/image").await.text().contains(CARD), "pictures are left alone");
    assert!(edge.get("/staff/html").await.text().contains(CARD));
    let mut sender = crate::http2::client(&edge).await;
    let over_h2 = crate::http2::ask(&mut sender, crate::http2::request("GET", "/html"), None).await;
    assert_eq!(String::from_utf8(over_h2.body).unwrap(), shown);
    assert_eq!(edge.emitted.of_kind("edge.card_number_masked").len(), 7);
    edge.stop();
}

const KEY: &str =
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAabcdefgh0123456789\n-----END RSA PRIVATE KEY-----\n";

/// Went out: a coding that is none hid a private key from the rules, and so did every type but a page's.
#[tokio::test(flavor = "multi_thread")]
async fn a_private_key_does_not_leave_in_any_dress() {
    let shop = FakeShop::start(|asked| {
        let lines = asked.header("x-lines").join("").replace('|', "\r\n");
        match asked.target() {
            "/pieces" => match chunked("application/octet-stream", &["a ", KEY]) {
                Reply::Pieces(pieces, _) => Reply::Pieces(pieces, 10),
                other => other,
            },
            "/large" => Reply::with(&lines, &format!("{}{KEY}", "key material follows\n".repeat(2_000))),
            "/binary" => Reply::with(&lines, &format!("\u{7f}ELF\u{2}\0\0{KEY}")),
            "/library" => Reply::with(&lines, "var head='-----BEGIN RSA PRIVATE KEY-----\\n'+body;"),
            _ => Reply::with(&lines, KEY),
        }
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let ask = |target: &str, lines: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\nX-Lines: {lines}|\r\n\r\n")
    };
    for coding in ["none", "utf-8", "x", "", "identity"] {
        let lines = format!("Content-Type: text/html|Content-Encoding: {coding}");
        let answer = edge.ask(&ask("/key", &lines)).await;
        assert_eq!(answer.status, 403, "{coding}");
        assert!(!answer.text().contains("MIIEow"), "{coding}");
    }
    let kinds = [
        "application/octet-stream",
        "application/x-pem-file",
        "application/force-download",
        "application/x-x509-ca-cert",
        "multipart/mixed; boundary=b",
        "binary/octet-stream",
        "image/svg+xml",
        "image/png",
        "text/css",
        "text/javascript",
        "application/javascript",
    ];
    for kind in kinds {
        for target in ["/key", "/large"] {
            let answer = edge.ask(&ask(target, &format!("Content-Type: {kind}"))).await;
            assert_eq!(answer.status, 403, "{target} as {kind}");
        }
    }
    // What is no type is guessed, and of two each reader takes another one.
    for lines in [
        "Content-Type: ",
        "Content-Type: ;",
        "Content-Type: ;charset=utf-8",
        "Content-Type: text",
        "Content-Type: text/html|Content-Type: image/png",
        "Content-Type: image/png|Content-Type: text/html",
    ] {
        let answer = edge.ask(&ask("/key", lines)).await;
        assert!(answer.status == 403 || !answer.text().contains("MIIEow"), "{lines}: {}", answer.status);
    }
    assert_eq!(edge.get("/pieces").await.status, 403);
    // What is no text is not looked at, and a library that knows the words is no key.
    assert_eq!(edge.ask(&ask("/binary", "Content-Type: application/octet-stream")).await.status, 200);
    assert_eq!(edge.ask(&ask("/library", "Content-Type: text/javascript")).await.status, 200);
    edge.stop();
}

/// One review with the first lines of a key took a page of the shop down for everybody, and whoever reloaded it was banned.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_on_a_page_is_masked_and_no_switch_for_it() {
    let page = format!("<h1>Moss planter</h1><p>{KEY}</p><a href=\"/cart\">Cart</a>");
    let long = format!("{}{page}", "<p>Peat mugs and bowls</p>".repeat(20_000));
    let (shown, stars) =
        (page.replace("MIIEowIBAAKCAQEAabcdefgh0123456789", &"*".repeat(34)), "*".repeat(34));
    let shop = FakeShop::start(move |asked| match asked.target() {
        "/long" => Reply::with("Content-Type: text/html\r\n", &long),
        "/pieces" => chunked("text/html", &[&page[..60], &page[60..85], &page[85..]]),
        "/reviews.json" => Reply::with(
            "Content-Type: application/json\r\n",
            &serde_json::json!([{ "text": KEY, "stars": 5 }]).to_string(),
        ),
        "/file" => Reply::with("Content-Type: text/plain\r\n", KEY),
        "/log" => {
            let line = format!("<p>10:00 ERROR {}</p>", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA");
            let text = format!("<h1>Log</h1>-----BEGIN PRIVATE KEY-----{}", line.repeat(20));
            Reply::with("Content-Type: text/html\r\n", &format!("{text}-----END PRIVATE KEY-----"))
        }
        _ => Reply::with("Content-Type: text/html; charset=utf-8\r\n", &page),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "[bans]\nnever_block = []\n");
    for target in ["/product/moss-planter", "/pieces"] {
        let answer = edge.get(target).await;
        assert_eq!((answer.status, answer.text()), (200, shown.clone()), "{target}");
    }
    let long = edge.get("/long").await.text();
    assert!(long.ends_with(&shown) && !long.contains("MIIEow"), "behind what is read at once, too");
    let reviews: serde_json::Value = serde_json::from_str(&edge.get("/reviews.json").await.text()).unwrap();
    assert!(reviews[0]["text"].as_str().unwrap().contains(&stars), "still JSON: {reviews}");
    edge.access.flush();
    let told = edge.emitted.of_kind("edge.response_leaked");
    assert!(!told.is_empty() && edge.emitted.of_kind("edge.request_blocked").is_empty());
    // What the mask does not read is stopped as before: lines with something before them.
    assert_eq!(edge.get("/log").await.status, 403);
    // A file is stopped, and whoever asks for it again and again is nobody's attacker.
    for _ in 0..60 {
        let answer = edge.get("/file").await;
        assert_eq!(answer.status, 403);
        assert!(!answer.text().contains("MIIEow") && !answer.text().contains("attack"), "{}", answer.text());
    }
    edge.access.flush();
    assert_eq!(edge.get("/product/moss-planter").await.status, 200);
    assert!(edge.emitted.of_kind("detection.client_banned").is_empty());
    edge.stop();
}

/// Went out whole: exports that a browser is to save, and whatever else does not call itself text.
#[tokio::test(flavor = "multi_thread")]
async fn card_numbers_do_not_leave_in_files_that_are_text() {
    let text = format!("name;card\r\nElla;{CARD}\r\n");
    let (long, raw) = (format!("{}{text}", "name;card\r\n".repeat(40_000)), text.clone());
    let pieces = ["name;card\r\nElla;4111 11", "11 1111 1111\r\n"];
    let shop = FakeShop::start(move |asked| {
        let kind = asked.header("x-kind").join("");
        match asked.target() {
            "/long" => Reply::with(&format!("Content-Type: {kind}\r\n"), &long),
            "/pieces" => chunked(&kind, &pieces),
            "/binary" => Reply::with(&format!("Content-Type: {kind}\r\n"), &format!("PK\u{3}\u{4}\0\0{raw}")),
            _ => Reply::with(&format!("Content-Type: {kind}\r\n"), &raw),
        }
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    let ask = async |target: &str, kind: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: shop.test\r\nX-Kind: {kind}\r\n\r\n");
        edge.ask(&head).await.text()
    };
    let kinds = [
        "application/octet-stream",
        "application/force-download",
        "application/x-csv",
        "application/download",
        "multipart/mixed; boundary=b",
        "x-unknown/unknown",
        "image/png",
    ];
    for kind in kinds {
        for target in ["/", "/long", "/pieces"] {
            let shown = ask(target, kind).await;
            assert!(shown.contains(MASKED) && !shown.contains(CARD), "{target} as {kind}");
        }
        let binary = ask("/binary", kind).await;
        assert!(binary.contains(CARD), "what is no text passes untouched: {kind}");
    }
    edge.stop();
}

/// The head of an answer was not looked at.
#[tokio::test(flavor = "multi_thread")]
async fn card_numbers_in_the_head_are_masked_or_told() {
    let shop = FakeShop::start(|asked| match asked.target() {
        "/debug" => Reply::with("Content-Type: text/plain\r\nX-Debug: pan=4111111111111111;ok\r\n", "x"),
        "/file" => {
            Reply::with("Content-Disposition: attachment; filename=\"4111 1111 1111 1111.csv\"\r\n", "x")
        }
        "/cookie" => Reply::with("Set-Cookie: pan=4111111111111111\r\n", "x"),
        "/away" => Reply::Bytes(
            b"HTTP/1.1 302 Found\r\nLocation: /pay?pan=4111111111111111\r\nContent-Length: 0\r\n\r\n"
                .to_vec(),
        ),
        _ => Reply::with("Content-Type: text/plain\r\nX-Request: 20261126024729-1234567890\r\n", "x"),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "[[route]]\npath = '/own'\nmask_cards = false\n");
    for target in ["/debug", "/file"] {
        let answer = edge.get(target).await;
        assert!(!answer.head.contains("4111") && answer.head.contains("1111"), "{}", answer.head);
    }
    assert_eq!(edge.emitted.of_kind("edge.card_number_masked").len(), 2);
    assert!(edge.emitted.of_kind("edge.response_leaked").is_empty());
    // What is followed or sent back stays what it is, and is told.
    assert_eq!(edge.get("/away").await.header("location"), Some("/pay?pan=4111111111111111"));
    assert!(edge.get("/cookie").await.header("set-cookie").unwrap().starts_with("pan=4111111111111111"));
    let told = edge.emitted.of_kind("edge.response_leaked");
    let told = format!("{told:?}");
    assert!(told.contains("field location") && told.contains("field set-cookie"), "{told}");
    assert!(!told.contains("4111"), "{told}");
    assert_eq!(edge.get("/plain").await.header("x-request"), Some("20261126024729-1234567890"));
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_shop_tells_too_much_reaches_staff_and_not_a_thousand_times() {
    let trace = "<pre>Traceback (most recent call last):\n  File app.py, customer jane@example.com</pre>";
    let shop = FakeShop::start(move |asked| match asked.target() {
        "/sql" => Reply::with("Content-Type: text/html\r\n", "You have an error in your SQL syntax near x"),
        "/fine" => Reply::with("Content-Type: text/html\r\n", "<p>fine</p>"),
        _ => Reply::with("Content-Type: text/html\r\n", trace),
    })
    .await;
    let edge = TestEdge::start(&[shop.url()], "");
    for n in 0..50 {
        let page = edge.get(&format!("/broken/{n}")).await;
        assert_eq!((page.status, page.text().as_str()), (200, trace), "it is reported, not stopped");
    }
    assert_eq!(edge.get("/sql").await.status, 200);
    assert_eq!(edge.get("/fine").await.status, 200);
    let records = edge.records();
    let of = |rule: u32| records.iter().filter(|r| r.rule_id == rule).collect::<Vec<_>>();
    assert_eq!((of(27_120).len(), of(27_110).len(), of(0).len()), (50, 1, 1), "all are found in Explore");
    let one = of(27_110)[0];
    assert_eq!((one.verdict, one.category.as_ref(), one.path.as_ref()), (Verdict::Pass, "leak", "/sql"));
    let told = edge.emitted.of_kind("edge.response_leaked");
    let trace_told = told.iter().filter(|e| format!("{:?}", e.event).contains("27120")).count();
    assert!((1..=6).contains(&trace_told), "{trace_told} events of fifty broken pages");
    assert_eq!(told.len(), trace_told + 1, "another rule has its own say");
    assert!(!format!("{told:?}").contains("jane"), "{told:?}");
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_turns_away_at_once_and_lifting_it_lets_in() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "[bans]\nnever_block = []\n");
    let me = ClientIp::new("127.0.0.1".parse().unwrap());
    let mut client = edge.connect().await;
    let mut ask = async |what: &str| {
        client.send(format!("GET / HTTP/1.1\r\nHost: shop.test\r\nAccept: {what}\r\n\r\n")).await;
        client.response(false).await
    };
    assert_eq!(ask("text/html").await.status, 200);
    edge.bans.ban_for(me, std::time::Duration::from_secs(600), "staff.test", Actor::System).unwrap();
    // On the connection that was open already, too.
    let page = ask("text/html").await;
    assert_eq!(page.status, 403);
    reference(&page.text());
    assert!(!page.text().contains("staff.test"), "the reason is for staff");
    assert_eq!(ask("application/json").await.header("content-type"), Some("application/problem+json"));
    let record = wait_for(|| edge.records().into_iter().find(|r| r.verdict == Verdict::Banned)).await;
    assert_eq!(record.client, me);
    assert_eq!(shop.asked().len(), 1);
    edge.bans.lift(me.block(), Actor::System).unwrap();
    assert_eq!(ask("text/html").await.status, 200);
    edge.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_is_never_banned_unless_the_owner_says_so() {
    let shop = FakeShop::start(|_| Reply::ok("x")).await;
    let edge = TestEdge::start(&[shop.url()], "");
    let me = ClientIp::new("127.0.0.1".parse().unwrap());
    assert!(edge.bans.ban(me, "probing", Actor::System).is_err());
    assert_eq!(edge.get("/").await.status, 200);
    edge.stop();
}
