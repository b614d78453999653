//! Every factor is lost: the waiting time, stopping it, and the new factor at its end.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::Extension;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::{HeaderValue, StatusCode, header};
use storeward_web::{Failure, Form, Query, redirect};

use super::App;
use super::factors::ShownSeed;
use super::message::MessagePage;
use super::view::{Page, View, follow, show, show_again, with_cookies};
use crate::error::Error;
use crate::gate::own;
use crate::tokens::{FLOW_COOKIE, FlowToken};
use crate::verbs::{EnrolFault, Need, Stops, WaitFault};

#[derive(Template)]
#[template(path = "new_factor.html", askama = storeward_web::askama)]
struct NewFactorPage {
    page: Page,
    seed: Option<ShownSeed>,
}

#[derive(Template)]
#[template(path = "stop_wait.html", askama = storeward_web::askama)]
struct StopPage {
    page: Page,
    words: String,
    token: String,
}

#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    t: String,
}

#[derive(Deserialize)]
pub struct CodeFields {
    code: String,
}

#[derive(Deserialize)]
pub struct PasskeyFields {
    credential: String,
}

fn over() -> Response {
    with_cookies(redirect(&own("/sign-in?done=over")), FLOW_COOKIE.clear().into_iter().collect())
}

/// A page that says one thing.
fn say(app: &App, view: &View, title: String, words: String) -> Result<Response, Failure> {
    let button = view.texts().s("failure.home");
    let page = view.page(app, title);
    let href = page.home.clone();
    let message = MessagePage { page, words, href, button, code: String::new() };
    show(&message, view.language)
}

/// "I have lost all of these": the waiting time begins.
pub async fn begin(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
) -> Result<Response, Failure> {
    let t = view.texts();
    match app.identity.begin_wait(&view.visit, &flow).await {
        Ok(ends) => {
            let page = say(
                &app,
                &view,
                t.s("lost.begun_title"),
                t.f("lost.begun", "ends", ends.in_words(view.language)),
            )?;
            Ok(with_cookies(page, FLOW_COOKIE.clear().into_iter().collect()))
        }
        Err(WaitFault::StoppedLately) => say(&app, &view, t.s("lost.title"), t.s("lost.stopped_lately")),
        Err(WaitFault::Failed(Error::FlowOver)) => Ok(over()),
        Err(WaitFault::Failed(error)) => Err(error.into()),
    }
}

/// Shows what the button does. Following the link does nothing: scanners of mail do that.
pub async fn stop_page(
    State(app): State<App>,
    view: View,
    Query(link): Query<Link>,
) -> Result<Response, Failure> {
    let Some(token) = FlowToken::parse(&link.t) else { return spent(&app, &view) };
    let t = view.texts();
    let (title, words) = match app.identity.stop_link(&token).await? {
        None => return spent(&app, &view),
        Some(Stops::Wait) => (t.s("lost.stop_title"), t.s("lost.stop")),
        Some(Stops::Mailbox) => (t.s("lost.mailbox_title"), t.s("lost.mailbox")),
    };
    let page = view.page(&app, title);
    show(&StopPage { page, words, token: token.secret().expose().clone() }, view.language)
}

fn spent(app: &App, view: &View) -> Result<Response, Failure> {
    let t = view.texts();
    say(app, view, t.s("lost.stop_title"), t.s("lost.stop_spent"))
}

pub async fn stop(State(app): State<App>, view: View, Form(link): Form<Link>) -> Result<Response, Failure> {
    let Some(token) = FlowToken::parse(&link.t) else { return spent(&app, &view) };
    match app.identity.stop_wait(&token).await {
        Ok(()) => {
            let t = view.texts();
            say(&app, &view, t.s("lost.stop_title"), t.s("lost.stopped"))
        }
        Err(Error::FlowOver) => spent(&app, &view),
        Err(error) => Err(error.into()),
    }
}

pub async fn stop_inside(State(app): State<App>, view: View) -> Result<Response, Failure> {
    app.identity.stop_wait_inside(view.customer()?).await?;
    Ok(redirect(&own("/account?done=stopped")))
}

fn new_factor(app: &App, view: &View, seed: Option<ShownSeed>) -> NewFactorPage {
    let mut page = view.page(app, view.texts().s("lost.new_title"));
    page.script = true;
    NewFactorPage { page, seed }
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
) -> Result<Response, Failure> {
    match app.identity.pending(&flow).await {
        Ok(pending) if pending.need == Need::NewFactor => show(&new_factor(&app, &view, None), view.language),
        Ok(_) => Ok(redirect(&own("/challenge"))),
        Err(Error::FlowOver) => Ok(over()),
        Err(error) => Err(error.into()),
    }
}

pub async fn begin_totp(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
) -> Result<Response, Failure> {
    match app.identity.begin_new_totp(&flow).await {
        Ok(seed) => show(&new_factor(&app, &view, Some(ShownSeed::of(&seed))), view.language),
        Err(fault) => elsewhere(fault),
    }
}

/// What is no misfit of a form.
fn elsewhere(fault: EnrolFault) -> Result<Response, Failure> {
    match fault {
        EnrolFault::Failed(Error::FlowOver) | EnrolFault::StepUpFirst => Ok(over()),
        EnrolFault::Failed(error) => Err(error.into()),
        EnrolFault::Misfit(_) => Ok(redirect(&own("/new-factor"))),
    }
}

pub async fn confirm_totp(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
    Form(fields): Form<CodeFields>,
) -> Result<Response, Failure> {
    match app.identity.confirm_new_totp(&view.visit, &flow, &fields.code).await {
        Ok(step) => Ok(follow(step)),
        Err(EnrolFault::Misfit(misfit)) => {
            let seed = app.identity.pending_new_totp(&flow).await.ok();
            let mut page = new_factor(&app, &view, seed.as_ref().map(ShownSeed::of));
            page.page = page.page.misfit(misfit);
            show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(fault) => elsewhere(fault),
    }
}

pub async fn passkey_options(
    State(app): State<App>,
    Extension(flow): Extension<FlowToken>,
) -> Result<Response, Failure> {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((json, app.identity.new_passkey_options(&flow).await?).into_response())
}

pub async fn confirm_passkey(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
    Form(fields): Form<PasskeyFields>,
) -> Result<Response, Failure> {
    match app.identity.confirm_new_passkey(&view.visit, &flow, &fields.credential).await {
        Ok(step) => Ok(follow(step)),
        Err(EnrolFault::Misfit(misfit)) => {
            let mut page = new_factor(&app, &view, None);
            page.page = page.page.misfit(misfit);
            show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(fault) => elsewhere(fault),
    }
}
