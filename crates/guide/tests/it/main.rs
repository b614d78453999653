//! Guidance through the pages' door, with real accounts, a real outbox and a real mail server, on both engines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bench;
mod learn;
mod messages;
mod pages;
mod reminders;
mod reports;
