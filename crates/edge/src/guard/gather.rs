//! What HTTP/2 writes in one turn of its task goes out together.
//!
//! h2 writes frame by frame, and flushes behind each DATA frame. Passed on as they come, sixteen small responses that are
//! ready at once cost sixteen TLS records and system calls. Here they gather; the connection's task calls
//! [`Shared::poll_turn`] when h2 has nothing more to say, and only then they are sealed and sent.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::io::GuardedIo;

/// Gathers up to this much (four full TLS records), then writes in the middle of a turn.
const MOST_BYTES: usize = 64 * 1024;
/// An emptied buffer larger than this goes back: few connections are busy at once.
const KEPT_BYTES: usize = 4 * 1024;
/// Buffers that one core keeps for its connections.
const SPARE_BUFFERS: usize = 8;

/// Large buffers of one core's connections, lent for a turn.
#[derive(Debug, Default)]
pub struct Spare(RefCell<Vec<Vec<u8>>>);

impl Spare {
    fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    fn give(&self, buffer: Vec<u8>) {
        let mut buffers = self.0.borrow_mut();
        if buffers.len() < SPARE_BUFFERS {
            buffers.push(buffer);
        }
    }
}

/// A stream whose writes wait for the end of the turn.
#[derive(Debug)]
pub struct Gather<S> {
    inner: S,
    waiting: Vec<u8>,
    /// So much of it is written already.
    sent: usize,
    spare: Rc<Spare>,
    /// A write behind h2's back failed: h2 hears of it at its next read or write.
    failed: Option<io::ErrorKind>,
}

impl<S: AsyncWrite + Unpin> Gather<S> {
    pub fn new(inner: S, spare: Rc<Spare>) -> Self {
        Gather { inner, waiting: Vec::new(), sent: 0, spare, failed: None }
    }

    fn hold(&mut self, parts: &[io::IoSlice<'_>], total: usize) {
        let wanted = self.waiting.len() + total;
        if wanted > KEPT_BYTES && self.waiting.capacity() <= KEPT_BYTES {
            let mut larger = self.spare.take();
            larger.reserve_exact(MOST_BYTES);
            larger.extend_from_slice(&self.waiting);
            self.waiting = larger;
        }
        parts.iter().for_each(|part| self.waiting.extend_from_slice(part));
    }

    /// Writes and flushes what waits.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.waiting.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
        }
        self.sent = 0;
        self.waiting.clear();
        if self.waiting.capacity() > KEPT_BYTES {
            self.spare.give(std::mem::take(&mut self.waiting));
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn check(&self) -> io::Result<()> {
        self.failed.map_or(Ok(()), |kind| Err(kind.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gather<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gather<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let total = parts.iter().map(|part| part.len()).sum::<usize>();
        if self.waiting.len() + total > MOST_BYTES {
            ready!(self.poll_out(cx))?;
            if total > MOST_BYTES {
                return Pin::new(&mut self.inner).poll_write_vectored(cx, parts);
            }
        }
        self.hold(parts, total);
        Poll::Ready(Ok(total))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Says done although it is not: the end of the turn is where bytes go out.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.check())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// One guarded stream in two hands: hyper's, and that of the task that ends each turn.
#[derive(Debug)]
pub struct Shared<S>(Rc<RefCell<GuardedIo<Gather<S>>>>);

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shared<S> {
    pub fn new(io: GuardedIo<Gather<S>>) -> Self {
        Shared(Rc::new(RefCell::new(io)))
    }

    /// The turn is over: sends what it has written. Wakes the task again when more can be sent, or when that failed.
    pub fn poll_turn(&self, cx: &mut Context<'_>) {
        let mut io = self.0.borrow_mut();
        let gather = io.inner_mut();
        if gather.failed.is_some() {
            return;
        }
        let result = gather.poll_out(cx);
        if let Poll::Ready(Err(error)) = &result {
            gather.failed = Some(error.kind());
            cx.waker().wake_by_ref();
        }
        io.turn_ended(result.is_ready());
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Shared<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, b: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, b)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Shared<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Connection, FrameLimits};
    use super::*;

    /// Takes so many bytes a write, and no more than `room` in all.
    #[derive(Debug, Default)]
    struct Client {
        writes: Vec<usize>,
        room: usize,
        broken: bool,
    }

    impl AsyncWrite for Client {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, b: &[u8]) -> Poll<io::Result<usize>> {
            if self.broken {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let count = b.len().min(self.room);
            if count == 0 {
                return Poll::Pending;
            }
            self.room -= count;
            self.writes.push(count);
            Poll::Ready(Ok(count))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncRead for Client {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    fn shared(room: usize) -> (Shared<Client>, std::sync::Arc<Connection>) {
        let connection = std::sync::Arc::new(Connection::new());
        let gather = Gather::new(Client { room, ..Client::default() }, Rc::default());
        (Shared::new(GuardedIo::http2(gather, connection.clone(), FrameLimits::default())), connection)
    }

    fn write(shared: &mut Shared<Client>, count: usize) -> Poll<io::Result<usize>> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let written = Pin::new(&mut *shared).poll_write(&mut cx, &vec![7; count]);
        assert!(Pin::new(shared).poll_flush(&mut cx).is_ready() || written.is_pending());
        written
    }

    fn turn(shared: &Shared<Client>) -> Vec<usize> {
        shared.poll_turn(&mut Context::from_waker(std::task::Waker::noop()));
        std::mem::take(&mut shared.0.borrow_mut().inner_mut().inner.writes)
    }

    #[test]
    fn frames_of_a_turn_go_out_in_one_write() {
        let (mut io, _) = shared(usize::MAX);
        for _ in 0..20 {
            assert!(matches!(write(&mut io, 1_000), Poll::Ready(Ok(1_000))));
        }
        assert_eq!(turn(&io), [20_000]);
        assert!(turn(&io).is_empty());
        // The large buffer has gone back to the core.
        assert_eq!(io.0.borrow_mut().inner_mut().waiting.capacity(), 0);
    }

    #[test]
    fn what_a_client_does_not_take_is_bounded_and_seen() {
        let (mut io, connection) = shared(10_000);
        while write(&mut io, 9_000).is_ready() {}
        assert_eq!(turn(&io).iter().sum::<usize>(), 10_000);
        let held = io.0.borrow_mut().inner_mut().waiting.len();
        assert!(held <= MOST_BYTES, "{held}");
        assert!(connection.snapshot().write_blocked, "the watch must see a client that does not read");
        io.0.borrow_mut().inner_mut().inner.room = usize::MAX;
        turn(&io);
        assert!(!connection.snapshot().write_blocked);
    }

    #[test]
    fn a_failed_write_is_told_at_the_next_one() {
        let (mut io, _) = shared(usize::MAX);
        assert!(write(&mut io, 10).is_ready());
        io.0.borrow_mut().inner_mut().inner.broken = true;
        assert!(turn(&io).is_empty());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let told = Pin::new(&mut io).poll_write(&mut cx, b"x");
        assert!(matches!(told, Poll::Ready(Err(e)) if e.kind() == io::ErrorKind::ConnectionReset));
    }
}
