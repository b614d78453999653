//! "Close my account": what goes and what stays, and a button. By POST only, behind all that the account has.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::http::StatusCode;
use storeward_web::{Failure, Form, redirect};

use super::App;
use super::sign_in::signed_out;
use super::view::{Page, View, show, show_again};
use crate::error::Error;
use crate::gate::own;
use crate::verbs::{EnrolFault, Identity};

#[derive(Deserialize)]
pub struct Fields {
    #[serde(default)]
    sure: String,
}

#[derive(Template)]
#[template(path = "close.html", askama = storeward_web::askama)]
struct ClosePage {
    page: Page,
    goes: String,
    stays: String,
    later: String,
}

/// What is said to somebody whose account is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// They closed it.
    Closed,
    /// It went with the data that is kept of them.
    Erased,
}

impl Identity {
    /// Signs the browser of a closed account out, and says what happened.
    pub fn farewell(&self, farewell: Farewell) -> Response {
        signed_out(match farewell {
            Farewell::Closed => "closed",
            Farewell::Erased => "erased",
        })
    }
}

fn close_page(app: &App, view: &View) -> ClosePage {
    let (t, shop) = (view.texts(), app.identity.shop_name());
    ClosePage {
        page: view.page(app, t.s("close.title")),
        goes: t.f("close.goes", "shop", &shop),
        stays: t.f("close.stays", "shop", &shop),
        later: t.f("close.later", "shop", &shop),
    }
}

pub async fn page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    show(&close_page(&app, &view), view.language)
}

pub async fn close(
    State(app): State<App>,
    view: View,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    if fields.sure != "yes" {
        let mut page = close_page(&app, &view);
        page.page.fault = Some(view.texts().s("close.unsure"));
        return show_again(&page, view.language, StatusCode::UNPROCESSABLE_ENTITY);
    }
    match app.identity.close_own(view.customer()?).await {
        Ok(()) => Ok(app.identity.farewell(Farewell::Closed)),
        Err(EnrolFault::StepUpFirst | EnrolFault::Failed(Error::FlowOver)) => Ok(redirect(&own("/step-up"))),
        Err(EnrolFault::Misfit(_)) => Err(Failure::broken("identity.close")),
        Err(EnrolFault::Failed(error)) => Err(error.into()),
    }
}
