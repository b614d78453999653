//! The client's byte stream with a guard on it: what hyper and h2 read passed the strict readers first.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::{Connection, Stage};
use super::frames::{FrameLimits, Frames};
use super::framing::{Framing, HeadLimits, Phase};

/// Bytes read and thrown away after a refusal, so that the client sees the answer instead of a reset.
const LINGER_BYTES: usize = 64 * 1024;

/// What hyper writes when a body that waits for it is wanted.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Which reader follows the inbound bytes.
#[derive(Debug)]
enum Reader {
    Http1(Framing),
    Http2(Frames),
}

/// What is left to do before the connection ends.
#[derive(Debug)]
enum Refusing {
    No,
    /// Once the requests before it are answered, and as long as nothing of its own request's answer went out.
    Write {
        answer: Vec<u8>,
        written: usize,
        /// Sound heads that were read before.
        heads: u64,
        of: Of,
        /// Bytes behind what is broken, read and thrown away while it waits.
        wasted: usize,
    },
    Shutdown,
    Linger {
        read: usize,
    },
}

/// What is broken, and so how many requests may be under way when it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// A head: no request was made of it.
    Head,
    /// A body, whose request is being served.
    Body,
}

/// When a refusal may be answered.
enum Turn {
    Now,
    /// Requests before it are under way, or their answers are.
    Later,
    /// Its own request's answer has begun: another would be taken for a part of it.
    Never,
}

/// A client connection under guard. After an upgrade (101) the bytes pass unread.
#[derive(Debug)]
pub struct GuardedIo<S> {
    inner: S,
    shared: Arc<Connection>,
    reader: Reader,
    refusing: Refusing,
    /// An interim response on its way out, and how much of it is written.
    interim: Option<(Vec<u8>, usize)>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> GuardedIo<S> {
    pub fn http1(inner: S, shared: Arc<Connection>, limits: HeadLimits) -> Self {
        shared.enter(Stage::Idle);
        GuardedIo {
            inner,
            shared,
            reader: Reader::Http1(Framing::new(limits)),
            refusing: Refusing::No,
            interim: None,
        }
    }

    pub fn http2(inner: S, shared: Arc<Connection>, limits: FrameLimits) -> Self {
        shared.enter(Stage::Http2Start);
        shared.has_work();
        GuardedIo {
            inner,
            shared,
            reader: Reader::Http2(Frames::new(limits)),
            refusing: Refusing::No,
            interim: None,
        }
    }

    pub(super) fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Everything h2 had to say is out, or the client does not take it.
    pub(super) fn turn_ended(&self, all_out: bool) {
        self.shared.has_flushed(all_out);
    }

    /// Reads `bytes` strictly; the error tells how many of them may be passed on.
    fn inspect(&mut self, bytes: &[u8]) -> Result<(), usize> {
        match &mut self.reader {
            Reader::Http1(framing) => {
                let result = framing.read(bytes);
                self.shared.enter(match framing.phase() {
                    Phase::Idle => Stage::Idle,
                    Phase::Head => Stage::Head,
                    Phase::Body => Stage::Body,
                });
                result.map_err(|(sound, refusal)| {
                    self.shared.refuse(refusal.status(), refusal.code());
                    if let Some((method, target)) = framing.begun() {
                        self.shared.refuse_request(method, target);
                    }
                    // Requests before it are served as any: the clock for refused clients does not run yet.
                    self.shared.enter(Stage::Idle);
                    self.refusing = Refusing::Write {
                        answer: answer(refusal.status(), refusal.code()),
                        written: 0,
                        heads: framing.heads(),
                        of: if framing.phase() == Phase::Body { Of::Body } else { Of::Head },
                        wasted: 0,
                    };
                    sound
                })
            }
            Reader::Http2(frames) => {
                let before = frames.worked();
                let result = frames.read(bytes, self.shared.now_ms());
                if frames.worked() != before {
                    self.shared.has_work();
                }
                let phase = frames.phase();
                if frames.is_spent() {
                    self.shared.drain();
                }
                self.shared.enter(if !phase.established {
                    Stage::Http2Start
                } else if phase.header_block_open || phase.mid_frame {
                    Stage::Head
                } else {
                    Stage::Http2
                });
                result.map_err(|refusal| {
                    self.shared.refuse(0, refusal.code());
                    self.shared.enter(Stage::Linger);
                    self.refusing = Refusing::Shutdown;
                    0
                })
            }
        }
    }

    /// Notes what went out; `bytes` are all that were to go, or nothing where that is not known.
    fn has_written(&self, result: &Poll<io::Result<usize>>, bytes: &[u8]) {
        self.shared.has_written(result);
        if bytes == CONTINUE && matches!(result, Poll::Ready(Ok(count)) if *count == CONTINUE.len()) {
            self.shared.has_continued(CONTINUE.len());
        }
    }

    /// Whether the refusal's own answer is on its way out: nothing may come in between.
    fn answers_itself(&self) -> bool {
        matches!(self.refusing, Refusing::Write { written: 1.., .. })
    }

    /// Writes interim responses before anything else goes out.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.interim.is_none() {
            self.interim = self.shared.take_interim().map(|bytes| (bytes, 0));
        }
        while let Some((bytes, written)) = &mut self.interim {
            let rest = bytes.get(*written..).unwrap_or_default();
            if rest.is_empty() {
                self.interim = None;
                break;
            }
            *written += ready!(Pin::new(&mut self.inner).poll_write(cx, rest))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Whether a refusal behind so many sound heads may be answered.
    fn turn(&self, heads: u64, of: Of) -> Turn {
        let served = self.shared.begun() >= heads;
        match of {
            // The last sound head became a tunnel: there is no answer to give in it.
            _ if self.shared.is_tunnel() => Turn::Never,
            Of::Head if served && self.shared.in_flight() == 0 && self.shared.is_flushed() => Turn::Now,
            Of::Body if served && self.shared.in_flight() <= 1 && self.shared.is_unanswered() => Turn::Now,
            Of::Body if served => Turn::Never,
            _ => Turn::Later,
        }
    }

    /// While a refusal waits for its turn: whether the client has left. Nothing of what it sends is of use any more.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Refusing::Write { wasted, .. } = &mut self.refusing else { return Poll::Pending };
        loop {
            let mut waste = [0u8; 4096];
            let mut buffer = ReadBuf::new(&mut waste);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer)) {
                Ok(()) if buffer.filled().is_empty() => {
                    return Poll::Ready(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(()) => *wasted += buffer.filled().len(),
                Err(error) => return Poll::Ready(error),
            }
            // Whoever goes on sending behind what is broken is no buyer who waits for an answer.
            if *wasted > LINGER_BYTES {
                return Poll::Ready(io::ErrorKind::InvalidData.into());
            }
        }
    }

    /// Answers, shuts the writing side and reads on for a while; ends in an error, which ends the connection.
    fn poll_refusing(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if let Refusing::Write { written: 0, heads, of, .. } = self.refusing {
            match self.turn(heads, of) {
                Turn::Now => {}
                // A request's end looks again, and so does what flushes its answer.
                Turn::Later => {
                    self.shared.refusal_waits(cx.waker());
                    return self.poll_left(cx);
                }
                Turn::Never => self.refusing = Refusing::Shutdown,
            }
            // From here on the clock for refused clients runs, whatever they read or send.
            self.shared.enter(Stage::Linger);
        }
        loop {
            match &mut self.refusing {
                Refusing::No => return Poll::Ready(io::ErrorKind::InvalidData.into()),
                Refusing::Write { answer, written, .. } => {
                    let rest = answer.get(*written..).unwrap_or_default();
                    if rest.is_empty() {
                        self.refusing = Refusing::Shutdown;
                        continue;
                    }
                    match ready!(Pin::new(&mut self.inner).poll_write(cx, rest)) {
                        Ok(count) if count > 0 => *written += count,
                        _ => return Poll::Ready(io::ErrorKind::WriteZero.into()),
                    }
                }
                Refusing::Shutdown => {
                    if ready!(Pin::new(&mut self.inner).poll_flush(cx)).is_err()
                        || ready!(Pin::new(&mut self.inner).poll_shutdown(cx)).is_err()
                    {
                        return Poll::Ready(io::ErrorKind::InvalidData.into());
                    }
                    self.refusing = Refusing::Linger { read: 0 };
                }
                Refusing::Linger { read } => {
                    let mut waste = [0u8; 4096];
                    let mut buffer = ReadBuf::new(&mut waste);
                    let done = ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer)).is_err();
                    *read += buffer.filled().len();
                    if done || buffer.filled().is_empty() || *read > LINGER_BYTES {
                        return Poll::Ready(io::ErrorKind::InvalidData.into());
                    }
                }
            }
        }
    }
}

/// The answer to bytes that are no request: short, and the last on its connection.
fn answer(status: u16, code: &str) -> Vec<u8> {
    let reason = match status {
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        505 => "HTTP Version Not Supported",
        _ => "Bad Request",
    };
    let body = format!(
        "{{\"type\":\"about:blank\",\"title\":\"{reason}\",\"status\":{status},\"code\":\"{code}\"}}"
    );
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for GuardedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !matches!(this.refusing, Refusing::No) {
            return this.poll_refusing(cx).map(Err);
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.inner).poll_read(cx, buffer);
        this.shared.read_waits(result.is_pending());
        ready!(result)?;
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        this.shared.has_read(fresh.len());
        if this.shared.is_tunnel() {
            return Poll::Ready(Ok(()));
        }
        // `inspect` borrows the whole of `this`, the bytes lie in `buffer`: no copy is made.
        match this.inspect(fresh) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(0) => {
                buffer.set_filled(before);
                this.poll_refusing(cx).map(Err)
            }
            Err(sound) => {
                buffer.set_filled(before + sound);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for GuardedIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.answers_itself() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(self.poll_interim(cx))?;
        let result = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.has_written(&result, bytes);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.answers_itself() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(self.poll_interim(cx))?;
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, parts);
        let mut filled = parts.iter().filter(|part| !part.is_empty());
        let only = filled.next().filter(|_| filled.next().is_none());
        self.has_written(&result, only.map_or(&[], |part| part));
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_interim(cx))?;
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        self.shared.has_flushed(result.is_ready());
        // An answer is out, and a refusal may have waited for that: whoever reads is to look again. While requests before it are under way,
        // there is nothing to look at, and hyper flushes at each turn.
        if let Refusing::Write { written: 0, heads, of, .. } = self.refusing
            && result.is_ready()
            && !matches!(self.turn(heads, of), Turn::Later)
        {
            cx.waker().wake_by_ref();
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    /// Has sent these bytes, and takes whatever is written.
    struct Client(Vec<u8>);

    impl AsyncRead for Client {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if self.0.is_empty() {
                return Poll::Pending;
            }
            buffer.put_slice(&std::mem::take(&mut self.0));
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Client {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_refusal_that_waits_for_an_answer_costs_nothing_meanwhile() {
        let sent = b"GET /slow HTTP/1.1\r\nHost: shop.test\r\n\r\nGET /bad HTTP/1.1\nX: 1\n\n".to_vec();
        let connection = Arc::new(Connection::new());
        let mut io =
            GuardedIo::http1(Client(sent), connection.clone(), HeadLimits { size_bytes: 8_192, headers: 64 });
        let calls = Arc::new(Calls::default());
        let waker = Waker::from(calls.clone());
        let mut cx = Context::from_waker(&waker);
        let mut room = [0; 256];
        let mut buffer = ReadBuf::new(&mut room);
        assert!(Pin::new(&mut io).poll_read(&mut cx, &mut buffer).is_ready());
        assert!(
            buffer.filled().starts_with(b"GET /slow")
                && !buffer.filled().windows(4).any(|bytes| bytes == b"/bad")
        );
        let under_way = connection.begin_request();
        // hyper asks at each turn, and each turn would call the next.
        for _ in 0..100 {
            let mut nothing = ReadBuf::new(&mut []);
            assert!(Pin::new(&mut io).poll_read(&mut cx, &mut nothing).is_pending());
            assert!(Pin::new(&mut io).poll_flush(&mut cx).is_ready());
        }
        assert_eq!(calls.0.load(Ordering::Relaxed), 0);
        drop(under_way);
        assert_eq!(calls.0.load(Ordering::Relaxed), 1);
        let mut rest = ReadBuf::new(&mut []);
        assert!(Pin::new(&mut io).poll_read(&mut cx, &mut rest).is_pending());
        assert!(matches!(io.refusing, Refusing::Linger { .. }));
    }
}
