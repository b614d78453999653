//! The shield from `[shield]`: checked, put together, kept running.

use std::sync::Arc;

use storeward_edge::Shared;
use storeward_edge::asking::{Desk, questions};
use storeward_edge::config::ServerEntry;
use storeward_host::{SessionStage, Stop};
use storeward_identity::{Adapter, Identity, Shield, ShieldParts, ShieldSection};

use crate::config::Config;
use crate::failure::{Failure, IoContext};
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
    Ok(())
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
    let parts =
        ShieldParts { identity: identity.clone(), adapter, section: section.clone(), shop: Arc::new(shop) };
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
        runtime.spawn(async move { keeper.keep(stop).await });
        Ok(Running { shield, desk })
    }
}

impl Running {
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
