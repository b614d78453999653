//! The gate through its doors, beside the console, on both engines, mostly attacked.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod attacks;
mod bench;
mod passing;
mod revoking;
