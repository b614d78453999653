//! Guards on the client's bytes: strict framing, frame budgets, the watch over slow clients.

pub mod connection;
pub mod frames;
pub mod framing;
pub mod gather;
pub mod io;

pub use connection::{Connection, Timeouts, Watched};
pub use frames::FrameLimits;
pub use framing::HeadLimits;
pub use gather::{Gather, Spare};
pub use io::GuardedIo;
