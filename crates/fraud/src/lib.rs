//! Fraud decisions about payments: what is remembered of earlier attempts, figures read of it, rules, and scorers that
//! were trained on the shop's own past.
//!
//! **Owns** [`Attempt`] (an attempt to pay in fingerprints and figures), [`State`] (what is remembered) and [`Feature`];
//! [`logistic`] and [`boost`] (scorers of our own), [`Model`] (how they are kept), [`evaluate`], [`split`] and [`drift`].
//! **Holds** the same attempts, outcomes and labels in the same order give the same state, and the same examples and seed
//! the same model; the state is bounded whatever comes, and what it lets go is counted; a figure is read before its own
//! attempt is counted, and a fraud counts from the moment at which it became known; a stored state or model that is damaged
//! is refused.
//! **Never** async, I/O, a clock, chance but from a seed; an address, a name or a card number: fingerprints only.
//! **Emits** nothing: whoever owns the payments turns decisions into events.
#![forbid(unsafe_code)]

mod attempt;
pub mod boost;
mod chance;
mod codec;
pub mod drift;
pub mod evaluate;
mod features;
pub mod logistic;
mod matrix;
mod model;
mod profile;
mod ring;
mod shop;
pub mod split;
mod state;
mod table;
mod train;
mod trees;

pub use attempt::{
    Attempt, Buyer, Funding, Kind, Known, Label, Mark, Marks, Outcome, Signals, Source, Truth,
};
pub use codec::Malformed;
pub use features::{COUNT, Delay, Feature, Group, Vector};
pub use logistic::Logistic;
pub use matrix::Matrix;
pub use model::{Model, ModelError, Scorer, Thresholds, TrainedOn, Weighed};
pub use state::{Fill, Limits, STATE_VERSION, State};
pub use train::{LEAST_FRAUDS, Method, TooFew, train};
pub use trees::Forest;
