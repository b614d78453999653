//! A shop that signs people in itself, the shield in front of it, and browsers that pass both as the edge leads them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use storeward_adapter::Adapter;
use storeward_base::{Clock, RequestId, Secret, SystemEntropy};
use storeward_host::{
    AskShop, Asking, NoAnswer, Passage, Question, RequestHead, Seen, SessionExchange, SessionStage,
};
use storeward_identity::{
    CanaryAccount, HANDLE_COOKIE, LetterKind, Policy, SecondFactor, Shield, ShieldParts, ShieldSection,
};
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use super::bench::{Answer, Bench, Browser, HOST, encode};

pub const ADDRESS: &str = "ella@people.example";
pub const SHOP_PASSWORD: &str = "grey slate roof";
pub const SECRET: &str = "the orders of 42";

pub const OFFICE: &str = "/admin/";
pub const OTHER_OFFICE: &str = "/admin123abc/";
pub const STAFF_PASSWORD: &str = "brick";
const OFFICE_SESSION: &str = "admin=shop-session-of-staff; Path=/; HttpOnly";

/// Of a shop whose file comes with the program.
const LATE_COOKIE: &str = "sessionid";

const ADAPTER: &str = r#"
format = 1
name = "test-shop"
title = "A shop"
static_paths = ["/img"]
[cookies]
session = ["sid*"]
[signed_in.probe]
path = "/me"
subject = { json = "/id" }
email = { json = "/email" }
[[door]]
name = "sign-in"
kind = "sign-in"
paths = ["/login.php"]
user = ["user"]
password = ["password"]
[[door]]
name = "xml-rpc"
kind = "api"
paths = ["/xmlrpc.php"]
body = "xml-rpc"
[[door]]
name = "basic"
kind = "api"
paths = ["/"]
body = "basic"
[[door]]
name = "token"
kind = "api"
paths = ["/rest/token"]
body = "json"
user = ["/user"]
password = ["/password"]
token = ["/token"]
[sign_out]
path = "/logout"
[[routed]]
parameter = "rest_route"
path = "/api"
[staff]
paths = ["/admin", "/api/users"]
except = ["/api/users/me"]
[[sensitive]]
methods = ["POST"]
path = "/account/email"
[[sensitive]]
methods = ["POST", "PUT"]
path = "/api/users/me"
"#;

/// What the shop's session does when somebody signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elevation {
    /// A new cookie.
    Fresh,
    /// The same cookie is worth more than before.
    Same,
}

struct Account {
    password: &'static str,
    id: &'static str,
    email: String,
}

#[derive(Default)]
struct Inside {
    sessions: HashMap<String, Option<usize>>,
    accounts: Vec<Account>,
    made: u32,
    asked: Vec<String>,
    is_broken: bool,
    is_hidden: bool,
}

/// The shop, with two accounts. Each has a user name beside its address.
pub struct Shop {
    inside: Mutex<Inside>,
    elevation: Elevation,
    /// The session's cookie.
    cookie: &'static str,
}

impl Shop {
    fn new(elevation: Elevation, cookie: &'static str) -> Arc<Self> {
        let account = |password, id, email: &str| Account { password, id, email: email.to_owned() };
        let accounts = vec![
            account(SHOP_PASSWORD, "42", ADDRESS),
            account("another password", "7", "mallory@people.example"),
        ];
        Arc::new(Shop { inside: Mutex::new(Inside { accounts, ..Inside::default() }), elevation, cookie })
    }

    /// What a theme's update does to an adapter.
    pub fn break_probe(&self, is_broken: bool) {
        self.inside.lock().unwrap().is_broken = is_broken;
    }

    /// An update after which the shop's page no longer says who is signed in, but that nobody is.
    pub fn hide_people(&self, is_hidden: bool) {
        self.inside.lock().unwrap().is_hidden = is_hidden;
    }

    pub fn change_password(&self, id: &str, password: &'static str) {
        let mut inside = self.inside.lock().unwrap();
        inside.accounts.iter_mut().find(|account| account.id == id).unwrap().password = password;
    }

    /// Sessions that are signed in.
    pub fn signed_in(&self) -> usize {
        self.inside.lock().unwrap().sessions.values().flatten().count()
    }

    /// Requests so far, with their cookies: `GET /me sid=1`.
    pub fn asked(&self) -> Vec<String> {
        self.inside.lock().unwrap().asked.clone()
    }

    pub fn email_of(&self, id: &str) -> String {
        let inside = self.inside.lock().unwrap();
        inside.accounts.iter().find(|account| account.id == id).unwrap().email.clone()
    }

    /// Any session that is signed in, as a thief of the shop's database would read it.
    pub fn a_session(&self) -> String {
        let inside = self.inside.lock().unwrap();
        inside.sessions.iter().find(|(_, who)| who.is_some()).unwrap().0.clone()
    }

    pub fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let mut inside = self.inside.lock().unwrap();
        let line = headers.get("cookie").map_or(&b""[..], HeaderValue::as_bytes);
        let line = String::from_utf8_lossy(line).into_owned();
        inside.asked.push(format!("{method} {target} {line}"));
        let sid = line.split("; ").find_map(|pair| pair.strip_prefix(self.cookie)?.strip_prefix('='));
        let sid = sid.map(str::to_owned);
        let who = sid.as_ref().and_then(|sid| inside.sessions.get(sid).copied().flatten());
        let fields: HashMap<String, String> = form(body);
        let path = target.split('?').next().unwrap();
        let mut answer = match (method.as_str(), path) {
            ("POST", "/graphql" | "/rest/V1/integration/customer/token") => token(&inside, path, body),
            // A back office with a session of its own, as Magento and PrestaShop have one.
            ("POST", OFFICE | OTHER_OFFICE) => {
                let mut answer = say(302, "");
                if fields.values().any(|value| value == STAFF_PASSWORD) {
                    answer.headers_mut().append("set-cookie", HeaderValue::from_static(OFFICE_SESSION));
                }
                answer
            }
            ("GET", "/admin/dashboard/" | "/admin123abc/index.php") => {
                let is_in = line.split("; ").any(|pair| OFFICE_SESSION.starts_with(pair));
                say(if is_in { 200 } else { 302 }, if is_in { SECRET } else { "" })
            }
            ("GET", "/rest/V1/customers/me") => me(&inside, headers),
            ("GET", "/customer/account/edit/") => say(302, ""),
            ("GET", "/me") if inside.is_broken => say(200, "<p>a new theme"),
            ("GET", "/login.php") => say(200, "<form><input name=user><input name=password type=password>"),
            // The back office's first page: for one of the two accounts only.
            ("GET", "/office") => match who {
                Some(at) if inside.accounts[at].id == "7" => say(200, "the office"),
                Some(_) => say(403, "not for customers"),
                None => say(302, ""),
            },
            ("GET", "/me") if inside.is_hidden => say(401, "{}"),
            ("GET", "/me") => match who {
                Some(at) => {
                    let account = &inside.accounts[at];
                    say(200, &serde_json::json!({"id": account.id, "email": account.email}).to_string())
                }
                None => say(401, "{}"),
            },
            ("POST", "/logout") => {
                if let Some(sid) = &sid {
                    inside.sessions.remove(sid);
                }
                say(200, "bye")
            }
            // Also where no adapter knows of it: a checkout, a link in a mail.
            ("POST", _) if fields.contains_key("password") => return self.sign_in(&mut inside, sid, &fields),
            ("GET", "/magic") => {
                return self.sign_in(&mut inside, sid, &form(b"user=ella&password=grey+slate+roof"));
            }
            ("POST", "/account/email") => match who {
                Some(at) => {
                    inside.accounts[at].email = fields["email"].clone();
                    say(200, "changed")
                }
                None => say(403, "sign in first"),
            },
            (_, "/account" | "/admin" | "/checkout") => match who {
                Some(at) => say(200, &format!("the orders of {}", inside.accounts[at].id)),
                None => say(403, "sign in first"),
            },
            _ => say(200, "welcome"),
        };
        if !sid.as_ref().is_some_and(|sid| inside.sessions.contains_key(sid)) && path != "/logout" {
            let sid = open(&mut inside, None);
            self.set(&mut answer, &sid);
        }
        answer.headers_mut().append("set-cookie", HeaderValue::from_static("form_key=js; Path=/"));
        answer
    }

    fn set(&self, answer: &mut Response<Bytes>, sid: &str) {
        let line = format!("{}={sid}; Path=/; HttpOnly", self.cookie);
        answer.headers_mut().append("set-cookie", line.parse().unwrap());
        answer.headers_mut().insert("cache-control", HeaderValue::from_static("public, max-age=600"));
    }

    fn sign_in(
        &self,
        inside: &mut Inside,
        sid: Option<String>,
        fields: &HashMap<String, String>,
    ) -> Response<Bytes> {
        let typed = fields.get("user").map_or("", String::as_str);
        let names = ["ella", "mallory"];
        let found = inside.accounts.iter().zip(names).position(|(account, name)| {
            (account.email == typed || name == typed) && account.password == fields["password"]
        });
        let Some(at) = found else { return say(401, "wrong") };
        let mut answer = say(303, SECRET);
        answer.headers_mut().insert("location", HeaderValue::from_static("/account"));
        let known = sid.filter(|sid| inside.sessions.contains_key(sid));
        match (self.elevation, known) {
            (Elevation::Same, Some(sid)) => {
                inside.sessions.insert(sid, Some(at));
            }
            (_, known) => {
                known.and_then(|sid| inside.sessions.remove(&sid));
                let sid = open(inside, Some(at));
                self.set(&mut answer, &sid);
            }
        }
        answer
    }
}

/// Magento's two doors for scripts: a token for a name and a password. Every field of the document that asks is answered, under
/// the name that it wants.
fn token(inside: &Inside, path: &str, body: &[u8]) -> Response<Bytes> {
    let sent: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let good = |user: &serde_json::Value, password: &serde_json::Value| {
        let fits = |account: &&Account| *user == *account.email && *password == *account.password;
        inside.accounts.iter().find(fits).map(|account| format!("token-of-{}", account.id))
    };
    if path != "/graphql" {
        return match good(&sent["username"], &sent["password"]) {
            Some(token) => say(200, &format!("\"{token}\"")),
            None => say(401, r#"{"message":"no"}"#),
        };
    }
    let one = |call: &serde_json::Value| {
        let token = good(&call["variables"]["email"], &call["variables"]["password"]);
        let told = token.map(|token| serde_json::json!({ "token": token }));
        let query = call["query"].as_str().unwrap_or_default();
        let mut data = serde_json::Map::new();
        for (at, _) in query.match_indices("generateCustomerToken") {
            let before = query[..at].trim_end();
            let name = match before.strip_suffix(':') {
                Some(rest) => rest.rsplit([' ', '{', '}']).next().unwrap().to_owned(),
                None => "generateCustomerToken".to_owned(),
            };
            data.insert(name, told.clone().into());
        }
        serde_json::json!({ "data": data })
    };
    let answer = match &sent {
        serde_json::Value::Array(calls) => calls.iter().map(one).collect(),
        call => one(call),
    };
    say(200, &answer.to_string())
}

fn me(inside: &Inside, headers: &HeaderMap) -> Response<Bytes> {
    let line = headers.get("authorization").map_or("", |v| v.to_str().unwrap());
    let id = line.strip_prefix("Bearer token-of-").unwrap_or_default();
    match inside.accounts.iter().find(|account| account.id == id) {
        Some(account) => say(200, &serde_json::json!({ "id": 1, "email": account.email }).to_string()),
        None => say(401, "{}"),
    }
}

fn open(inside: &mut Inside, who: Option<usize>) -> String {
    inside.made += 1;
    let sid = format!("shop-session-{}", inside.made);
    inside.sessions.insert(sid.clone(), who);
    sid
}

fn say(status: u16, body: &str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body.to_owned()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

fn form(body: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(body)
        .replace('+', " ")
        .replace("%40", "@")
        .replace("%20", " ")
        .replace("%2E", ".");
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect()
}

impl AskShop for Shop {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

/// A header's value: each sign up to U+00FF is one byte.
fn line_of(text: &str) -> HeaderValue {
    let bytes: Vec<u8> = text.chars().map(|sign| u8::try_from(u32::from(sign)).unwrap()).collect();
    HeaderValue::from_bytes(&bytes).unwrap()
}

/// A bench with a shield and a shop behind it.
pub struct Behind {
    pub bench: Bench,
    pub shop: Arc<Shop>,
    pub shield: Shield,
}

impl Behind {
    pub fn new(db: TestDb, elevation: Elevation) -> Self {
        Self::with(db, elevation, ShieldSection::default())
    }

    pub fn with(db: TestDb, elevation: Elevation, section: ShieldSection) -> Self {
        let policy = Policy { customers: SecondFactor::Required, ..Policy::default() };
        let bench = Bench::with_policy(db, policy);
        let shop = Shop::new(elevation, "sid");
        let shield = shield(&bench, &shop, section);
        Behind { bench, shop, shield }
    }

    /// With more in the adapter's file, under this policy.
    pub fn with_file(db: TestDb, customers: SecondFactor, change: impl Fn(&str) -> String) -> Self {
        let bench = Bench::with_policy(db, Policy { customers, ..Policy::default() });
        let shop = Shop::new(Elevation::Same, "sid");
        let adapter = Adapter::parse(&change(ADAPTER)).unwrap();
        let shield = shield_of(&bench, &shop, ShieldSection::default(), Some(adapter));
        Behind { bench, shop, shield }
    }

    /// The shop was down when the program started, so nobody knows what it is.
    pub fn waiting(db: TestDb) -> Self {
        let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
        let shop = Shop::new(Elevation::Fresh, LATE_COOKIE);
        let shield = shield_of(&bench, &shop, ShieldSection::default(), None);
        Behind { bench, shop, shield }
    }

    /// The adapter of the shop.
    pub fn adapter() -> Adapter {
        Adapter::parse(ADAPTER).unwrap()
    }

    /// The one of the shop that is known later.
    pub fn late_adapter() -> Adapter {
        Adapter::parse(&ADAPTER.replace("sid*", LATE_COOKIE)).unwrap()
    }

    /// A shop that speaks as Magento does.
    pub fn magento(db: TestDb) -> Self {
        Self::speaking(db, "magento", ShieldSection::default())
    }

    /// A shop that speaks as the one of this file.
    pub fn speaking(db: TestDb, name: &str, section: ShieldSection) -> Self {
        let policy = Policy { customers: SecondFactor::Required, ..Policy::default() };
        let bench = Bench::with_policy(db, policy);
        let shop = Shop::new(Elevation::Fresh, "PHPSESSID");
        let shield = Shield::new(ShieldParts {
            identity: bench.identity.clone(),
            adapter: storeward_adapter::by_name(name).map(|adapter| section.laid(adapter, None).unwrap()),
            section,
            shop: shop.clone(),
            canary: None,
        });
        Behind { bench, shop, shield }
    }

    pub fn browser(&self) -> Visitor<'_> {
        Visitor { browser: self.bench.browser(), behind: self, shield: &self.shield }
    }

    /// The same with more in the adapter's file.
    pub fn restarted_with(&self, change: impl Fn(&str) -> String) -> Shield {
        let adapter = Adapter::parse(&change(ADAPTER)).unwrap();
        shield_of(&self.bench, &self.shop, ShieldSection::default(), Some(adapter))
    }

    /// What a program that starts again has: the database.
    pub fn restarted(&self) -> Shield {
        shield(&self.bench, &self.shop, ShieldSection::default())
    }
}

fn shield(bench: &Bench, shop: &Arc<Shop>, section: ShieldSection) -> Shield {
    shield_of(bench, shop, section, Some(Behind::adapter()))
}

fn shield_of(bench: &Bench, shop: &Arc<Shop>, section: ShieldSection, adapter: Option<Adapter>) -> Shield {
    Shield::new(ShieldParts {
        identity: bench.identity.clone(),
        adapter,
        section,
        shop: shop.clone(),
        canary: Some(CanaryAccount {
            user: Secret::new("ella".to_owned()),
            password: Secret::new(SHOP_PASSWORD.to_owned()),
            every: std::time::Duration::from_secs(900),
        }),
    })
}

/// A browser in front of the shield.
pub struct Visitor<'b> {
    pub browser: Browser<'b>,
    pub behind: &'b Behind,
    pub shield: &'b Shield,
}

/// A request that has reached the shop and whose answer has not been shown yet.
pub struct UnderWay {
    exchange: Box<dyn SessionExchange>,
    answer: Response<Bytes>,
}

impl Visitor<'_> {
    pub async fn get(&mut self, target: &str) -> Answer {
        self.send("GET", target, &[("accept", "text/html")], "").await
    }

    pub async fn post(&mut self, target: &str, fields: &[(&str, &str)]) -> Answer {
        let body: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={}", encode(v))).collect();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.send("POST", target, &[("accept", "text/html"), kind], &body.join("&")).await
    }

    pub async fn sign_in(&mut self, user: &str) -> Answer {
        self.post("/login.php", &[("user", user), ("password", SHOP_PASSWORD)]).await
    }

    /// Signs in and shows the code from the mail.
    pub async fn sign_in_with_code(&mut self, trust: &str) {
        self.get("/").await;
        self.sign_in("ella").await.leads_to("/.storeward/challenge");
        self.show_code(trust).await;
    }

    pub async fn show_code(&mut self, trust: &str) {
        let code = self.behind.bench.code(LetterKind::SignInCode);
        let path = "/.storeward/challenge";
        let fields = [("method", "mail"), ("secret", code.as_str()), ("trust", trust)];
        self.browser.post_from(path, path, &fields).await.leads_to("/account");
    }

    /// Does what the page's script does with its puzzle.
    pub async fn solve(&mut self, page: &Answer) {
        let puzzle = page.attribute("data-puzzle=\"").replace("&#34;", "\"").replace("&quot;", "\"");
        let answer = encode(&storeward_puzzle::solve(&puzzle).unwrap());
        let path = page.attribute("data-puzzle-pass=\"");
        let kept = self.browser.send("POST", &path, &[], Some(&format!("answer={answer}"))).await;
        assert_eq!(kept.status, 204);
    }

    pub async fn sees_account(&mut self) -> bool {
        let answer = self.get("/account").await;
        answer.body.contains(SECRET)
    }

    pub async fn send(&mut self, method: &str, target: &str, lines: &[(&str, &str)], body: &str) -> Answer {
        match self.begin(method, target, lines, body).await {
            Ok(under_way) => self.finish(under_way).await,
            Err(answer) => answer,
        }
    }

    /// As far as the shop's answer.
    pub async fn begin(
        &mut self,
        method: &str,
        target: &str,
        lines: &[(&str, &str)],
        body: &str,
    ) -> Result<UnderWay, Answer> {
        let mut headers = HeaderMap::new();
        let pairs: Vec<String> = self.browser.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        if !pairs.is_empty() {
            headers.insert("cookie", HeaderValue::from_bytes(pairs.join("; ").as_bytes()).unwrap());
        }
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), line_of(value));
        }
        let method: Method = method.parse().unwrap();
        let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
        let accept = headers.get("accept").map_or("", |v| v.to_str().unwrap());
        let wants_problem = !accept.contains("text/html");
        let at = self.behind.bench.clock.now();
        let head = RequestHead {
            id: RequestId::at(at, &SystemEntropy),
            at,
            client: self.browser.address,
            method: &method,
            path,
            written: path,
            query,
            host: HOST,
            authority: HOST,
            wants_problem,
            headers: &headers,
        };
        let mut exchange = self.shield.enter(&head).unwrap();
        let cap = exchange.request_body_bytes();
        let shown = cap.map_or(&b""[..], |cap| &body.as_bytes()[..body.len().min(cap)]);
        let complete = cap.is_some_and(|cap| body.len() <= cap);
        match exchange.request(&mut headers, Seen { bytes: shown, complete }).await {
            Passage::Instead(answer) => Err(self.taken(*answer)),
            Passage::On => {
                let answer = self.behind.shop.answer(&method, target, &headers, body.as_bytes());
                Ok(UnderWay { exchange, answer })
            }
        }
    }

    pub async fn finish(&mut self, under_way: UnderWay) -> Answer {
        let UnderWay { mut exchange, answer } = under_way;
        let (mut head, body) = answer.into_parts();
        let whole = body.clone();
        let seen = match exchange.response_body_bytes(head.status, &head.headers) {
            Some(_) => Seen { bytes: &whole, complete: true },
            None => Seen { bytes: &[], complete: false },
        };
        match exchange.response(head.status, &mut head.headers, seen).await {
            Passage::On => self.taken(Response::from_parts(head, body)),
            Passage::Instead(answer) => self.taken(*answer),
        }
    }

    fn taken(&mut self, answer: Response<Bytes>) -> Answer {
        let (head, body) = answer.into_parts();
        self.browser.keep_cookies(&head.headers);
        let lines = head.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok());
        for line in lines {
            assert!(!line.contains("shop-session-"), "the shop's session reached a browser: {line}");
        }
        if head.headers.get_all("set-cookie").iter().any(|v| v.to_str().unwrap().contains(HANDLE_COOKIE.name))
        {
            assert_eq!(head.headers["cache-control"], "private, no-store", "a cache would keep the handle");
        }
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, body }
    }

    pub fn handle(&self) -> Option<String> {
        self.browser.cookie(HANDLE_COOKIE.name)
    }
}
