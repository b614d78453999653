//! Where a domain plugs in: how it states facts and how it is told to stop.
//!
//! **Owns** [`Emit`] and [`Emission`] (the way from the hot path into the ledger), [`Stop`] (graceful stop with a deadline).
//! **Holds** stating a fact never blocks; an acknowledgement means that the fact is durable.
//! **Never** SQL, a domain word, a decision.
//! **Emits** nothing itself.
#![forbid(unsafe_code)]

mod emit;
mod stop;

pub use emit::{Acknowledgement, Emission, Emit, RecordedEmissions};
pub use stop::{Stop, Stopper};
