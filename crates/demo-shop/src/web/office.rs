//! The back office: orders, customers, stock, and the customer export.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use crate::shop::{App, Holes, StockChanged};
use crate::store::customers::Message;
use crate::store::office::{self, CustomerRow, OrderRow, StockRow, Totals};
use crate::store::orders;
use crate::web::account::OrderPage;
use crate::web::fail::{Answer, Fail};
use crate::web::form::Posted;
use crate::web::page::{Page, html};
use crate::web::visitor::Visitor;

const PER_PAGE: i64 = 25;
/// The export is one file; a shop of this size has no more.
const EXPORTED: i64 = 10_000;

#[derive(Template)]
#[template(path = "office.html")]
struct OfficePage {
    page: Page,
    totals: Totals,
    orders: Vec<OrderRow>,
    messages: Vec<Message>,
}

pub async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    visitor.admin()?;
    let (totals, orders, messages) = app
        .db
        .read(|db| Ok((office::totals(db)?, office::orders(db, i64::MAX, 8)?, office::messages(db)?)))
        .await?;
    html(&OfficePage { page: Page::new(&app, &visitor, "Back office"), totals, orders, messages })
}

#[derive(Template)]
#[template(path = "office_orders.html")]
struct OrdersPage {
    page: Page,
    orders: Vec<OrderRow>,
    /// Where the next page begins, if there is one.
    next: Option<i64>,
}

pub async fn orders(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    visitor.admin()?;
    let before = query.get("before").and_then(|id| id.parse().ok()).unwrap_or(i64::MAX);
    let orders = app.db.read(move |db| office::orders(db, before, PER_PAGE)).await?;
    let next = orders.last().map(|order| order.id).filter(|id| *id > 1);
    html(&OrdersPage { page: Page::new(&app, &visitor, "All orders"), orders, next })
}

pub async fn order(State(app): State<Arc<App>>, visitor: Visitor, Path(number): Path<String>) -> Answer {
    visitor.admin()?;
    let found = app.db.read(move |db| orders::find_any(db, &number)).await?;
    let (order, lines) = found.ok_or(Fail::Missing)?;
    let page = Page::new(&app, &visitor, format!("Order {}", order.number));
    html(&OrderPage { page, order, lines, thanks: false })
}

#[derive(Template)]
#[template(path = "office_customers.html")]
struct CustomersPage {
    page: Page,
    customers: Vec<CustomerRow>,
    next: Option<i64>,
}

pub async fn customers(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    visitor.admin()?;
    let after = query.get("after").and_then(|id| id.parse().ok()).unwrap_or(0);
    let mut customers = app.db.read(move |db| office::customers(db, after, PER_PAGE + 1)).await?;
    let more = i64::try_from(customers.len()).is_ok_and(|count| count > PER_PAGE);
    if more {
        customers.pop();
    }
    let next = customers.last().map(|customer| customer.id).filter(|_id| more);
    html(&CustomersPage { page: Page::new(&app, &visitor, "Customers"), customers, next })
}

#[derive(Template)]
#[template(path = "office_products.html")]
struct ProductsPage {
    page: Page,
    products: Vec<StockRow>,
}

pub async fn products(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    visitor.admin()?;
    let products = app.db.read(office::stock).await?;
    html(&ProductsPage { page: Page::new(&app, &visitor, "Stock"), products })
}

pub async fn set_stock(State(app): State<Arc<App>>, Path(slug): Path<String>, posted: Posted) -> Answer {
    posted.visitor.admin()?;
    let stock = posted.fields.number("stock", 0..=9_999);
    let stock = stock.ok_or(Fail::Invalid("Stock is a number from 0 to 9999."))?;
    let wanted = slug.clone();
    if !app.db.write(move |tx| office::set_stock(tx, &wanted, stock)).await? {
        return Err(Fail::Missing);
    }
    let _nobody_listens = app.stock.send(StockChanged { slug, stock });
    Ok(Redirect::to("/admin/products").into_response())
}

/// DELIBERATE HOLE 3, missing authorisation (CWE-862): with [`Holes::On`] nobody asks who downloads all customers.
pub async fn export(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    match app.holes {
        Holes::On => {}
        Holes::Off => {
            visitor.admin()?;
        }
    }
    let customers = app.db.read(|db| office::customers(db, 0, EXPORTED)).await?;
    let mut csv = String::from("id,name,email,phone,address,joined,orders\r\n");
    for row in customers {
        let joined = row.joined_at.iso();
        let (id, orders) = (row.id.to_string(), row.orders.to_string());
        let cells = [&id, &row.name, &row.email, &row.phone, &row.address, &joined, &orders];
        csv.push_str(&cells.map(|cell| csv_cell(cell)).join(","));
        csv.push_str("\r\n");
    }
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"customers.csv\""),
    ];
    Ok((headers, csv).into_response())
}

/// RFC 4180 quoting; a leading sign that a spreadsheet would take for a formula is disarmed.
fn csv_cell(text: &str) -> String {
    let sign = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    format!("\"{sign}{}\"", text.replace('"', "\"\""))
}
