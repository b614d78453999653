//! What a reader holds the database's rows against: keys that are not in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use storeward_events::Record;
use storeward_seal::{Hash, PseudonymKey, RowKey, VerifierKey};

use crate::harmed::Noticed;
use crate::ledger::Stretch;

/// Entries of the ledger that are remembered as proven.
const MOST_PROVEN: usize = 20_000;

/// What was read of late; nothing after a read that failed.
type Lately = Arc<Mutex<Option<Stretch>>>;

/// The keys, and what was proven by them.
pub(crate) struct Guard {
    rows: PseudonymKey,
    verifiers: Vec<VerifierKey>,
    /// By number, the leaf that was once under a signed head: it stays there for ever.
    proven: Mutex<HashMap<u64, Hash>>,
    told: Mutex<HashMap<&'static str, Told>>,
    lately: Mutex<HashMap<&'static [&'static str], Lately>>,
    pub(crate) harmed: Noticed,
}

/// The believed entries of one kind, the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// Up to this number the ledger was read for them, under a head whose signature counts.
    pub(crate) upto: u64,
    pub(crate) entries: Vec<(u64, Arc<Record>)>,
}

impl Guard {
    pub(crate) fn new(rows: PseudonymKey, verifiers: Vec<VerifierKey>) -> Self {
        Guard {
            rows,
            verifiers,
            proven: Mutex::default(),
            told: Mutex::default(),
            lately: Mutex::default(),
            harmed: Noticed::default(),
        }
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

    /// What was read of late of some kinds; locked by whoever reads on.
    pub(crate) fn stretch(&self, kinds: &'static [&'static str]) -> Lately {
        Arc::clone(self.lately.lock().unwrap_or_else(PoisonError::into_inner).entry(kinds).or_default())
    }

    /// What is known of a kind: nothing before the first look.
    pub(crate) fn told(&self, kind: &str) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).get(kind).cloned().unwrap_or_default()
    }

    /// Keeps what was found between `from` and `found.upto`, unless somebody else has looked meanwhile.
    pub(crate) fn note_told(&self, kind: &'static str, from: u64, found: Told) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let known = told.entry(kind).or_default();
        if known.upto == from && found.upto > from {
            known.upto = found.upto;
            known.entries.extend(found.entries);
        }
    }
}
