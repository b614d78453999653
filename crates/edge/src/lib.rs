//! The front door.
//!
//! **Owns** listeners, TLS and certificates, the guards on the client's bytes, the pipeline of one request, the
//! connections to the shop, the access record, bans.
//! **Holds** one true path, query, host and client address is made once and every later stage uses it; a byte that could
//! be read in two ways is refused; no SQL, no lock and no unbounded queue on a request's way.
//! **Never** sign-in, personal profile data, or a decision that a domain could make.
//! **Emits** `edge.*` and `detection.*`.
#![forbid(unsafe_code)]

pub mod access;
mod asked_with;
pub mod asking;
pub mod bans;
pub mod body;
pub mod canonical;
pub mod certificates;
mod checks;
mod coding;
pub mod config;
mod edge_body;
pub mod guard;
mod initiator;
pub mod listener;
mod own_cookies;
pub mod pages;
pub mod paths;
mod plain;
pub mod private;
mod proxy_protocol;
pub mod rates;
mod readings;
mod record;
pub mod request;
pub mod response;
pub mod routes;
pub mod senders;
mod serve;
pub mod server;
mod sharing;
mod tunnel;
pub mod upstream;
mod watched;
mod websocket;

pub use server::{Edge, EdgeConfig, Shared, Snapshot};
