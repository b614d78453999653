//! "This wasn't me", from a letter's link and from inside.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Query, redirect};

use super::view::{Page, View, show, with_cookies};
use super::{App, change};
use crate::error::Error;
use crate::gate::own;
use crate::tokens::{FLOW_COOKIE, FlowToken, SESSION_COOKIE};
use crate::verbs::Contained;

#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    t: String,
    /// "shop": it is done, and the password is the shop's own.
    #[serde(default)]
    done: String,
}

#[derive(Template)]
#[template(path = "not_me.html", askama = storeward_web::askama)]
struct NotMePage {
    page: Page,
    good: bool,
    /// Whether the account's password is the shop's own.
    of_shop: bool,
    token: String,
}

/// A link that still does something.
struct Good {
    token: FlowToken,
    of_shop: bool,
}

/// Shows what the button does. Following the link does nothing: scanners of mail do that.
pub async fn page(State(app): State<App>, view: View, Query(link): Query<Link>) -> Result<Response, Failure> {
    if link.done == "shop" {
        let t = view.texts();
        return change::at_shop(&app, &view, t.s("not_me.title"), t.s("not_me.done_shop"));
    }
    let good = match FlowToken::parse(&link.t) {
        Some(token) if app.identity.is_not_me_link(&token).await? => {
            Some(Good { of_shop: app.identity.is_link_of_shop(&token).await?, token })
        }
        Some(_) | None => None,
    };
    shown(&app, &view, good)
}

fn shown(app: &App, view: &View, good: Option<Good>) -> Result<Response, Failure> {
    let page = NotMePage {
        page: view.page(app, view.texts().s("not_me.title")),
        good: good.is_some(),
        of_shop: good.as_ref().is_some_and(|good| good.of_shop),
        token: good.map_or_else(String::new, |good| good.token.secret().expose().clone()),
    };
    show(&page, view.language)
}

pub async fn act(State(app): State<App>, view: View, Form(link): Form<Link>) -> Result<Response, Failure> {
    let Some(token) = FlowToken::parse(&link.t) else { return shown(&app, &view, None) };
    let of_shop = app.identity.is_link_of_shop(&token).await?;
    match app.identity.was_not_me(&view.visit, &token).await {
        Ok(done) => Ok(contained(done, of_shop)),
        Err(Error::FlowOver) => shown(&app, &view, None),
        Err(error) => Err(error.into()),
    }
}

pub async fn inside(State(app): State<App>, view: View) -> Result<Response, Failure> {
    let of_shop = app.identity.is_password_of_shop(view.customer()?.customer).await?;
    let done = app.identity.was_not_me_inside(&view.visit, view.customer()?).await?;
    Ok(contained(done, of_shop))
}

/// On to where a new password is chosen: here, or at the shop, whose own it is.
fn contained(done: Contained, of_shop: bool) -> Response {
    let next = match done {
        _ if of_shop => "/not-me?done=shop",
        Contained::Ended => "/sign-in?done=not-me",
        // Whoever added something may have changed the password, too: by the way back the mail decides.
        Contained::TakenOut => "/recover?done=not-me",
    };
    let cookies = [SESSION_COOKIE.clear(), FLOW_COOKIE.clear()].into_iter().flatten().collect();
    with_cookies(redirect(&own(next)), cookies)
}
