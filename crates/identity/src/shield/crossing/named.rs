//! A session of the shop's that a request names beside the cookies, in its address or in a form: the shop would take that one and set no cookie that
//! is seen. Whoever signs in with it is in, from any browser, and nobody is asked.

use storeward_adapter::Asked;
use storeward_host::Seen;
use storeward_web::http::{HeaderMap, Method, StatusCode};

use super::knock::too_long;
use super::{Crossing, Handle, Lines};
use crate::shield::Guard;
use crate::shield::answers::{Refusal, Wants};
use crate::state::ReturnTo;

/// Whether the address names one, or holds the fields of a sign-in.
pub(super) fn is_sign_in_or_session(guard: &Guard, asked: &Asked<'_>) -> bool {
    let adapter = &guard.adapter;
    let names_one = adapter.names_sessions() && !adapter.sessions_beside_cookies(asked, b"").is_empty();
    names_one || adapter.elsewhere(asked, b"", None).is_some()
}

impl Crossing {
    /// Refuses whatever names a session that is not the one that goes along: by whatever method, at whatever address. A page that is only
    /// asked for is led to itself without it: search engines and friends' links bring one along.
    pub(super) fn other_session(&self, headers: &HeaderMap, body: Seen<'_>) -> Option<Refusal> {
        let is_lane = self.guard.section.lanes.contains(self.client.get());
        if is_lane || (self.door.is_none() && !self.guard.adapter.names_sessions()) {
            return None;
        }
        let lines = Lines::of(headers);
        let asked = lines.asked(&self.method, &self.path, self.query.as_deref());
        let held = self.held.as_ref().filter(|_| !self.is_without);
        let found = self.guard.adapter.sessions_beside_cookies(&asked, body.bytes);
        let is_held = |(name, value): &(String, String)| {
            let has = |held: &Handle| {
                let cookies = &held.entry.lock().jar.cookies;
                cookies.iter().any(|kept| kept.name == *name && kept.value == *value)
            };
            held.is_some_and(has)
        };
        if found.iter().all(is_held) {
            return self.may_hide_session(&lines.content_type, body, held).then(too_long);
        }
        let title = "A session of the shop may not stand in an address or a form here";
        let mut refusal = Refusal::of(StatusCode::FORBIDDEN, "identity.session_in_address", title);
        refusal.challenge = self.place_without_session().map(String::from);
        Some(refusal)
    }

    /// Behind what is read of a form, where the shop gets no session by a cookie that it would go by.
    fn may_hide_session(&self, content_type: &str, body: Seen<'_>, held: Option<&Handle>) -> bool {
        let adapter = &self.guard.adapter;
        let is_form = !self.method.is_safe() && storeward_adapter::is_form(content_type);
        if body.complete || !is_form || !adapter.names_sessions() {
            return false;
        }
        let is_session = |name: &str| adapter.cookies.session.iter().any(|known| known == name);
        let has_one =
            held.is_some_and(|held| held.entry.lock().jar.cookies.iter().any(|kept| is_session(&kept.name)));
        !has_one && !adapter.takes_files(&self.reading, &self.path)
    }

    fn place_without_session(&self) -> Option<ReturnTo> {
        let is_page = self.method == Method::GET && self.wants == Wants::Page && !self.is_socket;
        let query = self.query.as_deref().filter(|_| is_page && self.door.is_none())?;
        let left = self.guard.adapter.without_sessions(&self.path, query)?;
        match left.is_empty() || storeward_adapter::bears_password(&left) {
            true => ReturnTo::parse(&self.path),
            false => ReturnTo::parse(&format!("{}?{left}", self.path)),
        }
    }
}
