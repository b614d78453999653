//! After 101: bytes pass both ways until one side ends or nothing has moved for too long (the watch sees to that).

mod frames;
mod heard;
mod minded;

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
use storeward_host::{Listener, Minder};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::guard::Connection;
use crate::guard::connection::{InFlight, TunnelPlace};
use crate::record::Ending;
use crate::upstream::wire::Wire;

use frames::Fault;
use minded::{Minded, Told};
pub use minded::{MindedBody, is_session_over};

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

/// Who minds a tunnel, and who hears what the client says in it.
#[derive(Default)]
pub struct Attendants {
    pub minder: Option<Rc<dyn Minder>>,
    pub listener: Option<Box<dyn Listener>>,
}

/// Joins the client's upgraded connection with the shop's. `ending` is written when it is over. Both are closed when the session
/// behind it ends, or when the client says what may not pass.
pub async fn join(
    client: OnUpgrade,
    wire: Wire,
    in_flight: InFlight,
    mut ending: Box<Ending>,
    attendants: Attendants,
) {
    let moved = Rc::new(Moved::default());
    let minder = attendants.minder.clone();
    tokio::select! {
        ended = carry(client, wire, moved.clone(), attendants) => note_end(&mut ending, ended),
        () = session_over(minder.as_deref()) => ending.record.reason = SESSION_OVER.into(),
    }
    ending.record.request_bytes = moved.from_client.get();
    ending.record.response_bytes = moved.from_shop.get();
    ending.write();
    drop(in_flight);
}

/// However it ends, it has ended; only what may not pass is told, and whose session is over.
fn note_end(ending: &mut Ending, ended: io::Result<Option<Fault>>) {
    match ended {
        Ok(Some(fault)) => ending.record.reason = fault.code().into(),
        Err(why) if is_session_over(&why) => ending.record.reason = SESSION_OVER.into(),
        Ok(None) | Err(_) => {}
    }
}

/// Why a tunnel ended, in the record.
pub const SESSION_OVER: &str = "session.over";

/// Resolves when the session behind a tunnel stands no more; never where nobody minds one.
pub async fn session_over(minder: Option<&dyn Minder>) {
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
    pub attendants: Attendants,
}

/// As [`join`], on a stream of HTTP/2: ends by itself when nothing moves, or when the connection is asked to drain.
pub async fn join_watched(
    client: OnUpgrade,
    wire: Wire,
    in_flight: InFlight,
    mut ending: Box<Ending>,
    mut watched: Watched,
) {
    let moved = Rc::new(Moved::default());
    let attendants = Attendants {
        minder: watched.attendants.minder.clone(),
        listener: watched.attendants.listener.take(),
    };
    let joining = carry(client, wire, moved.clone(), attendants);
    tokio::select! {
        ended = joining => note_end(&mut ending, ended),
        () = over(&watched, &moved) => {}
        () = session_over(watched.attendants.minder.as_deref()) => ending.record.reason = SESSION_OVER.into(),
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

async fn carry(
    client: OnUpgrade,
    mut wire: Wire,
    moved: Rc<Moved>,
    Attendants { minder, listener }: Attendants,
) -> io::Result<Option<Fault>> {
    let upgraded = client.await.map_err(io::Error::other)?;
    let (from_client, mut to_client) = tokio::io::split(TokioIo::new(upgraded));
    // What is said to the shop in that time would be done for whomever it knows then.
    let mut from_client = Minded::new(from_client, minder.clone());
    // The shop may have spoken right behind its 101.
    let early = wire.inbound.split();
    let (from_shop, to_shop) = tokio::io::split(wire.stream);
    let mut to_shop = Told::new(to_shop, minder.clone());
    let mut from_shop = Minded::new(from_shop, minder);
    if let Some(mut listener) = listener {
        let ends = ((from_client, to_client), (from_shop, to_shop));
        return heard::carry(ends.0, ends.1, &early, &moved, listener.as_mut()).await;
    }
    to_client.write_all(&early).await?;
    let up = pass(&mut from_client, &mut to_shop, &moved.from_client);
    let down = pass(&mut from_shop, &mut to_client, &moved.from_shop);
    tokio::try_join!(up, down).map(|_| None)
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
