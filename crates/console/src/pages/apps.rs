//! Apps: which shops and programs let their customers sign in here (OpenID Connect), and how.

use serde::Deserialize;
use storeward_base::{Actor, RelyingId, Secret};
use storeward_oidc::registry::{
    Added, Algorithm, Client, Consent, Draft, Kind, PRESETS, Pkce, Preset, Registry,
};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Moment, redirect};

use super::view::{View, icons};
use crate::app::App;

const HERE: &str = "/apps";
/// How long the secret before is good when staff make a new one.
const OVERLAP_HOURS: u32 = 24;

#[derive(Template)]
#[template(path = "apps.html", askama = storeward_web::askama)]
struct AppsPage {
    rows: Vec<Row>,
    presets: &'static [Preset],
    icons: &'static str,
}

struct Row {
    id: String,
    name: String,
    kind: &'static str,
    settings: String,
    warnings: Vec<&'static str>,
    since: Moment,
}

impl Row {
    fn new(client: &Client) -> Self {
        Row {
            id: client.id.to_string(),
            name: client.name.clone(),
            kind: kind_words(client.kind),
            settings: settings_words(client),
            warnings: client.warnings().into_iter().map(|warning| warning.words()).collect(),
            since: Moment(client.created_at),
        }
    }
}

const fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Confidential => "with a secret",
        Kind::Public => "public, without a secret",
    }
}

fn settings_words(client: &Client) -> String {
    let pkce = match client.pkce {
        Pkce::Required => "PKCE",
        Pkce::Waived => "no PKCE",
    };
    let consent = match client.consent {
        Consent::Asked => "customers are asked",
        Consent::Skipped => "customers are not asked",
    };
    format!("{pkce}, {consent}, {}", client.algorithm.name())
}

#[derive(Template)]
#[template(path = "app_new.html", askama = storeward_web::askama)]
struct NewPage<'a> {
    csrf: &'a str,
    preset: &'static Preset,
    name: String,
    url: String,
    redirect_uris: String,
    logout_uris: String,
    backchannel_uri: String,
    origins: String,
    waives: bool,
    asks: bool,
    algorithms: Vec<(&'static str, bool)>,
    fault: Option<String>,
    icons: &'static str,
}

#[derive(Template)]
#[template(path = "app_show.html", askama = storeward_web::askama)]
struct ShowPage<'a> {
    csrf: &'a str,
    row: Row,
    redirect_uris: Vec<String>,
    logout_uris: Vec<String>,
    origins: Vec<String>,
    backchannel_uri: Option<String>,
    has_secret: bool,
    /// Once, right after it was made.
    secret: Option<String>,
    overlap_hours: u32,
    icons: &'static str,
}

fn registry(app: &App) -> Result<&Registry, Failure> {
    app.registry.as_ref().ok_or_else(|| {
        Failure::missing(
            "console.no_provider",
            "Signing in to shops is off. Add the section [oidc] to storeward.toml.",
        )
    })
}

pub async fn list(State(app): State<App>, view: View) -> Result<Response, Failure> {
    let clients = registry(&app)?.list().await?;
    let page = AppsPage { rows: clients.iter().map(Row::new).collect(), presets: &PRESETS, icons: icons() };
    view.page("Apps", HERE, &page)
}

/// The settings that the address names.
fn preset(word: &str) -> Result<&'static Preset, Failure> {
    Preset::of_word(word).ok_or_else(|| {
        Failure::missing("console.no_preset", "There are no ready-made settings of this name.")
    })
}

pub async fn new_form(
    State(app): State<App>,
    view: View,
    Path(word): Path<String>,
) -> Result<Response, Failure> {
    registry(&app)?;
    let preset = preset(&word)?;
    view.page("Add an app", HERE, &new_page(&view, preset, &preset.draft("", None), String::new(), None))
}

fn new_page<'a>(
    view: &'a View,
    preset: &'static Preset,
    draft: &Draft,
    url: String,
    fault: Option<String>,
) -> NewPage<'a> {
    NewPage {
        csrf: view.csrf(),
        preset,
        name: draft.name.clone(),
        url,
        redirect_uris: draft.redirect_uris.join("\n"),
        logout_uris: draft.logout_uris.join("\n"),
        backchannel_uri: draft.backchannel_uri.clone().unwrap_or_default(),
        origins: draft.origins.join("\n"),
        waives: draft.pkce == Pkce::Waived,
        asks: draft.consent == Consent::Asked,
        algorithms: Algorithm::ALL.map(|one| (one.name(), one == draft.algorithm)).to_vec(),
        fault,
        icons: icons(),
    }
}

#[derive(Deserialize)]
pub struct Fields {
    name: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    redirect_uris: String,
    #[serde(default)]
    logout_uris: String,
    #[serde(default)]
    backchannel_uri: String,
    #[serde(default)]
    origins: String,
    #[serde(default)]
    waive_pkce: String,
    #[serde(default)]
    ask_consent: String,
    #[serde(default)]
    algorithm: String,
}

impl Fields {
    /// The preset's settings with what was typed; the shop's address fills what was left empty.
    fn draft(&self, preset: &Preset) -> Draft {
        let url = Some(self.url.trim()).filter(|url| !url.is_empty());
        let ready = preset.draft(&self.name, url);
        let lines = |text: &str, ready: Vec<String>| {
            let typed: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            if typed.is_empty() { ready } else { typed }
        };
        Draft {
            redirect_uris: lines(&self.redirect_uris, ready.redirect_uris),
            logout_uris: lines(&self.logout_uris, ready.logout_uris),
            origins: lines(&self.origins, ready.origins),
            backchannel_uri: Some(self.backchannel_uri.trim().to_owned()).filter(|uri| !uri.is_empty()),
            pkce: if self.waive_pkce == "yes" { Pkce::Waived } else { Pkce::Required },
            consent: if self.ask_consent == "yes" { Consent::Asked } else { Consent::Skipped },
            algorithm: Algorithm::of_name(&self.algorithm).unwrap_or(preset.algorithm),
            ..ready
        }
    }
}

pub async fn add(
    State(app): State<App>,
    view: View,
    Path(word): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let registry = registry(&app)?;
    let preset = preset(&word)?;
    let draft = fields.draft(preset);
    if let Err(why) = draft.check() {
        let url: String = fields.url.chars().take(500).collect();
        let page = new_page(&view, preset, &draft, url, Some(why));
        return view.refused("Add an app", HERE, &page);
    }
    let added = registry.add(draft, Actor::Staff { id: view.visitor.staff }).await?;
    let Added { client, secret } = added;
    view.page(&client.name, HERE, &show_page(&view, &client, secret.as_ref()))
}

fn show_page<'a>(view: &'a View, client: &Client, secret: Option<&Secret<String>>) -> ShowPage<'a> {
    ShowPage {
        csrf: view.csrf(),
        row: Row::new(client),
        redirect_uris: client.redirect_uris.clone(),
        logout_uris: client.logout_uris.clone(),
        origins: client.origins.clone(),
        backchannel_uri: client.backchannel_uri.clone(),
        has_secret: client.kind == Kind::Confidential,
        secret: secret.map(|secret| secret.expose().clone()),
        overlap_hours: OVERLAP_HOURS,
        icons: icons(),
    }
}

fn read(id: &str) -> Result<RelyingId, Failure> {
    id.parse().map_err(|_| Failure::missing("console.no_app", "There is no app at this address."))
}

pub async fn show(State(app): State<App>, view: View, Path(id): Path<String>) -> Result<Response, Failure> {
    let client = registry(&app)?.find(read(&id)?).await?;
    view.page(&client.name, HERE, &show_page(&view, &client, None))
}

#[derive(Deserialize)]
pub struct Act {
    /// `secret` or `remove`.
    what: String,
    /// `yes`: the secret before ends at once.
    #[serde(default)]
    leaked: String,
}

pub async fn act(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(act): Form<Act>,
) -> Result<Response, Failure> {
    let (registry, id) = (registry(&app)?, read(&id)?);
    let by = Actor::Staff { id: view.visitor.staff };
    match act.what.as_str() {
        "remove" => {
            registry.remove(id, by).await?;
            Ok(redirect(HERE))
        }
        "secret" => {
            let overlap = if act.leaked == "yes" { 0 } else { OVERLAP_HOURS };
            let secret = registry.rotate_secret(id, overlap, by).await?;
            let client = registry.find(id).await?;
            view.page(&client.name, HERE, &show_page(&view, &client, Some(&secret)))
        }
        _ => Err(Failure::invalid("console.act", "Choose what is to be done.")),
    }
}
