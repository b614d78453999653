//! Larkmoor, a small sample shop for trying out whatever stands in front of a shop.
//!
//! **Owns** one SQLite file, a folder of profile pictures beside it, and every page of an ordinary shop:
//! catalogue, search, accounts, cart, checkout, orders, back office.
//!
//! **Holds** prices come from the products table and never from a form; stock never falls below zero; a
//! form is acted on only with its session's CSRF token; an order is seen by its owner and the back office.
//!
//! **Never** takes a payment itself (where [`PayAt`] says so, orders are paid at a page elsewhere), keeps a card number, sends mail or calls out. It carries three holes on
//! purpose (search for `DELIBERATE HOLE`), which [`Holes::Off`] closes: do not put it on the internet.
//!
//! **Emits** "stock changed" notices to whoever listens at `/events`; nothing else.
#![forbid(unsafe_code)]

mod art;
mod clock;
mod db;
mod error;
mod multipart;
mod password;
mod pdf;
mod seed;
mod serve;
mod shop;
mod store;
mod tokens;
mod web;
mod words;

pub use error::Error;
pub use seed::{DemoAccount, DemoCredentials, demo_credentials};
pub use shop::{Holes, PayAt, Shop, ShopOptions};
