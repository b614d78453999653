//! What each rule is, what it would have done, and whether it acts.

use serde::Deserialize;
use storeward_base::Actor;
use storeward_events::words;
use storeward_payments::desk::{
    Answer, BackTest, Error as PayError, Mode, Record, Rule, RuleId, RuleWish, Scorer,
};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Query, redirect};

use super::{NAV, round};
use crate::accounts;
use crate::app::App;
use crate::error::Error;
use crate::level::{Badge, Level};
use crate::pages::next::confirm_link;
use crate::pages::payments as till;
use crate::pages::view::{View, icons};

const HERE: &str = "/review/rules";
const TITLE: &str = "Rules";

#[derive(Template)]
#[template(path = "fraud_rules.html", askama = storeward_web::askama)]
struct RulesPage<'a> {
    csrf: &'a str,
    done: Option<&'static str>,
    fault: Option<String>,
    confirm: Option<String>,
    may: bool,
    testing: Option<&'static str>,
    attempts: u64,
    rules: Vec<Line>,
    scorers: Vec<ScorerLine>,
    icons: &'static str,
}

struct Line {
    code: &'static str,
    name: String,
    says: &'static str,
    asks: &'static str,
    badge: Badge,
    record: String,
    limits: Vec<(&'static str, String)>,
    modes: [(&'static str, &'static str, bool); 3],
}

struct ScorerLine {
    id: String,
    place: String,
    trial: String,
}

#[derive(Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let content = content(&app, &view, &asked, None).await?;
    view.page(TITLE, NAV, &content)
}

async fn may_change(app: &App, view: &View) -> Result<bool, Failure> {
    let staff = view.visitor.staff;
    let roles = app.db.read(move |reader| accounts::roles_of(reader, staff)).await.map_err(Error::from)?;
    Ok(roles.iter().any(|role| role == "owner"))
}

async fn content<'a>(
    app: &App,
    view: &'a View,
    asked: &Asked,
    fault: Option<String>,
) -> Result<RulesPage<'a>, Failure> {
    let payments = till::payments(app)?;
    let (rules, tried) = (payments.rules().await?, payments.try_rules().await?);
    let testing = payments.card_testing_until().await?.map(|_| {
        let acts = rules.iter().any(|rule| rule.id == RuleId::CardTesting && rule.mode == Mode::Active);
        match acts {
            true => "Somebody tries cards out in the shop: anonymous buyers are asked for 3-D Secure until it is over.",
            false => "Somebody tries cards out in the shop. The rule card testing would ask anonymous buyers for 3-D Secure, but is only watched.",
        }
    });
    Ok(RulesPage {
        csrf: view.csrf(),
        done: (asked.done == "changed").then_some("The rule is changed."),
        fault,
        confirm: (!view.visitor.is_fresh).then(|| confirm_link(HERE)),
        may: may_change(app, view).await?,
        testing,
        attempts: tried.attempts(),
        rules: rules.iter().map(|rule| line(rule, &tried)).collect(),
        scorers: payments.scorers().await?.iter().map(scorer).collect(),
        icons: icons(),
    })
}

fn line(rule: &Rule, tried: &BackTest) -> Line {
    let limits = rule.id.limits().iter().zip(&rule.limits);
    let record = tried.records().iter().find(|record| record.rule.id == rule.id);
    Line {
        code: rule.id.code(),
        name: words::plain(rule.id.code()),
        says: rule.id.says(),
        asks: match rule.answer {
            Answer::Allow => "nothing",
            Answer::Challenge => "3-D Secure",
            Answer::Review => "somebody’s look before anything is taken",
            Answer::Block => "a refusal before the provider is asked",
        },
        badge: match rule.mode {
            Mode::Off => Badge::new(Level::Plain, "off"),
            Mode::Observe => Badge::new(Level::Note, "watched"),
            Mode::Active => Badge::new(Level::Ok, "acts"),
        },
        record: record.map(in_words).unwrap_or_default(),
        limits: limits.map(|((unit, _), limit)| (*unit, round(*limit))).collect(),
        modes: [
            ("off", "off", rule.mode == Mode::Off),
            ("observe", "only watched", rule.mode == Mode::Observe),
            ("active", "acting", rule.mode == Mode::Active),
        ],
    }
}

fn in_words(record: &Record) -> String {
    match record.fired {
        0 => "It would have fired on none.".to_owned(),
        fired => format!(
            "It would have fired on {fired}: {} known as fraud, {} known as good, {} not known ({} of them paid).",
            record.fraud, record.good, record.unknown, record.paid
        ),
    }
}

fn scorer(scorer: &Scorer) -> ScorerLine {
    let place = match (scorer.is_champion, scorer.mode) {
        (false, _) => "the challenger; it only scores",
        (true, Mode::Active) => "the champion; it asks for more",
        (true, Mode::Observe) => "the champion; it is only watched",
        (true, Mode::Off) => "the champion; it is off",
    };
    let trial = scorer.trial.as_ref().map(|trial| {
        format!(
            "average precision {:.3} on {} attempts with {} frauds",
            trial.average_precision, trial.attempts, trial.frauds
        )
    });
    ScorerLine { id: scorer.id.clone(), place: place.to_owned(), trial: trial.unwrap_or_default() }
}

/// A rule as the form has it: as many limits as the rule has, three at most.
#[derive(Deserialize)]
pub struct Wished {
    #[serde(default)]
    mode: String,
    #[serde(default)]
    limit0: String,
    #[serde(default)]
    limit1: String,
    #[serde(default)]
    limit2: String,
}

pub async fn change(
    State(app): State<App>,
    view: View,
    Path(code): Path<String>,
    Form(wished): Form<Wished>,
) -> Result<Response, Failure> {
    let payments = till::payments(&app)?;
    if !may_change(&app, &view).await? {
        return Err(Failure::denied("console.rules_role", "Members of the group owner change rules."));
    }
    let missing = || Failure::missing("console.no_rule", "There is no such rule.");
    let rule = RuleId::all().find(|rule| rule.code() == code).ok_or_else(missing)?;
    let mode = match wished.mode.as_str() {
        "off" => Mode::Off,
        "observe" => Mode::Observe,
        "active" => Mode::Active,
        _ => return Err(Failure::invalid("console.rule_mode", "There is no such mode.")),
    };
    let written = [&wished.limit0, &wished.limit1, &wished.limit2].into_iter().take(rule.limits().len());
    let limits: Option<Vec<f64>> = written.map(|text| text.trim().parse().ok()).collect();
    let done = match limits {
        Some(limits) => {
            let wish = RuleWish { rule, mode, limits };
            payments.change_rule(wish, Actor::Staff { id: view.visitor.staff }).await
        }
        None => Err(PayError::Misfit { field: "limits", why: "write numbers, such as 5 or 0.65" }),
    };
    match done {
        Ok(()) => Ok(redirect(&format!("{HERE}?done=changed#r-{code}"))),
        Err(PayError::Store(error)) => Err(error.into()),
        Err(why) => {
            let fault = format!("The rule stays as it was: {why}.");
            let content = content(&app, &view, &Asked::default(), Some(fault)).await?;
            view.refused(TITLE, NAV, &content)
        }
    }
}
