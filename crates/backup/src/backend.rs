//! A place as `rustic_core` wants it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};

use crate::Error;
use crate::place::Place;

/// Packs of a far place that are kept in memory: a restore reads a pack's parts one after the other.
const KEPT_PACKS: usize = 3;

pub(crate) struct Backend {
    place: Arc<dyn Place>,
    kept: Mutex<Vec<(Id, Bytes)>>,
}

impl Backend {
    pub(crate) fn new(place: Arc<dyn Place>) -> Self {
        Backend { place, kept: Mutex::default() }
    }

    /// A part of a pack that was fetched whole.
    fn part_of_whole(&self, id: &Id, offset: u32, length: u32) -> RusticResult<Bytes> {
        let known = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.iter().find(|(known, _)| known == id).map(|(_, pack)| pack.clone())
        };
        let pack = match known {
            Some(pack) => pack,
            None => {
                let pack = self.place.read(&name(FileType::Pack, id)).map_err(told)?;
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() >= KEPT_PACKS {
                    kept.remove(0);
                }
                kept.push((*id, pack.clone()));
                pack
            }
        };
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        if end > pack.len() {
            return Err(told(Error::Damaged(format!("the pack {} is too short", id.to_hex().as_str()))));
        }
        Ok(pack.slice(start..end))
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
        if kind == FileType::Pack && self.place.is_far() {
            return self.part_of_whole(id, offset, length);
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
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
