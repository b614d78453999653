//! Facts about payments and what was judged of them, from the ledger, as they are written.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Deserialize;
use storeward_base::PageSize;
use storeward_events::Record;
use storeward_host::Stop;
use storeward_store::{Db, ledger};
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::sse::{self, Arrival, ResumeAfter, Row, Source};
use storeward_web::{Failure, Moment, Query, render};
use tokio::sync::watch;

use crate::accounts::{self, Names};
use crate::app::App;
use crate::error::Error;
use crate::level::Badge;
use crate::live::Watched;
use crate::pages::ledger::EventLine;
use crate::pages::view::{View, icons};

/// Entries of the ledger that are looked through at a time.
const AT_ONCE: u32 = 200;
/// Rows that the list begins with.
const FIRST: usize = 15;
const KINDS: [&str; 2] = ["payment.", "fraud."];

/// One fact in the list.
pub(super) struct FactRow {
    pub number: u64,
    pub at: Moment,
    pub badge: Badge,
    pub sentence: String,
    pub kind: &'static str,
    pub payment: Option<String>,
}

#[derive(Template)]
#[template(path = "parts/row_fact.html", askama = storeward_web::askama)]
struct RowPart {
    row: FactRow,
    icons: &'static str,
}

fn is_told(record: &Record) -> bool {
    KINDS.iter().any(|prefix| record.event.kind().starts_with(prefix))
}

fn row(number: u64, record: &Record, names: &Names) -> FactRow {
    let line = EventLine::new(number, record, names);
    let is_id = |word: &&str| word.starts_with("pay_") && word.len() == 30;
    let payment = line.sentence.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(is_id);
    let payment = payment.map(str::to_owned);
    FactRow { number, at: line.at, badge: line.badge, sentence: line.sentence, kind: line.kind, payment }
}

/// The newest facts, the newest first, and up to which entry they reach.
pub(super) async fn newest(app: &App) -> Result<(Vec<FactRow>, u64), Failure> {
    let read = app.db.read(|reader| {
        let mut found = Vec::new();
        for prefix in KINDS {
            let filter = ledger::Filter { kind_prefix: Some(prefix.to_owned()), ..ledger::Filter::default() };
            found.extend(ledger::search(reader, &filter, PageSize::default())?.rows);
        }
        Ok::<_, Error>((found, ledger::head(reader)?.size, accounts::names(reader)?))
    });
    let (mut found, size, names) = read.await?;
    found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    found.truncate(FIRST);
    Ok((found.iter().map(|(number, record)| row(*number, record, &names)).collect(), size))
}

#[derive(Deserialize)]
pub struct After {
    after: Option<u64>,
}

pub async fn live(
    State(app): State<App>,
    view: View,
    ResumeAfter(last): ResumeAfter,
    Query(asked): Query<After>,
) -> Result<Response, Failure> {
    // Watching begins before anything is read: nothing falls between.
    let written = app.db.ledger_watch();
    let size = app.db.read(|reader| Ok::<_, Error>(ledger::head(reader)?.size)).await?;
    let after = last.and_then(|last| last.parse().ok()).or(asked.after).unwrap_or(size).min(size);
    let session = Watched::new(Arc::clone(&app.accounts), view.visitor.token);
    let facts = Facts {
        db: app.db.clone(),
        written,
        after,
        waiting: VecDeque::new(),
        session,
        stop: app.stop.clone(),
    };
    Ok(sse::stream(facts))
}

struct Facts {
    db: Db,
    written: watch::Receiver<u64>,
    after: u64,
    waiting: VecDeque<Row>,
    session: Watched,
    stop: Stop,
}

impl Facts {
    /// Reads on. False where there is nothing further.
    async fn read_on(&mut self) -> Result<bool, Error> {
        let after = self.after;
        let read = self.db.read(move |reader| {
            Ok::<_, Error>((ledger::read_after(reader, after, AT_ONCE)?, accounts::names(reader)?))
        });
        let (entries, names) = read.await?;
        let Some((last, _)) = entries.last() else { return Ok(false) };
        self.after = *last;
        for (number, record) in entries.iter().filter(|(_, record)| is_told(record)) {
            let part = RowPart { row: row(*number, record, &names), icons: icons() };
            if let Ok(html) = render(&part) {
                self.waiting.push_back(Row { id: number.to_string(), list: "facts", html });
            }
        }
        Ok(true)
    }
}

impl Source for Facts {
    async fn next(&mut self) -> Arrival {
        loop {
            if let Some(row) = self.waiting.pop_front() {
                return Arrival::Row(row);
            }
            self.written.mark_unchanged();
            match self.read_on().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(_) => return Arrival::End,
            }
            tokio::select! {
                changed = self.written.changed() => if changed.is_err() { return Arrival::End },
                () = self.session.over() => return Arrival::End,
                () = self.stop.stopping() => return Arrival::End,
            }
        }
    }
}
