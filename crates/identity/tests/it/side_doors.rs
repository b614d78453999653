//! Side doors to a token: a shop whose handlers are mounted on prefixes, take any method, put a request's query and its body together,
//! and have addresses that no file knows.

use std::sync::Arc;

use serde_json::{Value, json};
use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_identity::{LetterKind, MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, Method, Response};

use super::behind::{Behind, Elevation, SHOP_PASSWORD};
use super::bench::{Bench, encode};
use super::class::Serves;
use super::json_shop::{DOCUMENT, MIRA, MIRAS, PAUL, PAULS, Reed, Speech};

const FILE: &str = r#"
format = 1
name = "reed"
title = "reed"
[cookies]
session = []
[signed_in.probe]
path = "/api/v2/me"
subject = { json = "/customer/mail" }
[[door]]
name = "sign-in"
kind = "sign-in"
DOOR
[door.bearer]
path = "/api/v2/me"
subject = { json = "/customer/mail" }
email = { json = "/customer/mail" }
"#;
/// As they are learnt; the marker is where the address has other calls.
const BY_JSON: &str = r#"
paths = ["/api/v2/enter"]
body = "json"
user = ["/login/mail"]
password = ["/login/passwort"]
marker = "/login/passwort"
token = ["/access/token"]
"#;
const BY_GRAPHQL: &str = r#"
paths = ["/graphql"]
body = "graphql"
operation = ["enter"]
user = ["/variables/mail"]
password = ["/variables/passwort"]
token = ["/data/enter/token"]
"#;
const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// [`Reed`] behind a framework that is as free with requests as Express, Laravel and Next.js together.
struct Wide(Reed);

impl Wide {
    fn merged(target: &str, headers: &HeaderMap, body: &[u8]) -> Value {
        let text = |raw: &str| {
            String::from_utf8_lossy(&storeward_base::percent_decode(raw.as_bytes(), b' ')).into_owned()
        };
        let mut typed = vec![target.split_once('?').map_or("", |(_, query)| query).to_owned()];
        let is_form = headers.get("content-type").is_some_and(|kind| kind == FORM.1);
        if is_form {
            typed.push(String::from_utf8_lossy(body).into_owned());
        }
        let mut login = json!({});
        let pairs = typed.iter().flat_map(|all| all.split('&')).filter_map(|pair| pair.split_once('='));
        for (name, value) in pairs {
            if let Some(name) = text(name).strip_prefix("login[").and_then(|name| name.strip_suffix(']')) {
                login[name] = text(value).into();
            }
        }
        // As Go's reader: the first document counts.
        let sent: Option<Value> =
            serde_json::Deserializer::from_slice(body).into_iter().next().and_then(Result::ok);
        if let Some(fields) = sent.as_ref().and_then(|sent| sent["login"].as_object()) {
            for (name, value) in fields {
                login[name] = value.clone();
            }
        }
        json!({ "login": login })
    }
}

impl Serves for Wide {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.to_lowercase();
        if path.starts_with("/graphql") || path == "/api/calls" {
            let by = if body.is_empty() { Method::GET } else { Method::POST };
            return self.0.answer(&by, &format!("/graphql?{query}"), headers, body);
        }
        if path.starts_with("/api/v2/enter") || path == "/api/v1/enter" {
            let typed = Self::merged(target, headers, body).to_string();
            let answer = self.0.answer(&Method::POST, "/api/v2/enter", headers, typed.as_bytes());
            if path == "/api/v1/enter" && answer.status() == 200 {
                // It called the same thing something else.
                let said: Value = serde_json::from_slice(answer.body()).unwrap();
                let older = json!({"ok": true, "list": [{"jwt": said["access"]["token"]}]});
                return Response::builder()
                    .header("content-type", "application/json")
                    .body(Bytes::from(older.to_string()))
                    .unwrap();
            }
            return answer;
        }
        if let Some(kind) = path.strip_prefix("/api/called/") {
            // As PHP, Express and Go call what a program writes without saying what it is.
            let typed = Self::merged(target, headers, body).to_string();
            let answer = self.0.answer(&Method::POST, "/api/v2/enter", headers, typed.as_bytes());
            let kind = kind.replace('-', "/");
            let body = if path.contains("javascript") {
                format!("/**/got({})", String::from_utf8_lossy(answer.body())).into()
            } else {
                answer.body().clone()
            };
            return Response::builder()
                .status(answer.status())
                .header("content-type", kind)
                .body(body)
                .unwrap();
        }
        if path == "/api/v2/register" {
            return Response::builder()
                .status(201)
                .header("content-type", "text/plain")
                .body("Created".into())
                .unwrap();
        }
        if let Some(number) = path.strip_prefix("/api/v2/form-key") {
            let key =
                json!({"access": {"token": format!("a-key-of-this-form-0123456789{number}")}}).to_string();
            return Response::builder().header("content-type", "application/json").body(key.into()).unwrap();
        }
        self.0.answer(method, target, headers, body)
    }
}

impl AskShop for Wide {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

fn wide(db: TestDb, speech: Speech) -> (Behind, Arc<Wide>) {
    let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
    let shop = Arc::new(Wide(Reed::new(speech)));
    let door = if speech == Speech::GraphqlToken { BY_GRAPHQL } else { BY_JSON };
    (Behind::taught(bench, shop.clone(), &FILE.replace("DOOR", door)), shop)
}

// The door's path was exact: below it, where Express mounts the same handler, the token came for the password alone, uncounted.
both_engines!(a_graphql_server_is_a_door_wherever_it_is_mounted, MIGRATIONS, async |db| {
    let (behind, shop) = wide(db, Speech::GraphqlToken);
    let own = shop.0.typed(PAUL, PAULS);
    for (method, path) in [
        ("POST", "/graphql/x"),
        ("POST", "/GraphQL/"),
        ("PUT", "/graphql"),
        ("DELETE", "/graphql;v=1/x/y"),
        // Another address of the same server, which no file knows.
        ("POST", "/api/calls"),
        ("PATCH", "/api/calls"),
    ] {
        let told = behind.browser().send(method, path, &[JSON], &own).await;
        assert!(
            told.status == 403 && told.body.contains("/.storeward/challenge"),
            "{method} {path}: {}",
            told.body
        );
    }
    let variables = json!({"mail": PAUL, "passwort": PAULS});
    let hash = json!({"persistedQuery": {"version": 1, "sha256Hash": "9c5f"}});
    let wrong = json!({"mail": PAUL, "passwort": "wrong"});
    let registers = json!({"query": DOCUMENT, "variables": wrong, "extensions": hash}).to_string();
    let mut other = behind.browser();
    other.browser = other.browser.elsewhere();
    assert_eq!(other.send("POST", "/api/calls", &[JSON], &registers).await.status, 200);
    // By its name alone, where nobody can tell that a call is one: the answer has the token.
    let named = json!({"variables": variables, "extensions": hash}).to_string();
    let in_url =
        format!("/api/calls?query={}&variables={}", encode(DOCUMENT), encode(&variables.to_string()));
    for (method, target, kind, body) in [
        ("POST", "/graphql/x", JSON, named.as_str()),
        ("POST", "/api/calls", JSON, &named),
        ("GET", &in_url, JSON, ""),
        ("POST", "/api/calls", JSON, &format!("{own} x")),
    ] {
        let told = behind.browser().send(method, target, &[kind], body).await;
        assert!(!told.body.contains("shop-session-token"), "{method} {target}: {}", told.body);
        assert!(told.status.is_client_error(), "{method} {target}: {} {}", told.status, told.body);
    }
});

// Any method but POST, the query beside the body, a form that is JSON, an older address: each handed the token out.
both_engines!(a_door_for_json_is_one_by_whatever_method_and_body, MIGRATIONS, async |db| {
    let (behind, shop) = wide(db, Speech::Token);
    let own = shop.0.typed(PAUL, PAULS);
    let query = format!("login[mail]={}&login[passwort]={}", encode(PAUL), encode(PAULS));
    let beside = format!("/api/v2/enter?{query}");
    let as_form = format!(r#"{{"a":"&{query}&b="}}"#);
    let half = format!("/api/v2/enter?login%5Bmail%5D={}", encode(PAUL));
    let other_half = json!({"login": {"passwort": PAULS}}).to_string();
    let behind_it = format!("{own} and more");
    for (method, target, kind, body) in [
        ("POST", "/api/v2/enter", JSON, own.as_str()),
        ("PUT", "/api/v2/enter", JSON, &own),
        ("PATCH", "/api/v2/enter", JSON, &own),
        ("DELETE", "/api/v2/enter/x", JSON, &own),
        ("GET", "/api/v2/enter", JSON, &own),
        ("PROPFIND", "/API/v2/enter/", JSON, &own),
        ("POST", &beside, JSON, r#"{"x":1}"#),
        ("POST", &beside, JSON, "[]"),
        ("POST", &beside, JSON, ""),
        ("GET", &beside, JSON, ""),
        ("POST", &half, JSON, &other_half),
        ("POST", "/api/v2/enter", FORM, &query),
        ("POST", "/api/v2/enter", FORM, &as_form),
        ("POST", "/api/v2/enter", ("content-type", "text/plain"), &own),
        ("PUT", "/api/v2/enter", JSON, &behind_it),
        ("POST", "/api/v1/enter", JSON, &own),
    ] {
        let mut thief = behind.browser();
        thief.browser = thief.browser.elsewhere();
        let told = thief.send(method, target, &[kind, ("accept", "application/json")], body).await;
        assert!(!told.body.contains("shop-session-token"), "{method} {target} {body}: {}", told.body);
        assert!(told.status.is_client_error(), "{method} {target} {body}: {} {}", told.status, told.body);
    }
});

// PHP and Express call what a program writes a page, Go a text: the token went out by any method but the door's own.
both_engines!(a_token_goes_out_under_no_other_name, MIGRATIONS, async |db| {
    let (behind, shop) = wide(db, Speech::Token);
    let own = shop.0.typed(PAUL, PAULS);
    for kind in ["text-html", "text-plain", "application-javascript", "application-octet-stream", "image-png"]
    {
        for method in ["POST", "PUT"] {
            let mut thief = behind.browser();
            thief.browser = thief.browser.elsewhere();
            let told = thief.send(method, &format!("/api/called/{kind}"), &[JSON], &own).await;
            assert!(!told.body.contains("shop-session-token"), "{method} {kind}: {}", told.body);
            assert_eq!(told.status, 403, "{method} {kind}: {}", told.body);
        }
    }
});

both_engines!(guesses_are_counted_at_side_doors, MIGRATIONS, async |db| {
    let (behind, shop) = wide(db, Speech::Token);
    for n in 0..16 {
        let guess = shop.0.typed(MIRA, &format!("guess {n}"));
        let query = format!("login[mail]={}&login[passwort]=guess{n}", encode(MIRA));
        let (method, target, body) = match n % 4 {
            0 => ("PUT", "/api/v2/enter".to_owned(), guess),
            1 => ("POST", "/api/v2/enter/x".to_owned(), guess),
            2 => ("GET", format!("/api/v2/enter?{query}"), String::new()),
            _ => ("POST", format!("/api/v1/enter?{query}"), "{}".to_owned()),
        };
        let mut thief = behind.browser();
        thief.browser.address = format!("192.0.2.{n}").parse().unwrap();
        thief.send(method, &target, &[JSON], &body).await;
    }
    assert_eq!(shop.0.tries(), 5);
});

// The owner, and what the storefront's scripts do all day.
both_engines!(what_is_no_stolen_sign_in_goes_on, MIGRATIONS, async |db| {
    let (behind, shop) = wide(db, Speech::Token);
    let mut owner = behind.browser();
    for (method, target, body, expected) in [
        ("POST", "/api/v2/basket", r#"{"item":"mug","count":1}"#, "items"),
        ("GET", "/api/v2/form-key", "", "a-key-of-this-form"),
        ("PUT", "/api/v2/basket", r#"{"login":{"mail":"a@people.example"}}"#, "a page"),
        ("POST", "/pictures", "\u{1}no text at all", "a page"),
        // A registration with the fields of the sign-in, answered in a word.
        ("POST", "/api/v2/register", r#"{"login":{"mail":"a@people.example","passwort":"x"}}"#, "Created"),
    ] {
        let told = owner.send(method, target, &[JSON], body).await;
        assert!(told.status.is_success() && told.body.contains(expected), "{target}: {}", told.body);
    }
    assert_eq!(owner.handle(), None, "nobody is given a handle by a key of a form");
    let own = shop.0.typed(PAUL, PAULS);
    let told = owner.send("PUT", "/api/v2/enter", &[JSON], &own).await;
    assert!(told.body.contains("/.storeward/challenge"), "{}", told.body);
    let code = behind.bench.code(LetterKind::SignInCode);
    assert_eq!(owner.browser.prove("mail", &code).await.status, 303);
    for (method, path) in [("PUT", "/api/v2/enter"), ("POST", "/api/v1/enter"), ("POST", "/api/v2/enter")] {
        let told = owner.send(method, path, &[JSON], &own).await;
        assert!(told.body.contains("shop-session-token-of-paul"), "{method} {path}: {}", told.body);
    }
    // It counts for that account alone.
    let told = owner.send("PUT", "/api/v2/enter", &[JSON], &shop.0.typed(MIRA, MIRAS)).await;
    assert!(!told.body.contains("shop-session-token"), "{}", told.body);
});

// Frameworks read a body whatever the method is, and the shield took what reads for harmless: in without a second factor.
both_engines!(no_body_comes_with_a_method_that_reads, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let stolen = format!("user=ella&password={}", encode(SHOP_PASSWORD));
    let mut thief = behind.browser();
    thief.get("/").await;
    let before = behind.shop.asked().len();
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        for path in ["/login.php", "/anything", "/img/none"] {
            let told = thief.send(method, path, &[FORM], &stolen).await;
            assert!(told.body.contains("identity.body_unexpected"), "{method} {path}: {}", told.body);
        }
    }
    assert_eq!(behind.shop.asked().len(), before, "the shop heard of none");
    assert!(!thief.sees_account().await);
});

// The shop signed the same session in and showed a page: nothing in the answer told, and nobody asked.
both_engines!(a_link_that_signs_in_is_weighed, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.get("/").await;
    let shown = thief.send("GET", "/welcome?t=3f2a9c0b7d1e4f5a6b8c", &[("accept", "text/html")], "").await;
    shown.leads_to("/.storeward/challenge");
    assert!(!thief.sees_account().await);
});

// Somebody else's link, opened by whoever is signed in already, and such links in other spellings: the shop's session was the victim's.
both_engines!(a_link_is_weighed_whoever_opens_it_and_however_it_is_written, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let page = [("accept", "text/html")];
    for target in [
        "/magic",
        "/welcome?t=3f2a9c0b7d1e4f5a6b8c",
        "/welcome?t=3f2a9c0b%37d1e4f5a6b8c",
        "/welcome/3f2a9c0b7d1e4f5a6b8c/",
        "/welcome/V1StGXR8_Z5jdHi6B-myT/confirm",
        "/welcome/eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI0MiJ9.x9_Qk-3vTz",
        "/welcome/3f2a9c0b7d1e4f5a6b8c.js",
    ] {
        // Two nights, so that nobody waits for having asked for many codes.
        behind.bench.advance(2 * 86_400);
        let mut thief = behind.browser();
        thief.browser = thief.browser.elsewhere();
        thief.get("/").await;
        thief.post("/login.php", &[("user", "mallory"), ("password", "another password")]).await;
        thief.show_code("").await;
        assert!(thief.get("/account").await.body.contains("the orders of 7"), "{target}");
        thief.send("GET", target, &page, "").await.leads_to("/.storeward/challenge");
        assert!(!thief.sees_account().await, "{target}");
        // And in a session in which nobody was.
        let mut thief = behind.browser();
        thief.get("/").await;
        thief.get("/").await;
        thief.send("GET", target, &page, "").await.leads_to("/.storeward/challenge");
        assert!(!thief.sees_account().await, "{target}");
        // And as the very first page.
        let mut thief = behind.browser();
        thief.send("GET", target, &page, "").await.leads_to("/.storeward/challenge");
        assert!(!thief.sees_account().await, "{target}");
    }
});

// Each page of somebody who is in must not be a question at the shop.
both_engines!(ordinary_pages_are_not_asked_about, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let asked = || behind.shop.asked().iter().filter(|line| line.starts_with("GET /me")).count();
    let before = asked();
    for target in
        ["/long-product-name-with-many-words-2024", "/?utm_id=9f86d081884c7d659a2feaa0c55ad015", "/cart"]
    {
        owner.get(target).await;
    }
    assert_eq!(asked(), before);
    owner.get("/9f86d081884c7d659a2feaa0c55ad015").await;
    assert_eq!(asked(), before + 1);
});

// What stands where tokens do was asked about with each answer: one request was up to eight at the shop.
both_engines!(what_is_nobodys_token_is_asked_about_once, MIGRATIONS, async |db| {
    let (behind, shop) = wide(db, Speech::Token);
    let mut visitor = behind.browser();
    for _ in 0..20 {
        let told = visitor.send("GET", "/api/v2/form-key", &[JSON], "").await;
        assert!(told.status == 200 && told.body.contains("a-key-of-this-form"), "{}", told.body);
    }
    assert_eq!(shop.0.looked_up(), 1);
    behind.bench.advance(301);
    visitor.send("GET", "/api/v2/form-key", &[JSON], "").await;
    assert_eq!(shop.0.looked_up(), 2, "not for ever");
    // Whoever makes the shop hand out new ones all the time is slowed down, and the shop is asked no more.
    let mut refused = 0;
    for n in 0..200 {
        let told = visitor.send("GET", &format!("/api/v2/form-key-{n}"), &[JSON], "").await;
        refused += usize::from(told.status == 503);
    }
    assert!(refused >= 70 && shop.0.looked_up() <= 130, "{refused} refused, {} asked", shop.0.looked_up());
    // Nobody else is.
    let mut other = behind.browser();
    other.browser.address = "203.0.113.9".parse().unwrap();
    assert_eq!(other.send("GET", "/api/v2/form-key-x", &[JSON], "").await.status, 200);
});
