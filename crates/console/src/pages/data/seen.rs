//! Who saw whom, when and for what: by customer, by person, by purpose.

use std::time::Duration;

use serde::Deserialize;
use storeward_base::{Actor, CustomerId, EventId, StaffId, Timestamp};
use storeward_policy::Purpose;
use storeward_vault::desk::{Filter, Shown, ShownFilter, Sight};
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::header;
use storeward_web::{Failure, Moment, Query};

use super::{HERE, reason_words, vault};
use crate::accounts::{self, Names};
use crate::app::App;
use crate::error::Error;
use crate::level::{Badge, Level};
use crate::pages::next::encode;
use crate::pages::view::{View, icons};

const LINES: u32 = 50;
/// Of a file: at once, and at most.
const AT_ONCE: u32 = 200;
const MOST_LINES: u32 = 10_000;
const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Template)]
#[template(path = "data_seen.html", askama = storeward_web::askama)]
struct SeenPage {
    customer: String,
    staff: Vec<(String, String, bool)>,
    purposes: Vec<(&'static str, &'static str, bool)>,
    from: String,
    until: String,
    lines: Vec<Line>,
    shown: Vec<ShownLine>,
    older: Option<String>,
    file: String,
    icons: &'static str,
}

struct Line {
    at: Moment,
    who: String,
    customer: String,
    what: String,
    purpose: &'static str,
    badge: Badge,
    why: String,
}

/// One page of the shop's own that showed somebody.
struct ShownLine {
    at: Moment,
    who: String,
    /// A customer's id, or a fingerprint.
    subject: String,
    is_kept: Kept,
    page: String,
}

/// Whether somebody's record is kept here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

impl ShownLine {
    fn new(shown: Shown, names: &Names) -> Self {
        let is_kept = if shown.subject.starts_with("cust_") { Kept::Yes } else { Kept::No };
        ShownLine {
            at: Moment(shown.at),
            who: names.in_words(&shown.actor),
            subject: shown.subject,
            is_kept,
            page: shown.page,
        }
    }
}

impl Line {
    fn new(sight: Sight, names: &Names, says: impl Fn(&str) -> Option<String>) -> Self {
        let (badge, why) = match &sight.outcome {
            Ok(rules) => {
                let words: Vec<String> =
                    rules.iter().map(|rule| says(rule).unwrap_or_else(|| rule.clone())).collect();
                (Badge::new(Level::Plain, "opened"), words.join(" "))
            }
            Err(reason) => (Badge::new(Level::Warn, "refused"), reason_words(reason).to_owned()),
        };
        let who = match sight.actor {
            Actor::Customer { id } if id == sight.customer => "the customer".to_owned(),
            other => names.in_words(&other.to_string()),
        };
        Line {
            at: Moment(sight.at),
            who,
            customer: sight.customer.to_string(),
            what: format!(
                "{}: {}",
                sight.collection.replace('_', " "),
                sight.fields.join(", ").replace('_', " ")
            ),
            purpose: Purpose::of_name(&sight.purpose).map_or("another purpose", Purpose::words),
            badge,
            why,
        }
    }
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    customer: String,
    #[serde(default)]
    staff: String,
    #[serde(default)]
    purpose: String,
    /// Days, such as `2026-11-26`; both count.
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    before: String,
}

/// What was asked, read.
struct Wanted {
    customer: Option<CustomerId>,
    staff: Option<StaffId>,
    purpose: Option<Purpose>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    before: Option<EventId>,
}

impl Asked {
    fn read(&self) -> Result<Wanted, Failure> {
        Ok(Wanted {
            customer: read(&self.customer)?,
            staff: read(&self.staff)?,
            purpose: Purpose::of_name(&self.purpose),
            from: day(&self.from)?,
            until: day(&self.until)?.map(|day| day.plus(DAY)),
            before: read(&self.before)?,
        })
    }

    /// As a query, without where a page begins.
    fn query(&self) -> String {
        format!(
            "customer={}&staff={}&purpose={}&from={}&until={}",
            encode(self.customer.trim()),
            encode(self.staff.trim()),
            encode(&self.purpose),
            encode(&self.from),
            encode(&self.until)
        )
    }
}

impl Wanted {
    fn openings(&self) -> Filter {
        Filter {
            customer: self.customer,
            actor: self.staff.map(|id| Actor::Staff { id }),
            purpose: self.purpose,
            from: self.from,
            until: self.until,
            before: self.before,
            ..Filter::default()
        }
    }

    /// The shop's pages know no purpose: whoever asks for one asks for openings.
    fn pages(&self) -> Option<ShownFilter> {
        self.purpose.is_none().then(|| ShownFilter {
            subject: self.customer.map(|id| id.to_string()),
            actor: self.staff.map(|id| Actor::Staff { id }),
            from: self.from.unwrap_or(Timestamp::EPOCH),
            until: self.until.unwrap_or(Timestamp::from_micros(i64::MAX)),
            before: self.before,
        })
    }
}

/// The beginning of a day in UTC.
fn day(text: &str) -> Result<Option<Timestamp>, Failure> {
    match text.trim() {
        "" => Ok(None),
        text => Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"))
            .map(Some)
            .ok_or_else(|| Failure::invalid("console.filter", "Give a day like 2026-11-26, or nothing.")),
    }
}

/// Nothing for what is left empty; a failure for what is none.
fn read<T: std::str::FromStr>(text: &str) -> Result<Option<T>, Failure> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            Failure::invalid(
                "console.filter",
                "Give a customer's number as it stands in the lists, or nothing.",
            )
        }),
    }
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let wanted = asked.read()?;
    let (customer, staff, purpose) = (wanted.customer, wanted.staff, wanted.purpose);
    let sights = vault(&app)?.sights(wanted.openings(), LINES).await?;
    let shown = match wanted.pages() {
        Some(filter) => vault(&app)?.shown(filter, LINES).await?,
        None => Vec::new(),
    };
    let (names, members) = app
        .db
        .read(|reader| Ok::<_, Error>((accounts::names(reader)?, accounts::all_members(reader)?)))
        .await?;
    let policies = vault(&app)?.policies();
    let says = |rule: &str| policies.says(rule).map(str::to_owned);
    let is_full = u32::try_from(sights.len()).is_ok_and(|count| count == LINES);
    let query = asked.query();
    let older = sights.last().filter(|_| is_full);
    let older = older.map(|last| format!("{HERE}/seen?{query}&before={}", last.event));
    let content = SeenPage {
        customer: customer.map_or_else(String::new, |id| id.to_string()),
        staff: members
            .into_iter()
            .map(|member| (member.id.to_string(), member.name, Some(member.id) == staff))
            .collect(),
        purposes: Purpose::ALL.map(|one| (one.name(), one.words(), Some(one) == purpose)).to_vec(),
        from: asked.from.clone(),
        until: asked.until.clone(),
        lines: sights.into_iter().map(|sight| Line::new(sight, &names, says)).collect(),
        shown: shown.into_iter().map(|one| ShownLine::new(one, &names)).collect(),
        file: format!("{HERE}/seen.csv?{query}"),
        older,
        icons: icons(),
    };
    view.page("Who saw whom", HERE, &content)
}

/// The same as a file: at most ten thousand openings and as many lines of the shop's pages, newest first. Ids, names of staff, no value.
pub async fn file(
    State(app): State<App>,
    _view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let wanted = asked.read()?;
    let names = app.db.read(|reader| Ok::<_, Error>(accounts::names(reader)?)).await?;
    let mut out = String::from("at,who,customer,what,purpose,outcome\r\n");
    let mut filter = wanted.openings();
    for _ in 0..MOST_LINES / AT_ONCE {
        let page = vault(&app)?.sights(filter.clone(), AT_ONCE).await?;
        let is_full = u32::try_from(page.len()).is_ok_and(|count| count == AT_ONCE);
        filter.before = page.last().map(|last| last.event);
        for sight in page {
            let outcome = match &sight.outcome {
                Ok(rules) => format!("opened: {}", rules.join(" ")),
                Err(reason) => format!("refused: {reason}"),
            };
            let what = format!("{}: {}", sight.collection, sight.fields.join(" "));
            let who = names.in_words(&sight.actor.to_string());
            let (at, customer) = (sight.at.to_string(), sight.customer.to_string());
            line(&mut out, [&at, &who, &customer, &what, &sight.purpose, &outcome]);
        }
        if !is_full {
            break;
        }
    }
    if let Some(filter) = wanted.pages() {
        for one in vault(&app)?.shown(filter, MOST_LINES).await? {
            let (at, who) = (one.at.to_string(), names.in_words(&one.actor));
            line(
                &mut out,
                [&at, &who, &one.subject, &format!("page: {}", one.page), "", "shown by the shop"],
            );
        }
    }
    let head = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"who-saw-whom.csv\""),
    ];
    Ok((head, out).into_response())
}

/// RFC 4180; a sign that a spreadsheet takes for the beginning of a formula is disarmed.
fn line(out: &mut String, cells: [&str; 6]) {
    let cell = |text: &str| {
        let sign = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        format!("\"{sign}{}\"", text.replace('"', "\"\""))
    };
    out.push_str(&cells.map(cell).join(","));
    out.push_str("\r\n");
}
