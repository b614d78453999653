//! Passwords: how they are chosen, hashed, checked and found in breaches.
//!
//! **Owns** [`Pool`] (Argon2id on threads of its own behind a bounded queue), [`StoredHash`] (our hashes and those that
//! shops bring along), [`Policy`] (which passwords may be chosen, with guidance in words), [`Gauge`] (the same while somebody
//! types) and [`breach`] (an offline list of breached passwords, and the range query).
//! **Holds** no more is computed at once than there are threads, and no more waits than two seconds of their work; a
//! stored hash that asks for too much is refused before anything is allocated; an account that does not exist costs the
//! same work as one that does; what is secret is compared in constant time and wiped after use.
//! **Never** storage, network (the range query is handed a way to fetch), a decision who may sign in, or a password in
//! an error, a message or a counter.
//! **Emits** nothing.
#![forbid(unsafe_code)]

mod argon;
pub mod breach;
mod error;
mod foreign;
mod gauge;
mod hasher;
mod pepper;
mod policy;
mod pool;
mod prepare;
mod stored;

pub use argon::{Cost, stretch};
pub use error::Error;
pub use foreign::Foreign;
pub use gauge::Gauge;
pub use hasher::{Hasher, Recipe, Verified};
pub use pepper::Pepper;
pub use policy::{Context, Judgement, Message, MessageId, Policy, Strength};
pub use pool::{AccountKey, Lane, Pool, PoolOptions, PoolStats, Ticket};
pub use prepare::MAX_BYTES;
pub use stored::{NewHash, StoredHash};
