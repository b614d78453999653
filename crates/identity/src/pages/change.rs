//! Another password, another address.

use serde::Deserialize;
use storeward_base::Secret;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::http::StatusCode;
use storeward_web::{Failure, Form, Query, redirect};

use super::App;
use super::message::MessagePage;
use super::recover::{Asks, NewPasswordPage};
use super::view::{Page, View, follow, show, show_again, with_cookies};
use crate::error::Error;
use crate::gate::own;
use crate::state::ReturnTo;
use crate::tokens::session_cookie;
use crate::verbs::{EnrolFault, Step};

#[derive(Deserialize)]
pub struct PasswordFields {
    current: Secret<String>,
    password: Secret<String>,
}

#[derive(Deserialize)]
pub struct Shown {
    #[serde(default)]
    next: String,
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
    /// The shop keeps an address of its own for them.
    is_shops: bool,
}

fn new_password(app: &App, view: &View) -> NewPasswordPage {
    let mut page = view.page(app, view.texts().s("new_password.title"));
    page.meter = Some("/account/password/meter");
    NewPasswordPage { page, action: "/account/password", asks: Asks::CurrentPassword, may_keep: false }
}

/// To the page where this browser's password is changed: ours, or the shop's own. Of whoever is not signed in it is the shop's where
/// the shield stands before its sign-in.
pub async fn well_known(State(app): State<App>, view: View) -> Result<Response, Failure> {
    let session = match &view.visit.session {
        Some(token) => app.identity.current(token).await?,
        None => None,
    };
    let is_shops = match session {
        Some(session) => app.identity.is_password_of_shop(session.customer).await?,
        None => app.identity.0.shop_password_page().is_some(),
    };
    Ok(redirect(&match is_shops {
        true => app.identity.shop_password_address(),
        false => own("/account/password"),
    }))
}

/// What is said where the password is the shop's own: one sentence, and the way there.
pub fn at_shop(app: &App, view: &View, title: String, words: String) -> Result<Response, Failure> {
    let page = view.page(app, title);
    let (href, button) = (app.identity.shop_password_address(), view.texts().s("shop_password.button"));
    show(&MessagePage { page, words, href, button, code: String::new() }, view.language)
}

pub async fn password_page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    if app.identity.is_password_of_shop(view.customer()?.customer).await? {
        let t = view.texts();
        return at_shop(&app, &view, t.s("shop_password.title"), t.s("shop_password.words"));
    }
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
            let cookie = session_cookie(&token, view.visit.is_lasting.then_some(seconds));
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

async fn address_form(app: &App, view: &View, email: String) -> Result<AddressPage, Failure> {
    let is_shops = app.identity.is_password_of_shop(view.customer()?.customer).await?;
    Ok(AddressPage { page: view.page(app, view.texts().s("address.title")), email, is_shops })
}

pub async fn address_page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    show(&address_form(&app, &view, String::new()).await?, view.language)
}

pub async fn address(
    State(app): State<App>,
    view: View,
    Form(fields): Form<AddressFields>,
) -> Result<Response, Failure> {
    match app.identity.begin_change_address(&view.visit, view.customer()?, &fields.email).await {
        Ok(flow) => Ok(follow(Step::Challenge(Some(flow)))),
        Err(EnrolFault::Misfit(misfit)) => {
            let mut page = address_form(&app, &view, fields.email).await?;
            page.page = page.page.misfit(misfit);
            show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(EnrolFault::StepUpFirst) => Ok(redirect(&own("/step-up"))),
        Err(EnrolFault::Failed(error)) => Err(error.into()),
    }
}

/// The address is shown to be read; what was typed into the shop's form is kept nowhere, so it is saved there once more.
pub async fn address_shown(
    State(app): State<App>,
    view: View,
    Query(shown): Query<Shown>,
) -> Result<Response, Failure> {
    let t = view.texts();
    let page = view.page(&app, t.s("address_shown.title"));
    let href = ReturnTo::parse(&shown.next).map_or_else(|| app.identity.0.home(), String::from);
    let (words, button) = (t.s("address_shown.words"), t.s("address_shown.button"));
    show(&MessagePage { page, words, href, button, code: String::new() }, view.language)
}
