//! Entries as they are acted on: only those that are in the signed tree. Whoever writes the database can add rows behind the head and
//! change those before it; nobody who holds no key can make one of them fit.

use std::sync::Arc;

use storeward_base::{Page, PageSize};
use storeward_events::system::RowHarmed;
use storeward_events::{Event, Record};
use storeward_seal::{Hash, merkle};

use super::query::{Filter, Head, counted, search_statement};
use super::{Runs, end, head, leaves_after, prove_inclusion_in, to_column};
use crate::guard::Told;
use crate::harmed::MOST_AT_ONCE;
use crate::statements::{FIND_ENTRIES_AFTER, FIND_ENTRIES_OF_KIND};
use crate::{Error, Reader, params};

/// As [`super::search`], for whoever does something because the ledger says so: entries that the head does not count, that are not
/// under its signature, or whose columns say something else than their words are left out. A page may be short and still have a
/// `next`. [`Error::Ledger`] where the head bears no signature that counts.
pub fn believed(
    reader: &mut Reader<'_>,
    filter: &Filter,
    size: PageSize,
) -> Result<Page<(u64, Record), u64>, Error> {
    let head = head(reader)?;
    let (sql, values) = search_statement(&counted(filter, head.size.max(reader.counted())), size);
    let mut rows: Vec<(u64, Vec<u8>)> =
        reader.query_many(&sql, &values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let full = rows.len() > usize::from(size.get());
    rows.truncate(size.get().into());
    let next = rows.last().map(|(seq, _)| *seq).filter(|_| full);
    let (mut proof, mut kept) = (Proof { head, is_checked: false }, Vec::with_capacity(rows.len()));
    for (seq, body) in rows {
        if !proof.holds(reader, seq, &body)? {
            continue;
        }
        let record = record_of(seq, &body)?;
        if filter.fits(&record) {
            kept.push((seq, record));
        }
    }
    Ok(Page { rows: kept, next })
}

/// Entries behind one, for whoever follows the ledger.
#[derive(Clone, Debug, Default)]
pub struct After {
    /// Those that are in the signed tree with these words, the oldest first.
    pub rows: Vec<(u64, Record)>,
    /// Those that are not, a hundred at most: somebody changed, emptied or deleted them.
    pub changed: Vec<u64>,
    /// The last one that was looked at; nothing where there is none.
    pub last: Option<u64>,
}

/// Up to `limit` entries (at most 1000) with numbers above `seq`, as [`super::read_after`], without what somebody changed. What this
/// process wrote itself needs no proof. Numbers count without a gap, whichever node wrote them: one whose row is gone, or is empty and
/// named by no `system.entries_forgotten`, is among the changed.
///
/// # Errors
/// [`Error::Ledger`] where the head bears no signature that counts.
pub fn believed_after(reader: &mut Reader<'_>, seq: u64, limit: u32) -> Result<After, Error> {
    let (end, limit) = (end(reader)?, limit.clamp(1, 1000));
    let values = params![to_column(seq), limit, to_column(end)];
    let rows: Vec<(u64, Vec<u8>)> =
        reader.query_many(FIND_ENTRIES_AFTER, values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    // Behind the last row there is more only where the page is full.
    let is_full = u64::try_from(rows.len()).is_ok_and(|count| count >= limit.into());
    let last = rows.last().map(|(seq, _)| *seq).filter(|_| is_full).unwrap_or(end);
    let numbers = rows.iter().map(|(seq, _)| *seq).chain([last.saturating_add(1)]);
    let changed = not_forgotten(reader, Runs::between(seq, numbers))?;
    let mut proof = Proof { head: head(reader)?, is_checked: false };
    let mut after = After { changed, last: Some(last).filter(|last| *last > seq), ..After::default() };
    for (seq, body) in rows {
        match record_of(seq, &body) {
            Ok(record) if proof.holds(reader, seq, &body)? => after.rows.push((seq, record)),
            _ => after.changed.push(seq),
        }
    }
    after.changed.sort_unstable();
    after.changed.truncate(MOST_AT_ONCE);
    Ok(after)
}

/// Of numbers that no row says anything of, those of which no fact says that they were forgotten; a hundred at most.
fn not_forgotten(reader: &mut Reader<'_>, mut gaps: Runs) -> Result<Vec<u64>, Error> {
    if gaps.first().is_some() {
        for (first, last) in forgotten(reader)? {
            gaps.remove(first, last);
        }
    }
    Ok(gaps.iter().flat_map(|(first, last)| first..=last).take(MOST_AT_ONCE).collect())
}

/// The runs of entries that the program emptied itself, as the ledger says.
pub(super) fn forgotten(reader: &mut Reader<'_>) -> Result<Vec<(u64, u64)>, Error> {
    let facts = told(reader, &["system.entries_forgotten"])?;
    let runs = facts.iter().filter_map(|(_, record)| match &record.event {
        Event::EntriesForgotten(fact) => Some(fact.entries.iter().copied()),
        _ => None,
    });
    Ok(runs.flatten().collect())
}

/// What is told of an entry that somebody changed.
pub fn changed(seq: u64) -> RowHarmed {
    RowHarmed { table: "ledger_entry".to_owned(), row: seq.to_string(), harm: "changed".to_owned() }
}

/// The newest believed entry of one kind, however many that are not stand before it; nothing where there is none.
///
/// # Errors
/// [`Error::Ledger`] where the head bears no signature that counts.
pub fn last_believed(reader: &mut Reader<'_>, kind: &str) -> Result<Option<(u64, Record)>, Error> {
    let mut filter = Filter { kind_prefix: Some(kind.to_owned()), ..Filter::default() };
    // One is enough, but for what somebody wrote between.
    let mut size = PageSize::new(1);
    loop {
        let page = believed(reader, &filter, size)?;
        if let Some(found) = page.rows.into_iter().find(|(_, record)| record.event.kind() == kind) {
            return Ok(Some(found));
        }
        let Some(next) = page.next else { return Ok(None) };
        filter.before = Some(next);
        size = PageSize::new(PageSize::MAX);
    }
}

/// Whether an entry that was read otherwise, such as by a subscriber, is in the signed tree with the words it was read with. To be
/// asked before something is done because of it.
///
/// # Errors
/// [`Error::Ledger`] where the head bears no signature that counts.
pub fn is_believed(reader: &mut Reader<'_>, seq: u64, record: &Record) -> Result<bool, Error> {
    let mut proof = Proof { head: head(reader)?, is_checked: false };
    let found = leaves_after(reader, seq.saturating_sub(1), 1)?.into_iter().find(|leaf| leaf.seq == seq);
    let Some(found) = found else { return Ok(false) };
    Ok(Record::from_bytes(&found.body).is_ok_and(|read| read == *record)
        && proof.holds(reader, seq, &found.body)?)
}

pub(super) fn record_of(seq: u64, body: &[u8]) -> Result<Record, Error> {
    Record::from_bytes(body).map_err(|_| Error::Ledger(format!("entry {seq} cannot be read; it was changed")))
}

/// Entries read in one go.
const AT_ONCE: u32 = 1000;

/// Every believed entry of these kinds, the oldest first: for facts of which there are few for ever and which are asked for again and
/// again. What was found is remembered for as long as the program runs, also where its row is taken away or changed afterwards, so
/// that only what came since is read.
pub fn told(reader: &mut Reader<'_>, kinds: &[&'static str]) -> Result<Vec<(u64, Arc<Record>)>, Error> {
    let guard = reader.guard()?;
    let mut proof = Proof { head: head(reader)?, is_checked: false };
    let counted = proof.head.size.max(reader.counted());
    let mut all = Vec::new();
    for kind in kinds {
        let known = guard.told(kind);
        all.extend(known.entries);
        if known.upto >= counted {
            continue;
        }
        let fresh = proof.of_kind(reader, kind, (known.upto, counted))?;
        // What a write reads may yet be taken back.
        if reader.counted() == 0 {
            proof.check(reader)?;
            let found = Told { upto: counted, entries: fresh.clone() };
            guard.note_told(kind, known.upto, found);
        }
        all.extend(fresh);
    }
    all.sort_by_key(|(seq, _)| *seq);
    Ok(all)
}

/// What entries are held against.
pub(super) struct Proof {
    pub(super) head: Head,
    pub(super) is_checked: bool,
}

impl Proof {
    pub(super) fn holds(&mut self, reader: &mut Reader<'_>, seq: u64, body: &[u8]) -> Result<bool, Error> {
        let guard = reader.guard()?;
        let leaf = merkle::leaf_hash(body);
        if guard.is_proven(seq, &leaf) {
            return Ok(true);
        }
        if seq > self.head.size {
            // Written by this very transaction: whoever had put a row there would have stopped it.
            return Ok(seq <= reader.counted());
        }
        self.check(reader)?;
        let holds = self.includes(reader, seq, &leaf)?;
        if holds {
            guard.note_proven(seq, leaf);
        }
        Ok(holds)
    }

    /// Whether the head's signature counts; once.
    fn check(&mut self, reader: &Reader<'_>) -> Result<(), Error> {
        if !self.is_checked {
            self.head.check(reader.guard()?.verifiers()).map_err(Error::Ledger)?;
            self.is_checked = true;
        }
        Ok(())
    }

    /// Those of one kind behind `after`, up to `last`.
    fn of_kind(
        &mut self,
        reader: &mut Reader<'_>,
        kind: &str,
        (mut after, last): (u64, u64),
    ) -> Result<Vec<(u64, Arc<Record>)>, Error> {
        let mut kept = Vec::new();
        loop {
            let values = params![kind, to_column(after), AT_ONCE];
            let rows: Vec<(u64, Vec<u8>)> =
                reader.query_many(FIND_ENTRIES_OF_KIND, values, |row| Ok((row.get(0)?, row.get(1)?)))?;
            let is_full = rows.len() == usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
            for (seq, body) in rows {
                if seq > last {
                    return Ok(kept);
                }
                after = seq;
                if !self.holds(reader, seq, &body)? {
                    continue;
                }
                let record = record_of(seq, &body)?;
                if record.event.kind() == kind {
                    kept.push((seq, Arc::new(record)));
                }
            }
            if !is_full {
                return Ok(kept);
            }
        }
    }

    fn includes(&self, reader: &mut Reader<'_>, seq: u64, leaf: &Hash) -> Result<bool, Error> {
        let Some(index) = seq.checked_sub(1) else { return Ok(false) };
        match prove_inclusion_in(reader, seq, self.head.size) {
            Ok(Some((_, path))) => {
                Ok(merkle::verify_inclusion(leaf, index, self.head.size, &path, &self.head.root).is_ok())
            }
            // Nodes that are gone prove nothing.
            Ok(None) | Err(Error::Ledger(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }
}
