//! Facts of the checkout guard: which scripts paying pages have, and what changed. Addresses stand without their queries; nothing of a
//! person or of a form.

use serde::{Deserialize, Serialize};
use storeward_base::Timestamp;

use crate::{Event, words};

/// Something runs, or is spoken to, on a paying page that was not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptNew {
    /// The row in the inventory.
    pub script: String,
    /// `script`, `inline`, `handler`, or what else a page loads or speaks to: `connect`, `image`, `frame`, `form` …
    pub what: String,
    /// Without a query; `inline` for code in the page itself.
    pub address: String,
    pub page: String,
    /// Who saw it: `page`, `report`, `fetch`, `guard`.
    pub source: String,
}

/// An approved script is no longer what was approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptChanged {
    pub script: String,
    pub address: String,
    /// SHA-256 in base64, as browsers write it.
    pub approved: String,
    pub found: String,
    pub source: String,
}

/// Staff approved a script. Who, is the actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptApproved {
    pub script: String,
    pub address: String,
    /// `exact`, `shape`, `address`.
    pub scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    pub until: Timestamp,
    /// SHA-256 of owner and justification, which stand in the inventory.
    pub reasons: String,
}

/// An approval was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptRevoked {
    pub script: String,
    pub address: String,
}

/// A header that a paying page's security leans on is not as approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderChanged {
    pub page: String,
    pub header: String,
    /// `added`, `removed`, `changed`.
    pub how: String,
}

/// Staff approved the headers of a paying page as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadersApproved {
    pub page: String,
    pub headers: u32,
}

/// A browser stopped something on a paying page, or would have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// `blocked`; `seen` of a host that was looked up, which nothing holds back.
    pub how: String,
    /// What it would have gone by: `script`, `connect`, `navigate`, `webrtc` …
    pub channel: String,
    /// Empty for code in the page itself.
    pub host: String,
    pub path: String,
}

/// A script tried to undo the guard in the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardTampered {
    pub channel: String,
    pub host: String,
}

/// A paying page went out without the guard in it, the policy in its head all the same; or it was not read whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unguarded {
    pub page: String,
    /// `encoding`, `charset`, `unreadable`, `type`, `fetched`; of one that was not read whole `unread.ambiguous`, `unread.charset`,
    /// `unread.encoding`, `unread.too_many`, `unread.unreadable`.
    pub reason: String,
}

/// More reports came than can be looked at; the rest were counted and dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportsFlooded {
    pub dropped: u64,
}

/// Paying pages are served with the last approved scripts only, until staff have looked; or as before again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastGood {
    /// `begun`, `ended`.
    pub state: String,
    pub reason: String,
}

/// Staff looked at an alert. Who, is the actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertClosed {
    /// The row of the alert.
    pub alert: String,
    /// `script_new`, `script_changed`, `header_changed`, `blocked`, `tampered`, `unguarded`, `unread`, `reports_flooded`,
    /// `preconnect`,
    /// `approval_ends`, `approval_over`.
    pub what: String,
    /// The script that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
}

/// Staff said how a paying page is served. Who, is the actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageModeSet {
    pub page: String,
    /// `learn`: as the config says; `enforce`; `last_good`.
    pub mode: String,
    pub before: String,
    /// Things of the inventory that the page does without from now on, as they were shown.
    pub stopped: u32,
}

/// An evidence report was made. Whoever has it can prove by this that it was not changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceReported {
    /// The report's own number.
    pub report: String,
    pub from: Timestamp,
    pub until: Timestamp,
    /// SHA-256 of the report's JSON, in hexadecimal digits.
    pub sha256: String,
}

/// An approval ends soon, or is over. Where approved scripts alone run, what it was for does not run then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalEnds {
    /// The row in the inventory.
    pub script: String,
    pub address: String,
    pub until: Timestamp,
    /// `soon`, `over`.
    pub state: String,
}

/// In plain words.
pub(crate) fn sentence(event: &Event) -> Option<String> {
    Some(match event {
        Event::ScriptNew(e) if e.what == "inline" => {
            format!("A script that was not known stands in {}", words::plain(&e.page))
        }
        Event::ScriptNew(e) => format!("{} on {}: {} was not known", e.what, e.page, e.address),
        Event::ScriptChanged(e) => {
            format!("{} on a paying page is not what was approved", e.address)
        }
        Event::ScriptApproved(e) => {
            format!("Approved {} on paying pages until {}", e.address, e.until.rfc3339())
        }
        Event::ScriptRevoked(e) => format!("{} is not approved on paying pages any more", e.address),
        Event::HeaderChanged(e) => format!("The header {} of {} was {}", e.header, e.page, e.how),
        Event::HeadersApproved(e) => {
            format!("Approved {} of {}", words::counted(e.headers.into(), "header"), e.page)
        }
        Event::CheckoutBlocked(e) if e.host.is_empty() => {
            format!("On a paying page {} was {} ({})", words::plain(&e.channel), e.how, e.path)
        }
        Event::CheckoutBlocked(e) => {
            format!("On a paying page {} to {}{} was {}", words::plain(&e.channel), e.host, e.path, e.how)
        }
        Event::GuardTampered(e) => {
            format!("A script on a paying page tried to undo the guard ({})", words::plain(&e.channel))
        }
        Event::CheckoutUnguarded(e) if e.reason.starts_with("unread.") => {
            let why = words::plain(e.reason.trim_start_matches("unread."));
            format!("{} was not read whole, so its inventory is not whole: {why}", e.page)
        }
        Event::CheckoutUnguarded(e) => {
            format!("{} went out without the guard in it: {}", e.page, words::plain(&e.reason))
        }
        Event::ReportsFlooded(e) => {
            format!("{} of paying pages were dropped: too many came", words::counted(e.dropped, "report"))
        }
        Event::LastGood(e) if e.state == "begun" => {
            format!("Paying pages run their last approved scripts only: {}", words::plain(&e.reason))
        }
        Event::LastGood(_) => "Paying pages run as before again".to_owned(),
        Event::CheckoutAlertClosed(e) => {
            format!("Closed an alert about paying pages ({})", words::plain(&e.what))
        }
        Event::PageModeSet(e) => match e.mode.as_str() {
            "enforce" => format!("{} runs approved scripts only", e.page),
            "last_good" => format!("{} was taken to its last good state", e.page),
            _ => format!("{} is served as the config says", e.page),
        },
        Event::EvidenceReported(e) => {
            format!(
                "An evidence report on paying pages was made, from {} until {}",
                e.from.rfc3339(),
                e.until.rfc3339()
            )
        }
        Event::ApprovalEnds(e) if e.state == "over" => {
            format!("The approval of {} on paying pages is over", e.address)
        }
        Event::ApprovalEnds(e) => {
            format!("The approval of {} on paying pages ends {}", e.address, e.until.rfc3339())
        }
        _ => return None,
    })
}
