//! The engine in memory: built of the rows, changed by what staff decide, and told of signs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use storeward_base::{Actor, Timestamp};
use storeward_events::fraud as facts;
use storeward_fraud::backtest::Past;
use storeward_fraud::drift::{Drift, Watch};
use storeward_fraud::{Decision, Engine, Kind, Limits, Mode, RuleId, State};
use storeward_store::{Reader, Tx};

use super::decide::sign_word;
use super::{Heart, held, rules, scorers, sql};
use crate::error::Error;
use crate::payments::{Payments, Shared};

/// What is remembered of a key goes back so long (`storeward_fraud` keeps 64 days).
const REMEMBERED: Duration = Duration::from_secs(64 * 24 * 3600);
/// Attempts that the state is built of, the newest of them: one that more came in has other worries.
const MOST_REPLAYED: usize = 300_000;
const AT_ONCE: u32 = 2_000;

/// That somebody tries cards out, as it is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    sign: &'static str,
    acts: bool,
}

impl Heart {
    /// Whether a decision shows for the first time that somebody tries cards out. Counts its score for the drift.
    pub(super) fn notice(&mut self, decision: &Decision, now: Timestamp) -> Option<Told> {
        if let (Some(watch), Some(score)) = (&mut self.drift, decision.score) {
            watch.add(score);
        }
        let is_on = self.state.card_testing_until(now).is_some();
        if !is_on || self.is_stepped_up {
            return None;
        }
        self.is_stepped_up = true;
        let is_rule = |rule: &&storeward_fraud::Rule| rule.id == RuleId::CardTesting;
        let acts = self.engine.rules.iter().find(is_rule).is_some_and(|rule| rule.mode == Mode::Active);
        Some(Told { sign: decision.card_testing.map_or("lately", sign_word), acts })
    }
}

impl Shared {
    /// Works on the engine. It is there after [`Payments::heart`].
    pub(super) fn with_heart<T>(&self, work: impl FnOnce(&mut Heart) -> T) -> Result<T, Error> {
        let heart = self.judge.heart.get().ok_or(Error::Form("the fraud engine"))?;
        Ok(work(&mut held(heart)))
    }

    pub(super) fn tell_card_testing(&self, tx: &mut Tx<'_>, told: Option<Told>) -> Result<(), Error> {
        if let Some(Told { sign, acts }) = told {
            let fact = facts::CardTestingBegan { sign: sign.to_owned(), acts };
            tx.append(Actor::System, None, fact)?;
        }
        Ok(())
    }
}

/// Every attempt since a moment, oldest first, as the engine takes it; at most the newest [`MOST_REPLAYED`]. What has no marks
/// any more is left out.
pub(super) fn past(reader: &mut Reader<'_>, since: Timestamp) -> Result<Vec<Past>, Error> {
    let mut all: Vec<Past> = Vec::new();
    let mut behind = (since, String::new(), 0);
    loop {
        let rows = sql::past(reader, &behind, AT_ONCE)?;
        let Some((last, _)) = rows.last() else { break };
        behind = last.clone();
        all.extend(
            rows.iter()
                .filter_map(|(_, row)| row.as_ref())
                .filter_map(|row| Some(Past { attempt: row.facts?, outcome: row.outcome, label: row.label })),
        );
        if all.len() > 2 * MOST_REPLAYED {
            all.drain(..all.len() - MOST_REPLAYED);
        }
    }
    let more = all.len().saturating_sub(MOST_REPLAYED);
    all.drain(..more);
    Ok(all)
}

impl Payments {
    /// Builds the engine and its state of the rows, once. May be called ahead, so that no buyer waits for it.
    pub async fn heart(&self) -> Result<(), Error> {
        let build = || async { Ok::<_, Error>(Mutex::new(self.built().await?)) };
        self.0.judge.heart.get_or_try_init(build).await.map(drop)
    }

    pub(super) async fn built(&self) -> Result<Heart, Error> {
        let shared = Arc::clone(&self.0);
        let (now, models) = (shared.now(), shared.judge.models.clone());
        let read = shared.read(move |reader| {
            let engine = Engine { rules: rules::read(reader)?, ..Engine::default() };
            let placed = scorers::placed(reader, &models)?;
            Ok::<_, Error>((engine, placed, past(reader, now.minus(REMEMBERED))?))
        });
        let (mut engine, placed, past) = read.await?;
        engine.champion = placed.champion.clone().map(|(_, placed)| placed);
        engine.challenger = placed.challenger.clone().map(|(_, model)| model);
        // Seconds of work where the past is long: not on a thread that answers.
        let built = tokio::task::spawn_blocking(move || {
            let state = engine.replay(&past, Limits::default());
            (engine, state)
        });
        let (engine, state): (Engine, State) =
            built.await.map_err(|_| Error::Form("the past of payments"))?;
        Ok(Heart {
            drift: engine.champion.as_ref().map(|placed| Watch::new(&placed.model.reference)),
            drift_told: false,
            champion: placed.champion.map(|(id, _)| id),
            challenger: placed.challenger.map(|(id, _)| id),
            is_stepped_up: state.card_testing_until(now).is_some(),
            engine,
            state,
        })
    }

    /// Takes everything that was kept of a customer of the shop to judge them by: marks, in the rows and in the engine's state, and
    /// what the shop said of their orders. The payments themselves and the books stay. How many judgements it was.
    pub async fn forget_marks(&self, number: &str) -> Result<u64, Error> {
        self.heart().await?;
        let _turn = self.0.judge.turn.lock().await;
        let mark = self.0.customers.mark(number);
        let judged = self.0.judge.mark(Kind::Customer, &mark);
        let forget = self.0.write(move |tx| {
            tx.commit_silent(
                "marks of a customer who is erased; the erasure itself is told by whoever erases",
            );
            Ok(sql::forget_customer(tx, &mark, judged)?)
        });
        let count = forget.await?;
        if count == 0 {
            // Nobody who was judged: the engine holds nothing of them either, and building it holds up every buyer.
            return Ok(0);
        }
        // The marks stand in the engine's tables, too, beside those of others: it is built anew of what is left.
        let anew = self.built().await?;
        self.0.with_heart(|heart| *heart = anew)?;
        Ok(count)
    }

    /// What has to be looked after: that nobody tries cards out any more, scorers that the command line placed, drift.
    pub(crate) async fn judge_round(&self) -> Result<(), Error> {
        self.heart().await?;
        let _turn = self.0.judge.turn.lock().await;
        let (shared, now) = (Arc::clone(&self.0), self.0.now());
        let models = shared.judge.models.clone();
        let placed = self.0.read(move |reader| scorers::placed(reader, &models)).await?;
        let rules = self.0.read(rules::read).await?;
        let (is_over, drifted) = self.0.with_heart(|heart| {
            heart.engine.rules = rules;
            heart.place(placed);
            let is_over = heart.is_stepped_up && heart.state.card_testing_until(now).is_none();
            heart.is_stepped_up &= !is_over;
            let watch = heart.drift.as_ref().filter(|_| !heart.drift_told);
            let drifted = watch.filter(|watch| watch.drift() == Drift::Alarm).map(Watch::index);
            heart.drift_told |= drifted.is_some();
            (is_over, drifted.zip(heart.champion.clone()))
        })?;
        if !is_over && drifted.is_none() {
            return Ok(());
        }
        self.0
            .write(move |tx| {
                if is_over {
                    tx.append(Actor::System, None, facts::CardTestingOver {})?;
                }
                if let Some((index, model)) = &drifted {
                    let index_permille = scorers::thousandths(*index);
                    let fact = facts::ScorerDrifted { model: model.clone(), index_permille };
                    tx.append(Actor::System, None, fact)?;
                }
                Ok::<_, Error>(())
            })
            .await
    }
}
