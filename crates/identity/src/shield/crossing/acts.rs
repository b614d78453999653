//! What takes a second factor now, by whatever method and path the shop may take the request for.

use std::sync::Arc;

use storeward_adapter::Asked;
use storeward_host::{ASSERTION, Passage, Seen};
use storeward_web::http::{HeaderMap, StatusCode, header};

use super::{Crossing, Handle, Lines};
use crate::error::Error;
use crate::model::SessionId;
use crate::shield::answers::{Refusal, Wants};
use crate::shield::decide::Act;
use crate::shield::handles::Entry;
use crate::shield::jar::{Phase, Rights};
use crate::shield::section::{OfficeGuard, WhenUnclear, WhenUnsaid};
use crate::state::ReturnTo;

impl Crossing {
    /// Looks for another method or path in the fields of a form.
    pub(super) fn read_form(&mut self, headers: &HeaderMap, body: Seen<'_>) {
        let is_file = !body.complete && self.guard.adapter.takes_files(&self.reading, &self.path);
        let Lines { content_type, is_encoded, .. } = Lines::of(headers);
        let is_form = !self.method.is_safe() && storeward_adapter::is_form(&content_type);
        if self.reads_fields && is_form && !is_file && self.guard.adapter.reads_forms() {
            self.is_cut_off = !body.complete;
            let is_whole = body.complete && !is_encoded;
            self.guard.adapter.read_form(&mut self.reading, &content_type, body.bytes, is_whole);
        }
        let lines = Lines::of(headers);
        let asked = lines.asked(&self.method, &self.path, self.query.as_deref());
        if self.reads_body && self.guard.adapter.names_calls(&asked) {
            let is_whole = body.complete && !lines.is_encoded;
            self.guard.adapter.read_calls(&mut self.reading, &asked, body.bytes, is_whole);
        }
        // Programs and scripts read it, whatever they say that they accept.
        if self.reading.is_routed() {
            self.wants = Wants::Problem;
        }
    }

    /// Where the file names no acts: whether what somebody sends who is signed in may be one. What is not there to be read may be
    /// anything, but for files where the shop takes those.
    pub(super) fn look_for_act(&mut self, headers: &HeaderMap, body: Seen<'_>) {
        let subject = self.held.as_ref().and_then(|held| match &held.entry.lock().jar.phase {
            Phase::Active { subject, .. } => Some(subject.clone()),
            Phase::Anonymous | Phase::Pending { .. } | Phase::Ended => None,
        });
        let Some(subject) = subject.filter(|_| self.guards_acts) else { return };
        let own = Some(subject.name.as_str()).filter(|subject| subject.contains('@'));
        let lines = Lines::of(headers);
        let asked = lines.asked(&self.method, &self.path, self.query.as_deref());
        let adapter = &self.guard.adapter;
        let is_file = !body.complete && adapter.takes_files(&self.reading, &self.path);
        self.is_act = (!body.complete && !is_file) || adapter.may_be_act(&asked, body.bytes, own);
    }

    /// Whether it goes where people change the address by which the shop names them, or names another one.
    pub(super) fn is_renaming(&self) -> bool {
        let (method, path) = (self.method.as_str(), self.path.as_str());
        let asked = Asked { method, path, query: None, content_type: "", authorization: None };
        self.renaming.is_one() || self.guard.adapter.is_address_form(&asked)
    }

    /// Something is open still in its session.
    pub(super) fn not_yet(&mut self) -> Passage {
        let is_renaming = self.is_renaming();
        self.instead(&if is_renaming { Refusal::address_later() } else { Refusal::one_at_a_time() })
    }

    async fn rights(&self) -> Option<Rights> {
        match (&self.held, &self.asker) {
            (Some(held), Some(asker)) => self.guard.known_rights(&held.entry, asker).await,
            _ => Some(Rights::Customer),
        }
    }

    /// A back office whose sign-in says nothing to us stays shut, to whomever: a second factor of a customer's session is none of
    /// its staff's. Open to whom the gate let through: that one asked for a second factor of theirs.
    pub(super) fn shut_office(&mut self, headers: &HeaderMap) -> Option<Passage> {
        let adapter = &self.guard.adapter;
        let is_guarded = self.guard.section.back_office_guard == OfficeGuard::On && adapter.has_own_office();
        let is_office = adapter.is_back_office(&self.reading) || adapter.is_like_office(&self.path);
        if !is_guarded || !is_office {
            return None;
        }
        if headers.contains_key(ASSERTION) {
            self.is_by_gate = true;
            return None;
        }
        let title = "The back office is closed here: it opens through a gate of Storeward's only";
        Some(self.instead(&Refusal::of(StatusCode::FORBIDDEN, "identity.back_office_closed", title)))
    }

    /// A session of the shop in which nobody is signed in as far as we can tell has no business in the back office.
    pub(super) fn leads_from_office(&mut self) -> Option<Passage> {
        let guard = self.guard.clone();
        let is_guarded = guard.section.back_office_guard == OfficeGuard::On;
        let has_session = self.held.as_ref().is_some_and(|held| {
            let inner = held.entry.lock();
            !inner.jar.is_active() && !inner.jar.pairs_for(&self.path).is_empty()
        });
        let is_office = guard.adapter.is_back_office(&self.reading);
        // The back office's own sign-in, where it is a door that we know; and a form that is too long to be read, which may be
        // anything: that is no reason to lead a guest away.
        let is_free = guard.adapter.is_sign_in_page(&self.path) || self.is_cut_off;
        if !is_guarded || !has_session || !is_office || is_free || self.is_by_gate {
            return None;
        }
        let title = "Sign in at the shop first";
        let mut refusal = Refusal::of(StatusCode::FORBIDDEN, "identity.sign_in_first", title);
        refusal.challenge = guard.adapter.sign_in_page();
        Some(self.instead(&refusal))
    }

    /// What takes a fresh second factor takes somebody who is signed in through here: whatever else the shop may know them by is no
    /// reason to let it act first and be asked then who it was. New accounts and the shop's own programs are none of that.
    pub(super) fn leads_from_acts(&mut self) -> Option<Passage> {
        let guard = self.guard.clone();
        let is_free = self.is_by_gate || self.door.is_some() || self.is_cut_off || !self.came_with.is_any();
        let is_lane = guard.section.lanes.contains(self.client.get());
        // The owner chose that customers are let through while nobody can tell who is signed in.
        let is_blind = guard.is_blind() && guard.section.when_unclear == WhenUnclear::Open;
        let is_open = self.is_let_through || is_blind;
        if self.is_active() || is_free || is_lane || is_open || !guard.adapter.is_sensitive(&self.reading) {
            return None;
        }
        let title = "Sign in at the shop first";
        let mut refusal = Refusal::of(StatusCode::FORBIDDEN, "identity.sign_in_first", title);
        refusal.challenge = guard.adapter.sign_in_page();
        Some(self.instead(&refusal))
    }

    /// A sign-in that is such an act besides goes on, for it may be a form of a page, and takes nothing along by which the shop could
    /// do the act in somebody else's name. (Cookies are weighed one by one.)
    pub(super) fn drop_authorization(&self, headers: &mut HeaderMap) {
        let is_lane = self.guard.section.lanes.contains(self.client.get());
        let is_sign_in = self.door.is_some() && !self.is_active() && !self.is_by_gate && !is_lane;
        if is_sign_in && self.guard.adapter.is_sensitive(&self.reading) {
            headers.remove(header::AUTHORIZATION);
        }
    }

    /// Another request exchanged the handle meanwhile: what only looks goes on without a session, all else is asked for again.
    pub(super) fn overtaken(&mut self) -> Option<Passage> {
        if self.is_risky {
            return Some(self.again());
        }
        self.is_without = true;
        self.held = None;
        None
    }

    /// Where the owner has whoever is not told to be of the staff be a customer, that is no reason to let them change others.
    fn is_for_staff(&self) -> bool {
        let adapter = &self.guard.adapter;
        match self.guard.section.rights_unsaid {
            WhenUnsaid::Customers => adapter.may_be_back_office(&self.reading),
            WhenUnsaid::Staff => adapter.is_back_office(&self.reading),
        }
    }

    fn is_new(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_new)
    }

    /// A step-up gave our own session another token, which the browser shows: it gets another handle, too, so that a copy of the one of
    /// before leads nowhere.
    async fn renew(&mut self, entry: &Arc<Entry>, session: SessionId) -> Result<Option<Passage>, Error> {
        let Some(token) = self.visit.as_ref().and_then(|visit| visit.session.clone()) else {
            return Ok(None);
        };
        let hash = token.hash();
        // A part of a page that is on its way takes what the page came with.
        if self.is_new() || self.is_part || entry.lock().jar.shown == hash {
            return Ok(None);
        }
        let guard = self.guard.clone();
        if !guard.is_token_of(Some(&token), session).await? {
            return Ok(None);
        }
        let _deciding = entry.deciding.lock().await;
        if self.has_moved(entry) {
            return Ok(self.overtaken());
        }
        let earlier = std::mem::replace(&mut entry.lock().jar.shown, hash);
        if earlier.is_empty() {
            // Kept before this was written down: nothing says that a step-up came between, and the browser's next request may be
            // under way with the handle that it has.
            guard.handles.note_change(entry);
            return Ok(None);
        }
        let token = guard.handles.rotate(entry).await?;
        let is_lasting = entry.lock().jar.is_lasting();
        self.cookies.extend(guard.handle_cookie(&token, is_lasting));
        self.held = Some(Handle { token, entry: entry.clone(), is_new: false });
        Ok(None)
    }

    /// What takes a fresh second factor.
    pub(super) async fn check_acts(
        &mut self,
        entry: &Arc<Entry>,
        session: SessionId,
    ) -> Result<Option<Passage>, Error> {
        let passage = self.renew(entry, session).await?;
        if passage.is_some() || self.is_without {
            return Ok(passage);
        }
        let guard = self.guard.clone();
        let asked = Asked {
            method: self.method.as_str(),
            path: &self.path,
            query: self.query.as_deref(),
            content_type: "",
            authorization: None,
        };
        let leaves = self.reading.is_plain() && guard.adapter.is_sign_out(&asked);
        let is_sensitive = guard.adapter.is_sensitive(&self.reading) || self.is_act || self.renaming.is_one();
        let Some(rights) = self.rights().await else {
            return Ok(Some(self.instead(&Refusal::unclear())));
        };
        let is_of_staff = rights == Rights::Staff;
        let is_staffs = !self.is_by_gate && (self.is_for_staff() || is_of_staff) && !leaves;
        let acts = [(is_sensitive, Act::Sensitive), (is_staffs, Act::BackOffice)];
        let back = self.own_place().or_else(|| self.referer.clone()).or_else(|| ReturnTo::parse("/"));
        let Some(back) = back else { return Ok(None) };
        let shown = self.visit.as_ref().and_then(|visit| visit.session.clone());
        for act in acts.into_iter().filter_map(|(is_one, act)| is_one.then_some(act)) {
            let is_shown = self.is_new() || guard.is_token_of(shown.as_ref(), session).await?;
            if let Some(refusal) = guard.needs_proof((session, is_shown), act, &back).await? {
                if self.is_part {
                    // Pictures of the page before come without the session.
                    self.is_without = true;
                    return Ok(None);
                }
                return Ok(Some(self.instead(&refusal)));
            }
        }
        // The shop may come to a sign-in that was given up, and then to this: it would change somebody else's account. And whom it tells after
        // another address was given would be taken for another person.
        let now = guard.identity.0.now();
        let may_be_anothers = match self.is_renaming() {
            true => entry.may_be_anothers(&self.authority, now),
            false => entry.is_suspect(now),
        };
        if is_sensitive && self.elevates() && may_be_anothers {
            return Ok(Some(self.not_yet()));
        }
        self.may_follow = is_sensitive;
        Ok(None)
    }
}
