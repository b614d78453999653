//! After 101: bytes pass both ways until one side ends or nothing has moved for too long (the watch sees to that).

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use storeward_host::Minder;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::guard::Connection;
use crate::guard::connection::{InFlight, TunnelPlace};
use crate::record::Ending;
use crate::upstream::wire::Wire;

/// Where a request leaves its tunnel for the connection's task, which runs it once hyper has let go of the bytes. So the
/// connection stays counted and watched, and closing it closes the tunnel.
#[derive(Clone, Default)]
pub struct Slot(Rc<RefCell<Option<Tunnel>>>);

type Tunnel = Pin<Box<dyn Future<Output = ()>>>;

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.0.borrow().is_some()).finish()
    }
}

impl Slot {
    pub fn put(&self, tunnel: impl Future<Output = ()> + 'static) {
        *self.0.borrow_mut() = Some(Box::pin(tunnel));
    }

    /// Runs the tunnel, if there is one, until it ends or the connection is asked to drain: a tunnel has no end of its
    /// own that a stop could wait for.
    pub async fn run(&self, connection: &Connection) {
        let Some(tunnel) = self.0.borrow_mut().take() else { return };
        tokio::select! {
            () = tunnel => {}
            () = connection.drained() => {}
        }
    }
}

/// Joins the client's upgraded connection with the shop's. `ending` is written when it is over. Both are closed when the session
/// behind it ends.
pub async fn join(
    client: OnUpgrade,
    mut wire: Wire,
    in_flight: InFlight,
    mut ending: Box<Ending>,
    minder: Option<Box<dyn Minder>>,
) {
    let moved = tokio::select! {
        moved = copy(client, &mut wire) => moved,
        () = session_over(minder.as_deref()) => {
            ending.record.reason = SESSION_OVER.into();
            Err(io::ErrorKind::ConnectionAborted.into())
        }
    };
    if let Ok((sent, received)) = moved {
        ending.record.request_bytes = sent;
        ending.record.response_bytes = received;
    }
    ending.write();
    drop(in_flight);
}

/// Why a tunnel ended, in the record.
const SESSION_OVER: &str = "session.over";

/// Resolves when the session behind a tunnel stands no more; never where nobody minds one.
async fn session_over(minder: Option<&dyn Minder>) {
    let Some(minder) = minder else { return std::future::pending().await };
    loop {
        tokio::time::sleep(minder.every()).await;
        if !minder.stands().await {
            return;
        }
    }
}

/// What a tunnel inside of a connection that goes on is watched by.
pub struct Watched {
    pub connection: Arc<Connection>,
    /// Nothing may move for so long.
    pub idle: Duration,
    /// Free again when the tunnel is over.
    pub place: Option<TunnelPlace>,
    /// Minds the session behind it.
    pub minder: Option<Box<dyn Minder>>,
}

/// As [`join`], on a stream of HTTP/2: ends by itself when nothing moves, or when the connection is asked to drain.
pub async fn join_watched(
    client: OnUpgrade,
    wire: Wire,
    in_flight: InFlight,
    mut ending: Box<Ending>,
    watched: Watched,
) {
    let moved = Rc::new(Moved::default());
    let joining = copy_counted(client, wire, moved.clone());
    tokio::select! {
        // However it ends, it has ended.
        _ = joining => {}
        () = over(&watched, &moved) => {}
        () = session_over(watched.minder.as_deref()) => ending.record.reason = SESSION_OVER.into(),
    }
    ending.record.request_bytes = moved.from_client.get();
    ending.record.response_bytes = moved.from_shop.get();
    ending.write();
    drop((in_flight, watched.place));
}

/// Resolves when a tunnel must go. Looks once a second, as the watch over connections does.
async fn over(watched: &Watched, moved: &Moved) {
    let mut seen = (moved.total(), Instant::now());
    while !watched.connection.is_draining() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if moved.total() != seen.0 {
            seen = (moved.total(), Instant::now());
        } else if seen.1.elapsed() > watched.idle {
            return;
        }
    }
}

/// Bytes that went through a tunnel.
#[derive(Debug, Default)]
struct Moved {
    from_client: Cell<u64>,
    from_shop: Cell<u64>,
}

impl Moved {
    fn total(&self) -> u64 {
        self.from_client.get().saturating_add(self.from_shop.get())
    }
}

async fn copy_counted(client: OnUpgrade, mut wire: Wire, moved: Rc<Moved>) -> io::Result<()> {
    let upgraded = client.await.map_err(io::Error::other)?;
    let (mut from_client, mut to_client) = tokio::io::split(TokioIo::new(upgraded));
    let early = wire.inbound.split();
    to_client.write_all(&early).await?;
    let (mut from_shop, mut to_shop) = tokio::io::split(wire.stream);
    let up = pass(&mut from_client, &mut to_shop, &moved.from_client);
    let down = pass(&mut from_shop, &mut to_client, &moved.from_shop);
    tokio::try_join!(up, down).map(|_| ())
}

/// Passes on what comes until its end, and the end itself.
async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    count: &Cell<u64>,
) -> io::Result<()> {
    let mut buffer = vec![0u8; 8 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
        to.flush().await?;
        count.set(count.get().saturating_add(u64::try_from(read).unwrap_or(0)));
    }
}

async fn copy(client: OnUpgrade, wire: &mut Wire) -> io::Result<(u64, u64)> {
    let upgraded = client.await.map_err(io::Error::other)?;
    let mut client = TokioIo::new(upgraded);
    // The shop may have spoken right behind its 101.
    if !wire.inbound.is_empty() {
        let early = wire.inbound.split();
        client.write_all(&early).await?;
    }
    tokio::io::copy_bidirectional(&mut client, &mut wire.stream).await
}
