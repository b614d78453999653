//! Around every operation: whose call it is, whether it may, once or again, what is told of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use storeward_base::{Actor, ApiKeyId, ClientIp, Clock, Entropy, RequestId, Timestamp};
use storeward_detect::pace::Throttle;
use storeward_events::api::{ApiCalled, ApiRefused};
use storeward_events::system::RowHarmed;
use storeward_seal::{MarkKey, PseudonymKey};
use storeward_store::{Db, harmed};
use storeward_web::HostNames;
use storeward_web::axum::Router;
use storeward_web::axum::body::Body;
use storeward_web::axum::extract::{ConnectInfo, RawPathParams, Request};
use storeward_web::axum::response::Response;
use storeward_web::axum::routing::{MethodFilter, on};
use storeward_web::http::request::Parts;
use storeward_web::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::call::{Answer, Barred, Call, Caller, WRONG_PURPOSE};
use crate::cursor::Cursors;
use crate::document::document;
use crate::error::Error;
use crate::key::{Key, Sort, holds_key};
use crate::keys::Keys;
use crate::limits::{Buckets, Network, Refusals, failures};
use crate::operation::{Operation, PREFIX, Repeat, own_operations};
use crate::problem::Problem;
use crate::proof::TABLE;
use crate::repeat::{self, Named, Standing};
use crate::sql;

/// Of a request; the largest are bulk calls.
const MOST_BODY: usize = 1024 * 1024;
/// How long an operation may take.
const PATIENCE: Duration = Duration::from_secs(30);
const REQUEST: HeaderName = HeaderName::from_static("storeward-request");

/// What the interface is made of.
pub struct InterfaceParts {
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub keys: Keys,
    pub pseudonym_key: PseudonymKey,
    /// The names that it answers to.
    pub names: HostNames,
    /// Calls of one key; ten seconds' worth may come at once.
    pub requests_per_second: u32,
}

/// The interface: operations, and the frame around them.
pub struct Interface {
    frame: Arc<Frame>,
    operations: Vec<Arc<Operation>>,
}

struct Frame {
    db: Db,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    keys: Keys,
    pseudonym_key: PseudonymKey,
    marks: MarkKey,
    cursors: Cursors,
    names: HostNames,
    buckets: Buckets,
    failures: Throttle<Network>,
    refusals: Refusals,
}

impl Interface {
    /// Its own operations and those of the domains.
    pub fn new(parts: InterfaceParts, domains: Vec<Operation>) -> Self {
        let mut operations = own_operations();
        operations.extend(domains);
        let text = document(&operations).to_string();
        operations.push(crate::document::operation(text));
        let frame = Frame {
            marks: parts.pseudonym_key.mark_key("api.repeat"),
            cursors: Cursors::new(parts.pseudonym_key.mark_key("api.cursor")),
            db: parts.db,
            clock: parts.clock,
            entropy: parts.entropy,
            keys: parts.keys,
            pseudonym_key: parts.pseudonym_key,
            names: parts.names,
            buckets: Buckets::new(parts.requests_per_second),
            failures: failures(),
            refusals: Refusals::default(),
        };
        Interface { frame: Arc::new(frame), operations: operations.into_iter().map(Arc::new).collect() }
    }

    /// Method and path of everything that is served, for the test that compares it with the document.
    pub fn served(&self) -> Vec<(Method, String)> {
        let row = |one: &Arc<Operation>| (one.method.clone(), format!("{PREFIX}{}", one.path));
        self.operations.iter().map(row).collect()
    }

    /// The service for a listener of its own, which puts the client's address into each request's extensions.
    pub fn router(&self) -> Router {
        let mut router = Router::new();
        for operation in &self.operations {
            let filter = match operation.method {
                Method::POST => MethodFilter::POST,
                Method::PUT => MethodFilter::PUT,
                _ => MethodFilter::GET,
            };
            let (frame, operation) = (Arc::clone(&self.frame), Arc::clone(operation));
            let path = format!("{PREFIX}{}", operation.path);
            let handler = move |parts: RawPathParams, request: Request| {
                let (frame, operation) = (Arc::clone(&frame), Arc::clone(&operation));
                let parts = parts.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                async move { frame.serve(&operation, parts, request).await }
            };
            router = router.route(&path, on(filter, handler));
        }
        let (missing, wrong) = (Arc::clone(&self.frame), Arc::clone(&self.frame));
        router
            .fallback(move |request: Request| async move {
                let detail = "There is nothing at this address; /api/v1/openapi.json has all of them.";
                missing.refuse(request, Problem::missing("api.no_such_address", detail))
            })
            .method_not_allowed_fallback(move |request: Request| async move {
                let detail = "This address does not answer to that method.";
                let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "api.wrong_method", detail);
                wrong.refuse(request, problem)
            })
    }
}

impl Frame {
    async fn serve(
        &self,
        operation: &Operation,
        parts: BTreeMap<String, String>,
        request: Request,
    ) -> Response {
        let id = RequestId::new(&*self.clock, &*self.entropy);
        let (head, body) = request.into_parts();
        let answer = match self.answer(operation, parts, (&head, body), id).await {
            Ok(answer) => answer,
            Err(problem) => problem.answer(),
        };
        written(answer, id)
    }

    fn refuse(&self, request: Request, problem: Problem) -> Response {
        let id = RequestId::new(&*self.clock, &*self.entropy);
        let (head, _) = request.into_parts();
        let problem = self.screen(&head).err().unwrap_or(problem);
        written(problem.answer(), id)
    }

    async fn answer(
        &self,
        operation: &Operation,
        parts: BTreeMap<String, String>,
        (head, body): (&Parts, Body),
        id: RequestId,
    ) -> Result<Answer, Problem> {
        if let Err(problem) = self.screen(head) {
            if problem.code == "api.key_in_address" {
                self.tell(None, client_of(head), "key_in_address", self.clock.now()).await;
            }
            return Err(problem);
        }
        if operation.is_public {
            // One bucket for everybody: what needs no key costs no more than one that asks too much.
            self.buckets.take(ApiKeyId::from_bits(0), self.clock.now()).map_err(Problem::busy)?;
            let call =
                self.call(operation, (nobody(self.clock.now()), id), parts, BTreeMap::new(), Bytes::new());
            return (operation.work)(call).await;
        }
        let caller = Caller { key: self.admit(head).await? };
        let mut named = None;
        let done = self.work(operation, parts, (head, body), (&caller, id), &mut named).await;
        let answer = done.unwrap_or_else(|problem| problem.answer());
        // Nobody learns anything that the ledger does not know they learnt.
        self.record(operation.id, &caller, id, named, &answer).await?;
        Ok(answer)
    }

    async fn work(
        &self,
        operation: &Operation,
        parts: BTreeMap<String, String>,
        (head, body): (&Parts, Body),
        (caller, id): (&Caller, RequestId),
        kept: &mut Option<Named>,
    ) -> Result<Answer, Problem> {
        let again = |body| self.call(operation, (caller.clone(), id), parts.clone(), BTreeMap::new(), body);
        if let Some(Err(problem)) = operation.act.map(|act| caller.may(act)) {
            let body = tokio::time::timeout(PATIENCE, read_body(operation, head, body)).await;
            let body = body.ok().and_then(Result::ok).unwrap_or_default();
            (operation.refused)(again(body), Barred::Act).await?;
            return Err(problem);
        }
        let query = query_of(operation, head.uri.query().unwrap_or_default())?;
        let body = tokio::time::timeout(PATIENCE, read_body(operation, head, body)).await;
        let body = body.unwrap_or_else(|_| {
            let detail = "The body did not arrive within 30 seconds.";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "api.body_too_slow", detail))
        })?;
        let sent = body.clone();
        let mut call = self.call(operation, (caller.clone(), id), parts.clone(), query, body);
        if operation.is_conditional {
            call.if_match = one_line(&head.headers, &header::IF_MATCH)?;
        }
        let mut before = None;
        if operation.repeat == Repeat::ByKey
            && let Some(name) = repeat::name_of(head)?
        {
            let named = Named::new(&self.marks, caller.key.id, &name, head, &call.body);
            match named.begin(&self.db).await? {
                Standing::Answered(answer) if answer.status >= 300 => return Ok(*answer),
                Standing::Answered(answer) => before = Some(*answer),
                Standing::Do(begun_at) => {
                    call.begun_at = begun_at;
                    call.chance = named.chance(&self.marks);
                    *kept = Some(named);
                }
            }
        }
        let answer = match before {
            Some(answer) => (operation.again)(answer),
            None => (operation.work)(call),
        };
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        let answer = answer.unwrap_or_else(|_| {
            let detail = "That took too long. What was begun may have been done; ask again.";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "api.too_slow", detail))
        });
        if matches!(&answer, Err(problem) if problem.code() == WRONG_PURPOSE) {
            (operation.refused)(again(sent), Barred::Purpose).await?;
        }
        answer
    }

    fn call(
        &self,
        operation: &Operation,
        (caller, request): (Caller, RequestId),
        parts: BTreeMap<String, String>,
        query: BTreeMap<String, String>,
        body: Bytes,
    ) -> Call {
        Call {
            caller,
            request,
            begun_at: self.clock.now(),
            chance: self.entropy.bytes(),
            if_match: None,
            operation: operation.id,
            parts,
            query,
            body,
            cursors: self.cursors.clone(),
        }
    }

    /// Whose address was asked for, and that no key stands in it: addresses are logged everywhere.
    fn screen(&self, head: &Parts) -> Result<(), Problem> {
        if !self.names.are_named_by(head) {
            let detail =
                "The interface does not answer to this name; `api.names` in storeward.toml lists its names.";
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "api.wrong_host", detail));
        }
        let target = head.uri.path_and_query().map_or("", |whole| whole.as_str());
        if holds_key(target) {
            let detail = "A key stands in the address, where logs and histories keep it. Revoke that key, make another, \
                          and send it as Authorization: Bearer.";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "api.key_in_address", detail));
        }
        Ok(())
    }

    async fn admit(&self, head: &Parts) -> Result<Key, Problem> {
        let now = self.clock.now();
        let client = client_of(head);
        let network: Vec<Network> = client.map(Network::of).into_iter().collect();
        let text = bearer(&head.headers);
        // The key first: whoever shows keys that are none, from the same network, makes nobody wait who has one. A look by an index costs
        // less than what a good key may ask, and what is no key in its form costs none.
        let found = match text {
            None => None,
            Some(text) => self.keys.of_text(text).await?,
        };
        if found.is_none()
            && let Some(seconds) = self.failures.wait(&network, now)
        {
            return Err(Problem::busy(seconds));
        }
        let (key, reason) = match found {
            None if text.is_none() => (None, Some("no_key")),
            None => (None, Some("unknown_key")),
            Some(key) => {
                let reason = key.sort(now, client).reason();
                (Some(key), reason)
            }
        };
        match (key, reason) {
            (Some(key), None) => {
                self.buckets.take(key.id, now).map_err(Problem::busy)?;
                Ok(key)
            }
            (key, reason) => {
                // Whoever shows a key that was one does not guess.
                if key.is_none() {
                    self.failures.attempt(&network, now);
                }
                let reason = reason.unwrap_or("unknown_key");
                self.tell(key.map(|key| key.id), client, reason, now).await;
                // One answer for all of them: a stranger learns nothing of a key that they found somewhere.
                let detail = "Send a key that is good, from where it may be used, as Authorization: Bearer.";
                Err(Problem::new(StatusCode::UNAUTHORIZED, "api.key", detail))
            }
        }
    }

    /// A refusal that cannot be told stays a refusal.
    async fn tell(
        &self,
        key: Option<ApiKeyId>,
        client: Option<ClientIp>,
        reason: &'static str,
        now: Timestamp,
    ) {
        let client = client.map(|ip| self.pseudonym_key.client_ref(ip));
        let Some(count) = self.refusals.count((key, client, reason), now) else { return };
        let fact = ApiRefused { key, client, reason: reason.to_owned(), count };
        let actor = client.map_or(Actor::System, |client| Actor::Client { client });
        let changed = key.filter(|_| Some(reason) == Sort::Changed.reason());
        let written = self.db.write(move |tx| -> Result<(), Error> {
            tx.append(actor, None, fact.clone())?;
            if let Some(key) = changed {
                let (table, row, harm) = (TABLE.to_owned(), key.to_string(), "changed".to_owned());
                harmed::tell(tx, &[RowHarmed { table, row, harm }])?;
            }
            Ok(())
        });
        drop(written.await);
    }

    async fn record(
        &self,
        operation: &'static str,
        caller: &Caller,
        request: RequestId,
        named: Option<Named>,
        answer: &Answer,
    ) -> Result<(), Problem> {
        let (actor, key, status) = (caller.actor(), caller.key.id, answer.status);
        let kept = named.map(|named| (named, repeat::headers_of(answer), answer.body.clone()));
        let written = self.db.write(move |tx| -> Result<(), Error> {
            let fact = ApiCalled { operation: operation.to_owned(), status };
            tx.append(actor, Some(request), fact)?;
            sql::used(tx, key)?;
            match &kept {
                Some((named, headers, body)) if status < 500 && status != 429 => {
                    sql::answered(tx, (named.key, &named.mark), status, headers, body)?;
                }
                // What failed for our own fault may be tried again under the same name, and is the same request then: what it
                // made half-way has an id that follows from when it began.
                Some((named, ..)) => sql::give_back(tx, named.key, &named.mark)?,
                None => {}
            }
            Ok(())
        });
        // Not the store's own words: whatever the reason is, the answer is withheld.
        written.await.map_err(|_| {
            let detail = "The call could not be written into the ledger, so it is not answered. Ask again.";
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "api.not_recorded", detail);
            Problem { retry_after_seconds: Some(2), ..problem }
        })
    }
}

/// The caller of what needs no key.
fn nobody(now: Timestamp) -> Caller {
    Caller {
        key: Key {
            id: ApiKeyId::from_bits(0),
            name: String::new(),
            handle: String::new(),
            acts: Vec::new(),
            roles: Vec::new(),
            purposes: Vec::new(),
            networks: storeward_base::AddressList::default(),
            made_by: String::new(),
            created_at: now,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            doubt: None,
        },
    }
}

fn client_of(head: &Parts) -> Option<ClientIp> {
    let named = head.extensions.get::<ClientIp>().copied();
    named.or_else(|| head.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| ClientIp::new(info.0.ip())))
}

/// RFC 6750 section 2.1: one line, the scheme in any case.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (line, None) = (lines.next()?, lines.next()) else { return None };
    let (scheme, text) = line.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
}

fn one_line(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Problem> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => Ok(Some(line.to_str().unwrap_or_default().to_owned())),
        (Some(_), Some(_)) => Err(Problem::malformed(format!("{name} stands there twice."))),
    }
}

/// Each parameter once, and none that the operation does not have.
fn query_of(operation: &Operation, query: &str) -> Result<BTreeMap<String, String>, Problem> {
    let mut found = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = String::from_utf8(storeward_base::percent_decode(value.as_bytes(), b' '))
            .map_err(|_| Problem::malformed("A parameter of the address is no UTF-8."))?;
        let known = operation.query.iter().find(|parameter| parameter.name == name);
        let known = known.ok_or_else(|| {
            Problem::malformed("The address has a parameter that this operation does not take.")
        })?;
        if found.insert(known.name.to_owned(), value).is_some() {
            return Err(Problem::malformed(format!("`{}` stands there twice.", known.name)));
        }
    }
    Ok(found)
}

async fn read_body(operation: &Operation, head: &Parts, body: Body) -> Result<Bytes, Problem> {
    if operation.takes.is_some() {
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|line| line.to_str().ok()).unwrap_or("");
        let is_json =
            kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            let detail = "The body is JSON, with Content-Type: application/json.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "api.media_type", detail));
        }
    }
    match Limited::new(body, MOST_BODY).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(fault) if fault.is::<LengthLimitError>() => {
            let detail = "The body is larger than 1 MiB.";
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "api.too_large", detail))
        }
        Err(_) => Err(Problem::malformed("The body did not arrive whole.")),
    }
}

/// As HTTP. Nothing of it is stored on its way, shown in a frame, or taken for a page.
fn written(answer: Answer, id: RequestId) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_TYPE, answer.content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if answer.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"storeward\""));
    }
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST, value);
    }
    headers.extend(answer.headers);
    response
}
