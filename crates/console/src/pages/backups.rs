//! Backups: whether what was put away can be had back, and what stopped retention.

use storeward_backup::desk::{Desk, Drilled, Finding, RunRow, Standing};
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Moment, redirect};

use super::view::{View, icons};
use crate::app::App;
use crate::level::{Badge, Level};
use crate::outlook::grouped;

const HERE: &str = "/backups";
const TITLE: &str = "Backups";

#[derive(Template)]
#[template(path = "backups.html", askama = storeward_web::askama)]
struct BackupsPage<'a> {
    csrf: &'a str,
    /// `None` where no backups are configured.
    desk: Option<Filled>,
    icons: &'static str,
}

struct Filled {
    badge: Badge,
    /// The answer in one sentence.
    sentence: String,
    troubles: Vec<TroubleLine>,
    target: String,
    rhythm: String,
    last_good: Option<Moment>,
    recovery: String,
    age: String,
    is_frozen: bool,
    drills: Vec<DrillLine>,
    runs: Vec<RunLine>,
}

struct TroubleLine {
    badge: Badge,
    what: String,
    todo: &'static str,
}

struct DrillLine {
    at: Moment,
    badge: Badge,
    id: String,
    run: String,
    recovery: String,
    findings: Vec<FindingLine>,
}

struct FindingLine {
    badge: Badge,
    what: String,
    says: String,
}

struct RunLine {
    at: Moment,
    badge: Badge,
    id: String,
    files: String,
    read: String,
    added: String,
}

pub async fn page(State(app): State<App>, view: View) -> Result<Response, Failure> {
    let desk = match &app.backups {
        None => None,
        Some(desk) => Some(filled(desk, desk.standing(app.clock.now()).await?)),
    };
    view.page(TITLE, HERE, &BackupsPage { csrf: view.csrf(), desk, icons: icons() })
}

pub async fn release(State(app): State<App>, view: View) -> Result<Response, Failure> {
    let unfit = || Failure::invalid("console.backups", "There are no backups here.");
    let desk = app.backups.as_ref().ok_or_else(unfit)?;
    desk.release(view.visitor.staff).await?;
    Ok(redirect(HERE))
}

fn filled(desk: &Desk, standing: Standing) -> Filled {
    let grave = standing.troubles.iter().any(|trouble| trouble.is_grave());
    let (badge, sentence) = match (standing.troubles.first(), grave) {
        (None, _) => (
            Badge::new(Level::Ok, "well"),
            "What is put away was restored on trial, and is what it was.".to_owned(),
        ),
        (Some(worst), true) => (Badge::new(Level::Bad, "needs you"), format!("{}.", worst.words().0)),
        (Some(worst), false) => (Badge::new(Level::Warn, "look"), format!("{}.", worst.words().0)),
    };
    let passed = standing.facts.last_passed.as_ref();
    Filled {
        badge,
        sentence,
        troubles: standing
            .troubles
            .iter()
            .map(|trouble| {
                let (what, todo) = trouble.words();
                let badge = match trouble.is_grave() {
                    true => Badge::new(Level::Bad, "now"),
                    false => Badge::new(Level::Warn, "soon"),
                };
                TroubleLine { badge, what, todo }
            })
            .collect(),
        target: desk.target.clone(),
        rhythm: format!(
            "every {} h, drill every {} d",
            desk.rhythm.backup.as_secs() / 3_600,
            desk.rhythm.drill.as_secs() / 86_400
        ),
        last_good: standing.facts.last_good.as_ref().map(|run| Moment(run.begun_at)),
        recovery: passed.and_then(|drill| drill.recovery_ms).map_or_else(|| "–".to_owned(), span),
        age: passed.and_then(|drill| drill.age_ms).map_or_else(|| "–".to_owned(), span),
        is_frozen: standing.facts.frozen.is_some(),
        drills: standing.drills.into_iter().map(drill_line).collect(),
        runs: standing.runs.into_iter().map(run_line).collect(),
    }
}

fn drill_line(drilled: Drilled) -> DrillLine {
    let Drilled { row, report } = drilled;
    let badge = match (&report, row.code.is_empty()) {
        (None, _) => Badge::new(Level::Bad, "signature does not hold"),
        (Some(_), true) => Badge::new(Level::Ok, "passed"),
        (Some(_), false) => Badge::new(Level::Bad, format!("failed: {}", row.code)),
    };
    let findings = report.map(|report| report.findings).unwrap_or_default();
    DrillLine {
        at: Moment(row.begun_at),
        badge,
        id: row.drill.to_string(),
        run: row.run.map(|run| run.to_string()).unwrap_or_default(),
        recovery: row.recovery_ms.map_or_else(|| "–".to_owned(), span),
        findings: findings.into_iter().map(finding_line).collect(),
    }
}

fn finding_line(finding: Finding) -> FindingLine {
    let badge = match finding.held {
        true => Badge::new(Level::Ok, "holds"),
        false => Badge::new(Level::Bad, "does not hold"),
    };
    FindingLine { badge, what: finding.what, says: finding.says }
}

fn run_line(row: RunRow) -> RunLine {
    let badge = match row.code.as_deref() {
        None => Badge::new(Level::Note, "under way"),
        Some("") if row.unread > 0 => {
            Badge::new(Level::Warn, format!("without {} files", grouped(row.unread)))
        }
        Some("") => Badge::new(Level::Ok, "made"),
        Some(code) => Badge::new(Level::Bad, format!("failed: {code}")),
    };
    RunLine {
        at: Moment(row.begun_at),
        badge,
        id: row.run.to_string(),
        files: grouped(row.files),
        read: bytes(row.read_bytes),
        added: bytes(row.added_bytes),
    }
}

/// Milliseconds for people.
fn span(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        10_000..600_000 => format!("{} s", ms / 1_000),
        600_000..36_000_000 => format!("{} min", ms / 60_000),
        36_000_000..432_000_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// Bytes for people.
fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{}.{} kB", count / 1_000, count % 1_000 / 100),
        1_000_000..1_000_000_000 => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
        _ => format!("{}.{} GB", count / 1_000_000_000, count % 1_000_000_000 / 100_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_are_for_people() {
        for (ms, text) in
            [(0, "0.0 s"), (1_234, "1.2 s"), (59_999, "59 s"), (3_600_000, "60 min"), (90_000_000, "25 h")]
        {
            assert_eq!(span(ms), text);
        }
        assert_eq!((bytes(999), bytes(24_700_000)), ("999 B".to_owned(), "24.7 MB".to_owned()));
    }
}
