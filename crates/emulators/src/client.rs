//! A call out over plain HTTP/1.1: how webhooks are delivered.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a receiver may take. Stripe and PayPal wait for tens of seconds.
const WAIT: Duration = Duration::from_secs(20);
const ANSWER_BYTES: usize = 64 * 1024;

/// Posts `body` and tells the status; nothing where no answer came.
pub async fn post(url: &str, headers: &[(&'static str, String)], body: String) -> Option<u16> {
    timeout(WAIT, post_now(url, headers, body)).await.ok().flatten()
}

async fn post_now(url: &str, headers: &[(&'static str, String)], body: String) -> Option<u16> {
    let uri: http::Uri = url.parse().ok()?;
    let authority = uri.authority()?.to_string();
    let place = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let address = match uri.port_u16() {
        Some(_given) => authority.clone(),
        None => format!("{authority}:80"),
    };
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let driver = tokio::spawn(async move {
        let _ended = connection.await;
    });
    let mut request = http::Request::builder().method("POST").uri(place).header("host", authority);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.body(Full::new(Bytes::from(body))).ok()?;
    let response = sender.send_request(request).await.ok()?;
    let status = response.status().as_u16();
    let _rest = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
    drop(sender);
    driver.abort();
    Some(status)
}
