//! The stand-ins through real sockets, as a merchant's program and a buyer's browser meet them.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod contract;
mod paypal;
mod stand;
mod stripe;
mod webhooks;
