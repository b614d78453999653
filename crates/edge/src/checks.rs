//! Asks the shop's servers after their health, and looks their addresses up anew.

use std::sync::Arc;
use std::time::Duration;

use storeward_host::Stop;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::{Shared, Snapshot};
use crate::upstream::Server;

/// A check that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(5);

pub async fn run(shared: Arc<Shared>, stop: Stop) {
    loop {
        let live = shared.live.load_full();
        for server in live.balancer.servers() {
            let checked = tokio::time::timeout(LIMIT, check(server, &live)).await;
            let healthy = matches!(checked, Ok(Ok(true)));
            let change = if healthy { server.health.succeeded() } else { server.health.failed() };
            shared.note_health(server, change, "health_check");
        }
        tokio::select! {
            () = stop.stopping() => return,
            () = tokio::time::sleep(live.health_interval) => {}
        }
    }
}

/// True when the server answers below 500.
async fn check(server: &Arc<Server>, live: &Snapshot) -> std::io::Result<bool> {
    // A name whose look-up fails may still be reached at the addresses known before.
    let _ = server.resolve().await;
    let mut wire = server.connect(live.connect_timeout).await.map_err(std::io::Error::other)?;
    let host = live.names.first().map_or("localhost", String::as_str);
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: https\r\nUser-Agent: Storeward-health\r\n\
         Connection: close\r\n\r\n",
        live.health_path
    );
    wire.stream.write_all(request.as_bytes()).await?;
    wire.stream.flush().await?;
    let mut start = [0u8; 12];
    wire.stream.read_exact(&mut start).await?;
    let status =
        start.get(9..12).and_then(|s| std::str::from_utf8(s).ok()).and_then(|s| s.parse::<u16>().ok());
    Ok(start.starts_with(b"HTTP/1.") && status.is_some_and(|s| (200..500).contains(&s)))
}
