//! What the detector is told of one request.

use storeward_base::{ClientIp, RequestId, Timestamp};

use crate::words;

/// What became of a request at the front door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The shop answered.
    Passed,
    /// Inspection would have stopped it, but the route only detects.
    Flagged,
    /// A challenge was put in its way.
    Challenged,
    /// Inspection stopped it.
    Blocked,
    /// Its route is closed to this client: says nothing of an attack by itself.
    Closed,
    /// A rate limit stopped it.
    Limited,
    /// It was malformed, ambiguous, too large or too slow.
    Refused,
    /// Its client was banned already: tells nothing new and is not looked at, so that a ban cannot feed itself.
    Banned,
}

/// Who made the browser send it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Initiator {
    /// The client itself, as far as anybody can tell.
    #[default]
    Own,
    /// The browser says that a page of another site did, without a click: its person may know nothing of it. Anybody
    /// can send such a mark, so it buys nothing but buckets of its own.
    Foreign,
    /// The browser says that a page of this very site did, for a part of itself: a picture, a style, a report. Where
    /// visitors may write, one of them can put such addresses before all others. Here, too, the mark buys nothing but
    /// buckets of its own.
    Page,
    /// A link did, of another site or by itself, or a browser so old that it says nothing of what made it ask: perhaps its
    /// person meant it. What goes well counts as their own, what does not as a page's (see [`Observation::charged_to`]).
    Link,
}

/// One request, seen when its answer was done. Borrowed: the detector keeps hashes and counts only.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// When the answer was done (not when the request began: a client could make that arbitrarily old).
    pub at: Timestamp,
    pub request: Option<RequestId>,
    pub client: ClientIp,
    pub host: &'a str,
    /// In capitals, as HTTP writes it.
    pub method: &'a str,
    /// Canonical, without the query.
    pub path: &'a str,
    /// What the client received.
    pub status: u16,
    pub user_agent: &'a str,
    pub outcome: Outcome,
    /// The inspection rule that tipped the scale; 0 for none.
    pub rule_id: u32,
    pub category: &'a str,
    /// Why it was refused or limited, as a stable code.
    pub reason: &'a str,
    /// The shop, or our own sign-in, said that a sign-in failed.
    pub auth_failed: bool,
    pub initiator: Initiator,
}

impl<'a> Observation<'a> {
    /// A passed request without further marks.
    pub fn passed(at: Timestamp, client: ClientIp, method: &'a str, path: &'a str, status: u16) -> Self {
        Observation {
            at,
            request: None,
            client,
            host: "",
            method,
            path,
            status,
            user_agent: "",
            outcome: Outcome::Passed,
            rule_id: 0,
            category: "",
            reason: "",
            auth_failed: false,
            initiator: Initiator::Own,
        }
    }

    /// In whose buckets it belongs: nobody is banned for what a link on some page led them to, and good visits by links are
    /// visits all the same.
    pub(crate) fn charged_to(&self) -> Initiator {
        let well = self.outcome == Outcome::Passed && !self.is_bad();
        match self.initiator {
            Initiator::Link
                if well && !words::is_sensitive_file(self.path) && !words::is_backdoor_file(self.path) =>
            {
                Initiator::Own
            }
            Initiator::Link => Initiator::Page,
            other => other,
        }
    }

    /// Whether the answer came from the shop and not from us.
    pub(crate) fn reached_the_shop(&self) -> bool {
        matches!(self.outcome, Outcome::Passed | Outcome::Flagged)
    }

    /// Whether it speaks against the client: the shop did not want it, or we did not.
    pub(crate) fn is_bad(&self) -> bool {
        let stopped = !self.reached_the_shop() && self.outcome != Outcome::Challenged;
        stopped || matches!(self.status, 400 | 401 | 403 | 404 | 405) || self.auth_failed
    }
}
