//! What is read out of a repository, as files and folders: nothing is written over, and nothing outside of the folder.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Timespec, Timestamps};
use storeward_seal::Sha256;

use crate::Error;
use crate::manifest::MOST_BYTES;

/// Whose a file was, by number, and when it was written last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Was {
    pub owner: Option<(u32, u32)>,
    /// Seconds since 1970, and nanoseconds.
    pub at: Option<(i64, i32)>,
}

impl Was {
    /// Gives it back, and its time; whether it is whose it was. Only root gives files away, and not every file system knows of owners.
    pub(crate) fn give_back(self, path: &Path) -> bool {
        let is = fs::symlink_metadata(path).map(|facts| (facts.uid(), facts.gid())).ok();
        let is_whose_it_was = self.owner.is_none_or(|(user, group)| {
            is == Some((user, group)) || std::os::unix::fs::lchown(path, Some(user), Some(group)).is_ok()
        });
        if let Some((tv_sec, nanoseconds)) = self.at {
            let at = Timespec { tv_sec, tv_nsec: nanoseconds.into() };
            let both = Timestamps { last_access: at, last_modification: at };
            // Without its time nothing of it is lost.
            let _ = rustix::fs::utimensat(rustix::fs::CWD, path, &both, AtFlags::SYMLINK_NOFOLLOW);
        }
        is_whose_it_was
    }
}

/// Links; then whose folders and links were, and the modes of folders. How many are whose they were not.
pub(crate) fn finish(
    to: &Path,
    folders: &[(PathBuf, u32, Was)],
    links: Vec<(PathBuf, PathBuf, Was)>,
) -> Result<u64, Error> {
    let mut others = 0;
    // Behind all files: through a link that is there, whatever comes next would be written where it leads.
    for (link, target, was) in links {
        leads_nowhere_else(to, &target)?;
        match std::os::unix::fs::symlink(link, &target) {
            // A folder that the shop reaches by a link is there as a folder.
            Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists && target.is_dir() => {}
            made => {
                made.map_err(|why| Error::at(&target, &why))?;
                others += u64::from(!was.give_back(&target));
            }
        }
    }
    // The innermost first, each once all below it is done: whoever may write into a folder that was opened could put a link in the place of
    // what is below it, and what comes next there would be given away elsewhere.
    for (folder, mode, was) in folders.iter().rev() {
        others += u64::from(!was.give_back(folder));
        let set = fs::set_permissions(folder, fs::Permissions::from_mode(*mode | 0o700));
        set.map_err(|why| Error::at(folder, &why))?;
    }
    Ok(others)
}

/// The path without what it begins with.
pub(crate) fn relative(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

/// A snapshot is written by whoever has the password; its names may still not lead out of the folder.
pub(crate) fn below(folder: &Path, path: &Path) -> Result<PathBuf, Error> {
    if path.components().any(|part| matches!(part, Component::ParentDir)) {
        return Err(Error::Damaged("a name in it leads out of the folder".to_owned()));
    }
    Ok(folder.join(relative(path)))
}

/// Refuses what lies behind a link in the folder: it would be written to somewhere else.
pub(crate) fn leads_nowhere_else(folder: &Path, target: &Path) -> Result<(), Error> {
    let between =
        target.ancestors().skip(1).take_while(|place| place.starts_with(folder) && *place != folder);
    for place in between {
        if fs::symlink_metadata(place).is_ok_and(|facts| facts.is_symlink()) {
            return Err(Error::Damaged(format!("{} lies behind a link", target.display())));
        }
    }
    Ok(())
}

/// What is read into memory: whoever has the password can make a file of any length.
pub(crate) struct Small(pub Vec<u8>);

impl Write for Small {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let length = u64::try_from(self.0.len().saturating_add(bytes.len())).unwrap_or(u64::MAX);
        if length > MOST_BYTES {
            return Err(std::io::Error::other("it is longer than any of its kind"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A new file that is hashed while it is written.
pub(crate) struct HashedFile {
    file: fs::File,
    hash: Sha256,
    size: u64,
    /// So many bytes it may have.
    most: u64,
    /// Why it could not be written: no fault of the backup.
    unwritten: Option<std::io::Error>,
}

impl HashedFile {
    pub(crate) fn create(path: &Path, most: u64) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|why| Error::at(folder, &why))?;
        }
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|why| Error::at(path, &why))?;
        Ok(HashedFile { file, hash: Sha256::default(), size: 0, most, unwritten: None })
    }

    /// Deletes what was written of it; the error comes back where it is the backup's.
    pub(crate) fn given_up(self, path: &Path, why: Error) -> Result<Error, Error> {
        fs::remove_file(path).map_err(|why| Error::at(path, &why))?;
        match self.unwritten {
            Some(unwritten) => Err(Error::at(path, &unwritten)),
            None => Ok(why),
        }
    }

    pub(crate) fn finish(self, path: &Path, mode: u32) -> Result<(u64, String), Error> {
        let set = self.file.set_permissions(fs::Permissions::from_mode(mode));
        set.and_then(|()| self.file.sync_all()).map_err(|why| Error::at(path, &why))?;
        Ok((self.size, self.hash.hex()))
    }
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.size.saturating_add(length) > self.most {
            return Err(std::io::Error::other("it is longer than the manifest says"));
        }
        let written = match self.file.write(bytes) {
            Ok(written) => written,
            Err(why) if why.kind() == std::io::ErrorKind::Interrupted => return Err(why),
            Err(why) => {
                let told = std::io::Error::new(why.kind(), why.to_string());
                self.unwritten = Some(why);
                return Err(told);
            }
        };
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.size = self.size.saturating_add(u64::try_from(written).unwrap_or(0));
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

    use super::*;

    /// A full disk was told as a damaged backup, and a cut file stayed.
    #[test]
    fn a_file_that_the_disk_has_no_room_for_is_no_fault_of_the_backup() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.sqlite");
        let made = HashedFile::create(&path, 100).unwrap();
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut file = HashedFile { file: full, ..made };
        file.write_all(b"keys").unwrap_err();
        let told = file.given_up(&path, Error::Damaged("as the library says".to_owned()));
        assert!(matches!(&told, Err(Error::Io { why, .. }) if why.contains("No space left")), "{told:?}");
        assert!(!path.exists());
        let mut long = HashedFile::create(&path, 3).unwrap();
        long.write_all(b"keys").unwrap_err();
        let told = long.given_up(&path, Error::Damaged("too long".to_owned()));
        assert!(matches!(told, Ok(Error::Damaged(_))) && !path.exists());
    }

    /// Owners were given back by path after the modes: whoever may write into a folder that was opened put a link in the place of one below
    /// it, and root gave away where it led.
    #[test]
    fn nothing_below_a_folder_is_touched_once_it_was_opened() {
        let folder = tempfile::tempdir().unwrap();
        let outer = folder.path().join("outer");
        let inner = outer.join("inner");
        fs::create_dir_all(&inner).unwrap();
        let seen = inotify::init(CreateFlags::NONBLOCK).unwrap();
        let touched = WatchFlags::ATTRIB | WatchFlags::CREATE;
        let names =
            [&outer, &inner].map(|path| (inotify::add_watch(&seen, path.as_path(), touched).unwrap(), path));
        let was = Was { owner: None, at: Some((1_000_000_000, 0)) };
        let folders = [(outer.clone(), 0o777, was), (inner.clone(), 0o777, was)];
        let links = vec![(PathBuf::from("elsewhere"), inner.join("link"), was)];
        assert_eq!(finish(folder.path(), &folders, links).unwrap(), 0);
        let (mut room, mut opened) = ([std::mem::MaybeUninit::uninit(); 4_096], Vec::new());
        let mut events = inotify::Reader::new(&seen, &mut room);
        while let Ok(event) = events.next() {
            let (_, path) = names.iter().find(|(watch, _)| *watch == event.wd()).unwrap();
            let below = event.file_name().map(|name| path.join(name.to_str().unwrap()));
            match below {
                Some(below) => assert!(!opened.contains(path), "{} after its folder", below.display()),
                None => opened.push(path),
            }
        }
        opened.dedup();
        assert_eq!(opened, [&inner, &outer]);
        for (path, mode) in [(&outer, 0o40_777), (&inner, 0o40_777)] {
            let is = fs::symlink_metadata(path).unwrap();
            assert_eq!((is.mode(), is.mtime()), (mode, 1_000_000_000));
        }
    }
}
