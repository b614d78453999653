//! The file of a breach list, version 1. Little endian.
//!
//! A header of 128 bytes, then the shards, then the index. A shard holds the keys of one range in a binary fuse filter
//! (Graf and Lemire, 2022): three fingerprints to look at for a key, 9 or 18 bits for each. The index has one entry for a
//! shard, in the order of the keys, so that a question reads one shard (0.3 or 0.6 MB) and nothing else.
//!
//! ```text
//! header  0 magic "SWBREACH"   8 version u32      12 bits u32          16 keys u64
//!        24 shards u32        28 least count u32  32 built at i64 µs   40 index at u64
//!        48 rate of false positives f64           56 length of the file u64
//!        64 SHA-256 of the 64 bytes before and of the index            96 zero
//! entry   0 first key u64      8 shard at u64     16 fingerprints u32  20 keys u32
//!        24 seed u64          32 segment length u32                    36 segment count length u32
//!        40 SHA-256 of the shard
//! ```

use aws_lc_rs::digest;
use storeward_base::Timestamp;
use xorf::{BinaryFuse8, BinaryFuse16, Filter};

use crate::Error;

pub const HEADER_BYTES: usize = 128;
pub const ENTRY_BYTES: usize = 72;
const MAGIC: &[u8; 8] = b"SWBREACH";
const VERSION: u32 = 1;
/// Shards of a list of 10^10 passwords.
const MOST_SHARDS: u32 = 65_536;
const DAMAGED: Error = Error::Form("the breach list is damaged; build it again");

/// Bits of a fingerprint: size of the file against false alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// About 9 bits for a password; one good password in 256 is taken for a breached one.
    Eight,
    /// About 18 bits; one in 65,536.
    Sixteen,
}

impl Bits {
    pub const fn number(self) -> u32 {
        match self {
            Bits::Eight => 8,
            Bits::Sixteen => 16,
        }
    }

    /// Share of good passwords that are taken for breached ones.
    pub fn false_positive_rate(self) -> f64 {
        match self {
            Bits::Eight => 1.0 / 256.0,
            Bits::Sixteen => 1.0 / 65_536.0,
        }
    }

    const fn bytes(self) -> u64 {
        match self {
            Bits::Eight => 1,
            Bits::Sixteen => 2,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Header {
    pub bits: Bits,
    pub keys: u64,
    pub shards: u32,
    pub least_count: u32,
    pub built_at: Timestamp,
    pub index_at: u64,
    pub length: u64,
    pub checksum: [u8; 32],
}

impl Header {
    /// With the checksum over itself and `index`.
    pub fn to_bytes(self, index: &[u8]) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.bits.number().to_le_bytes());
        bytes.extend(self.keys.to_le_bytes());
        bytes.extend(self.shards.to_le_bytes());
        bytes.extend(self.least_count.to_le_bytes());
        bytes.extend(self.built_at.micros().to_le_bytes());
        bytes.extend(self.index_at.to_le_bytes());
        bytes.extend(self.bits.false_positive_rate().to_le_bytes());
        bytes.extend(self.length.to_le_bytes());
        let sum = checksum(&bytes, index);
        bytes.extend(sum);
        bytes.resize(HEADER_BYTES, 0);
        bytes.try_into().expect("the fields above have 96 bytes, and zeroes fill up")
    }

    /// Reads and checks all but the checksum, for which the index is needed: [`Header::fits`].
    pub fn parse(bytes: &[u8; HEADER_BYTES], length: u64) -> Result<Self, Error> {
        let mut fields = Fields(bytes);
        if fields.take()? != *MAGIC {
            return Err(Error::Form(
                "the file is no breach list; build one with: storeward breach-list build",
            ));
        }
        if fields.u32()? != VERSION {
            return Err(Error::Form("the breach list is of another version; build it again"));
        }
        let bits = match fields.u32()? {
            8 => Bits::Eight,
            16 => Bits::Sixteen,
            _ => return Err(DAMAGED),
        };
        let (keys, shards, least_count) = (fields.u64()?, fields.u32()?, fields.u32()?);
        let built_at = Timestamp::from_micros(i64::from_le_bytes(fields.take()?));
        let (index_at, _rate, told) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let header =
            Header { bits, keys, shards, least_count, built_at, index_at, length, checksum: fields.take()? };
        let sound = told == length
            && shards <= MOST_SHARDS
            && index_at >= HEADER_BYTES as u64
            && index_at.checked_add(header.index_bytes()) == Some(length);
        if sound { Ok(header) } else { Err(DAMAGED) }
    }

    pub fn index_bytes(&self) -> u64 {
        u64::from(self.shards) * ENTRY_BYTES as u64
    }

    /// Whether neither the header nor the index was changed.
    pub fn fits(&self, bytes: &[u8; HEADER_BYTES], index: &[u8]) -> bool {
        checksum(bytes.get(..64).unwrap_or_default(), index) == self.checksum
    }
}

/// xorf lets nobody make a filter out of its parts, but it lets anybody exchange them: a filter of some key is made, and
/// its parts are exchanged.
const SOME: [u64; 1] = [0];

macro_rules! put_layout {
    ($filter:ident, $layout:expr) => {
        $filter.descriptor.seed = $layout.seed;
        $filter.descriptor.segment_length = $layout.segment_length;
        $filter.descriptor.segment_length_mask = $layout.segment_length - 1;
        $filter.descriptor.segment_count_length = $layout.segment_count_length;
    };
}

macro_rules! layout_of {
    ($filter:ident) => {
        Layout {
            seed: $filter.descriptor.seed,
            segment_length: $filter.descriptor.segment_length,
            segment_count_length: $filter.descriptor.segment_count_length,
        }
    };
}

/// How the fingerprints of a shard are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub seed: u64,
    /// A power of two.
    pub segment_length: u32,
    /// All segments but the last two.
    pub segment_count_length: u32,
}

/// One shard, as the index knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub first_key: u64,
    pub at: u64,
    pub fingerprints: u32,
    pub keys: u32,
    pub layout: Layout,
    pub checksum: [u8; 32],
}

impl Entry {
    pub fn write(&self, index: &mut Vec<u8>) {
        index.extend(self.first_key.to_le_bytes());
        index.extend(self.at.to_le_bytes());
        index.extend(self.fingerprints.to_le_bytes());
        index.extend(self.keys.to_le_bytes());
        index.extend(self.layout.seed.to_le_bytes());
        index.extend(self.layout.segment_length.to_le_bytes());
        index.extend(self.layout.segment_count_length.to_le_bytes());
        index.extend(self.checksum);
    }

    /// Reads the whole index, and checks that no shard lies outside of the file or would be read outside of itself.
    pub fn parse_all(index: &[u8], header: &Header) -> Result<Vec<Entry>, Error> {
        let mut entries: Vec<Entry> = Vec::with_capacity(index.len() / ENTRY_BYTES);
        let mut at = HEADER_BYTES as u64;
        for bytes in index.chunks(ENTRY_BYTES) {
            let entry = Entry::parse(bytes)?;
            let in_order = entries.last().is_none_or(|before| before.first_key < entry.first_key);
            if !in_order || entry.at != at || !entry.is_sound() {
                return Err(DAMAGED);
            }
            at += entry.bytes(header.bits);
            entries.push(entry);
        }
        if at == header.index_at { Ok(entries) } else { Err(DAMAGED) }
    }

    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields(bytes);
        let (first_key, at, fingerprints, keys) =
            (fields.u64()?, fields.u64()?, fields.u32()?, fields.u32()?);
        let (seed, segment_length, segment_count_length) = (fields.u64()?, fields.u32()?, fields.u32()?);
        let layout = Layout { seed, segment_length, segment_count_length };
        Ok(Entry { first_key, at, fingerprints, keys, layout, checksum: fields.take()? })
    }

    /// A key's three places are within a segment each: the first of `segment_count_length`, and the same in the two
    /// segments after it.
    fn is_sound(&self) -> bool {
        let (segment, count) = (self.layout.segment_length, self.layout.segment_count_length);
        let places = u64::from(count) + 2 * u64::from(segment);
        segment.is_power_of_two()
            && count > 0
            && count % segment == 0
            && places == u64::from(self.fingerprints)
    }

    pub fn bytes(&self, bits: Bits) -> u64 {
        u64::from(self.fingerprints) * bits.bytes()
    }

    /// Whether `key` is in the shard, whose bytes these are.
    pub fn contains(&self, key: u64, shard: &[u8], bits: Bits) -> Result<bool, Error> {
        if sha256(shard) != self.checksum {
            return Err(DAMAGED);
        }
        match bits {
            Bits::Eight => {
                let mut filter = BinaryFuse8::try_from(SOME.as_slice()).map_err(|_| DAMAGED)?;
                put_layout!(filter, self.layout);
                filter.fingerprints = shard.into();
                Ok(filter.contains(&key))
            }
            Bits::Sixteen => {
                let mut filter = BinaryFuse16::try_from(SOME.as_slice()).map_err(|_| DAMAGED)?;
                put_layout!(filter, self.layout);
                filter.fingerprints =
                    shard.as_chunks().0.iter().map(|word| u16::from_le_bytes(*word)).collect();
                Ok(filter.contains(&key))
            }
        }
    }
}

/// The filter of some keys, all of them different: its bytes and how to read them.
pub fn shard(keys: &[u64], bits: Bits, at: u64) -> Result<(Entry, Vec<u8>), Error> {
    const FAILED: Error = Error::Form("no filter could be made of a part of the list");
    let (layout, bytes) = match bits {
        Bits::Eight => {
            let filter = BinaryFuse8::try_from(keys).map_err(|_| FAILED)?;
            (layout_of!(filter), filter.fingerprints.into_vec())
        }
        Bits::Sixteen => {
            let filter = BinaryFuse16::try_from(keys).map_err(|_| FAILED)?;
            (layout_of!(filter), filter.fingerprints.iter().flat_map(|word| word.to_le_bytes()).collect())
        }
    };
    let count = bytes.len() as u64 / bits.bytes();
    let entry = Entry {
        first_key: *keys.first().ok_or(FAILED)?,
        at,
        fingerprints: u32::try_from(count).map_err(|_| FAILED)?,
        keys: u32::try_from(keys.len()).map_err(|_| FAILED)?,
        layout,
        checksum: sha256(&bytes),
    };
    if entry.is_sound() { Ok((entry, bytes)) } else { Err(FAILED) }
}

fn checksum(header: &[u8], index: &[u8]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(header);
    context.update(index);
    *context.finish().as_ref().first_chunk().expect("SHA-256 has 32 bytes")
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    checksum(bytes, &[])
}

/// Takes one field after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(*field)
    }

    fn u32(&mut self) -> Result<u32, Error> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Error> {
        self.take().map(u64::from_le_bytes)
    }
}
