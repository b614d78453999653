//! A console with a database, an access record and bans, and a browser for it.

use std::sync::Arc;

use http_body_util::BodyExt;
use storeward_base::{
    Actor, ClientIp, Clock, CustomerId, FixedClock, RequestId, Secret, StaffId, SystemEntropy, Timestamp,
};
use storeward_checkout::{Checkout, CheckoutParts};
use storeward_console::{Console, ConsoleParts, SystemStatus};
use storeward_detect::sign_in::Networks;
use storeward_edge::access::{AccessLog, AccessOptions, AccessRecord, Label, Verdict};
use storeward_edge::bans::{BanBook, BanOptions};
use storeward_events::Record;
use storeward_host::{RecordedEmissions, Stopper};
use storeward_identity::{Identity, IdentityParts, LetterKind, Policy, RecordedPost};
use storeward_oidc::registry::{Registry, RegistryParts};
use storeward_passwords::breach::{BreachList, Breaches, BuildOptions, build};
use storeward_passwords::{Pool, PoolOptions};
use storeward_payments::Payments;
use storeward_policy::Policies;
use storeward_post::Outbox;
use storeward_puzzle::{Difficulty, Puzzles};
use storeward_seal::envelope::SecretRoot;
use storeward_seal::totp::{TotpSecret, step_at};
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::testing::{Place, TestDb, fresh, options};
use storeward_store::{Db, Engine, Migration, ledger};
use storeward_vault::{KEY_MIGRATIONS, KeyStore, KeyStoreParts, Shelf, Vault, VaultParts};
use storeward_web::axum::Router;
use storeward_web::axum::body::Body;
use storeward_web::http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt;

/// The console's tables, those of customers' accounts, and those of paying pages.
pub static MIGRATIONS: &[Migration] = &TABLES;
const OWN: usize = storeward_console::MIGRATIONS.len();
const WITH_CUSTOMERS: usize = OWN + storeward_identity::MIGRATIONS.len();
static TABLES: [Migration; WITH_CUSTOMERS + storeward_checkout::MIGRATIONS.len()] = {
    let mut all = [storeward_console::MIGRATIONS[0]; WITH_CUSTOMERS + storeward_checkout::MIGRATIONS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < OWN {
            storeward_console::MIGRATIONS[at]
        } else if at < WITH_CUSTOMERS {
            storeward_identity::MIGRATIONS[at - OWN]
        } else {
            storeward_checkout::MIGRATIONS[at - WITH_CUSTOMERS]
        };
        at += 1;
    }
    all
};

pub const HOST: &str = "console.shop.example";
pub const PASSWORD: &str = "lamp post umbrella tea";
pub const EMAIL: &str = "ada@staff.example";

pub struct Bench {
    pub vault: Option<Vault>,
    pub db: TestDb,
    pub clock: Arc<FixedClock>,
    pub log: AccessLog,
    pub bans: Arc<BanBook>,
    pub emissions: Arc<RecordedEmissions>,
    pub key: DataKey,
    pub app: Router,
    pub table: String,
    pub identity: Identity,
    /// Hashes for staff and for customers.
    pub pool: Pool,
    pub post: Arc<RecordedPost>,
    _stopper: Stopper,
    dir: tempfile::TempDir,
}

/// The one password that is in the breach list.
pub const BREACHED: &str = "umbrella lamp tea post";

/// Customers' accounts beside the console, in the same database.
fn identity(
    db: &TestDb,
    clock: &Arc<FixedClock>,
    key: &DataKey,
    passwords: &Pool,
    post: &Arc<RecordedPost>,
) -> Identity {
    Identity::new(IdentityParts {
        db: (**db).clone(),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        data_key: key.clone(),
        pseudonym_key: PseudonymKey::from_bytes(Secret::new([7; 32])),
        post: post.clone(),
        passwords: passwords.clone(),
        breaches: Breaches::default(),
        puzzles: Arc::new(Puzzles::new(
            &Secret::new("of this test".to_owned()),
            Difficulty::SMALL,
            clock.clone(),
            Arc::new(SystemEntropy),
        )),
        networks: Networks::default(),
        policy: Policy::default(),
        shop_names: vec!["bookshop.example".to_owned()],
        port: 443,
        quantum: std::time::Duration::ZERO,
    })
}

fn breached(dir: &std::path::Path) -> BreachList {
    // SHA-1 of BREACHED.
    let source = "74FA52503FE63AC865524DBF1FE2D5C126CA450F:12\n";
    let path = dir.join("breached-passwords.list");
    build(source.as_bytes(), &path, &BuildOptions::new(Timestamp::EPOCH), |_, _| {}).unwrap();
    BreachList::open(&path).unwrap()
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn location(&self) -> &str {
        self.headers.get("location").map_or("", |v| v.to_str().unwrap())
    }

    /// What stands between `start` and the next quotation mark.
    pub fn attribute(&self, start: &str) -> String {
        let rest = self.body.split(start).nth(1).unwrap_or_else(|| panic!("no {start} in {}", self.body));
        rest.split('"').next().unwrap().to_owned()
    }

    pub fn csrf(&self) -> String {
        self.attribute("name=\"csrf\" value=\"")
    }
}

/// A browser with a jar of cookies and an address.
pub struct Browser<'a> {
    pub bench: &'a Bench,
    pub cookies: Vec<(String, String)>,
    pub address: ClientIp,
}

/// What the console speaks to, where a test has it.
#[derive(Default)]
struct Beside {
    registry: Option<Registry>,
    outbox: Option<Outbox>,
    vault: Option<Vault>,
    checkout: Option<Checkout>,
    payments: Option<Payments>,
}

impl Bench {
    pub fn new(db: TestDb) -> Self {
        Self::build(db, Beside::default())
    }

    /// With a way to write to members of staff; its tables the database has to have.
    pub fn with_mail(db: TestDb, outbox: Outbox) -> Self {
        Self::build(db, Beside { outbox: Some(outbox), ..Beside::default() })
    }

    /// With the provider's registry, whose tables the database has to have.
    pub fn with_apps(db: TestDb) -> Self {
        let registry = Registry::new(RegistryParts {
            db: (*db).clone(),
            clock: db.clock.clone(),
            entropy: Arc::new(SystemEntropy),
            data_key: DataKey::generate(&SystemEntropy),
            pseudonym_key: PseudonymKey::generate(&SystemEntropy),
        });
        Self::build(db, Beside { registry: Some(registry), ..Beside::default() })
    }

    /// With customers' records, whose tables the database has to have; their keys lie in a file of their own.
    pub async fn with_vault(db: TestDb) -> (Self, Arc<Place>, tempfile::TempDir) {
        Self::with_vault_and_mail(db, None).await
    }

    pub async fn with_vault_and_mail(
        db: TestDb,
        outbox: Option<Outbox>,
    ) -> (Self, Arc<Place>, tempfile::TempDir) {
        let place = fresh(Engine::Sqlite).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let options = options(place.address(), KEY_MIGRATIONS, Arc::clone(&db.clock));
        let keys = storeward_store::testing::blocking(move || Db::open(options).unwrap()).await;
        let keys = KeyStore::open(KeyStoreParts {
            db: keys,
            shelf: Shelf::at(folder.path().join("epochs.json")),
            root: Arc::new(SecretRoot::generate(&SystemEntropy)),
            entropy: Arc::new(SystemEntropy),
        });
        let vault = Vault::new(VaultParts {
            db: (*db).clone(),
            keys: keys.await.unwrap(),
            policies: Policies::default_rules(),
            entropy: Arc::new(SystemEntropy),
        });
        (Self::build(db, Beside { outbox, vault: Some(vault), ..Beside::default() }), place, folder)
    }

    /// With the guard of paying pages.
    pub async fn with_checkout(db: TestDb, section: &str) -> (Self, Checkout) {
        let checkout = Checkout::new(CheckoutParts {
            db: (*db).clone(),
            section: toml::from_str(section).unwrap(),
            clock: db.clock.clone(),
            entropy: Arc::new(SystemEntropy),
            pseudonym_key: PseudonymKey::from_bytes(Secret::new([7; 32])),
            hosts: vec!["bookshop.example".to_owned()],
            shop: None,
        });
        checkout.refresh().await.unwrap();
        (Self::build(db, Beside { checkout: Some(checkout.clone()), ..Beside::default() }), checkout)
    }

    /// With payments, whose tables the database has to have.
    pub fn with_payments(db: TestDb, payments: Payments) -> Self {
        Self::build(db, Beside { payments: Some(payments), ..Beside::default() })
    }

    fn build(db: TestDb, beside: Beside) -> Self {
        let Beside { registry, outbox, vault, checkout, payments } = beside;
        let clock = Arc::clone(&db.clock);
        let dir = tempfile::tempdir().unwrap();
        let shared: Arc<dyn Clock> = clock.clone();
        let log = AccessLog::open(&AccessOptions::new(dir.path()), Arc::clone(&shared), None).unwrap();
        let emissions = Arc::new(RecordedEmissions::default());
        let bans =
            BanBook::open(dir.path(), BanOptions::default(), Arc::clone(&shared), emissions.clone()).unwrap();
        let key = DataKey::generate(&SystemEntropy);
        let (stopper, stop) = Stopper::new();
        let passwords = Pool::start(PoolOptions::new(Arc::clone(&shared), Arc::new(SystemEntropy))).unwrap();
        let breaches = Arc::new(breached(dir.path()));
        let post = Arc::new(RecordedPost::default());
        let identity = identity(&db, &clock, &key, &passwords, &post);
        let parts = || ConsoleParts {
            passwords: passwords.clone(),
            breaches: Breaches::new(Some(Arc::clone(&breaches)), None),
            db: db.clone(),
            access: log.reader(),
            bans: Arc::clone(&bans),
            clock: Arc::clone(&shared),
            entropy: Arc::new(SystemEntropy),
            data_key: key.clone(),
            revoked_keys: dir.path().join("revoked-api-keys"),
            outbox: outbox.clone(),
            customers: Some(identity.customers()),
            port: 443,
            registry: registry.clone(),
            vault: vault.clone(),
            backups: None,
            payments: payments.clone(),
            checkout: checkout.clone(),
            entrance: None,
            teach: None,
            status: Arc::new(|| SystemStatus {
                version: "0.1.0".to_owned(),
                shop_names: vec!["bookshop.example".to_owned()],
                never_block: vec!["127.0.0.0/8".to_owned()],
                ..SystemStatus::default()
            }),
            guide: None,
            readiness: Arc::new(Vec::new),
            more_metrics: Arc::new(|text| text.single("app_figure", "gauge", "One of the app's.", 7)),
            metrics_token: Some(Secret::new("scrape-me".to_owned())),
            names: vec![HOST.to_owned()],
            scheme: "https",
            stop: stop.clone(),
        };
        let table = Console::access_table(parts());
        let app = Console::service(parts()).unwrap();
        Bench {
            pool: passwords,
            clock,
            log,
            bans,
            emissions,
            key,
            app,
            table,
            identity,
            vault: vault.clone(),
            post,
            _stopper: stopper,
            dir,
            db,
        }
    }

    pub fn folder(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub fn browser(&self) -> Browser<'_> {
        Browser { bench: self, cookies: Vec::new(), address: "198.51.100.7".parse().unwrap() }
    }

    /// A link's path.
    pub async fn offer(&self) -> String {
        let offer =
            Console::offer_enrolment(&self.db, &self.key, &SystemEntropy, Actor::Operator).await.unwrap();
        offer.path.expose().clone()
    }

    /// Enrols [`EMAIL`]; the browser is signed in, and the secret makes codes.
    pub async fn enrolled(&self) -> (Browser<'_>, TotpSecret) {
        let mut browser = self.browser();
        let path = self.offer().await;
        let page = browser.get(&path).await;
        let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
        let code = self.code(&secret);
        let form = enrol_form(&page.csrf(), EMAIL, PASSWORD, &code);
        let answer = browser.post(&path, &form).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/"), "{}", answer.body);
        (browser, secret)
    }

    /// Opens a customer's account the way a browser would: confirmed by the code of a letter.
    pub async fn customer(&self, email: &str) -> CustomerId {
        let app = self.identity.router(None).unwrap();
        let mut cookies = String::new();
        let mut csrf = String::new();
        let fields =
            format!("email={}&name=&password=seven+grey+herons+wade&next=", email.replace('@', "%40"));
        for step in 0..4 {
            let (method, path, body) = match step {
                0 => ("GET", "/.storeward/sign-up", None),
                1 => ("POST", "/.storeward/sign-up", Some(format!("csrf={csrf}&{fields}"))),
                2 => ("GET", "/.storeward/challenge", None),
                _ => {
                    let code = self.post.last(LetterKind::SignUpCode).unwrap().parameter("code").to_owned();
                    ("POST", "/.storeward/challenge", Some(format!("csrf={csrf}&method=mail&secret={code}")))
                }
            };
            let mut request = Request::builder()
                .method(method)
                .uri(path)
                .header("host", "bookshop.example")
                .header("origin", "https://bookshop.example")
                .header("sec-fetch-site", "same-origin")
                .header("accept", "text/html")
                .header(
                    "user-agent",
                    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                )
                .header("cookie", cookies.clone())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.map_or_else(Body::empty, Body::from))
                .unwrap();
            request.extensions_mut().insert("203.0.113.9".parse::<ClientIp>().unwrap());
            let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
            for line in head.headers.get_all("set-cookie") {
                let pair = line.to_str().unwrap().split(';').next().unwrap();
                cookies = format!("{pair}; {cookies}");
            }
            let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
            let token = text.split("name=\"csrf\" value=\"").nth(1);
            csrf = token.map_or_else(|| csrf.clone(), |rest| rest.split('"').next().unwrap().to_owned());
            assert!(head.status.is_success() || head.status == 303, "{path}: {} {text}", head.status);
        }
        let staff = StaffId::from_bits(77);
        self.identity
            .customers()
            .find(staff, email)
            .await
            .unwrap()
            .first()
            .copied()
            .expect("the account is there")
    }

    /// A customer's sign-in with a wrong password.
    pub async fn refused_sign_in(&self, app: &Router, email: &str) {
        let ask = |method: &str, cookie: String, body: Option<String>| {
            let mut request = Request::builder()
                .method(method)
                .uri("/.storeward/sign-in")
                .header("host", "bookshop.example")
                .header("origin", "https://bookshop.example")
                .header("sec-fetch-site", "same-origin")
                .header("cookie", cookie)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.map_or_else(Body::empty, Body::from))
                .unwrap();
            request.extensions_mut().insert("203.0.113.9".parse::<ClientIp>().unwrap());
            app.clone().oneshot(request)
        };
        let (head, body) = ask("GET", String::new(), None).await.unwrap().into_parts();
        let cookie = head.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let csrf = text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let form =
            format!("csrf={csrf}&email={}&password=not+this+one+at+all&next=", email.replace('@', "%40"));
        assert_eq!(ask("POST", cookie, Some(form)).await.unwrap().status(), 403);
    }

    pub fn code(&self, secret: &TotpSecret) -> String {
        secret.code_at(step_at(self.clock.now()))
    }

    /// The next code; the clock moves one step on.
    pub fn next_code(&self, secret: &TotpSecret) -> String {
        self.clock.advance(std::time::Duration::from_secs(30));
        self.code(secret)
    }

    /// Puts a blocked request into the record.
    pub fn blocked(&self, path: &str, change: impl FnOnce(&mut AccessRecord)) -> RequestId {
        let now = self.clock.now();
        let id = RequestId::at(now, &SystemEntropy);
        let client = "192.0.2.66".parse().unwrap();
        let mut record = AccessRecord::new(id, now, client, "GET".parse().unwrap());
        record.path = path.into();
        record.status = 403;
        record.verdict = Verdict::Blocked;
        record.rule_id = 942_100;
        record.category = Label::Borrowed("sql_injection");
        record.variable = "ARGS:q".into();
        change(&mut record);
        self.log.writer().push(record);
        self.log.flush();
        id
    }

    pub async fn events(&self, kind: &str) -> Vec<Record> {
        let filter = ledger::Filter { kind_prefix: Some(kind.to_owned()), ..ledger::Filter::default() };
        let size = storeward_base::PageSize::new(500);
        let read = self.db.read(move |reader| ledger::search(reader, &filter, size));
        let mut rows: Vec<Record> = read.await.unwrap().rows.into_iter().map(|(_, record)| record).collect();
        rows.reverse();
        rows
    }
}

impl Browser<'_> {
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[("accept", "text/html")], None).await
    }

    pub async fn post(&mut self, path: &str, form: &str) -> Answer {
        let origin = format!("https://{HOST}");
        let lines = [("accept", "text/html"), ("origin", &origin), ("sec-fetch-site", "same-origin")];
        self.send("POST", path, &lines, Some(form)).await
    }

    /// Sends exactly these lines, with the jar's cookies and the host's name unless given.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        lines: &[(&str, &str)],
        form: Option<&str>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !lines.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", HOST);
        }
        if form.is_some() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
            request = request.header("cookie", pairs.join("; "));
        }
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let body = form.map_or_else(Body::empty, |form| Body::from(form.to_owned()));
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(self.address);
        let response = self.bench.app.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        self.keep_cookies(&head.headers);
        Answer { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        for line in headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    pub fn session(&self) -> Option<String> {
        self.cookies
            .iter()
            .find(|(name, _)| name == "__Host-storeward-session")
            .map(|(_, value)| value.clone())
    }

    pub async fn sign_in(&mut self, email: &str, password: &str, code: &str) -> Answer {
        let csrf = self.get("/sign-in").await.csrf();
        self.post("/sign-in", &sign_in_form(&csrf, email, password, code, "")).await
    }
}

pub fn sign_in_form(csrf: &str, email: &str, password: &str, code: &str, next: &str) -> String {
    let password = password.replace(' ', "+");
    format!("csrf={csrf}&email={email}&password={password}&code={code}&next={next}")
}

pub fn enrol_form(csrf: &str, email: &str, password: &str, code: &str) -> String {
    let password = password.replace(' ', "+");
    format!("csrf={csrf}&name=Ada+B&email={email}&password={password}&repeated={password}&code={code}")
}
