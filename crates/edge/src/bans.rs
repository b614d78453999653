//! Bans: clients that may not come in for a while.
//!
//! A ban is a lease. It ends by itself, can be lifted at once, grows longer when the client comes back to it, and is
//! never laid on an address of the never-block list or of signed-in staff. Requests of a banned client do not extend
//! it: neither the book nor the detector looks at them.

mod book;
mod journal;
mod model;
mod options;
mod responder;
mod state;
mod timed;

pub use book::{BanBook, BansError};
pub use model::{ActiveBan, Ban, BanKey, BanRefusal, BanStats, Ended, NotBanned, PastBan, PastKey};
pub use options::{BanMode, BanOptions, BansSection};
pub use responder::{Reaction, Responder};
