//! Apps: which shops and programs let their customers sign in here (OpenID Connect), and how.

use serde::Deserialize;
use storeward_base::{Actor, RelyingId, Secret};
use storeward_oidc::registry::{
    Added, Algorithm, Answers, Client, Consent, Draft, Kind, PRESETS, Pkce, Preset, Registry, Scope, Scopes,
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
    /// Whether others may sign their customers in here at all.
    is_on: bool,
    rows: Vec<Row>,
    presets: &'static [Preset],
    icons: &'static str,
}

struct Row {
    id: String,
    name: String,
    kind: &'static str,
    settings: String,
    /// What it learns, in words.
    learns: String,
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
            learns: learns_words(&client.scopes),
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
    let answers = match client.answers {
        Answers::Query => "answers by address",
        Answers::FormPost => "answers by form",
        Answers::Either => "answers as it asks",
    };
    format!("{pkce}, {consent}, {}, {answers}", client.algorithm.name())
}

/// One scope for staff to read, after "who signed in".
const fn scope_words(scope: Scope) -> &'static str {
    match scope {
        Scope::Openid => "who signed in",
        Scope::Profile => "name and language",
        Scope::Email => "e-mail address",
        Scope::OfflineAccess => "all of it without the customer being signed in",
    }
}

fn learns_words(scopes: &Scopes) -> String {
    scopes.iter().map(scope_words).collect::<Vec<_>>().join(", ")
}

/// The scopes that can be chosen: `openid` always belongs to them.
const CHOICES: [Scope; 3] = [Scope::Profile, Scope::Email, Scope::OfflineAccess];

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
    /// Name, words, chosen.
    scopes: Vec<(&'static str, &'static str, bool)>,
    /// Word, label, chosen.
    answers: [(&'static str, &'static str, bool); 3],
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
    /// Name, words, chosen.
    scopes: Vec<(&'static str, &'static str, bool)>,
    notice: Option<&'static str>,
    icons: &'static str,
}

fn scope_choices(scopes: &Scopes) -> Vec<(&'static str, &'static str, bool)> {
    CHOICES.map(|one| (one.name(), scope_words(one), scopes.has(one))).to_vec()
}

/// What is marked, by the names of [`CHOICES`]. A mark that is not there says no.
fn marked([profile, email, offline]: [&str; 3]) -> Scopes {
    let marks = [(Scope::Profile, profile), (Scope::Email, email), (Scope::OfflineAccess, offline)];
    let marked = marks.into_iter().filter(|(_, mark)| *mark == "yes").map(|(scope, _)| scope);
    let names: Vec<&str> = [Scope::Openid].into_iter().chain(marked).map(Scope::name).collect();
    Scopes::parse(&names.join(" "))
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
    let clients = match &app.registry {
        Some(registry) => registry.list().await?,
        None => Vec::new(),
    };
    let is_on = app.registry.is_some();
    let page =
        AppsPage { is_on, rows: clients.iter().map(Row::new).collect(), presets: &PRESETS, icons: icons() };
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
        scopes: scope_choices(&draft.scopes),
        answers: [
            (Answers::Query, "in the address (query): nearly all"),
            (Answers::FormPost, "by a form that the browser posts (form_post)"),
            (Answers::Either, "either way, as it asks"),
        ]
        .map(|(one, label)| (one.word(), label, one == draft.answers)),
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
    #[serde(default)]
    profile: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    offline_access: String,
    #[serde(default)]
    answers: String,
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
            scopes: marked([&self.profile, &self.email, &self.offline_access]),
            answers: Answers::of_word(&self.answers).unwrap_or(preset.answers),
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
        scopes: scope_choices(&client.scopes),
        notice: None,
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
    /// `secret`, `scopes` or `remove`.
    what: String,
    #[serde(default)]
    profile: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    offline_access: String,
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
        "scopes" => {
            let scopes = marked([&act.profile, &act.email, &act.offline_access]);
            registry.set_scopes(id, scopes, by).await?;
            let client = registry.find(id).await?;
            let mut page = show_page(&view, &client, None);
            page.notice = Some("It learns from now on what is marked below.");
            view.page(&client.name, HERE, &page)
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
