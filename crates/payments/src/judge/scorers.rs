//! Scorers of the shop's own: rows with a tag that only this program can make, one champion and one challenger.

use std::sync::Arc;

use storeward_base::{Actor, Entropy, Timestamp};
use storeward_events::fraud as facts;
use storeward_fraud::drift::Watch;
use storeward_fraud::evaluate::Figures;
use storeward_fraud::learning::{Course, Trial, place, try_out};
use storeward_fraud::{Engine, Mode, Model, Placed};
use storeward_seal::MarkKey;
use storeward_seal::fingerprint::{equal, sha256_hex};
use storeward_store::{Reader, Row, Tx, params, statements};

use super::Heart;
use super::heart::past;
use super::kept::{mode_of, mode_word};
use crate::error::Error;
use crate::payments::Payments;

statements! {
    INSERT_SCORER = "INSERT INTO payment_scorer (id, place, mode, model, tag, trial, made_at) VALUES ($1, 'challenger', 'observe', $2, $3, $4, $5) \
        ON CONFLICT (id) DO UPDATE SET place = 'challenger', mode = 'observe', model = $2, tag = $3, trial = $4, made_at = $5";
    RETIRE = "UPDATE payment_scorer SET place = 'retired' WHERE place = $1";
    SCORER_PLACE = "UPDATE payment_scorer SET place = $2, mode = $3 WHERE id = $1";
    SCORER_MODE = "UPDATE payment_scorer SET mode = $1 WHERE place = 'champion'";
    SCORERS_IN_PLACE = "SELECT id, place, mode, model, tag, trial, made_at FROM payment_scorer WHERE place <> 'retired' ORDER BY place, id LIMIT 2";
}

/// What is in place, by id.
#[derive(Clone, Default)]
pub(super) struct InPlace {
    pub champion: Option<(String, Placed)>,
    pub challenger: Option<(String, Model)>,
}

/// How a challenger did on weeks that it had not seen.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TrialFigures {
    pub attempts: usize,
    pub frauds: usize,
    pub auc: f64,
    pub average_precision: f64,
    pub card_precision: f64,
}

/// A scorer as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Scorer {
    /// The first signs of the SHA-256 of its stored form.
    pub id: String,
    pub is_champion: bool,
    pub mode: Mode,
    pub trial: Option<TrialFigures>,
    pub made_at: Timestamp,
}

struct Stored {
    id: String,
    is_champion: bool,
    mode: Mode,
    model: String,
    tag: String,
    trial: String,
    made_at: Timestamp,
}

fn stored(row: &Row<'_>) -> Result<Stored, storeward_store::Error> {
    let mode = mode_of(&row.get::<String>(2)?);
    Ok(Stored {
        id: row.get(0)?,
        is_champion: row.get::<String>(1)? == "champion",
        mode: mode.ok_or(storeward_store::Error::Column { index: 2, wanted: "a mode" })?,
        model: row.get(3)?,
        tag: row.get(4)?,
        trial: row.get(5)?,
        made_at: row.get(6)?,
    })
}

fn in_place(reader: &mut Reader<'_>) -> Result<Vec<Stored>, Error> {
    Ok(crate::believed::listed(reader, ("payment_scorer", 0), (SCORERS_IN_PLACE, &[]), stored)?)
}

/// Reads a scorer that this program made. One without our tag was put there by somebody else: it is refused.
fn open(stored: &Stored, models: &MarkKey) -> Result<Model, Error> {
    if !equal(models.mark(&stored.model).as_bytes(), stored.tag.as_bytes()) {
        return Err(Error::ForeignModel);
    }
    Model::from_json(&stored.model).map_err(|_| Error::Form("a scorer"))
}

/// What is in place. What is foreign or cannot be read is not: rules decide alone then.
pub(super) fn placed(reader: &mut Reader<'_>, models: &MarkKey) -> Result<InPlace, Error> {
    let mut found = InPlace::default();
    for stored in in_place(reader)? {
        let Ok(model) = open(&stored, models) else { continue };
        if stored.is_champion {
            found.champion = Some((stored.id, Placed { model, mode: stored.mode }));
        } else {
            found.challenger = Some((stored.id, model));
        }
    }
    Ok(found)
}

pub(super) fn thousandths(index: f64) -> u32 {
    let wanted = (index.clamp(0.0, 1000.0) * 1000.0).round();
    // By halves: no cast of a float.
    let (mut low, mut high) = (0_u32, 1_000_000_u32);
    while low < high {
        let middle = low.midpoint(high);
        if f64::from(middle) < wanted { low = middle + 1 } else { high = middle }
    }
    low
}

impl Heart {
    /// Takes what the rows say, where it is another than before.
    pub(super) fn place(&mut self, found: InPlace) {
        let id = found.champion.as_ref().map(|(id, _)| id.clone());
        if id != self.champion {
            self.drift = found.champion.as_ref().map(|(_, placed)| Watch::new(&placed.model.reference));
            self.drift_told = false;
        }
        self.champion = id;
        self.engine.champion = found.champion.map(|(_, placed)| placed);
        self.challenger = found.challenger.as_ref().map(|(id, _)| id.clone());
        self.engine.challenger = found.challenger.map(|(_, model)| model);
    }
}

/// Half a year and what fills the state before it.
const LEARNED_OF: std::time::Duration = std::time::Duration::from_secs(400 * 24 * 3600);

fn figures(figures: &Figures) -> TrialFigures {
    TrialFigures {
        attempts: figures.attempts,
        frauds: figures.frauds,
        auc: figures.auc,
        average_precision: figures.average_precision,
        card_precision: figures.card_precision,
    }
}

impl Payments {
    /// Scorers in place.
    pub async fn scorers(&self) -> Result<Vec<Scorer>, Error> {
        let rows = self.0.read(in_place).await?;
        let shown = |one: Stored| Scorer {
            id: one.id,
            is_champion: one.is_champion,
            mode: one.mode,
            trial: serde_json::from_str(&one.trial).ok(),
            made_at: one.made_at,
        };
        Ok(rows.into_iter().map(shown).collect())
    }

    async fn try_course(&self, course: Course) -> Result<Trial, Error> {
        let (now, models) = (self.0.now(), self.0.judge.models.clone());
        let read = self.0.read(move |reader| {
            Ok::<_, Error>((past(reader, now.minus(LEARNED_OF))?, placed(reader, &models)?))
        });
        let (all, before) = read.await?;
        let entropy: &dyn Entropy = self.0.entropy.as_ref();
        let seed = u64::from_le_bytes(entropy.bytes::<8>());
        let trial = tokio::task::spawn_blocking(move || {
            let champion = before.champion.as_ref().map(|(_, placed)| &placed.model);
            try_out(&all, champion, &course, seed)
        });
        trial.await.map_err(|_| Error::Form("the past of payments"))?.map_err(Error::TooFewFrauds)
    }

    /// Learns a challenger of the shop's labelled past and tries it on later weeks. It scores beside the champion from now on;
    /// nothing is done by its score. Where the past teaches the champion again, that one is given back and everything stays as it is.
    pub async fn train(&self, course: Course, actor: Actor) -> Result<(Scorer, Trial), Error> {
        let trial = self.try_course(course).await?;
        let model = trial.model.to_json();
        let id: String = sha256_hex(model.as_bytes()).chars().take(16).collect();
        let shown = Scorer {
            id: id.clone(),
            is_champion: false,
            mode: Mode::Observe,
            trial: Some(figures(&trial.figures)),
            made_at: self.0.now(),
        };
        let (tag, kept) = (self.0.judge.models.mark(&model), serde_json::to_string(&shown.trial));
        let kept = kept.unwrap_or_default();
        let models = self.0.judge.models.clone();
        let written = self.0.write(move |tx| {
            let before = placed(tx, &models)?.champion;
            if let Some((_, champion)) = before.filter(|(champion, _)| *champion == id) {
                tx.commit_silent("the champion was learned again, and nothing changed");
                return Ok(Some(champion.mode));
            }
            tx.execute(RETIRE, params!["challenger"])?;
            let now = tx.now();
            tx.execute(INSERT_SCORER, params![&id, &model, &tag, &kept, now])?;
            changed(tx, actor, &id, "trained")?;
            Ok(None)
        });
        let shown = match written.await? {
            Some(mode) => Scorer { is_champion: true, mode, ..shown },
            None => shown,
        };
        Ok((shown, trial))
    }

    /// Tries what is in place anew on the shop's latest weeks, without changing anything.
    pub async fn evaluate(&self, course: Course) -> Result<Trial, Error> {
        self.try_course(course).await
    }

    /// Puts the challenger in the champion's place, where it is better there; the first one is only watched.
    pub async fn place_scorer(&self, course: Course, actor: Actor) -> Result<String, Error> {
        let (now, models) = (self.0.now(), self.0.judge.models.clone());
        let read = self.0.read(move |reader| {
            let rows = in_place(reader)?;
            let waiting = rows.iter().find(|one| !one.is_champion).ok_or(Error::NoScorer)?;
            let model = open(waiting, &models)?;
            Ok::<_, Error>((
                waiting.id.clone(),
                model,
                placed(reader, &models)?,
                past(reader, now.minus(LEARNED_OF))?,
            ))
        });
        let (id, model, before, all) = read.await?;
        let champion = before.champion.map(|(_, placed)| placed);
        let entropy: &dyn Entropy = self.0.entropy.as_ref();
        let seed = u64::from_le_bytes(entropy.bytes::<8>());
        let tried = tokio::task::spawn_blocking(move || {
            let trial = storeward_fraud::learning::retry(
                &all,
                &model,
                champion.as_ref().map(|c| &c.model),
                &course,
                seed,
            );
            let mut engine = Engine { champion, ..Engine::default() };
            place(&mut engine, &trial).map(|()| engine)
        });
        let engine = tried
            .await
            .map_err(|_| Error::Form("the past of payments"))?
            .map_err(|why| Error::NotBetter(why.to_string()))?;
        let mode = mode_word(engine.champion.map_or(Mode::Observe, |placed| placed.mode));
        let placed = id.clone();
        self.0
            .write(move |tx| {
                tx.execute(RETIRE, params!["champion"])?;
                tx.execute(SCORER_PLACE, params![&placed, "champion", mode])?;
                changed(tx, actor, &placed, "placed")
            })
            .await?;
        Ok(id)
    }

    /// Lets the champion act, or only watches it.
    pub async fn set_scorer(&self, mode: Mode, actor: Actor) -> Result<(), Error> {
        let shared = Arc::clone(&self.0);
        let found = self.0.read(in_place).await?;
        let champion = found.into_iter().find(|one| one.is_champion).ok_or(Error::NoScorer)?;
        open(&champion, &shared.judge.models)?;
        self.0
            .write(move |tx| {
                tx.execute(SCORER_MODE, params![mode_word(mode)])?;
                changed(tx, actor, &champion.id, mode_word(mode))
            })
            .await
    }
}

fn changed(tx: &mut Tx<'_>, actor: Actor, id: &str, what: &str) -> Result<(), Error> {
    let fact = facts::ScorerChanged { model: id.to_owned(), what: what.to_owned() };
    tx.append(actor, None, fact)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_thousandths() {
        for (index, expected) in [(0.0, 0), (0.3104, 310), (1.0, 1000), (f64::INFINITY, 1_000_000), (-1.0, 0)]
        {
            assert_eq!(thousandths(index), expected, "{index}");
        }
    }
}
