//! A shop that says exactly what a test tells it to, byte by byte.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request as it arrived: raw head, and the body read by its framing.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub head: String,
    pub body: Vec<u8>,
    /// Bytes of a body that was thrown away ([`FakeShop::discarding`]).
    pub discarded: u64,
    /// The body was cut: the connection ended inside it.
    pub broken: bool,
}

impl Asked {
    /// The request's target.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// All values of a header, in order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.split("\r\n").skip(1);
        lines
            .filter_map(|l| l.split_once(": "))
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
            .collect()
    }
}

/// What to do with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Write these bytes, keep the connection.
    Bytes(Vec<u8>),
    /// Write these bytes, then close.
    Last(Vec<u8>),
    /// Write the pieces with a pause of some milliseconds between them.
    Pieces(Vec<Vec<u8>>, u64),
    /// Write so many zero bytes in pieces behind this head.
    Zeros(Vec<u8>, u64),
    /// Write these bytes, then echo whatever comes: a tunnel.
    Tunnel(Vec<u8>),
    /// Never answer.
    Silence,
    /// Close without an answer.
    Close,
}

impl Reply {
    /// A whole `200 OK` with a text body.
    pub fn ok(body: &str) -> Reply {
        Reply::with("Content-Type: text/plain\r\n", body)
    }

    /// A whole `200 OK` with these header lines.
    pub fn with(lines: &str, body: &str) -> Reply {
        let head = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: {}\r\n\r\n", body.len());
        Reply::Bytes([head.as_bytes(), body.as_bytes()].concat())
    }
}

/// What becomes of request bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Bodies,
    Nothing,
}

type Script = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// A running fake shop.
pub struct FakeShop {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl FakeShop {
    /// Listens on a free port of 127.0.0.1 and answers by `script`.
    pub async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> FakeShop {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        FakeShop::on(listener, script)
    }

    /// As [`FakeShop::start`], but counts the bytes of bodies that announce a length instead of keeping them.
    pub async fn discarding(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> FakeShop {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        FakeShop::serve(listener, Arc::new(script), Keep::Nothing)
    }

    /// As [`FakeShop::start`], on a listener that the test made.
    pub fn on(listener: TcpListener, script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> FakeShop {
        FakeShop::serve(listener, Arc::new(script), Keep::Bodies)
    }

    fn serve(listener: TcpListener, script: Script, keep: Keep) -> FakeShop {
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn({
            let (asked, connections, open) = (asked.clone(), connections.clone(), open.clone());
            async move {
                let mut served = tokio::task::JoinSet::new();
                while let Ok((tcp, _)) = listener.accept().await {
                    connections.fetch_add(1, Ordering::SeqCst);
                    open.fetch_add(1, Ordering::SeqCst);
                    let (script, asked, open) = (script.clone(), asked.clone(), open.clone());
                    served.spawn(async move {
                        converse(tcp, script, asked, keep).await;
                        open.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            }
        });
        FakeShop { address, asked, connections, open, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, health checks left out.
    pub fn asked(&self) -> Vec<Asked> {
        let all = self.asked.lock().unwrap();
        all.iter().filter(|a| !a.head.contains("Storeward-health")).cloned().collect()
    }

    /// Connections accepted so far, health checks included.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Connections open now, health checks included.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

impl Drop for FakeShop {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(mut tcp: TcpStream, script: Script, asked: Arc<Mutex<Vec<Asked>>>, keep: Keep) {
    let mut ahead = Vec::new();
    while let Some(request) = read_request(&mut tcp, &mut ahead, keep).await {
        let broken = request.broken;
        let reply = script(&request);
        asked.lock().unwrap().push(request);
        if broken || !answer(&mut tcp, reply).await {
            return;
        }
    }
}

/// False when the connection is over.
async fn answer(tcp: &mut TcpStream, reply: Reply) -> bool {
    match reply {
        Reply::Bytes(bytes) => tcp.write_all(&bytes).await.is_ok(),
        Reply::Last(bytes) => {
            let _ = tcp.write_all(&bytes).await;
            let _ = tcp.shutdown().await;
            false
        }
        Reply::Pieces(pieces, pause_ms) => {
            for piece in pieces {
                if tcp.write_all(&piece).await.is_err() {
                    return false;
                }
                tokio::time::sleep(std::time::Duration::from_millis(pause_ms)).await;
            }
            true
        }
        Reply::Zeros(head, mut left) => {
            let zeros = vec![0u8; 64 * 1024];
            if tcp.write_all(&head).await.is_err() {
                return false;
            }
            while left > 0 {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
                if tcp.write_all(&zeros[..here]).await.is_err() {
                    return false;
                }
                left -= here as u64;
            }
            true
        }
        Reply::Tunnel(head) => {
            let _ = tcp.write_all(&head).await;
            let (mut from, mut to) = tcp.split();
            let _ = tokio::io::copy(&mut from, &mut to).await;
            false
        }
        Reply::Silence => {
            let mut waste = [0u8; 1024];
            while tcp.read(&mut waste).await.is_ok_and(|n| n > 0) {}
            false
        }
        Reply::Close => false,
    }
}

async fn read_request(tcp: &mut TcpStream, ahead: &mut Vec<u8>, keep: Keep) -> Option<Asked> {
    let end = loop {
        if let Some(at) = ahead.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if tcp.read_buf(ahead).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&ahead[..end]).into_owned();
    ahead.drain(..end);
    let mut asked = Asked { head, ..Asked::default() };
    let chunked = !asked.header("transfer-encoding").is_empty();
    let length: usize = asked.header("content-length").first().and_then(|l| l.parse().ok()).unwrap_or(0);
    if keep == Keep::Nothing && !chunked {
        discard(tcp, ahead, length, &mut asked).await;
        return Some(asked);
    }
    loop {
        let taken = if chunked { whole_chunks(ahead) } else { (ahead.len() >= length).then_some(length) };
        if let Some(taken) = taken {
            asked.body = ahead.drain(..taken).collect();
            return Some(asked);
        }
        match tcp.read_buf(ahead).await {
            Ok(count) if count > 0 => {}
            _ => {
                asked.body = std::mem::take(ahead);
                asked.broken = true;
                return Some(asked);
            }
        }
    }
}

async fn discard(tcp: &mut TcpStream, ahead: &mut Vec<u8>, length: usize, asked: &mut Asked) {
    let mut left = length;
    loop {
        let here = left.min(ahead.len());
        ahead.drain(..here);
        left -= here;
        asked.discarded += here as u64;
        if left == 0 {
            return;
        }
        if !tcp.read_buf(ahead).await.is_ok_and(|count| count > 0) {
            asked.broken = true;
            return;
        }
    }
}

/// How many bytes a whole chunked body takes, trailers included.
fn whole_chunks(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = bytes[at..].windows(2).position(|w| w == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at += line + 2;
        if size == 0 {
            let rest = &bytes[at..];
            if rest.starts_with(b"\r\n") {
                return Some(at + 2);
            }
            return rest.windows(4).position(|w| w == b"\r\n\r\n").map(|end| at + end + 4);
        }
        if bytes.len() < at + size + 2 {
            return None;
        }
        at += size + 2;
    }
}
