//! Customers' accounts from `[identity]`: checked, put together, shown under the shop's name.

pub mod import;

use std::sync::Arc;
use std::time::Duration;

use storeward_base::Secret;
use storeward_detect::sign_in::Networks;
use storeward_host::OwnPages;
use storeward_identity::{CHANGE_PASSWORD, Identity, IdentityParts, Logo, OutboxPost, Policy};
use storeward_post::Outbox;
use storeward_puzzle::{Difficulty, Puzzles};

use crate::Done;
use crate::config::Config;
use crate::data::DataDir;
use crate::failure::{Context, Failure};
use crate::open::Opened;
use crate::passwords::Passwords;

/// Answers to sign-in, sign-up and recovery leave at whole multiples of this. Imported hashes that cost more than our own (bcrypt at 12)
/// are looked at within it, so that they tell nobody whose account is there; and where a service is asked after a password that was
/// right, its answer (300 ms at most) does not tell of an account that is held back that the password fitted.
const QUANTUM: Duration = Duration::from_millis(500);

/// The section as it is in force: the shop is called what `[look]` says, unless it says otherwise.
fn policy(config: &Config) -> Option<Policy> {
    let mut policy = config.identity.clone()?;
    policy.shop_name = policy.shop_name.or_else(|| config.look.name.clone());
    Some(policy)
}

/// Refuses a section that does not fit, or that could send nobody a code.
pub fn check(config: &Config) -> Done {
    let Some(policy) = policy(config) else { return Ok(()) };
    if let Some(fault) = policy.check(&config.domain.list()).first() {
        return Err(Failure::new(fault.to_string()));
    }
    if config.mail.is_none() {
        return Err(Failure::new("[identity] needs [mail]: accounts are confirmed by mailed codes")
            .hint("see docs/configuration.md for what [mail] needs"));
    }
    if !policy.sms.countries.is_empty() && config.sms.is_none() {
        return Err(Failure::new("identity.sms.countries needs [sms]: no gateway would send the codes")
            .hint("see docs/configuration.md for what [sms] needs"));
    }
    logo(&policy).map(drop)
}

fn logo(policy: &Policy) -> Done<Option<Logo>> {
    let Some(path) = &policy.theme.logo else { return Ok(None) };
    let shown = path.display();
    let bytes = std::fs::read(path).context(format!("identity.theme.logo {shown}"))?;
    let logo = Logo::new(bytes).ok_or_else(|| {
        Failure::new(format!("identity.theme.logo {shown} is no PNG, JPEG, WebP or SVG of at most 200 KiB"))
    })?;
    Ok(Some(logo))
}

/// What clients solve while many guess, at the front door and at the sign-in. Every node of an installation takes the
/// puzzles and passes of the others, for they share a key.
pub fn puzzles(opened: &Opened) -> Arc<Puzzles> {
    let secret = Secret::new(opened.pseudonym_key.mark_key("puzzle").mark("1"));
    Arc::new(Puzzles::new(&secret, Difficulty::USUAL, opened.clock.clone(), opened.entropy.clone()))
}

/// What the owner's files know of addresses.
fn networks(policy: &Policy, data: &DataDir) -> Done<Networks> {
    let mut networks = Networks::default();
    for path in &policy.networks {
        let shown = path.display();
        let bytes = std::fs::read(data.path().join(path)).context(format!("identity.networks {shown}"))?;
        networks.read(bytes).map_err(|why| Failure::new(format!("identity.networks {shown}: {why}")))?;
    }
    Ok(networks)
}

/// Refuses files of networks that cannot be read.
pub fn check_networks(config: &Config, data: &DataDir) -> Done {
    let Some(policy) = policy(config) else { return Ok(()) };
    networks(&policy, data).map(drop)
}

/// The accounts and their pages; nothing without the section.
pub fn start(
    opened: &Opened,
    outbox: &Outbox,
    passwords: &Passwords,
    puzzles: &Arc<Puzzles>,
) -> Done<Option<(Identity, OwnPages)>> {
    let config = &opened.loaded.config;
    let Some(policy) = policy(config) else { return Ok(None) };
    let (logo, hosts) = (logo(&policy)?, policy.host.iter().cloned().collect::<Vec<_>>());
    let identity = Identity::new(IdentityParts {
        db: opened.db.clone(),
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        data_key: opened.data_key.clone(),
        pseudonym_key: opened.pseudonym_key.clone(),
        post: Arc::new(OutboxPost(outbox.clone())),
        passwords: passwords.pool.clone(),
        breaches: passwords.breaches.clone(),
        puzzles: puzzles.clone(),
        networks: networks(&policy, &opened.data)?,
        policy,
        shop_names: config.domain.list(),
        port: config.listen.https.port(),
        quantum: QUANTUM,
    });
    let router = identity.router(logo).context("identity")?;
    let pages = OwnPages::new(router, &[CHANGE_PASSWORD], &hosts);
    Ok(Some((identity, pages)))
}

/// Takes a changed policy into a running program.
pub fn reload(identity: Option<&Identity>, config: &Config, data: &DataDir) {
    if let (Some(identity), Some(policy)) = (identity, policy(config)) {
        match networks(&policy, data) {
            Ok(networks) => identity.set_networks(networks),
            // What was read before stays in force.
            Err(failure) => crate::run::log("error", &failure.to_string(), &[]),
        }
        identity.set_policy(policy);
    }
}

/// Whether nothing changed that a running program cannot take: what passkeys are bound to, and where pages are.
pub fn is_same(before: Option<&Policy>, after: Option<&Policy>) -> bool {
    let fixed = |policy: &Policy| (policy.host.clone(), policy.rp_id.clone(), policy.theme.logo.clone());
    before.map(fixed) == after.map(fixed)
}
