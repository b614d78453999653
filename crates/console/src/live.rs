//! Live lists: requests as they end, and stopped ones beside them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use storeward_base::RequestId;
use storeward_edge::access::{AccessRecord, Filter, Live, LiveRecords, Verdict};
use storeward_host::Stop;
use storeward_web::sse::{Arrival, Row, Source};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::accounts::{Accounts, SessionToken};
use crate::rows;

/// First what came since the browser looked last, then whatever comes.
pub struct LiveRows {
    backlog: VecDeque<Row>,
    records: LiveRecords,
    session: Watched,
    stop: Stop,
}

/// How often a list that is being watched asks whether its session is still good.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// The session of whoever watches: it may end while they do, by a sign-out, by time, or because they were removed.
pub struct Watched {
    accounts: Arc<Accounts>,
    token: SessionToken,
    ask: Interval,
}

impl Watched {
    pub fn new(accounts: Arc<Accounts>, token: SessionToken) -> Self {
        let mut ask = interval(ASK_EVERY);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Watched { accounts, token, ask }
    }

    /// Resolves when the session is over, or when nobody can say. Safe to drop.
    pub async fn over(&mut self) {
        loop {
            self.ask.tick().await;
            // Watching is no activity.
            if !matches!(self.accounts.session(&self.token, false).await, Ok(Some(_))) {
                return;
            }
        }
    }
}

impl LiveRows {
    /// `missed` are records that the browser has not seen, oldest first. Begin watching before reading them, so that
    /// none falls between; the browser leaves out what it has twice.
    pub fn new(records: LiveRecords, missed: &[Arc<AccessRecord>], session: Watched, stop: Stop) -> Self {
        let backlog = missed.iter().flat_map(|record| rows_of(record)).collect();
        LiveRows { backlog, records, session, stop }
    }

    /// What the lists show: everything.
    pub fn filter() -> Filter {
        Filter::default()
    }
}

impl Source for LiveRows {
    async fn next(&mut self) -> Arrival {
        loop {
            if let Some(row) = self.backlog.pop_front() {
                return Arrival::Row(row);
            }
            let live = tokio::select! {
                live = self.records.next() => live,
                () = self.session.over() => return Arrival::End,
                () = self.stop.stopping() => return Arrival::End,
            };
            match live {
                Some(Live::Record(record)) => self.backlog.extend(rows_of(&record)),
                Some(Live::Missed(count)) => return Arrival::Missed(count),
                None => return Arrival::End,
            }
        }
    }
}

/// One row for each list that shows the record.
fn rows_of(record: &AccessRecord) -> Vec<Row> {
    let id = record.id.to_string();
    let mut rows = Vec::with_capacity(2);
    if is_stopped_or_flagged(record.verdict)
        && let Ok(html) = rows::block_row_html(record)
    {
        rows.push(Row { id: id.clone(), list: "blocks", html });
    }
    if let Ok(html) = rows::request_row_html(record) {
        rows.push(Row { id, list: "requests", html });
    }
    rows
}

/// Whether the list of stopped requests shows it; an attack on a route that only detects belongs there too.
pub fn is_stopped_or_flagged(verdict: Verdict) -> bool {
    verdict.is_stopped() || verdict == Verdict::Flagged
}

/// Where the browser left off.
pub fn resume_point(text: Option<&str>) -> Option<RequestId> {
    text.and_then(|text| text.parse().ok())
}
