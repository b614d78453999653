//! The one pool of threads that hashes everybody's passwords, and the list of breached ones.

use std::sync::Arc;

use storeward_console::MetricsText;
use storeward_passwords::breach::BreachList;
use storeward_passwords::{Pool, PoolOptions, PoolStats};

use crate::Done;
use crate::failure::Context;
use crate::open::Opened;

/// What staff and customers share.
#[derive(Clone)]
pub struct Passwords {
    pub pool: Pool,
    pub breaches: Option<Arc<BreachList>>,
}

pub fn start(opened: &Opened) -> Done<Passwords> {
    let pool = Pool::start(PoolOptions::new(opened.clock.clone(), opened.entropy.clone()))
        .context("the threads that check passwords")?;
    Ok(Passwords { pool, breaches: breach_list(opened) })
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
pub fn metrics(stats: &PoolStats, text: &mut MetricsText) {
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
}
