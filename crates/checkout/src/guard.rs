//! The handle: what a running program does with the guard.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use storeward_base::{Clock, Entropy, Timestamp};
use storeward_events::checkout as facts;
use storeward_seal::encoding::base64;
use storeward_seal::fingerprint::{equal, sha256_hex, sha384};
use storeward_seal::{MarkKey, PseudonymKey};
use storeward_store::{Db, Error as StoreError, Reader};

use crate::config::{CheckoutSection, Mode, OnChange};
use crate::error::Error;
use crate::intake::Intake;
use crate::keep::UNREAD;
use crate::model::Hold;
use crate::policy::{Guarded, Known, Rules, Settings};
use crate::sql;
use crate::staff;

/// Below it, on the shop's own host, are the guard script and the address where browsers report.
pub const PAGES: &str = "/.storeward/checkout";

/// Where browsers report, in long messages.
pub const REPORTS: &str = "/.storeward/checkout/report";

/// The script that runs before anything else on a paying page: one function, of several files.
pub(crate) const GUARD: &str = concat!(
    "\"use strict\";\n(() => {\n",
    include_str!("../assets/guard/natives.js"),
    include_str!("../assets/guard/frames.js"),
    include_str!("../assets/guard/elements.js"),
    include_str!("../assets/guard/links.js"),
    include_str!("../assets/guard/leaving.js"),
    include_str!("../assets/guard/page.js"),
    "})();\n"
);

/// A report is believed to come from a page that went out so long ago at most.
const REPORTS_HOURS: i64 = 12;

/// What the handle needs.
pub struct CheckoutParts {
    pub db: Db,
    pub section: CheckoutSection,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub pseudonym_key: PseudonymKey,
    /// The shop's hosts, in lower case, without ports.
    pub hosts: Vec<String>,
    /// Where the shop's own scripts are fetched.
    pub shop: Option<ShopServer>,
}

/// The shop as Storeward reaches it.
#[derive(Clone, Debug)]
pub struct ShopServer {
    /// `http://127.0.0.1:8080`, without a slash behind it.
    pub url: String,
    /// The root of its certificate, PEM.
    pub ca_pem: Option<Vec<u8>>,
}

/// The guard of a running program. Clones are cheap and share it.
#[derive(Clone)]
pub struct Checkout(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub db: Db,
    pub section: ArcSwap<CheckoutSection>,
    pub known: ArcSwap<Known>,
    pub reading: tokio::sync::Mutex<()>,
    pub intake: Intake,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    reports: MarkKey,
    pub hosts: Vec<String>,
    pub shop: Option<ShopServer>,
    pub script: GuardScript,
}

/// How the guard script is named in a page.
pub(crate) struct GuardScript {
    pub address: String,
    /// SHA-384 in base64.
    pub integrity: String,
}

impl fmt::Debug for Checkout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkout").field("mode", &self.mode()).finish_non_exhaustive()
    }
}

impl Checkout {
    /// Nothing is known until [`Checkout::load_blocking`] or [`Checkout::refresh`] was called.
    pub fn new(parts: CheckoutParts) -> Self {
        let version: String = sha256_hex(GUARD.as_bytes()).chars().take(16).collect();
        Checkout(Arc::new(Shared {
            db: parts.db,
            known: ArcSwap::from_pointee(Known::default()),
            reading: tokio::sync::Mutex::default(),
            section: ArcSwap::from_pointee(parts.section),
            intake: Intake::default(),
            clock: parts.clock,
            entropy: parts.entropy,
            reports: parts.pseudonym_key.mark_key("checkout.report"),
            hosts: parts.hosts,
            shop: parts.shop,
            script: GuardScript {
                address: format!("{PAGES}/guard.js?v={version}"),
                integrity: base64(&sha384(GUARD.as_bytes())),
            },
        }))
    }

    pub fn mode(&self) -> Mode {
        self.0.section.load().mode
    }

    /// The strictest way in which a page is served now: with `last_good` a page that only looked on may hold to what was approved, and
    /// staff may have said so of one.
    pub fn acts_as(&self) -> Mode {
        self.0.known.load().acts_as()
    }

    pub fn on_change(&self) -> OnChange {
        self.0.section.load().on_change
    }

    /// How long an approval holds that names no end, in days.
    pub fn approve_days(&self) -> u32 {
        self.0.section.load().approve_days
    }

    /// The guarded paths.
    pub fn pages(&self) -> Vec<String> {
        self.0.section.load().paths()
    }

    /// Approved rows that found no room in the policy.
    pub fn left_out(&self) -> usize {
        self.0.known.load().left_out()
    }

    /// What waits for staff, in plain words.
    pub fn concerns(&self) -> Vec<String> {
        let known = self.0.known.load();
        let mut concerns: Vec<String> =
            known.open.iter().filter_map(|(kind, count)| concern(kind, *count)).collect();
        let left_out = known.left_out();
        if left_out > 0 {
            concerns.push(format!("{left_out} approved scripts of paying pages found no room in the policy"));
        }
        concerns
    }

    /// Takes a changed section; it is in force once [`Checkout::refresh`] was called.
    pub fn set_section(&self, section: CheckoutSection) {
        self.0.section.store(Arc::new(section));
        self.0.intake.wake.notify_one();
    }

    /// Reads what was approved, before the first page goes out. For threads outside of a runtime.
    pub fn load_blocking(&self) -> Result<(), Error> {
        let (section, now) = (self.0.section.load_full(), self.0.clock.now());
        let known = self.0.db.read_blocking(move |reader| Ok::<_, Error>(known(reader, &section, now)?))?;
        self.0.known.store(Arc::new(known));
        Ok(())
    }

    /// Takes up what was approved, here or by another node, and what has ended meanwhile.
    pub async fn refresh(&self) -> Result<(), Error> {
        // One after the other: an older reading must not take the place of a newer one, in which something was revoked.
        let _turn = self.0.reading.lock().await;
        let (section, now) = (self.0.section.load_full(), self.0.clock.now());
        let read = Arc::clone(&section);
        let known = self.0.db.read(move |reader| Ok::<_, Error>(known(reader, &read, now)?)).await?;
        let after = known.is_triggered;
        let before = self.0.known.swap(Arc::new(known)).is_triggered;
        if before != after {
            self.tell_last_good(after).await?;
        }
        Ok(())
    }

    async fn tell_last_good(&self, has_begun: bool) -> Result<(), Error> {
        let (state, reason) = match has_begun {
            true => ("begun", "something that nobody approved runs there"),
            false => ("ended", ""),
        };
        let fact = facts::LastGood { state: state.to_owned(), reason: reason.to_owned() };
        let write =
            self.0.db.write(move |tx| tx.append(storeward_base::Actor::System, None, fact.clone()).map(drop));
        let told: Result<(), StoreError> = write.await;
        told.map_err(Error::from)
    }
}

fn concern(kind: &str, count: u64) -> Option<String> {
    let what = match kind {
        "script_new" => "scripts or places on paying pages are not approved",
        "script_changed" => "scripts on paying pages are not what was approved",
        "header_changed" => "headers of paying pages are not as approved",
        "blocked" => "things were stopped on paying pages",
        "approval_ends" => "approvals of what paying pages run end within two weeks",
        "approval_over" => {
            "approvals of what paying pages run are over: it does not run where approved scripts alone do"
        }
        "preconnect" => "hosts that nobody approved were looked up by paying pages",
        "tampered" => "tries to undo the guard on paying pages",
        "unguarded" => "kinds of paying pages went out without the guard in them",
        UNREAD => "places of paying pages were not read: what runs there is in no inventory",
        "reports_flooded" => "hours in which more was reported of paying pages than can be looked at",
        _ => return None,
    };
    Some(format!("{count} {what}."))
}

fn known(reader: &mut Reader<'_>, section: &CheckoutSection, now: Timestamp) -> Result<Known, StoreError> {
    let rows = sql::all(reader, now)?;
    let holds = staff::holds(reader)?;
    let is_triggered =
        section.mode == Mode::Learn && section.on_change == OnChange::LastGood && sql::is_triggered(reader)?;
    let known = Known { is_triggered, open: sql::open_alerts(reader)?, ..Known::default() };
    let mut known = known.with_rows(&rows);
    if section.mode == Mode::Off {
        return Ok(known);
    }
    // Pages that are served alike share their rules.
    let mut made: Vec<((Mode, OnChange), Arc<Rules>)> = Vec::new();
    for page in section.paths() {
        let hold = holds.iter().find(|held| held.page == page).map(|held| held.hold);
        let way = way(section, hold, is_triggered);
        let rules = match made.iter().find(|(other, _)| *other == way) {
            Some((_, rules)) => Arc::clone(rules),
            None => {
                let (acts_as, on_change) = way;
                let (providers, leads_to) = (&*section.providers, &*section.leads_to);
                let settings = Settings { now, acts_as, on_change, providers, leads_to };
                let rules = Arc::new(Rules::of(&rows, settings));
                made.push((way, Arc::clone(&rules)));
                rules
            }
        };
        known.pages.push(Guarded { page: page.into(), rules });
    }
    Ok(known)
}

/// How a page is served. Staff may make it stricter than the config, and never laxer.
pub(crate) fn way(section: &CheckoutSection, hold: Option<Hold>, is_triggered: bool) -> (Mode, OnChange) {
    match hold {
        Some(Hold::LastGood) => (Mode::Enforce, OnChange::LastGood),
        Some(Hold::Enforce) => (Mode::Enforce, section.on_change),
        Some(Hold::Learn) | None if is_triggered => (Mode::Enforce, section.on_change),
        Some(Hold::Learn) | None => (section.mode, section.on_change),
    }
}

impl Shared {
    /// Where browsers report about a page that goes out now.
    pub(crate) fn report_address(&self, number: usize) -> String {
        let hour = self.clock.now().seconds().div_euclid(3_600);
        format!("{PAGES}/report?k={number}.{hour}.{}", self.token(number, hour))
    }

    /// The page that a report's key was made for; nothing for one that we did not make, or long ago.
    pub(crate) fn page_of_report(&self, key: &str) -> Option<Arc<str>> {
        let mut parts = key.split('.');
        let (number, hour) = (parts.next()?.parse::<usize>().ok()?, parts.next()?.parse::<i64>().ok()?);
        let told = parts.next().filter(|_| parts.next().is_none())?;
        let now = self.clock.now().seconds().div_euclid(3_600);
        let is_fresh = (now - REPORTS_HOURS..=now).contains(&hour);
        let is_ours = equal(told.as_bytes(), self.token(number, hour).as_bytes());
        let known = self.known.load();
        known.pages.get(number).filter(|_| is_fresh && is_ours).map(|own| Arc::clone(&own.page))
    }

    fn token(&self, number: usize, hour: i64) -> String {
        self.reports.mark(&format!("{number}.{hour}")).chars().take(24).collect()
    }
}
