//! A shop's accounts with a database and a postbox, and browsers for it.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use storeward_base::{ClientIp, Clock, CustomerId, FixedClock, PageSize, Secret, StaffId, SystemEntropy};
use storeward_detect::sign_in::Networks;
use storeward_events::Record;
use storeward_identity::staff::{By, Reason};
use storeward_identity::{Identity, IdentityParts, Letter, LetterKind, Policy, RecordedPost, SecondFactor};
use storeward_passwords::breach::Breaches;
use storeward_passwords::{Pool, PoolOptions};
use storeward_puzzle::{Difficulty, Puzzles};
use storeward_seal::totp::{TotpSecret, step_at};
use storeward_seal::webauthn::soft::SoftKey;
use storeward_seal::{DataKey, PseudonymKey, encoding};
use storeward_store::ledger;
use storeward_store::testing::TestDb;
use storeward_web::axum::Router;
use storeward_web::axum::body::Body;
use storeward_web::http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt;

pub const HOST: &str = "shop.example";
pub const ORIGIN: &str = "https://shop.example";
pub const EMAIL: &str = "ada@people.example";
pub const PASSWORD: &str = "lamp post umbrella tea";
pub const OTHER_PASSWORD: &str = "seven grey herons wade";
pub const STAFF: StaffId = StaffId::from_bits(1);
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

pub struct Bench {
    pub db: TestDb,
    pub clock: Arc<FixedClock>,
    pub post: Arc<RecordedPost>,
    pub identity: Identity,
    pub app: Router,
    pub pool: Pool,
    pub puzzles: Arc<Puzzles>,
    data_key: DataKey,
}

/// What a test has otherwise.
#[derive(Default)]
pub struct Options {
    pub policy: Policy,
    pub breaches: Breaches,
    pub networks: Networks,
    pub threads: Option<usize>,
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

    /// What stands between `start` and the next quotation mark.
    pub fn attribute(&self, start: &str) -> String {
        let rest = self.body.split(start).nth(1).unwrap_or_else(|| panic!("no {start} in {}", self.body));
        rest.split('"').next().unwrap().to_owned()
    }

    pub fn csrf(&self) -> String {
        self.attribute("name=\"csrf\" value=\"")
    }

    /// The page without what differs from visit to visit.
    pub fn plain(&self) -> String {
        let mut body = self.body.clone();
        if body.contains("name=\"csrf\"") {
            body = body.replace(&self.csrf(), "");
        }
        if body.contains("nonce=\"") {
            body = body.replace(&self.attribute("nonce=\""), "");
        }
        body
    }

    pub fn leads_to(&self, path: &str) {
        assert_eq!((self.status.as_u16(), self.location()), (303, path), "{}", self.body);
    }
}

/// A browser with a jar of cookies and an address.
pub struct Browser<'a> {
    pub bench: &'a Bench,
    pub cookies: Vec<(String, String)>,
    pub address: ClientIp,
    pub language: &'static str,
}

impl Bench {
    pub fn new(db: TestDb) -> Self {
        Self::with(db, SecondFactor::Offered)
    }

    pub fn with(db: TestDb, customers: SecondFactor) -> Self {
        Self::with_policy(db, Policy { customers, ..Policy::default() })
    }

    pub fn with_policy(db: TestDb, policy: Policy) -> Self {
        Self::with_options(db, Options { policy, ..Options::default() })
    }

    pub fn with_options(db: TestDb, options: Options) -> Self {
        let policy = options.policy;
        let clock = Arc::clone(&db.clock);
        let post = Arc::new(RecordedPost::default());
        let mut pool = PoolOptions::new(clock.clone(), Arc::new(SystemEntropy));
        pool.threads = options.threads;
        let pool = Pool::start(pool).unwrap();
        let secret = Secret::new("of this test".to_owned());
        let data_key = DataKey::generate(&SystemEntropy);
        let puzzles =
            Arc::new(Puzzles::new(&secret, Difficulty::SMALL, clock.clone(), Arc::new(SystemEntropy)));
        let identity = Identity::new(IdentityParts {
            db: db.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            data_key: data_key.clone(),
            pseudonym_key: PseudonymKey::from_bytes(Secret::new([7; 32])),
            post: post.clone(),
            passwords: pool.clone(),
            breaches: options.breaches,
            puzzles: puzzles.clone(),
            networks: options.networks,
            policy,
            shop_names: vec![HOST.to_owned(), "www.shop.example".to_owned()],
            port: 443,
            quantum: Duration::ZERO,
        });
        let app = identity.router(None).unwrap();
        Bench { clock, post, identity, app, db, pool, puzzles, data_key }
    }

    /// What seals and what marks, as another program of the same installation has them.
    pub fn keys(&self) -> (DataKey, PseudonymKey) {
        (self.data_key.clone(), PseudonymKey::from_bytes(Secret::new([7; 32])))
    }

    pub fn browser(&self) -> Browser<'_> {
        let address = "198.51.100.7".parse().unwrap();
        Browser { bench: self, cookies: Vec::new(), address, language: "en" }
    }

    /// The account of an address, as staff find it.
    pub async fn customer(&self, address: &str) -> CustomerId {
        self.identity
            .customers()
            .find(STAFF, address)
            .await
            .unwrap()
            .first()
            .copied()
            .expect("there is such an account")
    }

    /// A member of staff with a reason.
    pub fn by(&self, staff: StaffId) -> By {
        By { staff, reason: Reason::parse("the customer rang").unwrap() }
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The code of the newest letter of this kind.
    pub fn code(&self, kind: LetterKind) -> String {
        self.letter(kind).parameter("code").to_owned()
    }

    pub fn letter(&self, kind: LetterKind) -> Letter {
        self.post.last(kind).unwrap_or_else(|| panic!("no letter {kind:?} in {:?}", self.kinds()))
    }

    pub fn kinds(&self) -> Vec<LetterKind> {
        self.post.all().iter().map(|letter| letter.kind).collect()
    }

    /// Signs [`EMAIL`] up; the browser is signed in and has just proved everything.
    pub async fn signed_up(&self) -> Browser<'_> {
        let mut browser = self.browser();
        browser.sign_up(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
        browser.prove("mail", &self.code(LetterKind::SignUpCode)).await.leads_to("/.storeward/account");
        browser
    }

    /// The same, with an authenticator app. The clock has moved on by a step.
    pub async fn with_totp(&self) -> (Browser<'_>, TotpSecret) {
        let mut browser = self.signed_up().await;
        let secret = browser.add_totp().await;
        (browser, secret)
    }

    /// The same, with a passkey.
    pub async fn with_passkey(&self) -> (Browser<'_>, SoftKey) {
        let mut browser = self.signed_up().await;
        let key = browser.add_passkey().await;
        (browser, key)
    }

    pub fn totp(&self, secret: &TotpSecret) -> String {
        secret.code_at(step_at(self.clock.now()))
    }

    /// The next code; the clock moves one step on.
    pub fn next_totp(&self, secret: &TotpSecret) -> String {
        self.advance(30);
        self.totp(secret)
    }

    pub async fn events(&self, kind: &str) -> Vec<Record> {
        let filter = ledger::Filter { kind_prefix: Some(kind.to_owned()), ..ledger::Filter::default() };
        let read = self.db.read(move |reader| ledger::search(reader, &filter, PageSize::new(500)));
        let mut rows: Vec<Record> = read.await.unwrap().rows.into_iter().map(|(_, record)| record).collect();
        rows.reverse();
        rows
    }

    /// The kinds of all events of accounts, without their prefix.
    pub async fn facts(&self) -> Vec<String> {
        let events = self.events("identity.").await;
        events.iter().map(|record| record.event.kind().trim_start_matches("identity.").to_owned()).collect()
    }

    /// The reasons of events of one kind.
    pub async fn reasons(&self, kind: &str) -> Vec<String> {
        let events = self.events(kind).await;
        let reason = |record: &Record| {
            serde_json::to_value(&record.event).unwrap()["data"]["reason"].as_str().unwrap_or("").to_owned()
        };
        events.iter().map(reason).collect()
    }
}

impl Browser<'_> {
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[("accept", "text/html")], None).await
    }

    /// Posts a form with the token of the page at `from`.
    pub async fn post_from(&mut self, from: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(from).await;
        assert_eq!(page.status, 200, "{from} leads to {}", page.location());
        self.post(path, &page.csrf(), fields).await
    }

    pub async fn post(&mut self, path: &str, csrf: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = format!("csrf={csrf}");
        for (name, value) in fields {
            form.push_str(&format!("&{name}={}", encode(value)));
        }
        let lines = [("accept", "text/html"), ("origin", ORIGIN), ("sec-fetch-site", "same-origin")];
        self.send("POST", path, &lines, Some(&form)).await
    }

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
        if !lines.iter().any(|(name, _)| *name == "user-agent") {
            request = request.header("user-agent", FIREFOX);
        }
        request = request.header("accept-language", self.language);
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

    pub fn keep_cookies(&mut self, headers: &HeaderMap) {
        for line in headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    pub fn session(&self) -> Option<String> {
        self.cookie("__Host-storeward-customer")
    }

    /// A browser on another device, elsewhere.
    pub fn elsewhere(&self) -> Self {
        Browser { cookies: Vec::new(), address: "203.0.113.9".parse().unwrap(), ..*self }
    }

    pub async fn is_signed_in(&mut self) -> bool {
        self.get("/.storeward/account").await.status == 200
    }

    pub async fn sign_up(&mut self, email: &str, password: &str) -> Answer {
        let fields = [("email", email), ("name", "Ada B"), ("password", password), ("next", "")];
        self.post_from("/.storeward/sign-up", "/.storeward/sign-up", &fields).await
    }

    pub async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        let fields = [("email", email), ("password", password), ("next", "")];
        self.post_from("/.storeward/sign-in", "/.storeward/sign-in", &fields).await
    }

    /// Shows something at the challenge.
    pub async fn prove(&mut self, method: &str, secret: &str) -> Answer {
        let fields = [("method", method), ("secret", secret)];
        self.post_from("/.storeward/challenge", "/.storeward/challenge", &fields).await
    }

    /// Proves the password, then what `method` says, and comes back to `next`.
    pub async fn step_up(&mut self, method: &str, secret: &str, next: &str) -> Answer {
        let begun = self.post_from("/.storeward/step-up", "/.storeward/step-up", &[("next", next)]).await;
        begun.leads_to("/.storeward/challenge");
        self.prove("password", PASSWORD).await.leads_to("/.storeward/challenge");
        self.prove(method, secret).await
    }

    /// The same where the password and a mailed code are all there is.
    pub async fn step_up_by_mail(&mut self) {
        let begun = self.post_from("/.storeward/step-up", "/.storeward/step-up", &[("next", "/")]).await;
        begun.leads_to("/.storeward/challenge");
        self.prove("password", PASSWORD).await.leads_to("/.storeward/challenge");
        self.prove("mail", &self.bench.code(LetterKind::SignInCode)).await.leads_to("/");
    }

    pub async fn add_totp(&mut self) -> TotpSecret {
        let page = self.post_from("/.storeward/account/totp", "/.storeward/account/totp", &[]).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let key = page.body.split("<code class=\"long\">").nth(1).unwrap().split('<').next().unwrap();
        let secret = TotpSecret::from_base32(key).unwrap();
        let code = self.bench.totp(&secret);
        let fields = [("code", code.as_str()), ("label", "My telephone")];
        let done = self.post("/.storeward/account/totp/confirm", &page.csrf(), &fields).await;
        done.leads_to("/.storeward/account?done=totp");
        secret
    }

    pub async fn recovery_codes(&mut self) -> Vec<String> {
        let page = self.post_from("/.storeward/account/codes", "/.storeward/account/codes", &[]).await;
        let list = page.body.split("<ul class=\"codes\">").nth(1).unwrap().split("</ul>").next().unwrap();
        list.split("<code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    }

    /// The options for a passkey, as the script asks for them.
    pub async fn options(&mut self, from: &str, path: &str) -> serde_json::Value {
        let answer = self.post_from(from, path, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    pub async fn add_passkey(&mut self) -> SoftKey {
        let name: &dyn storeward_base::Entropy = &SystemEntropy;
        let mut key = SoftKey::generate(&name.bytes::<8>());
        let created = self.create_passkey(&mut key, ORIGIN).await;
        let fields = [("credential", created.as_str()), ("label", "")];
        let path = "/.storeward/account/passkey";
        let done = self.post_from(path, "/.storeward/account/passkey/confirm", &fields).await;
        done.leads_to("/.storeward/account?done=passkey");
        key
    }

    /// What the script would send of a new passkey.
    pub async fn create_passkey(&mut self, key: &mut SoftKey, origin: &str) -> String {
        let options =
            self.options("/.storeward/account/passkey", "/.storeward/account/passkey/options").await;
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
        key.user_handle = bytes(&options["user"]["id"]);
        let party = options["rp"]["id"].as_str().unwrap();
        let made = key.register(party, origin, &bytes(&options["challenge"]));
        serde_json::json!({
            "clientData": encoding::base64_url(&made.client_data),
            "attestation": encoding::base64_url(&made.attestation),
        })
        .to_string()
    }

    /// Signs in with a passkey, nothing typed.
    pub async fn sign_in_with(&mut self, key: &mut SoftKey) -> Answer {
        let options = self.options("/.storeward/sign-in", "/.storeward/passkey/options").await;
        let shown = assertion(key, &options, ORIGIN);
        let path = "/.storeward/passkey/sign-in";
        self.post_from("/.storeward/sign-in", path, &[("credential", &shown)]).await
    }

    /// Shows a passkey at the challenge.
    pub async fn prove_with(&mut self, key: &mut SoftKey) -> Answer {
        let from = "/.storeward/challenge";
        let options = self.options(from, "/.storeward/challenge/passkey-options").await;
        let shown = assertion(key, &options, ORIGIN);
        self.post_from(from, from, &[("method", "passkey"), ("credential", &shown)]).await
    }
}

/// What the script would send of a passkey that signs these options.
pub fn assertion(key: &mut SoftKey, options: &serde_json::Value, origin: &str) -> String {
    assert_eq!(options["userVerification"], "required");
    let party = options["rpId"].as_str().unwrap();
    let shown = key.sign_in(party, origin, &bytes(&options["challenge"]));
    serde_json::json!({
        "id": encoding::base64_url(&key.credential_id),
        "clientData": encoding::base64_url(&shown.client_data),
        "authenticatorData": encoding::base64_url(&shown.authenticator_data),
        "signature": encoding::base64_url(&shown.signature),
        "userHandle": encoding::base64_url(&key.user_handle),
    })
    .to_string()
}

pub fn bytes(value: &serde_json::Value) -> Vec<u8> {
    encoding::decode_base64_url(value.as_str().unwrap()).unwrap()
}

pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
