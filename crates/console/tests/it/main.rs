//! The console through its door, on both engines, mostly attacked.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod access;
mod apps;
mod asvs;
mod bench;
mod customers;
mod data;
mod enrolment;
mod forged_rows;
mod forgery;
mod hostile;
mod letters;
mod live;
mod members;
mod own;
mod pages;
mod payments;
mod scripts;
mod sign_in;
