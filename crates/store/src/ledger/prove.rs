//! Proofs for whoever holds a checkpoint but not the ledger.

use storeward_seal::{Hash, merkle};

use super::{Head, head, to_column};
use crate::statements::FIND_TREE;
use crate::{Error, Reader, params};

/// That one entry is in the tree of a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The entry's number; its leaf index is one less.
    pub seq: u64,
    /// The entry's leaf hash.
    pub leaf: Hash,
    pub path: Vec<Hash>,
    /// What the proof leads to; its note is signed.
    pub head: Head,
}

/// Proves that entry `seq` is in the ledger; `None` if there is no such entry.
pub fn prove_inclusion(reader: &mut Reader<'_>, seq: u64) -> Result<Option<Inclusion>, Error> {
    let head = head(reader)?;
    let found = prove_inclusion_in(reader, seq, head.size)?;
    Ok(found.map(|(leaf, path)| Inclusion { seq, leaf, path, head }))
}

/// The leaf hash of entry `seq`, and its path in the tree of the first `size` entries; `None` if it is none of them, or there
/// are not as many.
pub fn prove_inclusion_in(
    reader: &mut Reader<'_>,
    seq: u64,
    size: u64,
) -> Result<Option<(Hash, Vec<Hash>)>, Error> {
    let Some(index) = seq.checked_sub(1).filter(|index| *index < size) else { return Ok(None) };
    if size > head(reader)?.size {
        return Ok(None);
    }
    let leaf = node(reader, merkle::Node { level: 0, index })?;
    let path = merkle::inclusion_proof(index, size, &mut |at| node(reader, at))?;
    Ok(path.map(|path| (leaf, path)))
}

/// Proves that the ledger of `old` entries is a beginning of the ledger of `new`; `None` if `old` is larger, or there
/// are no `new` entries yet.
pub fn prove_consistency(reader: &mut Reader<'_>, old: u64, new: u64) -> Result<Option<Vec<Hash>>, Error> {
    if new > head(reader)?.size {
        return Ok(None);
    }
    merkle::consistency_proof(old, new, &mut |at| node(reader, at))
}

/// Looks one node up: entry `(index + 1) << level` completed it.
pub(super) fn node(reader: &mut Reader<'_>, node: merkle::Node) -> Result<Hash, Error> {
    let missing = || Error::Ledger(format!("node {} of level {} is missing", node.index, node.level));
    let seq = node.index.checked_add(1).and_then(|n| n.checked_mul(1 << node.level)).ok_or_else(missing)?;
    let found = reader.query_optional(FIND_TREE, params![to_column(seq)], |row| row.get::<Vec<u8>>(0))?;
    let level = usize::try_from(node.level).map_err(|_| missing())?;
    found.and_then(|tree| tree.as_chunks::<32>().0.get(level).copied()).ok_or_else(missing)
}
