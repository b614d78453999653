//! The REST interface from `[api]`: a listener of its own beside the console's, with the console's certificate; and the words for
//! its keys.

mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Deserialize;
use storeward_api::{HostNames, Interface, InterfaceParts, Keys, KeysParts, Operation};
use storeward_edge::certificates::{CertificateStore, tls};
use storeward_edge::{listener, private};
use storeward_host::Stop;
use storeward_vault::rest;

use crate::Done;
use crate::config::Config;
use crate::customers::Serving;
use crate::failure::{Context, Failure, IoContext};
use crate::open::Opened;

pub use words::{KeyOptions, Options, api, api_key};

/// Keys that were revoked: beside the key files, so that no database brings them back.
pub const REVOKED: &str = "keys/revoked-api-keys";
/// More is a fault of whoever calls.
const MOST_PER_SECOND: u32 = 10_000;

/// `[api]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSection {
    /// Never the shop's: programs of the shop's own network call it.
    pub listen: SocketAddr,
    /// Names under which it is called, beside localhost and the address.
    pub names: Vec<String>,
    /// Calls of one key within a second; ten times as many may come at once.
    pub requests_per_second: u32,
}

impl Default for ApiSection {
    fn default() -> Self {
        ApiSection {
            listen: SocketAddr::from(([127, 0, 0, 1], 9444)),
            names: Vec::new(),
            requests_per_second: 50,
        }
    }
}

/// Refuses a section that does not fit.
pub fn check(config: &Config) -> Done {
    let Some(section) = &config.api else { return Ok(()) };
    if config.vault.is_none() && config.payments.is_none() && config.checkout.is_none() {
        return Err(Failure::new(
            "[api] needs [vault], [payments] or [checkout]: that is what programs are served",
        )
        .hint("add the section: docs/vault.md, docs/payments.md, docs/checkout.md"));
    }
    if !(1..=MOST_PER_SECOND).contains(&section.requests_per_second) {
        return Err(Failure::new(format!("api.requests_per_second: 1 to {MOST_PER_SECOND}")));
    }
    let port = section.listen.port();
    let taken = |other: SocketAddr| port != 0 && other.port() == port;
    if taken(config.console.listen) || taken(config.listen.https) {
        return Err(Failure::new("api.listen: another listener has this port")
            .hint("the interface has a port of its own, so that a firewall can tell programs from people"));
    }
    HostNames::parse(&section.names).map(drop).context("api.names")
}

/// What programs are served, of what there is.
fn operations(serving: &Serving) -> Vec<Operation> {
    let mut operations = Vec::new();
    if let Some(standing) = &serving.vault {
        operations.extend(rest::operations(Some(&standing.vault)));
    }
    if let Some(payments) = &serving.payments {
        operations.extend(storeward_payments::rest::operations(Some(payments)));
    }
    if let Some(checkout) = &serving.checkout {
        operations.extend(storeward_checkout::rest::operations(Some(checkout)));
    }
    operations
}

/// Names under which it answers.
pub fn names(config: &Config) -> Vec<String> {
    let Some(section) = &config.api else { return Vec::new() };
    let mut names = section.names.clone();
    names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let ip = section.listen.ip();
    if !ip.is_unspecified() && !ip.is_loopback() {
        names.push(ip.to_string());
    }
    names
}

/// The registry of keys, whether the interface serves or not.
pub fn keys(opened: &Opened) -> Keys {
    Keys::new(KeysParts {
        db: opened.db.clone(),
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        data_key: opened.data_key.clone(),
        gone: opened.data.join(REVOKED),
        may_make: Arc::new(storeward_console::is_owner),
    })
}

/// Serves until the stop; where it is called by programs. Nothing without the section.
pub fn start(
    opened: &Opened,
    serving: &Serving,
    certificates: Arc<CertificateStore>,
    runtime: &tokio::runtime::Runtime,
    stop: &Stop,
) -> Done<Option<String>> {
    let config = &opened.loaded.config;
    let Some(section) = &config.api else { return Ok(None) };
    let keys = keys(opened);
    keys.bind_old_blocking().context("the interface's keys")?;
    let parts = InterfaceParts {
        db: opened.db.clone(),
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        keys,
        pseudonym_key: opened.pseudonym_key.clone(),
        names: HostNames::parse(&names(config)).context("api.names")?,
        requests_per_second: section.requests_per_second,
    };
    let router = Interface::new(parts, operations(serving)).router();
    let bound = listener::bind(section.listen).doing("the REST interface")?;
    let port = bound.local_addr().context("the REST interface")?.port();
    let tls = tls::server_config(certificates).context("the REST interface's TLS")?;
    let stop = stop.clone();
    runtime.spawn(async move {
        let service = hyper_util::service::TowerToHyperService::new(router);
        if let Err(error) = private::serve(bound, tls, service, stop).await {
            crate::run::log("error", "the REST interface ended", &[("reason", &error.to_string())]);
        }
    });
    let name = section.names.first().map_or("localhost", String::as_str);
    Ok(Some(format!("https://{name}:{port}/api/v1")))
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_section_that_does_not_fit_is_refused() {
        const LEAST: &str = "domain = 'shop.example'\n[listen]\nhttps = '127.0.0.1:8443'\n[upstream]\nservers = \
                             ['http://127.0.0.1:1']\n";
        let told = |more: &str| Config::parse(&format!("{LEAST}{more}")).unwrap().validate();
        assert!(told("[vault]\n[api]\nnames = ['api.shop.internal']\n").is_ok());
        for (more, says) in [
            ("[api]\n", "[api] needs [vault], [payments] or [checkout]"),
            ("[vault]\n[api]\nrequests_per_second = 0\n", "api.requests_per_second"),
            ("[vault]\n[api]\nlisten = '0.0.0.0:8443'\n", "api.listen"),
            ("[vault]\n[api]\nlisten = '127.0.0.1:9443'\n", "api.listen"),
            ("[vault]\n[api]\nnames = ['a b']\n", "api.names"),
        ] {
            let why = told(more).unwrap_err().to_string();
            assert!(why.contains(says), "{more}: {why}");
        }
    }
}
