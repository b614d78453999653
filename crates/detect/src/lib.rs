//! Stream detection: what a client does over many requests, judged by leaky buckets; and whether a sign-in is the
//! account's own ([`sign_in`]).
//!
//! **Owns** [`pace`] (how fast somebody may guess); [`Scenario`] (a behaviour in words and figures), [`Detector`] (the fold over observations), [`Finding`];
//! [`sign_in`]: features of sign-ins, their histories, the score, the five answers and their reasons.
//! **Holds** the same observations in the same order give the same findings; state is bounded and every loss of state
//! is counted in [`DetectorStats`]; time never runs backwards inside, whatever the observations say. A bad signal never
//! makes a sign-in's answer milder, and only released sign-ins are remembered.
//! **Never** async, I/O, a clock, chance; an act: a finding names the response its scenario asks for and a verdict the
//! answer that the owner's policy asks for, others act. No address and no user agent in what is stored of a sign-in.
//! **Emits** nothing: `edge` turns findings into events, whoever owns the accounts turns verdicts into events.
#![forbid(unsafe_code)]

mod bucket;
mod detector;
mod finding;
mod first_scenarios;
mod observation;
pub mod pace;
mod scenario;
pub mod sign_in;
#[cfg(feature = "testing")]
pub mod testing;
mod words;

pub use detector::{Detector, DetectorStats, Limits};
pub use finding::Finding;
pub use first_scenarios::first_scenarios;
pub use observation::{Initiator, Observation, Outcome};
pub use scenario::{Condition, Distinct, Group, Response, Scenario};
pub use words::is_static;
