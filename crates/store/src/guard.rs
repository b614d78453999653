//! What a reader holds the database's rows against: keys that are not in it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use storeward_seal::{Hash, PseudonymKey, RowKey, VerifierKey};

/// Entries of the ledger that are remembered as proven.
const MOST_PROVEN: usize = 20_000;

/// The keys, and what was proven by them.
pub(crate) struct Guard {
    rows: PseudonymKey,
    verifiers: Vec<VerifierKey>,
    /// By number, the leaf that was once under a signed head: it stays there for ever.
    proven: Mutex<HashMap<u64, Hash>>,
}

impl Guard {
    pub(crate) fn new(rows: PseudonymKey, verifiers: Vec<VerifierKey>) -> Self {
        Guard { rows, verifiers, proven: Mutex::default() }
    }

    pub(crate) fn row_key(&self, table: &str) -> RowKey {
        self.rows.row_key(table)
    }

    pub(crate) fn verifiers(&self) -> &[VerifierKey] {
        &self.verifiers
    }

    pub(crate) fn is_proven(&self, seq: u64, leaf: &Hash) -> bool {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner).get(&seq) == Some(leaf)
    }

    pub(crate) fn note_proven(&self, seq: u64, leaf: Hash) {
        let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        if proven.len() >= MOST_PROVEN {
            proven.clear();
        }
        proven.insert(seq, leaf);
    }
}
