//! What runs on paying pages: looked at by staff, decided by owners, and every act in the ledger with who did it.

use http_body_util::BodyExt;
use storeward_base::{Actor, Clock, RequestId};
use storeward_checkout::Checkout;
use storeward_console::{Change, Console, Groups};
use storeward_host::{Passage, RequestHead, Seen, rewritten};
use storeward_seal::totp::TotpSecret;
use storeward_store::both_engines;
use storeward_web::axum::body::Body;
use storeward_web::http::{HeaderMap, Method, Request, StatusCode};
use tower::ServiceExt;

use super::bench::{Bench, Browser, EMAIL, MIGRATIONS, PASSWORD, enrol_form};

const PAGE: &str = "<head><script>go('q7secret')</script></head><body><script>steal(card)</script></body>";

/// The page goes out through the guard; its policy, and its text.
async fn goes_out(bench: &Bench, checkout: &Checkout) -> (HeaderMap, String) {
    let asked = HeaderMap::new();
    let mut exchange = checkout
        .stage()
        .enter(&RequestHead {
            id: RequestId::from_bits(1),
            at: bench.clock.now(),
            client: "198.51.100.9".parse().unwrap(),
            method: &Method::GET,
            path: "/checkout",
            written: "/checkout",
            query: None,
            host: "bookshop.example",
            authority: "bookshop.example",
            wants_problem: false,
            headers: &asked,
        })
        .unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "text/html; charset=utf-8".parse().unwrap());
    headers.insert("x-frame-options", "DENY".parse().unwrap());
    let Passage::Through(rewrite) = exchange.response(StatusCode::OK, &mut headers, Seen::default()).await
    else {
        panic!("the page was not read")
    };
    let body = rewritten(rewrite, PAGE.as_bytes()).unwrap();
    checkout.settle().await.unwrap();
    (headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn policy(bench: &Bench, checkout: &Checkout) -> Option<String> {
    let (headers, _) = goes_out(bench, checkout).await;
    let lines: Vec<&str> =
        headers.get_all("content-security-policy").iter().map(|line| line.to_str().unwrap()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The row of the code that holds a word.
async fn row_of(browser: &mut Browser<'_>, word: &str) -> String {
    let list = browser.get("/scripts").await.body;
    let at = list.find(&format!("<code>{word}")).unwrap_or_else(|| panic!("{word}: {list}"));
    let link = list[..at].rsplit("href=\"").next().unwrap();
    link.split('"').next().unwrap().to_owned()
}

fn approval(csrf: &str, hash: &str) -> String {
    let hash = hash.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!(
        "csrf={csrf}&act=approve&scope=exact&owner=Web+team&justification=Shows+the+total&days=30&hash={hash}"
    )
}

async fn set_groups(bench: &Bench, who: &'static str, groups: &'static [&'static str]) {
    let (db, change) = ((*bench.db).clone(), Change::Groups(Groups::parse(groups.iter().copied()).unwrap()));
    storeward_store::testing::blocking(move || {
        Console::change_member_blocking(&db, Actor::Operator, who, &change).unwrap();
    })
    .await;
}

/// Somebody else owns the shop; whoever was there first does not any more.
async fn owned_by_another(bench: &Bench) {
    const OWNER: &str = "grace@staff.example";
    let mut browser = bench.browser();
    let path = bench.offer().await;
    let page = browser.get(&path).await;
    let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    let form = enrol_form(&page.csrf(), OWNER, PASSWORD, &bench.code(&secret));
    assert_eq!(browser.post(&path, &form).await.status, 303);
    set_groups(bench, OWNER, &["owner", "admin"]).await;
    set_groups(bench, EMAIL, &["support", "accountant"]).await;
}

both_engines!(without_a_guard_the_page_says_what_to_do, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let page = browser.get("/scripts").await;
    assert!(page.body.contains("[checkout]"), "{}", page.body);
    assert_eq!(browser.get("/scripts/00112233445566778899aabbccddeeff").await.status, 404);
    assert_eq!(browser.get("/scripts/page?path=/checkout").await.status, 404);
});

both_engines!(an_owner_approves_what_runs_then_holds_the_page_to_it, MIGRATIONS, async |db| {
    let (bench, checkout) = Bench::with_checkout(db, "").await;
    let (mut browser, _) = bench.enrolled().await;
    goes_out(&bench, &checkout).await;
    let path = row_of(&mut browser, "go(").await;
    let page = browser.get(&path).await;
    assert!(
        page.body.contains("not approved") && !page.body.contains("q7secret"),
        "its strings stay out: {}",
        page.body
    );
    let (csrf, hash) = (page.csrf(), page.attribute("name=\"hash\" value=\""));
    // What does not fit is shown again with what was typed.
    let short = approval(&csrf, &hash).replace("Web+team", "x").replace("days=30", "days=900");
    let refused = browser.post(&format!("{path}/act"), &short).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("Owner: who answers for it") && refused.body.contains("Shows the total"));
    let done = browser.post(&format!("{path}/act"), &approval(&csrf, &hash)).await;
    assert_eq!((done.status.as_u16(), done.location()), (303, format!("{path}?done=approve").as_str()));
    let page = browser.get(done.location()).await.body;
    for words in ["It is approved", "Web team", "Shows the total", "by <strong>Ada B</strong>"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let told = bench.events("checkout.script_approved").await;
    assert!(matches!(told[0].actor, Actor::Staff { .. }), "{told:?}");

    // What would stop is shown first, and the form holds to what was shown.
    let guarded = "/scripts/page?path=/checkout";
    let page = browser.get(guarded).await;
    assert!(page.body.contains("steal(") && !page.body.contains("<code>go("), "{}", page.body);
    let (csrf, seen) = (page.csrf(), page.attribute("name=\"seen\" value=\""));
    let form = |act: &str, seen: &str| format!("csrf={csrf}&path=%2Fcheckout&act={act}&seen={seen}");
    assert_eq!(browser.post("/scripts/page", &form("enforce", "0000")).await.status, 422);
    assert!(policy(&bench, &checkout).await.is_none(), "it learns still");
    let done = browser.post("/scripts/page", &form("enforce", &seen)).await;
    assert_eq!(done.status, 303, "{}", done.body);
    let held = policy(&bench, &checkout).await.expect("held to approvals");
    assert!(held.contains(&format!("'sha256-{hash}'")), "{held}");
    assert!(browser.get("/scripts").await.body.contains("approved scripts only"));

    // To the last good state and back to what the config says.
    for (act, words) in [("last_good", "last good state"), ("learn", "learns")] {
        assert_eq!(browser.post("/scripts/page", &form(act, "")).await.status, 303);
        assert!(browser.get("/scripts").await.body.contains(words), "{act}");
    }
    assert!(policy(&bench, &checkout).await.is_none());
    let told = bench.events("checkout.page_mode_set").await;
    let modes: Vec<String> = told.iter().map(|record| record.sentence()).collect();
    assert_eq!(told.len(), 3, "{modes:?}");
    assert!(told.iter().all(|record| matches!(record.actor, Actor::Staff { .. })));
});

both_engines!(alerts_and_headers_are_closed_and_approved_by_somebody, MIGRATIONS, async |db| {
    let (bench, checkout) = Bench::with_checkout(db, "mode = 'enforce'").await;
    let (mut browser, _) = bench.enrolled().await;
    goes_out(&bench, &checkout).await;
    let list = browser.get("/scripts").await;
    let (csrf, close) = (list.csrf(), list.attribute("action=\"/scripts/alerts/"));
    let close = format!("/scripts/alerts/{close}");
    for _ in 0..2 {
        assert_eq!(browser.post(&close, &format!("csrf={csrf}")).await.status, 303, "twice is once");
    }
    let told = bench.events("checkout.alert_closed").await;
    assert_eq!(told.len(), 1);
    assert!(matches!(told[0].actor, Actor::Staff { .. }));
    assert!(browser.get("/scripts").await.body.contains("by Ada B"));
    let page = browser.get("/scripts/page?path=/checkout").await;
    assert!(page.body.contains("x-frame-options") && page.body.contains("not approved"));
    // A config that holds the page to approvals is not undone from here.
    assert!(!page.body.contains("Run approved scripts only"));
    let form = format!("csrf={}&path=%2Fcheckout&act=", page.csrf());
    assert_eq!(browser.post("/scripts/page", &format!("{form}headers")).await.status, 303);
    assert_eq!(bench.events("checkout.headers_approved").await.len(), 1);
    assert_eq!(browser.post("/scripts/page", &format!("{form}learn")).await.status, 303);
    assert!(policy(&bench, &checkout).await.is_some(), "stricter, never laxer");
    assert_eq!(browser.post("/scripts/page", &format!("{form}nothing")).await.status, 400);
    let elsewhere = form.replace("%2Fcheckout", "%2Fcart");
    assert_eq!(browser.post("/scripts/page", &format!("{elsewhere}last_good")).await.status, 404);
});

both_engines!(who_does_not_own_the_shop_only_looks, MIGRATIONS, async |db| {
    let (bench, checkout) = Bench::with_checkout(db, "").await;
    let (mut browser, _) = bench.enrolled().await;
    goes_out(&bench, &checkout).await;
    let path = row_of(&mut browser, "go(").await;
    let page = browser.get(&path).await;
    let (csrf, hash) = (page.csrf(), page.attribute("name=\"hash\" value=\""));
    let alert = browser.get("/scripts").await.attribute("action=\"/scripts/alerts/");
    owned_by_another(&bench).await;
    let page = browser.get(&path).await.body;
    assert!(page.contains("group <code>owner</code>") && !page.contains("name=\"justification\""));
    for (place, form) in [
        (format!("{path}/act"), approval(&csrf, &hash)),
        (format!("{path}/act"), format!("csrf={csrf}&act=revoke")),
        (format!("/scripts/alerts/{alert}"), format!("csrf={csrf}")),
        ("/scripts/page".to_owned(), format!("csrf={csrf}&path=%2Fcheckout&act=last_good")),
        ("/scripts/page".to_owned(), format!("csrf={csrf}&path=%2Fcheckout&act=headers")),
    ] {
        assert_eq!(browser.post(&place, &form).await.status, 403, "{place} {form}");
    }
    assert!(policy(&bench, &checkout).await.is_none());
    for kind in ["script_approved", "script_revoked", "alert_closed", "page_mode_set", "headers_approved"] {
        assert!(bench.events(&format!("checkout.{kind}")).await.is_empty(), "{kind}");
    }
});

// Somebody looks at a script, it is changed under them, and they approve: not what they did not see.
both_engines!(nobody_approves_what_they_did_not_see, MIGRATIONS, async |db| {
    let (bench, checkout) = Bench::with_checkout(db, "").await;
    let (mut browser, _) = bench.enrolled().await;
    goes_out(&bench, &checkout).await;
    let path = row_of(&mut browser, "go(").await;
    let csrf = browser.get(&path).await.csrf();
    let other = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let refused = browser.post(&format!("{path}/act"), &approval(&csrf, other)).await;
    assert_eq!(refused.status, 422);
    // Code of the page whose values alone are others is known by its shape, and the page says so.
    assert!(refused.body.contains("It cannot be approved so"), "{}", refused.body);
    assert!(bench.events("checkout.script_approved").await.is_empty());
});

// Whoever gets a word into the inventory gets no mark-up into the console.
both_engines!(what_a_stranger_reports_is_text, MIGRATIONS, async |db| {
    let (bench, checkout) = Bench::with_checkout(db, "").await;
    let (mut browser, _) = bench.enrolled().await;
    let (_, text) = goes_out(&bench, &checkout).await;
    let key = text.split("report?k=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let report = "{\"csp-report\":{\"effective-directive\":\"script-src-elem\",\
                  \"blocked-uri\":\"https://evil.example/<img src=x onerror=alert(1)>.js\"}}";
    let mut request = Request::post(format!("/.storeward/checkout/report?k={key}"))
        .header("host", "bookshop.example")
        .header("content-type", "application/csp-report")
        .body(Body::from(report))
        .unwrap();
    request.extensions_mut().insert(browser.address);
    let answer = checkout.router(&["bookshop.example".to_owned()]).unwrap().oneshot(request).await.unwrap();
    drop(answer.into_body().collect().await);
    checkout.settle().await.unwrap();
    let list = browser.get("/scripts?show=all").await.body;
    assert!(list.contains("evil.example") && !list.contains("<img src=x"), "{list}");
    for odd in
        ["/scripts?show=%3Cb%3E&from=4294967295", "/scripts?done=%3Cb%3E", "/scripts/page?path=%3Cscript%3E"]
    {
        let answer = browser.get(odd).await;
        assert!(answer.status == 200 || answer.status == 404, "{odd}: {}", answer.status);
        assert!(!answer.body.contains("<b>") && !answer.body.contains("<script>"), "{odd}");
    }
});
