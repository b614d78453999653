//! From a gate on the shop's host through the console's sign-in and back.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{Html, IntoResponse, Response};
use storeward_web::http::{HeaderMap, HeaderValue, StatusCode, header};
use storeward_web::{Failure, Form, LeadsTo, Query, redirect, redirect_away, render};

use super::next::{confirm_link, encode};
use super::view::{View, icons};
use crate::accounts::HandOver;
use crate::app::App;
use crate::entrance::{Asked, Door, Entrance};

const TITLE: &str = "Go on to the shop";

#[derive(Deserialize)]
pub struct Carried {
    #[serde(default)]
    r: String,
}

#[derive(Template)]
#[template(path = "pass_on.html", askama = storeward_web::askama)]
struct OnPage<'a> {
    goal: &'a str,
}

#[derive(Template)]
#[template(path = "pass.html", askama = storeward_web::askama)]
struct PassPage<'a> {
    csrf: &'a str,
    name: &'a str,
    gate: &'a str,
    host: &'a str,
    sealed: &'a str,
    fault: Option<Fault>,
    icons: &'static str,
}

/// Why it does not go on, and what would help.
struct Fault {
    words: &'static str,
    link: Option<(String, &'static str)>,
}

/// The console's cookie does not come along from another site, not even for whoever is signed in. So a page of the console asks
/// for the next one.
pub async fn arrive(headers: HeaderMap, Query(carried): Query<Carried>) -> Result<Response, Failure> {
    let goal = format!("/pass/go?r={}", encode(&carried.r));
    if super::next::safe(&goal) == "/" {
        return Err(Failure::invalid(
            "console.pass",
            "This address is not whole. Go back to the shop and begin again.",
        ));
    }
    lead_on(&headers, &goal)
}

/// To a page of the console, by a page of the console where the browser comes from another site.
pub fn lead_on(headers: &HeaderMap, goal: &str) -> Result<Response, Failure> {
    let from_elsewhere = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    if !from_elsewhere {
        return Ok(redirect(goal));
    }
    let mut response = Html(render(&OnPage { goal })?).into_response();
    let line =
        HeaderValue::try_from(format!("0; url={goal}")).map_err(|_| Failure::broken("console.pass"))?;
    response.headers_mut().insert(header::REFRESH, line);
    Ok(response)
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(carried): Query<Carried>,
) -> Result<Response, Failure> {
    let (asked, _) = opened(&app, &carried.r)?;
    show(&view, &asked, &carried.r, None)
}

/// Whoever is signed in goes back to the shop with a code.
pub async fn go(
    State(app): State<App>,
    view: View,
    Form(carried): Form<Carried>,
) -> Result<Response, Failure> {
    let (asked, door) = opened(&app, &carried.r)?;
    let visitor = &view.visitor;
    let confirm = confirm_link(&format!("/pass/go?r={}", encode(&carried.r)));
    let fault = match app.accounts.hand_over(&visitor.token, visitor.staff, &asked, &door).await? {
        HandOver::Code(code) => {
            let url = Entrance::take_address(&asked, &code);
            return redirect_away(&url).ok_or_else(|| Failure::broken("console.pass"));
        }
        HandOver::Confirm => return Ok(redirect(&confirm)),
        HandOver::ConfirmWithPasskey => Fault {
            words: "This gate takes passkeys only. Confirm who you are with yours; if you have none yet, add one under your name above.",
            link: Some((confirm, "Confirm with your passkey")),
        },
        HandOver::NotInGroup => Fault {
            words: "You are in no group that may pass this gate. Ask whoever looks after Storeward.",
            link: None,
        },
    };
    show(&view, &asked, &carried.r, Some(fault))
}

fn opened(app: &App, sealed: &str) -> Result<(Asked, Door), Failure> {
    let found = app.entrance.as_ref().and_then(|entrance| {
        let asked = entrance.open(sealed)?;
        let door = entrance.door(&asked.gate)?;
        Some((asked, door))
    });
    found.ok_or_else(|| {
        Failure::invalid(
            "console.pass",
            "This way to the shop was open for too long. Go back to the shop and begin again.",
        )
    })
}

fn show(view: &View, asked: &Asked, sealed: &str, fault: Option<Fault>) -> Result<Response, Failure> {
    let is_refused = fault.is_some();
    let page = PassPage {
        csrf: view.csrf(),
        name: &view.visitor.name,
        gate: &asked.gate,
        host: &asked.authority,
        sealed,
        fault,
        icons: icons(),
    };
    let mut response = view.page(TITLE, "", &page)?;
    if is_refused {
        response = storeward_web::explained(StatusCode::FORBIDDEN, response);
    }
    let to = LeadsTo::new(&format!("https://{}/", asked.authority));
    Ok(to.ok_or_else(|| Failure::broken("console.pass"))?.mark(response))
}
