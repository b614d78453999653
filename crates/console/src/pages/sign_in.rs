//! Signing in and out.

use serde::Deserialize;
use storeward_base::{ClientIp, Secret};
use storeward_web::askama::Template;
use storeward_web::axum::Extension;
use storeward_web::axum::extract::{ConnectInfo, State};
use storeward_web::axum::response::Response;
use storeward_web::http::{HeaderMap, HeaderValue, StatusCode, header};
use storeward_web::{CsrfToken, Failure, Form, Nonce, Query, Shell, redirect};

use super::next;
use super::view::{View, icons};
use crate::accounts::{ABSOLUTE, COOKIE, SessionToken, SignInError, SignInForm};
use crate::app::App;
use crate::outlook::counted;

const REFUSED: &str = "That did not fit. Check all three: e-mail, password and a code that was not used yet.";

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    next: String,
    #[serde(default)]
    done: String,
}

#[derive(Deserialize)]
pub struct Fields {
    email: String,
    password: Secret<String>,
    code: String,
    #[serde(default)]
    next: String,
}

/// Where a request came from, if the listener said so.
pub type MaybeClient = (Option<Extension<ClientIp>>, Option<Extension<ConnectInfo<std::net::SocketAddr>>>);

/// The client; one address for all where the listener did not say.
pub fn client_of((named, connected): MaybeClient) -> ClientIp {
    let connected = connected.map(|info| ClientIp::new(info.0.0.ip()));
    let client = named.map(|named| named.0).or(connected);
    client.unwrap_or_else(|| ClientIp::new(std::net::Ipv4Addr::UNSPECIFIED.into()))
}

#[derive(Template)]
#[template(path = "sign_in.html", askama = storeward_web::askama)]
struct SignInPage<'a> {
    fault: Option<String>,
    notice: Option<&'a str>,
    csrf: &'a str,
    next: &'a str,
    icons: &'a str,
}

pub async fn page(nonce: Nonce, csrf: CsrfToken, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let notice = (asked.done == "out").then_some("You are signed out.");
    let page = SignInPage {
        fault: None,
        notice,
        csrf: csrf.as_str(),
        next: next::safe(&asked.next),
        icons: icons(),
    };
    shell(&nonce).page(&page)
}

pub async fn sign_in(
    State(app): State<App>,
    nonce: Nonce,
    csrf: CsrfToken,
    client: MaybeClient,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let goal = next::safe(&fields.next).to_owned();
    let client = client_of(client);
    let previous = COOKIE.read(&headers).and_then(SessionToken::parse);
    let form = SignInForm { email: fields.email, password: fields.password, code: fields.code };
    let mut wait = None;
    let (status, fault) = match app.accounts.sign_in(form, client, previous).await {
        Ok(token) => return with_session(redirect(&goal), &token),
        Err(SignInError::Refused) => (StatusCode::FORBIDDEN, REFUSED.to_owned()),
        Err(SignInError::Throttled { seconds }) => {
            wait = Some(seconds);
            let words =
                format!("That was too often. Try again in {}.", counted(seconds, "second", "seconds"));
            (StatusCode::TOO_MANY_REQUESTS, words)
        }
        Err(SignInError::Crowded { seconds }) => {
            wait = Some(seconds);
            let span = counted(seconds, "second", "seconds");
            (StatusCode::SERVICE_UNAVAILABLE, format!("Too many people are signing in. Try again in {span}."))
        }
        Err(SignInError::Failed(error)) => return Err(error.into()),
    };
    let page =
        SignInPage { fault: Some(fault), notice: None, csrf: csrf.as_str(), next: &goal, icons: icons() };
    let mut response = shell(&nonce).page_with_status(status, &page)?;
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

pub async fn sign_out(State(app): State<App>, view: View) -> Result<Response, Failure> {
    app.accounts.sign_out(&view.visitor.token, view.visitor.staff).await?;
    let mut response = redirect("/sign-in?done=out");
    let line = COOKIE.clear().ok_or_else(|| Failure::broken("console.cookie"))?;
    response.headers_mut().append(header::SET_COOKIE, line);
    Ok(response)
}

/// Adds the session's cookie.
pub fn with_session(mut response: Response, token: &SessionToken) -> Result<Response, Failure> {
    let line = COOKIE.set(token.secret().expose(), Some(ABSOLUTE.as_secs()));
    let line = line.ok_or_else(|| Failure::broken("console.cookie"))?;
    response.headers_mut().append(header::SET_COOKIE, line);
    Ok(response)
}

fn shell(nonce: &Nonce) -> Shell<'_> {
    Shell { title: "Sign in", nav: &[], here: "/sign-in", nonce, signed_in: None }
}
