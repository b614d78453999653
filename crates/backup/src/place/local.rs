//! A folder of this machine, best of another disk.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::{Name, Place};
use crate::Error;

pub(crate) struct Local {
    root: PathBuf,
    /// Tells apart what two threads write at the same moment.
    written: AtomicU64,
}

impl Local {
    pub(crate) fn new(root: PathBuf) -> Self {
        Local { root, written: AtomicU64::new(0) }
    }

    fn failed(&self, path: &Path, why: &dyn std::fmt::Display) -> Error {
        Error::Target { place: self.shown(), why: format!("{}: {why}", path.display()) }
    }

    fn walk(&self, folder: &Path, found: &mut Vec<(String, u64)>) -> Result<(), Error> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(()),
            Err(why) => return Err(self.failed(folder, &why)),
        };
        for entry in entries {
            let entry = entry.map_err(|why| self.failed(folder, &why))?;
            // A link is none of ours, and may lead anywhere.
            let kind = entry.file_type().map_err(|why| self.failed(&entry.path(), &why))?;
            if kind.is_dir() {
                self.walk(&entry.path(), found)?;
            } else if kind.is_file() {
                let facts = entry.metadata().map_err(|why| self.failed(&entry.path(), &why))?;
                found.push((entry.file_name().to_string_lossy().into_owned(), facts.len()));
            }
        }
        Ok(())
    }
}

impl Place for Local {
    fn shown(&self) -> String {
        self.root.display().to_string()
    }

    fn prepare(&self, folders: &[String]) -> Result<(), Error> {
        let make = |path: &Path| {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(|why| self.failed(path, &why))
        };
        make(&self.root)?;
        folders.iter().try_for_each(|folder| make(&self.root.join(folder)))
    }

    fn list(&self, folder: Name<'_>) -> Result<Vec<(String, u64)>, Error> {
        let mut found = Vec::new();
        self.walk(&self.root.join(folder), &mut found)?;
        Ok(found)
    }

    fn length(&self, name: Name<'_>) -> Result<Option<u64>, Error> {
        let path = self.root.join(name);
        match fs::metadata(&path) {
            Ok(facts) => Ok(Some(facts.len())),
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
            Err(why) => Err(self.failed(&path, &why)),
        }
    }

    fn read(&self, name: Name<'_>) -> Result<Bytes, Error> {
        let path = self.root.join(name);
        fs::read(&path).map(Bytes::from).map_err(|why| self.failed(&path, &why))
    }

    fn read_part(&self, name: Name<'_>, offset: u64, length: usize) -> Result<Bytes, Error> {
        let path = self.root.join(name);
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = vec![0; length];
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        read().map(Bytes::from).map_err(|why| self.failed(&path, &why))
    }

    fn write(&self, name: Name<'_>, parts: &[Bytes]) -> Result<(), Error> {
        let path = self.root.join(name);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("new-{}-{number}", std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file =
                OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
            for part in parts {
                file.write_all(part)?;
            }
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        };
        write().map_err(|why| {
            // Only tidies up: the next backup writes it under another name.
            drop(fs::remove_file(&temporary));
            self.failed(&path, &why)
        })
    }

    fn remove(&self, name: Name<'_>) -> Result<(), Error> {
        let path = self.root.join(name);
        match fs::remove_file(&path) {
            Err(why) if why.kind() != ErrorKind::NotFound => Err(self.failed(&path, &why)),
            _ => Ok(()),
        }
    }

    fn is_far(&self) -> bool {
        false
    }
}
