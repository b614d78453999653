//! Records as they come in.

use std::sync::Arc;

use tokio::sync::broadcast;

use super::filter::Filter;
use super::record::AccessRecord;

/// One step of watching.
#[derive(Clone, Debug)]
pub enum Live {
    Record(Arc<AccessRecord>),
    /// The watcher was too slow: so many records went by unseen (matching or not).
    Missed(u64),
}

/// Watches the log. Drop it to stop.
#[derive(Debug)]
pub struct LiveRecords {
    receiver: broadcast::Receiver<Arc<AccessRecord>>,
    filter: Filter,
}

impl LiveRecords {
    pub(super) fn new(receiver: broadcast::Receiver<Arc<AccessRecord>>, filter: Filter) -> Self {
        LiveRecords { receiver, filter }
    }

    /// The next record that the filter takes; `None` once the log is closed. Safe to cancel.
    pub async fn next(&mut self) -> Option<Live> {
        loop {
            match self.receiver.recv().await {
                Ok(record) if self.filter.matches(&record) => return Some(Live::Record(record)),
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(missed)) => return Some(Live::Missed(missed)),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
