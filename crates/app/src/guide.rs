//! Guidance from `[guide]`: checked, put together with accounts, told what runs.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use storeward_edge::Snapshot;
use storeward_edge::certificates::CertificateStore;
use storeward_guide::{Guide, GuideParts, PLACES, Policy, SECURITY_TXT, TrustFacts};
use storeward_host::{OwnPages, Stop};
use storeward_identity::{Identity, ShieldSection, WhenUnclear};
use storeward_inspect::Mode;
use storeward_outbound::mail::Mailbox;
use storeward_post::Outbox;
use storeward_store::jobs::Handler;

use crate::Done;
use crate::config::Config;
use crate::failure::{Context, Failure};
use crate::open::Opened;
use crate::passwords::Passwords;

/// Refuses a section that does not fit, or that has no accounts to guide.
pub fn check(config: &Config) -> Done {
    let Some(policy) = &config.guide else { return Ok(()) };
    if config.identity.is_none() {
        return Err(Failure::new("[guide] needs [identity]: it guides customers with accounts"));
    }
    match policy.check().first() {
        Some(fault) => Err(Failure::new(fault.to_string())),
        None => Ok(()),
    }
}

/// Guidance at work.
pub struct Guidance {
    pub guide: Guide,
    configured: Arc<ArcSwap<Configured>>,
    has_contact: bool,
}

/// What the config says of the connection and of attacks.
#[derive(Clone, Copy, Debug, Default)]
struct Configured {
    hsts: bool,
    blocks: bool,
}

impl Configured {
    fn of(config: &Config) -> Self {
        let name = config.domain.list().into_iter().next().unwrap_or_default();
        // Such names get no HSTS, because other programs share them.
        let is_local = name == "localhost" || name.ends_with(".localhost") || name.ends_with(".test");
        let is_pinned = !is_local && name.parse::<IpAddr>().is_err();
        let Ok(live) = Snapshot::build(&config.edge(), None) else { return Configured::default() };
        let routes = live.routes.all();
        // Said in public, so it has to be true of every route.
        Configured {
            hsts: is_pinned && routes.iter().all(|route| route.headers.hsts.is_some()),
            blocks: routes.iter().all(|route| route.policy.mode == Mode::Block),
        }
    }
}

/// Guidance beside accounts; nothing without them. Without its section it has the section's defaults.
pub fn start(
    opened: &Opened,
    outbox: &Outbox,
    identity: Option<&Identity>,
    certificates: &Arc<CertificateStore>,
    passwords: &Passwords,
) -> Done<Option<Guidance>> {
    let Some(identity) = identity else { return Ok(None) };
    let config = &opened.loaded.config;
    let policy = config.guide.clone().unwrap_or_default();
    let has_contact = !policy.security_contact.is_empty();
    let configured = Arc::new(ArcSwap::from_pointee(Configured::of(config)));
    let mailer = crate::mail::mailer(config)?;
    let mail_signed = mailer.as_ref().is_some_and(|mailer| !mailer.signers().is_empty());
    let keeps_passwords = config.shield.is_none();
    let is_closed = |shield: &ShieldSection| {
        [shield.when_unclear, shield.customers_when_broken].iter().all(|when| *when == WhenUnclear::Closed)
    };
    let always_asks = config.shield.as_ref().is_none_or(is_closed);
    let breach_list = passwords.breaches.are_known();
    let sender = config.mail.as_ref().and_then(|mail| Mailbox::parse(&mail.from).ok());
    let guide = Guide::new(GuideParts {
        db: opened.db.clone(),
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        data_key: opened.data_key.clone(),
        pseudonym_key: opened.pseudonym_key.clone(),
        identity: identity.clone(),
        outbox: outbox.clone(),
        policy,
        sender: sender.map(|sender| sender.address.expose().to_owned()),
        trust: {
            let (configured, certificates) = (configured.clone(), certificates.clone());
            Arc::new(move || {
                let Configured { hsts, blocks } = **configured.load();
                let status = certificates.status();
                let real = !status.iter().any(|certificate| certificate.placeholder);
                TrustFacts {
                    certificate_until: status.iter().map(|c| c.not_after).min().filter(|_| real),
                    renews: status.iter().all(|certificate| certificate.source != "files"),
                    hsts,
                    blocks,
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    mail_signed,
                    keeps_passwords,
                    always_asks,
                    breach_list,
                }
            })
        },
    });
    Ok(Some(Guidance { guide, configured, has_contact }))
}

impl Guidance {
    /// Adds its places to those of accounts. A shop's own `security.txt` stays, unless the config names a contact.
    pub fn answer(&self, own: OwnPages) -> Done<OwnPages> {
        let router = self.guide.router().context("guide")?;
        let own = own.with(&PLACES, router.clone());
        Ok(if self.has_contact { own.with(&[SECURITY_TXT], router) } else { own })
    }

    /// The shop's address is known: mails bear codes from now on, and the ledger is read for what to tell.
    pub fn began(&self, runtime: &tokio::runtime::Handle, stop: &Stop) {
        self.guide.announce();
        runtime.spawn(self.guide.clone().follow_ledger(stop.clone()));
    }

    pub fn handlers(&self) -> Vec<Handler> {
        self.guide.handlers()
    }

    pub fn reload(&self, config: &Config) {
        self.configured.store(Arc::new(Configured::of(config)));
        self.guide.set_policy(config.guide.clone().unwrap_or_default());
    }
}

/// Whether nothing changed that a running program cannot take: whether `security.txt` is ours.
pub fn is_same(before: Option<&Policy>, after: Option<&Policy>) -> bool {
    let names_contact = |policy: Option<&Policy>| policy.is_some_and(|p| !p.security_contact.is_empty());
    names_contact(before) == names_contact(after)
}
