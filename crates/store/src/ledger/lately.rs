//! What was said of late, all of it: for whoever goes by how often something happened. The columns of the table say what they say; whoever
//! writes the database makes an entry another's by them, or of another kind. So every entry since then is read, whatever its columns
//! are, and together they must lead to the signed head.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use storeward_base::Timestamp;
use storeward_events::Record;
use storeward_seal::{CompactRange, Hash, merkle};

use super::believed::{Proof, forgotten, record_of};
use super::prove::node;
use super::{Head, head, leaves_after, to_column};
use crate::statements::FIND_ENTRIES_OF_KIND;
use crate::{Error, Reader, params};

/// Entries of one read.
const AT_ONCE: u32 = 1000;
/// So much more is kept than was asked for: nodes' clocks differ, and the next question is of a moment that is hardly later.
const SLACK: Duration = Duration::from_secs(600);
/// How far the first step back from the head goes; each further one twice as far.
const FIRST_STEP: u64 = 16;
/// Entries of one place that are asked when it was: some were stamped before they waited in a queue.
const ASKED: u32 = 64;

/// The entries of some kinds behind a moment, as far as the ledger was read.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    /// The tree up to the last entry that was read.
    range: CompactRange,
    /// Everything from here on is in it.
    begins: Timestamp,
    entries: Vec<(u64, Arc<Record>)>,
}

/// Calls `each` for every entry of these kinds from a moment on, the oldest first: none is hidden by what somebody writes into the
/// database. What was read is remembered, so that only what came since is read again.
///
/// # Errors
/// [`Error::Ledger`] where the entries since then are not those under the signed head: what happened cannot be told. It can again when the
/// changed entry is as it was, or is older than that.
pub fn lately(
    reader: &mut Reader<'_>,
    kinds: &'static [&'static str],
    from: Timestamp,
    mut each: impl FnMut(&Record),
) -> Result<(), Error> {
    let (guard, head) = (reader.guard()?, head(reader)?);
    // A write held the head against its signature before it began.
    if reader.counted() == 0 {
        head.check(guard.verifiers()).map_err(Error::Ledger)?;
    }
    let cell = guard.stretch(kinds);
    let mut known = cell.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = from.minus(SLACK);
    // Taken out: a read that fails leaves nothing, so that the next one begins behind what is old by then.
    let stretch = match known.take().filter(|stretch| stretch.begins <= from) {
        Some(stretch) => stretch,
        None => Stretch { range: before(reader, &head, wanted)?, begins: wanted, entries: Vec::new() },
    };
    let mut stretch = read_on(reader, &head, kinds, stretch)?;
    if stretch.begins < wanted {
        stretch.begins = wanted;
        stretch.entries.retain(|(_, record)| record.at >= wanted);
    }
    let of_head = |(seq, record): &(u64, Arc<Record>)| (*seq <= head.size).then(|| Arc::clone(record));
    let found: Vec<Arc<Record>> = stretch.entries.iter().filter_map(of_head).collect();
    *known = Some(stretch);
    drop(known);
    found.iter().filter(|record| record.at >= from).for_each(|record| each(record));
    own(reader, &head, kinds, &mut |record| {
        if record.at >= from {
            each(record);
        }
    })
}

/// What this very write appended, which nobody else can have changed.
fn own(
    reader: &mut Reader<'_>,
    head: &Head,
    kinds: &[&'static str],
    each: &mut impl FnMut(&Record),
) -> Result<(), Error> {
    if reader.counted() <= head.size {
        return Ok(());
    }
    for kind in kinds {
        // A group of writes is no longer than a few thousand closures.
        let values = params![*kind, to_column(head.size), 1_000_000];
        let rows: Vec<(u64, Vec<u8>)> =
            reader.query_many(FIND_ENTRIES_OF_KIND, values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (seq, body) in rows.into_iter().filter(|(seq, _)| *seq <= reader.counted()) {
            each(&record_of(seq, &body)?);
        }
    }
    Ok(())
}

/// Goes on to the head. A reader of an earlier moment finds it read already.
fn read_on(
    reader: &mut Reader<'_>,
    head: &Head,
    kinds: &[&'static str],
    mut stretch: Stretch,
) -> Result<Stretch, Error> {
    if stretch.range.size() >= head.size {
        return Ok(stretch);
    }
    let needles: Vec<String> = kinds.iter().map(|kind| format!("\"kind\":\"{kind}\"")).collect();
    let mut forgotten = None;
    while stretch.range.size() < head.size {
        let page = leaves_after(reader, stretch.range.size(), AT_ONCE)?;
        if page.is_empty() {
            return Err(Error::Ledger(format!("entry {} is missing", stretch.range.size() + 1)));
        }
        for leaf in page.into_iter().take_while(|leaf| leaf.seq <= head.size) {
            let seq = stretch.range.size() + 1;
            if leaf.seq != seq {
                return Err(Error::Ledger(format!("entry {seq} is missing")));
            }
            if leaf.body.is_empty() {
                stretch.range.append(forgotten_leaf(reader, seq, &leaf.nodes, &mut forgotten)?);
                continue;
            }
            stretch.range.append(merkle::leaf_hash(&leaf.body));
            // An entry is parsed only where its words may be of these kinds.
            let text = std::str::from_utf8(&leaf.body).unwrap_or_default();
            if needles.iter().any(|needle| text.contains(needle)) {
                let record = record_of(seq, &leaf.body)?;
                if record.at >= stretch.begins && kinds.contains(&record.event.kind()) {
                    stretch.entries.push((seq, Arc::new(record)));
                }
            }
        }
    }
    if stretch.range.root() != head.root {
        return Err(Error::Ledger("entries of late are not those that its head was signed over".to_owned()));
    }
    Ok(stretch)
}

/// The leaf of an entry that was emptied, as the ledger says itself.
fn forgotten_leaf(
    reader: &mut Reader<'_>,
    seq: u64,
    nodes: &[u8],
    known: &mut Option<Vec<(u64, u64)>>,
) -> Result<Hash, Error> {
    if known.is_none() {
        *known = Some(forgotten(reader)?);
    }
    let is_named = known.iter().flatten().any(|(first, last)| (*first..=*last).contains(&seq));
    let leaf = nodes.first_chunk::<32>().copied().filter(|_| is_named);
    leaf.ok_or_else(|| Error::Ledger(format!("entry {seq} was emptied, and no fact says so")))
}

/// The tree before everything from a moment on: from the head, back in steps that grow, to a place of before.
fn before(reader: &mut Reader<'_>, head: &Head, moment: Timestamp) -> Result<CompactRange, Error> {
    let mut proof = Proof { head: head.clone(), is_checked: true };
    let (mut step, mut size) = (FIRST_STEP, head.size);
    loop {
        size = size.saturating_sub(step);
        step = step.saturating_mul(2);
        if size == 0 {
            return Ok(CompactRange::new());
        }
        let mut newest = None;
        for leaf in leaves_after(reader, size, ASKED)? {
            if !leaf.body.is_empty() && proof.holds(reader, leaf.seq, &leaf.body)? {
                newest = newest.max(Some(record_of(leaf.seq, &leaf.body)?.at));
            }
        }
        if newest.is_some_and(|at| at < moment) {
            return range_of(reader, size);
        }
    }
}

/// The peaks of the tree of so many entries, as they stand there: what is appended must lead to the signed head.
fn range_of(reader: &mut Reader<'_>, size: u64) -> Result<CompactRange, Error> {
    let (mut bytes, mut begin) = (size.to_be_bytes().to_vec(), 0_u64);
    for level in (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1) {
        bytes.extend_from_slice(&node(reader, merkle::Node { level, index: begin >> level })?);
        begin += 1 << level;
    }
    CompactRange::from_bytes(&bytes).map_err(|why| Error::Ledger(why.to_string()))
}
