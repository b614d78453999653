//! A connection to the shop that stays open, such as a WebSocket: what passes there passes no crossing any more.

use std::sync::Arc;
use std::time::Duration;

use storeward_adapter::Said;
use storeward_base::{ClientIp, Timestamp};
use storeward_host::{Later, Listener, Minder};
use storeward_web::http::{HeaderMap, header};

use super::super::answers::Refusal;
use super::super::handles::Entry;
use super::super::jar::Phase;
use super::super::{Alarm, Guard};
use super::{Crossing, closed};

/// Of one message on a connection that is heard. Calls of GraphQL are some hundred bytes long.
const MESSAGE_BYTES: usize = 256 * 1024;
/// A sign-in in the same session is seen within this.
const EVERY: Duration = Duration::from_secs(2);
/// The account's own session is looked up this often, as for requests.
const LOOK_UP: Duration = Duration::from_secs(10);

impl Crossing {
    /// What is packed (RFC 7692) cannot be heard, and every server can do without. While nobody knows which calls are to be heard, none
    /// is opened that would stay open beyond that.
    pub(super) fn open_socket(&self, headers: &mut HeaderMap) -> Option<Refusal> {
        if self.is_heard {
            headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
        }
        (!self.is_heard && self.guard.is_waiting()).then(closed)
    }
}

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

/// Hears what is said on a connection to a shop that takes GraphQL calls: whoever signs in there, or changes an account, would pass
/// every door. That is refused, also to whoever has just shown a second factor, for nothing can be asked there and no guess counted.
pub struct Ear {
    guard: Arc<Guard>,
    client: ClientIp,
}

impl Ear {
    pub fn new(guard: Arc<Guard>, client: ClientIp) -> Self {
        Ear { guard, client }
    }
}

impl Listener for Ear {
    fn most_bytes(&self) -> usize {
        MESSAGE_BYTES
    }

    fn may_pass<'a>(&'a mut self, message: &'a [u8]) -> Later<'a, bool> {
        Box::pin(async move {
            let is_free = self.guard.adapter.said(message) == Said::Nothing;
            if !is_free {
                self.guard.alarm(Alarm::CallInSocket, self.client).await;
            }
            is_free
        })
    }
}
