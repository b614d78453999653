//! Request and response inspection: decoding, rules, detectors, verdicts.
//!
//! **Owns** the decoding of queries, forms, cookies, JSON, multipart and XML into named values; rules as data in the
//! shape of SecLang and their compilation; the detectors for SQL injection and cross-site scripting; our own first
//! rules; the search for card numbers ([`cards`]) and for what names a private key ([`keys`]).
//! **Holds** every value is decoded once and inspected under every rule that covers it; work and memory are
//! proportional to the input and bounded; a prefilter never hides a match; what a match shows is never personal data
//! (see `mask`); in [`Mode::Detect`] every verdict is `Pass`, but for a card's number where it is refused.
//! **Never** async, I/O, clock or chance; nothing is decided from a hash of traffic seen before; no rule text of others.
//! **Emits** nothing: verdicts and matches go back to the caller.
#![forbid(unsafe_code)]

mod bits;
pub mod cards;
mod compile;
mod content_type;
mod decode;
mod engine;
mod head;
pub mod keys;
mod known;
mod lists;
mod literals;
mod mask;
mod pattern;
mod policy;
pub mod rule;
mod rules;
mod scan;
mod sqli;
mod stream;
mod tokens;
mod transaction;
mod transform;
mod values;
mod verdict;
mod xss;

pub use engine::Engine;
pub use head::{BodyEnd, BodyPlan, HeaderSource, HttpVersion, RequestHead, ResponseHead};
pub use known::Known;
pub use policy::{CardAction, CardPlace, Cards, Exception, Mode, Policy, RuleSelector};
pub use rule::{LoadError, Rule, RuleInfo};
pub use stream::BodyRest;
pub use transaction::Transaction;
pub use verdict::{Category, Reason, RuleMatch, Severity, UnknownWord, Verdict};
