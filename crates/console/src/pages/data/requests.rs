//! What staff asked to see beyond what the rules show them, for a second person to answer; and what was opened in an emergency,
//! for a second person to look into.

use serde::Deserialize;
use storeward_base::{GrantId, Timestamp};
use storeward_policy::{Act, Grant, Purpose};
use storeward_vault::desk::{Ask, Asker, Decision, Error as VaultError, Field, Request, Vault, Verdict};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Moment, Query, redirect};

use super::{Asked, HERE, asker, customer_page, read_id, reason_words, show, vault};
use crate::accounts::{self, Names};
use crate::app::App;
use crate::error::Error;
use crate::level::{Badge, Level};
use crate::pages::next::confirm_link;
use crate::pages::view::{View, icons};

const TITLE: &str = "Requests and emergencies";
const PLACE: &str = "/data/requests";
const LINES: u32 = 50;
const IN_AN_EMERGENCY: &str =
    "Opened in an emergency, for 15 minutes. The owner is told, and a second person looks into it.";
/// More fields than the catalogue has are no request of ours.
const MOST_FIELDS: usize = 64;

#[derive(Template)]
#[template(path = "data_requests.html", askama = storeward_web::askama)]
struct RequestsPage<'a> {
    csrf: &'a str,
    done: Option<&'static str>,
    fault: Option<String>,
    confirm: Option<String>,
    unreviewed: Vec<Line>,
    undecided: Vec<Line>,
    past: Vec<Line>,
    older: Option<String>,
    icons: &'static str,
}

struct Line {
    id: String,
    who: String,
    /// Whoever asked answers nothing of it.
    is_own: bool,
    /// Whether the reader may answer, and so reads why.
    may_answer: bool,
    customer: String,
    fields: String,
    purpose: &'static str,
    /// Nothing once the customer is erased.
    reason: Option<String>,
    at: Moment,
    badge: Badge,
    by: Option<String>,
    until: Option<Moment>,
    /// It holds, and the reader may take it back.
    may_end: bool,
}

fn badge(request: &Request) -> Badge {
    match (request.kind, request.verdict, request.until, request.decided_at) {
        (Grant::BreakGlass, Some(Verdict::Justified), ..) => Badge::new(Level::Plain, "emergency, justified"),
        (Grant::BreakGlass, Some(Verdict::Unjustified), ..) => {
            Badge::new(Level::Bad, "emergency, not justified")
        }
        (Grant::BreakGlass, None, ..) => Badge::new(Level::Bad, "emergency, not looked into"),
        (_, _, Some(_), _) => Badge::new(Level::Ok, "approved"),
        (_, _, None, Some(_)) => Badge::new(Level::Plain, "refused"),
        (_, _, None, None) => Badge::new(Level::Note, "not answered"),
    }
}

async fn line(
    vault: &Vault,
    asker: &Asker,
    (view, now): (&View, Timestamp),
    names: &Names,
    request: Request,
) -> Line {
    let is_own = request.staff == view.visitor.staff;
    let may_answer = !is_own && vault.may(asker, Act::Approve, request.customer, request.purpose);
    // What cannot be opened any more is left out: the request is answered all the same.
    let reason = match is_own || may_answer {
        true => vault.reason(&request).await.ok().flatten(),
        false => None,
    };
    let fields: Vec<String> = request.fields.iter().map(|field| field.full_name()).collect();
    let by = request.reviewed_by.or(request.decided_by);
    Line {
        id: request.id.to_string(),
        who: names.in_words(&request.staff.to_string()),
        is_own,
        may_answer,
        customer: request.customer.to_string(),
        fields: fields.join(", ").replace('_', " "),
        purpose: request.purpose.words(),
        reason: reason.map(|text| text.expose().clone()),
        at: Moment(request.asked_at),
        badge: badge(&request),
        by: by.map(|staff| names.in_words(&staff.to_string())),
        until: request.until.map(Moment),
        may_end: (is_own || may_answer) && request.until.is_some_and(|until| until > now),
    }
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let content = content(&app, &view, &asked, None).await?;
    view.page(TITLE, HERE, &content)
}

async fn content<'a>(
    app: &App,
    view: &'a View,
    asked: &Asked,
    fault: Option<String>,
) -> Result<RequestsPage<'a>, Failure> {
    let vault = vault(app)?;
    let (asker, _) = asker(app, view).await?;
    let found = vault.requests(asked.before.parse().ok(), LINES).await?;
    let names = app.db.read(|reader| Ok::<_, Error>(accounts::names(reader)?)).await?;
    let is_full = u32::try_from(found.past.len()).is_ok_and(|count| count == LINES);
    let older = found.past.last().filter(|_| is_full).map(|last| format!("{PLACE}?before={}", last.id));
    let mut lists = [Vec::new(), Vec::new(), Vec::new()];
    for (list, requests) in lists.iter_mut().zip([found.unreviewed, found.undecided, found.past]) {
        for request in requests {
            list.push(line(vault, &asker, (view, app.clock.now()), &names, request).await);
        }
    }
    let [unreviewed, undecided, past] = lists;
    let done = match asked.done.as_str() {
        "approve" => Some("They may see it for 30 minutes."),
        "refuse" => Some("Refused."),
        "justified" | "unjustified" => Some("What you found is on record."),
        "withdraw" => Some("Taken back: nothing is seen by it any more."),
        _ => None,
    };
    let confirm = (!view.visitor.is_fresh).then(|| confirm_link(PLACE));
    Ok(RequestsPage {
        csrf: view.csrf(),
        done,
        fault,
        confirm,
        unreviewed,
        undecided,
        past,
        older,
        icons: icons(),
    })
}

#[derive(Deserialize)]
pub struct Answer {
    act: String,
}

pub async fn answer(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(answer): Form<Answer>,
) -> Result<Response, Failure> {
    let id: GrantId = id
        .parse()
        .map_err(|_| Failure::missing("console.no_such_request", "There is no request of this number."))?;
    let vault = vault(&app)?;
    let (asker, _) = asker(&app, &view).await?;
    let done = match answer.act.as_str() {
        "approve" => vault.decide_access(&asker, id, Decision::Approve).await,
        "refuse" => vault.decide_access(&asker, id, Decision::Refuse).await,
        "justified" => vault.review(&asker, id, Verdict::Justified).await,
        "unjustified" => vault.review(&asker, id, Verdict::Unjustified).await,
        "withdraw" => vault.withdraw(&asker, id).await,
        _ => return Err(Failure::invalid("console.act", "The form does not fit this page.")),
    };
    let fault = match done {
        Ok(()) => return Ok(redirect(&format!("{PLACE}?done={}", answer.act))),
        Err(VaultError::Denied(reason)) => format!("Nothing was done: {}.", reason_words(reason)),
        Err(VaultError::Decided) => "Somebody answered it already, or its time is over.".to_owned(),
        Err(other) => return Err(other.into()),
    };
    let content = content(&app, &view, &Asked::default(), Some(fault)).await?;
    view.refused(TITLE, HERE, &content)
}

#[derive(Deserialize)]
pub struct Wanted {
    purpose: String,
    fields: String,
    reason: String,
    act: String,
}

/// Asks a second person, or opens at once in an emergency; then what was opened stands on the answer.
pub async fn ask(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Failure> {
    let id = read_id(&id)?;
    let unfit = || Failure::invalid("console.act", "The form does not fit this page.");
    let purpose = Purpose::of_name(&wanted.purpose).ok_or_else(unfit)?;
    let names = wanted.fields.split(',').take(MOST_FIELDS);
    let fields: Result<Vec<&'static Field>, _> = names.map(Field::find).collect();
    let fields = fields.map_err(|_| unfit())?;
    let vault = vault(&app)?;
    let (asker, _) = asker(&app, &view).await?;
    let ask = Ask::new(asker, id, purpose);
    let done = match wanted.act.as_str() {
        "ask" => vault.request_access(&ask, &fields, &wanted.reason).await,
        "emergency" => vault.break_glass(&ask, &fields, &wanted.reason).await,
        _ => return Err(unfit()),
    };
    if done.is_ok() && wanted.act == "emergency" {
        app.accounts.tell_of_emergency(view.visitor.staff).await?;
    }
    let mut content = customer_page(&app, &view, id).await?;
    let classes: Vec<_> = fields.iter().map(|field| field.class).collect();
    content.choose(Some(purpose), &classes);
    let fault = match done {
        Ok(_) if wanted.act == "ask" => return Ok(redirect(&format!("{HERE}/{id}?done=asked"))),
        Ok(_) => match vault.open(&ask, &fields).await {
            Ok(opening) => {
                let policies = vault.policies();
                let says = |rule: &str| policies.says(rule).map_or_else(|| rule.to_owned(), str::to_owned);
                show(&mut content, opening, says);
                content.opened_for = Some(purpose.words());
                content.done = Some(IN_AN_EMERGENCY);
                return view.page("A customer's data", HERE, &content);
            }
            Err(VaultError::Denied(reason)) => format!(
                "Nothing was opened: {}. That you said it is an emergency is on record.",
                reason_words(reason)
            ),
            Err(other) => return Err(other.into()),
        },
        Err(VaultError::Denied(reason)) => {
            format!("Nothing was done: {}. That you asked is on record.", reason_words(reason))
        }
        Err(VaultError::Value { .. }) => "Say why, in one to 1,000 characters.".to_owned(),
        Err(other) => return Err(other.into()),
    };
    content.fault = Some(&fault);
    view.refused("A customer's data", HERE, &content)
}
