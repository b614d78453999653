//! Small values at rest, such as one-time-code secrets: AES-256-GCM (NIST SP 800-38D) under one key.
//!
//! Form: version (1 byte), nonce (12), ciphertext, tag (16). The nonce is random, so one key must seal fewer than 2^32
//! values (SP 800-38D section 8.3): far more than there will ever be accounts. Customers' records need more than this and
//! have a form of their own, [`crate::envelope`].

use std::fmt;

use storeward_base::{Entropy, Secret};

use crate::Error;
use crate::gcm::{self, NONCE_BYTES};

const VERSION: u8 = 1;

/// Seals small values of the database.
#[derive(Clone)]
pub struct DataKey(Secret<[u8; 32]>);

impl DataKey {
    pub fn generate(entropy: &dyn Entropy) -> Self {
        DataKey(Secret::new(entropy.bytes::<32>()))
    }

    pub fn from_bytes(bytes: Secret<[u8; 32]>) -> Self {
        DataKey(bytes)
    }

    /// What a key file keeps.
    pub fn bytes(&self) -> &Secret<[u8; 32]> {
        &self.0
    }

    /// Seals `plain`. `place` says where it belongs, such as `staff_x.totp`: it opens with the same place only, so a
    /// sealed value cannot be moved to another row.
    pub fn seal(&self, plain: &[u8], place: &str, entropy: &dyn Entropy) -> Vec<u8> {
        let nonce = entropy.bytes::<NONCE_BYTES>();
        let mut out = vec![VERSION];
        out.extend_from_slice(&nonce);
        gcm::seal(self.0.expose(), nonce, &aad(place), plain, &mut out);
        out
    }

    /// Opens what [`DataKey::seal`] sealed for the same place.
    pub fn open(&self, sealed: &[u8], place: &str) -> Result<Secret<Vec<u8>>, Error> {
        let (version, rest) = sealed.split_first().ok_or(Error::Sealed)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Error::Sealed)?;
        if *version != VERSION {
            return Err(Error::Sealed);
        }
        gcm::open(self.0.expose(), *nonce, &aad(place), body)
    }
}

fn aad(place: &str) -> Vec<u8> {
    format!("storeward.sealed/{VERSION}\n{place}").into_bytes()
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;

    #[test]
    fn opens_at_its_own_place_only() {
        let entropy = SeededEntropy::new(1);
        let key = DataKey::generate(&entropy);
        let sealed = key.seal(b"secret", "staff_a.totp", &entropy);
        assert_eq!(key.open(&sealed, "staff_a.totp").unwrap().expose(), b"secret");
        assert_eq!(key.open(&sealed, "staff_b.totp").unwrap_err(), Error::Sealed);
        assert_eq!(DataKey::generate(&entropy).open(&sealed, "staff_a.totp").unwrap_err(), Error::Sealed);
        assert_ne!(key.seal(b"secret", "staff_a.totp", &entropy), sealed);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let entropy = SeededEntropy::new(1);
        let key = DataKey::generate(&entropy);
        let sealed = key.seal(b"secret", "p", &entropy);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 0x10;
            assert!(key.open(&changed, "p").is_err());
            assert!(key.open(&sealed[..at], "p").is_err());
        }
    }
}
