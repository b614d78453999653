//! The shops and apps that have access to an account, each with a button that takes it away.

use serde::Deserialize;
use storeward_base::RelyingId;
use storeward_identity::Standpoint;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Local, Query, Woven, redirect};

use super::PREFIX;
use super::view::View;
use crate::provider::Provider;
use crate::texts::Text;

/// Below the pages' prefix, as the navigation has it.
pub const HERE: &str = "/oidc/apps";

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
}

#[derive(Deserialize)]
pub struct Named {
    id: String,
}

#[derive(Template)]
#[template(path = "apps.html", askama = storeward_web::askama)]
struct AppsPage {
    title: String,
    lead: String,
    none: String,
    done: Option<String>,
    learns: String,
    take_away: String,
    again: String,
    action: String,
    csrf: String,
    apps: Vec<App>,
}

struct App {
    id: String,
    name: String,
    scopes: Vec<String>,
    since: Woven,
    last: Option<Woven>,
}

pub async fn page(
    State(provider): State<Provider>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let session = view.session.as_ref().ok_or_else(|| Failure::broken("oidc.no_session"))?;
    let accesses = provider.0.accesses(session.customer).await?;
    let place = Woven::PLACE.to_string();
    let woven = |key, at| Woven::new(&view.say(key, &[("when", &place)]), Local::minute(at, view.language));
    let apps = accesses.into_iter().map(|access| App {
        id: access.client.to_string(),
        name: access.name,
        scopes: access.scopes.iter().map(|scope| view.say(super::authorize::words_of(scope), &[])).collect(),
        since: woven(Text::AppsSince, access.since),
        last: access.last_at.map(|at| woven(Text::AppsLast, at)),
    });
    let title = view.say(Text::AppsTitle, &[]);
    let content = AppsPage {
        title: title.clone(),
        lead: view.say(Text::AppsLead, &[("shop", &provider.0.identity.shop_name())]),
        none: view.say(Text::AppsNone, &[]),
        done: (asked.done == "gone").then(|| view.say(Text::AppsGone, &[])),
        learns: view.say(Text::AppsKnows, &[]),
        take_away: view.say(Text::AppsTakeAway, &[]),
        again: view.say(Text::AppsAgain, &[]),
        action: format!("{PREFIX}/apps/remove"),
        csrf: view.csrf().to_owned(),
        apps: apps.collect(),
    };
    view.page_at(&provider, Standpoint { here: HERE, wide: true }, title, &content)
}

pub async fn remove(
    State(provider): State<Provider>,
    view: View,
    Form(named): Form<Named>,
) -> Result<Response, Failure> {
    let session = view.session.as_ref().ok_or_else(|| Failure::broken("oidc.no_session"))?;
    if let Ok(client) = named.id.parse::<RelyingId>() {
        provider.0.withdraw(session.customer, client).await?;
    }
    Ok(redirect(&format!("{PREFIX}/apps?done=gone")))
}
