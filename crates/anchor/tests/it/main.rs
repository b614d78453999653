//! Each kind of place through the round, against a stand-in on loopback, on both databases.
#![allow(clippy::unwrap_used)] // a test fails by panicking, in its helpers too

mod places;
mod support;
