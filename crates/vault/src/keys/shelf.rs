//! Where the epochs' keys lie: apart from the key store, so that a copy of the key store alone opens nothing, and
//! destroying an epoch reaches every copy of the key store that was ever made.
//!
//! The shelf must not be kept for long in any backup: its copies are as good as the epochs in them. One copy, replaced
//! at each rotation, is what a restore needs.

mod others;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use storeward_base::{Entropy, Secret, Timestamp};
use storeward_seal::encoding::{decode_hex, hex};
use storeward_seal::envelope::{EpochId, EpochKey, RootKey};
use storeward_seal::fingerprint::{equal, sha256};

use crate::Error;

const KIND: &str = "storeward epoch keys";
/// Version 2 has a seal over all of it; version 1 had none.
const VERSION: u32 = 2;
const UNSEALED: u32 = 1;
/// What the root key wraps the seal for.
const SEAL_PLACE: &str = "shelf/2";
/// Beside it: where its copies were put, as JSON.
const COPIES: &str = "copies";
const DAMAGED_COPIES: &str = "it says where copies of the epochs' keys were put; destroy those that you know but for backup.epochs_copy, then \
                              delete this file: the next backup begins it anew";
/// Epochs last a month; a shelf with more than ten years of them is not one of ours.
const MOST_EPOCHS: usize = 128;
/// Bytes; a longer file is no mark of ours.
const MOST_OF_MARK: u64 = 64;

/// Beside it, and in no backup: what tells this one from a copy of it, where its key store is on a server.
const ID: &str = "id";

/// A file of wrapped epoch keys, where its one copy lies, and what it wraps. Its writer is one program at a time (the data directory's lock).
#[derive(Debug)]
pub struct Shelf(PathBuf, Option<PathBuf>, Wraps);

/// Which key store an epoch's keys wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wraps {
    /// One that goes wherever the directory goes.
    Beside,
    /// One on a server, to which a copy of the directory leads, too.
    Server,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    kind: String,
    version: u32,
    /// The highest epoch there ever was, also if it was destroyed: no number comes twice.
    last: u32,
    epochs: Vec<Entry>,
    /// The SHA-256 of all of the above, wrapped by the root key, in hexadecimal: so no moment and no number is changed unseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

impl Text {
    fn digest(&self) -> Secret<[u8; 32]> {
        let plain = (&self.kind, self.version, self.last, &self.epochs);
        Secret::new(sha256(&serde_json::to_vec(&plain).expect("words and numbers are JSON")))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    epoch: EpochId,
    /// Which root key wrapped it.
    root: String,
    /// Hexadecimal.
    wrapped: String,
    begun_at: Timestamp,
}

/// A place where a copy was put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotedCopy {
    path: PathBuf,
    state: CopyState,
    /// The SHA-256 of what was put there last, in hexadecimal; nothing while it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// The mark that lies beside it there: two disks at one place may hold the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
}

impl NotedCopy {
    fn is_there(&self, digest: Option<&String>, mark: Option<&String>) -> bool {
        // Noted by an earlier build, or while it was written, it has no mark; a disk that was copied whole has its original's.
        let is_another = self.mark.is_some() && mark.is_some() && self.mark.as_ref() != mark;
        digest.is_some() && !is_another && self.digest.as_ref().is_none_or(|own| digest == Some(own))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CopyState {
    /// It may lie there, or not yet.
    Begun,
    Put,
    /// It lay there, and when it was to be replaced it did not, or something else did.
    Lost,
    /// Somebody said that it is no more.
    Gone,
}

/// Whether nothing is there. What cannot be told is no proof of it.
fn path_is_gone(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}

/// The SHA-256 of a file in hexadecimal; nothing where it is not there or cannot be read.
fn digest_of(path: &Path) -> Option<String> {
    fs::read(path).ok().map(|read| hex(&sha256(&read)))
}

/// Beside a copy: which of the disks that were ever at its place this is.
fn mark_file(copy: &Path) -> PathBuf {
    let is_taken = copy.extension().is_some_and(|extension| extension == "mark");
    copy.with_extension(if is_taken { "mark.mark" } else { "mark" })
}

fn mark_of(copy: &Path) -> Option<String> {
    let path = mark_file(copy);
    let is_one = fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() <= MOST_OF_MARK);
    if is_one && copy.exists() { fs::read_to_string(path).ok() } else { None }
}

/// The epochs that live.
#[derive(Clone, Debug)]
pub struct Epochs {
    live: BTreeMap<EpochId, EpochKey>,
    /// When the current one began.
    begun_at: Option<Timestamp>,
    first_begun_at: Option<Timestamp>,
    last: u32,
}

/// Held by whoever makes keys or changes the shelf; let go when it is dropped.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl Epochs {
    /// The one that wraps from now on.
    pub fn current(&self) -> Option<&EpochKey> {
        self.live.last_key_value().map(|(_, key)| key)
    }

    pub fn get(&self, epoch: EpochId) -> Result<&EpochKey, Error> {
        self.live.get(&epoch).ok_or(Error::NoEpoch(epoch.0))
    }

    pub fn first_begun_at(&self) -> Option<Timestamp> {
        self.first_begun_at
    }

    pub fn begun_at(&self) -> Option<Timestamp> {
        self.begun_at
    }

    pub fn ids(&self) -> impl Iterator<Item = EpochId> {
        self.live.keys().copied()
    }

    /// The highest epoch there ever was.
    pub fn last(&self) -> u32 {
        self.last
    }

    /// Those before the current one.
    pub fn older(&self) -> Vec<EpochId> {
        self.live.keys().rev().skip(1).rev().copied().collect()
    }
}

/// All of a file or nothing, whenever it is interrupted.
fn put(path: &Path, temporary: &Path, bytes: &[u8]) -> std::io::Result<()> {
    drop(fs::remove_file(temporary)); // A link that lies there is not followed.
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

impl Shelf {
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Shelf(path.into(), None, Wraps::Beside)
    }

    /// Whose key store is on a server: it belongs to one data directory, and its ledger says to which.
    #[must_use]
    pub fn of_server(self) -> Self {
        Shelf(self.0, self.1, Wraps::Server)
    }

    /// What tells it from its copies; nothing where nothing has to, or where this is a copy.
    pub(super) fn id(&self) -> Result<Option<String>, Error> {
        if self.2 == Wraps::Beside {
            return Ok(None);
        }
        let path = self.id_file();
        match fs::read_to_string(&path) {
            Ok(read) => Ok(Some(read.trim().to_owned())),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(Shelf::at(path).failed(&why)),
        }
    }

    /// The same, made where there is none; nothing where none is wanted.
    pub(super) fn id_made(&self, entropy: &dyn Entropy) -> Result<Option<String>, Error> {
        let known = self.id()?;
        if self.2 == Wraps::Beside || known.is_some() {
            return Ok(known);
        }
        let id = entropy.token::<16>();
        let own = self.0.with_extension(format!("{ID}.{id}"));
        let lay = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&own)?;
            file.write_all(format!("{id}\n").as_bytes())?;
            file.sync_all()?;
            // Root only looked: the file is whose the folder is, or the program that serves could not read it.
            if let Some(folder) = self.0.parent().map(fs::metadata).transpose()?
                && folder.uid() != file.metadata()?.uid()
            {
                std::os::unix::fs::fchown(&file, Some(folder.uid()), Some(folder.gid()))?;
            }
            // Of two programs that begin at once the first one's stays.
            let laid = fs::hard_link(&own, self.id_file());
            fs::remove_file(&own)?;
            match laid {
                Err(why) if why.kind() != std::io::ErrorKind::AlreadyExists => Err(why),
                _ => self.0.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all()),
            }
        };
        lay().map_err(|why| self.failed(&why))?;
        self.id()
    }

    pub(super) fn is_of_server(&self) -> bool {
        self.2 == Wraps::Server
    }

    fn id_file(&self) -> PathBuf {
        self.0.with_extension(ID)
    }

    /// Whose one copy lies here, replaced by the next good backup after an epoch ended.
    #[must_use]
    pub fn with_copy(self, copy: Option<PathBuf>) -> Self {
        Shelf(self.0, copy, self.2)
    }

    /// Whether its copy holds no key of an epoch that ended here. A copy that is not there, or cannot be read, may lie on a disk that is
    /// away, and holds what it held.
    pub fn is_copy_of_now(&self) -> bool {
        self.1.as_ref().is_none_or(|copy| self.ended_in(copy).is_ok_and(|ended| ended.is_empty()))
    }

    /// Remembers that a copy of it is put there, before it is. Where one was put there and is not there any more, or something else is, that
    /// one lies elsewhere: on a disk that was changed for another, or nowhere, which only who changed it can say. One that comes back is
    /// found again, and replaced.
    pub fn note_copy(&self, copy: &Path) -> Result<(), Error> {
        let mut noted = self.copies()?;
        let (digest, mark) = (digest_of(copy), mark_of(copy));
        noted.retain(|one| {
            // One that bore a mark bears it still, or nobody can tell that it is this one.
            let is_known = if one.mark.is_some() { one.mark == mark } else { one.digest.is_some() };
            let is_back =
                one.state == CopyState::Lost && is_known && one.is_there(digest.as_ref(), mark.as_ref());
            !(one.path == copy && is_back)
        });
        for one in noted.iter_mut().filter(|one| one.path == copy && one.state == CopyState::Put) {
            if one.is_there(digest.as_ref(), mark.as_ref()) {
                one.digest = None;
            } else {
                one.state = CopyState::Lost;
                // The file alone went, or a copy of the whole disk came: what is put there now is another.
                if !copy.exists() || one.mark == mark {
                    drop(fs::remove_file(mark_file(copy)));
                }
            }
        }
        noted.retain(|one| one.path != copy || matches!(one.state, CopyState::Lost | CopyState::Put));
        if !noted.iter().any(|one| one.path == copy && one.state == CopyState::Put) {
            noted.push(NotedCopy {
                path: copy.to_owned(),
                state: CopyState::Begun,
                digest: None,
                mark: None,
            });
        }
        self.write_copies(&noted)
    }

    /// The copy that was begun there lies there.
    pub fn note_put(&self, copy: &Path, entropy: &dyn Entropy) -> Result<(), Error> {
        let mark = match mark_of(copy) {
            Some(mark) => mark,
            None => {
                let made = entropy.token::<16>();
                let path = mark_file(copy);
                put(&path, &path.with_extension("mark.new"), made.as_bytes())
                    .map_err(|why| Shelf::at(&path).failed(&why))?;
                made
            }
        };
        let mut noted = self.copies()?;
        let is_it =
            |one: &&mut NotedCopy| one.path == copy && matches!(one.state, CopyState::Begun | CopyState::Put);
        for one in noted.iter_mut().filter(is_it) {
            (one.state, one.digest, one.mark) = (CopyState::Put, digest_of(copy), Some(mark.clone()));
        }
        self.write_copies(&noted)
    }

    /// Where copies were put before, of which nobody has said that they are no more, or that are there all the same, and that may open what
    /// ended here: no backup replaces them.
    pub fn earlier_copies(&self) -> Result<Vec<PathBuf>, Error> {
        let opens = |path: &Path| self.ended_in(path).map_or(!path_is_gone(path), |ended| !ended.is_empty());
        let may_open = |one: &NotedCopy| {
            let is_current = self.1.as_ref().is_some_and(|copy| *copy == one.path);
            match one.state {
                CopyState::Lost => true,
                CopyState::Begun | CopyState::Put => {
                    !is_current && !self.ended_in(&one.path).is_ok_and(|ended| ended.is_empty())
                }
                CopyState::Gone => !is_current && opens(&one.path),
            }
        };
        let noted = self.copies()?.into_iter();
        Ok(noted.filter(may_open).map(|one| one.path).collect())
    }

    /// Whether a copy at this place was lost: another lies there now, or none.
    pub fn is_lost(&self, copy: &Path) -> Result<bool, Error> {
        Ok(self.copies()?.iter().any(|one| one.path == copy && one.state == CopyState::Lost))
    }

    /// One of them is no more, the one that was lost first if some were. The place is still looked at.
    pub fn forget_copy(&self, copy: &Path) -> Result<(), Error> {
        let mut noted = self.copies()?;
        if let Some(first) = noted.iter().position(|one| one.path == copy && one.state == CopyState::Lost) {
            noted.remove(first);
        } else {
            for one in noted.iter_mut().filter(|one| one.path == copy) {
                one.state = CopyState::Gone;
            }
        }
        self.write_copies(&noted)
    }

    fn copies(&self) -> Result<Vec<NotedCopy>, Error> {
        let path = self.0.with_extension(COPIES);
        match fs::read(&path) {
            Ok(read) => serde_json::from_slice(&read).map_err(|_| {
                Error::Shelf(format!("{} was changed or is damaged: {DAMAGED_COPIES}", path.display()))
            }),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(why) => Err(self.failed(&why)),
        }
    }

    fn write_copies(&self, noted: &[NotedCopy]) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(noted)
            .map_err(|_| Error::Shelf("the name of a copy of it is not UTF-8".to_owned()))?;
        let path = self.0.with_extension(COPIES);
        put(&path, &self.0.with_extension("copies.new"), &bytes).map_err(|why| self.failed(&why))
    }

    /// Reads and unwraps what is there; an empty shelf where there is no file.
    pub fn read(&self, root: &dyn RootKey) -> Result<Epochs, Error> {
        let text = self.text()?;
        let mut live = BTreeMap::new();
        for entry in &text.epochs {
            if entry.root != root.id() {
                return Err(Error::OtherRoot { wanted: entry.root.clone(), found: root.id() });
            }
            let wrapped = decode_hex(&entry.wrapped).ok_or_else(|| self.damaged())?;
            let key = EpochKey::unwrap(entry.epoch, &wrapped, root)?;
            live.insert(entry.epoch, key);
        }
        self.check_seal(&text, root)?;
        let (first, last) = (text.epochs.first(), text.epochs.last());
        Ok(Epochs {
            live,
            begun_at: last.map(|entry| entry.begun_at),
            first_begun_at: first.map(|entry| entry.begun_at),
            last: text.last,
        })
    }

    /// Held by a second program while it makes keys: no epoch begins or ends meanwhile, so none takes a key with it.
    pub fn hold(&self) -> Result<Hold, Error> {
        let file = self.lock_file()?;
        file.lock_shared().map_err(|why| self.failed(&why))?;
        Ok(Hold(file))
    }

    /// For a rotation; nothing while another program holds the shelf.
    pub fn alone(&self) -> Result<Option<Hold>, Error> {
        let file = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Hold(file))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(why)) => Err(self.failed(&why)),
        }
    }

    fn lock_file(&self) -> Result<File, Error> {
        let path = self.0.with_extension("lock");
        let opened = OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(path);
        opened.map_err(|why| self.failed(&why))
    }

    /// Begins the next epoch and keeps its key before anything is wrapped with it.
    pub fn begin(&self, root: &dyn RootKey, entropy: &dyn Entropy, now: Timestamp) -> Result<EpochId, Error> {
        let mut text = self.text()?;
        self.check_seal(&text, root)?;
        let id = EpochId(text.last.checked_add(1).ok_or_else(|| self.damaged())?);
        let key = EpochKey::generate(id, entropy);
        let wrapped = hex(&key.wrapped(root, entropy)?);
        text.last = id.0;
        text.epochs.push(Entry { epoch: id, root: root.id(), wrapped, begun_at: now });
        self.write(text, root, entropy)?;
        Ok(id)
    }

    /// Destroys the keys of epochs. The old file is written over in place once the new one has its name, so that its
    /// blocks do not go on holding them; what a device or its file system keeps beside that, only its owner can say.
    pub fn destroy(
        &self,
        epochs: &[EpochId],
        root: &dyn RootKey,
        entropy: &dyn Entropy,
    ) -> Result<(), Error> {
        self.tidy_up()?;
        let mut text = self.text()?;
        self.check_seal(&text, root)?;
        text.epochs.retain(|entry| !epochs.contains(&entry.epoch));
        // A second name keeps the old blocks within reach.
        fs::hard_link(&self.0, self.old()).map_err(|why| self.failed(&why))?;
        self.write(text, root, entropy)?;
        self.tidy_up()
    }

    /// Which root key wrapped what is there; nothing where there is nothing.
    pub fn wrapped_by(&self) -> Result<Option<String>, Error> {
        Ok(self.text()?.epochs.first().map(|entry| entry.root.clone()))
    }

    /// Wraps the keys of all epochs with another root key: in one file that takes the place of the one before, whose blocks are written
    /// over. So it is all of it or nothing, whenever it is interrupted.
    pub(super) fn move_to(
        &self,
        to: &dyn RootKey,
        from: &dyn RootKey,
        entropy: &dyn Entropy,
    ) -> Result<(), Error> {
        self.tidy_up()?;
        let mut text = self.text()?;
        self.check_seal(&text, from)?;
        for entry in &mut text.epochs {
            if entry.root != from.id() {
                return Err(Error::OtherRoot { wanted: entry.root.clone(), found: from.id() });
            }
            let wrapped = decode_hex(&entry.wrapped).ok_or_else(|| self.damaged())?;
            let key = EpochKey::unwrap(entry.epoch, &wrapped, from)?;
            entry.wrapped = hex(&key.wrapped(to, entropy)?);
            entry.root = to.id();
        }
        fs::hard_link(&self.0, self.old()).map_err(|why| self.failed(&why))?;
        self.write(text, to, entropy)?;
        self.tidy_up()
    }

    /// Finishes a destruction that was interrupted.
    pub fn tidy_up(&self) -> Result<(), Error> {
        let old = self.old();
        let Ok(left) = fs::metadata(&old) else { return Ok(()) };
        let same = fs::metadata(&self.0).is_ok_and(|now| now.ino() == left.ino());
        let wipe = || -> std::io::Result<()> {
            // Interrupted before the new file had its name: the two are one, and it is still needed.
            if !same {
                let mut file = OpenOptions::new().write(true).open(&old)?;
                file.write_all(&vec![0; usize::try_from(left.len()).unwrap_or(0)])?;
                file.sync_all()?;
            }
            fs::remove_file(&old)
        };
        wipe().map_err(|why| self.failed(&why))
    }

    fn old(&self) -> PathBuf {
        self.0.with_extension("old")
    }

    fn text(&self) -> Result<Text, Error> {
        let read = match fs::read_to_string(&self.0) {
            Ok(read) => read,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Text {
                    kind: KIND.to_owned(),
                    version: VERSION,
                    last: 0,
                    epochs: Vec::new(),
                    sealed: None,
                });
            }
            Err(why) => return Err(self.failed(&why)),
        };
        let text: Text = serde_json::from_str(&read).map_err(|_| self.damaged())?;
        let ordered = text.epochs.windows(2).all(|two| matches!(two, [a, b] if a.epoch < b.epoch));
        let within = text.epochs.iter().all(|entry| entry.epoch.0 <= text.last);
        let known = text.kind == KIND
            && matches!((text.version, &text.sealed), (UNSEALED, None) | (VERSION, Some(_)));
        if !(known && ordered && within && text.epochs.len() <= MOST_EPOCHS) {
            return Err(self.damaged());
        }
        Ok(text)
    }

    /// Whether it is of the first form.
    pub fn is_unsealed(&self) -> Result<bool, Error> {
        Ok(self.text()?.version == UNSEALED)
    }

    /// Puts the seal on a shelf of the first form.
    pub fn seal(&self, root: &dyn RootKey, entropy: &dyn Entropy) -> Result<(), Error> {
        let text = self.text()?;
        self.write(text, root, entropy)
    }

    fn check_seal(&self, text: &Text, root: &dyn RootKey) -> Result<(), Error> {
        let Some(sealed) = &text.sealed else {
            // Nothing there yet; one without a seal is sealed before it is read (`seal_shelf`).
            let is_empty = text.epochs.is_empty() && text.last == 0;
            return if is_empty { Ok(()) } else { Err(self.damaged()) };
        };
        let wrapped = decode_hex(sealed).ok_or_else(|| self.damaged())?;
        let digest = root.unwrap(&wrapped, SEAL_PLACE).map_err(|why| match why {
            away @ storeward_seal::Error::Away(_) => Error::Seal(away),
            _ => self.damaged(),
        })?;
        if equal(digest.expose(), text.digest().expose()) { Ok(()) } else { Err(self.damaged()) }
    }

    fn write(&self, mut text: Text, root: &dyn RootKey, entropy: &dyn Entropy) -> Result<(), Error> {
        text.version = VERSION;
        text.sealed = Some(hex(&root.wrap(&text.digest(), SEAL_PLACE, entropy)?));
        let bytes = serde_json::to_vec_pretty(&text).expect("words and numbers are JSON");
        put(&self.0, &self.0.with_extension("new"), &bytes).map_err(|why| self.failed(&why))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    fn failed(&self, why: &std::io::Error) -> Error {
        Error::Shelf(format!("{}: {why}", self.0.display()))
    }

    pub(super) fn damaged(&self) -> Error {
        Error::Shelf(format!("{} was changed or is damaged; restore it from its copy", self.0.display()))
    }
}
