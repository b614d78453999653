//! Fraud decisions about payments: what is remembered of earlier attempts, figures read of it, rules, and scorers that
//! were trained on the shop's own past.
//!
//! **Owns** [`Attempt`] (an attempt to pay in fingerprints and figures), [`State`] (what is remembered) and [`Feature`];
//! [`logistic`] and [`boost`] (scorers of our own), [`Model`] (how they are kept), [`evaluate`], [`split`] and [`drift`];
//! [`Rule`], what each would have done ([`backtest`]), the [`Engine`] that joins rules
//! and scorer, and the way from a shop's past to a scorer that acts ([`learning`]).
//! **Holds** the same attempts, outcomes and labels in the same order give the same state, and the same examples and seed
//! the same model; the state is bounded whatever comes, and what it lets go is counted; a figure is read before its own
//! attempt is counted, and a fraud counts from the moment at which it became known; a scorer only ever asks for more, and a
//! rule acts only after somebody saw what it would have done; a stored state or model that is damaged
//! is refused.
//! **Never** async, I/O, a clock, chance but from a seed; an address, a name or a card number: fingerprints only.
//! **Emits** nothing: whoever owns the payments turns decisions into events.
#![forbid(unsafe_code)]

mod attempt;
pub mod backtest;
pub mod boost;
mod card_testing;
mod chance;
mod codec;
pub mod drift;
mod engine;
pub mod evaluate;
mod features;
mod firing;
pub mod learning;
pub mod logistic;
mod matrix;
mod model;
mod profile;
mod ring;
mod rules;
mod shop;
pub mod split;
mod state;
mod table;
mod train;
mod trees;

pub use attempt::{
    Attempt, Buyer, Funding, Kind, Known, Label, Mark, Marks, Outcome, Secure, Signals, Source, Truth,
};
pub use card_testing::{Sensitivity, Sign};
pub use codec::Malformed;
pub use engine::{Decision, Engine, Placed, Reason};
pub use features::{COUNT, Delay, Feature, Group, Vector};
pub use logistic::Logistic;
pub use matrix::Matrix;
pub use model::{Model, ModelError, Scorer, Thresholds, TrainedOn, Weighed};
pub use rules::{Answer, Category, Mode, Rule, RuleHit, RuleId};
pub use state::{Fill, Limits, STATE_VERSION, State};
pub use train::{LEAST_FRAUDS, Method, TooFew, train};
pub use trees::Forest;
