//! Guidance: which reminders went out and what they changed, and the false messages that customers reported.

use serde::Deserialize;
use storeward_base::ReportId;
use storeward_guide::staff::{Desk, Effect, Report, TopicEffect, Verdict};
use storeward_web::askama::Template;
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::charts::{PairedBar, PairedBars};
use storeward_web::{Failure, Form, Moment, redirect};

use super::view::{View, icons};
use crate::app::App;
use crate::level::{Badge, Level};
use crate::outlook::{counted, grouped};

const HERE: &str = "/guidance";
const TITLE: &str = "Guidance";

#[derive(Template)]
#[template(path = "guidance.html", askama = storeward_web::askama)]
struct GuidancePage<'a> {
    csrf: &'a str,
    is_set_up: bool,
    /// The answer in one sentence.
    sentence: String,
    follow: String,
    chart: String,
    topics: Vec<TopicLine>,
    open: String,
    reports: Vec<ReportLine>,
    icons: &'static str,
}

struct TopicLine {
    what: &'static str,
    sent: String,
    followed: String,
    held_back: String,
    held_back_followed: String,
    uplift: String,
}

struct ReportLine {
    id: ReportId,
    at: Moment,
    customer: Option<String>,
    badge: Badge,
    said: String,
    links: Vec<String>,
    bears_our_code: bool,
    is_open: bool,
}

pub async fn page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    let content = match &app.guide {
        Some(desk) => filled(&view, desk).await?,
        None => GuidancePage {
            csrf: view.csrf(),
            is_set_up: false,
            sentence: String::new(),
            follow: String::new(),
            chart: String::new(),
            topics: Vec::new(),
            open: String::new(),
            reports: Vec::new(),
            icons: icons(),
        },
    };
    view.page(TITLE, HERE, &content)
}

async fn filled<'a>(view: &'a View, desk: &Desk) -> Result<GuidancePage<'a>, Failure> {
    let (effect, reports) = (desk.effect().await?, desk.reports().await?);
    let open = desk.open_reports().await?;
    Ok(GuidancePage {
        csrf: view.csrf(),
        is_set_up: true,
        sentence: sentence(&effect),
        follow: counted(effect.follow_days.into(), "day", "days"),
        chart: chart(&effect)?,
        topics: effect.topics.iter().map(topic_line).collect(),
        open: counted(open, "open report", "open reports"),
        reports: reports.into_iter().map(report_line).collect(),
        icons: icons(),
    })
}

/// What the figures say, without saying more than they do.
fn sentence(effect: &Effect) -> String {
    let sent: u64 = effect.weeks.iter().map(|week| week.sent).sum();
    let followed: u64 = effect.weeks.iter().map(|week| week.followed).sum();
    if sent == 0 {
        return "No reminder went out in the last twelve weeks.".to_owned();
    }
    let people = if followed == 1 { "1 was".to_owned() } else { format!("{} were", grouped(followed)) };
    format!(
        "{} went out in the last twelve weeks; {people} followed.",
        counted(sent, "reminder", "reminders")
    )
}

fn chart(effect: &Effect) -> Result<String, Failure> {
    let label = |week: &storeward_guide::staff::Week| short_day(&week.begins.to_string());
    let bar = |week| PairedBar { label: label(week), whole: week.sent, part: week.followed };
    let bars = effect.weeks.iter().map(bar).collect();
    let words = ("sent", "followed");
    PairedBars { title: "Reminders by week", span_word: "Week from (UTC)", words, bars }.html()
}

/// `3 Sep` of `2026-09-03…`.
fn short_day(moment: &str) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let number = |range| moment.get(range).and_then(|text: &str| text.parse::<usize>().ok());
    let month = number(5..7).and_then(|month| MONTHS.get(month.checked_sub(1)?));
    match (number(8..10), month) {
        (Some(day), Some(month)) => format!("{day} {month}"),
        _ => moment.to_owned(),
    }
}

fn topic_line(effect: &TopicEffect) -> TopicLine {
    let uplift = effect.uplift.map_or_else(
        || "too few to tell".to_owned(),
        |told| format!("{:+.0} points ({:+.0} to {:+.0})", told.points, told.least, told.most),
    );
    TopicLine {
        what: effect.what(),
        sent: grouped(effect.sent),
        followed: share(effect.followed, effect.sent),
        held_back: grouped(effect.held_back),
        held_back_followed: share(effect.held_back_followed, effect.held_back),
        uplift: if effect.asks_for_something() { uplift } else { "cannot be seen here".to_owned() },
    }
}

/// `12 (40 %)`.
fn share(part: u64, whole: u64) -> String {
    match part.saturating_mul(100).checked_div(whole) {
        Some(percent) => format!("{} ({percent} %)", grouped(part)),
        None => "–".to_owned(),
    }
}

fn report_line(report: Report) -> ReportLine {
    let badge = match report.verdict {
        None => Badge::new(Level::Warn, "open"),
        Some(Verdict::FalseMessage) => Badge::new(Level::Bad, "false message"),
        Some(Verdict::Ours) => Badge::new(Level::Ok, "ours"),
        Some(Verdict::Nothing) => Badge::new(Level::Plain, "nothing"),
    };
    ReportLine {
        id: report.id,
        at: Moment(report.at),
        customer: report.customer.map(|id| id.to_string()),
        badge,
        said: report.said,
        links: report.links,
        bears_our_code: report.bears_our_code,
        is_open: report.is_open,
    }
}

#[derive(Deserialize)]
pub struct Closing {
    verdict: String,
}

pub async fn close(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(closing): Form<Closing>,
) -> Result<Response, Failure> {
    let unfit = || Failure::invalid("console.verdict", "The form does not fit this page.");
    let desk = app.guide.as_ref().ok_or_else(unfit)?;
    let id = id.parse().map_err(|_| unfit())?;
    let verdict = Verdict::of_word(&closing.verdict).ok_or_else(unfit)?;
    desk.close(view.visitor.staff, id, verdict).await?;
    Ok(redirect("/guidance#reports"))
}
