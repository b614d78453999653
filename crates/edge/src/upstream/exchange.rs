//! One request to the shop and its response, both streaming, in the task of the client's request.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

use super::UpstreamError;
use super::balance::IdlePool;
use super::response::{self, Framing, Head};
use super::server::{Server, UnderWay};
use super::wire::{LARGE_READ, READ, Wire};
use crate::body::{BodyError, ClientBody};

/// A response; its body borrows the connection until it ends.
#[derive(Debug)]
pub struct UpstreamResponse {
    pub head: Head,
    pub body: UpstreamBody,
}

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    Response(UpstreamResponse),
    /// 101: the connection is the client's now.
    Switched {
        head: Head,
        wire: Box<Wire>,
    },
}

/// A request as it goes out.
pub struct Outgoing<'a> {
    /// Request line and headers, ending in the empty line.
    pub head: &'a [u8],
    pub asked_head: bool,
    pub body: Option<ClientBody>,
    /// The head announces chunks; otherwise it announces a length.
    pub chunked: bool,
    /// Called with each 103.
    pub early_hints: &'a mut dyn FnMut(&Head),
}

/// Sends the request over `wire` and waits for the response's head.
pub async fn send(
    mut wire: Box<Wire>,
    pool: &Rc<IdlePool>,
    server: &Arc<Server>,
    outgoing: Outgoing<'_>,
    limit: Duration,
) -> Result<Outcome, (UpstreamError, Option<ClientBody>)> {
    let Outgoing { head, asked_head, body, chunked, early_hints } = outgoing;
    wire.outbound.extend_from_slice(head);
    let mut pump = body.map(|body| Pump::new(body, chunked));
    let under_way = server.begin();
    let mut clock = std::pin::pin!(tokio::time::sleep(limit));
    let mut awaited = Awaited { asked_head, early_hints, interim_left: INTERIM_MAX };
    let (mut paused, mut sent) = (false, wire.sent);
    let result = std::future::poll_fn(|cx| {
        let polled = poll_head(&mut wire, pump.as_mut(), &mut awaited, cx);
        if polled.is_ready() {
            return polled;
        }
        // The shop's time runs while it has bytes to take or an answer to give, not while the client still sends.
        let waits_for_client = pump.as_ref().is_some_and(|p| !p.done) && wire.outbound.is_empty();
        if waits_for_client {
            paused = true;
            return Poll::Pending;
        }
        if std::mem::take(&mut paused) || wire.sent != sent {
            sent = wire.sent;
            clock.as_mut().reset(tokio::time::Instant::now() + limit);
        }
        ready!(clock.as_mut().poll(cx));
        Poll::Ready(Err(UpstreamError::Timeout))
    })
    .await;
    match result {
        Ok(head) if head.status == http::StatusCode::SWITCHING_PROTOCOLS => {
            Ok(Outcome::Switched { head, wire })
        }
        Ok(head) => {
            let body = UpstreamBody::new(&head, wire, pump, pool.clone(), server.clone(), under_way);
            Ok(Outcome::Response(UpstreamResponse { head, body }))
        }
        Err(error) => Err((error, pump.and_then(Pump::into_untouched))),
    }
}

/// Interim responses (1xx) before the final one: servers send one or two, only a broken one floods.
const INTERIM_MAX: u32 = 16;

/// What the wait for a final head needs to know.
struct Awaited<'a> {
    asked_head: bool,
    early_hints: &'a mut dyn FnMut(&Head),
    interim_left: u32,
}

/// Writes, and reads until a final head is whole.
fn poll_head(
    wire: &mut Wire,
    pump: Option<&mut Pump>,
    awaited: &mut Awaited<'_>,
    cx: &mut Context<'_>,
) -> Poll<Result<Head, UpstreamError>> {
    // A shop may answer and close before it has read everything: a failed write does not end the wait for the answer.
    let mut write_failed = None;
    match poll_send(wire, pump, cx) {
        Poll::Ready(Err(SendError::Body(e))) => return Poll::Ready(Err(UpstreamError::Body(e))),
        Poll::Ready(Err(SendError::Wire(e))) => write_failed = Some(e),
        Poll::Ready(Ok(())) | Poll::Pending => {}
    }
    loop {
        if !wire.inbound.is_empty() {
            match response::take_head(&mut wire.inbound, awaited.asked_head) {
                Ok(Some(head)) if head.status.as_u16() == 101 => return Poll::Ready(Ok(head)),
                Ok(Some(head)) if head.status.is_informational() => {
                    let Some(left) = awaited.interim_left.checked_sub(1) else {
                        return Poll::Ready(Err(UpstreamError::Response("response.interim_flood")));
                    };
                    awaited.interim_left = left;
                    if head.status.as_u16() == 103 {
                        (awaited.early_hints)(&head);
                    }
                    continue;
                }
                Ok(Some(head)) => return Poll::Ready(Ok(head)),
                Ok(None) => {}
                Err(code) => return Poll::Ready(Err(UpstreamError::Response(code))),
            }
        }
        match ready!(wire.poll_fill(cx, READ)) {
            Ok(0) => {
                let error = write_failed.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
                return Poll::Ready(Err(UpstreamError::Broken(error)));
            }
            Ok(_) => {}
            Err(e) => return Poll::Ready(Err(UpstreamError::Broken(write_failed.unwrap_or(e)))),
        }
    }
}

enum SendError {
    Wire(io::Error),
    Body(BodyError),
}

fn poll_send(wire: &mut Wire, pump: Option<&mut Pump>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
    match pump {
        None => wire.poll_drain(cx).map_err(SendError::Wire),
        Some(pump) => pump.poll(wire, cx),
    }
}

/// Moves the client's body to the shop.
#[derive(Debug)]
struct Pump {
    body: ClientBody,
    chunked: bool,
    done: bool,
    touched: bool,
}

/// As much may wait to be written before more of the client's body is read.
const OUTBOUND: usize = 64 * 1024;

impl Pump {
    fn new(body: ClientBody, chunked: bool) -> Self {
        Pump { body, chunked, done: false, touched: false }
    }

    /// The body, if nothing of it was read: a retry can send it again.
    fn into_untouched(self) -> Option<ClientBody> {
        (!self.touched).then_some(self.body)
    }

    fn poll(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        loop {
            while !self.done && wire.outbound.len() < OUTBOUND {
                match Pin::new(&mut self.body).poll_frame(cx) {
                    Poll::Pending => break,
                    Poll::Ready(frame) => {
                        self.touched = true;
                        let frame = frame.transpose().map_err(SendError::Body)?;
                        self.push(wire, frame);
                    }
                }
            }
            ready!(wire.poll_drain(cx)).map_err(SendError::Wire)?;
            if self.done {
                return Poll::Ready(Ok(()));
            }
            // Drained, not done: go on only if the body has more at hand.
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(frame) => {
                    self.touched = true;
                    let frame = frame.transpose().map_err(SendError::Body)?;
                    self.push(wire, frame);
                }
            }
        }
    }

    fn push(&mut self, wire: &mut Wire, frame: Option<Frame<Bytes>>) {
        let out = &mut wire.outbound;
        match frame.map(Frame::into_data) {
            Some(Ok(data)) if self.chunked => {
                if !data.is_empty() {
                    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
                    out.extend_from_slice(&data);
                    out.extend_from_slice(b"\r\n");
                }
            }
            Some(Ok(data)) => out.extend_from_slice(&data),
            Some(Err(frame)) => {
                if let (true, Ok(trailers)) = (self.chunked, frame.into_trailers()) {
                    out.extend_from_slice(b"0\r\n");
                    for (name, value) in trailers.iter().filter(|(n, v)| crate::request::may_follow(n, v)) {
                        crate::request::write_field(out, name.as_str(), value.as_bytes());
                    }
                    out.extend_from_slice(b"\r\n");
                    self.done = true;
                }
            }
            None => {
                if self.chunked && !self.done {
                    out.extend_from_slice(b"0\r\n\r\n");
                }
                self.done = true;
            }
        }
    }
}

/// How the reading of the body stands.
#[derive(Clone, Copy, Debug)]
enum Reading {
    Length(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    Close,
    Done,
}

/// A response body, read as the client takes it. Dropped before its end, it closes the connection to the shop.
pub struct UpstreamBody {
    wire: Option<Box<Wire>>,
    pump: Option<Pump>,
    reading: Reading,
    /// Asked for at a time where much is to come.
    large_read: usize,
    keep_alive: bool,
    pool: Rc<IdlePool>,
    server: Arc<Server>,
    under_way: Option<UnderWay>,
}

impl std::fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamBody").field("reading", &self.reading).finish_non_exhaustive()
    }
}

impl UpstreamBody {
    fn new(
        head: &Head,
        wire: Box<Wire>,
        pump: Option<Pump>,
        pool: Rc<IdlePool>,
        server: Arc<Server>,
        under_way: UnderWay,
    ) -> Self {
        let reading = match head.framing {
            Framing::None => Reading::Done,
            Framing::Length(length) => Reading::Length(length),
            Framing::Chunked => Reading::ChunkSize,
            Framing::Close => Reading::Close,
        };
        let pump = pump.filter(|p| !p.done);
        // A final error while the request is still being sent: RFC 9112 9.5 lets us stop sending; the connection goes.
        let stop_sending = pump.is_some() && !head.status.is_success();
        let mut body = UpstreamBody {
            wire: Some(wire),
            keep_alive: head.keep_alive && !stop_sending,
            pump: if stop_sending { None } else { pump },
            reading,
            large_read: LARGE_READ,
            pool,
            server,
            under_way: Some(under_way),
        };
        if matches!(body.reading, Reading::Done) {
            body.finish();
        }
        body
    }

    /// The whole body, if it has arrived with the head: saves a stream for the many small responses.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        match (self.reading, &mut self.wire) {
            (Reading::Done, _) => Some(Bytes::new()),
            (Reading::Length(left), Some(wire)) => {
                let left = usize::try_from(left).ok().filter(|l| wire.inbound.len() >= *l)?;
                let bytes = wire.inbound.split_to(left).freeze();
                self.reading = Reading::Done;
                self.finish();
                Some(bytes)
            }
            _ => None,
        }
    }

    /// Reads in small pieces from now on: one of many answers on its connection, which may all wait in memory.
    pub const fn read_small(&mut self) {
        self.large_read = READ;
    }

    /// Gives the connection back, if nothing speaks against it.
    fn finish(&mut self) {
        self.under_way = None;
        if let Some(wire) = self.wire.take()
            && self.keep_alive
            && self.pump.is_none()
            && wire.inbound.is_empty()
            && wire.outbound.is_empty()
        {
            self.pool.put(&self.server, wire);
        }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            let Some(wire) = self.wire.as_mut() else { return Poll::Ready(None) };
            match self.reading {
                Reading::Done => {
                    self.finish();
                    return Poll::Ready(None);
                }
                Reading::Length(0) => self.reading = Reading::Done,
                Reading::Chunk(0) => self.reading = Reading::ChunkEnd,
                Reading::Length(left) | Reading::Chunk(left) if !wire.inbound.is_empty() => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(wire.inbound.len());
                    let data = wire.inbound.split_to(here).freeze();
                    let left = left - u64::try_from(here).unwrap_or(left);
                    self.reading = match self.reading {
                        Reading::Length(_) if left == 0 => Reading::Done,
                        Reading::Length(_) => Reading::Length(left),
                        _ => Reading::Chunk(left),
                    };
                    if matches!(self.reading, Reading::Done) {
                        self.finish();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Reading::Close if !wire.inbound.is_empty() => {
                    return Poll::Ready(Some(Ok(Frame::data(wire.inbound.split().freeze()))));
                }
                Reading::ChunkSize | Reading::ChunkEnd | Reading::Trailers if !wire.inbound.is_empty() => {
                    match self.read_line() {
                        Ok(Line::Partial) => ready!(self.poll_more(cx, READ))?,
                        Ok(Line::Taken) => {}
                        Ok(Line::Trailers(trailers)) => {
                            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                        }
                        Err(e) => {
                            self.wire = None;
                            return Poll::Ready(Some(Err(e)));
                        }
                    }
                }
                Reading::Close => match ready!(wire.poll_fill(cx, READ)) {
                    Ok(0) => self.reading = Reading::Done,
                    Ok(_) => {}
                    Err(e) => return Poll::Ready(Some(Err(e))),
                },
                Reading::Length(left) | Reading::Chunk(left) => {
                    let room = usize::try_from(left).unwrap_or(LARGE_READ).clamp(READ, self.large_read);
                    ready!(self.poll_more(cx, room))?;
                }
                Reading::ChunkSize | Reading::ChunkEnd | Reading::Trailers => {
                    ready!(self.poll_more(cx, READ))?
                }
            }
        }
    }

    /// Reads on; the shop may not close in the middle of a body.
    fn poll_more(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<()>> {
        let Some(wire) = self.wire.as_mut() else { return Poll::Ready(Ok(())) };
        let result = match ready!(wire.poll_fill(cx, room)) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => return Poll::Ready(Ok(())),
            Err(e) => Err(e),
        };
        self.wire = None;
        Poll::Ready(result)
    }

    fn read_line(&mut self) -> io::Result<Line> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        let Some(wire) = self.wire.as_mut() else { return Err(broken()) };
        let inbound = &mut wire.inbound;
        match self.reading {
            Reading::ChunkEnd => {
                if inbound.len() < 2 {
                    return Ok(Line::Partial);
                }
                if !inbound.starts_with(b"\r\n") {
                    return Err(broken());
                }
                inbound.advance(2);
                self.reading = Reading::ChunkSize;
                Ok(Line::Taken)
            }
            Reading::ChunkSize => {
                let Some(end) = memchr::memchr(b'\n', inbound) else {
                    return if inbound.len() > 256 { Err(broken()) } else { Ok(Line::Partial) };
                };
                let line = inbound.get(..end).and_then(|l| l.strip_suffix(b"\r")).ok_or_else(broken)?;
                let digits = line.split(|b| *b == b';').next().unwrap_or_default().trim_ascii_end();
                let sound = (1..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
                let size = std::str::from_utf8(digits).ok().filter(|_| sound);
                let size = size.and_then(|d| u64::from_str_radix(d, 16).ok()).ok_or_else(broken)?;
                inbound.advance(end + 1);
                self.reading = if size == 0 { Reading::Trailers } else { Reading::Chunk(size) };
                Ok(Line::Taken)
            }
            _ => self.read_trailers(),
        }
    }

    fn read_trailers(&mut self) -> io::Result<Line> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        let Some(wire) = self.wire.as_mut() else { return Err(broken()) };
        let mut slots = [httparse::EMPTY_HEADER; 32];
        let (length, trailers) = match httparse::parse_headers(&wire.inbound, &mut slots) {
            Ok(httparse::Status::Complete((length, fields))) => {
                let mut trailers = http::HeaderMap::new();
                for field in fields {
                    let name = http::HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| broken())?;
                    let value = http::HeaderValue::from_bytes(field.value).map_err(|_| broken())?;
                    if crate::request::may_be_trailer(&name) {
                        trailers.append(name, value);
                    }
                }
                (length, trailers)
            }
            Ok(httparse::Status::Partial) if wire.inbound.len() < READ => return Ok(Line::Partial),
            _ => return Err(broken()),
        };
        wire.inbound.advance(length);
        self.reading = Reading::Done;
        self.finish();
        Ok(if trailers.is_empty() { Line::Taken } else { Line::Trailers(trailers) })
    }
}

/// What a line of the chunked coding was.
enum Line {
    Partial,
    Taken,
    Trailers(http::HeaderMap),
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if let (Some(pump), Some(wire)) = (&mut this.pump, &mut this.wire) {
            match pump.poll(wire, cx) {
                Poll::Ready(Ok(())) => this.pump = None,
                // The rest of the request is an attack: neither its end goes out nor what the shop says to its beginning.
                Poll::Ready(Err(SendError::Body(error @ BodyError::Blocked(_)))) => {
                    this.pump = None;
                    this.wire = None;
                    return Poll::Ready(Some(Err(io::Error::other(error))));
                }
                // The rest of the request is lost; the response may still come whole, the connection is done for.
                Poll::Ready(Err(_)) => {
                    this.pump = None;
                    this.keep_alive = false;
                }
                Poll::Pending => {}
            }
        }
        this.poll_data(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.wire.is_none() && matches!(self.reading, Reading::Done)
    }

    fn size_hint(&self) -> SizeHint {
        match self.reading {
            Reading::Length(left) => SizeHint::with_exact(left),
            Reading::Done => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}
