//! "Not now": whoever cannot meet the shield's challenge goes on in the shop without signing in.

use storeward_web::axum::Extension;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, redirect};

use super::App;
use super::view::with_cookies;
use crate::error::Error;
use crate::gate::own;
use crate::state::Purpose;
use crate::tokens::{FLOW_COOKIE, FlowToken};

/// Ends a sign-in at the shop that waits for its second factor. The shield signs it out there with the next request of this
/// browser, which is the one for the shop's first page.
pub async fn leave(
    State(app): State<App>,
    Extension(flow): Extension<FlowToken>,
) -> Result<Response, Failure> {
    match app.identity.pending(&flow).await {
        Ok(standing) if standing.flow.purpose == Purpose::Shield => app.identity.give_up(&flow).await?,
        // Nothing of the shop waits for it.
        Ok(_) => return Ok(redirect(&own("/challenge"))),
        Err(Error::FlowOver) => {}
        Err(error) => return Err(error.into()),
    }
    let cookies = FLOW_COOKIE.clear().into_iter().collect();
    Ok(with_cookies(redirect(&app.identity.home()), cookies))
}
