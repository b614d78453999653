//! The janitor: asks about calls of which nobody knows what they did, and about payments of which nothing was heard.
//!
//! Each provider has a lane of its own, so that one that is away holds up nothing of the other. A lane takes what is due, the oldest
//! first, a few at a time; where a provider answers none of them, the lane ends, and what it did not come to stays due and is first in
//! the next round. Whatever was asked about in vain is asked about again after twice as long: a call up to an hour, a payment up to two.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{PaymentId, Timestamp};
use storeward_store::{Reader, Row, params, statements};
use tokio::task::JoinSet;

use crate::believed::{self, id_of};
use crate::error::Error;
use crate::judge::PaidOff;
use crate::methods::Forgotten;
use crate::model::{Call, CallState, Operation, Payment, Provider};
use crate::payments::Payments;
use crate::provider::{Found, Trouble};
use crate::sql;

statements! {
    DUE_CALLS = "SELECT key FROM payment_call WHERE settled_at IS NULL AND provider = $1 AND last_sent_at <= $2 \
        AND (ask_at IS NULL OR ask_at <= $3) ORDER BY COALESCE(ask_at, last_sent_at), first_sent_at, key LIMIT $4";
    ASKED = "UPDATE payment_call SET asks = $3, ask_at = $2 WHERE key = $1 AND settled_at IS NULL";
    ASKS_OF = "SELECT asks FROM payment_call WHERE key = $1";
    DUE_PAYMENTS = "SELECT id FROM payment WHERE look_at <= $1 AND provider = $2 ORDER BY look_at, id LIMIT $3";
    DUE_UNBEGUN = "SELECT id FROM payment WHERE look_at <= $1 AND provider IS NULL ORDER BY look_at, id LIMIT $2";
    LOOKS_OF = "SELECT looks FROM payment WHERE id = $1";
    LOOK_LATER = "UPDATE payment SET looks = $3, look_at = $2 WHERE id = $1";
    UNKNOWN_CALLS = "SELECT c.payment, p.order_id, c.provider, c.operation, c.first_sent_at, c.asks, c.ask_at FROM payment_call c \
        JOIN payment p ON p.id = c.payment WHERE c.settled_at IS NULL AND c.state = 'unsure' ORDER BY c.first_sent_at, c.key LIMIT $1";
    COUNT_UNKNOWN = "SELECT COUNT(*) FROM payment_call WHERE settled_at IS NULL AND state = 'unsure'";
}

/// So many of each in a lane and a round; the next round is a minute away.
const MOST: u32 = 400;
/// So many at the same time.
const AT_ONCE: usize = 8;
/// Between two questions about the same call.
const ASK_AGAIN: Duration = Duration::from_secs(60);
const ASK_AT_LEAST_EVERY: Duration = Duration::from_secs(3600);
/// What nobody could say for three days is asked about once a day: each time a list of two days may be read.
const OLD: Duration = Duration::from_secs(3 * 24 * 3600);
const ASK_OF_OLD_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Between two looks at a payment of which nothing could be read.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(2 * 3600);

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub asked: u32,
    pub settled: u32,
    pub looked: u32,
    /// The provider did not answer.
    pub failed: u32,
    /// Due, and left to the next round, since the provider answers nothing at the moment.
    pub left: u32,
    /// A provider answered none of those that it was asked at the same time.
    pub is_away: bool,
}

impl Round {
    fn and(self, other: Round) -> Round {
        Round {
            asked: self.asked + other.asked,
            settled: self.settled + other.settled,
            looked: self.looked + other.looked,
            failed: self.failed + other.failed,
            left: self.left + other.left,
            is_away: self.is_away || other.is_away,
        }
    }
}

/// A call of which nobody knows what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    pub payment: PaymentId,
    pub order: String,
    pub provider: Provider,
    pub operation: Operation,
    /// When it was sent first.
    pub since: Timestamp,
    /// How often the provider was asked about it in vain, and when it is asked next.
    pub asks: u32,
    pub next_at: Option<Timestamp>,
}

fn unknown(row: &Row<'_>) -> Result<Unknown, storeward_store::Error> {
    let wrong = |index| storeward_store::Error::Column { index, wanted: "a word that is known" };
    Ok(Unknown {
        payment: believed::id(row, 0)?,
        order: row.get(1)?,
        provider: Provider::of_word(&row.get::<String>(2)?).ok_or(wrong(2))?,
        operation: Operation::of_word(&row.get::<String>(3)?).ok_or(wrong(3))?,
        since: row.get(4)?,
        asks: row.get(5).unwrap_or(0),
        next_at: row.get(6).unwrap_or(None),
    })
}

/// How one question ended.
enum Asked {
    Settled,
    Open,
    /// The provider did not answer.
    Silent,
    /// It was answered, or not asked, and cannot be gone on with.
    Failed,
}

impl Asked {
    /// What stops the round is the database alone.
    fn of(done: Result<bool, Error>) -> Result<Asked, Error> {
        match done {
            Ok(true) => Ok(Asked::Settled),
            Ok(false) => Ok(Asked::Open),
            Err(Error::Store(why)) => Err(Error::Store(why)),
            Err(Error::NotReached { .. }) => Ok(Asked::Silent),
            Err(_) => Ok(Asked::Failed),
        }
    }
}

/// How often something was asked for in vain. It stands under no seal: what is no count is none.
fn times(reader: &mut Reader<'_>, statement: &str, of: &str) -> Result<u32, storeward_store::Error> {
    let read = reader.query_optional(statement, params![of], |row| Ok(row.get(0).unwrap_or(0)))?;
    Ok(read.unwrap_or(0))
}

/// Twice as long each time.
pub(crate) fn wait(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(1 << times.min(12)).min(most)
}

impl Payments {
    /// Asks about what is open. One that fails holds none of the others up.
    pub async fn round(&self) -> Result<Round, Error> {
        let lane = |provider| {
            let payments = self.clone();
            async move { payments.lane(provider).await }
        };
        // What somebody decided, or nobody in time, has a clock: nothing that is slow stands before it.
        self.judge_round().await?;
        self.close_late_reviews().await?;
        let unbegun = self.clone();
        let (stripe, paypal, rest) = tokio::join!(
            lane(Provider::Stripe),
            lane(Provider::PayPal),
            async move { unbegun.unbegun().await }
        );
        let mut round = stripe?.and(paypal?).and(rest?);
        let (looked, failed) = self.watch_disputes().await?;
        round.looked += looked;
        round.failed += failed;
        Ok(round)
    }

    /// First what was decided and is owed, then what nobody knows, then what may have changed, then what is to be forgotten. A provider
    /// that answers none of those that it is asked at the same time is left alone until the next round.
    async fn lane(&self, provider: Provider) -> Result<Round, Error> {
        let mut round = Round::default();
        if self.0.gateway(provider).is_err() {
            return Ok(round);
        }
        let (now, until) = (self.0.now(), self.0.now().minus(self.0.pace.settle_after));
        self.pay_off_all(provider, &mut round).await?;
        let due = move |reader: &mut Reader<'_>| {
            let values = params![provider.word(), until, now, MOST];
            Ok(believed::listed(reader, ("payment_call", 0), (DUE_CALLS, values), |row| {
                row.get::<String>(0)
            })?)
        };
        let calls = self.0.read(due).await?;
        round.asked += few_at_a_time(calls, &mut round, |key| {
            let payments = self.clone();
            async move { payments.ask(&key).await }
        })
        .await?;
        let due = move |reader: &mut Reader<'_>| {
            let values = params![now, provider.word(), MOST];
            Ok(believed::listed(reader, ("payment", 0), (DUE_PAYMENTS, values), |row| row.get::<String>(0))?)
        };
        let payments = self.0.read(due).await?;
        self.look_at_all(payments, &mut round).await?;
        self.remove_all(provider, &mut round).await?;
        Ok(round)
    }

    /// Payments that nobody began to pay: their time may be over.
    async fn unbegun(&self) -> Result<Round, Error> {
        let (mut round, now) = (Round::default(), self.0.now());
        let due = move |reader: &mut Reader<'_>| {
            let values: &[_] = params![now, MOST];
            Ok(believed::listed(reader, ("payment", 0), (DUE_UNBEGUN, values), |row| row.get::<String>(0))?)
        };
        let payments = self.0.read(due).await?;
        self.look_at_all(payments, &mut round).await?;
        Ok(round)
    }

    /// What follows from decisions, and is not done yet.
    async fn pay_off_all(&self, provider: Provider, round: &mut Round) -> Result<(), Error> {
        let owed = self.owed(provider, self.0.turns.behind(Turn::Owed, provider), MOST).await?;
        let ids = owed.clone();
        let done = few_at_a_time(owed, round, |text| {
            let payments = self.clone();
            async move {
                let done = match payments.of_text("payment_review", &text).await {
                    Ok(id) => payments.pay_off_now(id).await,
                    Err(why) => Err(why),
                };
                match done {
                    Ok(PaidOff::Done) => Ok(Asked::Settled),
                    // Its call is asked about as any other is.
                    Ok(PaidOff::Later) | Err(Error::Unsure) => Ok(Asked::Open),
                    Err(why) => Asked::of(Err(why)),
                }
            }
        });
        let done = done.await?;
        self.0.turns.end(Turn::Owed, provider, ids, done);
        Ok(())
    }

    /// The id that a row of a list stands for. A row of none, as somebody wrote it, is told.
    async fn of_text(&self, table: &'static str, text: &str) -> Result<PaymentId, Error> {
        if let Some(id) = id_of(text) {
            return Ok(id);
        }
        self.0.tell_harm(table, text).await;
        Err(Error::Harmed { table, row: text.to_owned() })
    }

    async fn look_at_all(&self, due: Vec<String>, round: &mut Round) -> Result<(), Error> {
        let looked = few_at_a_time(due, round, |text| {
            let payments = self.clone();
            async move {
                let done = match payments.of_text("payment", &text).await {
                    Ok(id) => payments.look(id).await.map(|_| false),
                    Err(why) => Err(why),
                };
                let looked = Asked::of(done)?;
                if matches!(looked, Asked::Silent | Asked::Failed) {
                    payments.look_later(text).await?;
                }
                Ok(looked)
            }
        });
        round.looked += looked.await?;
        Ok(())
    }

    /// Kept means of payment that were taken away, and of which the provider has not said that it forgot them.
    async fn remove_all(&self, provider: Provider, round: &mut Round) -> Result<(), Error> {
        let held = self.removing(provider, self.0.turns.behind(Turn::Removing, provider), MOST).await?;
        let ids = held.iter().map(|one| one.id.clone()).collect();
        let done = few_at_a_time(held, round, |one| {
            let payments = self.clone();
            async move {
                Ok(match payments.forget_at_the_provider(&one).await {
                    Ok(Forgotten::There) => Asked::Settled,
                    Ok(Forgotten::NotYet) => Asked::Silent,
                    Err(Error::Store(why)) => return Err(Error::Store(why)),
                    Err(_) => Asked::Failed,
                })
            }
        });
        let done = done.await?;
        self.0.turns.end(Turn::Removing, provider, ids, done);
        Ok(())
    }

    /// One call; where nothing is known of it then, it is asked about later.
    async fn ask(&self, key: &str) -> Result<Asked, Error> {
        let (done, is_old) = match self.call_now(key).await {
            Ok(call) => (self.resolve(&call).await, self.0.now().since(call.first_sent_at) >= OLD),
            Err(why) => (Err(why), false),
        };
        let most = if is_old { ASK_OF_OLD_EVERY } else { ASK_AT_LEAST_EVERY };
        let asked = Asked::of(done)?;
        if !matches!(asked, Asked::Settled) {
            let key = key.to_owned();
            let first = ASK_AGAIN.min(self.0.pace.settle_after);
            let later = self.0.write(move |tx| {
                tx.commit_silent("a call of which nothing is known yet is asked about later");
                let asks = times(tx, ASKS_OF, &key)?;
                let at = tx.now().plus(wait(first, asks, most));
                tx.execute(ASKED, params![&key, at, asks.saturating_add(1)])?;
                Ok(())
            });
            later.await?;
        }
        Ok(asked)
    }

    /// When a look is due is no part of what is sealed: nothing of the payment has to be believed for it.
    async fn look_later(&self, id: String) -> Result<(), Error> {
        let first = self.0.pace.first_look;
        let later = self.0.write(move |tx| {
            tx.commit_silent("a provider that does not answer is asked again later");
            let looks = times(tx, LOOKS_OF, &id)?;
            let at = tx.now().plus(wait(first, looks, LOOK_AT_LEAST_EVERY));
            tx.execute(LOOK_LATER, params![&id, at, looks.saturating_add(1)])?;
            Ok(())
        });
        later.await
    }

    /// Calls of which nobody knows what they did, the oldest first; and how many there are.
    pub async fn unknown(&self, most: u32) -> Result<(Vec<Unknown>, u64), Error> {
        self.0
            .read(move |reader| {
                let asked: (&str, &[_]) = (UNKNOWN_CALLS, params![most.min(500)]);
                let calls = believed::listed(reader, ("payment_call", 0), asked, unknown)?;
                Ok((calls, reader.query_one(COUNT_UNKNOWN, &[], |row| row.get(0))?))
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
    /// under the same key gives the same page, and once the key may be forgotten it is looked for in the provider's list. What is paid
    /// as it opens may be paid: however old it is, it is asked for under its key, and was not done only once the list must show it.
    async fn resolve_open(&self, call: &Call) -> Result<bool, Error> {
        let held = self.call_now(&call.key).await?;
        let (payment, attempt) = self.of_call(call).await?;
        let gateway = self.0.gateway(call.provider)?;
        if held.settled_at.is_some() {
            return Ok(true);
        }
        let now = self.0.now();
        let is_forgotten = now.since(held.first_sent_at) >= gateway.remembers(&held);
        let may_be_paid = attempt.pays_as_it_opens();
        // That list is late, and not every shop has it: while the key is remembered the answer is had without it.
        if is_forgotten || !may_be_paid {
            let known = self.orders_known(&payment).await?;
            match gateway.find(&payment, &attempt, &known, now).await {
                Ok(Found::Page(found)) => {
                    self.opened(&held, &attempt, found).await?;
                    return Ok(true);
                }
                Ok(Found::Nothing) => {}
                // It stays unknown, and staff see it.
                Ok(Found::Unsaid) => {
                    if held.state == CallState::Sent {
                        self.unsure(&held, "payments.no_answer").await?;
                    }
                    return Ok(false);
                }
                Err(Trouble::NotSent(code) | Trouble::Unsure(code) | Trouble::Refused(code)) => {
                    return Err(Error::NotReached { code });
                }
            }
        }
        let is_over = match may_be_paid {
            true => is_forgotten && now.since(held.last_sent_at) >= crate::paypal::LISTED_WITHIN,
            false => is_forgotten || attempt.expires_at <= now,
        };
        if is_over {
            self.refused(&held, "payments.not_done").await?;
            return Ok(true);
        }
        if is_forgotten || !self.claim(&held).await? {
            return Ok(false);
        }
        let held = self.call_now(&call.key).await?;
        match self.open_page(&held, &attempt).await {
            Ok(()) | Err(Error::Refused { .. } | Error::NotReached { .. } | Error::Unsure) => {}
            Err(other) => return Err(other),
        }
        Ok(self.call_now(&call.key).await?.settled_at.is_some())
    }

    /// The provider's objects that are known to be those of tries of a payment.
    pub(crate) async fn orders_known(&self, payment: &Payment) -> Result<Vec<String>, Error> {
        let id = payment.id;
        let attempts = self.0.read(move |reader| sql::attempts_of(reader, id)).await?;
        Ok(attempts.into_iter().filter_map(|attempt| attempt.reference).collect())
    }

    /// Of several that ask at the same moment one sends. It is unsure from now on, whatever it was.
    async fn claim(&self, held: &Call) -> Result<bool, Error> {
        if held.state == CallState::Sent {
            self.unsure(held, "payments.no_answer").await?;
        }
        let held = held.clone();
        self.0
            .write(move |tx| {
                tx.commit_silent("a call goes out once more under the same key");
                sql::send_again(tx, &held)
            })
            .await
    }
}

/// Lists that are longer than a round go on behind where the round before stopped: what cannot be done at the head of one keeps
/// nothing behind it waiting for ever. A program that starts begins at the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Owed,
    Removing,
}

/// Where each list goes on.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<BTreeMap<(Turn, Provider), String>>);

impl Turns {
    fn behind(&self, turn: Turn, provider: Provider) -> String {
        let turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.get(&(turn, provider)).cloned().unwrap_or_default()
    }

    /// Of those that were read so many were tried. Where all there were came to their turn the next round begins anew.
    fn end(&self, turn: Turn, provider: Provider, ids: Vec<String>, tried: u32) {
        let is_more = ids.len() >= usize::try_from(MOST).unwrap_or(usize::MAX);
        let tried = usize::try_from(tried).unwrap_or(usize::MAX);
        let is_cut = tried < ids.len();
        if tried == 0 && is_cut {
            return;
        }
        let next = if is_more || is_cut {
            tried.checked_sub(1).and_then(|at| ids.into_iter().nth(at))
        } else {
            None
        };
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match next {
            Some(next) => turns.insert((turn, provider), next),
            None => turns.remove(&(turn, provider)),
        };
    }
}

/// Works on each, a few at the same time, until the provider answers none of them, now or before in this lane. How many were tried.
/// What the first failing database says ends the round.
async fn few_at_a_time<T, W>(all: Vec<T>, round: &mut Round, work: impl Fn(T) -> W) -> Result<u32, Error>
where
    W: Future<Output = Result<Asked, Error>> + Send + 'static,
{
    let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
    let (mut tried, mut all) = (0, all.into_iter());
    while !round.is_away {
        let mut tasks = JoinSet::new();
        for one in all.by_ref().take(AT_ONCE) {
            tasks.spawn(work(one));
        }
        if tasks.is_empty() {
            break;
        }
        let mut asked = Vec::new();
        while let Some(done) = tasks.join_next().await {
            asked.push(done.unwrap_or(Ok(Asked::Failed))?);
        }
        tried += count(asked.len());
        round.is_away = counted(&asked, round);
    }
    round.left += count(all.len());
    Ok(tried)
}

/// Counts them; true where the provider answered none.
fn counted(all: &[Asked], round: &mut Round) -> bool {
    let count =
        |is: fn(&Asked) -> bool| u32::try_from(all.iter().filter(|one| is(one)).count()).unwrap_or(u32::MAX);
    round.settled += count(|one| matches!(one, Asked::Settled));
    round.failed += count(|one| matches!(one, Asked::Silent | Asked::Failed));
    !all.is_empty() && all.iter().all(|one| matches!(one, Asked::Silent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_longer_than_a_round_goes_on_where_it_stopped() {
        let (turns, of) = (Turns::default(), Provider::Stripe);
        let ids = |from: u32, to: u32| (from..to).map(|at| format!("{at:04}")).collect::<Vec<_>>();
        let behind = || turns.behind(Turn::Removing, of);
        assert_eq!(behind(), "");
        turns.end(Turn::Removing, of, ids(0, MOST), MOST);
        assert_eq!(behind(), "0399");
        // The provider went away in the middle; then it was not asked at all.
        turns.end(Turn::Removing, of, ids(400, 500), 8);
        assert_eq!(behind(), "0407");
        turns.end(Turn::Removing, of, ids(408, 500), 0);
        assert_eq!(behind(), "0407");
        // The last of them had their turn: from the head again.
        turns.end(Turn::Removing, of, ids(408, 500), 92);
        assert_eq!(behind(), "");
        assert_eq!(turns.behind(Turn::Owed, of), "");
    }
}
