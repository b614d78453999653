//! The security centre is the account's page; what guidance adds to it acts here.

use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, redirect};

use super::own;
use super::view::View;
use crate::guide::Guide;

pub async fn page() -> Response {
    redirect(&own("/account"))
}

/// "All of this is right."
pub async fn reviewed(State(guide): State<Guide>, view: View) -> Result<Response, Failure> {
    guide.review(view.customer()?.customer).await?;
    Ok(redirect(&own("/account#checkup")))
}
