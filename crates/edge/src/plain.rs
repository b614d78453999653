//! Plain HTTP: certificate challenges are answered, everything else is sent to HTTPS. Nothing reaches the shop.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use storeward_base::ClientIp;
use storeward_host::Stop;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::canonical;
use crate::proxy_protocol;
use crate::server::{Connections, Core};

/// A redirect needs a request line and Host: more is not read.
const HEAD_BYTES: usize = 8 * 1024;
const TIME: Duration = Duration::from_secs(10);

pub async fn serve(core: Rc<Core>, listener: TcpListener, stop: Stop) {
    loop {
        tokio::select! {
            () = stop.stopping() => return,
            accepted = listener.accept() => match accepted {
                Ok((tcp, address)) => {
                    let core = core.clone();
                    tokio::task::spawn_local(async move {
                        // Whatever goes wrong here, the client tries again by HTTPS.
                        let _ = tokio::time::timeout(TIME, attend(&core, tcp, address)).await;
                    });
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
        }
    }
}

/// Learns who the client is, from a listed balancer and from nobody else, and counts it in before anything is answered.
async fn attend(core: &Core, mut tcp: TcpStream, address: SocketAddr) -> std::io::Result<()> {
    let live = core.shared.live.load_full();
    let mut client = address;
    if live.proxy_protocol_from.contains(address.ip())
        && let Some(told) = proxy_protocol::read(&mut tcp).await?
    {
        client = told;
    }
    let block = ClientIp::new(client.ip()).block();
    let Some(_place) = Connections::enter(&core.shared, block) else { return Ok(()) };
    answer(core, tcp).await
}

async fn answer(core: &Core, mut tcp: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(1024);
    while !head.windows(4).any(|w| w == b"\r\n\r\n") && head.len() < HEAD_BYTES {
        if tcp.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let response = respond(core, &head);
    tcp.write_all(response.as_bytes()).await?;
    tcp.shutdown().await
}

fn respond(core: &Core, head: &[u8]) -> String {
    let mut slots = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut slots);
    if !matches!(request.parse(head), Ok(httparse::Status::Complete(_))) {
        return refuse("400 Bad Request");
    }
    let target = request.path.unwrap_or("/");
    if let Some(proof) = core.shared.challenges.lookup(target) {
        return format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{proof}",
            proof.len()
        );
    }
    redirect(core, &request, target).unwrap_or_else(|| refuse("421 Misdirected Request"))
}

/// 301 for what can be asked again; 403 for what carried data in the clear, so that the mistake is noticed.
fn redirect(core: &Core, request: &httparse::Request<'_, '_>, target: &str) -> Option<String> {
    let live = core.shared.live.load();
    let mut headers = http::HeaderMap::new();
    for field in request.headers.iter().filter(|h| h.name.eq_ignore_ascii_case("host")) {
        headers.append(http::header::HOST, http::HeaderValue::from_bytes(field.value).ok()?);
    }
    let uri: http::Uri = target.parse().ok()?;
    let target = canonical::target(&uri, &headers, &live.names).ok()?;
    if !matches!(request.method, Some("GET" | "HEAD")) {
        return Some(refuse("403 Forbidden"));
    }
    let location = format!("https://{}{}", live.authority(&target.host), target.forward);
    Some(format!(
        "HTTP/1.1 301 Moved Permanently\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ))
}

fn refuse(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
