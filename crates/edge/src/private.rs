//! A listener for our own pages (the staff console): TLS and strict framing, no pipeline, no shop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use storeward_base::ClientIp;
use storeward_host::Stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::guard::{Connection, FrameLimits, GuardedIo, HeadLimits};

/// Connections at a time: a team and its browsers.
const CONNECTIONS: usize = 512;
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEAD: Duration = Duration::from_secs(30);
const HEAD_LIMITS: HeadLimits = HeadLimits { size_bytes: 32 * 1024, headers: 100 };
/// How long a stop waits for requests under way; live pages end at once, because their source does.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// Serves until the stop. Each request carries its client's [`ClientIp`] among its extensions.
pub async fn serve<S, B>(
    listener: std::net::TcpListener,
    tls: Arc<rustls::ServerConfig>,
    service: S,
    stop: Stop,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::error::Error + Send + Sync,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: std::error::Error + Send + Sync,
{
    let listener = TcpListener::from_std(listener)?;
    let acceptor = TlsAcceptor::from(tls);
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.stopping() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((tcp, address)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(seat) = seats.clone().try_acquire_owned() else { continue };
        let (acceptor, service, stop) = (acceptor.clone(), service.clone(), stop.clone());
        tokio::spawn(async move {
            // How a client ends its connection is its own business.
            let _ = serve_one(tcp, address, acceptor, service, stop).await;
            drop(seat);
        });
    }
    let everyone = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    // Late ones are cut: the process is about to end.
    let _ = tokio::time::timeout(LAST_REQUESTS, seats.acquire_many(everyone)).await;
    Ok(())
}

/// Adds the client's address to each request.
#[derive(Clone)]
struct WithClient<S> {
    inner: S,
    client: ClientIp,
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for WithClient<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: Request<Incoming>) -> S::Future {
        request.extensions_mut().insert(self.client);
        self.inner.call(request)
    }
}

async fn serve_one<S, B>(
    tcp: TcpStream,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    service: S,
    stop: Stop,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::error::Error + Send + Sync,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: std::error::Error + Send + Sync,
{
    tcp.set_nodelay(true)?;
    let tls = tokio::time::timeout(HANDSHAKE, acceptor.accept(tcp)).await.map_err(io::Error::other)??;
    let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = WithClient { inner: service, client: ClientIp::new(address.ip()) };
    let connection = Arc::new(Connection::new());
    if http2 {
        let io = TokioIo::new(GuardedIo::http2(tls, connection, FrameLimits::default()));
        let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .max_concurrent_streams(100)
            .max_header_list_size(32 * 1024)
            .serve_connection(io, service);
        let mut served = std::pin::pin!(served);
        tokio::select! {
            done = served.as_mut() => return done.map_err(io::Error::other),
            () = stop.stopping() => served.as_mut().graceful_shutdown(),
        }
        served.await.map_err(io::Error::other)
    } else {
        let io = TokioIo::new(GuardedIo::http1(tls, connection, HEAD_LIMITS));
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(io, service);
        let mut served = std::pin::pin!(served);
        tokio::select! {
            done = served.as_mut() => return done.map_err(io::Error::other),
            () = stop.stopping() => served.as_mut().graceful_shutdown(),
        }
        served.await.map_err(io::Error::other)
    }
}
