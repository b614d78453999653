//! A listener for our own pages (the staff console): TLS and strict framing, no pipeline, no shop.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use storeward_base::{AddressBlock, ClientIp};
use storeward_host::Stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::guard::{Connection, FrameLimits, GuardedIo, HeadLimits};

/// Connections at a time: a team and its browsers.
const CONNECTIONS: usize = 512;
/// Of one address (a block of them in IPv6): whoever takes all seats needs as many addresses. On loopback everybody has the same one.
const OF_ONE_ADDRESS: usize = 64;
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
    let addresses = Addresses::default();
    loop {
        let accepted = tokio::select! {
            () = stop.stopping() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((tcp, address)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(own) = addresses.take(ClientIp::new(address.ip())) else { continue };
        let Ok(seat) = seats.clone().try_acquire_owned() else { continue };
        let (acceptor, service, stop) = (acceptor.clone(), service.clone(), stop.clone());
        tokio::spawn(async move {
            // How a client ends its connection is its own business.
            let _ = serve_one(tcp, address, acceptor, service, stop).await;
            drop((seat, own));
        });
    }
    let everyone = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    // Late ones are cut: the process is about to end.
    let _ = tokio::time::timeout(LAST_REQUESTS, seats.acquire_many(everyone)).await;
    Ok(())
}

/// How many seats each address has.
#[derive(Clone, Default)]
struct Addresses(Arc<Mutex<HashMap<AddressBlock, usize>>>);

/// One of them, given back when it is dropped; nothing is counted on loopback.
struct OwnSeat(Option<(Addresses, AddressBlock)>);

impl Addresses {
    fn take(&self, client: ClientIp) -> Option<OwnSeat> {
        if client.get().is_loopback() {
            return Some(OwnSeat(None));
        }
        let block = client.block();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(block).or_insert(0);
        if *count >= OF_ONE_ADDRESS {
            return None;
        }
        *count += 1;
        Some(OwnSeat(Some((self.clone(), block))))
    }
}

impl Drop for OwnSeat {
    fn drop(&mut self) {
        let Some((addresses, block)) = self.0.take() else { return };
        let mut counts = addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&block) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&block);
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// One stranger without a key took all of the interface's and the console's seats.
    #[test]
    fn one_address_has_its_seats_and_leaves_the_others() {
        let addresses = Addresses::default();
        let at = |text: &str| text.parse::<ClientIp>().unwrap();
        let mut held: Vec<OwnSeat> =
            (0..OF_ONE_ADDRESS).map(|_| addresses.take(at("203.0.113.7")).unwrap()).collect();
        assert!(addresses.take(at("203.0.113.7")).is_none());
        assert!(addresses.take(at("203.0.113.8")).is_some());
        // One customer's whole network in IPv6 is one.
        let six: Vec<OwnSeat> =
            (0..OF_ONE_ADDRESS).map(|n| addresses.take(at(&format!("2001:db8::{n:x}"))).unwrap()).collect();
        assert!(addresses.take(at("2001:db8::ffff")).is_none());
        held.pop();
        assert!(addresses.take(at("203.0.113.7")).is_some());
        drop((held, six));
        assert!(addresses.0.lock().unwrap().is_empty());
        assert!((0..600).all(|_| addresses.take(at("127.0.0.1")).is_some()));
    }
}
