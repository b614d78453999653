//! What an assessor is shown for PCI DSS 4.0.1, 6.4.3 and 11.6.1, and for the script-attack criterion of SAQ A: what was there, who approved
//! it and why, what was told and when, how often it was looked at, and what is missing.
//!
//! The report is a file. Its SHA-256 stands in the ledger, so whoever has it can prove when it was made and that it was not changed since.

mod gaps;
mod read;

use std::collections::HashMap;

use serde::Serialize;
use storeward_base::{Actor, Timestamp};
use storeward_events::checkout as facts;
use storeward_seal::fingerprint::sha256_hex;
use storeward_web::askama::Template;

use crate::config::{CheckoutSection, Mode};
use crate::error::Error;
use crate::guard::Checkout;
use crate::staff;

/// The longest period, in days: what is told and decided is kept so long.
const MOST_DAYS: i64 = 396;
/// The form of the file. It changes with the names in it.
const FORM: &str = "storeward-checkout-evidence/2";

/// From when until when; the end is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// A report that was made.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The report. These bytes are what the ledger knows.
    pub json: Vec<u8>,
    /// The same for people, as a page by itself that can be printed.
    pub html: String,
    pub sha256: String,
    /// The event that holds it.
    pub event: String,
}

/// Who did something: the actor's id, and a name where there is one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Who {
    pub id: String,
    pub name: String,
}

/// The names of members of staff by their ids.
pub type Names = HashMap<String, String>;

fn who(names: &Names, id: &str) -> Who {
    let name = match id {
        "operator" => "the command line".to_owned(),
        other => names.get(other).cloned().unwrap_or_default(),
    };
    Who { id: id.to_owned(), name }
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub form: &'static str,
    pub report: String,
    pub standard: &'static str,
    pub made_at: String,
    pub made_by: Who,
    pub from: String,
    pub until: String,
    pub shop: Vec<String>,
    pub storeward: &'static str,
    pub settings: SettingsPart,
    pub requirements: Vec<Requirement>,
    pub gaps: Vec<String>,
    pub scripts: Vec<ScriptPart>,
    pub put_in: Vec<PutInPart>,
    pub decisions: Vec<DecisionPart>,
    pub alerts: Vec<AlertPart>,
    pub headers: Vec<HeaderPart>,
    pub checks: Vec<CheckPart>,
    pub days: DaysPart,
    pub stopped: Vec<StoppedPart>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SettingsPart {
    pub pages: Vec<PagePart>,
    pub on_change: &'static str,
    pub providers: Vec<&'static str>,
    pub approve_days: u32,
    pub fetch_hours: u32,
}

#[derive(Debug, Serialize)]
pub(crate) struct PagePart {
    pub page: String,
    pub config: &'static str,
    pub serves: &'static str,
    pub said_by: Option<Who>,
    pub said_at: Option<String>,
}

/// A requirement, what of the report shows it, and whether something is missing. It is for the assessor to say whether it is met.
#[derive(Debug, Serialize)]
pub(crate) struct Requirement {
    pub number: &'static str,
    pub asks: &'static str,
    pub shown_by: String,
    /// Gaps that bear on it, by their place in `gaps`, from 1.
    pub gaps: Vec<usize>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ScriptPart {
    pub script: String,
    pub kind: &'static str,
    pub address: String,
    pub page: String,
    pub initiator: Option<String>,
    pub seen_by: &'static str,
    pub first_seen: String,
    pub last_seen: String,
    pub sha256: Option<String>,
    pub fetched_at: Option<String>,
    pub fetch_failed: Option<String>,
    pub status: &'static str,
    pub by_provider: bool,
    pub approval: Option<ApprovalPart>,
    pub versions: Vec<VersionPart>,
}

/// Code that a script put into a page, by what browsers report: they name no hash of it, so there is no approval that could stand here.
#[derive(Debug, Serialize)]
pub(crate) struct PutInPart {
    pub script: String,
    pub what: String,
    pub kind: &'static str,
    pub page: String,
    /// The file that put it in; nothing where it was code of the page, or browsers do not say.
    pub put_in_by: Option<String>,
    /// `revoked` where staff rejected it.
    pub status: &'static str,
    pub first_seen: String,
    pub last_seen: String,
    pub times: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct ApprovalPart {
    pub scope: &'static str,
    pub sha256: Option<String>,
    pub owner: String,
    pub justification: String,
    pub by: Who,
    pub at: String,
    pub until: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct VersionPart {
    pub sha256: String,
    pub seen_by: String,
    pub first_seen: String,
    pub last_seen: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct DecisionPart {
    pub at: String,
    pub by: Who,
    pub act: &'static str,
    pub script: String,
    pub address: String,
    pub scope: Option<&'static str>,
    pub sha256: Option<String>,
    pub owner: String,
    pub justification: String,
    pub until: Option<String>,
    /// In the ledger; its `reasons` is the SHA-256 of owner, a line end, and justification.
    pub event: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct AlertPart {
    pub alert: String,
    pub what: String,
    pub says: String,
    pub seen_by: &'static str,
    pub first_at: String,
    pub last_at: String,
    pub times: u64,
    pub closed_at: Option<String>,
    pub closed_by: Option<Who>,
    /// From the last time that it was told until it was closed.
    pub open_hours: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct HeaderPart {
    pub page: String,
    pub header: String,
    pub now: Option<String>,
    pub approved: Option<String>,
    pub approved_at: Option<String>,
    pub approved_by: Option<Who>,
    pub is_as_approved: bool,
}

/// How often something was checked within the period.
#[derive(Debug, Serialize)]
pub(crate) struct CheckPart {
    /// `fetch` of a script's body, `page` with its headers and scripts.
    pub what: String,
    pub target: String,
    pub address: String,
    pub days: usize,
    pub done: u64,
    pub failed: u64,
    pub last_at: String,
    /// The longest time without one, in days, beginning and end of the period counted.
    pub longest_gap_days: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct DaysPart {
    pub in_period: i64,
    pub with_a_page_compared: usize,
    pub with_a_script_fetched: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct StoppedPart {
    pub day: String,
    pub how: String,
    pub channel: String,
    pub host: String,
    pub times: u64,
}

#[derive(Template)]
#[template(path = "evidence.html", askama = storeward_web::askama)]
struct Page<'a> {
    r: &'a Report,
    sha256: &'a str,
    event: &'a str,
    json: &'a str,
}

impl Checkout {
    /// Makes the report of a period and puts its SHA-256 into the ledger. `names` are those of members of staff.
    pub async fn evidence(&self, period: Period, by: Actor, names: Names) -> Result<Evidence, Error> {
        let now = self.0.clock.now();
        let days = (period.until.seconds() - period.from.seconds()).div_euclid(86_400);
        if period.from >= period.until || period.from > now {
            return Err(Error::Misfit { field: "from", why: "it is before the end, and not in the future" });
        }
        if days > MOST_DAYS {
            return Err(Error::Misfit { field: "from", why: "at most 396 days: nothing is kept for longer" });
        }
        let section = self.0.section.load_full();
        let standings = self.standings().await?;
        let hosts = self.0.hosts.clone();
        let found = self.0.db.read(move |reader| Ok::<_, Error>(read::all(reader, period, now)?)).await?;
        let cut = found.cut.clone();
        let number = sha256_hex(self.0.entropy.token::<16>().as_bytes()).chars().take(32).collect();
        let mut report = Report {
            form: FORM,
            report: number,
            standard: "PCI DSS 4.0.1",
            made_at: now.rfc3339(),
            made_by: who(&names, &by.to_string()),
            from: period.from.rfc3339(),
            until: period.until.rfc3339(),
            shop: hosts.clone(),
            storeward: env!("CARGO_PKG_VERSION"),
            settings: settings(&section, &standings, &names),
            requirements: Vec::new(),
            gaps: Vec::new(),
            ..read::parts(found, period, (&section, &hosts), &names)
        };
        gaps::fill(&mut report, period, now, &cut);
        self.file(report, period, by).await
    }

    async fn file(&self, report: Report, period: Period, by: Actor) -> Result<Evidence, Error> {
        // Only text, numbers and lists are in it.
        let json = serde_json::to_vec_pretty(&report).map_err(|_| Error::Unwritable)?;
        let sha256 = sha256_hex(&json);
        let fact = facts::EvidenceReported {
            report: report.report.clone(),
            from: period.from,
            until: period.until,
            sha256: sha256.clone(),
        };
        let write = self.0.db.write(move |tx| Ok::<_, Error>(tx.append(by, None, fact.clone())?.id));
        let event = write.await?.to_string();
        let text = String::from_utf8_lossy(&json);
        let page = Page { r: &report, sha256: &sha256, event: &event, json: &text };
        let html = page.render().map_err(|_| Error::Unwritable)?;
        Ok(Evidence { json, html, sha256, event })
    }

    /// The event by which the ledger knows a report; nothing where these are not the bytes of one, or not all of them.
    pub async fn known_evidence(&self, json: &[u8]) -> Result<Option<String>, Error> {
        let sha256 = sha256_hex(json);
        self.0.db.read(move |reader| Ok(staff::evidence_event(reader, &sha256)?)).await
    }
}

fn settings(section: &CheckoutSection, standings: &[crate::model::Standing], names: &Names) -> SettingsPart {
    SettingsPart {
        pages: standings
            .iter()
            .map(|own| PagePart {
                page: own.page.clone(),
                config: section.mode.word(),
                serves: match own.acts_as {
                    Mode::Off => "nothing is looked at",
                    Mode::Learn => "everything runs and is told of",
                    Mode::Enforce => "approved scripts only",
                },
                said_by: own.held.as_ref().map(|held| who(names, &held.by)),
                said_at: own.held.as_ref().map(|held| held.at.rfc3339()),
            })
            .collect(),
        on_change: section.on_change.word(),
        providers: section.providers.iter().map(|one| one.word()).collect(),
        approve_days: section.approve_days,
        fetch_hours: section.fetch_hours,
    }
}
