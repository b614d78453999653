//! Messages that were not believed, told so that a flood of them does not fill the ledger.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::Timestamp;

use crate::model::Provider;
use crate::webhooks::Refusal;

const TELL_EVERY: Duration = Duration::from_secs(60);

/// What was counted since it was last told, of each provider and reason.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<(Provider, &'static str), Count>>);

#[derive(Debug, Default)]
struct Count {
    since_told: u64,
    told_at: Option<Timestamp>,
}

impl Refusals {
    /// Counts one; how many there are to be told of, when it is time.
    pub fn count(&self, provider: Provider, why: Refusal, now: Timestamp) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry((provider, storeward_base::Fault::code(&why))).or_default();
        count.since_told += 1;
        if count.told_at.is_some_and(|at| now.since(at) < TELL_EVERY) {
            return None;
        }
        count.told_at = Some(now);
        Some(std::mem::take(&mut count.since_told))
    }
}
