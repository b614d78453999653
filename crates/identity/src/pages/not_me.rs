//! "This wasn't me", from a letter's link and from inside.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Query, redirect};

use super::App;
use super::view::{Page, View, show, with_cookies};
use crate::error::Error;
use crate::gate::own;
use crate::tokens::{FLOW_COOKIE, FlowToken, SESSION_COOKIE};
use crate::verbs::Contained;

#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    t: String,
}

#[derive(Template)]
#[template(path = "not_me.html", askama = storeward_web::askama)]
struct NotMePage {
    page: Page,
    good: bool,
    token: String,
}

/// Shows what the button does. Following the link does nothing: scanners of mail do that.
pub async fn page(State(app): State<App>, view: View, Query(link): Query<Link>) -> Result<Response, Failure> {
    let token = FlowToken::parse(&link.t);
    let good = match &token {
        Some(token) => app.identity.is_not_me_link(token).await?,
        None => false,
    };
    shown(&app, &view, token.filter(|_| good))
}

fn shown(app: &App, view: &View, token: Option<FlowToken>) -> Result<Response, Failure> {
    let page = NotMePage {
        page: view.page(app, view.texts().s("not_me.title")),
        good: token.is_some(),
        token: token.map_or_else(String::new, |token| token.secret().expose().clone()),
    };
    show(&page, view.language)
}

pub async fn act(State(app): State<App>, view: View, Form(link): Form<Link>) -> Result<Response, Failure> {
    let Some(token) = FlowToken::parse(&link.t) else { return shown(&app, &view, None) };
    match app.identity.was_not_me(&view.visit, &token).await {
        Ok(done) => Ok(contained(done)),
        Err(Error::FlowOver) => shown(&app, &view, None),
        Err(error) => Err(error.into()),
    }
}

pub async fn inside(State(app): State<App>, view: View) -> Result<Response, Failure> {
    Ok(contained(app.identity.was_not_me_inside(&view.visit, view.customer()?).await?))
}

fn contained(done: Contained) -> Response {
    let next = match done {
        Contained::Ended => "/sign-in?done=not-me",
        // Whoever added something may have changed the password, too: by the way back the mail decides.
        Contained::TakenOut => "/recover?done=not-me",
    };
    let cookies = [SESSION_COOKIE.clear(), FLOW_COOKIE.clear()].into_iter().flatten().collect();
    with_cookies(redirect(&own(next)), cookies)
}
