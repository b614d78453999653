//! The one pool of threads that hashes everybody's passwords, and what is known of breached ones.

mod service;

use std::sync::Arc;

use serde::Deserialize;
use storeward_console::MetricsText;
use storeward_passwords::breach::{BreachList, Breaches, Ranges};
use storeward_passwords::{Pool, PoolOptions, PoolStats};

use crate::Done;
use crate::config::Config;
use crate::failure::{Context, Failure};
use crate::open::Opened;

pub use service::Service;

/// `[passwords]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordsSection {
    /// A service that answers range queries in the protocol of Pwned Passwords, such as `https://api.pwnedpasswords.com`.
    /// Nothing is asked without.
    pub breach_service: Option<String>,
}

/// Refuses an address that cannot be asked, or could be listened to.
pub fn check(config: &Config) -> Done {
    let Some(url) = &config.passwords.breach_service else { return Ok(()) };
    Service::at(url).context("passwords.breach_service")?;
    let here = ["http://127.0.0.1", "http://[::1]", "http://localhost"];
    let is_here = here.iter().any(|start| {
        url.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    if !url.starts_with("https://") && !is_here {
        return Err(Failure::new(format!("passwords.breach_service: {url} is not https"))
            .hint("five digits of each password's hash would go out in the clear"));
    }
    Ok(())
}

/// What staff and customers share.
#[derive(Clone)]
pub struct Passwords {
    pub pool: Pool,
    pub breaches: Breaches,
}

pub fn start(opened: &Opened) -> Done<Passwords> {
    let pool = Pool::start(PoolOptions::new(opened.clock.clone(), opened.entropy.clone()))
        .context("the threads that check passwords")?;
    let ranges = match &opened.loaded.config.passwords.breach_service {
        None => None,
        Some(url) => {
            let service = Service::at(url).context("passwords.breach_service")?;
            Some(Arc::new(Ranges::new(service::Told { service, db: opened.db.clone() })))
        }
    };
    Ok(Passwords { pool, breaches: Breaches::new(breach_list(opened), ranges) })
}

/// The list of breached passwords, if the operator has built one. A damaged one is told and left alone.
fn breach_list(opened: &Opened) -> Option<Arc<BreachList>> {
    let path = opened.data.join(crate::breach_list::NAME);
    match BreachList::open(&path) {
        Ok(list) => Some(Arc::new(list)),
        Err(storeward_passwords::Error::File(std::io::ErrorKind::NotFound)) => None,
        Err(error) => {
            let reason = error.to_string();
            crate::run::log("error", "no list of breached passwords is in force", &[("reason", &reason)]);
            None
        }
    }
}

pub fn metrics(stats: &PoolStats, breaches: &Breaches, text: &mut MetricsText) {
    if breaches.ask_a_service() {
        let ranges = breaches.range_stats();
        let name = "storeward_breach_service_answers_total";
        text.metric(name, "counter", "Passwords looked for at the breach service, by what it said.");
        for (said, count) in [("seen", ranges.seen), ("never", ranges.never), ("nothing", ranges.unknown)] {
            text.value(name, &[("said", said)], count);
        }
    }
    text.metric("storeward_password_checks_waiting", "gauge", "Passwords waiting to be checked, by lane.");
    for (lane, waiting) in ["known_device", "proof_of_work", "stranger"].iter().zip(stats.waiting) {
        text.value("storeward_password_checks_waiting", &[("lane", lane)], waiting);
    }
    text.single("storeward_password_checks_running", "gauge", "Passwords being checked.", stats.running);
    text.single("storeward_password_checks_total", "counter", "Passwords checked or hashed.", stats.done);
    text.metric("storeward_password_checks_refused_total", "counter", "Passwords not looked at, by reason.");
    let refused = [
        ("full", stats.full),
        ("too_many", stats.too_many),
        ("late", stats.late),
        ("abandoned", stats.abandoned),
    ];
    for (reason, count) in refused {
        text.value("storeward_password_checks_refused_total", &[("reason", reason)], count);
    }
    text.single(
        "storeward_password_checks_relieved_total",
        "counter",
        "Passwords that stand-ins saw to, because the cores had no idle time left.",
        stats.relieved,
    );
}
