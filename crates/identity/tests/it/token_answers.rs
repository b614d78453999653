//! Ways by which a token, or word of a right guess, got past the shield: by what an answer is called, in batches, in headers, in parts
//! of an answer, on a stream that was opened before, and in JSON that only others read.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_identity::{LetterKind, MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::behind::Behind;
use super::bench::{Bench, encode};
use super::class::Serves;
use super::json_shop::{DOCUMENT, MIRA, PAUL, PAULS, Reed, Speech};

pub const FILE: &str = r#"
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
paths = ["/rpc"]
body = "json"
user = ["/login/mail"]
password = ["/login/passwort"]
marker = "/login/passwort"
token = ["/access/token"]
[door.bearer]
path = "/api/v2/me"
subject = { json = "/customer/mail" }
email = { json = "/customer/mail" }
[[door]]
name = "graphql"
kind = "sign-in"
paths = ["/graphql"]
body = "graphql"
operation = ["enter"]
user = ["/variables/mail"]
password = ["/variables/passwort"]
token = ["/data/enter/token"]
[door.bearer]
path = "/api/v2/me"
subject = { json = "/customer/mail" }
email = { json = "/customer/mail" }
"#;
pub const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub const TOKEN: &str = "shop-session-token";

/// [`Reed`] behind frameworks that each have a way of their own with a sign-in and its answer. The path says which.
struct Loose {
    json: Reed,
    graphql: Reed,
    /// What a call that named an open stream had to say.
    stream: Mutex<Vec<Bytes>>,
}

impl Loose {
    fn tries(&self) -> usize {
        self.json.tries() + self.graphql.tries()
    }

    fn enter(&self, headers: &HeaderMap, sent: &Value) -> Response<Bytes> {
        self.json.answer(&Method::POST, "/api/v2/enter", headers, sent.to_string().as_bytes())
    }

    /// A list, members under numbers, lines, or one: as JSON-RPC, tRPC and bulk interfaces take them.
    fn batch(&self, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let lines = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
        let lines: Vec<_> = lines.map_while(Result::ok).collect();
        let say = |sent: &Value| -> Value {
            serde_json::from_slice(self.enter(headers, sent).body()).unwrap_or_default()
        };
        let said = match lines.as_slice() {
            [Value::Array(calls)] => calls.iter().map(say).collect(),
            [Value::Object(calls)] if calls.contains_key("0") => calls.values().map(say).collect(),
            [one] => return self.enter(headers, one),
            many => many.iter().map(say).collect::<Value>(),
        };
        typed(JSON.1, said.to_string())
    }
}

pub fn typed(kind: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder().header("content-type", kind).body(body.into()).unwrap()
}

/// What other readers make of JSON that is nested deeper, or has half a sign in it: its first member.
fn read_by_others(body: &[u8]) -> Value {
    let text = String::from_utf8_lossy(body);
    let front = text.split(",\"z\":").next().unwrap_or_default();
    serde_json::from_str(&format!("{front}}}")).unwrap_or_default()
}

impl Serves for Loose {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let path = target.split('?').next().unwrap();
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        match path {
            "/rpc" | "/api/calls" => self.batch(headers, body),
            "/php" | "/express" => {
                let said = self.enter(headers, &sent).into_body();
                typed("text/html; charset=UTF-8", said)
            }
            "/field" => {
                let text = String::from_utf8_lossy(body).into_owned();
                let data = text.split('&').find_map(|pair| pair.strip_prefix("data=")).unwrap_or_default();
                let data = storeward_base::percent_decode(data.as_bytes(), b' ');
                self.enter(headers, &serde_json::from_slice(&data).unwrap_or_default())
            }
            "/guarded" => {
                typed("text/html", [b")]}',\n", &self.enter(headers, &sent).into_body()[..]].concat())
            }
            "/lenient" => self.enter(headers, &read_by_others(body)),
            "/in-header" => {
                let said = self.enter(headers, &sent);
                let found: Value = serde_json::from_slice(said.body()).unwrap();
                let token = found["access"]["token"].as_str().unwrap_or_default();
                let line = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
                Response::builder().status(204).header("authorization", line).body(Bytes::new()).unwrap()
            }
            "/in-address" => {
                let found: Value = serde_json::from_slice(self.enter(headers, &sent).body()).unwrap();
                let to =
                    format!("/app#access_token={}", found["access"]["token"].as_str().unwrap_or_default());
                Response::builder().status(302).header("location", to).body(Bytes::new()).unwrap()
            }
            "/cut" => {
                let said = self.enter(headers, &sent).into_body();
                let from = headers.get("range").and_then(|line| line.to_str().ok());
                let from = from
                    .and_then(|line| line.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
                let status = if from.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
                let mut answer = typed("text/html", said.slice(from.unwrap_or(0)..));
                *answer.status_mut() = status;
                answer
            }
            "/packed" => {
                // By itself, whatever was asked for.
                let mut answer = typed(JSON.1, self.enter(headers, &sent).into_body());
                answer.headers_mut().insert("content-encoding", HeaderValue::from_static("br"));
                answer
            }
            "/graphql/stream" if *method == Method::GET => {
                let said = self.stream.lock().unwrap().concat();
                typed("text/event-stream", [b"event: next\ndata: ", &said[..], b"\n\n"].concat())
            }
            path if path.starts_with("/graphql") || path == "/shop-api" => {
                let said = self.graphql.answer(&Method::POST, "/graphql", headers, body);
                if sent["extensions"]["operationId"].is_string() {
                    self.stream.lock().unwrap().push(said.into_body());
                    return Response::builder().status(202).body(Bytes::new()).unwrap();
                }
                said
            }
            _ => self.json.answer(method, target, headers, body),
        }
    }
}

impl AskShop for Loose {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

fn loose(db: TestDb) -> (Behind, Arc<Loose>) {
    let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
    let (json, graphql) = (Reed::new(Speech::Token), Reed::new(Speech::GraphqlToken));
    let shop = Arc::new(Loose { json, graphql, stream: Mutex::default() });
    (Behind::taught(bench, shop.clone(), FILE), shop)
}

fn sign_in(mail: &str, code: &str) -> Value {
    json!({"method": "login", "login": {"mail": mail, "passwort": code}})
}

// Typed as PHP and Express type it, in a header or an address, cut to a range, packed: the token came for the password alone.
both_engines!(a_token_is_held_whatever_its_answer_is_called, MIGRATIONS, async |db| {
    let (behind, shop) = loose(db);
    let own = sign_in(PAUL, PAULS).to_string();
    for (method, path) in [
        ("PUT", "/php"),
        ("POST", "/express"),
        ("POST", "/guarded"),
        ("POST", "/in-header"),
        ("POST", "/in-address"),
        ("POST", "/cut"),
        ("POST", "/packed"),
    ] {
        for accept in ["application/json", "text/html"] {
            let mut thief = behind.browser();
            thief.browser = thief.browser.elsewhere();
            let lines = [JSON, ("accept", accept), ("range", "bytes=12-"), ("accept-encoding", "br")];
            let told = thief.send(method, path, &lines, &own).await;
            let shown = format!("{} {:?} {}", told.status, told.headers, told.body);
            assert!(!shown.contains(TOKEN), "{method} {path} {accept}: {shown}");
            assert!(!told.status.is_success(), "{method} {path} {accept}: {shown}");
        }
    }
    assert!(shop.tries() > 0, "the shop was asked, and its answers were weighed");
    // The owner gets it, by the same way. Two nights later: so many codes were asked for in their name.
    behind.bench.advance(2 * 86_400);
    let mut owner = behind.browser();
    let told = owner.send("PUT", "/php", &[JSON], &own).await;
    assert!(told.body.contains("/.storeward/challenge"), "{}", told.body);
    let code = behind.bench.code(LetterKind::SignInCode);
    assert_eq!(owner.browser.prove("mail", &code).await.status, 303);
    assert!(owner.send("PUT", "/php", &[JSON], &own).await.body.contains(TOKEN));
    let told = owner.send("POST", "/in-header", &[JSON], &own).await;
    assert!(told.headers["authorization"].to_str().unwrap().contains(TOKEN));
});

// Whatever was asked, and not seen as a sign-in: a token where the file says that it stands is one in a batch and as a page, too.
both_engines!(a_named_token_is_held_in_whatever_answer, MIGRATIONS, async |db| {
    struct Says(Reed, &'static str, String);
    impl Serves for Says {
        fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
            match target {
                "/renewed" => typed(self.1, self.2.clone()),
                _ => self.0.answer(method, target, headers, body),
            }
        }
    }
    impl AskShop for Says {
        fn ask(&self, question: Question) -> Asking<'_> {
            Box::pin(async move {
                let (head, body) = question.request.into_parts();
                Ok(self.answer(&head.method, &head.uri.to_string(), &head.headers, &body))
            })
        }
    }
    let one = json!({"access": {"token": format!("{TOKEN}-of-paul")}});
    let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
    let mut behind = Behind::taught(bench, Arc::new(Reed::new(Speech::Token)), FILE);
    for (kind, body) in [
        ("text/html; charset=UTF-8", one.to_string()),
        ("application/json", json!([{"n": 1}, one]).to_string()),
        ("text/plain", json!({"0": one}).to_string()),
        ("application/javascript", format!("cb({one});")),
    ] {
        behind =
            Behind::taught(behind.bench, Arc::new(Says(Reed::new(Speech::Token), kind, body.clone())), FILE);
        let told = behind.browser().send("POST", "/renewed", &[JSON], r#"{"by":"x"}"#).await;
        assert!(!told.body.contains(TOKEN), "{kind} {body}: {}", told.body);
        assert!(told.body.contains("/.storeward/challenge"), "{kind} {body}: {}", told.body);
    }
});

// A batch was no door: uncounted, as many guesses as fit into it, and its answer has the token in a list.
both_engines!(a_batch_is_a_sign_in_and_several_are_refused, MIGRATIONS, async |db| {
    let (behind, shop) = loose(db);
    let one = sign_in(PAUL, PAULS);
    let other = json!({"method": "shelf", "n": 1});
    for (method, path) in [("POST", "/rpc"), ("PUT", "/rpc"), ("POST", "/api/calls")] {
        for body in [
            json!([one]).to_string(),
            json!([other, one]).to_string(),
            json!({"0": other, "1": one}).to_string(),
            format!("{other}\n{one}\n"),
        ] {
            let told = behind.browser().send(method, path, &[JSON], &body).await;
            assert!(
                !told.body.contains(TOKEN) && !told.status.is_success(),
                "{method} {path} {body}: {}",
                told.body
            );
        }
    }
    let reached = shop.tries();
    let guesses: Vec<_> = (0..10).map(|n| sign_in(MIRA, &format!("guess {n}"))).collect();
    for kind in [JSON, FORM, ("content-type", "text/plain")] {
        for path in ["/rpc", "/api/calls"] {
            let told = behind.browser().send("PUT", path, &[kind], &json!(guesses).to_string()).await;
            assert_eq!(told.status, 400, "{path}: {}", told.body);
        }
    }
    assert_eq!(shop.tries(), reached, "none of them reached the shop");
    for n in 0..16 {
        let mut thief = behind.browser();
        thief.browser.address = format!("192.0.2.{n}").parse().unwrap();
        let guess = json!([other, sign_in(MIRA, &format!("guess {n}"))]).to_string();
        thief.send("POST", if n % 2 == 0 { "/rpc" } else { "/api/calls" }, &[JSON], &guess).await;
    }
    let calls_of_each = 2;
    assert_eq!(shop.tries() - reached, 5 * calls_of_each, "five guesses at one name");
    let mut owner = behind.browser();
    for body in [other.to_string(), json!([other, other]).to_string(), json!({"0": other}).to_string()] {
        assert_eq!(owner.send("PUT", "/pictures", &[JSON], &body).await.status, 200, "{body}");
    }
});

// JSON that our reader does not take, said to be a form or nothing: any number of guesses at one name, and the right one was told by
// another answer than the wrong ones.
both_engines!(json_that_only_others_read_is_no_guess_uncounted, MIGRATIONS, async |db| {
    let (behind, shop) = loose(db);
    let front = r#"{"login":{"mail":"paul@people.example","passwort":"blue tin door"},"z":"#;
    let deep = format!("{front}{}1{}}}", "[".repeat(130), "]".repeat(130));
    let half = format!("{front}\"\\ud800\"}}");
    for body in [deep, half] {
        for kind in [FORM, JSON, ("content-type", ""), ("content-type", "text/plain")] {
            for method in ["PUT", "POST"] {
                let lines = if kind.1.is_empty() { vec![] } else { vec![kind] };
                let told = behind.browser().send(method, "/lenient", &lines, &body).await;
                assert!(told.body.contains("identity.form_unreadable"), "{method} {kind:?}: {}", told.body);
            }
        }
    }
    assert_eq!(shop.tries(), 0);
});

// The call was answered with nothing, and what it had to say came on a stream that was opened before.
both_engines!(a_token_does_not_come_on_another_stream, MIGRATIONS, async |db| {
    let (behind, shop) = loose(db);
    let variables = json!({"mail": PAUL, "passwort": PAULS});
    let call =
        json!({"query": DOCUMENT, "variables": variables, "extensions": {"operationId": "1"}}).to_string();
    for path in ["/graphql/stream", "/graphql", "/shop-api"] {
        let mut thief = behind.browser();
        let told = thief.send("POST", path, &[JSON], &call).await;
        assert!(told.status == 403 && told.body.contains("identity.door_closed"), "{path}: {}", told.body);
        let stream =
            thief.send("GET", "/graphql/stream?token=x", &[("accept", "text/event-stream")], "").await;
        assert!(!stream.body.contains(TOKEN), "{path}: {}", stream.body);
    }
    assert_eq!(shop.tries(), 0);
    let plain = json!({"query": DOCUMENT, "variables": variables}).to_string();
    let told = behind.browser().send("POST", "/graphql", &[JSON], &plain).await;
    assert!(told.body.contains("/.storeward/challenge"), "{}", told.body);
});

// Some shops read a field of a form as JSON: any number of guesses at one name, and the token for the right one.
both_engines!(json_in_a_field_of_a_form_is_a_sign_in, MIGRATIONS, async |db| {
    let (behind, shop) = loose(db);
    let typed = |mail: &str, code: &str| format!("n=1&data={}", encode(&sign_in(mail, code).to_string()));
    let told = behind.browser().send("POST", "/field", &[FORM], &typed(PAUL, PAULS)).await;
    assert!(!told.body.contains(TOKEN) && told.body.contains("/.storeward/challenge"), "{}", told.body);
    let reached = shop.tries();
    for n in 0..12 {
        let mut thief = behind.browser();
        thief.browser.address = format!("192.0.2.{n}").parse().unwrap();
        thief.send("POST", "/field", &[FORM], &typed(MIRA, &format!("guess {n}"))).await;
    }
    assert_eq!(shop.tries() - reached, 5, "five guesses at one name");
});

// Whatever page builders keep in a field was refused as a sign-in that is too large, when we had cut it ourselves.
both_engines!(a_long_form_is_no_sign_in_by_what_was_cut, MIGRATIONS, async |db| {
    let (behind, shop) = loose(db);
    let long = "y".repeat(300_000);
    let built = format!(r#"{{"text":"\u00fcber mail","passwort":"y","blocks":"{long}"}}"#);
    let own = sign_in(PAUL, PAULS).to_string();
    let in_parts = |text: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{text}\r\n--b--\r\n")
    };
    let parts = ("content-type", "multipart/form-data; boundary=b");
    let dashes = in_parts(&built.replacen(',', ",\n--,\n", 1));
    let in_pairs = format!("n=1&data={}", encode(&built));
    for (kind, body) in [(FORM, in_pairs), (parts, in_parts(&built)), (parts, dashes)] {
        let told = behind.browser().send("POST", "/pictures", &[kind], &body).await;
        assert_eq!(told.status, 200, "{kind:?} {}", told.body);
    }
    // What stands whole before the cut is a sign-in, and what cannot be read there may be one.
    let deep = format!("{}1{}", "[".repeat(130), "]".repeat(130));
    let unread = own.replacen('{', &format!("{{\"z\":{deep},"), 1);
    for front in [format!("data={}", encode(&own)), format!("data={}", encode(&unread))] {
        for rest in [format!("&pad={long}"), format!("&more={}", encode(&built))] {
            let told = behind.browser().send("POST", "/field", &[FORM], &format!("{front}{rest}")).await;
            assert_eq!(told.status, 413, "{}", told.body);
        }
    }
    assert_eq!(shop.tries(), 0);
    // Behind it, and across it: counted for the network, and its token is held.
    let across = own.replacen('{', &format!("{{\"z\":\"{long}\","), 1);
    for body in [format!("pad={long}&data={}", encode(&own)), format!("data={}", encode(&across))] {
        behind.bench.advance(3_600);
        // One that waits for a code sends nothing to the shop, and so guesses at nothing.
        let (mut thief, mut guesser) = (behind.browser(), behind.browser());
        thief.browser.address = "192.0.2.8".parse().unwrap();
        guesser.browser.address = thief.browser.address;
        let told = thief.send("POST", "/field", &[FORM], &body).await;
        assert!(!told.body.contains(TOKEN) && told.body.contains("/.storeward/challenge"), "{}", told.body);
        let wrong = body.replace(&encode(PAULS), "wrong");
        let reached = shop.tries();
        let mut statuses = Vec::new();
        for _ in 0..34 {
            statuses.push(guesser.send("POST", "/field", &[FORM], &wrong).await.status.as_u16());
        }
        assert!(statuses.contains(&429) && shop.tries() - reached <= 30, "{statuses:?}");
    }
});

/// [`Reed`], and pages that hand tokens out with whatever they answer.
struct Mint {
    reed: Reed,
    inside: Mutex<u32>,
    asked: Mutex<u32>,
}

impl Serves for Mint {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let pauls = format!("{TOKEN}-of-paul");
        let in_body = || typed(JSON.1, json!({"access": {"token": pauls}}).to_string());
        match target.split('?').next().unwrap() {
            // New with each answer, and nobody's.
            "/mint" => {
                let mut made = self.inside.lock().unwrap();
                *made += 1;
                let mut answer = typed("text/html", "<p>the mugs</p>");
                let line = format!("{made:0>20}");
                answer.headers_mut().insert("x-auth-token", line.parse().unwrap());
                answer.headers_mut().append("set-cookie", format!("cart_token={line}").parse().unwrap());
                answer.headers_mut().append("set-cookie", HeaderValue::from_static("theme=blue"));
                answer
            }
            "/given" => {
                let mut answer = typed("text/html", "<p>the mugs</p>");
                let line = format!("Bearer {pauls}");
                answer.headers_mut().insert("authorization", line.parse().unwrap());
                answer
            }
            "/led" => {
                let to = format!("/app#access_token={pauls}");
                Response::builder().status(302).header("location", to).body(Bytes::new()).unwrap()
            }
            "/session" => in_body(),
            // What a batch of nine calls is answered, and a list of the shop's.
            "/batch" | "/list" => {
                let is_batch = target == "/batch";
                let of = |n| if n == 3 && is_batch { pauls.clone() } else { format!("t-of-nobody-{n}") };
                let all: Vec<_> = (0..9).map(|n| json!({"access": {"token": of(n)}})).collect();
                typed(JSON.1, json!(all).to_string())
            }
            // Of who signs in many times, and somebody else's among them; nine that are new with each answer, of which one is known.
            "/many" | "/known" => {
                let mut made = self.inside.lock().unwrap();
                let mut all = match target {
                    "/many" => vec![format!("{TOKEN}-of-mira")],
                    _ => vec![pauls.clone()],
                };
                for _ in 0..(if target == "/many" { 39 } else { 9 - all.len() }) {
                    *made += 1;
                    let whose = if target == "/many" { &pauls } else { "a-of-nobody" };
                    all.push(format!("{whose}~{made}"));
                }
                let all: Vec<_> = all.iter().map(|one| json!({"access": {"token": one}})).collect();
                typed(JSON.1, json!(all).to_string())
            }
            "/api/v2/me" => {
                let mut headers = headers.clone();
                let bearer = headers.get("authorization").and_then(|line| line.to_str().ok());
                let bearer = bearer.and_then(|line| line.split('~').next()).map(|line| line.parse().unwrap());
                headers.extend(bearer.map(|line| (Some("authorization".parse().unwrap()), line)));
                self.reed.answer(method, target, &headers, body)
            }
            "/rpc" => self.reed.answer(method, "/api/v2/enter", headers, body),
            "/refused" => {
                let mut answer = in_body();
                *answer.status_mut() = StatusCode::UNAUTHORIZED;
                answer
            }
            _ => self.reed.answer(method, target, headers, body),
        }
    }
}

impl AskShop for Mint {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            *self.asked.lock().unwrap() += 1;
            Ok(self.answer(&head.method, &head.uri.to_string(), &head.headers, &body))
        })
    }
}

fn mint(db: TestDb) -> (Behind, Arc<Mint>) {
    let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
    let shop =
        Arc::new(Mint { reed: Reed::new(Speech::Token), inside: Mutex::default(), asked: Mutex::default() });
    (Behind::taught(bench, shop.clone(), FILE), shop)
}

// Every page was 503 for an office of many people behind one address. Whoever empties the budget gets no token by it.
both_engines!(over_the_budget_a_page_goes_on_without_the_token, MIGRATIONS, async |db| {
    let (behind, shop) = mint(db);
    let page = [("accept", "text/html")];
    let (mut with, mut without) = (0, 0);
    for n in 0..200 {
        let told = behind.browser().send("GET", "/mint", &page, "").await;
        assert_eq!((told.status.as_u16(), told.body.as_str()), (200, "<p>the mugs</p>"), "{n}");
        let lines: Vec<_> = told.headers.get_all("set-cookie").iter().map(|l| l.to_str().unwrap()).collect();
        assert!(lines.contains(&"theme=blue"), "{lines:?}");
        let bears = told.headers.contains_key("x-auth-token");
        assert_eq!(lines.iter().any(|line| line.starts_with("cart_token=")), bears, "{lines:?}");
        *(if bears { &mut with } else { &mut without }) += 1;
    }
    assert!(with == 120 && without == 80 && *shop.asked.lock().unwrap() == 120, "{with} {without}");
    // Somebody's goes nowhere either, and where it cannot be taken out nothing does.
    let told = behind.browser().send("GET", "/given", &page, "").await;
    assert!(told.status == 200 && !format!("{:?}", told.headers).contains(TOKEN), "{:?}", told.headers);
    for (method, path) in
        [("GET", "/session"), ("GET", "/led"), ("POST", "/given"), ("POST", "/mint"), ("POST", "/session")]
    {
        let told = behind.browser().send(method, path, &[JSON], "").await;
        assert_eq!(told.status, 503, "{method} {path}: {}", told.body);
        assert!(told.headers.contains_key("retry-after"), "{method} {path}");
        assert!(!format!("{:?} {}", told.headers, told.body).contains(TOKEN), "{method} {path}");
    }
    // With questions left, it is asked whose it is.
    behind.bench.advance(60);
    let told = behind.browser().send("GET", "/given", &[JSON], "").await;
    assert!(told.body.contains("/.storeward/challenge"), "{}", told.body);
});

// A storefront that hands its customer's own token out with each answer used up the questions of everybody behind that address.
both_engines!(ones_own_token_is_asked_about_once, MIGRATIONS, async |db| {
    let (behind, shop) = mint(db);
    let mut owner = behind.browser();
    let told = owner.send("POST", "/rpc", &[JSON], &sign_in(PAUL, PAULS).to_string()).await;
    assert!(told.body.contains("/.storeward/challenge"), "{}", told.body);
    let code = behind.bench.code(LetterKind::SignInCode);
    assert_eq!(owner.browser.prove("mail", &code).await.status, 303);
    assert!(owner.send("GET", "/session", &[JSON], "").await.body.contains(TOKEN));
    let before = *shop.asked.lock().unwrap();
    for _ in 0..200 {
        assert!(owner.send("GET", "/session", &[JSON], "").await.body.contains(TOKEN));
    }
    assert_eq!(*shop.asked.lock().unwrap(), before);
    // It is nobody else's, and not theirs any more when they are out.
    let told = behind.browser().send("GET", "/session", &[JSON], "").await;
    assert!(!told.body.contains(TOKEN), "{}", told.body);
    owner.browser.post_from("/.storeward/account", "/.storeward/sign-out", &[]).await;
    behind.bench.advance(11);
    let told = owner.send("GET", "/session", &[JSON], "").await;
    assert!(!told.body.contains(TOKEN), "{}", told.body);
});

// With nine texts where one is a token nobody was asked about any of them: a call that signs in, nine times in one address.
both_engines!(a_token_among_many_is_held_from_who_only_looks, MIGRATIONS, async |db| {
    let (behind, shop) = mint(db);
    let told = behind.browser().send("GET", "/batch", &[JSON], "").await;
    assert!(!told.body.contains(TOKEN) && told.body.contains("/.storeward/challenge"), "{}", told.body);
    // A list of the shop's goes on, and is asked about once; as the answer to an address with more in it when all of it was.
    assert_eq!(behind.browser().send("POST", "/list", &[JSON], "").await.status, 503);
    let before = *shop.asked.lock().unwrap();
    for (target, status) in
        [("/list?page=2", 503), ("/list?page=2", 200), ("/list", 200), ("/known?call=enter", 503)]
    {
        let told = behind.browser().send("GET", target, &[JSON], "").await;
        assert!(told.status == status && !told.body.contains(TOKEN), "{target}: {}", told.body);
    }
    assert_eq!(*shop.asked.lock().unwrap() - before, 9 + 8);
    behind.bench.advance(301);
    assert_eq!(behind.browser().send("GET", "/list", &[JSON], "").await.status, 200);
});

// Whoever is signed in themselves had eight of their own asked about, and took another's token out of the same answer.
both_engines!(ones_own_tokens_hide_nobody_elses, MIGRATIONS, async |db| {
    let (behind, shop) = mint(db);
    let mut thief = behind.browser();
    thief.send("POST", "/rpc", &[JSON], &sign_in(PAUL, PAULS).to_string()).await;
    let code = behind.bench.code(LetterKind::SignInCode);
    assert_eq!(thief.browser.prove("mail", &code).await.status, 303);
    assert!(thief.send("GET", "/session", &[JSON], "").await.body.contains(TOKEN));
    // The one that is known does not count.
    let before = *shop.asked.lock().unwrap();
    for method in ["GET", "POST"] {
        let told = thief.send(method, "/known", &[JSON], "").await;
        assert!(told.status == 200 && told.body.contains(TOKEN), "{method} {}", told.body);
    }
    assert_eq!(*shop.asked.lock().unwrap() - before, 16);
    for n in 0..12 {
        let told = thief.send("GET", "/many", &[JSON], "").await;
        assert!(!told.body.contains("of-mira"), "{n}: {}", told.body);
    }
});

// Scripts read the body of a refusal as well as any other.
both_engines!(a_token_in_a_refusal_is_held, MIGRATIONS, async |db| {
    let (behind, _) = mint(db);
    for method in ["GET", "POST"] {
        let told = behind.browser().send(method, "/refused", &[JSON], "").await;
        assert!(!told.body.contains(TOKEN), "{method}: {}", told.body);
        assert!(told.body.contains("/.storeward/challenge"), "{method}: {}", told.body);
    }
});
