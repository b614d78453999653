//! Proving once more who one is.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Query};

use super::App;
use super::view::{Page, View, follow, show};
use crate::state::ReturnTo;
use crate::verbs::Step;

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "step_up.html", askama = storeward_web::askama)]
struct StepUpPage {
    page: Page,
    next: String,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let next = ReturnTo::parse(&asked.next).map_or_else(String::new, String::from);
    let page = StepUpPage { page: view.page(&app, view.texts().s("step_up.title")), next };
    show(&page, view.language)
}

pub async fn begin(
    State(app): State<App>,
    view: View,
    Form(fields): Form<Asked>,
) -> Result<Response, Failure> {
    let flow =
        app.identity.begin_step_up(&view.visit, view.customer()?, ReturnTo::parse(&fields.next)).await?;
    Ok(follow(Step::Challenge(Some(flow))))
}
