//! Epoch keys wrap customers' keys for at most a month.

use std::fmt;

use serde::{Deserialize, Serialize};
use storeward_base::{Entropy, Secret};

use super::{CustomerKey, RootKey, framed, root};
use crate::Error;
use crate::gcm::KEY_BYTES;

/// Counts up by one with each rotation; never used twice, also not for a key that was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EpochId(pub u32);

impl fmt::Display for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The key of one epoch. May wrap fewer than 2^32 customers' keys (SP 800-38D section 8.3: random nonces).
#[derive(Clone)]
pub struct EpochKey {
    id: EpochId,
    key: Secret<[u8; KEY_BYTES]>,
}

impl EpochKey {
    pub fn generate(id: EpochId, entropy: &dyn Entropy) -> Self {
        EpochKey { id, key: Secret::new(entropy.bytes::<KEY_BYTES>()) }
    }

    pub fn id(&self) -> EpochId {
        self.id
    }

    /// As the key store keeps it. Once every copy of this text is gone, so is the epoch.
    pub fn wrapped(&self, root: &dyn RootKey, entropy: &dyn Entropy) -> Result<Vec<u8>, Error> {
        root.wrap(&self.key, &place(self.id), entropy)
    }

    pub fn unwrap(id: EpochId, wrapped: &[u8], root: &dyn RootKey) -> Result<Self, Error> {
        Ok(EpochKey { id, key: root.unwrap(wrapped, &place(id))? })
    }

    /// A customer's key as the key store keeps it. It opens for the same customer only.
    pub fn wrap(&self, key: &CustomerKey, customer: &str, entropy: &dyn Entropy) -> Vec<u8> {
        root::wrap(&self.key, key.bytes(), &self.aad(customer, key.version()), entropy)
    }

    /// `version` is the customer key's, kept beside it.
    pub fn unwrap_customer(
        &self,
        wrapped: &[u8],
        customer: &str,
        version: u32,
    ) -> Result<CustomerKey, Error> {
        let bytes = root::unwrap(&self.key, wrapped, &self.aad(customer, version))?;
        Ok(CustomerKey::from_bytes(version, bytes))
    }

    /// A key for something that is neither a customer's nor an epoch's, such as the blind indexes' root.
    pub fn wrap_other(&self, key: &Secret<[u8; KEY_BYTES]>, purpose: &str, entropy: &dyn Entropy) -> Vec<u8> {
        root::wrap(&self.key, key, &self.other_aad(purpose), entropy)
    }

    pub fn unwrap_other(&self, wrapped: &[u8], purpose: &str) -> Result<Secret<[u8; KEY_BYTES]>, Error> {
        root::unwrap(&self.key, wrapped, &self.other_aad(purpose))
    }

    fn aad(&self, customer: &str, version: u32) -> Vec<u8> {
        let epoch = self.id.0.to_be_bytes();
        framed("storeward.customer-key/1", &[customer.as_bytes(), &version.to_be_bytes(), &epoch])
    }

    fn other_aad(&self, purpose: &str) -> Vec<u8> {
        framed("storeward.other-key/1", &[purpose.as_bytes(), &self.id.0.to_be_bytes()])
    }
}

fn place(id: EpochId) -> String {
    format!("epoch/{id}")
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochKey({}, ***)", self.id)
    }
}
