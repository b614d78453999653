//! Segment files: `<dir>/access/access-<milliseconds>-<n>.seg`, appended to by one writer, read by many.
//!
//! A file begins with 16 bytes (`SWACCESS`, version u32, zero u32); blocks follow. Written with write(2) at least each
//! second, so a killed program loses at most that; fsync at rotation and at the end only, so a power cut may cost more,
//! and what is torn then is cut at the next start.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use storeward_base::{RequestId, Timestamp};

use super::codec::{BlockHeader, Damaged, HEADER_BYTES};
use super::record::AccessRecord;

const FILE_HEADER: [u8; 16] = *b"SWACCESS\x01\0\0\0\0\0\0\0";

/// Where a block lies.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub path: Arc<Path>,
    pub offset: u64,
    pub header: BlockHeader,
    /// The first record's arrival number, where the ring took the block's records in.
    pub first_arrival: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub path: Arc<Path>,
    pub bytes: u64,
    pub blocks: Vec<Block>,
}

/// What opening found.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// Oldest first.
    pub segments: Vec<Segment>,
    /// Bytes behind the last whole block that were cut off.
    pub cut_bytes: u64,
    /// Bytes in the middle of files that are no block, left where they are.
    pub damaged_bytes: u64,
}

/// Reads the index of every segment in the directory, which is made where missing.
pub(super) fn open_directory(dir: &Path) -> io::Result<Opened> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut names: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        if name.starts_with("access-") && name.ends_with(".seg") {
            names.push(path);
        }
    }
    names.sort();
    let mut opened = Opened::default();
    for path in names {
        opened.read_segment(path.into())?;
    }
    Ok(opened)
}

impl Opened {
    fn read_segment(&mut self, path: Arc<Path>) -> io::Result<()> {
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let length = file.metadata()?.len();
        let mut head = [0u8; 16];
        if file.read_exact_at(&mut head, 0).is_err() || head != FILE_HEADER {
            if length < 16 {
                // The program ended between making the file and writing to it.
                self.cut_bytes += length;
                return std::fs::remove_file(&path);
            }
            // Another version's, or something foreign: not ours to cut.
            self.damaged_bytes += length;
            return Ok(());
        }
        let mut segment = Segment { path: Arc::clone(&path), bytes: length, blocks: Vec::new() };
        let mut offset = 16;
        while offset < length {
            if let Some(header) = read_header(&file, offset, length) {
                segment.blocks.push(Block { path: Arc::clone(&path), offset, header, first_arrival: None });
                offset += block_bytes(&header);
                continue;
            }
            match next_block(&file, offset, length)? {
                Some(next) => {
                    self.damaged_bytes += next - offset;
                    offset = next;
                }
                None => break,
            }
        }
        self.cut_tail(&file, offset.min(length), &mut segment)?;
        self.segments.push(segment);
        Ok(())
    }

    /// Cuts what stands behind the last whole block. The last block itself may be torn inside its payload, when the
    /// file's length was written but not all of its data.
    fn cut_tail(&mut self, file: &File, end: u64, segment: &mut Segment) -> io::Result<()> {
        let mut end = end;
        while let Some(last) = segment.blocks.last() {
            let mut payload = vec![0u8; last.header.payload_bytes];
            let start = last.offset + u64::try_from(HEADER_BYTES).unwrap_or(0);
            let whole = file.read_exact_at(&mut payload, start).is_ok() && last.header.fits(&payload);
            if whole || last.offset + block_bytes(&last.header) != end {
                break;
            }
            end = last.offset;
            segment.blocks.pop();
        }
        if end < segment.bytes {
            self.cut_bytes += segment.bytes - end;
            file.set_len(end)?;
            segment.bytes = end;
        }
        Ok(())
    }
}

fn block_bytes(header: &BlockHeader) -> u64 {
    u64::try_from(HEADER_BYTES + header.payload_bytes).unwrap_or(u64::MAX)
}

/// The header at `offset`, where there is a sound one whose block lies within the file.
fn read_header(file: &File, offset: u64, length: u64) -> Option<BlockHeader> {
    let mut bytes = [0u8; HEADER_BYTES];
    file.read_exact_at(&mut bytes, offset).ok()?;
    let header = BlockHeader::read(&bytes).ok()?;
    (offset + block_bytes(&header) <= length).then_some(header)
}

/// The next sound header behind `offset`.
fn next_block(mut file: &File, offset: u64, length: u64) -> io::Result<Option<u64>> {
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(offset + 1))?;
    file.take(length - offset).read_to_end(&mut rest)?;
    for (at, window) in rest.windows(4).enumerate() {
        let at = offset + 1 + u64::try_from(at).unwrap_or(0);
        if window == b"SWAB" && read_header(file, at, length).is_some() {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

impl Block {
    pub fn may_hold(&self, id: RequestId) -> bool {
        self.header.min_id <= id && id <= self.header.max_id
    }

    pub fn read(&self) -> Result<Vec<AccessRecord>, Damaged> {
        let file = File::open(&self.path).map_err(|_| Damaged)?;
        let mut payload = vec![0u8; self.header.payload_bytes];
        let start = self.offset + u64::try_from(HEADER_BYTES).map_err(|_| Damaged)?;
        file.read_exact_at(&mut payload, start).map_err(|_| Damaged)?;
        self.header.decode(&payload)
    }
}

/// When a file is full and how much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keeping {
    pub segment_bytes: u64,
    pub segment_age: Duration,
    pub keep: Duration,
    pub keep_bytes: u64,
}

/// Appends blocks.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    dir: PathBuf,
    keeping: Keeping,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    file: File,
    path: Arc<Path>,
    bytes: u64,
    begun_at: Timestamp,
}

impl SegmentWriter {
    pub fn new(dir: PathBuf, keeping: Keeping) -> Self {
        SegmentWriter { dir, keeping, current: None }
    }

    /// Appends a block and says where it lies; begins a new file where due.
    pub fn append(&mut self, block: &[u8], header: BlockHeader, now: Timestamp) -> io::Result<Block> {
        let mut current = match self.current.take() {
            Some(current) if !self.is_full(&current, now) => current,
            Some(current) => {
                current.file.sync_data()?;
                self.begin(now)?
            }
            None => self.begin(now)?,
        };
        let offset = current.bytes;
        if let Err(error) = current.file.write_all_at(block, offset) {
            // Half a block may stand there now. Where it cannot be cut off, the file is given up: the next start cuts.
            if current.file.set_len(offset).is_ok() {
                self.current = Some(current);
            }
            return Err(error);
        }
        current.bytes += u64::try_from(block.len()).unwrap_or(0);
        let path = Arc::clone(&current.path);
        self.current = Some(current);
        Ok(Block { path, offset, header, first_arrival: None })
    }

    pub fn sync(&mut self) -> io::Result<()> {
        self.current.as_ref().map_or(Ok(()), |current| current.file.sync_data())
    }

    fn is_full(&self, current: &Current, now: Timestamp) -> bool {
        current.bytes >= self.keeping.segment_bytes || now.since(current.begun_at) >= self.keeping.segment_age
    }

    fn begin(&self, now: Timestamp) -> io::Result<Current> {
        let millis = now.micros().max(0) / 1_000;
        for number in 0..1_000 {
            let path: Arc<Path> = self.dir.join(format!("access-{millis:014}-{number:03}.seg")).into();
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => {
                    if let Err(error) = file.write_all_at(&FILE_HEADER, 0) {
                        // A full disk must not fill up with empty files, one per attempt.
                        let _ = std::fs::remove_file(&path);
                        return Err(error);
                    }
                    return Ok(Current { file, path, bytes: 16, begun_at: now });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "a thousand segments of one millisecond"))
    }

    /// Removes what is too old or too much, oldest first; never the file being written.
    pub fn enforce_retention(&self, segments: &mut Vec<Segment>, now: Timestamp) {
        let mut total: u64 = segments.iter().map(|segment| segment.bytes).sum();
        let oldest_kept = now.minus(self.keeping.keep);
        let writing = self.current.as_ref().map(|current| Arc::clone(&current.path));
        segments.retain(|segment| {
            let newest = segment.blocks.iter().map(|block| block.header.max_at).max();
            let is_old = newest.is_none_or(|newest| newest < oldest_kept);
            let due = (is_old || total > self.keeping.keep_bytes) && writing.as_ref() != Some(&segment.path);
            if due && std::fs::remove_file(&segment.path).is_ok() {
                total = total.saturating_sub(segment.bytes);
                return false;
            }
            true
        });
    }
}
