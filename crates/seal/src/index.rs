//! Blind indexes: how a sealed value is found by what it says, without its text in the database.
//!
//! Each field has a key of its own, derived from one root by HKDF-SHA-256 (RFC 5869), so that equal values of two fields
//! do not look alike. Whoever has the database but not the key can tell which rows share a value, and no more; a field
//! with few different values (country, year of birth) must therefore have no index.

use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use storeward_base::{Entropy, Secret};

use crate::gcm::KEY_BYTES;

/// The root of all indexes. It outlives epochs: what it made stays true until it is itself replaced.
#[derive(Clone)]
pub struct IndexRoot(Secret<[u8; KEY_BYTES]>);

/// Bytes of an exact mark: 2^64 values before two of them are likely to share one.
pub const MARK_BYTES: usize = 16;

impl IndexRoot {
    pub fn generate(entropy: &dyn Entropy) -> Self {
        IndexRoot(Secret::new(entropy.bytes::<KEY_BYTES>()))
    }

    pub fn from_bytes(bytes: Secret<[u8; KEY_BYTES]>) -> Self {
        IndexRoot(bytes)
    }

    /// What an epoch key wraps.
    pub fn bytes(&self) -> &Secret<[u8; KEY_BYTES]> {
        &self.0
    }

    /// The key of one field. `version` is the root's own, so that during a rotation the marks of both can be looked up.
    pub fn field(&self, field: &str, version: u32) -> FieldIndex {
        let info = format!("storeward.index/1\n{version}\n{field}");
        let derived = Salt::new(HKDF_SHA256, b"storeward.index");
        let derived = derived.extract(self.0.expose());
        let mut bytes = [0; KEY_BYTES];
        derived
            .expand(&[info.as_bytes()], ThirtyTwo)
            .and_then(|okm| okm.fill(&mut bytes))
            .expect("HKDF-SHA-256 gives up to 8,160 bytes");
        FieldIndex(Secret::new(bytes))
    }
}

struct ThirtyTwo;

impl KeyType for ThirtyTwo {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

/// Makes the marks of one field.
#[derive(Clone)]
pub struct FieldIndex(Secret<[u8; KEY_BYTES]>);

impl FieldIndex {
    /// One that an epoch key wrapped by itself.
    pub fn from_bytes(bytes: Secret<[u8; KEY_BYTES]>) -> Self {
        FieldIndex(bytes)
    }

    pub fn bytes(&self) -> &Secret<[u8; KEY_BYTES]> {
        &self.0
    }

    /// The mark of a whole value, which the caller has normalised: HMAC-SHA-256 cut to [`MARK_BYTES`].
    pub fn mark(&self, value: &str) -> [u8; MARK_BYTES] {
        let mut out = [0; MARK_BYTES];
        self.tag(b'w', value).iter().zip(&mut out).for_each(|(from, to)| *to = *from);
        out
    }

    /// Marks of the value's trigrams, 32 bits each, sorted, none twice: many values share one, so that frequencies say
    /// less; whoever looks up opens what was found and compares. The value's ends count as blanks, so a word's beginning
    /// can be looked for.
    pub fn trigrams(&self, value: &str) -> Vec<u32> {
        self.threes(&std::iter::once(' ').chain(value.chars()).chain([' ']).collect::<Vec<char>>())
    }

    /// Marks of the trigrams within a part of a value, whose ends are not the value's: all are among those of each value that has it
    /// in it. None for fewer than three letters.
    pub fn trigrams_within(&self, part: &str) -> Vec<u32> {
        self.threes(&part.chars().collect::<Vec<char>>())
    }

    fn threes(&self, letters: &[char]) -> Vec<u32> {
        let mut marks: Vec<u32> = letters
            .windows(3)
            .map(|three| {
                let tag = self.tag(b't', &three.iter().collect::<String>());
                tag.iter().take(4).fold(0, |number, byte| (number << 8) | u32::from(*byte))
            })
            .collect();
        marks.sort_unstable();
        marks.dedup();
        marks
    }

    fn tag(&self, kind: u8, value: &str) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        let mut text = hmac::Context::with_key(&key);
        text.update(&[kind]);
        text.update(value.as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(text.sign().as_ref());
        bytes
    }
}

impl fmt::Debug for IndexRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexRoot(***)")
    }
}

impl fmt::Debug for FieldIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FieldIndex(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;

    #[test]
    fn a_mark_fits_one_field_one_root_and_one_version() {
        let root = IndexRoot::generate(&SeededEntropy::new(1));
        let mark = root.field("email", 1).mark("ada@shop.example");
        assert_eq!(mark, root.field("email", 1).mark("ada@shop.example"));
        for other in [
            root.field("phone", 1).mark("ada@shop.example"),
            root.field("email", 2).mark("ada@shop.example"),
            root.field("email", 1).mark("ada@shop.examplf"),
            IndexRoot::generate(&SeededEntropy::new(2)).field("email", 1).mark("ada@shop.example"),
        ] {
            assert_ne!(mark, other);
        }
    }

    #[test]
    fn part_of_a_name_is_found_among_its_trigrams() {
        let index = IndexRoot::generate(&SeededEntropy::new(1)).field("name", 1);
        let whole = index.trigrams("ada lovelace");
        assert_eq!(whole.len(), 12);
        let part: Vec<u32> = index.trigrams("lovelace");
        let shared = part.iter().filter(|mark| whole.contains(mark)).count();
        assert_eq!(shared, part.len());
        assert!(index.trigrams("babbage").iter().filter(|mark| whole.contains(mark)).count() < 2);
        assert!(index.trigrams_within("velac").len() == 3, "three threes");
        assert!(index.trigrams_within("love").iter().all(|mark| whole.contains(mark)));
        assert!(index.trigrams_within("lo").is_empty());
        assert_eq!(index.trigrams("").len(), 0);
        assert_eq!(index.trigrams("é").len(), 1);
        // A trigram is no whole value, though both are three letters.
        assert_ne!(u32::from_be_bytes(*index.mark("ada").first_chunk().unwrap()), *whole.first().unwrap());
    }
}
