//! One request, from its head to the last byte of its answer. The order of the steps is the security of the house:
//!
//! canonical → ban → rate → closed routes → puzzle (or, for messages of providers, room of their own) → limits → own → inspect head → inspect body → session → upstream →
//! inspect response → session →
//! headers → leak → written down.
//!
//! Each step says whether it fails open or closed.

pub mod carried;
mod inbox;
mod inspection;
mod puzzle;
mod response;
mod stages;
mod verdicts;

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use storeward_base::{ClientIp, RequestId};
use storeward_events::edge::RequestRefused;
use storeward_host::Emission;
use storeward_inspect::{Category, RuleMatch};

use self::carried::{Carried, Wish};
use crate::access::{AccessRecord, Protocol, TlsVersion, Verdict};
use crate::asked_with::AskedWith;
use crate::body::ClientBody;
use crate::canonical::{self, Refused, Target};
use crate::coding;
use crate::edge_body::{EdgeBody, Flow};
use crate::guard::Connection;
use crate::guard::connection::InFlight;
use crate::initiator;
use crate::pages::{self, Notice};
use crate::record::{Ending, mask_method};
use crate::request::{self, BodyFraming, Surroundings};
use crate::routes::Route;
use crate::server::{Core, Snapshot};
use crate::upstream::balance::Use;
use crate::upstream::{self, Outcome, Server, UpstreamError};
use crate::watched::Late;
use crate::websocket::Handshake;

/// The connection a request came on.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The other end: a client, or a proxy before us.
    pub address: std::net::SocketAddr,
    pub tls: Option<TlsVersion>,
    pub connection: Arc<Connection>,
    pub tunnel: crate::tunnel::Slot,
}

/// What the steps share about one request.
struct Exchange<'a> {
    core: &'a Rc<Core>,
    live: &'a Snapshot,
    connection: &'a Arc<Connection>,
    tunnel: &'a crate::tunnel::Slot,
    client: ClientIp,
    /// A trusted proxy told whose request it is, or nobody had to.
    is_named: bool,
    id: RequestId,
    form: pages::Form,
    ending: Box<Ending>,
    in_flight: InFlight,
    /// A WebSocket over HTTP/2, whose opening we translate.
    websocket: Option<Handshake>,
    attendants: crate::tunnel::Attendants,
    /// What the rules find in a body on its way.
    late: Option<Late>,
    /// The shop hears the query without card numbers.
    masked_query: Option<String>,
    /// Who sends a message to a place that has room of its own.
    sender: Option<inbox::Sender>,
    wish: Wish,
}

/// Serves one request. Never fails: whatever goes wrong becomes an answer.
pub fn serve(core: &Rc<Core>, peer: &Peer, request: Request<Incoming>) -> Carried {
    // Counted in here and not inside of the future: the guard must know of the request before hyper reads on.
    let in_flight = peer.connection.begin_request();
    let wish = Wish::default();
    // Boxed, because hyper moves it about, and keeps room for it on idle connections.
    let served = Box::pin(served(core.clone(), peer.clone(), in_flight, (request, wish.clone())));
    Carried::new(served, wish, core.carrier.clone())
}

async fn served(
    core: Rc<Core>,
    peer: Peer,
    in_flight: InFlight,
    (mut request, wish): (Request<Incoming>, Wish),
) -> Result<Response<EdgeBody>, Infallible> {
    let websocket = Handshake::take(&mut request, core.shared.entropy.as_ref());
    let live = core.shared.live.load_full();
    let at = core.shared.clock.now();
    let id = core.request_id(at);
    let named = canonical::client_ip(peer.address.ip(), request.headers(), &live.trusted_proxies);
    // Nobody's, and least of all the proxy's: it is refused below.
    let client = named.unwrap_or_else(|| ClientIp::new(std::net::Ipv4Addr::UNSPECIFIED.into()));
    let mut record = AccessRecord::new(id, at, client, mask_method(request.method()));
    record.protocol = match request.version() {
        Version::HTTP_10 => Protocol::Http10,
        Version::HTTP_2 => Protocol::Http2,
        _ => Protocol::Http11,
    };
    record.tls = peer.tls;
    let exchange = Exchange {
        core: &core,
        live: &live,
        connection: &peer.connection,
        tunnel: &peer.tunnel,
        client,
        is_named: named.is_some(),
        id,
        form: pages::Form::default(),
        ending: Box::new(Ending::new(record, core.shared.clone())),
        in_flight,
        websocket,
        attendants: crate::tunnel::Attendants::default(),
        late: None,
        masked_query: None,
        sender: None,
        wish,
    };
    Ok(exchange.run(request).await)
}

/// Why the steps ended before the shop's answer.
enum Stopped {
    Refused(Refused),
    Blocked(Box<RuleMatch>),
    Banned,
    /// It has to solve a puzzle first.
    Challenged,
    Limited(verdicts::Limited),
    /// The route is closed to this client.
    Closed,
    TooLarge,
    Upstream(UpstreamError),
    /// The client's body broke off: there is nobody to answer, and hyper closes.
    ClientLeft,
}

impl<'a> Exchange<'a> {
    async fn run(mut self, request: Request<Incoming>) -> Response<EdgeBody> {
        match self.steps(request).await {
            Ok(response) => self.finish(response),
            Err(stopped) => Box::pin(self.stopped(stopped)).await,
        }
    }

    /// The literal list.
    async fn steps(&mut self, mut request: Request<Incoming>) -> Result<Answer, Stopped> {
        // canonical: closed. What has two readings has no place behind this line.
        let (target, route) = self.read(&request)?;
        let upgrade = self.upgrades(&request)?;
        // ban, rate, closed routes, puzzle.
        self.check_client(&request, &target, route)?;
        // limits: closed, before a byte of the body is read.
        let on_upgrade = upgrade.then(|| hyper::upgrade::on(&mut request));
        let (mut parts, incoming) = request.into_parts();
        let framing = body_framing(&parts.method, &parts.headers, &incoming, route)?;
        let mut body = ClientBody::new(incoming, route.body_bytes, self.connection.clone());
        self.ending.received = body.received();
        // own: closed. Our own pages check for themselves; a password is not for the shop's rules to read.
        if let Some(place) = self.own_place(&target) {
            return Box::pin(self.own(place, parts, &mut body)).await;
        }
        // inspect: closed on a verdict, open (and told) when the engine itself fails.
        let mut inspection = inspection::Inspection::begin(self.core, &route.policy);
        self.inspect(&mut inspection, &mut parts, &target, (&mut body, route)).await?;
        // Before anybody takes the client's cookies away: they decide whether an answer may be compressed.
        let coding = coding::Wish::of(&parts, route.compress, &self.live.names);
        // session: closed. It alone knows which of the shop's cookies this client may use.
        let mut session = self.enter_session(&mut parts, &target);
        let asked = stages::ask(&mut session, &mut parts.headers, &mut body).await;
        if let Some(instead) = asked.map_err(|error| self.stopped_by_body(error))? {
            return Ok(instead);
        }
        self.wish.set(session.as_ref().filter(|session| session.ends_without_client()).map(|_| self.client));
        // upstream.
        let mut head = BytesMut::new();
        let host = parts.headers.get(header::HOST).map_or(target.host.as_bytes(), |h| h.as_bytes());
        let authority = parts.uri.authority().map(|a| a.as_str().as_bytes());
        let host = self.live.heard(authority.unwrap_or(host), &target.host);
        let around = Surroundings {
            method: &parts.method,
            forward: &self.forwarded(&target),
            host: &host,
            client: self.client,
            request: self.id,
            framing,
            upgrade: on_upgrade.as_ref().and_then(|_| parts.headers.get(header::UPGRADE)),
            identity_encoding: route.mask_cards,
        };
        request::write_head(&mut head, &around, &parts.headers);
        let asked_head = parts.method == Method::HEAD;
        let body = (framing != BodyFraming::None && framing != BodyFraming::Zero).then_some(body);
        let outgoing = Forward { head: &head, method: &parts.method, asked_head, body, framing };
        let http_11 = parts.version == Version::HTTP_11;
        let forwarded = self.forward(outgoing, http_11).await;
        let forwarded = forwarded.and_then(|told| self.as_asked(told, on_upgrade.is_some()));
        if let (Err(error), Some(session)) = (&forwarded, &mut session) {
            session.unanswered(error.unanswered());
        }
        let (outcome, server) = forwarded.map_err(|error| self.stopped_on_the_way(error))?;
        self.flag_late(&parts.method);
        // inspect response, session, headers, leak.
        match outcome {
            Outcome::Response(response) => {
                let place = Answering {
                    route,
                    target: &target,
                    coding,
                    server: &server,
                    inspection: &mut inspection,
                    session,
                };
                self.answer(response, place).await
            }
            Outcome::Switched { mut head, wire } => match on_upgrade {
                Some(client) => match self.tell_switch(&mut session, &mut head).await {
                    Some(instead) => Ok(instead),
                    None => self.switch(head, wire, client, &parts.headers, route),
                },
                None => Err(Stopped::Upstream(UpstreamError::Unasked("response.unasked_upgrade"))),
            },
        }
    }

    /// Whether the client asks for a WebSocket, in either way.
    fn upgrades(&mut self, request: &Request<Incoming>) -> Result<bool, Stopped> {
        let asked = request::check_connection(request.headers()).map_err(Stopped::Refused)?;
        let Some(handshake) = &mut self.websocket else {
            return Ok(asked && request.method() == Method::GET);
        };
        // RFC 8441 5: the version is the client's to say.
        let version = request.headers().get(header::SEC_WEBSOCKET_VERSION);
        if version.is_none_or(|version| version != "13") {
            return Err(Stopped::Refused(Refused { status: 400, code: "websocket.version" }));
        }
        handshake.place = self.connection.tunnel_place();
        match handshake.place {
            Some(_) => Ok(true),
            None => Err(Stopped::Refused(Refused { status: 429, code: "websocket.too_many" })),
        }
    }

    fn canonical(&mut self, request: &Request<Incoming>, asked: &AskedWith<'_>) -> Result<Target, Stopped> {
        // HTTP/1.1 heads were counted before hyper read them; HTTP/2 bounds the size of the list only.
        let read = match request.headers().len() > self.live.limits.headers {
            true => Err(Refused { status: 431, code: "head.too_many_headers" }),
            false => canonical::check_method(request.method())
                .and_then(|()| canonical::target(request.uri(), request.headers(), &self.live.names)),
        };
        read.map_err(|refused| {
            let uri = request.uri();
            self.ending.note_refused(asked, uri.path(), uri.query());
            // Browsers do send what is refused of a path.
            let host = request.headers().get(header::HOST).and_then(|line| line.to_str().ok());
            let host = host.or(uri.host()).unwrap_or_default();
            self.ending.record.initiator = initiator::of(request.method(), asked, host);
            Stopped::Refused(refused)
        })
    }

    /// What the request asks for, and by which rules; written down at once.
    fn read(&mut self, request: &Request<Incoming>) -> Result<(Target, &'a Route), Stopped> {
        let asked = AskedWith::from(request.headers());
        self.form = pages::Form::of(&asked);
        let target = self.canonical(request, &asked)?;
        let route = self.live.routes.of(&target.path);
        self.ending.note_request(&asked, &target.path, target.query());
        self.ending.record.host = self.live.host_label(&target.host);
        self.ending.record.route = route.name.clone();
        self.ending.record.initiator = initiator::of(request.method(), &asked, &target.host);
        if !self.is_named {
            return Err(Stopped::Refused(Refused { status: 400, code: "client.unreadable" }));
        }
        request::check_content_type(request.headers()).map_err(Stopped::Refused)?;
        Ok((target, route))
    }

    fn emission(&self, event: storeward_events::Event) -> Emission {
        Emission { at: self.ending.record.at, request: Some(self.id), client: Some(self.client), event }
    }

    fn emit(&self, event: storeward_events::Event) {
        self.core.shared.emit.emit(self.emission(event));
    }

    /// The answer to a request that did not reach the shop, or that the shop did not answer.
    async fn stopped(mut self, stopped: Stopped) -> Response<EdgeBody> {
        let (notice, code) = match &stopped {
            Stopped::Refused(refused) => {
                self.ending.record.verdict = Verdict::Refused;
                self.ending.record.reason = refused.code.into();
                if self.core.may_tell_refusal() {
                    self.emit(
                        RequestRefused { status: refused.status, reason: refused.code.to_owned() }.into(),
                    );
                }
                let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::BAD_REQUEST);
                (Notice::Refused(status), refused.code)
            }
            Stopped::Blocked(found) => {
                self.tell_block(found).await;
                match found.category {
                    Category::CardNumber => (Notice::CardNumber, "card_number"),
                    _ if self.ending.record.is_withheld() => (Notice::Withheld, "withheld"),
                    _ => (Notice::Blocked, "blocked"),
                }
            }
            Stopped::Banned => {
                self.ending.record.verdict = Verdict::Banned;
                (Notice::Banned, "banned")
            }
            Stopped::Challenged => {
                let response = self.challenge();
                let (parts, body) = response.into_parts();
                return self.finish(Answer::Whole(parts, body));
            }
            Stopped::Limited(limited) => (self.tell_limited(limited), limited.code),
            Stopped::Closed => {
                self.tell_closed().await;
                (Notice::Closed, AccessRecord::ROUTE_CLOSED)
            }
            Stopped::TooLarge => {
                self.ending.record.verdict = Verdict::Refused;
                self.ending.record.reason = "body.too_large".into();
                (Notice::TooLarge, "body.too_large")
            }
            Stopped::ClientLeft => {
                self.ending.record.reason = "client.left".into();
                (Notice::Refused(StatusCode::BAD_REQUEST), "request.body")
            }
            Stopped::Upstream(error) => {
                self.ending.record.reason = error.code().into();
                let notice = match error {
                    UpstreamError::Timeout => Notice::TooSlow,
                    _ => Notice::Maintenance,
                };
                (notice, error.code())
            }
        };
        let response = pages::notice(notice, self.form, &self.live.look, self.id, code);
        let (mut parts, body) = response.into_parts();
        if matches!(stopped, Stopped::Refused(_) | Stopped::TooLarge | Stopped::ClientLeft) {
            // The rest of such a connection is not worth its risk.
            parts.headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        self.finish(Answer::Whole(parts, body))
    }

    fn finish(mut self, answer: Answer) -> Response<EdgeBody> {
        match answer {
            Answer::Whole(mut parts, body) => {
                self.ending.note_response(parts.status.as_u16(), &parts.headers);
                if self.ending.record.protocol == Protocol::Http2 {
                    parts.headers.remove(header::CONNECTION);
                }
                let body = EdgeBody::whole(body, self.connection.clone(), self.in_flight, self.ending);
                Response::from_parts(parts, body)
            }
            Answer::Stream(parts, flow) => {
                self.ending.note_response(parts.status.as_u16(), &parts.headers);
                let body = EdgeBody::stream(*flow, self.connection.clone(), self.in_flight, self.ending);
                Response::from_parts(parts, body)
            }
            Answer::Switched(parts, client, wire) => {
                self.ending.note_response(parts.status.as_u16(), &parts.headers);
                // The tunnel writes the real ending; the empty body of the 101 needs one of its own that says nothing.
                let connection = self.connection.clone();
                if let Some(handshake) = self.websocket {
                    // One stream of many: the connection goes on, and the tunnel minds itself.
                    let idle = self.live.timeouts.tunnel_idle;
                    let watched = crate::tunnel::Watched {
                        connection: connection.clone(),
                        idle,
                        place: handshake.place,
                        attendants: self.attendants,
                    };
                    let joined =
                        crate::tunnel::join_watched(client, *wire, self.in_flight, self.ending, watched);
                    tokio::task::spawn_local(joined);
                } else {
                    let joined =
                        crate::tunnel::join(client, *wire, self.in_flight, self.ending, self.attendants);
                    self.tunnel.put(joined);
                }
                Response::from_parts(parts, EdgeBody::nothing(connection))
            }
        }
    }

    fn switch(
        &mut self,
        head: upstream::response::Head,
        wire: Box<upstream::wire::Wire>,
        client: hyper::upgrade::OnUpgrade,
        asked: &HeaderMap,
        route: &Route,
    ) -> Result<Answer, Stopped> {
        let mut headers = head.headers;
        crate::response::hide_banners(&mut headers, &route.headers);
        if route.headers.cookies {
            crate::response::secure_cookies(&mut headers);
        }
        // Nor may it pack messages that are heard: nobody asked for that (RFC 6455 4.1).
        let is_packed = headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS);
        if self.attendants.listener.is_some() && is_packed {
            return Err(Stopped::Upstream(UpstreamError::Response("response.websocket")));
        }
        // Whatever else the shop would speak from here on (`h2c`) is nothing that anybody asked for.
        if !head.upgrade.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket")) {
            return Err(Stopped::Upstream(UpstreamError::Response("response.websocket")));
        }
        if let Some(handshake) = &self.websocket {
            if !handshake.settle(&mut headers) {
                return Err(Stopped::Upstream(UpstreamError::Response("response.websocket")));
            }
            return Ok(Answer::Switched(parts(StatusCode::OK, headers), client, wire));
        }
        if !crate::websocket::is_accepted(&headers, asked.get(header::SEC_WEBSOCKET_KEY)) {
            return Err(Stopped::Upstream(UpstreamError::Response("response.websocket")));
        }
        headers.insert(header::CONNECTION, header::HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
        self.connection.become_tunnel();
        Ok(Answer::Switched(parts(StatusCode::SWITCHING_PROTOCOLS, headers), client, wire))
    }

    /// Sends the request to a server that is up; another one, or a fresh connection, where nothing was sent yet.
    async fn forward(
        &mut self,
        mut outgoing: Forward<'_>,
        http_11: bool,
    ) -> Result<(Outcome, Arc<Server>), UpstreamError> {
        let mut tried: Vec<Arc<Server>> = Vec::new();
        let mut fresh_only = false;
        let use_for = if is_idempotent(outgoing.method) { Use::Repeatable } else { Use::Once };
        loop {
            let none = || if fresh_only { broke_off() } else { UpstreamError::NoneUp };
            let server = self.live.balancer.choose(&tried).cloned().ok_or_else(none)?;
            self.ending.record.upstream = Some(server.name.clone());
            let pooled = if fresh_only { None } else { self.core.pool.take(&server, use_for) };
            let wire = match pooled {
                Some(wire) => wire,
                // Boxed: rare, and the largest part of all.
                None => match Box::pin(server.connect(self.live.connect_timeout)).await {
                    Ok(wire) => wire,
                    Err(error) => {
                        self.core.shared.note_health(&server, server.health.failed(), error.code());
                        tried.push(server);
                        if tried.len() >= self.live.balancer.servers().len().min(3) {
                            // On a kept connection it was sent.
                            return Err(if fresh_only { broke_off() } else { error });
                        }
                        continue;
                    }
                },
            };
            let reused = wire.reused;
            let began = std::time::Instant::now();
            let connection = self.connection;
            let mut early_hints = |head: &upstream::response::Head| {
                if http_11 {
                    connection.push_interim(&response::interim(head));
                }
            };
            let request = upstream::exchange::Outgoing {
                head: outgoing.head,
                asked_head: outgoing.asked_head,
                body: outgoing.body.take(),
                chunked: outgoing.framing == BodyFraming::Chunked,
                early_hints: &mut early_hints,
            };
            let limit = self.live.response_timeout;
            match upstream::send(wire, &self.core.pool, &server, request, limit).await {
                Ok(outcome) => {
                    let now = std::time::Instant::now();
                    let took = u64::try_from((now - began).as_micros()).unwrap_or(u64::MAX);
                    self.ending.record.upstream_us = Some(took);
                    self.core.shared.note_health(&server, server.health.succeeded_at(now), "");
                    return Ok((outcome, server));
                }
                // A kept connection may have been closed by the shop just now: once more, on a fresh one, if repeating
                // cannot do harm (RFC 9110 9.2.2) and nothing of a body is lost.
                Err((UpstreamError::Broken(_), untouched))
                    if reused
                        && is_idempotent(outgoing.method)
                        && (untouched.is_some() || !outgoing.has_body()) =>
                {
                    outgoing.body = untouched;
                    fresh_only = true;
                }
                Err((error, _)) => {
                    if speaks_against(&error, reused) {
                        // Where another server is up, it may be this one alone that fails, whatever it says of its health. The last one
                        // is not taken out by a page.
                        let change = match self.live.balancer.has_beside(&server) {
                            true => server.health.failed(),
                            false => server.health.failed_beside(began, std::time::Instant::now()),
                        };
                        self.core.shared.note_health(&server, change, error.code());
                    }
                    return Err(error);
                }
            }
        }
    }
}

/// A request ready to be sent.
struct Forward<'a> {
    head: &'a [u8],
    method: &'a Method,
    asked_head: bool,
    body: Option<ClientBody>,
    framing: BodyFraming,
}

impl Forward<'_> {
    fn has_body(&self) -> bool {
        !matches!(self.framing, BodyFraming::None | BodyFraming::Zero)
    }
}

/// What the answer is made of.
enum Answer {
    Whole(http::response::Parts, Bytes),
    Stream(http::response::Parts, Box<Flow>),
    Switched(http::response::Parts, hyper::upgrade::OnUpgrade, Box<upstream::wire::Wire>),
}

/// What the answering step needs to know of the request.
struct Answering<'a, 'i> {
    route: &'a Route,
    target: &'a Target,
    coding: coding::Wish,
    server: &'a Server,
    inspection: &'a mut inspection::Inspection<'i>,
    session: stages::Session,
}

fn parts(status: StatusCode, headers: HeaderMap) -> http::response::Parts {
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = status;
    parts.headers = headers;
    parts
}

fn broke_off() -> UpstreamError {
    UpstreamError::Broken(std::io::ErrorKind::ConnectionReset.into())
}

fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

/// Whether an error may say that the server is in trouble. A request that it answers badly does not (anybody could send
/// three of those), nor does a kept connection that it closed, which is its right; the others where nobody else is answered either.
fn speaks_against(error: &UpstreamError, reused: bool) -> bool {
    match error {
        UpstreamError::Connect(_) | UpstreamError::ConnectTimeout | UpstreamError::Timeout => true,
        UpstreamError::Broken(_) => !reused,
        UpstreamError::Response(_) | UpstreamError::Unasked(_) => false,
        UpstreamError::Body(_) | UpstreamError::NoneUp => false,
    }
}

/// How the body goes on to the shop; refuses an announced length over the route's limit.
fn body_framing(
    method: &Method,
    headers: &HeaderMap,
    body: &Incoming,
    route: &Route,
) -> Result<BodyFraming, Stopped> {
    if body.is_end_stream() {
        // POST without a body still announces it: some servers wait otherwise.
        let announces = matches!(*method, Method::POST | Method::PUT | Method::PATCH)
            || headers.contains_key(header::CONTENT_LENGTH);
        return Ok(if announces { BodyFraming::Zero } else { BodyFraming::None });
    }
    match body.size_hint().exact() {
        Some(length) if length > route.body_bytes => Err(Stopped::TooLarge),
        Some(length) => Ok(BodyFraming::Length(length)),
        None => Ok(BodyFraming::Chunked),
    }
}
