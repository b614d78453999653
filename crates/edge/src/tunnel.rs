//! After 101: bytes pass both ways until one side ends or nothing has moved for too long (the watch sees to that).

use std::io;
use std::sync::Arc;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use crate::guard::Connection;
use crate::guard::connection::InFlight;
use crate::record::Ending;
use crate::upstream::wire::Wire;

/// Joins the client's upgraded connection with the shop's. `ending` is written when it is over.
pub async fn run(
    client: OnUpgrade,
    mut wire: Wire,
    connection: Arc<Connection>,
    in_flight: InFlight,
    mut ending: Box<Ending>,
) {
    let moved = join(client, &mut wire).await;
    if let Ok((sent, received)) = moved {
        ending.record.request_bytes = sent;
        ending.record.response_bytes = received;
    }
    ending.write();
    drop(in_flight);
    connection.drain();
}

async fn join(client: OnUpgrade, wire: &mut Wire) -> io::Result<(u64, u64)> {
    let upgraded = client.await.map_err(io::Error::other)?;
    let mut client = TokioIo::new(upgraded);
    // The shop may have spoken right behind its 101.
    if !wire.inbound.is_empty() {
        let early = wire.inbound.split();
        client.write_all(&early).await?;
    }
    tokio::io::copy_bidirectional(&mut client, &mut wire.stream).await
}
