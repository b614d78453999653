//! One connection to the shop: bytes out, bytes in.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Plain or TLS.
#[derive(Debug)]
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        b: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Plain(s) => Pin::new(s).poll_read(cx, b),
            Stream::Tls(s) => Pin::new(s).poll_read(cx, b),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Stream::Plain(s) => Pin::new(s).poll_write(cx, b),
            Stream::Tls(s) => Pin::new(s).poll_write(cx, b),
        }
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Plain(s) => Pin::new(s).poll_flush(cx),
            Stream::Tls(s) => Pin::new(s).poll_flush(cx),
        }
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Stream::Tls(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}

/// A connection with what was read ahead and what is still to be written.
#[derive(Debug)]
pub struct Wire {
    pub stream: Stream,
    pub inbound: BytesMut,
    pub outbound: BytesMut,
    /// Bytes written so far: tells a shop that takes an upload slowly from one that has stopped.
    pub sent: u64,
    /// It carried a request before this one.
    pub reused: bool,
    pub used_at: std::time::Instant,
}

/// Reads ask for this much room; bodies known to be larger ask for what is left of them, up to [`LARGE_READ`].
pub const READ: usize = 16 * 1024;
pub const LARGE_READ: usize = 128 * 1024;

impl Wire {
    pub fn new(stream: Stream) -> Self {
        Wire {
            stream,
            inbound: BytesMut::new(),
            outbound: BytesMut::new(),
            sent: 0,
            reused: false,
            used_at: std::time::Instant::now(),
        }
    }

    /// Reads once; zero bytes mean that the shop closed.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        self.inbound.reserve(room);
        tokio_util::io::poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.inbound)
    }

    /// Writes what is in [`Wire::outbound`].
    pub fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outbound.is_empty() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.outbound))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outbound.advance(count);
            self.sent = self.sent.saturating_add(u64::try_from(count).unwrap_or(0));
        }
        match &mut self.stream {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            Stream::Tls(s) => Pin::new(s).poll_flush(cx),
        }
    }

    /// As [`Wire::is_quiet`], but asks the kernel itself: the runtime may not have noticed yet that the shop has closed. For
    /// requests that cannot be sent a second time.
    pub fn is_quiet_now(&mut self) -> bool {
        use rustix::net::RecvFlags;
        let tcp = match &self.stream {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0,
        };
        let mut byte = [0u8; 1];
        let seen = rustix::net::recv(tcp, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT);
        matches!(seen, Err(e) if e == rustix::io::Errno::AGAIN || e == rustix::io::Errno::WOULDBLOCK)
            && self.is_quiet()
    }

    /// Whether an idle connection is still open and silent: anything else (closed, or bytes nobody asked for) ends it.
    pub fn is_quiet(&mut self) -> bool {
        if !self.inbound.is_empty() || !self.outbound.is_empty() {
            return false;
        }
        match &mut self.stream {
            Stream::Plain(tcp) => {
                let mut byte = [0u8; 1];
                matches!(tcp.try_read(&mut byte), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
            }
            Stream::Tls(tls) => {
                let mut byte = [0u8; 1];
                let mut buffer = ReadBuf::new(&mut byte);
                let mut cx = Context::from_waker(std::task::Waker::noop());
                Pin::new(tls.as_mut()).poll_read(&mut cx, &mut buffer).is_pending()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Went wrong: an order on a kept connection that the shop had closed got 503, because the runtime had not looked yet.
    #[tokio::test]
    async fn what_the_kernel_knows_counts_before_the_runtime_has_looked() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = async || {
            let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            (Wire::new(Stream::Plain(tcp)), listener.accept().unwrap().0)
        };
        let (mut wire, shop) = open().await;
        assert!(wire.is_quiet_now());
        // Not a moment for the runtime between these two.
        drop(shop);
        assert!(!wire.is_quiet_now());
        let (mut wire, mut shop) = open().await;
        shop.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").unwrap();
        assert!(!wire.is_quiet_now(), "bytes that nobody asked for");
    }
}
