//! The OpenID Connect provider from `[oidc]`: checked, put together, served; and `storeward oidc` for its clients and keys.

mod words;

use std::future::Future;

use storeward_host::OwnPages;
use storeward_identity::Identity;
use storeward_oidc::registry::{Pkce, Registry, RegistryParts, Warning};
use storeward_oidc::{PATHS, Provider, ProviderParts, ProviderSection};

use crate::Done;
use crate::config::Config;
use crate::failure::{Context, Failure};
use crate::open::Opened;

pub use words::{Options, oidc};

/// Refuses a section that does not fit.
pub fn check(config: &Config) -> Done {
    let Some(section) = &config.oidc else { return Ok(()) };
    if let Some(fault) = section.check().first() {
        return Err(Failure::new(fault.to_string()));
    }
    if config.identity.is_none() {
        return Err(Failure::new("[oidc] needs [identity]: customers sign in there")
            .hint("see docs/configuration.md"));
    }
    roots(section).map(drop)
}

fn roots(section: &ProviderSection) -> Done<Option<Vec<u8>>> {
    let read =
        |path: &std::path::PathBuf| std::fs::read(path).context(format!("oidc.ca_file {}", path.display()));
    section.ca_file.as_ref().map(read).transpose()
}

/// The registry, whether the provider serves or not.
pub fn registry(opened: &Opened) -> Registry {
    Registry::new(RegistryParts {
        db: opened.db.clone(),
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        data_key: opened.data_key.clone(),
        pseudonym_key: opened.pseudonym_key.clone(),
    })
}

/// The provider, and the pages with its own among them; nothing without the section.
pub fn start(
    opened: &Opened,
    identity: Option<&Identity>,
    own: Option<OwnPages>,
) -> Done<(Option<Provider>, Option<OwnPages>)> {
    let (Some(section), Some(identity), Some(pages)) = (&opened.loaded.config.oidc, identity, own.clone())
    else {
        return Ok((None, own));
    };
    let provider = Provider::new(ProviderParts {
        db: opened.db.clone(),
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        data_key: opened.data_key.clone(),
        pseudonym_key: opened.pseudonym_key.clone(),
        identity: identity.clone(),
        section: section.clone(),
        roots: roots(section)?,
    });
    finished(provider.prepare())?.context("the keys that sign tokens")?;
    finished(warn(&registry(opened)))??;
    let pages = pages.with(&PATHS, provider.router().context("oidc")?);
    Ok((Some(provider), Some(pages)))
}

/// Says at each start which clients may do without what the others need.
async fn warn(registry: &Registry) -> Done {
    let clients = registry.list().await.context("the clients")?;
    for client in clients.iter().filter(|client| client.pkce == Pkce::Waived) {
        let fields = [("client", client.id.to_string()), ("why", Warning::PkceWaived.words().to_owned())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        crate::run::log("warn", "a client may sign customers in without PKCE", &fields);
    }
    Ok(())
}

/// Runs one deed of the command line.
pub(crate) fn finished<T>(work: impl Future<Output = T>) -> Done<T> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    Ok(builder.enable_all().build().context("a runtime")?.block_on(work))
}
