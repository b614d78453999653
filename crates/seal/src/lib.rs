//! Ciphers and proofs: everything that is secret, signed or hashed is made here.
//!
//! **Owns** Merkle trees and their proofs ([`merkle`]), signed checkpoints ([`checkpoint`]), a log as tiles and
//! proofs in files ([`tlog`]), time stamps of others ([`timestamp`]), signatures by certificates ([`certificate`]), one-time
//! codes ([`totp`]), passkeys' signatures ([`webauthn`]), keyed fingerprints
//! ([`fingerprint`]), keys that sign mail ([`dkim`]), signed tokens ([`jws`]), signed statements ([`statement`]), small sealed values ([`sealed`]), tags over rows ([`row`]), the key tree
//! under which customers' data is sealed ([`envelope`]) and the blind indexes by which it is found ([`index`]).
//! **Holds** it is pure: the same input gives the same output; time comes in as a [`storeward_base::Timestamp`] and
//! chance through [`storeward_base::Entropy`]. No key prints itself; whatever is secret is compared in constant time.
//! **Never** storage, a clock, randomness of its own (but for some keys, see [`dkim`] and [`jws`]), or a cipher of its
//! own making (aws-lc-rs does the work).
//! **Emits** nothing.
#![forbid(unsafe_code)]

pub mod certificate;
pub mod checkpoint;
pub mod dkim;
pub mod encoding;
pub mod envelope;
mod error;
pub mod fingerprint;
mod gcm;
mod hashing;
pub mod index;
pub mod jws;
pub mod merkle;
pub mod row;
pub mod sealed;
pub mod statement;
pub mod timestamp;
pub mod tlog;
pub mod totp;
pub mod webauthn;

pub use checkpoint::{Checkpoint, Kept, LogKey, Origin, VerifierKey};
pub use error::Error;
pub use fingerprint::{MarkKey, PseudonymKey};
pub use hashing::Sha256;
pub use index::{FieldIndex, IndexRoot};
pub use merkle::{CompactRange, Hash};
pub use row::{RowKey, TAG_BYTES};
pub use sealed::DataKey;
