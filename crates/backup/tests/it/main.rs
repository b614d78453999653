//! Runs at targets of each kind, on trial.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod sql;
