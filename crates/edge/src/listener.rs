//! One worker: accepts, shakes hands, hands connections to hyper, watches the slow, drains on a stop.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use storeward_base::ClientIp;
use storeward_host::Stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::access::{AccessRecord, TlsVersion, Verdict};
use crate::guard::{Connection, Gather, GuardedIo, HeadLimits, Watched, gather};
use crate::proxy_protocol;
use crate::record::{Ending, mask_method, mask_path};
use crate::serve::carried::Carrier;
use crate::serve::{self, Peer};
use crate::server::{Connections, Core, Shared};
use crate::sharing::{Counted, HandedOver, Workers};

/// What a worker is made of.
pub struct WorkerParts {
    pub shared: Arc<Shared>,
    pub https: std::net::TcpListener,
    pub http: Option<std::net::TcpListener>,
    pub tls: Arc<rustls::ServerConfig>,
    pub stop: Stop,
    /// Its place among the workers. The first also asks after the shop's health.
    pub number: usize,
    pub workers: Workers,
    pub handed_over: mpsc::Receiver<HandedOver>,
    pub alive: Arc<AtomicU32>,
}

/// Bytes that the kernel takes from us before they can be sent.
const UNSENT_BYTES: u32 = 128 * 1024;

/// Binds a listening socket that every worker will share.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Inherited by every connection. Without it the kernel takes megabytes ahead of a slow client and tells us nothing for
    // a minute at a time: the watch would take an honest reader for one that has stopped.
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    if address.is_ipv6() {
        // `[::]` serves IPv4 too, as people expect.
        socket.set_only_v6(false)?;
    }
    socket
        .bind(&address.into())
        .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}")))?;
    socket.listen(4_096)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Runs a worker until it is stopped and its connections are done or the deadline is over.
pub fn run_worker(parts: WorkerParts) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .expect("a runtime needs two file descriptors, which the listener's success shows are to be had");
    let local = tokio::task::LocalSet::new();
    parts.alive.fetch_add(1, Relaxed);
    let alive = parts.alive.clone();
    local.block_on(&runtime, worker(parts));
    alive.fetch_sub(1, Relaxed);
}

/// The worker's connections, for the watch and the stop.
#[derive(Default)]
struct Watch(RefCell<Vec<Entry>>);

struct Entry {
    connection: Arc<Connection>,
    watched: Watched,
    task: AbortHandle,
}

impl Watch {
    fn add(&self, connection: Arc<Connection>, task: AbortHandle) {
        self.0.borrow_mut().push(Entry { connection, watched: Watched::default(), task });
    }

    /// Closes what is overdue, forgets what has ended.
    fn look(&self, core: &Core) {
        let live = core.shared.live.load();
        self.0.borrow_mut().retain_mut(|entry| {
            if entry.task.is_finished() {
                return false;
            }
            let snapshot = entry.connection.snapshot();
            let Some(why) = snapshot.overdue(&mut entry.watched, &live.timeouts) else { return true };
            entry.connection.close_for(why);
            if why == "slow.idle" {
                // An idle connection leaves politely: GOAWAY or a plain close.
                entry.connection.drain();
                if entry.connection.asked_to_drain_before() {
                    entry.task.abort();
                }
            } else {
                entry.task.abort();
            }
            true
        });
    }

    fn drain(&self) {
        for entry in self.0.borrow().iter() {
            entry.connection.drain();
            // It has asked for nothing yet, and a handshake has nothing to finish.
            if entry.connection.in_handshake() {
                entry.task.abort();
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.0.borrow_mut().retain(|entry| !entry.task.is_finished());
        self.0.borrow().is_empty()
    }
}

async fn worker(parts: WorkerParts) {
    let WorkerParts { shared, https, http, tls, stop, number, workers, mut handed_over, .. } = parts;
    let (carrier, carrying) = Carrier::new();
    tokio::task::spawn_local(carrying);
    let core = Rc::new(Core::new(shared, carrier));
    let watch = Rc::new(Watch::default());
    let Ok(listener) = TcpListener::from_std(https) else { return };
    let acceptor = TlsAcceptor::from(tls);
    if let Some(plain) = http.and_then(|l| TcpListener::from_std(l).ok()) {
        tokio::task::spawn_local(crate::plain::serve(core.clone(), plain, stop.clone()));
    }
    if number == 0 {
        tokio::task::spawn_local(crate::checks::run(core.shared.clone(), stop.clone()));
    }
    let watching = tokio::task::spawn_local({
        let (core, watch) = (core.clone(), watch.clone());
        async move {
            let mut tick = tokio::time::interval(Duration::from_secs(1));
            loop {
                tick.tick().await;
                watch.look(&core);
                core.pool.sweep();
            }
        }
    });
    loop {
        tokio::select! {
            biased;
            () = stop.stopping() => break,
            Some((tcp, address, counted)) = handed_over.recv() => {
                if let Ok(tcp) = TcpStream::from_std(tcp) {
                    open(&core, &watch, &acceptor, (tcp, address, counted));
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((tcp, address)) => if let Some(own) = keep(&workers, number, tcp, address) {
                    open(&core, &watch, &acceptor, own);
                },
                // Out of descriptors or a connection gone before we took it: never a reason to end.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    watch.drain();
    let deadline = tokio::time::Instant::now() + core.shared.live.load().stop_deadline;
    while !watch.is_empty() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    watching.abort();
}

/// What this worker has to serve, or nothing where another has plainly fewer connections and takes it.
fn keep(
    workers: &Workers,
    number: usize,
    tcp: TcpStream,
    address: SocketAddr,
) -> Option<(TcpStream, SocketAddr, Counted)> {
    let counted = workers.count(number);
    if counted.worker() == number {
        return Some((tcp, address, counted));
    }
    let back = counted.hand_over(tcp.into_std().ok()?, address).err()?;
    Some((TcpStream::from_std(back).ok()?, address, workers.count_for(number)))
}

fn open(
    core: &Rc<Core>,
    watch: &Rc<Watch>,
    acceptor: &TlsAcceptor,
    (tcp, address, counted): (TcpStream, SocketAddr, Counted),
) {
    let connection = Arc::new(Connection::new());
    let task = tokio::task::spawn_local({
        let (core, acceptor, connection) = (core.clone(), acceptor.clone(), connection.clone());
        async move {
            let told = Told { core: core.clone(), connection: connection.clone(), address };
            // Scanners and broken clients end connections in every way: nothing here is worth more than the record.
            let _ = serve_connection(&core, acceptor, tcp, address, connection).await;
            drop(told);
            drop(counted);
        }
    });
    watch.add(connection, task.abort_handle());
}

/// Writes down a connection that was refused or closed without a whole request; also when its task is aborted.
struct Told {
    core: Rc<Core>,
    connection: Arc<Connection>,
    address: SocketAddr,
}

impl Drop for Told {
    fn drop(&mut self) {
        let Some((status, code)) = self.connection.refusal() else { return };
        if code == "slow.idle" || code == "slow.linger" {
            return;
        }
        let at = self.core.shared.clock.now();
        let id = self.core.request_id(at);
        let client = ClientIp::new(self.connection.client().unwrap_or(self.address.ip()));
        let mut record = AccessRecord::new(id, at, client, http::Method::default());
        record.status = status;
        record.verdict = Verdict::Refused;
        record.reason = code.into();
        record.path = "-".into();
        if let Some((method, target)) = self.connection.refused_request() {
            record.method = mask_method(&method.parse().unwrap_or_default());
            record.path = mask_path(target.split('?').next().unwrap_or_default()).into();
        }
        if self.core.may_tell_refusal() {
            let event = storeward_events::edge::RequestRefused { status, reason: code.to_owned() }.into();
            self.core.shared.emit.emit(storeward_host::Emission {
                at,
                request: Some(id),
                client: Some(client),
                event,
            });
        }
        Ending::new(record, self.core.shared.clone()).write();
    }
}

async fn serve_connection(
    core: &Rc<Core>,
    acceptor: TlsAcceptor,
    mut tcp: TcpStream,
    address: SocketAddr,
    connection: Arc<Connection>,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let live = core.shared.live.load_full();
    let mut client = address;
    if live.proxy_protocol_from.contains(address.ip())
        && let Some(told) = proxy_protocol::read(&mut tcp).await?
    {
        client = told;
        connection.set_client(told.ip());
    }
    let block = ClientIp::new(client.ip()).block();
    let Some(place) = Connections::enter(&core.shared, block) else {
        connection.close_for("connections.too_many");
        return Ok(());
    };
    // Each stage in a box of its own: together they would be as large as the largest, for as long as the connection lives.
    let tls = Box::pin(acceptor.accept(tcp)).await?;
    let (_, session) = tls.get_ref();
    if crate::certificates::tls::is_challenge(session) {
        // RFC 8737 3: the handshake was the answer.
        return Ok(());
    }
    let http2 = session.alpn_protocol() == Some(b"h2");
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => Some(TlsVersion::Tls13),
        Some(rustls::ProtocolVersion::TLSv1_2) => Some(TlsVersion::Tls12),
        _ => None,
    };
    let tunnel = crate::tunnel::Slot::default();
    let peer = Peer { address: client, tls: version, connection: connection.clone(), tunnel };
    let result = if http2 {
        Box::pin(serve_http2(core, tls, peer)).await
    } else {
        Box::pin(serve_http1(core, tls, peer)).await
    };
    drop(place);
    result
}

/// Fields that hyper takes in a head unless it is told otherwise.
const HYPERS_HEADERS: usize = 100;

async fn serve_http1(core: &Rc<Core>, tls: TlsStream<TcpStream>, peer: Peer) -> io::Result<()> {
    let live = core.shared.live.load_full();
    let limits = HeadLimits { size_bytes: live.limits.head_bytes, headers: live.limits.headers };
    let (connection, tunnel) = (peer.connection.clone(), peer.tunnel.clone());
    let io = TokioIo::new(GuardedIo::http1(tls, connection.clone(), limits));
    let service = service_fn({
        let (core, peer) = (core.clone(), peer.clone());
        move |request| serve::serve(&core, &peer, request)
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    // The guard counts the fields itself. hyper's own bound is a hundred, and to name another costs it a list that is filled
    // anew for each request.
    if limits.headers > HYPERS_HEADERS {
        builder.max_headers(limits.headers);
    }
    let served = builder
        .half_close(false)
        // Twice the guard's bound, so that the guard is the one that refuses: it tells why.
        .max_header_size(limits.size_bytes.saturating_mul(2))
        .timer(TokioTimer::new())
        // The watch does this better: one clock per connection instead of one timer per request.
        .header_read_timeout(None)
        .serve_connection(io, service)
        .with_upgrades();
    let served = std::pin::pin!(served);
    if let Err(error) = draining(served, connection.clone(), |c| c.graceful_shutdown()).await {
        if error.is_parse() {
            // The guard took it and hyper did not: whoever probes for such shapes shall be seen.
            connection.refuse(400, "head.unreadable");
        }
        return Err(io::Error::other(error));
    }
    tunnel.run(&connection).await;
    Ok(())
}

/// Spawns onto the worker's own core.
#[derive(Clone, Copy, Debug)]
struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

async fn serve_http2(core: &Rc<Core>, tls: TlsStream<TcpStream>, peer: Peer) -> io::Result<()> {
    let live = core.shared.live.load_full();
    let connection = peer.connection.clone();
    let gathered = Gather::new(tls, core.spare.clone());
    let guarded = gather::Shared::new(GuardedIo::http2(gathered, connection.clone(), live.frames));
    let io = TokioIo::new(guarded.clone());
    let service = service_fn({
        let (core, peer) = (core.clone(), peer.clone());
        move |request| serve::serve(&core, &peer, request)
    });
    let header_list = u32::try_from(live.limits.head_bytes).unwrap_or(u32::MAX);
    let mut builder = hyper::server::conn::http2::Builder::new(LocalExecutor);
    // WebSockets (RFC 8441).
    builder.enable_connect_protocol();
    let served = builder
        .max_concurrent_streams(live.limits.streams_per_connection)
        .max_header_list_size(header_list)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(100)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        // For each stream: a client that asks for a hundred answers and takes none holds a hundred of these.
        .max_send_buf_size(32 * 1024)
        .timer(TokioTimer::new())
        .serve_connection(io, service);
    let served = std::pin::pin!(served);
    let mut served = draining(served, connection.clone(), |c| c.graceful_shutdown());
    let result = std::future::poll_fn(|cx| {
        let polled = Pin::new(&mut served).poll(cx);
        guarded.poll_turn(cx);
        polled
    })
    .await;
    if let Some(code) = result.as_ref().err().and_then(http2_refusal) {
        connection.close_for(code);
    }
    result.map_err(io::Error::other)
}

/// Why h2 itself closed the connection, as staff see it; `None` where the client or the network ended it.
fn http2_refusal(error: &hyper::Error) -> Option<&'static str> {
    let error = std::error::Error::source(error)?.downcast_ref::<h2::Error>()?;
    if error.is_remote() || error.is_io() {
        return None;
    }
    Some(match error.reason()? {
        h2::Reason::ENHANCE_YOUR_CALM => "h2.flood",
        h2::Reason::COMPRESSION_ERROR => "h2.compression",
        h2::Reason::FLOW_CONTROL_ERROR => "h2.flow_control",
        h2::Reason::FRAME_SIZE_ERROR => "h2.frame_size",
        _ => "h2.protocol",
    })
}

/// Drives a connection and passes a request to drain on to it.
struct Draining<'c, C> {
    inner: Pin<&'c mut C>,
    connection: Arc<Connection>,
    drained: bool,
    shut: fn(Pin<&mut C>),
}

fn draining<C>(inner: Pin<&mut C>, connection: Arc<Connection>, shut: fn(Pin<&mut C>)) -> Draining<'_, C> {
    Draining { inner, connection, drained: false, shut }
}

impl<C: Future> Future for Draining<'_, C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let this = &mut *self;
        this.connection.woken_by(cx.waker());
        if !this.drained && this.connection.is_draining() {
            this.drained = true;
            (this.shut)(this.inner.as_mut());
        }
        this.inner.as_mut().poll(cx)
    }
}
