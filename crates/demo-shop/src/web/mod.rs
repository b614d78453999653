//! The shop's pages: which address is answered by what, and what all answers share.

mod account;
mod addresses;
mod api;
mod cart;
mod catalogue;
mod checkout;
mod contact;
mod events;
mod fail;
mod files;
mod form;
mod office;
mod page;
mod pay;
mod picture;
mod visitor;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use http::HeaderValue;
use http::header::{HeaderName, SERVER};

use crate::shop::App;
use fail::Fail;

const FORM_LIMIT: usize = 64 * 1024;

pub fn router(app: Arc<App>) -> Router {
    pages()
        .layer(from_fn_with_state(Arc::clone(&app), visitor::recognise))
        .merge(files::routes())
        .route("/payments/news", post(pay::news))
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(from_fn(banners))
        .with_state(app)
}

fn pages() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(catalogue::home))
        .route("/category/{slug}", get(catalogue::category))
        .route("/product/{slug}", get(catalogue::product))
        .route("/product/{slug}/reviews", post(catalogue::review))
        .route("/search", get(catalogue::search))
        .route("/cart", get(cart::show))
        .route("/cart/add", post(cart::add))
        .route("/cart/update", post(cart::update))
        .route("/cart/remove", post(cart::remove))
        .route("/checkout", get(checkout::show).post(checkout::place))
        .route("/checkout/done/{number}", get(checkout::done))
        .route("/checkout/pay/{number}", get(pay::again))
        .route("/contact", get(contact::show).post(contact::send))
        .route("/events", get(events::listen))
        .route("/api/products", get(api::products))
        .route("/api/cart", get(api::cart).post(api::add_to_cart))
        .merge(account_pages())
        .merge(office_pages())
        .fallback(async || Fail::Missing)
        .method_not_allowed_fallback(async || Fail::WrongMethod)
}

fn account_pages() -> Router<Arc<App>> {
    Router::new()
        .route("/account", get(account::show))
        .route("/account/sign-in", get(account::sign_in_form).post(account::sign_in))
        .route("/account/sign-up", get(account::sign_up_form).post(account::sign_up))
        .route("/account/sign-out", post(account::sign_out))
        .route("/account/picture", post(picture::upload).layer(DefaultBodyLimit::disable()))
        .route("/account/orders", get(account::orders))
        .route("/account/orders/{number}", get(account::order))
        .route("/account/addresses", get(addresses::list).post(addresses::add))
        .route("/account/addresses/{id}", get(addresses::edit).post(addresses::change))
        .route("/account/addresses/{id}/delete", post(addresses::delete))
}

fn office_pages() -> Router<Arc<App>> {
    Router::new()
        .route("/admin", get(office::show))
        .route("/admin/orders", get(office::orders))
        .route("/admin/orders/{number}", get(office::order))
        .route("/admin/customers", get(office::customers))
        .route("/admin/products", get(office::products))
        .route("/admin/products/{slug}/stock", post(office::set_stock))
        .route("/admin/export.csv", get(office::export))
}

/// Average shops tell the world what they run on, so this one does as well.
async fn banners(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("LarkmoorHttpd/2.4.41 (Unix)"));
    headers.insert(HeaderName::from_static("x-powered-by"), HeaderValue::from_static("ShopKit/7.4.3"));
    response
}
