//! The steps of other domains: their pages on the shop's host, and the session between client and shop.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, header};
use storeward_host::{OWN_REQUEST_BYTES, PATIENCE, Passage, RequestHead, Rewrite, Seen, SessionExchange};

use super::puzzle::{self, OwnPlace};
use super::{Answer, Exchange, Stopped};
use crate::body::{BodyError, ClientBody};
use crate::canonical::{Refused, Target};
use crate::readings;
use crate::tunnel::Attendants;
use crate::upstream::response::Head;
use crate::upstream::{Outcome, Server, UpstreamError};

fn most_bytes(place: &OwnPlace<'_>, parts: &Parts) -> usize {
    match place {
        OwnPlace::Pages(own) => own.most_bytes(parts.uri.path()),
        OwnPlace::Script | OwnPlace::Pass => OWN_REQUEST_BYTES,
    }
}

const fn refused(status: u16, code: &'static str) -> Stopped {
    Stopped::Refused(Refused { status, code })
}

impl Exchange<'_> {
    /// Answers from our own pages. The body is read whole: forms are small.
    pub(super) async fn own(
        &mut self,
        place: OwnPlace<'_>,
        parts: Parts,
        body: &mut ClientBody,
    ) -> Result<Answer, Stopped> {
        self.ending.record.route = "own".into();
        let _seat = self.sender.map(|sender| self.seat(sender)).transpose()?;
        let read = match self.sender {
            None => self.read_own(&place, &parts, body).await,
            // Turned away as whoever finds no seat is.
            Some(sender) => {
                let reading = body.read_ahead(most_bytes(&place, &parts));
                match tokio::time::timeout(Self::time_for(sender), reading).await {
                    Ok(read) => read.map_err(|error| self.stopped_by_body(error)),
                    Err(_) => return Err(self.no_room(sender)),
                }
            }
        };
        let unread = || {
            if let OwnPlace::Pages(own) = place {
                own.unread(&parts.uri);
            }
        };
        let (bytes, complete) = read.inspect_err(|stopped| {
            if matches!(stopped, Stopped::Refused(_)) {
                unread();
            }
        })?;
        if !complete {
            unread();
            return Err(Stopped::TooLarge);
        }
        let own = match place {
            OwnPlace::Pages(own) => own,
            OwnPlace::Script => return Ok(puzzle::script()),
            OwnPlace::Pass => return Ok(self.pass(&parts, &bytes)),
        };
        let mut request = Request::from_parts(parts, bytes);
        request.extensions_mut().insert(self.client);
        request.extensions_mut().insert(self.id);
        // Who signs in waits for those who look at the shop: a flood of forms is taken apart in pieces between which pages go first.
        let yields = request.method() == http::Method::POST;
        if yields {
            tokio::task::yield_now().await;
        }
        let (parts, body) = own.answer(request).await.into_parts();
        if yields {
            tokio::task::yield_now().await;
        }
        if self.sender.is_some() {
            self.took_message(parts.status);
        }
        Ok(Answer::Whole(parts, body))
    }

    /// Reads a body, as far as there is room for what has yet to come.
    async fn read_own(
        &mut self,
        place: &OwnPlace<'_>,
        parts: &Parts,
        body: &mut ClientBody,
    ) -> Result<(Bytes, bool), Stopped> {
        let most = most_bytes(place, parts);
        let mut reading = pin!(body.read_ahead(most));
        // What came along with the head takes none.
        let at_once = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await;
        let read = match at_once {
            Poll::Ready(read) => read,
            Poll::Pending => {
                let core = self.core;
                let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|line| line.to_str().ok());
                let announced = announced.and_then(|length| length.parse().ok()).unwrap_or(most);
                let room = core.shared.rates.readings.take(self.client.block(), announced.min(most));
                let Some(_room) = room else { return Err(refused(503, "body.no_room")) };
                match tokio::time::timeout(readings::TIME, reading).await {
                    Ok(read) => read,
                    Err(_) => return Err(refused(408, "body.too_slow")),
                }
            }
        };
        read.map_err(|error| self.stopped_by_body(error))
    }

    /// From here on a field that begins with our name is ours: what a client wrote there is gone.
    pub(super) fn enter_session(&self, parts: &mut Parts, target: &Target) -> Session {
        crate::request::drop_claims(&mut parts.headers);
        let stage = self.core.shared.stages.session.as_ref()?;
        stage.enter(&RequestHead {
            id: self.id,
            at: self.ending.record.at,
            client: self.client,
            method: &parts.method,
            path: &target.path,
            written: target.written(),
            query: target.query(),
            host: &target.host,
            authority: &self.live.authority(&target.host),
            wants_problem: self.form == crate::pages::Form::Problem,
            headers: &parts.headers,
        })
    }
}

impl Exchange<'_> {
    /// The answer, where it is one to what was asked: a success would tell the client that its WebSocket is open.
    pub(super) fn as_asked(
        &self,
        (outcome, server): (Outcome, Arc<Server>),
        asks_upgrade: bool,
    ) -> Result<(Outcome, Arc<Server>), UpstreamError> {
        match &outcome {
            Outcome::Response(told) if self.websocket.is_some() && told.head.status.is_success() => {
                Err(UpstreamError::Unasked("response.websocket"))
            }
            Outcome::Switched { .. } if !asks_upgrade => {
                Err(UpstreamError::Unasked("response.unasked_upgrade"))
            }
            Outcome::Response(_) | Outcome::Switched { .. } => Ok((outcome, server)),
        }
    }

    /// Shows the head of a connection that becomes a tunnel, and asks who minds and hears it from then on.
    pub(super) async fn tell_switch(&mut self, session: &mut Session, head: &mut Head) -> Option<Answer> {
        crate::own_cookies::refuse(&mut head.headers);
        let seen = Seen { bytes: &[], complete: true };
        let told = tell(session, StatusCode::SWITCHING_PROTOCOLS, &mut head.headers, seen).await;
        if let Some(session) = session {
            self.attendants = Attendants { minder: session.mind().map(Rc::from), listener: session.listen() };
        }
        match told {
            Told::Instead(answer) => Some(*answer),
            Told::On | Told::Body(_) | Told::Through(_) => None,
        }
    }
}

/// The session step of one exchange, where it has one.
pub(super) type Session = Option<Box<dyn SessionExchange>>;

/// Shows a request to the session step.
pub(super) async fn ask(
    session: &mut Session,
    headers: &mut HeaderMap,
    body: &mut ClientBody,
) -> Result<Option<Answer>, BodyError> {
    let Some(session) = session else { return Ok(None) };
    let (bytes, complete) = match session.request_body_bytes() {
        Some(cap) => body.read_ahead(cap).await?,
        None => (Bytes::new(), body.is_empty()),
    };
    match session.request(headers, Seen { bytes: &bytes, complete }).await {
        // A request's body goes on as it came.
        Passage::On | Passage::Body(_) | Passage::Through(_) => Ok(None),
        Passage::Instead(response) => Ok(Some(whole(*response))),
    }
}

/// How long a body may pause that is read ahead.
pub(super) fn patience(session: &Session, reads: Option<usize>) -> Duration {
    session.as_ref().filter(|_| reads.is_some()).map_or(PATIENCE, |session| session.patience())
}

/// What a session step made of a response.
pub(super) enum Told {
    On,
    Instead(Box<Answer>),
    Body(Bytes),
    Through(Box<dyn Rewrite>),
}

/// Shows a response to the session step.
pub(super) async fn tell(
    session: &mut Session,
    status: StatusCode,
    headers: &mut HeaderMap,
    seen: Seen<'_>,
) -> Told {
    let Some(session) = session.as_mut() else { return Told::On };
    match session.response(status, headers, seen).await {
        Passage::On => Told::On,
        Passage::Through(rewrite) => {
            headers.remove(header::CONTENT_LENGTH);
            Told::Through(rewrite)
        }
        Passage::Body(bytes) if seen.complete => Told::Body(bytes),
        // What was not seen whole cannot be put in the place of it, and the shop's own must not go where a stage wanted another.
        Passage::Body(_) => {
            let mut refused = Response::new(Bytes::new());
            *refused.status_mut() = StatusCode::BAD_GATEWAY;
            Told::Instead(Box::new(whole(refused)))
        }
        Passage::Instead(response) => Told::Instead(Box::new(whole(*response))),
    }
}

fn whole(response: Response<Bytes>) -> Answer {
    let (parts, body) = response.into_parts();
    Answer::Whole(parts, body)
}
