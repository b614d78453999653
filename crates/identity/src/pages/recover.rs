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
use crate::state::ReturnTo;
use crate::tokens::FlowToken;
use crate::verbs::{CROWDED_SECONDS, Need, NewPasswordFault, ProveFault, RecoveryForm, SignUpFault, Step};

#[derive(Deserialize)]
pub struct Fields {
    email: String,
    #[serde(default)]
    next: String,
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
    next: String,
}

#[derive(Template)]
#[template(path = "new_password.html", askama = storeward_web::askama)]
pub(super) struct NewPasswordPage {
    pub page: Page,
    pub action: &'static str,
    pub asks: Asks,
    /// Whether the one of before may be shown instead.
    pub may_keep: bool,
}

/// What the form asks for beside the new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// Everything else was shown at the challenge.
    NothingElse,
    CurrentPassword,
}

fn recover_page(app: &App, view: &View, email: String, next: String) -> RecoverPage {
    let mut page = view.page(app, view.texts().s("recover.title"));
    page.puzzle = app.identity.puzzle(Purpose::Recovery, &view.visit, &email);
    RecoverPage { page, email, next }
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
    let mut page = recover_page(&app, &view, String::new(), String::new());
    page.page.notice = (asked.done == "not-me").then(|| view.texts().s("recover.done_not_me"));
    show(&page, view.language)
}

pub async fn begin(
    State(app): State<App>,
    view: View,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let return_to = ReturnTo::parse(&fields.next);
    let next = return_to.as_ref().map_or_else(String::new, |to| to.as_str().to_owned());
    let form = RecoveryForm { email: &fields.email, return_to, answer: &fields.altcha };
    let fault = match app.identity.begin_recovery(&view.visit, form, view.language).await {
        Ok(flow) => return Ok(follow(Step::Challenge(Some(flow)))),
        Err(fault) => fault,
    };
    let mut page = recover_page(&app, &view, fields.email, next);
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

fn new_password(app: &App, view: &View, may_keep: bool) -> NewPasswordPage {
    let mut page = view.page(app, view.texts().s("new_password.title"));
    page.meter = Some("/new-password/meter");
    NewPasswordPage { page, action: "/new-password", asks: Asks::NothingElse, may_keep }
}

pub async fn new_password_page(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
) -> Result<Response, Failure> {
    match app.identity.pending(&flow).await {
        Ok(pending) if pending.need == Need::NewPassword => {
            show(&new_password(&app, &view, pending.may_keep_password()), view.language)
        }
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
            let may_keep = app.identity.pending(&flow).await?.may_keep_password();
            let mut page = new_password(&app, &view, may_keep);
            page.page = page.page.misfit(misfit);
            show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(NewPasswordFault::Failed(Error::FlowOver)) => Ok(redirect(&own("/sign-in?done=over"))),
        Err(NewPasswordFault::Failed(error)) => Err(error.into()),
    }
}

pub async fn keep_password(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
    Form(fields): Form<PasswordFields>,
) -> Result<Response, Failure> {
    let t = view.texts();
    let (later, words) = match app.identity.keep_password(&view.visit, &flow, fields.password).await {
        Ok(step) => return Ok(follow(step)),
        Err(ProveFault::Failed(Error::FlowOver)) => return Ok(redirect(&own("/sign-in?done=over"))),
        Err(ProveFault::Wrong { left }) => (None, t.f("challenge.wrong", "left", left)),
        Err(ProveFault::Spent) => (None, t.s("new_password.not_kept")),
        Err(ProveFault::Throttled { seconds }) => {
            let later = Later::too_often(seconds);
            (Some(later), later.words(t))
        }
        Err(ProveFault::Failed(error)) => {
            let later = Later::of(error)?;
            (Some(later), later.words(t))
        }
    };
    let pending = app.identity.pending(&flow).await?;
    if pending.need != Need::NewPassword {
        return Ok(redirect(&own("/challenge")));
    }
    let mut page = new_password(&app, &view, pending.may_keep_password());
    page.page.fault = Some(words);
    match later {
        Some(later) => show_later(&page, view.language, later),
        None => show_again(&page, view.language, StatusCode::FORBIDDEN),
    }
}
