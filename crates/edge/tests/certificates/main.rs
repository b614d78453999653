//! Certificates through their door: a real `pebble` as the CA, real handshakes, real files.
#![allow(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but does not see that these are")]

mod acme;
mod ari;
mod clients;
mod files;
mod front;
mod local;
mod pebble;
mod restart;
mod shop;
mod tls;
mod trust;
