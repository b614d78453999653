//! The engine through its door, on a small world of its own.

#![expect(clippy::unwrap_used, reason = "tests")]

mod model;
mod state;
mod training;
mod world;
