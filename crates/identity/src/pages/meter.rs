//! What a page's script asks while a password is typed (`meter.js`). The form is complete without it.

use serde::{Deserialize, Serialize};
use storeward_base::Secret;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::axum::{Extension, Json};
use storeward_web::{Failure, Form};

use super::App;
use super::view::View;
use crate::tokens::FlowToken;
use crate::verbs::Whose;

#[derive(Deserialize)]
pub struct Fields {
    password: Secret<String>,
    #[serde(default)]
    email: String,
    #[serde(default)]
    name: String,
}

/// Nothing in it where nothing is said.
#[derive(Default, Serialize)]
struct Said {
    score: Option<u8>,
    fits: bool,
    strength: String,
    advice: Vec<String>,
}

async fn said(
    app: &App,
    view: &View,
    whose: Whose<'_>,
    password: Secret<String>,
) -> Result<Response, Failure> {
    let metered = app.identity.meter(&view.visit, whose, password, view.texts()).await?;
    let said = metered.map_or_else(Said::default, |metered| Said {
        score: Some(metered.score),
        fits: metered.fits,
        strength: metered.strength,
        advice: metered.advice,
    });
    Ok(Json(said).into_response())
}

/// For a new account.
pub async fn sign_up(
    State(app): State<App>,
    view: View,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let whose = Whose::Stranger { email: &fields.email, name: &fields.name };
    said(&app, &view, whose, fields.password).await
}

/// On the way back into an account.
pub async fn flow(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    said(&app, &view, Whose::Flow(&flow), fields.password).await
}

/// From inside.
pub async fn change(
    State(app): State<App>,
    view: View,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let customer = view.customer()?.customer;
    said(&app, &view, Whose::Customer(customer), fields.password).await
}
