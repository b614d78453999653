//! What was held back or noticed and why, kept for staff: stable words beside an account's id, forgotten after a month.

use std::time::Duration;

use storeward_base::CustomerId;
use storeward_store::{FromValue, Tx, Value};

use crate::model::{HeldId, words};
use crate::sql;
use crate::sql::held::HeldRow;
use crate::verbs::Shared;

words! {
    /// What became of a sign-in.
    What, "what became of a sign-in" {
        /// More than a password was asked for.
        Asked = "asked",
        /// Nothing more was asked for, and its owner is told.
        Noticed = "noticed",
        Refused = "refused",
        /// Something that was shown did not fit.
        Failed = "failed",
    }
}

const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// A line that is about to be written, in the transaction of the fact that it belongs to.
#[derive(Clone, Debug)]
pub struct Held {
    id: HeldId,
    row: HeldRow,
}

impl Held {
    pub fn write(&self, tx: &mut Tx<'_>) -> Result<(), storeward_store::Error> {
        sql::held::forget(tx, self.row.customer, self.row.at.minus(KEPT))?;
        sql::held::insert(tx, self.id, &self.row)
    }
}

impl Shared {
    pub fn held(&self, customer: CustomerId, what: What, purpose: &str, reasons: &[String]) -> Held {
        let at = self.now();
        let row = HeldRow { customer, at, what, purpose: purpose.to_owned(), reasons: reasons.to_vec() };
        Held { id: HeldId::at(at, &*self.entropy), row }
    }

    /// Of a sign-in that came to nothing: refused by us, or not fitting.
    pub fn held_failure(&self, customer: CustomerId, reason: &str) -> Held {
        let refused = matches!(
            reason,
            "locked" | "throttled" | "refused_by_risk" | "password_disabled" | "nothing_to_show"
        );
        let what = if refused { What::Refused } else { What::Failed };
        self.held(customer, what, "sign_in", &[reason.to_owned()])
    }
}
