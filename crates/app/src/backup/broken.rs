//! `storeward backup forget-broken`: kept backups that lack something, for which nothing old is deleted.

use std::collections::BTreeSet;

use storeward_backup::{Alone, Backups, Broken, Error, frozen};
use storeward_base::{Actor, BackupId};
use storeward_events::backup::BackupsThinnedOut;

use super::{tell, tell_lost, told, write};
use crate::Done;
use crate::failure::{Context, Failure};
use crate::open::Opened;

/// Which they are; each is told to the ledger.
pub fn look(opened: &Opened, backups: &Backups, alone: &Alone) -> Done<Broken> {
    let broken = backups.broken(alone, &|before| tell(opened, before)).map_err(|error| told(&error))?;
    tell_lost(opened, broken.runs.keys().map(ToString::to_string))?;
    Ok(broken)
}

/// Why nothing old could be deleted, and what to do where it is because of a kept backup that lacks something.
pub fn stands_still(opened: &Opened, backups: &Backups, alone: &Alone, why: &Error) -> Failure {
    match look(opened, backups, alone) {
        Ok(Broken { runs, .. }) if !runs.is_empty() => Failure::new(format!(
            "kept backups lack something ({}), so no old one is deleted: {why}",
            runs.len()
        ))
        .hint("storeward backup forget-broken names them, and takes them away when you say so"),
        _ => told(why),
    }
}

/// Takes those that are named away, which the ledger says before: whatever ends it in the middle, it is no secret. Not while the shop's files
/// look as after an attack: what is left of one may be all that there is.
pub fn forget(
    opened: &Opened,
    backups: &Backups,
    alone: &Alone,
    (broken, named): (&Broken, &BTreeSet<BackupId>),
) -> Done {
    if opened.db.read_blocking(frozen).context("the database")?.is_some() {
        return Err(Failure::new("nothing is deleted while the shop's files look as after an attack")
            .hint("look at them first; were it you: storeward backup release"));
    }
    let now = opened.clock.now();
    let fact = BackupsThinnedOut { count: u64::try_from(named.len()).unwrap_or(u64::MAX) };
    write(opened, move |tx| tx.append(Actor::Operator, None, fact.clone()).map(drop))?;
    backups.forget_broken(alone, broken, named, now).map_err(|error| told(&error))
}
