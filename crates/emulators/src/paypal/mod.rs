//! PayPal: the way of a call from its token to its answer, and what the merchant's account holds.

pub mod certificates;
mod checks;
mod disputes;
mod error;
mod hooks;
mod issues;
mod keys;
mod money;
pub mod orders;
mod pages;
mod payments;
mod refunds;
mod reports;
mod vault;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::chance;
use crate::effects::{Effect, Provider};
use crate::faults::What;
use crate::form;
use crate::message::{Answer, Call};
use crate::shelf::{Shelf, set, shown, text};
use crate::world::World;

use certificates::Signer;
use error::{Outcome, PaypalError};
use keys::{Keys, Made, Said};

/// How long a token holds, as PayPal gives them.
const TOKEN_S: i64 = 32_400;

/// A merchant's account.
pub struct Paypal {
    pub client_id: String,
    pub client_secret: String,
    /// The same merchant's keys of the other mode: refused here, as each mode refuses what is the other's.
    pub other: (String, String),
    pub signer: Arc<Signer>,
    tokens: HashMap<String, i64>,
    shelves: BTreeMap<&'static str, Shelf>,
    keys: Keys,
    /// What becomes of each line of the list of transactions before it is answered.
    pub list_shape: Option<Shape>,
}

/// Changes an object before it is answered.
pub type Shape = Box<dyn Fn(&mut Value) + Send + Sync>;

impl Paypal {
    pub fn new(signer: Signer) -> Paypal {
        Paypal {
            client_id: format!("A{}", chance::word(79)),
            client_secret: format!("E{}", chance::word(79)),
            other: (format!("A{}", chance::word(79)), format!("E{}", chance::word(79))),
            signer: Arc::new(signer),
            tokens: HashMap::new(),
            shelves: BTreeMap::new(),
            keys: Keys::default(),
            list_shape: None,
        }
    }

    /// From now on it is PayPal in its other mode: what was taken is refused, and the other keys are taken.
    pub fn turn(&mut self) {
        std::mem::swap(&mut self.client_id, &mut self.other.0);
        std::mem::swap(&mut self.client_secret, &mut self.other.1);
        self.tokens.clear();
    }

    pub fn get(&self, kind: &str, id: &str) -> Option<&Value> {
        self.shelves.get(kind)?.get(id)
    }
}

/// One call at work on the account.
pub struct Counter<'a> {
    pub world: &'a World,
    pub state: &'a mut Paypal,
}

/// What an operation made.
pub struct Reply {
    pub status: u16,
    pub body: Value,
    /// What a repeated call is answered with; nothing for calls that only read.
    pub made: Option<Made>,
}

impl Reply {
    pub fn read(body: Value) -> Reply {
        Reply { status: 200, body, made: None }
    }

    /// 201 with an object, or without a body.
    pub fn made(status: u16, kind: &'static str, id: &str, body: Value) -> Reply {
        let made = Made { kind, id: id.to_owned(), is_empty: body.is_null() };
        Reply { status, body, made: Some(made) }
    }
}

/// Whether the caller wants the whole object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Prefer {
    Minimal,
    Representation,
}

impl Counter<'_> {
    pub fn now_s(&self) -> i64 {
        self.world.clock.now_s()
    }

    pub fn put(&mut self, kind: &'static str, item: Value) {
        let id = text(&item, "id").to_owned();
        self.put_as(kind, &id, item);
    }

    pub fn put_as(&mut self, kind: &'static str, id: &str, item: Value) {
        self.state.shelves.entry(kind).or_default().put(id, item);
    }

    pub fn find(&self, kind: &str, id: &str) -> Option<Value> {
        self.state.get(kind, id).cloned()
    }

    /// # Errors
    /// 404.
    pub fn fetch(&self, kind: &str, id: &str) -> Outcome<Value> {
        self.find(kind, id).ok_or_else(PaypalError::missing)
    }

    /// Changes an object that is known to be there, and its time of change with it.
    pub fn change(&mut self, kind: &'static str, id: &str, change: impl FnOnce(&mut Value)) {
        let now = self.world.clock.now_text();
        if let Some(item) = self.state.shelves.get_mut(kind).and_then(|shelf| shelf.get_mut(id)) {
            change(item);
            if item.get("create_time").is_some() {
                set(item, "update_time", now);
            }
        }
    }

    pub fn list(&self, kind: &str) -> Vec<Value> {
        self.state.shelves.get(kind).map(|shelf| shelf.newest().cloned().collect()).unwrap_or_default()
    }

    pub fn effect(&self, kind: &'static str, object: &str, money: &money::Money, reference: &Value) {
        self.world.effects.add(Effect {
            at_s: self.now_s(),
            provider: Provider::Paypal,
            kind,
            object: object.to_owned(),
            amount: money.minor,
            currency: money.currency.to_ascii_lowercase(),
            reference: reference.clone(),
        });
    }

    /// A link as PayPal writes it.
    pub fn link(&self, path: &str, rel: &str, method: &str) -> Value {
        json!({ "href": format!("{}{path}", self.world.paypal_address), "rel": rel, "method": method })
    }
}

/// Anything that reaches the stand-in's address.
pub async fn handle(world: Arc<World>, call: Call) -> Answer {
    let parts = call.parts();
    match (call.method.as_str(), parts.as_slice()) {
        ("POST", ["v1", "oauth2", "token"]) => {
            let fault = world.faults.draw(&world.dice, Provider::Paypal, "POST", &call.path);
            match fault.map(|fault| (fault.what, fault.hold)) {
                Some((What::TimeoutBefore | What::TimeoutAfter, hold)) => Answer::never(hold),
                Some((What::DropBefore | What::DropAfter, _)) => Answer::never(Duration::ZERO),
                Some((What::ErrorBefore | What::ErrorAfter | What::Unavailable, _)) => {
                    PaypalError::unavailable().answer()
                }
                _ => token(&world, &call),
            }
        }
        ("GET", ["v1", "notifications", "certs", id]) => certificate(&world, id),
        (_, ["v1" | "v2" | "v3", ..]) => api(&world, &call).await,
        _ => {
            let mut state = world.paypal();
            let mut counter = Counter { world: &world, state: &mut state };
            pages::handle(&mut counter, &call)
        }
    }
}

fn token(world: &World, call: &Call) -> Answer {
    let mut state = world.paypal();
    let given = call.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    let pair = given.and_then(certificates::from_base64).and_then(|bytes| String::from_utf8(bytes).ok());
    let expected = format!("{}:{}", state.client_id, state.client_secret);
    if pair.as_deref() != Some(expected.as_str()) {
        let body = json!({ "error": "invalid_client", "error_description": "Client Authentication failed" });
        return Answer::json(401, &body);
    }
    let grant = call.body_text().and_then(|body| form::value(body, "grant_type"));
    if grant.as_deref() != Some("client_credentials") {
        let body = json!({
            "error": "unsupported_grant_type", "error_description": "Grant Type is NULL or not supported",
        });
        return Answer::json(400, &body);
    }
    let token = format!("A21AA{}", chance::word(92));
    let now = world.clock.now_s();
    state.tokens.retain(|_token, until| *until > now);
    state.tokens.insert(token.clone(), now + TOKEN_S);
    let body = json!({
        "scope": "https://uri.paypal.com/services/payments/payment/authcapture https://uri.paypal.com/services/payments/refund",
        "access_token": token, "token_type": "Bearer", "app_id": "APP-80W284485P519543T", "expires_in": TOKEN_S,
        "nonce": format!("{}{}", world.clock.now_text(), chance::word(43)),
    });
    Answer::json(200, &body)
}

fn certificate(world: &World, id: &str) -> Answer {
    let signer = Arc::clone(&world.paypal().signer);
    if signer.id != id {
        return PaypalError::missing().answer();
    }
    Answer { headers: Vec::new(), body: signer.chain.clone(), ..Answer::empty(200) }
        .with("content-type", "application/x-x509-ca-cert")
}

async fn api(world: &World, call: &Call) -> Answer {
    let fault = world.faults.draw(&world.dice, Provider::Paypal, call.method.as_str(), &call.path);
    let what = fault.as_ref().map(|fault| fault.what.clone());
    let hold = fault.map(|fault| fault.hold).unwrap_or_default();
    match what {
        Some(What::TimeoutBefore) => return Answer::never(hold),
        Some(What::DropBefore) => return Answer::never(Duration::ZERO),
        Some(What::Unavailable) => return PaypalError::unavailable().answer(),
        Some(What::RateLimited) => return PaypalError::limited().answer(),
        Some(What::Forbidden) => return PaypalError::forbidden().answer(),
        _ => {}
    }
    let answer = keyed(world, call, what.as_ref(), hold).await;
    match what {
        Some(What::TimeoutAfter) => Answer::never(hold),
        Some(What::DropAfter) => Answer::never(Duration::ZERO),
        _ => answer.with("paypal-debug-id", chance::word(13).to_ascii_lowercase()),
    }
}

async fn keyed(world: &World, call: &Call, what: Option<&What>, hold: Duration) -> Answer {
    if !is_admitted(&world.paypal(), call, world.clock.now_s()) {
        let body =
            json!({ "error": "invalid_token", "error_description": "Token signature verification failed" });
        return Answer::json(401, &body);
    }
    let body = match json_of(call) {
        Ok(body) => body,
        Err(error) => return error.answer(),
    };
    let key = call.header("paypal-request-id").filter(|_| call.method == http::Method::POST);
    if let Some(key) = key {
        let said = world.paypal().keys.begin(key, &call.path, world.clock.now_s());
        match said {
            Said::Fresh => {}
            Said::InProgress => return PaypalError::in_progress().answer(),
            Said::Replay(made) => return replayed(world, call, &made),
        }
    }
    if what == Some(&What::Slow) {
        sleep(hold).await;
    }
    let mut state = world.paypal();
    let mut counter = Counter { world, state: &mut state };
    let outcome = if what == Some(&What::ErrorBefore) {
        Err(PaypalError::server())
    } else {
        counter.operation(call, &body)
    };
    if let Some(key) = key {
        let made = outcome.as_ref().ok().and_then(|reply| reply.made.clone());
        state.keys.end(key, &call.path, made);
    }
    match outcome {
        _ if what == Some(&What::ErrorAfter) => PaypalError::server().answer(),
        Err(error) => error.answer(),
        Ok(reply) if reply.body.is_null() => Answer::empty(reply.status),
        Ok(reply) => Answer::json(reply.status, &shown(&reply.body)),
    }
}

/// "Returns the latest status of the previous request."
fn replayed(world: &World, call: &Call, made: &Made) -> Answer {
    let mut state = world.paypal();
    let counter = Counter { world, state: &mut state };
    if made.is_empty {
        return Answer::empty(204);
    }
    match counter.find(made.kind, &made.id) {
        // Orders and the vault answer a repeated call with 200; Payments v2 has no status but 201.
        Some(object) if call.path.starts_with("/v2/payments/") && made.kind != "authorization" => {
            Answer::json(201, &shown(&counter.dressed(made.kind, &object, prefer(call))))
        }
        Some(object) => Answer::json(200, &shown(&counter.dressed(made.kind, &object, prefer(call)))),
        None => PaypalError::missing().answer(),
    }
}

fn is_admitted(state: &Paypal, call: &Call, now_s: i64) -> bool {
    call.header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(|token| state.tokens.get(token))
        .is_some_and(|until| *until > now_s)
}

fn json_of(call: &Call) -> Outcome<Value> {
    if call.method == http::Method::GET || call.body.is_empty() {
        return Ok(Value::Null);
    }
    let kind = call.header("content-type").unwrap_or("");
    if kind.starts_with("multipart/") {
        return Ok(Value::Null);
    }
    if !kind.starts_with("application/json") {
        return Err(PaypalError::media());
    }
    serde_json::from_slice(&call.body).map_err(|_not_json| PaypalError::malformed())
}

fn prefer(call: &Call) -> Prefer {
    match call.header("prefer") {
        Some("return=representation") => Prefer::Representation,
        _ => Prefer::Minimal,
    }
}

impl Counter<'_> {
    fn operation(&mut self, call: &Call, body: &Value) -> Outcome<Reply> {
        let parts = call.parts();
        let want = prefer(call);
        let has_key = call.header("paypal-request-id").is_some();
        if let Some(done) = self.beside_orders(call, &parts, body) {
            return done;
        }
        match (call.method.as_str(), parts.as_slice()) {
            ("POST", ["v2", "checkout", "orders"]) => self.create_order(body, want, has_key),
            ("GET", ["v2", "checkout", "orders", id]) => self.fetch("order", id).map(Reply::read),
            ("PATCH", ["v2", "checkout", "orders", id]) => self.patch_order(id, body),
            ("POST", ["v2", "checkout", "orders", id, "capture"]) => self.capture_order(id, want),
            ("POST", ["v2", "checkout", "orders", id, "authorize"]) => self.authorize_order(id, want),
            ("GET", ["v2", "payments", "authorizations", id]) => {
                self.fetch("authorization", id).map(Reply::read)
            }
            ("POST", ["v2", "payments", "authorizations", id, "capture"]) => {
                self.capture_authorization(id, body, want)
            }
            ("POST", ["v2", "payments", "authorizations", id, "void"]) => self.void_authorization(id, want),
            ("POST", ["v2", "payments", "authorizations", id, "reauthorize"]) => {
                self.reauthorize(id, body, want)
            }
            ("GET", ["v2", "payments", "captures", id]) => self.fetch("capture", id).map(Reply::read),
            ("POST", ["v2", "payments", "captures", id, "refund"]) => self.refund(id, body, want),
            ("GET", ["v2", "payments", "refunds", id]) => self.fetch("refund", id).map(Reply::read),
            ("POST", ["v1", "notifications", "webhooks"]) => self.create_webhook(body),
            ("GET", ["v1", "notifications", "webhooks"]) => Ok(self.webhooks()),
            ("GET", ["v1", "notifications", "webhooks", id]) => self.fetch("webhook", id).map(Reply::read),
            ("DELETE", ["v1", "notifications", "webhooks", id]) => self.delete_webhook(id),
            ("GET", ["v1", "notifications", "webhooks-events"]) => self.list_events(&call.query),
            ("GET", ["v1", "notifications", "webhooks-events", id]) => {
                self.fetch("event", id).map(Reply::read)
            }
            ("POST", ["v1", "notifications", "webhooks-events", id, "resend"]) => self.resend(id),
            ("POST", ["v1", "notifications", "verify-webhook-signature"]) => self.verify(call, body),
            _ => Err(PaypalError::missing()),
        }
    }

    /// Disputes, the vault and reports. Nothing where the call is for none of them.
    fn beside_orders(&mut self, call: &Call, parts: &[&str], body: &Value) -> Option<Outcome<Reply>> {
        Some(match (call.method.as_str(), parts) {
            ("GET", ["v1", "customer", "disputes"]) => self.list_disputes(&call.query),
            ("GET", ["v1", "customer", "disputes", id]) => self.fetch("dispute", id).map(Reply::read),
            ("POST", ["v1", "customer", "disputes", id, "accept-claim"]) => self.accept_claim(id),
            ("POST", ["v1", "customer", "disputes", id, "provide-evidence"]) => {
                self.provide_evidence(id, call)
            }
            ("GET", ["v1", "reporting", "transactions"]) => self.transactions(&call.query),
            ("POST", ["v3", "vault", "setup-tokens"]) => self.create_setup_token(body),
            ("GET", ["v3", "vault", "setup-tokens", id]) => self.fetch("setup-token", id).map(Reply::read),
            ("POST", ["v3", "vault", "payment-tokens"]) => self.create_payment_token(body),
            ("GET", ["v3", "vault", "payment-tokens"]) => self.payment_tokens(&call.query),
            ("GET", ["v3", "vault", "payment-tokens", id]) => {
                self.fetch("payment-token", id).map(Reply::read)
            }
            ("DELETE", ["v3", "vault", "payment-tokens", id]) => self.delete_payment_token(id),
            _ => return None,
        })
    }

    /// An object as it is answered to this caller.
    pub fn dressed(&self, kind: &str, object: &Value, want: Prefer) -> Value {
        let is_always_whole = ["setup-token", "payment-token"].contains(&kind);
        if want == Prefer::Representation || is_always_whole {
            return object.clone();
        }
        let mut names = vec!["id", "status", "links"];
        if kind == "order" {
            names.push("payment_source");
            if text(object, "status") == "COMPLETED" {
                names.extend(["purchase_units", "payer"]);
            }
        }
        let mut small = json!({});
        for name in names {
            if let Some(value) = object.get(name) {
                set(&mut small, name, value.clone());
            }
        }
        if kind == "order" && text(object, "status") == "COMPLETED" {
            orders::only_payments(&mut small);
        }
        small
    }
}
