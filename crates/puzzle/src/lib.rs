//! Proof of work: puzzles that take a client's machine about a second, and us next to nothing (ALTCHA, protocol 2).
//!
//! **Owns** [`Puzzles`] (asks, checks, remembers what was solved, and gives out passes) and [`SCRIPT`], which solves
//! them in a browser.
//! **Holds** a puzzle counts once, for one purpose, for one client's network, for a quarter of an hour; a pass counts for
//! the network it was given to, for an hour; whoever sends wrong answers fills no memory of ours.
//! **Never** who has to solve one, network, storage, a client's address in a puzzle.
//! **Emits** nothing.
#![forbid(unsafe_code)]

mod puzzles;
mod spent;

pub use puzzles::{Answer, Difficulty, Harder, LIFE, PASS_LIFE, Purpose, Puzzles, Wrong, solve};

/// Solves puzzles in a browser: a page's script and its own workers' in one file.
pub const SCRIPT: &str = include_str!("../assets/puzzle.js");

/// Where [`SCRIPT`] lies on the shop's host. The front door answers there.
pub const SCRIPT_PATH: &str = "/.storeward/puzzle.js";

/// Where a solved puzzle is changed for a pass. The front door answers there.
pub const PASS_PATH: &str = "/.storeward/pass";
