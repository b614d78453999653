//! Sign-ins that hand out a token to the browser's scripts: it waits as a session would. When the challenge was met, the scripts
//! sign in once more, and get it.

use std::sync::Arc;

use storeward_adapter::{Door, TokenAnswer};
use storeward_host::{Passage, Seen};
use storeward_web::http::StatusCode;

use super::{Crossing, Handle};
use crate::error::Error;
use crate::shield::answers::Refusal;
use crate::shield::decide::Verdict;
use crate::shield::handles::Entry;
use crate::shield::jar::Phase;
use crate::shield::shop::Who;
use crate::verbs::shield::ShopAccount;

impl Crossing {
    /// The door, where its answer has to be read.
    pub(super) fn token_door(&self) -> Option<Door> {
        self.token_door.and_then(|at| self.guard.adapter.doors.get(at)).cloned()
    }

    /// `Some` in the shop's place: the token goes no further.
    pub(super) async fn weigh_token(
        &mut self,
        door: &Door,
        status: StatusCode,
        body: Seen<'_>,
    ) -> Result<Option<Passage>, Error> {
        let token = match door.token_answer(status.as_u16(), body.bytes, body.complete) {
            TokenAnswer::None => return Ok(None),
            TokenAnswer::HandsOut(token) => token,
            TokenAnswer::Unclear => return Ok(Some(self.unclear())),
        };
        if self.held.is_none() {
            let (token, entry) = self.guard.handles.open();
            self.cookies.extend(self.guard.handle_cookie(&token));
            self.held = Some(Handle { token, entry });
        }
        let guard = self.guard.clone();
        let (Some(Handle { entry, .. }), Some(asker)) = (self.held.clone(), self.asker.clone()) else {
            return Ok(Some(self.unclear()));
        };
        let Some(probe) = &door.bearer else { return Ok(Some(self.unclear())) };
        let Who::Somebody { subject, email } = guard.bearer(&entry, &asker, probe, &token).await else {
            return Ok(Some(self.unclear()));
        };
        self.was_right();
        let _deciding = entry.deciding.lock().await;
        if self.has_moved(&entry) {
            return Ok(Some(self.again()));
        }
        if self.has_confirmed(&entry, &subject).await? {
            return Ok(None);
        }
        let Some(cause) = self.cause(self.referer.clone()) else { return Ok(Some(self.unclear())) };
        let shop = ShopAccount { subject, email, name: None, language: cause.visit.language };
        entry.lock().jar.by_token = true;
        let verdict = guard.begin(&entry, &cause, shop).await?;
        self.is_decided = true;
        Ok(match verdict {
            Verdict::Without => Some(self.unclear()),
            verdict => self.obey(&entry, verdict),
        })
    }

    /// Whether this browser has shown for this account what it takes.
    async fn has_confirmed(&self, entry: &Arc<Entry>, subject: &str) -> Result<bool, Error> {
        let phase = entry.lock().jar.phase.clone();
        match phase {
            Phase::Active { subject: known, session, customer } if known == subject => {
                self.guard.still_stands(entry, session, customer).await
            }
            Phase::Active { .. } | Phase::Anonymous | Phase::Pending { .. } | Phase::Ended => Ok(false),
        }
    }

    fn unclear(&mut self) -> Passage {
        let title = "The shop cannot sign you in at the moment";
        self.instead(&Refusal::of(StatusCode::SERVICE_UNAVAILABLE, "identity.unclear", title))
    }
}
