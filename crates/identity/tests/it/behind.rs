//! A shop that signs people in itself, the shield in front of it, and browsers that pass both as the edge leads them.

use std::sync::Arc;

use storeward_adapter::Adapter;
use storeward_base::{Clock, RequestId, Secret, SystemEntropy};
use storeward_host::{
    Listener, Minder, Passage, RequestHead, Seen, SessionExchange, SessionStage, Unanswered,
};
use storeward_identity::{
    CanaryAccount, HANDLE_COOKIE, LetterKind, Policy, SecondFactor, Shield, ShieldParts, ShieldSection,
};
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderName, HeaderValue, Method, Response};

use super::bench::{Answer, Bench, Browser, HOST, encode};
use super::class::Serves;
pub use super::fake_shop::{Elevation, OfficeGuard, Renaming, Shop};

pub const ADDRESS: &str = "ella@people.example";
pub const SHOP_PASSWORD: &str = "grey slate roof";
pub const SECRET: &str = "the orders of 42";

pub const OFFICE: &str = "/admin/";
pub const OTHER_OFFICE: &str = "/admin123abc/";
pub const STAFF_PASSWORD: &str = "brick";

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

/// A header's value: each sign up to U+00FF is one byte.
fn line_of(text: &str) -> HeaderValue {
    let bytes: Vec<u8> = text.chars().map(|sign| u8::try_from(u32::from(sign)).unwrap()).collect();
    HeaderValue::from_bytes(&bytes).unwrap()
}

/// A bench with a shield and a shop behind it.
pub struct Behind {
    pub bench: Bench,
    pub shop: Arc<Shop>,
    /// Another shop that stands there instead.
    pub other: Option<Arc<dyn Serves>>,
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
        Behind { bench, shop, other: None, shield }
    }

    /// With more in the adapter's file, under this policy.
    pub fn with_file(db: TestDb, customers: SecondFactor, change: impl Fn(&str) -> String) -> Self {
        Self::with_both(db, customers, ShieldSection::default(), change)
    }

    /// The same with this section.
    pub fn with_both(
        db: TestDb,
        customers: SecondFactor,
        section: ShieldSection,
        change: impl Fn(&str) -> String,
    ) -> Self {
        let bench = Bench::with_policy(db, Policy { customers, ..Policy::default() });
        let shop = Shop::new(Elevation::Same, "sid");
        let adapter = Adapter::parse(&change(ADAPTER)).unwrap();
        let shield = shield_of(&bench, &shop, section, Some(adapter));
        Behind { bench, shop, other: None, shield }
    }

    /// The shop was down when the program started, so nobody knows what it is.
    pub fn waiting(db: TestDb) -> Self {
        let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
        let shop = Shop::new(Elevation::Fresh, LATE_COOKIE);
        let shield = shield_of(&bench, &shop, ShieldSection::default(), None);
        Behind { bench, shop, other: None, shield }
    }

    /// A shop of another kind, with the file that was made for it.
    pub fn taught(bench: Bench, other: Arc<impl Serves + 'static>, file: &str) -> Self {
        let shield = Self::shield_taught(&bench, other.clone(), file);
        Behind { bench, shop: Shop::new(Elevation::Fresh, "sid"), other: Some(other), shield }
    }

    /// Also what a program that starts again has.
    pub fn shield_taught(bench: &Bench, other: Arc<impl Serves + 'static>, file: &str) -> Shield {
        Shield::new(ShieldParts {
            identity: bench.identity.clone(),
            adapter: Some(Adapter::parse(file).unwrap()),
            section: ShieldSection::default(),
            shop: other,
            canary: None,
        })
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
        Behind { bench, shop, other: None, shield }
    }

    /// The same bench before another shop.
    pub fn with_shop(self, elevation: Elevation) -> Self {
        let shop = Shop::new(elevation, "sid");
        let shield = shield(&self.bench, &shop, ShieldSection::default());
        Behind { shop, shield, ..self }
    }

    pub fn browser(&self) -> Visitor<'_> {
        Visitor {
            browser: self.bench.browser(),
            behind: self,
            shield: &self.shield,
            host: HOST,
            handle_line: String::new(),
        }
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
    /// The name of the shop that it types.
    pub host: &'static str,
    /// The line that set the handle last.
    pub handle_line: String,
}

/// A request that has reached the shop and whose answer has not been shown yet.
pub struct UnderWay {
    exchange: Box<dyn SessionExchange>,
    answer: Response<Bytes>,
    /// The head that the shop got.
    sent: HeaderMap,
}

impl UnderWay {
    pub fn sent(&self) -> &HeaderMap {
        &self.sent
    }

    /// The shop gave no answer.
    pub fn unanswered(mut self, why: Unanswered) {
        self.exchange.unanswered(why);
    }

    /// Nobody waits for the answer. The head that the shop got.
    pub fn hung_up(self) -> HeaderMap {
        self.sent
    }

    /// The program is killed: nothing is done any more. The head that the shop got.
    pub fn killed(self) -> HeaderMap {
        let UnderWay { exchange, answer: _, sent } = self;
        std::mem::forget(exchange);
        sent
    }
}

impl<'b> Visitor<'b> {
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
        self.show_code_for(trust, "/account").await;
    }

    /// The same where the shop led to another page.
    pub async fn show_code_for(&mut self, trust: &str, page: &str) {
        let code = self.behind.bench.code(LetterKind::SignInCode);
        let path = "/.storeward/challenge";
        let fields = [("method", "mail"), ("secret", code.as_str()), ("trust", trust)];
        self.browser.post_from(path, path, &fields).await.leads_to(page);
    }

    /// Does what the page's script does with its puzzle.
    pub async fn solve(&mut self, page: &Answer) {
        let puzzle = page.attribute("data-puzzle=\"").replace("&#34;", "\"").replace("&quot;", "\"");
        let answer = encode(&storeward_puzzle::solve(&puzzle).unwrap());
        let path = page.attribute("data-puzzle-pass=\"");
        let kept = self.browser.send("POST", &path, &[], Some(&format!("answer={answer}"))).await;
        assert_eq!(kept.status, 204);
    }

    /// Shows the code that went to the address which the form named.
    pub async fn show_new_address(&mut self) {
        let code = self.behind.bench.code(LetterKind::AddressCode);
        let path = "/.storeward/challenge";
        let fields = [("method", "mail"), ("secret", code.as_str())];
        let answer = self.browser.post_from(path, path, &fields).await;
        assert!(answer.location().starts_with("/.storeward/address-shown?next="), "{answer:?}");
        let page = self.browser.get(answer.location()).await;
        assert!(page.status == 200 && page.body.contains("Your new address is confirmed"), "{page:?}");
    }

    /// Changes the address at a shop that names people by it: shows the code that goes there, and sends the form again.
    pub async fn change_address(&mut self, to: &str) -> Answer {
        self.post("/account/email", &[("email", to)]).await.leads_to("/.storeward/challenge");
        self.show_new_address().await;
        self.post("/account/email", &[("email", to)]).await
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
            host: self.host,
            authority: self.host,
            wants_problem,
            headers: &headers,
        };
        let mut exchange = self.shield.enter(&head).unwrap();
        let cap = exchange.request_body_bytes();
        let shown = cap.map_or(&b""[..], |cap| &body.as_bytes()[..body.len().min(cap)]);
        let complete = cap.map_or(body.is_empty(), |cap| body.len() <= cap);
        match exchange.request(&mut headers, Seen { bytes: shown, complete }).await {
            Passage::Instead(answer) => Err(self.taken(*answer)),
            Passage::On | Passage::Body(_) | Passage::Through(_) => {
                let shop: &dyn Serves = match &self.behind.other {
                    Some(other) => &**other,
                    None => &*self.behind.shop,
                };
                let answer = shop.answer(&method, target, &headers, body.as_bytes());
                Ok(UnderWay { exchange, answer, sent: headers })
            }
        }
    }

    pub async fn finish(&mut self, under_way: UnderWay) -> Answer {
        let UnderWay { mut exchange, answer, sent: _ } = under_way;
        let (mut head, body) = answer.into_parts();
        let whole = body.clone();
        let seen = match exchange.response_body_bytes(head.status, &head.headers) {
            Some(_) => Seen { bytes: &whole, complete: true },
            None => Seen { bytes: &[], complete: false },
        };
        match exchange.response(head.status, &mut head.headers, seen).await {
            Passage::On => self.taken(Response::from_parts(head, body)),
            Passage::Body(bytes) => self.taken(Response::from_parts(head, bytes)),
            Passage::Instead(answer) => self.taken(*answer),
            Passage::Through(_) => unreachable!("no stage here changes a body on its way"),
        }
    }

    /// A connection that stays open: who minds it.
    pub async fn open_socket(&mut self) -> Option<Box<dyn Minder>> {
        Some(self.open_tunnel().await.0)
    }

    /// The same, with the head that the shop got.
    pub async fn open_tunnel(&mut self) -> (Box<dyn Minder>, HeaderMap) {
        let begun = self.begin("GET", "/socket", &[("upgrade", "websocket")], "").await;
        let mut under_way = begun.unwrap_or_else(|answer| panic!("{answer:?}"));
        let minder = under_way.exchange.mind().unwrap();
        let sent = under_way.sent.clone();
        self.finish(under_way).await;
        (minder, sent)
    }

    /// An answer that goes on: who minds it.
    pub async fn open_answer(&mut self) -> Option<Box<dyn Minder>> {
        let mut under_way = self.begin("GET", "/news", &[], "").await.ok().unwrap();
        let minder = under_way.exchange.mind_body();
        self.finish(under_way).await;
        minder
    }

    /// The same: who hears what is said on it. It was asked for with messages packed.
    pub async fn listener(&mut self, path: &str) -> Option<Box<dyn Listener>> {
        let lines = [("upgrade", "websocket"), ("sec-websocket-extensions", "permessage-deflate")];
        let mut under_way = self.begin("GET", path, &lines, "").await.ok().unwrap();
        let listener = under_way.exchange.listen();
        let is_packed = under_way.sent.contains_key("sec-websocket-extensions");
        assert_eq!(is_packed, listener.is_none(), "what is heard is not packed");
        listener
    }

    /// The same, asked for with these lines.
    pub async fn heard(&mut self, path: &str, lines: &[(&str, &str)]) -> Option<Box<dyn Listener>> {
        self.begin("GET", path, lines, "").await.ok()?.exchange.listen()
    }

    /// Another window of the same browser.
    pub fn beside(&self) -> Visitor<'b> {
        let mut beside = self.behind.browser();
        beside.browser.cookies.clone_from(&self.browser.cookies);
        Visitor { shield: self.shield, host: self.host, ..beside }
    }

    fn taken(&mut self, answer: Response<Bytes>) -> Answer {
        let (head, body) = answer.into_parts();
        self.browser.keep_cookies(&head.headers);
        let lines = head.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok());
        for line in lines {
            assert!(!line.contains("shop-session-"), "the shop's session reached a browser: {line}");
            if line.starts_with(HANDLE_COOKIE.name) {
                line.clone_into(&mut self.handle_line);
            }
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
