//! A console and a gate over one database, and a browser that goes between both.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use storeward_base::{Actor, ClientIp, Clock, FixedClock, PageSize, RequestId, SystemEntropy};
use storeward_console::entrance::{Entrance, EntranceParts};
use storeward_console::{Change, Changed, Console, ConsoleParts, Groups, SystemStatus};
use storeward_edge::access::{AccessLog, AccessOptions};
use storeward_edge::bans::{BanBook, BanOptions};
use storeward_events::Record;
use storeward_gate::{Gate, GateParts, GateSection, TYPE};
use storeward_host::{
    Minder, OwnPages, Passage, RecordedEmissions, RequestHead, Seen, SessionExchange, SessionStage, Stopper,
};
use storeward_oidc::{Keys, KeysParts, Ring};
use storeward_passwords::{Pool, PoolOptions};
use storeward_seal::DataKey;
use storeward_seal::jws::Unchecked;
use storeward_seal::totp::{TotpSecret, step_at};
use storeward_store::testing::{TestDb, blocking};
use storeward_store::{Migration, ledger};
use storeward_web::axum::Router;
use storeward_web::axum::body::Body;
use tower::ServiceExt;

pub static MIGRATIONS: LazyLock<Vec<Migration>> =
    LazyLock::new(|| [storeward_console::MIGRATIONS, storeward_oidc::MIGRATIONS].concat());

pub const SHOP: &str = "shop.example";
pub const CONSOLE: &str = "console.shop.example";
pub const PASSWORD: &str = "lamp post umbrella tea";
pub const EMAIL: &str = "ada@staff.example";
pub const COOKIE: &str = "__Host-storeward-gate";

const GATES: &str = "
[[gate]]
name = 'office'
paths = ['/admin']
except = ['/admin/static']
idle_minutes = 20
session_hours = 8
email = true
plain_headers = true
[[gate]]
name = 'stock'
paths = ['/stock']
groups = ['warehouse']
fresh_minutes = 5
audience = 'https://stock.example'
[[gate]]
name = 'money'
paths = ['/money']
factor = 'passkey'
";

pub struct Bench {
    pub db: TestDb,
    pub clock: Arc<FixedClock>,
    pub console: Router,
    pub gate: Gate,
    pub pages: OwnPages,
    pub keys: Keys,
    pub data_key: DataKey,
    _log: AccessLog,
    _stopper: Stopper,
    _dir: tempfile::TempDir,
}

/// What came back from a page.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn location(&self) -> &str {
        self.headers.get("location").map_or("", |v| v.to_str().unwrap())
    }

    pub fn attribute(&self, start: &str) -> String {
        let rest = self.body.split(start).nth(1).unwrap_or_else(|| panic!("no {start} in {}", self.body));
        rest.split('"').next().unwrap().to_owned()
    }

    pub fn csrf(&self) -> String {
        self.attribute("name=\"csrf\" value=\"")
    }

    pub fn code(&self) -> String {
        serde_json::from_str::<Value>(&self.body).unwrap()["code"].as_str().unwrap().to_owned()
    }
}

/// What became of a request to the shop.
#[derive(Debug)]
pub enum Outcome {
    /// The shop hears it, with these fields.
    Passed(HeaderMap),
    Held(Answer),
}

impl Outcome {
    pub fn passed(self) -> HeaderMap {
        match self {
            Outcome::Passed(headers) => headers,
            Outcome::Held(answer) => panic!("held: {answer:?}"),
        }
    }

    pub fn held(self) -> Answer {
        match self {
            Outcome::Held(answer) => answer,
            Outcome::Passed(headers) => panic!("passed: {headers:?}"),
        }
    }
}

#[derive(serde::Deserialize)]
struct File {
    gate: Vec<GateSection>,
}

pub fn gates() -> Vec<GateSection> {
    toml::from_str::<File>(GATES).unwrap().gate
}

impl Bench {
    pub async fn new(db: TestDb) -> Self {
        let clock = Arc::clone(&db.clock);
        let shared: Arc<dyn Clock> = clock.clone();
        let data_key = DataKey::generate(&SystemEntropy);
        let entrance = Entrance::new(EntranceParts {
            db: (*db).clone(),
            clock: Arc::clone(&shared),
            entropy: Arc::new(SystemEntropy),
            data_key: data_key.clone(),
            doors: gates().iter().map(GateSection::door).collect(),
        });
        let keys = Keys::new(KeysParts {
            ring: Ring::Gate,
            db: (*db).clone(),
            clock: Arc::clone(&shared),
            entropy: Arc::new(SystemEntropy),
            data_key: data_key.clone(),
        });
        let gate = Gate::new(GateParts {
            sections: gates(),
            entrance: entrance.clone(),
            keys: keys.clone(),
            clock: Arc::clone(&shared),
            entropy: Arc::new(SystemEntropy),
            data_key: data_key.clone(),
            shop_names: vec![SHOP.to_owned(), "second.example".to_owned()],
        });
        gate.prepare().await.unwrap_or_else(|failure| panic!("{}", failure.code()));
        gate.began(443, &format!("https://{CONSOLE}"));
        let dir = tempfile::tempdir().unwrap();
        let log = AccessLog::open(&AccessOptions::new(dir.path()), Arc::clone(&shared), None).unwrap();
        let (stopper, stop) = Stopper::new();
        let parts = ConsoleParts {
            passwords: Pool::start(PoolOptions::new(Arc::clone(&shared), Arc::new(SystemEntropy))).unwrap(),
            breaches: storeward_passwords::breach::Breaches::default(),
            db: (*db).clone(),
            access: log.reader(),
            bans: BanBook::in_memory(
                BanOptions::default(),
                Arc::clone(&shared),
                Arc::new(RecordedEmissions::default()),
            ),
            clock: shared,
            entropy: Arc::new(SystemEntropy),
            data_key: data_key.clone(),
            revoked_keys: dir.path().join("revoked-api-keys"),
            customers: None,
            outbox: None,
            port: 443,
            registry: None,
            vault: None,
            backups: None,
            payments: None,
            checkout: None,
            teach: None,
            entrance: Some(entrance),
            status: Arc::new(SystemStatus::default),
            guide: None,
            readiness: Arc::new(Vec::new),
            more_metrics: Arc::new(|_| {}),
            metrics_token: None,
            names: vec![CONSOLE.to_owned()],
            scheme: "https",
            stop,
        };
        let console = Console::service(parts).unwrap();
        let pages = gate.answer(None).unwrap();
        Bench { db, clock, console, gate, pages, keys, data_key, _log: log, _stopper: stopper, _dir: dir }
    }

    pub fn browser(&self) -> Browser<'_> {
        Browser { bench: self, cookies: BTreeMap::new(), address: "198.51.100.7".parse().unwrap() }
    }

    /// A member of staff with a browser that is signed in to the console.
    pub async fn enrolled(&self, email: &str) -> (Browser<'_>, TotpSecret) {
        let offer = Console::offer_enrolment(&self.db, &self.data_key, &SystemEntropy, Actor::Operator);
        let path = offer.await.unwrap().path.expose().clone();
        let mut browser = self.browser();
        let page = browser.console("GET", &path, None).await;
        let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
        let password = PASSWORD.replace(' ', "+");
        let form = format!(
            "csrf={}&name=Ada+Keeper&email={email}&password={password}&repeated={password}&code={}",
            page.csrf(),
            secret.code_at(step_at(self.clock.now()))
        );
        let answer = browser.console("POST", &path, Some(&form)).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        (browser, secret)
    }

    pub fn next_code(&self, secret: &TotpSecret) -> String {
        self.clock.advance(Duration::from_secs(30));
        secret.code_at(step_at(self.clock.now()))
    }

    pub async fn change(&self, who: &str, change: Change) -> Changed {
        let (db, who) = ((*self.db).clone(), who.to_owned());
        blocking(move || Console::change_member_blocking(&db, Actor::Operator, &who, &change)).await.unwrap()
    }

    pub async fn group(&self, who: &str, groups: &[&str]) {
        let groups = Groups::parse(groups.iter().copied()).unwrap();
        assert_eq!(self.change(who, Change::Groups(groups)).await, Changed::Yes);
    }

    /// The words of events of this kind, oldest first.
    pub async fn events(&self, kind: &str) -> Vec<String> {
        let filter = ledger::Filter { kind_prefix: Some(kind.to_owned()), ..ledger::Filter::default() };
        let read = self.db.read(move |reader| ledger::search(reader, &filter, PageSize::new(500)));
        let mut rows: Vec<Record> = read.await.unwrap().rows.into_iter().map(|(_, record)| record).collect();
        rows.reverse();
        rows.iter().map(|record| String::from_utf8(record.to_bytes()).unwrap()).collect()
    }

    /// The claims, checked as a shop would.
    pub async fn claims(&self, headers: &HeaderMap) -> Value {
        let token = headers["storeward-assertion"].to_str().unwrap();
        let unchecked = Unchecked::parse(token).unwrap();
        let key = self.keys.public(unchecked.key_id()).await.unwrap().expect("the key is published");
        unchecked.verify(&key, TYPE).unwrap()
    }
}

/// A browser with a jar for each host.
#[derive(Clone)]
pub struct Browser<'a> {
    pub bench: &'a Bench,
    pub cookies: BTreeMap<&'static str, Vec<(String, String)>>,
    pub address: ClientIp,
}

impl<'a> Browser<'a> {
    pub fn cookie(&self, host: &'static str, name: &str) -> Option<String> {
        let jar = self.cookies.get(host)?;
        jar.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    pub fn set_cookie(&mut self, host: &'static str, name: &str, value: &str) {
        let jar = self.cookies.entry(host).or_default();
        jar.retain(|(known, _)| known != name);
        if !value.is_empty() {
            jar.push((name.to_owned(), value.to_owned()));
        }
    }

    fn lines(&self, host: &'static str, method: &str, more: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut put = |name: &str, value: &str| {
            let name: http::HeaderName = name.parse().unwrap();
            headers.insert(name, HeaderValue::try_from(value).unwrap());
        };
        put("host", host);
        put("accept", "text/html");
        put("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
        if method != "GET" {
            put("origin", &format!("https://{host}"));
            put("sec-fetch-site", "same-origin");
            put("content-type", "application/x-www-form-urlencoded");
        }
        let jar: Vec<String> =
            self.cookies.get(host).into_iter().flatten().map(|(n, v)| format!("{n}={v}")).collect();
        if !jar.is_empty() {
            put("cookie", &jar.join("; "));
        }
        for (name, value) in more {
            put(name, value);
        }
        headers
    }

    fn keep(&mut self, host: &'static str, headers: &HeaderMap) {
        for line in headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap().to_owned();
            let (name, value) = pair.split_once('=').unwrap();
            self.set_cookie(host, name, value);
        }
    }

    pub async fn console(&mut self, method: &str, path: &str, form: Option<&str>) -> Answer {
        let headers = self.lines(CONSOLE, method, &[]);
        let mut request = Request::builder().method(method).uri(path);
        *request.headers_mut().unwrap() = headers;
        let body = form.map_or_else(Body::empty, |form| Body::from(form.to_owned()));
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(self.address);
        let (head, body) = self.bench.console.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        self.keep(CONSOLE, &head.headers);
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// One of the gate's own pages.
    pub async fn page(
        &mut self,
        method: &str,
        path: &str,
        form: Option<&str>,
        more: &[(&str, &str)],
    ) -> Answer {
        let headers = self.lines(SHOP, method, more);
        let mut request = Request::builder().method(method).uri(path);
        *request.headers_mut().unwrap() = headers;
        let mut request = request.body(Bytes::from(form.unwrap_or_default().to_owned())).unwrap();
        request.extensions_mut().insert(self.address);
        let (head, body) = self.bench.pages.answer(request).await.into_parts();
        self.keep(SHOP, &head.headers);
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.page("GET", path, None, &[]).await
    }

    /// A request for the shop itself.
    pub async fn ask(&mut self, method: &str, target: &str, more: &[(&str, &str)]) -> Outcome {
        self.arrive(method, target, more).await.0
    }

    /// A connection behind the gate that stays open: who minds it.
    pub async fn open(&mut self, target: &str) -> Option<Box<dyn Minder>> {
        let (outcome, exchange) = self.arrive("GET", target, &[("upgrade", "websocket")]).await;
        outcome.passed();
        exchange?.mind()
    }

    async fn arrive(
        &mut self,
        method: &str,
        target: &str,
        more: &[(&str, &str)],
    ) -> (Outcome, Option<Box<dyn SessionExchange>>) {
        let mut headers = self.lines(SHOP, method, more);
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let at = self.bench.clock.now();
        let method: Method = method.parse().unwrap();
        let shown = headers.clone();
        let head = RequestHead {
            id: RequestId::at(at, &SystemEntropy),
            at,
            client: self.address,
            method: &method,
            path,
            written: path,
            query,
            host: SHOP,
            authority: SHOP,
            wants_problem: !shown["accept"].to_str().unwrap().contains("text/html"),
            headers: &shown,
        };
        let Some(mut exchange) = self.bench.gate.enter(&head) else {
            return (Outcome::Passed(headers), None);
        };
        let outcome = match exchange.request(&mut headers, Seen::default()).await {
            Passage::On | Passage::Body(_) | Passage::Through(_) => Outcome::Passed(headers),
            Passage::Instead(answer) => {
                let (head, body) = answer.into_parts();
                let body = String::from_utf8_lossy(&body).into_owned();
                Outcome::Held(Answer { status: head.status, headers: head.headers, body })
            }
        };
        (outcome, Some(exchange))
    }

    /// From a held page to the console's question; gives what is carried.
    pub async fn led_to_console(&mut self, target: &str) -> String {
        let held = self.ask("GET", target, &[]).await.held();
        assert_eq!(held.status, 303);
        let there = self.get(held.location()).await;
        let console = format!("https://{CONSOLE}/pass?r=");
        assert!(there.location().starts_with(&console), "{there:?}");
        there.location()[console.len()..].to_owned()
    }

    /// At the console, signed in: goes on with what is carried, and gives the answer.
    pub async fn go_on(&mut self, sealed: &str) -> Answer {
        let arrived = self.console("GET", &format!("/pass?r={sealed}"), None).await;
        assert_eq!(arrived.location(), format!("/pass/go?r={sealed}"), "{arrived:?}");
        let page = self.console("GET", arrived.location(), None).await;
        assert_eq!(page.status, 200, "{}", page.location());
        self.console("POST", "/pass/go", Some(&format!("csrf={}&r={sealed}", page.csrf()))).await
    }

    /// The path at the shop that the console sends back to.
    pub fn way_back(answer: &Answer) -> String {
        let shop = format!("https://{SHOP}");
        let path = answer.location().strip_prefix(&shop).unwrap_or_else(|| panic!("{answer:?}"));
        assert!(path.starts_with("/.storeward/gate/take?way="), "{path}");
        path.to_owned()
    }

    /// The whole way for whoever is signed in to the console.
    pub async fn come_through(&mut self, target: &str) -> HeaderMap {
        let sealed = self.led_to_console(target).await;
        let back = Self::way_back(&self.go_on(&sealed).await);
        let taken = self.get(&back).await;
        assert_eq!((taken.status.as_u16(), taken.location()), (303, target), "{}", taken.body);
        self.ask("GET", target, &[]).await.passed()
    }

    /// A second factor at the console once more.
    pub async fn confirm(&mut self, secret: &TotpSecret) {
        let csrf = self.console("GET", "/confirm?next=/you", None).await.csrf();
        let form = format!("csrf={csrf}&next=/you&code={}", self.bench.next_code(secret));
        let answer = self.console("POST", "/confirm", Some(&form)).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
    }
}
