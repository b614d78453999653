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
use super::bench::Bench;
use super::class::Serves;
use super::json_shop::{DOCUMENT, MIRA, PAUL, PAULS, Reed, Speech};

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
const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const TOKEN: &str = "shop-session-token";

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

fn typed(kind: &str, body: impl Into<Bytes>) -> Response<Bytes> {
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
