//! For machines that watch: alive, ready, figures.

use storeward_web::axum::extract::State;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::{StatusCode, header};
use storeward_web::{Failure, explained};

use crate::app::App;
use crate::metrics::{MetricsText, write_own};

pub async fn live() -> &'static str {
    "alive\n"
}

/// 200 and `ready`, or 503 and one reason per line.
pub async fn ready(State(app): State<App>) -> Response {
    let mut reasons = (app.readiness)();
    if let Err(error) = app.db.ready().await {
        let what = if app.db.stuck().is_some() { "takes no writes" } else { "does not answer" };
        reasons.push(format!("the database {what} ({})", storeward_base::Fault::code(&error)));
    }
    if reasons.is_empty() {
        return "ready\n".into_response();
    }
    explained(StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
}

pub async fn metrics(State(app): State<App>) -> Result<Response, Failure> {
    let mut text = MetricsText::default();
    let bans = app.bans.stats().active;
    write_own(&mut text, &app.access.totals(), &app.access.stats(), &app.status(), bans, app.clock.now());
    (app.more_metrics)(&mut text);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text.into_text()).into_response())
}
