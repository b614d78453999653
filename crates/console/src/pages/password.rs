//! You: another password.

use serde::Deserialize;
use storeward_base::Secret;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, assets, redirect};

use super::sign_in::with_session;
use super::view::{View, icons};
use crate::accounts::{Caller, EnrolError, Misfit, PasswordForm};
use crate::app::App;

const HERE: &str = "/you";
const TITLE: &str = "Change your password";

#[derive(Template)]
#[template(path = "password.html", askama = storeward_web::askama)]
struct PasswordPage<'a> {
    csrf: &'a str,
    fault: Option<&'a str>,
    bad: &'a str,
    icons: &'static str,
}

#[derive(Deserialize)]
pub struct Fields {
    current: Secret<String>,
    password: Secret<String>,
    repeated: Secret<String>,
}

fn content<'a>(view: &'a View, misfit: Option<&'a Misfit>) -> PasswordPage<'a> {
    PasswordPage {
        csrf: view.csrf(),
        fault: misfit.map(|misfit| misfit.words.as_ref()),
        bad: misfit.map_or("", |misfit| misfit.field),
        icons: icons(),
    }
}

pub async fn page(view: View) -> Result<Response, Failure> {
    view.with_script(&assets::METER).page(TITLE, HERE, &content(&view, None))
}

pub async fn change(
    State(app): State<App>,
    view: View,
    caller: Caller,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let form = PasswordForm { current: fields.current, password: fields.password, repeated: fields.repeated };
    let (token, staff) = (&view.visitor.token, view.visitor.staff);
    match app.accounts.change_password(token, staff, form, &caller).await {
        Ok(token) => with_session(redirect("/you?done=password"), &token),
        Err(EnrolError::Misfit(misfit)) => {
            view.with_script(&assets::METER).refused(TITLE, HERE, &content(&view, Some(&misfit)))
        }
        Err(EnrolError::Failed(error)) => Err(error.into()),
    }
}
