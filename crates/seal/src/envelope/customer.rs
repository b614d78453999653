//! One customer's key, and the values that it seals.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use storeward_base::{Entropy, Secret};

use super::framed;
use crate::Error;
use crate::gcm::{self, KEY_BYTES, NONCE_BYTES, TAG_BYTES};

const VERSION: u8 = 1;
/// AES-256-GCM under a key derived by HMAC-SHA-256, with a commitment of 32 bytes.
const SUITE: u8 = 1;
const LONG_NONCE_BYTES: usize = 24;
const COMMITMENT_BYTES: usize = 32;
const HEAD_BYTES: usize = 6;

/// By how much a sealed value is longer than what it holds.
pub const OVERHEAD_BYTES: usize = HEAD_BYTES + LONG_NONCE_BYTES + COMMITMENT_BYTES + TAG_BYTES;

/// Seals and opens everything of one customer.
#[derive(Clone)]
pub struct CustomerKey {
    version: u32,
    key: Secret<[u8; KEY_BYTES]>,
}

/// Where a value belongs. A sealed value opens at this very place only: it can be moved neither to another customer or
/// field nor under another version of its row.
#[derive(Clone, Copy, Debug)]
pub struct FieldPlace<'a> {
    pub customer: &'a str,
    /// Such as `address`.
    pub collection: &'a str,
    /// Such as `address_x.street`.
    pub field: &'a str,
    /// Version of the field's form.
    pub schema: u16,
    /// Counts up with each change, and stands in the ledger: what puts an older value back is so found.
    pub version: u64,
}

impl CustomerKey {
    pub fn generate(version: u32, entropy: &dyn Entropy) -> Self {
        CustomerKey { version, key: Secret::new(entropy.bytes::<KEY_BYTES>()) }
    }

    pub(super) fn from_bytes(version: u32, key: Secret<[u8; KEY_BYTES]>) -> Self {
        CustomerKey { version, key }
    }

    pub(super) fn bytes(&self) -> &Secret<[u8; KEY_BYTES]> {
        &self.key
    }

    pub fn version(&self) -> u32 {
        self.version
    }

    /// [`OVERHEAD_BYTES`] longer than `plain`.
    pub fn seal(&self, plain: &[u8], place: &FieldPlace<'_>, entropy: &dyn Entropy) -> Vec<u8> {
        let nonce = entropy.bytes::<LONG_NONCE_BYTES>();
        let message = self.message(&nonce);
        let mut out = Vec::with_capacity(plain.len() + OVERHEAD_BYTES);
        out.extend_from_slice(&[VERSION, SUITE]);
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&message.commitment);
        gcm::seal(message.key.expose(), message.nonce, &self.aad(place), plain, &mut out);
        out
    }

    /// Opens what [`CustomerKey::seal`] sealed for the same place under this key.
    pub fn open(&self, sealed: &[u8], place: &FieldPlace<'_>) -> Result<Secret<Vec<u8>>, Error> {
        let version = Self::version_of(sealed)?;
        let rest = sealed.get(HEAD_BYTES..).ok_or(Error::Sealed)?;
        let (nonce, rest) = rest.split_first_chunk::<LONG_NONCE_BYTES>().ok_or(Error::Sealed)?;
        let (commitment, body) = rest.split_first_chunk::<COMMITMENT_BYTES>().ok_or(Error::Sealed)?;
        let message = self.message(nonce);
        let same = constant_time::verify_slices_are_equal(commitment, &message.commitment).is_ok();
        if !same || version != self.version {
            return Err(Error::Sealed);
        }
        gcm::open(message.key.expose(), message.nonce, &self.aad(place), body)
    }

    /// A keyed tag (HMAC-SHA-256, cut to 128 bits) over parts that are not sealed themselves but must not be changed unseen.
    /// `label` says what they are, so that a tag of one kind is none of another.
    pub fn tag(&self, label: &str, parts: &[&[u8]]) -> [u8; TAG_BYTES] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.expose());
        let mut text = hmac::Context::with_key(&key);
        text.update(b"storeward.tag/1\n");
        text.update(&self.version.to_be_bytes());
        text.update(&framed(label, parts));
        let tag = text.sign();
        let mut bytes = [0; TAG_BYTES];
        bytes.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Which version of the customer's key sealed this.
    pub fn version_of(sealed: &[u8]) -> Result<u32, Error> {
        match sealed {
            [VERSION, SUITE, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
            _ => Err(Error::Sealed),
        }
    }

    fn message(&self, nonce: &[u8; LONG_NONCE_BYTES]) -> Message {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.expose());
        let derive = |label: u8| {
            let mut text = hmac::Context::with_key(&key);
            text.update(b"storeward.message/1\n");
            text.update(&[SUITE, label]);
            text.update(nonce);
            let tag = text.sign();
            let mut bytes = [0; 32];
            bytes.copy_from_slice(tag.as_ref());
            bytes
        };
        let mut short = [0; NONCE_BYTES];
        short.copy_from_slice(nonce.last_chunk::<NONCE_BYTES>().expect("24 bytes end with 12"));
        Message { key: Secret::new(derive(b'k')), commitment: derive(b'c'), nonce: short }
    }

    fn aad(&self, place: &FieldPlace<'_>) -> Vec<u8> {
        framed(
            "storeward.field/1",
            &[
                place.customer.as_bytes(),
                place.collection.as_bytes(),
                place.field.as_bytes(),
                &place.schema.to_be_bytes(),
                &place.version.to_be_bytes(),
                &self.version.to_be_bytes(),
            ],
        )
    }
}

/// What one nonce makes of the key.
struct Message {
    key: Secret<[u8; KEY_BYTES]>,
    commitment: [u8; COMMITMENT_BYTES],
    nonce: [u8; NONCE_BYTES],
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomerKey({}, ***)", self.version)
    }
}
