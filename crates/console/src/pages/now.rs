//! Now: is my shop well?

use std::sync::Arc;
use std::time::Duration;

use storeward_base::Timestamp;
use storeward_edge::access::{AccessRecord, Filter, HeatMinute};
use storeward_store::harmed;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::{Html, IntoResponse, Response};
use storeward_web::charts::{HeatCell, HeatStrip, sparkline};
use storeward_web::sse::{self, ResumeAfter};
use storeward_web::{Failure, Moment, Query, render};

use super::customers::{self, PressedLine};
use super::next::encode;
use super::view::{View, icons};
use crate::app::{App, Shared};
use crate::level::{Badge, Level};
use crate::live::{LiveRows, Watched, is_stopped_or_flagged, resume_point};
use crate::outlook::{Outlook, Picture, day, grouped};
use crate::rows::RequestRow;
use crate::status::{CertificateStatus, SystemStatus, UpstreamStatus};

/// A row that is harmed still is told of each day.
const HARM_SHOWN: Duration = Duration::from_secs(2 * 86_400);
/// Rows of a live list at first.
const ROWS: usize = 15;
/// What a browser that comes back is given of what it missed.
const MOST_MISSED: usize = 40;

#[derive(Template)]
#[template(path = "now.html", askama = storeward_web::askama)]
struct NowPage {
    outlook: Outlook,
    tiles: Vec<Tile>,
    strip: String,
    after: String,
    requests: Vec<RequestRow>,
    blocks: Vec<RequestRow>,
    certificates: Vec<CertificateLine>,
    upstreams: Vec<UpstreamLine>,
    pressed: Vec<PressedLine>,
    version: String,
    started: Moment,
    icons: &'static str,
}

#[derive(Template)]
#[template(path = "now_state.html", askama = storeward_web::askama)]
struct NowState {
    outlook: Outlook,
    tiles: Vec<Tile>,
    strip: String,
    icons: &'static str,
}

struct Tile {
    icon: &'static str,
    label: &'static str,
    value: String,
    more: String,
    href: String,
    spark: String,
}

struct CertificateLine {
    badge: Badge,
    names: String,
    source: &'static str,
    until: String,
}

struct UpstreamLine {
    badge: Badge,
    name: String,
    address: String,
    since: Option<Moment>,
    reason: String,
}

pub async fn page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    let status = app.status();
    let state = NowState::of(&app, &status).await?;
    let stopped = stopped_filter()?;
    let (requests, blocks) = app
        .ask(move |access| (access.query(&Filter::default(), None, ROWS), access.query(&stopped, None, ROWS)))
        .await?;
    let now = app.clock.now();
    let page = NowPage {
        outlook: state.outlook,
        tiles: state.tiles,
        strip: state.strip,
        after: requests.records.first().map(|r| r.id.to_string()).unwrap_or_default(),
        requests: requests.records.iter().map(|record| RequestRow::new(record)).collect(),
        blocks: blocks.records.iter().map(|record| RequestRow::new(record)).collect(),
        certificates: status.certificates.iter().map(|c| CertificateLine::of(c, now)).collect(),
        upstreams: status.upstreams.iter().map(UpstreamLine::of).collect(),
        pressed: customers::pressed(&app).await?,
        version: status.version.clone(),
        started: Moment(status.started_at),
        icons: icons(),
    };
    view.page("Now", "/", &page)
}

/// The upper part again, for the page that renews itself.
pub async fn state(State(app): State<App>) -> Result<Response, Failure> {
    let state = NowState::of(&app, &app.status()).await?;
    Ok(Html(render(&state)?).into_response())
}

#[derive(serde::Deserialize)]
pub struct After {
    after: Option<String>,
}

/// Requests and stopped requests as they come.
pub async fn live(
    State(app): State<App>,
    view: View,
    ResumeAfter(last): ResumeAfter,
    Query(asked): Query<After>,
) -> Result<Response, Failure> {
    // Watching begins before the log is read: nothing falls between.
    let records = app.access.subscribe(LiveRows::filter());
    let missed = match resume_point(last.as_deref().or(asked.after.as_deref())) {
        None => Vec::new(),
        Some(seen) => app.ask(move |access| newer_than(access, seen)).await?,
    };
    let session = Watched::new(Arc::clone(&app.accounts), view.visitor.token);
    Ok(sse::stream(LiveRows::new(records, &missed, session, app.stop.clone())))
}

/// What came after `seen`, oldest first; of many the newest.
fn newer_than(
    access: &storeward_edge::access::AccessReader,
    seen: storeward_base::RequestId,
) -> Vec<Arc<AccessRecord>> {
    let page = access.query(&Filter::default(), None, MOST_MISSED);
    let mut newer: Vec<_> = page.records.into_iter().take_while(|record| record.id > seen).collect();
    newer.reverse();
    newer
}

/// What the list of stopped requests shows.
pub fn stopped_filter() -> Result<Filter, Failure> {
    let wanted: Vec<String> = storeward_edge::access::Verdict::ALL
        .into_iter()
        .filter(|verdict| is_stopped_or_flagged(*verdict))
        .map(|verdict| format!("verdict={}", verdict.name()))
        .collect();
    wanted.join("&").parse().map_err(|_| Failure::broken("console.filter"))
}

impl NowState {
    async fn of(app: &Shared, status: &SystemStatus) -> Result<Self, Failure> {
        let now = app.clock.now();
        // Where the ledger cannot be read, that is what the page says.
        let told = app.db.read(move |reader| harmed::told_since(reader, now.minus(HARM_SHOWN))).await;
        let harmed = told.unwrap_or_default();
        let heat = app.access.heat(now);
        let total = |value: fn(&HeatMinute) -> u64| heat.iter().map(value).sum::<u64>();
        let (requests, stopped, errors) = (total(|m| m.requests), total(|m| m.blocked), total(|m| m.errors));
        let outlook = Outlook::of(&Picture { status, now, requests, stopped, errors, harmed: &harmed });
        let rate = app.access.rates(now).requests_per_second_minute;
        let figures = Figures { requests, stopped, errors, rate, bans: app.bans.stats().active, now };
        Ok(NowState {
            outlook,
            tiles: tiles(&figures, status, &heat)?,
            strip: strip(&heat).html()?,
            icons: icons(),
        })
    }
}

struct Figures {
    requests: u64,
    stopped: u64,
    errors: u64,
    rate: f64,
    bans: usize,
    now: Timestamp,
}

fn tiles(figures: &Figures, status: &SystemStatus, heat: &[HeatMinute]) -> Result<Vec<Tile>, Failure> {
    let since = heat.first().map(|m| m.starts_at).unwrap_or_default();
    let hour = format!("since={}", encode(&since.rfc3339()));
    let spark = |value: fn(&HeatMinute) -> u64| sparkline(&heat.iter().map(value).collect::<Vec<_>>());
    let tile = |icon, label, value: String, more: String, href: String, spark: String| Tile {
        icon,
        label,
        value,
        more,
        href,
        spark,
    };
    let certificate = status.certificates.iter().map(|c| c.not_after).min();
    let days = certificate.map(|until| until.since(figures.now).as_secs() / 86_400);
    let answers = status.upstreams.iter().filter(|u| u.answers == Some(true)).count();
    Ok(vec![
        tile(
            "now",
            "Requests",
            grouped(figures.requests),
            format!("{:.1} a second of late", figures.rate),
            format!("/explore?{hour}"),
            spark(|m| m.requests)?,
        ),
        tile(
            "blocked",
            "Stopped",
            grouped(figures.stopped),
            "in the last hour".to_owned(),
            format!("/explore?{}&{hour}", stopped_only()),
            spark(|m| m.blocked)?,
        ),
        tile(
            "warn",
            "Errors",
            grouped(figures.errors),
            "in the last hour".to_owned(),
            format!("/explore?status=5xx&{hour}"),
            spark(|m| m.errors)?,
        ),
        tile(
            "bad",
            "Banned now",
            grouped(u64::try_from(figures.bans).unwrap_or(u64::MAX)),
            "addresses".to_owned(),
            "/blocked#bans".to_owned(),
            String::new(),
        ),
        tile(
            "lock",
            "Padlock",
            days.map_or_else(|| "none".to_owned(), |days| format!("{} d", grouped(days))),
            certificate.map_or_else(|| "no certificate".to_owned(), |until| format!("until {}", day(until))),
            "/ledger?kind=edge.certificate".to_owned(),
            String::new(),
        ),
        tile(
            "shop",
            "Shop",
            if status.upstreams.is_empty() {
                "none".to_owned()
            } else {
                format!("{answers} of {}", status.upstreams.len())
            },
            "answering".to_owned(),
            "/ledger?kind=edge.upstream".to_owned(),
            String::new(),
        ),
    ])
}

/// What was kept from the shop, as the heat strip counts it.
fn stopped_only() -> String {
    let all = storeward_edge::access::Verdict::ALL.into_iter();
    let stopped: Vec<String> =
        all.filter(|v| v.is_stopped()).map(|v| format!("verdict={}", v.name())).collect();
    stopped.join("&")
}

fn strip(heat: &[HeatMinute]) -> HeatStrip {
    let cell = |minute: &HeatMinute| {
        let end = minute.starts_at.plus(std::time::Duration::from_secs(60));
        let (since, until) = (minute.starts_at.rfc3339(), end.rfc3339());
        HeatCell {
            label: since.get(11..16).unwrap_or("").to_owned(),
            total: minute.requests,
            blocked: minute.blocked,
            href: format!("/explore?since={}&until={}", encode(&since), encode(&until)),
        }
    };
    HeatStrip {
        title: "Requests and stopped requests by minute".to_owned(),
        cells: heat.iter().map(cell).collect(),
    }
}

impl CertificateLine {
    fn of(certificate: &CertificateStatus, now: Timestamp) -> Self {
        let left = certificate.not_after.since(now).as_secs() / 86_400;
        let badge = if certificate.not_after <= now {
            Badge::new(Level::Bad, "ended")
        } else if certificate.problem.is_some() || (left < 14 && certificate.source == "files") {
            Badge::new(Level::Warn, "look at it")
        } else if certificate.source == "local" {
            Badge::new(Level::Note, "for trying out")
        } else {
            Badge::new(Level::Ok, "good")
        };
        let source = match certificate.source.as_str() {
            "acme" => "renewed by itself",
            "files" => "from your files",
            _ => "made on this machine, for trying out",
        };
        let names = certificate.names.join(", ");
        CertificateLine { badge, names, source, until: day(certificate.not_after) }
    }
}

impl UpstreamLine {
    fn of(upstream: &UpstreamStatus) -> Self {
        let badge = match upstream.answers {
            Some(true) => Badge::new(Level::Ok, "answers"),
            Some(false) => Badge::new(Level::Bad, "does not answer"),
            None => Badge::new(Level::Plain, "not asked yet"),
        };
        UpstreamLine {
            badge,
            name: upstream.name.clone(),
            address: upstream.address.clone(),
            since: upstream.since.map(Moment),
            reason: upstream.reason.clone().unwrap_or_default(),
        }
    }
}
