//! An invented past, for trying a shop out that has none: attempts that nobody made, with what became of them, so that there is
//! something to learn a scorer of. No money stands behind them: they hang on one payment that nobody began and that is closed, and
//! the books do not know them.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, PaymentId, Timestamp};
use storeward_fraud::learning::Course;
use storeward_fraud::{Engine, Funding, Label, Limits, Outcome, State as Remembered};
use storeward_store::Reader;

use super::front::Front;
use super::gather::{Around, OrderFacts};
use super::kept::{CardSeen, StoredDecision};
use super::rules;
use super::sql::{self, NewRisk};
use crate::error::Error;
use crate::model::{CaptureMode, Details, Payment, State};
use crate::money::Money;
use crate::payments::Payments;
use crate::sql::NewRow;

/// The order of the one payment that the invented attempts hang on.
pub const INVENTED_ORDER: &str = "invented-past";
/// Rows in one write.
const AT_ONCE: usize = 200;

/// An attempt to pay that nobody made.
#[derive(Clone, Debug, Default)]
pub struct Invented {
    pub at: Timestamp,
    pub amount_minor: i64,
    /// The shop's number of the customer, and since when they pay there.
    pub customer: Option<String>,
    pub customer_since: Option<Duration>,
    pub email: Option<String>,
    pub facts: OrderFacts,
    /// Whether the customer had something sent to the place before.
    pub was_sent_there: Option<bool>,
    pub front: Front,
    pub card: InventedCard,
    /// The bank approved it; else it was declined.
    pub is_approved: bool,
    /// What it turned out to be, where anybody ever said so.
    pub label: Option<Label>,
}

/// The card that it was tried with, as a provider would have told it.
#[derive(Clone, Debug, Default)]
pub struct InventedCard {
    pub fingerprint: String,
    pub funding: Funding,
    pub cvc_failed: bool,
    pub avs_failed: bool,
}

impl Payments {
    /// Makes room for an invented past in a shop that has no payment yet. Quick, and before anybody buys: a shop with payments of its
    /// own gets none.
    pub async fn make_room_for_invented(&self) -> Result<(), Error> {
        let shared = Arc::clone(&self.0);
        let id = PaymentId::at(shared.now(), shared.entropy.as_ref());
        let details = shared.seal(id, &no_details(&shared.address));
        let amount = Money::new(1, "EUR".parse()?)?;
        self.0
            .write(move |tx| {
                tx.commit_silent("an invented past is no fact; that a scorer is learned of it is told");
                if !crate::believed::some_payments(tx, "", 1)?.is_empty() {
                    return Ok(());
                }
                let row = NewRow {
                    id,
                    order: INVENTED_ORDER,
                    amount,
                    capture: CaptureMode::AtOnce,
                    customer: None,
                    email: None,
                    details: details.clone(),
                    expires_at: tx.now(),
                };
                crate::sql::insert(tx, row)?;
                let open = crate::sql::get(tx, id)?;
                crate::sql::save(tx, &Payment { state: State::Voided, look_at: None, ..open })
            })
            .await
    }

    /// Fills the room with an invented past, learns a scorer of it and places it, to be watched: true where there is a new one. Without
    /// room, and where a scorer is in place, nothing changes. What a start that ended half-way left out the next one makes up for.
    pub async fn learn_of_invented(
        &self,
        invent: impl FnOnce(Timestamp) -> Vec<Invented> + Send + 'static,
    ) -> Result<bool, Error> {
        let room = |reader: &mut Reader<'_>| {
            let Some(room) = crate::sql::of_order(reader, INVENTED_ORDER, 1)?.pop() else { return Ok(None) };
            Ok::<_, Error>(Some((room.id, sql::last_number(reader, room.id)?)))
        };
        let Some((id, written)) = self.0.read(room).await? else { return Ok(false) };
        if self.scorers().await?.iter().any(|one| one.is_champion) {
            return Ok(false);
        }
        let now = self.0.now();
        let invented = tokio::task::spawn_blocking(move || invent(now));
        let invented = invented.await.map_err(|_| Error::Form("an invented past"))?;
        self.write_invented(id, invented, usize::try_from(written).unwrap_or(usize::MAX)).await?;
        self.train(Course::default(), Actor::System).await?;
        self.place_scorer(Course::default(), Actor::System).await?;
        // The engine knows neither the past nor the scorer yet, and no buyer is to wait for the next round.
        self.heart().await?;
        let _turn = self.0.judge.turn.lock().await;
        let anew = self.built().await?;
        self.0.with_heart(|heart| *heart = anew)?;
        Ok(true)
    }

    /// A few at a time, so that no buyer's write waits for long. Of those that come first so many are written already.
    async fn write_invented(
        &self,
        id: PaymentId,
        mut all: Vec<Invented>,
        written: usize,
    ) -> Result<(), Error> {
        all.sort_by_key(|one| one.at);
        let (shared, rules) = (Arc::clone(&self.0), self.0.read(rules::read).await?);
        let judged = tokio::task::spawn_blocking(move || {
            let engine = Engine { rules, ..Engine::default() };
            let mut state = Remembered::new(Limits::default());
            let judge = |(number, one): (usize, &Invented)| {
                let charge = format!("invented-{number}");
                (shared.judge.invented(id, charge, one, &engine, &mut state), one.label)
            };
            all.iter().enumerate().map(judge).collect::<Vec<_>>()
        });
        let mut judged = judged.await.map_err(|_| Error::Form("an invented past"))?;
        judged.drain(..written.min(judged.len()));
        let judged = Arc::new(judged);
        for first in (0..judged.len()).step_by(AT_ONCE) {
            let judged = Arc::clone(&judged);
            let write = self.0.write(move |tx| {
                tx.commit_silent("an invented past is no fact; that a scorer is learned of it is told");
                for (row, label) in judged.iter().skip(first).take(AT_ONCE) {
                    let number = sql::insert_risk(tx, row)?;
                    if let Some(label) = label {
                        sql::label_one(tx, (id, number), label)?;
                    }
                }
                Ok::<_, Error>(())
            });
            write.await?;
        }
        Ok(())
    }
}

fn no_details(return_address: &str) -> Details {
    Details {
        email: None,
        return_address: return_address.to_owned(),
        lines: Vec::new(),
        saving: String::new(),
        presentation: String::new(),
        signed_until: None,
        is_asked: true,
        gave_way: false,
    }
}

impl super::Judge {
    /// Judges an invented attempt as it would have been, with the rules as they are and without a scorer.
    fn invented(
        &self,
        payment: PaymentId,
        charge: String,
        one: &Invented,
        engine: &Engine,
        state: &mut Remembered,
    ) -> NewRisk {
        let details = Details { email: one.email.clone(), ..no_details("") };
        let around = Around {
            customer: one.customer.clone(),
            customer_since: one.customer_since,
            told: self.told(&one.facts),
            was_sent_there: one.was_sent_there,
            has_paid: false,
        };
        let begun = self.gather(one.amount_minor, &details, &around, &one.front, one.at);
        let card = CardSeen {
            charge,
            fingerprint: Some(one.card.fingerprint.clone()),
            funding: Some(one.card.funding),
            cvc_failed: Some(one.card.cvc_failed),
            avs_failed: Some(one.card.avs_failed),
            is_declined: !one.is_approved,
            ..CardSeen::default()
        };
        let facts = self.with_card(&begun, None, &card);
        let outcome = if one.is_approved { Outcome::Approved } else { Outcome::Declined };
        let decision = engine.decide(state, &facts);
        engine.settle(state, &facts, outcome);
        NewRisk {
            payment,
            order: card.charge.clone(),
            attempt: 1,
            facts,
            country: None,
            answer: decision.answer,
            is_held: false,
            score: None,
            challenger: None,
            decision: StoredDecision::of(&decision),
            charge: Some(card.charge),
            outcome: Some(outcome),
        }
    }
}
