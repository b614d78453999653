//! What customers see and get: accounts, guidance, the shield before the shop's own sign-in, and what is sent to them.

use std::sync::Arc;

use storeward_edge::Shared;
use storeward_edge::certificates::CertificateStore;
use storeward_host::{OwnPages, SessionStage};
use storeward_identity::Identity;
use storeward_oidc::Provider;
use storeward_post::Outbox;
use storeward_puzzle::Puzzles;
use storeward_store::jobs::Handler;
use storeward_vault::office::Watch;

use crate::Done;
use crate::config::Config;
use crate::data::DataDir;
use crate::open::Opened;
use crate::page_threads::PageThreads;
use crate::passwords::Passwords;

/// Put together, before anything serves.
pub struct Customers {
    pub passwords: Passwords,
    /// Of accounts and of the edge.
    pub puzzles: Arc<Puzzles>,
    /// Where all of them answer.
    pub own: Option<OwnPages>,
    pub shield: Option<crate::shield::Prepared>,
    pub serving: Serving,
}

pub fn start(opened: &Opened, certificates: &Arc<CertificateStore>) -> Done<Customers> {
    let outbox = crate::mail::outbox(opened)?;
    let passwords = crate::passwords::start(opened)?;
    let puzzles = crate::identity::puzzles(opened);
    let (identity, own) = crate::identity::start(opened, &outbox, &passwords, &puzzles)?.unzip();
    let guide = crate::guide::start(opened, &outbox, identity.as_ref(), certificates, &passwords)?;
    let own = match (own, &guide) {
        (Some(own), Some(guide)) => Some(guide.answer(own)?),
        (own, _) => own,
    };
    let (provider, own) = crate::oidc::start(opened, identity.as_ref(), own)?;
    let (gate, own) = crate::gate::start(opened, own)?;
    let shield = crate::shield::prepare(opened, identity.as_ref())?;
    let vault = crate::vault::start(opened)?;
    if let Some(standing) = &vault {
        standing.settle_restored(opened)?;
        standing.tell_rules()?;
    }
    if let (Some(standing), Some(identity)) = (&vault, &identity) {
        standing.join(identity)?;
    }
    let own = crate::vault::answer(vault.as_ref(), identity.as_ref(), own)?;
    let (teach, own) = crate::teach::start(opened, identity.as_ref(), own)?;
    let (payments, own) = crate::payments::start(opened, own)?;
    let records = vault.as_ref().map(|standing| &standing.vault);
    let own = crate::payments::answer(payments.as_ref(), identity.as_ref(), records, own)?;
    let (checkout, own) = crate::checkout::start(opened, own)?;
    let anchors = crate::anchor::start(opened, &outbox)?;
    let office = crate::office::start(opened, vault.as_ref())?;
    let watch = vault
        .as_ref()
        .map(|standing| Watch::new(opened.db.clone(), opened.clock.clone(), standing.vault.walks().clone()));
    let pages = PageThreads::start()?;
    let own = own.map(|own| own.beside(pages.handle()));
    let serving = Serving {
        anchors,
        office,
        watch,
        outbox,
        identity,
        guide,
        provider,
        gate,
        vault,
        teach,
        payments,
        checkout,
        pages,
    };
    Ok(Customers { passwords, puzzles, own, shield, serving })
}

/// What goes on while the program serves.
pub struct Serving {
    pub anchors: Option<storeward_anchor::Anchors>,
    pub office: Option<storeward_vault::office::Office>,
    /// Looks after who reads customers' data.
    pub watch: Option<Watch>,
    pub outbox: Outbox,
    pub identity: Option<Identity>,
    pub guide: Option<crate::guide::Guidance>,
    pub provider: Option<Provider>,
    pub gate: Option<crate::gate::Standing>,
    /// Their records.
    pub vault: Option<crate::vault::Standing>,
    pub teach: Option<crate::teach::Standing>,
    pub payments: Option<storeward_payments::Payments>,
    pub checkout: Option<storeward_checkout::Checkout>,
    pages: PageThreads,
}

/// What a changed config needs, made before any of it is in force.
pub struct Prepared {
    rules: Option<(storeward_policy::Policies, storeward_vault::RulesFrom)>,
}

impl Serving {
    /// What stands between client and shop.
    pub fn stage(&self, shield: Option<&crate::shield::Prepared>) -> Option<Arc<dyn SessionStage>> {
        // Who looks on sees what the shop says, before the shield keeps any of it back.
        let learns = self.teach.as_ref().map(crate::teach::Standing::stage);
        let shield = storeward_host::Chain::of(shield.map(crate::shield::Prepared::stage), learns);
        let stages =
            crate::office::behind(crate::gate::stage(self.gate.as_ref(), shield), self.office.as_ref());
        crate::checkout::before(stages, self.checkout.as_ref())
    }

    /// Everything serves, and where is known: the shop's port, the console's origin.
    pub fn began(
        &self,
        (port, console): (u16, &str),
        shared: &Arc<Shared>,
        runtime: &tokio::runtime::Handle,
        stop: &storeward_host::Stop,
    ) {
        if let Some(standing) = &self.gate {
            standing.began(port, console);
        }
        if let Some(standing) = &self.teach {
            standing.began(port, console, shared, stop);
        }
        if let Some(identity) = &self.identity {
            identity.set_port(port);
        }
        if let Some(guide) = &self.guide {
            guide.began(runtime, stop);
        }
        if let Some(checkout) = self.checkout.clone() {
            let stop = stop.clone();
            runtime.spawn(async move { checkout.keep(stop).await });
        }
    }

    /// The jobs of what customers get.
    pub fn handlers(&self, opened: &Opened) -> Vec<Handler> {
        let mut handlers = self.outbox.handlers(&opened.db);
        handlers.push(self.outbox.forgetting(&opened.db));
        handlers.extend(self.watch.iter().flat_map(Watch::handlers));
        handlers.extend(self.office.iter().flat_map(storeward_vault::office::Office::handlers));
        handlers.extend(self.anchors.iter().flat_map(storeward_anchor::Anchors::handlers));
        handlers.extend(self.identity.iter().flat_map(Identity::handlers));
        handlers.extend(self.provider.iter().flat_map(Provider::handlers));
        handlers.extend(self.gate.iter().flat_map(|standing| standing.gate.handlers()));
        handlers.extend(self.vault.iter().flat_map(crate::vault::Standing::handlers));
        handlers.extend(self.payments.iter().flat_map(storeward_payments::Payments::handlers));
        handlers
            .extend(self.payments.iter().filter_map(|payments| crate::payments::orders(opened, payments)));
        handlers.extend(self.checkout.iter().flat_map(storeward_checkout::Checkout::handlers));
        handlers.extend(crate::api::keys(opened).handlers());
        handlers.extend(self.guide.iter().flat_map(crate::guide::Guidance::handlers));
        handlers
    }

    /// Takes a changed config. Rules about records that do not fit change nothing.
    /// Takes what was prepared; nothing of it can fail.
    pub fn reload(&self, config: &Config, data: &DataDir, prepared: Prepared) {
        if let Some(vault) = &self.vault {
            vault.take(prepared.rules);
        }
        crate::identity::reload(self.identity.as_ref(), config, data);
        crate::checkout::reload(self.checkout.as_ref(), config);
        if let Some(guide) = &self.guide {
            guide.reload(config);
        }
        if let Some(standing) = &self.teach {
            standing.reload(config);
        }
        if let Some(standing) = &self.gate {
            standing.reload(config);
        }
    }

    /// What has to be there before a changed config is in force.
    pub fn prepare(&self, config: &Config, data: &DataDir) -> Done<Prepared> {
        if let Some(standing) = &self.gate {
            standing.prepare(config)?;
        }
        let rules = self.vault.as_ref().map(|vault| vault.rules(config, data)).transpose()?.flatten();
        Ok(Prepared { rules })
    }

    /// After the last request.
    pub fn finish(&mut self) {
        if let Some(standing) = &self.teach {
            standing.finish();
        }
        self.pages.end();
    }

    /// Everything else has stopped.
    pub fn close(&self) {
        if let Some(vault) = &self.vault {
            vault.close();
        }
    }
}
