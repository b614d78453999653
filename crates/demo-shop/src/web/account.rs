//! Signing in, up and out; a customer's own page and orders.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};
use http::StatusCode;

use crate::clock::now_s;
use crate::shop::App;
use crate::store::customers::{self, NewCustomer, Profile};
use crate::store::orders::{self, Order, OrderLine};
use crate::store::sessions;
use crate::web::fail::{Answer, Fail};
use crate::web::form::{Posted, is_email};
use crate::web::page::{Page, html};
use crate::web::visitor::{Visitor, clear_cookie, set_cookie};
use crate::{password, tokens};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    page: Page,
    email: String,
    next: String,
    failed: bool,
}

pub async fn sign_in_form(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let next = own_page(query.get("next").map_or("", String::as_str)).to_owned();
    html(&SignInPage {
        page: Page::new(&app, &visitor, "Sign in"),
        email: String::new(),
        next,
        failed: false,
    })
}

pub async fn sign_in(State(app): State<Arc<App>>, posted: Posted) -> Answer {
    let email = posted.fields.get("email").to_owned();
    let given: String = posted.fields.password().chars().take(200).collect();
    let next = own_page(posted.fields.get("next")).to_owned();
    let wanted = email.clone();
    let known = app.db.read(move |db| customers::sign_in_of(db, &wanted)).await?;
    let (id, hash) = known.map(|known| (known.id, known.password_hash)).unzip();
    let fits = password::fits(given, hash).await?;
    let Some(id) = id.filter(|_id| fits) else {
        let page = Page::new(&app, &posted.visitor, "Sign in");
        let mut answer = html(&SignInPage { page, email, next, failed: true })?;
        *answer.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(answer);
    };
    open_session(&app, &posted.visitor, id, &next).await
}

async fn open_session(app: &App, visitor: &Visitor, customer: i64, next: &str) -> Answer {
    let new_token = tokens::random_token()?;
    let (old, new) = (visitor.token.clone(), new_token.clone());
    app.db.write(move |tx| sessions::sign_in(tx, &old, &new, customer, now_s())).await?;
    let mut answer = Redirect::to(next).into_response();
    set_cookie(&mut answer, &new_token);
    Ok(answer)
}

/// Where to go after signing in: a path of this shop, never another site.
fn own_page(next: &str) -> &str {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_".contains(&byte));
    if is_own { next } else { "/account" }
}

pub async fn sign_out(State(app): State<Arc<App>>, posted: Posted) -> Answer {
    let token = posted.visitor.token.clone();
    app.db.write(move |tx| sessions::sign_out(tx, &token)).await?;
    let mut answer = Redirect::to("/").into_response();
    clear_cookie(&mut answer);
    Ok(answer)
}

#[derive(Template)]
#[template(path = "sign_up.html")]
struct SignUpPage {
    page: Page,
    name: String,
    email: String,
    phone: String,
    error: &'static str,
}

pub async fn sign_up_form(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let page = Page::new(&app, &visitor, "Create an account");
    html(&SignUpPage { page, name: String::new(), email: String::new(), phone: String::new(), error: "" })
}

pub async fn sign_up(State(app): State<Arc<App>>, posted: Posted) -> Answer {
    let (new, given) = match new_customer(&posted) {
        Ok(new) => new,
        Err(error) => return sign_up_again(&app, &posted, error),
    };
    let password_hash = password::hash(given).await?;
    let new = NewCustomer { password_hash, ..new };
    match app.db.write(move |tx| customers::add(tx, &new, now_s())).await? {
        Some(id) => open_session(&app, &posted.visitor, id, "/account").await,
        None => sign_up_again(&app, &posted, "There is an account with this e-mail address already."),
    }
}

fn new_customer(posted: &Posted) -> Result<(NewCustomer, String), &'static str> {
    let fields = &posted.fields;
    let name = fields.line("name", 80).ok_or("Please tell us your name.")?;
    let email = fields.line("email", 200).filter(|email| is_email(email));
    let email = email.ok_or("Please enter an e-mail address such as name@example.com.")?;
    let given = fields.password();
    if !(10..=200).contains(&given.chars().count()) {
        return Err("Please choose a password of at least ten characters.");
    }
    let phone = fields.line("phone", 40).unwrap_or_default();
    Ok((NewCustomer { email, name, phone, password_hash: String::new() }, given.to_owned()))
}

fn sign_up_again(app: &App, posted: &Posted, error: &'static str) -> Answer {
    let kept = |name: &str| posted.fields.get(name).chars().take(200).collect();
    let page = Page::new(app, &posted.visitor, "Create an account");
    let form = SignUpPage { page, name: kept("name"), email: kept("email"), phone: kept("phone"), error };
    let mut answer = html(&form)?;
    *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(answer)
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    page: Page,
    profile: Profile,
    orders: Vec<Order>,
}

pub async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let customer = visitor.signed_in("/account")?.id;
    let (profile, mut orders) = app
        .db
        .read(move |db| Ok((customers::profile(db, customer)?, orders::of_customer(db, customer)?)))
        .await?;
    orders.truncate(3);
    html(&AccountPage { page: Page::new(&app, &visitor, "Your account"), profile, orders })
}

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersPage {
    page: Page,
    orders: Vec<Order>,
}

pub async fn orders(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let customer = visitor.signed_in("/account/orders")?.id;
    let orders = app.db.read(move |db| orders::of_customer(db, customer)).await?;
    html(&OrdersPage { page: Page::new(&app, &visitor, "Your orders"), orders })
}

#[derive(Template)]
#[template(path = "order.html")]
pub struct OrderPage {
    pub page: Page,
    pub order: Order,
    pub lines: Vec<OrderLine>,
    pub thanks: bool,
}

pub async fn order(State(app): State<Arc<App>>, visitor: Visitor, Path(number): Path<String>) -> Answer {
    let (order, lines) = own_order(&app, &visitor, number).await?;
    let page = Page::new(&app, &visitor, format!("Order {}", order.number));
    html(&OrderPage { page, order, lines, thanks: false })
}

/// Another customer's order does not exist as far as this one can tell.
pub async fn own_order(
    app: &App,
    visitor: &Visitor,
    number: String,
) -> Result<(Order, Vec<OrderLine>), Fail> {
    let customer = visitor.signed_in("/account/orders")?.id;
    let found = app.db.read(move |db| orders::find(db, customer, &number)).await?;
    found.ok_or(Fail::Missing)
}
