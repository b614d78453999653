//! Signing in and out.

use serde::Deserialize;
use storeward_base::Secret;
use storeward_puzzle::Purpose;
use storeward_web::askama::Template;
use storeward_web::axum::Json;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::{StatusCode, header};
use storeward_web::{Failure, Form, Query, redirect};

use super::App;
use super::view::{Later, Page, View, follow, show, show_again, show_later, with_cookies};
use crate::error::Error;
use crate::gate::{flow_cookie, own};
use crate::state::ReturnTo;
use crate::tokens::{FLOW_COOKIE, SESSION_COOKIE};
use crate::verbs::current::encode;
use crate::verbs::{PasskeyAnswer, SignInFault, SignInForm};

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    next: String,
    #[serde(default)]
    done: String,
    /// The address to begin with, as whoever sent the person here believes it to be.
    #[serde(default)]
    hint: String,
}

#[derive(Deserialize)]
pub struct Fields {
    email: String,
    password: Secret<String>,
    #[serde(default)]
    next: String,
    #[serde(default)]
    altcha: String,
}

#[derive(Deserialize)]
pub struct PasskeyFields {
    credential: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct OptionsFields {
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "sign_in.html", askama = storeward_web::askama)]
struct SignInPage {
    page: Page,
    email: String,
    next: String,
    next_encoded: String,
    /// Whether a code to the address is offered: after every refusal alike, whatever its reason.
    by_mail: bool,
    /// Behind the shield: where whoever has the shop's own password signs in.
    at_shop: Option<String>,
}

fn sign_in_page(app: &App, view: &View, next: &str, email: &str, puzzle: Option<String>) -> SignInPage {
    let t = view.texts();
    let mut page = view.page(app, t.f("sign_in.title", "shop", app.identity.0.shop_name()));
    page.script = true;
    page.puzzle = puzzle;
    let next = ReturnTo::parse(next).map_or_else(String::new, String::from);
    SignInPage {
        page,
        email: email.to_owned(),
        next_encoded: encode(&next),
        next,
        by_mail: false,
        at_shop: app.identity.0.shop_sign_in(),
    }
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    // Of a form that was sent twice the first signed in, and the second finds that over.
    if asked.done == "over"
        && let Some(token) = &view.visit.session
        && app.identity.current(token).await?.is_some()
    {
        return Ok(redirect(&own("/account")));
    }
    let hint: String = asked.hint.chars().take(254).collect();
    let puzzle = app.identity.puzzle(Purpose::SignIn, &view.visit, &hint);
    let mut page = sign_in_page(&app, &view, &asked.next, &hint, puzzle);
    let t = view.texts();
    page.page.notice = match asked.done.as_str() {
        "out" => Some(t.s("sign_in.done_out")),
        "over" => Some(t.s("sign_in.done_over")),
        "closed" => Some(t.s("sign_in.done_closed")),
        "erased" => Some(t.s("sign_in.done_erased")),
        "password" => Some(t.s("sign_in.done_password")),
        "factor" => Some(t.s("sign_in.done_factor")),
        "not-me" => Some(t.s("sign_in.done_not_me")),
        _ => None,
    };
    show(&page, view.language)
}

pub async fn sign_in(
    State(app): State<App>,
    view: View,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let form = SignInForm {
        email: fields.email.clone(),
        password: fields.password,
        return_to: ReturnTo::parse(&fields.next),
        answer: fields.altcha,
    };
    let fault = match app.identity.sign_in(&view.visit, form).await {
        Ok(step) => return Ok(follow(step)),
        Err(fault) => fault,
    };
    refused(&app, &view, &fields.next, &fields.email, fault, "sign_in.refused")
}

fn refused(
    app: &App,
    view: &View,
    next: &str,
    email: &str,
    fault: SignInFault,
    refusal: &'static str,
) -> Result<Response, Failure> {
    let t = view.texts();
    let later = match fault {
        SignInFault::Refused | SignInFault::Failed(Error::FlowOver) => None,
        SignInFault::Throttled { seconds } => Some(Later::too_often(seconds)),
        SignInFault::Failed(error) => Some(Later::of(error)?),
    };
    let puzzle = match later {
        Some(_) => Some(app.identity.puzzle_now(Purpose::SignIn, &view.visit, email)),
        None => app.identity.puzzle(Purpose::SignIn, &view.visit, email),
    };
    let mut page = sign_in_page(app, view, next, email, puzzle);
    page.by_mail = later.is_none() && !email.is_empty();
    page.page.fault = Some(later.map_or_else(|| t.s(refusal), |later| later.words(t)));
    match later {
        Some(later) => show_later(&page, view.language, later),
        None => show_again(&page, view.language, StatusCode::FORBIDDEN),
    }
}

/// A challenge for the browser's passkeys; the script asks for it when the page is open.
pub async fn passkey_options(
    State(app): State<App>,
    view: View,
    Form(fields): Form<OptionsFields>,
) -> Result<Response, Failure> {
    let begun = app.identity.begin_passkey_sign_in(&view.visit, ReturnTo::parse(&fields.next)).await;
    match begun {
        Ok((flow, options)) => {
            let cookies = flow_cookie(&flow).into_iter().collect();
            Ok(with_cookies(Json(options).into_response(), cookies))
        }
        Err(SignInFault::Throttled { seconds }) => Err(Failure::too_many("identity.passkeys", seconds)),
        Err(SignInFault::Refused) => Err(Failure::denied("identity.passkeys", "No passkey can be used now.")),
        Err(SignInFault::Failed(error)) => Err(error.into()),
    }
}

pub async fn passkey(
    State(app): State<App>,
    view: View,
    Form(fields): Form<PasskeyFields>,
) -> Result<Response, Failure> {
    let answer = PasskeyAnswer::parse(&fields.credential);
    let fault = match (answer, &view.visit.flow) {
        (Some(answer), Some(flow)) => {
            match app.identity.sign_in_with_passkey(&view.visit, flow, answer).await {
                Ok(step) => return Ok(follow(step)),
                Err(fault) => fault,
            }
        }
        _ => SignInFault::Refused,
    };
    refused(&app, &view, &fields.next, "", fault, "sign_in.passkey_refused")
}

pub async fn sign_out(State(app): State<App>, view: View) -> Result<Response, Failure> {
    if let Some(token) = &view.visit.session {
        app.identity.sign_out(token, view.customer()?).await?;
    }
    Ok(signed_out("out"))
}

/// To the page that says so, without the cookies of whoever was signed in.
pub(super) fn signed_out(done: &str) -> Response {
    let cookies = [SESSION_COOKIE.clear(), FLOW_COOKIE.clear()].into_iter().flatten().collect();
    let mut response = with_cookies(redirect(&own(&format!("/sign-in?done={done}"))), cookies);
    // The browser forgets what it kept of the pages, also for its back button (ASVS 5.0 14.3.1).
    let forget = storeward_web::http::HeaderValue::from_static("\"cache\"");
    response.headers_mut().insert(header::HeaderName::from_static("clear-site-data"), forget);
    response
}
