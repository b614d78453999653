//! The response body on its way to the client: masked, counted, watched, and written down when it ends.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use storeward_inspect::cards::{self, StreamMasker};

use crate::guard::Connection;
use crate::guard::connection::InFlight;
use crate::record::Ending;
use crate::upstream::UpstreamBody;

/// Where the bytes come from.
#[derive(Debug)]
enum Source {
    Whole(Option<Bytes>),
    /// What inspection has read already, then the rest.
    Stream {
        ahead: VecDeque<Frame<Bytes>>,
        rest: Box<UpstreamBody>,
    },
}

/// What happens to text.
#[derive(Debug)]
enum Masking {
    None,
    /// Numbers may straddle chunks: a short tail is held back.
    Text(Box<StreamMasker>),
    /// An event stream: each chunk on its own, nothing held back.
    Events,
}

/// A response body as hyper takes it.
#[derive(Debug)]
pub struct EdgeBody {
    source: Source,
    masking: Masking,
    held_trailers: Option<Frame<Bytes>>,
    ended: bool,
    connection: Arc<Connection>,
    /// The client has something to take and has not come for it.
    offered: bool,
    _in_flight: Option<InFlight>,
    ending: Option<Box<Ending>>,
}

impl EdgeBody {
    pub fn whole(
        bytes: Bytes,
        connection: Arc<Connection>,
        in_flight: InFlight,
        ending: Box<Ending>,
    ) -> Self {
        let source = Source::Whole((!bytes.is_empty()).then_some(bytes));
        EdgeBody::new(source, Masking::None, connection, in_flight, ending)
    }

    pub fn stream(
        ahead: VecDeque<Frame<Bytes>>,
        rest: Box<UpstreamBody>,
        mask: Mask,
        connection: Arc<Connection>,
        in_flight: InFlight,
        ending: Box<Ending>,
    ) -> Self {
        let masking = match mask {
            Mask::Nothing => Masking::None,
            Mask::Text => Masking::Text(Box::new(StreamMasker::new())),
            Mask::Events => Masking::Events,
        };
        EdgeBody::new(Source::Stream { ahead, rest }, masking, connection, in_flight, ending)
    }

    /// The empty body of a 101; the tunnel behind it keeps the books.
    pub fn nothing(connection: Arc<Connection>) -> Self {
        EdgeBody {
            source: Source::Whole(None),
            masking: Masking::None,
            held_trailers: None,
            ended: true,
            connection,
            offered: false,
            _in_flight: None,
            ending: None,
        }
    }

    fn new(
        source: Source,
        masking: Masking,
        connection: Arc<Connection>,
        in_flight: InFlight,
        ending: Box<Ending>,
    ) -> Self {
        let mut body = EdgeBody {
            source,
            masking,
            held_trailers: None,
            ended: false,
            connection,
            offered: false,
            _in_flight: Some(in_flight),
            ending: Some(ending),
        };
        if !body.is_end_stream() {
            body.offer();
        }
        body
    }

    fn offer(&mut self) {
        if !self.offered {
            self.offered = true;
            self.connection.body_stalls();
        }
    }

    fn taken(&mut self) {
        if self.offered {
            self.offered = false;
            self.connection.body_moves();
        }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.source {
            Source::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Source::Stream { ahead, rest } => match ahead.pop_front() {
                Some(frame) => Poll::Ready(Some(Ok(frame))),
                None => Pin::new(rest.as_mut()).poll_frame(cx),
            },
        }
    }

    /// The next frame with card numbers masked; `None` at the end.
    fn poll_masked(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if self.ended {
                return Poll::Ready(self.held_trailers.take().map(Ok));
            }
            let frame = ready!(self.poll_source(cx)).transpose()?;
            match &mut self.masking {
                Masking::None => return Poll::Ready(frame.map(Ok)),
                Masking::Events => {
                    let Some(frame) = frame else { return Poll::Ready(None) };
                    let (frame, masked) = mask_alone(frame);
                    self.note_masked(masked);
                    return Poll::Ready(Some(Ok(frame)));
                }
                Masking::Text(masker) => {
                    let mut out = Vec::new();
                    match frame.map(Frame::into_data) {
                        Some(Ok(data)) => masker.push(&data, &mut out),
                        end => {
                            masker.finish(&mut out);
                            self.ended = true;
                            self.held_trailers = end.and_then(Result::err);
                            let masked = masker.masked();
                            self.note_masked(masked);
                        }
                    }
                    if !out.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(Bytes::from(out)))));
                    }
                }
            }
        }
    }

    fn note_masked(&mut self, count: usize) {
        if let Some(ending) = &mut self.ending {
            ending.masked_cards += count;
        }
    }

    fn finish(&mut self) {
        self.taken();
        if let Some(ending) = self.ending.take() {
            ending.write();
        }
    }
}

/// How card numbers are masked in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    Nothing,
    Text,
    Events,
}

/// Masks within one piece; copies only when something is found.
fn mask_alone(frame: Frame<Bytes>) -> (Frame<Bytes>, usize) {
    match frame.into_data() {
        Ok(data) => {
            let (data, masked) = mask_bytes(data);
            (Frame::data(data), masked)
        }
        Err(frame) => (frame, 0),
    }
}

/// Masks card numbers in a body that is at hand as a whole.
pub fn mask_bytes(data: Bytes) -> (Bytes, usize) {
    if cards::find(&data).is_empty() {
        return (data, 0);
    }
    let mut copy = data.to_vec();
    let masked = cards::mask_in_place(&mut copy);
    (Bytes::from(copy), masked)
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        this.taken();
        let frame = ready!(this.poll_masked(cx));
        match &frame {
            Some(Ok(frame)) => {
                let count = frame.data_ref().map_or(0, |d| u64::try_from(d.len()).unwrap_or(0));
                if let Some(ending) = &mut this.ending {
                    ending.record.response_bytes += count;
                }
                if this.is_end_stream() { this.finish() } else { this.offer() }
            }
            Some(Err(_)) => {
                if let Some(ending) = &mut this.ending {
                    ending.record.reason = "response.broken_off".into();
                }
                this.finish();
            }
            None => this.finish(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        if self.ended {
            return self.held_trailers.is_none();
        }
        match (&self.source, &self.masking) {
            (Source::Whole(bytes), _) => bytes.is_none(),
            (Source::Stream { ahead, rest }, Masking::None | Masking::Events) => {
                ahead.is_empty() && rest.is_end_stream()
            }
            (Source::Stream { .. }, Masking::Text(_)) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let length = |count: usize| u64::try_from(count).unwrap_or(0);
        match &self.source {
            Source::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| length(b.len()))),
            Source::Stream { ahead, rest } => match rest.size_hint().exact() {
                Some(left) if matches!(self.masking, Masking::None | Masking::Events) => {
                    let ahead =
                        ahead.iter().filter_map(|f| f.data_ref()).map(|d| length(d.len())).sum::<u64>();
                    SizeHint::with_exact(left + ahead)
                }
                _ => SizeHint::default(),
            },
        }
    }
}

impl Drop for EdgeBody {
    fn drop(&mut self) {
        if let Some(ending) = &mut self.ending
            && !matches!(self.source, Source::Whole(_))
        {
            ending.record.reason = "client.left".into();
        }
        self.finish();
    }
}
