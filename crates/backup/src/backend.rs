//! A place as `rustic_core` wants it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};

use crate::Error;
use crate::place::Place;

/// Read at once of a far place. A file of a database has its pieces of 16 KiB in as many packs as it was put away at different times, and
/// in each of them they lie in the file's order: whatever is read next of a pack lies behind what was read last.
const AT_ONCE: u64 = 512 * 1024;
/// Kept of it in memory, the least used goes first: of so many packs a file may be made with hardly anything read twice.
const KEPT: usize = 192;

pub(crate) struct Backend {
    place: Arc<dyn Place>,
    kept: Mutex<VecDeque<Part>>,
    lengths: Mutex<HashMap<Id, u64>>,
}

/// Of a pack.
#[derive(Clone)]
struct Part {
    pack: Id,
    offset: u64,
    bytes: Bytes,
}

impl Part {
    fn slice(&self, pack: &Id, offset: u64, length: usize) -> Option<Bytes> {
        let start = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        let end = start.checked_add(length)?;
        (self.pack == *pack && end <= self.bytes.len()).then(|| self.bytes.slice(start..end))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Backend {
    pub(crate) fn new(place: Arc<dyn Place>) -> Self {
        Backend { place, kept: Mutex::default(), lengths: Mutex::default() }
    }

    /// A part of a pack, and what lies behind it: one trip is as dear as some hundred kilobytes.
    fn read_ahead(&self, pack: &Id, offset: u64, length: usize) -> Result<Bytes, Error> {
        if let Some(found) = self.known(pack, offset, length) {
            return Ok(found);
        }
        let name = name(FileType::Pack, pack);
        let end = self.length_of(pack, &name)?.min(offset.saturating_add(AT_ONCE));
        let more = usize::try_from(end.saturating_sub(offset)).unwrap_or(length);
        if more <= length {
            return self.place.read_part(&name, offset, length);
        }
        let part = Part { pack: *pack, offset, bytes: self.place.read_part(&name, offset, more)? };
        let wanted = part.slice(pack, offset, length);
        let mut kept = locked(&self.kept);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(part);
        wanted.ok_or_else(|| Error::Damaged(format!("{name} is shorter than it should be")))
    }

    fn known(&self, pack: &Id, offset: u64, length: usize) -> Option<Bytes> {
        let mut kept = locked(&self.kept);
        let found = kept.iter().rposition(|part| part.slice(pack, offset, length).is_some())?;
        let part = kept.remove(found)?;
        let bytes = part.slice(pack, offset, length);
        kept.push_back(part);
        bytes
    }

    fn length_of(&self, pack: &Id, name: &str) -> Result<u64, Error> {
        let known = locked(&self.lengths).get(pack).copied();
        if let Some(length) = known {
            return Ok(length);
        }
        let length = self.place.length(name)?.unwrap_or(0);
        locked(&self.lengths).insert(*pack, length);
        Ok(length)
    }
}

/// Where a file lies: restic's own layout (restic, "Repository Format").
pub(crate) fn name(kind: FileType, id: &Id) -> String {
    let hex = id.to_hex();
    let hex = hex.as_str();
    match kind {
        FileType::Config => "config".to_owned(),
        FileType::Pack => format!("data/{}/{hex}", hex.get(..2).unwrap_or_default()),
        FileType::Index | FileType::Key | FileType::Snapshot => format!("{}/{hex}", kind.dirname()),
    }
}

fn told(error: Error) -> Box<RusticError> {
    RusticError::with_source(ErrorKind::Backend, "the target failed", error)
}

impl ReadBackend for Backend {
    fn location(&self) -> String {
        self.place.shown()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let short = |length: u64| u32::try_from(length).unwrap_or(u32::MAX);
        if kind == FileType::Config {
            let length = self.place.length("config").map_err(told)?;
            return Ok(length.map(|length| (Id::default(), short(length))).into_iter().collect());
        }
        let files = self.place.list(kind.dirname()).map_err(told)?;
        // What has no such name is what a killed backup left half-written.
        let found = files.into_iter().filter_map(|(name, length)| Some((name.parse().ok()?, short(length))));
        Ok(found.collect())
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.place.read(&name(kind, id)).map_err(told)
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        _cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if kind == FileType::Pack && self.place.is_far() {
            return self.read_ahead(id, u64::from(offset), length).map_err(told);
        }
        self.place.read_part(&name(kind, id), u64::from(offset), length).map_err(told)
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        name(kind, id)
    }
}

impl WriteBackend for Backend {
    fn create(&self) -> RusticResult<()> {
        let mut folders: Vec<String> =
            ["keys", "snapshots", "index", "data"].iter().map(|&folder| folder.to_owned()).collect();
        folders.extend((0..=255u8).map(|byte| format!("data/{byte:02x}")));
        self.place.prepare(&folders).map_err(told)
    }

    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        self.place.write(&name(kind, id), content.slice()).map_err(told)
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.place.remove(&name(kind, id)).map_err(told)
    }
}
