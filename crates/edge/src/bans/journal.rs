//! The book on disk: `<dir>/bans.json`, replaced whole (written beside, fsync, rename, fsync of the directory).

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use storeward_base::{AddressBlock, ClientIp, Timestamp};

use super::model::{Ban, PastBan};

/// A file that is larger is not ours.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Version 1 of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Saved {
    pub v: u16,
    pub saved_at: Timestamp,
    pub bans: Vec<Ban>,
    pub memory: Vec<Remembered>,
    pub operators: Vec<Operator>,
    pub history: Vec<PastBan>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Remembered {
    pub block: AddressBlock,
    pub level: u32,
    pub until: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Operator {
    pub client: ClientIp,
    pub until: Timestamp,
}

impl Saved {
    pub const VERSION: u16 = 1;
}

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
}

/// What reading the file gave.
#[derive(Debug)]
pub(super) enum Loaded {
    Nothing,
    Saved(Box<Saved>),
    /// Put aside under another name, for people to look at.
    Unreadable,
}

impl Journal {
    pub fn open(dir: &Path) -> io::Result<(Journal, Loaded)> {
        std::fs::create_dir_all(dir)?;
        let journal = Journal { path: dir.join("bans.json") };
        let mut bytes = Vec::new();
        match File::open(&journal.path) {
            Ok(file) => file.take(MAX_BYTES).read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((journal, Loaded::Nothing)),
            Err(error) => return Err(error),
        };
        match serde_json::from_slice::<Saved>(&bytes) {
            Ok(saved) if saved.v == Saved::VERSION => Ok((journal, Loaded::Saved(Box::new(saved)))),
            Ok(_) | Err(_) => {
                std::fs::rename(&journal.path, dir.join("bans.json.unreadable"))?;
                Ok((journal, Loaded::Unreadable))
            }
        }
    }

    pub fn save(&self, saved: &Saved) -> io::Result<()> {
        replace(&self.path, &serde_json::to_vec(saved)?)
    }
}

/// Puts these bytes in the file's place, whole or not at all: written beside, fsync, rename, fsync of the directory. Nobody else reads it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    // One that was left behind may be anybody's to read, and what is opened keeps its mode.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    // A draft that an older version left, cut off between write and rename, was opened as it was: everybody's to read.
    #[test]
    fn what_was_left_beside_it_is_not_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        let (path, beside) = (dir.path().join("list"), dir.path().join("list.new"));
        for (file, bytes) in [(&path, "old"), (&beside, "longer than what is written now")] {
            std::fs::write(file, bytes).unwrap();
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
        }
        replace(&path, b"new").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!((std::fs::read(&path).unwrap(), mode), (b"new".to_vec(), 0o600));
        assert!(!beside.exists());
    }
}
