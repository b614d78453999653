//! Where a domain plugs in: how it states facts and how it is told to stop.
//!
//! **Owns** [`Emit`] and [`Emission`] (the way from the hot path into the ledger), [`Stop`] (graceful stop with a deadline),
//! [`Stages`] (where domains stand in the way of a request), [`Chain`] (two of them one behind the other), [`AskShop`] (how they ask the shop something themselves).
//! **Holds** stating a fact never blocks; an acknowledgement means that the fact is durable; a stage sees a request only
//! after it has one reading.
//! **Never** SQL, a domain word, a decision.
//! **Emits** nothing itself.
#![forbid(unsafe_code)]

mod ask;
mod chain;
mod emit;
mod pipeline;
mod stop;
mod threads;

pub use ask::{AskShop, Asking, NoAnswer, Question};
pub use chain::Chain;
pub use emit::{Acknowledgement, Emission, Emit, RecordedEmissions};
pub use pipeline::{
    ASSERTION, Going, LONG_REQUEST_BYTES, Later, Listener, Minder, OWN_COOKIES, OWN_PREFIX,
    OWN_REQUEST_BYTES, OwnPages, PATIENCE, Passage, RequestHead, Rewrite, Seen, SessionExchange,
    SessionStage, Stages, Unanswered, Unread, rewritten,
};
pub use stop::{Stop, Stopper};
pub use threads::wake_behind_others;
