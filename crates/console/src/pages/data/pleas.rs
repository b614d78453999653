//! What customers asked for about their data, the one that is due first at the top: extended with a reason, closed with proof.

use serde::Deserialize;
use storeward_base::PleaId;
use storeward_policy::{Act, Purpose};
use storeward_vault::desk::{Ask, Asker, Error as VaultError, Plea, PleaOutcome, Right, Vault};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Moment, Query, redirect};

use super::{Asked, HERE, asker, read_id, reason_words, vault};
use crate::accounts::{self, Names};
use crate::app::App;
use crate::error::Error;
use crate::level::{Badge, Level};
use crate::pages::next::confirm_link;
use crate::pages::view::{View, icons};

const TITLE: &str = "What customers asked for";
const PLACE: &str = "/data/asked";
const LINES: u32 = 50;

#[derive(Template)]
#[template(path = "data_asked.html", askama = storeward_web::askama)]
struct AskedPage<'a> {
    csrf: &'a str,
    done: Option<&'static str>,
    fault: Option<String>,
    confirm: Option<String>,
    open: Vec<Line>,
    closed: Vec<Line>,
    older: Option<String>,
    icons: &'static str,
}

struct Line {
    id: String,
    customer: String,
    right: &'static str,
    badge: Badge,
    received: Moment,
    due: Moment,
    may_answer: bool,
    is_extended: bool,
    /// Why the time was extended.
    extended: Option<String>,
    said: Option<String>,
    proof: Option<String>,
    closed: Option<(Moment, String)>,
}

pub const fn right_words(right: Right) -> &'static str {
    match right {
        Right::Access => "A copy of the data",
        Right::Correction => "Correction",
        Right::Erasure => "Erasure",
        Right::Restriction => "Restriction of the use",
        Right::Objection => "Objection",
        Right::Portability => "Data for another service",
    }
}

async fn line(app: &App, vault: &Vault, asker: &Asker, names: &Names, plea: Plea) -> Line {
    let may_answer = vault.may(asker, Act::Answer, plea.customer, Purpose::RightsRequest);
    // What does not open any more is left out: the request is answered all the same.
    let texts = match may_answer {
        true => vault.plea_texts(&plea).await.unwrap_or_default(),
        false => storeward_vault::desk::PleaTexts::default(),
    };
    let text = |one: Option<storeward_base::Secret<String>>| one.map(|text| text.expose().clone());
    let badge = match plea.outcome {
        Some(PleaOutcome::Done) => Badge::new(Level::Ok, "done"),
        Some(PleaOutcome::Refused) => Badge::new(Level::Plain, "refused"),
        None if plea.due_at <= app.clock.now() => Badge::new(Level::Bad, "overdue"),
        None => Badge::new(Level::Note, "waits"),
    };
    Line {
        id: plea.id.to_string(),
        customer: plea.customer.to_string(),
        right: right_words(plea.right),
        badge,
        received: Moment(plea.received_at),
        due: Moment(plea.due_at),
        may_answer,
        is_extended: plea.extended_at.is_some(),
        extended: text(texts.extended),
        said: text(texts.said),
        proof: text(texts.proof),
        closed: plea.closed_at.map(|at| {
            let by = plea.closed_by.as_deref().unwrap_or_default();
            (Moment(at), names.in_words(by))
        }),
    }
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let content = content(&app, &view, &asked, None).await?;
    view.page(TITLE, HERE, &content)
}

async fn content<'a>(
    app: &App,
    view: &'a View,
    asked: &Asked,
    fault: Option<String>,
) -> Result<AskedPage<'a>, Failure> {
    let vault = vault(app)?;
    let (asker, _) = asker(app, view).await?;
    let names = app.db.read(|reader| Ok::<_, Error>(accounts::names(reader)?)).await?;
    let waiting = vault.open_pleas().await?;
    let past = vault.closed_pleas(asked.before.parse().ok(), LINES).await?;
    let is_full = u32::try_from(past.len()).is_ok_and(|count| count == LINES);
    let older = past.last().filter(|_| is_full).map(|last| format!("{PLACE}?before={}", last.id));
    let (mut open, mut closed) = (Vec::new(), Vec::new());
    for plea in waiting {
        open.push(line(app, vault, &asker, &names, plea).await);
    }
    for plea in past {
        closed.push(line(app, vault, &asker, &names, plea).await);
    }
    let done = match asked.done.as_str() {
        "extend" => Some("The time is extended by two months. Tell the customer, with the reason."),
        "done" | "refused" => Some("The request is closed."),
        "received" => Some("The request is taken down. It is due within a month."),
        _ => None,
    };
    let confirm = (!view.visitor.is_fresh).then(|| confirm_link(PLACE));
    Ok(AskedPage { csrf: view.csrf(), done, fault, confirm, open, closed, older, icons: icons() })
}

#[derive(Deserialize)]
pub struct Answer {
    act: String,
    text: String,
}

pub async fn answer(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(given): Form<Answer>,
) -> Result<Response, Failure> {
    let id: PleaId = id
        .parse()
        .map_err(|_| Failure::missing("console.no_such_request", "There is no request of this number."))?;
    let vault = vault(&app)?;
    let plea = vault.plea(id).await?;
    let (asker, _) = asker(&app, &view).await?;
    let ask = Ask::new(asker, plea.customer, Purpose::RightsRequest);
    let done = match (given.act.as_str(), PleaOutcome::of_name(&given.act)) {
        ("extend", _) => vault.extend_plea(&ask, id, &given.text).await.map(drop),
        (_, Some(outcome)) => vault.close_plea(&ask, id, outcome, &given.text).await,
        _ => return Err(Failure::invalid("console.act", "The form does not fit this page.")),
    };
    let fault = match done {
        Ok(()) => return Ok(redirect(&format!("{PLACE}?done={}", given.act))),
        Err(VaultError::Denied(reason)) => format!("Nothing was done: {}.", reason_words(reason)),
        Err(VaultError::Value { .. }) => {
            "Write what was done or why, in at most 2,000 characters.".to_owned()
        }
        Err(VaultError::Decided) => "It was closed or extended already.".to_owned(),
        Err(other) => return Err(other.into()),
    };
    let content = content(&app, &view, &Asked::default(), Some(fault)).await?;
    view.refused(TITLE, HERE, &content)
}

#[derive(Deserialize)]
pub struct Received {
    right: String,
    #[serde(default)]
    text: String,
}

/// Somebody wrote down what a customer asked for by letter or telephone.
pub async fn receive(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(given): Form<Received>,
) -> Result<Response, Failure> {
    let customer = read_id(&id)?;
    let right = Right::of_name(&given.right)
        .ok_or_else(|| Failure::invalid("console.act", "The form does not fit this page."))?;
    let vault = vault(&app)?;
    let (asker, _) = asker(&app, &view).await?;
    let ask = Ask::new(asker, customer, Purpose::RightsRequest);
    let fault = match vault.receive_plea(&ask, right, &given.text).await {
        Ok(_) => return Ok(redirect(&format!("{PLACE}?done=received"))),
        Err(VaultError::Denied(reason)) => format!("Nothing was taken down: {}.", reason_words(reason)),
        Err(VaultError::Value { .. }) => "The text is longer than 2,000 characters.".to_owned(),
        Err(other) => return Err(other.into()),
    };
    let content = content(&app, &view, &Asked::default(), Some(fault)).await?;
    view.refused(TITLE, HERE, &content)
}
