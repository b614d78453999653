//! A root key that never leaves the hardware that holds it.
//!
//! **Owns** PKCS#11: loading an operator's module, finding or making the key on a token, and [`TokenRoot`], which wraps epoch keys
//! there.
//! **Holds** the key is made on the token, cannot be taken out of it (`CKA_SENSITIVE`, not `CKA_EXTRACTABLE`), and one that could is
//! refused; a PIN is tried once and in no log; nothing is kept open between two uses.
//! **Never** a customer's key, storage, a decision about when a key is used.
//! **Emits** nothing.
#![forbid(unsafe_code)]

mod error;
mod root;

pub use error::Error;
pub use root::{Place, TokenRoot};
