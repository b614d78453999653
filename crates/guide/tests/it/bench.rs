//! A shop's accounts with guidance beside them, a mail server, and browsers for both.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use storeward_base::{ClientIp, Clock, CustomerId, FixedClock, PageSize, Secret, SystemEntropy};
use storeward_detect::sign_in::Networks;
use storeward_events::Record;
use storeward_guide::{Guide, GuideParts, PLACES, Policy, Reminders, SECURITY_TXT, TrustFacts};
use storeward_host::OwnPages;
use storeward_identity::{Identity, IdentityParts, OutboxPost, SecondFactor};
use storeward_outbound::mail::{Brand, Line, MailSection};
use storeward_outbound::postbox::{Postbox, PostboxOptions, Received};
use storeward_passwords::breach::Breaches;
use storeward_passwords::{Pool, PoolOptions};
use storeward_post::register::Code;
use storeward_post::{Outbox, OutboxParts};
use storeward_puzzle::{Difficulty, Puzzles};
use storeward_seal::totp::{TotpSecret, step_at};
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::jobs::{Runner, RunnerOptions};
use storeward_store::testing::TestDb;
use storeward_store::{Migration, ledger};
use storeward_web::http::{HeaderMap, Request, StatusCode};

pub const HOST: &str = "shop.example";
pub const ORIGIN: &str = "https://shop.example";
pub const EMAIL: &str = "ada@people.example";
pub const OTHER: &str = "bob@people.example";
pub const PASSWORD: &str = "lamp post umbrella tea";

pub static MIGRATIONS: LazyLock<Vec<Migration>> = LazyLock::new(|| {
    [storeward_post::MIGRATIONS, storeward_identity::MIGRATIONS, storeward_guide::MIGRATIONS].concat()
});

pub struct Bench {
    pub db: TestDb,
    pub clock: Arc<FixedClock>,
    pub postbox: Postbox,
    pub guide: Guide,
    pub identity: Identity,
    pub own: OwnPages,
    /// What the running program says of itself.
    pub facts: Arc<Mutex<TrustFacts>>,
    runner: Runner,
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
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }

    pub fn csrf(&self, form: &str) -> String {
        let rest = self.body.split(&format!("action=\"/.storeward{form}\"")).nth(1);
        let rest = rest.unwrap_or_else(|| panic!("no form to {form} in {}", self.body));
        rest.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    pub fn leads_to(&self, path: &str) {
        assert_eq!((self.status.as_u16(), self.location()), (303, path), "{}", self.body);
    }

    pub fn says(&self, words: &str) {
        assert!(self.body.contains(words), "{words:?} is not in {}", self.body);
    }

    pub fn says_not(&self, words: &str) {
        assert!(!self.body.contains(words), "{words:?} is in {}", self.body);
    }
}

/// A browser with a jar of cookies and an address.
pub struct Browser<'a> {
    pub bench: &'a Bench,
    pub cookies: Vec<(String, String)>,
    pub address: ClientIp,
}

/// On, without holding anybody back, at any hour.
pub fn on() -> Policy {
    Policy {
        reminders: Reminders::On,
        held_back_percent: 0,
        from_hour: 0,
        until_hour: 24,
        orders_path: Some("/orders".to_owned()),
        security_contact: vec!["mailto:security@shop.example".to_owned()],
        ..Policy::default()
    }
}

impl Bench {
    pub fn new(db: TestDb) -> Self {
        Self::with(db, on())
    }

    pub fn with(db: TestDb, policy: Policy) -> Self {
        Self::with_breaches(db, policy, Breaches::default())
    }

    pub fn with_breaches(db: TestDb, policy: Policy, breaches: Breaches) -> Self {
        let clock = Arc::clone(&db.clock);
        let postbox = Postbox::start(PostboxOptions::default()).unwrap();
        let section: MailSection = toml::from_str(&format!(
            "server = '127.0.0.1'\nport = {}\nsecurity = 'none'\nfrom = 'Shop <service@shop.example>'",
            postbox.port()
        ))
        .unwrap();
        let pseudonym_key = PseudonymKey::from_bytes(Secret::new([7; 32]));
        let data_key = DataKey::generate(&SystemEntropy);
        let outbox = Outbox::new(OutboxParts {
            mailer: Some(section.mailer().unwrap()),
            gateway: None,
            brand: Brand::new(Line::parse("Larkmoor").unwrap()),
            key: data_key.clone(),
            marks: pseudonym_key.mark_key("post.recipient"),
            entropy: Arc::new(SystemEntropy),
        });
        let identity = Identity::new(IdentityParts {
            db: db.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            data_key: data_key.clone(),
            pseudonym_key: pseudonym_key.clone(),
            post: Arc::new(OutboxPost(outbox.clone())),
            passwords: Pool::start(PoolOptions::new(clock.clone(), Arc::new(SystemEntropy))).unwrap(),
            breaches,
            puzzles: Arc::new(Puzzles::new(
                &Secret::new("puzzle".repeat(8)),
                Difficulty::USUAL,
                clock.clone(),
                Arc::new(SystemEntropy),
            )),
            networks: Networks::default(),
            policy: storeward_identity::Policy {
                shop_name: Some("Larkmoor".to_owned()),
                // A browser that nobody knows signs in with the password alone: the tests are about guidance.
                customers: SecondFactor::Offered,
                ..storeward_identity::Policy::default()
            },
            shop_names: vec![HOST.to_owned(), format!("www.{HOST}")],
            port: 443,
            quantum: Duration::ZERO,
        });
        let until = clock.now().plus(Duration::from_secs(60 * 86_400));
        let facts = Arc::new(Mutex::new(trusted(until)));

        let told = Arc::clone(&facts);
        let guide = Guide::new(GuideParts {
            db: db.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            data_key,
            pseudonym_key,
            identity: identity.clone(),
            outbox: outbox.clone(),
            policy,
            sender: Some("service@shop.example".to_owned()),
            trust: Arc::new(move || told.lock().unwrap().clone()),
        });
        guide.announce();
        let pages = OwnPages::new(identity.router(None).unwrap(), &[], &[]);
        let own = pages.with(&PLACES, guide.router().unwrap()).with(&[SECURITY_TXT], guide.router().unwrap());
        let options = RunnerOptions { lease: Duration::from_secs(60), sweep: Duration::from_millis(20) };
        // The jobs of guidance themselves run when a test says so.
        let mut handlers = outbox.handlers(&db);
        handlers
            .extend(guide.handlers().into_iter().filter(|handler| format!("{handler:?}").contains("tell")));
        let runner =
            Runner::start(db.clone(), handlers, options, &tokio::runtime::Handle::current(), |_| {}).unwrap();
        Bench { clock, postbox, guide, identity, own, facts, runner, db }
    }

    pub fn browser(&self) -> Browser<'_> {
        Browser { bench: self, cookies: Vec::new(), address: "198.51.100.7".parse().unwrap() }
    }

    pub fn days_pass(&self, days: u64) {
        self.clock.advance(Duration::from_secs(days * 86_400));
    }

    /// The mails to an address, once there are so many.
    pub async fn mails(&self, to: &str, count: usize) -> Vec<Received> {
        let waiting = async {
            loop {
                let own: Vec<Received> =
                    self.postbox.mails().into_iter().filter(|mail| mail.to.iter().any(|a| a == to)).collect();
                if own.len() >= count {
                    return own;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("the mails arrive")
    }

    /// The code below a mail, by which it can be looked up.
    pub async fn check_code(&self, to: &str, number: usize) -> String {
        let mails = self.mails(to, number).await;
        let text = mails[number - 1].text();
        Code::find(text.split("-- ").last().unwrap()).unwrap().shown()
    }

    pub async fn signed_up(&self, email: &str) -> Browser<'_> {
        let mut browser = self.browser();
        browser.sign_up(email).await;
        browser
    }

    pub async fn events(&self, kind: &str) -> Vec<Record> {
        let filter = ledger::Filter { kind_prefix: Some(kind.to_owned()), ..ledger::Filter::default() };
        let read = self.db.read(move |reader| ledger::search(reader, &filter, PageSize::new(500)));
        let mut rows: Vec<Record> = read.await.unwrap().rows.into_iter().map(|(_, record)| record).collect();
        rows.reverse();
        rows
    }

    /// A field of each event of a kind.
    pub async fn told(&self, kind: &str, field: &str) -> Vec<String> {
        let events = self.events(kind).await;
        let field = |record: &Record| {
            let value = serde_json::to_value(&record.event).unwrap()["data"][field].clone();
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        };
        events.iter().map(field).collect()
    }

    /// The whole ledger as text, to be searched for what must not stand there.
    pub async fn ledger(&self) -> String {
        let page = self.db.read(|reader| ledger::read_after(reader, 0, 1_000)).await.unwrap();
        page.iter().map(|(_, record)| String::from_utf8_lossy(&record.to_bytes()).into_owned()).collect()
    }

    /// Lets guidance see the whole ledger, as its reader does.
    pub async fn react(&self) {
        let page = self.db.read(|reader| ledger::read_after(reader, 0, 1_000)).await.unwrap();
        self.guide.react_to(&page).await.unwrap();
    }

    /// Waits until nothing promised waits any more.
    pub async fn no_jobs(&self) {
        let waiting = async {
            loop {
                let left = self.db.read(|reader| {
                    let sql =
                        "SELECT CAST(COUNT(*) AS BIGINT) FROM job WHERE kind IN ('guide.tell', 'post.mail')";
                    reader.query_one(sql, storeward_store::params![], |row| row.get::<i64>(0))
                });
                if left.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}")) == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("the jobs are done");
    }

    pub async fn customer(&self) -> CustomerId {
        self.told("identity.signed_up", "customer").await[0].parse().unwrap()
    }

    pub async fn stop(self) {
        self.runner.stop(Duration::from_secs(5)).await;
    }
}

impl Browser<'_> {
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[("accept", "text/html")], None).await
    }

    /// Posts a form with the token of the form to that path on the page at `from`.
    pub async fn post_from(&mut self, from: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(&format!("/.storeward{from}")).await;
        assert_eq!(page.status, 200, "{from} leads to {}", page.location());
        let mut form = format!("csrf={}", page.csrf(path));
        for (name, value) in fields {
            form.push_str(&format!("&{name}={}", encode(value)));
        }
        let lines = [("accept", "text/html"), ("origin", ORIGIN), ("sec-fetch-site", "same-origin")];
        self.send("POST", &format!("/.storeward{path}"), &lines, Some(&form)).await
    }

    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        lines: &[(&str, &str)],
        form: Option<&str>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", HOST);
        request = request.header("accept-language", "en");
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
        let mut request = request.body(form.unwrap_or_default().to_owned().into()).unwrap();
        request.extensions_mut().insert(self.address);
        let response = self.bench.own.answer(request).await;
        let (head, body) = response.into_parts();
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

    pub async fn sign_up(&mut self, email: &str) {
        let fields = [("email", email), ("name", "Ada B"), ("password", PASSWORD), ("next", "")];
        self.post_from("/sign-up", "/sign-up", &fields).await.leads_to("/.storeward/challenge");
        let letter = self.bench.mails(email, 1).await[0].text();
        let code =
            letter.lines().map(str::trim).find(|l| l.len() == 8 && l.bytes().all(|b| b.is_ascii_digit()));
        let fields = [("method", "mail"), ("secret", code.unwrap())];
        self.post_from("/challenge", "/challenge", &fields).await.leads_to("/.storeward/account");
    }

    /// Adds an authenticator app; the browser has just proved everything.
    pub async fn add_totp(&mut self) {
        let page = self.post_from("/account/totp", "/account/totp", &[]).await;
        let key = page.body.split("<code class=\"long\">").nth(1).unwrap().split('<').next().unwrap();
        let secret = TotpSecret::from_base32(key).unwrap();
        let code = secret.code_at(step_at(self.bench.clock.now()));
        let form = format!("csrf={}&code={code}&label=", page.csrf("/account/totp/confirm"));
        let lines = [("accept", "text/html"), ("origin", ORIGIN), ("sec-fetch-site", "same-origin")];
        let done = self.send("POST", "/.storeward/account/totp/confirm", &lines, Some(&form)).await;
        done.leads_to("/.storeward/account?done=totp");
    }

    pub async fn look_up(&mut self, text: &str, address: &str) -> Answer {
        self.post_from("/messages", "/messages", &[("text", text), ("address", address)]).await
    }
}

pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn trusted(until: storeward_base::Timestamp) -> TrustFacts {
    TrustFacts {
        certificate_until: Some(until),
        renews: true,
        hsts: true,
        blocks: true,
        version: "1.2.3".to_owned(),
        mail_signed: true,
        keeps_passwords: true,
        always_asks: true,
        breach_list: false,
    }
}
