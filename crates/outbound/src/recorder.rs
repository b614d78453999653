//! For tests, here and in other crates: a server on this machine that writes down what it was sent and answers what it is
//! told. It runs in a thread of its own, so tests with and without a runtime can use it.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::{oneshot, watch};

/// So many requests are kept; the oldest goes first.
const MOST_KEPT: usize = 10_000;
/// More than this of a request's body is not read.
const LARGEST_BODY_BYTES: usize = 32 * 1024 * 1024;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub method: Method,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Recorded {
    /// A header's first value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    delay: Duration,
}

impl Answer {
    /// A status that is none becomes 500.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Answer {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers: HeaderMap::new(),
            body: body.into(),
            delay: Duration::ZERO,
        }
    }

    /// Adds a header; one that cannot be sent is left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            self.headers.append(name, value);
        }
        self
    }

    /// Answers only after this long.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// The server. Dropping it stops it.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    requests: VecDeque<Recorded>,
    came: usize,
    next: VecDeque<Answer>,
    at: BTreeMap<String, Answer>,
    otherwise: Option<Answer>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer_to(&self, request: Recorded) -> Answer {
        let mut state = self.state();
        let path = request.target.split('?').next().unwrap_or_default().to_owned();
        state.requests.push_back(request);
        while state.requests.len() > MOST_KEPT {
            state.requests.pop_front();
        }
        state.came += 1;
        let count = state.came;
        let told = state.next.pop_front();
        let told = told.or_else(|| state.at.get(&path).cloned()).or_else(|| state.otherwise.clone());
        drop(state);
        self.count.send_replace(count);
        told.unwrap_or_else(|| Answer::new(200, ""))
    }
}

impl Recorder {
    /// Listens on a free port of 127.0.0.1. Answers 200 with nothing until told otherwise.
    pub fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared { state: Mutex::default(), count: watch::channel(0).0 });
        let (stop, stopped) = oneshot::channel();
        let served = shared.clone();
        let thread = std::thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    _ = stopped => {}
                    () = serve(listener, served) => {}
                }
            });
        })?;
        Ok(Recorder { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers one request so, after those that were told before; goes before everything else.
    pub fn answer_next(&self, answer: Answer) {
        self.shared.state().next.push_back(answer);
    }

    /// Answers every request for this path so.
    pub fn answer_at(&self, path: &str, answer: Answer) {
        self.shared.state().at.insert(path.to_owned(), answer);
    }

    /// Answers every other request so.
    pub fn answer_otherwise(&self, answer: Answer) {
        self.shared.state().otherwise = Some(answer);
    }

    /// What was sent so far and is kept, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.state().requests.iter().cloned().collect()
    }

    /// Waits until so many requests have ever come, and gives those that are kept.
    pub async fn wait_for(&self, count: usize) -> Vec<Recorded> {
        let mut seen = self.shared.count.subscribe();
        // The sender lives in `self`: it cannot be gone.
        let _ = seen.wait_for(|seen| *seen >= count).await;
        self.requests()
    }
}

impl Recorder {
    /// Waits for requests beyond the first `seen` that ever came: how many came by now, and those of the further ones that
    /// are kept.
    pub async fn beyond(&self, seen: usize) -> (usize, Vec<Recorded>) {
        let mut count = self.shared.count.subscribe();
        // The sender lives in `self`: it cannot be gone.
        let _ = count.wait_for(|came| *came > seen).await;
        let state = self.shared.state();
        let fresh = state.came.saturating_sub(seen).min(state.requests.len());
        (state.came, state.requests.iter().skip(state.requests.len() - fresh).cloned().collect())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        let service = service_fn(move |request| respond(shared.clone(), request));
        tokio::spawn(async move {
            // A client that goes away in the middle is the test's own doing.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn respond(
    shared: Arc<Shared>,
    request: http::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body =
        Limited::new(body, LARGEST_BODY_BYTES).collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
    let answer = shared.answer_to(Recorded { method: parts.method, target, headers: parts.headers, body });
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}
