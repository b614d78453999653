//! A shop's accounts and the provider over them, a browser, and a client.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use storeward_base::{
    Actor, ClientIp, Clock, FixedClock, PageSize, RelyingId, Secret, StaffId, SystemEntropy,
};
use storeward_detect::sign_in::Networks;
use storeward_events::Record;
use storeward_host::OwnPages;
use storeward_identity::staff::{Act, By, Done, Reason};
use storeward_identity::{Identity, IdentityParts, LetterKind, Policy, RecordedPost, SecondFactor};
use storeward_oidc::registry::{Added, Answers, Client, Draft, Preset, Registry, RegistryParts, Scopes};
use storeward_oidc::{PATHS, Provider, ProviderParts, ProviderSection};
use storeward_passwords::breach::Breaches;
use storeward_passwords::{Pool, PoolOptions};
use storeward_puzzle::{Difficulty, Puzzles};
use storeward_seal::encoding::{base64, base64_url, decode_base64_url};
use storeward_seal::fingerprint::sha256;
use storeward_seal::jws::{PublicKey, Unchecked};
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::jobs::{Runner, RunnerOptions};
use storeward_store::testing::{TestDb, blocking};
use storeward_store::{Migration, ledger};
use storeward_web::http::{HeaderMap, Request, StatusCode};

/// The tables of both domains.
pub static MIGRATIONS: LazyLock<Vec<Migration>> =
    LazyLock::new(|| [storeward_identity::MIGRATIONS, storeward_oidc::MIGRATIONS].concat());

pub const HOST: &str = "shop.example";
pub const ORIGIN: &str = "https://shop.example";
pub const ISSUER: &str = "https://shop.example/.storeward/oidc";
pub const EMAIL: &str = "ada@people.example";
pub const PASSWORD: &str = "lamp post umbrella tea";
pub const CALLBACK: &str = "https://rp.example/callback";
pub const GOODBYE: &str = "https://rp.example/";
/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

pub struct Bench {
    pub db: TestDb,
    pub clock: Arc<FixedClock>,
    pub post: Arc<RecordedPost>,
    pub identity: Identity,
    pub provider: Provider,
    pub registry: Registry,
    pub app: OwnPages,
    pub data_key: DataKey,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        self.header("location")
    }

    pub fn attribute(&self, start: &str) -> String {
        let rest = self.body.split(start).nth(1).unwrap_or_else(|| panic!("no {start} in {}", self.body));
        rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
    }

    pub fn csrf(&self) -> String {
        self.attribute("name=\"csrf\" value=\"")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.body))
    }

    /// A field of the address that it leads to.
    pub fn given(&self, name: &str) -> Option<String> {
        field(self.location(), name)
    }

    /// Refused as the standards say.
    pub fn refuses(&self, status: u16, error: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.json()["error"], error, "{}", self.body);
    }

    /// A page of ours that says why nothing was done: nobody is sent anywhere.
    pub fn is_refused_here(&self) {
        assert_eq!((self.status.as_u16(), self.location()), (400, ""), "{}", self.body);
        assert!(self.body.contains("<h1>"), "{}", self.body);
    }
}

pub fn field(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
    Some(decode(pair))
}

/// A browser with a jar of cookies and an address.
pub struct Browser<'a> {
    pub bench: &'a Bench,
    pub cookies: Vec<(String, String)>,
    pub address: ClientIp,
    pub language: &'static str,
}

/// A client with its secret.
#[derive(Clone)]
pub struct Party {
    pub id: RelyingId,
    pub secret: Option<String>,
}

fn provider(
    db: &TestDb,
    clock: &Arc<FixedClock>,
    data_key: &DataKey,
    identity: &Identity,
    section: ProviderSection,
) -> Provider {
    Provider::new(ProviderParts {
        db: (**db).clone(),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        data_key: data_key.clone(),
        pseudonym_key: PseudonymKey::from_bytes(Secret::new([7; 32])),
        identity: identity.clone(),
        section,
        roots: None,
    })
}

fn mounted(identity: &Identity, provider: &Provider) -> OwnPages {
    let app = OwnPages::new(identity.router(None).unwrap(), &[], &[]);
    app.with(&PATHS, provider.router().unwrap())
}

impl Bench {
    pub async fn new(db: TestDb) -> Self {
        let clock = Arc::clone(&db.clock);
        let post = Arc::new(RecordedPost::default());
        let data_key = DataKey::generate(&SystemEntropy);
        let pseudonym_key = PseudonymKey::from_bytes(Secret::new([7; 32]));
        let identity = Identity::new(IdentityParts {
            db: db.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            data_key: data_key.clone(),
            pseudonym_key: pseudonym_key.clone(),
            post: post.clone(),
            passwords: Pool::start(PoolOptions::new(clock.clone(), Arc::new(SystemEntropy))).unwrap(),
            breaches: Breaches::default(),
            puzzles: Arc::new(Puzzles::new(
                &Secret::new("of this test".to_owned()),
                Difficulty::SMALL,
                clock.clone(),
                Arc::new(SystemEntropy),
            )),
            networks: Networks::default(),
            policy: Policy { customers: SecondFactor::Offered, ..Policy::default() },
            shop_names: vec![HOST.to_owned()],
            port: 443,
            quantum: Duration::ZERO,
        });
        let provider = provider(&db, &clock, &data_key, &identity, ProviderSection::default());
        provider.prepare().await.unwrap();
        let registry = Registry::new(RegistryParts {
            db: db.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            data_key: data_key.clone(),
            pseudonym_key,
        });
        let app = mounted(&identity, &provider);
        Bench { clock, post, identity, provider, registry, app, data_key, db }
    }

    /// Lets the provider call this place inside of the own network.
    pub fn allow(&mut self, place: &str) {
        let section = ProviderSection { internal: vec![place.to_owned()], ..ProviderSection::default() };
        self.provider = provider(&self.db, &self.clock, &self.data_key, &self.identity, section);
        self.app = mounted(&self.identity, &self.provider);
    }

    pub fn draft(&self, preset: &str) -> Draft {
        let mut draft = Preset::of_word(preset).unwrap().draft("Larkmoor", None);
        draft.redirect_uris = vec![CALLBACK.to_owned()];
        draft.logout_uris = vec![GOODBYE.to_owned()];
        // As all were before they could be limited; what limits do is looked at in `limits`.
        draft.scopes = Scopes::parse("openid profile email offline_access");
        draft.answers = Answers::Either;
        draft
    }

    pub async fn add(&self, draft: Draft) -> Party {
        let Added { client, secret } = self.registry.add(draft, Actor::Operator).await.unwrap();
        let Client { id, .. } = client;
        Party { id, secret: secret.map(|secret| secret.expose().clone()) }
    }

    /// Clients as a version left them that bound none: they get their tags where they lie.
    pub async fn bind_clients(&self) -> u64 {
        self.db.tamper("UPDATE oidc_client SET tag = NULL");
        let db = (*self.db).clone();
        blocking(move || storeward_oidc::bind_old_blocking(&db)).await.unwrap()
    }

    /// A client with the settings of our own kind.
    pub async fn own(&self) -> Party {
        self.add(self.draft("own")).await
    }

    pub fn browser(&self) -> Browser<'_> {
        Browser { bench: self, cookies: Vec::new(), address: "198.51.100.7".parse().unwrap(), language: "en" }
    }

    /// What staff do to the customer's account.
    pub async fn staff_does(&self, act: Act) {
        let staff = StaffId::at(self.clock.now(), &SystemEntropy);
        let customers = self.identity.customers();
        let customer = customers.find(staff, EMAIL).await.unwrap()[0];
        let by = By { staff, reason: Reason::parse("the customer asked for it").unwrap() };
        assert_eq!(customers.act(&by, customer, act).await.unwrap(), Done::Changed);
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A customer with an account, signed in a moment ago.
    pub async fn customer(&self) -> Browser<'_> {
        let mut browser = self.browser();
        browser.sign_up(EMAIL).await;
        self.advance(1);
        browser
    }

    /// Access and refresh token of the customer, from a new browser.
    pub async fn customer_tokens(&self, party: &Party) -> (String, String) {
        let mut browser = self.browser();
        browser.sign_in_at("/.storeward/sign-in").await;
        self.advance(1);
        let tokens = browser.tokens(party, &[]).await;
        (text(&tokens["access_token"]).to_owned(), text(&tokens["refresh_token"]).to_owned())
    }

    pub async fn events(&self, kind: &str) -> Vec<Record> {
        let filter = ledger::Filter { kind_prefix: Some(kind.to_owned()), ..ledger::Filter::default() };
        let read = self.db.read(move |reader| ledger::search(reader, &filter, PageSize::new(500)));
        let mut rows: Vec<Record> = read.await.unwrap().rows.into_iter().map(|(_, record)| record).collect();
        rows.reverse();
        rows
    }

    /// Does the jobs that are due until `done` says so.
    pub async fn work_until(&self, mut done: impl AsyncFnMut() -> bool) {
        // Tests set the clock on while an attempt is under way, which costs it nothing.
        let lease = Duration::from_secs(30 * 86_400);
        let options = RunnerOptions { lease, sweep: Duration::from_millis(20) };
        let handle = tokio::runtime::Handle::current();
        let runner =
            Runner::start((*self.db).clone(), self.provider.handlers(), options, &handle, |_| {}).unwrap();
        for _ in 0..1_000 {
            if done().await {
                runner.stop(Duration::from_secs(5)).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the jobs did not get there");
    }

    /// A request of a program: no cookie, no origin.
    pub async fn call(&self, method: &str, path: &str, lines: &[(&str, &str)], form: Option<&str>) -> Answer {
        self.send(method, path, lines, form, "198.51.100.200".parse().unwrap()).await
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        lines: &[(&str, &str)],
        form: Option<&str>,
        address: ClientIp,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !lines.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", HOST);
        }
        if form.is_some() && !lines.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Bytes::from(form.unwrap_or("").to_owned())).unwrap();
        request.extensions_mut().insert(address);
        let (head, body) = self.app.answer(request).await.into_parts();
        Answer { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// `client_secret_basic`, or `none` for a public client.
    pub async fn post(&self, party: &Party, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form: String = fields.iter().map(|(n, v)| format!("{n}={}&", encode(v))).collect();
        let basic = party.secret.as_ref().map(|secret| {
            format!(
                "Basic {}",
                base64(format!("{}:{}", encode(&party.id.to_string()), encode(secret)).as_bytes())
            )
        });
        if basic.is_none() {
            form.push_str(&format!("client_id={}", party.id));
        }
        let lines: Vec<(&str, &str)> = basic.iter().map(|basic| ("authorization", basic.as_str())).collect();
        self.call("POST", &format!("/.storeward/oidc{path}"), &lines, Some(form.trim_end_matches('&'))).await
    }

    pub async fn exchange(&self, party: &Party, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.post(party, "/token", &fields).await
    }

    pub async fn refresh(&self, party: &Party, token: &str) -> Answer {
        self.post(party, "/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Somebody else sends it, from elsewhere.
    pub async fn refresh_from(&self, party: &Party, token: &str, address: &str) -> Answer {
        let mut form = format!("grant_type=refresh_token&refresh_token={token}&client_id={}", party.id);
        if let Some(secret) = &party.secret {
            form.push_str(&format!("&client_secret={}", encode(secret)));
        }
        let path = "/.storeward/oidc/token";
        self.send("POST", path, &[], Some(&form), address.parse().unwrap()).await
    }

    pub async fn userinfo(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.call("GET", "/.storeward/oidc/userinfo", &[("authorization", &bearer)], None).await
    }

    /// The claims of a token that the key set verifies.
    pub async fn claims(&self, token: &str, kind: &str) -> Value {
        let set = self.call("GET", "/.storeward/oidc/jwks", &[], None).await.json();
        let unchecked = Unchecked::parse(token).unwrap();
        let key =
            set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == unchecked.key_id()).unwrap();
        let members: serde_json::Map<String, Value> = key
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| ["kty", "x", "y", "n", "e"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let key: PublicKey = serde_json::from_value(Value::Object(members)).unwrap();
        unchecked.verify(&key, kind).unwrap()
    }
}

impl Party {
    /// The address that the client sends somebody to, with `more` fields; an empty value takes one away.
    pub fn request(&self, more: &[(&str, &str)]) -> String {
        let challenge = base64_url(&sha256(VERIFIER.as_bytes()));
        let id = self.id.to_string();
        let mut fields = vec![
            ("client_id", id.as_str()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "st4te"),
            ("nonce", "n0nce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in more {
            fields.retain(|(known, _)| known != name);
            if !value.is_empty() {
                fields.push((name, value));
            }
        }
        let query: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={}", encode(v))).collect();
        format!("/.storeward/oidc/authorize?{}", query.join("&"))
    }
}

impl Browser<'_> {
    pub async fn get(&mut self, path: &str) -> Answer {
        // As a browser that follows a link on another site.
        let lines = [
            ("accept", "text/html"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        self.send("GET", path, &lines, None).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={}", encode(v))).collect();
        let lines = [("accept", "text/html"), ("origin", ORIGIN), ("sec-fetch-site", "same-origin")];
        self.send("POST", path, &lines, Some(&form.join("&"))).await
    }

    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        lines: &[(&str, &str)],
        form: Option<&str>,
    ) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let cookies = cookies.join("; ");
        let mut all = vec![("user-agent", FIREFOX), ("accept-language", self.language)];
        if !cookies.is_empty() {
            all.push(("cookie", &cookies));
        }
        all.extend(lines);
        let answer = self.bench.send(method, path, &all, form, self.address).await;
        for line in answer.headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    pub async fn sign_up(&mut self, email: &str) {
        let csrf = self.get("/.storeward/sign-up").await.csrf();
        let fields = [("csrf", csrf.as_str()), ("email", email), ("name", "Ada B"), ("password", PASSWORD)];
        assert_eq!(self.post("/.storeward/sign-up", &fields).await.location(), "/.storeward/challenge");
        let code = self.bench.post.last(LetterKind::SignUpCode).unwrap().parameter("code").to_owned();
        assert_eq!(self.prove("mail", &code).await.location(), "/.storeward/account");
    }

    pub async fn prove(&mut self, method: &str, secret: &str) -> Answer {
        let csrf = self.get("/.storeward/challenge").await.csrf();
        self.post("/.storeward/challenge", &[("csrf", &csrf), ("method", method), ("secret", secret)]).await
    }

    /// Signs in on the page at `from`, which leads back to where it should.
    pub async fn sign_in_at(&mut self, from: &str) -> Answer {
        let page = self.get(from).await;
        assert_eq!(page.status, 200, "{from}");
        let (csrf, next) = (page.csrf(), page.attribute("name=\"next\" value=\""));
        let fields = [("csrf", csrf.as_str()), ("email", EMAIL), ("password", PASSWORD), ("next", &next)];
        self.post("/.storeward/sign-in", &fields).await
    }

    /// Proves password and mailed code at the step-up page at `from`.
    pub async fn step_up_at(&mut self, from: &str) -> Answer {
        let page = self.get(from).await;
        assert_eq!(page.status, 200, "{from}");
        let (csrf, next) = (page.csrf(), page.attribute("name=\"next\" value=\""));
        let begun = self.post("/.storeward/step-up", &[("csrf", &csrf), ("next", &next)]).await;
        assert_eq!(begun.location(), "/.storeward/challenge");
        self.bench.advance(1);
        let mut proved = self.prove("password", PASSWORD).await;
        if proved.location() == "/.storeward/challenge" {
            let csrf = self.get("/.storeward/challenge").await.csrf();
            self.post("/.storeward/challenge/send", &[("csrf", &csrf)]).await;
            let letters = self.bench.post.all();
            let code =
                letters.iter().rev().map(|letter| letter.parameter("code")).find(|code| !code.is_empty());
            let code = code.unwrap().to_owned();
            proved = self.prove("mail", &code).await;
        }
        proved
    }

    /// Follows the page that leads back to the client: where it leads.
    pub async fn back(&mut self, path: &str) -> String {
        let page = self.get(path).await;
        assert_eq!(page.status, 200, "{} {}", page.location(), page.body);
        let refresh = page.header("refresh").to_owned();
        refresh.strip_prefix("0; url=").unwrap_or_else(|| panic!("{}", page.body)).to_owned()
    }

    /// From a request to a code, for somebody who is signed in.
    pub async fn code(&mut self, party: &Party, more: &[(&str, &str)]) -> String {
        let answer = self.get(&party.request(more)).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.given("code").unwrap_or_else(|| panic!("{}", answer.location()))
    }

    /// All the way to tokens.
    pub async fn tokens(&mut self, party: &Party, more: &[(&str, &str)]) -> Value {
        let code = self.code(party, more).await;
        let answer = self.bench.exchange(party, &code).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    pub async fn is_signed_in(&mut self) -> bool {
        self.get("/.storeward/account").await.status == 200
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

pub fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&more[..2]).unwrap(), 16).unwrap());
            rest = &more[2..];
        } else {
            bytes.push(*first);
            rest = more;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// What a token says before anybody checks it.
pub fn peek(token: &str) -> Value {
    serde_json::from_slice(&decode_base64_url(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}
