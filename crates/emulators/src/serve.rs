//! Connections: accepting, one call after the other, and closing all of them in good order.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::message::{Answer, BODY_BYTES, Call, Leaves};

const CONNECTIONS: u32 = 512;
const HEAD_WAIT: Duration = Duration::from_secs(30);
const LAST_CALLS: Duration = Duration::from_secs(2);

pub type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;
pub type Handler = Arc<dyn Fn(Call) -> Answering + Send + Sync>;

/// Answers on `listener` until `stop` turns true.
pub async fn run(listener: TcpListener, handler: Handler, mut stop: watch::Receiver<bool>) {
    let seats = Arc::new(Semaphore::new(usize::try_from(CONNECTIONS).unwrap_or(usize::MAX)));
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { break };
        let accepted = tokio::select! {
            _told = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _peer)) = accepted else {
            // Out of file handles, or the peer has gone: wait a moment instead of spinning.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (handler, stop) = (Arc::clone(&handler), stop.clone());
        tokio::spawn(async move {
            serve_one(stream, handler, stop).await;
            drop(seat);
        });
    }
    drop(listener);
    let _late = timeout(LAST_CALLS, seats.acquire_many(CONNECTIONS)).await;
}

async fn serve_one(stream: TcpStream, handler: Handler, mut stop: watch::Receiver<bool>) {
    let _best_effort = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, Arc::clone(&handler)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ended = connection.as_mut() => return,
        _told = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ended = timeout(LAST_CALLS, connection).await;
}

/// An error ends the connection without an answer, which is what a fault asks for.
async fn answer(
    request: http::Request<Incoming>,
    handler: Handler,
) -> Result<http::Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
        return response(&Answer::empty(413));
    };
    let answer = handler(Call {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or("").to_owned(),
        headers: head.headers,
        body: body.to_bytes(),
    })
    .await;
    if let Leaves::Never(hold) = answer.leaves {
        sleep(hold).await;
        return Err(std::io::Error::other("the fault that was asked for"));
    }
    response(&answer)
}

fn response(answer: &Answer) -> Result<http::Response<Full<Bytes>>, std::io::Error> {
    let mut response = http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    response.body(Full::new(Bytes::from(answer.body.clone()))).map_err(std::io::Error::other)
}
