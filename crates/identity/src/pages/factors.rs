//! Adding and removing factors.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::Json;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::StatusCode;
use storeward_web::{Failure, Form, qr, redirect};

use super::App;
use super::view::{Page, View, show, show_again, with_cookies};
use crate::error::Error;
use crate::gate::{flow_cookie, own};
use crate::model::Misfit;
use crate::tokens::FLOW_COOKIE;
use crate::verbs::current::encode;
use crate::verbs::{EnrolFault, NewSeed, StepUpFault};

#[derive(Deserialize)]
pub struct Named {
    id: String,
}

#[derive(Deserialize)]
pub struct CodeFields {
    code: String,
    #[serde(default)]
    label: String,
}

#[derive(Deserialize)]
pub struct PasskeyFields {
    credential: String,
    #[serde(default)]
    label: String,
}

#[derive(Template)]
#[template(path = "totp.html", askama = storeward_web::askama)]
struct TotpPage {
    page: Page,
    seed: Option<ShownSeed>,
}

pub(super) struct ShownSeed {
    pub qr: String,
    pub grouped: String,
}

#[derive(Template)]
#[template(path = "passkey.html", askama = storeward_web::askama)]
struct PasskeyPage {
    page: Page,
}

#[derive(Template)]
#[template(path = "codes.html", askama = storeward_web::askama)]
struct CodesPage {
    page: Page,
    codes: Vec<String>,
    download: String,
}

impl ShownSeed {
    pub(super) fn of(seed: &NewSeed) -> Self {
        let letters: Vec<char> = seed.base32.expose().chars().collect();
        let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
        ShownSeed { qr: qr::svg(&seed.uri, "QR").unwrap_or_default(), grouped: groups.join(" ") }
    }
}

/// What a fault of adding comes to.
pub(super) enum Refused {
    /// The form is shown again.
    Again(Misfit),
    /// Elsewhere first: to prove who one is, or to begin anew.
    Elsewhere(Box<Response>),
    Broken(Error),
}

impl Refused {
    pub(super) fn of(fault: EnrolFault, form: &str) -> Self {
        let elsewhere = |to: String| Refused::Elsewhere(Box::new(redirect(&to)));
        match fault {
            EnrolFault::Misfit(misfit) => Refused::Again(misfit),
            EnrolFault::StepUpFirst => elsewhere(format!("{}?next={}", own("/step-up"), encode(&own(form)))),
            EnrolFault::Failed(Error::FlowOver) => elsewhere(own(form)),
            EnrolFault::Failed(error) => Refused::Broken(error),
        }
    }

    /// For a form that has nothing to fill in.
    pub(super) fn answer(self, form: &str) -> Result<Response, Failure> {
        match self {
            Refused::Again(_) => Ok(redirect(&own(form))),
            Refused::Elsewhere(response) => Ok(*response),
            Refused::Broken(error) => Err(error.into()),
        }
    }
}

fn totp(app: &App, view: &View, seed: Option<ShownSeed>) -> TotpPage {
    TotpPage { page: view.page(app, view.texts().s("totp.title")), seed }
}

pub async fn totp_page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    show(&totp(&app, &view, None), view.language)
}

pub async fn begin_totp(State(app): State<App>, view: View) -> Result<Response, Failure> {
    match app.identity.begin_totp(view.customer()?).await {
        Ok(seed) => {
            let page = totp(&app, &view, Some(ShownSeed::of(&seed)));
            let cookies = flow_cookie(&seed.flow).into_iter().collect();
            Ok(with_cookies(show(&page, view.language)?, cookies))
        }
        Err(fault) => Refused::of(fault, "/account/totp").answer("/account/totp"),
    }
}

pub async fn confirm_totp(
    State(app): State<App>,
    view: View,
    Form(fields): Form<CodeFields>,
) -> Result<Response, Failure> {
    let Some(flow) = view.visit.flow.clone() else { return Ok(redirect(&own("/account/totp"))) };
    let session = view.customer()?;
    let done = app.identity.confirm_totp(&view.visit, session, &flow, &fields.code, &fields.label).await;
    let fault = match done {
        Ok(()) => return Ok(added("/account?done=totp")),
        Err(fault) => fault,
    };
    let misfit = match Refused::of(fault, "/account/totp") {
        Refused::Again(misfit) => misfit,
        refused => return refused.answer("/account/totp"),
    };
    let seed = app.identity.pending_seed(session, &flow).await.ok();
    let mut page = totp(&app, &view, seed.as_ref().map(ShownSeed::of));
    page.page = page.page.misfit(misfit);
    show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY)
}

pub(super) fn added(to: &str) -> Response {
    with_cookies(redirect(&own(to)), FLOW_COOKIE.clear().into_iter().collect())
}

fn passkey(app: &App, view: &View) -> PasskeyPage {
    let mut page = view.page(app, view.texts().s("passkey.title"));
    page.script = true;
    PasskeyPage { page }
}

pub async fn passkey_page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    show(&passkey(&app, &view), view.language)
}

/// A challenge for a new passkey, for the script.
pub async fn passkey_options(State(app): State<App>, view: View) -> Result<Response, Failure> {
    match app.identity.begin_passkey(view.customer()?).await {
        Ok((flow, options)) => {
            let cookies = flow_cookie(&flow).into_iter().collect();
            Ok(with_cookies(Json(options).into_response(), cookies))
        }
        Err(fault) => Refused::of(fault, "/account/passkey").answer("/account/passkey"),
    }
}

pub async fn confirm_passkey(
    State(app): State<App>,
    view: View,
    Form(fields): Form<PasskeyFields>,
) -> Result<Response, Failure> {
    let Some(flow) = view.visit.flow.clone() else { return Ok(redirect(&own("/account/passkey"))) };
    let session = view.customer()?;
    let done =
        app.identity.confirm_passkey(&view.visit, session, &flow, &fields.credential, &fields.label).await;
    let fault = match done {
        Ok(()) => return Ok(added("/account?done=passkey")),
        Err(fault) => fault,
    };
    let misfit = match Refused::of(fault, "/account/passkey") {
        Refused::Again(misfit) => misfit,
        refused => return refused.answer("/account/passkey"),
    };
    let mut page = passkey(&app, &view);
    page.page = page.page.misfit(misfit);
    show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY)
}

fn codes(app: &App, view: &View, codes: Vec<String>) -> CodesPage {
    let download = encode(&format!("{}\n\n{}\n", app.identity.0.shop_name(), codes.join("\n")));
    CodesPage { page: view.page(app, view.texts().s("codes.title")), codes, download }
}

pub async fn codes_page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    show(&codes(&app, &view, Vec::new()), view.language)
}

pub async fn make_codes(State(app): State<App>, view: View) -> Result<Response, Failure> {
    match app.identity.make_recovery_codes(&view.visit, view.customer()?).await {
        Ok(made) => {
            let shown = made.0.iter().map(|code| code.expose().clone()).collect();
            show(&codes(&app, &view, shown), view.language)
        }
        Err(fault) => Refused::of(fault, "/account/codes").answer("/account/codes"),
    }
}

pub async fn remove(
    State(app): State<App>,
    view: View,
    Form(named): Form<Named>,
) -> Result<Response, Failure> {
    let Ok(id) = named.id.parse() else { return Ok(redirect(&own("/account"))) };
    match app.identity.remove_factor(&view.visit, view.customer()?, id).await {
        Ok(()) => Ok(redirect(&own("/account?done=removed"))),
        Err(StepUpFault::First) => Ok(redirect(&own("/step-up"))),
        Err(StepUpFault::Failed(error)) => Err(error.into()),
    }
}
