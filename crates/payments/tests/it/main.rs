//! Payments against the stand-ins of Stripe and PayPal, on both databases.
#![allow(clippy::unwrap_used)] // a test fails by panicking, in its helpers too

mod accounts;
mod again;
mod believed;
mod beside;
mod certificates;
mod chaos;
mod config;
mod disputes;
mod evidence;
mod flows;
mod forged;
mod invented;
mod janitor;
mod judge;
mod kept;
mod keys;
mod lines;
mod links;
mod listed;
mod lists;
mod messages;
mod mistakes;
mod orders;
mod owed;
mod own;
mod pack;
mod parts;
mod programs;
mod races;
mod secure;
mod shut;
mod support;
mod till;
mod tried;
mod unanswered;
