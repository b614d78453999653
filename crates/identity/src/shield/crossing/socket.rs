//! A connection to the shop that stays open, such as a WebSocket: what passes there passes no crossing any more.

use std::sync::Arc;
use std::time::Duration;

use storeward_adapter::{Said, Spoken};
use storeward_base::{ClientIp, CustomerId, Timestamp};
use storeward_host::{Going, Later, Listener, Minder, RequestHead};
use storeward_web::http::{HeaderMap, header};

use super::super::answers::Refusal;
use super::super::handles::Entry;
use super::super::jar::Phase;
use super::super::{Alarm, Guard};
use super::Crossing;

/// Of one message on a connection that is heard. Calls of GraphQL are some hundred bytes long.
const MESSAGE_BYTES: usize = 256 * 1024;
/// What one connection says at once is read at once. One message more than the longest.
const BURST_BYTES: u64 = 512 * 1024;
/// From then on so many bytes a second: the client's next message waits for it.
const BYTES_PER_SECOND: u64 = 64 * 1024;
/// What a message costs beside its bytes.
const EACH_BYTES: u64 = 512;
/// A sign-in in the same session is seen within this.
const EVERY: Duration = Duration::from_secs(2);
/// The account's own session is looked up this often, as for requests.
const LOOK_UP: Duration = Duration::from_secs(10);

impl Crossing {
    /// What is packed (RFC 7692) cannot be heard, and every server can do without. While nobody knows which calls are to be heard, none
    /// is opened that would stay open beyond that.
    pub(super) fn open_socket(&self, headers: &mut HeaderMap) -> Option<Refusal> {
        if self.heard.is_some() {
            headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
        }
        (self.heard.is_none() && self.guard.is_waiting()).then(Refusal::closed)
    }

    /// The session that the shop knows whoever gets this answer by.
    pub(super) fn entry_of_answer(&self) -> Option<Arc<Entry>> {
        let held = self.held.as_ref().filter(|_| self.is_attached || self.is_opened)?;
        Some(held.entry.clone())
    }
}

/// Minds that the shop's session is still the one that it was when the connection was opened, and the account's own behind it.
/// Nobody signs a session in and talks on in a connection from before, which no challenge holds back; nobody talks on in one that
/// its owner has ended. An open connection keeps no session from its idle end.
pub struct Socket {
    guard: Arc<Guard>,
    entry: Arc<Entry>,
    was: Phase,
    suspicions: u64,
    looked_up_at: std::cell::Cell<Timestamp>,
}

impl Socket {
    pub fn new(guard: Arc<Guard>, entry: Arc<Entry>) -> Self {
        let (was, now) = (entry.lock().jar.phase.clone(), guard.identity.0.now());
        let suspicions = entry.suspicions();
        Socket { guard, entry, was, suspicions, looked_up_at: std::cell::Cell::new(now) }
    }
}

impl Minder for Socket {
    fn every(&self) -> Duration {
        EVERY
    }

    fn going(&self) -> Going {
        going(&self.guard, &self.entry, self.suspicions, || self.entry.lock().jar.phase == self.was)
    }

    fn note_words(&self) {
        if self.guard.adapter.elevates() {
            self.entry.note_words(self.guard.identity.0.now());
        }
    }

    fn stands(&self) -> Later<'_, bool> {
        Box::pin(async move {
            let is_same = self.entry.lock().jar.phase == self.was;
            let Phase::Active { session, customer, .. } = &self.was else { return is_same };
            let now = self.guard.identity.0.now();
            if !is_same || now.since(self.looked_up_at.get()) < LOOK_UP {
                return is_same;
            }
            self.looked_up_at.set(now);
            let found = self.guard.identity.session_by_id(*session).await;
            found.is_ok_and(|found| found.is_some_and(|found| found.customer == *customer))
        })
    }
}

/// Minds that the session of an answer that goes on, such as a page's stream of events, is nobody's whom a challenge holds back, and stands: what
/// the shop says there of the account comes past every page that does not open. Whoever is let in meanwhile changes nothing about it.
pub struct OpenAnswer {
    guard: Arc<Guard>,
    entry: Arc<Entry>,
    /// Who was signed in when it began.
    was: Option<CustomerId>,
    /// It is one of the few that are given while a challenge waits.
    is_free: bool,
    suspicions: u64,
    looked_up_at: std::cell::Cell<Timestamp>,
}

impl OpenAnswer {
    /// Nothing where the session has ended already: whatever comes is no account's.
    pub fn minding(guard: Arc<Guard>, entry: Arc<Entry>) -> Option<Box<dyn Minder>> {
        let (was, is_free) = match &entry.lock().jar.phase {
            Phase::Active { customer, .. } => (Some(*customer), false),
            Phase::Anonymous => (None, false),
            Phase::Pending { .. } => (None, true),
            Phase::Ended => return None,
        };
        let looked_up_at = std::cell::Cell::new(guard.identity.0.now());
        let suspicions = entry.suspicions();
        Some(Box::new(OpenAnswer { guard, entry, was, is_free, suspicions, looked_up_at }))
    }
}

impl OpenAnswer {
    fn is_same(&self) -> bool {
        match &self.entry.lock().jar.phase {
            Phase::Anonymous => self.was.is_none(),
            Phase::Active { customer, .. } => self.was.is_none_or(|was| was == *customer),
            Phase::Pending { .. } => self.is_free,
            Phase::Ended => false,
        }
    }
}

impl Minder for OpenAnswer {
    fn every(&self) -> Duration {
        EVERY
    }

    fn going(&self) -> Going {
        going(&self.guard, &self.entry, self.suspicions, || self.is_same())
    }

    fn stands(&self) -> Later<'_, bool> {
        Box::pin(async move {
            let active = match &self.entry.lock().jar.phase {
                Phase::Active { session, customer, .. } => Some((*session, *customer)),
                _ => None,
            };
            let now = self.guard.identity.0.now();
            let Some((session, customer)) = active else { return self.is_same() };
            if !self.is_same() || now.since(self.looked_up_at.get()) < LOOK_UP {
                return self.is_same();
            }
            self.looked_up_at.set(now);
            let found = self.guard.identity.session_by_id(session).await;
            found.is_ok_and(|found| found.is_some_and(|found| found.customer == customer))
        })
    }
}

/// Where the shop signs people in within the session that they have, what it says in it waits while somebody may be signing in: the answer to
/// that tells who it is then.
///
/// Where nobody waited for that answer it is not known, and what was begun before it ends.
fn going(guard: &Guard, entry: &Entry, suspicions: u64, is_same: impl FnOnce() -> bool) -> Going {
    // In this order: what was decided meanwhile is seen by the second look.
    if guard.adapter.elevates() && entry.underway.try_read().is_err() {
        return Going::Wait;
    }
    // Nor goes on what was begun while the shop may be at it still.
    let is_suspect = guard.adapter.elevates() && entry.is_suspect(guard.identity.0.now());
    if !is_suspect && entry.suspicions() == suspicions && is_same() { Going::On } else { Going::Over }
}

/// What is spoken on a connection, where it is one that is heard.
pub(super) fn language(guard: &Guard, head: &RequestHead<'_>) -> Option<Spoken> {
    let is_heard = head.headers.contains_key(header::UPGRADE) && guard.adapter.hears_sockets();
    let offered = head.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
    let offered: Vec<_> = offered.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    is_heard.then(|| guard.adapter.spoken(&offered.join(","), head.path))
}

/// Hears what is said on a connection to a shop that takes GraphQL calls: whoever signs in there, or changes an account, would pass
/// every door. That is refused, also to whoever has just shown a second factor, for nothing can be asked there and no guess counted.
/// Reading costs time of the threads that serve everybody: a connection has as much of it as its [`Budget`] says.
pub struct Ear {
    guard: Arc<Guard>,
    client: ClientIp,
    spoken: Spoken,
    budget: Budget,
}

impl Ear {
    pub fn new(guard: Arc<Guard>, client: ClientIp, spoken: Spoken) -> Self {
        let budget = Budget { spent_bytes: 0, at: guard.identity.0.now() };
        Ear { guard, client, spoken, budget }
    }
}

impl Listener for Ear {
    fn most_bytes(&self) -> usize {
        MESSAGE_BYTES
    }

    fn may_pass<'a>(&'a mut self, message: &'a [u8]) -> Later<'a, bool> {
        Box::pin(async move {
            let wait = self.budget.take(message.len(), self.guard.identity.0.now());
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            let is_free = self.guard.adapter.said(message, self.spoken) == Said::Nothing;
            if !is_free {
                self.guard.alarm(Alarm::CallInSocket, self.client).await;
            }
            is_free
        })
    }
}

/// What one connection may have read of it.
struct Budget {
    /// Of the burst, as of `at`.
    spent_bytes: u64,
    at: Timestamp,
}

impl Budget {
    /// How long the message has to wait. The wait is its own: the budget is what it was when it began.
    fn take(&mut self, bytes: usize, now: Timestamp) -> Duration {
        let millis = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let back = millis.saturating_mul(BYTES_PER_SECOND) / 1_000;
        let cost = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(EACH_BYTES);
        self.spent_bytes = self.spent_bytes.saturating_sub(back).saturating_add(cost);
        self.at = now;
        Duration::from_millis(
            self.spent_bytes.saturating_sub(BURST_BYTES).saturating_mul(1_000) / BYTES_PER_SECOND,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_read_at_its_pace() {
        let start = Timestamp::from_micros(1_790_000_000_000_000);
        let mut budget = Budget { spent_bytes: 0, at: start };
        let (mut now, mut read) = (start, 0);
        let long = u64::try_from(MESSAGE_BYTES).unwrap();
        // Whoever sends the longest messages without a pause has a burst and a rate, however many they are.
        while now.since(start) < Duration::from_secs(60) {
            now = now.plus(budget.take(MESSAGE_BYTES, now)).plus(Duration::from_millis(1));
            read += long;
        }
        let most = BURST_BYTES + 60 * BYTES_PER_SECOND + 2 * long;
        assert!(read <= most, "{read} of {most}");
        // So do many empty ones.
        let mut budget = Budget { spent_bytes: 0, at: start };
        assert!((0..2_000).any(|_| !budget.take(0, start).is_zero()));
        // A storefront's messages never wait.
        let mut budget = Budget { spent_bytes: 0, at: start };
        assert!((0..600).all(|n| budget.take(400, start.plus(Duration::from_millis(n * 50))).is_zero()));
        // An hour of silence gives the burst back, and no more.
        let later = start.plus(Duration::from_secs(3_600));
        assert!(budget.take(MESSAGE_BYTES, later).is_zero() && !budget.take(usize::MAX, later).is_zero());
    }
}
