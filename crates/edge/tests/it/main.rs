//! The front door as clients and attackers meet it: real sockets, real TLS, a fake shop behind.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop where it is")]

mod harness;
mod proxying;
mod smuggling;
