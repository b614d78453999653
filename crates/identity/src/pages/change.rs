//! Another password, another address.

use serde::Deserialize;
use storeward_base::Secret;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::http::StatusCode;
use storeward_web::{Failure, Form, redirect};

use super::App;
use super::recover::{Asks, NewPasswordPage};
use super::view::{Page, View, follow, show, show_again, with_cookies};
use crate::error::Error;
use crate::gate::own;
use crate::tokens::SESSION_COOKIE;
use crate::verbs::{EnrolFault, Step};

#[derive(Deserialize)]
pub struct PasswordFields {
    current: Secret<String>,
    password: Secret<String>,
}

#[derive(Deserialize)]
pub struct AddressFields {
    email: String,
}

#[derive(Template)]
#[template(path = "address.html", askama = storeward_web::askama)]
struct AddressPage {
    page: Page,
    email: String,
}

fn new_password(app: &App, view: &View) -> NewPasswordPage {
    let mut page = view.page(app, view.texts().s("new_password.title"));
    page.meter = Some("/account/password/meter");
    NewPasswordPage { page, action: "/account/password", asks: Asks::CurrentPassword }
}

pub async fn well_known() -> Response {
    redirect(&own("/account/password"))
}

pub async fn password_page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    show(&new_password(&app, &view), view.language)
}

pub async fn password(
    State(app): State<App>,
    view: View,
    Form(fields): Form<PasswordFields>,
) -> Result<Response, Failure> {
    let session = view.customer()?;
    match app.identity.change_password(&view.visit, session, fields.current, fields.password).await {
        Ok(token) => {
            let seconds = app.identity.0.policy().absolute().as_secs();
            let cookie = SESSION_COOKIE.set(token.secret().expose(), Some(seconds));
            Ok(with_cookies(redirect(&own("/account?done=password")), cookie.into_iter().collect()))
        }
        Err(EnrolFault::Misfit(misfit)) => {
            let mut page = new_password(&app, &view);
            page.page = page.page.misfit(misfit);
            show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(EnrolFault::StepUpFirst | EnrolFault::Failed(Error::FlowOver)) => Ok(redirect(&own("/step-up"))),
        Err(EnrolFault::Failed(error)) => Err(error.into()),
    }
}

fn address_form(app: &App, view: &View, email: String) -> AddressPage {
    AddressPage { page: view.page(app, view.texts().s("address.title")), email }
}

pub async fn address_page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    show(&address_form(&app, &view, String::new()), view.language)
}

pub async fn address(
    State(app): State<App>,
    view: View,
    Form(fields): Form<AddressFields>,
) -> Result<Response, Failure> {
    match app.identity.begin_change_address(&view.visit, view.customer()?, &fields.email).await {
        Ok(flow) => Ok(follow(Step::Challenge(Some(flow)))),
        Err(EnrolFault::Misfit(misfit)) => {
            let mut page = address_form(&app, &view, fields.email);
            page.page = page.page.misfit(misfit);
            show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(EnrolFault::StepUpFirst) => Ok(redirect(&own("/step-up"))),
        Err(EnrolFault::Failed(error)) => Err(error.into()),
    }
}
