//! The ledger's newest entries, and how far it is signed.

use serde::Deserialize;
use storeward_base::{PageSize, RequestId};
use storeward_events::{Event, Record, Severity};
use storeward_store::ledger;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Moment, Query};

use super::next::encode;
use super::view::{View, icons};
use crate::accounts::{self, Names};
use crate::app::App;
use crate::error::Error;
use crate::level::{Badge, Level};
use crate::outlook::grouped;

/// One entry in a list.
pub struct EventLine {
    pub at: Moment,
    pub badge: Badge,
    pub sentence: String,
    pub kind: &'static str,
    pub actor: String,
    pub request: Option<RequestId>,
    pub number: String,
}

impl EventLine {
    pub fn new(number: u64, record: &Record, names: &Names) -> Self {
        EventLine {
            at: Moment(record.at),
            badge: severity_badge(record.event.severity()),
            sentence: names.in_words(&record.sentence()),
            kind: record.event.kind(),
            actor: names.in_words(&record.actor.to_string()),
            request: record.request,
            number: grouped(number),
        }
    }
}

fn severity_badge(severity: Severity) -> Badge {
    match severity {
        Severity::Informational => Badge::new(Level::Plain, "info"),
        Severity::Low => Badge::new(Level::Note, "low"),
        Severity::Medium => Badge::new(Level::Warn, "medium"),
        Severity::High => Badge::new(Level::Bad, "high"),
        Severity::Critical => Badge::new(Level::Bad, "critical"),
    }
}

#[derive(Template)]
#[template(path = "ledger.html", askama = storeward_web::askama)]
struct LedgerPage {
    size: String,
    root: String,
    checkpoint: String,
    checkpoint_more: String,
    kind: String,
    kinds: &'static [&'static str],
    groups: [&'static str; 10],
    events: Vec<EventLine>,
    older: Option<String>,
    icons: &'static str,
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    kind: String,
    before: Option<u64>,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let kind = read_kind(&asked.kind)?;
    let filter = ledger::Filter {
        kind_prefix: Some(kind.clone()).filter(|kind| !kind.is_empty()),
        before: asked.before,
        ..ledger::Filter::default()
    };
    let read = app.db.read(move |reader| {
        let head = ledger::head(reader)?;
        let page = ledger::search(reader, &filter, PageSize::default())?;
        Ok::<_, Error>((head, page, accounts::names(reader)?))
    });
    let (head, page, names) = read.await?;
    let (checkpoint, checkpoint_more) = signed_words(&head);
    let content = LedgerPage {
        size: grouped(head.size),
        root: storeward_seal::encoding::hex(&head.root),
        checkpoint,
        checkpoint_more,
        kinds: Event::KINDS,
        groups: [
            "edge.",
            "detection.",
            "identity.",
            "oidc.",
            "guide.",
            "post.",
            "staff.",
            "gate.",
            "backup.",
            "system.",
        ],
        events: page.rows.iter().map(|(number, record)| EventLine::new(*number, record, &names)).collect(),
        older: page.next.map(|next| format!("/ledger?kind={}&before={next}", encode(&kind))),
        kind,
        icons: icons(),
    };
    view.page("Ledger", "/ledger", &content)
}

/// A beginning of a kind: lower-case letters, `_` and `.`.
fn read_kind(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    let fits = text.len() <= 60 && text.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'.'));
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Failure::invalid(
            "console.kind",
            "A kind is written in small letters, such as edge.request_blocked.",
        ))
    }
}

/// How far the newest checkpoint reaches. Each transaction signs one.
fn signed_words(head: &ledger::Head) -> (String, String) {
    if head.note.is_empty() {
        ("none yet".to_owned(), "it is signed with the first entry".to_owned())
    } else {
        (format!("entry {}", grouped(head.size)), "signed, and all before it".to_owned())
    }
}
