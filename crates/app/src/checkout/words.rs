//! `storeward checkout`: what runs on paying pages, what waits, what is decided, and the evidence of it.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use storeward_base::{Actor, Timestamp};
use storeward_checkout::Names;
use storeward_checkout::desk::{
    Alert, Evidence, Hold, NewApproval, Period, Scope, Script, ScriptId, Standing, Wanted,
};
use storeward_console::Console;

use super::guard;
use crate::failure::{Context, Failure, IoContext, say, say_bytes};
use crate::oidc::finished;
use crate::open::{self, Opened};
use crate::{Directory, Done};

const DAY_SECONDS: i64 = 86_400;

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// The paying pages, and how each is served.
    Pages(Listed),
    /// The inventory: scripts and places of paying pages, each with the hash that `approve --hash` takes.
    Scripts {
        /// open (waits for somebody), approved, rejected or all.
        #[arg(long, default_value = "open")]
        show: String,
        #[command(flatten)]
        listed: Listed,
    },
    /// Approve one. A running program takes it up within half a minute.
    Approve(Approving),
    /// Take an approval back, or say of something new that it shall not run.
    Revoke {
        /// Its id, as `scripts` prints it.
        #[arg(value_name = "SCRIPT")]
        script: String,
        #[command(flatten)]
        at: Directory,
    },
    /// What somebody has to look at, open ones first.
    Alerts {
        /// Say that you have looked at this one.
        #[arg(long, value_name = "ALERT")]
        close: Option<String>,
        #[command(flatten)]
        listed: Listed,
    },
    /// Say how a page is served: learn (as the config says), enforce or last_good. Prints first what would stop.
    Hold {
        /// Its path, as `pages` prints it.
        page: String,
        #[arg(value_name = "HOW")]
        how: String,
        /// Do it although something stops.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        at: Directory,
    },
    /// Approve the headers of a page as they are.
    ApproveHeaders {
        page: String,
        #[command(flatten)]
        at: Directory,
    },
    /// The evidence report for PCI DSS 4.0.1, 6.4.3 and 11.6.1, and for SAQ A; its digest goes into the ledger.
    Report(Reporting),
}

#[derive(Debug, clap::Args)]
struct Listed {
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Directory,
}

#[derive(Debug, clap::Args)]
struct Approving {
    /// Its id, as `scripts` prints it.
    #[arg(value_name = "SCRIPT")]
    script: String,
    /// exact (this very hash), shape (code whatever its strings are) or address (whatever it serves).
    #[arg(long, default_value = "exact")]
    scope: String,
    /// Who answers for it.
    #[arg(long)]
    owner: String,
    /// Why the paying page needs it.
    #[arg(long)]
    why: String,
    /// For how long; checkout.approve_days when left out.
    #[arg(long)]
    days: Option<u32>,
    /// The hash that you looked at: SHA-256 in base64, as `scripts` prints it, or in hexadecimal, as sha256sum does; refused if it is
    /// another one now. `exact` needs it.
    #[arg(long, value_name = "SHA256")]
    hash: Option<String>,
    #[command(flatten)]
    at: Directory,
}

#[derive(Debug, clap::Args)]
struct Reporting {
    /// The first day, such as 2026-10-01; 90 days ago when left out.
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// The last day; until now when left out.
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Write the report there, a file that is not there yet; standard output when left out.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// And the same for people there, as a page that can be printed.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Make none: say whether the ledger knows this one.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "until", "to", "html"])]
    check: Option<PathBuf>,
    #[command(flatten)]
    at: Directory,
}

pub fn checkout(options: &Options) -> Done {
    match &options.word {
        Word::Pages(listed) => pages(listed),
        Word::Scripts { show, listed } => scripts(show, listed),
        Word::Approve(approving) => approve(approving),
        Word::Revoke { script, at } => {
            let (opened, id) = (open::open(&at.dir)?, id(script)?);
            finished(guard(&opened)?.revoke(&id, Actor::Operator))?.context("checkout revoke")?;
            say(format!("{id} does not run on pages that are held to approvals."))
        }
        Word::Alerts { close, listed } => alerts(close.as_deref(), listed),
        Word::Hold { page, how, yes, at } => hold(page, how, *yes, at),
        Word::ApproveHeaders { page, at } => {
            let opened = open::open(&at.dir)?;
            let guard = guard(&opened)?;
            finished(guard.approve_headers(page, Actor::Operator))?.context("checkout approve-headers")?;
            say(format!("The headers of {page} are approved as they are."))
        }
        Word::Report(reporting) => report(reporting),
    }
}

fn id(text: &str) -> Done<ScriptId> {
    text.parse().map_err(|_| {
        Failure::new(format!("`{text}` is no id of a script")).hint("storeward checkout scripts prints them")
    })
}

fn pages(listed: &Listed) -> Done {
    let opened = open::open(&listed.at.dir)?;
    let guard = guard(&opened)?;
    finished(guard.refresh())?.context("checkout pages")?;
    let standings = finished(guard.standings())?.context("checkout pages")?;
    if listed.json {
        let all: Vec<Value> = standings.iter().map(page_json).collect();
        return say(Value::Array(all).to_string());
    }
    standings.iter().try_for_each(|own| {
        let held = own.held.as_ref().map_or_else(
            || "as the config says".to_owned(),
            |held| format!("{} said {}, {}", held.by, held.hold.word(), held.at),
        );
        say(format!("{}  {}  ({held})", own.page, own.acts_as.word()))
    })
}

fn page_json(own: &Standing) -> Value {
    json!({
        "page": own.page,
        "config": own.section.word(),
        "serves": own.acts_as.word(),
        "hold": own.held.as_ref().map(|held| held.hold.word()),
        "set_by": own.held.as_ref().map(|held| held.by.clone()),
        "set_at": own.held.as_ref().map(|held| held.at.rfc3339()),
    })
}

fn scripts(show: &str, listed: &Listed) -> Done {
    let wanted = match show {
        "open" => Wanted::Open,
        "approved" => Wanted::Approved,
        "rejected" => Wanted::Rejected,
        "all" => Wanted::All,
        other => {
            return Err(Failure::new(format!("--show {other}: there is no such part of the inventory"))
                .hint("open, approved, rejected or all"));
        }
    };
    let opened = open::open(&listed.at.dir)?;
    let guard = guard(&opened)?;
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let (rows, total) = finished(guard.inventory(wanted, from, 500))?.context("checkout scripts")?;
        from += u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let is_last = rows.is_empty() || from >= total;
        all.extend(rows);
        if is_last {
            break;
        }
    }
    if listed.json {
        return say(Value::Array(all.iter().map(script_json).collect()).to_string());
    }
    if all.is_empty() {
        say("Nothing. What paying pages run and speak to is noted as they go out.")?;
    }
    all.iter().try_for_each(|row| say(script_line(row)))
}

fn script_line(row: &Script) -> String {
    let what =
        if row.sample.is_empty() { row.address.clone() } else { row.sample.chars().take(80).collect() };
    let owner =
        row.approval.as_ref().map_or_else(String::new, |own| format!("  {} until {}", own.owner, own.until));
    let hash = row.hash.as_ref().map_or_else(String::new, |hash| format!("  sha256 {hash}"));
    format!("{}  {:<8}  {:<8}  {}  {what}{hash}{owner}", row.id, row.status.word(), row.kind.word(), row.page)
}

fn script_json(row: &Script) -> Value {
    json!({
        "id": row.id.to_string(),
        "kind": row.kind.word(),
        "address": row.address,
        "sample": row.sample,
        "sha256": row.hash,
        "status": row.status.word(),
        "page": row.page,
        "initiator": row.initiator,
        "source": row.source.word(),
        "first_seen": row.first_seen.rfc3339(),
        "last_seen": row.last_seen.rfc3339(),
        "approval": row.approval.as_ref().map(|own| json!({
            "scope": own.scope.word(),
            "sha256": own.hash,
            "owner": own.owner,
            "justification": own.justification,
            "by": own.by,
            "at": own.at.rfc3339(),
            "until": own.until.rfc3339(),
        })),
    })
}

fn approve(approving: &Approving) -> Done {
    let scope = Scope::of_word(&approving.scope).ok_or_else(|| {
        Failure::new(format!("--scope {}: there is no such scope", approving.scope))
            .hint("exact, shape or address")
    })?;
    let (opened, id) = (open::open(&approving.at.dir)?, id(&approving.script)?);
    let guard = guard(&opened)?;
    let what = NewApproval {
        scope,
        owner: approving.owner.clone(),
        justification: approving.why.clone(),
        days: approving.days.unwrap_or_else(|| guard.approve_days()),
        hash: approving.hash.clone(),
    };
    let days = what.days;
    finished(guard.approve(&id, what, Actor::Operator))?.context("checkout approve")?;
    say(format!("{id} is approved for {days} days. A running program takes it up within half a minute."))
}

fn alerts(close: Option<&str>, listed: &Listed) -> Done {
    let opened = open::open(&listed.at.dir)?;
    let guard = guard(&opened)?;
    if let Some(alert) = close {
        finished(guard.close_alert(alert, Actor::Operator))?.context("checkout alerts")?;
        return say(format!("{alert} is closed."));
    }
    let alerts = finished(guard.alerts(500))?.context("checkout alerts")?;
    if listed.json {
        return say(Value::Array(alerts.iter().map(alert_json).collect()).to_string());
    }
    if alerts.is_empty() {
        say("None.")?;
    }
    alerts.iter().try_for_each(|alert| {
        let state = if alert.closed_at.is_some() { "closed" } else { "open" };
        say(format!("{}  {state:<6}  {}  {}: {}", alert.id, alert.last_at, alert.kind, alert.what))
    })
}

fn alert_json(alert: &Alert) -> Value {
    json!({
        "id": alert.id,
        "kind": alert.kind,
        "script": alert.script.as_ref().map(ToString::to_string),
        "source": alert.source.word(),
        "what": alert.what,
        "at": alert.at.rfc3339(),
        "last_at": alert.last_at.rfc3339(),
        "count": alert.count,
        "closed_at": alert.closed_at.map(|at| at.rfc3339()),
        "closed_by": alert.closed_by,
    })
}

fn hold(page: &str, how: &str, yes: bool, at: &Directory) -> Done {
    let hold = Hold::of_word(how).ok_or_else(|| {
        Failure::new(format!("{how}: a page is not served so")).hint("learn, enforce or last_good")
    })?;
    let opened = open::open(&at.dir)?;
    let guard = guard(&opened)?;
    finished(guard.refresh())?.context("checkout hold")?;
    if hold != Hold::Learn {
        let stops = finished(guard.would_stop(page, hold))?.context("checkout hold")?;
        stops.iter().try_for_each(|row| say(script_line(row)))?;
        if !stops.is_empty() && !yes {
            return Err(Failure::new(format!("{} things would not run any more", stops.len()))
                .hint("approve what is yours, or say --yes"));
        }
    }
    finished(guard.hold(page, hold, Actor::Operator))?.context("checkout hold")?;
    say(format!("{page}: {how}. A running program takes it up within half a minute."))
}

fn report(reporting: &Reporting) -> Done {
    let opened = open::open(&reporting.at.dir)?;
    let guard = guard(&opened)?;
    if let Some(file) = &reporting.check {
        let json = std::fs::read(file).doing(file.display())?;
        return match finished(guard.known_evidence(&json))?.context("checkout report")? {
            Some(event) => say(format!("The ledger knows it: {event}")),
            None => Err(Failure::new(format!("{}: the ledger does not know it", file.display()))
                .hint("these are not the bytes of a report that was made here; a JSON inside a page is not the file")),
        };
    }
    finished(guard.refresh())?.context("checkout report")?;
    let period = period(reporting, opened.clock.now())?;
    let made = finished(guard.evidence(period, Actor::Operator, names(&opened)?))?;
    let Evidence { json, html, sha256, event } = made.context("checkout report")?;
    if let Some(file) = &reporting.html {
        write_new(file, html.as_bytes())?;
    }
    match &reporting.to {
        Some(file) => write_new(file, &json)?,
        None => say_bytes(&json)?,
    }
    eprintln!("SHA-256 {sha256}, in the ledger: {event}");
    Ok(())
}

/// Nothing that is there is written over.
fn write_new(file: &Path, bytes: &[u8]) -> Done {
    let mut open = std::fs::OpenOptions::new();
    let mut written = open.write(true).create_new(true).open(file).doing(file.display())?;
    written.write_all(bytes).doing(file.display())
}

fn period(reporting: &Reporting, now: Timestamp) -> Done<Period> {
    let day = |text: &str, hours: &str| {
        Timestamp::parse_rfc3339(&format!("{text}T{hours}:00:00Z"))
            .ok_or_else(|| Failure::new(format!("`{text}` is no day")).hint("such as 2026-10-01"))
    };
    let from = match &reporting.from {
        Some(text) => day(text, "00")?,
        None => Timestamp::from_seconds(now.seconds() - 90 * DAY_SECONDS),
    };
    let until = match &reporting.until {
        Some(text) => Timestamp::from_seconds(day(text, "00")?.seconds() + DAY_SECONDS),
        None => now,
    };
    Ok(Period { from, until })
}

fn names(opened: &Opened) -> Done<Names> {
    let members = Console::members_blocking(&opened.db).context("members of staff")?;
    Ok(members.into_iter().map(|member| (member.id.to_string(), member.name)).collect())
}
