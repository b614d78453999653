//! The security centre: what to do next, how one signs in, where one is signed in, what happened.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Local, Query, redirect};

use super::App;
use super::view::{Page, View, show};
use crate::config::SecondFactor;
use crate::gate::own;
use crate::model::FactorKind;
use crate::place::Shown;
use crate::texts::Texts;
use crate::verbs::sessions::Overview;

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
#[template(path = "account.html", askama = storeward_web::askama)]
struct AccountPage {
    page: Page,
    masked: String,
    /// When the waiting time ends, while one goes on.
    wait: Option<Local>,
    may_sms: bool,
    /// The check-up as guidance makes it; ours where there is none.
    checkup: Option<String>,
    actions: Vec<Action>,
    has_password: bool,
    password_set_at: Option<Local>,
    has_strong: bool,
    may_add: bool,
    codes_left: u32,
    factors: Vec<FactorRow>,
    sessions: Vec<SessionRow>,
    /// Whether any place is shown.
    has_places: bool,
    devices: Vec<DeviceRow>,
    activity: Vec<ActivityRow>,
    /// From when on "it was not me" takes out what was added.
    not_me_since: Option<Local>,
}

/// One next thing to do.
struct Action {
    title: String,
    why: String,
    button: String,
    href: &'static str,
}

struct FactorRow {
    id: String,
    kind: String,
    label: String,
    added: Local,
}

struct SessionRow {
    id: String,
    label: String,
    place: Option<Shown>,
    began: Local,
    seen: Local,
    is_this: bool,
}

struct DeviceRow {
    id: String,
    label: String,
    seen: Local,
    trusted: Option<Local>,
}

struct ActivityRow {
    at: Local,
    what: String,
    label: String,
    place: Option<Shown>,
}

/// The front of a host that is ours alone.
pub async fn front() -> Response {
    redirect(&own("/account"))
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let t = view.texts();
    let overview = app.identity.overview(view.customer()?).await?;
    let may_add = app.identity.0.policy().customers != SecondFactor::Off;
    let mut page = view.page(&app, t.s("account.title"));
    page.here = "account";
    page.wide = true;
    page.notice = match asked.done.as_str() {
        "totp" => Some(t.s("account.done_totp")),
        "passkey" => Some(t.s("account.done_passkey")),
        "sms" => Some(t.s("account.done_sms")),
        "stopped" => Some(t.s("lost.stopped")),
        "removed" => Some(t.s("account.done_removed")),
        "password" => Some(t.s("account.done_password")),
        "address" => Some(t.s("account.done_address")),
        "sessions" => Some(t.s("account.done_sessions")),
        _ => None,
    };
    let csrf = page.csrf.clone();
    let mut account = account_page(page, overview, may_add);
    account.may_sms = app.identity.offers_sms();
    account.wait =
        app.identity.open_wait(view.customer()?).await?.map(|ends| Local::minute(ends, view.language));
    let since = app.identity.not_me_since(view.customer()?);
    account.not_me_since = Some(Local::minute(since, view.language));
    account.checkup = app.identity.checkup_of(view.customer()?, view.language, &csrf).await?;
    show(&account, view.language)
}

fn account_page(page: Page, overview: Overview, may_add: bool) -> AccountPage {
    let t = page.t;
    let (minute, day) = (|at| Local::minute(at, t.0), |at| Local::day(at, t.0));
    let actions = if may_add { next_actions(t, &overview) } else { Vec::new() };
    AccountPage {
        masked: overview.masked_email,
        wait: None,
        may_sms: false,
        checkup: None,
        not_me_since: None,
        actions,
        has_password: overview.has_password,
        password_set_at: overview.password_set_at.map(day),
        has_strong: !overview.factors.is_empty(),
        may_add,
        codes_left: overview.codes_left,
        factors: overview
            .factors
            .into_iter()
            .map(|factor| FactorRow {
                id: factor.id.to_string(),
                kind: t.s(&format!("factor.{}", factor.kind.word())),
                label: factor.label,
                added: day(factor.created_at),
            })
            .collect(),
        has_places: overview.sessions.iter().any(|session| session.place.shown(t.0).is_some()),
        sessions: overview
            .sessions
            .into_iter()
            .map(|session| SessionRow {
                id: session.id.to_string(),
                label: session.label,
                place: session.place.shown(t.0),
                began: minute(session.created_at),
                seen: minute(session.seen_at),
                is_this: session.is_this,
            })
            .collect(),
        devices: overview
            .devices
            .into_iter()
            .map(|device| DeviceRow {
                id: device.id.to_string(),
                label: device.label,
                seen: minute(device.seen_at),
                trusted: device.trusted_until.map(day),
            })
            .collect(),
        activity: overview
            .activity
            .into_iter()
            .map(|line| ActivityRow {
                at: minute(line.at),
                place: line.place.and_then(|place| place.shown(t.0)),
                what: t.s(&format!("activity.{}", line.what)),
                label: line.label,
            })
            .collect(),
        page,
    }
}

/// At most three, the weightiest first: more is not read (reference/respond.md part B).
fn next_actions(t: Texts, overview: &Overview) -> Vec<Action> {
    const FEW_CODES: u32 = 3;
    const MANY_SESSIONS: usize = 3;
    let mut actions = Vec::new();
    let mut add = |title, why, href| actions.push(Action { title, why, button: t.s("checkup.go"), href });
    if !overview.factors.iter().any(|factor| factor.kind == FactorKind::Passkey) {
        add(t.s("checkup.passkey"), t.s("checkup.passkey_why"), "/account/passkey");
    }
    if !overview.factors.is_empty() && overview.codes_left < FEW_CODES {
        add(t.s("checkup.codes"), t.f("checkup.codes_why", "count", overview.codes_left), "/account/codes");
    }
    if overview.sessions.len() > MANY_SESSIONS {
        let why = t.f("checkup.sessions_why", "count", overview.sessions.len());
        add(t.s("checkup.sessions"), why, "/account#sessions");
    }
    actions.truncate(3);
    actions
}

pub async fn end_session(
    State(app): State<App>,
    view: View,
    Form(named): Form<Named>,
) -> Result<Response, Failure> {
    if let Ok(id) = named.id.parse() {
        app.identity.end_session(&view.visit, view.customer()?, id).await?;
    }
    Ok(redirect(&own("/account?done=sessions")))
}

pub async fn end_others(State(app): State<App>, view: View) -> Result<Response, Failure> {
    app.identity.end_other_sessions(&view.visit, view.customer()?).await?;
    Ok(redirect(&own("/account?done=sessions")))
}

pub async fn forget_device(
    State(app): State<App>,
    view: View,
    Form(named): Form<Named>,
) -> Result<Response, Failure> {
    if let Ok(id) = named.id.parse() {
        app.identity.forget_device(&view.visit, view.customer()?, id).await?;
    }
    Ok(redirect(&own("/account?done=removed")))
}
