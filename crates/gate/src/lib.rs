//! The gate: back-office paths of the shop, or of any tool behind Storeward, are for members of staff who have signed in.
//!
//! **Owns** the section `[[gate]]`, which requests a gate holds, the pages below [`PREFIX`], the assertion that goes to the shop with
//! whatever passes, and its key set.
//! **Holds** a path is held by every spelling under which a shop may serve it, and an exception counts by one spelling only; each
//! request asks the database whether its session stands; nothing that a client writes says who somebody is; an assertion is
//! for one gate, one request and a minute; a person comes back only to where they were held.
//! **Never** a password or a second factor on the shop's host (both are shown at the console), an account, a session of a customer.
//! **Emits** nothing itself: `gate.*` is told by the staff's realm, `console::entrance`.
#![forbid(unsafe_code)]

mod answers;
mod assertion;
mod config;
mod gate;
mod guards;
mod journey;
mod pace;
mod pages;
mod stage;

pub use assertion::{ASSERTION, LIFE, TYPE};
pub use config::{ConfigFault, GateSection};
pub use gate::{Gate, GateParts};
pub use pages::PREFIX;
