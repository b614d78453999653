//! The two JSON endpoints.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use crate::shop::App;
use crate::store::cart::MOST;
use crate::store::catalogue::{self, Filter, Product, Sort};
use crate::web::cart;
use crate::web::fail::Fail;
use crate::web::visitor::Visitor;
use crate::words::Cents;

/// A failure with a JSON body instead of a page.
pub struct ApiFail(Fail);

impl<E: Into<Fail>> From<E> for ApiFail {
    fn from(cause: E) -> Self {
        ApiFail(cause.into())
    }
}

impl IntoResponse for ApiFail {
    fn into_response(self) -> Response {
        let status = self.0.into_response().status();
        let reason = status.canonical_reason().unwrap_or("failed");
        (status, Json(serde_json::json!({ "error": reason }))).into_response()
    }
}

#[derive(Serialize)]
struct ApiProduct {
    slug: String,
    name: String,
    summary: String,
    category: String,
    price_cents: Cents,
    currency: &'static str,
    stock: i64,
    url: String,
    image: String,
}

impl From<Product> for ApiProduct {
    fn from(product: Product) -> Self {
        ApiProduct {
            url: format!("/product/{}", product.slug),
            image: format!("/img/{}.svg", product.slug),
            slug: product.slug,
            name: product.name,
            summary: product.summary,
            category: product.category_slug,
            price_cents: product.price,
            currency: "EUR",
            stock: product.stock,
        }
    }
}

pub async fn products(State(app): State<Arc<App>>) -> Result<Response, ApiFail> {
    let filter = Filter { category: String::new(), in_stock_only: false, max_price: None, sort: Sort::Name };
    let (products, total) = app.db.read(move |db| catalogue::list(db, &filter, 0, 100)).await?;
    let products: Vec<ApiProduct> = products.into_iter().map(ApiProduct::from).collect();
    Ok(Json(serde_json::json!({ "products": products, "total": total })).into_response())
}

#[derive(Serialize)]
struct ApiLine {
    slug: String,
    name: String,
    quantity: i64,
    price_cents: Cents,
    total_cents: Cents,
}

pub async fn cart(State(app): State<Arc<App>>, visitor: Visitor) -> Result<Response, ApiFail> {
    let cart = cart::load(&app, &visitor).await?;
    let (count, total) = (cart.count(), cart.total());
    let line = |line: crate::store::cart::Line| ApiLine {
        total_cents: line.total(),
        slug: line.slug,
        name: line.name,
        quantity: line.quantity,
        price_cents: line.price,
    };
    let lines: Vec<ApiLine> = cart.lines.into_iter().map(line).collect();
    let body = serde_json::json!({
        "lines": lines, "count": count, "total_cents": total, "currency": "EUR"
    });
    Ok(Json(body).into_response())
}

#[derive(Deserialize)]
pub struct ApiAdd {
    slug: String,
    quantity: i64,
}

/// Adds to the cart; the CSRF token comes in the header `x-csrf-token`.
pub async fn add_to_cart(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Result<Json<ApiAdd>, JsonRejection>,
) -> Result<Response, ApiFail> {
    let token = headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
    visitor.check_csrf(token.unwrap_or(""))?;
    let Json(add) = body.map_err(|cause| match cause.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Fail::TooLarge,
        _ => Fail::Invalid("The request could not be read."),
    })?;
    if !(1..=MOST).contains(&add.quantity) {
        return Err(ApiFail(Fail::Invalid("Please choose between 1 and 99 pieces.")));
    }
    cart::put(&app, &visitor, add.slug, add.quantity).await?;
    let had = visitor.session.as_ref().map_or(0, |session| session.cart_count);
    Ok(Json(serde_json::json!({ "count": had + add.quantity })).into_response())
}
