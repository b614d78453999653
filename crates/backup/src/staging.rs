//! Copies of one moment, made in a folder of the data directory before anything is put away.
//!
//! A file is copied and hashed first, so that what the manifest says is what lies in the repository, whatever happens to the
//! original meanwhile. A live database is never copied as a file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use storeward_seal::Sha256;
use storeward_store::copies;

use crate::Error;
use crate::manifest::{FileNote, Rows};
use crate::repository::Part;

/// Where it all lies in a snapshot.
pub const ROOT: &str = "/storeward";
const COPIED_AT_ONCE: usize = 256 * 1024;

/// A folder that is gone when the run is over, however it ends.
pub(crate) struct Staging {
    folder: PathBuf,
    pub(crate) files: Vec<FileNote>,
    pub(crate) rows: Rows,
}

impl Staging {
    /// What an earlier run left behind, because it was killed, is deleted.
    pub(crate) fn new(folder: &Path) -> Result<Self, Error> {
        clear(folder)?;
        make(folder)?;
        Ok(Staging { folder: folder.to_owned(), files: Vec::new(), rows: Rows::new() })
    }

    /// The folder whose content is put away into the repository.
    pub(crate) fn of(&self, part: Part) -> PathBuf {
        self.folder.join(part.folder())
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.files.iter().any(|file| file.part == part.folder())
    }

    /// A file that whoever writes it replaces whole.
    pub(crate) fn file(&mut self, part: Part, from: &Path, path: &str) -> Result<(), Error> {
        let mode = fs::metadata(from).map_err(|why| Error::at(from, &why))?.permissions().mode() & 0o777;
        let source = File::open(from).map_err(|why| Error::at(from, &why))?;
        self.stream(part, source, path, mode)
    }

    pub(crate) fn bytes(&mut self, part: Part, bytes: &[u8], path: &str) -> Result<(), Error> {
        self.stream(part, bytes, path, 0o600)
    }

    fn stream(&mut self, part: Part, mut source: impl Read, path: &str, mode: u32) -> Result<(), Error> {
        let to = self.place_of(part, path)?;
        let cannot = |why: std::io::Error| Error::at(&to, &why);
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&to).map_err(cannot)?;
        let (mut hash, mut size) = (Sha256::default(), 0u64);
        let mut piece = vec![0; COPIED_AT_ONCE];
        loop {
            let read = source.read(&mut piece).map_err(cannot)?;
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            file.write_all(bytes).map_err(cannot)?;
            hash.update(bytes);
            size = size.saturating_add(u64::try_from(read).unwrap_or(0));
        }
        self.note(part, path, size, hash.hex());
        Ok(())
    }

    /// A database of SQLite, as it is at one moment.
    pub(crate) fn sqlite(&mut self, part: Part, from: &Path, path: &str) -> Result<(), Error> {
        let to = self.place_of(part, path)?;
        copies::copy_sqlite(from, &to)?;
        let look = copies::look_into(&to)?;
        if let Some(fault) = look.fault {
            return Err(Error::Damaged(format!("{path}, the database itself: {fault}")));
        }
        self.rows.insert(path.to_owned(), look.tables.into_iter().collect());
        self.hashed(part, path, &to)
    }

    /// What another program wrote into a file that [`Staging::place_of`] named.
    pub(crate) fn dumped(
        &mut self,
        part: Part,
        path: &str,
        rows: BTreeMap<String, u64>,
    ) -> Result<(), Error> {
        let to = self.of(part).join(path);
        if !rows.is_empty() {
            self.rows.insert(path.to_owned(), rows);
        }
        self.hashed(part, path, &to)
    }

    fn hashed(&mut self, part: Part, path: &str, at: &Path) -> Result<(), Error> {
        let (size, sha256) = hash_file(at)?;
        self.note(part, path, size, sha256);
        Ok(())
    }

    fn note(&mut self, part: Part, path: &str, size: u64, sha256: String) {
        let part = part.folder().to_owned();
        self.files.push(FileNote { part, path: path.to_owned(), size, sha256 });
    }

    /// Where the file lies; its folder is made.
    pub(crate) fn place_of(&self, part: Part, path: &str) -> Result<PathBuf, Error> {
        let to = self.of(part).join(path);
        if let Some(folder) = to.parent() {
            make(folder)?;
        }
        Ok(to)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The next run tries again; nobody else may read it meanwhile.
        drop(clear(&self.folder));
    }
}

pub(crate) fn hash_file(path: &Path) -> Result<(u64, String), Error> {
    let mut file = File::open(path).map_err(|why| Error::at(path, &why))?;
    let mut hash = Sha256::default();
    let size = std::io::copy(&mut file, &mut hash).map_err(|why| Error::at(path, &why))?;
    Ok((size, hash.hex()))
}

pub(crate) fn make(folder: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|why| Error::at(folder, &why))
}

pub(crate) fn clear(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(Error::at(folder, &why)),
        _ => Ok(()),
    }
}
