//! A small shop whose pages are made by scripts: they sign in by JSON or GraphQL, with a session or with a token. No file knows it.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};
use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::class::Serves;

pub const MIRA: &str = "mira@people.example";
pub const MIRAS: &str = "grey slate roof";
pub const PAUL: &str = "paul@people.example";
pub const PAULS: &str = "blue tin door";
/// What only the account's owner sees.
pub const ORDERS: &str = "orders of";

pub const DOCUMENT: &str =
    "mutation SignIn($mail: String!, $code: String!) {\n  enter(mail: $mail, passwort: $code) { ok }\n}";

/// How its scripts sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    Json,
    Graphql,
    /// JSON that hands out a token; there is no session.
    Token,
    /// GraphQL that does so. It takes the document from wherever Apollo Server and express-graphql do.
    GraphqlToken,
}

impl Speech {
    fn is_by_token(self) -> bool {
        matches!(self, Speech::Token | Speech::GraphqlToken)
    }

    fn is_graphql(self) -> bool {
        matches!(self, Speech::Graphql | Speech::GraphqlToken)
    }
}

#[derive(Default)]
struct Inside {
    sessions: HashMap<String, Option<&'static str>>,
    made: u32,
    /// How often it was asked who somebody is.
    looked_up: usize,
    /// Names and passwords that reached it.
    tries: Vec<String>,
    /// Documents that somebody registered, by their hash.
    persisted: HashMap<String, String>,
}

pub struct Reed {
    speech: Speech,
    inside: Mutex<Inside>,
}

impl Reed {
    pub fn new(speech: Speech) -> Self {
        Reed { speech, inside: Mutex::default() }
    }

    /// Where its scripts send a sign-in.
    pub fn door(&self) -> &'static str {
        match self.speech {
            Speech::Json | Speech::Token => "/api/v2/enter",
            Speech::Graphql | Speech::GraphqlToken => "/graphql",
        }
    }

    /// What they send.
    pub fn typed(&self, mail: &str, code: &str) -> String {
        let typed = match self.speech {
            Speech::Json | Speech::Token => {
                json!({"login": {"mail": mail, "passwort": code}, "remember": true})
            }
            Speech::Graphql | Speech::GraphqlToken => {
                json!({"operationName": "SignIn", "query": DOCUMENT, "variables": {"mail": mail, "passwort": code}})
            }
        };
        typed.to_string()
    }

    pub fn tries(&self) -> usize {
        self.inside.lock().unwrap().tries.len()
    }

    /// How often it was asked who somebody is.
    pub fn looked_up(&self) -> usize {
        self.inside.lock().unwrap().looked_up
    }

    /// Sessions that are signed in.
    pub fn signed_in(&self) -> usize {
        self.inside.lock().unwrap().sessions.values().flatten().count()
    }

    fn enter(&self, inside: &mut Inside, sid: Option<String>, body: &Value) -> Response<Bytes> {
        let place = if self.speech.is_graphql() { &body["variables"] } else { &body["login"] };
        let (mail, code) = (place["mail"].as_str().unwrap_or(""), place["passwort"].as_str().unwrap_or(""));
        inside.tries.push(format!("{mail} {code}"));
        let who = [(MIRA, MIRAS), (PAUL, PAULS)].into_iter().find(|known| *known == (mail, code));
        let Some((who, _)) = who else {
            return match self.speech {
                Speech::Graphql => say(200, &json!({"data": {"enter": {"ok": false}}})),
                Speech::GraphqlToken => {
                    say(200, &json!({"data": {"enter": null}, "errors": [{"message": "no"}]}))
                }
                Speech::Json | Speech::Token => say(401, &json!({"problem": "wrong"})),
            };
        };
        if self.speech == Speech::Token {
            return say(
                200,
                &json!({"access": {"token": token_of(who)}, "greeting": format!("Hello {who}")}),
            );
        }
        if self.speech == Speech::GraphqlToken {
            return say(200, &json!({"data": {"enter": {"token": token_of(who)}}}));
        }
        if let Some(sid) = sid {
            inside.sessions.remove(&sid);
        }
        let sid = open(inside, Some(who));
        let mut answer =
            say(200, &json!({"data": {"enter": {"ok": true}}, "news": format!("{ORDERS} {who}")}));
        set(&mut answer, &sid);
        answer
    }
}

/// A call as lenient servers read it: the document of the address first, then the one of the body, in JSON or a form, or else the one
/// that was registered under the hash.
fn call(inside: &mut Inside, target: &str, body: &[u8]) -> Value {
    let fields = |text: &[u8]| -> HashMap<String, String> {
        let decode =
            |text: &[u8]| String::from_utf8_lossy(&storeward_base::percent_decode(text, b' ')).into_owned();
        let pairs = text.split(|byte| *byte == b'&').filter_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            Some((decode(&pair[..at]), decode(&pair[at + 1..])))
        });
        pairs.collect()
    };
    let in_url = fields(target.split_once('?').map_or("", |(_, query)| query).as_bytes());
    let sent: Value = serde_json::from_slice(body).unwrap_or_else(|_| {
        let typed = fields(body);
        let parsed = |name: &str| typed.get(name).and_then(|text| serde_json::from_str(text).ok());
        json!({"query": typed.get("query"), "variables": parsed("variables").unwrap_or(Value::Null)})
    });
    let hash = sent["extensions"]["persistedQuery"]["sha256Hash"].as_str().map(str::to_owned);
    let own = in_url.get("query").cloned().or_else(|| sent["query"].as_str().map(str::to_owned));
    if let (Some(hash), Some(own)) = (&hash, &own) {
        inside.persisted.insert(hash.clone(), own.clone());
    }
    let document = own.or_else(|| hash.and_then(|hash| inside.persisted.get(&hash).cloned()));
    let variables = match in_url.get("variables") {
        Some(text) => serde_json::from_str(text).unwrap_or_default(),
        None => sent["variables"].clone(),
    };
    json!({"query": document, "variables": variables})
}

fn token_of(who: &str) -> String {
    format!("shop-session-token-of-{}", who.split('@').next().unwrap())
}

fn open(inside: &mut Inside, who: Option<&'static str>) -> String {
    inside.made += 1;
    let sid = format!("shop-session-{}", inside.made);
    inside.sessions.insert(sid.clone(), who);
    sid
}

fn set(answer: &mut Response<Bytes>, sid: &str) {
    let line = format!("reed={sid}; Path=/; HttpOnly; Secure");
    answer.headers_mut().append("set-cookie", line.parse().unwrap());
}

fn say(status: u16, body: &Value) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/json; charset=utf-8"));
    answer
}

impl Serves for Reed {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let mut inside = self.inside.lock().unwrap();
        let line = headers.get("cookie").map_or("", |line| line.to_str().unwrap());
        let sid = line.split("; ").find_map(|pair| pair.strip_prefix("reed=")).map(str::to_owned);
        let by_cookie = sid.as_ref().and_then(|sid| inside.sessions.get(sid).copied().flatten());
        let bearer = headers.get("authorization").map_or("", |line| line.to_str().unwrap());
        let by_token = [MIRA, PAUL].into_iter().find(|who| bearer == format!("Bearer {}", token_of(who)));
        let who = if self.speech.is_by_token() { by_token } else { by_cookie };
        let path = target.split('?').next().unwrap();
        let body = match self.speech {
            Speech::GraphqlToken => call(&mut inside, target, body),
            Speech::Json | Speech::Graphql | Speech::Token => {
                serde_json::from_slice(body).unwrap_or_default()
            }
        };
        inside.looked_up += usize::from(path == "/api/v2/me");
        let mut answer = match (method.as_str(), path) {
            ("POST", "/graphql") | ("GET", "/graphql") => {
                let query = body["query"].as_str().unwrap_or_default();
                if query.contains("enter(") {
                    return self.enter(&mut inside, sid, &body);
                }
                say(200, &json!({"data": {"products": [{"name": "mug"}]}}))
            }
            ("POST", "/api/v2/enter") => return self.enter(&mut inside, sid, &body),
            ("POST", "/api/v2/basket") => say(200, &json!({"items": 1})),
            ("GET", "/api/v2/me") => match who {
                Some(who) => say(200, &json!({"customer": {"mail": who, "news": format!("{ORDERS} {who}")}})),
                None => say(401, &json!({"customer": null})),
            },
            ("POST", "/api/v2/sign-out") => {
                if let Some(sid) = &sid {
                    inside.sessions.remove(sid);
                }
                say(200, &json!({}))
            }
            _ => say(200, &json!("a page that scripts fill")),
        };
        if !self.speech.is_by_token() && !sid.is_some_and(|sid| inside.sessions.contains_key(&sid)) {
            let sid = open(&mut inside, None);
            set(&mut answer, &sid);
        }
        answer
    }
}

impl AskShop for Reed {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}
