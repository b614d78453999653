//! Staff take a way to sign in away that its owner lost, so that whoever finds it gets nowhere with it. Nothing is put in its place and
//! nobody is signed in: the next sign-in shows another factor, or a code by mail.
//!
//! The last one takes two members of staff. After it the account's mail is all that stands beside the password; whoever has that mail, or
//! talks one member of staff into it, would else have a way around the waiting time of `way_back`.

use std::time::Duration;

use storeward_base::{Actor, CustomerId};
use storeward_events::identity::{FactorRemoved, StepUpForced};

use super::acts::{Act, Done};
use super::{By, Customers};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::model::{FactorId, FactorKind};
use crate::sql;
use crate::verbs::devices::end_everything;
use crate::verbs::note_activity;

/// What one member of staff asked for holds for so long.
const ASKED: Duration = Duration::from_secs(86_400);
/// How it stands among the past acts.
pub(super) const ASKED_WORD: &str = "ask_take_factor";

impl Customers {
    /// Takes it away, ends every session and every trusted device, and tells the person. `factor` is its id as [`super::FactorView`] has it.
    ///
    /// [`Done::Already`] where it is not there (any more), [`Done::NothingElse`] where it is the last one and there is no address to write
    /// to, [`Done::WaitsForAnother`] where it is the last one and nobody else asked for the same within a day.
    pub async fn take_factor(&self, by: &By, customer: CustomerId, factor: &str) -> Result<Done, Error> {
        let shared = &self.0.0;
        let means = shared.means(customer).await?;
        let id: Option<FactorId> = factor.parse().ok();
        let Some(factor) = means.factors.iter().find(|factor| Some(factor.id) == id) else {
            return Ok(Done::Already);
        };
        let (id, added_at, word, now) = (factor.id, factor.created_at, factor.kind.word(), shared.now());
        let (has_mail, sends_texts) = (means.account.email.is_some(), means.sends_texts);
        let notice = shared.notice(LetterKind::FactorTaken, &means.account, &[("factor", word)], now);
        let (row, asked) =
            (shared.act_row(by, Act::TakeFactor.word(), now), shared.act_row(by, ASKED_WORD, now));
        let activity = shared.activity(Act::TakeFactor.activity(), "");
        let (post, staff) = (shared.post.clone(), by.staff);
        let written = shared.db.write(move |tx| -> Result<Done, Error> {
            // Read again under the write: of two that go at once, one is the last.
            let left = sql::factor::of_customer(tx, customer)?;
            if !left.iter().any(|factor| factor.id == id) {
                tx.commit_silent("it was taken away already");
                return Ok(Done::Already);
            }
            // A telephone to which nothing can be sent any more is nothing that could be shown.
            let is_last =
                !left.iter().any(|factor| factor.id != id && (factor.kind != FactorKind::Sms || sends_texts));
            if is_last && !has_mail {
                tx.commit_silent("there would be nothing left to show");
                return Ok(Done::NothingElse);
            }
            let since = now.minus(ASKED).max(added_at);
            if is_last && !sql::staff_act::is_asked_by_another(tx, customer, ASKED_WORD, staff, since)? {
                tx.commit_silent("one member of staff alone takes no last factor");
                sql::staff_act::insert(tx, customer, &asked)?;
                return Ok(Done::WaitsForAnother);
            }
            sql::factor::delete(tx, id, customer)?;
            if is_last {
                // As where the person removes the last one: codes stand in for a factor, and there is none.
                sql::factor::delete_codes(tx, customer)?;
            }
            sql::office::forget_without_factor(tx, customer)?;
            let actor = Actor::Staff { id: staff };
            end_everything(tx, actor, customer, "staff")?;
            sql::account::force_step_up(tx, customer, now)?;
            sql::staff_act::insert(tx, customer, &row)?;
            note_activity(tx, customer, &activity)?;
            if let Some(notice) = &notice {
                notice.write(tx, &*post)?;
            }
            tx.append(actor, None, FactorRemoved { customer, factor: word.to_owned() })?;
            tx.append(actor, None, StepUpForced { customer, reason: "staff".to_owned() })?;
            Ok(Done::Changed)
        });
        written.await
    }
}
