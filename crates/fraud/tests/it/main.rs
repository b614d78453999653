//! The engine through its door, on a small world of its own.

#![expect(clippy::unwrap_used, reason = "tests")]

mod card_testing;
mod engine;
mod learning;
mod model;
mod rules;
mod state;
mod training;
mod world;
