//! What can be done with a payment, one file each.

mod begin;
mod create;
mod look;
mod perform;
mod take;

pub use begin::Begun;
pub(crate) use begin::may_begin;
pub use take::Wish;
