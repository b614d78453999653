//! What can be done with a payment, one file each.

mod begin;
mod by_hand;
mod create;
mod ended;
mod give;
mod look;
mod perform;
mod take;

pub(crate) use begin::{closing, may_begin};
pub(crate) use ended::Ended;

pub use begin::Begun;
pub use by_hand::{Unlearnt, WhyNothing};
pub use take::Wish;
