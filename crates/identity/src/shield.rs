//! The step-up shield: stands in front of the shop's own sign-in, and the shop need not change.
//!
//! The browser never holds the shop's session, only a handle of ours; the shop's cookies stay in a jar here. Whoever
//! signs in at the shop, by whatever door, is seen by what the shop answers, and waits until the accounts' rules are met.
//!
//! ```text
//!            signed in at the shop          second factor, or none needed
//! Anonymous ───────────────────► Pending ───────────────────────────────► Active    (each time another handle)
//!     ▲                             │ ten minutes, refused, given up         │ signed out, ended by the person
//!     └──── jar emptied, shop asked to sign out ◄───────────────────────────┘
//! ```

mod answers;
mod canary;
mod crossing;
mod decide;
mod everybody;
mod handles;
mod harmless;
mod jar;
mod nobodys;
mod open_acts;
mod section;
mod shop;
mod signed_out;
mod storefronts;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use storeward_adapter::Adapter;
use storeward_base::{Actor, ClientIp, RequestId, Timestamp};
use storeward_events::identity::CustomerSignInFailed;
use storeward_host::{AskShop, RequestHead, SessionExchange, SessionStage, Stop};
use storeward_web::http::HeaderMap;

use crate::error::Error;
use crate::verbs::Identity;
use crate::verbs::shop_password::Known;
use canary::Health;
use crossing::Crossing;
use everybody::Said;
use handles::Handles;
use jar::Phase;
use nobodys::Nobodys;
use signed_out::SignedOut;
use storefronts::Storefronts;

pub(crate) use canary::Fault;
pub use canary::{CanaryAccount, Fault as ShieldFault};
pub use handles::HANDLE_COOKIE;
pub use section::{CanarySection, OfficeGuard, ShieldSection, StaffPolicy, WhenUnclear, WhenUnsaid};
pub(crate) use shop::{Asker, question};

/// A sign-in at the shop waits for its second factor no longer than this.
const WAITS: Duration = Duration::from_secs(10 * 60);
/// How often jars are written that changed a little.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// How often what ran out is looked for.
const SWEEP_EVERY: u32 = 6;
/// One kind of alarm goes into the ledger this often.
const ALARM_STEP: Duration = Duration::from_secs(10);

/// What the app hands over.
pub struct ShieldParts {
    pub identity: Identity,
    /// `None` while nobody knows which shop it is: then its doors and its back office are closed, until [`Shield::fit`].
    pub adapter: Option<Adapter>,
    pub section: ShieldSection,
    pub shop: Arc<dyn AskShop>,
    /// Who signs in every few minutes to see whether the adapter still fits.
    pub canary: Option<CanaryAccount>,
}

/// The shield. Clones share everything.
#[derive(Clone)]
pub struct Shield(Arc<ArcSwap<Guard>>);

/// What all crossings share.
pub(crate) struct Guard {
    pub identity: Identity,
    pub adapter: Adapter,
    pub section: ShieldSection,
    pub shop: Arc<dyn AskShop>,
    pub handles: Arc<Handles>,
    pub canary: Option<CanaryAccount>,
    pub health: Mutex<Health>,
    pub is_blind: AtomicBool,
    pub nobodys: Nobodys,
    pub storefronts: Storefronts,
    pub said: Said,
    refused_told_at: AtomicI64,
    socket_told_at: AtomicI64,
    unclear_told_at: AtomicI64,
    staff_unclear_told_at: AtomicI64,
}

/// What staff are told of, each kind at most once in a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// A password, or something like it, at a door for programs.
    DoorForPrograms,
    /// A GraphQL call that signs in, or is confirmed again, on a connection that stays open.
    CallInSocket,
    /// The shop's answers do not say who is signed in.
    Unclear,
    /// Something before the shop refuses the question whether somebody is one of the staff: whoever it is counts as such.
    StaffUnclear,
}

impl Shield {
    pub fn new(parts: ShieldParts) -> Self {
        let ShieldParts { identity, adapter, section, shop, canary } = parts;
        identity.set_first_factor(section.staff_first_factor);
        let page = adapter.as_ref().and_then(Adapter::password_page);
        identity.know_shop_password(page, Known::UnlessKnown);
        identity.know_shop_sign_in(adapter.as_ref().and_then(Adapter::sign_in_page), Known::UnlessKnown);
        let handles = Arc::new(Handles::new(identity.clone()));
        let is_blind = AtomicBool::new(adapter.is_none());
        let adapter = adapter.unwrap_or_else(storeward_adapter::stand_in);
        Shield(Arc::new(ArcSwap::from_pointee(Guard {
            identity,
            adapter,
            section,
            shop,
            handles,
            canary,
            health: Mutex::default(),
            is_blind,
            nobodys: Nobodys::default(),
            storefronts: Storefronts::default(),
            said: Said::default(),
            refused_told_at: AtomicI64::new(0),
            socket_told_at: AtomicI64::new(0),
            unclear_told_at: AtomicI64::new(0),
            staff_unclear_told_at: AtomicI64::new(0),
        })))
    }

    /// What stands now. A request keeps the one that it began with.
    fn guard(&self) -> Arc<Guard> {
        self.0.load_full()
    }

    /// Whether nobody knows yet which shop it is.
    pub fn is_waiting(&self) -> bool {
        self.guard().adapter.name == storeward_adapter::STAND_IN
    }

    /// Tells that nobody knows which shop it is.
    pub async fn wait_for_adapter(&self) -> Result<(), Error> {
        self.guard().note_health(Some(Fault::NoAdapter)).await.map(drop)
    }

    /// From now on with this adapter: the shop said what it is, or where it lies.
    pub async fn fit(&self, adapter: Adapter) -> Result<(), Error> {
        let before = self.guard();
        let health = before.health.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let was_waiting = before.is_waiting();
        let is_blind = AtomicBool::new(before.is_blind());
        before.identity.know_shop_password(adapter.password_page(), Known::FromNowOn);
        before.identity.know_shop_sign_in(adapter.sign_in_page(), Known::FromNowOn);
        self.0.store(Arc::new(Guard {
            identity: before.identity.clone(),
            adapter,
            section: before.section.clone(),
            shop: before.shop.clone(),
            handles: before.handles.clone(),
            canary: before.canary.clone(),
            health: Mutex::new(health),
            is_blind,
            nobodys: Nobodys::default(),
            storefronts: Storefronts::default(),
            said: Said::default(),
            refused_told_at: AtomicI64::new(0),
            socket_told_at: AtomicI64::new(0),
            unclear_told_at: AtomicI64::new(0),
            staff_unclear_told_at: AtomicI64::new(0),
        }));
        if was_waiting { self.guard().note_health(None).await.map(drop) } else { Ok(()) }
    }

    /// Writes down what changed and ends what waited too long, until the stop; then writes once more.
    pub async fn keep(&self, stop: Stop) {
        let mut rounds = 0u32;
        loop {
            let stops = tokio::select! {
                () = stop.stopping() => true,
                () = tokio::time::sleep(FLUSH_EVERY) => false,
            };
            // A database that is away now is asked again in the next round; sign-ins tell of it themselves.
            let _ = self.flush().await;
            if stops {
                return;
            }
            rounds = rounds.wrapping_add(1);
            if rounds.is_multiple_of(SWEEP_EVERY) {
                let _ = self.sweep().await;
            }
        }
    }

    /// Writes what changed.
    pub async fn flush(&self) -> Result<(), Error> {
        self.guard().handles.flush().await
    }

    /// Ends what waited for ten minutes, and what is left of people whose own session has ended: the shop is asked to sign it
    /// out. Forgets what ran out.
    pub async fn sweep(&self) -> Result<(), Error> {
        let guard = self.guard();
        let now = guard.identity.0.now();
        for entry in guard.handles.waiting_since(now.minus(WAITS)).await? {
            let asker = guard.own_asker();
            let _deciding = entry.deciding.lock().await;
            // It may have been met while we waited.
            if entry.lock().jar.pending_since().is_some() {
                guard.end(&entry, &asker).await?;
            }
        }
        // What cannot be ended keeps nothing else from being forgotten.
        let ended = guard.end_abandoned().await;
        guard.handles.forget().await?;
        ended
    }
}

impl SessionStage for Shield {
    fn enter(&self, head: &RequestHead<'_>) -> Option<Box<dyn SessionExchange>> {
        Some(Box::new(Crossing::new(self.guard(), head)))
    }
}

impl Guard {
    /// For questions that no browser stands behind.
    fn own_asker(&self) -> Asker {
        let shared = &self.identity.0;
        let nobody = ClientIp::new(std::net::Ipv4Addr::LOCALHOST.into());
        let host = shared.shop_names.first().cloned().unwrap_or_default();
        Asker::of(nobody, RequestId::at(shared.now(), &*shared.entropy), &host, &HeaderMap::new())
    }

    /// Signs the shop's sessions of people out whose own session has ended, also where their browser never comes again. While
    /// the shop is away they stay on the list: this is tried again.
    async fn end_abandoned(&self) -> Result<(), Error> {
        for entry in self.handles.abandoned().await? {
            let asker = self.own_asker();
            let _deciding = entry.deciding.lock().await;
            let Some(session) = entry.lock().jar.session() else { continue };
            // It may have signed in anew while we waited.
            if self.identity.session_by_id(session).await?.is_some() {
                continue;
            }
            if self.sign_out_of_shop(&entry, &asker).await == SignedOut::NoAnswer {
                return Ok(());
            }
            {
                let mut inner = entry.lock();
                inner.jar.phase = Phase::Ended;
                inner.jar.cookies.clear();
            }
            self.handles.drop_jar(&entry).await?;
        }
        Ok(())
    }

    /// Tells staff, unless they were told of the same a moment ago.
    pub async fn alarm(&self, alarm: Alarm, client: ClientIp) {
        let (told_at, reason) = match alarm {
            Alarm::DoorForPrograms => (&self.refused_told_at, "door_for_programs"),
            Alarm::CallInSocket => (&self.socket_told_at, "call_in_socket"),
            Alarm::Unclear => (&self.unclear_told_at, "shop_unclear"),
            Alarm::StaffUnclear => (&self.staff_unclear_told_at, "staff_unclear"),
        };
        let shared = &self.identity.0;
        let now = shared.now();
        let last = told_at.load(Ordering::SeqCst);
        let is_new = last == 0 || now.since(Timestamp::from_micros(last)) >= ALARM_STEP;
        if !is_new || told_at.swap(now.micros(), Ordering::SeqCst) != last {
            return;
        }
        let actor: Actor = shared.stranger(client);
        let fact = CustomerSignInFailed { customer: None, reason: reason.to_owned() };
        // The request is answered the same whether this could be written or not.
        let _ = shared
            .db
            .write(move |tx| -> Result<(), Error> { Ok(tx.append(actor, None, fact.clone()).map(drop)?) })
            .await;
    }
}
