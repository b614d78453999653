//! The front door as clients and attackers meet it: real sockets, real TLS, a fake shop behind.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop where it is")]

mod cards;
mod carried;
mod codes;
mod compression;
mod entrance;
mod floods;
mod foreign;
mod frames;
mod harness;
mod http2;
mod inbox;
mod inspecting;
mod limits;
mod long_bodies;
mod own_bodies;
mod proxying;
mod puzzles;
mod rates;
mod readers;
mod slow;
mod smuggling;
mod sockets;
mod stages;
mod stopping;
mod trust;
mod uploads;
mod upstreams;
