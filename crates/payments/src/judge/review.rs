//! Payments that wait: until the card is known, or until somebody has decided. The row is written before anything follows from it,
//! and what follows is owed until it is done, so a process that dies half-way leaves no decision without its deed.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, PaymentId, Timestamp};
use storeward_events::fraud as facts;
use storeward_fraud::{Answer, Label, Source, Truth};
use storeward_store::{Error as StoreError, Reader, Row, Tx, params, statements};

use super::decide::Hold;
use super::sql;
use crate::error::Error;
use crate::model::{CaptureMode, Payment, Provider, State};
use crate::payments::{Payments, Shared};

/// Stripe holds most cards' money for seven days (docs.stripe.com, "Place a hold on a payment method"); a day is left to take it.
const STRIPE_WAITS: Duration = Duration::from_secs(6 * 24 * 3600);
/// PayPal honours an authorisation for three days (developer.paypal.com, "Authorize payment"); half a day is left.
const PAYPAL_WAITS: Duration = Duration::from_secs(60 * 3600);
const AT_ONCE: u32 = 200;

statements! {
    INSERT_REVIEW = "INSERT INTO payment_review (payment, state, takes, is_owed, opened_at, due_at, closed_at) VALUES ($1, $2, $3, 0, NULL, NULL, NULL) \
        ON CONFLICT (payment) DO NOTHING";
    RAISE_REVIEW = "UPDATE payment_review SET state = 'waiting' WHERE payment = $1 AND state = 'passing'";
    FIND_REVIEW = "SELECT payment, state, takes, is_owed, opened_at, due_at, closed_at FROM payment_review WHERE payment = $1";
    OPEN_REVIEWS = "SELECT r.payment, r.state, takes, is_owed, opened_at, due_at, closed_at FROM payment_review r JOIN payment p ON p.id = r.payment \
        WHERE r.payment < '~' AND due_at <= 9223372036854775807 AND r.state = 'open' AND (due_at > $1 OR (due_at = $1 AND r.payment > $2)) ORDER BY due_at, r.payment LIMIT $3";
    CLOSED_REVIEWS = "SELECT r.payment, r.state, takes, is_owed, opened_at, due_at, closed_at FROM payment_review r JOIN payment p ON p.id = r.payment \
        WHERE r.payment < '~' AND (due_at IS NULL OR due_at <= 9223372036854775807) AND opened_at IS NOT NULL AND closed_at IS NOT NULL ORDER BY closed_at DESC LIMIT $1";
    DUE_REVIEWS = "SELECT r.payment, r.state, takes, is_owed, opened_at, due_at, closed_at FROM payment_review r JOIN payment p ON p.id = r.payment \
        WHERE r.payment < '~' AND due_at <= 9223372036854775807 AND r.state = 'open' AND due_at <= $4 AND (due_at > $1 OR (due_at = $1 AND r.payment > $2)) ORDER BY due_at, r.payment LIMIT $3";
    OPEN_REVIEW = "UPDATE payment_review SET state = 'open', opened_at = $2, due_at = $3 WHERE payment = $1 AND state IN ('passing', 'waiting')";
    CLOSE_REVIEW = "UPDATE payment_review SET state = $3, closed_at = $4, is_owed = $5 WHERE payment = $1 AND state = $2";
    SET_ASIDE_ONLY = "UPDATE payment SET capture = 'later' WHERE id = $1";
}

/// A payment that waits, or waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    pub payment: PaymentId,
    /// `passing`, `waiting`, `open`, `passed`, `approved`, `declined`, `expired`, `withdrawn`, `voided`.
    pub state: String,
    pub(super) takes: bool,
    /// What follows from the decision is not done yet.
    pub is_owed: bool,
    pub opened_at: Option<Timestamp>,
    /// Until when it has to be decided.
    pub due_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
}

/// What somebody decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Approve,
    Decline,
}

fn review(row: &Row<'_>) -> Result<Review, StoreError> {
    Ok(Review {
        payment: crate::believed::id(row, 0)?,
        state: row.get(1)?,
        takes: row.get(2)?,
        is_owed: row.get(3)?,
        opened_at: row.get(4)?,
        due_at: row.get(5)?,
        closed_at: row.get(6)?,
    })
}

/// One whose payment's seal was not looked at: nothing may follow from it.
pub(super) fn unlooked(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Option<Review>, StoreError> {
    reader.query_optional(FIND_REVIEW, params![payment], review)
}

/// It stands under the payment's seal: what somebody wrote into the database decides nothing.
pub(super) fn find(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Option<Review>, Error> {
    crate::believed::seen(reader, payment)?;
    Ok(reader.query_optional(FIND_REVIEW, params![payment], review)?)
}

/// A place in the queue before all others.
const FIRST: (Timestamp, String) = (Timestamp::from_micros(i64::MIN), String::new());

/// A row of a list: where it stands in the queue, by the text that stands there, so that what somebody wrote keeps none behind it from its turn;
/// and the review, where it is of a payment.
type Listed = ((Timestamp, String), Option<Review>);

fn listed(row: &Row<'_>) -> Result<Listed, StoreError> {
    let (text, due): (String, Option<Timestamp>) = (row.get(0)?, row.get(5)?);
    let found = crate::believed::readable(row, ("payment_review", 0), review)?;
    Ok(((due.unwrap_or(FIRST.0), text), found))
}

/// Those of a list whose payments are what Storeward wrote.
fn believed(reader: &mut Reader<'_>, all: Vec<Listed>) -> Result<Vec<Review>, Error> {
    let mut sound = Vec::with_capacity(all.len());
    for one in all.into_iter().filter_map(|(_, review)| review) {
        match crate::believed::seen(reader, one.payment) {
            Ok(()) => sound.push(one),
            Err(Error::Harmed { table, row }) => crate::believed::left_out(table, row),
            Err(why) => return Err(why),
        }
    }
    Ok(sound)
}

/// Whether nothing may be taken of it yet, whoever wants it.
pub(crate) fn is_held_back(reader: &mut Reader<'_>, payment: PaymentId) -> Result<bool, Error> {
    let found = find(reader, payment)?;
    let is_waiting = |one: &Review| matches!(one.state.as_str(), "passing" | "waiting" | "open");
    let is_to_be_freed = |one: &Review| one.is_owed && matches!(one.state.as_str(), "declined" | "expired");
    Ok(found.is_some_and(|one| is_waiting(&one) || is_to_be_freed(&one)))
}

/// Whether the shop wanted it taken at once, and it is only set aside because of what was judged.
pub(crate) fn opens_later(reader: &mut Reader<'_>, payment: PaymentId) -> Result<bool, Error> {
    Ok(find(reader, payment)?.is_some_and(|one| one.takes))
}

/// Whether it was set free because nobody decided in time.
pub(crate) fn is_undecided(reader: &mut Reader<'_>, payment: PaymentId) -> Result<bool, Error> {
    Ok(find(reader, payment)?.is_some_and(|one| one.state == "expired"))
}

/// What was set free waits for no decision any more, and nothing is owed.
pub(crate) fn end_of_void(tx: &mut Tx<'_>, payment: PaymentId) -> Result<(), Error> {
    if find(tx, payment)?.is_none_or(|one| one.state != "open") {
        return Ok(());
    }
    let now = tx.now();
    crate::believed::touched(tx, payment)?;
    if tx.execute(CLOSE_REVIEW, params![payment, "open", "voided", now, false])? == 1 {
        let fact = facts::ReviewClosed { payment, outcome: "voided".to_owned() };
        tx.append(Actor::System, None, fact)?;
    }
    Ok(())
}

impl Shared {
    /// Has the next page only set the money aside. Before the page is made, in the write that plans it.
    pub(crate) fn hold_back(&self, tx: &mut Tx<'_>, payment: &mut Payment, hold: Hold) -> Result<(), Error> {
        let takes = payment.capture == CaptureMode::AtOnce;
        let state = match hold {
            Hold::No => return Ok(()),
            Hold::Passing if !takes => return Ok(()),
            Hold::Passing => "passing",
            Hold::Waiting => "waiting",
        };
        crate::believed::touched(tx, payment.id)?;
        tx.execute(INSERT_REVIEW, params![payment.id, state, takes])?;
        if hold == Hold::Waiting {
            tx.execute(RAISE_REVIEW, params![payment.id])?;
        }
        if takes {
            tx.execute(SET_ASIDE_ONLY, params![payment.id])?;
            payment.capture = CaptureMode::Later;
        }
        Ok(())
    }

    /// What follows from what was judged, as the payment stands now.
    fn move_on(&self, tx: &mut Tx<'_>, id: PaymentId) -> Result<(), Error> {
        tx.commit_silent("a payment that was judged is where it was");
        let payment = crate::sql::get(tx, id)?;
        let risks = sql::risks_of(tx, id)?;
        let Some(last) = risks.last() else { return Ok(()) };
        // A page that was allowed is what counts, not one that was refused meanwhile.
        let answer = risks.iter().rfind(|row| row.charge.is_some()).map_or(last.answer, |row| row.answer);
        let has_money =
            matches!(payment.state, State::Authorized | State::Captured | State::PartiallyCaptured);
        let found = find(tx, id)?;
        let Some(found) = found else {
            // Nothing was held back, and what the card tells is too bad to let it be.
            if has_money && answer >= Answer::Review {
                crate::believed::touched(tx, id)?;
                tx.execute(INSERT_REVIEW, params![id, "waiting", false])?;
                return self.open_review(tx, &payment);
            }
            return Ok(());
        };
        // What the shop takes itself may be taken already.
        let is_due = payment.state == State::Authorized || (has_money && !found.takes);
        if !is_due {
            return Ok(());
        }
        match (found.state.as_str(), answer) {
            // A rule that acts says no, and nothing is taken yet.
            ("passing", Answer::Block) => close(tx, (id, "passing"), "declined", Actor::System),
            ("passing", Answer::Allow | Answer::Challenge) => {
                let now = tx.now();
                crate::believed::touched(tx, id)?;
                tx.execute(CLOSE_REVIEW, params![id, "passing", "passed", now, true])?;
                Ok(())
            }
            ("passing" | "waiting", _) => self.open_review(tx, &payment),
            _ => Ok(()),
        }
    }

    pub(super) fn open_review(&self, tx: &mut Tx<'_>, payment: &Payment) -> Result<(), Error> {
        let now = tx.now();
        let due_at = now.plus(match payment.provider {
            Some(Provider::PayPal) => PAYPAL_WAITS,
            Some(Provider::Stripe) | None => STRIPE_WAITS,
        });
        crate::believed::touched(tx, payment.id)?;
        if tx.execute(OPEN_REVIEW, params![payment.id, now, due_at])? == 1 {
            tx.append(Actor::System, None, facts::ReviewOpened { payment: payment.id, due_at })?;
        }
        Ok(())
    }
}

/// Ends the wait; what follows from it is owed from now on.
fn close(
    tx: &mut Tx<'_>,
    (payment, from): (PaymentId, &str),
    outcome: &str,
    actor: Actor,
) -> Result<(), Error> {
    let now = tx.now();
    crate::believed::touched(tx, payment)?;
    let changed = tx.execute(CLOSE_REVIEW, params![payment, from, outcome, now, true])?;
    if changed == 0 {
        return Err(Error::State("not waiting"));
    }
    tx.append(actor, None, facts::ReviewClosed { payment, outcome: outcome.to_owned() })?;
    Ok(())
}

impl Payments {
    /// Lets what was judged act, as far as it can now.
    pub(crate) async fn act_on(&self, id: PaymentId) -> Result<(), Error> {
        let shared = Arc::clone(&self.0);
        self.0.write(move |tx| shared.move_on(tx, id)).await?;
        let found = self.0.read(move |reader| find(reader, id)).await?;
        match found {
            // It is tried again by the janitor.
            // Boxed: what it does is looked at again, and judged.
            Some(owed) if owed.is_owed => Box::pin(self.pay_off(&owed)).await.map(drop).or_else(soft),
            _ => Ok(()),
        }
    }

    /// Approves or declines a payment that waits. What is set aside is taken, where the shop wanted it at once, or set free; what was
    /// taken already is given back. The decision is a label for the scorer.
    pub async fn decide(&self, id: PaymentId, verdict: Verdict, actor: Actor) -> Result<Payment, Error> {
        let (outcome, truth) = match verdict {
            Verdict::Approve => ("approved", Truth::Good),
            Verdict::Decline => ("declined", Truth::Fraud),
        };
        self.0
            .write(move |tx| {
                let found = find(tx, id)?.ok_or(Error::NoPayment)?;
                if found.state != "open" {
                    return Err(Error::State("not waiting"));
                }
                close(tx, (id, "open"), outcome, actor)
            })
            .await?;
        self.label(id, (truth, Source::Review), actor).await?;
        let found = self.0.read(move |reader| find(reader, id)).await?.ok_or(Error::NoPayment)?;
        self.pay_off(&found).await.map(drop).or_else(soft)?;
        self.find(id).await?.ok_or(Error::NoPayment)
    }

    /// What nobody decided in time is decided now: what follows is owed from then on. No provider is asked.
    pub(crate) async fn close_late_reviews(&self) -> Result<(), Error> {
        let now = self.0.now();
        let mut behind = FIRST;
        loop {
            let (at, from) = behind;
            let due = self.0.read(move |reader| {
                Ok(reader.query_many(DUE_REVIEWS, params![at, &from, AT_ONCE, now], listed)?)
            });
            let due = due.await?;
            let Some((last, _)) = due.last() else { return Ok(()) };
            behind = last.clone();
            for one in due.into_iter().filter_map(|(_, review)| review) {
                let ended = self.0.write(move |tx| {
                    let payment = crate::sql::get(tx, one.payment)?;
                    let is_set_aside = payment.state == State::Authorized || payment.capturable() > 0;
                    let outcome = if is_set_aside { "expired" } else { "withdrawn" };
                    close(tx, (one.payment, "open"), outcome, Actor::System)
                });
                ended.await.map(drop).or_else(beside)?;
            }
        }
    }

    /// What waits for a decision, the most urgent first.
    pub async fn reviews(&self, most: u32) -> Result<Vec<Review>, Error> {
        let most = usize::try_from(most.min(500)).unwrap_or(0);
        self.0
            .read(move |reader| {
                let (mut sound, mut behind) = (Vec::new(), FIRST);
                while sound.len() < most {
                    let (at, from) = behind;
                    let page = reader.query_many(OPEN_REVIEWS, params![at, &from, AT_ONCE], listed)?;
                    let Some((last, _)) = page.last() else { break };
                    behind = last.clone();
                    sound.extend(believed(reader, page)?);
                }
                sound.truncate(most);
                Ok(sound)
            })
            .await
    }

    /// What was decided, the newest first.
    pub async fn reviewed(&self, most: u32) -> Result<Vec<Review>, Error> {
        let most = most.min(500);
        self.0
            .read(move |reader| {
                let all = reader.query_many(CLOSED_REVIEWS, params![most], listed)?;
                believed(reader, all)
            })
            .await
    }

    pub async fn review_of(&self, id: PaymentId) -> Result<Option<Review>, Error> {
        self.0.read(move |reader| find(reader, id)).await
    }

    /// Gives an amount back because it was fraud, which is a label for the scorer whatever became of the money, also where only a part
    /// of it went back ([`Error::RefusedInPart`]).
    pub async fn refund_for_fraud(&self, id: PaymentId, wish: crate::verbs::Wish) -> Result<Payment, Error> {
        let actor = wish.actor;
        let done = self.refund(id, wish).await;
        if matches!(done, Ok(_) | Err(Error::RefusedInPart { .. })) {
            self.label(id, (Truth::Fraud, Source::Refund), actor).await?;
        }
        done
    }

    /// Says what a payment turned out to be, once for each truth.
    pub async fn label(
        &self,
        id: PaymentId,
        (truth, source): (Truth, Source),
        actor: Actor,
    ) -> Result<(), Error> {
        self.heart().await?;
        let _turn = self.0.judge.turn.lock().await;
        let label = Label { truth, known_at: self.0.now(), source };
        let is_new = self.0.write(move |tx| {
            tx.commit_silent("a label that was known");
            let count = sql::label(tx, id, &label)?;
            if count > 0 {
                let fact = facts::FraudLabelled {
                    payment: id,
                    truth: super::kept::truth_word(truth).to_owned(),
                    source: super::kept::source_word(source).to_owned(),
                };
                tx.append(actor, None, fact)?;
            }
            Ok::<_, Error>(count > 0)
        });
        if !is_new.await? {
            return Ok(());
        }
        let rows = self.0.read(move |reader| Ok(sql::risks_of(reader, id)?)).await?;
        self.0.with_heart(|heart| {
            for row in rows.iter().filter(|row| row.label == Some(label)) {
                if let Some(facts) = &row.facts {
                    heart.engine.label(&mut heart.state, facts, label);
                }
            }
        })
    }
}

/// A payment that somebody changed is told, and holds none of the others up; nor does one that is not there.
fn beside(why: Error) -> Result<(), Error> {
    if matches!(why, Error::Harmed { .. } | Error::NoPayment) { Ok(()) } else { Err(why) }
}

/// What the provider did not do now is owed; what it can never do is over.
pub(super) fn soft(why: Error) -> Result<(), Error> {
    match why {
        Error::Unsure
        | Error::NotReached { .. }
        | Error::Refused { .. }
        | Error::RefusedInPart { .. }
        | Error::Raced
        | Error::State(_)
        | Error::RefundLimit => Ok(()),
        other => Err(other),
    }
}
