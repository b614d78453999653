//! Building a breach list from a text of SHA-1 hashes, one a line, in order: `HASH` or `HASH:count`, as Have I Been
//! Pwned's downloader writes it. Reads it once, from front to back, and holds one shard in memory (some 15 MB).

use std::fs::{self, File};
use std::io::{BufRead, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use storeward_base::Timestamp;

use super::format::{Bits, Entry, HEADER_BYTES, Header, shard};
use super::key;
use crate::Error;

/// Longest line that is read: a hash, a colon and a count have 61 characters at most.
const MOST_LINE_BYTES: u64 = 256;
/// How often progress is told, in lines.
const TELL_EVERY: u64 = 65_536;

/// How a list is built.
#[derive(Clone, Copy, Debug)]
pub struct BuildOptions {
    pub bits: Bits,
    /// Leave out passwords that were seen less often. Lines without a count count as one.
    pub least_count: u32,
    /// Passwords in one shard.
    pub shard_keys: usize,
    pub now: Timestamp,
}

impl BuildOptions {
    pub fn new(now: Timestamp) -> Self {
        BuildOptions { bits: Bits::Sixteen, least_count: 1, shard_keys: 1 << 18, now }
    }
}

/// What was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    pub lines: u64,
    pub passwords: u64,
    pub size_bytes: u64,
}

/// Reads `source` and writes the list to `target`, which it replaces only when all is well. `progress` is told now and
/// then how many bytes and lines were read.
pub fn build(
    source: impl BufRead,
    target: &Path,
    options: &BuildOptions,
    progress: impl FnMut(u64, u64),
) -> Result<Built, Error> {
    let part = part_of(target);
    let built = write(source, &part, options, progress);
    match built {
        Ok(built) => {
            fs::rename(&part, target).map_err(|error| Error::File(error.kind()))?;
            Ok(built)
        }
        Err(error) => {
            // It may not even be there.
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

fn part_of(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    target.with_file_name(name)
}

fn write(
    mut source: impl BufRead,
    part: &Path,
    options: &BuildOptions,
    mut progress: impl FnMut(u64, u64),
) -> Result<Built, Error> {
    let mut writer = Writer::new(part, options)?;
    let mut line = Vec::new();
    let (mut lines, mut bytes, mut before) = (0u64, 0u64, None);
    loop {
        line.clear();
        let read = source
            .by_ref()
            .take(MOST_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(|error| Error::File(error.kind()))?;
        if read == 0 {
            break;
        }
        (lines, bytes) = (lines + 1, bytes + read as u64);
        if lines.is_multiple_of(TELL_EVERY) {
            progress(bytes, lines);
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let fault = |what| Error::Line { number: lines, what };
        let (hash, count) = parse(text).ok_or(fault("is no SHA-1 hash in hexadecimal with its count"))?;
        if before.is_some_and(|before| before > hash) {
            return Err(fault("stands before the one above it; sort the list first: LC_ALL=C sort FILE"));
        }
        before = Some(hash);
        if count >= options.least_count {
            writer.push(key(&hash))?;
        }
    }
    progress(bytes, lines);
    writer.finish(lines)
}

/// A line without its end.
fn parse(text: &[u8]) -> Option<([u8; 20], u32)> {
    let (digits, rest) = text.split_at_checked(40)?;
    let mut hash = [0; 20];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let nibble = |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = nibble(pair.first()?)? << 4 | nibble(pair.get(1)?)?;
    }
    let count = match rest.split_first() {
        None => 1,
        Some((b':', digits)) => crate::argon::digits::<u64>(std::str::from_utf8(digits).ok()?)?,
        Some(_) => return None,
    };
    Some((hash, u32::try_from(count).unwrap_or(u32::MAX)))
}

/// The file while it grows.
struct Writer<'a> {
    file: BufWriter<File>,
    options: &'a BuildOptions,
    at: u64,
    keys: Vec<u64>,
    all_keys: u64,
    index: Vec<u8>,
    shards: u32,
}

impl<'a> Writer<'a> {
    fn new(part: &Path, options: &'a BuildOptions) -> Result<Self, Error> {
        let mut file = BufWriter::new(File::create(part).map_err(|error| Error::File(error.kind()))?);
        file.write_all(&[0; HEADER_BYTES]).map_err(|error| Error::File(error.kind()))?;
        Ok(Writer {
            file,
            options,
            at: HEADER_BYTES as u64,
            keys: Vec::new(),
            all_keys: 0,
            index: Vec::new(),
            shards: 0,
        })
    }

    /// Keys come in order; one that was there before is left out.
    fn push(&mut self, key: u64) -> Result<(), Error> {
        if self.keys.last() == Some(&key) {
            return Ok(());
        }
        if self.keys.len() >= self.options.shard_keys {
            self.end_shard()?;
        }
        self.keys.push(key);
        self.all_keys += 1;
        Ok(())
    }

    fn end_shard(&mut self) -> Result<(), Error> {
        let (entry, bytes): (Entry, Vec<u8>) = shard(&self.keys, self.options.bits, self.at)?;
        self.file.write_all(&bytes).map_err(|error| Error::File(error.kind()))?;
        entry.write(&mut self.index);
        self.at += bytes.len() as u64;
        self.shards += 1;
        self.keys.clear();
        Ok(())
    }

    fn finish(mut self, lines: u64) -> Result<Built, Error> {
        if !self.keys.is_empty() {
            self.end_shard()?;
        }
        if self.all_keys == 0 {
            return Err(Error::Form("there is no password in it"));
        }
        let length = self.at + self.index.len() as u64;
        let header = Header {
            bits: self.options.bits,
            keys: self.all_keys,
            shards: self.shards,
            least_count: self.options.least_count,
            built_at: self.options.now,
            index_at: self.at,
            length,
            checksum: [0; 32],
        };
        let head = header.to_bytes(&self.index);
        let done = self
            .file
            .write_all(&self.index)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(&head))
            .and_then(|()| self.file.flush())
            .and_then(|()| self.file.get_ref().sync_all());
        done.map_err(|error| Error::File(error.kind()))?;
        Ok(Built { lines, passwords: self.all_keys, size_bytes: length })
    }
}
