//! The ledger as leaves of its tree, for whoever writes it out for others to check.

use storeward_base::EventId;

use super::{Head, head, to_column};
use crate::statements::{FIND_CHECKPOINT, FIND_CHECKPOINT_BEFORE, FIND_LEAVES, FIND_NUMBER};
use crate::{Error, Reader, params};

/// One entry as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub seq: u64,
    /// Its bytes; empty once what it said was forgotten.
    pub body: Vec<u8>,
    /// The roots of the subtrees that it completes, 32 bytes each, its own leaf hash first.
    pub nodes: Vec<u8>,
}

/// Up to `limit` entries (at most 1000) with numbers above `seq`, oldest first, the forgotten ones among them.
pub fn leaves_after(reader: &mut Reader<'_>, seq: u64, limit: u32) -> Result<Vec<Leaf>, Error> {
    reader.query_many(FIND_LEAVES, params![to_column(seq), limit.clamp(1, 1000)], |row| {
        Ok(Leaf { seq: row.get(0)?, body: row.get(1)?, nodes: row.get(2)? })
    })
}

/// The number of an entry, also of a forgotten one.
pub fn number_of(reader: &mut Reader<'_>, id: EventId) -> Result<Option<u64>, Error> {
    reader.query_optional(FIND_NUMBER, params![id], |row| row.get(0))
}

/// The signed note of exactly this size: the head's, or one that was kept.
pub fn checkpoint_at(reader: &mut Reader<'_>, size: u64) -> Result<Option<String>, Error> {
    let Head { size: last, note, .. } = head(reader)?;
    if last == size {
        return Ok(Some(note));
    }
    reader.query_optional(FIND_CHECKPOINT, params![to_column(size)], |row| row.get(0))
}

/// The size of the last kept checkpoint below a size.
pub fn checkpoint_before(reader: &mut Reader<'_>, size: u64) -> Result<Option<u64>, Error> {
    reader.query_one(FIND_CHECKPOINT_BEFORE, params![to_column(size)], |row| row.get(0))
}
