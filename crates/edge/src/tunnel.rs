//! After 101: bytes pass both ways until one side ends or nothing has moved for too long (the watch sees to that).

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use crate::guard::Connection;
use crate::guard::connection::InFlight;
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

/// Joins the client's upgraded connection with the shop's. `ending` is written when it is over.
pub async fn join(client: OnUpgrade, mut wire: Wire, in_flight: InFlight, mut ending: Box<Ending>) {
    let moved = copy(client, &mut wire).await;
    if let Ok((sent, received)) = moved {
        ending.record.request_bytes = sent;
        ending.record.response_bytes = received;
    }
    ending.write();
    drop(in_flight);
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
