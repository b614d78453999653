//! The root key in a file under a passphrase.

use serde::{Deserialize, Serialize};
use storeward_base::{Entropy, Secret};

use super::{SecretRoot, framed, root};
use crate::Error;
use crate::encoding::{decode_hex, hex};
use crate::gcm::KEY_BYTES;

const KIND: &str = "storeward root key";
const VERSION: u32 = 1;
const SALT_BYTES: usize = 16;

/// How the passphrase becomes a key: Argon2id (RFC 9106). The derivation itself is the caller's, which owns the memory
/// for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kdf {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
    /// Hexadecimal.
    salt: String,
}

impl Kdf {
    /// 256 MiB, 3 passes, 1 lane: the root key is derived once a start, so it may cost more than the 64 MiB and
    /// 3 passes of RFC 9106's second recommendation.
    pub fn new(entropy: &dyn Entropy) -> Self {
        Kdf::with(256 * 1024, 3, entropy)
    }

    /// With other costs, for tests.
    pub fn with(memory_kib: u32, passes: u32, entropy: &dyn Entropy) -> Self {
        Kdf { memory_kib, passes, lanes: 1, salt: hex(&entropy.bytes::<SALT_BYTES>()) }
    }

    pub fn salt(&self) -> Result<Vec<u8>, Error> {
        decode_hex(&self.salt).filter(|salt| salt.len() >= SALT_BYTES).ok_or(Error::Key)
    }

    /// Refuses what a planted file could ask for: more than 4 GiB, or hours.
    fn check(&self) -> Result<(), Error> {
        let bounds = [(self.memory_kib, 8, 4 << 20), (self.passes, 1, 64), (self.lanes, 1, 16)];
        let fits = bounds.iter().all(|(value, least, most)| (least..=most).contains(&value));
        if fits { Ok(()) } else { Err(Error::Key) }
    }
}

/// What stands in the file: JSON, readable, nothing secret in it without the passphrase.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootFile {
    kind: String,
    version: u32,
    /// Which root key is inside; told without the passphrase.
    pub root: String,
    pub kdf: Kdf,
    /// Hexadecimal.
    wrapped: String,
}

impl RootFile {
    /// `derived` is what [`Kdf`] makes of the passphrase.
    pub fn seal(
        root: &SecretRoot,
        kdf: Kdf,
        derived: &Secret<[u8; KEY_BYTES]>,
        entropy: &dyn Entropy,
    ) -> Self {
        let id = super::RootKey::id(root);
        let wrapped = hex(&root::wrap(derived, root.bytes(), &aad(&id, &kdf), entropy));
        RootFile { kind: KIND.to_owned(), version: VERSION, root: id, kdf, wrapped }
    }

    /// [`Error::Sealed`] for a wrong passphrase, and for a file that was changed.
    pub fn open(&self, derived: &Secret<[u8; KEY_BYTES]>) -> Result<SecretRoot, Error> {
        let wrapped = decode_hex(&self.wrapped).ok_or(Error::Key)?;
        root::unwrap(derived, &wrapped, &aad(&self.root, &self.kdf)).map(SecretRoot::from_bytes)
    }

    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("words and numbers are JSON");
        text.push('\n');
        text
    }

    /// Reads a file, before anything is derived: costs beyond all measure are refused here.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file: RootFile = serde_json::from_str(text).map_err(|_| Error::Key)?;
        file.kdf.check()?;
        file.kdf.salt()?;
        if file.kind != KIND || file.version != VERSION {
            return Err(Error::Key);
        }
        Ok(file)
    }
}

fn aad(root: &str, kdf: &Kdf) -> Vec<u8> {
    let costs = [kdf.memory_kib, kdf.passes, kdf.lanes].map(u32::to_be_bytes).concat();
    framed("storeward.root-file/1", &[root.as_bytes(), &costs, kdf.salt.as_bytes()])
}
