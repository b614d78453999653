//! Proving once more who one is: the page asks for the password itself, where there is one.

use serde::Deserialize;
use storeward_base::Secret;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::http::StatusCode;
use storeward_web::{Failure, Form, Query};

use super::App;
use super::view::{Later, Page, View, follow, show, show_again, show_later};
use crate::state::ReturnTo;
use crate::verbs::{Given, ProveFault, Step, StepUpWays, Trust};

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct Fields {
    #[serde(default)]
    next: String,
    /// The password, where the page asked for it.
    #[serde(default)]
    secret: Option<Secret<String>>,
}

#[derive(Template)]
#[template(path = "step_up.html", askama = storeward_web::askama)]
struct StepUpPage {
    page: Page,
    next: String,
    ways: StepUpWays,
}

async fn step_up_page(app: &App, view: &View, next: &str) -> Result<StepUpPage, Failure> {
    let next = ReturnTo::parse(next).map_or_else(String::new, String::from);
    let ways = app.identity.step_up_ways(view.customer()?).await?;
    Ok(StepUpPage { page: view.page(app, view.texts().s("step_up.title")), next, ways })
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    show(&step_up_page(&app, &view, &asked.next).await?, view.language)
}

pub async fn begin(
    State(app): State<App>,
    view: View,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let to = ReturnTo::parse(&fields.next);
    let flow = app.identity.begin_step_up(&view.visit, view.customer()?, to).await?;
    let given = fields.secret.filter(|secret| !secret.expose().is_empty()).map(Given::Password);
    let Some(given) = given else { return Ok(follow(Step::Challenge(Some(flow)))) };
    match app.identity.prove(&view.visit, &flow, given, Trust::AsBefore, "").await {
        Ok(Step::Challenge(None)) => Ok(follow(Step::Challenge(Some(flow)))),
        Ok(step) => Ok(follow(step)),
        Err(ProveFault::Wrong { .. } | ProveFault::Spent) => {
            let mut page = step_up_page(&app, &view, &fields.next).await?;
            page.page.fault = Some(view.texts().s("step_up.wrong"));
            show_again(&page, view.language, StatusCode::FORBIDDEN)
        }
        Err(ProveFault::Throttled { seconds }) => {
            later(&app, &view, &fields.next, Later::too_often(seconds)).await
        }
        Err(ProveFault::Failed(error)) => later(&app, &view, &fields.next, Later::of(error)?).await,
    }
}

async fn later(app: &App, view: &View, next: &str, later: Later) -> Result<Response, Failure> {
    let mut page = step_up_page(app, view, next).await?;
    page.page.fault = Some(later.words(view.texts()));
    show_later(&page, view.language, later)
}
