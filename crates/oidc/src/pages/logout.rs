//! Signing out because a client asks for it, or the person does.

use serde::Deserialize;
use storeward_identity::{CurrentSession, FLOW_COOKIE, SESSION_COOKIE, SessionToken};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{RawQuery, State};
use storeward_web::axum::response::Response;
use storeward_web::http::{StatusCode, header};
use storeward_web::{Failure, Form, LeadsTo, explained, redirect_away};

use super::PREFIX;
use super::authorize::relay_to;
use super::view::View;
use crate::model::Client;
use crate::protocol::fields::Fields;
use crate::provider::Provider;
use crate::texts::Text;
use crate::verbs::logout::{Leaving, Onward};

/// The address to go to after a sign-out is not one of the client's.
const NOT_THE_CLIENTS: &str = "oidc.post_logout_redirect_uri";

pub async fn logout(
    State(provider): State<Provider>,
    mut view: View,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = query.unwrap_or_default();
    let Ok(fields) = Fields::parse(query.as_bytes()) else {
        return view.refused(&provider, Text::RefusedForm, "oidc.request");
    };
    let wished = fields.get("ui_locales");
    let wished = wished.and_then(|tags| tags.split(' ').find_map(storeward_base::Language::parse));
    view.speak(&provider, wished);
    match provider.0.leaving(&fields, view.session.as_ref()).await? {
        Leaving::NoHint => view.refused(&provider, Text::RefusedHint, "oidc.id_token_hint"),
        Leaving::NotThere => view.refused(&provider, Text::RefusedRedirect, NOT_THE_CLIENTS),
        Leaving::Nobody { onward } => gone(&provider, &view, onward),
        Leaving::Ask { onward } => ask(&provider, &view, &query, &onward),
        Leaving::Now { client, onward } => leave(&provider, &view, Some(&client), onward).await,
    }
}

/// As a form, from the client (RP-Initiated Logout 1.0 section 2).
pub async fn relay(form: String) -> Result<Response, Failure> {
    relay_to("/logout", &form)
}

#[derive(Deserialize)]
pub struct Confirmed {
    /// The request as it came; it is read anew.
    request: String,
}

pub async fn confirm(
    State(provider): State<Provider>,
    view: View,
    Form(confirmed): Form<Confirmed>,
) -> Result<Response, Failure> {
    let Ok(fields) = Fields::parse(confirmed.request.as_bytes()) else {
        return view.refused(&provider, Text::RefusedForm, "oidc.request");
    };
    match provider.0.leaving(&fields, view.session.as_ref()).await? {
        Leaving::NoHint => view.refused(&provider, Text::RefusedHint, "oidc.id_token_hint"),
        Leaving::NotThere => view.refused(&provider, Text::RefusedRedirect, NOT_THE_CLIENTS),
        Leaving::Nobody { onward } => gone(&provider, &view, onward),
        Leaving::Ask { onward } => leave(&provider, &view, None, onward).await,
        Leaving::Now { client, onward } => leave(&provider, &view, Some(&client), onward).await,
    }
}

#[derive(Template)]
#[template(path = "logout.html", askama = storeward_web::askama)]
struct LogoutPage {
    title: String,
    words: String,
    button: String,
    stay: String,
    home_href: String,
    action: String,
    csrf: String,
    request: String,
}

fn ask(provider: &Provider, view: &View, request: &str, onward: &Onward) -> Result<Response, Failure> {
    let shop = provider.0.identity.shop_name();
    let title = view.say(Text::LogoutTitle, &[]);
    let page = LogoutPage {
        title: title.clone(),
        words: view.say(Text::LogoutIntro, &[("shop", &shop)]),
        button: view.say(Text::LogoutButton, &[]),
        stay: view.say(Text::LogoutStay, &[]),
        home_href: provider.0.identity.home(),
        action: format!("{PREFIX}/logout/confirm"),
        csrf: view.csrf().to_owned(),
        request: request.to_owned(),
    };
    let response = view.page(provider, title, &page)?;
    Ok(match onward {
        Onward::To(to) => match LeadsTo::new(to) {
            Some(to) => to.mark(response),
            None => response,
        },
        Onward::Stay | Onward::NotTheClients => response,
    })
}

async fn leave(
    provider: &Provider,
    view: &View,
    client: Option<&Client>,
    onward: Onward,
) -> Result<Response, Failure> {
    let (token, session): (&SessionToken, &CurrentSession) = match (&view.token, &view.session) {
        (Some(token), Some(session)) => (token, session),
        _ => return gone(provider, view, onward),
    };
    provider.0.leave(token, session, client).await?;
    let mut response = gone(provider, view, onward)?;
    for line in [SESSION_COOKIE.clear(), FLOW_COOKIE.clear()].into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    Ok(response)
}

#[derive(Template)]
#[template(path = "signed_out.html", askama = storeward_web::askama)]
struct SignedOutPage {
    title: String,
    words: String,
    /// Why it goes on nowhere, and the code of that.
    stays: Option<(String, &'static str)>,
    home: String,
    home_href: String,
}

/// Nobody is signed in here any more: on to where the client wants them, or to a page that says so.
fn gone(provider: &Provider, view: &View, onward: Onward) -> Result<Response, Failure> {
    let stays = match onward {
        Onward::To(to) => return redirect_away(&to).ok_or_else(|| Failure::broken("oidc.redirect")),
        Onward::Stay => None,
        Onward::NotTheClients => Some((view.say(Text::SignedOutStays, &[]), NOT_THE_CLIENTS)),
    };
    let status = if stays.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let shop = provider.0.identity.shop_name();
    let title = view.say(Text::SignedOutTitle, &[]);
    let page = SignedOutPage {
        title: title.clone(),
        words: view.say(Text::SignedOutIntro, &[("shop", &shop)]),
        stays,
        home: view.say(Text::Home, &[]),
        home_href: provider.0.identity.home(),
    };
    Ok(explained(status, view.signed_out(provider, title, &page)?))
}
