//! The guard of paying pages, on both databases.
#![allow(clippy::unwrap_used)] // a test fails by panicking, in its helpers too

mod additions;
mod approvals;
mod bench;
mod crossing;
mod evidence;
mod fetching;
mod hiding;
mod messages;
mod minute;
mod personal;
mod reports;
mod rooms;
mod watching;
