//! A block of 1 KiB, and G, which makes one of two (RFC 9106 sections 3.5 and 3.6).
//!
//! Written over four words at a time, so that the compiler makes one instruction for four of them where the processor has such: AVX2 or
//! AVX-512 as found at run time.

use fearless_simd::{Level, dispatch};
use zeroize::Zeroize;

pub const WORDS: usize = 128;
pub const BYTES: usize = 8 * WORDS;

/// The memory of Argon2 is a slice of these: 1,024 bytes as 128 words.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct Block([u64; WORDS]);

type Row = [u64; 4];

impl Block {
    pub const fn new() -> Self {
        Block([0; WORDS])
    }

    pub fn words(&self) -> &[u64; WORDS] {
        &self.0
    }

    pub(crate) fn words_mut(&mut self) -> &mut [u64; WORDS] {
        &mut self.0
    }

    pub(crate) fn read(&mut self, bytes: &[u8; BYTES]) {
        let (eights, _) = bytes.as_chunks::<8>();
        for (word, eight) in self.0.iter_mut().zip(eights) {
            *word = u64::from_le_bytes(*eight);
        }
    }

    pub(crate) fn write(&self, bytes: &mut [u8; BYTES]) {
        let (eights, _) = bytes.as_chunks_mut::<8>();
        for (word, eight) in self.0.iter().zip(eights) {
            *eight = word.to_le_bytes();
        }
    }

    pub(crate) fn xor(&mut self, other: &Block) {
        for (word, of_other) in self.0.iter_mut().zip(&other.0) {
            *word ^= of_other;
        }
    }
}

impl Default for Block {
    fn default() -> Self {
        Self::new()
    }
}

impl Zeroize for Block {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// G: the compression function.
pub fn compress(level: Level, one: &Block, other: &Block) -> Block {
    dispatch!(level, _simd => compress_here(one, other))
}

#[inline(always)]
fn compress_here(one: &Block, other: &Block) -> Block {
    let mut mixed = *one;
    mixed.xor(other);
    let mut out = mixed;
    let words = &mut out.0;
    // Each row of sixteen words, and then each column of eight pairs.
    for row in 0..8 {
        permute(words, |quarter, i| 16 * row + 4 * quarter + i);
    }
    for column in 0..8 {
        permute(words, |quarter, i| 2 * column + 32 * quarter + 16 * (i / 2) + i % 2);
    }
    out.xor(&mixed);
    out
}

/// P: a round of BLAKE2b over sixteen words, which `place` finds by quarter and place in it.
#[inline(always)]
fn permute(words: &mut [u64; WORDS], place: impl Fn(usize, usize) -> usize) {
    let quarter = |quarter| -> Row { std::array::from_fn(|i| words[place(quarter, i)]) };
    let (mut a, mut b, mut c, mut d) = (quarter(0), quarter(1), quarter(2), quarter(3));
    mix(&mut a, &mut b, &mut c, &mut d);
    // The diagonals, turned into columns and back.
    (b, c, d) = (turned::<1>(b), turned::<2>(c), turned::<3>(d));
    mix(&mut a, &mut b, &mut c, &mut d);
    (b, c, d) = (turned::<3>(b), turned::<2>(c), turned::<1>(d));
    for (quarter, row) in [a, b, c, d].into_iter().enumerate() {
        for (i, word) in row.into_iter().enumerate() {
            words[place(quarter, i)] = word;
        }
    }
}

/// GB (RFC 9106 section 3.6), four at a time.
#[inline(always)]
fn mix(a: &mut Row, b: &mut Row, c: &mut Row, d: &mut Row) {
    *a = sum(*a, *b);
    *d = rotated::<32>(*d, *a);
    *c = sum(*c, *d);
    *b = rotated::<24>(*b, *c);
    *a = sum(*a, *b);
    *d = rotated::<16>(*d, *a);
    *c = sum(*c, *d);
    *b = rotated::<63>(*b, *c);
}

/// a + b + 2 * low(a) * low(b), where low() is the lower half of a word.
#[inline(always)]
fn sum(a: Row, b: Row) -> Row {
    const LOW: u64 = 0xffff_ffff;
    std::array::from_fn(|i| {
        let product = (a[i] & LOW).wrapping_mul(b[i] & LOW);
        a[i].wrapping_add(b[i]).wrapping_add(product).wrapping_add(product)
    })
}

#[inline(always)]
fn rotated<const BITS: u32>(a: Row, b: Row) -> Row {
    std::array::from_fn(|i| (a[i] ^ b[i]).rotate_right(BITS))
}

#[inline(always)]
fn turned<const BY: usize>(row: Row) -> Row {
    std::array::from_fn(|i| row[(i + BY) % 4])
}
