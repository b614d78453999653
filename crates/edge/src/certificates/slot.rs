//! One certificate's place in the store, and how its source speaks of it: in status and in facts.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Clock, Entropy, Timestamp};
use storeward_events::Event;
use storeward_events::edge::{CertificateExpiring, CertificateFailed, CertificateIssued};

use super::chain::Chain;
use super::store::Entry;
use super::{CertificateStatus, CertificateStore};

/// Shared by the parts of a keeper.
#[derive(Clone)]
pub(crate) struct Slot {
    pub store: Arc<CertificateStore>,
    /// Never empty.
    pub names: Vec<String>,
    pub source: &'static str,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub facts: Arc<dyn Fn(Event) + Send + Sync>,
}

impl Slot {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// From 0 to `u32::MAX`.
    pub fn jitter(&self) -> u32 {
        u32::from_le_bytes(self.entropy.bytes::<4>())
    }

    pub fn serve(&self, chain: &Chain, next_renewal_at: Option<Timestamp>) {
        self.put(chain, false, next_renewal_at);
    }

    /// Serves a self-signed stand-in, unless something is served already.
    pub fn serve_placeholder(&self, chain: &Chain) {
        let taken = self.status().is_some_and(|status| !status.placeholder);
        if !taken {
            self.put(chain, true, None);
        }
    }

    pub fn status(&self) -> Option<CertificateStatus> {
        self.store.get(self.names.first()).map(|entry| entry.status)
    }

    pub fn renews_at(&self, moment: Option<Timestamp>) {
        self.store.amend(self.names.first(), |status| status.next_renewal_at = moment);
    }

    pub fn issued(&self, chain: &Chain) {
        (self.facts)(Event::from(CertificateIssued {
            names: self.names.clone(),
            source: self.source.to_owned(),
            not_after: chain.not_after,
            fingerprint: chain.fingerprint.clone(),
        }));
    }

    /// States the failure as a fact and in the status. What is served stays as it is.
    pub fn failed(&self, reason: &str, next_attempt_at: Option<Timestamp>) {
        let reason = presentable(reason);
        let now = self.now();
        self.store.amend(self.names.first(), |status| {
            status.last_error = Some(reason.clone());
            status.last_error_at = Some(now);
            status.next_attempt_at = next_attempt_at;
        });
        (self.facts)(Event::from(CertificateFailed {
            names: self.names.clone(),
            source: self.source.to_owned(),
            reason,
        }));
    }

    pub fn expiring(&self, not_after: Timestamp) {
        let left = not_after.seconds().saturating_sub(self.now().seconds());
        (self.facts)(Event::from(CertificateExpiring {
            names: self.names.clone(),
            not_after,
            hours_left: left.div_euclid(3600),
        }));
    }

    fn put(&self, chain: &Chain, placeholder: bool, next_renewal_at: Option<Timestamp>) {
        // A stand-in does not make the failure undone; a real certificate does.
        let before = self.status().filter(|_| placeholder);
        self.store.put(Entry {
            key: Arc::clone(&chain.key),
            status: CertificateStatus {
                names: self.names.clone(),
                source: self.source,
                placeholder,
                not_before: chain.not_before,
                not_after: chain.not_after,
                fingerprint: chain.fingerprint.clone(),
                next_renewal_at,
                note: chain.note.clone(),
                last_error: before.as_ref().and_then(|s| s.last_error.clone()),
                last_error_at: before.as_ref().and_then(|s| s.last_error_at),
                next_attempt_at: before.as_ref().and_then(|s| s.next_attempt_at),
            },
        });
    }
}

/// Texts of a CA come from outside: no control characters, and not longer than a person reads.
fn presentable(reason: &str) -> String {
    const LONGEST: usize = 400;
    let clean = reason.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut text: String = clean.clone().take(LONGEST).collect();
    if clean.count() > LONGEST {
        text.push('…');
    }
    text
}

/// A certificate's time between its start and its end.
pub(crate) fn life(chain: &Chain) -> Duration {
    chain.not_after.since(chain.not_before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_outside_are_cleaned_and_cut() {
        assert_eq!(presentable("a\nb\u{1b}[31m"), "a b [31m");
        assert_eq!(presentable(&"x".repeat(401)).chars().count(), 401);
        assert_eq!(presentable(&"x".repeat(400)), "x".repeat(400));
    }
}
