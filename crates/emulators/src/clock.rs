//! The emulators' time: the machine's, moved forward by whoever tests windows of hours and days.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(Debug, Default)]
pub struct Clock {
    ahead_s: AtomicI64,
}

impl Clock {
    /// Seconds since 1970-01-01 UTC, in the emulators' time.
    #[expect(clippy::disallowed_methods, reason = "the emulators stand alone and have no base::Clock")]
    pub fn now_s(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX).saturating_add(self.ahead_s.load(Ordering::SeqCst))
    }

    pub fn advance_s(&self, seconds: i64) {
        self.ahead_s.fetch_add(seconds.max(0), Ordering::SeqCst);
    }

    /// Now as RFC 3339, as PayPal writes it.
    pub fn now_text(&self) -> String {
        text(self.now_s())
    }
}

/// RFC 3339 in UTC, to the second.
pub fn text(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// Seconds of an RFC 3339 time.
pub fn seconds(text: &str) -> Option<i64> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
}
