//! All SQL of the provider, by table.

pub mod client;
pub mod consent;
pub mod grant;
pub mod key;
pub mod token;

/// Every statement of this crate, for the test that prepares them on both engines.
pub const STATEMENTS: &[&[&str]] =
    &[client::STATEMENTS, consent::STATEMENTS, grant::STATEMENTS, key::STATEMENTS, token::STATEMENTS];
