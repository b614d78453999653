//! Sign-ins that hand out a token to the browser's scripts: it waits as a session would. When the challenge was met, the scripts
//! sign in once more, and get it.

use std::sync::Arc;
use std::time::Duration;

use storeward_adapter::{Adapter, Door, MOST_TOKENS, MaybeToken, Places, Probe, TokenAnswer, Told};
use storeward_base::Secret;
use storeward_host::{PATIENCE, Passage, Seen};
use storeward_web::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{Crossing, FIELDS_BYTES, FORM_BYTES, Handle, Lines};
use crate::error::Error;
use crate::model::SessionId;
use crate::shield::answers::{Refusal, Wants};
use crate::shield::decide::Verdict;
use crate::shield::handles::Entry;
use crate::shield::jar::{Phase, ShopName};
use crate::shield::shop::{Asker, Moment, Who};
use crate::verbs::shield::ShopAccount;

/// What is seen of an answer that is said to be a page, where nothing says that somebody signs in: a token alone is shorter, and a page
/// that is written bit by bit is not held up for long.
const PAGE_BYTES: usize = 8 * 1024;

/// A shop that hashes passwords on a busy machine may write its head first and its answer seconds later.
const SIGN_IN_PATIENCE: Duration = Duration::from_secs(10);

/// How an answer is looked through for tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Looks {
    /// Nobody signs in by a token, or it is the shop's own program that asks.
    #[default]
    Nowhere,
    /// The answer to whatever was asked, where a door's has its token.
    Named,
    /// The request signs in as at a door, and is at none: wherever a token may stand.
    Anywhere,
}

impl Looks {
    pub(super) fn of(adapter: &Adapter, is_free: bool) -> Self {
        if !is_free && adapter.hands_out_tokens() { Looks::Named } else { Looks::Nowhere }
    }
}

impl Crossing {
    /// How many bytes of an answer have to be seen.
    pub(super) fn answer_bytes(&self, headers: &HeaderMap) -> Option<usize> {
        if self.token_door.is_some() {
            return Some(FORM_BYTES);
        }
        match self.looks {
            Looks::Nowhere => None,
            Looks::Named if is_called_page(headers) => Some(PAGE_BYTES),
            Looks::Named => may_be_written(headers).then_some(FIELDS_BYTES),
            Looks::Anywhere => Some(FIELDS_BYTES),
        }
    }

    /// How long the shop may pause within it: the answer to a sign-in is read whole, or goes no further.
    pub(super) fn answer_patience(&self) -> Duration {
        if self.is_sign_in() { SIGN_IN_PATIENCE } else { PATIENCE }
    }

    /// Whether the answer is one to a sign-in whose token is looked for.
    fn is_sign_in(&self) -> bool {
        self.token_door.is_some() || self.looks == Looks::Anywhere
    }

    /// So that an answer can be read: not packed, in JSON where a script asks, and from its beginning: some servers cut whatever they
    /// answer to the range that was asked for.
    pub(super) fn ask_plainly(&self, headers: &mut HeaderMap) {
        let signs_in = self.is_sign_in();
        if signs_in || self.looks != Looks::Nowhere {
            // Without the line any coding would do (RFC 9110 section 12.5.3).
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if signs_in || (self.looks != Looks::Nowhere && !self.method.is_safe()) {
            headers.remove(header::RANGE);
            headers.remove(header::IF_RANGE);
        }
        if self.looks == Looks::Anywhere && self.wants == Wants::Problem {
            headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        }
    }

    /// Looks for a token in the answer to whatever was asked: `Some` in the shop's place. What opens the page that says whose it is,
    /// is one, wherever it came from.
    pub(super) async fn weigh_answer(
        &mut self,
        status: StatusCode,
        headers: &mut HeaderMap,
        body: Seen<'_>,
    ) -> Result<Option<Passage>, Error> {
        let places = match self.looks {
            Looks::Nowhere => return Ok(None),
            Looks::Named => Places::Named,
            Looks::Anywhere => Places::Any,
        };
        let Some(places) = places_in(status, places) else { return Ok(None) };
        let kind = Lines::of(headers);
        // Packed although nobody asked for it, or not whole: what it says nobody knows.
        let is_packed = kind.is_encoded && !body.bytes.is_empty();
        let is_held_back = !body.complete;
        let may_sign_in = places == Places::Any || (!self.method.is_safe() && is_json(headers));
        if (is_packed && may_sign_in) || (is_held_back && places == Places::Any) {
            return Ok(Some(self.unclear()));
        }
        let guard = self.guard.clone();
        let Some(asker) = self.asker.clone() else { return Ok(None) };
        let only_looks = places == Places::Named && self.method.is_safe() && !self.is_risky;
        let moment = if self.door.is_some() { Moment::SignIn } else { Moment::Any };
        let Some(found) = tokens_in(&guard.adapter, headers, body, places) else {
            return Ok(Some(self.unclear()));
        };
        let found = self.new_tokens(found, moment);
        // A list whose elements have such a name, to somebody who only looks, signs nobody in as a rule: a part of it is asked about.
        let is_list = found.len() > MOST_TOKENS;
        if is_list && !only_looks {
            return Ok(Some(self.unclear()));
        }
        let mut unsaid = Vec::new();
        for (probe, token) in found.into_iter().take(MOST_TOKENS) {
            match guard.bearer_alone(&asker, probe, &token, moment).await {
                Who::Nobody => {}
                Who::Unclear if only_looks => unsaid.push(token),
                Who::Unclear => return Ok(Some(self.unclear())),
                Who::Somebody { subject, email } => {
                    if let Some(passage) = self.hold_token(subject, email).await? {
                        return Ok(Some(passage));
                    }
                    self.note_own_token(probe, &token);
                    // It is no list: whoever signs in themselves many times hides another's among them.
                    if is_list {
                        return Ok(Some(self.unclear()));
                    }
                }
            }
        }
        // What was asked for in an address may be a call with a name and a password in it. Once more, the next ones are asked about.
        if is_list && self.query.is_some() {
            return Ok(Some(self.unclear()));
        }
        if unsaid.is_empty() {
            return Ok(None);
        }
        // Whoever only looks gets the page, without what nobody can say whose it is.
        drop_lines(headers, &unsaid);
        let left = tokens_in(&guard.adapter, headers, body, places);
        let is_left =
            |maybe: &MaybeToken<'_>| unsaid.iter().any(|text| text.expose() == maybe.token.expose());
        Ok(left.is_some_and(|left| left.iter().any(is_left)).then(|| self.unclear()))
    }

    /// The texts that are known neither as one's own nor as nobody's, one more than are asked about at most.
    fn new_tokens<'a>(&self, found: Vec<MaybeToken<'a>>, moment: Moment) -> Vec<(&'a Probe, Secret<String>)> {
        let asked = found.into_iter().filter_map(|maybe| Some((maybe.door.bearer.as_ref()?, maybe.token)));
        let now = self.guard.identity.0.now();
        let is_known = |probe: &Probe, token: &_| {
            self.is_own_token(probe, token) || self.guard.nobodys.has(&probe.path, token, now)
        };
        let is_new = |(probe, token): &(&Probe, _)| moment == Moment::SignIn || !is_known(probe, token);
        asked.filter(is_new).take(MOST_TOKENS + 1).collect()
    }

    /// Whether this browser got this very token before, in the session in which it is signed in now: the shop said whose it is. Storefronts
    /// hand it out with each page.
    fn is_own_token(&self, probe: &Probe, token: &Secret<String>) -> bool {
        let entry = self.held.as_ref().map(|held| &held.entry);
        entry.is_some_and(|entry| {
            let inner = entry.lock();
            inner.jar.session().is_some_and(|session| inner.seen.has(&own_token(session, probe, token)))
        })
    }

    fn note_own_token(&self, probe: &Probe, token: &Secret<String>) {
        let Some(held) = &self.held else { return };
        let mut inner = held.entry.lock();
        if let Some(session) = inner.jar.session() {
            inner.seen.add(&own_token(session, probe, token));
        }
    }

    /// The door, where its answer has to be read.
    pub(super) fn token_door(&self) -> Option<Door> {
        self.token_door.and_then(|at| self.guard.adapter.doors.get(at)).cloned()
    }

    /// `Some` in the shop's place: the token goes no further.
    pub(super) async fn weigh_token(
        &mut self,
        door: &Door,
        status: StatusCode,
        body: Seen<'_>,
    ) -> Result<Option<Passage>, Error> {
        let token = match door.token_answer(status.as_u16(), body.bytes, body.complete) {
            TokenAnswer::None => return Ok(None),
            TokenAnswer::HandsOut(token) => token,
            TokenAnswer::Unclear => return Ok(Some(self.unclear())),
        };
        let (Some(probe), Some(asker)) = (&door.bearer, self.asker.clone()) else {
            return Ok(Some(self.unclear()));
        };
        let Who::Somebody { subject, email } = self.whose(probe, &asker, &token).await else {
            return Ok(Some(self.unclear()));
        };
        self.hold_token(subject, email).await
    }

    async fn whose(&mut self, probe: &Probe, asker: &Asker, token: &Secret<String>) -> Who {
        let entry = self.open_jar();
        self.guard.clone().bearer(&entry, asker, probe, token).await
    }

    fn open_jar(&mut self) -> Arc<Entry> {
        if let Some(held) = &self.held {
            return held.entry.clone();
        }
        let (token, entry) = self.guard.handles.open();
        let is_lasting = entry.lock().jar.is_lasting();
        self.cookies.extend(self.guard.handle_cookie(&token, is_lasting));
        self.held = Some(Handle { token, entry: entry.clone(), is_new: false });
        entry
    }

    /// Somebody has a token: it goes no further until they have shown what it takes.
    async fn hold_token(
        &mut self,
        subject: ShopName,
        email: Option<String>,
    ) -> Result<Option<Passage>, Error> {
        let guard = self.guard.clone();
        let entry = self.open_jar();
        self.was_right();
        let _deciding = entry.deciding.lock().await;
        if self.has_moved(&entry) {
            return Ok(Some(self.again()));
        }
        if self.has_confirmed(&entry, &subject).await? {
            return Ok(None);
        }
        let Some(cause) = self.cause(self.referer.clone()) else { return Ok(Some(self.unclear())) };
        let language = cause.visit.language;
        let shop = ShopAccount { subject: subject.name.clone(), email, name: None, language };
        entry.lock().jar.by_token = true;
        let verdict = guard.begin(&entry, &cause, shop, subject).await?;
        self.is_decided = true;
        Ok(match verdict {
            // A token that is out cannot be had back.
            Verdict::Without | Verdict::Through => Some(self.unclear()),
            verdict => self.obey(&entry, verdict),
        })
    }

    /// Whether this browser has shown for this account what it takes.
    async fn has_confirmed(&self, entry: &Arc<Entry>, subject: &ShopName) -> Result<bool, Error> {
        let phase = entry.lock().jar.phase.clone();
        match phase {
            Phase::Active { subject: known, session, customer } if known.may_be(subject) => {
                self.guard.stands_now(entry, session, customer).await
            }
            Phase::Active { .. } | Phase::Anonymous | Phase::Pending { .. } | Phase::Ended => Ok(false),
        }
    }

    fn unclear(&mut self) -> Passage {
        self.instead(&Refusal::unclear())
    }
}

fn tokens_in<'a>(
    adapter: &'a Adapter,
    headers: &HeaderMap,
    body: Seen<'_>,
    places: Places,
) -> Option<Vec<MaybeToken<'a>>> {
    let lines: Vec<_> =
        headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    adapter.tokens_in(&Told { lines: &lines, body: body.bytes, is_whole: body.complete }, places)
}

/// Takes the headers out that bear one of these texts, but for where the browser is led.
fn drop_lines(headers: &mut HeaderMap, texts: &[Secret<String>]) {
    let bears = |name: &HeaderName, value: &HeaderValue| {
        let line = (name.as_str(), value.to_str().unwrap_or_default());
        *name != header::LOCATION && texts.iter().any(|text| storeward_adapter::bears(line, text))
    };
    let mut left = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers.iter().filter(|(name, value)| !bears(name, value)) {
        left.append(name, value.clone());
    }
    *headers = left;
}

fn own_token(session: SessionId, probe: &Probe, token: &Secret<String>) -> String {
    format!("token\n{session}\n{}\n{}", probe.path, token.expose())
}

/// Where in an answer of this status a token is looked for. A redirect holds a line for people, and its address; and a refusal words
/// that are as long as a token.
fn places_in(status: StatusCode, places: Places) -> Option<Places> {
    match status {
        _ if status.is_success() => Some(places),
        _ if status.is_informational() => None,
        _ => Some(Places::Named),
    }
}

/// Whether an answer may be text that scripts read. What else it is called nobody takes for a token.
fn may_be_written(headers: &HeaderMap) -> bool {
    const NEVER: [&[u8]; 8] = [
        b"image/",
        b"font/",
        b"audio/",
        b"video/",
        b"text/css",
        b"text/event-stream",
        b"application/pdf",
        b"application/zip",
    ];
    let kind = headers.get(header::CONTENT_TYPE).map(|line| line.as_bytes().to_ascii_lowercase());
    kind.is_none_or(|kind| !NEVER.iter().any(|known| kind.starts_with(known)))
}

pub(super) fn is_called_page(headers: &HeaderMap) -> bool {
    let kind =
        headers.get(header::CONTENT_TYPE).map(|line| line.as_bytes().trim_ascii().to_ascii_lowercase());
    kind.is_some_and(|kind| kind.starts_with(b"text/html"))
}

/// An answer in JSON, or in what is not said.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|line| line.as_bytes().to_ascii_lowercase());
    kind.is_none_or(|kind| kind.windows(4).any(|part| part == b"json"))
}
