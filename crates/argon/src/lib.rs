//! Argon2 (RFC 9106, version 0x13) that gives way to others while it works.
//!
//! **Owns** Argon2i and Argon2id over memory that the caller keeps.
//! **Holds** every few blocks (some 20 us of a core) the caller may do something else: a thread that should only have what
//! nobody else wants gives its core back there. A hash takes 10 ms and more in one go, and Linux may look at who else wants the core
//! only every 4 ms, however little the thread is entitled to (docs/benchmarks.md, "500 bad sign-ins a second"). None of the published crates
//! offers a place for that, and it cannot be had from outside them.
//! **Never** a password's rules, PHC strings, threads, or memory of its own. Argon2d is left out: nobody stores it.
//! **Emits** nothing.
//!
//! That it is Argon2 is shown by the test vectors of RFC 9106 (section 5), and beside the crate `argon2` over parameters at
//! random (`tests/same.rs`).
#![forbid(unsafe_code)]

mod block;
mod fill;
mod long;

use std::fmt;

use blake2::{Blake2b512, Digest};
use zeroize::{Zeroize, Zeroizing};

pub use block::Block;
pub use fill::STRETCH;

/// Version 0x13, the one of RFC 9106.
const VERSION: u32 = 0x13;

/// Which of Argon2's functions; the number is the RFC's type `y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Which blocks are read does not depend on the password.
    I = 1,
    /// As `I` for the first half of the first pass; from then on it does.
    Id = 2,
}

/// What a hash costs. See [`Params::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    kind: Kind,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// What goes into a hash. `secret` and `associated` are the RFC's K and X, and may be empty.
#[derive(Clone, Copy, Default)]
pub struct Input<'a> {
    pub text: &'a [u8],
    pub salt: &'a [u8],
    pub secret: &'a [u8],
    pub associated: &'a [u8],
}

/// Why there is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No lane, no pass, fewer than 8 KiB for each lane, or more lanes than 2^24 - 1.
    Params,
    /// A tag of fewer than 4 bytes, a salt of fewer than 8, or an input above 2^32 - 1 bytes.
    Length,
    /// The memory has fewer blocks than [`Params::blocks`].
    Memory,
}

impl Params {
    /// `memory_kib` at least 8 for each lane, at least one pass and one lane. What is too much is the caller's to say.
    pub fn new(kind: Kind, memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, Error> {
        let is_sound = passes >= 1
            && (1..1 << 24).contains(&lanes)
            && u64::from(memory_kib) >= 8 * u64::from(lanes)
            && usize::try_from(memory_kib).is_ok();
        is_sound.then_some(Params { kind, memory_kib, passes, lanes }).ok_or(Error::Params)
    }

    /// How many blocks of 1 KiB it works in: the memory, rounded down to four equal segments for each lane (RFC 9106 section 3.2, m').
    pub fn blocks(&self) -> usize {
        // Fits: `new` has seen to it that the memory's number does, and this is not above it.
        usize::try_from(self.memory_kib / (4 * self.lanes) * 4 * self.lanes).unwrap_or(usize::MAX)
    }

    /// H_0 (RFC 9106 section 3.2): everything that goes into the hash, in one digest.
    fn digest_of(&self, input: &Input<'_>, tag: &[u8]) -> Result<Zeroizing<[u8; 64]>, Error> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| Error::Length);
        if input.salt.len() < 8 || tag.len() < 4 {
            return Err(Error::Length);
        }
        let mut digest = Blake2b512::new();
        for number in [self.lanes, length(tag)?, self.memory_kib, self.passes, VERSION, self.kind as u32] {
            digest.update(number.to_le_bytes());
        }
        for bytes in [input.text, input.salt, input.secret, input.associated] {
            digest.update(length(bytes)?.to_le_bytes());
            digest.update(bytes);
        }
        let mut all = Zeroizing::new([0; 64]);
        let mut out = digest.finalize();
        all.copy_from_slice(&out);
        out.as_mut_slice().zeroize();
        Ok(all)
    }
}

/// Fills `tag` with the hash of `input`, whose length is one of the things that go into it.
///
/// Works in the first [`Params::blocks`] of `memory`, whatever is in them, and leaves them as they are at the end: whoever keeps the memory wipes
/// it. Calls `give_way` every [`STRETCH`] blocks.
pub fn hash(
    params: &Params,
    input: &Input<'_>,
    tag: &mut [u8],
    memory: &mut [Block],
    give_way: &mut dyn FnMut(),
) -> Result<(), Error> {
    let memory = memory.get_mut(..params.blocks()).ok_or(Error::Memory)?;
    let digest = params.digest_of(input, tag)?;
    fill::first_two_of_each_lane(params, &digest, memory);
    fill::fill(params, memory, give_way);
    fill::finish(params, memory, tag);
    Ok(())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Params => "Argon2 has no such parameters",
            Error::Length => "Argon2 takes no tag, salt or input of that length",
            Error::Memory => "Argon2 was given too little memory",
        })
    }
}

impl std::error::Error for Error {}
