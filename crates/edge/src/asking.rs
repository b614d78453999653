//! Questions that our own domains ask the shop: who is signed in, sign this session out. They go by the same balancer and
//! the same client as customers' requests, from a thread of their own, and are bounded in number, size and time.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Response, header};
use http_body::Body as _;
use storeward_host::{AskShop, Asking, NoAnswer, Question, Stop};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::request::{self, BodyFraming, Surroundings};
use crate::server::{Shared, Snapshot};
use crate::upstream::balance::Use;
use crate::upstream::{self, IdlePool, Outcome, UpstreamError, UpstreamResponse};

/// Questions that wait for their turn; further ones are told at once that nobody answers.
const WAITING: usize = 256;
/// Questions under way.
const UNDER_WAY: usize = 64;
/// The longest answer; an account's page of a large shop has some hundred KiB.
const ANSWER_BYTES: usize = 2 * 1024 * 1024;
/// From the question to the last byte of the answer.
const PATIENCE: Duration = Duration::from_secs(10);

type Asked = (Question, oneshot::Sender<Result<Response<Bytes>, NoAnswer>>);

/// Where domains put their questions. Clones share the desk.
#[derive(Clone, Debug)]
pub struct Questions(mpsc::Sender<Asked>);

/// Where they are taken from.
#[derive(Debug)]
pub struct Desk(mpsc::Receiver<Asked>);

/// Both ends. Questions wait until the desk serves.
pub fn questions() -> (Questions, Desk) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Questions(sender), Desk(receiver))
}

impl AskShop for Questions {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.0.try_send((question, answer)).map_err(|_| NoAnswer("ask.crowded"))?;
            match tokio::time::timeout(PATIENCE, answered).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(NoAnswer("ask.stopped")),
                Err(_) => Err(NoAnswer("ask.too_slow")),
            }
        })
    }
}

impl Desk {
    /// Serves on a thread of its own until the stop.
    pub fn serve(self, shared: Arc<Shared>, stop: Stop) -> std::io::Result<std::thread::JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("edge-ask".to_owned()).spawn(move || {
            tokio::task::LocalSet::new().block_on(&runtime, self.run(shared, stop));
        })
    }

    async fn run(mut self, shared: Arc<Shared>, stop: Stop) {
        let pool = Rc::new(IdlePool::default());
        let seats = Arc::new(Semaphore::new(UNDER_WAY));
        loop {
            let next = tokio::select! {
                () = stop.stopping() => return,
                next = self.0.recv() => next,
            };
            let (Some((question, answer)), Ok(seat)) = (next, seats.clone().acquire_owned().await) else {
                return;
            };
            let (live, pool) = (shared.live.load_full(), pool.clone());
            tokio::task::spawn_local(async move {
                let asked = tokio::time::timeout(PATIENCE, put(&live, &pool, &question));
                let answered = asked.await.unwrap_or(Err(NoAnswer("ask.too_slow")));
                // Whoever asked may have left.
                let _ = answer.send(answered);
                drop(seat);
            });
        }
    }
}

/// One question and its whole answer.
async fn put(live: &Snapshot, pool: &Rc<IdlePool>, question: &Question) -> Result<Response<Bytes>, NoAnswer> {
    let server = live.balancer.choose(&[]).ok_or(NoAnswer("upstream.none_up"))?;
    let head = head_of(question);
    let mut fresh_only = false;
    loop {
        let pooled = if fresh_only { None } else { pool.take(server, Use::Repeatable) };
        let wire = match pooled {
            Some(wire) => wire,
            None => server.connect(live.connect_timeout).await.map_err(|e| NoAnswer(e.code()))?,
        };
        let reused = wire.reused;
        let outgoing = upstream::exchange::Outgoing {
            head: &head,
            asked_head: false,
            body: None,
            chunked: false,
            early_hints: &mut |_| {},
        };
        match upstream::send(wire, pool, server, outgoing, live.response_timeout).await {
            Ok(Outcome::Response(response)) => return whole(response).await,
            Ok(Outcome::Switched { .. }) => return Err(NoAnswer("response.unasked_upgrade")),
            // A kept connection that the shop closed just now. Asking twice who somebody is, or signing out twice, does
            // no harm.
            Err((UpstreamError::Broken(_), _)) if reused => fresh_only = true,
            Err((error, _)) => return Err(NoAnswer(error.code())),
        }
    }
}

fn head_of(question: &Question) -> BytesMut {
    let request = &question.request;
    let body = request.body();
    let framing = match u64::try_from(body.len()) {
        Ok(0) | Err(_) => BodyFraming::None,
        Ok(length) => BodyFraming::Length(length),
    };
    let around = Surroundings {
        method: request.method(),
        forward: request.uri().path_and_query().map_or("/", |target| target.as_str()),
        host: request.headers().get(header::HOST).map_or(b"", |host| host.as_bytes()),
        client: question.client,
        request: question.id,
        framing,
        upgrade: None,
        identity_encoding: true,
    };
    let mut head = BytesMut::new();
    request::write_head(&mut head, &around, request.headers());
    head.extend_from_slice(body);
    head
}

async fn whole(response: UpstreamResponse) -> Result<Response<Bytes>, NoAnswer> {
    let UpstreamResponse { head, mut body } = response;
    let mut bytes = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| NoAnswer("upstream.broken"))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > ANSWER_BYTES {
                return Err(NoAnswer("ask.too_large"));
            }
            bytes.extend_from_slice(&data);
        }
    }
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = head.status;
    parts.headers = head.headers;
    Ok(Response::from_parts(parts, bytes.freeze()))
}
