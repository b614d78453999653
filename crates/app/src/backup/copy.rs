//! The one copy of the epochs' keys, beside no backup.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use storeward_seal::LogKey;
use storeward_vault::Shelf;

use super::{BackupSection, Begin, newest};
use crate::Done;
use crate::config;
use crate::data::{DataDir, write_atomically};
use crate::failure::{Context, Failure};
use crate::open::Opened;
use crate::vault::copies;
use crate::vault::keyless::Keys;

/// No copy is larger by far.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Where it lies beside what it is a copy of, it would be one of itself, or lie over what stands there; where a backup takes it along,
/// whoever has the backup has the keys, and older ones for as long as older backups are kept.
pub fn lies_apart(data: &DataDir, section: &BackupSection) -> Done {
    let Some(copy) = &section.epochs_copy else { return Ok(()) };
    // It may be yet to be made: what there is above it says where it will lie.
    let above = copy.ancestors().skip(1).find_map(|above| Some((above, above.canonicalize().ok()?)));
    let Some((above, there)) = above else { return Ok(()) };
    let whole = copy.strip_prefix(above).map_or_else(|_| copy.clone(), |rest| there.join(rest));
    // A folder has other names where it is mounted a second time.
    let above: Vec<(u64, u64)> = there.ancestors().filter_map(identity).collect();
    let holds = |named: &&PathBuf| {
        let is_it = named.canonicalize().is_ok_and(|named| whole.starts_with(named));
        is_it
            || whole == **named
            || identity(named).is_some_and(|named| above.contains(&named) || identity(&whole) == Some(named))
    };
    let own = ["vault", "keys"].map(|name| data.join(name));
    let shop = section.shop.iter().flat_map(|shop| &shop.paths);
    match own.iter().chain(shop).find(holds) {
        Some(folder) => Err(Failure::new(format!(
            "backup.epochs_copy lies in {}, beside what it is a copy of, or where the backup takes it along",
            folder.display()
        ))
        .hint("name a file on another disk")),
        None => Ok(()),
    }
}

/// What a file or folder is, whatever it is called: its device and inode.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|facts| (facts.dev(), facts.ino()))
}

/// What lies at the place of the copy is written over: whoever may write there leads to no other file by a link, and where the setting names a
/// file that is none, that is kept.
fn is_a_file_of_its_own(copy: &Path, shelf: &Path) -> Done {
    if copy.file_name().is_some_and(|name| name == newest::NAME) {
        return Err(Failure::new(format!("backup.epochs_copy: {} is another file's name", copy.display()))
            .hint("call it epochs.json"));
    }
    let Ok(there) = fs::symlink_metadata(copy) else { return Ok(()) };
    let is_itself = identity(shelf) == Some((there.dev(), there.ino()));
    if !there.is_file() || there.nlink() != 1 || is_itself {
        return Err(Failure::new(format!("backup.epochs_copy {} is a link, or no file", copy.display()))
            .hint("name a file of its own, on another disk, in a folder that nobody else may write into"));
    }
    let is_copy = there.len() <= MOST_BYTES && (Shelf::at(copy).wrapped_by().is_ok() || is_blank(copy));
    match is_copy {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "what lies at backup.epochs_copy, {}, is no copy of the epochs' keys, and is not written over",
            copy.display()
        ))
        .hint("name a file that is not there yet; where a copy lies there that is damaged, move it away, and say storeward backup now")),
    }
}

/// Another Storeward's copy, or what it goes on with, is all that opens its customers' records one day.
fn is_nobody_elses(copy: &Path, shelf: &Path, key: &LogKey) -> Done {
    let refused = |what: &str| {
        Err(Failure::new(format!("backup.epochs_copy {} is another Storeward's: {what}", copy.display())).hint(
            "name a file in a folder that no other names, on another disk; where that one is gone for good, move the file away, and newest-backup.json \
             beside it",
        ))
    };
    let Some(folder) = copy.parent() else { return Ok(()) };
    if is_in_use(folder) {
        return refused("it lies in a data directory");
    }
    match newest::of_folder(folder, key) {
        newest::Note::Anothers => {
            refused(&format!("{} beside it is signed by another ledger's key", newest::NAME))
        }
        // Then the root key says it, which changes where that goes into a token.
        newest::Note::Damaged => match (Shelf::at(copy).wrapped_by(), Shelf::at(shelf).wrapped_by()) {
            (Ok(there), Ok(own)) if there != own => refused("another root key wraps it"),
            _ => Ok(()),
        },
        newest::Note::Own | newest::Note::Missing => Ok(()),
    }
}

/// A key that lies nowhere else opens what was sealed since this directory went another way: after it was put back, say, or beside a copy of it.
fn is_nothing_newer(copy: &Path, shelf: &Path) -> Done {
    if !copy.exists() || is_blank(copy) {
        return Ok(());
    }
    let newer = Shelf::at(shelf).never_had(copy).context(format!("backup.epochs_copy {}", copy.display()))?;
    let epochs: Vec<String> = newer.iter().map(u32::to_string).collect();
    match epochs.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "backup.epochs_copy {} has the key of an epoch (number {}) that this directory never had: of a later state of it, or of another copy of it. \
             It is not written over",
            copy.display(),
            epochs.join(", ")
        ))
        .hint(
            "where the original or a restored copy goes on beside this one: give one of the two another epochs_copy; where this directory was put \
             back: move that file and newest-backup.json beside it away and keep them (records that were sealed meanwhile open by nothing else), then \
             storeward backup now",
        )),
    }
}

/// Whether it is the folder `vault/` of a data directory, by whatever link or mount it is named: by where it lies, or by what no copy has beside
/// it.
fn is_in_use(folder: &Path) -> bool {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let is_within = real.ends_with("vault") && real.with_file_name(config::FILE).exists();
    let own = [copies::KEY_FILE, copies::ID_FILE].map(|name| Path::new(name).file_name().unwrap_or_default());
    is_within || own.iter().any(|name| real.join(name).exists())
}

/// An empty file, or nothing but zeros: what a copy is while it is replaced.
fn is_blank(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.iter().all(|byte| *byte == 0))
}

/// The one copy of the epochs' keys, where one is wanted: replaced, never kept beside an older one. Where the key store has not all keys it stays: the good
/// copies of those open by the epoch of then. Which run is the newest is noted where it has some.
pub fn copy_epochs(opened: &Opened, begin: &Begin, number: Option<u64>, keys: &Keys) -> Done {
    let Some(copy) = opened.loaded.config.backup.as_ref().and_then(|section| section.epochs_copy.as_ref())
    else {
        return Ok(());
    };
    let shelf = opened.data.join(copies::SHELF_FILE);
    is_a_file_of_its_own(copy, &shelf)?;
    is_nobody_elses(copy, &shelf, &begin.key)?;
    if shelf.exists() {
        is_nothing_newer(copy, &shelf)?;
    }
    // A run without customers' keys is nothing to hold keys against: the last that had some stays noted.
    if matches!(keys, Keys::Lost(_)) {
        return Ok(());
    }
    let newest = newest::Newest { run: begin.run, made_at: begin.at, number, entries: begin.entries };
    newest::note(copy, &newest, &begin.key)?;
    if !shelf.exists() || *keys != Keys::Whole {
        return Ok(());
    }
    Shelf::at(&shelf).note_copy(copy).context("where copies of the epochs' keys lie")?;
    let bytes = fs::read(&shelf).context(shelf.display())?;
    if fs::read(copy).is_ok_and(|there| there == bytes) {
        return Shelf::at(&shelf)
            .note_put(copy, opened.entropy.as_ref())
            .context("where copies of the epochs' keys lie");
    }
    let before = fs::OpenOptions::new().write(true).open(copy).ok();
    write_atomically(copy, &bytes)?;
    // What it said before is written over once the new one is there, as far as a file system lets one: with a full disk or a stop in between there
    // would be no copy.
    if let Some(mut before) = before {
        let over = before.metadata().and_then(|facts| {
            let nothing = vec![0; usize::try_from(facts.len()).unwrap_or(0)];
            std::io::Write::write_all(&mut before, &nothing)?;
            before.sync_all()
        });
        over.context(format!("backup.epochs_copy {}", copy.display()))?;
    }
    Shelf::at(&shelf).note_put(copy, opened.entropy.as_ref()).context("where copies of the epochs' keys lie")
}
