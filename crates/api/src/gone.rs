//! Ids of revoked keys, where whoever writes the database cannot undo them: a file beside the key files, `revoked-api-keys`.
//!
//! One line for each id, with a tag over it; `bound` says that keys of a version without tags were given theirs. A line is on disk
//! before the revocation is committed, so what was answered as revoked stays so, whatever becomes of rows and of the ledger's columns.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use storeward_base::ApiKeyId;
use storeward_seal::encoding::{decode_hex, hex};
use storeward_seal::{RowKey, TAG_BYTES};
use storeward_store::Error;

/// Names what stands on a line.
const LABEL: &str = "api_key_gone/1";
const BOUND: &str = "bound";
/// Some 250,000 ids. A shop has 500 keys at most at once; nothing that is not signed comes in here.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// What the file says, as far as it was read.
#[derive(Default)]
struct Said {
    print: Print,
    ids: HashSet<ApiKeyId>,
    is_bound: bool,
}

/// By what a file that changed is told from one that was read: a copy that was put back, and one that was written over in its place with as
/// many bytes, are others. All zero for one that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Print {
    device: u64,
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds of the last write, and of the last change of anything, which nobody sets back.
    written: (i64, i64),
    changed: (i64, i64),
}

impl Print {
    fn of(found: &fs::Metadata) -> Self {
        Print {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            written: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

/// The file. Several programs may have it open: the one that serves, and the operator's words beside it.
pub struct Gone {
    path: PathBuf,
    by: RowKey,
    said: Mutex<Said>,
}

impl Gone {
    pub fn at(path: PathBuf, by: RowKey) -> Self {
        Gone { path, by, said: Mutex::default() }
    }

    /// Whether a key was revoked, as the file stands now.
    pub fn has(&self, id: ApiKeyId) -> Result<bool, Error> {
        self.read(|said| said.ids.contains(&id))
    }

    /// Whether keys without a tag are taken no more.
    pub fn is_bound(&self) -> Result<bool, Error> {
        self.read(|said| said.is_bound)
    }

    /// Durable when it returns. Those that are there already are left as they are.
    pub fn add(&self, ids: &[ApiKeyId]) -> Result<(), Error> {
        let new =
            self.read(|said| ids.iter().filter(|id| !said.ids.contains(id)).copied().collect::<Vec<_>>())?;
        self.append(&new.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    pub fn set_bound(&self) -> Result<(), Error> {
        if self.is_bound()? { Ok(()) } else { self.append(&[BOUND.to_owned()]) }
    }

    fn read<T>(&self, look: impl FnOnce(&Said) -> T) -> Result<T, Error> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let print = match fs::metadata(&self.path) {
            Ok(found) => Print::of(&found),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Print::default(),
            Err(why) => return Err(self.failed(&why)),
        };
        if print != said.print {
            // Of before it is read: what is written meanwhile makes another one.
            *said = self.parse(print)?;
        }
        Ok(look(&said))
    }

    fn parse(&self, print: Print) -> Result<Said, Error> {
        if print.length == 0 {
            return Ok(Said { print, ..Said::default() });
        }
        let mut text = String::new();
        let opened = File::open(&self.path).map_err(|why| self.failed(&why))?;
        opened.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(|why| self.failed(&why))?;
        if u64::try_from(text.len()).map_or(true, |length| length > MOST_BYTES) {
            return Err(self.damaged());
        }
        let mut said = Said { print, ..Said::default() };
        for line in text.split_inclusive('\n') {
            let whole = line.strip_suffix('\n');
            match self.word_of(whole.unwrap_or(line)) {
                Some(BOUND) => said.is_bound = true,
                Some(id) => {
                    said.ids.insert(id.parse().map_err(|_| self.damaged())?);
                }
                // A last line without its end was never answered: the power failed while it was written.
                None if whole.is_none() && is_half(line) => {}
                // Which key a changed line was of nobody knows: none is taken for good until the file is put right.
                None => return Err(self.damaged()),
            }
        }
        Ok(said)
    }

    /// What a line says, where its tag fits.
    fn word_of<'a>(&self, line: &'a str) -> Option<&'a str> {
        let (word, tag) = line.split_once(' ')?;
        self.by.fits(Some(&decode_hex(tag)?), LABEL, &[word.as_bytes()]).then_some(word)
    }

    fn append(&self, words: &[String]) -> Result<(), Error> {
        if words.is_empty() {
            return Ok(());
        }
        let line = |word: &String| {
            let tag = hex(&self.by.tag(LABEL, &[word.as_bytes()]));
            format!("{word} {tag}\n")
        };
        let lines: String = words.iter().map(line).collect();
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .mode(0o600)
                .open(&self.path)?;
            file.lock()?;
            let mut there = String::new();
            (&mut file).take(MOST_BYTES + 1).read_to_string(&mut there)?;
            // Behind the last whole line: half of one would spoil the next.
            let (whole, rest) = there.split_at(there.rfind('\n').map_or(0, |at| at + 1));
            let kept = if self.word_of(rest).is_some() { format!("{rest}\n") } else { String::new() };
            let (whole, lines) = (whole.len(), format!("{kept}{lines}"));
            // What could not be read afterwards is not written: those that are there would be worth nothing.
            if u64::try_from(whole + lines.len()).map_or(true, |length| length > MOST_BYTES) {
                return Err(io::Error::other("it is full: this many keys were never made here"));
            }
            file.seek(SeekFrom::Start(u64::try_from(whole).map_err(io::Error::other)?))?;
            file.write_all(lines.as_bytes())?;
            file.set_len(u64::try_from(whole + lines.len()).map_err(io::Error::other)?)?;
            file.sync_all()?;
            self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        };
        write().map_err(|why| self.failed(&why))
    }

    fn failed(&self, why: &io::Error) -> Error {
        Error::Open(format!("{}: {why}", self.path.display()))
    }

    fn damaged(&self) -> Error {
        Error::Open(format!(
            "{} was changed or is damaged; put back the copy of it that you keep with the other files of keys/. Until then \
             no key is good",
            self.path.display()
        ))
    }
}

/// Whether a line breaks off before its tag ends.
fn is_half(line: &str) -> bool {
    line.split_once(' ').is_none_or(|(_, tag)| tag.len() < 2 * TAG_BYTES)
}

#[cfg(test)]
mod tests {
    use storeward_base::SeededEntropy;
    use storeward_seal::DataKey;

    use super::*;

    fn gone(path: &std::path::Path) -> Gone {
        Gone::at(path.to_owned(), DataKey::generate(&SeededEntropy::new(1)).row_key("api_key"))
    }

    fn id(number: u128) -> ApiKeyId {
        ApiKeyId::from_bits(number)
    }

    #[test]
    fn what_is_in_the_file_is_there_for_every_program_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revoked-api-keys");
        let (one, other) = (gone(&path), gone(&path));
        assert!(!one.has(id(1)).unwrap() && !one.is_bound().unwrap());
        one.add(&[id(1)]).unwrap();
        assert!(other.has(id(1)).unwrap() && !other.has(id(2)).unwrap());
        other.add(&[id(1), id(2)]).unwrap();
        other.set_bound().unwrap();
        other.set_bound().unwrap();
        assert!(one.has(id(2)).unwrap() && one.is_bound().unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
    }

    #[test]
    fn half_a_line_was_never_answered_and_spoils_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revoked-api-keys");
        gone(&path).add(&[id(1), id(2)]).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let torn = gone(&path);
            // All but its end is a whole one.
            let is_there = length + 1 >= whole.len();
            assert_eq!(torn.has(id(2)).unwrap(), is_there, "{length}");
            torn.add(&[id(3)]).unwrap();
            assert!(torn.has(id(3)).unwrap() && gone(&path).has(id(3)).unwrap(), "{length}");
            assert_eq!(gone(&path).has(id(2)).unwrap(), is_there, "{length}");
        }
    }

    #[test]
    fn a_changed_line_is_found_and_no_key_is_good_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revoked-api-keys");
        gone(&path).add(&[id(1), id(2)]).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(gone(&path).has(id(9)).is_err(), "{at}");
        }
    }

    // Known by its length alone, a file that was changed in its place, or put back, went on being what it had been.
    #[test]
    fn a_file_of_the_same_length_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("revoked-api-keys"), folder.path().join("aside"));
        let known = gone(&path);
        known.add(&[id(1)]).unwrap();
        assert!(known.has(id(1)).unwrap());
        gone(&aside).add(&[id(2)]).unwrap();
        assert_eq!(fs::metadata(&aside).unwrap().len(), fs::metadata(&path).unwrap().len());
        fs::rename(&aside, &path).unwrap();
        assert!(known.has(id(2)).unwrap() && !known.has(id(1)).unwrap());
        // Written over in its place, and its time set back.
        let mut changed = fs::read(&path).unwrap();
        let was = fs::metadata(&path).unwrap().modified().unwrap();
        let last = changed.len() - 2;
        changed[last] ^= 1;
        // The clock of the file system moves in steps of some milliseconds.
        let before = Print::of(&fs::metadata(&path).unwrap());
        while Print::of(&fs::metadata(&path).unwrap()) == before {
            fs::write(&path, &changed).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(was).unwrap();
        }
        assert!(known.has(id(2)).is_err());
    }
}
