//! Passwords that were stolen somewhere before: guessers try them first, so nobody may choose one here (NIST SP
//! 800-63B-4 section 3.1.1.2, ASVS 5.0 6.2.12).
//!
//! Two ways to ask. [`BreachList`] is a file that is built once from a list of SHA-1 hashes ([`build`]); it needs no
//! network and tells nobody anything. [`range`] asks a service for all hashes that begin with the same five digits, so
//! the service learns a millionth of the whole and no more.

mod build;
mod format;
mod list;
pub mod range;
mod sources;

use aws_lc_rs::digest;
use storeward_base::Secret;

use crate::prepare::prepared;

pub use build::{BuildOptions, Built, build};
pub use format::Bits;
pub use list::BreachList;
pub use sources::{Breaches, Fetch, Ranges, Service, Stolen};

/// SHA-1, because that is what lists of breached passwords are made of. It protects nothing here.
pub(crate) fn sha1(password: &Secret<String>) -> [u8; 20] {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, prepared(password).as_bytes());
    *hash.as_ref().first_chunk().expect("SHA-1 has 20 bytes")
}

/// What the filters hold: the first eight bytes. Two of two thousand million passwords share them with a chance of 10 %.
pub(crate) fn key(sha1: &[u8; 20]) -> u64 {
    u64::from_be_bytes(*sha1.first_chunk().expect("20 bytes are more than eight"))
}

#[cfg(test)]
mod tests;
