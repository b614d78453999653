//! Before a door of the shop: what it is, and whether somebody may try.

use storeward_adapter::{Asked, BodyKind, DoorKind, Unreadable, before_last_field, is_doubtful, is_form};
use storeward_host::Seen;
use storeward_web::http::{HeaderMap, StatusCode};

use super::paced::Unread;
use super::token::Looks;
use super::{Crossing, Lines};
use crate::shield::Alarm;
use crate::shield::answers::{Refusal, Wants};

impl Crossing {
    /// A body comes with no method that reads only (RFC 9110 section 9.3.1), and no browser sends one. Many shops look at it all the
    /// same, and sign people in by it.
    pub(super) fn refuse_body(&self, body: Seen<'_>) -> Option<Refusal> {
        let is_lane = self.guard.section.lanes.contains(self.client.get());
        let has_body = !body.bytes.is_empty() || !body.complete;
        let title = "A request by this method has no body";
        let refusal = || Refusal::of(StatusCode::BAD_REQUEST, "identity.body_unexpected", title);
        (self.method.is_safe() && has_body && !is_lane).then(refusal)
    }

    /// Whether what cannot be read of a form is the field at whose midst it was cut: that says no more than what comes behind it.
    fn is_cut_field(&self, asked: &Asked<'_>, bytes: &[u8]) -> bool {
        let whole = before_last_field(asked.content_type, bytes);
        is_form(asked.content_type) && self.guard.adapter.elsewhere(asked, whole, None).is_none()
    }

    async fn shut_to_programs(&mut self) -> Refusal {
        self.guard.alarm(Alarm::DoorForPrograms, self.client).await;
        self.wants = Wants::Problem;
        let title = "Programs may not sign in here with a password";
        Refusal::of(StatusCode::FORBIDDEN, "identity.door_closed", title)
    }

    /// What is before the door, if there is one. The password is kept for as long as the request is under way.
    pub(super) async fn knock(&mut self, headers: &HeaderMap, body: Seen<'_>) -> Option<Refusal> {
        // Whatever stands in it: the door is there by its path, wherever the path stands.
        let is_lane = self.guard.section.lanes.contains(self.client.get());
        if !is_lane && self.guard.adapter.is_door_for_programs(&self.reading) {
            return Some(self.shut_to_programs().await);
        }
        let reads = self.reads_body || self.reads_fields;
        // A query may hold the fields of a form.
        if !reads && !self.query.as_ref().is_some_and(|query| query.contains('=')) {
            return None;
        }
        let guard = self.guard.clone();
        let lines = Lines::of(headers);
        let asked = lines.asked(&self.method, &self.path, self.query.as_deref());
        let (bytes, is_cut) = if reads { (body.bytes, !body.complete) } else { (&b""[..], false) };
        // A sign-in could stand in it that the shop reads and we do not: nobody's name would be counted.
        let is_doubtful = lines.is_encoded
            || is_doubtful(asked.content_type, bytes, !is_cut)
            || guard.adapter.is_strange_script(&asked, bytes);
        if reads && !is_lane && is_doubtful {
            return Some(unreadable());
        }
        if reads && !is_lane && guard.adapter.is_unclear_call(&asked, bytes) {
            self.wants = Wants::Problem;
            let title = "A GraphQL call has to carry its document here, as JSON or in the query";
            return Some(Refusal::of(StatusCode::BAD_REQUEST, "identity.call_unreadable", title));
        }
        let known = if reads { guard.adapter.door(&asked, bytes) } else { None };
        let (found, elsewhere) = match guard.adapter.elsewhere(&asked, bytes, known) {
            Some((_, Err(Unreadable::Form))) if is_cut && self.is_cut_field(&asked, bytes) => (known, None),
            Some((door, read)) => (Some(door), Some(read)),
            None => (known, None),
        };
        if is_cut && (self.reads_body || found.is_some()) {
            return Some(too_long());
        }
        let Some(door) = found else {
            // The fields that sign in may come behind what was read.
            if is_cut && !is_lane && guard.adapter.may_go_on(&asked, bytes) {
                self.unread = Unread::of(guard.adapter.may_hide_a_door(asked.content_type));
            }
            return None;
        };
        self.door = Some(door.kind);
        self.is_risky = true;
        if door.is_for_programs() && !is_lane {
            return Some(self.shut_to_programs().await);
        }
        if guard.is_closed() {
            return Some(Refusal::closed());
        }
        // Of several in one request one would be counted, and one answer looked at.
        let is_one = is_lane || (door.bearer.is_none() && door.kind != DoorKind::SignIn);
        if !is_one && !door.is_plain(&asked, bytes) {
            self.wants = Wants::Problem;
            let title = "One sign-in at a time, under its own name";
            return Some(Refusal::of(StatusCode::FORBIDDEN, "identity.door_closed", title));
        }
        // Beside a door the answer may be another one than the door's.
        let is_beside = elsewhere.is_some() && door.body != BodyKind::Graphql;
        if is_beside && self.looks == Looks::Named {
            self.looks = Looks::Anywhere;
        } else if door.bearer.is_some() && !is_lane {
            self.wants = Wants::Problem;
            self.token_door = guard.adapter.doors.iter().position(|known| known.name == door.name);
        }
        if guard.adapter.is_ambiguous(&asked, bytes) {
            return Some(ambiguous());
        }
        if door.kind != DoorKind::SignIn {
            return None;
        }
        match elsewhere.unwrap_or_else(|| door.credentials(&asked, bytes)) {
            Ok(credentials) => self.try_door(credentials).await,
            // Nobody is tried with it; whoever sends it all day is slowed down all the same.
            Err(Unreadable::Fields) => self.try_nobody().await,
            Err(Unreadable::Twice) => Some(ambiguous()),
            Err(Unreadable::Form) => Some(unreadable()),
        }
    }
}

fn unreadable() -> Refusal {
    Refusal::of(StatusCode::BAD_REQUEST, "identity.form_unreadable", "The form cannot be read")
}

fn ambiguous() -> Refusal {
    let title = "The name and the password may stand in a form once each";
    Refusal::of(StatusCode::BAD_REQUEST, "identity.form_ambiguous", title)
}

/// A sign-in may stand where nobody reads it.
pub(super) fn too_long() -> Refusal {
    let title = "The form is too large for a sign-in";
    Refusal::of(StatusCode::PAYLOAD_TOO_LARGE, "identity.form_too_large", title)
}
