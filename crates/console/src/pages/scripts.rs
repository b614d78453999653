//! Scripts of paying pages: what there is, who approved it and why, what waits for staff, and how each page is served.

mod forms;
mod words;

use std::collections::HashMap;

use serde::Deserialize;
use storeward_checkout::desk::{Alert, Checkout, Hold, Script, ScriptId, Standing, Whole};
use storeward_seal::fingerprint::sha256_hex;
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Moment, Query};

use super::next::{confirm_link, encode};
use super::view::{View, icons};
use crate::accounts;
use crate::app::App;
use crate::error::Error;
use crate::level::Badge;
use crate::outlook::counted;

pub use forms::{act, close_alert, page_act, report};

const HERE: &str = "/scripts";
const TITLE: &str = "Scripts";
/// Rows of the inventory on one page, and alerts.
const LINES: u32 = 50;
const ALERTS: u32 = 50;
/// Who may decide what runs where people pay: whoever owns the shop. Every member of staff may look.
const MAY: &str = "owner";

#[derive(Template)]
#[template(path = "scripts.html", askama = storeward_web::askama)]
struct ScriptsPage<'a> {
    csrf: &'a str,
    is_set_up: bool,
    done: Option<&'static str>,
    may: bool,
    confirm: Option<String>,
    pages: Vec<PageLine>,
    alerts: Vec<AlertLine>,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    total: String,
    newer: Option<String>,
    older: Option<String>,
    /// What stands in the form for a report.
    days: (String, String),
    icons: &'static str,
}

struct PageLine {
    path: String,
    link: String,
    badge: Badge,
    why: String,
}

struct AlertLine {
    id: String,
    at: Moment,
    badge: Badge,
    what: String,
    by: &'static str,
    count: u64,
    script: Option<String>,
    /// When somebody looked, and who.
    closed: Option<(Moment, String)>,
}

struct Tab {
    word: &'static str,
    link: String,
    is_here: bool,
}

struct Row {
    id: String,
    kind: &'static str,
    address: String,
    sample: String,
    badge: Badge,
    page: String,
    owner: String,
    until: Option<Moment>,
    last_seen: Moment,
}

#[derive(Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    show: String,
    #[serde(default)]
    from: u32,
    #[serde(default)]
    done: String,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let content = match &app.checkout {
        Some(checkout) => inventory(&app, &view, checkout, &asked).await?,
        None => ScriptsPage {
            csrf: view.csrf(),
            is_set_up: false,
            done: None,
            may: false,
            confirm: None,
            pages: Vec::new(),
            alerts: Vec::new(),
            tabs: Vec::new(),
            rows: Vec::new(),
            total: String::new(),
            newer: None,
            older: None,
            days: (String::new(), String::new()),
            icons: icons(),
        },
    };
    view.page(TITLE, HERE, &content)
}

async fn inventory<'a>(
    app: &App,
    view: &'a View,
    checkout: &Checkout,
    asked: &Asked,
) -> Result<ScriptsPage<'a>, Failure> {
    let names = Names::of(app).await?;
    let (rows, total) = checkout.inventory(words::wanted(&asked.show), asked.from, LINES).await?;
    let link = |from: u32| format!("{HERE}?show={}&from={from}#inventory", encode(&asked.show));
    let standings = checkout.standings().await?;
    let alerts = checkout.alerts(ALERTS).await?;
    let next = asked.from.saturating_add(LINES);
    Ok(ScriptsPage {
        csrf: view.csrf(),
        is_set_up: true,
        done: words::done(&asked.done),
        may: may(app, view).await?,
        confirm: (!view.visitor.is_fresh).then(|| confirm_link(HERE)),
        pages: standings.iter().map(|standing| page_line(standing, &names)).collect(),
        alerts: alerts.iter().map(|alert| alert_line(alert, &names)).collect(),
        tabs: words::SHOWN
            .iter()
            .map(|(word, show)| Tab {
                word,
                link: format!("{HERE}?show={show}#inventory"),
                is_here: words::wanted(show) == words::wanted(&asked.show),
            })
            .collect(),
        rows: rows.iter().map(row).collect(),
        total: counted(total.into(), "row", "rows"),
        newer: (asked.from > 0).then(|| link(asked.from.saturating_sub(LINES))),
        older: (next < total).then(|| link(next)),
        days: forms::usual_days(app.clock.now()),
        icons: icons(),
    })
}

fn checkout(app: &App) -> Result<&Checkout, Failure> {
    app.checkout.as_ref().ok_or_else(|| {
        Failure::missing(
            "console.no_checkout",
            "Paying pages are not guarded here: add [checkout] to storeward.toml.",
        )
    })
}

async fn may(app: &App, view: &View) -> Result<bool, Failure> {
    let staff = view.visitor.staff;
    let roles = app.db.read(move |reader| accounts::roles_of(reader, staff)).await.map_err(Error::from)?;
    Ok(roles.iter().any(|role| role == MAY))
}

/// Names of members of staff by their ids; whoever is gone is their id.
struct Names(HashMap<String, String>);

impl Names {
    pub fn into_map(self) -> HashMap<String, String> {
        self.0
    }

    async fn of(app: &App) -> Result<Self, Failure> {
        let members = app.accounts.members().await?;
        Ok(Names(members.into_iter().map(|member| (member.id.to_string(), member.name)).collect()))
    }

    fn who(&self, actor: &str) -> String {
        match actor {
            "operator" => "the command line".to_owned(),
            "system" => "Storeward".to_owned(),
            other => self.0.get(other).cloned().unwrap_or_else(|| other.to_owned()),
        }
    }
}

fn page_line(standing: &Standing, names: &Names) -> PageLine {
    PageLine {
        path: standing.page.clone(),
        link: format!("{HERE}/page?path={}", encode(&standing.page)),
        badge: words::serving(standing),
        why: words::why(standing, |actor| names.who(actor)),
    }
}

fn alert_line(alert: &Alert, names: &Names) -> AlertLine {
    AlertLine {
        id: alert.id.clone(),
        at: Moment(alert.last_at),
        badge: words::alert(alert),
        what: alert.what.clone(),
        by: words::source(alert.source),
        count: alert.count,
        script: alert.script.as_ref().map(|id| format!("{HERE}/{id}")),
        closed: alert
            .closed_at
            .map(|at| (Moment(at), alert.closed_by.as_deref().map(|by| names.who(by)).unwrap_or_default())),
    }
}

fn row(script: &Script) -> Row {
    Row {
        id: script.id.to_string(),
        kind: words::kind(script.kind),
        address: script.address.clone(),
        sample: script.sample.chars().take(80).collect(),
        badge: words::status(script.status),
        page: script.page.clone(),
        owner: script.approval.as_ref().map(|approval| approval.owner.clone()).unwrap_or_default(),
        until: script.approval.as_ref().map(|approval| Moment(approval.until)),
        last_seen: Moment(script.last_seen),
    }
}

#[derive(Template)]
#[template(path = "script.html", askama = storeward_web::askama)]
struct ScriptPage<'a> {
    csrf: &'a str,
    done: Option<&'static str>,
    fault: Option<String>,
    may: bool,
    confirm: Option<String>,
    row: Row,
    is_code: bool,
    first_seen: Moment,
    seen: String,
    initiator: Option<String>,
    source: &'static str,
    hash: Option<String>,
    fetched: String,
    approval: Option<ApprovalLine>,
    scopes: Vec<ScopeLine>,
    owner: String,
    justification: String,
    days: u32,
    is_refused: bool,
    versions: Vec<VersionLine>,
    decisions: Vec<DecisionLine>,
    icons: &'static str,
}

struct ApprovalLine {
    scope: &'static str,
    hash: Option<String>,
    justification: String,
    by: String,
    at: Moment,
    until: Moment,
}

struct ScopeLine {
    word: &'static str,
    label: &'static str,
    hint: &'static str,
    is_chosen: bool,
}

struct VersionLine {
    hash: String,
    first: Moment,
    last: Moment,
    source: &'static str,
    bytes: String,
}

struct DecisionLine {
    at: Moment,
    badge: Badge,
    by: String,
    scope: &'static str,
    owner: String,
    justification: String,
    until: Option<Moment>,
}

#[derive(Default, Deserialize)]
pub struct Done {
    #[serde(default)]
    done: String,
}

pub async fn show(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Query(asked): Query<Done>,
) -> Result<Response, Failure> {
    let content = content(&app, &view, &read_id(&id)?, words::done(&asked.done), None).await?;
    view.page(TITLE, HERE, &content)
}

fn missing() -> Failure {
    Failure::missing("checkout.no_script", "There is no such script in the inventory.")
}

fn read_id(text: &str) -> Result<ScriptId, Failure> {
    text.parse().map_err(|_| missing())
}

/// What was typed, where it did not fit.
struct Refused {
    fault: String,
    owner: String,
    justification: String,
    days: u32,
}

async fn content<'a>(
    app: &App,
    view: &'a View,
    id: &ScriptId,
    done: Option<&'static str>,
    refused: Option<Refused>,
) -> Result<ScriptPage<'a>, Failure> {
    let checkout = checkout(app)?;
    let Whole { script, versions, decisions } = checkout.script(id).await?.ok_or_else(missing)?;
    let names = Names::of(app).await?;
    let approval = script.approval.as_ref();
    let typed = refused.unwrap_or_else(|| Refused {
        fault: String::new(),
        owner: approval.map(|own| own.owner.clone()).unwrap_or_default(),
        justification: approval.map(|own| own.justification.clone()).unwrap_or_default(),
        days: checkout.approve_days(),
    });
    Ok(ScriptPage {
        csrf: view.csrf(),
        done,
        fault: Some(typed.fault).filter(|fault| !fault.is_empty()),
        may: may(app, view).await?,
        confirm: (!view.visitor.is_fresh).then(|| confirm_link(&format!("{HERE}/{id}"))),
        is_code: !script.address.contains("://"),
        first_seen: Moment(script.first_seen),
        seen: counted(script.seen, "time", "times"),
        initiator: script.initiator.clone(),
        source: words::source(script.source),
        hash: script.hash.clone(),
        fetched: words::fetched(&script),
        approval: approval.map(|own| ApprovalLine {
            scope: words::scope(own.scope),
            hash: own.hash.clone(),
            justification: own.justification.clone(),
            by: names.who(&own.by),
            at: Moment(own.at),
            until: Moment(own.until),
        }),
        scopes: words::scopes(&script),
        owner: typed.owner,
        justification: typed.justification,
        days: typed.days,
        is_refused: script.status == storeward_checkout::desk::Status::Revoked,
        versions: versions.iter().map(words::version).collect(),
        decisions: decisions.iter().map(|decision| words::decision(decision, &names)).collect(),
        row: row(&script),
        icons: icons(),
    })
}

#[derive(Template)]
#[template(path = "scripts_page.html", askama = storeward_web::askama)]
struct GuardedPage<'a> {
    csrf: &'a str,
    done: Option<&'static str>,
    fault: Option<&'static str>,
    may: bool,
    confirm: Option<String>,
    path: String,
    badge: Badge,
    why: String,
    /// The config holds the page to approvals already.
    is_fixed: bool,
    hold: &'static str,
    stopped: Vec<Row>,
    stopped_words: String,
    /// Of what is shown: whoever decides has seen that and nothing else.
    seen: String,
    headers: Vec<HeaderRow>,
    has_baseline: bool,
    differs: bool,
    icons: &'static str,
}

struct HeaderRow {
    name: String,
    value: String,
    approved: String,
    badge: Badge,
}

#[derive(Default, Deserialize)]
pub struct AskedPage {
    #[serde(default)]
    path: String,
    #[serde(default)]
    done: String,
}

pub async fn guarded(
    State(app): State<App>,
    view: View,
    Query(asked): Query<AskedPage>,
) -> Result<Response, Failure> {
    let content = page_content(&app, &view, &asked.path, words::done(&asked.done), None).await?;
    view.page(TITLE, HERE, &content)
}

async fn page_content<'a>(
    app: &App,
    view: &'a View,
    path: &str,
    done: Option<&'static str>,
    fault: Option<&'static str>,
) -> Result<GuardedPage<'a>, Failure> {
    let checkout = checkout(app)?;
    let no_page = || Failure::missing("checkout.no_page", "This is no guarded page.");
    let standings = checkout.standings().await?;
    let standing = standings.iter().find(|standing| standing.page == path).ok_or_else(no_page)?;
    let names = Names::of(app).await?;
    let stopped = checkout.would_stop(path, Hold::Enforce).await?;
    let headers = checkout.headers().await?;
    let headers: Vec<_> = headers.iter().filter(|line| line.page == path).collect();
    Ok(GuardedPage {
        csrf: view.csrf(),
        done,
        fault,
        may: may(app, view).await?,
        confirm: (!view.visitor.is_fresh)
            .then(|| confirm_link(&format!("{HERE}/page?path={}", encode(path)))),
        path: path.to_owned(),
        badge: words::serving(standing),
        why: words::why(standing, |actor| names.who(actor)),
        is_fixed: standing.section == storeward_checkout::desk::Mode::Enforce,
        hold: standing.held.as_ref().map_or(Hold::Learn, |held| held.hold).word(),
        seen: digest(&stopped),
        stopped_words: counted(u64::try_from(stopped.len()).unwrap_or(u64::MAX), "thing", "things"),
        stopped: stopped.iter().map(row).collect(),
        has_baseline: headers.iter().any(|line| line.approved_at.is_some()),
        differs: headers.iter().any(|line| line.value != line.approved),
        headers: headers.into_iter().map(words::header).collect(),
        icons: icons(),
    })
}

/// Of what a person was shown.
fn digest(rows: &[Script]) -> String {
    let ids: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
    sha256_hex(ids.join("\n").as_bytes())
}
