//! One request and its answer on their way past the shield.

mod acts;
mod cookies;
mod first;
mod guest;
mod knock;
mod lines;
mod long;
mod named;
mod outward;
mod paced;
mod password;
mod renamed;
mod secret;
mod socket;
mod token;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use storeward_adapter::{Asked, DoorKind, Login, Reading, Spoken};
use storeward_base::{ClientIp, RequestId, Secret};
use storeward_host::{Later, Listener, Minder, Passage, RequestHead, Seen, SessionExchange, Unanswered};
use storeward_seal::fingerprint::{is_token, token_hash};
use storeward_web::http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use self::cookies::CameWith;
use self::guest::Guest;
use self::lines::{Lines, are_read, is_part, is_read_whole};
use self::long::Room;
use self::paced::Unread;
use self::renamed::Renaming;
use self::socket::{Ear, OpenAnswer, Socket};
use self::token::Looks;
use self::turns::Turn;
use super::Guard;
use super::answers::{Refusal, Wants, uncached};
use super::decide::{Cause, Verdict, no_flow};
use super::handles::{Entry, HANDLE_COOKIE};
use super::jar::Phase;
use super::shop::Asker;
use crate::error::Error;
use crate::model::SessionId;
use crate::pages::refused;
use crate::state::ReturnTo;
use crate::throttle::Key;
use crate::visit::Visit;

/// Of a form with a password. No shop's own is longer, and a longer one is refused.
const FORM_BYTES: usize = 64 * 1024;
/// Of any other form where the shop takes a request for another one by a field of it.
const FIELDS_BYTES: usize = 256 * 1024;
/// After a request that nobody waited for, the shop may still be at it for so long.
pub(super) const SUSPECT: Duration = Duration::from_secs(60);
/// Nor is anything changed in its session, and nobody signs in beside what they gave up, for so long.
const BARRED: Duration = Duration::from_secs(10);
/// Headers by which some shops take a request for one of another method.
const OVERRIDES: [&str; 3] = ["x-http-method-override", "x-method-override", "x-http-method"];

/// A browser's handle and what stands behind it.
#[derive(Clone)]
struct Handle {
    token: String,
    entry: Arc<Entry>,
    /// It was made for this request, whose sign-in has just been shown.
    is_new: bool,
}

pub struct Crossing {
    guard: Arc<Guard>,
    client: ClientIp,
    id: RequestId,
    method: Method,
    path: String,
    query: Option<String>,
    authority: String,
    wants: Wants,
    /// The browser loads it as a part of a page.
    is_part: bool,
    is_static: bool,
    /// A body that may hold a password has to be read.
    reads_body: bool,
    /// A form may say that the request is another one.
    reads_fields: bool,
    /// The file names no acts: what is sent decides whether it is one.
    guards_acts: bool,
    is_act: bool,
    /// The form is read beyond that, files and all.
    room: Option<Room>,
    /// The client asks for a connection that stays open (WebSocket).
    is_socket: bool,
    /// What is said on it is heard, and what is known of its language.
    heard: Option<Spoken>,
    /// A form that may sign somebody in is longer than what is read of it.
    unread: Unread,
    /// There is more of a form than what is read of it.
    is_cut_off: bool,
    /// What the shop may take the request for.
    reading: Reading,
    /// It may sign somebody in.
    is_risky: bool,
    /// Only because another one may be doing so still.
    is_watched: bool,
    door: Option<DoorKind>,
    /// Place in the adapter of a door whose answer may hold a token.
    token_door: Option<usize>,
    /// Where else a token is looked for.
    looks: Looks,
    /// The name that was typed at a door.
    typed: Option<Secret<String>>,
    /// The password that was typed.
    password: Option<Secret<String>>,
    /// What the attempt was counted against.
    counted: Vec<Key>,
    visit: Option<Visit>,
    asker: Option<Asker>,
    referer: Option<ReturnTo>,
    /// The answer to a puzzle.
    solved: Option<String>,
    has_solved_cookie: bool,
    held: Option<Handle>,
    /// A member of staff before a back office with sessions of its own, who showed a second factor at the gate.
    is_by_gate: bool,
    guest: Guest,
    /// The shop gets no session with it, and its answer changes none.
    is_without: bool,
    /// The shop's session went along.
    is_attached: bool,
    /// Of whom it was found that they may go on.
    admitted: Option<SessionId>,
    /// The answer began it.
    is_opened: bool,
    came_with: CameWith,
    may_follow: bool,
    renaming: Renaming,
    new_password: Option<password::Chosen>,
    is_decided: bool,
    /// Nobody can tell of anybody who is signed in, and the owner lets customers through then.
    is_let_through: bool,
    turn: Turn,
    /// For the answer to the browser.
    cookies: Vec<HeaderValue>,
}

impl Crossing {
    pub fn new(guard: Arc<Guard>, head: &RequestHead<'_>) -> Self {
        let lines = Lines::of(head.headers);
        let asked = lines.asked(head.method, head.path, head.query);
        let overrides = OVERRIDES.iter().flat_map(|name| head.headers.get_all(*name));
        let overrides: Vec<_> = overrides.map(|value| value.to_str().unwrap_or("unreadable")).collect();
        let reading = guard.adapter.reading(&asked, &overrides);
        // Whoever comes without a session has none that a field could act with.
        let has_handle = HANDLE_COOKIE.read(head.headers).is_some_and(is_token);
        let is_act = has_handle && guard.adapter.is_act_by_query(head.query);
        let is_risky = !head.method.is_safe() || !overrides.is_empty() || reading.is_unsafe() || is_act;
        // A path of pictures is one only as long as nothing else says where the request goes, or who sends it: a front
        // controller gets what is no file.
        let is_only_path = reading.is_plain()
            && !reading.is_routed()
            && lines.authorization.is_none()
            && !named::is_sign_in_or_session(&guard, &asked);
        let is_static = guard.adapter.is_static(head.path) && is_only_path && !is_risky;
        // The shop's own programs may send more than a form.
        let is_lane = guard.section.lanes.contains(head.client.get());
        let is_program = is_lane && guard.adapter.is_for_programs_only(&asked);
        let is_looked_at =
            !matches!(guard.adapter.knock(&asked), Login::None) || guard.adapter.is_address_form(&asked);
        let reads_body = !is_static && !is_program && (is_looked_at || guard.adapter.names_calls(&asked));
        let is_form = !head.method.is_safe() && storeward_adapter::is_form(asked.content_type);
        let guards_acts = is_risky && has_handle && guard.adapter.guards_unnamed_acts();
        let has_sides = !is_lane && guard.adapter.has_side_doors();
        let reads_fields = !is_static && ((is_form && are_read(&guard, &asked)) || guards_acts || has_sides);
        Crossing {
            is_risky,
            is_watched: false,
            is_part: is_part(head.headers) && !is_risky,
            client: head.client,
            id: head.id,
            method: head.method.clone(),
            path: head.path.to_owned(),
            query: head.query.map(str::to_owned),
            authority: head.authority.to_owned(),
            wants: if head.wants_problem { Wants::Problem } else { Wants::Page },
            is_static,
            reads_body,
            room: (reads_fields && !reads_body && (has_handle || is_read_whole(&guard)))
                .then(|| Room::for_form(head.client, head.headers))
                .flatten(),
            reads_fields,
            guards_acts,
            is_act: false,
            is_socket: head.headers.contains_key(header::UPGRADE),
            heard: socket::language(&guard, head).filter(|_| !is_lane),
            looks: Looks::of(&guard.adapter, is_static || is_lane),
            unread: Unread::Nothing,
            is_cut_off: false,
            reading,
            guard,
            door: None,
            token_door: None,
            typed: None,
            password: None,
            counted: Vec::new(),
            visit: None,
            asker: None,
            referer: None,
            solved: None,
            has_solved_cookie: false,
            held: None,
            is_by_gate: false,
            guest: Guest::default(),
            is_without: false,
            is_attached: false,
            admitted: None,
            is_opened: false,
            came_with: CameWith::default(),
            may_follow: false,
            renaming: Renaming::default(),
            new_password: None,
            is_decided: false,
            is_let_through: false,
            turn: Turn::default(),
            cookies: Vec::new(),
        }
    }

    async fn inward(&mut self, headers: &mut HeaderMap, body: Seen<'_>) -> Result<Passage, Error> {
        let guard = self.guard.clone();
        let token = HANDLE_COOKIE.read(headers).filter(|text| is_token(text)).map(str::to_owned);
        self.read_guest(headers);
        if self.is_socket
            && let Some(refusal) = self.open_socket(headers)
        {
            return Ok(self.instead(&refusal));
        }
        self.visit = Some(Visit::new(self.client, headers));
        self.asker = Some(Asker::of(self.client, self.id, &self.authority, headers).below(&self.path));
        self.referer = headers.get(header::REFERER).and_then(|v| self.place(v.to_str().ok()?));
        self.take_solved(headers);
        let mut others = self.strip(headers);
        let authorization = headers.contains_key(header::AUTHORIZATION);
        self.came_with = CameWith { cookies: !first::are_nobodys(&others), authorization };
        if let Some(refusal) = self.refuse_body(body) {
            return Ok(self.instead(&refusal));
        }
        if self.is_static {
            self.is_without = true;
            return Ok(Passage::On);
        }
        self.read_form(headers, body);
        // An adapter that does not fit sees nobody come in.
        if guard.is_blind() && guard.adapter.may_be_back_office(&self.reading) {
            return Ok(self.instead(&Refusal::closed()));
        }
        if let Some(passage) = self.shut_office(headers) {
            return Ok(passage);
        }
        // Who they are was shown at the gate; the door behind it is none of the customers'.
        if !self.is_by_gate
            && let Some(refusal) = self.knock(headers, body).await
        {
            return Ok(self.instead(&refusal));
        }
        self.ask_plainly(headers);
        if self.is_beacon() {
            return Ok(self.on_alone(headers, body));
        }
        if let Some(passage) = self.find_jar(token, headers, body).await? {
            return Ok(passage);
        }
        if self.unread != Unread::Nothing
            && let Some(refusal) = self.try_unread().await
        {
            return Ok(self.instead(&refusal));
        }
        self.look_for_act(headers, body);
        self.look_for_new_address(headers, body);
        let handle = self.held.clone();
        if let Some(handle) = &handle
            && let Some(passage) = self.admit(&handle.entry).await?
        {
            return Ok(passage);
        }
        if let Some(passage) = self.lead_to_form_again(headers) {
            return Ok(passage);
        }
        if let Some(passage) = self.leads_from_acts() {
            return Ok(passage);
        }
        if let Some(passage) = self.weigh_first(headers, &mut others).await {
            return Ok(passage);
        }
        if let Some(refusal) = self.other_session(headers, body) {
            return Ok(self.instead(&refusal));
        }
        let handle = match handle {
            _ if self.is_without => return Ok(Self::on_without(headers)),
            Some(handle) if self.held.is_some() => handle,
            Some(_) | None => return Ok(Passage::On),
        };
        if let Some(passage) = self.give_new_address(&handle.entry, headers, body).await? {
            return Ok(passage);
        }
        self.note_new_password(&handle.entry, headers, body);
        self.attach_or_ask(&handle.entry, headers, &others).await
    }

    /// Whether the request may go on with the jar's session. `Some` answers in the shop's place.
    async fn admit(&mut self, entry: &Arc<Entry>) -> Result<Option<Passage>, Error> {
        let guard = self.guard.clone();
        if !self.take_turn(entry).await {
            return Ok(Some(self.not_yet()));
        }
        if let Some(passage) = self.settle(entry).await? {
            return Ok(Some(passage));
        }
        if self.is_without && self.is_risky {
            return Ok(Some(self.instead(&Refusal::unclear())));
        }
        if self.is_without || self.held.is_none() {
            return Ok(None);
        }
        let phase = entry.lock().jar.phase.clone();
        let Phase::Active { customer, session, .. } = phase else { return Ok(self.leads_from_office()) };
        self.admitted = Some(session);
        let stands = match self.door {
            Some(_) => guard.stands_now(entry, session, customer).await?,
            None => guard.still_stands(entry, session, customer).await?,
        };
        if !stands {
            let _deciding = entry.deciding.lock().await;
            if let Some(asker) = &self.asker {
                guard.end(entry, asker).await?;
            }
            self.forget();
            return Ok(None);
        }
        self.check_acts(entry, session).await
    }

    /// Decides what is open: who is signed in with these cookies, and whether a challenge was met.
    async fn settle(&mut self, entry: &Arc<Entry>) -> Result<Option<Passage>, Error> {
        if self.is_settled(entry) {
            return Ok(None);
        }
        let _deciding = entry.deciding.lock().await;
        if self.has_moved(entry) {
            return Ok(self.overtaken());
        }
        if self.is_settled(entry) {
            return Ok(None);
        }
        let guard = self.guard.clone();
        let (phase, is_known) = {
            let inner = entry.lock();
            (
                inner.jar.phase.clone(),
                inner.jar.is_known_at(&self.authority, &self.path, guard.identity.0.now()),
            )
        };
        let verdict = match (phase, is_known) {
            (Phase::Ended, _) => Verdict::Without,
            (Phase::Pending { .. }, _) if self.is_sign_out() => {
                if let Some(asker) = &self.asker {
                    guard.end(entry, asker).await?;
                }
                self.forget();
                let mut home = Refusal::held("/".to_owned());
                home.code = "identity.signed_out";
                return Ok(Some(self.instead(&home)));
            }
            (Phase::Pending { since, flow, subject }, true) => {
                let Some(cause) = self.cause(self.own_place()) else { return Ok(None) };
                guard.go_on(entry, &cause, (since, flow, subject)).await?
            }
            (Phase::Anonymous | Phase::Active { .. } | Phase::Pending { .. }, _) => {
                let Some(cause) = self.cause(self.own_place()) else { return Ok(None) };
                guard.weigh(entry, &cause).await?
            }
        };
        Ok(self.obey(entry, verdict))
    }

    /// Does what was decided, on the way in and on the way out.
    fn obey(&mut self, entry: &Arc<Entry>, verdict: Verdict) -> Option<Passage> {
        match verdict {
            Verdict::Go { token, cookies } => {
                self.cookies.extend(cookies);
                if let Some(token) = token {
                    self.held = Some(Handle { token, entry: entry.clone(), is_new: true });
                }
                None
            }
            Verdict::Through => {
                self.is_let_through = true;
                None
            }
            // Parts of the page that shows the challenge, and of the one before it, come without the session.
            Verdict::Hold { refusal, .. } if self.is_part && refusal.challenge.is_some() => {
                self.is_without = true;
                None
            }
            Verdict::Hold { refusal, cookies } => {
                self.cookies.extend(cookies);
                Some(self.instead(&refusal))
            }
            Verdict::Without => {
                if matches!(entry.lock().jar.phase, Phase::Ended) {
                    self.forget();
                    self.cookies.extend(no_flow());
                } else {
                    self.is_without = true;
                }
                None
            }
        }
    }

    /// The session is over: the browser begins anew with this very request.
    fn forget(&mut self) {
        self.held = None;
        self.turn.act = None;
        self.cookies.extend(HANDLE_COOKIE.clear());
    }

    /// The answer goes on, with our cookies.
    fn leave(&mut self, headers: &mut HeaderMap) -> Passage {
        if !self.cookies.is_empty() {
            uncached(headers);
        }
        for line in self.cookies.drain(..) {
            headers.append(header::SET_COOKIE, line);
        }
        Passage::On
    }

    /// An answer in the shop's place, with our cookies.
    fn instead(&mut self, refusal: &Refusal) -> Passage {
        let language = self.visit.as_ref().and_then(|visit| visit.language);
        let page = || refused(&self.guard.identity, language, refusal.code);
        let mut answer = refusal.answer(self.wants, page);
        for line in self.cookies.drain(..) {
            answer.headers_mut().append(header::SET_COOKIE, line);
        }
        Passage::Instead(Box::new(answer))
    }

    /// The session changed while this was under way: the browser asks again, with what it holds now.
    fn again(&mut self) -> Passage {
        let mut refusal =
            Refusal::of(StatusCode::CONFLICT, "identity.session_changed", "Your session changed: try again");
        if self.wants == Wants::Page {
            let place = self.own_place().map_or_else(|| "/".to_owned(), String::from);
            refusal.challenge = Some(place);
        }
        self.is_decided = true;
        self.instead(&refusal)
    }

    fn has_moved(&self, entry: &Entry) -> bool {
        self.held.as_ref().is_some_and(|held| entry.hash() != token_hash(&held.token))
    }

    fn is_sign_out(&self) -> bool {
        self.guard.adapter.is_sign_out(&Asked {
            method: self.method.as_str(),
            path: &self.path,
            query: self.query.as_deref(),
            content_type: "",
            authorization: None,
        })
    }

    fn cause(&self, return_to: Option<ReturnTo>) -> Option<Cause<'_>> {
        let held = self.held.as_ref()?;
        let may_follow =
            self.may_follow && !held.entry.may_be_anothers(&self.authority, self.guard.identity.0.now());
        Some(Cause {
            visit: self.visit.as_ref()?,
            asker: self.asker.as_ref()?,
            token: &held.token,
            return_to,
            may_follow,
            renamed: self.renaming.form.as_ref().filter(|_| may_follow),
            guards_staff: self.guard.adapter.may_be_back_office(&self.reading),
            leaves: self.is_sign_out(),
            password: self.password.as_ref(),
        })
    }

    /// This page, where it is one that can be asked for again: without a query that holds a password, which is kept nowhere.
    fn own_place(&self) -> Option<ReturnTo> {
        let target = match self.query.as_deref().filter(|query| !storeward_adapter::bears_password(query)) {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        };
        ReturnTo::parse(&target).filter(|_| self.method == Method::GET)
    }

    /// A place of this shop out of an address that may be a whole one.
    fn place(&self, address: &str) -> Option<ReturnTo> {
        let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
        match rest {
            None => ReturnTo::parse(address),
            Some(rest) => {
                let at = rest.find('/').unwrap_or(rest.len());
                let (host, path) = rest.split_at(at);
                let is_own = host.eq_ignore_ascii_case(&self.authority);
                if is_own { ReturnTo::parse(if path.is_empty() { "/" } else { path }) } else { None }
            }
        }
    }

    /// The database or something else of ours failed: nobody goes on with the shop's session.
    fn broken(&mut self, _error: &Error) -> Passage {
        let title = "Signing in is not possible at the moment";
        let refusal = Refusal::of(StatusCode::SERVICE_UNAVAILABLE, "identity.unavailable", title);
        self.instead(&refusal)
    }
}

impl SessionExchange for Crossing {
    fn request_body_bytes(&self) -> Option<usize> {
        match (self.reads_body, self.reads_fields) {
            (true, _) => Some(FORM_BYTES),
            (false, true) => Some(self.room.as_ref().map_or(FIELDS_BYTES, Room::bytes)),
            (false, false) => None,
        }
    }

    fn request<'a>(&'a mut self, headers: &'a mut HeaderMap, body: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async move {
            // A door's own form is refused beyond its size.
            let (bytes, complete) = match self.reads_body {
                true => (body.bytes.into(), body.complete),
                false => long::read(headers, body),
            };
            let passed = self.inward(headers, Seen { bytes: &bytes, complete }).await;
            let passage = passed.unwrap_or_else(|error| self.broken(&error));
            if matches!(passage, Passage::Instead(_)) {
                self.take_try_back();
            }
            passage
        })
    }

    fn unanswered(&mut self, why: Unanswered) {
        self.note_unanswered(why);
    }

    fn ends_without_client(&self) -> bool {
        self.is_open_act() || self.is_open_look()
    }

    fn response_body_bytes(&self, _: StatusCode, headers: &HeaderMap) -> Option<usize> {
        self.answer_bytes(headers)
    }

    fn patience(&self) -> Duration {
        self.answer_patience()
    }

    fn response<'a>(
        &'a mut self,
        status: StatusCode,
        headers: &'a mut HeaderMap,
        body: Seen<'a>,
    ) -> Later<'a, Passage> {
        Box::pin(async move {
            let passed = self.outward(status, headers, body).await;
            passed.unwrap_or_else(|error| self.broken(&error))
        })
    }

    fn mind(&mut self) -> Option<Box<dyn Minder>> {
        Some(Box::new(Socket::new(self.guard.clone(), self.entry_of_answer()?)))
    }

    fn mind_body(&mut self) -> Option<Box<dyn Minder>> {
        OpenAnswer::minding(self.guard.clone(), self.entry_of_answer()?)
    }

    fn listen(&mut self) -> Option<Box<dyn Listener>> {
        let spoken = self.heard?;
        Some(Box::new(Ear::new(self.guard.clone(), self.client, spoken)) as Box<dyn Listener>)
    }
}
