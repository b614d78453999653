//! Merkle trees as RFC 6962 section 2.1 and RFC 9162 section 2.1 define them, with SHA-256.
//!
//! A tree is never held whole: [`CompactRange`] keeps the O(log n) hashes that appending needs, and proofs are made
//! from a function that looks nodes up. A [`Node`] names the root of a full subtree: level 0 are the leaves, and
//! `(level, index)` covers leaves `index << level` up to but not including `(index + 1) << level`.

use aws_lc_rs::digest;

use crate::Error;

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// The root of a full subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub level: u32,
    pub index: u64,
}

/// The hash of an entry: SHA-256(0x00 ‖ data).
pub fn leaf_hash(data: &[u8]) -> Hash {
    sha256(&[&[0], data])
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// The root of the tree without entries: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    sha256(&[])
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// What must be kept of a tree in order to append to it: one hash for each bit set in its size, largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    peaks: Vec<Hash>,
}

impl CompactRange {
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf. Returns the roots of all subtrees that it completes, the leaf itself first: the one at place `k`
    /// is the node at level `k`. Whoever stores them can make every proof.
    pub fn append(&mut self, leaf: Hash) -> Vec<Hash> {
        let mut completed = vec![leaf];
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("there is one peak for each bit of the size");
            node = node_hash(&left, &node);
            completed.push(node);
        }
        self.peaks.push(node);
        self.size += 1;
        completed
    }

    /// The root over all leaves.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => empty_root(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }

    /// Size as eight bytes, big end first, then the hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        self.peaks.iter().for_each(|peak| bytes.extend_from_slice(peak));
        bytes
    }

    /// Reads what [`CompactRange::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        const DAMAGED: Error = Error::Form("the stored head of the tree is damaged");
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(DAMAGED)?;
        let (peaks, tail) = rest.as_chunks::<32>();
        let size = u64::from_be_bytes(*size);
        let fits = tail.is_empty() && u32::try_from(peaks.len()) == Ok(size.count_ones());
        fits.then(|| CompactRange { size, peaks: peaks.to_vec() }).ok_or(DAMAGED)
    }
}

/// The path that proves leaf `index` to be in the tree of `size` leaves (RFC 9162 section 2.1.3.1). `lookup` gives
/// the hash of a full subtree; it is asked O(log n) times. `None` when the leaf lies outside the tree.
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    lookup: &mut impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Option<Vec<Hash>>, E> {
    if index >= size {
        return Ok(None);
    }
    let (mut begin, mut end) = (0, size);
    let mut path = Vec::new();
    while end - begin > 1 {
        let middle = begin + largest_power_below(end - begin);
        if index < middle {
            path.push(range_root(middle, end, lookup)?);
            end = middle;
        } else {
            path.push(range_root(begin, middle, lookup)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(Some(path))
}

/// The path that proves the tree of `old` leaves to be a beginning of the tree of `new` (RFC 9162 section 2.1.4.1).
/// Empty where `old` is 0 or `new`; `None` when `old` is larger than `new`.
pub fn consistency_proof<E>(
    old: u64,
    new: u64,
    lookup: &mut impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Option<Vec<Hash>>, E> {
    if old > new {
        return Ok(None);
    }
    if old == 0 || old == new {
        return Ok(Some(Vec::new()));
    }
    let (mut begin, mut end) = (0, new);
    let mut path = Vec::new();
    // Follow the border of the old tree down until a subtree ends exactly there.
    while end != old {
        let middle = begin + largest_power_below(end - begin);
        if old <= middle {
            path.push(range_root(middle, end, lookup)?);
            end = middle;
        } else {
            path.push(range_root(begin, middle, lookup)?);
            begin = middle;
        }
    }
    // The verifier knows the old root already when that subtree is the whole old tree.
    if begin != 0 {
        path.push(range_root(begin, end, lookup)?);
    }
    path.reverse();
    Ok(Some(path))
}

/// Checks an inclusion proof (RFC 9162 section 2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> Result<(), Error> {
    if index >= size {
        return Err(Error::Proof);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for step in path {
        if last == 0 {
            return Err(Error::Proof);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(step, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(Error::Proof) }
}

/// Checks a consistency proof (RFC 9162 section 2.1.4.2).
pub fn verify_consistency(
    old: u64,
    new: u64,
    path: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), Error> {
    let proven = match () {
        () if old > new => false,
        () if old == new => path.is_empty() && old_root == new_root,
        () if old == 0 => path.is_empty() && *old_root == empty_root(),
        () => return verify_growth(old, new, path, old_root, new_root),
    };
    if proven { Ok(()) } else { Err(Error::Proof) }
}

/// The case 0 < old < new.
fn verify_growth(old: u64, new: u64, path: &[Hash], old_root: &Hash, new_root: &Hash) -> Result<(), Error> {
    let (first, rest) =
        if old.is_power_of_two() { (old_root, path) } else { path.split_first().ok_or(Error::Proof)? };
    let shared = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> shared, (new - 1) >> shared);
    let (mut old_hash, mut new_hash) = (*first, *first);
    for step in rest {
        if last == 0 {
            return Err(Error::Proof);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(step, &old_hash);
            new_hash = node_hash(step, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    let proven = last == 0 && old_hash == *old_root && new_hash == *new_root;
    if proven { Ok(()) } else { Err(Error::Proof) }
}

/// The root over leaves `begin..end`, where `begin` is a multiple of the largest full subtree in the range.
fn range_root<E>(begin: u64, end: u64, lookup: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    let count = end - begin;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return lookup(Node { level, index: begin >> level });
    }
    let middle = begin + largest_power_below(count);
    let left = range_root(begin, middle, lookup)?;
    Ok(node_hash(&left, &range_root(middle, end, lookup)?))
}

/// The largest power of two that is smaller than `count`; `count` is at least 2.
fn largest_power_below(count: u64) -> u64 {
    1 << (63 - (count - 1).leading_zeros())
}

#[cfg(test)]
mod tests;
