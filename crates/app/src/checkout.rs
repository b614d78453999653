//! `[checkout]`: the guard of paying pages, put together.

mod words;

use std::sync::Arc;

use storeward_checkout::{Checkout, CheckoutParts, Mode, PAGES, REPORTS, ShopServer};
use storeward_console::Concern;
use storeward_edge::config::ServerEntry;
use storeward_host::{Chain, OwnPages, SessionStage};

pub use words::{Options, checkout};

use crate::Done;
use crate::config::Config;
use crate::failure::{Context, Failure};
use crate::open::Opened;

/// Refuses what does not fit.
pub fn check(config: &Config) -> Done {
    let Some(section) = &config.checkout else { return Ok(()) };
    section.check().map_err(|fault| {
        Failure::new(fault.to_string()).hint("see docs/checkout.md for what [checkout] takes")
    })
}

/// Whether a running program can go on with it: everything of the section may change, but for its being there.
pub fn is_same(before: &Config, after: &Config) -> bool {
    before.checkout.is_some() == after.checkout.is_some()
}

/// For `storeward check`: what is guarded, in words; nothing without the section.
pub fn in_words(config: &Config) -> Option<Result<String, (String, &'static str)>> {
    let section = config.checkout.as_ref()?;
    let pages = section.paths().join(", ");
    Some(match section.mode {
        Mode::Enforce => {
            Ok(format!("{pages}: only approved scripts run; a change: {}", section.on_change.word()))
        }
        Mode::Learn => Ok(format!("{pages}: learns and reports; nothing is stopped yet")),
        Mode::Off => Err((format!("{pages}: off"), "set checkout.mode to learn, or take [checkout] out")),
    })
}

/// The guard, and the pages with its own among them. As they were without the section.
pub fn start(opened: &Opened, own: Option<OwnPages>) -> Done<(Option<Checkout>, Option<OwnPages>)> {
    if opened.loaded.config.checkout.is_none() {
        return Ok((None, own));
    }
    let (checkout, hosts) = (guard(opened)?, opened.loaded.config.domain.list());
    // Before the first page goes out: without its approvals nothing would run.
    checkout.load_blocking().map_err(|fault| Failure::new(format!("[checkout]: {fault}")))?;
    let router = checkout.router(&hosts).context("[checkout]")?;
    let own = match own {
        Some(own) => own.with(&[PAGES], router),
        None => OwnPages::new(router, &[], &[]),
    };
    let told = checkout.clone();
    let own = own.with_long(&[REPORTS]).telling(PAGES, Arc::new(move |uri| told.left_out_report(uri)));
    Ok((Some(checkout), Some(own)))
}

/// The guard; nothing is known to it yet.
fn guard(opened: &Opened) -> Done<Checkout> {
    let config = &opened.loaded.config;
    let none =
        || Failure::new("paying pages are not guarded").hint("add the section [checkout] to storeward.toml");
    Ok(Checkout::new(CheckoutParts {
        db: opened.db.clone(),
        section: config.checkout.clone().ok_or_else(none)?,
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        pseudonym_key: opened.pseudonym_key.clone(),
        hosts: config.domain.list(),
        shop: shop(config)?,
    }))
}

/// Where the shop's own scripts are fetched: where its pages come from.
fn shop(config: &Config) -> Done<Option<ShopServer>> {
    let url = match config.upstream.servers.first() {
        Some(ServerEntry::Url(url) | ServerEntry::Weighted { url, .. }) => {
            url.trim_end_matches('/').to_owned()
        }
        None => return Ok(None),
    };
    let pem = config.upstream.ca_file.as_ref().map(|path| std::fs::read(path).context(path.display()));
    Ok(Some(ShopServer { url, ca_pem: pem.transpose()? }))
}

/// Before everything else that stands between client and shop: it sees a page as the client would get it.
pub fn before(
    stage: Option<Arc<dyn SessionStage>>,
    checkout: Option<&Checkout>,
) -> Option<Arc<dyn SessionStage>> {
    Chain::before_the_shop_s(checkout.map(Checkout::stage), stage)
}

/// Takes a changed section.
pub fn reload(checkout: Option<&Checkout>, config: &Config) {
    let (Some(checkout), Some(section)) = (checkout, &config.checkout) else { return };
    checkout.set_section(section.clone());
    if let Err(fault) = checkout.load_blocking() {
        crate::run::log("error", &format!("[checkout]: {fault}"), &[]);
    }
}

/// What the console says on Now of paying pages.
pub fn concerns(checkout: Option<&Checkout>) -> Vec<Concern> {
    let Some(checkout) = checkout else { return Vec::new() };
    checkout
        .concerns()
        .into_iter()
        .map(|what| Concern {
            what,
            todo: "Look at it in the console, Scripts, and take out of the shop what is not yours."
                .to_owned(),
        })
        .collect()
}
