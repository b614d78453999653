//! What the shop says in a session, and what is said to it in a tunnel, is handed on piece by piece, as long as the session stands and nobody may
//! be signing in to it: what was opened before would tell the account past the challenge, or act in it.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use storeward_host::{Going, Minder};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::frames::Words;
use super::{SESSION_OVER, session_over};

/// How often it is asked again whether the sign-in is decided.
const AGAIN: Duration = Duration::from_millis(20);
/// What is not decided by then ends the stream; a browser opens another.
const LONGEST: Duration = Duration::from_secs(60);
const BUFFER: usize = 8 * 1024;

/// When one piece may go.
struct Turn {
    minder: Rc<dyn Minder>,
    waits: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Turn {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.minder.going() {
                Going::On => {
                    self.waits = None;
                    return Poll::Ready(Ok(()));
                }
                Going::Over => return Poll::Ready(Err(over())),
                Going::Wait => {}
            }
            let now = Instant::now();
            let (since, again) = self.waits.get_or_insert_with(|| (now, Box::pin(tokio::time::sleep(AGAIN))));
            if now.duration_since(*since) > LONGEST {
                return Poll::Ready(Err(over()));
            }
            ready!(again.as_mut().poll(cx));
            again.as_mut().reset(now + AGAIN);
        }
    }
}

/// Why an answer or a tunnel is broken off.
fn over() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, SESSION_OVER)
}

/// What is said in a tunnel, of either side.
pub struct Minded<R> {
    from: R,
    turn: Option<Turn>,
    /// Read, and not handed on yet.
    kept: Vec<u8>,
    given: usize,
}

impl<R> Minded<R> {
    pub fn new(from: R, minder: Option<Rc<dyn Minder>>) -> Self {
        let turn = minder.map(|minder| Turn { minder, waits: None });
        Minded { from, turn, kept: Vec::new(), given: 0 }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Minded<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(turn) = &mut this.turn else { return Pin::new(&mut this.from).poll_read(cx, into) };
        if this.given == this.kept.len() {
            this.kept.resize(BUFFER, 0);
            let mut buffer = ReadBuf::new(&mut this.kept);
            let polled = Pin::new(&mut this.from).poll_read(cx, &mut buffer);
            let read = buffer.filled().len();
            this.kept.truncate(if polled.is_ready() { read } else { 0 });
            this.given = 0;
            ready!(polled)?;
        }
        ready!(turn.poll(cx))?;
        let rest = this.kept.get(this.given..).unwrap_or_default();
        let piece = rest.get(..into.remaining()).unwrap_or(rest);
        into.put_slice(piece);
        this.given += piece.len();
        Poll::Ready(Ok(()))
    }
}

/// Where what a client says in a tunnel goes to the shop.
pub struct Told<W> {
    to: W,
    turn: Option<Turn>,
    words: Words,
}

impl<W> Told<W> {
    pub fn new(to: W, minder: Option<Rc<dyn Minder>>) -> Self {
        Told { to, turn: minder.map(|minder| Turn { minder, waits: None }), words: Words::default() }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Told<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if let Some(turn) = &mut this.turn {
            // In this order: an act that begins meanwhile knows of them, or they wait for it. A shop that takes no more may have kept them waiting
            // since they were read.
            if this.words.clone().pass(bytes) {
                turn.minder.note_words();
            }
            ready!(turn.poll(cx))?;
        }
        let written = ready!(Pin::new(&mut this.to).poll_write(cx, bytes))?;
        this.words.pass(bytes.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to).poll_shutdown(cx)
    }
}

type Next = Option<io::Result<Frame<Bytes>>>;

/// What the shop says in an answer that goes on.
pub struct MindedBody {
    turn: Turn,
    ends: Pin<Box<dyn Future<Output = ()>>>,
    /// Taken from the shop, and not handed on yet.
    kept: Option<Next>,
}

impl MindedBody {
    pub fn by(minder: Box<dyn Minder>) -> Self {
        let minder: Rc<dyn Minder> = Rc::from(minder);
        let asked = Rc::clone(&minder);
        let ends = Box::pin(async move { session_over(Some(asked.as_ref())).await });
        MindedBody { turn: Turn { minder, waits: None }, ends, kept: None }
    }

    /// Whether a piece waits: then the end of the answer has not been handed on either.
    pub fn keeps(&self) -> bool {
        self.kept.is_some()
    }

    /// The next piece, where it may go.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        next: impl FnOnce(&mut Context<'_>) -> Poll<Next>,
    ) -> Poll<Next> {
        if self.ends.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(over())));
        }
        let piece = match self.kept.take() {
            Some(piece) => piece,
            None => ready!(next(cx)),
        };
        match self.turn.poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(piece),
            Poll::Ready(Err(why)) => Poll::Ready(Some(Err(why))),
            Poll::Pending => {
                self.kept = Some(piece);
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for MindedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MindedBody").field("keeps", &self.keeps()).finish_non_exhaustive()
    }
}

/// Whether an answer was broken off because of the session behind it.
pub fn is_session_over(why: &io::Error) -> bool {
    why.kind() == io::ErrorKind::ConnectionAborted
        && why.get_ref().is_some_and(|inside| inside.to_string() == SESSION_OVER)
}
