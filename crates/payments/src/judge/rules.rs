//! The shop's rules: their modes and limits, and the step from watching to acting, which needs the shop's own past.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::Actor;
use storeward_events::fraud as facts;
use storeward_fraud::backtest::{self, BackTest};
use storeward_fraud::{Engine, Limits, Mode, Rule, RuleId};
use storeward_store::{Reader, Tx, params, statements};

use super::heart::past;
use super::kept::{answer_of, answer_word, mode_of, mode_word};
use crate::error::Error;
use crate::payments::Payments;

/// What a rule would have done is shown for so long.
const SHOWN: Duration = Duration::from_secs(30 * 24 * 3600);
/// Before that, the past fills the state.
const FILLS: Duration = Duration::from_secs(64 * 24 * 3600);

statements! {
    FIND_RULES = "SELECT rule, mode, limits, answer FROM payment_rule";
    SAVE_RULE = "INSERT INTO payment_rule (rule, mode, limits, answer, changed_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (rule) DO UPDATE SET mode = $2, limits = $3, answer = $4, changed_at = $5";
}

/// All rules in the order of the table, with the defaults where the shop changed nothing.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Vec<Rule>, Error> {
    let mut rules: Vec<Rule> = RuleId::all().map(Rule::new).collect();
    let rows = reader.query_many(FIND_RULES, params![], |row| {
        Ok((row.get::<String>(0)?, row.get::<String>(1)?, row.get::<String>(2)?, row.get::<String>(3)?))
    })?;
    for (code, mode, limits, answer) in rows {
        let Some(rule) = rules.iter_mut().find(|rule| rule.id.code() == code) else { continue };
        let (Some(mode), Some(answer)) = (mode_of(&mode), answer_of(&answer)) else { continue };
        let Ok(limits) = serde_json::from_str::<Vec<f64>>(&limits) else { continue };
        if limits.len() == rule.limits.len() {
            *rule = Rule { id: rule.id, mode, limits, answer };
        }
    }
    Ok(rules)
}

fn save(tx: &mut Tx<'_>, rule: &Rule) -> Result<(), Error> {
    let limits = serde_json::to_string(&rule.limits).unwrap_or_default();
    let now = tx.now();
    let values = params![rule.id.code(), mode_word(rule.mode), limits, answer_word(rule.answer), now];
    tx.execute(SAVE_RULE, values)?;
    Ok(())
}

/// How a rule is to be.
#[derive(Clone, Debug)]
pub struct RuleWish {
    pub rule: RuleId,
    pub mode: Mode,
    /// By the order of [`RuleId::limits`].
    pub limits: Vec<f64>,
}

impl Payments {
    /// The rules as they stand.
    pub async fn rules(&self) -> Result<Vec<Rule>, Error> {
        self.0.read(read).await
    }

    /// What each rule would have done in the last 30 days of the shop's own past, with the limits it has.
    pub async fn try_rules(&self) -> Result<BackTest, Error> {
        let rules = self.rules().await?;
        self.try_on_the_past(rules).await
    }

    async fn try_on_the_past(&self, rules: Vec<Rule>) -> Result<BackTest, Error> {
        self.heart().await?;
        let now = self.0.now();
        let all = self.0.read(move |reader| past(reader, now.minus(SHOWN).minus(FILLS))).await?;
        let engine = self.0.with_heart(|heart| Engine { rules, ..heart.engine.clone() })?;
        let tried = tokio::task::spawn_blocking(move || {
            backtest::back_test(&engine, &all, now.minus(SHOWN), Limits::default())
        });
        tried.await.map_err(|_| Error::Form("the past of payments"))
    }

    /// Changes a rule. To let it act, it is tried on the past first, with just these limits: where that says too little, or that
    /// it would have blocked mostly good buyers, it goes on being watched ([`Error::NotYet`]).
    pub async fn change_rule(&self, wish: RuleWish, actor: Actor) -> Result<(), Error> {
        let mut rules = self.rules().await?;
        let place = rules.iter().position(|rule| rule.id == wish.rule).ok_or(Error::Form("a rule"))?;
        let was = rules.get(place).cloned().ok_or(Error::Form("a rule"))?;
        let fits = |limit: &f64| limit.is_finite() && (0.0..=1e9).contains(limit);
        if wish.limits.len() != was.limits.len() || !wish.limits.iter().all(fits) {
            return Err(Error::Misfit { field: "limits", why: "each is a number from 0 to 1000000000" });
        }
        let mut rule = Rule { mode: wish.mode, limits: wish.limits, ..was.clone() };
        let mut tried_on = None;
        if wish.mode == Mode::Active {
            rule.mode = Mode::Observe;
            rules[place] = rule.clone();
            let seen = self.try_on_the_past(rules.clone()).await?;
            let mut engine = Engine { rules, ..Engine::default() };
            backtest::promote(&mut engine, wish.rule, &seen).map_err(Error::NotYet)?;
            rule.mode = Mode::Active;
            tried_on = Some(seen.attempts());
        }
        if rule == was {
            return Ok(());
        }
        let limits: Vec<String> = rule.limits.iter().map(ToString::to_string).collect();
        let fact = facts::FraudRuleChanged {
            rule: rule.id.code().to_owned(),
            mode: mode_word(rule.mode).to_owned(),
            was: mode_word(was.mode).to_owned(),
            limits: limits.join(", "),
            tried_on,
        };
        let kept = Arc::new(rule.clone());
        self.0
            .write(move |tx| {
                save(tx, &kept)?;
                tx.append(actor, None, fact.clone())?;
                Ok::<_, Error>(())
            })
            .await?;
        self.heart().await?;
        self.0.with_heart(|heart| {
            if let Some(held) = heart.engine.rules.iter_mut().find(|held| held.id == rule.id) {
                *held = rule;
            }
        })
    }
}
