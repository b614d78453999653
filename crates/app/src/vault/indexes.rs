//! By what customers are found: settled at the start, made anew on request.

use std::fs;
use std::io::{IsTerminal, Write as _, stderr};

use storeward_store::jobs;
use storeward_vault::{Field, Making, Vault, renew_index};

use super::{FOLDER, Standing, VaultSection, make_folder};
use crate::Done;
use crate::data::{DataDir, write_atomically};
use crate::failure::{Context, Failure, IoContext};
use crate::oidc::finished;
use crate::open::Opened;
use crate::run::log;

/// The fields that the config wants to be found by parts.
pub fn by_part(section: &VaultSection) -> Done<Vec<&'static Field>> {
    let one = |name: &String| storeward_vault::by_part(name).context("vault.find_by_part");
    section.find_by_part.iter().map(one).collect()
}

/// Says of a restored directory that its marks are those of the backup. The first that serves there makes them anew from what is sealed.
const OF_A_BACKUP: &str = "marks-of-a-backup";

/// Has the marks of a restored directory made anew.
pub fn make_at_start(data: &DataDir) -> Done {
    let mark = make_folder(data)?.join(OF_A_BACKUP);
    write_atomically(&mark, b"The blind indexes are made anew when Storeward serves from here.\n")
}

/// Brings the indexes in line with roots and config. Where nobody could be found all is made before anything serves; else a job does it.
/// Of a restored directory nothing is touched: until it serves its config may still lead to the database of the original.
pub fn settle(vault: &Vault, section: &VaultSection, data: &DataDir) -> Done {
    let by_part = by_part(section)?;
    match data.join(FOLDER).join(OF_A_BACKUP).exists() {
        true => Ok(()),
        false => bring_in_line(vault, &by_part),
    }
}

/// What a restore left to the first program that serves.
pub fn settle_restored(vault: &Vault, section: &VaultSection, data: &DataDir) -> Done {
    let of_a_backup = data.join(FOLDER).join(OF_A_BACKUP);
    if !of_a_backup.exists() {
        return Ok(());
    }
    let by_part = by_part(section)?;
    finished(vault.settle_indexes(&by_part))?.context("the blind indexes")?;
    let left = finished(vault.forget_marks())?.context("the blind indexes")?;
    if left > 0 {
        let words = format!(
            "{left} customers in the database have no key in this key store, as where they came after the backup: their blind indexes were left \
             as they are. Is database.url that of the original? Then stop, and load the restored storeward.sql into a database of its own"
        );
        log("warning", &words, &[]);
    }
    // From here on the data itself says that they have to be made, also after a kill.
    let gone = fs::remove_file(&of_a_backup).or_else(is_gone);
    gone.doing(format!("cannot delete {}", of_a_backup.display()))?;
    bring_in_line(vault, &by_part)
}

fn bring_in_line(vault: &Vault, by_part: &[&'static Field]) -> Done {
    finished(async {
        vault.settle_indexes(by_part).await?;
        if !vault.can_find().await? {
            vault.make_indexes(told()).await?;
        }
        vault.make_indexes_soon().await?;
        Ok::<_, storeward_vault::Error>(())
    })?
    .context("the blind indexes")
}

/// Another program opened it at the same moment.
fn is_gone(why: std::io::Error) -> std::io::Result<()> {
    if why.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(why) }
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
