//! Forgetting what entries said once they were kept long enough, while the tree over their hashes stays whole.
//!
//! An entry is emptied, never deleted: its nodes of the tree stay, so checkpoints, anchors and proofs hold as before. The
//! same write appends the fact that names the emptied entries. That fact is an entry like any other, hashed and under the
//! signed head, and is itself never forgotten; so an entry that somebody else emptied is one that no fact names, and the
//! verification finds it. What it cannot tell any more is what a forgotten entry said, nor whether the program was right
//! to forget it.

use std::collections::BTreeMap;
use std::time::Duration;

use storeward_base::{Actor, Timestamp};
use storeward_events::system::EntriesForgotten;
use storeward_events::{Event, Record};
use storeward_seal::merkle;

use super::{end, to_column};
use crate::statements::{FIND_ENTRIES_OF_KIND, FORGET_ENTRIES};
use crate::{Error, Tx, cursor, params};

/// Entries of one write at most. Each makes at most one run of 44 bytes (two numbers of 20 digits) in the fact, which has
/// room for 64 KiB.
const MOST: u32 = 1000;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Forgets up to a thousand entries that were kept as long as their kind asks for ([`storeward_events::Retention`]), and
/// appends the fact that says so. Returns how many; at 0 nothing was appended.
///
/// Each kind is followed by a cursor of its own (`forget.KIND`), in the ledger's order, up to the first entry that is too
/// young. Entries are stamped in that order but for seconds, so one that waits behind a younger one is forgotten seconds
/// late. Kinds of other versions of the program stay.
pub fn forget(tx: &mut Tx<'_>) -> Result<u64, Error> {
    let now = tx.now();
    let mut emptied = Runs::default();
    let mut left = MOST;
    for (kind, retention) in Event::RETENTIONS {
        let Some(days) = retention.days() else { continue };
        if left > 0 {
            left -= forget_kind(tx, kind, now.minus(DAY.saturating_mul(days)), left, &mut emptied)?;
        }
    }
    if left == MOST {
        return Ok(0);
    }
    let entries: Vec<(u64, u64)> = emptied.iter().collect();
    for (first, last) in &entries {
        tx.execute(FORGET_ENTRIES, params![to_column(*first), to_column(*last), Vec::new()])?;
    }
    tx.append(Actor::System, None, EntriesForgotten { entries })?;
    Ok((MOST - left).into())
}

/// Finds up to `most` entries of a kind from before a moment, behind its cursor, and moves that; returns how many.
fn forget_kind(
    tx: &mut Tx<'_>,
    kind: &str,
    before: Timestamp,
    most: u32,
    emptied: &mut Runs,
) -> Result<u32, Error> {
    let name = format!("forget.{kind}");
    let end = end(tx)?;
    let after = match cursor::find(tx, &name)? {
        cursor::Found::At(seq) => seq,
        cursor::Found::None => 0,
        cursor::Found::Changed => {
            tx.guard()?.harmed.notice(cursor::harm(&name));
            0
        }
    };
    let after = to_column(after);
    let found: Vec<(u64, Vec<u8>, Vec<u8>)> =
        tx.query_many(FIND_ENTRIES_OF_KIND, params![kind, after, most], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let (mut count, mut passed) = (0, None);
    for (seq, body, tree) in found.into_iter().take_while(|(seq, ..)| *seq <= end) {
        match true_record(&body, &tree) {
            Some(record) if record.event.kind() == kind && record.at >= before => break,
            Some(record) if record.event.kind() == kind => {
                emptied.insert(seq);
                count += 1;
            }
            // Somebody has changed it: it stays, for the verification to find.
            Some(_) | None => {}
        }
        passed = Some(seq);
    }
    if let Some(seq) = passed {
        cursor::advance(tx, &name, seq)?;
    }
    Ok(count)
}

/// What an entry says, if that is what was hashed. Its columns are not asked: whoever changes those, or the words, must
/// not get the program to make an end of the entry.
fn true_record(body: &[u8], tree: &[u8]) -> Option<Record> {
    let leaf = tree.first_chunk::<32>()?;
    if merkle::leaf_hash(body) != *leaf {
        return None;
    }
    Record::from_bytes(body).ok()
}

/// Numbers of entries, as runs of neighbours: first and last of each.
#[derive(Debug, Default)]
pub struct Runs(BTreeMap<u64, u64>);

impl Runs {
    /// What lies between numbers that grow, behind `after`.
    pub(super) fn between(after: u64, numbers: impl Iterator<Item = u64>) -> Self {
        let mut runs = Runs::default();
        let mut next = after.saturating_add(1);
        for number in numbers {
            if next < number {
                runs.0.insert(next, number - 1);
            }
            next = number.saturating_add(1);
        }
        runs
    }

    pub fn insert(&mut self, seq: u64) {
        let before = self.0.range(..=seq).next_back().map(|(first, last)| (*first, *last));
        let mut run = (seq, seq);
        match before {
            Some((_, last)) if last >= seq => return,
            Some((first, last)) if last.checked_add(1) == Some(seq) => run.0 = first,
            _ => {}
        }
        if let Some(last) = seq.checked_add(1).and_then(|next| self.0.remove(&next)) {
            run.1 = last;
        }
        self.0.insert(run.0, run.1);
    }

    /// Takes out whatever lies between two numbers, both included; returns how much that was.
    pub fn remove(&mut self, first: u64, last: u64) -> u64 {
        if first > last {
            return 0;
        }
        let touched: Vec<(u64, u64)> = self
            .0
            .range(..=last)
            .rev()
            .take_while(|(_, end)| **end >= first)
            .map(|(a, b)| (*a, *b))
            .collect();
        let mut removed = 0;
        for (start, end) in touched {
            self.0.remove(&start);
            if start < first {
                self.0.insert(start, first - 1);
            }
            if end > last {
                self.0.insert(last + 1, end);
            }
            removed += end.min(last) - start.max(first) + 1;
        }
        removed
    }

    pub fn first(&self) -> Option<u64> {
        self.0.keys().next().copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(first, last)| (*first, *last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use storeward_base::{Entropy, SeededEntropy};

    #[test]
    fn runs_are_a_set_of_numbers() {
        let entropy: &dyn Entropy = &SeededEntropy::new(5);
        for _ in 0..200 {
            let (mut runs, mut model) = (Runs::default(), BTreeSet::new());
            for _ in 0..60 {
                let [act, a, b] = entropy.bytes::<3>().map(|byte| u64::from(byte % 40));
                if act < 30 {
                    runs.insert(a);
                    model.insert(a);
                } else {
                    let inside = model.range(a.min(b)..=b).count();
                    let expected = if a <= b { inside } else { 0 };
                    assert_eq!(runs.remove(a, b), u64::try_from(expected).unwrap());
                    model.retain(|n| *n < a || *n > b);
                }
                let numbers: Vec<u64> = runs.iter().flat_map(|(first, last)| first..=last).collect();
                assert_eq!(numbers, model.iter().copied().collect::<Vec<_>>());
                assert!(runs.iter().zip(runs.iter().skip(1)).all(|(a, b)| a.1 + 1 < b.0), "{runs:?}");
                assert_eq!(runs.first(), model.first().copied());
            }
        }
    }
}
