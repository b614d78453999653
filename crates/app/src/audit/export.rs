//! `storeward audit export`: the ledger as files in C2SP's tlog-tiles layout, for whoever checks it elsewhere.
//!
//! The checkpoint is written last, so a folder whose export was broken off still holds what it held before. A second export
//! into it writes only what is new or was forgotten since, and refuses where the ledger does not continue it.

use std::path::{Path, PathBuf};

use storeward_seal::merkle::{self, CompactRange};
use storeward_seal::tlog::{self, Content, TILE_WIDTH, Tile};
use storeward_store::ledger::{self, Head, Leaf, Standing};
use storeward_store::{Db, Error};

use crate::Done;
use crate::data::write_atomically;
use crate::failure::{Context, Failure, IoContext};

/// The checkpoint's name in the layout.
pub const CHECKPOINT: &str = "checkpoint";
/// What places gave, beside the layout.
pub const ANCHORS: &str = "anchors";
const HASH_BYTES: usize = 32;
/// Levels of tiles over 2^63 entries.
const LEVELS: u32 = 8;

/// What was done.
#[derive(Debug, PartialEq, Eq)]
pub struct Exported {
    pub entries: u64,
    /// Files written; those that stood there already are not.
    pub written: u64,
}

/// Writes the ledger as it stands into `folder`.
pub fn export(db: &Db, folder: &Path, mut progress: impl FnMut(u64, u64)) -> Done<Exported> {
    let head = continues(db, folder)?;
    let mut layout = Layout { folder, written: 0 };
    let mut growing = Growing::new();
    while growing.range.size() < head.size {
        let after = growing.range.size();
        let page = db.read_blocking(move |r| ledger::leaves_after(r, after, 1000)).context("the ledger")?;
        for leaf in page.into_iter().take_while(|leaf| leaf.seq <= head.size) {
            growing.take(leaf, &mut layout)?;
        }
        if growing.range.size() == after {
            return Err(broken(after + 1));
        }
        progress(growing.range.size(), head.size);
    }
    if growing.range.root() != head.root {
        return Err(broken(head.size));
    }
    growing.finish(&mut layout)?;
    layout.write(Path::new(CHECKPOINT), head.note.as_bytes())?;
    layout.sweep(&folder.join("tile"), &growing.partial)?;
    Ok(Exported { entries: head.size, written: layout.written })
}

/// The head of this moment, where it goes on from what the folder holds.
fn continues(db: &Db, folder: &Path) -> Done<Head> {
    let before = match std::fs::read_to_string(folder.join(CHECKPOINT)) {
        Ok(note) => Some(note),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => None,
        Err(why) => return Err(Failure::new(format!("{}: {why}", folder.join(CHECKPOINT).display()))),
    };
    let work = ledger::head_after(db, before);
    let (head, standing) = super::block_on(async { work.await.context("the ledger") })?;
    let wrong = match standing {
        Standing::Continues => return Ok(head),
        Standing::CutBack { kept, found } => {
            format!("the ledger has {found} entries, and {kept} were exported to this folder before")
        }
        Standing::Rewritten { kept, .. } => {
            format!("the first {kept} entries of the ledger are others than those in this folder")
        }
        Standing::Unreadable(why) => format!("the folder's checkpoint is none of this ledger: {why}"),
    };
    Err(Failure::new(wrong).hint(
        "keep the folder as it is, it is evidence; export into another one, and find out who wrote to the database",
    ))
}

fn broken(seq: u64) -> Failure {
    Failure::new(format!("the ledger does not hold at entry {seq}"))
        .hint("`storeward audit verify` names what is wrong")
}

/// Tiles that are not full yet, while the entries go by.
struct Growing {
    range: CompactRange,
    entries: Vec<Vec<u8>>,
    /// Hashes of each level's last tile, and how many tiles of it are done.
    levels: Vec<(Vec<u8>, u64)>,
    bundles: u64,
    /// The partial tiles of this size: others are left over.
    partial: Vec<PathBuf>,
}

impl Growing {
    fn new() -> Self {
        let levels = (0..LEVELS).map(|_| (Vec::new(), 0)).collect();
        Growing { range: CompactRange::new(), entries: Vec::new(), levels, bundles: 0, partial: Vec::new() }
    }

    fn take(&mut self, leaf: Leaf, layout: &mut Layout<'_>) -> Done {
        let seq = self.range.size() + 1;
        let (hashes, _) = leaf.nodes.as_chunks::<HASH_BYTES>();
        let own = *hashes.first().ok_or_else(|| broken(seq))?;
        let told = leaf.body.is_empty() || merkle::leaf_hash(&leaf.body) == own;
        if leaf.seq != seq || !told || self.range.append(own).as_slice() != hashes {
            return Err(broken(seq));
        }
        self.entries.push(leaf.body);
        // A node of level 8, 16, … is one of the next level's tiles.
        let tops = hashes.iter().step_by(tlog::TILE_HEIGHT.try_into().unwrap_or(8));
        for ((level, hash), (tile, done)) in (0u32..).zip(tops).zip(&mut self.levels) {
            tile.extend_from_slice(hash);
            if tile.len() == TILE_WIDTH * HASH_BYTES {
                let full = Tile { content: Content::Level(level), index: *done, width: TILE_WIDTH };
                layout.write(Path::new(&full.to_string()), tile)?;
                tile.clear();
                *done += 1;
            }
        }
        if self.entries.len() == TILE_WIDTH {
            self.write_bundle(layout)?;
            self.bundles += 1;
        }
        Ok(())
    }

    fn write_bundle(&mut self, layout: &mut Layout<'_>) -> Done<PathBuf> {
        let tile = Tile { content: Content::Entries, index: self.bundles, width: self.entries.len() };
        let bytes = tlog::bundle(self.entries.iter().map(Vec::as_slice)).context("an entry")?;
        let path = PathBuf::from(tile.to_string());
        layout.write(&path, &bytes)?;
        self.entries.clear();
        Ok(path)
    }

    /// The tiles that are not full.
    fn finish(&mut self, layout: &mut Layout<'_>) -> Done {
        if !self.entries.is_empty() {
            let path = self.write_bundle(layout)?;
            self.partial.push(path);
        }
        for (level, (tile, done)) in (0u32..).zip(&self.levels) {
            let width = tile.len() / HASH_BYTES;
            if width > 0 {
                let part = Tile { content: Content::Level(level), index: *done, width };
                let path = PathBuf::from(part.to_string());
                layout.write(&path, tile)?;
                self.partial.push(path);
            }
        }
        Ok(())
    }
}

/// Receipts of anchors beside the tiles: `anchors/PLACE-SIZE.checkpoint`, and of time stamps `.tsr`.
pub fn write_receipts(folder: &Path, receipts: &[storeward_anchor::Receipt]) -> Done {
    let mut layout = Layout { folder, written: 0 };
    for one in receipts {
        let name = format!("{ANCHORS}/{}-{}", one.place, one.size);
        layout.write(Path::new(&format!("{name}.checkpoint")), one.note.as_bytes())?;
        if one.way == "rfc3161" {
            layout.write(Path::new(&format!("{name}.tsr")), &one.receipt)?;
        }
    }
    Ok(())
}

/// The folder that is written to.
struct Layout<'a> {
    folder: &'a Path,
    written: u64,
}

impl Layout<'_> {
    /// Writes a file that is not there, or says something else.
    fn write(&mut self, path: &Path, bytes: &[u8]) -> Done {
        let path = self.folder.join(path);
        if std::fs::read(&path).is_ok_and(|found| found == bytes) {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).doing(format!("cannot make {}", parent.display()))?;
        }
        self.written += 1;
        write_atomically(&path, bytes)
    }

    /// Takes away partial tiles of other sizes, and what a broken-off export left.
    fn sweep(&self, at: &Path, partial: &[PathBuf]) -> Done {
        let Ok(entries) = std::fs::read_dir(at) else { return Ok(()) };
        for entry in entries {
            let path = entry.doing(at.display())?.path();
            let is_partial = at.extension().is_some_and(|end| end == "p");
            let is_known = partial.iter().any(|known| self.folder.join(known) == path);
            let is_torn = path.extension().is_some_and(|end| end == "new");
            if path.is_dir() {
                self.sweep(&path, partial)?;
                // Only an empty one goes.
                let _ = std::fs::remove_dir(&path);
            } else if is_torn || (is_partial && !is_known) {
                std::fs::remove_file(&path).doing(format!("cannot take away {}", path.display()))?;
            }
        }
        Ok(())
    }
}

/// Reads, where the store's error has to be named.
pub fn read<T: Send + 'static>(
    db: &Db,
    work: impl FnOnce(&mut storeward_store::Reader<'_>) -> Result<T, Error> + Send + 'static,
) -> Done<T> {
    db.read_blocking(work).context("the ledger")
}
