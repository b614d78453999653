//! The shield from `[shield]`: checked, put together, kept running.

pub mod learn;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use storeward_base::{PageSize, Secret, Timestamp};
use storeward_console::ShieldProblem;
use storeward_edge::Shared;
use storeward_edge::asking::{Desk, questions};
use storeward_edge::config::ServerEntry;
use storeward_events::Event;
use storeward_host::{SessionStage, Stop};
use storeward_identity::{Adapter, CanaryAccount, Identity, OfficeGuard, Shield, ShieldParts, ShieldSection};
use storeward_store::ledger;

use crate::Done;
use crate::config::Config;
use crate::failure::{Context, Failure, IoContext};
use crate::open::Opened;
use crate::platform::{self, Platform};

/// A shop that is down is asked again after so long, then ever more seldom.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The adapter's name for a platform.
pub const fn adapter_of(platform: Platform) -> Option<&'static str> {
    match platform {
        Platform::WooCommerce | Platform::WordPress => Some("wordpress"),
        Platform::Magento => Some("magento"),
        Platform::PrestaShop => Some("prestashop"),
        Platform::DjangoOscar => Some("django-oscar"),
        Platform::Shopware | Platform::Medusa | Platform::Vendure | Platform::Unknown => None,
    }
}

/// Refuses a section that does not fit, without asking the shop.
pub fn check(config: &Config) -> Done {
    let Some(section) = &config.shield else { return Ok(()) };
    if let Some(fault) = section.fault() {
        return Err(Failure::new(fault));
    }
    if config.identity.is_none() {
        return Err(Failure::new(
            "[shield] needs [identity]: whoever signs in at the shop is challenged there",
        )
        .hint("see docs/configuration.md"));
    }
    canary(section).map(drop)
}

/// Whether a running program can go on with it: what the shop's sign-in looks like may be read anew, and nothing else.
pub fn is_same(before: Option<&ShieldSection>, after: Option<&ShieldSection>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => {
            *before == ShieldSection { adapter: before.adapter.clone(), ..after.clone() }
        }
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The test account, with its password out of the file.
fn canary(section: &ShieldSection) -> Done<Option<CanaryAccount>> {
    let Some(canary) = &section.canary else { return Ok(None) };
    let key = "shield.canary.password_file";
    let password = storeward_outbound::read_private(key, &canary.password_file, 1_024).context("[shield]")?;
    let every = Duration::from_secs(u64::from(canary.every_minutes) * 60);
    Ok(Some(CanaryAccount { user: Secret::new(canary.user.clone()), password, every }))
}

/// What the console says of it, and whether doors are closed.
pub fn problem(shield: &Shield) -> Option<ShieldProblem> {
    let fault = shield.fault()?;
    Some(ShieldProblem { what: fault.to_string(), closed: shield.is_closed(), blind: fault.blinds() })
}

/// What the ledger knows of the test account's last try, for `storeward check`: what is wrong, since when.
pub fn last_known(opened: &Opened) -> Option<(Timestamp, String)> {
    let filter = ledger::Filter {
        kind_prefix: Some("identity.shop_sign_in_".to_owned()),
        ..ledger::Filter::default()
    };
    let page = opened.db.read_blocking(move |reader| ledger::search(reader, &filter, PageSize::new(1)));
    let (_, record) = page.ok()?.rows.into_iter().next()?;
    matches!(record.event, Event::ShopSignInBroken(_)).then(|| (record.at, record.sentence()))
}

/// Before the edge starts: its stage, and the desk that takes the shield's questions to the shop.
pub struct Prepared {
    shield: Shield,
    desk: Desk,
    seeker: Option<Seeker>,
}

/// A running shield.
pub struct Running {
    shield: Shield,
    desk: std::thread::JoinHandle<()>,
}

/// Nothing without the section.
pub fn prepare(opened: &Opened, identity: Option<&Identity>) -> Done<Option<Prepared>> {
    let config = &opened.loaded.config;
    let (Some(section), Some(identity)) = (&config.shield, identity) else { return Ok(None) };
    let seeker = Seeker::new(section, config, opened.data.path());
    let (adapter, seeker) = match seeker.find()? {
        Finding::Whole(adapter) => (Some(adapter), None),
        Finding::Folderless(adapter) => (Some(adapter), Some(seeker)),
        Finding::Nothing => (None, Some(seeker)),
    };
    let (shop, desk) = questions();
    let parts = ShieldParts {
        identity: identity.clone(),
        adapter,
        section: section.clone(),
        shop: Arc::new(shop),
        canary: canary(section)?,
    };
    Ok(Some(Prepared { shield: Shield::new(parts), desk, seeker }))
}

/// For `storeward check`: what the shield goes by, in words.
pub fn adapter_in_words(config: &Config, dir: &Path) -> Option<Done<Result<String, String>>> {
    let section = config.shield.as_ref()?;
    Some(Seeker::new(section, config, dir).find().map(|found| {
        match found {
            Finding::Whole(adapter) | Finding::Folderless(adapter) => {
                let title = &adapter.title;
                let page = adapter.doors.first().and_then(|door| door.place.paths.first());
                Ok(format!("the sign-in of {title}, at {}", page.map_or("/", String::as_str)))
            }
            Finding::Nothing => Err(
                "adapter = \"auto\", and the shop does not answer: until it does nobody can sign in there"
                    .to_owned(),
            ),
        }
    }))
}

/// For `storeward check`: what is to be said of the back office.
pub fn office_in_words(config: &Config, dir: &Path) -> Option<(&'static str, &'static str)> {
    let section = config.shield.as_ref()?;
    let has_own = match Seeker::new(section, config, dir).find() {
        Ok(Finding::Whole(adapter) | Finding::Folderless(adapter)) => adapter.has_own_office(),
        Ok(Finding::Nothing) | Err(_) => false,
    };
    match (section.back_office_guard, has_own) {
        (OfficeGuard::Off, _) => Some((
            "back_office_guard is off: whoever has a staff password may open the back office",
            "lock it otherwise: a [[gate]], a [[route]] with only_from, or the shop's own second factor (docs/shield.md, Your staff)",
        )),
        (OfficeGuard::On, true) if section.back_office.is_empty() => Some((
            "the back office is shut under the names that the shop's installation gives it, and under no other",
            "name yours in [shield] back_office (docs/shield.md, Your staff)",
        )),
        (OfficeGuard::On, _) => None,
    }
}

/// Asks the shop what it is and where it lies.
#[derive(Clone)]
struct Seeker {
    section: ShieldSection,
    server: String,
    ca_file: Option<PathBuf>,
    dir: PathBuf,
}

/// What there is.
enum Finding {
    Whole(Adapter),
    /// Only where the shop lies was not to be learnt.
    Folderless(Adapter),
    /// The shop does not answer.
    Nothing,
}

impl Seeker {
    fn new(section: &ShieldSection, config: &Config, dir: &Path) -> Self {
        let server = match config.upstream.servers.first() {
            Some(ServerEntry::Url(url) | ServerEntry::Weighted { url, .. }) => url.clone(),
            None => String::new(),
        };
        let (ca_file, dir) = (config.upstream.ca_file.clone(), dir.to_owned());
        Seeker { section: section.clone(), server, ca_file, dir }
    }

    /// Blocks for up to five seconds where the shop has to be asked.
    fn find(&self) -> Done<Finding> {
        let section = &self.section;
        let read = |path: &str| std::fs::read_to_string(self.dir.join(path));
        let hint = |says: String| {
            Failure::new(says).hint(
                "[shield] adapter is auto, one of wordpress, magento, prestashop, django-oscar, or a file in the data directory (docs/shield.md)",
            )
        };
        if section.adapter != "auto" {
            let adapter = section.adapter(None, read).map_err(hint)?;
            let is_said = section.folder.is_some() || adapter.folder_signs.is_empty();
            if is_said {
                return section.laid(adapter, None).map(Finding::Whole).map_err(hint);
            }
            let found = self.ask();
            let folder = adapter.folder_of(&found.front);
            let laid = section.laid(adapter, folder.as_deref()).map_err(hint)?;
            return Ok(if found.is_well { Finding::Whole(laid) } else { Finding::Folderless(laid) });
        }
        let found = self.ask();
        if !found.is_well {
            return Ok(Finding::Nothing);
        }
        let adapter = section.adapter(adapter_of(found.platform), read).map_err(hint)?;
        let folder = adapter.folder_of(&found.front);
        section.laid(adapter, folder.as_deref()).map(Finding::Whole).map_err(hint)
    }

    fn ask(&self) -> platform::Found {
        platform::ask(&self.server, self.ca_file.as_deref())
    }

    /// Goes on asking until the shop has answered, and fits the shield to it.
    async fn seek(self, shield: Shield, stop: Stop) {
        let mut pause = FIRST_PAUSE;
        let mut told = String::new();
        loop {
            tokio::select! {
                () = stop.stopping() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            let seeker = self.clone();
            match tokio::task::spawn_blocking(move || seeker.find()).await {
                Ok(Ok(Finding::Whole(adapter))) => {
                    let (name, title) = (adapter.name.clone(), adapter.title.clone());
                    // What cannot be written is tried again: the doors stay closed until it is told that they are open.
                    if shield.fit(adapter).await.is_ok() {
                        let fields = [("adapter", name.as_str()), ("shop", title.as_str())];
                        return crate::run::log("info", "the shop's sign-in is known", &fields);
                    }
                }
                Ok(Ok(Finding::Folderless(_) | Finding::Nothing)) => {}
                Ok(Err(failure)) => {
                    let words = failure.to_string();
                    if words != told {
                        crate::run::log("error", &words, &[]);
                        told = words;
                    }
                }
                Err(_) => return,
            }
        }
    }
}

impl Prepared {
    pub fn stage(&self) -> Arc<dyn SessionStage> {
        Arc::new(self.shield.clone())
    }

    /// Once the edge serves.
    pub fn start(self, shared: Arc<Shared>, runtime: &tokio::runtime::Runtime, stop: &Stop) -> Done<Running> {
        let Prepared { shield, desk, seeker } = self;
        let desk = desk.serve(shared, stop.clone()).doing("the shield's questions to the shop")?;
        let (keeper, stop) = (shield.clone(), stop.clone());
        runtime.spawn(async move {
            if keeper.is_waiting() {
                let words = "the shop does not answer: nobody can sign in there until it says what it is";
                crate::run::log("warn", words, &[]);
                // The doors are closed whether it could be written or not.
                let _ = keeper.wait_for_adapter().await;
            }
            let seeking = async {
                if let Some(seeker) = seeker {
                    seeker.seek(keeper.clone(), stop.clone()).await;
                }
            };
            tokio::join!(keeper.keep(stop.clone()), keeper.watch(stop.clone()), seeking);
        });
        Ok(Running { shield, desk })
    }
}

impl Running {
    /// For those who tell how it is.
    pub fn shield(&self) -> Shield {
        self.shield.clone()
    }

    /// The adapter as the config and its file say now. Nothing where it is to be found out by asking a shop that does not answer:
    /// then the one that is there stays.
    pub fn read_anew(&self, config: &Config, dir: &Path) -> Done<Option<Adapter>> {
        let Some(section) = &config.shield else { return Ok(None) };
        Ok(match Seeker::new(section, config, dir).find()? {
            Finding::Whole(adapter) => Some(adapter),
            Finding::Folderless(_) | Finding::Nothing => None,
        })
    }

    /// From now on with this adapter. The test account tries it at once.
    pub fn refit(&self, adapter: Adapter, runtime: &tokio::runtime::Runtime) {
        let shield = self.shield.clone();
        runtime.spawn(async move {
            // The shield stands with it whether its news could be written or not.
            let _ = shield.fit(adapter).await;
            let _ = shield.try_canary().await;
        });
    }

    /// After the last request: what changed is written.
    pub fn finish(self, runtime: &tokio::runtime::Runtime) {
        if let Err(error) = runtime.block_on(self.shield.flush()) {
            crate::run::log("error", &format!("sessions of the shop: {error}"), &[]);
        }
        // A desk that panicked has said so.
        let _ = self.desk.join();
    }
}

#[cfg(test)]
mod tests;
