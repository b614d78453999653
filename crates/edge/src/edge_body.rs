//! The response body on its way to the client: masked, counted, watched, and written down when it ends.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use storeward_host::Rewrite;
use storeward_inspect::cards::{self, StreamMasker};
use storeward_inspect::keys::{self, KeyMasker};
use tokio::time::{Instant, Sleep};

use crate::body::BodyError;
use crate::coding::Gzip;
use crate::guard::Connection;
use crate::guard::connection::InFlight;
use crate::record::Ending;
use crate::response;
use crate::tunnel::{MindedBody, SESSION_OVER, is_session_over};
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
    /// As the first bytes will say.
    WhereText,
}

/// What a stage does to the body.
#[derive(Debug)]
enum Rewriting {
    None,
    By(Box<dyn Rewrite>),
    /// The last byte was taken from it.
    Over,
}

/// A response body as hyper takes it.
#[derive(Debug)]
pub struct EdgeBody {
    source: Source,
    masking: Masking,
    keys: Option<KeyMasker>,
    /// Behind the masks, so that it sees what the client gets.
    rewriting: Rewriting,
    gzip: Option<Gzip>,
    stall: Option<Stall>,
    /// By the session behind an answer that goes on.
    minded: Option<MindedBody>,
    held_trailers: Option<Frame<Bytes>>,
    ended: bool,
    /// Bytes to come, where the length was announced; masking changes no length. hyper asks no further than that, so the
    /// end must be known from the count and not from being asked once more.
    left: Option<u64>,
    /// Masked numbers that are noted already.
    masked: usize,
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

    pub fn stream(flow: Flow, connection: Arc<Connection>, in_flight: InFlight, ending: Box<Ending>) -> Self {
        let Flow { ahead, rest, mask, masks_keys, rewrite, gzip, stall, minded } = flow;
        let masking = match mask {
            Mask::Nothing => Masking::None,
            Mask::WhereText => Masking::WhereText,
            Mask::Text => Masking::Text(Box::new(StreamMasker::new())),
            Mask::Events => Masking::Text(Box::new(StreamMasker::for_events())),
        };
        let mut body = EdgeBody::new(Source::Stream { ahead, rest }, masking, connection, in_flight, ending);
        body.stall = stall.map(Stall::new);
        body.minded = minded;
        body.keys = masks_keys.then(KeyMasker::default);
        if gzip.is_some() || rewrite.is_some() {
            // What was announced is the length of the other form.
            body.left = None;
        }
        body.gzip = gzip;
        body.rewriting = rewrite.map_or(Rewriting::None, Rewriting::By);
        body
    }

    /// The empty body of a 101; the tunnel behind it keeps the books.
    pub fn nothing(connection: Arc<Connection>) -> Self {
        EdgeBody {
            source: Source::Whole(None),
            masking: Masking::None,
            keys: None,
            rewriting: Rewriting::None,
            gzip: None,
            stall: None,
            minded: None,
            held_trailers: None,
            ended: true,
            left: None,
            masked: 0,
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
        let left = match &source {
            Source::Whole(_) => None,
            // Trailers stand behind the last byte: a body that has some does not end with its data.
            Source::Stream { ahead, .. } if ahead.iter().any(Frame::is_trailers) => None,
            Source::Stream { ahead, rest } => rest.size_hint().exact().map(|rest| rest + data_length(ahead)),
        };
        let mut body = EdgeBody {
            source,
            masking,
            keys: None,
            rewriting: Rewriting::None,
            gzip: None,
            stall: None,
            minded: None,
            held_trailers: None,
            ended: false,
            left,
            masked: 0,
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
                None => match (Pin::new(rest.as_mut()).poll_frame(cx), &mut self.stall) {
                    (polled, None) => polled,
                    (Poll::Pending, Some(stall)) => {
                        stall.poll(cx).map(|()| Some(Err(io::ErrorKind::TimedOut.into())))
                    }
                    (polled, Some(stall)) => {
                        stall.since = None;
                        polled
                    }
                },
            },
        }
    }

    /// The next frame with card numbers masked; `None` at the end.
    fn poll_masked(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if self.ended {
                return Poll::Ready(self.held_trailers.take().map(Ok));
            }
            let frame = ready!(self.poll_source(cx)).transpose()?.map(|frame| self.masked_trailers(frame));
            if matches!(self.masking, Masking::WhereText) {
                self.masking = masking_of(frame.as_ref().and_then(Frame::data_ref));
            }
            match &mut self.masking {
                Masking::None | Masking::WhereText => return Poll::Ready(frame.map(Ok)),
                Masking::Text(masker) => {
                    let mut out = Vec::new();
                    match frame.map(Frame::into_data) {
                        Some(Ok(mut data)) => {
                            if let Some(masked) = self.keys.as_mut().and_then(|keys| keys.push(&data)) {
                                data = masked.into();
                            }
                            if let Some(certain) = masker.pass(&data) {
                                data.truncate(certain);
                                return Poll::Ready(Some(Ok(Frame::data(data))));
                            }
                            masker.push(&data, &mut out);
                        }
                        end => {
                            if let Some(mut keys) = self.keys.take() {
                                masker.push(&keys.finish(), &mut out);
                                if let Some(ending) = &mut self.ending {
                                    ending.masked_keys += keys.masked();
                                }
                            }
                            masker.finish(&mut out);
                            self.ended = true;
                            self.held_trailers = end.and_then(Result::err);
                        }
                    }
                    let fresh = masker.masked() - self.masked;
                    self.masked += fresh;
                    self.note_masked(fresh);
                    if !out.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(Bytes::from(out)))));
                    }
                }
            }
        }
    }

    /// The next frame as a stage wants it; `None` at the end.
    fn poll_rewritten(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut rewrite = match std::mem::replace(&mut self.rewriting, Rewriting::Over) {
            Rewriting::None => {
                self.rewriting = Rewriting::None;
                return self.poll_masked(cx);
            }
            Rewriting::Over => return Poll::Ready(self.held_trailers.take().map(Ok)),
            Rewriting::By(rewrite) => rewrite,
        };
        let mut out = Vec::new();
        while out.is_empty() {
            let frame = match self.poll_masked(cx) {
                Poll::Ready(frame) => frame.transpose()?,
                Poll::Pending => {
                    self.rewriting = Rewriting::By(rewrite);
                    return Poll::Pending;
                }
            };
            match frame.map(Frame::into_data) {
                Some(Ok(data)) => rewrite.push(&data, &mut out)?,
                end => {
                    rewrite.finish(&mut out)?;
                    self.held_trailers = end.and_then(Result::err).or(self.held_trailers.take());
                    return match out.is_empty() {
                        true => Poll::Ready(self.held_trailers.take().map(Ok)),
                        false => Poll::Ready(Some(Ok(Frame::data(Bytes::from(out))))),
                    };
                }
            }
        }
        self.rewriting = Rewriting::By(rewrite);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(out)))))
    }

    /// Trailers show no card number either, whatever the body is. One that cannot be masked is left out.
    fn masked_trailers(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_trailers() {
            Err(frame) => frame,
            Ok(mut trailers) => {
                let mut masked = 0;
                loop {
                    let found = response::mask_fields(&mut trailers);
                    masked += found.masked;
                    let Some(name) = found.left_in else { break };
                    trailers.remove(name);
                    masked += 1;
                }
                self.note_masked(masked);
                Frame::trailers(trailers)
            }
        }
    }

    /// The next frame, once the session behind it lets it go.
    fn poll_minded(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(mut minded) = self.minded.take() else { return self.poll_coded(cx) };
        let polled = minded.poll(cx, |cx| self.poll_coded(cx));
        self.minded = Some(minded);
        polled
    }

    /// The next frame as it goes out: compressed, where that was promised.
    fn poll_coded(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(mut gzip) = self.gzip.take() else { return self.poll_rewritten(cx) };
        let polled = self.poll_gzip(&mut gzip, cx);
        self.gzip = Some(gzip);
        polled
    }

    fn poll_gzip(&mut self, gzip: &mut Gzip, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if gzip.is_finished() {
            return Poll::Ready(self.held_trailers.take().map(Ok));
        }
        let mut out = Vec::new();
        while out.is_empty() {
            match self.poll_rewritten(cx) {
                // A shop that pauses has shown something that the client shall see meanwhile.
                Poll::Pending if gzip.is_unflushed() => gzip.flush(&mut out)?,
                Poll::Pending => return Poll::Pending,
                Poll::Ready(frame) => match frame.transpose()?.map(Frame::into_data) {
                    Some(Ok(data)) => gzip.push(&data, &mut out)?,
                    end => {
                        gzip.finish(&mut out)?;
                        self.held_trailers = end.and_then(Result::err);
                    }
                },
            }
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(out)))))
    }

    fn note_masked(&mut self, count: usize) {
        if let Some(ending) = &mut self.ending {
            ending.masked_cards += count;
        }
    }

    fn finish(&mut self) {
        if let Some(ending) = self.ending.take() {
            ending.write();
        }
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn data_length(frames: &VecDeque<Frame<Bytes>>) -> u64 {
    frames.iter().filter_map(Frame::data_ref).map(|d| length(d.len())).sum()
}

/// The clock that runs while the shop owes us bytes. Made at the first pause only, and not set anew for each.
#[derive(Debug)]
struct Stall {
    limit: Duration,
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    const fn new(limit: Duration) -> Self {
        Stall { limit, since: None, timer: None }
    }

    /// Ready once the shop has paused for too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = *self.since.get_or_insert_with(Instant::now) + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= until {
                return Poll::Ready(());
            }
            // It was set for an earlier pause, and the shop has moved since.
            timer.as_mut().reset(until);
        }
        Poll::Pending
    }
}

/// A body on its way, and what is to be done to it.
#[derive(Debug)]
pub struct Flow {
    /// What inspection has read already.
    pub ahead: VecDeque<Frame<Bytes>>,
    pub rest: Box<UpstreamBody>,
    pub mask: Mask,
    /// Whether private keys are masked, too, where card numbers are.
    pub masks_keys: bool,
    /// What a stage does to it then.
    pub rewrite: Option<Box<dyn Rewrite>>,
    pub gzip: Option<Gzip>,
    /// How long the shop may pause.
    pub stall: Option<Duration>,
    /// By the session that it was asked for in.
    pub minded: Option<MindedBody>,
}

/// How card numbers are masked in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    Nothing,
    Text,
    Events,
    /// In text, which the first bytes will tell.
    WhereText,
}

fn masking_of(first: Option<&Bytes>) -> Masking {
    match first.is_some_and(|data| response::looks_like_text(data)) {
        true => Masking::Text(Box::new(StreamMasker::new())),
        false => Masking::None,
    }
}

/// Masks private keys in a body that is at hand as a whole.
pub fn mask_keys(data: Bytes) -> (Bytes, usize) {
    match keys::masked_copy(&data) {
        Some((copy, masked)) => (Bytes::from(copy), masked),
        None => (data, 0),
    }
}

/// Masks card numbers in a body that is at hand as a whole.
pub fn mask_bytes(data: Bytes) -> (Bytes, usize) {
    match cards::masked_copy(&data) {
        Some((copy, masked)) => (Bytes::from(copy), masked),
        None => (data, 0),
    }
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
        let frame = ready!(this.poll_minded(cx));
        match &frame {
            Some(Ok(frame)) => {
                let count = frame.data_ref().map_or(0, |d| length(d.len()));
                this.left = this.left.map(|left| left.saturating_sub(count));
                if let Some(ending) = &mut this.ending {
                    ending.record.response_bytes += count;
                }
                if this.is_end_stream() {
                    this.finish();
                }
                // Also the last one: hyper holds it until the client's window lets it go, and drops this body then.
                this.offer();
            }
            Some(Err(error)) => {
                let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<BodyError>());
                if let (Some(ending), Some(BodyError::Blocked(found))) = (&mut this.ending, inside) {
                    ending.note_late_block(found);
                } else if let Some(ending) = &mut this.ending {
                    let stalled = error.kind() == io::ErrorKind::TimedOut && this.stall.is_some();
                    let why = if stalled { "response.stalled" } else { "response.broken_off" };
                    ending.record.reason = if is_session_over(error) { SESSION_OVER } else { why }.into();
                }
                this.finish();
            }
            None => this.finish(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        if self.minded.as_ref().is_some_and(MindedBody::keeps) {
            return false;
        }
        if let Some(gzip) = &self.gzip {
            return gzip.is_finished() && self.held_trailers.is_none();
        }
        match &self.rewriting {
            Rewriting::None => {}
            Rewriting::By(_) => return false,
            Rewriting::Over => return self.held_trailers.is_none(),
        }
        if self.ended {
            return self.held_trailers.is_none();
        }
        match (&self.source, &self.masking) {
            (Source::Whole(bytes), _) => bytes.is_none(),
            (Source::Stream { ahead, rest }, Masking::None) => ahead.is_empty() && rest.is_end_stream(),
            (Source::Stream { .. }, Masking::Text(_) | Masking::WhereText) => self.left == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.source, self.left) {
            (Source::Whole(bytes), _) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| length(b.len()))),
            (Source::Stream { .. }, Some(left)) => SizeHint::with_exact(left),
            (Source::Stream { .. }, None) => SizeHint::default(),
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
        self.taken();
    }
}
