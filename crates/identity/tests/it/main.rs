//! Customers' accounts through the pages' door, on both engines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod addresses;
mod anywhere;
mod asvs;
mod away;
mod back_office;
mod behind;
mod bench;
mod class;
mod doors;
mod elsewhere;
mod fake_shop;
mod heat;
mod imported;
mod json_shop;
mod kinds;
mod lost;
mod magento;
mod mailed;
mod meter;
mod mistakes;
mod new_password;
mod pages;
mod pitfalls;
mod places;
mod risk;
mod shield;
mod sign_up;
mod sms;
mod staff;
mod takeover;
mod teach;
mod teach_scripts;
mod timing;
mod told;
mod ways;
