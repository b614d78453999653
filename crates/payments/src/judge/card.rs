//! The second judgement: the provider has told the card and what became of it.

use std::sync::Arc;

use storeward_base::Actor;
use storeward_fraud::{Answer, Attempt, Funding, Kind, Outcome};
use storeward_store::Reader;

use super::Judge;
use super::decide::{judged, refused};
use super::gather::known;
use super::kept::{CardSeen, StoredDecision};
use super::sql::{self, NewRisk, RiskRow};
use crate::error::Error;
use crate::machine::{Seen, Stage};
use crate::model::{Attempt as Page, Payment};
use crate::payments::Payments;

/// What a provider's object says became of an attempt; nothing while it is under way.
fn outcome_of(seen: &Seen) -> Option<Outcome> {
    match seen.stage {
        Stage::Declined => Some(Outcome::Declined),
        Stage::Authorized | Stage::Captured => Some(Outcome::Approved),
        _ if !seen.captures.is_empty() => Some(Outcome::Approved),
        _ if seen.card.as_ref().is_some_and(|card| card.is_declined) => Some(Outcome::Declined),
        Stage::Waiting
        | Stage::Ready
        | Stage::Action
        | Stage::Approved
        | Stage::Processing
        | Stage::Voided
        | Stage::Expired => None,
    }
}

impl Judge {
    /// The attempt with what the provider told of the card.
    pub(super) fn with_card(&self, before: &Attempt, country: Option<i64>, card: &CardSeen) -> Attempt {
        let mut after = *before;
        if let Some(fingerprint) = &card.fingerprint {
            after.marks = after.marks.with(Kind::Card, self.mark(Kind::Card, fingerprint));
        }
        if let Some(bin) = &card.bin {
            after.marks = after.marks.with(Kind::Bin, self.mark(Kind::Bin, bin));
        }
        let theirs = card.country.as_deref().map(|country| self.country(country));
        after.signals.country_differs = known(country.zip(theirs).map(|(ours, theirs)| ours != theirs));
        after.signals.cvc_failed = known(card.cvc_failed);
        after.signals.avs_failed = known(card.avs_failed);
        after.signals.secure = card.secure;
        after.signals.liability_shifted = known(card.liability_shifted);
        after.signals.funding = card.funding.unwrap_or(Funding::Unknown);
        after
    }
}

/// What is new of an attempt.
enum News {
    /// The card of an attempt that was judged before.
    Card(Box<(RiskRow, Attempt)>),
    /// Another card on the same page.
    Another(Box<NewRisk>),
    /// How it ended, and no card.
    Ended(Box<RiskRow>),
}

impl Payments {
    /// Takes in what a look at the provider showed, once for each use of a card, and lets the decision act.
    pub(crate) async fn judge_seen(&self, page: &Page, seen: &Seen, payment: &Payment) -> Result<(), Error> {
        let outcome = outcome_of(seen);
        if outcome.is_none() && seen.card.is_none() {
            return Ok(());
        }
        self.heart().await?;
        let of = (page.payment, page.number);
        let uses = self.new_uses(page, seen).await?;
        let turn = self.0.judge.turn.lock().await;
        let read = move |reader: &mut Reader<'_>| Ok::<_, Error>(sql::charges_of(reader, of)?);
        let judged = self.0.read(read).await?;
        for card in uses.iter().filter(|card| !judged.contains(&card.charge)) {
            let is_last = seen.card.as_ref().is_some_and(|last| last.charge == card.charge);
            let outcome = if is_last { outcome } else { card.is_declined.then_some(Outcome::Declined) };
            self.take_use(page, Some(card), outcome, payment).await?;
        }
        // An older picture, of a card that others came behind, ends nothing.
        let last = seen.card.as_ref().filter(|card| judged.first().is_none_or(|last| *last == card.charge));
        if outcome.is_some() && (last.is_some() || seen.card.is_none()) {
            self.take_use(page, last, outcome, payment).await?;
        }
        drop(turn);
        self.act_on(page.payment).await?;
        self.shut(page).await
    }

    /// Uses of cards that were not judged yet. Of several since the last look each one counts: the provider is asked for them.
    async fn new_uses(&self, page: &Page, seen: &Seen) -> Result<Vec<CardSeen>, Error> {
        let Some(card) = &seen.card else { return Ok(Vec::new()) };
        let of = (page.payment, page.number);
        let read = move |reader: &mut Reader<'_>| Ok::<_, Error>(sql::charges_of(reader, of)?);
        if self.0.read(read).await?.contains(&card.charge) {
            return Ok(Vec::new());
        }
        let uses = self.0.gateway(page.provider)?.uses(seen).await;
        uses.map_err(|why| Error::NotReached { code: why.code().to_owned() })
    }

    async fn take_use(
        &self,
        page: &Page,
        card: Option<&CardSeen>,
        outcome: Option<Outcome>,
        payment: &Payment,
    ) -> Result<(), Error> {
        let (id, number) = (page.payment, page.number);
        let found = self.0.read(move |reader| Ok(sql::last_risk(reader, id, number)?)).await?;
        let Some(row) = found else { return Ok(()) };
        match self.0.judge.news(row, page, card, payment, outcome, self.0.now()) {
            Some(news) => self.take_in_news(news, outcome, page, payment).await,
            None => Ok(()),
        }
    }

    async fn take_in_news(
        &self,
        news: News,
        outcome: Option<Outcome>,
        page: &Page,
        payment: &Payment,
    ) -> Result<(), Error> {
        let now = self.0.now();
        match news {
            News::Ended(row) => {
                let Some(outcome) = outcome else { return Ok(()) };
                let of = (row.payment, row.number);
                let write = self.0.write(move |tx| {
                    tx.commit_silent("how an attempt ended is told by the payment's own facts");
                    Ok(sql::outcome(tx, of, outcome, now)?)
                });
                if write.await?
                    && let Some(facts) = row.facts
                {
                    self.0.with_heart(|heart| heart.engine.settle(&mut heart.state, &facts, outcome))?;
                }
                Ok(())
            }
            News::Card(card) => self.complete(*card, outcome, page, payment).await,
            News::Another(new) => {
                let mut new = *new;
                let attempt = new.facts;
                let (decision, told) = self.0.with_heart(|heart| {
                    let decision = heart.engine.decide(&mut heart.state, &attempt);
                    let told = heart.notice(&decision, now);
                    if let Some(outcome) = outcome {
                        heart.engine.settle(&mut heart.state, &attempt, outcome);
                    }
                    (decision, told)
                })?;
                new.answer = decision.answer.max(new.answer);
                (new.score, new.challenger) = (decision.score, decision.challenger);
                // What is said of the page's earlier cards stands.
                let category = decision.category.or(new.decision.category);
                new.decision = StoredDecision::of(&decision).said(category);
                new.outcome = outcome;
                let shared = Arc::clone(&self.0);
                self.0
                    .write(move |tx| {
                        let number = sql::insert_risk(tx, &new)?;
                        tx.append(Actor::System, None, judged(&new, number, &decision))?;
                        if decision.answer == Answer::Block {
                            tx.append(Actor::System, None, refused(new.payment, &new.decision, false))?;
                        }
                        shared.tell_card_testing(tx, told)
                    })
                    .await
            }
        }
    }

    async fn complete(
        &self,
        (mut row, after): (RiskRow, Attempt),
        outcome: Option<Outcome>,
        page: &Page,
        payment: &Payment,
    ) -> Result<(), Error> {
        let now = self.0.now();
        let Some(before) = row.facts else { return Ok(()) };
        let (decision, told) = self.0.with_heart(|heart| {
            let decision = heart.engine.complete(&mut heart.state, &before, &after, outcome);
            let told = heart.notice(&decision, now);
            if let Some(outcome) = outcome.filter(|_| row.outcome.is_none()) {
                heart.engine.settle(&mut heart.state, &after, outcome);
            }
            (decision, told)
        })?;
        row.answer = row.answer.max(decision.answer);
        row.score = decision.score.or(row.score);
        row.challenger = decision.challenger.or(row.challenger);
        row.decision = std::mem::take(&mut row.decision).and(&decision);
        let shared = Arc::clone(&self.0);
        let order = payment.order.clone();
        let attempt = page.number;
        self.0
            .write(move |tx| {
                sql::card_told(tx, &row, &after)?;
                if let Some(outcome) = outcome {
                    sql::outcome(tx, (row.payment, row.number), outcome, now)?;
                }
                let new = NewRisk {
                    payment: row.payment,
                    order: order.clone(),
                    attempt,
                    facts: after,
                    country: row.country,
                    answer: row.answer,
                    is_held: row.is_held,
                    score: row.score,
                    challenger: row.challenger,
                    decision: row.decision.clone(),
                    charge: None,
                    outcome,
                };
                tx.append(Actor::System, None, judged(&new, row.number, &decision))?;
                if decision.answer == Answer::Block {
                    tx.append(Actor::System, None, refused(new.payment, &new.decision, false))?;
                }
                shared.tell_card_testing(tx, told)
            })
            .await
    }
}

impl Judge {
    fn news(
        &self,
        mut row: RiskRow,
        page: &Page,
        card: Option<&CardSeen>,
        payment: &Payment,
        outcome: Option<Outcome>,
        now: storeward_base::Timestamp,
    ) -> Option<News> {
        let before = row.facts?;
        let Some(card) = card else {
            return (row.outcome.is_none() && outcome.is_some()).then(|| News::Ended(Box::new(row)));
        };
        match row.charge.as_deref() {
            None => {
                let after = self.with_card(&before, row.country, card);
                row.charge = Some(card.charge.clone());
                Some(News::Card(Box::new((row, after))))
            }
            Some(charge) if charge == card.charge => {
                (row.outcome.is_none() && outcome.is_some()).then(|| News::Ended(Box::new(row)))
            }
            // The buyer, or whoever it is, tried once more on the page that was open.
            Some(_) => Some(News::Another(Box::new(NewRisk {
                payment: row.payment,
                order: payment.order.clone(),
                attempt: page.number,
                facts: Attempt { at: now, ..self.with_card(&before, row.country, card) },
                country: row.country,
                answer: row.answer,
                is_held: false,
                score: None,
                challenger: None,
                decision: StoredDecision::default().said(row.decision.category),
                charge: Some(card.charge.clone()),
                outcome: None,
            }))),
        }
    }
}
