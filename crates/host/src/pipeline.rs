//! Where domains stand in the way of a request: with pages of their own on the shop's host, and between the client's
//! session and the shop's.
//!
//! The edge owns the way itself and its order; a domain hands it one of the two below and never sees the other steps.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use storeward_base::{ClientIp, RequestId, Timestamp};
use storeward_web::axum::Router;
use storeward_web::axum::body::Body;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// Everything of ours on the shop's host lies below this path, which no shop uses.
pub const OWN_PREFIX: &str = "/.storeward";

/// Names of our own cookies on the shop's host begin so. The edge shows the shop none of them, and lets it set none.
pub const OWN_COOKIES: &str = "__Host-storeward-";

/// By this field the gate says who came through it. The edge takes away what clients write under such names, before any stage.
pub const ASSERTION: &str = "storeward-assertion";

/// A page that stalls is passed on as it is rather than held back longer, where no stage says otherwise.
pub const PATIENCE: Duration = Duration::from_millis(100);

/// The longest body of a request to our own pages, and to those places of theirs that take long ones.
pub const OWN_REQUEST_BYTES: usize = 256 * 1024;
pub const LONG_REQUEST_BYTES: usize = 576 * 1024;

/// The longest answer of our own pages.
const OWN_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// What the edge asks on the way of each request. Empty until a domain fills it.
#[derive(Clone, Default)]
pub struct Stages {
    pub own: Option<OwnPages>,
    pub session: Option<Arc<dyn SessionStage>>,
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stages")
            .field("own", &self.own.is_some())
            .field("session", &self.session.is_some())
            .finish()
    }
}

/// Pages and interfaces that are answered in the shop's place.
#[derive(Clone)]
pub struct OwnPages {
    hosts: Arc<[String]>,
    rooms: Arc<[Room]>,
    /// Where messages arrive whose signature decides.
    inboxes: Arc<[String]>,
    /// Places that take long bodies, besides the inboxes.
    long: Arc<[String]>,
    /// Who is told of requests that were not read, by where their pages are.
    refusals: Arc<[(String, Unread)]>,
    /// Where answers are made; on the thread that asks without it.
    beside: Option<Handle>,
}

/// Hears where a request was sent whose body was too long, or for which there was no room. It runs on the core that serves: it waits for
/// nothing.
pub type Unread = Arc<dyn Fn(&Uri) + Send + Sync>;

/// What one domain answers.
#[derive(Clone)]
struct Room {
    path: String,
    router: Router,
}

impl OwnPages {
    /// `router` answers below [`OWN_PREFIX`] and, by itself, sets every header of its answers. `paths` are further
    /// places of the shop's host, such as `/.well-known/security.txt`; `hosts` are sibling hosts that are ours
    /// altogether, in lower case, where `router` also answers what nobody else does.
    pub fn new(router: Router, paths: &[&str], hosts: &[String]) -> Self {
        let none = OwnPages {
            hosts: hosts.into(),
            rooms: Arc::default(),
            inboxes: Arc::default(),
            long: Arc::default(),
            refusals: Arc::default(),
            beside: None,
        };
        none.with(&[&[OWN_PREFIX], paths].concat(), router)
    }

    /// Gives further places, or places below those that are taken, to another domain's router: of several that cover a
    /// path the longest answers, whole segments only.
    #[must_use]
    pub fn with(self, paths: &[&str], router: Router) -> Self {
        let further = paths.iter().map(|path| Room { path: (*path).to_owned(), router: router.clone() });
        OwnPages { rooms: self.rooms.iter().cloned().chain(further).collect(), ..self }
    }

    /// At these paths of its own programs send messages that bear a signature, such as a payment provider's. A `POST` there is held
    /// up by no ban and by no client's pace, but has room of its own; what it says is believed by its signature alone, and 200 says
    /// that it was good.
    #[must_use]
    pub fn with_inboxes(self, paths: &[&str]) -> Self {
        let further = paths.iter().map(|path| (*path).to_owned());
        OwnPages { inboxes: self.inboxes.iter().cloned().chain(further).collect(), ..self }
    }

    /// At these canonical paths bodies of [`LONG_REQUEST_BYTES`] are taken.
    #[must_use]
    pub fn with_long(self, paths: &[&str]) -> Self {
        let further = paths.iter().map(|path| (*path).to_owned());
        OwnPages { long: self.long.iter().cloned().chain(further).collect(), ..self }
    }

    /// The longest body of a request for this canonical path.
    pub fn most_bytes(&self, path: &str) -> usize {
        let is_long = self.is_inbox(path) || self.long.iter().any(|long| long == path);
        if is_long { LONG_REQUEST_BYTES } else { OWN_REQUEST_BYTES }
    }

    /// Tells of requests for these places that were not read: the router is asked of none of them.
    #[must_use]
    pub fn telling(self, path: &str, told: Unread) -> Self {
        let further = [(path.to_owned(), told)];
        OwnPages { refusals: self.refusals.iter().cloned().chain(further).collect(), ..self }
    }

    /// A request was too long, or found no room, and is refused.
    pub fn unread(&self, uri: &Uri) {
        for (_, told) in self.refusals.iter().filter(|(path, _)| covers(path, uri.path())) {
            told(uri);
        }
    }

    /// Whether such messages arrive at this canonical path.
    pub fn is_inbox(&self, path: &str) -> bool {
        self.inboxes.iter().any(|inbox| inbox == path)
    }

    /// Makes the answers on this runtime's threads, so that none of ours keeps one of the shop's waiting: a page of ours is made in
    /// one go, and whatever else the thread serves waits as long.
    #[must_use]
    pub fn beside(self, runtime: Handle) -> Self {
        OwnPages { beside: Some(runtime), ..self }
    }

    /// Whether a request for this host and canonical path is ours to answer.
    pub fn takes(&self, host: &str, path: &str) -> bool {
        self.room(path).is_some() || self.hosts.iter().any(|own| own == host)
    }

    fn room(&self, path: &str) -> Option<&Room> {
        let covering = self.rooms.iter().filter(|room| covers(&room.path, path));
        covering.max_by_key(|room| room.path.len())
    }

    /// Answers. A failure inside becomes a bare 500: the router explains its own.
    pub async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let Some(room) = self.room(request.uri().path()).or_else(|| self.rooms.first()) else {
            return bare(StatusCode::NOT_FOUND);
        };
        let answering = whole(room.router.clone(), request);
        match &self.beside {
            None => answering.await,
            Some(runtime) => Errand(runtime.spawn(answering)).await,
        }
    }
}

async fn whole(router: Router, request: Request<Bytes>) -> Response<Bytes> {
    let answered = router.oneshot(request.map(Body::from)).await;
    let (parts, body) = answered.unwrap_or_else(|never| match never {}).into_parts();
    match Limited::new(body, OWN_ANSWER_BYTES).collect().await {
        Ok(whole) => Response::from_parts(parts, whole.to_bytes()),
        Err(_) => bare(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// An answer that is made elsewhere, for as long as somebody waits for it: whoever leaves gives their place in every queue back.
struct Errand(JoinHandle<Response<Bytes>>);

impl Future for Errand {
    type Output = Response<Bytes>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let done = Pin::new(&mut self.0).poll(cx);
        done.map(|answer| answer.unwrap_or_else(|_| bare(StatusCode::INTERNAL_SERVER_ERROR)))
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn bare(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// Whole segments: `/a` covers `/a` and `/a/b`, not `/ab`.
fn covers(own: &str, path: &str) -> bool {
    path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A request as the stages see it.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    pub id: RequestId,
    pub at: Timestamp,
    pub client: ClientIp,
    pub method: &'a Method,
    /// Decoded once; the same form that routes and rules see.
    pub path: &'a str,
    /// The path as the client wrote it, and as the shop will see it.
    pub written: &'a str,
    /// As the client wrote it, without `?`.
    pub query: Option<&'a str>,
    /// Lower case, without port.
    pub host: &'a str,
    /// The host with the port that clients use.
    pub authority: &'a str,
    /// Whether an error is told as problem+json rather than as a page.
    pub wants_problem: bool,
    pub headers: &'a HeaderMap,
}

/// Stands between the client's session and the shop's.
pub trait SessionStage: Send + Sync {
    /// Looks at a request that passed inspection. `None` when it is none of this stage's business. Called for every
    /// request on the cores that serve: it neither waits nor takes a lock that others hold for long.
    fn enter(&self, head: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>>;
}

/// What a stage waits for; runs on the core that serves the request.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// One request and its response on their way through the [`SessionStage`].
pub trait SessionExchange {
    /// How many bytes of the request's body the stage has to see; `None` when it needs none. It is shown more where more
    /// was read already. All of it is in memory until the request has gone on, so whoever asks for much counts it.
    fn request_body_bytes(&self) -> Option<usize> {
        None
    }

    /// Before the shop: may change the headers that go to it, or answer in its place.
    fn request<'a>(&'a mut self, headers: &'a mut HeaderMap, body: Seen<'a>) -> Later<'a, Passage>;

    /// Asked once, as the request goes on to the shop: whether the exchange goes on to its end, for some minutes at most, where the client
    /// leaves before the answer is there. So the stage sees what came of it, where it had to guess otherwise.
    fn ends_without_client(&self) -> bool {
        false
    }

    /// The shop gave no answer, and [`SessionExchange::response`] is not called.
    fn unanswered(&mut self, why: Unanswered) {
        let _ = why;
    }

    /// How many bytes of the response's body the stage has to see. What is seen is held back until
    /// [`SessionExchange::response`] has decided.
    fn response_body_bytes(&self, status: StatusCode, headers: &HeaderMap) -> Option<usize> {
        let _ = (status, headers);
        None
    }

    /// How long the shop may pause within what [`SessionExchange::response_body_bytes`] asks for; what has come by then is
    /// shown, as not complete.
    fn patience(&self) -> Duration {
        PATIENCE
    }

    /// Behind the shop: may change the headers that go to the client, or answer in its place. Not called when the
    /// shop did not answer.
    fn response<'a>(
        &'a mut self,
        status: StatusCode,
        headers: &'a mut HeaderMap,
        body: Seen<'a>,
    ) -> Later<'a, Passage>;

    /// Asked once, when the shop has taken an upgrade and nothing else will come past this stage: who minds that the session goes
    /// on standing while bytes pass. `None` where there is nothing to mind.
    fn mind(&mut self) -> Option<Box<dyn Minder>> {
        None
    }

    /// Asked once where the shop's answer goes on after its head, such as a stream of events: who minds that the session goes on standing
    /// meanwhile. The answer is broken off where it does not. `None` where there is nothing to mind.
    fn mind_body(&mut self) -> Option<Box<dyn Minder>> {
        None
    }

    /// Asked once, as [`SessionExchange::mind`]: who hears what the client says on the open connection. Whoever wants to must have
    /// taken `Sec-WebSocket-Extensions` out of the request, or messages may be packed.
    fn listen(&mut self) -> Option<Box<dyn Listener>> {
        None
    }
}

/// Why there is no answer of the shop's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// No server could be reached: not a byte of the request was sent.
    NotSent,
    /// The shop ended the connection before its answer, or what it answered is none.
    BrokenOff,
    /// Anything else, such as an answer that is late: the shop may be at it still.
    Unknown,
}

/// Hears each message of the client on a WebSocket, before the shop does.
pub trait Listener {
    /// How long a message may be, in bytes. A longer one ends the connection.
    fn most_bytes(&self) -> usize;

    /// Whether a whole message, of text or of bytes, may go on. Otherwise the connection ends.
    fn may_pass<'a>(&'a mut self, message: &'a [u8]) -> Later<'a, bool>;
}

/// What becomes of the next piece of what the shop says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Going {
    On,
    /// Somebody may be signing in to its session at this moment: it is asked again until that is decided.
    Wait,
    Over,
}

/// Minds a session behind a connection that became a tunnel, or behind an answer that goes on: it ends no later than [`Minder::every`] after the session did.
pub trait Minder {
    /// How often it is asked.
    fn every(&self) -> Duration;

    /// Asked before each piece that the shop says is handed on. It must cost next to nothing.
    fn going(&self) -> Going {
        Going::On
    }

    /// What the client says in a tunnel goes to the shop now: told before each piece of it, but for what only keeps the connection open. It must cost
    /// next to nothing.
    fn note_words(&self) {}

    /// Whether it may stay open. What cannot be asked does not stand.
    fn stands(&self) -> Later<'_, bool>;
}

/// What was read of a body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    pub bytes: &'a [u8],
    /// Whether that is all of it. A stage that needs the whole must refuse a longer one.
    pub complete: bool,
}

/// Where an exchange goes on.
#[derive(Debug)]
pub enum Passage {
    /// To the next step.
    On,
    /// Back to the client with this, and no further.
    Instead(Box<Response<Bytes>>),
    /// To the next step, with this in the place of the shop's body. Only of a response whose body was seen whole.
    Body(Bytes),
    /// To the next step, with the body changed on its way. It sees what the client would have got, but for the compression.
    /// Of a request it means [`Passage::On`].
    Through(Box<dyn Rewrite>),
}

/// Changes a body while it streams to the client.
pub trait Rewrite: fmt::Debug {
    /// Takes the next piece and appends what can go on. A failure ends the answer where it is.
    fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> io::Result<()>;

    /// The body is over: appends what was held back.
    fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()>;
}

/// A body that is at hand as a whole, rewritten.
pub fn rewritten(mut rewrite: Box<dyn Rewrite>, body: &[u8]) -> io::Result<Bytes> {
    let mut out = Vec::with_capacity(body.len() + 512);
    rewrite.push(body, &mut out)?;
    rewrite.finish(&mut out)?;
    Ok(Bytes::from(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_web::axum::routing::get;

    fn pages() -> OwnPages {
        let router = Router::new().route("/.storeward/hello", get(|| async { "hello" }));
        OwnPages::new(router, &["/.well-known/security.txt"], &["id.shop.example".to_owned()])
    }

    #[test]
    fn takes_its_own_places_only() {
        let pages = pages();
        for (host, path, ours) in [
            ("shop.example", "/.storeward", true),
            ("shop.example", "/.storeward/sign-in", true),
            ("shop.example", "/.storewards", false),
            ("shop.example", "/a/.storeward", false),
            ("shop.example", "/.well-known/security.txt", true),
            ("shop.example", "/.well-known/acme-challenge/x", false),
            ("id.shop.example", "/anything", true),
            ("evil.id.shop.example", "/anything", false),
        ] {
            assert_eq!(pages.takes(host, path), ours, "{host} {path}");
        }
    }

    #[tokio::test]
    async fn answers_in_process() {
        let ask = |path: &str| Request::get(path).body(Bytes::new()).expect("a plain path is a request");
        let found = pages().answer(ask("/.storeward/hello")).await;
        assert_eq!((found.status(), found.body().as_ref()), (StatusCode::OK, &b"hello"[..]));
        assert_eq!(pages().answer(ask("/.storeward/other")).await.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn what_was_too_long_is_told_to_whose_it_is() {
        let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
        let told = Arc::clone(&heard);
        let note = move |uri: &Uri| told.lock().expect("nobody panics in it").push(uri.to_string());
        let pages = pages().telling("/.storeward/reports", Arc::new(note));
        for uri in ["/.storeward/reports/one?k=1", "/.storeward/reportsman", "/.storeward/hello"] {
            pages.unread(&Uri::from_static(uri));
        }
        assert_eq!(*heard.lock().expect("nobody panics in it"), ["/.storeward/reports/one?k=1"]);
    }

    // A page that is made where the shop's pages are served keeps them waiting.
    #[test]
    fn answers_are_made_on_the_threads_that_were_given_for_it() {
        let mut threads = tokio::runtime::Builder::new_multi_thread();
        let threads = threads.worker_threads(1).thread_name("pages").build().expect("a runtime");
        let where_made = || async { std::thread::current().name().unwrap_or_default().to_owned() };
        let (left, seen) = std::sync::mpsc::channel();
        let waits = move || {
            let left = left.clone();
            async move {
                // Told when it is dropped.
                let _told = Told(left);
                std::future::pending::<()>().await;
            }
        };
        let router = Router::new()
            .route("/.storeward/hello", get(where_made))
            .route("/.storeward/broken", get(|| async { panic!("a page's fault") as String }))
            .route("/.storeward/waits", get(waits));
        let pages = OwnPages::new(router, &[], &[]).beside(threads.handle().clone());
        let ask = |path: &str| Request::get(path).body(Bytes::new()).expect("a plain path is a request");
        let here = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        here.block_on(async {
            let made = pages.answer(ask("/.storeward/hello")).await;
            assert_eq!(made.body().as_ref(), b"pages");
            assert_eq!(
                pages.answer(ask("/.storeward/broken")).await.status(),
                StatusCode::INTERNAL_SERVER_ERROR
            );
            assert_eq!(pages.answer(ask("/.storeward/hello")).await.status(), StatusCode::OK, "it goes on");
            let given_up = pages.answer(ask("/.storeward/waits"));
            assert!(tokio::time::timeout(Duration::from_millis(50), given_up).await.is_err());
        });
        assert_eq!(
            seen.recv_timeout(Duration::from_secs(60)),
            Ok(()),
            "whoever left is waited for no longer"
        );
    }

    struct Told(std::sync::mpsc::Sender<()>);

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    #[tokio::test]
    async fn the_longest_place_answers() {
        let lessons = Router::new().fallback(|| async { "lessons" });
        let pages = pages().with(&["/.storeward/learn", "/.well-known/more"], lessons);
        let ask = |path: &str| Request::get(path).body(Bytes::new()).expect("a plain path is a request");
        for (path, text) in [
            ("/.storeward/hello", "hello"),
            ("/.storeward/learn", "lessons"),
            ("/.storeward/learn/phishing", "lessons"),
            ("/.storeward/learning", ""),
            ("/.well-known/more", "lessons"),
        ] {
            assert!(pages.takes("shop.example", path), "{path}");
            assert_eq!(pages.answer(ask(path)).await.body().as_ref(), text.as_bytes(), "{path}");
        }
        assert!(!pages.takes("shop.example", "/.well-known/moreover"));
    }
}
