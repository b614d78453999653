//! Envelope encryption of customers' data: what is sealed with what, from the top down.
//!
//! ```text
//! root key         one; in a file under a passphrase, in an HSM or a key service          [`RootKey`]
//!  └ epoch key     one for at most a month; the old one is destroyed after the re-wrap     [`EpochKey`]
//!     └ customer key   one for each customer, random; erased with the customer             [`CustomerKey`]
//!        └ message key     one for each sealed value, derived, with a commitment
//! ```
//!
//! A customer is erased by deleting their key and, at the next rotation, destroying the epoch key that it was wrapped
//! with: from then on no older copy of the key store opens it, so no older copy of the data does either. That needs the
//! wrapped keys to lie apart from the data and its backups, which is the caller's duty.
//!
//! **A sealed value**, version 1: version (1 byte), suite (1), version of the customer key (4, big endian), nonce (24),
//! commitment (32), ciphertext, tag (16): 78 bytes more than the plaintext. The message key and the commitment are
//! HMAC-SHA-256 (RFC 2104) of the nonce under the customer key, in the shape of HKDF-Expand (RFC 5869) with labels of
//! their own; the ciphertext is AES-256-GCM (NIST SP 800-38D) under the message key, with the nonce's last 12 bytes.
//! With 24 random bytes of nonce one customer key may seal 2^80 values before a collision is as likely as 2^-32. The
//! commitment is compared first, in constant time: GCM alone can be made to open under two keys.

mod customer;
mod epoch;
mod root;
mod root_file;

pub use customer::{CustomerKey, FieldPlace, OVERHEAD_BYTES};
pub use epoch::{EpochId, EpochKey};
pub use root::{RootKey, SecretRoot};
pub use root_file::{Kdf, RootFile};

/// Puts parts into one byte string from which they can be told apart again: each with its length before it.
pub(crate) fn framed(label: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = label.as_bytes().to_vec();
    out.push(b'\n');
    for part in parts {
        out.extend_from_slice(&(part.len() as u64).to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests;
