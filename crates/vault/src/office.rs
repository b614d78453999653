//! In front of the shop's own staff pages, with no change to them: what they show of customers is put on record, and masked by role.
//!
//! A session stage behind the gate's. It looks at requests for the pages that a data file names (`shops/*.toml`), asks the shop for
//! plain answers, finds personal data in them ([`find`]), asks the policy what the person may see of each field, writes down whose
//! data goes out, and only then lets the page go. What cannot be looked through, or be written down, is held back. Who somebody is
//! says the gate's assertion; whoever comes without one has no role, and so sees masks only.

mod answers;
mod crossing;
mod dots;
mod find;
mod guest;
mod html;
mod json;
mod kept;
mod kinds;
mod pages;
mod record;
mod watch;
mod xml;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use storeward_base::Clock;
use storeward_host::{RequestHead, SessionExchange, SessionStage};
use storeward_policy::{Purpose, Role};
use storeward_seal::MarkKey;
use storeward_store::jobs::{Failed, Handler, Job};

use crate::Vault;
use crossing::Crossing;
pub use kept::{STATEMENTS as KEPT_STATEMENTS, harmed};
pub use pages::{PagesFault, ShopPages};
pub use record::{STATEMENTS, Shown, ShownFilter, shown};
pub use watch::{
    FLOOR_OF_DAY, FLOOR_OPENED, FLOOR_SHOWN, Finding, STATEMENTS as WATCH_STATEMENTS, Watch, minutes_of,
};

/// The tables of what the shop's pages showed.
pub const MIGRATIONS: &[storeward_store::Migration] = &[storeward_store::Migration {
    domain: "office",
    number: 1,
    sql: include_str!("../migrations/office_0001_shown.sql"),
}];

const DAY: Duration = Duration::from_secs(24 * 3600);
/// As long as the ledger keeps what the rows point to (`storeward_events::Retention::Security`).
const KEPT: Duration = Duration::from_secs(396 * 24 * 3600);

/// What a mask is made of; what bears it is no value.
pub(crate) const DOTS: &str = "•••";

/// What the stage is made of.
pub struct OfficeParts {
    pub vault: Vault,
    pub pages: ShopPages,
    /// What staff look for there, where neither a page nor their role says anything else.
    pub purpose: Purpose,
    /// What each role looks for there.
    pub purposes: BTreeMap<String, Purpose>,
    /// Addresses that are the shop's own, in lower case.
    pub own: Vec<String>,
    /// Makes the fingerprints of people whose records are not kept.
    pub marks: MarkKey,
    pub clock: Arc<dyn Clock>,
}

/// What the roles look for that the rules show nothing for a support's purpose; who packs and who keeps the books would see masks only.
pub fn usual_purposes() -> BTreeMap<String, Purpose> {
    let usual = [(Role::Fulfilment, Purpose::Shipping), (Role::Accountant, Purpose::Invoicing)];
    usual.into_iter().map(|(role, purpose)| (role.name().to_owned(), purpose)).collect()
}

/// The stage. Clones are cheap and share it.
#[derive(Clone)]
pub struct Office(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub parts: OfficeParts,
    pub pages: Arc<ShopPages>,
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office").field("pages", &self.0.parts.pages.name()).finish_non_exhaustive()
    }
}

impl Office {
    /// Forgets whose data was shown when the ledger forgets it.
    pub fn handlers(&self) -> Vec<Handler> {
        let db = self.0.parts.vault.0.db.clone();
        let forget = move |job: Job| {
            let db = db.clone();
            async move {
                let claim = job.claim();
                let done = db.write(move |tx| -> Result<(), storeward_store::Error> {
                    tx.commit_silent("forgetting leaves no trace of who was forgotten");
                    record::forget(tx, tx.now().minus(KEPT))?;
                    claim.finish(tx)
                });
                Ok::<(), Failed>(done.await?)
            }
        };
        vec![Handler::new("office.forget", forget).every(DAY)]
    }

    pub fn new(parts: OfficeParts) -> Self {
        let pages = Arc::new(parts.pages.clone());
        Office(Arc::new(Inner { parts, pages }))
    }
}

impl SessionStage for Office {
    fn enter(&self, head: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
        let pages = Arc::clone(&self.0.pages);
        let place = pages.place(head.path, head.query.unwrap_or_default());
        let may_lead = pages.reads_forms() && !head.method.is_safe() && is_form(head.headers);
        if place.is_none() && !may_lead {
            return None;
        }
        Some(Box::new(Crossing::new(self.clone(), pages, place, head)))
    }
}

/// Whether a body is one that shops read parameters from.
fn is_form(headers: &http::HeaderMap) -> bool {
    headers.get_all(http::header::CONTENT_TYPE).iter().any(|value| {
        let kind = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        kind.contains("form")
    })
}
