//! A connection to the shop that stays open, such as a WebSocket: what passes there passes no crossing any more.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::Timestamp;
use storeward_host::{Later, Minder};

use super::super::Guard;
use super::super::handles::Entry;
use super::super::jar::Phase;

/// A sign-in in the same session is seen within this.
const EVERY: Duration = Duration::from_secs(2);
/// The account's own session is looked up this often, as for requests.
const LOOK_UP: Duration = Duration::from_secs(10);

/// Minds that the shop's session is still the one that it was when the connection was opened, and the account's own behind it.
/// Nobody signs a session in and talks on in a connection from before, which no challenge holds back; nobody talks on in one that
/// its owner has ended. An open connection keeps no session from its idle end.
pub struct Socket {
    guard: Arc<Guard>,
    entry: Arc<Entry>,
    was: Phase,
    looked_up_at: std::cell::Cell<Timestamp>,
}

impl Socket {
    pub fn new(guard: Arc<Guard>, entry: Arc<Entry>) -> Self {
        let (was, now) = (entry.lock().jar.phase.clone(), guard.identity.0.now());
        Socket { guard, entry, was, looked_up_at: std::cell::Cell::new(now) }
    }
}

impl Minder for Socket {
    fn every(&self) -> Duration {
        EVERY
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
