//! The engine through its door: corpora, policy, bounds, secrets.
#![allow(clippy::unwrap_used)]

mod bounds;
mod cards;
mod corpus;
mod exchange;
mod fields;
mod oracle;
mod policy;
mod response;
mod secrets;
mod stretched;
mod uploads;
