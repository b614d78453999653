//! Asking a breach list.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use storeward_base::{Secret, Timestamp};

use super::format::{Bits, Entry, HEADER_BYTES, Header};
use super::{key, sha1};
use crate::Error;

/// A breach list, open. Keeps its index in memory (half a megabyte for two thousand million passwords); a question
/// reads one shard from the file, so ask from a thread that may block.
#[derive(Debug)]
pub struct BreachList {
    file: File,
    header: Header,
    entries: Vec<Entry>,
}

impl BreachList {
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| Error::File(error.kind()))?;
        let length = file.metadata().map_err(|error| Error::File(error.kind()))?.len();
        let mut bytes = [0; HEADER_BYTES];
        if length < HEADER_BYTES as u64 {
            return Err(Error::Form(
                "the file is no breach list; build one with: storeward breach-list build",
            ));
        }
        read(&file, &mut bytes, 0)?;
        let header = Header::parse(&bytes, length)?;
        // At most 4.7 MB: the header has bounded the number of shards.
        let mut index = vec![0; usize::try_from(header.index_bytes()).map_err(|_| Error::Cost)?];
        read(&file, &mut index, header.index_at)?;
        if !header.fits(&bytes, &index) {
            return Err(Error::Form("the breach list is damaged; build it again"));
        }
        let entries = Entry::parse_all(&index, &header)?;
        Ok(BreachList { file, header, entries })
    }

    /// Whether the password is in the list. Says yes to some that are not, see [`BreachList::false_positive_rate`]; never
    /// no to one that is.
    pub fn contains(&self, password: &Secret<String>) -> Result<bool, Error> {
        self.contains_key(key(&sha1(password)))
    }

    fn contains_key(&self, key: u64) -> Result<bool, Error> {
        let after = self.entries.partition_point(|entry| entry.first_key <= key);
        let Some(entry) = after.checked_sub(1).and_then(|at| self.entries.get(at)) else { return Ok(false) };
        let length = usize::try_from(entry.bytes(self.header.bits)).map_err(|_| Error::Cost)?;
        let mut shard = vec![0; length];
        read(&self.file, &mut shard, entry.at)?;
        entry.contains(key, &shard, self.header.bits)
    }

    /// Passwords in it.
    pub fn passwords(&self) -> u64 {
        self.header.keys
    }

    pub fn bits(&self) -> Bits {
        self.header.bits
    }

    pub fn false_positive_rate(&self) -> f64 {
        self.header.bits.false_positive_rate()
    }

    /// Only passwords that were seen so often went in.
    pub fn least_count(&self) -> u32 {
        self.header.least_count
    }

    pub fn built_at(&self) -> Timestamp {
        self.header.built_at
    }

    pub fn size_bytes(&self) -> u64 {
        self.header.length
    }
}

fn read(file: &File, bytes: &mut [u8], at: u64) -> Result<(), Error> {
    file.read_exact_at(bytes, at).map_err(|error| Error::File(error.kind()))
}
