//! A new password of the shop's own: the form that chooses it, and the answer that says that the shop took it.

use std::sync::Arc;

use storeward_adapter::PasswordForm;
use storeward_base::CustomerId;
use storeward_host::Seen;
use storeward_web::http::{HeaderMap, StatusCode, header};

use super::{Crossing, Lines};
use crate::error::Error;
use crate::model::SessionId;
use crate::shield::handles::Entry;
use crate::shield::jar::Phase;
use crate::state::ReturnTo;

/// A form on its way to the shop that chooses a new password.
pub(super) struct Chosen {
    customer: CustomerId,
    session: SessionId,
    form: PasswordForm,
}

impl Crossing {
    /// Only of whoever has just shown everything that the account has: the adapter calls the form sensitive, too. Whoever signed in
    /// with a stolen password sends none that counts.
    pub(super) fn note_new_password(&mut self, entry: &Arc<Entry>, headers: &HeaderMap, body: Seen<'_>) {
        if !self.may_follow || !body.complete || !self.reading.is_plain() {
            return;
        }
        let Phase::Active { customer, session, .. } = entry.lock().jar.phase else { return };
        let lines = Lines::of(headers);
        let asked = lines.asked(&self.method, &self.path, self.query.as_deref());
        let form = self.guard.adapter.new_password(&asked, body.bytes).cloned();
        self.new_password = form.map(|form| Chosen { customer, session, form });
    }

    /// The shop took it: from now on the account is asked for what the policy asks.
    pub(super) async fn see_new_password(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<(), Error> {
        let Some(chosen) = self.new_password.take() else { return Ok(()) };
        let to = headers.get(header::LOCATION).and_then(|v| self.place(v.to_str().ok()?));
        let to = to.as_ref().map(ReturnTo::as_str);
        if self.guard.adapter.took_password(&chosen.form, status.as_u16(), to)
            && let Some(visit) = &self.visit
        {
            self.guard.identity.shop_password_changed(visit, chosen.customer, chosen.session).await?;
        }
        Ok(())
    }
}
