//! `/events`: a server-sent-events stream (WHATWG HTML, section 9.2) that says when stock changes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use hyper::body::Frame;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::interval;

use crate::shop::App;
use crate::web::fail::{Answer, Fail};

/// A comment this often keeps the connection open and finds out who has left.
const HEARTBEAT: Duration = Duration::from_secs(20);

pub async fn listen(State(app): State<Arc<App>>) -> Answer {
    let seat = Arc::clone(&app.listeners).try_acquire_owned().map_err(|_full| Fail::Busy)?;
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(tell(app, sender, seat));
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::new(Stream(receiver))).into_response())
}

/// Passes changes on until the listener leaves, falls behind, or the shop closes. The browser comes back by itself.
async fn tell(app: Arc<App>, listener: mpsc::Sender<Bytes>, _seat: OwnedSemaphorePermit) {
    let mut changes = app.stock.subscribe();
    let mut stopping = app.stopping.subscribe();
    let mut heartbeat = interval(HEARTBEAT);
    if listener.send(Bytes::from_static(b"retry: 5000\n\n")).await.is_err() {
        return;
    }
    loop {
        let message = tokio::select! {
            _told = stopping.wait_for(|stop| *stop) => return,
            () = listener.closed() => return,
            _tick = heartbeat.tick() => Bytes::from_static(b": still here\n\n"),
            change = changes.recv() => match change {
                Ok(change) => {
                    let data = serde_json::to_string(&change).unwrap_or_default();
                    Bytes::from(format!("event: stock\ndata: {data}\n\n"))
                }
                Err(RecvError::Lagged(_) | RecvError::Closed) => return,
            },
        };
        if listener.try_send(message).is_err() {
            return;
        }
    }
}

struct Stream(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}
