//! Signing in and out.

use serde::Deserialize;
use storeward_base::{ClientIp, Secret};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{FromRequestParts, State};
use storeward_web::axum::response::Response;
use storeward_web::http::request::Parts;
use storeward_web::http::{HeaderMap, HeaderValue, StatusCode, header};
use storeward_web::{CsrfToken, Failure, Form, Nonce, Query, Shell, agent, assets, redirect};

use super::next;
use super::view::{View, icons};
use crate::accounts::{ABSOLUTE, CHALLENGE_COOKIE, COOKIE, Caller, SessionToken, SignInError, SignInForm};
use crate::app::App;
use crate::outlook::counted;
use crate::party::MaybeParty;

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

#[derive(Deserialize)]
pub struct PasskeyFields {
    credential: Secret<String>,
    #[serde(default)]
    next: String,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    /// One address for all where the listener did not say.
    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let address = crate::gate::client_of(head);
        let agent = head.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Caller {
            address: address.unwrap_or_else(|| ClientIp::new(std::net::Ipv4Addr::UNSPECIFIED.into())),
            label: agent::label(agent.unwrap_or("")),
        })
    }
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
    caller: Caller,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let goal = next::safe(&fields.next).to_owned();
    let previous = COOKIE.read(&headers).and_then(SessionToken::parse);
    let form = SignInForm { email: fields.email, password: fields.password, code: fields.code };
    let error = match app.accounts.sign_in(form, &caller, previous).await {
        Ok(token) => return with_session(redirect(&goal), &token),
        Err(error) => error,
    };
    again(&nonce, &csrf, &goal, fault_of(error, REFUSED)?)
}

/// The page again, with what went wrong.
fn again(nonce: &Nonce, csrf: &CsrfToken, goal: &str, fault: Fault) -> Result<Response, Failure> {
    let page = SignInPage {
        fault: Some(fault.words),
        notice: None,
        csrf: csrf.as_str(),
        next: goal,
        icons: icons(),
    };
    let mut response = shell(nonce).page_with_status(fault.status, &page)?;
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// A challenge for whoever signs in with a passkey; the script asks for it.
pub async fn passkey_options(
    State(app): State<App>,
    MaybeParty(party): MaybeParty,
    caller: Caller,
) -> Result<Response, Failure> {
    let Some(party) = party else {
        return Err(Failure::invalid("console.no_name", "Open the console by its name to use a passkey."));
    };
    match app.accounts.begin_passkey_sign_in(&party, &caller).await {
        Ok(asked) => super::you::options(asked),
        Err(SignInError::Throttled { seconds } | SignInError::Crowded { seconds }) => {
            Err(Failure::too_many("console.passkeys", seconds))
        }
        Err(SignInError::Refused) => Err(Failure::denied("console.passkeys", "No passkey can be used now.")),
        Err(SignInError::Failed(error)) => Err(error.into()),
    }
}

pub async fn passkey(
    State(app): State<App>,
    nonce: Nonce,
    csrf: CsrfToken,
    MaybeParty(party): MaybeParty,
    caller: Caller,
    headers: HeaderMap,
    Form(fields): Form<PasskeyFields>,
) -> Result<Response, Failure> {
    let goal = next::safe(&fields.next);
    let previous = COOKIE.read(&headers).and_then(SessionToken::parse);
    let error = match (party, CHALLENGE_COOKIE.read(&headers)) {
        (Some(party), Some(token)) => {
            let shown = fields.credential.expose();
            match app.accounts.sign_in_with_passkey(&party, token, shown, &caller, previous).await {
                Ok(session) => return with_session(redirect(goal), &session),
                Err(error) => error,
            }
        }
        _ => SignInError::Refused,
    };
    let words = "The passkey did not open the console. Sign in with e-mail, password and code.";
    again(&nonce, &csrf, goal, fault_of(error, words)?)
}

/// What a sign-in that came to nothing says on its page.
pub struct Fault {
    pub status: StatusCode,
    pub words: String,
    pub retry_after: Option<u64>,
}

/// The one place where it is said. `refused` are the words for whatever did not fit.
pub fn fault_of(error: SignInError, refused: &str) -> Result<Fault, Failure> {
    let span = |seconds| counted(seconds, "second", "seconds");
    Ok(match error {
        SignInError::Refused => {
            Fault { status: StatusCode::FORBIDDEN, words: refused.to_owned(), retry_after: None }
        }
        SignInError::Throttled { seconds } => Fault {
            status: StatusCode::TOO_MANY_REQUESTS,
            words: format!("That was too often. Try again in {}.", span(seconds)),
            retry_after: Some(seconds),
        },
        SignInError::Crowded { seconds } => Fault {
            status: StatusCode::SERVICE_UNAVAILABLE,
            words: format!("Too many people are signing in. Try again in {}.", span(seconds)),
            retry_after: Some(seconds),
        },
        SignInError::Failed(error) => return Err(error.into()),
    })
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
    Shell {
        title: "Sign in",
        nav: &[],
        here: "/sign-in",
        nonce,
        signed_in: None,
        script: Some(&assets::PASSKEY),
    }
}
