//! Live lists: requests as they end, and stopped ones beside them.

use std::collections::VecDeque;

use storeward_base::RequestId;
use storeward_edge::access::{AccessRecord, Filter, Live, LiveRecords, Verdict};
use storeward_host::Stop;
use storeward_web::sse::{Arrival, Row, Source};

use crate::rows;

/// First what came since the browser looked last, then whatever comes.
pub struct LiveRows {
    backlog: VecDeque<Row>,
    records: LiveRecords,
    stop: Stop,
}

impl LiveRows {
    /// `missed` are records that the browser has not seen, oldest first. Begin watching before reading them, so that
    /// none falls between; the browser leaves out what it has twice.
    pub fn new(records: LiveRecords, missed: &[std::sync::Arc<AccessRecord>], stop: Stop) -> Self {
        let backlog = missed.iter().flat_map(|record| rows_of(record)).collect();
        LiveRows { backlog, records, stop }
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
