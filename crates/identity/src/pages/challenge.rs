//! The challenge: whatever a flow waits for, on one page.

use serde::Deserialize;
use storeward_base::Secret;
use storeward_puzzle::Purpose as Puzzle;
use storeward_web::askama::Template;
use storeward_web::axum::Extension;
use storeward_web::axum::Json;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::StatusCode;
use storeward_web::{Failure, Form, Query, redirect};

use super::App;
use super::view::{Later, Page, View, follow, show, show_again, show_later, span, with_cookies};
use crate::error::Error;
use crate::gate::own;
use crate::state::Purpose;
use crate::texts::Texts;
use crate::tokens::{FLOW_COOKIE, FlowToken};
use crate::verbs::{Given, Mailed, Need, Offer, PasskeyAnswer, ProveFault, Sent, Trust};

#[derive(Deserialize)]
pub struct Fields {
    method: String,
    #[serde(default)]
    secret: Option<Secret<String>>,
    #[serde(default)]
    credential: String,
    #[serde(default)]
    trust: String,
    #[serde(default)]
    altcha: String,
}

#[derive(Deserialize)]
pub struct SendFields {
    #[serde(default)]
    altcha: String,
}

#[derive(Template)]
#[template(path = "challenge.html", askama = storeward_web::askama)]
struct ChallengePage {
    page: Page,
    heading: String,
    /// Why a sign-in goes the way back, or the shop has to wait.
    why: Option<String>,
    ask_password: bool,
    ask_passkey: bool,
    ask_totp: bool,
    ask_sms: bool,
    /// The telephone's number, in part.
    number: String,
    /// Whether one may say that all of these are lost.
    may_be_lost: bool,
    /// Whether that can be said on the way back only, to which a link leads.
    lost_elsewhere: bool,
    /// Whether the shop may be gone on in without signing in.
    may_leave: bool,
    ask_mail: bool,
    ask_recovery: bool,
    may_trust: bool,
    trust_days: u32,
    /// Where the code went, or why none did.
    mail_words: String,
    /// Whether none was sent yet.
    is_first: bool,
    /// The address that codes go to, as it may be shown.
    masked: String,
    /// The same, whole; not shown.
    address: String,
}

/// The page as the flow stands; a flow that is over leads to the sign-in, one that needs nothing goes on.
async fn challenge_page(
    app: &App,
    view: &View,
    flow: &FlowToken,
) -> Result<Result<ChallengePage, Response>, Failure> {
    let standing = match app.identity.pending(flow).await {
        Ok(standing) => standing,
        Err(Error::FlowOver) => return Ok(Err(over())),
        Err(error) => return Err(error.into()),
    };
    let t = view.texts();
    let pending = &standing.flow;
    let (offers, masked, heading) = match &standing.need {
        Need::Password => (vec![Offer::Passkey], String::new(), t.s("challenge.title_password")),
        Need::Code { masked } => (vec![Offer::Mail], masked.clone(), t.s("challenge.title_code")),
        Need::Factor(offers) => (offers.clone(), standing.masked_address(), t.s("challenge.title")),
        Need::NewPassword => return Ok(Err(redirect(&own("/new-password")))),
        Need::NewFactor => return Ok(Err(redirect(&own("/new-factor")))),
        // Looking at a page finishes nothing: what was shown is done with, or belongs to another page.
        Need::Nothing => {
            let passed = pending.passed_at.and(pending.state.return_to.as_ref());
            return Ok(Err(passed.map_or_else(over, |to| redirect(to.as_str()))));
        }
    };
    let is_password = heading == t.s("challenge.title_password");
    let days = app.identity.0.policy().trusted_device_days;
    let mut page = view.page(app, heading.clone());
    let ask_passkey = offers.contains(&Offer::Passkey) && (!is_password || standing.has_passkey());
    page.script = ask_passkey;
    let number = match offers.contains(&Offer::Sms) {
        true => app.identity.masked_number(&standing)?,
        false => String::new(),
    };
    let address = standing.address().map_or_else(String::new, |email| email.as_str().to_owned());
    page.puzzle = app.identity.puzzle(Puzzle::Code, &view.visit, &address);
    let mailed = match offers.contains(&Offer::Mail) {
        true => app.identity.mailed(&view.visit, &standing).await?,
        false => Mailed::Sent,
    };
    if matches!(mailed, Mailed::Wait { .. }) {
        // Whoever can solve one need not wait; with the page, and not only after it was asked in vain.
        page.puzzle = Some(app.identity.puzzle_now(Puzzle::Code, &view.visit, &address));
    }
    if let Some(puzzle) = app.identity.guesses_puzzle(&view.visit, &standing).await? {
        page.puzzle = Some(puzzle);
    }
    let mail_words = mail_words(t, pending.purpose, mailed, &masked);
    let is_unusual = pending.purpose == Purpose::Recovery && !pending.state.reasons.is_empty();
    let why = match pending.purpose {
        Purpose::ShopName => Some(t.s("challenge.shop_name")),
        _ => is_unusual.then(|| t.s("challenge.way_back")),
    };
    let has_better = !is_password && !offers.contains(&Offer::Mail);
    Ok(Ok(ChallengePage {
        page,
        heading,
        why,
        ask_password: is_password,
        ask_passkey,
        ask_totp: offers.contains(&Offer::Totp),
        ask_sms: offers.contains(&Offer::Sms),
        number,
        may_be_lost: pending.purpose == Purpose::Recovery && !offers.contains(&Offer::Mail),
        lost_elsewhere: matches!(pending.purpose, Purpose::SignIn | Purpose::Shield) && has_better,
        may_leave: pending.purpose == Purpose::Shield,
        ask_mail: offers.contains(&Offer::Mail),
        ask_recovery: offers.contains(&Offer::Recovery),
        may_trust: days > 0
            && !pending.state.never_trust
            && matches!(pending.purpose, Purpose::SignIn | Purpose::Shield),
        trust_days: days,
        mail_words,
        is_first: mailed != Mailed::Sent,
        masked,
        address,
    }))
}

fn mail_words(t: Texts, purpose: Purpose, mailed: Mailed, masked: &str) -> String {
    match (mailed, purpose) {
        // To an address that the person just gave something goes in any case.
        (Mailed::Sent, Purpose::SignUp | Purpose::ChangeAddress | Purpose::ShopName) => {
            t.f("challenge.mail_sent_new", "address", masked)
        }
        (Mailed::Sent, _) => t.f("challenge.mail_sent", "address", masked),
        (Mailed::Ready, _) => t.f("challenge.mail_ready", "address", masked),
        (Mailed::Wait { seconds }, _) => {
            t.ff("challenge.mail_wait", &[("address", &masked), ("wait", &span(t, seconds))])
        }
    }
}

fn over() -> Response {
    with_cookies(redirect(&own("/sign-in?done=over")), FLOW_COOKIE.clear().into_iter().collect())
}

#[derive(Deserialize)]
pub struct Asked {
    /// "before": the code of an earlier letter counts.
    #[serde(default)]
    code: String,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    match challenge_page(&app, &view, &flow).await? {
        Ok(mut page) => {
            if asked.code == "before" && page.ask_mail && !page.is_first {
                page.mail_words = view.texts().f("challenge.mail_before", "address", page.masked.as_str());
            }
            show(&page, view.language)
        }
        Err(elsewhere) => Ok(elsewhere),
    }
}

pub async fn prove(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let trust = if fields.trust == "yes" { Trust::FromNowOn } else { Trust::AsBefore };
    let solved = fields.altcha.clone();
    let Some(given) = given(fields) else {
        return Err(Failure::invalid("identity.method", "The form does not fit this page."));
    };
    let (later, words) = match app.identity.prove(&view.visit, &flow, given, trust, &solved).await {
        Ok(step) => return Ok(follow(step)),
        Err(ProveFault::Spent | ProveFault::Failed(Error::FlowOver)) => return Ok(over()),
        Err(ProveFault::Wrong { left }) => (None, view.texts().f("challenge.wrong", "left", left)),
        Err(ProveFault::Throttled { seconds }) => {
            let later = Later::too_often(seconds);
            (Some(later), later.words(view.texts()))
        }
        Err(ProveFault::Failed(error)) => {
            let later = Later::of(error)?;
            (Some(later), later.words(view.texts()))
        }
    };
    match challenge_page(&app, &view, &flow).await? {
        Ok(mut page) => {
            page.page.fault = Some(words);
            match later {
                Some(later) => show_later(&page, view.language, later),
                None => show_again(&page, view.language, StatusCode::FORBIDDEN),
            }
        }
        Err(elsewhere) => Ok(elsewhere),
    }
}

fn given(fields: Fields) -> Option<Given> {
    let text = || fields.secret.as_ref().map(|secret| secret.expose().clone());
    match fields.method.as_str() {
        "password" => fields.secret.map(Given::Password),
        "totp" => text().map(Given::Totp),
        "sms" => text().map(Given::Sms),
        "mail" => text().map(Given::Mail),
        "recovery" => text().map(Given::Recovery),
        "passkey" => PasskeyAnswer::parse(&fields.credential).map(Given::Passkey),
        _ => None,
    }
}

pub async fn send(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
    Form(fields): Form<SendFields>,
) -> Result<Response, Failure> {
    let sent = app.identity.send_code(&view.visit, &flow, &fields.altcha).await;
    said_sent(&app, &view, &flow, sent).await
}

pub async fn send_sms(
    State(app): State<App>,
    view: View,
    Extension(flow): Extension<FlowToken>,
) -> Result<Response, Failure> {
    let sent = app.identity.send_sms(&view.visit, &flow).await;
    said_sent(&app, &view, &flow, sent).await
}

async fn said_sent(
    app: &App,
    view: &View,
    flow: &FlowToken,
    sent: Result<Sent, Error>,
) -> Result<Response, Failure> {
    let sent = match sent {
        Ok(sent) => sent,
        Err(Error::FlowOver) => return Ok(over()),
        Err(error) => return Err(error.into()),
    };
    let t = view.texts();
    let mut page = match challenge_page(app, view, flow).await? {
        Ok(page) => page,
        Err(elsewhere) => return Ok(elsewhere),
    };
    match sent {
        Sent::Now | Sent::Already => page.page.notice = Some(t.s("challenge.sent")),
        Sent::Enough => page.page.fault = Some(t.s("challenge.sent_enough")),
        Sent::Wait { seconds } => {
            page.page.puzzle = Some(app.identity.puzzle_now(Puzzle::Code, &view.visit, &page.address));
            let mut words = t.f("sign_in.wait", "wait", span(t, seconds));
            if page.ask_mail && !page.is_first {
                words = format!("{words} {}", t.s("challenge.before_counts"));
            }
            page.page.fault = Some(words);
        }
    }
    show(&page, view.language)
}

pub async fn passkey_options(
    State(app): State<App>,
    Extension(flow): Extension<FlowToken>,
) -> Result<Response, Failure> {
    Ok(Json(app.identity.passkey_options(&flow).await?).into_response())
}
