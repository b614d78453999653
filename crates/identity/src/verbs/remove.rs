//! Removing a factor: only for a session that has just shown it, or one as good; the person is told.

use storeward_base::Actor;
use storeward_events::identity::FactorRemoved;

use super::current::{CurrentSession, still_signed_in};
use super::step_up::StepUpFault;
use super::{Identity, note_activity};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::model::{FactorId, FactorKind};
use crate::sql;
use crate::visit::Visit;

impl Identity {
    /// Removes one of the person's own factors; another one's stays. With the last one, the recovery codes go too.
    pub async fn remove_factor(
        &self,
        visit: &Visit,
        session: &CurrentSession,
        id: FactorId,
    ) -> Result<(), StepUpFault> {
        self.require_fresh(session)?;
        let shared = &self.0;
        let means = shared.means(session.customer).await?;
        let Some(factor) = means.factors.iter().find(|factor| factor.id == id) else { return Ok(()) };
        let word = factor.kind.word();
        let (customer, now) = (session.customer, shared.now());
        let notice = shared.notice(LetterKind::FactorRemoved, &means.account, &[("factor", word)], now);
        let activity = shared.activity(
            match factor.kind {
                FactorKind::Totp => "totp_removed",
                FactorKind::Passkey => "passkey_removed",
                FactorKind::Sms => "sms_removed",
            },
            &visit.label,
        );
        let (post, on_behalf) = (shared.post.clone(), session.clone());
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            still_signed_in(tx, &on_behalf)?;
            if !sql::factor::delete(tx, id, customer)? {
                tx.commit_silent("the factor was removed already");
                return Ok(());
            }
            if sql::factor::count(tx, customer)? == 0 {
                sql::factor::delete_codes(tx, customer)?;
            }
            sql::office::forget_without_factor(tx, customer)?;
            note_activity(tx, customer, &activity)?;
            if let Some(notice) = &notice {
                notice.write(tx, &*post)?;
            }
            let fact = FactorRemoved { customer, factor: word.to_owned() };
            tx.append(Actor::Customer { id: customer }, None, fact)?;
            Ok(())
        });
        Ok(written.await?)
    }
}
