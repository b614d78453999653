//! Stream detection: what a client does over many requests, judged by leaky buckets.
//!
//! **Owns** [`Scenario`] (a behaviour in words and figures), [`Detector`] (the fold over observations), [`Finding`].
//! **Holds** the same observations in the same order give the same findings; state is bounded and every loss of state
//! is counted in [`DetectorStats`]; time never runs backwards inside, whatever the observations say.
//! **Never** async, I/O, a clock, chance; a decision: a finding names the response its scenario asks for, others act.
//! **Emits** nothing: `edge` turns findings into events.
#![forbid(unsafe_code)]

mod bucket;
mod detector;
mod finding;
mod first_scenarios;
mod observation;
mod scenario;
mod words;

pub use detector::{Detector, DetectorStats, Limits};
pub use finding::Finding;
pub use first_scenarios::first_scenarios;
pub use observation::{Observation, Outcome};
pub use scenario::{Condition, Distinct, Group, Response, Scenario};
