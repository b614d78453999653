//! The background task that keeps one certificate good: it loads, orders, renews, watches and warns.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use storeward_base::{Clock, Entropy, Timestamp};
use storeward_events::Event;

use super::acme::Acme;
use super::chain::Chain;
use super::files::{Files, Stamp, stamp};
use super::local::{self, LocalCa, ROOT_FILE};
use super::slot::{Slot, life};
use super::{
    CertificateConfig, CertificateError, CertificateStatus, CertificateStore, HttpChallenges, Source, disk,
    schedule,
};

/// What a keeper works with.
pub struct KeeperParts {
    pub config: CertificateConfig,
    /// Of this certificate alone; made with mode 0700 when it is not there.
    pub directory: PathBuf,
    pub store: Arc<CertificateStore>,
    pub challenges: Arc<HttpChallenges>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Takes the facts. Called from the keeper's task; must not block.
    pub facts: Arc<dyn Fn(Event) + Send + Sync>,
}

/// How often a keeper looks, and how patient it is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two looks at files and clock.
    pub look: Duration,
    /// Wait after a first failure; doubles with each further one.
    pub first_retry: Duration,
    /// One try at an order, from first to last request.
    pub attempt: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            look: Duration::from_secs(2),
            first_retry: Duration::from_secs(30),
            attempt: Duration::from_secs(300),
        }
    }
}

/// Keeps one certificate. [`Keeper::open`] serves what is at hand at once; [`Keeper::run`] does the rest.
pub struct Keeper {
    slot: Slot,
    work: Work,
    told: Told,
    look: Duration,
}

enum Work {
    Acme(Box<Acme>),
    Files(Files),
    Local(Local),
}

impl Keeper {
    /// Loads what is on disk and serves it, or a self-signed stand-in until there is better. Never talks to a CA, and
    /// fails only when the config names nothing or the directory cannot be used.
    pub fn open(parts: KeeperParts) -> Result<Self, CertificateError> {
        Self::open_at(parts, Pace::default())
    }

    /// As [`Keeper::open`], at another pace.
    pub fn open_at(parts: KeeperParts, pace: Pace) -> Result<Self, CertificateError> {
        let source = parts.config.source.name();
        // Checked again here, because the fields of the config are open.
        let config = parts.config.clone().with_names(parts.config.names)?;
        disk::private_dir(&parts.directory)?;
        let slot = Slot {
            store: parts.store,
            names: config.names,
            source,
            clock: parts.clock,
            entropy: parts.entropy,
            facts: parts.facts,
        };
        slot.serve_placeholder(&local::placeholder(&slot.names, slot.now(), &*slot.entropy)?);
        let work = match config.source {
            Source::Acme(acme) => {
                Work::Acme(Box::new(Acme::open(*acme, &parts.directory, parts.challenges, pace, &slot)?))
            }
            Source::Files(files) => Work::Files(Files::open(files, &slot)),
            Source::Local => Work::Local(Local::open(LocalCa::directory_in(&parts.directory), &slot)),
        };
        let told = Told::open(parts.directory.join("expiry.json"));
        Ok(Keeper { slot, work, told, look: pace.look })
    }

    /// Never ends. It writes to the disk and waits for it, rarely; so it runs on the control plane's runtime, not on
    /// one that serves requests. Dropping or aborting it at any point is safe: what matters is on disk before it is used.
    pub async fn run(mut self) {
        loop {
            self.look().await;
            tokio::time::sleep(self.look).await;
        }
    }

    /// The certificate of this keeper as it is served now.
    pub fn status(&self) -> Option<CertificateStatus> {
        self.slot.status()
    }

    async fn look(&mut self) {
        match &mut self.work {
            Work::Acme(acme) => acme.tick(&self.slot).await,
            Work::Files(files) => files.tick(&self.slot),
            Work::Local(local) => local.tick(&self.slot),
        }
        match self.work.chain() {
            Some(chain) => self.told.tell(chain, &self.slot),
            None => self.refresh_placeholder(),
        }
    }

    /// The stand-in may be needed for longer than it lasts.
    fn refresh_placeholder(&self) {
        let worn = |s: &CertificateStatus| {
            let half = s.not_before.plus(s.not_after.since(s.not_before) / 2);
            s.placeholder && self.slot.now() >= half
        };
        if self.slot.status().as_ref().is_some_and(worn)
            && let Ok(chain) = local::placeholder(&self.slot.names, self.slot.now(), &*self.slot.entropy)
        {
            self.slot.serve_placeholder(&chain);
        }
    }
}

impl Work {
    fn chain(&self) -> Option<&Chain> {
        match self {
            Work::Acme(acme) => acme.chain(),
            Work::Files(files) => files.chain(),
            Work::Local(local) => local.chain.as_ref(),
        }
    }
}

/// The development CA at work. Leaves live in memory only: a new one at each start costs nothing.
struct Local {
    dir: PathBuf,
    chain: Option<Chain>,
    renew_at: Timestamp,
    /// The root's file when the leaf was issued. `storeward ca` in another process may have made a new root.
    root: Option<Stamp>,
}

impl Local {
    fn open(dir: PathBuf, slot: &Slot) -> Self {
        let mut local = Local { dir, chain: None, renew_at: slot.now(), root: None };
        local.tick(slot);
        local
    }

    fn tick(&mut self, slot: &Slot) {
        let now = slot.now();
        let same_root = self.chain.is_none() || self.root == stamp(&self.dir.join(ROOT_FILE));
        if now < self.renew_at && same_root {
            return;
        }
        let issued = Self::issue(&self.dir, slot, now);
        self.root = stamp(&self.dir.join(ROOT_FILE));
        match issued {
            Ok(chain) => {
                let jitter = slot.jitter();
                self.renew_at = schedule::renew_at(chain.not_before, chain.not_after, None, now, jitter);
                slot.serve(&chain, Some(self.renew_at));
                slot.issued(&chain);
                self.chain = Some(chain);
            }
            Err(e) => {
                self.renew_at = now.plus(Duration::from_secs(3600));
                slot.failed(&e.to_string(), Some(self.renew_at));
            }
        }
    }

    fn issue(dir: &Path, slot: &Slot, now: Timestamp) -> Result<Chain, CertificateError> {
        let ca = LocalCa::open_or_create(dir, &slot.names, now, &*slot.entropy)?;
        let leaf = ca.issue(&slot.names, now, &*slot.entropy)?;
        let chain = Chain::from_pem(leaf.certificate_pem.as_bytes(), leaf.key_pem.as_bytes())?;
        let note = "the development CA is new: run `storeward ca install`, or browsers will warn";
        Ok(Chain { note: ca.made_now().then(|| note.to_owned()), ..chain })
    }
}

/// Which warnings were given, on disk so that each is given once and not at every start.
struct Told {
    path: PathBuf,
    last: Warned,
}

#[derive(Default, Serialize, Deserialize)]
struct Warned {
    v: u16,
    fingerprint: String,
    /// How many of [`schedule::warn_before`]'s thresholds had passed.
    warnings: usize,
}

impl Told {
    const VERSION: u16 = 1;

    fn open(path: PathBuf) -> Self {
        let read = || serde_json::from_slice::<Warned>(&disk::read_if_there(&path).ok()??).ok();
        // What cannot be read costs one warning too many, at worst.
        let last = read().filter(|w| w.v == Self::VERSION).unwrap_or_default();
        Told { path, last }
    }

    fn tell(&mut self, chain: &Chain, slot: &Slot) {
        let due = schedule::warnings_due(chain.not_before, chain.not_after, slot.now());
        let told = if self.last.fingerprint == chain.fingerprint { self.last.warnings } else { 0 };
        if due <= told || life(chain).is_zero() {
            return;
        }
        slot.expiring(chain.not_after);
        self.last = Warned { v: Self::VERSION, fingerprint: chain.fingerprint.clone(), warnings: due };
        if let Ok(json) = serde_json::to_vec(&self.last) {
            // Not worth a failure of its own: the price is a repeated warning after a restart.
            let _ = disk::write_private(&self.path, &json);
        }
    }
}
