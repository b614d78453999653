//! Checkout: address, delivery, a pretended payment, and the order that comes of it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use http::StatusCode;

use crate::clock::now_s;
use crate::shop::App;
use crate::store::addresses::{self, Address};
use crate::store::cart::Cart;
use crate::store::orders::{self, NewOrder, Placed};
use crate::web::account::{OrderPage, own_order};
use crate::web::fail::{Answer, Fail};
use crate::web::form::{Fields, Posted};
use crate::web::page::{Page, html};
use crate::web::visitor::Visitor;
use crate::web::{addresses as book, cart};
use crate::words::Cents;

pub struct Delivery {
    pub code: &'static str,
    pub name: &'static str,
    pub wait: &'static str,
    pub price: Cents,
}

const DELIVERIES: [Delivery; 3] = [
    Delivery { code: "standard", name: "Standard delivery", wait: "3 to 5 working days", price: Cents(490) },
    Delivery { code: "express", name: "Express delivery", wait: "next working day", price: Cents(990) },
    Delivery { code: "pick-up", name: "Pick up at the workshop", wait: "from tomorrow", price: Cents(0) },
];

/// The numbers that card networks and payment services publish for testing. No other number is accepted, so that
/// nobody can leave a real one here.
const TEST_CARDS: [&str; 4] = ["4242424242424242", "4111111111111111", "5555555555554444", "378282246310005"];

/// How an order is marked that is paid at a page elsewhere.
pub const ONLINE: &str = "Online";

#[derive(Template)]
#[template(path = "checkout.html")]
struct CheckoutPage {
    page: Page,
    cart: Cart,
    addresses: Vec<Address>,
    deliveries: &'static [Delivery],
    /// Chosen address id, or `new`.
    chosen: String,
    address: Address,
    delivery: String,
    payment: String,
    is_online: bool,
    error: &'static str,
}

pub async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    form(&app, &visitor, None, "").await
}

async fn form(app: &App, visitor: &Visitor, typed: Option<&Fields>, error: &'static str) -> Answer {
    let customer = visitor.signed_in("/checkout")?.id;
    let cart = cart::load(app, visitor).await?;
    if cart.lines.is_empty() {
        return Ok(Redirect::to("/cart").into_response());
    }
    let addresses = app.db.read(move |db| addresses::list(db, customer)).await?;
    let first = addresses.first().map_or_else(|| "new".to_owned(), |address| address.id.to_string());
    let chosen = |name: &str, otherwise: &str| {
        let value = typed.map_or("", |fields| fields.get(name));
        if value.is_empty() { otherwise.to_owned() } else { value.to_owned() }
    };
    let checkout = CheckoutPage {
        page: Page::new(app, visitor, "Checkout"),
        cart,
        addresses,
        deliveries: &DELIVERIES,
        chosen: chosen("address", &first),
        address: typed.map(book::typed).unwrap_or_default(),
        delivery: chosen("delivery", "standard"),
        payment: chosen("payment", "invoice"),
        is_online: app.pay.is_some(),
        error,
    };
    let mut answer = html(&checkout)?;
    if !error.is_empty() {
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(answer)
}

pub async fn place(State(app): State<Arc<App>>, posted: Posted) -> Answer {
    let visitor = &posted.visitor;
    let customer = visitor.signed_in("/checkout")?.id;
    let Some(session) = visitor.session.as_ref().map(|session| session.id) else {
        return Ok(Redirect::to("/cart").into_response());
    };
    let Some(address) = address(&app, customer, &posted.fields).await? else {
        return form(&app, visitor, Some(&posted.fields), book::INCOMPLETE).await;
    };
    let delivery = DELIVERIES.iter().find(|delivery| delivery.code == posted.fields.get("delivery"));
    let Some(delivery) = delivery else {
        return form(&app, visitor, Some(&posted.fields), "Please choose how we should deliver.").await;
    };
    let (payment, card_last4) = match pay(&app, &posted.fields) {
        Ok(paid) => paid,
        Err(error) => return form(&app, visitor, Some(&posted.fields), error).await,
    };
    let new = NewOrder {
        customer,
        session,
        address,
        delivery: delivery.name.to_owned(),
        delivery_price: delivery.price,
        payment: payment.to_owned(),
        card_last4,
        awaits_payment: payment == ONLINE,
    };
    match app.db.write(move |tx| orders::place(tx, &new, now_s())).await? {
        Placed::Order { number, stock } => {
            for change in stock {
                let _nobody_listens = app.stock.send(change);
            }
            let to = match (app.pay.is_some(), payment) {
                (true, ONLINE) => format!("/checkout/pay/{number}"),
                _ => format!("/checkout/done/{number}"),
            };
            Ok(Redirect::to(&to).into_response())
        }
        Placed::EmptyCart | Placed::OutOfStock => Ok(Redirect::to("/cart").into_response()),
    }
}

async fn address(app: &App, customer: i64, fields: &Fields) -> Result<Option<Address>, Fail> {
    match fields.get("address").parse::<i64>() {
        Ok(id) => Ok(app.db.read(move |db| addresses::find(db, customer, id)).await?),
        Err(_not_a_saved_one) => Ok(book::read(fields)),
    }
}

/// How the order is paid, and the last four digits of a card: all of it that is kept.
fn pay(app: &App, fields: &Fields) -> Result<(&'static str, Option<String>), &'static str> {
    match fields.get("payment") {
        "invoice" => Ok(("Invoice", None)),
        "cash" => Ok(("Cash on delivery", None)),
        "online" if app.pay.is_some() => Ok((ONLINE, None)),
        "card" => pay_by_card(fields).map(|last4| ("Card", Some(last4))),
        _ => Err("Please choose how you would like to pay."),
    }
}

fn pay_by_card(fields: &Fields) -> Result<String, &'static str> {
    let number: String = fields.get("card_number").chars().filter(|sign| !" -".contains(*sign)).collect();
    if !TEST_CARDS.contains(&number.as_str()) {
        return Err("The card was declined. This shop takes test cards only, such as 4242 4242 4242 4242.");
    }
    let code = fields.get("card_cvc");
    let code_fits = (3..=4).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
    let filled = fields.line("card_name", 80).is_some() && fields.line("card_expiry", 7).is_some();
    if !(code_fits && filled) {
        return Err("Please fill in the name on the card, its expiry date and its security code.");
    }
    Ok(number.chars().skip(number.len() - 4).collect())
}

pub async fn done(State(app): State<Arc<App>>, visitor: Visitor, Path(number): Path<String>) -> Answer {
    let (order, lines) = own_order(&app, &visitor, number).await?;
    html(&OrderPage { page: Page::new(&app, &visitor, "Thank you"), order, lines, thanks: true })
}
