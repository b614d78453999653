//! You: one's own second factors and sessions, and confirming who one is.

use serde::Deserialize;
use storeward_base::Secret;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::{HeaderMap, HeaderValue, header};
use storeward_web::{Failure, Form, Moment, Query, assets, redirect};

use super::next;
use super::sign_in::{fault_of, with_session};
use super::view::{View, icons};
use crate::accounts::{AddError, Asked, CHALLENGE_COOKIE, Caller, SignInError};
use crate::app::App;
use crate::party::MaybeParty;

const HERE: &str = "/you";

#[derive(Template)]
#[template(path = "you.html", askama = storeward_web::askama)]
struct YouPage<'a> {
    csrf: &'a str,
    name: &'a str,
    notice: Option<&'static str>,
    passkeys: Vec<PasskeyLine>,
    may_add: bool,
    /// Where a second factor is shown first; nothing where one was shown just now.
    confirm: Option<String>,
    sessions: Vec<SessionLine>,
    icons: &'static str,
}

struct PasskeyLine {
    id: String,
    label: String,
    party: String,
    added: Moment,
    used: Option<Moment>,
}

struct SessionLine {
    id: Option<String>,
    label: String,
    address: String,
    began: Moment,
    seen: Moment,
    is_this: bool,
    is_at_gate: bool,
}

#[derive(Template)]
#[template(path = "confirm.html", askama = storeward_web::askama)]
struct ConfirmPage<'a> {
    csrf: &'a str,
    next: &'a str,
    fault: Option<String>,
    has_passkey: bool,
    icons: &'static str,
}

#[derive(Template)]
#[template(path = "passkey.html", askama = storeward_web::askama)]
struct PasskeyPage<'a> {
    csrf: &'a str,
    fault: Option<String>,
    icons: &'static str,
}

#[derive(Deserialize)]
pub struct Done {
    #[serde(default)]
    done: String,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    MaybeParty(party): MaybeParty,
    Query(asked): Query<Done>,
) -> Result<Response, Failure> {
    let staff = view.visitor.staff;
    let passkeys = app.accounts.own_passkeys(staff).await?;
    let sessions = app.accounts.own_sessions(&view.visitor.token, staff).await?;
    let content = YouPage {
        csrf: view.csrf(),
        name: &view.visitor.name,
        notice: match asked.done.as_str() {
            "passkey" => Some("The passkey is added. You can sign in with it alone."),
            "removed" => Some("The passkey is removed."),
            "sessions" => Some("Those sessions are over."),
            "password" => Some("Your password is changed. Your other sessions are over."),
            _ => None,
        },
        passkeys: passkeys
            .into_iter()
            .map(|own| PasskeyLine {
                id: own.id.to_string(),
                label: own.label,
                party: own.party,
                added: Moment(own.created_at),
                used: own.used_at.map(Moment),
            })
            .collect(),
        may_add: party.is_some(),
        confirm: (!view.visitor.is_fresh).then(|| next::confirm_link(HERE)),
        sessions: sessions
            .into_iter()
            .map(|own| SessionLine {
                id: own.id.map(|id| id.to_string()),
                label: own.label,
                address: own.address,
                began: Moment(own.created_at),
                seen: Moment(own.seen_at),
                is_this: own.is_this,
                is_at_gate: own.is_at_gate,
            })
            .collect(),
        icons: icons(),
    };
    view.page("You", HERE, &content)
}

#[derive(Deserialize)]
pub struct Named {
    id: String,
}

pub async fn end_session(
    State(app): State<App>,
    view: View,
    Form(named): Form<Named>,
) -> Result<Response, Failure> {
    if let Ok(id) = named.id.parse() {
        app.accounts.end_own_session(view.visitor.staff, id).await?;
    }
    Ok(redirect("/you?done=sessions"))
}

pub async fn end_others(State(app): State<App>, view: View) -> Result<Response, Failure> {
    app.accounts.end_other_sessions(&view.visitor.token, view.visitor.staff).await?;
    Ok(redirect("/you?done=sessions"))
}

#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct ConfirmFields {
    #[serde(default)]
    code: String,
    #[serde(default)]
    credential: String,
    #[serde(default)]
    next: String,
}

async fn confirm_page<'a>(
    app: &App,
    view: &'a View,
    next: &'a str,
    fault: Option<String>,
) -> Result<ConfirmPage<'a>, Failure> {
    let has_passkey = !app.accounts.own_passkeys(view.visitor.staff).await?.is_empty();
    Ok(ConfirmPage { csrf: view.csrf(), next, fault, has_passkey, icons: icons() })
}

pub async fn confirm(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Next>,
) -> Result<Response, Failure> {
    let content = confirm_page(&app, &view, next::safe(&asked.next), None).await?;
    view.with_script(&assets::PASSKEY).page("Confirm who you are", HERE, &content)
}

pub async fn confirm_now(
    State(app): State<App>,
    view: View,
    MaybeParty(party): MaybeParty,
    caller: Caller,
    headers: HeaderMap,
    Form(fields): Form<ConfirmFields>,
) -> Result<Response, Failure> {
    let goal = next::safe(&fields.next);
    let (staff, session) = (view.visitor.staff, &view.visitor.token);
    let confirmed = if fields.credential.is_empty() {
        app.accounts.confirm_with_code(session, staff, &fields.code, &caller).await
    } else {
        match (party, CHALLENGE_COOKIE.read(&headers)) {
            (Some(party), Some(token)) => {
                let credential = &fields.credential;
                app.accounts.confirm_with_passkey(&party, token, credential, &caller, (session, staff)).await
            }
            _ => Err(SignInError::Refused),
        }
    };
    let error = match confirmed {
        Ok(token) => return with_session(redirect(goal), &token),
        Err(error) => error,
    };
    let fault = fault_of(error, "That did not fit. Type a code that was not used yet, or use your passkey.")?;
    let content = confirm_page(&app, &view, goal, Some(fault.words)).await?;
    let mut response = view.with_script(&assets::PASSKEY).refused_with(
        fault.status,
        "Confirm who you are",
        HERE,
        &content,
    )?;
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

pub async fn confirm_options(
    State(app): State<App>,
    view: View,
    MaybeParty(party): MaybeParty,
) -> Result<Response, Failure> {
    let party = party.ok_or_else(no_name)?;
    options(app.accounts.begin_passkey_confirm(&party, view.visitor.staff).await?)
}

fn no_name() -> Failure {
    Failure::invalid(
        "console.no_name",
        "Passkeys need a name: open the console by its name, not by an address.",
    )
}

/// Options for the script, with the token of their challenge.
pub fn options(asked: Asked) -> Result<Response, Failure> {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut response = (json, asked.options).into_response();
    let line = CHALLENGE_COOKIE.set(asked.token.expose(), None);
    let line = line.ok_or_else(|| Failure::broken("console.cookie"))?;
    response.headers_mut().append(header::SET_COOKIE, line);
    Ok(response)
}

pub async fn passkey(view: View) -> Result<Response, Failure> {
    let content = PasskeyPage { csrf: view.csrf(), fault: None, icons: icons() };
    view.with_script(&assets::PASSKEY).page("Add a passkey", HERE, &content)
}

pub async fn passkey_options(
    State(app): State<App>,
    view: View,
    MaybeParty(party): MaybeParty,
) -> Result<Response, Failure> {
    let party = party.ok_or_else(no_name)?;
    let visitor = &view.visitor;
    options(app.accounts.begin_passkey(&party, visitor.staff, &visitor.name).await?)
}

#[derive(Deserialize)]
pub struct PasskeyFields {
    credential: Secret<String>,
    #[serde(default)]
    label: String,
}

pub async fn add_passkey(
    State(app): State<App>,
    view: View,
    MaybeParty(party): MaybeParty,
    headers: HeaderMap,
    Form(fields): Form<PasskeyFields>,
) -> Result<Response, Failure> {
    let party = party.ok_or_else(no_name)?;
    let token = CHALLENGE_COOKIE.read(&headers).unwrap_or("");
    let credential = fields.credential.expose();
    match app.accounts.add_passkey(&party, token, credential, &fields.label, view.visitor.staff).await {
        Ok(()) => Ok(redirect("/you?done=passkey")),
        Err(AddError::Misfit(misfit)) => {
            let fault = Some(misfit.words.into_owned());
            let content = PasskeyPage { csrf: view.csrf(), fault, icons: icons() };
            view.with_script(&assets::PASSKEY).refused("Add a passkey", HERE, &content)
        }
        Err(AddError::Failed(error)) => Err(error.into()),
    }
}

pub async fn remove_passkey(
    State(app): State<App>,
    view: View,
    Form(named): Form<Named>,
) -> Result<Response, Failure> {
    if let Ok(id) = named.id.parse() {
        app.accounts.remove_passkey(view.visitor.staff, id).await?;
    }
    Ok(redirect("/you?done=removed"))
}
