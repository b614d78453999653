//! `storeward backup forget-broken`: kept backups that lack something, for which nothing old is deleted.

use std::collections::BTreeSet;

use storeward_backup::standing::TARGET;
use storeward_backup::{Alone, Backups, Broken, Error, frozen};
use storeward_base::Actor;
use storeward_events::backup::BackupsThinnedOut;
use storeward_events::{Event, Record};
use storeward_store::{Reader, ledger};

use super::{tell_lost, tell_missing, told, write};
use crate::Done;
use crate::failure::{Context, Failure};
use crate::open::Opened;

/// Those that the ledger named before.
pub fn named(opened: &Opened) -> Done<BTreeSet<String>> {
    let told = |reader: &mut Reader<'_>| ledger::told(reader, &["system.row_harmed"]);
    let told = opened.db.read_blocking(told).context("the ledger")?;
    let row = |record: &Record| match &record.event {
        Event::RowHarmed(fact) if fact.table == TARGET => Some(fact.row.clone()),
        _ => None,
    };
    Ok(told.iter().filter_map(|(_, record)| row(record)).collect())
}

/// Which they are; each is told to the ledger.
pub fn look(opened: &Opened, backups: &Backups, alone: &Alone) -> Done<Broken> {
    tell_missing(opened, backups, alone)?;
    let broken = backups.broken(alone).map_err(|error| told(&error))?;
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

/// Takes them away, which the ledger says before: whatever ends it in the middle, it is no secret. Not while the shop's files look as after an attack: what is left of one may be all that there is.
pub fn forget(opened: &Opened, backups: &Backups, alone: &Alone, broken: &Broken) -> Done {
    if opened.db.read_blocking(frozen).context("the database")?.is_some() {
        return Err(Failure::new("nothing is deleted while the shop's files look as after an attack")
            .hint("look at them first; were it you: storeward backup release"));
    }
    let now = opened.clock.now();
    backups.may_forget(broken, now).map_err(|error| told(&error))?;
    let fact = BackupsThinnedOut { count: u64::try_from(broken.runs.len()).unwrap_or(u64::MAX) };
    write(opened, move |tx| tx.append(Actor::Operator, None, fact.clone()).map(drop))?;
    backups.forget_broken(alone, broken, now).map_err(|error| told(&error))
}
