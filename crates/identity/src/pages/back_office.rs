//! What the back office takes, for whoever has added nothing that counts there.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Query, redirect};

use super::App;
use super::view::{Page, View, show};
use crate::state::ReturnTo;
use crate::verbs::BackOffice;
use crate::verbs::current::encode;

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "back_office.html", askama = storeward_web::askama)]
struct BackOfficePage {
    page: Page,
    next: String,
    /// Something was added: on to showing it.
    is_ready: bool,
    /// Somebody has to let them in, and compares this.
    code: Option<String>,
    next_encoded: String,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let next = ReturnTo::parse(&asked.next).map_or_else(|| "/".to_owned(), String::from);
    let standing = app.identity.back_office(view.customer()?, app.identity.0.policy().step_up()).await?;
    let (is_ready, code) = match standing {
        BackOffice::Open => return Ok(redirect(&next)),
        BackOffice::Prove => (true, None),
        BackOffice::Enrol => (false, None),
        BackOffice::Approve => (false, Some(app.identity.office_code(view.customer()?.customer).await?)),
    };
    let page = view.page(&app, view.texts().s("back_office.title"));
    show(&BackOfficePage { page, is_ready, code, next_encoded: encode(&next), next }, view.language)
}
