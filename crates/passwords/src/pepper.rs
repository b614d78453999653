//! A key that is kept apart from the database: who steals the hashes alone cannot even begin to guess.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use base64ct::{Base64Unpadded, Encoding};
use storeward_base::{Entropy, Secret};
use zeroize::Zeroizing;

/// 32 random bytes. A hash made with it names it, so that a newer one can take its place account by account.
#[derive(Clone)]
pub struct Pepper {
    key: Secret<[u8; 32]>,
    id: String,
}

impl Pepper {
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self::from_bytes(Secret::new(entropy.bytes::<32>()))
    }

    /// From what a key file keeps.
    pub fn from_bytes(key: Secret<[u8; 32]>) -> Self {
        let mut named = b"storeward-pepper-id/1\n".to_vec();
        named.extend_from_slice(key.expose());
        let named = Zeroizing::new(named);
        let hash = digest::digest(&digest::SHA256, &named);
        let id = Base64Unpadded::encode_string(hash.as_ref().first_chunk::<6>().unwrap_or(&[0; 6]));
        Pepper { key, id }
    }

    /// Names the key without telling anything of it: the `keyid` of the hashes that it went into.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// HMAC-SHA-256 (RFC 2104) of what would be hashed otherwise.
    pub(crate) fn apply(&self, text: &[u8]) -> Zeroizing<Vec<u8>> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.expose());
        let mut context = hmac::Context::with_key(&key);
        context.update(b"storeward-pepper/1\n");
        context.update(text);
        Zeroizing::new(context.sign().as_ref().to_vec())
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({})", self.id)
    }
}
