//! The protocol itself: pure, without a database, a clock or chance.

pub mod answer;
pub mod authorize;
pub mod claims;
pub mod client;
pub mod decide;
pub mod discovery;
pub mod fields;
pub mod refusal;
pub mod scope;
pub mod token;
