//! What staff decide of scripts and pages.

use std::time::Duration;

use serde::Deserialize;
use storeward_base::{Actor, Timestamp};
use storeward_checkout::desk::{Error as GuardError, Hold, NewApproval, Period, Scope};
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::header;
use storeward_web::{Failure, Form, redirect};

use super::{HERE, Names, Refused, TITLE, checkout, content, digest, may, page_content, read_id};
use crate::app::App;
use crate::pages::next::encode;
use crate::pages::view::View;

const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn want_owner(app: &App, view: &View) -> Result<Actor, Failure> {
    match may(app, view).await? {
        true => Ok(Actor::Staff { id: view.visitor.staff }),
        false => Err(Failure::denied(
            "console.scripts_role",
            "What runs on paying pages is decided by members of the group owner.",
        )),
    }
}

fn no_act() -> Failure {
    Failure::invalid("console.scripts_act", "There is no such act.")
}

#[derive(Deserialize)]
pub struct Decided {
    #[serde(default)]
    act: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    justification: String,
    #[serde(default)]
    days: String,
    /// The hash that stood on the page.
    #[serde(default)]
    hash: String,
}

/// Approves, or takes back.
pub async fn act(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(decided): Form<Decided>,
) -> Result<Response, Failure> {
    let (by, id) = (want_owner(&app, &view).await?, read_id(&id)?);
    let checkout = checkout(&app)?;
    let days: u32 = decided.days.trim().parse().unwrap_or(0);
    let done = match decided.act.as_str() {
        "approve" => {
            let what = NewApproval {
                scope: Scope::of_word(&decided.scope).ok_or_else(no_act)?,
                owner: decided.owner.clone(),
                justification: decided.justification.clone(),
                days,
                hash: Some(decided.hash).filter(|hash| !hash.is_empty()),
            };
            checkout.approve(&id, what, by).await
        }
        "revoke" => checkout.revoke(&id, by).await,
        _ => return Err(no_act()),
    };
    let fault = match done {
        Ok(()) => return Ok(redirect(&format!("{HERE}/{id}?done={}", decided.act))),
        Err(GuardError::Misfit { field: "days", .. }) => {
            "For how long: a number of days from 1 to 366.".to_owned()
        }
        Err(GuardError::Misfit { field: "owner", .. }) => {
            "Owner: who answers for it, in 2 to 100 characters.".to_owned()
        }
        Err(GuardError::Misfit { field: "justification", .. }) => {
            "Why the paying page needs it, in 2 to 1,000 characters.".to_owned()
        }
        Err(GuardError::Misfit { why, .. }) => format!("It cannot be approved so: {why}."),
        Err(GuardError::Raced | GuardError::Changed) => {
            "It changed since you looked, or somebody else decided. This is how it stands now.".to_owned()
        }
        Err(other) => return Err(other.into()),
    };
    let refused = Refused { fault, owner: decided.owner, justification: decided.justification, days };
    let content = content(&app, &view, &id, None, Some(refused)).await?;
    view.refused(TITLE, HERE, &content)
}

/// Somebody has looked.
pub async fn close_alert(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let by = want_owner(&app, &view).await?;
    match checkout(&app)?.close_alert(&id, by).await {
        // Somebody else closed it meanwhile, or the form was sent twice.
        Ok(()) | Err(GuardError::NoAlert) => Ok(redirect(&format!("{HERE}?done=close#alerts"))),
        Err(other) => Err(other.into()),
    }
}

#[derive(Deserialize)]
pub struct OfPage {
    path: String,
    #[serde(default)]
    act: String,
    /// Of what was shown that would stop.
    #[serde(default)]
    seen: String,
}

/// How a page is served, and its headers.
pub async fn page_act(
    State(app): State<App>,
    view: View,
    Form(asked): Form<OfPage>,
) -> Result<Response, Failure> {
    let by = want_owner(&app, &view).await?;
    let checkout = checkout(&app)?;
    let done = match (asked.act.as_str(), Hold::of_word(&asked.act)) {
        ("headers", _) => checkout.approve_headers(&asked.path, by).await,
        (_, Some(hold)) => {
            let is_shown = hold != Hold::Enforce
                || digest(&checkout.would_stop(&asked.path, Hold::Enforce).await?) == asked.seen;
            if !is_shown {
                let fault = "What would stop is not what you saw any more. Look at it again.";
                let content = page_content(&app, &view, &asked.path, None, Some(fault)).await?;
                return view.refused(TITLE, HERE, &content);
            }
            checkout.hold(&asked.path, hold, by).await
        }
        _ => return Err(no_act()),
    };
    match done {
        Ok(()) => Ok(redirect(&format!("{HERE}/page?path={}&done={}", encode(&asked.path), asked.act))),
        Err(GuardError::Misfit { .. }) => {
            let fault = "The page was not served since the guard is on: there are no headers to approve.";
            let content = page_content(&app, &view, &asked.path, None, Some(fault)).await?;
            view.refused(TITLE, HERE, &content)
        }
        Err(other) => Err(other.into()),
    }
}

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    /// `html` or `json`.
    #[serde(default)]
    form: String,
}

/// The last ninety days, as a form has them.
pub fn usual_days(now: Timestamp) -> (String, String) {
    let day = |at: Timestamp| at.rfc3339().chars().take(10).collect();
    (day(now.minus(DAY * 90)), day(now))
}

/// Makes an evidence report; it goes to whoever asked as a file, and its digest into the ledger.
pub async fn report(
    State(app): State<App>,
    view: View,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Failure> {
    let by = want_owner(&app, &view).await?;
    let unfit = || {
        Failure::invalid("console.report_days", "A report is from one day to a later one, at most 396 days.")
    };
    let day = |text: &str| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).ok_or_else(unfit);
    let (from, last) = (day(&wanted.from)?, day(&wanted.until)?);
    // To the end of the last day, or to now.
    let until = last.plus(DAY).min(app.clock.now());
    let names = Names::of(&app).await?.into_map();
    let made = match checkout(&app)?.evidence(Period { from, until }, by, names).await {
        Ok(made) => made,
        Err(GuardError::Misfit { .. }) => return Err(unfit()),
        Err(other) => return Err(other.into()),
    };
    let (kind, end, body) = match wanted.form.as_str() {
        "json" => ("application/json", "json", made.json),
        _ => ("text/html; charset=utf-8", "html", made.html.into_bytes()),
    };
    let name = format!("attachment; filename=\"paying-pages-{}-{}.{end}\"", wanted.from, wanted.until);
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], body).into_response())
}
