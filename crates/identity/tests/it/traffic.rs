//! What the shield lets honest browsers do, and that nobody gets past it by the same way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use storeward_adapter::Adapter;
use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_identity::{MIGRATIONS, Policy, SecondFactor, Shield, ShieldParts, ShieldSection};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, Method, Response};

use super::behind::{ADDRESS, Behind, SHOP_PASSWORD, Visitor};
use super::bench::{Answer, Bench, HOST};
use super::class::Serves;

const FILE: &str = r#"
format = 1
name = "reeds"
title = "reeds"
[cookies]
session = ["sid"]
[signed_in.probe]
path = "/me"
subject = { json = "/id" }
email = { json = "/email" }
[[door]]
name = "sign-in"
kind = "sign-in"
paths = ["/login"]
user = ["user"]
password = ["password"]
[sign_out]
path = "/logout"
"#;
const LINK: &str = "9f86d081884c7d659a2feaa0";
const OTHER: &str = "0f86d081884c7d659a2feaa9";
const SCRIPT: &str = "text/javascript";

/// A shop with files of hashed names before it, that signs the session in that was there by a `token` at any address (a middleware), and
/// by asking again and again whether somebody has let it in.
#[derive(Default)]
struct Reeds(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    sessions: HashMap<String, bool>,
    made: u32,
    asked: u32,
    is_broken: bool,
    /// What came to the measuring service, with its cookies.
    measured: Vec<String>,
    /// Whoever asks by the secret is let in.
    is_approved: bool,
}

impl Reeds {
    fn asked(&self) -> u32 {
        self.0.lock().unwrap().asked
    }

    fn break_probe(&self, is_broken: bool) {
        self.0.lock().unwrap().is_broken = is_broken;
    }
}

fn say(status: u16, lines: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let answer = lines.iter().fold(Response::builder().status(status), |b, (n, v)| b.header(*n, *v));
    answer.body(Bytes::from(body.to_owned())).unwrap()
}

impl Serves for Reeds {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let mut inside = self.0.lock().unwrap();
        let line = headers.get("cookie").map_or("", |line| line.to_str().unwrap());
        let sent = line.split("; ").find_map(|pair| pair.strip_prefix("sid=")).map(str::to_owned);
        let known = sent.filter(|sid| inside.sessions.contains_key(sid));
        let sid = known.clone().unwrap_or_else(|| {
            inside.made += 1;
            format!("shop-session-{}", inside.made)
        });
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let typed = String::from_utf8_lossy(body).replace('+', " ").replace("%20", " ");
        let signs_in = query == format!("token={LINK}")
            || path == format!("/magic/{LINK}.js")
            || (path == "/poll" && inside.is_approved)
            || (path == "/login" && typed.contains(SHOP_PASSWORD));
        let is_in = signs_in || inside.sessions.get(&sid).copied().unwrap_or(false);
        inside.sessions.insert(sid.clone(), is_in);
        if path == "/ingest/set" {
            let (session, other) = ("sid=shop-session-that-measures; Path=/", "remember=a1b2; Path=/");
            let lines =
                [("content-type", "application/json"), ("set-cookie", session), ("set-cookie", other)];
            return say(200, &lines, "{}");
        }
        if path == "/ingest/e" && query.is_empty() {
            inside.measured.push(line.to_owned());
            return say(200, &[], "1");
        }
        let is_same = headers.contains_key("if-none-match");
        let when = ("last-modified", "Fri, 27 Nov 2026 08:00:00 GMT");
        let mut answer = match (method.as_str(), path) {
            (_, "/me") if inside.is_broken => say(200, &[], "<p>a new theme"),
            (_, "/me") if is_in => say(200, &[], &format!(r#"{{"id":"42","email":"{ADDRESS}"}}"#)),
            (_, "/me") => say(401, &[], "{}"),
            ("POST", "/login") if is_in => say(303, &[("location", "/account")], ""),
            (_, "/account") if is_in => say(200, &[], "the orders"),
            (_, "/account") => say(403, &[], "sign in first"),
            (_, path) if path.starts_with("/build/") && is_same => say(304, &[when], ""),
            (_, path) if path.starts_with("/build/") => say(200, &[("content-type", SCRIPT), when], "1"),
            // Frameworks that answer so by themselves.
            (_, path) if path == "/poll" || path.starts_with("/magic/") => match is_same {
                true => say(304, &[], ""),
                false => say(200, &[("content-type", SCRIPT)], "{}"),
            },
            (_, path) if path.starts_with("/pictures/") => say(200, &[("content-type", "image/webp")], "p"),
            (_, "/out") => say(302, &[("location", "https://pay.example/x?n=1")], "the orders"),
            (_, "/old") => say(302, &[("location", "/mugs")], ""),
            (_, "/gone") => say(404, &[], "gone"),
            _ => say(200, &[], if is_in { "welcome back" } else { "welcome" }),
        };
        if known.is_none() {
            let line = format!("sid={sid}; Path=/; HttpOnly");
            answer.headers_mut().append("set-cookie", line.parse().unwrap());
        }
        answer
    }
}

impl AskShop for Reeds {
    /// What it says is what was true when it was asked; the answer takes its time.
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            self.0.lock().unwrap().asked += u32::from(target == "/me");
            let answer = self.answer(&head.method, &target, &head.headers, &body);
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            Ok(answer)
        })
    }
}

fn reeds(db: TestDb) -> (Behind, Arc<Reeds>) {
    let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
    let shop = Arc::new(Reeds::default());
    (Behind::taught(bench, shop.clone(), FILE), shop)
}

async fn owner(behind: &Behind) -> Visitor<'_> {
    let mut owner = behind.browser();
    owner.get("/").await;
    let typed = [("user", ADDRESS), ("password", SHOP_PASSWORD)];
    owner.post("/login", &typed).await.leads_to("/.storeward/challenge");
    owner.show_code("").await;
    assert!(owner.get("/account").await.body.contains("the orders"));
    owner
}

/// A visitor with a session of the shop, of whom it is known that they are nobody.
async fn nobody(behind: &Behind) -> Visitor<'_> {
    let mut visitor = behind.browser();
    visitor.browser = visitor.browser.elsewhere();
    visitor.get("/").await;
    visitor.get("/").await;
    visitor
}

/// Another request of the same browser.
pub fn beside<'b>(visitor: &Visitor<'b>) -> Visitor<'b> {
    let mut other = visitor.behind.browser();
    other.browser.address = visitor.browser.address;
    other.browser.cookies = visitor.browser.cookies.clone();
    other
}

async fn file(visitor: &mut Visitor<'_>, target: &str, etag: &str) -> Answer {
    let lines = [("accept", "*/*"), ("if-none-match", etag)];
    visitor.send("GET", target, if etag.is_empty() { &lines[..1] } else { &lines[..] }, "").await
}

// Each file whose address holds a hash was followed by a question at the shop, with each page again.
both_engines!(a_file_is_asked_about_once, MIGRATIONS, async |db| {
    let (behind, shop) = reeds(db);
    for mut visitor in [owner(&behind).await, nobody(&behind).await] {
        for (target, etag, status) in [
            (format!("/build/app.js?id={OTHER}"), "", 200),
            (format!("/build/app.js?id={OTHER}"), "\"1\"", 304),
            (format!("/build/app-{OTHER}.js"), "\"1\"", 304),
            (format!("/pictures/{OTHER}"), "", 200),
        ] {
            let before = shop.asked();
            for _ in 0..3 {
                assert_eq!(file(&mut visitor, &target, etag).await.status, status, "{target}");
            }
            let is_known = etag == "\"1\"" && target.contains('?');
            assert_eq!(shop.asked() - before, u32::from(!is_known), "{target} {etag}");
        }
    }
});

// The address alone, without its values, would be harmless once somebody has called it with a made-up secret.
both_engines!(a_made_up_secret_first_makes_no_link_harmless, MIGRATIONS, async |db| {
    let (behind, shop) = reeds(db);
    for (made_up, link, etag) in [
        (format!("/build/app.js?token={OTHER}"), format!("/build/app.js?token={LINK}"), ""),
        (format!("/build/app.js?token={OTHER}"), format!("/build/app.js?token={LINK}"), "*"),
        (format!("/build/x-{OTHER}.js?token={OTHER}"), format!("/build/x-{OTHER}.js?token={LINK}"), "*"),
        (format!("/pictures/{OTHER}"), format!("/pictures/{OTHER}?token={LINK}"), ""),
        (format!("/magic/{OTHER}.js"), format!("/magic/{LINK}.js"), "*"),
        // The very same address, which signs in once somebody has said yes elsewhere.
        (format!("/poll?id={OTHER}"), format!("/poll?id={OTHER}"), "*"),
        (format!("/poll?id={OTHER}"), format!("/poll?id={OTHER}"), ""),
    ] {
        let mut thief = nobody(&behind).await;
        shop.0.lock().unwrap().is_approved = false;
        for _ in 0..2 {
            let told = file(&mut thief, &made_up, etag).await;
            assert!(told.status == 200 || told.status == 304, "{made_up}: {}", told.status);
        }
        shop.0.lock().unwrap().is_approved = true;
        let told = file(&mut thief, &link, etag).await;
        assert_eq!(told.status, 403, "{link} {etag}");
        for target in ["/account", "/"] {
            let shown = thief.get(target).await;
            assert!(!shown.body.contains("orders") && !shown.body.contains("back"), "{link}: {}", shown.body);
        }
    }
});

// Forty pictures were forty questions, one after the other.
both_engines!(answers_that_wait_together_share_a_question, MIGRATIONS, async |db| {
    let (behind, shop) = reeds(db);
    let owner = owner(&behind).await;
    let mut all: [Visitor<'_>; 6] = std::array::from_fn(|_| beside(&owner));
    let mut under_way = Vec::new();
    for (n, one) in all.iter_mut().enumerate() {
        let target = format!("/mugs/{n}{OTHER}");
        under_way.push(one.begin("GET", &target, &[("accept", "text/html")], "").await.ok().unwrap());
    }
    let before = shop.asked();
    let [a, b, c, d, e, f] = &mut all;
    let mut next = || under_way.pop().unwrap();
    let told = tokio::join!(
        a.finish(next()),
        b.finish(next()),
        c.finish(next()),
        d.finish(next()),
        e.finish(next()),
        f.finish(next())
    );
    for told in [told.0, told.1, told.2, told.3, told.4, told.5] {
        assert_eq!((told.status.as_u16(), told.body.as_str()), (200, "welcome back"));
    }
    assert_eq!(shop.asked() - before, 2, "the first one's, and one for all that came meanwhile");
});

// A link that signs in while a question is under way is not covered by what that one is answered.
both_engines!(nobody_comes_in_by_a_question_that_was_asked_before, MIGRATIONS, async |db| {
    let (behind, shop) = reeds(db);
    let mut first = nobody(&behind).await;
    let mut second = beside(&first);
    let harmless = first.begin("GET", &format!("/mugs/{OTHER}"), &[("accept", "text/html")], "").await;
    let harmless = harmless.ok().unwrap();
    let before = shop.asked();
    let (shown, held) = tokio::join!(first.finish(harmless), async {
        while shop.asked() == before {
            tokio::task::yield_now().await;
        }
        second.get(&format!("/mugs?token={LINK}")).await
    });
    assert_eq!(shown.body, "welcome");
    held.leads_to("/.storeward/challenge");
    for thief in [&mut first, &mut second] {
        assert!(!thief.get("/account").await.body.contains("orders"));
    }
});

// 503 in place of the way to the payment provider, for as long as the account's page failed.
both_engines!(whoever_is_in_is_led_on_while_the_shop_does_not_say_it, MIGRATIONS, async |db| {
    let (behind, shop) = reeds(db);
    let mut owner = owner(&behind).await;
    shop.break_probe(true);
    let told = owner.get("/out").await;
    assert_eq!((told.status.as_u16(), told.location()), (302, "https://pay.example/x?n=1"));
    assert_eq!(told.body, "", "what it says beside it may be somebody's");
    // The session goes along again when the shop has said whose it is.
    assert!(!owner.get("/account").await.body.contains("orders"));
    let told = owner.post("/cart", &[("mug", "1")]).await;
    assert_eq!((told.status.as_u16(), told.headers["retry-after"].to_str().unwrap()), (503, "30"));
    shop.break_probe(false);
    assert!(owner.get("/account").await.body.contains("the orders"));
    // Whoever is nobody, and has a link, is led nowhere with it.
    let mut thief = nobody(&behind).await;
    shop.break_probe(true);
    assert_eq!(thief.get(&format!("/out?token={LINK}")).await.status, 503);
    shop.break_probe(false);
    assert!(!thief.get("/account").await.body.contains("orders"));
});

// Crawlers keep no cookies, and were led to the same page for ever.
both_engines!(who_keeps_no_cookies_is_not_led_round, MIGRATIONS, async |db| {
    let (behind, shop) = reeds(db);
    shop.break_probe(true);
    for (target, status, to) in [("/old", 303, "/mugs"), ("/gone", 503, ""), ("/mugs", 200, "")] {
        let mut crawler = behind.browser();
        crawler.browser.cookies.clear();
        let told = crawler.get(target).await;
        assert_eq!(
            (told.status.as_u16(), told.status == 503),
            (status, told.headers.contains_key("retry-after"))
        );
        if !to.is_empty() {
            assert_eq!(told.location(), to, "{target}");
        }
        assert_eq!(crawler.browser.cookie("__Host-storeward-guest"), None, "{target}");
    }
    // Nothing that signs in is shown so.
    let mut thief = behind.browser();
    let told = thief.get(&format!("/old?token={LINK}")).await;
    assert_eq!(told.status, 503, "{}", told.body);
    assert!(!thief.get("/account").await.body.contains("orders"));
});

// The form belonged to no session, and was sent with one: the shop took it for a forged one.
both_engines!(a_form_that_was_fetched_as_a_guest_is_fetched_anew, MIGRATIONS, async |db| {
    let (behind, shop) = reeds(db);
    shop.break_probe(true);
    let mut guest = behind.browser();
    guest.browser.cookies = vec![("kept".to_owned(), "a1b2".to_owned())];
    guest.get("/old").await.leads_to("/old");
    guest.get("/old").await.leads_to("/mugs");
    assert_eq!(guest.get("/mugs").await.body, "welcome");
    shop.break_probe(false);
    let page = format!("https://{HOST}/mugs");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let lines = [("accept", "text/html"), form, ("referer", page.as_str())];
    behind.bench.advance(300);
    guest.send("POST", "/cart", &lines, "key=of-no-session").await.leads_to("/mugs");
    assert_eq!(guest.browser.cookie("__Host-storeward-guest"), None);
    assert_eq!(guest.get("/mugs").await.body, "welcome");
    assert_eq!(guest.send("POST", "/cart", &lines, "key=of-the-session").await.status, 200);
    // Ten seconds later the next page is one of the session, and so is its form.
    shop.break_probe(true);
    let mut guest = behind.browser();
    guest.browser.cookies = vec![("kept".to_owned(), "a1b2".to_owned())];
    guest.get("/old").await.leads_to("/old");
    shop.break_probe(false);
    behind.bench.advance(11);
    assert_eq!(guest.get("/mugs").await.body, "welcome");
    assert_eq!(guest.browser.cookie("__Host-storeward-guest"), None);
    assert_eq!(guest.send("POST", "/cart", &lines, "key=of-the-session").await.status, 200);
    // Whoever makes the cookie up gets no other form past anything.
    let mut thief = behind.browser();
    thief.browser.cookies = vec![("__Host-storeward-guest".to_owned(), "1".to_owned())];
    let typed = format!("user={ADDRESS}&password={}", SHOP_PASSWORD.replace(' ', "+"));
    thief.send("POST", "/login", &lines, &typed).await.leads_to("/.storeward/challenge");
});

// A basket that was open in another tab was led back to its page, and what was typed was gone.
both_engines!(a_form_of_another_tab_is_no_guests, MIGRATIONS, async |db| {
    let (behind, shop) = reeds(db);
    let mut visitor = nobody(&behind).await;
    visitor.browser.cookies.push(("kept".to_owned(), "a1b2".to_owned()));
    assert_eq!(visitor.get("/basket").await.status, 200);
    shop.break_probe(true);
    let mut tab = beside(&visitor);
    tab.get("/old").await.leads_to("/old");
    tab.get("/old").await.leads_to("/mugs");
    assert_eq!(tab.get("/mugs").await.body, "welcome");
    shop.break_probe(false);
    visitor.browser.cookies = tab.browser.cookies;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let of = |page: &str| format!("https://{HOST}{page}");
    let (basket, mugs) = (of("/basket?step=2"), of("/mugs"));
    for seconds in [1, 300] {
        behind.bench.advance(seconds);
        let lines = [("accept", "text/html"), form, ("referer", basket.as_str())];
        let told = visitor.send("POST", "/cart", &lines, "note=long").await;
        assert_eq!((told.status.as_u16(), told.body.as_str()), (200, "welcome"), "{seconds}");
    }
    // The guest's own is led, however often, and what is led is no try.
    let kept = visitor.browser.cookies.clone();
    let lines = [("accept", "text/html"), form, ("referer", mugs.as_str())];
    for _ in 0..8 {
        visitor.browser.cookies.clone_from(&kept);
        let typed = format!("user={ADDRESS}&password=wrong");
        visitor.send("POST", "/login", &lines, &typed).await.leads_to("/mugs");
    }
    assert_eq!(visitor.browser.cookie("__Host-storeward-guest"), None);
    assert_eq!(visitor.send("POST", "/login", &lines, "user=a&password=b").await.status, 200);
});

// What a script measures was sent with the session: the shop was asked who is signed in after each, and a service that did not answer
// held up what the customer did, for ten seconds.
both_engines!(what_scripts_measure_holds_nobody_up, MIGRATIONS, async |db| {
    let (mut behind, shop) = reeds(db);
    behind.shield = Shield::new(ShieldParts {
        identity: behind.bench.identity.clone(),
        adapter: Some(Adapter::parse(FILE).unwrap()),
        section: ShieldSection { beacons: vec!["/ingest".to_owned()], ..ShieldSection::default() },
        shop: shop.clone(),
        canary: None,
    });
    let mut owner = owner(&behind).await;
    let mut page = beside(&owner);
    let line = [("content-type", "text/plain"), ("authorization", "Bearer somebodys")];
    let hanging = page.begin("POST", "/ingest/e", &line, "{}").await.ok().unwrap();
    let before = shop.asked();
    for body in ["{}".to_owned(), format!("{{\"x\":\"{}\"}}", "x".repeat(300_000))] {
        for _ in 0..40 {
            assert_eq!(owner.send("POST", "/ingest/e", &line, &body).await.status, 200);
        }
    }
    assert_eq!(shop.asked(), before);
    assert_eq!(owner.post("/cart", &[("mug", "1")]).await.status, 200);
    assert_eq!(page.finish(hanging).await.status, 200);
    let measured = std::mem::take(&mut shop.0.lock().unwrap().measured);
    assert!(measured.len() == 81 && measured.iter().all(String::is_empty), "{measured:?}");
    assert!(owner.get("/account").await.body.contains("the orders"));
    // Its own cookies go nowhere, and it is no reason to send the same again.
    let told = owner.send("POST", "/ingest/set", &line, "{}").await;
    assert_eq!((told.status.as_u16(), told.body.as_str()), (200, "{}"));
    assert!(!told.headers.contains_key("set-cookie"), "{:?}", told.headers);
    assert_eq!(owner.send("POST", &format!("/ingest/set?token={LINK}"), &line, "{}").await.status, 503);
    // Nobody signs in there: neither by a form, nor by what the shop signs in by that no file knows.
    let typed = format!("user={ADDRESS}&password={}", SHOP_PASSWORD.replace(' ', "+"));
    let form = [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
    for (method, target, body) in [
        ("POST", "/ingest/login", typed.as_str()),
        ("POST", &format!("/ingest/mugs?token={LINK}"), ""),
        ("GET", &format!("/ingest/mugs?token={LINK}"), ""),
        ("POST", &format!("/ingest/..%2fmugs?token={LINK}"), ""),
    ] {
        let mut thief = nobody(&behind).await;
        let told = thief.send(method, target, &form, body).await;
        assert!(!told.body.contains("back"), "{method} {target}: {}", told.body);
        for target in ["/account", "/"] {
            let shown = thief.get(target).await;
            assert!(
                !shown.body.contains("orders") && !shown.body.contains("back"),
                "{target}: {}",
                shown.body
            );
        }
    }
});
