//! The janitor: asks about calls of which nobody knows what they did, and about payments of which nothing was heard.

use std::sync::Arc;

use crate::error::Error;
use crate::model::{Call, CallState, Operation};
use crate::payments::Payments;
use crate::provider::Trouble;
use crate::sql;

/// So many of each a round; the next round is a minute away.
const MOST: u32 = 200;

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub asked: u32,
    pub settled: u32,
    pub looked: u32,
    /// The provider did not answer.
    pub failed: u32,
}

impl Payments {
    /// Asks about what is open. One that fails holds none of the others up.
    pub async fn round(&self) -> Result<Round, Error> {
        let mut round = Round::default();
        let (now, pace) = (self.0.now(), self.0.pace);
        let until = now.minus(pace.settle_after);
        let calls = self.0.db.read(move |reader| sql::unsettled_since(reader, until, MOST)).await?;
        for call in calls {
            round.asked += 1;
            match self.resolve(&call).await {
                Ok(true) => round.settled += 1,
                Ok(false) => {}
                Err(Error::Store(why)) => return Err(Error::Store(why)),
                Err(_) => round.failed += 1,
            }
        }
        let due = self.0.db.read(move |reader| sql::due_for_a_look(reader, now, MOST)).await?;
        for id in due {
            round.looked += 1;
            match self.look(id).await {
                Ok(_) => {}
                Err(Error::Store(why)) => return Err(Error::Store(why)),
                Err(_) => {
                    round.failed += 1;
                    self.look_later(id).await?;
                }
            }
        }
        let (removed, kept) = self.remove_methods().await?;
        round.settled += removed;
        round.failed += kept;
        let (looked, failed) = self.watch_disputes().await?;
        round.looked += looked;
        round.failed += failed;
        self.judge_round().await?;
        self.review_round().await?;
        Ok(round)
    }

    async fn look_later(&self, id: storeward_base::PaymentId) -> Result<(), Error> {
        let shared = Arc::clone(&self.0);
        self.0
            .db
            .write(move |tx| {
                tx.commit_silent("a provider that does not answer is asked again later");
                let before = sql::get(tx, id)?;
                let wait = shared.pace.first_look.saturating_mul(1 << before.looks.min(6));
                let after = crate::model::Payment {
                    looks: before.looks.saturating_add(1),
                    look_at: Some(tx.now().plus(wait)),
                    ..before
                };
                sql::save(tx, &after)
            })
            .await
    }

    /// Finds out what a call did. First the provider is asked (GET); only where it shows nothing, and still remembers the call's
    /// key, the same call goes out once more under the same key. Once it may have forgotten the key nothing is sent: what is not
    /// there then was not done.
    pub(crate) async fn resolve(&self, call: &Call) -> Result<bool, Error> {
        let (_, attempt) = self.of_call(call).await?;
        if call.operation == Operation::Open {
            return self.resolve_open(call).await;
        }
        self.read_attempt(&attempt).await?;
        let held = self.call_now(&call.key).await?;
        if held.settled_at.is_some() {
            return Ok(true);
        }
        let gateway = self.0.gateway(call.provider)?;
        if self.0.now().since(held.first_sent_at) >= gateway.remembers(&held) {
            self.refused(&held, "payments.not_done").await?;
            return Ok(true);
        }
        if !self.claim(&held).await? {
            return Ok(false);
        }
        let held = self.call_now(&call.key).await?;
        match self.perform(&held).await {
            Ok(_) | Err(Error::Refused { .. } | Error::NotReached { .. }) => {}
            Err(other) => return Err(other),
        }
        Ok(self.call_now(&call.key).await?.settled_at.is_some())
    }

    /// A page whose making was not answered has no id by which to ask. Nobody was led there, so nobody pays on it: the same call
    /// under the same key gives the same page, and once the key may be forgotten it is looked for in the provider's list.
    async fn resolve_open(&self, call: &Call) -> Result<bool, Error> {
        let held = self.call_now(&call.key).await?;
        let (_, attempt) = self.of_call(call).await?;
        let gateway = self.0.gateway(call.provider)?;
        if held.settled_at.is_some() {
            return Ok(true);
        }
        match gateway.find(&attempt).await {
            Ok(Some(found)) => {
                self.opened(&held, &attempt, found).await?;
                return Ok(true);
            }
            Ok(None) => {}
            Err(Trouble::NotSent(code) | Trouble::Unsure(code) | Trouble::Refused(code)) => {
                return Err(Error::NotReached { code });
            }
        }
        let is_forgotten = self.0.now().since(held.first_sent_at) >= gateway.remembers(&held);
        if is_forgotten || attempt.expires_at <= self.0.now() {
            self.refused(&held, "payments.not_done").await?;
            return Ok(true);
        }
        if !self.claim(&held).await? {
            return Ok(false);
        }
        let held = self.call_now(&call.key).await?;
        match self.open_page(&held, &attempt).await {
            Ok(()) | Err(Error::Refused { .. } | Error::NotReached { .. } | Error::Unsure) => {}
            Err(other) => return Err(other),
        }
        Ok(self.call_now(&call.key).await?.settled_at.is_some())
    }

    /// Of several that ask at the same moment one sends. It is unsure from now on, whatever it was.
    async fn claim(&self, held: &Call) -> Result<bool, Error> {
        if held.state == CallState::Sent {
            self.unsure(held, "payments.no_answer").await?;
        }
        let held = held.clone();
        self.0
            .db
            .write(move |tx| {
                tx.commit_silent("a call goes out once more under the same key");
                Ok(sql::send_again(tx, &held)?)
            })
            .await
    }
}
