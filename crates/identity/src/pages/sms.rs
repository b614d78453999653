//! Adding a telephone, and asking for a code to it.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::http::StatusCode;
use storeward_web::{Failure, Form, redirect};

use super::App;
use super::factors::{Refused, added};
use super::view::{Page, View, show, show_again, with_cookies};
use crate::gate::{flow_cookie, own};

const FORM: &str = "/account/sms";

#[derive(Template)]
#[template(path = "sms.html", askama = storeward_web::askama)]
struct SmsPage {
    page: Page,
    /// Where the code went, in part; empty while there is no number.
    masked: String,
}

#[derive(Deserialize)]
pub struct NumberFields {
    number: String,
}

#[derive(Deserialize)]
pub struct CodeFields {
    code: String,
}

fn sms(app: &App, view: &View, masked: String) -> SmsPage {
    SmsPage { page: view.page(app, view.texts().s("sms.title")), masked }
}

pub async fn page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    if !app.identity.offers_sms() {
        return Err(Failure::missing("identity.no_sms", "No short messages are sent here."));
    }
    show(&sms(&app, &view, String::new()), view.language)
}

pub async fn begin(
    State(app): State<App>,
    view: View,
    Form(fields): Form<NumberFields>,
) -> Result<Response, Failure> {
    let session = view.customer()?;
    let fault = match app.identity.begin_sms(session, &fields.number).await {
        Ok(flow) => {
            let masked = app.identity.pending_number(session, &flow).await.unwrap_or_default();
            let page = show(&sms(&app, &view, masked), view.language)?;
            return Ok(with_cookies(page, flow_cookie(&flow).into_iter().collect()));
        }
        Err(fault) => fault,
    };
    match Refused::of(fault, FORM) {
        Refused::Again(misfit) => {
            let mut page = sms(&app, &view, String::new());
            page.page = page.page.misfit(misfit);
            show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY)
        }
        refused => refused.answer(FORM),
    }
}

pub async fn confirm(
    State(app): State<App>,
    view: View,
    Form(fields): Form<CodeFields>,
) -> Result<Response, Failure> {
    let Some(flow) = view.visit.flow.clone() else { return Ok(redirect(&own(FORM))) };
    let session = view.customer()?;
    let fault = match app.identity.confirm_sms(&view.visit, session, &flow, &fields.code).await {
        Ok(()) => return Ok(added("/account?done=sms")),
        Err(fault) => fault,
    };
    match Refused::of(fault, FORM) {
        Refused::Again(misfit) => {
            let masked = app.identity.pending_number(session, &flow).await.unwrap_or_default();
            let mut page = sms(&app, &view, masked);
            page.page = page.page.misfit(misfit);
            show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY)
        }
        refused => refused.answer(FORM),
    }
}
