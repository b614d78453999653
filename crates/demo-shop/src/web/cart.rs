//! The cart's page and its three forms.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};

use crate::clock::now_s;
use crate::error::Error;
use crate::shop::App;
use crate::store::cart::{self, Cart, MOST};
use crate::store::sessions;
use crate::web::fail::{Answer, Fail};
use crate::web::form::Posted;
use crate::web::page::{Page, html};
use crate::web::visitor::Visitor;

#[derive(Template)]
#[template(path = "cart.html")]
struct CartPage {
    page: Page,
    cart: Cart,
}

pub async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let cart = load(&app, &visitor).await?;
    html(&CartPage { page: Page::new(&app, &visitor, "Your cart"), cart })
}

pub async fn load(app: &App, visitor: &Visitor) -> Result<Cart, Error> {
    let Some(session) = visitor.session.as_ref().map(|session| session.id) else {
        return Ok(Cart::default());
    };
    app.db.read(move |db| cart::load(db, session)).await
}

pub async fn add(State(app): State<Arc<App>>, posted: Posted) -> Answer {
    let slug = posted.fields.line("slug", 80).ok_or(Fail::Missing)?;
    let quantity = quantity(&posted, 1)?;
    put(&app, &posted.visitor, slug, quantity).await?;
    Ok(Redirect::to("/cart").into_response())
}

/// Puts pieces into the visitor's cart, which starts their session if they have none.
pub async fn put(app: &App, visitor: &Visitor, slug: String, quantity: i64) -> Result<(), Fail> {
    let token = visitor.token.clone();
    let added = app
        .db
        .write(move |tx| {
            let session = sessions::find_or_create(tx, &token, now_s())?;
            cart::add(tx, session, &slug, quantity)
        })
        .await?;
    if added { Ok(()) } else { Err(Fail::Missing) }
}

pub async fn update(State(app): State<Arc<App>>, posted: Posted) -> Answer {
    let slug = posted.fields.line("slug", 80).ok_or(Fail::Missing)?;
    let quantity = quantity(&posted, 0)?;
    set(&app, &posted.visitor, slug, quantity).await
}

pub async fn remove(State(app): State<Arc<App>>, posted: Posted) -> Answer {
    let slug = posted.fields.line("slug", 80).ok_or(Fail::Missing)?;
    set(&app, &posted.visitor, slug, 0).await
}

async fn set(app: &App, visitor: &Visitor, slug: String, quantity: i64) -> Answer {
    if let Some(session) = visitor.session.as_ref().map(|session| session.id) {
        app.db.write(move |tx| cart::set(tx, session, &slug, quantity)).await?;
    }
    Ok(Redirect::to("/cart").into_response())
}

fn quantity(posted: &Posted, least: i64) -> Result<i64, Fail> {
    let wanted = posted.fields.number("quantity", least..=MOST);
    wanted.ok_or(Fail::Invalid("Please choose between 1 and 99 pieces."))
}
