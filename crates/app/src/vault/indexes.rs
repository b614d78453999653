//! By what customers are found: settled at the start, made anew on request.

use std::io::{IsTerminal, Write as _, stderr};

use storeward_store::jobs;
use storeward_vault::{Field, Making, Vault, renew_index};

use super::{Standing, VaultSection};
use crate::Done;
use crate::failure::{Context, Failure};
use crate::oidc::finished;
use crate::open::Opened;

/// The fields that the config wants to be found by parts.
pub fn by_part(section: &VaultSection) -> Done<Vec<&'static Field>> {
    let one = |name: &String| storeward_vault::by_part(name).context("vault.find_by_part");
    section.find_by_part.iter().map(one).collect()
}

/// Brings the indexes in line with roots and config. Where nobody could be found, as after a restore beside newer keys, all is made
/// before anything serves; else a job does it.
pub fn settle(vault: &Vault, section: &VaultSection) -> Done {
    let by_part = by_part(section)?;
    finished(async {
        vault.settle_indexes(&by_part).await?;
        if !vault.can_find().await? {
            vault.make_indexes(told()).await?;
        }
        vault.make_indexes_soon().await?;
        Ok::<_, storeward_vault::Error>(())
    })?
    .context("the blind indexes")
}

/// Another root for all of it; by the program that serves, where there is one.
pub fn renew(opened: &Opened, standing: impl FnOnce() -> Done<Standing>) -> Done<String> {
    if opened.data.running_pid()?.is_some() {
        let promised = opened.db.write_blocking(|tx| {
            tx.commit_silent("the renewal itself is told by the program that does it");
            jobs::enqueue(tx, &renew_index())
        });
        promised.map_err(|error: storeward_store::Error| Failure::new(format!("the jobs: {error}")))?;
        return Ok(
            "The running Storeward does it now; `storeward vault status` tells how far it is.".to_owned()
        );
    }
    let _lock = opened.data.lock()?;
    let standing = standing()?;
    let done = finished(standing.vault.renew_index(told()));
    standing.close();
    let begun = done?.context("the blind indexes")?;
    let before = if begun { "" } else { "A renewal was under way already, and was gone on with. " };
    Ok(format!("{before}All marks were made with a new root, and the one before was destroyed."))
}

/// What is under way, a line for each.
pub fn under_way(vault: &Vault) -> Done<String> {
    let making = finished(vault.indexes_under_way())?.context("the blind indexes")?;
    let line = |one: &Making| {
        let what = if one.is_ending { "are taken away" } else { "are made" };
        let field = if one.field.is_empty() { "whole values" } else { &one.field };
        format!("index {} ({field}): marks {what}, {} of {} customers\n", one.root, one.done, one.of)
    };
    Ok(making.iter().map(line).collect())
}

/// A line that is written over, where somebody looks.
fn told() -> impl FnMut(Making) + Send {
    let is_shown = stderr().is_terminal();
    move |one: Making| {
        if is_shown {
            let what = if one.is_ending { "taken away" } else { "made" };
            eprint!("\r\x1b[Kindex {}: marks {what}, {} of {} customers", one.root, one.done, one.of);
            if one.done >= one.of {
                let _ = writeln!(stderr());
            }
        }
    }
}
