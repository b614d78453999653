//! All of the shop's SQL.

pub mod addresses;
pub mod cart;
pub mod catalogue;
pub mod customers;
pub mod office;
pub mod orders;
pub mod sessions;
