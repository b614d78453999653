//! The page behind the link of a letter that leads to a new password.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Query};

use super::App;
use super::view::{Page, View, follow, show};
use crate::error::Error;
use crate::tokens::FlowToken;

#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    t: String,
}

#[derive(Template)]
#[template(path = "recover_link.html", askama = storeward_web::askama)]
struct LinkPage {
    page: Page,
    good: bool,
    token: String,
}

/// Shows what the button does. Following the link does nothing: scanners of mail do that.
pub async fn page(State(app): State<App>, view: View, Query(link): Query<Link>) -> Result<Response, Failure> {
    let token = FlowToken::parse(&link.t);
    let good = match &token {
        Some(token) => app.identity.is_password_link(token).await?,
        None => false,
    };
    shown(&app, &view, token.filter(|_| good))
}

fn shown(app: &App, view: &View, token: Option<FlowToken>) -> Result<Response, Failure> {
    let page = LinkPage {
        page: view.page(app, view.texts().s("recover.title")),
        good: token.is_some(),
        token: token.map_or_else(String::new, |token| token.secret().expose().clone()),
    };
    show(&page, view.language)
}

pub async fn act(State(app): State<App>, view: View, Form(link): Form<Link>) -> Result<Response, Failure> {
    let Some(token) = FlowToken::parse(&link.t) else { return shown(&app, &view, None) };
    match app.identity.follow_password_link(&token).await {
        Ok(step) => Ok(follow(step)),
        Err(Error::FlowOver) => shown(&app, &view, None),
        Err(error) => Err(error.into()),
    }
}
