//! What stands here under a day and not in the provider's list of it. What was heard of days later (nobody listened, or it pended)
//! stands in the list of the day on which it happened: so the provider is asked for it before it is called a difference.

use std::collections::BTreeSet;

use storeward_base::{PaymentId, Timestamp};

use super::disputes::MOST_IN_VAIN;
use super::own_between;
use crate::error::Error;
use crate::model::Piece;
use crate::payments::Payments;
use crate::provider::{Gateway, Movement, Trouble};
use crate::sql;

/// So many payments are asked for in one comparison. A list that lacks more is told as it is.
const MOST_ASKED: usize = 200;

impl Payments {
    /// What the provider shows all the same, and of what amount. A question that is not answered shows nothing.
    pub(super) async fn shown_elsewhere(
        &self,
        gateway: &Gateway,
        listed: &[Movement],
        between: (Timestamp, Timestamp),
    ) -> Result<BTreeSet<(String, i64)>, Error> {
        let provider = gateway.provider();
        let own = self.0.read(move |reader| own_between(reader, provider, between)).await?;
        let there: BTreeSet<&str> = listed.iter().map(|one| one.reference.as_str()).collect();
        let missing = own.iter().filter(|(reference, ..)| !there.contains(reference.as_str()));
        let payments: BTreeSet<PaymentId> = missing.map(|(_, payment, _)| *payment).collect();
        let (mut shown, mut in_vain) = (BTreeSet::new(), 0);
        for payment in payments.into_iter().take(MOST_ASKED) {
            match self.shown_of(gateway, payment).await {
                Ok(found) => {
                    shown.extend(found);
                    in_vain = 0;
                }
                Err(Error::Store(why)) => return Err(Error::Store(why)),
                Err(Error::NotReached { .. }) => in_vain += 1,
                // It is told where it is compared.
                Err(_) => {}
            }
            if in_vain >= MOST_IN_VAIN {
                break;
            }
        }
        Ok(shown)
    }

    /// What the provider took and gave back for a payment.
    async fn shown_of(&self, gateway: &Gateway, payment: PaymentId) -> Result<Vec<(String, i64)>, Error> {
        let attempts = self.0.read(move |reader| sql::attempts_of(reader, payment)).await?;
        let mut shown = Vec::new();
        let is_its =
            |one: &&crate::model::Attempt| one.provider == gateway.provider() && one.reference.is_some();
        for attempt in attempts.iter().filter(is_its) {
            let seen = match gateway.fetch(attempt).await {
                Ok(seen) => seen,
                // It has no such page.
                Err(Trouble::Refused(_)) => continue,
                Err(why) => return Err(Error::NotReached { code: why.code().to_owned() }),
            };
            let captures = seen.captures.into_iter().map(|one| (one.reference, one.amount, one.state));
            let refunds = seen.refunds.into_iter().map(|one| (one.reference, one.amount, one.state));
            let done = captures.chain(refunds).filter(|(.., state)| *state == Piece::Done);
            shown.extend(done.map(|(reference, amount, _)| (reference, amount.minor)));
        }
        Ok(shown)
    }
}
