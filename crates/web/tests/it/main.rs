//! The frame around every route, attacked from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod frame;
mod site;
