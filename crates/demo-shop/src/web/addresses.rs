//! The address book.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use http::StatusCode;

use crate::shop::App;
use crate::store::addresses::{self, Address};
use crate::web::fail::{Answer, Fail};
use crate::web::form::{Fields, Posted};
use crate::web::page::{Page, html};
use crate::web::visitor::Visitor;

const BOOK: &str = "/account/addresses";
pub const INCOMPLETE: &str = "Please fill in name, street, postcode, town and country.";

#[derive(Template)]
#[template(path = "addresses.html")]
struct BookPage {
    page: Page,
    addresses: Vec<Address>,
    address: Address,
    error: &'static str,
}

#[derive(Template)]
#[template(path = "address.html")]
struct EditPage {
    page: Page,
    address: Address,
    error: &'static str,
}

pub async fn list(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    book(&app, &visitor, Address::default(), "").await
}

async fn book(app: &App, visitor: &Visitor, address: Address, error: &'static str) -> Answer {
    let customer = visitor.signed_in(BOOK)?.id;
    let addresses = app.db.read(move |db| addresses::list(db, customer)).await?;
    let mut answer =
        html(&BookPage { page: Page::new(app, visitor, "Your addresses"), addresses, address, error })?;
    if !error.is_empty() {
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(answer)
}

pub async fn add(State(app): State<Arc<App>>, posted: Posted) -> Answer {
    let customer = posted.visitor.signed_in(BOOK)?.id;
    let Some(new) = read(&posted.fields) else {
        return book(&app, &posted.visitor, typed(&posted.fields), INCOMPLETE).await;
    };
    if !app.db.write(move |tx| addresses::add(tx, customer, &new)).await? {
        let full = "Your address book is full. Please delete an address first.";
        return book(&app, &posted.visitor, typed(&posted.fields), full).await;
    }
    Ok(Redirect::to(BOOK).into_response())
}

pub async fn edit(State(app): State<Arc<App>>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let customer = visitor.signed_in(BOOK)?.id;
    let id: i64 = id.parse().map_err(|_no_number| Fail::Missing)?;
    let found = app.db.read(move |db| addresses::find(db, customer, id)).await?;
    let address = found.ok_or(Fail::Missing)?;
    html(&EditPage { page: Page::new(&app, &visitor, "Change address"), address, error: "" })
}

pub async fn change(State(app): State<Arc<App>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let customer = posted.visitor.signed_in(BOOK)?.id;
    let id: i64 = id.parse().map_err(|_no_number| Fail::Missing)?;
    let Some(new) = read(&posted.fields) else {
        let address = Address { id, ..typed(&posted.fields) };
        let page = Page::new(&app, &posted.visitor, "Change address");
        let mut answer = html(&EditPage { page, address, error: INCOMPLETE })?;
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(answer);
    };
    let new = Address { id, ..new };
    if !app.db.write(move |tx| addresses::change(tx, customer, &new)).await? {
        return Err(Fail::Missing);
    }
    Ok(Redirect::to(BOOK).into_response())
}

pub async fn delete(State(app): State<Arc<App>>, Path(id): Path<String>, posted: Posted) -> Answer {
    let customer = posted.visitor.signed_in(BOOK)?.id;
    let id: i64 = id.parse().map_err(|_no_number| Fail::Missing)?;
    if !app.db.write(move |tx| addresses::delete(tx, customer, id)).await? {
        return Err(Fail::Missing);
    }
    Ok(Redirect::to(BOOK).into_response())
}

/// The address in a form, if it is complete.
pub fn read(fields: &Fields) -> Option<Address> {
    Some(Address {
        id: 0,
        recipient: fields.line("recipient", 80)?,
        street: fields.line("street", 120)?,
        city: fields.line("city", 80)?,
        postcode: fields.line("postcode", 20)?,
        country: fields.line("country", 60)?,
        phone: fields.line("phone", 40).unwrap_or_default(),
    })
}

/// What was typed, right or wrong, to be shown again.
pub fn typed(fields: &Fields) -> Address {
    let kept = |name: &str| fields.get(name).chars().take(200).collect();
    Address {
        id: 0,
        recipient: kept("recipient"),
        street: kept("street"),
        city: kept("city"),
        postcode: kept("postcode"),
        country: kept("country"),
        phone: kept("phone"),
    }
}
