//! H' (RFC 9106 section 3.3): BLAKE2b with an output of any length.

use blake2::digest::block_api::{UpdateCore, VariableOutputCore};
use blake2::digest::block_buffer::LazyBuffer;
use blake2::{Blake2b512, Blake2bVarCore, Digest};
use zeroize::{Zeroize, Zeroizing};

/// Longest output of BLAKE2b itself.
const LONGEST: usize = 64;
/// So much of each digest goes into a longer output.
const STEP: usize = 32;

/// Fills `out`, whose length goes into it, from `parts` one after the other.
pub fn long(parts: &[&[u8]], out: &mut [u8]) {
    let length = u32::try_from(out.len()).unwrap_or(u32::MAX).to_le_bytes();
    if out.len() <= LONGEST {
        return short(std::iter::once(&length[..]).chain(parts.iter().copied()), out);
    }
    let mut digest = Blake2b512::new();
    digest.update(length);
    for part in parts {
        digest.update(part);
    }
    let mut last = Zeroizing::new([0; LONGEST]);
    let mut rest = out;
    loop {
        let mut next = digest.finalize();
        last.copy_from_slice(&next);
        next.as_mut_slice().zeroize();
        let (step, after) = rest.split_at_mut(STEP);
        step.copy_from_slice(&last[..STEP]);
        rest = after;
        if rest.len() <= LONGEST {
            return short(std::iter::once(&last[..]), rest);
        }
        digest = Blake2b512::new_with_prefix(&last[..]);
    }
}

/// BLAKE2b with an output of `out.len()` bytes, at most 64.
fn short<'a>(parts: impl Iterator<Item = &'a [u8]>, out: &mut [u8]) {
    let Ok(mut core) = Blake2bVarCore::new(out.len()) else { return };
    let mut buffer = LazyBuffer::default();
    for part in parts {
        buffer.digest_blocks(part, |blocks| core.update_blocks(blocks));
    }
    let mut all = Default::default();
    core.finalize_variable_core(&mut buffer, &mut all);
    out.copy_from_slice(&all[..out.len()]);
    all.as_mut_slice().zeroize();
}
