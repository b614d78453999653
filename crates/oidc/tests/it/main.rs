//! The provider through its door, beside the customers' pages, on both engines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod access;
mod attacks;
mod bench;
mod conformance;
mod held;
mod keys;
mod limits;
mod logout;
mod modules;
mod pages;
mod registry;
mod under_way;
