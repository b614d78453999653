//! The top of the tree: what wraps epoch keys.

use std::fmt;

use storeward_base::{Entropy, Secret};

use super::framed;
use crate::encoding::hex;
use crate::gcm::{self, KEY_BYTES, NONCE_BYTES};
use crate::{DataKey, Error};

const VERSION: u8 = 1;

/// Wraps epoch keys. Implemented by [`SecretRoot`]; a hardware module or a key service implements it where the root key
/// never leaves that place. Asked when a program starts and when an epoch begins, never for a request.
pub trait RootKey: Send + Sync {
    /// Which key this is: kept beside what it wrapped, so that a wrong one is told from a damaged one. Says nothing of
    /// the key.
    fn id(&self) -> String;

    /// Wraps a key; `place` says where it belongs and must be given again.
    fn wrap(
        &self,
        key: &Secret<[u8; KEY_BYTES]>,
        place: &str,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Error>;

    /// Unwraps what [`RootKey::wrap`] wrapped for the same place.
    fn unwrap(&self, wrapped: &[u8], place: &str) -> Result<Secret<[u8; KEY_BYTES]>, Error>;
}

/// A root key in this program's memory.
#[derive(Clone)]
pub struct SecretRoot(Secret<[u8; KEY_BYTES]>);

impl SecretRoot {
    pub fn generate(entropy: &dyn Entropy) -> Self {
        SecretRoot(Secret::new(entropy.bytes::<KEY_BYTES>()))
    }

    pub fn from_bytes(bytes: Secret<[u8; KEY_BYTES]>) -> Self {
        SecretRoot(bytes)
    }

    /// What [`super::RootFile`] keeps under a passphrase.
    pub fn bytes(&self) -> &Secret<[u8; KEY_BYTES]> {
        &self.0
    }
}

impl RootKey for SecretRoot {
    fn id(&self) -> String {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, self.0.expose());
        let tag = aws_lc_rs::hmac::sign(&key, b"storeward.root-id/1");
        format!("secret:{}", hex(tag.as_ref().get(..8).unwrap_or_default()))
    }

    fn wrap(
        &self,
        key: &Secret<[u8; KEY_BYTES]>,
        place: &str,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        Ok(wrap(&self.0, key, &root_aad(place), entropy))
    }

    fn unwrap(&self, wrapped: &[u8], place: &str) -> Result<Secret<[u8; KEY_BYTES]>, Error> {
        unwrap(&self.0, wrapped, &root_aad(place))
    }
}

/// A root key of a small installation may be the key that seals its small values.
impl From<&DataKey> for SecretRoot {
    fn from(key: &DataKey) -> Self {
        SecretRoot(key.bytes().clone())
    }
}

fn root_aad(place: &str) -> Vec<u8> {
    framed("storeward.root/1", &[place.as_bytes()])
}

/// A key under another: version (1), nonce (12), ciphertext (32), tag (16). The nonce is random, so one key must wrap
/// fewer than 2^32 others (SP 800-38D section 8.3).
pub(super) fn wrap(
    with: &Secret<[u8; KEY_BYTES]>,
    key: &Secret<[u8; KEY_BYTES]>,
    aad: &[u8],
    entropy: &dyn Entropy,
) -> Vec<u8> {
    let nonce = entropy.bytes::<NONCE_BYTES>();
    let mut out = vec![VERSION];
    out.extend_from_slice(&nonce);
    gcm::seal(with.expose(), nonce, aad, key.expose(), &mut out);
    out
}

pub(super) fn unwrap(
    with: &Secret<[u8; KEY_BYTES]>,
    wrapped: &[u8],
    aad: &[u8],
) -> Result<Secret<[u8; KEY_BYTES]>, Error> {
    let (version, rest) = wrapped.split_first().ok_or(Error::Sealed)?;
    let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Error::Sealed)?;
    if *version != VERSION {
        return Err(Error::Sealed);
    }
    let opened = gcm::open(with.expose(), *nonce, aad, body)?;
    let bytes = <[u8; KEY_BYTES]>::try_from(opened.expose().as_slice()).map_err(|_| Error::Sealed)?;
    Ok(Secret::new(bytes))
}

impl fmt::Debug for SecretRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretRoot(***)")
    }
}
