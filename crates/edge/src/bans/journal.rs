//! The book on disk: `<dir>/bans.json`, replaced whole (written beside, fsync, rename, fsync of the directory).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use storeward_base::{AddressBlock, ClientIp, Timestamp};

use super::model::{Ban, PastBan};
use crate::certificates::replace;

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
