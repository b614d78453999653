//! Whether the shop says to nobody at all who is signed in. What it does not say of one session, whoever is in it may have brought about, by
//! the words of their browser, what they put into the session, or a page that fails: and they may have no more than a stolen password.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use storeward_adapter::ProbeAnswer;
use storeward_base::Timestamp;
use storeward_web::http::StatusCode;

use super::canary::Fault;
use super::shop::With;
use super::{Guard, WhenUnclear};

/// What the shop has said to anybody within this time it says still: one question that is lost on a busy machine opens nothing.
const SAID: Duration = Duration::from_secs(60);

/// When the shop last said who is signed in, to whomever it was, in microseconds since 1970.
#[derive(Debug, Default)]
pub struct Said(AtomicI64);

impl Guard {
    pub(super) fn note_said(&self) {
        self.said.0.fetch_max(self.identity.0.now().micros(), Ordering::SeqCst);
    }

    /// Whether somebody of whom the shop does not say who they are is let through, as the owner chose for the time when it says so of nobody.
    pub(super) async fn lets_through(&self) -> bool {
        self.section.when_unclear == WhenUnclear::Open && self.is_unclear_to_all().await
    }

    /// Asked at the first storefront, by nobody and from nowhere: of what a visitor could choose nothing goes along.
    async fn is_unclear_to_all(&self) -> bool {
        // The test account, which nobody else's words reach, has found it so twice.
        let fault = self.health.lock().unwrap_or_else(PoisonError::into_inner).fault;
        if fault == Some(Fault::Unclear) {
            return true;
        }
        let Some(probe) = &self.adapter.signed_in.probe else { return false };
        let said = Timestamp::from_micros(self.said.0.load(Ordering::SeqCst));
        if self.identity.0.now().since(said) < SAID {
            return false;
        }
        let nobody = self.own_asker().in_nobodys_words();
        let heard = self.told_to(&self.adapter, probe, &nobody, &With::Cookies(""), None).await;
        if heard.says != ProbeAnswer::Unclear {
            self.note_said();
        }
        // Who is refused, or asks too often, may be the one who asks here and nobody else.
        let is_refused = matches!(heard.status, Some(StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS));
        heard.says == ProbeAnswer::Unclear && !is_refused
    }
}
