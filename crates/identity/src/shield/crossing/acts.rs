//! What takes a second factor now, by whatever method and path the shop may take the request for.

use storeward_adapter::Asked;
use storeward_host::{Passage, Seen};
use storeward_web::http::{HeaderMap, header};

use super::Crossing;
use crate::error::Error;
use crate::model::SessionId;
use crate::shield::answers::Wants;
use crate::shield::decide::Act;
use crate::state::ReturnTo;

impl Crossing {
    /// Looks for another method or path in the fields of a form.
    pub(super) fn read_form(&mut self, headers: &HeaderMap, body: Seen<'_>) {
        if self.reads_fields {
            let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let adapter = &self.guard.adapter;
            adapter.read_form(&mut self.reading, kind.unwrap_or_default(), body.bytes, body.complete);
        }
        // Programs and scripts read it, whatever they say that they accept.
        if self.reading.is_routed() {
            self.wants = Wants::Problem;
        }
    }

    /// What takes a fresh second factor.
    pub(super) async fn check_acts(&mut self, session: SessionId) -> Result<Option<Passage>, Error> {
        let guard = self.guard.clone();
        let asked = Asked {
            method: self.method.as_str(),
            path: &self.path,
            query: self.query.as_deref(),
            content_type: "",
            authorization: None,
        };
        let leaves = self.reading.is_plain() && guard.adapter.is_sign_out(&asked);
        let is_sensitive = guard.adapter.is_sensitive(&self.reading);
        let is_of_staff = self.held.as_ref().is_some_and(|held| held.entry.lock().jar.is_staff);
        let is_staffs = (guard.adapter.is_back_office(&self.reading) || is_of_staff) && !leaves;
        let acts = [(is_sensitive, Act::Sensitive), (is_staffs, Act::BackOffice)];
        let back = self.own_place().or_else(|| self.referer.clone()).or_else(|| ReturnTo::parse("/"));
        let Some(back) = back else { return Ok(None) };
        for act in acts.into_iter().filter_map(|(is_one, act)| is_one.then_some(act)) {
            if let Some(refusal) = guard.needs_proof(session, act, &back).await? {
                if self.is_part {
                    // Pictures of the page before come without the session.
                    self.is_without = true;
                    return Ok(None);
                }
                return Ok(Some(self.instead(&refusal)));
            }
        }
        self.may_move = is_sensitive;
        Ok(None)
    }
}
