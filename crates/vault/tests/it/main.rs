//! Customers' records through the door, on both engines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop where it is")]

mod access;
mod accounts;
mod columns;
mod come_back;
mod corrections;
mod crash;
mod erasure;
mod forged;
mod grants;
mod harm;
mod import;
mod indexes;
mod keys;
mod many_accounts;
mod moves;
mod office;
mod orders;
mod records;
mod rest;
mod retention;
mod rows;
mod shops;
mod support;
mod sweep;
mod told;
mod watch;
