//! A way back in, and new passwords.

use serde::Deserialize;
use storeward_base::Secret;
use storeward_puzzle::Purpose;
use storeward_web::askama::Template;
use storeward_web::axum::Extension;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::http::StatusCode;
use storeward_web::{Failure, Form, Query, redirect};

use super::App;
use super::message::MessagePage;
use super::view::{Later, Page, View, follow, show, show_again, show_later};
use crate::error::Error;
use crate::gate::own;
use crate::tokens::FlowToken;
use crate::verbs::{CROWDED_SECONDS, Need, NewPasswordFault, SignUpFault, Step};

#[derive(Deserialize)]
pub struct Fields {
    email: String,
    #[serde(default)]
    altcha: String,
}

#[derive(Deserialize)]
pub struct PasswordFields {
    password: Secret<String>,
}

#[derive(Template)]
#[template(path = "recover.html", askama = storeward_web::askama)]
struct RecoverPage {
    page: Page,
    email: String,
}

#[derive(Template)]
#[template(path = "new_password.html", askama = storeward_web::askama)]
pub(super) struct NewPasswordPage {
    pub page: Page,
    pub action: &'static str,
    pub asks: Asks,
}

/// What the form asks for beside the new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// Everything else was shown at the challenge.
    NothingElse,
    CurrentPassword,
}

fn recover_page(app: &App, view: &View, email: String) -> RecoverPage {
    let mut page = view.page(app, view.texts().s("recover.title"));
    page.puzzle = app.identity.puzzle(Purpose::Recovery, &view.visit, &email);
    RecoverPage { page, email }
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    if asked.done == "shop" {
        let t = view.texts();
        let page = view.page(&app, t.s("recover.at_shop_title"));
        let (words, href) = (t.s("recover.at_shop"), app.identity.0.home());
        let button = t.s("failure.home");
        return show(&MessagePage { page, words, href, button, code: String::new() }, view.language);
    }
    let mut page = recover_page(&app, &view, String::new());
    page.page.notice = (asked.done == "not-me").then(|| view.texts().s("recover.done_not_me"));
    show(&page, view.language)
}

pub async fn begin(
    State(app): State<App>,
    view: View,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let begun = app.identity.begin_recovery(&view.visit, &fields.email, view.language, &fields.altcha).await;
    let fault = match begun {
        Ok(flow) => return Ok(follow(Step::Challenge(Some(flow)))),
        Err(fault) => fault,
    };
    let mut page = recover_page(&app, &view, fields.email);
    let later = match fault {
        SignUpFault::Misfit(misfit) => {
            page.page = page.page.misfit(misfit);
            return show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY);
        }
        SignUpFault::Throttled { seconds } => {
            // Whether the address has an account or not.
            page.page.notice = (seconds >= CROWDED_SECONDS).then(|| view.texts().s("recover.crowded"));
            Later::too_often(seconds)
        }
        SignUpFault::Failed(error) => Later::of(error)?,
    };
    page.page.puzzle = Some(app.identity.puzzle_now(Purpose::Recovery, &view.visit, &page.email));
    page.page.fault = Some(later.words(view.texts()));
    show_later(&page, view.language, later)
}

fn new_password(app: &App, view: &View) -> NewPasswordPage {
    let mut page = view.page(app, view.texts().s("new_password.title"));
    page.meter = Some("/new-password/meter");
    NewPasswordPage { page, action: "/new-password", asks: Asks::NothingElse }
}

pub async fn new_password_page(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
) -> Result<Response, Failure> {
    match app.identity.pending(&flow).await {
        Ok(pending) if pending.need == Need::NewPassword => show(&new_password(&app, &view), view.language),
        Ok(_) => Ok(redirect(&own("/challenge"))),
        Err(Error::FlowOver) => Ok(redirect(&own("/sign-in?done=over"))),
        Err(error) => Err(error.into()),
    }
}

pub async fn set_new_password(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
    Form(fields): Form<PasswordFields>,
) -> Result<Response, Failure> {
    match app.identity.set_new_password(&view.visit, &flow, fields.password).await {
        Ok(step) => Ok(follow(step)),
        Err(NewPasswordFault::Misfit(misfit)) => {
            let mut page = new_password(&app, &view);
            page.page = page.page.misfit(misfit);
            show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(NewPasswordFault::Failed(Error::FlowOver)) => Ok(redirect(&own("/sign-in?done=over"))),
        Err(NewPasswordFault::Failed(error)) => Err(error.into()),
    }
}
