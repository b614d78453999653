//! Connections: accepting, serving one, and closing all of them in good order.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::shop::App;
use crate::web;

const CONNECTIONS: u32 = 512;
const HEAD_WAIT: Duration = Duration::from_secs(30);
const LAST_REQUESTS: Duration = Duration::from_secs(5);

pub async fn run(
    app: Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let router = web::router(Arc::clone(&app));
    let seats = Arc::new(Semaphore::new(usize::try_from(CONNECTIONS).unwrap_or(usize::MAX)));
    let mut stop = std::pin::pin!(stop);
    loop {
        let seat = tokio::select! {
            () = &mut stop => break,
            seat = Arc::clone(&seats).acquire_owned() => seat.map_err(|_closed| Error::Lost)?,
        };
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _peer)) = accepted else {
            // Out of file handles, or the peer has gone: wait a moment instead of spinning.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let stopping = app.stopping.subscribe();
        tokio::spawn(async move {
            serve_one(stream, service, stopping).await;
            drop(seat);
        });
    }
    drop(listener);
    app.stopping.send_replace(true);
    // All seats free means that every connection has ended.
    let _late = timeout(LAST_REQUESTS, seats.acquire_many(CONNECTIONS)).await;
    Ok(())
}

async fn serve_one(
    stream: TcpStream,
    service: TowerToHyperService<axum::Router>,
    mut stopping: watch::Receiver<bool>,
) {
    let _best_effort = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // A broken connection concerns its client alone, so its error ends here.
    tokio::select! {
        _ended = connection.as_mut() => return,
        _told = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ended = connection.await;
}
