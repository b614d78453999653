//! From the shop's response to the client's: inspected, hardened, masked.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body::{Body as _, Frame};
use storeward_host::{PATIENCE, Rewrite, Seen, rewritten};
use storeward_inspect::{BodyEnd, Verdict, keys};

use super::{Answer, Answering, Exchange, Stopped, parts, stages};
use crate::coding::Gzip;
use crate::edge_body::{self, Flow, Mask};
use crate::response::{self, Dress, Place};
use crate::tunnel::MindedBody;
use crate::upstream::response::Head;
use crate::upstream::{UpstreamBody, UpstreamError, UpstreamResponse};

/// So many answers on one connection may each be read in large pieces.
const FEW: u32 = 4;

impl Exchange<'_> {
    pub(super) async fn answer(
        &mut self,
        from_shop: UpstreamResponse,
        place: Answering<'_, '_>,
    ) -> Result<Answer, Stopped> {
        let UpstreamResponse { head, mut body } = from_shop;
        let Answering { route, target, coding, server, inspection, mut session } = place;
        let mut headers = head.headers;
        crate::own_cookies::refuse(&mut headers);
        let events = response::is_event_stream(&headers);
        let mut whole = body.take_whole();
        let mut ahead = VecDeque::new();
        let dress = response::dress(&headers);
        let reads = match response::is_encoded(&headers) {
            true => Reads::Binary,
            false => reads(dress, whole.as_ref(), &mut body, &mut ahead).await.map_err(broken)?,
        };
        let judged = inspection.response_head(head.status.as_u16(), &headers, reads);
        self.judge(inspection, judged)?;
        let looked_at = matches!(reads, Reads::Text | Reads::Hidden) && !events;
        let inspected = inspection.response_body_cap().filter(|_| looked_at);
        let session_reads = session.as_ref().and_then(|s| s.response_body_bytes(head.status, &headers));
        let cap = inspected.max(session_reads);
        let (seen, end) = match (&whole, cap) {
            (Some(bytes), _) => (bytes.clone(), BodyEnd::Complete),
            (None, Some(cap)) => {
                let most = (cap, stages::patience(&session, session_reads));
                read_ahead(&mut body, most, &mut ahead).await.map_err(broken)?
            }
            (None, None) => (Bytes::new(), BodyEnd::Truncated),
        };
        // What nobody may hold back to be looked at is masked on its way.
        let may_mask = events || reads == Reads::NotYet || is_page(dress, &headers, &seen);
        let masks_keys = route.mask_cards && may_mask && inspection.withholds_keys(&target.path);
        if inspected.is_some() && is_worth_a_look(reads, &seen) {
            let judged = inspection.response_body(&seen, end);
            // Whoever may write on a page, in a review or a question, could take it down with the first lines of a key.
            let shows_key = matches!(&judged, Ok(Verdict::Block(reason)) if reason.rule_id == keys::RULE);
            if !(shows_key && masks_keys && keys::are_masked_in(&seen)) {
                self.judge(inspection, judged)?;
                self.note_leak(inspection);
            }
        }
        let seen = Seen { bytes: &seen, complete: end == BodyEnd::Complete };
        let mut rewrite = None;
        match stages::tell(&mut session, head.status, &mut headers, seen).await {
            stages::Told::On => {}
            stages::Told::Instead(answer) => return Ok(*answer),
            stages::Told::Body(bytes) => whole = Some(instead_of(&mut ahead, &mut headers, bytes)),
            stages::Told::Through(one) => rewrite = Some(one),
        }
        if route.mask_cards {
            self.mask_fields(&mut headers);
        }
        // Only a redirect asks for it.
        let redirects = headers.contains_key(header::LOCATION);
        let authority = if redirects { self.live.authority(&target.host) } else { String::new() };
        let outside = Place { host: &target.host, authority: &authority, upstream: &server.name };
        response::harden(&mut headers, &route.headers, outside);
        let compressors = &self.core.compressors;
        let mask = if route.mask_cards { mask(dress, reads, events) } else { Mask::Nothing };
        if let Some(bytes) = whole {
            let bytes = self.masked(bytes, mask, masks_keys);
            let bytes = changed(rewrite, bytes, &mut headers)?;
            let gzip = coding.choose(compressors, head.status, &mut headers, Some(bytes.len()));
            let bytes = coded(gzip, bytes, &mut headers)?;
            return Ok(Answer::Whole(parts(head.status, headers), bytes));
        }
        let length = body.size_hint().exact().and_then(|rest| usize::try_from(rest).ok());
        let length = length.map(|rest| rest + data_length(&ahead)).filter(|_| rewrite.is_none());
        let gzip = coding.choose(compressors, head.status, &mut headers, length);
        let stall = self.live.stall(route, events);
        if self.connection.in_flight() > FEW {
            body.read_small();
        }
        let minded = minding(&mut session, length.is_none() || events);
        let flow = Flow { ahead, rest: Box::new(body), mask, masks_keys, rewrite, gzip, stall, minded };
        Ok(Answer::Stream(parts(head.status, headers), Box::new(flow)))
    }

    /// A body that is at hand as a whole, without what nobody may read.
    fn masked(&mut self, bytes: Bytes, mask: Mask, masks_keys: bool) -> Bytes {
        let (bytes, masked) = if mask != Mask::Nothing { edge_body::mask_bytes(bytes) } else { (bytes, 0) };
        self.ending.masked_cards += masked;
        let (bytes, masked) = if masks_keys { edge_body::mask_keys(bytes) } else { (bytes, 0) };
        self.ending.masked_keys += masked;
        bytes
    }
}

/// By the session behind an answer that goes on. What has a length was there as a whole when its head was told.
fn minding(session: &mut stages::Session, goes_on: bool) -> Option<MindedBody> {
    let session = session.as_mut().filter(|_| goes_on)?;
    session.mind_body().map(MindedBody::by)
}

/// The whole body as it goes out, with its length.
fn coded(gzip: Option<Gzip>, bytes: Bytes, headers: &mut HeaderMap) -> Result<Bytes, Stopped> {
    let Some(gzip) = gzip else { return Ok(bytes) };
    let coded = gzip.whole(&bytes).map_err(broken)?;
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(coded.len()));
    Ok(coded)
}

/// The whole body as a stage wants it.
fn changed(
    rewrite: Option<Box<dyn Rewrite>>,
    bytes: Bytes,
    headers: &mut HeaderMap,
) -> Result<Bytes, Stopped> {
    let Some(rewrite) = rewrite else { return Ok(bytes) };
    let bytes = rewritten(rewrite, &bytes).map_err(broken)?;
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Ok(bytes)
}

/// What a stage made of a body takes its place.
fn instead_of(ahead: &mut VecDeque<Frame<Bytes>>, headers: &mut HeaderMap, bytes: Bytes) -> Bytes {
    ahead.clear();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    headers.remove(header::TRANSFER_ENCODING);
    bytes
}

fn broken(error: std::io::Error) -> Stopped {
    Stopped::Upstream(UpstreamError::Broken(error))
}

/// How an answer's body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// As text, which is what it says it is.
    Text,
    /// As text, although its type says something else.
    Hidden,
    /// Not at all.
    Binary,
    /// Nothing of it has come.
    NotYet,
}

/// Tells text from the rest: by the type, and where that may be anything by the first bytes. A type is what the shop says,
/// and many say `application/octet-stream` so that a browser saves the file.
async fn reads(
    dress: Dress,
    whole: Option<&Bytes>,
    body: &mut UpstreamBody,
    ahead: &mut VecDeque<Frame<Bytes>>,
) -> std::io::Result<Reads> {
    // The head of a picture or a film is not held back for bytes that are not there yet.
    let patience = match dress {
        Dress::Text => return Ok(Reads::Text),
        Dress::Script | Dress::Style => return Ok(Reads::Hidden),
        Dress::Media => Duration::ZERO,
        Dress::Other => PATIENCE,
    };
    let (first, end) = match whole {
        Some(bytes) => (bytes.clone(), BodyEnd::Complete),
        None => read_ahead(body, (1, patience), ahead).await?,
    };
    Ok(match (first.is_empty(), end) {
        (true, BodyEnd::Truncated) => Reads::NotYet,
        _ if response::looks_like_text(&first_frame(&first, ahead)) => Reads::Hidden,
        _ => Reads::Binary,
    })
}

/// What has come of the body, uncut.
fn first_frame(first: &Bytes, ahead: &VecDeque<Frame<Bytes>>) -> Bytes {
    ahead.iter().find_map(Frame::data_ref).unwrap_or(first).clone()
}

/// In what calls itself a program or a file only private keys are looked for: an error's words in a script are the
/// script's own.
fn is_worth_a_look(reads: Reads, seen: &[u8]) -> bool {
    match reads {
        Reads::Hidden => keys::named_in(seen),
        _ => !seen.is_empty(),
    }
}

/// Whether an answer is a page or a document, in which others' words may stand, and no file of a key.
fn is_page(dress: Dress, headers: &HeaderMap, seen: &[u8]) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_plain = !kind.contains(&b'/')
        || kind.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"text/plain"));
    dress == Dress::Text && !is_plain && !keys::is_file_of_key(seen)
}

const fn mask(dress: Dress, reads: Reads, events: bool) -> Mask {
    match (dress, reads) {
        (Dress::Style, _) | (_, Reads::Binary) => Mask::Nothing,
        (_, Reads::NotYet) => Mask::WhereText,
        (_, Reads::Text | Reads::Hidden) if events => Mask::Events,
        (_, Reads::Text | Reads::Hidden) => Mask::Text,
    }
}

/// Reads until the end, the cap or a pause; what was read is kept in `ahead`.
async fn read_ahead(
    body: &mut UpstreamBody,
    (cap, patience): (usize, Duration),
    ahead: &mut VecDeque<Frame<Bytes>>,
) -> std::io::Result<(Bytes, BodyEnd)> {
    let mut count = data_length(ahead);
    let end = loop {
        if body.is_end_stream() {
            break BodyEnd::Complete;
        }
        if count >= cap {
            break BodyEnd::Truncated;
        }
        let mut next = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
        // What is at hand needs no clock.
        let frame = match poll_once(&mut next).await {
            Poll::Ready(frame) => frame,
            Poll::Pending if patience.is_zero() => break BodyEnd::Truncated,
            Poll::Pending => match tokio::time::timeout(patience, next).await {
                Ok(frame) => frame,
                Err(_) => break BodyEnd::Truncated,
            },
        };
        let Some(frame) = frame.transpose()? else { break BodyEnd::Complete };
        count += frame.data_ref().map_or(0, Bytes::len);
        ahead.push_back(frame);
    };
    Ok((joined(ahead, cap), end))
}

/// Polls a future once and gives what that said.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// The data of the frames up to the cap; a single frame is not copied.
fn joined(frames: &VecDeque<Frame<Bytes>>, cap: usize) -> Bytes {
    let mut parts = frames.iter().filter_map(Frame::data_ref);
    let (first, second) = (parts.next(), parts.next());
    match (first, second) {
        (None, _) => Bytes::new(),
        (Some(only), None) => only.slice(..only.len().min(cap)),
        (Some(first), Some(second)) => {
            let mut all = BytesMut::with_capacity(cap.min(data_length(frames)));
            for part in [first, second].into_iter().chain(parts) {
                let room = cap - all.len();
                all.extend_from_slice(part.get(..room).unwrap_or(part));
            }
            all.freeze()
        }
    }
}

fn data_length(frames: &VecDeque<Frame<Bytes>>) -> usize {
    frames.iter().filter_map(Frame::data_ref).map(Bytes::len).sum()
}

/// A 103 as it goes to an HTTP/1.1 client: only what RFC 8297 is about.
pub(super) fn interim(head: &Head) -> BytesMut {
    let mut out = BytesMut::from("HTTP/1.1 103 Early Hints\r\n");
    for link in head.headers.get_all(header::LINK) {
        crate::request::write_field(&mut out, "link", HeaderValue::as_bytes(link));
    }
    out.extend_from_slice(b"\r\n");
    out
}
