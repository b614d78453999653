//! The data directory: keys with mode 0600, the lock of the running program, its state for other words to read.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use storeward_base::{Entropy, Secret};

use crate::Done;
use crate::failure::{Context, Failure, IoContext};

/// An existing data directory, by its absolute path: what its config names relatively lies in it, wherever the program stands.
#[derive(Clone, Debug)]
pub struct DataDir(PathBuf);

/// In a folder into which a backup is being read out, from before its first file until who was erased since is erased in it, too.
const UNFINISHED: &str = "restore-unfinished";

/// Held while a backup is read out into a new data directory, which nothing opens before that is over.
#[derive(Debug)]
pub struct Restoring {
    pub data: DataDir,
    mark: PathBuf,
    /// Its end is the lock's, by which no second restore takes what this one writes for what a killed one left.
    _held: File,
}

/// Held by the one program that serves from the directory.
#[derive(Debug)]
pub struct Lock {
    file: File,
    data: DataDir,
}

/// What the running program tells the other words.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Fingerprint of the config in force.
    pub config: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refused {
    pub config: String,
    pub why: String,
}

/// The keys, each 32 bytes in `keys/`, apart from the data.
#[derive(Debug)]
pub struct Keys {
    /// Seed of the ledger's Ed25519 key.
    pub ledger: Secret<[u8; 32]>,
    /// Makes the fingerprints that stand for clients in events.
    pub pseudonym: Secret<[u8; 32]>,
    /// Seals secrets at rest, such as the seeds of one-time codes.
    pub data: Secret<[u8; 32]>,
}

const KEYS: [&str; 3] = ["ledger", "pseudonym", "data"];

impl DataDir {
    pub fn open(path: &Path) -> Done<Self> {
        if !path.is_dir() {
            return Err(Failure::new(format!("{} is not there", path.display()))
                .hint("make it with `storeward init`, or name the right folder with --dir"));
        }
        Self::is_finished(path)?;
        Self::absolute(path)
    }

    fn absolute(path: &Path) -> Done<Self> {
        Ok(DataDir(std::path::absolute(path).context(path.display())?))
    }

    /// Refuses a folder that a restore has not come to its end with: whoever was erased since that backup may still be in it.
    pub fn is_finished(path: &Path) -> Done {
        match fs::symlink_metadata(path.join(UNFINISHED)) {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(why) => Err(Failure::new(format!("{}: {why}", path.join(UNFINISHED).display()))),
            Ok(_) => Err(Failure::new(format!(
                "a restore into {} has not come to its end: whoever was erased since may still be in it",
                path.display()
            ))
            .hint("wait for it; where it was cut off, restore into that folder once more: what lies in it is replaced")),
        }
    }

    /// A new folder to restore into, or one that a restore was cut off in, of which nothing is kept. Refuses any other: a restore writes
    /// over nothing.
    pub fn restore_into(path: &Path) -> Done<Restoring> {
        let (mark, shown) = (path.join(UNFINISHED), path.display());
        let is_left = fs::symlink_metadata(&mark).is_ok();
        if is_left {
            // Whoever may write beside it could have laid both there, to read what comes.
            let facts = fs::symlink_metadata(path).context(&shown)?;
            let is_own = facts.is_dir() && facts.uid() == rustix::process::geteuid().as_raw();
            if !is_own {
                return Err(Failure::new(format!("{shown} is another user's folder, or none"))
                    .hint("take a new one, in a folder that nobody else may write to"));
            }
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))
                .doing(format!("cannot protect {shown}"))?;
        } else {
            is_new(path)?;
            Self::create(path)?;
        }
        // Under its own name at once: what a kill leaves here is an empty folder, or the mark alone.
        let opened = OpenOptions::new().create_new(!is_left).write(true).mode(0o600).open(&mark);
        let held = opened.doing(format!("cannot write {}", mark.display()))?;
        let locked = rustix::fs::flock(&held, rustix::fs::FlockOperation::NonBlockingLockExclusive);
        // Whoever held it may have come to the end just now, and taken the mark away.
        if locked.is_err() || !mark.exists() {
            return Err(
                Failure::new(format!("another restore into {shown} is under way")).hint("wait for it")
            );
        }
        let synced = held.sync_all().and_then(|()| File::open(path)?.sync_all());
        synced.doing(format!("cannot write {}", mark.display()))?;
        for entry in fs::read_dir(path).context(&shown)? {
            let entry = entry.context(&shown)?;
            if entry.file_name() != UNFINISHED {
                let is_folder = entry.file_type().context(&shown)?.is_dir();
                let gone =
                    if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
                gone.doing(format!("cannot delete {}", entry.path().display()))?;
            }
        }
        Ok(Restoring { data: Self::absolute(path)?, mark, _held: held })
    }

    /// Makes the directory (0700) where it is missing.
    pub fn create(path: &Path) -> Done<Self> {
        Self::is_finished(path)?;
        fs::create_dir_all(path).doing(format!("cannot make {}", path.display()))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .doing(format!("cannot protect {}", path.display()))?;
        Self::absolute(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the keys that are missing; never touches one that is there. True when it made one.
    pub fn ensure_keys(&self, entropy: &dyn Entropy) -> Done<bool> {
        let dir = self.join("keys");
        fs::create_dir_all(&dir).doing(format!("cannot make {}", dir.display()))?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))
            .doing(format!("cannot protect {}", dir.display()))?;
        let mut made = false;
        for name in KEYS {
            let path = dir.join(name);
            if !path.exists() {
                write_atomically(&path, &entropy.bytes::<32>())?;
                made = true;
            }
        }
        Ok(made)
    }

    /// Reads the keys; refuses one that others on the machine can read.
    pub fn keys(&self) -> Done<Keys> {
        let read = |name: &str| -> Done<Secret<[u8; 32]>> {
            let path = self.join("keys").join(name);
            let shown = path.display();
            let mut file = File::open(&path).map_err(|e| {
                Failure::new(format!("the key {shown} cannot be read: {e}"))
                    .hint("`storeward init` makes missing keys; restore this one from your backup if the data is older")
            })?;
            let mode = file.metadata().context(&shown)?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(Failure::new(format!("the key {shown} can be read by others on this machine"))
                    .hint(format!("chmod 600 {shown}")));
            }
            let mut bytes = [0u8; 33];
            let length = file.read(&mut bytes).context(&shown)?;
            let key = bytes.get(..length).and_then(|b| <[u8; 32]>::try_from(b).ok());
            key.map(Secret::new).ok_or_else(|| {
                Failure::new(format!("the key {shown} has {length} bytes instead of 32"))
                    .hint("restore it from your backup")
            })
        };
        Ok(Keys { ledger: read("ledger")?, pseudonym: read("pseudonym")?, data: read("data")? })
    }

    /// Whether there is room for another file; tried, for quotas and limits are told in no other way.
    pub fn has_room(&self) -> bool {
        let path = self.join(".room");
        let tried = File::create(&path).and_then(|mut file| {
            file.write_all(&[0; 64 * 1024])?;
            file.sync_all()
        });
        // There is nothing in it that anybody would miss.
        let _ = fs::remove_file(&path);
        tried.is_ok()
    }

    /// Takes the lock; fails when another program serves from this directory.
    pub fn lock(&self) -> Done<Lock> {
        let path = self.join("storeward.pid");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .doing(format!("cannot open {}", path.display()))?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Failure::new(format!("another Storeward already serves from {}", self.0.display()))
                .hint("stop it first, or use another folder with --dir")
        })?;
        let mut lock = Lock { file, data: self.clone() };
        lock.file.set_len(0).context(path.display())?;
        write!(lock.file, "{}", std::process::id()).context(path.display())?;
        Ok(lock)
    }

    /// The process that holds the lock.
    pub fn running_pid(&self) -> Done<Option<Pid>> {
        let path = self.join("storeward.pid");
        let Ok(mut file) = File::open(&path) else { return Ok(None) };
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared).is_ok() {
            return Ok(None);
        }
        let mut text = String::new();
        file.read_to_string(&mut text).context(path.display())?;
        Ok(text.trim().parse().ok().and_then(Pid::from_raw))
    }

    pub fn state(&self) -> Done<Option<State>> {
        let path = self.join("state.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).context(path.display()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Failure::new(format!("{}: {e}", path.display()))),
        }
    }

    pub fn set_state(&self, state: &State) -> Done {
        let bytes = serde_json::to_vec(state).context("state")?;
        write_atomically(&self.join("state.json"), &bytes)
    }
}

impl Restoring {
    /// From now on the folder is a data directory like any other.
    pub fn finish(self) -> Done {
        fs::remove_file(&self.mark).doing(format!("cannot delete {}", self.mark.display()))?;
        File::open(self.data.path()).and_then(|folder| folder.sync_all()).context(self.data.path().display())
    }
}

/// Refuses a folder with something in it.
pub fn is_new(folder: &Path) -> Done {
    match fs::read_dir(folder) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(why) => Err(Failure::new(format!("{}: {why}", folder.display()))),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Failure::new(format!("{} is not empty", folder.display()))
                .hint("name a folder that is not there yet: a restore writes over nothing")),
        },
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The lock ends with the file; these only tidy up.
        let _ = fs::remove_file(self.data.join("state.json"));
        let _ = self.file.set_len(0);
    }
}

/// Writes a file that is whole or not there, readable by its owner only.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Done {
    // Beside the file, under a name that nobody else uses.
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let write = || -> std::io::Result<()> {
        // What a stop half-way left; or a link, which is not followed: the folder may be one that others write into.
        drop(fs::remove_file(&temporary));
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&temporary)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    };
    write().doing(format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SystemEntropy;

    /// A stranger's folder with the mark of a restore in it was taken as it was: open to all, with everybody's data.
    #[test]
    fn a_folder_that_lies_there_is_shut_before_anything_is_read_out_into_it() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("restored");
        fs::create_dir(&path).unwrap();
        fs::write(path.join(UNFINISHED), "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let restoring = DataDir::restore_into(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        drop(restoring);
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        fs::write(path.join(UNFINISHED), "").unwrap();
        assert!(DataDir::restore_into(&link).unwrap_err().to_string().contains("another user's folder"));
    }

    /// `--ready-file ready.json`: a bare name has an empty parent, and ended the program behind the written file.
    #[test]
    fn a_file_in_the_working_directory_is_written() {
        let folder = tempfile::tempdir().unwrap();
        std::env::set_current_dir(folder.path()).unwrap();
        fs::write("ready.new", "a neighbour's").unwrap();
        write_atomically(Path::new("ready.json"), b"{}").unwrap();
        assert_eq!(fs::read("ready.json").unwrap(), b"{}");
        assert_eq!(fs::read("ready.new").unwrap(), b"a neighbour's");
        assert!(!folder.path().join("ready.json.new").exists());
    }

    /// Whoever may write where the copy of the epochs' keys lies had Storeward write over any file of its own.
    #[test]
    fn a_link_at_the_place_of_the_new_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("epochs.json"), folder.path().join("other"));
        let new = folder.path().join("epochs.json.new");
        for is_hard in [false, true] {
            fs::write(&other, b"somebody's").unwrap();
            match is_hard {
                true => fs::hard_link(&other, &new).unwrap(),
                false => std::os::unix::fs::symlink(&other, &new).unwrap(),
            }
            write_atomically(&file, b"keys").unwrap();
            assert_eq!(fs::read(&other).unwrap(), b"somebody's");
            assert_eq!(fs::read(&file).unwrap(), b"keys");
            assert!(fs::symlink_metadata(&file).unwrap().is_file() && !new.exists());
        }
        // What a stop half-way left.
        fs::write(&new, b"ke").unwrap();
        write_atomically(&file, b"other keys").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"other keys");
    }

    #[test]
    fn keys_are_private_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(&folder.path().join("d")).unwrap();
        assert!(data.ensure_keys(&SystemEntropy).unwrap());
        let before = fs::read(data.join("keys/ledger")).unwrap();
        assert!(!data.ensure_keys(&SystemEntropy).unwrap());
        assert_eq!(fs::read(data.join("keys/ledger")).unwrap(), before);
        for name in KEYS {
            let mode = fs::metadata(data.join("keys").join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        data.keys().unwrap();
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(&folder.path().join("d")).unwrap();
        data.ensure_keys(&SystemEntropy).unwrap();
        fs::set_permissions(data.join("keys/data"), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(data.keys().unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn only_one_serves_from_a_directory() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(&folder.path().join("d")).unwrap();
        let lock = data.lock().unwrap();
        assert!(data.lock().unwrap_err().to_string().contains("already serves"));
        assert!(data.running_pid().unwrap().is_some());
        drop(lock);
        assert!(data.running_pid().unwrap().is_none());
        data.lock().unwrap();
    }
}
