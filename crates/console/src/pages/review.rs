//! The review queue: payments that wait for somebody's decision, with why and what is known side by side. The rules' page is beside it.

pub mod rules;

use serde::Deserialize;
use storeward_base::{Actor, PaymentId};
use storeward_events::words;
use storeward_payments::desk::{
    Attempt, Buyer, Error as PayError, Funding, Judgement, Known, Mode, Payments, Review, RuleHit, Secure,
    Verdict,
};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::{Html, IntoResponse, Response};
use storeward_web::{Failure, Form, Moment, Query, redirect, render};

use super::next::confirm_link;
use super::payments as till;
use super::view::{View, icons};
use crate::app::App;
use crate::level::{Badge, Level};

const HERE: &str = "/review";
const NAV: &str = "/payments";
const TITLE: &str = "To look at";
const MOST: u32 = 50;

#[derive(Template)]
#[template(path = "review.html", askama = storeward_web::askama)]
struct ReviewPage {
    done: Option<&'static str>,
    fault: Option<String>,
    state: String,
    icons: &'static str,
}

/// What renews itself.
#[derive(Template)]
#[template(path = "review_state.html", askama = storeward_web::askama)]
struct StateOf<'a> {
    csrf: &'a str,
    confirm: Option<String>,
    may: bool,
    waiting: Vec<Waiting>,
    /// The first one has the focus: whoever decided by key goes on by key.
    first: bool,
    past: Vec<Past>,
    icons: &'static str,
}

struct Waiting {
    id: String,
    order: String,
    amount: String,
    way: &'static str,
    badge: Badge,
    opened: Moment,
    due: Option<Moment>,
    reasons: Vec<String>,
    facts: Vec<(&'static str, String)>,
}

struct Past {
    id: String,
    at: Moment,
    badge: Badge,
}

#[derive(Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let content = content(&app, &view, &asked, None).await?;
    view.page(TITLE, NAV, &content)
}

/// The queue as it stands, for a page that stays open.
pub async fn state(State(app): State<App>, view: View) -> Result<Response, Failure> {
    Ok(Html(render(&state_of(&app, &view, false).await?)?).into_response())
}

async fn content(
    app: &App,
    view: &View,
    asked: &Asked,
    fault: Option<String>,
) -> Result<ReviewPage, Failure> {
    let done = match asked.done.as_str() {
        "approve" => Some("It is approved."),
        "decline" => Some("It is declined: nothing is taken, and what was taken goes back."),
        _ => None,
    };
    let state = state_of(app, view, done.is_some()).await?;
    Ok(ReviewPage { done, fault, state: render(&state)?, icons: icons() })
}

async fn state_of<'a>(app: &App, view: &'a View, first: bool) -> Result<StateOf<'a>, Failure> {
    let payments = till::payments(app)?;
    let mut waiting = Vec::new();
    for review in payments.reviews(MOST).await? {
        waiting.extend(entry(payments, &review).await?);
    }
    let past = payments.reviewed(MOST).await?;
    Ok(StateOf {
        csrf: view.csrf(),
        confirm: (!view.visitor.is_fresh).then(|| confirm_link(HERE)),
        may: till::may(app, view).await?,
        waiting,
        first,
        past: past.iter().filter_map(decided).collect(),
        icons: icons(),
    })
}

async fn entry(payments: &Payments, review: &Review) -> Result<Option<Waiting>, Failure> {
    let Some(payment) = payments.find(review.payment).await? else { return Ok(None) };
    let judged = payments.last_judgements(vec![payment.id]).await?;
    let judged = judged.first();
    let shown = till::row(&payment);
    Ok(Some(Waiting {
        id: shown.id,
        order: shown.order,
        amount: shown.amount,
        way: shown.way,
        badge: shown.badge,
        opened: Moment(review.opened_at.unwrap_or(payment.created_at)),
        due: review.due_at.map(Moment),
        reasons: judged.map(reasons).unwrap_or_default(),
        facts: judged.and_then(|one| one.facts.as_ref()).map(facts).unwrap_or_default(),
    }))
}

fn decided(review: &Review) -> Option<Past> {
    let badge = match review.state.as_str() {
        "approved" => Badge::new(Level::Ok, "approved"),
        "declined" => Badge::new(Level::Bad, "declined"),
        "expired" => Badge::new(Level::Warn, "nobody decided"),
        "voided" => Badge::new(Level::Plain, "the payment was voided"),
        _ => Badge::new(Level::Plain, "withdrawn"),
    };
    Some(Past { id: review.payment.to_string(), at: Moment(review.closed_at?), badge })
}

/// Rules first, then what weighed in the score.
pub fn reasons(judged: &Judgement) -> Vec<String> {
    let rule = |hit: &RuleHit| {
        let watched = if hit.mode == Mode::Active { "" } else { " (only watched)" };
        let figure = match hit.rule.limits().get(hit.window) {
            Some((unit, _)) => {
                format!(": {} where {} is the limit ({unit})", round(hit.figure), round(hit.limit))
            }
            None => String::new(),
        };
        format!("{}{figure}{watched}", hit.rule.says())
    };
    let mut all: Vec<String> = judged.fired.iter().map(rule).collect();
    if let Some(score) = judged.score {
        all.push(format!("The score is {}", round(score)));
    }
    let weighed = judged.weighed.iter().map(|one| {
        let way = if one.points > 0.0 { "speaks for fraud" } else { "speaks for the buyer" };
        format!("{} {way} ({:+.2})", words::plain(&one.feature), one.points)
    });
    all.extend(weighed);
    all
}

/// Three decimals at most, and none where there are none.
fn round(figure: f64) -> String {
    let text = format!("{figure:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn facts(attempt: &Attempt) -> Vec<(&'static str, String)> {
    let signals = &attempt.signals;
    let mut all = vec![(
        "Buyer",
        match attempt.buyer {
            Buyer::Anonymous => "nobody who is known".to_owned(),
            Buyer::SignedIn { account_age } => format!("known for {}", days(account_age.as_secs())),
        },
    )];
    if let Some(age) = signals.session_age {
        all.push(("Session", format!("{} old", days(age.as_secs()))));
    }
    let mut told = |name, known: Known, yes: &str, no: &str| match known {
        Known::Unknown => {}
        Known::Yes => all.push((name, yes.to_owned())),
        Known::No => all.push((name, no.to_owned())),
    };
    told("Device", signals.device_new, "new for the account", "known to the account");
    told("Place of delivery", signals.shipping_new, "new for the customer", "known for the customer");
    told("Card’s country", signals.country_differs, "another than the client’s", "the client’s");
    told("Security code", signals.cvc_failed, "wrong", "right");
    told("Street and postcode", signals.avs_failed, "neither is the card’s", "at least one is the card’s");
    told("Delivery", signals.express, "express", "as usual");
    told("If it was fraud", signals.liability_shifted, "the bank bears the loss", "the shop bears the loss");
    if let Some(words) = secure_words(signals.secure) {
        all.push(("3-D Secure", words.to_owned()));
    }
    all.push((
        "Kind of card",
        match signals.funding {
            Funding::Unknown => "not known".to_owned(),
            Funding::Credit => "credit".to_owned(),
            Funding::Debit => "debit".to_owned(),
            Funding::Prepaid => "prepaid".to_owned(),
        },
    ));
    all.push(("Requests stopped today", signals.blocked_requests.to_string()));
    all.push(("Card numbers kept from the shop today", signals.card_entries.to_string()));
    all
}

/// What came of 3-D Secure; nothing where nobody asked.
pub(super) const fn secure_words(secure: Secure) -> Option<&'static str> {
    match secure {
        Secure::Unknown => None,
        Secure::Authenticated => Some("the buyer proved it to their bank"),
        Secure::Attempted => Some("the bank took note, nobody proved anything"),
        Secure::Exempted => Some("nobody was asked, by an exemption"),
        Secure::Failed => Some("the buyer did not prove it"),
    }
}

fn days(seconds: u64) -> String {
    match seconds {
        0..=7_199 => format!("{} minutes", seconds / 60),
        7_200..=172_799 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[derive(Deserialize)]
pub struct Decided {
    #[serde(default)]
    act: String,
}

/// Approves or declines.
pub async fn decide(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(decided): Form<Decided>,
) -> Result<Response, Failure> {
    let (payments, id): (_, PaymentId) = (till::payments(&app)?, till::read_id(&id)?);
    if !till::may(&app, &view).await? {
        return Err(Failure::denied(
            "console.payments_role",
            "Members of the groups owner and accountant decide.",
        ));
    }
    let verdict = match decided.act.as_str() {
        "approve" => Verdict::Approve,
        "decline" => Verdict::Decline,
        _ => return Err(Failure::invalid("console.payments_act", "There is no such act.")),
    };
    match payments.decide(id, verdict, Actor::Staff { id: view.visitor.staff }).await {
        Ok(_) => Ok(redirect(&format!("{HERE}?done={}", decided.act))),
        Err(PayError::Store(error)) => Err(error.into()),
        Err(why) => {
            let fault = format!("Nothing was decided: {why}.");
            let content = content(&app, &view, &Asked::default(), Some(fault)).await?;
            view.refused(TITLE, NAV, &content)
        }
    }
}
