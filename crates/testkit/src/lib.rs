//! What the tests of several crates need.
//!
//! **Owns** [`FakeShop`]: a server on loopback that answers raw bytes and keeps what it was sent.
//! **Holds** it listens on loopback only, and ends with its handle.
//! **Never** part of the product.
//! **Emits** nothing.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop where it is")]

mod fake_shop;

pub use fake_shop::{Asked, FakeShop, Reply};
