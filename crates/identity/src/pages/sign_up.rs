//! Opening an account.

use serde::Deserialize;
use storeward_base::Secret;
use storeward_puzzle::Purpose;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::http::StatusCode;
use storeward_web::{Failure, Form, Query};

use super::App;
use super::view::{Later, Page, View, follow, show, show_again, show_later};
use crate::state::ReturnTo;
use crate::verbs::{SignUpFault, SignUpForm, Step};

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct Fields {
    email: String,
    #[serde(default)]
    name: String,
    password: Secret<String>,
    #[serde(default)]
    next: String,
    #[serde(default)]
    altcha: String,
}

#[derive(Template)]
#[template(path = "sign_up.html", askama = storeward_web::askama)]
struct SignUpPage {
    page: Page,
    email: String,
    name: String,
    next: String,
}

fn sign_up_page(app: &App, view: &View) -> SignUpPage {
    let title = view.texts().f("sign_up.title", "shop", app.identity.0.shop_name());
    let mut page = view.page(app, title);
    page.meter = Some("/password-meter");
    SignUpPage { page, email: String::new(), name: String::new(), next: String::new() }
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let mut page = sign_up_page(&app, &view);
    page.next = ReturnTo::parse(&asked.next).map_or_else(String::new, String::from);
    page.page.puzzle = app.identity.puzzle(Purpose::SignUp, &view.visit, "");
    show(&page, view.language)
}

pub async fn sign_up(
    State(app): State<App>,
    view: View,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let return_to = ReturnTo::parse(&fields.next);
    let form = SignUpForm {
        email: fields.email.clone(),
        name: fields.name.clone(),
        password: fields.password,
        language: view.language,
        return_to: return_to.clone(),
        answer: fields.altcha,
    };
    let fault = match app.identity.sign_up(&view.visit, form).await {
        Ok(flow) => return Ok(follow(Step::Challenge(Some(flow)))),
        Err(fault) => fault,
    };
    let mut page = sign_up_page(&app, &view);
    page.email = fields.email;
    page.name = fields.name;
    page.next = return_to.map_or_else(String::new, String::from);
    page.page.puzzle = app.identity.puzzle(Purpose::SignUp, &view.visit, &page.email);
    let later = match fault {
        SignUpFault::Misfit(misfit) => {
            page.page = page.page.misfit(misfit);
            return show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY);
        }
        SignUpFault::Throttled { seconds } => Later::too_often(seconds),
        SignUpFault::Failed(error) => Later::of(error)?,
    };
    page.page.puzzle = Some(app.identity.puzzle_now(Purpose::SignUp, &view.visit, &page.email));
    page.page.fault = Some(later.words(view.texts()));
    show_later(&page, view.language, later)
}
