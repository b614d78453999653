//! The way back: what the shop's answer says of its session, and whether the browser gets to see it.

use std::sync::Arc;

use storeward_adapter::CookieLine;
use storeward_base::Timestamp;
use storeward_host::{Passage, Seen};
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, Response, StatusCode, header};
use tokio::sync::MutexGuard;

use super::{BARRED, Crossing, Handle, SUSPECT, secret};
use crate::error::Error;
use crate::shield::answers::{Refusal, uncached};
use crate::shield::decide::Verdict;
use crate::shield::handles::Entry;
use crate::shield::jar::Phase;
use crate::shield::section::WhenUnclear;

/// Why it has to be asked who is signed in before an answer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Not,
    /// It only leads somewhere, where it is asked again.
    Leads,
    /// It may show an account, or be a sign-in.
    Shows,
}

impl Crossing {
    pub(super) async fn outward(
        &mut self,
        status: StatusCode,
        headers: &mut HeaderMap,
        body: Seen<'_>,
    ) -> Result<Passage, Error> {
        let was_overtaken = self.was_overtaken();
        self.see_new_password(status, headers).await?;
        let kept = self.take_lines(headers);
        let mut held = match self.token_door() {
            Some(door) => self.weigh_token(&door, status, body).await?,
            None => None,
        };
        // Also at a door: its token may stand in a header as well.
        if held.is_none() {
            held = self.weigh_answer(status, headers, body).await?;
        }
        if let Some(passage) = held {
            return Ok(passage);
        }
        if self.is_without {
            let held = self.hold_answer_back(status, headers, &kept);
            return Ok(held.unwrap_or_else(|| self.leave(headers)));
        }
        let sets = kept.iter().any(|l| CookieLine::parse(l).is_some_and(|line| !line.is_removal));
        // By a door that the adapter does not know, past an adapter that sees nothing.
        if sets && self.is_risky && self.guard.is_closed() && !self.is_active() {
            return Ok(self.instead(&Refusal::closed()));
        }
        let was_empty = self.held.as_ref().is_none_or(|h| h.entry.lock().jar.cookies.is_empty());
        if self.held.is_none() && sets {
            let (token, entry) = self.guard.handles.open();
            let lasts =
                |l: &&str| CookieLine::parse(l).is_some_and(|line| !line.is_removal && line.is_lasting);
            let is_lasting = kept.iter().map(|l| l.as_ref()).any(|l: &str| lasts(&l));
            self.cookies.extend(self.guard.handle_cookie(&token, is_lasting));
            self.held = Some(Handle { token, entry, is_new: false });
            self.is_opened = true;
        }
        let Some(Handle { entry, .. }) = self.held.clone() else { return Ok(self.leave(headers)) };
        if self.has_moved(&entry) {
            return Ok(self.moved_meanwhile(&entry));
        }
        // Where a cookie says who it is, what is set now is somebody's at once: nobody goes on with it before that is decided.
        let is_told = !self.elevates() && !kept.is_empty();
        let deciding = if is_told { Some(entry.deciding.lock().await) } else { None };
        if is_told && self.has_moved(&entry) {
            return Ok(self.moved_meanwhile(&entry));
        }
        let has_changed = self.put_in(&entry, &kept);
        // Asked now, the shop may say that nobody is signed in any more.
        if was_overtaken && self.is_attached {
            return Ok(self.thrown_away(&entry, status));
        }
        let mut why = self.must_weigh(&entry, (status, headers), has_changed, was_empty);
        // An act may have ended without anybody asking who is signed in by it, and a word in a tunnel is one that nobody sees.
        let (now, is_look) = (self.guard.identity.0.now(), !self.is_risky && self.is_attached);
        if is_look
            && self.elevates()
            && (entry.is_suspect(now) || entry.is_uneasy(now) || self.turn.is_uneasy)
        {
            why = Why::Shows;
        }
        if why != Why::Not {
            if let Some(passage) = self.weigh(&entry, (status, headers), (&kept, why), deciding).await? {
                return Ok(passage);
            }
        } else if let Some(passage) = self.decided_meanwhile(&entry) {
            return Ok(passage);
        }
        self.is_decided = true;
        self.turn.act = None;
        Ok(self.leave(headers))
    }

    /// Puts the lines that the jar keeps into it; whether one of them says something new. Nothing goes on with that before it is decided whose it is.
    fn put_in(&self, entry: &Arc<Entry>, kept: &[String]) -> bool {
        let mut has_changed = false;
        let mut inner = entry.lock();
        for line in kept.iter().filter_map(|line| CookieLine::parse(line)) {
            has_changed |= inner.jar.take(&line);
        }
        inner.jar.is_known &= !has_changed;
        drop(inner);
        if has_changed {
            self.guard.handles.note_change(entry);
        }
        has_changed
    }

    /// Why it must be asked who is signed in now, before the answer goes on.
    fn must_weigh(
        &self,
        entry: &Arc<Entry>,
        (status, headers): (StatusCode, &HeaderMap),
        has_changed: bool,
        was_empty: bool,
    ) -> Why {
        if !self.elevates() {
            return if has_changed { Why::Shows } else { Why::Not };
        }
        let bears_secret = self.bears_secret(status, headers) && !self.is_seen_file(entry, (status, headers));
        let is_first = has_changed
            && was_empty
            && !self.is_risky
            && !self.came_with.is_any()
            && status.is_success()
            && !bears_secret;
        if is_first {
            // A visitor's first session. Most of them never come back: whether it is a signed-in one is asked when it
            // does, before it goes to the shop. Not where anything came along that may have opened it ("stay signed in", a letter's link).
            entry.lock().jar.is_known = false;
            return Why::Not;
        }
        let leads = status.is_redirection() && status != StatusCode::NOT_MODIFIED;
        // Also of whoever is in already: somebody else's link makes the session theirs at the shop.
        match self.is_risky || has_changed || bears_secret {
            true => Why::Shows,
            false if leads => Why::Leads,
            false => Why::Not,
        }
    }

    /// Whether this very address was answered to this browser before, as a file, and nobody came in by it. What is only said to be
    /// unchanged is not enough by its name: some shops take a link's secret with any ending, and the browser says what it has.
    fn is_seen_file(&self, entry: &Entry, (status, headers): (StatusCode, &HeaderMap)) -> bool {
        secret::is_answered_as_file(status, headers) && entry.lock().seen.has(&self.address())
    }

    fn address(&self) -> String {
        format!("address\n{}?{}", self.path, self.query.as_deref().unwrap_or_default())
    }

    /// Whether something that nobody would type stands in the address: a link in a letter signs people in by it.
    pub(super) fn bears_secret(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let is_file = status.is_success() && secret::is_file(&self.path, headers);
        self.query.as_deref().is_some_and(secret::in_query) || (!is_file && secret::in_path(&self.path))
    }

    /// Whether it may sign somebody in by itself: an act, or a link that bears a secret, whatever is answered.
    fn may_sign_in(&self) -> bool {
        let is_page = !secret::is_named_as_file(&self.path);
        let bears_secret = || {
            self.query.as_deref().is_some_and(secret::in_query) || (is_page && secret::in_path(&self.path))
        };
        (self.is_risky && !self.is_watched) || (self.elevates() && bears_secret())
    }

    /// Whether it went to the shop, may sign somebody in there, and nobody knows yet whether it did.
    pub(super) fn is_open_act(&self) -> bool {
        self.may_sign_in() && self.is_attached && !self.is_decided
    }

    /// Whether the shop may sign a session in without a new cookie: then every act that could do so is followed by the
    /// question who it is.
    pub(super) fn elevates(&self) -> bool {
        self.guard.adapter.elevates()
    }

    pub(super) fn is_active(&self) -> bool {
        let phase = self.held.as_ref().map(|held| held.entry.lock().jar.phase.clone());
        matches!(phase, Some(Phase::Active { .. }))
    }

    async fn weigh(
        &mut self,
        entry: &Arc<Entry>,
        (status, headers): (StatusCode, &mut HeaderMap),
        (kept, why): (&[String], Why),
        deciding: Option<MutexGuard<'_, ()>>,
    ) -> Result<Option<Passage>, Error> {
        let guard = self.guard.clone();
        let (number, was) = (entry.note_answer(), standing(entry));
        let _deciding = match deciding {
            Some(deciding) => deciding,
            None => entry.deciding.lock().await,
        };
        if self.has_moved(entry) {
            return Ok(Some(self.moved_meanwhile(entry)));
        }
        // Whoever waited for the lock beside this one asked when this answer was there, too.
        let told = entry.was_asked_since(number).filter(|_| !self.is_risky && standing(entry) == was);
        // A front's answer is none of the shop's, whoever asked beside it.
        let is_fronts = is_of_a_front(status) && self.is_open_act();
        if told == Some(true) && self.is_settled(entry) && !is_fronts {
            self.note_seen_file(entry, (status, headers));
            return Ok(None);
        }
        if told == Some(false) && guard.section.when_unclear == WhenUnclear::Closed {
            return Ok(Some(self.unsaid(entry, (status, headers), kept, why)));
        }
        let covered = entry.answers();
        let location = headers.get(header::LOCATION).and_then(|v| self.place(v.to_str().ok()?));
        let back = location.or_else(|| self.own_place()).or_else(|| self.referer.clone());
        let Some(cause) = self.cause(back) else { return Ok(None) };
        let before = standing(entry);
        let verdict = guard.weigh(entry, &cause).await?;
        entry.note_question(covered);
        // Asked now, the shop may know nobody yet.
        if is_fronts && self.elevates() {
            self.leave_undecided(entry);
        }
        self.is_decided = true;
        let is_unclear = matches!(verdict, Verdict::Without);
        if is_unclear || matches!(verdict, Verdict::Through) {
            self.leave_open(entry, guard.identity.0.now());
        }
        if is_unclear {
            entry.note_doubt();
        }
        // Whoever was in before and is so still may have guessed at somebody else's password.
        let after = standing(entry);
        if !is_unclear && after.is_some() && after != before {
            self.was_right();
        }
        if let (Some(typed), Some(visit)) = (&self.typed, &self.visit)
            && matches!(entry.lock().jar.phase, Phase::Anonymous)
            && !is_unclear
        {
            guard.identity.note_shop_refusal(visit, typed.expose());
        }
        if matches!(entry.lock().jar.phase, Phase::Ended) && is_unclear {
            if before.is_some() {
                // It ended with this very question, so the browser has no other handle yet.
                self.forget();
            }
            return Ok(Some(self.again()));
        }
        // What the shop made of the signed-in session is shown to nobody, also where it says that it is a picture.
        self.is_part = false;
        let passage = self.obey(entry, verdict);
        if passage.is_none() && is_unclear {
            return Ok(Some(self.unsaid(entry, (status, headers), kept, why)));
        }
        // A sign-in, and whatever is not shown.
        if passage.is_some() || (after.is_some() && after != before) {
            self.hold_lines_back(entry, headers, passage.is_some());
        } else if entry.lock().jar.is_known {
            self.note_seen_file(entry, (status, headers));
        }
        Ok(passage.map(|passage| with_lines(passage, headers)))
    }

    /// Whether nothing is open of this page: who is signed in, and whether they may be.
    /// Nothing is while the shop may be at an act that nobody waits for.
    pub(super) fn is_settled(&self, entry: &Entry) -> bool {
        let (now, inner) = (self.guard.identity.0.now(), entry.lock());
        // Who changes the name by which the shop knows them is asked right before: who is known may have become another by a page.
        let is_asked_each_time = self.is_risky && (self.turn.is_uneasy || self.is_renaming());
        !is_asked_each_time
            && !entry.is_suspect(now)
            && !entry.is_doubted(now)
            && inner.jar.is_known_at(&self.authority, &self.path, now)
            && matches!(inner.jar.phase, Phase::Anonymous | Phase::Active { .. })
    }

    fn note_seen_file(&self, entry: &Entry, (status, headers): (StatusCode, &HeaderMap)) {
        if self.elevates() && self.bears_secret(status, headers) && secret::stays_file(status, headers) {
            entry.lock().seen.add(&self.address());
        }
    }

    /// The shop does not say who is signed in, and the answer may show an account.
    fn unsaid(
        &mut self,
        entry: &Entry,
        (status, headers): (StatusCode, &mut HeaderMap),
        kept: &[String],
        why: Why,
    ) -> Passage {
        let place =
            headers.get(header::LOCATION).filter(|_| why == Why::Leads && entry.lock().jar.is_active());
        if let Some(place) = place {
            // Where it leads to is no account; there it is asked again, before the session goes along.
            let mut answer = Response::new(Bytes::new());
            *answer.status_mut() = status;
            answer.headers_mut().insert(header::LOCATION, place.clone());
            uncached(answer.headers_mut());
            return Passage::Instead(Box::new(answer));
        }
        // Who keeps no cookies would be led round for ever. Nothing came along, so the answer is the one that a guest gets.
        if !self.guest.keeps_cookies && !self.came_with.is_any() && self.only_looks() {
            self.cookies.clear();
            self.held = None;
            let held = self.hold_answer_back(status, headers, kept);
            return held.unwrap_or_else(|| self.leave(headers));
        }
        self.lead_as_guest().unwrap_or_else(|| self.instead(&Refusal::unclear()))
    }

    /// Another request of the same browser was a sign-in: this answer may be one of the signed-in session.
    fn decided_meanwhile(&mut self, entry: &Arc<Entry>) -> Option<Passage> {
        if !self.is_attached {
            return None;
        }
        let phase = entry.lock().jar.phase.clone();
        match phase {
            Phase::Anonymous | Phase::Active { .. } => None,
            Phase::Pending { .. } => {
                let refusal = Refusal::held(crate::gate::own("/challenge"));
                Some(self.instead(&refusal))
            }
            Phase::Ended => Some(self.again()),
        }
    }
}

/// Whether what stands before the shop may have answered in its place, with the shop still at it: out of patience, or with its line broken (RFC 9110
/// 15.5.9, 15.6.3 to 15.6.5; 499 and 520 to 524 as nginx and Cloudflare have them).
fn is_of_a_front(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 499 | 502..=504 | 520..=524)
}

/// The sign-in that a jar holds.
fn standing(entry: &Entry) -> Option<String> {
    match &entry.lock().jar.phase {
        Phase::Active { session, .. } => Some(session.to_string()),
        Phase::Pending { flow, .. } => Some(flow.clone()),
        Phase::Anonymous | Phase::Ended => None,
    }
}

fn with_lines(passage: Passage, headers: &HeaderMap) -> Passage {
    match passage {
        as_it_is @ (Passage::On | Passage::Body(_) | Passage::Through(_)) => as_it_is,
        Passage::Instead(mut answer) => {
            for line in headers.get_all(header::SET_COOKIE) {
                answer.headers_mut().append(header::SET_COOKIE, line.clone());
            }
            Passage::Instead(answer)
        }
    }
}

impl Crossing {
    /// An act went to the shop while this was there: its answer is nobody's, and it may have signed somebody in all the same. The shop is through
    /// with it, where the answer is the shop's, so that it is asked about, streams that were begun before end, and no form waits.
    fn thrown_away(&mut self, entry: &Arc<Entry>, status: StatusCode) -> Passage {
        if self.may_sign_in() && is_of_a_front(status) {
            self.leave_undecided(entry);
        } else if self.may_sign_in() {
            self.leave_open(entry, self.guard.identity.0.now());
            entry.note_doubt();
        }
        entry.lock().jar.is_known = false;
        self.guard.handles.note_change(entry);
        self.again()
    }

    /// Another request of the browser's exchanged the handle: its answer goes to nobody, and the shop may have signed somebody in by it.
    fn moved_meanwhile(&mut self, entry: &Arc<Entry>) -> Passage {
        if self.may_sign_in() {
            self.leave_undecided(entry);
            self.guard.handles.note_change(entry);
        }
        self.again()
    }

    /// It is not known whether this act signed somebody in: that is asked before anything else of the session goes on.
    fn leave_undecided(&self, entry: &Entry) {
        let now = self.guard.identity.0.now();
        entry.suspect(now.plus(SUSPECT));
        entry.bar(now.plus(BARRED));
        entry.lock().jar.is_known = false;
        self.leave_open(entry, now.plus(SUSPECT));
    }

    /// It is asked once more after the act is over, at each host and in its folder. A cookie that says who it is came with no answer.
    fn leave_open(&self, entry: &Entry, until: Timestamp) {
        if self.elevates() && self.may_sign_in() {
            entry.lock().jar.leave_open(&self.path, until);
        }
    }
}

impl Drop for Crossing {
    /// Nobody waited for the answer, or it could not be decided on: the shop may be signing somebody in all the same.
    fn drop(&mut self) {
        let Some(held) = &self.held else { return };
        if self.is_open_look() {
            held.entry.lose_look(self.guard.identity.0.now().plus(BARRED));
        }
        if !self.is_open_act() {
            return;
        }
        self.leave_undecided(&held.entry);
        self.guard.handles.note_change(&held.entry);
    }
}
