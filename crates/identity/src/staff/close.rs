//! Staff close an account, for somebody who asks for it and cannot do it themselves. Nothing of it is left but the ledger, not even the
//! reason.
//!
//! One that has a second factor takes two members of staff: whoever signs in at the shop afterwards begins with the mailed code alone, so
//! who talks one member of staff into it would have a way around the factor, and around the waiting time of `way_back`.

use std::time::Duration;

use storeward_base::{Actor, CustomerId};

use super::acts::Done;
use super::{By, Customers};
use crate::error::Error;
use crate::sql;

/// What one member of staff asked for holds for so long.
const ASKED: Duration = Duration::from_secs(86_400);
/// How it stands among the past acts.
const ASKED_WORD: &str = "ask_close";

impl Customers {
    /// [`Done::WaitsForAnother`] where the account has a second factor and nobody else asked for the same within a day.
    pub(super) async fn close(&self, by: &By, customer: CustomerId) -> Result<Done, Error> {
        let shared = &self.0.0;
        let closing = shared.closing(customer, "staff").await?;
        let asked = shared.act_row(by, ASKED_WORD, shared.now());
        let (post, staff) = (shared.post.clone(), by.staff);
        let written = shared.db.write(move |tx| -> Result<Done, Error> {
            let factors = sql::factor::of_customer(tx, customer)?;
            let newest = factors.iter().map(|factor| factor.created_at).max();
            if let Some(newest) = newest {
                let since = tx.now().minus(ASKED).max(newest);
                if !sql::staff_act::is_asked_by_another(tx, customer, ASKED_WORD, staff, since)? {
                    tx.commit_silent("one member of staff alone closes no account with a second factor");
                    sql::staff_act::insert(tx, customer, &asked)?;
                    return Ok(Done::WaitsForAnother);
                }
            }
            let is_closed = closing.write(tx, &*post, Actor::Staff { id: staff })?;
            Ok(if is_closed { Done::Changed } else { Done::Already })
        });
        written.await
    }
}
