//! The shield from `[shield]`: checked, put together, kept running.

pub mod learn;

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{PageSize, Secret, Timestamp};
use storeward_console::ShieldProblem;
use storeward_edge::Shared;
use storeward_edge::asking::{Desk, questions};
use storeward_edge::config::ServerEntry;
use storeward_events::Event;
use storeward_host::{SessionStage, Stop};
use storeward_identity::{Adapter, CanaryAccount, Identity, Shield, ShieldParts, ShieldSection};
use storeward_store::ledger;

use crate::config::Config;
use crate::failure::{Context, Failure, IoContext};
use crate::open::Opened;
use crate::platform::{self, Platform};
use crate::{Done, data::DataDir};

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
    let adapter = adapter(section, config, &opened.data)?;
    let (shop, desk) = questions();
    let parts = ShieldParts {
        identity: identity.clone(),
        adapter,
        section: section.clone(),
        shop: Arc::new(shop),
        canary: canary(section)?,
    };
    Ok(Some(Prepared { shield: Shield::new(parts), desk }))
}

fn adapter(section: &ShieldSection, config: &Config, data: &DataDir) -> Done<Adapter> {
    let platform = if section.adapter == "auto" {
        let server = match config.upstream.servers.first() {
            Some(ServerEntry::Url(url) | ServerEntry::Weighted { url, .. }) => url.as_str(),
            None => "",
        };
        let found = platform::ask(server, config.upstream.ca_file.as_deref());
        if !found.answered {
            return Err(Failure::new(
                "[shield] adapter = \"auto\": the shop does not answer, so it cannot be asked what it is",
            )
            .hint("name the adapter: wordpress, magento, prestashop, django-oscar, or a file"));
        }
        adapter_of(found.platform)
    } else {
        None
    };
    let read = |path: &str| std::fs::read_to_string(data.join(path));
    section.adapter(platform, read).map_err(Failure::new)
}

impl Prepared {
    pub fn stage(&self) -> Arc<dyn SessionStage> {
        Arc::new(self.shield.clone())
    }

    /// Once the edge serves.
    pub fn start(self, shared: Arc<Shared>, runtime: &tokio::runtime::Runtime, stop: &Stop) -> Done<Running> {
        let Prepared { shield, desk } = self;
        let desk = desk.serve(shared, stop.clone()).doing("the shield's questions to the shop")?;
        let (keeper, stop) = (shield.clone(), stop.clone());
        runtime.spawn(async move {
            tokio::join!(keeper.keep(stop.clone()), keeper.watch(stop));
        });
        Ok(Running { shield, desk })
    }
}

impl Running {
    /// For those who tell how it is.
    pub fn shield(&self) -> Shield {
        self.shield.clone()
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
