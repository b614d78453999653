//! The client's request body on its way to the shop: counted, bounded, watched.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use storeward_inspect::RuleMatch;

use crate::guard::Connection;
use crate::guard::connection::Wanted;
use crate::watched::Watch;

/// What was read ahead goes on in pieces, so that nobody who judges it keeps the thread for as long as all of it takes.
const PIECE: usize = 64 * 1024;

/// Why a request body ended early.
#[derive(Debug)]
pub enum BodyError {
    /// More bytes than the route lets through.
    TooLarge,
    /// The client's side broke: closed, reset, bad chunk.
    Client(hyper::Error),
    /// The rules found an attack in it, behind what had gone on already.
    Blocked(Box<RuleMatch>),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::TooLarge => f.write_str("the request body is larger than this route allows"),
            BodyError::Client(_) => f.write_str("the client's request body broke off"),
            BodyError::Blocked(_) => f.write_str("the client's request body holds an attack"),
        }
    }
}

impl std::error::Error for BodyError {}

/// What inspection has read already, then the rest as it comes.
#[derive(Debug)]
pub struct ClientBody {
    inspected: Option<Bytes>,
    inner: Incoming,
    left: u64,
    received: Rc<Cell<u64>>,
    connection: Arc<Connection>,
    waiting: Option<Wanted>,
    watch: Option<Box<Watch>>,
}

impl ClientBody {
    /// At most `limit` bytes will pass.
    pub fn new(inner: Incoming, limit: u64, connection: Arc<Connection>) -> Self {
        let received = Rc::default();
        ClientBody { inspected: None, inner, left: limit, received, connection, waiting: None, watch: None }
    }

    /// From now on every byte is judged before it goes on.
    pub(crate) fn watch(&mut self, watch: Watch) {
        self.watch = Some(Box::new(watch));
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.inspected.is_none() && self.inner.is_end_stream()
    }

    /// Counts the bytes that come in, also after the body has been handed on.
    pub fn received(&self) -> Rc<Cell<u64>> {
        self.received.clone()
    }

    /// Reads until `cap` bytes are at hand for inspection; they will be sent to the shop all the same. True when that
    /// was all. May be called again with another cap. Trailers end the reading too and are then not forwarded: nobody
    /// may hide a field behind inspection.
    pub async fn read_ahead(&mut self, cap: usize) -> Result<(Bytes, bool), BodyError> {
        let mut first: Option<Bytes> = self.inspected.take();
        let mut more: Vec<u8> = Vec::new();
        let mut complete = self.inner.is_end_stream();
        while !complete {
            let have = if more.is_empty() { first.as_ref().map_or(0, Bytes::len) } else { more.len() };
            if have >= cap {
                break;
            }
            let frame = std::future::poll_fn(|cx| self.poll_inner(cx)).await;
            let Some(frame) = frame.transpose()? else {
                complete = true;
                break;
            };
            let Ok(data) = frame.into_data() else { continue };
            match (&first, more.is_empty()) {
                (None, _) => first = Some(data),
                (Some(one), true) => {
                    more.reserve(one.len() + data.len());
                    more.extend_from_slice(one);
                    more.extend_from_slice(&data);
                }
                (Some(_), false) => more.extend_from_slice(&data),
            }
        }
        let bytes = if more.is_empty() { first.unwrap_or_default() } else { Bytes::from(more) };
        self.inspected = (!bytes.is_empty()).then(|| bytes.clone());
        Ok((bytes, complete))
    }

    /// Masks the card numbers in what was read ahead and says how many there were. Files stay as they are, and fields that `keeps` names.
    pub(crate) fn mask_cards(&mut self, content_type: &[u8], keeps: &dyn Fn(&[u8]) -> bool) -> usize {
        let Some(bytes) = self.inspected.take() else { return 0 };
        let mut copy = bytes.to_vec();
        let masked = storeward_inspect::cards::mask_fields(&mut copy, content_type, keeps);
        self.inspected = Some(if masked > 0 { copy.into() } else { bytes });
        masked
    }

    fn poll_raw(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.inspected.take() {
            Some(mut bytes) => {
                let piece = bytes.split_to(bytes.len().min(PIECE));
                self.inspected = (!bytes.is_empty()).then_some(bytes);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            None => self.poll_inner(cx),
        }
    }

    /// The next bytes that may go on. Trailers do not: nobody may hide a field behind inspection.
    fn poll_watched(
        &mut self,
        watch: &mut Watch,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if let Some(bytes) = watch.give() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if watch.has_ended() {
                return Poll::Ready(None);
            }
            let judged = match ready!(self.poll_raw(cx)).transpose()?.map(Frame::into_data) {
                Some(Ok(data)) => watch.take(data),
                Some(Err(_)) | None => watch.finish(),
            };
            judged.map_err(BodyError::Blocked)?;
        }
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
            if self.waiting.is_none() {
                self.waiting = Some(self.connection.want_body());
            }
            return Poll::Pending;
        };
        self.waiting = None;
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(BodyError::Client)?;
            let count = frame.data_ref().map_or(0, |d| u64::try_from(d.len()).unwrap_or(u64::MAX));
            self.received.set(self.received.get().saturating_add(count));
            self.left = self.left.checked_sub(count).ok_or(BodyError::TooLarge)?;
            Ok(frame)
        }))
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.watch.take() {
            None => self.poll_raw(cx),
            Some(mut watch) => {
                let polled = self.poll_watched(&mut watch, cx);
                self.watch = Some(watch);
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.inspected.as_ref().map_or(0, |b| u64::try_from(b.len()).unwrap_or(0));
        match self.inner.size_hint().exact() {
            Some(rest) => SizeHint::with_exact(rest.saturating_add(ahead)),
            None => SizeHint::default(),
        }
    }
}
