//! What a buyer reads while nobody knows how the payment stands: what is waited for, and how long that takes.

use std::time::Duration;

use storeward_base::Language;
use storeward_web::axum::response::{Html, IntoResponse, Response};
use storeward_web::{Failure, render};

use super::texts::Text;
use super::{Pages, refresh, say};
use crate::error::Error;
use crate::model::Payment;
use crate::payments::Payments;
use crate::sql;

/// Seconds until the page is loaded again, …
const AGAIN: &str = "4";
/// … and where it takes longer than most do.
const AGAIN_LATER: &str = "30";
/// After a call is old enough to be asked about: the round that does it comes each minute, and what it asks takes half of one.
const ROUND: Duration = Duration::from_secs(90);

impl Payments {
    /// How long it is not known how a payment stands: since the oldest call that nobody knows the outcome of went out, or else since the
    /// provider works on it.
    async fn waited(&self, payment: &Payment) -> Result<Duration, Error> {
        let id = payment.id;
        let calls = self.0.read(move |reader| sql::calls_of(reader, id)).await?;
        let open = calls.iter().filter(|call| call.settled_at.is_none()).map(|call| call.first_sent_at).min();
        Ok(self.0.now().since(open.unwrap_or(payment.updated_at)))
    }
}

impl Pages {
    pub(super) async fn waits(
        &self,
        payment: &Payment,
        language: Language,
        back_to: String,
    ) -> Result<Response, Failure> {
        let payments = &self.0.payments;
        let is_late = payments.waited(payment).await? >= payments.0.pace.settle_after.saturating_add(ROUND);
        let words = match (payment.is_unsure, is_late) {
            (false, _) => Text::Processing,
            (true, false) => Text::Checking,
            (true, true) => Text::CheckingLong,
        };
        // Before that the page itself soon says more than the shop's.
        let label = || say(language, Text::BackToShop, &[("shop", &self.0.look.name)]);
        let link = (words != Text::Checking).then(|| (back_to, label()));
        let page = self.stands(payment, language, words, link);
        let seconds = if is_late { AGAIN_LATER } else { AGAIN };
        Ok(refresh(Html(render(&page)?).into_response(), seconds, None))
    }
}
