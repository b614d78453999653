//! Sessions of the shop that end here are signed out there, and staff are told where the shop keeps them signed in all the same.

use std::sync::Arc;

use storeward_adapter::{Adapter, SignOut};
use storeward_web::axum::body::Bytes;
use storeward_web::http::StatusCode;

use super::canary::Fault;
use super::handles::Entry;
use super::shop::{Asker, Who};
use super::{Guard, jar};

/// What became of the wish to sign a session out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedOut {
    /// The shop has heard it, or cannot be told.
    Asked,
    /// It answered that there is no such page, or that it may not be.
    Refused,
    /// The shop is away.
    NoAnswer,
}

impl Guard {
    /// Signs the jar's session out at the shop. Nobody can use what stays signed in there, without its cookies; staff hear of it, for
    /// whoever signs out themselves may be left signed in as well.
    pub async fn sign_out_of_shop(&self, entry: &Arc<Entry>, asker: &Asker) -> SignedOut {
        let first = self.sign_out_by(&self.adapter, entry, asker).await;
        let mut out = first;
        let folders = {
            let inner = entry.lock();
            let unsaid = inner.jar.unsaid.iter().filter(|folder| *folder != jar::EVERYWHERE);
            inner.jar.storefronts.iter().chain(unsaid).cloned().collect::<Vec<_>>()
        };
        for folder in folders {
            let Ok(there) = self.adapter.clone().in_folder(&folder) else { continue };
            // A storefront that has none of its own is signed out with the first.
            if self.sign_out_by(&there, entry, asker).await == SignedOut::NoAnswer {
                out = SignedOut::NoAnswer;
            }
        }
        if self.adapter.sign_out.is_some() && out != SignedOut::NoAnswer {
            let stays = match self.who(entry, asker).await {
                Who::Somebody { .. } => true,
                Who::Unclear => first == SignedOut::Refused,
                Who::Nobody => false,
            };
            self.note_sign_out(stays).await;
        }
        out
    }

    async fn sign_out_by(&self, adapter: &Adapter, entry: &Arc<Entry>, asker: &Asker) -> SignedOut {
        let Some(out) = &adapter.sign_out else { return SignedOut::Asked };
        let form = match &out.form_page {
            Some(page) => match self.ask_on(entry, asker, ("GET", page), [].iter(), "").await {
                Ok((answer, _)) => SignOut::form(&String::from_utf8_lossy(answer.body())),
                Err(_) => return SignedOut::NoAnswer,
            },
            None => String::new(),
        };
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let more = kind.iter().filter(|_| !form.is_empty());
        let asked = self.ask_on(entry, asker, (&out.method, &out.target()), more, &form).await;
        let Ok((answer, there)) = asked else { return SignedOut::NoAnswer };
        // A page that asks once more may be called a refusal (WordPress: 403).
        let Some(target) = out.confirmed(&String::from_utf8_lossy(answer.body())) else {
            return heard(answer.status());
        };
        match self.ask(entry, &there, "GET", &target, [], Bytes::new()).await {
            Ok(answer) => heard(answer.status()),
            Err(_) => SignedOut::NoAnswer,
        }
    }

    /// Tells staff as the test account does, unless they know of worse: while the adapter sees nobody, that a session stays in says
    /// nothing. Where there is no test account, the next sign-out that is one says that it is over.
    async fn note_sign_out(&self, stays: bool) {
        let has_canary = self.canary.is_some();
        // What cannot be written is told at the next one.
        let _ = self
            .change_health(|before| match (stays, before) {
                (true, Some(Fault::StaysIn)) => None,
                (true, Some(worse)) if worse.blinds() => None,
                (true, _) => Some(Some(Fault::StaysIn)),
                (false, Some(Fault::StaysIn)) if !has_canary => Some(None),
                (false, _) => None,
            })
            .await;
    }
}

fn heard(status: StatusCode) -> SignedOut {
    // Trouble of the shop's (5xx), and a guard that had too many questions (429), say nothing of the sign-out. A 403 does: shops refuse one
    // so that bears no token of its form.
    let has_none = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
    if has_none { SignedOut::Refused } else { SignedOut::Asked }
}
