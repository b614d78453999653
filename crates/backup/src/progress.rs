//! How far a long piece of work is, for whoever waits for it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustic_core::{Progress, ProgressBars, ProgressType, RusticProgress};

/// One step of it, as it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// What is done now.
    Began(&'a str),
    /// Bytes done of so many; of 0 where it is not known.
    Bytes {
        done: u64,
        of: u64,
    },
    Ended,
}

/// Whom to tell.
#[derive(Clone)]
pub struct Bars(Arc<dyn Fn(Step<'_>) + Send + Sync>);

impl Bars {
    pub fn new(tell: impl Fn(Step<'_>) + Send + Sync + 'static) -> Self {
        Bars(Arc::new(tell))
    }

    /// Nobody waits.
    pub fn none() -> Self {
        Bars::new(|_| {})
    }

    pub(crate) fn tell(&self, step: Step<'_>) {
        (self.0)(step);
    }
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bars")
    }
}

impl ProgressBars for Bars {
    fn progress(&self, kind: ProgressType, prefix: &str) -> Progress {
        match kind {
            ProgressType::Bytes => {
                self.tell(Step::Began(prefix.trim_end_matches('.')));
                Progress::new(Bar { bars: self.clone(), done: AtomicU64::new(0), of: AtomicU64::new(0) })
            }
            // Snapshots and indexes are counted in a moment: nobody waits for that.
            ProgressType::Spinner | ProgressType::Counter => Progress::hidden(),
        }
    }
}

struct Bar {
    bars: Bars,
    done: AtomicU64,
    of: AtomicU64,
}

impl fmt::Debug for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bar")
    }
}

impl RusticProgress for Bar {
    fn is_hidden(&self) -> bool {
        false
    }

    fn set_length(&self, length: u64) {
        self.of.store(length, Ordering::Relaxed);
    }

    fn set_title(&self, _title: &str) {}

    fn inc(&self, more: u64) {
        let done = self.done.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        self.bars.tell(Step::Bytes { done, of: self.of.load(Ordering::Relaxed) });
    }

    fn finish(&self) {
        self.bars.tell(Step::Ended);
    }
}
