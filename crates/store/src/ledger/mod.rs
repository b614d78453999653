//! The ledger: every event, in one order, hashed into a signed Merkle tree (RFC 9162). Audit trail, outbox and bus.
//!
//! Entries count from 1 without a gap; entry n is leaf n - 1. The tree's nodes stand in the entries themselves (see
//! the migration), so that a proof needs O(log n) look-ups and appending needs no further table.

mod append;
mod believed;
mod forget;
mod lately;
mod leaves;
mod prove;
mod query;
mod standing;
mod uncounted;
mod verify;

pub(crate) use append::{Appender, Signer, begin, begun_as, is_written};
pub use believed::{After, believed, believed_after, changed, is_believed, last_believed, told};
pub use forget::{Runs, forget};
pub(crate) use lately::Stretch;
pub use lately::lately;
pub use leaves::{Leaf, checkpoint_at, checkpoint_before, leaves_after, number_of};
pub use prove::{Inclusion, prove_consistency, prove_inclusion, prove_inclusion_in};
pub(crate) use query::end;
pub use query::{Filter, Head, by_id, by_request, count_of, head, read_after, search};
pub use standing::{Standing, head_after, standing};
pub use uncounted::tell_uncounted;
pub use verify::{LedgerFault, MOST_FAULTS, Report, VerifyOptions, What, verify};

/// Largest entry, in bytes of its JSON form: what a bundle of C2SP tlog-tiles has room for.
pub const MAX_EVENT_BYTES: usize = 64 * 1024 - 1;

/// Entry numbers are BIGINT in the tables; they never come near its end.
pub(crate) fn to_column(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
