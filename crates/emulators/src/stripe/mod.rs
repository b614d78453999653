//! Stripe: the way of a call from its key to its answer, and what the account holds.

mod balance;
pub mod cards;
pub mod challenge;
mod charges;
mod checkout;
mod customers;
mod disputes;
pub mod endpoints;
mod error;
mod events;
mod expand;
mod files;
mod hosted;
mod intents;
mod intents_change;
mod keys;
mod methods;
mod money;
mod params;
mod refunds;
mod setup;
mod tasks;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::chance;
use crate::effects::{Effect, Provider};
use crate::faults::What;
use crate::form;
use crate::message::{Answer, Call};
use crate::shelf::{Shelf, shown, text};
use crate::world::World;

use error::{Kept, Outcome, StripeError};
use keys::{Keys, Said};
use tasks::Task;

/// The one version of Stripe's API that is spoken here; npm `stripe` 23.1.0 pins the same.
pub const STRIPE_VERSION: &str = "2026-10-28.endive";

/// Whether the account's key begins with `sk_test_` or `sk_live_`. Money moves in neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Test,
    Live,
}

impl Mode {
    pub fn word(self) -> &'static str {
        match self {
            Mode::Test => "test",
            Mode::Live => "live",
        }
    }
}

/// A merchant's account.
pub struct Stripe {
    pub mode: Mode,
    pub secret_key: String,
    pub publishable_key: String,
    shelves: BTreeMap<&'static str, Shelf>,
    keys: Keys,
    tasks: Vec<Task>,
    /// What fingerprints of cards are keyed with.
    salt: String,
    /// The one currency in which the account is paid out, and what ten thousand of any other come to in it; nothing where it has all.
    settles: Option<(String, i64)>,
}

impl Stripe {
    pub fn new(mode: Mode) -> Stripe {
        Stripe {
            mode,
            secret_key: format!("sk_{}_{}", mode.word(), chance::word(24)),
            publishable_key: format!("pk_{}_{}", mode.word(), chance::word(24)),
            shelves: BTreeMap::new(),
            keys: Keys::default(),
            tasks: Vec::new(),
            salt: chance::word(32),
            settles: None,
        }
    }

    pub fn get(&self, kind: &str, id: &str) -> Option<&Value> {
        self.shelves.get(kind)?.get(id)
    }
}

/// One call at work on the account.
pub struct Desk<'a> {
    pub world: &'a World,
    pub state: &'a mut Stripe,
    /// `req_…` and the call's key, as events tell them; null for what no call asked for.
    pub request: Value,
}

impl Desk<'_> {
    /// From now on.
    pub fn settle_in(&mut self, currency: &str, of_ten_thousand: i64) {
        self.state.settles = Some((currency.to_owned(), of_ten_thousand));
    }

    pub fn now_s(&self) -> i64 {
        self.world.clock.now_s()
    }

    pub fn put(&mut self, kind: &'static str, item: Value) {
        let id = text(&item, "id").to_owned();
        self.state.shelves.entry(kind).or_default().put(&id, item);
    }

    pub fn find(&self, kind: &str, id: &str) -> Option<Value> {
        self.state.get(kind, id).cloned()
    }

    /// # Errors
    /// 404, in the words of the object's kind.
    pub fn fetch(&self, kind: &str, id: &str, param: &str) -> Outcome<Value> {
        self.find(kind, id).ok_or_else(|| StripeError::missing(kind, id, param))
    }

    /// Changes an object that is known to be there.
    pub fn change(&mut self, kind: &'static str, id: &str, change: impl FnOnce(&mut Value)) {
        if let Some(item) = self.state.shelves.get_mut(kind).and_then(|shelf| shelf.get_mut(id)) {
            change(item);
        }
    }

    pub fn list(&self, kind: &str) -> Vec<Value> {
        self.state.shelves.get(kind).map(|shelf| shelf.newest().cloned().collect()).unwrap_or_default()
    }

    pub fn live(&self) -> bool {
        self.state.mode == Mode::Live
    }

    pub fn effect(&self, kind: &'static str, object: &str, amount: i64, currency: &str, reference: &Value) {
        self.world.effects.add(Effect {
            at_s: self.now_s(),
            provider: Provider::Stripe,
            kind,
            object: object.to_owned(),
            amount,
            currency: currency.to_owned(),
            reference: reference.clone(),
        });
    }
}

/// Anything that reaches the stand-in's address.
pub async fn handle(world: Arc<World>, call: Call) -> Answer {
    if call.path.starts_with("/v1/") {
        return api(&world, &call).await;
    }
    let mut state = world.stripe();
    let mut desk = Desk { world: &world, state: &mut state, request: Value::Null };
    hosted::handle(&mut desk, &call)
}

async fn api(world: &World, call: &Call) -> Answer {
    let request = format!("req_{}", chance::word(14));
    let fault = world.faults.draw(&world.dice, Provider::Stripe, call.method.as_str(), &call.path);
    let what = fault.as_ref().map(|fault| fault.what.clone());
    let hold = fault.map(|fault| fault.hold).unwrap_or_default();
    match what {
        Some(What::TimeoutBefore) => return Answer::never(hold),
        Some(What::DropBefore) => return Answer::never(std::time::Duration::ZERO),
        Some(What::Unavailable) => return Answer::empty(503),
        Some(What::RateLimited) => {
            let message = "Request rate limit exceeded.";
            return StripeError::new(429, "invalid_request_error", message).code("rate_limit").answer();
        }
        Some(What::Forbidden) => {
            let message = "The provided key does not have the required permissions for this endpoint.";
            return StripeError::new(403, "invalid_request_error", message).answer();
        }
        _ => {}
    }
    let answer = keyed(world, call, &request, what.as_ref(), hold).await;
    match what {
        Some(What::TimeoutAfter) => Answer::never(hold),
        Some(What::DropAfter) => Answer::never(std::time::Duration::ZERO),
        _ => answer.with("request-id", request).with("stripe-version", STRIPE_VERSION),
    }
}

/// Who calls, by which version, with which key; then the operation itself.
async fn keyed(
    world: &World,
    call: &Call,
    request: &str,
    what: Option<&What>,
    hold: std::time::Duration,
) -> Answer {
    if let Err(error) = admitted(&world.stripe(), call) {
        return error.answer();
    }
    let key = call.header("idempotency-key").filter(|_| call.method == http::Method::POST).map(str::to_owned);
    if let Some(key) = &key {
        let body = String::from_utf8_lossy(&call.body);
        let said = world.stripe().keys.begin(key, &call.path, &body, request, world.clock.now_s());
        match said {
            Said::Fresh => {}
            Said::Refused(error) => return error.answer(),
            Said::Replay(answer, original) => {
                return answer
                    .with("idempotency-key", key)
                    .with("idempotent-replayed", "true")
                    .with("original-request", original);
            }
        }
    }
    if what == Some(&What::Slow) {
        sleep(hold).await;
    }
    let mut state = world.stripe();
    let (answer, kept) = worked(world, &mut state, call, request, key.as_deref(), what);
    if let Some(key) = &key {
        state.keys.end(key, &answer, kept);
        return answer.with("idempotency-key", key).with("original-request", request);
    }
    answer
}

fn worked(
    world: &World,
    state: &mut Stripe,
    call: &Call,
    request: &str,
    key: Option<&str>,
    what: Option<&What>,
) -> (Answer, Kept) {
    if what == Some(&What::ErrorBefore) {
        return (StripeError::server().answer(), Kept::Yes);
    }
    let request = json!({ "id": request, "idempotency_key": key });
    let mut desk = Desk { world, state, request };
    let outcome = desk.operation(call);
    if what == Some(&What::ErrorAfter) {
        return (StripeError::server().answer(), Kept::Yes);
    }
    match outcome {
        Ok(value) => (Answer::json(200, &shown(&value)), Kept::Yes),
        Err(error) => (error.answer(), error.kept),
    }
}

fn admitted(state: &Stripe, call: &Call) -> Outcome<()> {
    let refused = |message: String| Err(StripeError::new(401, "invalid_request_error", message));
    let Some(given) = call.header("authorization") else {
        return refused(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth \
             (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
                .to_owned(),
        );
    };
    let key = given.strip_prefix("Bearer ").unwrap_or("");
    if key == state.publishable_key {
        let message = "This API call cannot be made with a publishable API key. Please use a secret API key.";
        return Err(StripeError::new(403, "invalid_request_error", message).code("secret_key_required"));
    }
    if key != state.secret_key {
        // As Stripe shows it: never the whole key.
        let last = key.get(key.len().saturating_sub(4)..).unwrap_or("");
        let start = key.get(..8).filter(|_| key.len() > 16).unwrap_or("");
        return refused(format!("Invalid API Key provided: {start}****{last}"));
    }
    match call.header("stripe-version") {
        None | Some(STRIPE_VERSION) => Ok(()),
        Some(other) => Err(StripeError::invalid(format!("Invalid Stripe API version: {other}"))),
    }
}

impl Desk<'_> {
    /// Finds the operation by method and path.
    fn operation(&mut self, call: &Call) -> Outcome<Value> {
        if call.method == http::Method::POST && call.path == "/v1/files" {
            return self.create_file(call);
        }
        let tree = self.parameters(call)?;
        let parts = call.parts();
        let path = parts.get(1..).unwrap_or(&[]);
        let expand = expand::wanted(&tree)?;
        let done = match call.method.as_str() {
            "POST" => self.post(path, &tree),
            "GET" => self.get(path, &tree),
            "DELETE" => self.delete(path),
            _ => None,
        };
        let value = done.unwrap_or_else(|| {
            Err(StripeError::new(
                404,
                "invalid_request_error",
                format!("Unrecognized request URL ({}: {}).", call.method, call.path),
            ))
        })?;
        self.expanded(value, &expand)
    }

    fn parameters(&self, call: &Call) -> Outcome<Map<String, Value>> {
        let broken = |_broken| StripeError::invalid("Invalid request: the parameters could not be read.");
        let query = form::tree(&call.query).map_err(broken)?;
        if call.method != http::Method::POST {
            return Ok(query);
        }
        let kind = call.header("content-type").unwrap_or("");
        if !call.body.is_empty() && !kind.starts_with("application/x-www-form-urlencoded") {
            let message = format!(
                "Invalid request (check that your POST content type is application/x-www-form-urlencoded). Yours was '{kind}'."
            );
            return Err(StripeError::invalid(message));
        }
        let body = call.body_text().ok_or_else(|| StripeError::invalid("Invalid UTF-8 in the body."))?;
        let mut tree = form::tree(body).map_err(broken)?;
        tree.extend(query);
        Ok(tree)
    }

    /// Nothing where there is no such operation.
    fn post(&mut self, path: &[&str], tree: &Map<String, Value>) -> Option<Outcome<Value>> {
        Some(match path {
            ["payment_intents"] => self.create_intent(tree),
            ["payment_intents", id] => self.update_intent(id, tree),
            ["payment_intents", id, "confirm"] => self.confirm_intent(id, tree),
            ["payment_intents", id, "capture"] => self.capture_intent(id, tree),
            ["payment_intents", id, "cancel"] => self.cancel_intent(id, tree),
            ["refunds"] => self.create_refund(tree),
            ["refunds", id] => self.update_refund(id, tree),
            ["checkout", "sessions"] => self.create_session(tree),
            ["checkout", "sessions", id, "expire"] => self.expire_session(id, tree),
            ["setup_intents"] => self.create_setup(tree),
            ["setup_intents", id, "confirm"] => self.confirm_setup(id, tree),
            ["setup_intents", id, "cancel"] => self.cancel_setup(id, tree),
            ["customers"] => self.create_customer(tree),
            ["customers", id] => self.update_customer(id, tree),
            ["payment_methods"] => self.create_method(tree),
            ["payment_methods", id, "attach"] => self.attach_method(id, tree),
            ["payment_methods", id, "detach"] => self.detach_method(id, tree),
            ["disputes", id] => self.update_dispute(id, tree),
            ["disputes", id, "close"] => self.accept_dispute(id, tree),
            ["webhook_endpoints"] => self.create_endpoint(tree),
            ["webhook_endpoints", id] => self.update_endpoint(id, tree),
            _ => return None,
        })
    }

    fn get(&mut self, path: &[&str], tree: &Map<String, Value>) -> Option<Outcome<Value>> {
        Some(match path {
            ["payment_intents"] => self.list_of("payment_intent", "/v1/payment_intents", &["customer"], tree),
            ["charges"] => self.list_of("charge", "/v1/charges", &["customer", "payment_intent"], tree),
            ["refunds"] => self.list_of("refund", "/v1/refunds", &["charge", "payment_intent"], tree),
            ["checkout", "sessions"] => {
                let by = ["payment_intent", "customer", "status"];
                self.list_of("checkout.session", "/v1/checkout/sessions", &by, tree)
            }
            ["checkout", "sessions", id, "line_items"] => self.line_items(id, tree),
            ["setup_intents"] => {
                self.list_of("setup_intent", "/v1/setup_intents", &["customer", "payment_method"], tree)
            }
            ["customers"] => self.list_of("customer", "/v1/customers", &["email"], tree),
            ["customers", id, "payment_methods"] => self.methods_of(id, tree),
            ["payment_methods"] => {
                self.list_of("payment_method", "/v1/payment_methods", &["customer", "type"], tree)
            }
            ["disputes"] => self.list_of("dispute", "/v1/disputes", &["charge", "payment_intent"], tree),
            ["events"] => self.list_events(tree),
            ["balance_transactions"] => {
                let by = ["source", "type", "currency"];
                self.list_of("balance_transaction", "/v1/balance_transactions", &by, tree)
            }
            ["webhook_endpoints"] => self.list_of("webhook_endpoint", "/v1/webhook_endpoints", &[], tree),
            ["balance"] => self.balance(tree),
            ["payment_intents", id] => self.one("payment_intent", id, "intent", tree),
            ["charges", id] => self.one("charge", id, "id", tree),
            ["refunds", id] => self.one("refund", id, "id", tree),
            ["checkout", "sessions", id] => self.one("checkout.session", id, "session", tree),
            ["setup_intents", id] => self.one("setup_intent", id, "intent", tree),
            ["customers", id] => self.one("customer", id, "id", tree),
            ["payment_methods", id] => self.one("payment_method", id, "payment_method", tree),
            ["disputes", id] => self.one("dispute", id, "dispute", tree),
            ["events", id] => self.one_event(id, tree),
            ["balance_transactions", id] => self.one("balance_transaction", id, "id", tree),
            ["webhook_endpoints", id] => self.one("webhook_endpoint", id, "id", tree),
            _ => return None,
        })
    }

    fn delete(&mut self, path: &[&str]) -> Option<Outcome<Value>> {
        Some(match path {
            ["customers", id] => self.delete_customer(id),
            ["webhook_endpoints", id] => self.delete_endpoint(id),
            _ => return None,
        })
    }

    fn one(
        &mut self,
        kind: &'static str,
        id: &str,
        param: &str,
        tree: &Map<String, Value>,
    ) -> Outcome<Value> {
        params::read(&[params::EXPAND, params::may("client_secret", params::Kind::Text(500))], tree)?;
        self.fetch(kind, id, param)
    }
}
