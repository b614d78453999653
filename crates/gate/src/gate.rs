//! The gate put together.

use std::fmt;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use storeward_base::{Clock, Entropy};
use storeward_console::entrance::{Entrance, Guest};
use storeward_oidc::keys::Keys;
use storeward_seal::DataKey;
use storeward_seal::jws::Algorithm;
use storeward_store::jobs::Handler;
use storeward_web::{Cookie, Failure, SameSite};

use crate::assertion::{self, Bound};
use crate::config::GateSection;
use crate::guards::Guards;
use crate::pace::{self, TakePace};
use crate::pages::PREFIX;

/// Of whoever signed in: apart from the customers' and from the console's. Lax, so that a link from elsewhere leads in; browsers
/// then send it with no form and no script of another site.
pub const COOKIE: Cookie = Cookie { name: "__Host-storeward-gate", same_site: SameSite::Lax };
const fn way(name: &'static str) -> Cookie {
    Cookie { name, same_site: SameSite::Lax }
}

/// Of whoever is on the way to the console and back: one for each tab that is, as many as these. One more takes the oldest's place.
pub const JOURNEY_COOKIES: [Cookie; 4] = [
    way("__Host-storeward-gate-way"),
    way("__Host-storeward-gate-way-2"),
    way("__Host-storeward-gate-way-3"),
    way("__Host-storeward-gate-way-4"),
];

/// A key signs for so long; then the next one does.
const KEY_LIFE: Duration = Duration::from_secs(90 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);

/// What the app hands over.
pub struct GateParts {
    pub sections: Vec<GateSection>,
    pub entrance: Entrance,
    /// Of the gate's own ring.
    pub keys: Keys,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub data_key: DataKey,
    /// The shop's names, the first one first.
    pub shop_names: Vec<String>,
}

/// The gate. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Gate(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    guards: ArcSwap<Guards>,
    /// Codes that come, by the network that brings them.
    pub takes: TakePace,
    pub entrance: Entrance,
    pub keys: Keys,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub data_key: DataKey,
    pub shop_names: Vec<String>,
    port: AtomicU16,
    console: OnceLock<String>,
}

impl Gate {
    pub fn new(parts: GateParts) -> Self {
        let GateParts { sections, entrance, keys, clock, entropy, data_key, shop_names } = parts;
        Gate(Arc::new(Shared {
            guards: ArcSwap::from_pointee(Guards::new(&sections)),
            takes: pace::takes(),
            entrance,
            keys,
            clock,
            entropy,
            data_key,
            shop_names,
            port: AtomicU16::new(443),
            console: OnceLock::new(),
        }))
    }

    /// Makes the first key. Once, before the gate serves.
    pub async fn prepare(&self) -> Result<(), Failure> {
        Ok(self.0.keys.ensure(Algorithm::Es256).await?)
    }

    /// From now on with these. Sessions stay: each request is held against what stands then.
    pub fn set_sections(&self, sections: &[GateSection]) {
        self.0.entrance.set_doors(sections.iter().map(GateSection::door).collect());
        self.0.guards.store(Arc::new(Guards::new(sections)));
    }

    /// Everything serves: the port that clients use, and the console's origin, such as `https://console.shop.example:9443`. Until
    /// then nobody is led to the console.
    pub fn began(&self, port: u16, console: &str) {
        self.0.port.store(port, Ordering::Relaxed);
        // A second call changes nothing: both are as they were.
        let _ = self.0.console.set(console.to_owned());
    }

    /// Exchanges keys on schedule.
    pub fn handlers(&self) -> Vec<Handler> {
        let keys = self.0.keys.clone();
        let keep = move |_| {
            let keys = keys.clone();
            async move { Ok(keys.keep(KEY_LIFE).await.map(drop)?) }
        };
        vec![Handler::new("gate.rotate_keys", keep).every(DAY)]
    }

    /// `iss` of assertions.
    pub fn issuer(&self) -> String {
        self.0.issuer()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("guards", &self.0.guards()).finish_non_exhaustive()
    }
}

impl Shared {
    /// What stands now; a request keeps what it began with.
    pub fn guards(&self) -> Arc<Guards> {
        self.guards.load_full()
    }

    pub fn console(&self) -> Option<&str> {
        self.console.get().map(String::as_str)
    }

    /// A host with the port that clients use.
    pub fn authority(&self, host: &str) -> String {
        match self.port.load(Ordering::Relaxed) {
            443 => host.to_owned(),
            port => format!("{host}:{port}"),
        }
    }

    pub fn issuer(&self) -> String {
        let host = self.shop_names.first().map_or("", String::as_str);
        format!("https://{}{PREFIX}", self.authority(host))
    }

    /// What goes to the shop with one request.
    pub async fn assertion(
        &self,
        gate: &GateSection,
        guest: &Guest,
        method: &str,
        url: &str,
    ) -> Result<String, Failure> {
        let bound = Bound {
            issuer: &self.issuer(),
            id: &self.entropy.token::<16>(),
            method,
            url,
            now: self.clock.now(),
        };
        let claims = assertion::claims(gate, guest, &bound);
        Ok(self.keys.sign(Algorithm::Es256, assertion::TYPE, &claims).await?)
    }
}
